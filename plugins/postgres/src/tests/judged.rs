//! Thresholds, standbys and deadlocks: which verdicts they make.

use bellwether_sdk::{
    Status,
    fake::{Fake, json},
};

use super::{but, healthy, part, rows, run_with, verdict};
use crate::Postgres;

#[test]
fn thresholds_make_verdicts() {
    let settings = json!({ "thresholds": {
        "connections_percent": { "warning": 10, "critical": 50 },
        "transaction_seconds": { "warning": 60, "critical": 600 },
        "idle_in_transaction_seconds": { "critical": 65 },
        "locks_waiting": { "warning": 2 },
        "lock_wait_seconds": { "warning": 1 },
        "replication_lag_seconds": { "warning": 30 },
        "replication_lag_bytes": { "warning": 1024, "critical": 1_000_000 },
        "slot_retained_bytes": { "critical": 4096 },
        "wraparound_percent": { "warning": 0.5 },
        "cache_hit_percent": { "warning": 95, "critical": 80 },
        "database_bytes": { "warning": 1_000_000 },
    } });
    let run = run_with(settings, healthy);
    for (target, wanted) in [
        (
            "transactions",
            (
                Status::Warning,
                "transaction_old",
                "oldest transaction 70 s, at or above 60 s",
            ),
        ),
        (
            "idle in transaction",
            (
                Status::Critical,
                "idle_in_transaction",
                "idle in transaction for 65 s, at or above 65 s",
            ),
        ),
        ("locks", (Status::Ok, "", "1 locks waited for")),
        (
            "lock waits",
            (
                Status::Warning,
                "locks_waiting",
                "waiting for a lock for 1 s, at or above 1 s",
            ),
        ),
        (
            "replica east 192.0.2.8",
            (Status::Warning, "replication_lag", "500 ms, 2.0 KiB behind"),
        ),
        (
            "slot cdc",
            (
                Status::Critical,
                "slot_retains",
                "slot keeps 4.0 KiB, and nobody receives, at or above 4.0 KiB",
            ),
        ),
        (
            "wraparound shop",
            (
                Status::Warning,
                "wraparound_near",
                "1 % of the way to wraparound, at or above 0.5 %",
            ),
        ),
        ("wraparound postgres", (Status::Ok, "", "0 % of the way to wraparound")),
        (
            "cache shop",
            (
                Status::Warning,
                "cache_hit_low",
                "90.0 % of blocks found in memory, below 95 %",
            ),
        ),
        (
            "size shop",
            (
                Status::Warning,
                "database_large",
                "shop has 1.0 MiB, at or above 976 KiB",
            ),
        ),
    ] {
        if target == "size shop" {
            assert_eq!(verdict(&run, target).1, wanted.1);
        } else {
            assert_eq!(verdict(&run, target), wanted);
        }
    }
    assert_eq!(
        (run.status("connections"), run.verdict("connections").code.as_str()),
        (Status::Warning, "connections_high")
    );
}

#[test]
fn empty_levels_judge_nothing() {
    let run = run_with(
        json!({ "thresholds": { "connections_percent": {}, "wraparound_percent": {} } }),
        healthy,
    );
    assert_eq!(run.report().verdicts().len(), 1, "{:?}", run.report().verdicts());
}

#[test]
fn a_standby_says_how_far_it_is_behind_and_whether_it_receives() {
    let columns = ["standby", "lag_seconds", "lag_bytes", "receivers"];
    let behind = rows(&columns, &[&[Some("t"), Some("45"), Some("1024"), Some("0")]]);
    let settings = json!({ "thresholds": { "replication_lag_seconds": { "warning": 30, "critical": 60 } } });
    let run = but(settings, "standby", Ok(behind));
    assert_eq!(
        verdict(&run, "standby"),
        (Status::Warning, "replication_lag", "45 s, 1.0 KiB behind")
    );
    assert_eq!(
        (
            run.status("standby connection"),
            run.verdict("standby connection").code.as_str()
        ),
        (Status::Warning, "replication_stopped")
    );
    assert_eq!(run.value("postgres_standby_lag_seconds", &[]), Some(45.0));
    assert_eq!(run.value("postgres_standby_receiving", &[]), Some(0.0));
}

#[test]
fn a_standby_that_replays_from_an_archive_is_not_behind_by_less_than_nothing() {
    let columns = ["standby", "lag_seconds", "lag_bytes", "receivers"];
    for (said, lag) in [("-16777216", 0.0), ("-0", 0.0), ("0", 0.0), ("7", 7.0)] {
        let ahead = rows(&columns, &[&[Some("t"), Some("0"), Some(said), Some("1")]]);
        let run = but(json!({}), "standby", Ok(ahead));
        let bytes = run.value("postgres_standby_lag_bytes", &[]).expect("known");
        assert!(bytes == lag && bytes.is_sign_positive(), "{said}: {bytes:?}");
    }
}

#[test]
fn a_standby_that_cannot_tell_how_far_it_is_behind_has_no_lag() {
    let columns = ["standby", "lag_seconds", "lag_bytes", "receivers"];
    let unknown = rows(&columns, &[&[Some("t"), None, None, Some("0")]]);
    let run = but(json!({}), "standby", Ok(unknown));
    assert_eq!(run.value("postgres_standby_lag_seconds", &[]), None);
    assert_eq!(run.value("postgres_standby_lag_bytes", &[]), None);
    assert_eq!(run.value("postgres_standby_receiving", &[]), Some(0.0));
    assert_eq!(run.status("standby connection"), Status::Warning);
}

#[test]
fn deadlocks_since_the_runs_before_are_counted() {
    let mut deadlocks = 40..;
    let answer = move |sql: &str| match part(sql) {
        "databases" => {
            let total = deadlocks.next().map(|total| (total * 3).to_string());
            Ok(rows(
                &["id", "database", "deadlocks"],
                &[&[Some("16384"), Some("shop"), total.as_deref()]],
            ))
        }
        _ => healthy(sql),
    };
    let mut answer = answer;
    let mut fake = Fake::new()
        .with_connection("default", "postgres", "postgres://db.example.com/shop")
        .with_postgres(move |_: &str, sql: &str, _: &[Option<String>]| answer(sql));
    let recent = (0..3).map(|_| {
        fake.run::<Postgres>(json!({}))
            .value("postgres_database_recent_deadlocks", &["shop"])
    });
    assert_eq!(recent.collect::<Vec<_>>(), [None, Some(3.0), Some(6.0)]);
}
