//! A secret that a server says back, in every disguise that is undone on the way or in a known form: the guest sees it
//! nowhere, through neither door.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use serde_json::{Value, json};

use super::{
    servers::ok,
    world::{CORE, Listening, SECRET, World, knowing, plain},
};

/// What it may be seen as, letters of either case.
fn is_seen_in(text: &str) -> bool {
    let basic = STANDARD.encode(format!("monitor:{SECRET}"));
    let alone = STANDARD.encode(SECRET);
    let hex: String = CORE.bytes().map(|byte| format!("{byte:02x}")).collect();
    // As it is written in the guest's words, where a zero byte stands between the letters of another alphabet.
    let text = text.replace("\\0", "").to_lowercase();
    // Without what an end that is not its own would change; and a part of it is too much already.
    [&hex, &CORE[..6], &basic[..basic.len() - 4], &alone[..alone.len() - 4]]
        .iter()
        .any(|form| text.contains(&form.to_lowercase()))
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("written");
    encoder.finish().expect("finished")
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("written");
    encoder.finish().expect("finished")
}

/// Stored, in one block, as any encoder may.
fn brotli(text: &[u8]) -> Vec<u8> {
    // A window of 22 bits; not the last block; its length in 16 bits; not compressed.
    let length = u32::try_from(text.len()).expect("short") - 1;
    let bits = 0b1011 | length << 7 | 1 << 23;
    let mut stored = bits.to_le_bytes()[..3].to_vec();
    stored.extend_from_slice(text);
    // The last block, empty.
    stored.push(0b11);
    stored
}

