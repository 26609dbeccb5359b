//! The plugin as the host runs it, on the fake one.

use std::time::Duration;

use bellwether_sdk::{
    FailureKind, Status,
    fake::{Fake, Run, assert_readme, assert_rules, assert_sample, json},
    postgres::{Error, Rows},
    report::{MetricFamily, Points},
};
use serde_json::Value;

use crate::Postgres;

/// A result: names of columns, and rows in which `None` is NULL.
fn rows(columns: &[&str], values: &[&[Option<&str>]]) -> Rows {
    let text = |value: &Option<&str>| value.map(str::to_owned);
    Rows {
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        values: values.iter().map(|row| row.iter().map(text).collect()).collect(),
        truncated: false,
        latency_ns: 4_000_000,
    }
}

type Answered = Result<Rows, Error>;

/// Which of the plugin's own queries a statement is.
fn part(sql: &str) -> &'static str {
    const PARTS: [(&str, &str); 9] = [
        ("pg_postmaster_start_time", "server"),
        ("autovacuum_max_workers", "workers"),
        ("pg_stat_user_tables", "tables"),
        ("pg_locks", "locks"),
        ("pg_stat_replication", "replicas"),
        ("pg_replication_slots", "slots"),
        ("pg_stat_wal_receiver", "standby"),
        ("pg_stat_database", "databases"),
        ("pg_database_size", "sizes"),
    ];
    let found = PARTS
        .iter()
        .find(|(words, _)| sql.contains(words))
        .map(|(_, part)| *part);
    found.unwrap_or(if sql.contains("FROM pg_stat_activity") {
        "activity"
    } else {
        "custom"
    })
}

/// A healthy primary, in the text form of PostgreSQL 15.
fn healthy(sql: &str) -> Answered {
    Ok(match part(sql) {
        "server" => rows(
            &[
                "version",
                "max_connections",
                "superuser_reserved",
                "reserved",
                "freeze_max_age",
                "standby",
                "started",
                "role",
                "sees_all",
            ],
            &[&[
                Some("15.6 (Debian 15.6-0)"),
                Some("100"),
                Some("3"),
                Some("0"),
                Some("200000000"),
                Some("f"),
                Some("1767000000.5"),
                Some("watcher"),
                Some("t"),
            ]],
        ),
        "activity" => rows(
            &[
                "database",
                "state",
                "connections",
                "transaction_age",
                "idle_age",
                "lock_wait_age",
                "waiting_for_lock",
                "pooled",
            ],
            &[
                &[
                    Some("shop"),
                    Some("active"),
                    Some("2"),
                    Some("3.5"),
                    None,
                    Some("1.25"),
                    Some("1"),
                    Some("0"),
                ],
                &[
                    Some("shop"),
                    Some("idle"),
                    Some("9"),
                    None,
                    None,
                    None,
                    Some("0"),
                    Some("4"),
                ],
                &[
                    Some("shop"),
                    Some("idle in transaction"),
                    Some("1"),
                    Some("70"),
                    Some("65"),
                    None,
                    Some("0"),
                    Some("0"),
                ],
            ],
        ),
        "locks" => rows(
            &["database", "mode", "locks", "waiting"],
            &[
                &[Some("shop"), Some("accesssharelock"), Some("5"), Some("0")],
                &[Some("shop"), Some("exclusivelock"), Some("2"), Some("1")],
            ],
        ),
        "replicas" => rows(
            &["replica", "address", "state", "sync_state", "lag_bytes", "lag_seconds"],
            &[&[
                Some("east"),
                Some("192.0.2.8"),
                Some("streaming"),
                Some("async"),
                Some("2048"),
                Some("0.5"),
            ]],
        ),
        "slots" => rows(
            &["slot", "kind", "active", "retained_bytes"],
            &[&[Some("cdc"), Some("logical"), Some("f"), Some("4096")]],
        ),
        "standby" => rows(
            &["standby", "lag_seconds", "lag_bytes", "receivers"],
            &[&[Some("f"), None, None, Some("0")]],
        ),
        "databases" => rows(
            &[
                "id",
                "database",
                "numbackends",
                "xact_commit",
                "blks_read",
                "blks_hit",
                "temp_bytes",
                "deadlocks",
                "blk_read_time",
                "connection_limit",
                "transaction_age",
                "multixact_age",
            ],
            &[
                &[
                    Some("5"),
                    Some("postgres"),
                    Some("0"),
                    Some("7"),
                    Some("0"),
                    Some("0"),
                    Some("0"),
                    Some("0"),
                    Some("0"),
                    Some("-1"),
                    Some("1000"),
                    Some("1"),
                ],
                &[
                    Some("16384"),
                    Some("shop"),
                    Some("12"),
                    Some("500"),
                    Some("10"),
                    Some("90"),
                    Some("8192"),
                    Some("2"),
                    Some("1500"),
                    Some("50"),
                    Some("21474836"),
                    Some("1"),
                ],
            ],
        ),
        "sizes" => rows(&["database", "bytes"], &[&[Some("shop"), Some("1048576")]]),
        "workers" => rows(
            &["running", "against_wraparound", "most", "enabled"],
            &[&[Some("1"), Some("0"), Some("3"), Some("t")]],
        ),
        "tables" => rows(
            &["name", "live", "dead", "vacuumed", "analyzed"],
            &[&[Some("public.orders"), Some("100"), Some("40"), Some("1767000100"), None]],
        ),
        _ => rows(
            &["status", "rows", "oldest"],
            &[
                &[Some("new"), Some("3"), Some("12.5")],
                &[Some("paid"), Some("4"), None],
            ],
        ),
    })
}

