//! BullMQ.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, NOW_MS, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn job(redis: &mut Tiny, id: &str, field: &str, age_ms: u64) {
    redis.hset(&format!("bull:mail:{id}"), &[(field, &(NOW_MS - age_ms).to_string())]);
}

fn fill(redis: &mut Tiny) {
    redis.hset(
        "bull:mail:meta",
        &[("version", "bullmq:6.7.0"), ("opts.maxLenEvents", "10000")],
    );
    for (id, age_ms) in [("1", 30_500), ("2", 20_000)] {
        redis.lpush("bull:mail:wait", id);
        job(redis, id, "timestamp", age_ms);
    }
    redis.zadd("bull:mail:prioritized", 4_294_967_297.0, "3");
    job(redis, "3", "timestamp", 45_000);
    redis.zadd("bull:mail:delayed", (NOW_SCORE * 1e3 + 60_000.0) * 4096.0, "4");
    redis.zadd("bull:mail:waiting-children", NOW_SCORE * 1e3, "5");
    redis.lpush("bull:mail:active", "6");
    redis.lpush("bull:mail:active", "7");
    job(redis, "6", "processedOn", 9_000);
    job(redis, "7", "processedOn", 1_000);
    redis.zadd("bull:mail:failed", NOW_SCORE * 1e3, "8");
    redis.zadd("bull:mail:completed", NOW_SCORE * 1e3, "9");
    redis.zadd("bull:mail:marker", 0.0, "0");
    redis.clients = vec![
        String::new(),
        "bull:bWFpbA==".into(),
        "bull:bWFpbA==:w:eu".into(),
        "bull:bWFpbA==:qe".into(),
    ];
}

fn settings() -> serde_json::Value {
    json!({ "backend": "bullmq", "queues": ["mail"] })
}

#[test]
fn every_state_is_counted() {
    let run = Lab::new(fill).run(settings());
    for (state, jobs) in [
        ("waiting", 3.0),
        ("delayed", 1.0),
        ("blocked", 1.0),
        ("active", 2.0),
        ("failed", 1.0),
        ("completed", 1.0),
    ] {
        assert_eq!(depth(&run, "mail", state), Some(jobs), "{state}");
    }
    let part = |list: &str| run.value("queue_waiting_jobs", &["mail", list]);
    assert_eq!(
        (part("wait"), part("paused"), part("prioritized")),
        (Some(2.0), Some(0.0), Some(1.0))
    );
    assert_well(&run);
}

#[test]
fn ages_come_from_hashes_of_jobs() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(
        of(&run, "queue_oldest_age_seconds", "mail"),
        Some(45.0),
        "the prioritized one"
    );
    assert_eq!(of(&run, "queue_oldest_inflight_age_seconds", "mail"), Some(9.0));
    assert_eq!(run.value("queue_round_trips", &[]), Some(2.0));
}

/// Priority 1 is taken before priority 10, however long that waits.
#[test]
fn the_oldest_of_every_priority_is_looked_at() {
    let mut lab = Lab::new(|redis| {
        let mut add = |priority: f64, count: f64, id: &str, age_ms| {
            redis.zadd("bull:mail:prioritized", priority * 4_294_967_296.0 + count, id);
            job(redis, id, "timestamp", age_ms);
        };
        add(1.0, 3.0, "new", 4_400);
        add(2.0, 2.0, "middle", 5_000);
        add(10.0, 1.0, "old", 9_500);
        add(10.0, 4.0, "newest", 1_000);
    });
    let run = lab.run(json!({ "backend": "bullmq", "queues": ["mail"], "workers": false }));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(9.5));
}

#[test]
fn of_more_priorities_than_are_looked_at_the_oldest_is_not_known() {
    let mut lab = Lab::new(|redis| {
        for priority in 1..=33_u32 {
            let score = f64::from(priority) * 4_294_967_296.0;
            redis.zadd("bull:mail:prioritized", score, format!("p{priority}"));
            job(redis, &format!("p{priority}"), "timestamp", 5_000);
        }
    });
    let run = lab.run(json!({ "backend": "bullmq", "queues": ["mail"], "workers": false }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(33.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), None);
}

#[test]
fn jobs_put_in_with_lifo_do_not_hide_the_oldest() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.delete("bull:mail:prioritized");
        redis.rpush("bull:mail:wait", "lifo");
        job(redis, "lifo", "timestamp", 200);
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(30.5));
}

#[test]
fn a_marker_of_old_versions_is_no_job() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.delete("bull:mail:prioritized");
        redis.rpush("bull:mail:wait", "0:1767225600000");
    });
    let run = lab.run(settings());
    assert_eq!(depth(&run, "mail", "waiting"), Some(2.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(30.5));
}

#[test]
fn behind_a_marker_jobs_may_have_jumped_the_line_as_well() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.delete("bull:mail:prioritized");
        redis.rpush("bull:mail:wait", "lifo");
        job(redis, "lifo", "timestamp", 200);
        redis.rpush("bull:mail:wait", "0:1767225600000");
    });
    let run = lab.run(settings());
    assert_eq!(
        depth(&run, "mail", "waiting"),
        Some(3.0),
        "the marker is taken off once"
    );
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(30.5));
}

#[test]
fn jobs_of_a_paused_queue_still_wait() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.hset("bull:mail:meta", &[("paused", "1")]);
        redis.lpush("bull:mail:paused", "1");
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_paused", "mail"), Some(1.0));
    assert_eq!(
        depth(&run, "mail", "waiting"),
        Some(4.0),
        "in the list of their own before version 6"
    );
}

#[test]
fn delayed_jobs_that_nobody_promotes_are_overdue() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.zadd("bull:mail:delayed", (NOW_SCORE * 1e3 - 60_001.0) * 4096.0 + 17.0, "10");
        redis.zadd("bull:mail:delayed", (NOW_SCORE * 1e3 - 60_000.0) * 4096.0, "11");
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_overdue", "mail"), Some(1.0));
    assert_eq!(code(&run, "queue mail"), "overdue");
}

#[test]
fn workers_are_named_connections() {
    let mut lab = Lab::new(fill);
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_workers", "mail"), Some(2.0));
    assert_eq!(
        run.value("queue_worker_last_heartbeat_age_seconds", &[]),
        None,
        "they have none"
    );
    lab.with(|redis| redis.clients = vec!["bull:bWFpbA==:qe".into(), "bull:bWFpbA== db=3".into()]);
    let run = lab.run(settings());
    assert_eq!(run.status("queue mail"), Status::Critical);
    assert_eq!(code(&run, "queue mail"), "no_workers");
}

#[test]
fn totals_are_there_when_workers_keep_metrics() {
    let mut lab = Lab::new(fill);
    assert_eq!(of(&lab.run(settings()), "queue_processed_total", "mail"), None);
    lab.with(|redis| {
        redis.hset("bull:mail:metrics:completed", &[("count", "20")]);
        redis.hset("bull:mail:metrics:failed", &[("count", "3")]);
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_processed_total", "mail"), Some(23.0));
    assert_eq!(of(&run, "queue_failed_total", "mail"), Some(3.0));
}

#[test]
fn queues_are_found_by_their_meta() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.hset("bull:video:meta", &[("version", "bullmq:6.7.0")]));
    let run = lab.run(json!({ "backend": "bullmq" }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(3.0));
    assert_eq!(depth(&run, "video", "waiting"), Some(0.0));
}
