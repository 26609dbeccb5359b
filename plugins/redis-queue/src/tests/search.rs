//! Which queues are looked at.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, code, depth};

fn lab() -> Lab {
    Lab::new(|redis| {
        redis.sadd("queues", &["mail", "mail-eu", "video"]);
        redis.lpush("queue:mail", "{}");
    })
}

fn settings(queues: &serde_json::Value) -> serde_json::Value {
    json!({ "backend": "sidekiq", "workers": false, "queues": queues, "exclude": ["*-eu"] })
}

#[test]
fn patterns_take_in_and_leave_out() {
    let run = lab().run(settings(&json!(["mail*"])));
    assert_eq!(depth(&run, "mail", "waiting"), Some(1.0));
    assert_eq!(depth(&run, "mail-eu", "waiting"), None, "left out");
    assert_eq!(depth(&run, "video", "waiting"), None, "not asked for");
}

#[test]
fn a_name_is_looked_at_whether_it_is_registered_or_not() {
    let run = lab().run(settings(&json!(["new", "mail"])));
    assert_eq!(depth(&run, "new", "waiting"), Some(0.0));
    assert_eq!(depth(&run, "mail", "waiting"), Some(1.0));
}

#[test]
fn a_search_costs_a_round_trip_only_while_it_finds_something_new() {
    let mut lab = lab();
    assert_eq!(
        lab.run(settings(&json!(["*"]))).value("queue_round_trips", &[]),
        Some(2.0)
    );
    assert_eq!(
        lab.later(30, settings(&json!(["*"]))).value("queue_round_trips", &[]),
        Some(1.0)
    );
    lab.with(|redis| redis.sadd("queues", &["new"]));
    let run = lab.later(30, settings(&json!(["*"])));
    assert_eq!(run.value("queue_round_trips", &[]), Some(2.0));
    assert_eq!(depth(&run, "new", "waiting"), Some(0.0));
}

#[test]
fn a_queue_that_is_no_more_is_forgotten() {
    let mut lab = lab();
    lab.run(settings(&json!(["*"])));
    lab.with(|redis| redis.srem("queues", "video"));
    let run = lab.later(30, settings(&json!(["*"])));
    assert_eq!(depth(&run, "video", "waiting"), None);
    assert_eq!(depth(&run, "mail", "waiting"), Some(1.0));
}

#[test]
fn a_register_that_cannot_be_read_leaves_what_is_known() {
    let mut lab = lab();
    lab.run(settings(&json!(["*"])));
    lab.with(|redis| redis.refuse("SSCAN"));
    let run = lab.later(30, settings(&json!(["*"])));
    assert_eq!(depth(&run, "video", "waiting"), Some(0.0));
    assert_eq!(code(&run, "commands"), "command_refused");
}

#[test]
fn patterns_that_fit_nothing_are_no_good_news() {
    let run = Lab::new(|_| {}).run(settings(&json!(["*"])));
    assert_eq!(run.status(""), Status::Unknown);
    assert_eq!(code(&run, ""), "no_queues");
}

#[test]
fn there_is_a_bound_and_it_is_said() {
    let mut lab = Lab::new(|redis| {
        for number in 0..600 {
            redis.sadd("queues", &[&format!("q{number}")]);
        }
    });
    let run = lab.run(settings(&json!(["*"])));
    let queues = run
        .report()
        .verdicts()
        .iter()
        .filter(|verdict| verdict.target.starts_with("queue "));
    assert_eq!(queues.count(), 500);
    assert_eq!(code(&run, "commands"), "incomplete");
}

#[test]
fn what_does_not_fit_into_the_state_is_said_and_the_run_is_good() {
    let mut lab = lab();
    lab.fake = std::mem::take(&mut lab.fake).with_state_quota(10);
    let run = lab.run(settings(&json!(["*"])));
    assert_eq!(depth(&run, "mail", "waiting"), Some(1.0));
    assert!(run.logs[0].message.contains("limits.state"), "{:?}", run.logs);
}

/// BullMQ keeps no list of its queues: a keyspace of seven pages, the queue on the last one.
fn keyspace() -> Lab {
    Lab::new(|redis| {
        redis.scan_page = 5;
        (0..31).for_each(|key| redis.set(&format!("a{key:02}"), "other"));
        redis.hset("bull:mail:meta", &[("version", "bullmq:6.7.0")]);
    })
}

fn bullmq() -> serde_json::Value {
    json!({ "backend": "bullmq", "workers": false, "redis_health": false })
}

#[test]
fn the_first_run_walks_through_the_keyspace_and_later_ones_look_at_a_page_each() {
    let mut lab = keyspace();
    let run = lab.run(bullmq());
    assert_eq!(depth(&run, "mail", "waiting"), Some(0.0));
    assert_eq!(
        run.value("queue_round_trips", &[]),
        Some(8.0),
        "seven pages, and the queue"
    );
    lab.with(|redis| redis.hset("bull:video:meta", &[("version", "bullmq:6.7.0")]));
    for page in 1..7 {
        let run = lab.later(30, bullmq());
        assert_eq!(run.value("queue_round_trips", &[]), Some(1.0), "page {page}");
        assert_eq!(depth(&run, "mail", "waiting"), Some(0.0), "known from the first run");
        assert_eq!(depth(&run, "video", "waiting"), None, "not met yet");
    }
    assert_eq!(depth(&lab.later(30, bullmq()), "video", "waiting"), Some(0.0));
}

#[test]
fn what_a_whole_walk_did_not_meet_is_forgotten() {
    let mut lab = keyspace();
    lab.run(bullmq());
    lab.with(|redis| {
        redis.delete("bull:mail:meta");
        redis.hset("bull:video:meta", &[("version", "bullmq:6.7.0")]);
    });
    let runs: Vec<_> = (0..7).map(|_| lab.later(30, bullmq())).collect();
    assert_eq!(depth(&runs[5], "mail", "waiting"), Some(0.0), "the walk is not over");
    assert_eq!(depth(&runs[6], "mail", "waiting"), None);
    assert_eq!(depth(&runs[6], "video", "waiting"), Some(0.0));
}