fn run_with(settings: Value, answer: impl FnMut(&str) -> Answered + 'static) -> Run {
    let mut answer = answer;
    let answered = move |slot: &str, sql: &str, parameters: &[Option<String>]| {
        assert_eq!((slot, parameters.len()), ("default", 0));
        answer(sql)
    };
    Fake::new()
        .with_connection("default", "postgres", "postgres://db.example.com/shop")
        .with_postgres(answered)
        .run::<Postgres>(settings)
}

/// As [`healthy`], but for one part.
fn but(settings: Value, odd: &'static str, answer: Answered) -> Run {
    run_with(
        settings,
        move |sql| if part(sql) == odd { answer.clone() } else { healthy(sql) },
    )
}

fn refused(state: &str, message: &str) -> Answered {
    Err(Error::Query((state.to_owned(), message.to_owned())))
}

fn verdict<'r>(run: &'r Run, target: &str) -> (Status, &'r str, &'r str) {
    let verdict = run.verdict(target);
    (verdict.status, &verdict.code, &verdict.summary)
}

fn family<'r>(run: &'r Run, name: &str) -> &'r MetricFamily {
    let families = run.report().families();
    families
        .iter()
        .find(|family| family.name == name)
        .unwrap_or_else(|| panic!("no `{name}` in {families:#?}"))
}

#[test]
fn a_healthy_server_is_ok_and_says_how_it_is() {
    let run = run_with(json!({}), healthy);
    assert_eq!(
        verdict(&run, ""),
        (
            Status::Ok,
            "",
            "PostgreSQL 15.6, 12 of 97 connections, oldest transaction 70 s"
        )
    );
    assert_eq!(run.verdict("").latency_ns, Some(4_000_000));
    assert_eq!(
        verdict(&run, "connections"),
        (
            Status::Ok,
            "",
            "12 of 97 connections used (12 %); 4 of them are a pooler's, whose clients may wait unseen: merge its own exporter"
        )
    );
    assert_eq!(
        verdict(&run, "wraparound shop"),
        (Status::Ok, "", "1 % of the way to wraparound")
    );
    assert!(
        run.report()
            .verdicts()
            .iter()
            .all(|verdict| verdict.status == Status::Ok)
    );
}

