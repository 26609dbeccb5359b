//! Sidekiq.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, NOW_MS, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn fill(redis: &mut Tiny) {
    redis.sadd("queues", &["default", "low"]);
    redis.lpush(
        "queue:default",
        format!("{{\"jid\":\"a\",\"enqueued_at\":{}}}", NOW_SCORE - 12.5),
    );
    redis.lpush(
        "queue:default",
        format!("{{\"jid\":\"b\",\"enqueued_at\":{}}}", NOW_SCORE - 1.0),
    );
    redis.lpush(
        "queue:low",
        format!("{{\"jid\":\"c\",\"enqueued_at\":{}}}", NOW_MS - 7000),
    );
    redis.zadd("schedule", NOW_SCORE + 5.0, "{}");
    redis.zadd("retry", NOW_SCORE + 5.0, "{}");
    redis.zadd("retry", NOW_SCORE + 6.0, "{}");
    redis.zadd("dead", NOW_SCORE - 5.0, "{}");
    redis.set("stat:processed", "40");
    redis.set("stat:failed", "4");
    redis.sadd("processes", &["web1:1:ab"]);
    redis.hset(
        "web1:1:ab",
        &[
            ("info", "{\"queues\":[\"default\"],\"concurrency\":5}"),
            ("beat", &(NOW_SCORE - 3.0).to_string()),
            ("busy", "1"),
        ],
    );
    redis.hset(
        "web1:1:ab:work",
        &[("t1", "{\"queue\":\"default\",\"run_at\":1767225570,\"payload\":\"{}\"}")],
    );
}

fn settings() -> serde_json::Value {
    json!({ "backend": "sidekiq" })
}

#[test]
fn queues_have_depths_and_the_rest_is_of_all() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(depth(&run, "default", "waiting"), Some(2.0));
    assert_eq!(depth(&run, "low", "waiting"), Some(1.0));
    for (state, jobs) in [("delayed", 1.0), ("retry", 2.0), ("dead", 1.0), ("active", 1.0)] {
        assert_eq!(depth(&run, "", state), Some(jobs), "{state}");
    }
    assert_eq!(of(&run, "queue_processed_total", ""), Some(40.0));
    assert_eq!(of(&run, "queue_failed_total", ""), Some(4.0));
    assert_eq!(of(&run, "queue_dead", ""), Some(1.0));
}

#[test]
fn the_age_is_read_in_seconds_and_in_milliseconds() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(of(&run, "queue_oldest_age_seconds", "default"), Some(12.5));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "low"), Some(7.0));
    assert_eq!(of(&run, "queue_oldest_inflight_age_seconds", ""), Some(30.0));
}

#[test]
fn a_queue_that_no_process_takes_is_critical() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(of(&run, "queue_workers", "default"), Some(1.0));
    assert_eq!(of(&run, "queue_workers", "low"), Some(0.0));
    assert_eq!(code(&run, "queue low"), "no_workers");
    assert_eq!(run.status("queue default"), Status::Ok);
}

#[test]
fn what_threads_of_old_versions_do_is_read_as_well() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.delete("web1:1:ab:work");
        redis.hset(
            "web1:1:ab:workers",
            &[("t1", "{\"run_at\":1767225500}"), ("t2", "{\"run_at\":1767225599}")],
        );
    });
    let run = lab.run(settings());
    assert_eq!(depth(&run, "", "active"), Some(2.0));
    assert_eq!(of(&run, "queue_oldest_inflight_age_seconds", ""), Some(100.0));
}

#[test]
fn a_paused_queue_is_known() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.sadd("paused", &["low"]));
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_paused", "low"), Some(1.0));
    assert_eq!(of(&run, "queue_paused", "default"), Some(0.0));
}

#[test]
fn retries_that_nobody_takes_up_are_overdue() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.zadd("retry", NOW_SCORE - 100.0, "{\"jid\":\"x\"}");
        redis.zadd("schedule", NOW_SCORE - 100.0, "{\"jid\":\"y\"}");
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_overdue", ""), Some(2.0));
    assert_eq!(code(&run, "all queues"), "overdue");
}

#[test]
fn growing_failures_are_noticed_when_asked_for() {
    let mut lab = Lab::new(fill);
    let settings =
        || json!({ "backend": "sidekiq", "queues": ["default"], "thresholds": { "failed_growth": { "warning": 2 } } });
    assert_well(&lab.run(settings()));
    lab.with(|redis| redis.set("stat:failed", "7"));
    let run = lab.later(30, settings());
    assert_eq!(code(&run, "all queues"), "failing");
    assert_eq!(
        run.verdict("all queues").summary,
        "3 jobs failed since the run before, more than 2"
    );
}

#[test]
fn a_namespace_stands_before_everything() {
    let mut lab = Lab::new(|redis| {
        redis.sadd("shop:queues", &["default"]);
        redis.lpush("shop:queue:default", "{}");
        redis.zadd("shop:dead", 5.0, "{}");
    });
    let run = lab.run(json!({ "backend": "sidekiq", "prefix": "shop", "workers": false }));
    assert_eq!(depth(&run, "default", "waiting"), Some(1.0));
    assert_eq!(depth(&run, "", "dead"), Some(1.0));
    assert_eq!(
        of(&run, "queue_oldest_age_seconds", "default"),
        None,
        "a payload without a time"
    );
}

#[test]
fn processes_beyond_the_limit_are_said_to_be_left_out() {
    let run = Lab::new(|redis| {
        redis.sadd("queues", &["mail"]);
        for process in 0..501 {
            redis.sadd("processes", &[&format!("web:{process}")]);
        }
    })
    .run(settings());
    let summary = &run.verdict("commands").summary;
    assert!(summary.contains("more than 500 workers"), "{summary}");
}
