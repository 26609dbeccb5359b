//! RQ.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

fn worker(redis: &mut Tiny, name: &str, queues: &str, heartbeat: &str) {
    let key = format!("rq:worker:{name}");
    redis.sadd("rq:workers", &[&key]);
    redis.hset(
        &key,
        &[("last_heartbeat", heartbeat), ("queues", queues), ("state", "busy")],
    );
}

fn fill(redis: &mut Tiny) {
    redis.sadd("rq:queues", &["rq:queue:mail"]);
    redis.rpush("rq:queue:mail", "job-1");
    redis.rpush("rq:queue:mail", "job-2");
    redis.hset("rq:job:job-1", &[("enqueued_at", "2025-12-31T23:58:00.250000Z")]);
    redis.hset("rq:job:job-2", &[("enqueued_at", "2025-12-31T23:59:00.000000Z")]);
    redis.rpush("rq:queue:mail:intermediate", "job-0");
    redis.zadd("rq:scheduled:mail", NOW_SCORE + 60.0, "job-3");
    redis.zadd("rq:deferred:mail", f64::INFINITY, "job-4");
    redis.zadd("rq:wip:mail", NOW_SCORE + 30.0, "job-6:exec-1");
    redis.zadd("rq:wip:mail", NOW_SCORE + 40.0, "job-5:exec-2");
    redis.hset("rq:job:job-5", &[("started_at", "2025-12-31T23:59:30.000000Z")]);
    redis.hset("rq:job:job-6", &[("started_at", "2025-12-31T23:59:50.000000Z")]);
    redis.zadd("rq:failed:mail", NOW_SCORE - 1.0, "forgotten");
    redis.zadd("rq:failed:mail", NOW_SCORE + 1e7, "job-7");
    redis.zadd("rq:finished:mail", NOW_SCORE + 500.0, "job-8");
    worker(redis, "w1", "mail,high", "2025-12-31T23:59:57.000000Z");
}

fn settings() -> serde_json::Value {
    json!({ "backend": "rq", "queues": ["mail"] })
}

#[test]
fn every_state_is_counted() {
    let run = Lab::new(fill).run(settings());
    let expected = [
        ("waiting", 2.0),
        ("claimed", 1.0),
        ("delayed", 1.0),
        ("blocked", 1.0),
        ("active", 2.0),
        ("failed", 1.0),
        ("completed", 1.0),
        ("canceled", 0.0),
    ];
    for (state, jobs) in expected {
        assert_eq!(depth(&run, "mail", state), Some(jobs), "{state}");
    }
    assert_well(&run);
}

#[test]
fn ages_are_those_of_the_oldest_jobs() {
    let run = Lab::new(fill).run(settings());
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(119.75));
    assert_eq!(
        of(&run, "queue_oldest_inflight_age_seconds", "mail"),
        Some(30.0),
        "not that of the first to expire"
    );
    assert_eq!(
        run.value("queue_round_trips", &[]),
        Some(2.0),
        "the second for what stands in hashes of jobs"
    );
}

#[test]
fn jobs_put_in_at_the_front_do_not_hide_the_oldest() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        for (id, at) in [
            ("front-1", "2025-12-31T23:59:50.000000Z"),
            ("front-2", "2025-12-31T23:59:59.000000Z"),
        ] {
            redis.lpush("rq:queue:mail", id);
            redis.hset(&format!("rq:job:{id}"), &[("enqueued_at", at)]);
        }
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(119.75));
    assert_well(&run);
}

#[test]
fn behind_more_jobs_at_the_front_than_are_looked_at_the_oldest_is_not_known() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        for job in 10..210_u32 {
            redis.lpush("rq:queue:mail", format!("front-{job}"));
            let at = format!("2025-12-31T23:{:02}:{:02}Z", 50 + job / 60, job % 60);
            redis.hset(&format!("rq:job:front-{job}"), &[("enqueued_at", &at)]);
        }
    });
    let run = lab.run(settings());
    assert_eq!(depth(&run, "mail", "waiting"), Some(202.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), None);
}

#[test]
fn a_worker_counts_for_its_queues() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.rpush("rq:queue:low", "job-9"));
    let run = lab.run(json!({ "backend": "rq", "queues": ["mail", "low"] }));
    assert_eq!(of(&run, "queue_workers", "mail"), Some(1.0));
    assert_eq!(of(&run, "queue_workers", "low"), Some(0.0));
    assert_eq!(run.value("queue_worker_last_heartbeat_age_seconds", &[]), Some(3.0));
    assert_eq!(run.status("queue low"), Status::Critical);
    assert_eq!(code(&run, "queue low"), "no_workers");
    assert_eq!(run.status("queue mail"), Status::Ok);
}

#[test]
fn a_worker_that_fell_silent_is_named() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        worker(redis, "w2", "mail", "2025-12-31T23:50:00.000000Z");
        redis.sadd("rq:workers", &["rq:worker:w3"]);
    });
    let run = lab.run(settings());
    assert_eq!(code(&run, "workers"), "workers_silent");
    assert_eq!(
        run.verdict("workers").summary,
        "2 workers are silent: w2 for 10 min; w3, forgotten by Redis"
    );
    assert_eq!(run.value("queue_workers_silent", &[]), Some(2.0));
    assert_eq!(run.status("queue mail"), Status::Ok, "another worker is alive");
}

#[test]
fn a_scheduler_that_does_not_run_is_noticed() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| {
        redis.zadd("rq:scheduled:mail", NOW_SCORE - 61.0, "late");
        redis.zadd("rq:scheduled:mail", NOW_SCORE - 59.0, "nearly late");
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_overdue", "mail"), Some(1.0));
    assert_eq!(code(&run, "queue mail"), "overdue");
}

#[test]
fn a_job_whose_worker_died_is_noticed() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.zadd("rq:wip:mail", NOW_SCORE - 1.0, "job-10:exec"));
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_leases_expired", "mail"), Some(1.0));
    assert_eq!(code(&run, "queue mail"), "lease_expired");
}

#[test]
fn a_suspension_is_of_all_queues_and_may_not_last() {
    let mut lab = Lab::new(fill);
    lab.with(|redis| redis.set("rq:suspended", "1"));
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_paused", ""), Some(1.0));
    assert_eq!(code(&run, "all queues"), "");
    assert_eq!(code(&lab.later(3700, settings()), "all queues"), "paused");
}

#[test]
fn another_prefix_is_followed() {
    let mut lab = Lab::new(|redis| {
        redis.rpush("eu:queue:mail", "job-1");
        redis.hset("eu:job:job-1", &[("enqueued_at", "2025-12-31T23:59:50.000000Z")]);
    });
    let run = lab.run(json!({ "backend": "rq", "queues": ["mail"], "prefix": "eu", "workers": false }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(1.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(10.0));
}

#[test]
fn queues_are_registered_by_their_keys() {
    let run = Lab::new(fill).run(json!({ "backend": "rq" }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(2.0));
    let queues = run
        .report()
        .verdicts()
        .iter()
        .filter(|verdict| verdict.target.starts_with("queue "));
    assert_eq!(queues.count(), 1);
}
