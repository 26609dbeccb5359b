//! One envelope: whose it is, how it is packed, what is wrong with it, what becomes of it.

use std::{io::Write as _, net::TcpStream};

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

use crate::{
    KEY, SHOP, crash, head, header, push, push_address, run, send,
    support::host::{Place, exchange},
};

const TAKEN: &str = "bellwether_source_envelopes_total{source=\"shop\",outcome=\"taken\"}";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

#[test]
fn sdks_say_who_they_are_in_three_ways_and_strangers_are_told_what_is_wrong() {
    let host = run(&Place::new(SHOP));
    let auth = format!("Sentry sentry_version=7, sentry_key={KEY}");
    let query = format!("/api/7/envelope/?sentry_version=7&sentry_key={KEY}");
    let by_header: (&str, &[(&str, &str)]) = ("/api/7/envelope/", &[("X-Sentry-Auth", &auth)]);
    let without_slash: (&str, &[(&str, &str)]) = ("/api/7/envelope", &[("X-Sentry-Auth", &auth)]);
    for address in [host.address(), push_address(&host)] {
        for (path, headers) in [by_header, without_slash, (&query, &[]), ("/api/7/envelope/", &[])] {
            let answer = send(address, "POST", path, headers, &crash("ValueError"));
            assert_eq!(answer.status, 200, "{path} {headers:?}: {answer:?}");
            assert_eq!(answer.body, "{\"id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}\n");
        }
        let bare = b"{}\n{\"type\":\"session\"}\n{}\n";
        let wrong = "Sentry sentry_key=0000000000000000";
        for (path, headers, status) in [
            ("/api/7/envelope/", &[("X-Sentry-Auth", wrong)][..], 403),
            ("/api/8/envelope/", &[("X-Sentry-Auth", &auth)], 400),
            ("/api/7/envelope/", &[], 401),
            ("/api/7/store/", &[("X-Sentry-Auth", &auth)], 410),
            (
                "/api/99999999999999999999999/envelope/",
                &[("X-Sentry-Auth", &auth)],
                400,
            ),
        ] {
            let answer = send(address, "POST", path, headers, bare);
            assert_eq!(answer.status, status, "{path} {headers:?}: {answer:?}");
            assert!(
                header(&answer, "X-Sentry-Error").is_some_and(|said| !said.is_empty()),
                "{answer:?}"
            );
        }
        assert_eq!(send(address, "GET", "/api/7/envelope/", &[], b"").status, 405);
    }
    host.reaches(TAKEN, 8.0);
    host.reaches("bellwether_pushes_refused_total{reason=\"wrong_key\"}", 2.0);
}

#[test]
fn bodies_are_taken_however_they_are_packed_and_sent() {
    let host = run(&Place::new(SHOP));
    let body = crash("ValueError");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&body).expect("written");
    let zlib = zlib.finish().expect("finished");
    let auth = format!("Sentry sentry_key={KEY}");
    let post = |encoding: &str, body: &[u8]| {
        let headers = [("X-Sentry-Auth", auth.as_str()), ("Content-Encoding", encoding)];
        send(host.address(), "POST", "/api/7/envelope/", &headers, body)
    };
    assert_eq!(post("gzip", &gzip(&body)).status, 200);
    assert_eq!(post("deflate", &zlib).status, 200);
    let unknown = post("zstd", &body);
    assert_eq!(unknown.status, 415);
    assert!(
        header(&unknown, "X-Sentry-Error").is_some_and(|said| said.contains("gzip")),
        "{unknown:?}"
    );
    assert_eq!(post("gzip", &body).status, 400, "it is none");
    // As Node's SDK sends what it compresses on the way: without a length.
    let packed = gzip(&body);
    let mut stream = TcpStream::connect(host.address()).expect("connect");
    let headers = [("X-Sentry-Auth", auth.as_str()), ("Content-Encoding", "gzip")];
    let start = head(
        host.address(),
        "POST",
        "/api/7/envelope/",
        &headers,
        "Transfer-Encoding: chunked\r\n",
    );
    stream.write_all(start.as_bytes()).expect("written");
    for piece in packed.chunks(50) {
        write!(stream, "{:x}\r\n", piece.len()).expect("written");
        stream.write_all(piece).expect("written");
        stream.write_all(b"\r\n").expect("written");
    }
    assert_eq!(exchange(&mut stream, "0\r\n\r\n").status, 200);
    host.reaches(TAKEN, 3.0);
}

