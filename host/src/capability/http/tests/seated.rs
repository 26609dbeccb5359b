//! Requests that wait for others: what they measure is theirs, and what they wait for is nobody's fault but the check's.

use futures_util::FutureExt as _;

use super::{server::*, *};
use crate::supervisor;

const SLOW: Duration = Duration::from_millis(900);

/// Never answers on `/hang`, and elsewhere after a while.
async fn hangs_or_answers(mut stream: tokio::net::TcpStream) {
    while let Some(heard) = hear(&mut stream).await {
        if heard.line().contains("/hang") {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(SLOW).await;
        say(&mut stream, ok("", "well")).await;
    }
}

fn fresh(url: &str, timeout: Option<Duration>) -> Request {
    Request {
        fresh: true,
        timeout,
        ..get(url)
    }
}

fn many(count: usize, url: &str, timeout: Option<Duration>) -> Vec<Request> {
    std::iter::repeat_n(fresh(url, timeout), count).collect()
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_seat_is_not_measured_as_slow() {
    let world = World::ticking();
    let port = world.serve(hangs_or_answers).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let began = run.now();
    let answers = run.send_all(many(3 * IN_FLIGHT_MAX, "", None)).await;
    assert!(run.now() - began >= 3 * SLOW, "a third at a time");
    for answer in answers {
        let phases = answer.expect("answered").phases;
        let parts = [phases.resolve, phases.connect, phases.processing, phases.transfer];
        let sum: Duration = parts.into_iter().flatten().sum();
        assert!(phases.total < 2 * SLOW, "{phases:?}");
        assert!(phases.total.abs_diff(sum) <= Duration::from_millis(20), "{phases:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_request_begins_with_its_seat() {
    let world = World::ticking();
    let port = world.serve(hangs_or_answers).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let timeout = Some(Duration::from_secs(3));
    let mut requests = many(IN_FLIGHT_MAX + 6, "hang", timeout);
    requests.extend(many(5, "", timeout));
    let mut ended = run.send_all(requests).await;
    for answer in ended.split_off(IN_FLIGHT_MAX + 6) {
        assert_eq!(answer.expect("healthy").status, 200);
    }
    for failure in ended {
        let failure = failure.expect_err("hangs");
        assert_eq!(failure.error, Error::Timeout(Phase::Processing));
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_had_a_seat_was_not_asked_and_hung_in_no_phase() {
    let world = World::ticking();
    let port = world.serve(hangs_or_answers).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let mut requests = many(IN_FLIGHT_MAX, "hang", None);
    requests.extend(many(5, "", None));
    let mut ended = run.send_all(requests).await;
    for failure in ended.split_off(IN_FLIGHT_MAX) {
        let failure = failure.expect_err("never asked");
        assert!(
            matches!(&failure.error, Error::Exhausted(text) if text.contains("64 requests of this check were in flight")),
            "{failure}"
        );
        assert_eq!((failure.remote, failure.phases), (None, Phases::default()));
    }
    assert_eq!(
        ended.remove(0).expect_err("hangs").error,
        Error::Timeout(Phase::Processing)
    );
}

#[tokio::test(start_paused = true)]
async fn checks_whose_targets_all_hang_take_no_healthy_one_along() {
    let world = World::ticking();
    let port = world.serve(hangs_or_answers).await;
    let runs: Vec<HttpRun> = (0..12)
        .map(|_| world.run(fixtures::reach([("default", at(port))])))
        .collect();
    let hanging = runs.iter().map(|run| run.send_all(many(IN_FLIGHT_MAX, "hang", None)));
    let hanging = futures_util::future::join_all(hanging);
    let healthy = async {
        tokio::time::sleep(SLOW).await;
        let run = world.run(fixtures::reach([("default", at(port))]));
        run.send_all(many(20, "", None)).await
    };
    let (hung, answers) = tokio::join!(hanging, healthy);
    for answer in answers {
        assert_eq!(answer.expect("healthy").status, 200);
    }
    let limits = hung.into_iter().flatten().map(|ended| ended.expect_err("hangs").error);
    let never_asked = limits.filter(
        |error| matches!(error, Error::Exhausted(text) if text.contains("requests of all checks were in flight")),
    );
    assert!(never_asked.count() > 12 * IN_FLIGHT_MAX - Share::among(RUNS).all());
}

/// As many as run at once, one after the other, so that each finds what those before it left.
#[tokio::test(start_paused = true)]
async fn beside_all_the_checks_that_a_host_runs_at_once_a_healthy_one_waits_for_none() {
    let world = World::ticking();
    let port = world.serve(hangs_or_answers).await;
    let reach = || fixtures::reach([("default", at(port))]);
    let mut hanging = Vec::new();
    for _ in 1..RUNS {
        let run = world.run(reach());
        let requests = many(IN_FLIGHT_MAX, "hang", None);
        let asking = async move { run.send_all(requests).await };
        hanging.push(world.supervisor.spawn("hanging", asking));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let run = world.run(reach());
    let began = run.now();
    for answer in run.send_all(many(6, "", None)).await {
        assert_eq!(answer.expect("healthy").status, 200);
    }
    assert!(run.now() - began < 2 * SLOW, "all at once");
    hanging.iter().for_each(supervisor::Task::abort);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_too_late_for_the_run_says_so_and_asks_nobody() {
    let world = World::ticking();
    let (port, heard) = world.answer(|_| ok("", "well")).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    assert_eq!(run.send(get("")).await.expect("in time").status, 200);
    tokio::time::sleep(RUN).await;
    for request in [get(""), fresh("", Some(SLOW)), fresh("other", None)] {
        // At once: it neither waits for a seat nor for an answer.
        let ended = run.send(request).now_or_never().expect("ended");
        let failure = ended.expect_err("too late");
        assert!(
            matches!(&failure.error, Error::Exhausted(text) if text.contains("the time that this run has for its calls was up")),
            "{failure}"
        );
        assert_eq!((failure.remote, failure.phases), (None, Phases::default()));
    }
    assert_eq!(run.outcomes(), [("limit", 3), ("ok", 1)].into());
    assert_eq!(heard.lock().expect("not poisoned").len(), 1);
}
