//! When queues are warned of, whatever their library.

use bellwether_sdk::{FailureKind, Status, fake::json};

use super::lab::{Lab, NOW_MS, assert_well, code, of};

fn lab(jobs: u64, age_ms: u64) -> Lab {
    Lab::new(|redis| {
        for _ in 0..jobs {
            redis.lpush("jobs", (NOW_MS - age_ms).to_string());
        }
        redis.rpush("busy", "x");
        redis.rpush("failed", "x");
    })
}

fn settings(thresholds: &serde_json::Value) -> serde_json::Value {
    let list = json!({ "timestamp": "", "processing": "busy", "failed": "failed" });
    json!({ "backend": "list", "queues": ["jobs"], "list": list, "thresholds": thresholds })
}

#[test]
fn depth_has_two_levels() {
    let levels = || settings(&json!({ "waiting": { "warning": 2, "critical": 4 } }));
    for (jobs, status) in [
        (2, Status::Ok),
        (3, Status::Warning),
        (4, Status::Warning),
        (5, Status::Critical),
    ] {
        assert_eq!(lab(jobs, 0).run(levels()).status("queue jobs"), status, "{jobs} jobs");
    }
}

#[test]
fn age_matters_more_than_depth() {
    let run = lab(1, 601_000).run(settings(
        &json!({ "oldest_seconds": { "warning": 60, "critical": 600 } }),
    ));
    assert_eq!(
        (run.status("queue jobs"), code(&run, "queue jobs").as_str()),
        (Status::Critical, "too_old")
    );
    assert_eq!(
        run.verdict("queue jobs").summary,
        "the oldest job has waited 10 min, longer than 10 min"
    );
}

#[test]
fn several_findings_are_one_verdict_with_the_worst_first() {
    let levels =
        json!({ "waiting": { "warning": 1 }, "oldest_seconds": { "critical": 5 }, "failed": { "warning": 0 } });
    let run = lab(3, 9_000).run(settings(&levels));
    let verdict = run.verdict("queue jobs");
    assert_eq!((verdict.status, verdict.code.as_str()), (Status::Critical, "too_old"));
    assert_eq!(
        verdict.details,
        [("codes".to_owned(), "too_old, backing_up, failed_jobs".to_owned())]
    );
}

#[test]
fn growth_needs_several_runs() {
    let mut lab = lab(1, 0);
    let levels = || settings(&json!({ "growing_runs": { "warning": 2 } }));
    assert_well(&lab.run(levels()));
    for _ in 0..2 {
        lab.with(|redis| redis.lpush("jobs", "1767225600000"));
        assert_well(&lab.later(30, levels()));
    }
    lab.with(|redis| redis.lpush("jobs", "1767225600000"));
    let run = lab.later(30, levels());
    assert_eq!(code(&run, "queue jobs"), "growing");
    assert_eq!(run.verdict("queue jobs").summary, "has grown for 3 runs in a row");
    assert_eq!(of(&run, "queue_growth_per_second", "jobs"), Some(3.0 / 90.0));
    assert_eq!(of(&run, "queue_drain_seconds", "jobs"), None);
}

#[test]
fn a_queue_that_shrinks_says_when_it_will_be_empty() {
    let mut lab = lab(30, 0);
    lab.run(settings(&json!({})));
    lab.with(|redis| redis.delete("jobs"));
    lab.with(|redis| (0..20).for_each(|_| redis.lpush("jobs", "1767225600000")));
    let run = lab.later(10, settings(&json!({})));
    assert_eq!(of(&run, "queue_growth_per_second", "jobs"), Some(-1.0));
    assert_eq!(of(&run, "queue_drain_seconds", "jobs"), Some(20.0));
}

#[test]
fn a_run_that_is_tried_again_knows_no_growth() {
    let mut lab = lab(1, 0);
    lab.run(settings(&json!({})));
    let run = lab.run(settings(&json!({})));
    assert_eq!(of(&run, "queue_growth_per_second", "jobs"), None);
}

#[test]
fn failures_that_are_kept_are_counted_and_compared() {
    let mut lab = lab(0, 0);
    let levels = || settings(&json!({ "failed_growth": { "critical": 1 } }));
    assert_well(&lab.run(levels()));
    lab.with(|redis| (0..2).for_each(|_| redis.rpush("failed", "y")));
    let run = lab.later(30, levels());
    assert_eq!(
        (run.status("queue jobs"), code(&run, "queue jobs").as_str()),
        (Status::Critical, "failing")
    );
    assert_eq!(of(&run, "queue_dead", "jobs"), Some(3.0));
}

#[test]
fn an_age_is_never_in_the_future() {
    let mut lab = Lab::new(|redis| redis.lpush("jobs", (NOW_MS + 5_000).to_string()));
    assert_eq!(
        of(&lab.run(settings(&json!({}))), "queue_oldest_age_seconds", "jobs"),
        Some(0.0)
    );
}

#[test]
fn an_empty_queue_has_no_age() {
    let run = lab(0, 0).run(settings(&json!({ "oldest_seconds": { "critical": 0 } })));
    assert_well(&run);
    assert_eq!(of(&run, "queue_oldest_age_seconds", "jobs"), Some(0.0));
}

#[test]
fn settings_that_contradict_themselves_are_the_users_to_mend() {
    let run = Lab::new(|_| {}).run(json!({ "backend": "streams" }));
    assert_eq!(run.failure().kind(), FailureKind::Settings);
    let unknown = Lab::new(|_| {}).run(json!({ "backend": "rq", "queue": "mail" }));
    assert_eq!(unknown.failure().kind(), FailureKind::Settings);
}

#[test]
fn what_stays_wrong_is_counted_in_runs() {
    let mut lab = lab(3, 0);
    let levels = || settings(&json!({ "waiting": { "warning": 2 } }));
    let labels = ["queue jobs", "jobs", "backing_up", "warning"];
    assert_eq!(lab.run(levels()).value("queue_finding_runs", &labels), Some(1.0));
    assert_eq!(lab.later(30, levels()).value("queue_finding_runs", &labels), Some(2.0));
    let critical = settings(&json!({ "waiting": { "critical": 2 } }));
    let labels = ["queue jobs", "jobs", "backing_up", "critical"];
    assert_eq!(lab.later(30, critical).value("queue_finding_runs", &labels), Some(3.0));
}
