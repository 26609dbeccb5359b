//! What is left when Redis, or the way to it, refuses a part.

use bellwether_sdk::{FailureKind, Status, fake::json, redis};

use super::lab::{Lab, NOW_SCORE, code, depth, of, silent};
use crate::RedisQueue;

fn lab() -> Lab {
    Lab::new(|redis| {
        redis.sadd("queues", &["mail"]);
        redis.lpush("queue:mail", format!("{{\"enqueued_at\":{}}}", NOW_SCORE - 5.0));
        redis.zadd("dead", 1.0, "{}");
        redis.info = "used_memory:5\r\nmaxmemory:0\r\n".to_owned();
    })
}

fn settings() -> serde_json::Value {
    json!({ "backend": "sidekiq", "workers": false })
}

#[test]
fn one_refused_command_is_one_gap() {
    for (refused, metric, labels) in [
        ("LINDEX", "queue_oldest_age_seconds", ["mail"].as_slice()),
        ("SISMEMBER", "queue_paused", &["mail"]),
        ("INFO", "redis_server_memory_used_bytes", &[]),
        ("GET", "queue_processed_total", &[""]),
    ] {
        let mut lab = lab();
        assert!(
            lab.run(settings()).value(metric, labels).is_some(),
            "{metric} without refusals"
        );
        lab.with(|redis| redis.refuse(refused));
        let run = lab.later(30, settings());
        assert_eq!(run.value(metric, labels), None, "{refused}");
        assert_eq!(depth(&run, "mail", "waiting"), Some(1.0), "{refused}");
        assert_eq!(run.status("queue mail"), Status::Ok, "{refused}");
        assert_eq!(code(&run, "commands"), "command_refused", "{refused}");
        let summary = &run.verdict("commands").summary;
        assert!(summary.starts_with(refused) && summary.contains("NOPERM"), "{summary}");
    }
}

fn job(bytes: usize) -> String {
    format!(
        "{{\"args\":[\"{}\"],\"enqueued_at\":{}}}",
        "x".repeat(bytes),
        NOW_SCORE - 5.0
    )
}

#[test]
fn a_job_that_is_too_large_to_be_read_costs_its_age_and_nothing_else() {
    let run = Lab::new(|redis| {
        for number in 0..20 {
            redis.sadd("queues", &[&format!("q{number}")]);
            redis.lpush(&format!("queue:q{number}"), job(500_000));
        }
        for name in ["huge", "huger"] {
            redis.sadd("queues", &[name]);
            redis.lpush(&format!("queue:{name}"), job(9 << 20));
        }
    })
    .run(settings());
    for number in 0..20 {
        let queue = format!("q{number}");
        assert_eq!(of(&run, "queue_oldest_age_seconds", &queue), Some(5.0), "{queue}");
    }
    for queue in ["huge", "huger"] {
        assert_eq!(depth(&run, queue, "waiting"), Some(1.0));
        assert_eq!(run.value("queue_oldest_age_seconds", &[queue]), None);
        assert_eq!(run.status(&format!("queue {queue}")), Status::Ok);
    }
    let said = &run.verdict("commands").summary;
    assert!(said.contains("queue:huge") && said.contains("TOOLARGE"), "{said}");
}

#[test]
fn threads_are_counted_though_their_jobs_are_too_large_to_be_read() {
    let work = format!(
        "{{\"queue\":\"a\",\"run_at\":1767225570,\"payload\":\"{}\"}}",
        "x".repeat(60_000)
    );
    let names: Vec<String> = (0..200).map(|number| format!("t{number}")).collect();
    let run = Lab::new(|redis| {
        redis.sadd("processes", &["web1"]);
        redis.hset(
            "web1",
            &[
                ("info", "{\"queues\":[\"a\",1,[\"b\"],{\"c\":2}]}"),
                ("beat", &NOW_SCORE.to_string()),
            ],
        );
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), work.as_str())).collect();
        redis.hset("web1:work", &fields);
    })
    .run(json!({ "backend": "sidekiq" }));
    assert_eq!(depth(&run, "", "active"), Some(200.0));
    assert_eq!(code(&run, "commands"), "command_refused");
}