#[test]
fn the_canonical_names_are_in_base_units() {
    let run = run_with(json!({}), healthy);
    for (name, labels, value) in [
        ("postgres_up", &[][..], 1.0),
        ("postgres_server_info", &["15.6"], 1.0),
        ("postgres_connections", &["shop", "idle in transaction"], 1.0),
        ("postgres_connections_used", &[], 12.0),
        ("postgres_connections_maximum", &[], 100.0),
        ("postgres_connections_available", &[], 97.0),
        ("postgres_connections_usage_ratio", &[], 12.0 / 97.0),
        ("postgres_connections_pooled", &[], 4.0),
        ("postgres_connections_waiting_for_lock", &[], 1.0),
        ("postgres_transaction_oldest_seconds", &[], 70.0),
        ("postgres_idle_in_transaction_oldest_seconds", &[], 65.0),
        ("postgres_lock_wait_oldest_seconds", &[], 1.25),
        ("postgres_locks", &["shop", "exclusivelock"], 2.0),
        ("postgres_locks_waiting", &[], 1.0),
        ("postgres_start_time_seconds", &[], 1_767_000_000.5),
        ("postgres_standby", &[], 0.0),
        ("postgres_replica_lag_bytes", &["east", "192.0.2.8"], 2048.0),
        ("postgres_replica_lag_seconds", &["east", "192.0.2.8"], 0.5),
        (
            "postgres_replica_info",
            &["east", "192.0.2.8", "streaming", "async"],
            1.0,
        ),
        ("postgres_slot_retained_bytes", &["cdc", "logical"], 4096.0),
        ("postgres_slot_active", &["cdc", "logical"], 0.0),
        ("postgres_database_commits_total", &["shop"], 500.0),
        ("postgres_database_deadlocks_total", &["shop"], 2.0),
        ("postgres_database_temporary_bytes_total", &["shop"], 8192.0),
        ("postgres_database_block_read_seconds_total", &["shop"], 1.5),
        ("postgres_database_cache_hit_ratio", &["shop"], 0.9),
        ("postgres_database_connections_limit", &["shop"], 50.0),
        ("postgres_database_transaction_age", &["shop"], 21_474_836.0),
        ("postgres_database_size_bytes", &["shop"], 1_048_576.0),
        ("postgres_autovacuum_workers", &[], 1.0),
        ("postgres_autovacuum_workers_maximum", &[], 3.0),
        ("postgres_autovacuum_enabled", &[], 1.0),
        ("postgres_table_dead_rows", &["public.orders"], 40.0),
        (
            "postgres_table_last_vacuum_timestamp_seconds",
            &["public.orders"],
            1_767_000_100.0,
        ),
    ] {
        assert_eq!(run.value(name, labels), Some(value), "{name}");
    }
    for (name, labels) in [
        ("postgres_standby_lag_seconds", &[][..]),
        ("postgres_database_cache_hit_ratio", &["postgres"]),
        ("postgres_database_connections_limit", &["postgres"]),
        ("postgres_table_last_analyze_timestamp_seconds", &["public.orders"]),
        ("pg_up", &[]),
        ("database_connections_used", &[]),
    ] {
        assert_eq!(run.value(name, labels), None, "{name}");
    }
}

#[test]
fn the_names_of_postgres_exporter_are_its_own() {
    let run = run_with(json!({ "name_sets": ["postgres_exporter"] }), healthy);
    for (name, labels, value) in [
        ("pg_up", &[][..], 1.0),
        ("pg_stat_activity_count", &["shop", "active"], 2.0),
        (
            "pg_stat_activity_max_tx_duration",
            &["shop", "idle in transaction"],
            70.0,
        ),
        ("pg_settings_max_connections", &[], 100.0),
        ("pg_settings_superuser_reserved_connections", &[], 3.0),
        ("pg_locks_count", &["shop", "accesssharelock"], 5.0),
        ("pg_stat_database_numbackends", &["16384", "shop"], 12.0),
        ("pg_stat_database_deadlocks", &["16384", "shop"], 2.0),
        ("pg_stat_database_blk_read_time", &["16384", "shop"], 1500.0),
        ("pg_database_size_bytes", &["shop"], 1_048_576.0),
        ("pg_replication_is_replica", &[], 0.0),
        ("pg_replication_lag_seconds", &[], 0.0),
        ("pg_stat_replication_pg_wal_lsn_diff", &["east", "192.0.2.8"], 2048.0),
        ("pg_replication_slots_active", &["cdc"], 0.0),
    ] {
        assert_eq!(run.value(name, labels), Some(value), "{name}");
    }
    assert!(matches!(
        family(&run, "pg_stat_database_xact_commit").points,
        Points::Untyped(_)
    ));
    assert_eq!(run.value("postgres_up", &[]), None);
}

