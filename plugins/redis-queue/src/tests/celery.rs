//! Celery.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, NOW_SCORE, assert_well, code, depth, of};
use super::tiny::Tiny;

/// A worker binds a queue of its own for remote control.
fn worker(redis: &mut Tiny, prefix: &str, name: &str) {
    let key = format!("{prefix}_kombu.binding.celery.pidbox");
    redis.sadd(&key, &[&format!("\u{6}\u{16}\u{6}\u{16}{name}.celery.pidbox")]);
}

fn lab() -> Lab {
    Lab::new(|redis| {
        for task in 0..3 {
            redis.lpush("reservations", format!("{{\"headers\":{{\"id\":\"{task}\"}}}}"));
        }
        redis.lpush("reservations\u{6}\u{16}3", "{}");
        redis.lpush("reservations\u{6}\u{16}9", "{}");
        redis.hset("unacked", &[("tag-1", "[]"), ("tag-2", "[]")]);
        redis.zadd("unacked_index", NOW_SCORE - 40.5, "tag-1");
        redis.zadd("unacked_index", NOW_SCORE - 10.0, "tag-2");
        worker(redis, "", "celery@web1");
        worker(redis, "", "celery@web2");
    })
}

#[test]
fn the_form_of_the_first_example_works() {
    let run = lab().run(json!({ "backend": "celery", "queues": ["reservations"] }));
    assert_eq!(depth(&run, "reservations", "waiting"), Some(5.0));
    assert_well(&run);
}

#[test]
fn priorities_are_lists_of_their_own() {
    let run = lab().run(json!({ "backend": "celery", "queues": ["reservations"] }));
    let part = |priority: &str| run.value("queue_waiting_jobs", &["reservations", priority]);
    assert_eq!(part("priority 0"), Some(3.0));
    assert_eq!(part("priority 3"), Some(1.0));
    assert_eq!(part("priority 6"), Some(0.0));
    assert_eq!(part("priority 9"), Some(1.0));
}

#[test]
fn what_workers_hold_belongs_to_all_queues() {
    let run = lab().run(json!({ "backend": "celery", "queues": ["reservations"] }));
    assert_eq!(depth(&run, "", "active"), Some(2.0));
    assert_eq!(of(&run, "queue_oldest_inflight_age_seconds", ""), Some(40.5));
    assert_eq!(of(&run, "queue_workers", "reservations"), Some(2.0));
    assert_eq!(
        run.value("queue_worker_last_heartbeat_age_seconds", &[]),
        None,
        "they have none"
    );
    assert_eq!(run.value("queue_round_trips", &[]), Some(1.0));
}

#[test]
fn more_than_a_hundred_reservations_are_warned_of() {
    let mut lab = Lab::new(|redis| {
        (0..100).for_each(|_| redis.lpush("reservations", "{}"));
        worker(redis, "", "celery@web1");
    });
    let settings = || json!({ "backend": "celery", "queues": ["reservations"] });
    assert_eq!(lab.run(settings()).status("queue reservations"), Status::Ok);
    lab.with(|redis| redis.lpush("reservations", "{}"));
    let run = lab.later(30, settings());
    assert_eq!(run.status("queue reservations"), Status::Warning);
    assert_eq!(code(&run, "queue reservations"), "backing_up");
    assert_eq!(
        run.verdict("queue reservations").summary,
        "101 jobs waiting, more than 100"
    );
}

#[test]
fn a_message_has_an_age_only_where_the_application_writes_one() {
    let mut lab = Lab::new(|redis| {
        redis.lpush(
            "celery",
            format!("{{\"headers\":{{\"enqueued_at\":{}}}}}", NOW_SCORE - 90.0),
        );
        redis.lpush(
            "celery",
            format!("{{\"headers\":{{\"enqueued_at\":{}}}}}", NOW_SCORE - 5.0),
        );
        redis.lpush(
            "celery\u{6}\u{16}9",
            format!("{{\"headers\":{{\"enqueued_at\":{}}}}}", NOW_SCORE - 120.0),
        );
    });
    let without = lab.run(json!({ "backend": "celery", "workers": false }));
    assert_eq!(of(&without, "queue_oldest_age_seconds", "celery"), None);
    let pointer = json!({ "timestamp": "/headers/enqueued_at" });
    let run = lab.run(json!({ "backend": "celery", "workers": false, "celery": pointer }));
    assert_eq!(
        of(&run, "queue_oldest_age_seconds", "celery"),
        Some(120.0),
        "of all priorities"
    );
}

