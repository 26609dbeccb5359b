//! Requests in a task of their own: who waits for them is woken for their ends and for nothing else.

use std::{future::poll_fn, pin::pin};

use futures_util::FutureExt as _;

use super::{server::*, *};

const CRUMBS: usize = 1_000;

/// What became of it, and how often it was polled until then.
async fn polls<F: Future>(work: F) -> (F::Output, u32) {
    let (mut work, mut polls) = (pin!(work), 0);
    let ended = poll_fn(|context| {
        polls += 1;
        work.as_mut().poll(context)
    });
    (ended.await, polls)
}

/// On paused time, so this takes none.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not within ten seconds");
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_wakes_whoever_waits_for_it_once() {
    let world = World::new();
    let crumbs = chunked("", &[b'x'; CRUMBS], 1);
    let (port, _) = world.answer(move |_| crumbs.clone()).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let (answer, by_itself) = polls(run.send(get(""))).await;
    assert_eq!(answer.expect("answered").body.len(), CRUMBS);
    assert!(by_itself > 100, "{by_itself}: or this shows nothing");
    let asking = async move { run.send_all(vec![get(""); 20]).await };
    let (answers, apart) = polls(world.supervisor.apart("http requests", asking)).await;
    assert!(answers.iter().all(Result::is_ok));
    // The first poll, and the one for the end.
    assert_eq!(apart, 2);
}

#[tokio::test(start_paused = true)]
async fn requests_that_nobody_waits_for_any_more_end_and_leave_their_seats() {
    let world = World::ticking();
    let port = world.serve(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    });
    let run = world.run(fixtures::reach([("default", at(port.await))]));
    let taken = || world.http.shared.seats.taken();
    let asking = async move { run.send_all(vec![get(""); 20]).await };
    let mut asking = Box::pin(world.supervisor.apart("http requests", asking));
    assert!((&mut asking).now_or_never().is_none());
    until(|| taken() == 20).await;
    drop(asking);
    until(|| taken() == 0).await;
    assert!(!world.supervisor.running().contains(&"http requests".to_owned()));
}