#[test]
fn the_pool_is_three_gauges() {
    let run = run_with(json!({ "name_sets": ["pool"], "sections": ["activity"] }), healthy);
    assert_eq!(run.value("database_connections_used", &[]), Some(12.0));
    assert_eq!(run.value("database_connections_max", &[]), Some(97.0));
    assert_eq!(run.value("db_connections", &[]), Some(12.0));
}

#[test]
fn only_wanted_sections_are_asked() {
    let asked = |sql: &str| {
        assert!(["server", "locks"].contains(&part(sql)), "{sql}");
        healthy(sql)
    };
    let run = run_with(json!({ "sections": ["locks"] }), asked);
    assert_eq!(
        run.value("postgres_connections_used", &[]),
        None,
        "what was not asked is not 0"
    );
    assert_eq!(run.verdict("").summary, "PostgreSQL 15.6");
    assert!(
        run.report()
            .verdicts()
            .iter()
            .all(|verdict| verdict.target != "connections")
    );
}

#[test]
fn databases_are_chosen_by_name() {
    let run = run_with(
        json!({ "databases": ["shop", "postgres"], "exclude_databases": ["shop"] }),
        healthy,
    );
    assert_eq!(run.value("postgres_database_commits_total", &["shop"]), None);
    assert_eq!(run.value("postgres_database_commits_total", &["postgres"]), Some(7.0));
    assert_eq!(run.value("postgres_database_size_bytes", &["shop"]), None);
}

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
fn a_server_that_cannot_be_asked_is_down_and_says_why() {
    for (error, wanted, said) in [
        (
            Error::Connect("cannot connect to 10.0.0.7:5432: connection refused".into()),
            "unreachable",
            "cannot connect to 10.0.0.7:5432: connection refused",
        ),
        (
            Error::Connect("FATAL: sorry, too many clients already".into()),
            "connections_exhausted",
            "too many clients",
        ),
        (
            Error::Connect("désolé, trop de clients sont déjà connectés (SQLSTATE 53300)".into()),
            "connections_exhausted",
            "trop de clients",
        ),
        (
            Error::Query(("53300".into(), "remaining connection slots are reserved".into())),
            "connections_exhausted",
            "no connection is left",
        ),
        (
            Error::Connect("no more connections allowed (max_client_conn)".into()),
            "connections_exhausted",
            "max_client_conn",
        ),
        (
            Error::Authentication("password authentication failed".into()),
            "login_refused",
            "login refused",
        ),
        (
            Error::Connect("query_wait_timeout (SQLSTATE 08P01)".into()),
            "connections_exhausted",
            "query_wait_timeout",
        ),
        (Error::Timeout, "timeout", "no answer in time: the server hangs, or all"),
        (
            Error::Query((
                "57014".into(),
                "no answer in time, while waiting for 10.0.0.7:5432 to answer the query".into(),
            )),
            "timeout",
            "while waiting for 10.0.0.7:5432 to answer the query: the server hangs, or all",
        ),
        (
            Error::Connect("no answer in time, while connecting to db, port 5432".into()),
            "unreachable",
            "no answer in time, while connecting to db, port 5432",
        ),
        (
            Error::Query(("57P03".into(), "the database system is starting up".into())),
            "unreachable",
            "starting up",
        ),
    ] {
        let run = run_with(json!({ "name_sets": ["canonical", "postgres_exporter"] }), move |_| {
            Err(error.clone())
        });
        let (status, code, summary) = verdict(&run, "");
        assert_eq!((status, code), (Status::Critical, wanted));
        assert!(summary.contains(said), "{summary}");
        assert_eq!(run.report().verdicts().len(), 1);
        assert_eq!(run.value("postgres_up", &[]), Some(0.0));
        assert_eq!(run.value("pg_up", &[]), Some(0.0));
        assert_eq!(run.value("postgres_not_ok_runs", &["", "critical"]), Some(1.0));
    }
}

