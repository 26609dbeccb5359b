//! Asynq.

use bellwether_sdk::fake::json;

use super::lab::{Lab, NOW_MS, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn fill(redis: &mut Tiny) {
    redis.sadd("asynq:queues", &["mail"]);
    for (id, age_ms) in [("a", 3_500), ("b", 100)] {
        redis.lpush("asynq:{mail}:pending", id);
        let since = (NOW_MS - age_ms) * 1_000_000;
        redis.hset(
            &format!("asynq:{{mail}}:t:{id}"),
            &[("state", "pending"), ("pending_since", &since.to_string())],
        );
    }
    redis.lpush("asynq:{mail}:active", "c");
    redis.zadd("asynq:{mail}:lease", NOW_SCORE + 25.0, "c");
    redis.zadd("asynq:{mail}:scheduled", NOW_SCORE + 60.0, "d");
    redis.zadd("asynq:{mail}:retry", NOW_SCORE + 60.0, "e");
    redis.zadd("asynq:{mail}:archived", NOW_SCORE - 60.0, "f");
    redis.zadd("asynq:{mail}:completed", NOW_SCORE + 60.0, "g");
    redis.set("asynq:{mail}:processed", "30");
    redis.set("asynq:{mail}:failed", "3");
    redis.zadd("asynq:servers", NOW_SCORE + 8.0, "asynq:servers:{web1:7:ab}");
}

fn settings() -> serde_json::Value {
    json!({ "backend": "asynq" })
}

#[test]
fn every_state_is_counted() {
    let run = Lab::new(fill).run(settings());
    let expected = [
        ("waiting", 2.0),
        ("active", 1.0),
        ("delayed", 1.0),
        ("retry", 1.0),
        ("dead", 1.0),
        ("completed", 1.0),
    ];
    for (state, jobs) in expected {
        assert_eq!(depth(&run, "mail", state), Some(jobs), "{state}");
    }
    assert_eq!(of(&run, "queue_processed_total", "mail"), Some(30.0));
    assert_eq!(of(&run, "queue_failed_total", "mail"), Some(3.0));
    assert_eq!(of(&run, "queue_workers", "mail"), Some(1.0));
    assert_eq!(run.value("queue_worker_last_heartbeat_age_seconds", &[]), Some(2.0));
    assert_well(&run);
}

#[test]
fn the_age_is_in_nanoseconds_of_the_oldest_task() {
    let run = Lab::new(fill).run(settings());
    let age = of(&run, "queue_oldest_age_seconds", "mail").expect("an age");
    assert!((age - 3.5).abs() < 1e-6, "{age}");
}

#[test]
fn a_lease_that_nobody_prolongs_is_noticed() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.zadd("asynq:{mail}:lease", NOW_SCORE - 1.0, "c2"));
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_leases_expired", "mail"), Some(1.0));
    assert_eq!(code(&run, "queue mail"), "lease_expired");
}

#[test]
fn a_paused_queue_is_known_and_a_dead_server_too() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.set("asynq:{mail}:paused", "1767225000"));
    assert_eq!(of(&lab.run(settings()), "queue_paused", "mail"), Some(1.0));
    let run = lab.later(120, settings());
    assert_eq!(code(&run, "queue mail"), "no_workers");
    assert_eq!(
        run.verdict("workers").summary,
        "1 worker is silent: web1:7:ab for 2 min"
    );
}
