//! Consumer groups of streams.

use bellwether_sdk::{Status, fake::json};

use super::lab::{Lab, NOW_MS, assert_well, code, depth, of};
use super::tiny::{TinyGroup, TinyStream};

fn entries(ages_ms: &[u64]) -> std::collections::BTreeSet<(u64, u64)> {
    ages_ms.iter().map(|age| (NOW_MS - age, 0)).collect()
}

/// Five entries, of which two were delivered and one of them acknowledged.
fn stream() -> TinyStream {
    TinyStream {
        entries: entries(&[50_000, 40_000, 30_000, 20_000, 10_000]),
        groups: vec![TinyGroup {
            name: "mailers",
            last_delivered: (NOW_MS - 40_000, 0),
            lag: Some(3),
            pending: vec![((NOW_MS - 50_000, 0), 3_000, 4)],
            consumers: vec![("c1", 1, 9_000), ("c2", 0, 90_000)],
        }],
    }
}

fn settings() -> serde_json::Value {
    json!({ "backend": "streams", "queues": ["events"] })
}

#[test]
fn a_group_is_a_queue() {
    let mut lab = Lab::new(|redis| redis.stream("events", stream()));
    let run = lab.run(settings());
    assert_eq!(depth(&run, "events/mailers", "waiting"), Some(3.0));
    assert_eq!(depth(&run, "events/mailers", "active"), Some(1.0));
    assert_eq!(
        of(&run, "queue_oldest_age_seconds", "events/mailers"),
        Some(30.0),
        "the first that was not delivered"
    );
    assert_eq!(
        of(&run, "queue_oldest_inflight_age_seconds", "events/mailers"),
        Some(3.0),
        "since it was delivered, not since it was added"
    );
    assert_eq!(run.value("queue_round_trips", &[]), Some(2.0));
    assert_well(&run);
}

#[test]
fn lag_pending_and_consumers_have_their_own_names() {
    let mut lab = Lab::new(|redis| redis.stream("events", stream()));
    let run = lab.run(settings());
    let group = |metric: &str| run.value(metric, &["events", "mailers"]);
    assert_eq!(of(&run, "stream_length", "events"), Some(5.0));
    assert_eq!(group("stream_group_lag"), Some(3.0));
    assert_eq!(group("stream_group_pending"), Some(1.0));
    assert_eq!(group("stream_group_consumers"), Some(2.0));
    assert_eq!(group("stream_group_idle_seconds"), Some(9.0));
    assert_eq!(group("stream_group_oldest_deliveries"), Some(4.0));
}

#[test]
fn where_redis_does_not_know_the_lag_entries_are_counted() {
    let mut lab = Lab::new(|redis| {
        let mut stream = stream();
        stream.groups[0].lag = None;
        redis.stream("events", stream);
    });
    let run = lab.run(settings());
    assert_eq!(depth(&run, "events/mailers", "waiting"), Some(3.0));
    assert_eq!(run.value("stream_group_lag", &["events", "mailers"]), Some(3.0));
}

#[test]
fn where_there_are_too_many_to_count_nothing_is_made_up() {
    let mut lab = Lab::new(|redis| {
        let mut stream = stream();
        stream.entries = (1..=5_000).map(|age| (NOW_MS - age, 0)).collect();
        stream.groups[0].lag = None;
        stream.groups[0].last_delivered = (0, 0);
        redis.stream("events", stream);
    });
    let run = lab.run(settings());
    assert_eq!(depth(&run, "events/mailers", "waiting"), None);
    assert_eq!(of(&run, "queue_oldest_age_seconds", "events/mailers"), Some(5.0));
    assert_eq!(run.status("queue events/mailers"), Status::Unknown);
    assert_eq!(
        run.verdict("queue events/mailers").summary,
        "at least 100 entries wait, and Redis does not know the lag of this group"
    );
}

#[test]
fn a_consumer_that_holds_entries_and_does_nothing_is_named() {
    let mut lab = Lab::new(|redis| redis.stream("events", stream()));
    let limits = json!({ "consumer_idle_seconds": { "warning": 5 } });
    let run = lab.run(json!({ "backend": "streams", "queues": ["events"], "thresholds": limits }));
    assert_eq!(code(&run, "queue events/mailers"), "consumer_idle");
    let summary = &run.verdict("queue events/mailers").summary;
    assert_eq!(
        summary,
        "consumer c1 holds entries and has been idle for 9 s, longer than 5 s"
    );
}

#[test]
fn groups_can_be_chosen() {
    let mut lab = Lab::new(|redis| {
        let mut stream = stream();
        stream.groups.push(TinyGroup {
            name: "audit",
            lag: Some(0),
            ..TinyGroup::default()
        });
        redis.stream("events", stream);
    });
    let run = lab.run(json!({ "backend": "streams", "queues": ["events"], "groups": ["mail*"] }));
    assert_eq!(depth(&run, "events/audit", "waiting"), None);
    assert_eq!(depth(&run, "events/mailers", "waiting"), Some(3.0));
}

#[test]
fn ids_of_an_applications_own_have_no_age() {
    let mut lab = Lab::new(|redis| {
        let mut stream = stream();
        stream.entries = [(1, 0), (2, 0)].into();
        stream.groups[0].last_delivered = (1, 0);
        stream.groups[0].pending = vec![((1, 0), 7_000, 1)];
        redis.stream("events", stream);
    });
    let run = lab.run(settings());
    assert_eq!(of(&run, "queue_oldest_age_seconds", "events/mailers"), None);
    assert_eq!(
        of(&run, "queue_oldest_inflight_age_seconds", "events/mailers"),
        Some(7.0),
        "delivered by Redis' clock"
    );
}