#[test]
fn one_refused_query_costs_what_it_alone_would_have_told() {
    let run = but(
        json!({}),
        "locks",
        refused("42501", "permission denied for view pg_locks"),
    );
    assert_eq!(
        verdict(&run, "section locks"),
        (
            Status::Unknown,
            "permission_missing",
            "permission denied for view pg_locks: GRANT pg_monitor TO \"watcher\""
        )
    );
    assert_eq!(run.value("postgres_locks_waiting", &[]), None);
    assert_eq!(run.value("postgres_connections_used", &[]), Some(12.0));
    assert_eq!(run.status(""), Status::Ok);
}

#[test]
fn a_total_of_nothing_is_zero_and_not_minus_zero() {
    let none = rows(&["database", "mode", "locks", "waiting"], &[]);
    let run = but(json!({}), "locks", Ok(none));
    let waiting = run.value("postgres_locks_waiting", &[]).expect("known");
    assert!(waiting == 0.0 && waiting.is_sign_positive(), "{waiting:?}");
}

#[test]
fn every_query_may_be_refused_alone() {
    for odd in [
        "server",
        "activity",
        "locks",
        "replicas",
        "slots",
        "standby",
        "databases",
        "sizes",
        "workers",
        "tables",
    ] {
        let run = but(json!({}), odd, refused("42703", "column \"x\"\ndoes not exist"));
        let unknown: Vec<_> = run
            .report()
            .verdicts()
            .iter()
            .filter(|verdict| verdict.status == Status::Unknown)
            .collect();
        assert_eq!(unknown.len(), 1, "{odd}: {unknown:?}");
        assert_eq!(unknown[0].code, "query_failed");
        assert_eq!(unknown[0].summary, "column \"x\" does not exist (SQLSTATE 42703)");
        assert_eq!(run.value("postgres_up", &[]), Some(1.0), "{odd}: it answered");
    }
}

#[test]
fn what_our_role_may_not_see_is_said_with_what_to_grant() {
    let server = rows(
        &["version", "max_connections", "role", "sees_all"],
        &[&[Some("16.2"), Some("10"), Some("app"), Some("f")]],
    );
    let activity = rows(
        &["database", "state", "connections"],
        &[&[Some("shop"), Some("hidden"), Some("7")]],
    );
    let replicas = rows(
        &["replica", "address", "state", "lag_bytes"],
        &[&[Some("east"), Some("local"), Some(""), None]],
    );
    let run = run_with(json!({}), move |sql| match part(sql) {
        "replicas" => Ok(replicas.clone()),
        "server" => Ok(server.clone()),
        "activity" => Ok(activity.clone()),
        _ => healthy(sql),
    });
    let said = "what 7 connections do is hidden from role app: GRANT pg_monitor TO \"app\"";
    assert_eq!(
        verdict(&run, "section activity"),
        (Status::Unknown, "permission_missing", said)
    );
    let said = "how far 1 replicas are behind is hidden from role app: GRANT pg_monitor TO \"app\"";
    assert_eq!(verdict(&run, "section replication").2, said);
    assert_eq!(run.value("postgres_connections", &["shop", "hidden"]), Some(7.0));
    assert_eq!(run.value("postgres_connections_usage_ratio", &[]), Some(0.7));
    assert_eq!(
        run.value("postgres_transaction_oldest_seconds", &[]),
        None,
        "the oldest may be a hidden one"
    );
}

#[test]
fn when_the_time_is_up_nothing_more_is_asked() {
    let answered = |_: &str, sql: &str, _: &[Option<String>]| {
        assert_eq!(part(sql), "server");
        healthy(sql)
    };
    let mut fake = Fake::new()
        .with_remaining(Duration::from_millis(10))
        .with_postgres(answered);
    let run = fake.run::<Postgres>(json!({ "sections": ["locks"] }));
    assert_eq!(
        verdict(&run, "section locks"),
        (Status::Unknown, "timeout", "no answer in time")
    );
}

#[test]
fn the_host_refusing_everything_is_a_denied_run() {
    let run = run_with(json!({}), |_| {
        Err(Error::Denied("no connection is bound to `default`".into()))
    });
    assert_eq!(run.failure().kind(), FailureKind::Denied);
}

