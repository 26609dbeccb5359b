//! A secret that a server says back, in every disguise that is undone on the way or in a known form: it appears nowhere.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{
    said::Said,
    servers::{hear, ok, say, serve},
    support::host::{Place, request},
};

/// Its end stands in each of its forms but base64, unless it is cut out.
const SECRET: &str = "s3cr3t/key+C4n4ryC0re";
const CORE: &str = "C4n4ryC0re";

/// What it may be seen as.
fn is_seen_in(text: &str) -> bool {
    let basic = STANDARD.encode(format!("monitor:{SECRET}"));
    let alone = STANDARD.encode(SECRET);
    // Without what an end that is not its own would change.
    [CORE, &basic[..basic.len() - 4], &alone[..alone.len() - 4]]
        .iter()
        .any(|form| text.contains(form))
}

fn percent(text: &str) -> String {
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

/// In parts that are shorter than any secret.
fn chunked(text: &str) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for part in text.as_bytes().chunks(5) {
        answer.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        answer.extend_from_slice(part);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

/// Says back what it was told, as the path says.
fn echo(head: &str) -> Vec<u8> {
    let line = head.lines().next().unwrap_or_default();
    let (key, login) = (header(head, "x-api-key"), header(head, "authorization"));
    let said = |text: &str| json!({ "said": text }).to_string();
    let path = line.split(' ').nth(1).unwrap_or_default();
    match path.split('?').next().unwrap_or_default() {
        "/plain" => ok("", said(key)),
        "/basic" => ok("", said(login)),
        "/percent" => ok("", said(&percent(key))),
        "/twice" => ok("", said(&percent(&percent(key)))),
        "/query" => ok("", said(path)),
        "/chunks" => chunked(&said(key)),
        "/gzip" => ok("content-encoding: gzip\r\n", gzip(&said(key))),
        "/header" => ok(&format!("x-echo: {key}\r\n"), said("nothing")),
        "/redirect" => format!(
            "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /elsewhere/{}\r\ncontent-length: 0\r\n\r\n",
            percent(key)
        )
        .into_bytes(),
        "/garbage" => format!("{key} is no HTTP\r\n\r\n").into_bytes(),
        _ => ok("", said("there")),
    }
}

fn server() -> SocketAddr {
    serve(|mut client: TcpStream| {
        let head = hear(&mut client)?;
        say(&mut client, echo(&head))
    })
}

/// Those whose verdict shows what came back, if nobody cuts it out.
const SHOWN: [&str; 9] = [
    "plain", "basic", "percent", "twice", "query", "chunks", "gzip", "header", "redirect",
];

fn configuration(server: SocketAddr) -> String {
    let mut text = format!(
        "[log]\nlevel = \"trace\"\n\
         [connection.echo]\nurl = \"http://{server}/\"\nauth.basic = {{ user = \"monitor\", password = \"${{secret:CANARY}}\" }}\n\
         headers.x-api-key = \"${{secret:CANARY}}\"\nquery.token = \"${{secret:CANARY}}\"\n\
         [check.echoed]\nplugin = \"http\"\nconnection = \"echo\"\ninterval = \"1s\"\n\
         settings.name_sets = [\"canonical\", \"blackbox\"]\n\
         settings.expect.json = [{{ pointer = \"/said\", equals = \"nothing\" }}]\n\
         settings.expect.headers = [{{ name = \"x-echo\", equals = \"nothing\" }}]\n"
    );
    for path in SHOWN.iter().chain(&["garbage"]) {
        text.push_str(&format!(
            "[[check.echoed.settings.targets]]\nname = \"{path}\"\npath = \"{path}\"\n"
        ));
    }
    text
}

fn knows(command: &mut Command) {
    command.env("CANARY", SECRET);
}

#[test]
fn a_secret_that_is_said_back_is_cut_out_of_every_verdict() {
    let place = Place::new(&configuration(server()));
    let finished = place.finish_with(&["once", "echoed", "--json"], knows);
    let said = Said::of(&finished);
    for path in SHOWN {
        let verdict = said.verdict(path).to_string();
        assert!(
            verdict.contains("[redacted]"),
            "it came back, and was cut out: {verdict}"
        );
    }
    assert_eq!(said.judged("garbage").1, "protocol_error");
    assert!(!is_seen_in(&finished.stdout), "{}", finished.stdout);
    assert!(!is_seen_in(&finished.stderr), "{}", finished.stderr);
    let people = place.finish_with(&["once", "echoed"], knows);
    assert!(people.stdout.contains("[redacted]"), "{people:?}");
    assert!(!is_seen_in(&people.stdout) && !is_seen_in(&people.stderr), "{people:?}");
}

#[test]
fn a_secret_that_is_said_back_appears_on_no_endpoint_and_in_no_log() {
    let place = Place::new(&configuration(server()));
    let host = place.run_with(knows);
    host.value("bellwether_check_runs_total{check=\"echoed\",outcome=\"critical\"}");
    for path in [
        "/",
        "/metrics",
        "/health/detailed",
        "/health/ready",
        "/api/v1/checks",
        "/no-such-place",
    ] {
        let answer = host.get(path);
        assert!(
            !is_seen_in(&answer.body) && !is_seen_in(&answer.head),
            "{path}: {}",
            answer.body
        );
    }
    let open_metrics = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let answer = request(host.address(), "GET", "/metrics", &open_metrics);
    assert!(answer.body.contains("http_probe_success") && !is_seen_in(&answer.body));
    let checks = host.get("/api/v1/checks").body;
    assert!(checks.contains("[redacted]"), "verdicts are shown there: {checks}");
    let log = host.stop().join("\n");
    assert!(log.contains("TRACE"), "as much as a log can say: {log}");
    assert!(!is_seen_in(&log), "{log}");
}

#[test]
fn the_looking_itself_finds_a_secret_that_is_there() {
    for seen in [
        SECRET.to_owned(),
        percent(SECRET),
        format!("Basic {}", STANDARD.encode(format!("monitor:{SECRET}"))),
        STANDARD.encode(SECRET),
    ] {
        assert!(is_seen_in(&format!("before {seen} after")), "{seen}");
    }
    assert!(!is_seen_in("[redacted]"));
}
