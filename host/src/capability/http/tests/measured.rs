//! Phases: known delays come out as they were put in.

use super::{server::*, *};

const RESOLVE: Duration = Duration::from_millis(110);
const CONNECT: Duration = Duration::from_millis(230);
const TLS: Duration = Duration::from_millis(370);
const PROCESSING: Duration = Duration::from_millis(530);
const TRANSFER: Duration = Duration::from_millis(710);

/// Within 5 ms or 5 %, whichever is more.
fn assert_close(measured: Option<Duration>, put_in: Duration, phase: &str) {
    let measured = measured.unwrap_or_else(|| panic!("{phase} was not measured"));
    let tolerance = Duration::from_millis(5).max(put_in / 20);
    assert!(
        measured.abs_diff(put_in) <= tolerance,
        "{phase}: {measured:?} instead of {put_in:?}"
    );
}

async fn slow_answer<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut stream: S) {
    while hear(&mut stream).await.is_some() {
        tokio::time::sleep(PROCESSING).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await;
        tokio::time::sleep(TRANSFER).await;
        say(&mut stream, "-last").await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_phase_is_measured_by_itself() {
    let world = World::ticking();
    *world.names.delay.lock().expect("not poisoned") = RESOLVE;
    let identity = Identity::new(&["target.test"], 2100);
    let acceptor = identity.acceptor(&[]);
    let port = world.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            tokio::time::sleep(TLS).await;
            slow_answer(acceptor.accept(stream).await.expect("shaken")).await;
        }
    });
    let response = world.get(identity.at(port.await), "").await.expect("answered");
    let phases = response.phases;
    assert_eq!(text(&response), "first-last");
    assert_close(phases.resolve, RESOLVE, "resolve");
    assert_close(phases.connect, Duration::ZERO, "connect");
    assert_close(phases.tls, TLS, "tls");
    assert_close(phases.processing, PROCESSING, "processing");
    assert_close(phases.transfer, TRANSFER, "transfer");
    assert_close(Some(phases.total), RESOLVE + TLS + PROCESSING + TRANSFER, "total");
    assert!(!response.reused && response.tls.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_used_again_has_no_phases_of_dialling() {
    let world = World::ticking();
    let port = world.serve(slow_answer).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let first = run.send(get("")).await.expect("answered");
    let second = run.send(get("")).await.expect("answered");
    assert!(first.phases.connect.is_some() && !first.reused);
    assert!(second.reused);
    assert_eq!(
        (second.phases.resolve, second.phases.connect, second.phases.tls),
        (None, None, None)
    );
    assert_close(second.phases.processing, PROCESSING, "processing");
    let fresh = Request { fresh: true, ..get("") };
    let third = run.send(fresh).await.expect("answered");
    assert!(!third.reused && third.phases.connect.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_counts_as_connecting() {
    let world = World::ticking();
    let identity = Identity::new(&["target.test"], 2100);
    let acceptor = identity.acceptor(&[]);
    let port = world.serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let asked = hear(&mut stream).await.expect("asked");
            assert!(asked.line().starts_with("CONNECT target.test:"), "{asked:?}");
            tokio::time::sleep(CONNECT).await;
            say(&mut stream, "HTTP/1.1 200 Connected\r\n\r\n").await;
            slow_answer(acceptor.accept(stream).await.expect("shaken")).await;
        }
    });
    let port = port.await;
    let mut through = identity.at(443);
    through.proxy = Some(crate::config::Proxy {
        url: format!("http://127.0.0.1:{port}/").parse().expect("a URL"),
        auth: None,
    });
    let response = world.get(through, "").await.expect("answered");
    assert_close(response.phases.connect, CONNECT, "connect");
    assert_close(response.phases.processing, PROCESSING, "processing");
}

#[tokio::test(start_paused = true)]
async fn the_total_counts_every_hop_and_the_phases_the_last() {
    let world = World::ticking();
    let port = world.serve(|mut stream| async move {
        while let Some(heard) = hear(&mut stream).await {
            tokio::time::sleep(PROCESSING).await;
            let answer = match heard.line().contains("/next") {
                true => ok("", "there"),
                false => redirect(302, "/next"),
            };
            say(&mut stream, answer).await;
        }
    });
    let follow = Request {
        redirects_max: 3,
        ..get("")
    };
    let run = world.run(fixtures::reach([("default", at(port.await))]));
    let response = run.send(follow).await.expect("answered");
    assert_eq!((response.redirects, text(&response).as_str()), (1, "there"));
    assert!(response.url.ends_with("/next"), "{}", response.url);
    assert_close(response.phases.processing, PROCESSING, "processing");
    assert_close(Some(response.phases.total), PROCESSING * 2, "total");
}