fn custom(more: impl Into<Value>) -> Value {
    let more: Value = more.into();
    let mut query = json!({ "name": "orders", "sql": "SELECT 1", "labels": ["status"], "metrics": { "rows": {} } });
    for (name, value) in more.as_object().into_iter().flatten() {
        query[name] = value.clone();
    }
    json!({ "sections": [], "queries": [query] })
}

#[test]
fn rows_of_a_custom_query_become_samples() {
    let metrics =
        json!({ "rows": { "kind": "counter", "help": "Orders." }, "oldest": { "name": "orders_age_seconds" } });
    let run = run_with(custom(json!({ "metrics": metrics })), healthy);
    let rows = family(&run, "orders_rows_total");
    assert_eq!(
        (rows.help.as_str(), &rows.label_names[..]),
        ("Orders.", &["status".to_owned()][..])
    );
    assert!(matches!(rows.points, Points::Counter(_)));
    assert_eq!(run.value("orders_rows_total", &["paid"]), Some(4.0));
    assert_eq!(run.value("orders_age_seconds", &["new"]), Some(12.5));
    assert_eq!(run.value("orders_age_seconds", &["paid"]), None, "NULL is absent");
    assert_eq!(verdict(&run, "query orders"), (Status::Ok, "", "2 rows"));
}

#[test]
fn values_of_a_custom_query_have_thresholds() {
    let metrics = json!({ "rows": { "below": { "critical": 3.5 }, "above": { "warning": 4 } }, "oldest": {} });
    let run = run_with(custom(json!({ "metrics": metrics })), healthy);
    assert_eq!(
        verdict(&run, "query orders"),
        (Status::Critical, "query_threshold", "rows of new is 3, below 3.5")
    );
}

#[test]
fn rows_that_make_no_metrics_are_said() {
    for (more, said) in [
        (json!({ "metrics": { "gone": {} } }), "the result has no column `gone`"),
        (json!({ "labels": ["nowhere"] }), "the result has no column `nowhere`"),
        (
            json!({ "labels": [] }),
            "several rows have the same labels: the first alone counts",
        ),
        (
            json!({ "metrics": { "status": {} }, "labels": ["rows"] }),
            "column `status` holds `new`, which is no number",
        ),
    ] {
        let run = run_with(custom(more), healthy);
        assert_eq!(verdict(&run, "query orders"), (Status::Unknown, "query_rows", said));
    }
    let cut = |values: &[&[Option<&str>]]| {
        Ok(Rows {
            truncated: true,
            ..rows(&["status", "rows"], values)
        })
    };
    let run = but(custom(json!({})), "custom", cut(&[]));
    let (status, code, said) = verdict(&run, "query orders");
    assert_eq!((status, code), (Status::Unknown, "query_rows"));
    assert!(
        said.contains("larger than the host takes: none of its rows could be taken, select fewer"),
        "{said}"
    );
    let high = json!({ "metrics": { "rows": { "above": { "warning": 5 } } } });
    let run = but(custom(high), "custom", cut(&[&[Some("new"), Some("7")]]));
    let (status, code, said) = verdict(&run, "query orders");
    assert_eq!((status, code), (Status::Warning, "query_threshold"));
    assert!(said.contains("all rows after the first are missing"), "{said}");
    let two: &[&[Option<&str>]] = &[&[Some("new"), Some("7")], &[Some("old"), Some("8")]];
    let run = but(custom(json!({})), "custom", cut(two));
    let said = verdict(&run, "query orders").2;
    assert!(said.contains("all rows after the first 2 are missing"), "{said}");
    let none = but(custom(json!({})), "custom", Ok(rows(&[], &[])));
    assert_eq!(verdict(&none, "query orders"), (Status::Ok, "", "0 rows"));
}

