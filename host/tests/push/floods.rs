//! Too much, too slow, too many at once: who sends it is told, and nobody else suffers.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{
    KEY, SHOP, crash, head, header, push, run,
    support::host::{PATIENCE, Place, Running, parse},
    until,
};

/// The header of a push, of which nothing more comes.
fn begun(host: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(host.address()).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let auth = format!("Sentry sentry_key={KEY}");
    let headers = [("X-Sentry-Auth", auth.as_str())];
    let start = head(
        host.address(),
        "POST",
        "/api/7/envelope/",
        &headers,
        "Content-Length: 1000\r\n",
    );
    stream.write_all(start.as_bytes()).expect("written");
    stream
}

#[test]
fn a_source_past_its_limit_is_told_when_to_come_back_and_is_taken_then() {
    let host = run(&Place::new(&format!("{SHOP}limits = {{ envelopes_per_second = 1 }}\n")));
    let answers: Vec<_> = (0..40).map(|_| push(&host, &crash("ValueError"))).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty() && refused.len() <= 10, "{} of 40", refused.len());
    let answer = refused.last().expect("one");
    let wait: u64 = header(answer, "Retry-After").expect("said").parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{answer:?}");
    let limits = header(answer, "X-Sentry-Rate-Limits").expect("said");
    assert!(limits.starts_with(&format!("{wait}::organization")), "{limits}");
    until(200, || push(&host, &crash("ValueError")));
    let refused = "bellwether_source_envelopes_total{source=\"shop\",outcome=\"rate_limited\"}";
    assert!(host.reaches(refused, 1.0) >= 1.0);
}

#[test]
fn who_sends_slowly_is_given_up_and_others_are_answered_meanwhile() {
    let host = run(&Place::new(SHOP));
    let mut slow = begun(&host);
    let began = Instant::now();
    assert_eq!(push(&host, &crash("ValueError")).status, 200);
    assert_eq!(host.get("/metrics").status, 200);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).expect("closed");
    assert_eq!(parse(&answer).status, 408);
    host.reaches(
        "bellwether_source_envelopes_total{source=\"shop\",outcome=\"slow\"}",
        1.0,
    );
}

#[test]
fn a_crowd_of_slow_senders_costs_no_scrape() {
    let host = run(&Place::new(SHOP));
    let crowd: Vec<TcpStream> = (0..100).map(|_| begun(&host)).collect();
    // Once as many as may be are being received, the next is told at once.
    until(429, || push(&host, &crash("ValueError")));
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(host.get("/metrics").status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(crowd);
    until(200, || push(&host, &crash("ValueError")));
}