#[test]
fn a_depth_that_is_refused_is_unknown_and_never_zero() {
    let mut lab = lab();
    lab.with(|redis| redis.refuse("LLEN"));
    let run = lab.run(settings());
    assert_eq!(depth(&run, "mail", "waiting"), None);
    assert_eq!(
        (run.status("queue mail"), code(&run, "queue mail").as_str()),
        (Status::Unknown, "unreadable")
    );
    assert!(run.verdict("queue mail").summary.contains("NOPERM"));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), Some(5.0));
    assert_eq!(run.value("queue_commands_refused", &[]), Some(1.0));
}

#[test]
fn one_of_several_lists_that_is_refused_makes_the_sum_unknown() {
    let mut lab = Lab::new(|redis| {
        redis.lpush("bull:mail:wait", "1");
        redis.refuse("ZCARD");
    });
    let run = lab.run(json!({ "backend": "bullmq", "queues": ["mail"], "workers": false }));
    assert_eq!(depth(&run, "mail", "waiting"), None);
    assert_eq!(run.value("queue_waiting_jobs", &["mail", "wait"]), Some(1.0));
}

#[test]
fn workers_that_cannot_be_asked_for_are_not_missed() {
    let mut lab = lab();
    lab.with(|redis| redis.refuse("SSCAN"));
    let run = lab.run(json!({ "backend": "sidekiq", "queues": ["mail"] }));
    assert_eq!(of(&run, "queue_workers", "mail"), None);
    assert_eq!(run.status("queue mail"), Status::Ok);
}

#[test]
fn a_redis_that_cannot_be_asked_at_all_is_a_failure() {
    let cases = [
        (redis::Error::Connect("refused".into()), FailureKind::Target),
        (redis::Error::Authentication("WRONGPASS".into()), FailureKind::Target),
        (redis::Error::Timeout, FailureKind::Target),
        (redis::Error::Denied("no connection".into()), FailureKind::Denied),
    ];
    for (error, kind) in cases {
        let run = silent(error).run::<RedisQueue>(settings());
        assert_eq!(run.failure().kind(), kind);
    }
}

#[test]
fn what_is_known_survives_a_second_round_trip_that_fails() {
    let mut fake = bellwether_sdk::fake::Fake::new().with_redis(move |_, words| match words[0].as_str() {
        "HGET" => Err(redis::Error::Timeout),
        "LLEN" => Ok(vec![redis::Node::Integer(3)]),
        "LRANGE" => Ok(vec![redis::Node::Array(1), redis::Node::Bulk(b"job-1".to_vec())]),
        "ZCARD" | "ZCOUNT" | "EXISTS" => Ok(vec![redis::Node::Integer(0)]),
        _ => Ok(vec![redis::Node::Array(0)]),
    });
    let run =
        fake.run::<RedisQueue>(json!({ "backend": "rq", "queues": ["mail"], "workers": false, "redis_health": false }));
    assert_eq!(depth(&run, "mail", "waiting"), Some(3.0));
    assert_eq!(of(&run, "queue_oldest_age_seconds", "mail"), None);
    assert_eq!(code(&run, "commands"), "incomplete");
    assert_eq!(run.verdict("commands").summary, "Redis did not answer in time");
}

#[test]
fn answers_of_another_shape_leave_gaps() {
    let mut fake =
        bellwether_sdk::fake::Fake::new().with_redis(|_, _| Ok(vec![redis::Node::Array(1), redis::Node::Nil]));
    for backend in [
        "celery", "rq", "sidekiq", "bullmq", "resque", "arq", "dramatiq", "asynq",
    ] {
        let run = fake.run::<RedisQueue>(json!({ "backend": backend, "queues": ["mail"] }));
        assert_eq!(depth(&run, "mail", "waiting"), None, "{backend}");
        assert_eq!(run.status("queue mail"), Status::Unknown, "{backend}");
    }
}