#[test]
fn a_custom_query_that_is_refused_leaves_the_others() {
    let mut settings = custom(json!({}));
    let second = json!({ "name": "secret", "sql": "SELECT secret", "metrics": { "rows": {} } });
    settings["queries"].as_array_mut().expect("a list").push(second);
    let run = run_with(settings, |sql| match sql {
        "SELECT secret" => refused("42501", "permission denied for table secrets"),
        _ => healthy(sql),
    });
    assert_eq!(run.status("query orders"), Status::Ok);
    assert_eq!(
        (run.status("query secret"), run.verdict("query secret").code.as_str()),
        (Status::Unknown, "permission_missing")
    );
    let said = &run.verdict("query secret").summary;
    assert_eq!(
        said,
        "permission denied for table secrets: GRANT SELECT ON secrets TO \"watcher\""
    );
}

#[test]
fn half_a_section_is_not_taken_for_all_of_it() {
    let whole = healthy("SELECT … FROM pg_stat_activity").expect("rows");
    let half = Rows {
        truncated: true,
        ..whole
    };
    let run = but(json!({}), "activity", Ok(half));
    assert_eq!(run.value("postgres_connections_used", &[]), None);
    let (status, code, said) = verdict(&run, "section activity");
    assert_eq!((status, code), (Status::Unknown, "denied"));
    assert!(said.contains("cut off"), "{said}");
}

#[test]
fn settings_that_make_no_sense_are_the_users_to_mend() {
    for (settings, said) in [
        (
            json!({ "queries": [{ "name": "a", "sql": "x", "metrics": { "n": {} } }, { "name": "a", "sql": "y", "metrics": { "m": {} } }] }),
            "two queries",
        ),
        (custom(json!({ "labels": ["rows"] })), "cannot be a label and a metric"),
        (
            custom(json!({ "metrics": { "rows": { "kind": "counter", "name": "orders" } } })),
            "must end in `_total`",
        ),
        (
            custom(json!({ "metrics": { "rows": { "name": "n" }, "oldest": { "name": "n" } } })),
            "two columns become the metric `n`",
        ),
        (
            custom(json!({ "metrics": { "rows": { "name": "postgres_up" } } })),
            "`postgres_up` is taken",
        ),
        (
            custom(json!({ "metrics": { "rows": { "name": "a-b" } } })),
            "`a-b` is not a metric name",
        ),
        (
            json!({ "thresholds": { "connection_percent": {} } }),
            "connection_percent",
        ),
    ] {
        let run = run_with(settings, healthy);
        assert_eq!(run.failure().kind(), FailureKind::Settings);
        assert!(run.failure().message().contains(said), "{}", run.failure());
    }
}

#[test]
fn the_readme_names_every_metric_and_code() {
    assert_readme::<Postgres>(include_str!("../README.md"));
}

#[test]
fn every_check_of_the_sample_has_settings_that_are_understood() {
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_sample(&sample, |settings| run_with(settings, healthy));
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<Postgres>(include_str!("../rules.yml"));
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

#[test]
fn queries_whose_labels_are_too_long_for_the_host_lose_their_metrics_and_no_verdict() {
    let query = |index: usize| json!({ "name": format!("q{index}"), "sql": "SELECT", "labels": ["l", "m"], "metrics": { "a": {} } });
    let queries: Vec<Value> = (0..10).map(query).collect();
    let answered = |sql: &str, _: &[Option<String>]| -> Answered {
        if sql != "SELECT" {
            return healthy(sql);
        }
        let label = |index: usize, fill: &str| Some(format!("{index}{}", fill.repeat(1_000)));
        let row = |index: usize| vec![Some("1".to_owned()), label(index, "x"), label(index, "y")];
        let mut result = rows(&["a", "l", "m"], &[]);
        result.values = (0..900).map(row).collect();
        Ok(result)
    };
    let mut fake = Fake::new().with_postgres(move |_, sql, parameters| answered(sql, parameters));
    let run = fake.run::<Postgres>(json!({ "sections": [], "queries": queries }));
    for index in 0..10 {
        assert_eq!(run.status(&format!("query q{index}")), Status::Ok);
    }
    let families = run.report().families().iter();
    let kept = families.filter(|family| family.name.starts_with('q')).count();
    assert!((1..10).contains(&kept), "{kept} of 10 stay");
    let line = run
        .logs
        .iter()
        .find(|line| line.message.contains("left out"))
        .expect("a line");
    assert!(
        line.fields
            .contains(&("series".to_owned(), ((10 - kept) * 900).to_string())),
        "{line:?}"
    );
}
