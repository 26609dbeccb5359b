//! Resque.

use bellwether_sdk::fake::json;

use super::lab::{Lab, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn fill(redis: &mut Tiny) {
    redis.sadd("resque:queues", &["mail"]);
    redis.rpush(
        "resque:queue:mail",
        "{\"class\":\"Job\",\"args\":[{\"enqueued_at\":\"2025-12-31T23:59:15Z\"}]}",
    );
    redis.rpush("resque:queue:mail", "{\"class\":\"Job\",\"args\":[1]}");
    redis.rpush("resque:failed", "{\"failed_at\":\"2025/12/31 23:00:00 UTC\"}");
    redis.set("resque:stat:processed", "12");
    redis.set("resque:stat:failed", "1");
    redis.zadd("resque:delayed_queue_schedule", NOW_SCORE + 10.0, "1767225610");
    redis.zadd("resque:delayed_queue_schedule", NOW_SCORE + 20.0, "1767225620");
    redis.rpush("resque:delayed:1767225610", "{}");
    redis.rpush("resque:delayed:1767225610", "{}");
    redis.rpush("resque:delayed:1767225620", "{}");
    redis.sadd("resque:workers", &["web1:7:mail,low", "web2:8:*"]);
    redis.hset(
        "resque:workers:heartbeat",
        &[
            ("web1:7:mail,low", "2025-12-31T23:59:45Z"),
            ("web2:8:*", "2026-01-01T00:59:30+01:00"),
        ],
    );
    redis.set(
        "resque:worker:web1:7:mail,low",
        "{\"queue\":\"mail\",\"run_at\":\"2025-12-31T23:58:20Z\",\"payload\":{}}",
    );
}

fn settings() -> serde_json::Value {
    json!({ "backend": "resque" })
}

#[test]
fn depths_failures_and_totals() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(depth(&run, "mail", "waiting"), Some(2.0));
    for (state, jobs) in [("failed", 1.0), ("delayed", 3.0), ("active", 1.0)] {
        assert_eq!(depth(&run, "", state), Some(jobs), "{state}");
    }
    assert_eq!(of(&run, "queue_processed_total", ""), Some(12.0));
    assert_eq!(of(&run, "queue_failed_total", ""), Some(1.0));
    assert_well(&run);
}

#[test]
fn ages_are_those_of_active_job_and_of_workers() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(45.0));
    assert_eq!(of(&run, "queue_oldest_inflight_age_seconds", ""), Some(100.0));
}

#[test]
fn workers_are_called_after_their_queues() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.sadd("resque:queues", &["video"]));
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_workers", "mail"), Some(2.0));
    assert_eq!(of(&run, "queue_workers", "video"), Some(1.0));
    assert_eq!(run.value("queue_worker_last_heartbeat_age_seconds", &[]), Some(30.0));
}

#[test]
fn a_scheduler_that_does_not_run_is_noticed() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.zadd("resque:delayed_queue_schedule", NOW_SCORE - 100.0, "1767225500"));
    assert_eq!(code(&lab.run(settings()), "all queues"), "overdue");
}

#[test]
fn a_pause_is_of_all_workers() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.set("resque:pause-all-workers", "true"));
    assert_eq!(of(&lab.run(settings()), "queue_paused", ""), Some(1.0));
}

/// That many workers, each heard, the last one longest ago and busy.
fn crowd(workers: usize) -> Lab {
    Lab::new(|redis| {
        let ids: Vec<String> = (0..workers).map(|worker| format!("web:{worker:05}:mail")).collect();
        for id in &ids {
            redis.sadd("resque:workers", &[id]);
            redis.hset("resque:workers:heartbeat", &[(id, "2025-12-31T23:59:45Z")]);
        }
        let last = ids.last().expect("workers");
        redis.hset("resque:workers:heartbeat", &[(last, "2025-12-31T23:59:30Z")]);
        redis.set(
            &format!("resque:worker:{last}"),
            "{\"queue\":\"mail\",\"run_at\":\"2025-12-31T23:58:20Z\",\"payload\":{}}",
        );
        redis.sadd("resque:queues", &["mail"]);
    })
}

#[test]
fn more_workers_than_one_answer_may_hold_are_all_heard() {
    let run = crowd(1_700).run(settings());
    assert_eq!(of(&run, "queue_workers", "mail"), Some(1_700.0));
    assert_eq!(run.value("queue_worker_last_heartbeat_age_seconds", &[]), Some(30.0));
    assert_eq!(depth(&run, "", "active"), Some(1.0));
    assert_well(&run);
}

#[test]
fn no_command_asks_for_more_than_the_host_lets_pass() {
    let mut lab = crowd(1_700);
    lab.run(settings());
    let longest = lab.with(|redis| redis.sent.iter().map(Vec::len).max());
    assert!(longest <= Some(1_024), "{longest:?} words");
}

#[test]
fn workers_beyond_the_limit_are_said_to_be_left_out() {
    let run = crowd(2_001).run(settings());
    assert_eq!(of(&run, "queue_workers", "mail"), Some(2_000.0));
    assert_eq!(code(&run, "commands"), "command_refused");
    let summary = &run.verdict("commands").summary;
    assert!(summary.contains("more than 2000 workers"), "{summary}");
}

#[test]
fn exactly_the_limit_is_not_beyond_it() {
    let run = crowd(2_000).run(settings());
    assert_eq!(of(&run, "queue_workers", "mail"), Some(2_000.0));
    assert_well(&run);
}
