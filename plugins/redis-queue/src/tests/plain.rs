//! Lists and sorted sets of an application's own.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, NOW_MS, NOW_SCORE, assert_well, code, depth, of};

#[test]
fn a_list_has_a_next_job_at_either_end() {
    let mut lab = Lab::new(|redis| {
        redis.lpush("jobs", format!("{{\"at\":{}}}", NOW_MS - 60_000));
        redis.lpush("jobs", format!("{{\"at\":{}}}", NOW_MS - 1_000));
    });
    let settings =
        |next: &str| json!({ "backend": "list", "queues": ["jobs"], "list": { "next": next, "timestamp": "/at" } });
    let right = lab.run(settings("right"));
    assert_eq!(depth(&right, "jobs", "waiting"), Some(2.0));
    assert_eq!(of(&right, "queue_oldest_age_seconds", "jobs"), Some(60.0));
    assert_eq!(
        of(&lab.run(settings("left")), "queue_oldest_age_seconds", "jobs"),
        Some(1.0)
    );
    assert_well(&right);
}

#[test]
fn lists_beside_it_are_found_by_the_name_of_the_queue() {
    let mut lab = Lab::new(|redis| {
        redis.rpush("jobs", "x");
        redis.rpush("jobs:processing", "y");
        redis.rpush("dead-jobs", "z");
    });
    let list = json!({ "processing": "{queue}:processing", "failed": "dead-{queue}" });
    let run = lab.run(json!({ "backend": "list", "queues": ["jobs"], "list": list }));
    assert_eq!(depth(&run, "jobs", "active"), Some(1.0));
    assert_eq!(depth(&run, "jobs", "failed"), Some(1.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "jobs"), None);
}

#[test]
fn a_set_by_time_has_what_is_due_and_what_is_not() {
    let mut lab = Lab::new(|redis| {
        redis.zadd("due", NOW_SCORE - 30.0, "a");
        redis.zadd("due", NOW_SCORE, "b");
        redis.zadd("due", NOW_SCORE + 30.0, "c");
        redis.zadd("due-ms", (NOW_SCORE - 9.0) * 1e3, "a");
        redis.zadd("due-ms", (NOW_SCORE + 9.0) * 1e3, "b");
    });
    let run = lab.run(json!({ "backend": "zset", "queues": ["due"] }));
    assert_eq!(depth(&run, "due", "waiting"), Some(2.0));
    assert_eq!(depth(&run, "due", "delayed"), Some(1.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "due"), Some(30.0));
    let run = lab.run(json!({ "backend": "zset", "queues": ["due-ms"], "zset": { "score": "due_milliseconds" } }));
    assert_eq!(depth(&run, "due-ms", "waiting"), Some(1.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "due-ms"), Some(9.0));
}

#[test]
fn a_set_by_priority_waits_whole_and_has_no_age() {
    let mut lab = Lab::new(|redis| {
        redis.zadd("jobs", 1.0, "a");
        redis.zadd("jobs", 2.0, "b");
    });
    let run = lab.run(json!({ "backend": "zset", "queues": ["jobs"], "zset": { "score": "priority" } }));
    assert_eq!(depth(&run, "jobs", "waiting"), Some(2.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "jobs"), None);
}

#[test]
fn a_key_of_another_kind_says_so() {
    let mut lab = Lab::new(|redis| redis.zadd("jobs", 1.0, "a"));
    let run = lab.run(json!({ "backend": "list", "queues": ["jobs", "other"] }));
    assert_eq!(run.status("queue jobs"), Status::Unknown);
    assert_eq!(code(&run, "queue jobs"), "unreadable");
    assert!(
        run.verdict("commands").summary.starts_with("LLEN jobs: WRONGTYPE"),
        "{}",
        run.verdict("commands").summary
    );
    assert_eq!(run.status("queue other"), Status::Ok);
}