#[test]
fn a_job_is_stuck_by_the_time_that_its_consumer_has_had_it() {
    let limits = json!({ "in_flight_seconds": { "critical": 30 } });
    let settings = || json!({ "backend": "streams", "queues": ["events"], "thresholds": limits.clone() });
    let mut lab = Lab::new(|redis| redis.stream("events", stream()));
    assert_well(&lab.run(settings()));
    lab.with(|redis| {
        let mut stream = stream();
        // The second was claimed anew, the third is with its consumer longest.
        stream.groups[0].pending = [(50_000, 3_000), (40_000, 1), (30_000, 31_000)]
            .map(|(age, idle)| ((NOW_MS - age, 0), idle, 1))
            .into();
        redis.stream("events", stream);
    });
    let run = lab.run(settings());
    assert_eq!(
        of(&run, "queue_oldest_inflight_age_seconds", "events/mailers"),
        Some(31.0)
    );
    assert_eq!(code(&run, "queue events/mailers"), "stuck");
}

/// A group with so many pending entries; `idle` says for how many seconds each has been with its consumer, by its place.
fn held(entries: u64, idle: impl Fn(u64) -> i64) -> Lab {
    Lab::new(|redis| {
        let mut stream = stream();
        let ids = (0..entries).map(|at| ((NOW_MS - 900_000 + at, 0), idle(at) * 1_000, 1));
        stream.groups[0].pending = ids.collect();
        redis.stream("events", stream);
    })
}

fn oldest_in_flight(lab: &mut Lab) -> Option<f64> {
    let run = lab.run(settings());
    assert_eq!(run.value("queue_commands_refused", &[]), Some(0.0));
    of(&run, "queue_oldest_inflight_age_seconds", "events/mailers")
}

#[test]
fn the_oldest_in_flight_is_found_behind_a_hundred_that_were_claimed_anew() {
    // All of the first page are new with their consumers, and one far behind them is not.
    let mut lab = held(20_000, |at| if at == 15_000 { 700 } else { 2 });
    assert_eq!(oldest_in_flight(&mut lab), Some(700.0));
    // More than a page of such, of which the last is the oldest.
    let mut lab = held(1_000, |at| if at < 300 { 2 } else { at.try_into().expect("small") });
    assert_eq!(oldest_in_flight(&mut lab), Some(999.0));
}

#[test]
fn where_the_first_are_the_oldest_redis_is_asked_once_more_and_no_more() {
    let searches = |lab: &mut Lab| lab.with(|redis| redis.sent.iter().filter(|words| words[0] == "XPENDING").count());
    let mut lab = held(20_000, |at| 800 - i64::try_from(at / 100).expect("small"));
    assert_eq!(oldest_in_flight(&mut lab), Some(800.0));
    assert_eq!(searches(&mut lab), 2);
    let mut lab = held(99, |_| 5);
    assert_eq!(oldest_in_flight(&mut lab), Some(5.0));
    assert_eq!(searches(&mut lab), 1);
}

#[test]
fn searching_ends_though_entries_are_claimed_all_the_time_and_where_there_are_too_many() {
    // A page of older ones each time, for ever.
    let mut lab = held(5_000, |at| 10 + i64::try_from(at / 100).expect("small") * 3);
    assert_eq!(oldest_in_flight(&mut lab), Some(40.0), "after ten searches");
    let mut lab = held(100_001, |at| if at == 50_000 { 700 } else { 2 });
    assert_eq!(oldest_in_flight(&mut lab), Some(2.0), "what was looked at");
}

#[test]
fn a_stream_that_is_not_there_is_unknown_and_no_refusal() {
    let run = Lab::new(|_| {}).run(settings());
    assert_eq!(run.status("queue events"), Status::Unknown);
    assert_eq!(code(&run, "queue events"), "unreadable");
    let summary = &run.verdict("queue events").summary;
    assert!(summary.contains("there is no stream of this name"), "{summary}");
    assert_eq!(code(&run, "commands"), "");
    assert_eq!(run.value("queue_commands_refused", &[]), Some(0.0));
}

#[test]
fn names_of_redis_exporter_have_the_database() {
    let mut lab = Lab::new(|redis| redis.stream("events", stream()));
    let run = lab.run(json!({ "backend": "streams", "queues": ["events"], "name_sets": ["redis_exporter"] }));
    assert_eq!(run.value("redis_stream_length", &["db0", "events"]), Some(5.0));
    assert_eq!(
        run.value("redis_stream_group_lag", &["db0", "events", "mailers"]),
        Some(3.0)
    );
    assert_eq!(
        run.value(
            "redis_stream_group_consumer_idle_seconds",
            &["db0", "events", "mailers", "c2"]
        ),
        Some(90.0)
    );
}

#[test]
fn the_database_is_the_one_of_the_connection() {
    for (url, database) in [
        ("redis://localhost:6379/3", "3"),
        ("rediss://cache.example.com:6379", "0"),
        ("redis://localhost/", "0"),
        ("redis+unix:///run/redis.sock?db=2", "2"),
        ("unix:///run/0/redis.sock", "0"),
    ] {
        assert_eq!(crate::database_of(url), database, "{url}");
    }
}
