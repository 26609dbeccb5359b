//! Targets that misbehave, each beside one that does not: it costs its own answer, in its own phase, and nothing else.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{server::*, *};

/// Of one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a healthy server and another at once.
async fn beside_healthy<F, T>(talk: F) -> Result<Response, Failure>
where
    F: Fn(TcpStream) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let world = World::ticking();
    let (healthy, _) = world.answer(|_| ok("", "healthy")).await;
    let other = world.serve(talk).await;
    let reach = fixtures::reach([("default", at(healthy)), ("other", connection("other", &url(other)))]);
    let asked = |slot: &str| Request {
        slot: Some(slot.to_owned()),
        timeout: Some(PATIENCE),
        ..get("")
    };
    let run = world.run(reach);
    let mut answers = run
        .send_all(vec![asked("default"), asked("other"), asked("default")])
        .await;
    let last = answers.pop().expect("three").expect("healthy");
    let hostile = answers.pop().expect("three");
    let first = answers.pop().expect("three").expect("healthy");
    assert_eq!(
        (text(&first), text(&last)),
        ("healthy".to_owned(), "healthy".to_owned())
    );
    hostile
}

fn url(port: u16) -> String {
    format!("http://other.test:{port}/")
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_times_out_while_processing() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        std::future::pending::<()>().await;
    });
    let failure = failure.await.expect_err("late");
    assert_eq!(failure.error, Error::Timeout(Phase::Processing));
    assert!(failure.phases.connect.is_some() && failure.phases.processing.is_none());
    assert!(failure.remote.is_some());
    assert!(failure.phases.total >= PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn one_that_answers_a_byte_a_second_times_out_in_the_transfer() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        for _ in 0..1000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            say(&mut stream, "x").await;
        }
    });
    let failure = failure.await.expect_err("late");
    assert_eq!(
        (failure.error, failure.status),
        (Error::Timeout(Phase::Transfer), Some(200))
    );
    assert!(failure.phases.processing.is_some() && failure.phases.transfer.is_none());
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let response = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
    });
    let response = response.await.expect("cut");
    assert!(response.body_truncated);
    assert_eq!(response.body.len(), BODY_BYTES_MAX);
}

/// To the end, though only a little of it is kept.
fn whole(url: &str) -> Request {
    Request {
        body_bytes_max: Some(1_000),
        options: vec![("whole-body".to_owned(), "true".to_owned())],
        ..get(url)
    }
}

#[tokio::test]
async fn a_body_that_is_wished_for_whole_and_does_not_end_is_a_limit_in_the_transfer() {
    let world = World::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 4 * BODY_BYTES_MAX]).expect("written");
    let bomb = Arc::new(encoder.finish().expect("finished"));
    let port = world.serve(move |mut stream| {
        let bomb = Arc::clone(&bomb);
        async move {
            let heard = hear(&mut stream).await.expect("asked");
            if heard.line().contains("/bomb") {
                say(&mut stream, ok("content-encoding: gzip\r\n", &*bomb)).await;
                return;
            }
            say(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
        }
    });
    let run = world.run(fixtures::reach([("default", at(port.await))]));
    for url in ["endless", "bomb"] {
        let failure = run.send(whole(url)).await.expect_err("no end");
        assert!(
            matches!(&failure.error, Error::Limit(text) if text.contains("longer than 1 MiB")),
            "{url}: {failure}"
        );
        assert_eq!(failure.status, Some(200), "{url}");
        assert!(failure.phases.transfer.is_some(), "{url}");
    }
}

#[tokio::test]
async fn what_is_read_and_not_kept_costs_no_room_and_spares_the_connection() {
    let world = World::new();
    let body = Arc::new(vec![b'x'; BODY_BYTES_MAX]);
    let (port, _) = world.answer(move |_| ok("", &*body)).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    for number in 0..40 {
        let response = run.send(whole("")).await.expect("more than 32 MiB together");
        assert_eq!((response.body.len(), response.body_truncated), (1_000, true));
        assert_eq!(response.reused, number > 0);
    }
}

