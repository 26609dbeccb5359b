//! Large queues cost what small ones do.

use bellwether_sdk::fake::json;

use super::lab::{Lab, NOW_MS, NOW_SCORE, depth, of};

const JOBS: usize = 100_000;

/// Elements that a run may get in answer to all its commands.
const ANSWERED_MAX: usize = 200;

#[test]
fn a_hundred_thousand_jobs_are_counted_without_being_read() {
    let mut lab = Lab::new(|redis| {
        for job in 0..JOBS {
            redis.lpush("bull:mail:wait", job.to_string());
            redis.zadd(
                "bull:mail:delayed",
                (NOW_SCORE * 1e3 + 1e6 + job as f64) * 4096.0,
                job.to_string(),
            );
        }
        redis.hset("bull:mail:0", &[("timestamp", &(NOW_MS - 77_250).to_string())]);
        redis.hset("bull:mail:1", &[("timestamp", &(NOW_MS - 77_000).to_string())]);
    });
    let run = lab.run(json!({ "backend": "bullmq", "queues": ["mail"], "workers": false }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(JOBS as f64));
    assert_eq!(depth(&run, "mail", "delayed"), Some(JOBS as f64));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(77.25));
    assert!(lab.with(|redis| redis.answered) < ANSWERED_MAX);
}

#[test]
fn the_same_of_a_list_with_payloads() {
    let mut lab = Lab::new(|redis| {
        redis.sadd("queues", &["mail"]);
        for job in 0..JOBS {
            redis.lpush(
                "queue:mail",
                format!(
                    "{{\"jid\":\"{job}\",\"enqueued_at\":{}}}",
                    NOW_SCORE - (JOBS - job) as f64
                ),
            );
        }
    });
    let run = lab.run(json!({ "backend": "sidekiq", "workers": false }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(JOBS as f64));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(JOBS as f64));
    assert!(lab.with(|redis| redis.answered) < ANSWERED_MAX);
}

#[test]
fn a_hundred_queues_are_one_round_trip() {
    let mut lab = Lab::new(|redis| {
        for queue in 0..100 {
            redis.lpush(&format!("q{queue}"), "{}");
        }
    });
    let queues: Vec<String> = (0..100).map(|queue| format!("q{queue}")).collect();
    let run = lab.run(json!({ "backend": "celery", "queues": queues }));
    assert_eq!(run.value("queue_round_trips", &[]), Some(1.0));
    assert_eq!(depth(&run, "q99", "waiting"), Some(1.0));
}
