//! Without a pooler.

use super::{
    AVAILABLE, check, knows, once,
    sessions::Session,
    started::{OWNER, Started},
    support::host::{PATIENCE, Place},
    until, used_and_max,
};

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_and_judged_until_the_last_is_gone() {
    let started = Started::new().await;
    let place = Place::new(&check("direct", started.port, ""));
    let alone = until(&place, "direct", |said| used_and_max(said) == (Some(1.0), Some(17.0)));
    assert_eq!(alone.judged("connections").0, "ok");
    let mut held = Session::idle(13, started.port);
    // Those, and our own.
    let many = until(&place, "direct", |said| used_and_max(said).0 == Some(14.0));
    assert_eq!(
        many.judged("connections"),
        (
            "warning",
            "connections_high",
            "14 of 17 connections used (82 %), at or above 80 %"
        )
    );
    held.extend(Session::idle(3, started.port));
    let full = until(&place, "direct", |said| used_and_max(said).0 == Some(17.0));
    assert_eq!(full.sample("shop_postgres_connections_usage_ratio", &[]), Some(1.0));
    let labels = [("database", "postgres"), ("state", "idle")];
    assert_eq!(full.sample("shop_postgres_connections", &labels), Some(16.0));
    assert_eq!(full.judged("connections").0, "critical");
    // Our own was given back when the run ended, and somebody else is quicker.
    held.push(Session::open_in_time(started.port, "monitor", "SELECT 1"));
    let shut_out = once(&place, "direct");
    let (status, code, summary) = shut_out.judged("");
    assert_eq!((status, code), ("critical", "connections_exhausted"), "{summary}");
    assert!(summary.contains("53300"), "{summary}");
    assert_eq!(shut_out.sample("shop_postgres_up", &[]), Some(0.0));
    assert!(
        Session::open(started.port, OWNER, "SELECT 1").is_some(),
        "the operator gets in"
    );
    drop(held);
    let after = until(&place, "direct", |said| used_and_max(said).0 == Some(1.0));
    assert_eq!(after.judged("connections").0, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_there_first_keeps_its_connection_and_sees_the_rest_go() {
    let started = Started::new().await;
    let place = Place::new(&check("direct", started.port, ""));
    let host = place.run_with(knows);
    assert_eq!(host.value("shop_database_connections_used{check=\"direct\"}"), 1.0);
    let held = Session::idle(AVAILABLE - 1, started.port);
    assert!(
        Session::open(started.port, "monitor", "SELECT 1").is_none(),
        "the host has the last one"
    );
    let used = host.reaches("shop_database_connections_used{check=\"direct\"}", AVAILABLE as f64);
    let most = host.value("shop_database_connections_max{check=\"direct\"}");
    assert!(used / most > 0.9, "{used} of {most}");
    let judged = "bellwether_check_status{check=\"direct\",target=\"connections\",status=\"critical\"}";
    assert_eq!(host.reaches(judged, 1.0), 1.0);
    drop(held);
    let healthy = "bellwether_check_status{check=\"direct\",target=\"connections\",status=\"ok\"}";
    assert_eq!(host.reaches(healthy, 1.0), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_left_open_is_told_with_its_age() {
    let started = Started::new().await;
    let more = "settings.thresholds.idle_in_transaction_seconds = { warning = 0.3 }\n\
                settings.thresholds.transaction_seconds = { critical = 0.3 }\n";
    let place = Place::new(&check("direct", started.port, more));
    let before = once(&place, "direct");
    assert_eq!(before.judged("idle in transaction").0, "ok");
    let _left = Session::in_transaction(1, started.port);
    let said = until(&place, "direct", |said| said.judged("idle in transaction").0 != "ok");
    let (status, code, summary) = said.judged("idle in transaction");
    assert_eq!((status, code), ("warning", "idle_in_transaction"), "{summary}");
    assert_eq!(said.judged("transactions").1, "transaction_old");
    let labels = [("database", "postgres"), ("state", "idle in transaction")];
    assert_eq!(said.sample("shop_postgres_connections", &labels), Some(1.0));
    let age = said.sample("shop_postgres_idle_in_transaction_oldest_seconds", &[]);
    assert!(
        age.is_some_and(|age| (0.3..PATIENCE.as_secs_f64()).contains(&age)),
        "{age:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_one_s_own_becomes_metrics_and_a_verdict() {
    let started = Started::new().await;
    started.operate("INSERT INTO jobs SELECT 10 + n, 'failed', now() FROM generate_series(1, 5) AS n");
    let more = "[[check.direct.settings.queries]]\nname = \"jobs\"\nlabels = [\"state\"]\n\
                sql = \"SELECT coalesce(state, 'none') AS state, count(*) AS rows, min(id) AS first FROM jobs GROUP BY 1\"\n\
                metrics.rows = { help = \"Jobs by state.\", above = { warning = 3, critical = 9 } }\n\
                metrics.first = { kind = \"counter\", name = \"seen_first_total\" }\n\
                [[check.direct.settings.queries]]\nname = \"broken\"\nsql = \"SELECT no_such_column FROM jobs\"\nmetrics.a = {}\n";
    let place = Place::new(&check("direct", started.port, more));
    let said = once(&place, "direct");
    for (state, rows, first) in [("waiting", 1.0, 1.0), ("failed", 5.0, 11.0), ("none", 1.0, 2.0)] {
        let labels = [("state", state)];
        assert_eq!(said.sample("shop_jobs_rows", &labels), Some(rows), "{state}");
        assert_eq!(said.sample("shop_seen_first_total", &labels), Some(first), "{state}");
    }
    assert_eq!(
        said.judged("query jobs"),
        ("warning", "query_threshold", "rows of failed is 5, at or above 3")
    );
    let (status, code, summary) = said.judged("query broken");
    assert_eq!((status, code), ("unknown", "query_failed"));
    assert!(
        summary.contains("no_such_column") && summary.contains("42703"),
        "{summary}"
    );
    assert_eq!(said.judged("").0, "ok", "the rest stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_more_than_the_host_takes_are_not_ok() {
    let started = Started::new().await;
    let more = "settings.sections = []\n[[check.direct.settings.queries]]\nname = \"big\"\nlabels = [\"l\"]\n\
                sql = \"SELECT repeat('x', 10000000) AS l, 5000 AS a\"\nmetrics.a = { above = { warning = 3000 } }\n";
    let place = Place::new(&check("direct", started.port, more));
    let said = once(&place, "direct");
    let (status, code, summary) = said.judged("query big");
    assert_eq!((status, code), ("unknown", "query_rows"), "{summary}");
    assert!(summary.contains("none of its rows could be taken"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_see_everything_costs_what_it_may_not_see() {
    let started = Started::new().await;
    started.operate("REVOKE pg_monitor FROM monitor; CREATE TABLE secret (id int)");
    let more = "[[check.direct.settings.queries]]\nname = \"secret\"\nsql = \"SELECT count(*) AS rows FROM secret\"\nmetrics.rows = {}\n\
                [[check.direct.settings.queries]]\nname = \"jobs\"\nsql = \"SELECT count(*) AS rows FROM jobs\"\nmetrics.rows = {}\n";
    let place = Place::new(&check("direct", started.port, more));
    let _others = [(); 2].map(|()| Session::open(started.port, OWNER, "BEGIN; SELECT 1"));
    // Counted all the same.
    let said = until(&place, "direct", |said| used_and_max(said) == (Some(3.0), Some(17.0)));
    let (status, code, summary) = said.judged("section activity");
    assert_eq!((status, code), ("unknown", "permission_missing"));
    assert!(summary.contains("GRANT pg_monitor TO \"monitor\""), "{summary}");
    let labels = [("database", "postgres"), ("state", "hidden")];
    assert_eq!(said.sample("shop_postgres_connections", &labels), Some(2.0));
    assert_eq!(said.sample("shop_postgres_transaction_oldest_seconds", &[]), None);
    let (status, code, summary) = said.judged("query secret");
    assert_eq!((status, code), ("unknown", "permission_missing"), "{summary}");
    assert!(summary.contains("GRANT SELECT ON secret TO \"monitor\""), "{summary}");
    started.operate("GRANT SELECT ON secret TO \"monitor\"");
    assert_eq!(
        once(&place, "direct").judged("query secret").0,
        "ok",
        "the advice mends it"
    );
    assert_eq!(said.sample("shop_secret_rows", &[]), None);
    assert_eq!(said.sample("shop_jobs_rows", &[]), Some(2.0));
    for family in [
        "shop_postgres_up",
        "shop_postgres_locks_waiting",
        "shop_postgres_database_commits_total",
        "shop_postgres_database_transaction_age",
    ] {
        assert!(said.sample(family, &[]).is_some(), "{family}");
    }
}