#[tokio::test]
async fn a_body_in_pieces_without_end_is_cut_and_a_limit_where_it_is_wished_for_whole() {
    let world = World::new();
    let port = world.serve(|mut stream| async move {
        let heard = hear(&mut stream).await.expect("asked");
        if heard.line().contains("/lines") {
            say(&mut stream, chunked("", &[b'x'; 40_000], 40)).await;
            return;
        }
        if heard.line().contains("/characters") {
            say(&mut stream, chunked("", &[b'x'; 4_000], 1)).await;
            return;
        }
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let many = b"1\r\nx\r\n".repeat(1_000);
        while stream.write_all(&many).await.is_ok() {}
    });
    let run = world.run(fixtures::reach([("default", at(port.await))]));
    let failure = run.send(whole("tiny")).await.expect_err("no end");
    assert!(
        matches!(&failure.error, Error::Limit(text) if text.contains("reading the body") && text.contains("pieces")),
        "{failure}"
    );
    assert!(failure.status == Some(200) && failure.phases.transfer.is_some());
    let part = run.send(get("tiny")).await.expect("cut");
    assert!(
        part.body_truncated && (4_096..5_000).contains(&part.body.len()),
        "{}",
        part.body.len()
    );
    for (url, length) in [("characters", 4_000), ("lines", 40_000)] {
        let answer = run.send(get(url)).await.expect("well");
        assert_eq!((answer.body.len(), answer.body_truncated), (length, false), "{url}");
    }
}

#[tokio::test]
async fn empty_members_of_gzip_without_end_are_a_limit() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n").await;
        let empty = GzEncoder::new(Vec::new(), Compression::default())
            .finish()
            .expect("finished");
        let many = empty.repeat(1000);
        while stream.write_all(&many).await.is_ok() {}
    });
    let failure = failure.await.expect_err("no end");
    assert!(
        matches!(&failure.error, Error::Limit(text) if text.contains("reading the body") && text.contains("members of gzip")),
        "{failure}"
    );
    assert!(failure.phases.transfer.is_some());
}

#[tokio::test]
async fn ten_mebibytes_of_headers_are_a_limit() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        for number in 0..10_240 {
            if sent.is_err() {
                break;
            }
            sent = stream
                .write_all(format!("x-{number}: {}\r\n", "y".repeat(1024)).as_bytes())
                .await;
        }
    });
    let failure = failure.await.expect_err("too much");
    assert!(
        matches!(&failure.error, Error::Limit(text) if text.contains("waiting for the answer: the head of the answer")),
        "{failure}"
    );
    assert!(failure.phases.processing.is_some() && failure.phases.transfer.is_none());
}

#[tokio::test]
async fn an_answer_that_is_announced_without_end_is_a_limit_and_a_few_times_are_none() {
    const ANNOUNCEMENT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n";
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        let many = ANNOUNCEMENT.repeat(100);
        while stream.write_all(many.as_bytes()).await.is_ok() {}
    });
    let failure = failure.await.expect_err("no end");
    assert!(
        matches!(&failure.error, Error::Limit(text) if text.contains("waiting for the answer") && text.contains("1xx")),
        "{failure}"
    );
    assert!(failure.phases.processing.is_some());
    let answer = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, ANNOUNCEMENT.repeat(32)).await;
        say(&mut stream, ok("", "there")).await;
    });
    assert_eq!(text(&answer.await.expect("announced, and there")), "there");
}

/// A frame of HTTP/2 without a stream.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test]
async fn frames_without_end_are_a_limit_long_before_the_time_is_up() {
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[]), (WINDOW_UPDATE, &[0, 0, 0, 1])] {
        let world = World::ticking();
        let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let port = world
            .serve(move |stream| {
                let counted = Arc::clone(&counted);
                async move {
                    let (mut heard, mut said) = stream.into_split();
                    let hearing = async {
                        while tokio::io::copy(&mut heard, &mut tokio::io::sink())
                            .await
                            .is_ok_and(|bytes| bytes > 0)
                        {}
                    };
                    let saying = async {
                        let _ = said.write_all(&frame(SETTINGS, &[])).await;
                        let many = frame(kind, payload).repeat(1_000);
                        while said.write_all(&many).await.is_ok() {
                            counted.fetch_add(many.len(), std::sync::atomic::Ordering::Relaxed);
                        }
                    };
                    tokio::join!(hearing, saying);
                }
            })
            .await;
        let run = world.run(fixtures::reach([("default", at(port))]));
        let request = Request {
            options: vec![("http-version".to_owned(), "2".to_owned())],
            timeout: Some(PATIENCE * 10),
            ..get("")
        };
        let failure = run.send(request).await.expect_err("no answer");
        assert!(
            matches!(&failure.error, Error::Limit(text) if text.contains("waiting for the answer") && text.contains("no part of its answer")),
            "{kind}: {failure}"
        );
        assert!(failure.phases.processing.is_some());
        let sent = sent.load(std::sync::atomic::Ordering::Relaxed);
        assert!(
            sent < 16 << 20,
            "{kind}: {sent} bytes were let in, or buffered on the way"
        );
    }
}

#[tokio::test]
async fn one_header_without_end_is_a_limit_too() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'y'; 16 * 1024]).await.is_ok() {}
    });
    let failure = failure.await.expect_err("too much");
    assert!(matches!(&failure.error, Error::Limit(_)), "{failure}");
}

