//! The plugin as the host runs it, on the fake one.

mod judged;
mod queries;
mod refusals;
mod told;

use bellwether_sdk::{
    FailureKind, Status,
    fake::{Fake, Run, assert_readme, assert_rules, assert_sample, json},
    postgres::{Error, Rows},
    report::MetricFamily,
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
    assert_readme::<Postgres>(include_str!("../../README.md"));
}

#[test]
fn every_check_of_the_sample_has_settings_that_are_understood() {
    let sample: Value = toml::from_str(include_str!("../../sample.toml")).expect("TOML");
    assert_sample(&sample, |settings| run_with(settings, healthy));
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<Postgres>(include_str!("../../rules.yml"));
}
