//! arq.

use bellwether_sdk::fake::json;

use super::lab::{Lab, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn fill(redis: &mut Tiny) {
    for (id, age) in [("a", 50.0), ("b", 40.0), ("c", 30.0)] {
        redis.zadd("arq:queue", (NOW_SCORE - age) * 1e3, id);
    }
    redis.zadd("arq:queue", (NOW_SCORE + 60.0) * 1e3, "later");
    redis.set("arq:in-progress:a", "1");
    let report = "Jan-01 00:00:00 j_complete=7 j_failed=2 j_retried=1 j_ongoing=1 queued=4";
    redis.set_expiring("arq:queue:health-check", report, 3_591_000);
}

#[test]
fn what_runs_does_not_wait() {
    let run = Lab::new(fill).run(json!({ "backend": "arq" }));
    for (state, jobs) in [("waiting", 2.0), ("active", 1.0), ("delayed", 1.0)] {
        assert_eq!(depth(&run, "arq:queue", state), Some(jobs), "{state}");
    }
    assert_eq!(
        of(&run, "queue_oldest_age_seconds", "arq:queue"),
        Some(40.0),
        "the oldest that does not run"
    );
    assert_eq!(run.value("queue_round_trips", &[]), Some(2.0));
    assert_well(&run);
}

#[test]
fn the_last_report_of_a_worker_is_passed_on() {
    let run = Lab::new(fill).run(json!({ "backend": "arq" }));
    let jobs = |outcome: &str| run.value("queue_last_worker_jobs", &["arq:queue", outcome]);
    assert_eq!(
        (jobs("complete"), jobs("failed"), jobs("retried")),
        (Some(7.0), Some(2.0), Some(1.0))
    );
    assert_eq!(run.value("queue_worker_last_heartbeat_age_seconds", &[]), Some(10.0));
}

#[test]
fn without_a_report_nobody_works() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.delete("arq:queue:health-check"));
    let run = lab.run(json!({ "backend": "arq" }));
    assert_eq!(of(&run, "queue_workers", "arq:queue"), Some(0.0));
    assert_eq!(code(&run, "queue arq:queue"), "no_workers");
}

/// So many due jobs, of which the first run.
fn busy(running: usize, due: usize) -> Lab {
    Lab::new(|redis| {
        for job in 0..due {
            redis.zadd(
                "arq:queue",
                (NOW_SCORE - 50.0) * 1e3 + job as f64 * 2.5,
                format!("j{job:05}"),
            );
            if job < running {
                redis.set(&format!("arq:in-progress:j{job:05}"), "1");
            }
        }
    })
}

fn settings() -> serde_json::Value {
    json!({ "backend": "arq", "workers": false })
}

#[test]
fn six_hundred_running_jobs_are_six_hundred() {
    let run = busy(600, 610).run(settings());
    assert_eq!(depth(&run, "arq:queue", "active"), Some(600.0));
    assert_eq!(depth(&run, "arq:queue", "waiting"), Some(10.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "arq:queue"), Some(48.5));
    assert_well(&run);
    let exactly = busy(500, 500).run(settings());
    assert_eq!(depth(&exactly, "arq:queue", "active"), Some(500.0));
    assert_eq!(depth(&exactly, "arq:queue", "waiting"), Some(0.0));
}

#[test]
fn where_more_run_than_are_looked_at_nothing_is_made_up() {
    let run = busy(1_501, 1_510).run(settings());
    assert_eq!(depth(&run, "arq:queue", "active"), None);
    assert_eq!(depth(&run, "arq:queue", "waiting"), None);
    assert_eq!(code(&run, "queue arq:queue"), "unreadable");
    let summary = &run.verdict("queue arq:queue").summary;
    assert!(summary.contains("more than 1500 jobs are due"), "{summary}");
}

#[test]
fn a_long_backlog_is_not_read_to_its_end() {
    let mut lab = busy(3, 20_000);
    let run = lab.run(settings());
    assert_eq!(depth(&run, "arq:queue", "active"), Some(3.0));
    assert_eq!(depth(&run, "arq:queue", "waiting"), Some(19_997.0));
    assert_eq!(run.value("queue_round_trips", &[]), Some(2.0));
}

#[test]
fn an_empty_queue_is_empty() {
    let run = Lab::new(|_| {}).run(json!({ "backend": "arq", "queues": ["mail"] }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(0.0));
    assert_eq!(depth(&run, "mail", "active"), Some(0.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(0.0));
}