#[test]
fn a_key_prefix_stands_before_everything() {
    let mut lab = Lab::new(|redis| {
        redis.lpush("app1-celery", "{}");
        redis.hset("app1-unacked", &[("tag", "[]")]);
        worker(redis, "app1-", "celery@web1");
    });
    let run = lab.run(json!({ "backend": "celery", "prefix": "app1-" }));
    assert_eq!(depth(&run, "celery", "waiting"), Some(1.0));
    assert_eq!(depth(&run, "", "active"), Some(1.0));
    assert_eq!(of(&run, "queue_workers", "celery"), Some(1.0));
}

#[test]
fn tasks_without_any_worker_are_critical() {
    let mut lab = Lab::new(|redis| redis.lpush("celery", "{}"));
    let run = lab.run(json!({ "backend": "celery" }));
    assert_eq!(run.status("queue celery"), Status::Critical);
    assert_eq!(code(&run, "queue celery"), "no_workers");
    assert_well(&lab.run(json!({ "backend": "celery", "thresholds": { "no_workers": false } })));
}

#[test]
fn queues_are_found_by_what_kombu_binds() {
    let mut lab = Lab::new(|redis| {
        redis.sadd("_kombu.binding.celery", &["celery\u{6}\u{16}\u{6}\u{16}celery"]);
        redis.sadd(
            "_kombu.binding.mails",
            &["m\u{6}\u{16}\u{6}\u{16}mail-eu", "m\u{6}\u{16}\u{6}\u{16}mail-us"],
        );
        redis.sadd(
            "_kombu.binding.celery.pidbox",
            &["\u{6}\u{16}\u{6}\u{16}celery@web1.celery.pidbox"],
        );
        redis.sadd(
            "_kombu.binding.celeryev",
            &["worker.#\u{6}\u{16}\u{6}\u{16}celeryev.f00"],
        );
        redis.lpush("mail-eu", "{}");
    });
    let run = lab.run(json!({ "backend": "celery", "queues": ["*"], "exclude": ["*-us"], "workers": false }));
    assert_eq!(depth(&run, "mail-eu", "waiting"), Some(1.0));
    assert_eq!(depth(&run, "celery", "waiting"), Some(0.0));
    let queues = run
        .report()
        .verdicts()
        .iter()
        .filter(|verdict| verdict.target.starts_with("queue "));
    assert_eq!(queues.count(), 2);
}

#[test]
fn messages_that_workers_hold_are_told_apart_when_asked_for() {
    let held =
        |eta: &str, queue: &str| format!("[{{\"body\":\"W10=\",\"headers\":{{\"eta\":{eta}}}}},\"\",\"{queue}\"]");
    let mut lab = Lab::new(|redis| {
        let later = held("\"2026-01-01T01:00:00+00:00\"", "slow");
        let due = held("\"2025-12-31T23:00:00+00:00\"", "slow");
        let other = held("null", "elsewhere");
        let held = [
            ("tag-1", held("null", "slow")),
            ("tag-2", later),
            ("tag-3", due),
            ("tag-4", other),
        ];
        for (age, (tag, message)) in held.iter().enumerate() {
            redis.hset("unacked", &[(tag, message)]);
            redis.zadd("unacked_index", NOW_SCORE - 40.0 + age as f64, *tag);
        }
    });
    let celery = json!({ "look_into_unacked": true });
    let settings = json!({ "backend": "celery", "queues": ["slow"], "workers": false, "celery": celery });
    let run = lab.run(settings.clone());
    assert_eq!(depth(&run, "slow", "active"), Some(2.0));
    assert_eq!(depth(&run, "slow", "delayed"), Some(1.0));
    assert_eq!(depth(&run, "", "active"), None, "it would be counted twice");
    assert_eq!(of(&run, "queue_oldest_inflight_age_seconds", "slow"), Some(40.0));
    assert_eq!(run.value("queue_round_trips", &[]), Some(2.0));
    let more = |redis: &mut Tiny, tags: std::ops::Range<u32>| {
        for tag in tags {
            let later = held("\"2026-01-01T01:00:00+00:00\"", "slow");
            redis.hset("unacked", &[(&format!("more-{tag}"), &later)]);
            redis.zadd("unacked_index", NOW_SCORE, format!("more-{tag}"));
        }
    };
    lab.with(|redis| more(redis, 0..996));
    let run = lab.run(settings.clone());
    assert_eq!(depth(&run, "slow", "delayed"), Some(997.0));
    assert_eq!(depth(&run, "slow", "active"), Some(2.0));
    assert_eq!(code(&run, "commands"), "");
    lab.with(|redis| more(redis, 996..1_000));
    let run = lab.run(settings);
    assert_eq!(depth(&run, "", "active"), Some(1_004.0), "too many to be looked into");
    assert_eq!(depth(&run, "slow", "active"), None);
    assert_eq!(code(&run, "commands"), "incomplete");
    let summary = &run.verdict("commands").summary;
    assert!(summary.contains("hold 1004 messages"), "{summary}");
}