#[test]
fn what_is_no_envelope_or_too_large_is_refused_by_name() {
    let host = run(&Place::new(SHOP));
    let auth = format!("Sentry sentry_key={KEY}");
    for (body, status, part) in [
        (&b"nonsense"[..], 400, "no object of JSON"),
        (
            b"{}\n{\"type\":\"event\",\"length\":9}\n{}\n",
            400,
            "ends before the length",
        ),
        (b"", 400, "no object of JSON"),
    ] {
        let answer = push(&host, body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(part), "{answer:?}");
    }
    let long = format!(
        "{{}}\n{{\"type\":\"check_in\"}}\n{{\"a\":\"{}\"}}\n",
        "x".repeat(200_000)
    );
    let answer = push(&host, long.as_bytes());
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("item 1 (check_in)"), "{answer:?}");
    // Announced, and not one byte of it is read.
    let mut stream = TcpStream::connect(host.address()).expect("connect");
    let length = format!("Content-Length: {}\r\n", 21 << 20);
    let headers = [("X-Sentry-Auth", auth.as_str())];
    let start = head(host.address(), "POST", "/api/7/envelope/", &headers, &length);
    assert_eq!(exchange(&mut stream, &start).status, 413);
    // A bomb.
    let headers = [("X-Sentry-Auth", auth.as_str()), ("Content-Encoding", "gzip")];
    let bomb = gzip(&vec![b'x'; 30 << 20]);
    let answer = send(host.address(), "POST", "/api/7/envelope/", &headers, &bomb);
    assert_eq!(answer.status, 413, "{answer:?}");
    host.reaches(
        "bellwether_source_envelopes_total{source=\"shop\",outcome=\"malformed\"}",
        3.0,
    );
    host.reaches(
        "bellwether_source_envelopes_total{source=\"shop\",outcome=\"too_large\"}",
        3.0,
    );
}

#[test]
fn errors_and_requests_become_series() {
    let host = run(&Place::new(SHOP));
    let request = "{\"type\":\"transaction\",\"transaction\":\"/user/{id}\",\"transaction_info\":{\"source\":\"route\"},\
        \"release\":\"shop@1\",\"environment\":\"staging\",\"start_timestamp\":1700000000.0,\"timestamp\":1700000000.2,\
        \"request\":{\"method\":\"GET\"},\"contexts\":{\"trace\":{\"op\":\"http.server\"},\"response\":{\"status_code\":503}}}";
    let envelope = format!("{{}}\n{{\"type\":\"transaction\"}}\n{request}\n");
    assert_eq!(push(&host, envelope.as_bytes()).status, 200);
    assert_eq!(push(&host, &crash("ValueError")).status, 200);
    let errors = "app_errors_total{source=\"shop\",release=\"shop@1\",environment=\"production\",level=\"error\"}";
    host.reaches(errors, 1.0);
    let labels =
        "source=\"shop\",release=\"shop@1\",environment=\"staging\",method=\"GET\",route=\"/user/{id}\",status=\"503\"";
    host.reaches(&format!("app_request_duration_seconds_count{{{labels}}}"), 1.0);
    host.reaches(
        &format!("app_request_duration_seconds_bucket{{{labels},le=\"0.25\"}}"),
        1.0,
    );
    host.reaches(
        "bellwether_source_items_total{source=\"shop\",category=\"transaction\",outcome=\"taken\"}",
        1.0,
    );
}

#[test]
fn a_crash_is_new_once_and_a_restart_still_knows_it() {
    let place = Place::new(SHOP);
    let host = run(&place);
    assert_eq!(push(&host, &crash("ValueError")).status, 200);
    assert_eq!(push(&host, &crash("ValueError")).status, 200);
    assert_eq!(push(&host, &crash("KeyError")).status, 200);
    host.reaches("bellwether_source_crashes_total{source=\"shop\",fate=\"told\"}", 2.0);
    host.stop();
    let host = run(&place);
    assert_eq!(push(&host, &crash("ValueError")).status, 200);
    assert_eq!(push(&host, &crash("TypeError")).status, 200);
    host.reaches(TAKEN, 2.0);
    assert_eq!(
        host.reaches("bellwether_source_crashes_total{source=\"shop\",fate=\"told\"}", 1.0),
        1.0
    );
}

#[test]
fn nobody_sees_a_key() {
    let place = Place::new(&format!("{SHOP}\n[log]\nlevel = \"trace\"\n"));
    let mut host = run(&place);
    let query = format!("/api/7/envelope/?sentry_key={KEY}");
    let mut said = String::new();
    for (path, body) in [
        (query.as_str(), crash("ValueError")),
        (&query, b"nonsense".to_vec()),
        ("/api/7/envelope/", crash("ValueError")),
        (&format!("/api/8/envelope/?sentry_key={KEY}"), crash("ValueError")),
        (&format!("/api/7/envelope/{KEY}?sentry_key={KEY}"), Vec::new()),
    ] {
        let answer = send(host.address(), "POST", path, &[], &body);
        said += &format!("{}\n{}\n", answer.head, answer.body);
    }
    host.reaches(TAKEN, 2.0);
    for path in [
        "/metrics",
        "/health/detailed",
        "/api/v1/checks",
        "/api/v1/notifications",
        "/",
    ] {
        said += &host.get(path).body;
    }
    let printed = place.finish_with(&["validate", "--print"], |command| {
        command.env("SHOP_KEY", KEY);
    });
    assert_eq!(printed.code, 0, "{printed:?}");
    said += &(printed.stdout + &printed.stderr);
    said += &host.all_lines().join("\n");
    host.stop();
    for entry in std::fs::read_dir(place.path("state")).expect("a folder").flatten() {
        let kept = std::fs::read(entry.path()).unwrap_or_default();
        said += &String::from_utf8_lossy(&kept);
    }
    assert!(said.contains("shop"), "that is where it would be");
    let place = said.find(KEY);
    assert!(
        place.is_none(),
        "{}",
        &said[place.unwrap_or(0).saturating_sub(200)..][..400]
    );
}
