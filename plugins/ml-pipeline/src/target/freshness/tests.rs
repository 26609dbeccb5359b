use std::time::Duration;

use bellwether_sdk::{
    Status,
    fake::{Fake, Run},
};
use serde_json::json;

use super::*;
use crate::{
    MlPipeline,
    tests::fixture::{NOW, Server, ago, run_one},
};

fn judged(settings: Value, server: Server) -> Run {
    run_one(json!({ "freshness": { "t": settings } }), server)
}

fn code_of(run: &Run) -> (Status, &str) {
    let verdict = run.verdict("freshness t");
    (verdict.status, &verdict.code)
}

#[test]
fn data_that_stopped_for_more_than_two_hours_is_a_warning() {
    let of = |age| {
        let server = Server::new().json("/status", 200, json!({ "last_sync": ago(age) }));
        judged(
            json!({ "url": "http://server/", "path": "/status", "at": "/last_sync" }),
            server,
        )
    };
    let run = of(7_200);
    assert_eq!(code_of(&run), (Status::Ok, ""));
    assert_eq!(run.value("ml_data_age_seconds", &["t"]), Some(7_200.0));
    assert_eq!(
        run.value("ml_data_timestamp_seconds", &["t"]),
        Some((NOW - 7_200) as f64)
    );
    let run = of(7_261);
    assert_eq!(code_of(&run), (Status::Warning, "data_stopped"));
    assert_eq!(
        run.verdict("freshness t").summary,
        "the newest data is 2 h 1 min old, more than 2 h"
    );
}

#[test]
fn of_many_times_the_newest_counts() {
    let rows = json!([{ "at": ago(90_000) }, { "at": ago(60) }, { "at": null }]);
    let run = judged(
        json!({ "url": "http://server/rows", "at": "/*/at" }),
        Server::new().json("/rows", 200, rows),
    );
    assert_eq!(run.value("ml_data_age_seconds", &["t"]), Some(60.0));
}

#[test]
fn a_header_can_be_the_time() {
    let server = |date: &str| {
        Server::new()
            .text("/features.parquet", 200, "binary")
            .header("Last-Modified", date)
    };
    let settings =
        json!({ "url": "http://server/features.parquet", "header": "last-modified", "max_age": { "critical": "1h" } });
    let fresh = judged(settings.clone(), server("Wed, 31 Dec 2025 23:30:00 GMT"));
    assert_eq!(code_of(&fresh), (Status::Ok, ""));
    let old = judged(settings.clone(), server("Wed, 31 Dec 2025 22:30:00 GMT"));
    assert_eq!(code_of(&old), (Status::Critical, "data_stopped"));
    let none = judged(settings, Server::new().text("/features.parquet", 200, ""));
    assert_eq!(code_of(&none), (Status::Warning, "timestamp_missing"));
}

#[test]
fn a_clock_that_is_ahead_does_not_make_data_older_or_younger_than_new() {
    let server = Server::new().json("/", 200, json!({ "at": NOW + 60 }));
    let run = judged(json!({ "url": "http://server/", "at": "/at" }), server);
    assert_eq!(run.value("ml_data_age_seconds", &["t"]), Some(0.0));
}

#[test]
fn objects_that_vanish_between_two_runs_are_missed() {
    let mut counts = [1000, 990, 400].into_iter();
    let server = Server::new().answering(move |_| (200, json!({ "n": counts.next().unwrap() }).to_string()));
    let mut fake = Fake::new().with_scheduled_at_unix(NOW).with_http(server.into_answer());
    let settings = json!({ "freshness": { "t": {
        "url": "http://server/", "count": { "at": "/n", "max_drop": { "warning": 0.1, "critical": 0.5 } },
    } } });
    let codes = (0..3).map(|_| {
        let run = fake.run::<MlPipeline>(settings.clone());
        fake.advance(Duration::from_secs(60));
        code_of(&run).1.to_owned()
    });
    assert_eq!(codes.collect::<Vec<_>>(), ["", "", "objects_lost"]);
}

#[test]
fn a_list_is_counted_and_too_few_are_said() {
    let settings =
        |min: u32| json!({ "url": "http://server/", "count": { "at": "/items", "min": { "critical": min } } });
    let server = || Server::new().json("/", 200, json!({ "items": [1, 2, 3] }));
    assert_eq!(code_of(&judged(settings(3), server())), (Status::Ok, ""));
    assert_eq!(
        code_of(&judged(settings(4), server())),
        (Status::Critical, "too_few_objects")
    );
    let none = judged(settings(1), Server::new().json("/", 200, json!({})));
    assert_eq!(code_of(&none), (Status::Warning, "value_missing"));
}
