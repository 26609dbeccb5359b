//! Dramatiq.

use bellwether_sdk::fake::json;

use super::lab::{Lab, NOW_MS, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn message(redis: &mut Tiny, queue: &str, id: &str, age_ms: u64) {
    let text = format!("{{\"message_id\":\"{id}\",\"message_timestamp\":{}}}", NOW_MS - age_ms);
    redis.hset(&format!("dramatiq:{queue}.msgs"), &[(id, &text)]);
}

fn fill(redis: &mut Tiny) {
    for (id, age_ms) in [("a", 9_000), ("b", 8_000)] {
        redis.rpush("dramatiq:default", id);
        message(redis, "default", id, age_ms);
    }
    message(redis, "default", "held", 60_000);
    message(redis, "default.DQ", "later", 1_000);
    message(redis, "default.DQ", "much-later", 1_000);
    redis.sadd("dramatiq:__acks__.w1.default", &["held"]);
    redis.zadd("dramatiq:default.XQ", NOW_SCORE * 1e3, "dead");
    redis.zadd("dramatiq:__heartbeats__", (NOW_SCORE - 2.0) * 1e3, "w1");
}

#[test]
fn every_state_is_counted() {
    let run = Lab::new(fill).run(json!({ "backend": "dramatiq" }));
    for (state, jobs) in [("waiting", 2.0), ("active", 1.0), ("delayed", 2.0), ("dead", 1.0)] {
        assert_eq!(depth(&run, "default", state), Some(jobs), "{state}");
    }
    assert_eq!(of(&run, "queue_oldest_age_seconds", "default"), Some(9.0));
    assert_eq!(of(&run, "queue_workers", "default"), Some(1.0));
    assert_well(&run);
}

#[test]
fn a_worker_that_stopped_beating_is_silent() {
    let mut lab = Lab::new(fill);
    let run = lab.later(59, json!({ "backend": "dramatiq" }));
    assert_eq!(run.value("queue_workers_silent", &[]), Some(1.0));
    assert_eq!(code(&run, "queue default"), "no_workers");
    assert_eq!(code(&run, "workers"), "workers_silent");
    let patient = json!({ "backend": "dramatiq", "thresholds": { "silence_seconds": 90 } });
    assert_well(&lab.run(patient));
}

#[test]
fn who_died_long_ago_is_forgotten() {
    let run = Lab::new(fill).later(
        100_000,
        json!({ "backend": "dramatiq", "thresholds": { "no_workers": false } }),
    );
    assert_eq!(run.value("queue_workers_silent", &[]), Some(0.0));
    assert_eq!(run.value("queue_worker_last_heartbeat_age_seconds", &[]), None);
}

#[test]
fn queues_are_found_by_their_messages_and_delay_queues_are_none() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| message(redis, "mail", "c", 5));
    let run = lab.run(json!({ "backend": "dramatiq", "queues": ["*"] }));
    let queues: Vec<_> = run
        .report()
        .verdicts()
        .iter()
        .filter(|verdict| verdict.target.starts_with("queue "))
        .collect();
    assert_eq!(queues.len(), 2, "{queues:#?}");
    assert_eq!(depth(&run, "mail", "active"), Some(1.0));
}
