//! What is not told: no server, no right, no time.

use std::time::Duration;

use bellwether_sdk::{
    FailureKind, Status,
    fake::{Fake, json},
    postgres::{Error, Rows},
};

use super::{but, healthy, part, refused, rows, run_with, verdict};
use crate::Postgres;

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
