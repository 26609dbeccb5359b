//! Connections: the slow, the many, the large, and the last ones.

use std::io::{BufRead as _, Read as _, Write as _};

use super::*;
use crate::metric::text::Format;

const QUICK: Patience = Patience {
    header: Duration::from_millis(300),
    idle: Duration::from_millis(300),
    stall: Duration::from_millis(300),
    answer: Duration::from_secs(20),
};

fn impatient() -> Host {
    Setup {
        patience: QUICK,
        ..Setup::default()
    }
    .start()
}

/// Ten megabytes of metrics.
fn large() -> Snapshot {
    board::snapshot(vec![], vec![board::load(450_000, 1234.56)])
}

#[test]
fn a_header_that_never_ends_is_cut_off() {
    let host = impatient();
    let mut silent = host.connect();
    let mut dripping = host.connect();
    dripping.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    assert!(silent.drain().is_empty() && dripping.drain().is_empty());
    host.wait_for("two slow headers counted", |host| {
        host.counted("bellwether_http_connections_closed_total", &["slow_header"]) == 2.0
    });
}

#[test]
fn an_idle_connection_is_closed_after_it_was_kept() {
    let host = impatient();
    let mut client = host.connect();
    assert_eq!(client.ask("GET", "/metrics", &[]).status, 200);
    assert_eq!(client.ask("GET", "/metrics", &[]).status, 200);
    assert!(client.drain().is_empty());
    host.wait_for("one idle connection counted", |host| {
        host.counted("bellwether_http_connections_closed_total", &["idle"]) == 1.0
    });
}

#[test]
fn a_reader_that_stops_reading_is_cut_off_and_delays_nobody() {
    let host = Setup {
        patience: QUICK,
        snapshot: Some(large()),
        ..Setup::default()
    }
    .start();
    let mut lazy = client::tcp(host.address());
    lazy.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("sent");
    let mut first = [0; 16];
    lazy.read_exact(&mut first).expect("the beginning");
    assert_eq!(host.get("/health/live").status, 200);
    assert_eq!(
        host.get("/metrics").body.len(),
        host.snapshots.borrow().text(Format::Prometheus).len()
    );
    host.wait_for("one slow reader counted", |host| {
        host.counted("bellwether_http_connections_closed_total", &["slow_reader"]) == 1.0
    });
}