#[tokio::test]
async fn broken_chunks_are_a_protocol_error_in_the_transfer() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(
            &mut stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        )
        .await;
    });
    let failure = failure.await.expect_err("broken");
    assert!(
        matches!(&failure.error, Error::Protocol(text) if text.contains("reading the body")),
        "{failure}"
    );
    assert_eq!(failure.status, Some(200));
}

#[tokio::test]
async fn a_bomb_of_gzip_is_cut() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..100 {
        encoder.write_all(&vec![0; 1024 * 1024]).expect("written");
    }
    let bomb = Arc::new(encoder.finish().expect("finished"));
    let response = beside_healthy(move |mut stream| {
        let bomb = Arc::clone(&bomb);
        async move {
            hear(&mut stream).await;
            say(&mut stream, ok("content-encoding: gzip\r\n", &*bomb)).await;
        }
    });
    let response = response.await.expect("cut");
    assert!(response.body_truncated);
    assert_eq!(response.body.len(), BODY_BYTES_MAX);
}

#[tokio::test]
async fn a_reset_in_the_body_is_a_protocol_error_in_the_transfer() {
    let failure = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        // Dropping it now sends a reset instead of an orderly end.
        let _ = stream.set_zero_linger();
    });
    let failure = failure.await.expect_err("reset");
    assert!(
        matches!(&failure.error, Error::Protocol(text) if text.contains("reading the body")),
        "{failure}"
    );
}

#[tokio::test]
async fn one_that_closes_at_once_or_speaks_no_http_is_a_protocol_error() {
    let closed = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
    });
    let closed = closed.await.expect_err("closed");
    assert!(
        matches!(&closed.error, Error::Protocol(text) if text.contains("waiting for the answer")),
        "{closed}"
    );
    let other = beside_healthy(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "-ERR unknown command 'GET'\r\n\r\n").await;
    });
    let other = other.await.expect_err("no HTTP");
    assert!(
        matches!(&other.error, Error::Protocol(text) if text.contains("not HTTP")),
        "{other}"
    );
}

#[tokio::test]
async fn a_bad_certificate_fails_in_its_phase_and_is_shown() {
    let world = World::new();
    let (shown, trusted) = (
        Identity::new(&["target.test"], 2021),
        Identity::new(&["target.test"], 2100),
    );
    let acceptor = shown.acceptor(&[]);
    let port = world.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // The client goes away in the middle.
            let _ = acceptor.accept(stream).await;
        }
    });
    let failure = world.get(trusted.at(port.await), "").await.expect_err("refused");
    assert!(matches!(failure.error, Error::Tls(_)), "{failure}");
    let chain = failure.tls.expect("seen").chain;
    assert_eq!(chain[0].dns_names, ["target.test"]);
    assert!(failure.phases.connect.is_some() && failure.phases.tls.is_none());
}

#[tokio::test]
async fn bodies_of_one_run_are_limited_together() {
    let world = World::new();
    let body = Arc::new(vec![b'x'; BODY_BYTES_MAX]);
    let (port, _) = world.answer(move |_| ok("", &*body)).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(run.send(get("")).await);
    }
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    let refused = refused.filter(|failure| {
        let is_limit = matches!(&failure.error, Error::Exhausted(text) if text.contains("32 MiB"));
        is_limit && failure.phases.transfer.is_some()
    });
    assert_eq!(refused.count(), 8);
    assert_eq!(run.outcomes()["ok"], 32);
}

#[tokio::test]
async fn requests_of_one_run_are_limited() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let answers = run.send_all(vec![get(""); REQUESTS_MAX as usize + 1]).await;
    let failed: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(failed.len(), 1);
    assert!(
        matches!(&failed[0].error, Error::Exhausted(text) if text.contains("1000 requests")),
        "{}",
        failed[0]
    );
    assert_eq!(heard.lock().expect("not poisoned").len(), REQUESTS_MAX as usize);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_ends_every_request() {
    let world = World::ticking();
    let port = world.serve(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    });
    let port = port.await;
    let until = Clock::system().monotonic() + Duration::from_secs(3);
    let reach = Arc::new(fixtures::reach([("default", at(port))]));
    let run = world.http.run("check".into(), reach, until);
    let patient = Request {
        timeout: Some(Duration::from_secs(60)),
        ..get("")
    };
    let failure = run.send(patient.clone()).await.expect_err("late");
    assert_eq!(failure.error, Error::Timeout(Phase::Processing));
    let failure = run.send(patient).await.expect_err("later");
    assert!(matches!(failure.error, Error::Exhausted(_)), "{failure}");
    assert!(Clock::system().monotonic() < until + Duration::from_secs(1));
}
