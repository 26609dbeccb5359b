//! What applications push to the real binary, over sockets: Sentry's envelopes and heartbeats. Who may, what is refused and how that is
//! said, what becomes of what is taken, what a restart still knows.
//!
//! Flows in: requests as SDKs and jobs send them, and as others would. Flows out: answers, `/metrics`, the API and the log.
//!
//! Budget: 10 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests watch the host from outside: they read the clock, wait for a process and write to sockets slowly"
)]

mod beats;
mod browsers;
mod envelopes;
mod floods;
#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
}

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use support::host::{Answer, PATIENCE, Place, Running, parse};

/// Of the source `shop`. Nobody may see it but who sends it.
const KEY: &str = "canary0123456789abcdef0123456789";

/// Of the heartbeat `guarded`.
const BEAT_KEY: &str = "canary-of-the-heartbeat-0123456789";

/// One source, in project 7, and an address for pushes.
const SHOP: &str = "push_listen = \"127.0.0.1:0\"\n\n[source.shop]\nproject = 7\nkey = \"${secret:SHOP_KEY}\"\n\
    origins = [\"https://shop.example.com\", \"https://*.example.org\"]\n";

/// Ticks and rules every second.
const QUICK: &str = "[history]\ninterval = \"1s\"\n\n[alerting]\nevaluation_interval = \"1s\"\n";

/// A host with this configuration below `[host]`, and the secrets that it names.
fn run(place: &Place) -> Running {
    place.run_with(|command| {
        command.env("SHOP_KEY", KEY).env("BEAT_KEY", BEAT_KEY);
    })
}

/// Where pushes are taken besides.
fn push_address(host: &Running) -> SocketAddr {
    let line = host.seen.iter().find(|line| line.starts_with("taking pushes on "));
    let at = line
        .expect("said before it listens")
        .split("://")
        .nth(1)
        .expect("an address");
    at.trim().parse().expect("a socket address")
}

/// One request with a body, on a connection of its own.
fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let length = format!("Content-Length: {}\r\n", body.len());
    stream
        .write_all(head(address, method, path, headers, &length).as_bytes())
        .expect("written");
    // A host that has answered already may not read the rest.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    parse(&answer)
}

fn head(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], length: &str) -> String {
    let extra: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}{extra}\r\n")
}

/// As SDKs on servers send it.
fn push(host: &Running, body: &[u8]) -> Answer {
    let auth = format!("Sentry sentry_version=7, sentry_client=test/1.0, sentry_key={KEY}");
    send(
        host.address(),
        "POST",
        "/api/7/envelope/",
        &[("X-Sentry-Auth", &auth)],
        body,
    )
}

/// An envelope with an exception of this type.
fn crash(kind: &str) -> Vec<u8> {
    let event = format!(
        "{{\"level\":\"error\",\"release\":\"shop@1\",\"exception\":{{\"values\":[{{\"type\":\"{kind}\",\"value\":\"no user\",\
         \"stacktrace\":{{\"frames\":[{{\"module\":\"shop.login\",\"function\":\"check\",\"in_app\":true}}]}}}}]}}}}"
    );
    format!(
        "{{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"dsn\":\"https://{KEY}@localhost/7\"}}\n{{\"type\":\"event\",\"length\":{}}}\n{event}\n",
        event.len()
    )
    .into_bytes()
}

/// The value of a header of an answer.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Asks until the answer is this, and gives how long that took.
fn until(status: u16, ask: impl Fn() -> Answer) -> Duration {
    let began = Instant::now();
    loop {
        let answer = ask();
        if answer.status == status {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "never {status}; last: {answer:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