/// In chunks shorter than any secret, with `trailer` behind them.
fn chunked(body: &[u8], trailer: &str) -> Vec<u8> {
    let mut answer =
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ntrailer: x-echo\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for part in body.chunks(3) {
        answer.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        answer.extend_from_slice(part);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
    answer
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

/// Ways to say it back that come to an answer, by path.
const ANSWERS: [&str; 25] = [
    "plain",
    "basic",
    "query",
    "placed",
    "percent",
    "percent-twice",
    "base64",
    "hex",
    "json",
    "html",
    "upper",
    "utf-16",
    "chunks",
    "gzip",
    "gzip-in-chunks",
    "deflate",
    "brotli",
    "gzip-members",
    "header",
    "header-name",
    "cookie",
    "location",
    "percent-location",
    "status",
    "trailer",
];

fn echo(head: &str) -> Vec<u8> {
    let (key, login) = (header(head, "x-api-key"), header(head, "authorization"));
    let target = head.split(' ').nth(1).unwrap_or_default();
    let said = |text: &str| ok("", format!("<{text}>"));
    let encoded = |name: &str, body: Vec<u8>| ok(&format!("content-encoding: {name}\r\n"), body);
    let body = format!("<{key}>").into_bytes();
    let empty = |headers: String, status: &str| {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n").into_bytes()
    };
    match target.split(['/', '?']).nth(2).unwrap_or_default() {
        "plain" => said(key),
        "basic" => said(login),
        "query" => said(target),
        "placed" => said(header(head, "x-placed")),
        "percent" => said(&percent(key)),
        "percent-twice" => said(&percent(&percent(key))),
        "base64" => said(&STANDARD.encode(key)),
        "hex" => said(&key.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()),
        "json" => said(&key.replace('/', "\\/").replace('+', "\\u002b")),
        "html" => said(&key.replace('/', "&#x2F;").replace('+', "&#43;")),
        "upper" => said(&key.to_uppercase()),
        "utf-16" => ok("", key.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        "chunks" => chunked(&body, ""),
        "gzip" => encoded("gzip", gzip(&body)),
        "gzip-in-chunks" => {
            let mut answer = chunked(&gzip(&body), "");
            let at = answer.windows(2).position(|end| end == b"\r\n").expect("a line") + 2;
            drop(answer.splice(at..at, *b"content-encoding: gzip\r\n"));
            answer
        }
        "deflate" => encoded("deflate", deflate(&body)),
        "brotli" => encoded("br", brotli(&body)),
        "gzip-members" => encoded("gzip", body.chunks(4).flat_map(gzip).collect()),
        "header" => empty(format!("x-echo: {key}\r\n"), "200 OK"),
        "header-name" => empty(format!("x-{}: yes\r\n", header(head, "x-word")), "200 OK"),
        "cookie" => empty(format!("set-cookie: session={}\r\n", percent(key)), "200 OK"),
        "location" => empty(format!("location: /elsewhere/{key}\r\n"), "302 Found"),
        "percent-location" => empty(format!("location: /elsewhere/{}\r\n", percent(key)), "302 Found"),
        "status" => empty(String::new(), &format!("200 {key}")),
        "trailer" => chunked(b"<body>", &format!("x-echo: {key}\r\n")),
        "garbage" => format!("{key} is no HTTP\r\n\r\n").into_bytes(),
        "half" => format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{key}").into_bytes(),
        "unreadable" => encoded("zstd", body),
        "transfer-gzip" => {
            let chunked = String::from_utf8(chunked(b"", "")).expect("text");
            let head = chunked
                .split("0\r\n")
                .next()
                .expect("a head")
                .replace("chunked", "gzip, chunked");
            let gzip = gzip(&body);
            [
                format!("{head}{:x}\r\n", gzip.len()).as_bytes(),
                &gzip,
                b"\r\n0\r\n\r\n",
            ]
            .concat()
        }
        "not-gzip" => encoded("gzip", body),
        _ => said("nothing"),
    }
}

fn asked(port: u16, path: &str) -> Value {
    json!({ "method": "GET", "url": format!("http://target.test:{port}/v1/{path}"), 
        "headers": [["x-placed", "{{secret:key}}"], ["x-word", "{{secret:word}}"]] })
}

#[tokio::test]
async fn a_secret_that_is_said_back_is_shown_to_the_guest_through_neither_door() {
    let world = World::new().await;
    let server = Listening::answering(echo);
    let api = knowing(&format!("http://target.test:{}/v1/", server.port()));
    let all: Vec<Value> = ANSWERS.iter().map(|path| asked(server.port(), path)).collect();
    let said = world.ask(vec![("default", api)], &all).await;
    for (number, path) in ANSWERS.into_iter().enumerate() {
        for (door, seen) in said.both(number) {
            assert_eq!(seen.word, "answered", "{path} by {door}: {seen:?}");
            assert!(!is_seen_in(&seen.text), "{path} by {door}: {seen:?}");
            // What has no place at a door does not come through it.
            let dropped = ["status", "trailer", "header-name"].contains(&path);
            assert!(
                dropped || seen.text.contains("[redacted]"),
                "it was there, {path} by {door}: {seen:?}"
            );
        }
    }
    let heard = server.heard();
    assert_eq!(heard.len(), 2 * ANSWERS.len());
    for head in heard {
        assert!(
            header(&head, "x-api-key") == SECRET && header(&head, "x-placed") == SECRET,
            "it was really sent: {head}"
        );
    }
}

#[tokio::test]
async fn an_error_tells_no_secret() {
    let world = World::new().await;
    let server = Listening::answering(echo);
    let api = knowing(&format!("http://target.test:{}/v1/", server.port()));
    let paths = ["garbage", "half", "unreadable", "transfer-gzip", "not-gzip"];
    let all = paths.map(|path| asked(server.port(), path));
    let said = world.ask(vec![("default", api)], &all).await;
    for (number, path) in paths.into_iter().enumerate() {
        for (door, seen) in said.both(number) {
            assert!(
                ["protocol", "failed"].contains(&seen.word.as_str()),
                "{path} by {door}: {seen:?}"
            );
            assert!(!is_seen_in(&seen.text), "{path} by {door}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn what_is_stored_over_one_connection_is_shown_over_no_other() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", format!("stored: {SECRET}")));
    let open = format!("http://other.test:{}/", server.port());
    let connections = vec![
        ("default", knowing(&format!("http://target.test:{}/v1/", server.port()))),
        ("open", plain(&open)),
    ];
    let said = world.ask(connections, &[json!({ "method": "GET", "url": open })]).await;
    for (door, seen) in said.both(0) {
        assert!(
            seen.text.contains("stored: [redacted]") && !is_seen_in(&seen.text),
            "{door}: {seen:?}"
        );
    }
}

/// Only the contract can be told to stop early, or to leave a body as it is.
#[tokio::test]
async fn neither_a_cut_nor_a_raw_body_shows_a_part_of_it() {
    let world = World::new().await;
    let server = Listening::answering(echo);
    let url = format!("http://target.test:{}/v1/", server.port());
    let whole = SECRET.len() + 2;
    let mut all: Vec<Value> = (1..whole)
        .map(|keep| {
            let mut asked = asked(server.port(), "plain");
            asked["keep"] = json!(keep);
            asked
        })
        .collect();
    let mut raw = asked(server.port(), "gzip");
    raw["options"] = json!([["raw-body", "true"]]);
    all.push(raw);
    let said = world.ask(vec![("default", knowing(&url))], &all).await;
    for (number, asked) in all.iter().enumerate().take(whole - 1) {
        let seen = said.by("contract", number);
        assert!(
            !seen.text.contains(&SECRET[..3]) && !is_seen_in(&seen.text),
            "{asked}: {seen:?}"
        );
    }
    assert_eq!(said.by("contract", whole - 1).word, "denied");
}

#[tokio::test]
async fn neither_a_panic_nor_a_failure_tells_what_the_guest_was_shown_or_knows_already() {
    let world = World::new().await;
    world.bench.redactor.learn(&[bellwether::secret::Secret::new(SECRET)]);
    let server = Listening::answering(echo);
    let api = || knowing(&format!("http://target.test:{}/v1/", server.port()));
    for (end, word) in [("panic", "trap"), ("failure", "target")] {
        let settings = json!({ "asked": [asked(server.port(), "plain")], "end": end,
            "last_words": format!("known: {SECRET} {} ", percent(SECRET)) });
        let ended = world.end(vec![("default", api())], &settings).await;
        let message = &super::bench::failure(&ended, word).message;
        assert!(message.contains("known: [redacted] [redacted]"), "{message}");
        assert!(message.contains("<[redacted]>"), "and what it was shown: {message}");
        assert!(!is_seen_in(&format!("{ended:?}")), "{ended:?}");
        assert!(!is_seen_in(&world.bench.log()), "{}", world.bench.log());
    }
}

#[test]
fn the_looking_itself_finds_a_secret_that_is_there() {
    for seen in [
        SECRET.to_owned(),
        SECRET.to_uppercase(),
        STANDARD.encode(format!("monitor:{SECRET}")),
        STANDARD.encode(SECRET),
    ] {
        assert!(is_seen_in(&format!("before {seen} after")), "{seen}");
    }
    assert!(!is_seen_in("[redacted]"));
}