#[test]
fn a_header_beyond_the_limit_is_refused() {
    let host = host();
    let mut client = host.connect();
    client.send(
        format!(
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n",
            "x".repeat(40 * 1024)
        )
        .as_bytes(),
    );
    assert_eq!(client.hear(false).status, 431);
    let many: Vec<String> = (0..150).map(|n| format!("X-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(host.ask("GET", "/metrics", &many).status, 431);
}

#[test]
fn a_large_body_is_refused_unread_and_a_small_one_ignored() {
    let host = host();
    assert_eq!(host.ask("POST", "/-/reload", &["Content-Length: 1000000"]).status, 413);
    let mut client = host.connect();
    client.send(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(client.hear(false).status, 200);
    assert_eq!(client.ask("GET", "/health/live", &[]).status, 200);
}

#[test]
fn what_is_no_http_is_answered_or_dropped_and_harms_nobody() {
    let host = host();
    let mut client = host.connect();
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n");
    client.drain();
    assert_eq!(host.get("/health/live").status, 200);
}

const CLOSED: &str = "bellwether_http_connections_closed_total";
const FULL: &str = "bellwether_http_connections_full_total";

#[test]
fn a_crowd_of_slow_headers_delays_no_scrape() {
    let host = host();
    let clock = Clock::system();
    let crowd = seats::CONNECTIONS_MAX + 48;
    let mut dripping: Vec<Client> = (0..crowd).map(|_| host.connect()).collect();
    for _ in 0..3 {
        for client in &mut dripping {
            // Those that were displaced have nobody to talk to any more.
            let _ = client.stream.get_mut().write(b"G");
        }
        let begun = clock.monotonic();
        assert_eq!(host.get("/metrics").status, 200);
        let took = clock.monotonic() - begun;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    host.wait_for("the displaced are counted", |host| {
        host.counted(CLOSED, &["displaced"]) >= 48.0 && host.counted(FULL, &[]) >= 48.0
    });
    assert_eq!(
        host.counted(CLOSED, &["slow_header"]),
        0.0,
        "none of them was waited for"
    );
    assert_eq!(
        host.log().matches("HTTP connections are in use").count(),
        1,
        "said once"
    );
}

#[test]
fn a_newcomer_takes_the_place_of_who_was_idle_longest_and_not_of_who_is_answered() {
    let host = host();
    let mut busy = host.connect();
    busy.send(b"POST /api/v1/checks/slow/run HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut idle: Vec<Client> = (1..seats::CONNECTIONS_MAX).map(|_| host.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.ask("GET", "/health/live", &[]).status, 200);
    }
    let mut newcomer = host.connect();
    assert_eq!(newcomer.ask("GET", "/health/live", &[]).status, 200);
    assert!(idle[0].drain().is_empty(), "the first to fall idle is gone");
    assert_eq!(idle[1].ask("GET", "/health/live", &[]).status, 200);
    assert_eq!(newcomer.ask("GET", "/health/live", &[]).status, 200);
    host.control.may_end.add_permits(1);
    assert_eq!(busy.hear(false).status, 200);
    assert_eq!(host.counted(CLOSED, &["displaced"]), 1.0);
}

#[test]
fn when_every_connection_is_being_answered_a_newcomer_waits_for_one_to_end() {
    let host = host();
    host.control.reload_waits.store(true, Ordering::SeqCst);
    let mut busy: Vec<Client> = (0..seats::CONNECTIONS_MAX).map(|_| host.connect()).collect();
    for client in &mut busy {
        client.send(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    host.wait_for("all are being answered", |host| {
        host.control.calls.lock().expect("calls").len() == seats::CONNECTIONS_MAX
    });
    let mut waiting = host.connect();
    waiting.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    host.wait_for("the crowd is counted", |host| host.counted(FULL, &[]) == 1.0);
    assert_eq!(host.counted(CLOSED, &["displaced"]), 0.0);
    host.control.may_end.add_permits(1);
    assert_eq!(waiting.hear(false).status, 200);
    assert_eq!(
        host.counted(CLOSED, &["displaced"]),
        1.0,
        "whose reload ended was idle then"
    );
    host.control.may_end.add_permits(seats::CONNECTIONS_MAX);
}

#[test]
fn a_crowd_that_waits_for_a_run_is_turned_away_and_delays_no_scrape() {
    let host = host();
    let mut crowd: Vec<Client> = (0..seats::CONNECTIONS_MAX + 18).map(|_| host.connect()).collect();
    for client in &mut crowd {
        // Those that were turned away may have been displaced by those behind them, with their answer in their hands.
        let _ = client
            .stream
            .get_mut()
            .write(b"POST /api/v1/checks/slow/run HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    host.wait_for("as many as may wait do", |host| {
        host.control.calls.lock().expect("calls").len() == 16
    });
    for path in ["/metrics", "/health/live"] {
        assert_eq!(host.get(path).status, 200, "{path}");
    }
    let one_more = host.ask("POST", "/api/v1/checks/slow/run", &[]);
    assert_eq!((one_more.status, one_more.header("retry-after")), (429, Some("5")));
    assert_eq!(
        one_more.json()["error"],
        "16 requests wait for runs already, and there may be no more at once; try again in 5 seconds"
    );
    assert_eq!(host.control.calls.lock().expect("calls").len(), 16);
    drop(crowd);
    host.wait_for("who leaves gives up the place", |host| {
        host.ask("POST", "/api/v1/checks/web/run", &[]).status == 200
    });
}

#[test]
fn large_answers_are_bounded_while_their_readers_are_slow_and_scrapes_are_not() {
    let long = crate::board::CheckState {
        message: "x".repeat(16 << 20),
        ..board::check("a", Some(crate::outcome::Status::Ok))
    };
    let host = Setup {
        snapshot: Some(board::snapshot(vec![long], vec![board::load(1, 1.0)])),
        ..Setup::default()
    }
    .start();
    let ask = b"GET /api/v1/checks HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut lazy: Vec<Client> = (0..4).map(|_| host.connect()).collect();
    for client in &mut lazy {
        client.send(ask);
        client.stream.fill_buf().expect("the beginning");
    }
    for (path, is_json) in [("/api/v1/checks", true), ("/", false), ("/health/detailed", false)] {
        let refused = host.get(path);
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("5")),
            "{path}"
        );
        assert_eq!(refused.text().starts_with('{'), is_json, "{path}");
    }
    assert_eq!(host.get("/metrics").text(), board::TEXT);
    let whole = lazy[0].hear(false);
    assert_eq!(
        whole.json()["data"]["checks"][0]["message"].as_str().map(str::len),
        Some(16 << 20)
    );
    drop(lazy);
    host.wait_for("there is room again", |host| host.get("/").status == 200);
}

#[test]
fn an_answer_under_way_is_finished_when_the_host_stops() {
    let host = Setup {
        snapshot: Some(large()),
        ..Setup::default()
    }
    .start();
    let length = host.snapshots.borrow().text(Format::Prometheus).len();
    let mut idle = host.connect();
    assert_eq!(idle.ask("GET", "/health/live", &[]).status, 200);
    let mut reading = client::tcp(host.address());
    reading
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("sent");
    let mut first = [0; 17];
    reading.read_exact(&mut first).expect("the beginning");
    host.supervisor.stopping().cancel();
    assert!(idle.drain().is_empty(), "idle connections are let go at once");
    let mut rest = Vec::new();
    reading.read_to_end(&mut rest).expect("all of it");
    assert!(rest.len() > length, "{} of {length}", rest.len());
    host.wait_for("nothing runs", |host| host.supervisor.running().is_empty());
    assert!(
        std::net::TcpStream::connect(host.address()).is_err(),
        "the port is free"
    );
}

/// Prints what ten megabytes cost; `cargo xtask bench` holds the budget on a release build.
#[test]
fn ten_megabytes_are_served_from_shared_bytes() {
    let host = Setup {
        snapshot: Some(large()),
        ..Setup::default()
    }
    .start();
    let clock = Clock::system();
    let mut client = host.connect();
    for (what, headers) in [("plain", &[][..]), ("gzip", &["Accept-Encoding: gzip"])] {
        let mut spans: Vec<Duration> = (0..20)
            .map(|_| {
                let start = clock.monotonic();
                assert_eq!(client.ask("GET", "/metrics", headers).status, 200);
                clock.monotonic() - start
            })
            .collect();
        let first = spans[0];
        spans.sort();
        eprintln!(
            "10 MB {what}: first {first:?}, median {:?}, worst {:?}",
            spans[10], spans[19]
        );
    }
}

#[test]
fn a_request_for_two_hosts_is_refused() {
    let host = host();
    let mut client = host.connect();
    client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n");
    assert_eq!(client.hear(false).status, 400);
}
