//! Behind PgBouncer in transaction mode, and its console.

use std::{sync::Arc, time::Duration};

use bellwether::capability::postgres::{Error, ROWS_MAX};

use super::{
    started::{PASSWORD, Started, ask, client, code_of, pooler},
    support::{
        database::{connection, within},
        server::command,
    },
};

/// As another client of the pooler would, with the role whose backend we share.
fn beside(port: u16, sql: &str) {
    let mut psql = command("psql");
    psql.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-U",
        "monitor",
        "-d",
        "postgres",
    ]);
    psql.args(["-v", "ON_ERROR_STOP=1", "-q", "-c", sql])
        .env("PGPASSWORD", PASSWORD);
    let said = psql.output().expect("psql runs");
    assert!(
        said.status.success(),
        "{sql}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
}

#[tokio::test]
async fn everything_works_behind_a_pooler_in_transaction_mode() {
    let started = Started::new().await;
    let (_pooler, port) = pooler(&started);
    let url = format!("postgres://127.0.0.1:{port}/postgres");
    let pooled = connection(&url, Some("monitor"), Some(PASSWORD));
    let (one, other) = (client(), client());
    for postgres in [&one, &other, &one, &other] {
        let sql = "SELECT state FROM jobs WHERE id = $1";
        let answer = ask(postgres, &pooled, sql, &[Some("1".into())])
            .await
            .expect("an answer");
        assert_eq!(answer.rows.values, [[Some("waiting".to_owned())]]);
    }
    assert_eq!(
        code_of(ask(&one, &pooled, "SELECT nextval('numbers')", &[]).await),
        "25006"
    );
    assert_eq!(code_of(ask(&one, &pooled, "SELECT no_such_column", &[]).await), "42703");
    let rows = format!("SELECT n FROM generate_series(1, {}) AS n", ROWS_MAX + 5);
    assert!(ask(&one, &pooled, &rows, &[]).await.expect("an answer").rows.truncated);
    let (check, shared) = ("database".into(), Arc::new(pooled.clone()));
    let sql = "SELECT pg_sleep(3600) /* pooled */";
    let late = one.query(&check, &shared, sql, &[], within(Duration::from_millis(800)));
    let late = late.await;
    assert!(
        matches!(&late, Err(Error::Timeout(said)) if said.contains("to answer the query")),
        "{late:?}"
    );
    // The pool has one connection, so this is served once the statement above is over.
    ask(&other, &pooled, "SELECT 1", &[]).await.expect("an answer");
    started.is_over(&client(), "pooled").await;
}

#[tokio::test]
async fn a_pooler_s_backend_keeps_what_others_set_there() {
    let started = Started::new().await;
    let (_pooler, port) = pooler(&started);
    let pooled = connection(
        &format!("postgres://127.0.0.1:{port}/postgres"),
        Some("monitor"),
        Some(PASSWORD),
    );
    // Kept by the one backend of the pool, as a statement that another client prepared would be.
    beside(port, "SET work_mem = '77MB'");
    let postgres = client();
    for _ in 0..2 {
        let kept = ask(&postgres, &pooled, "SHOW work_mem", &[]).await.expect("an answer");
        assert_eq!(
            kept.rows.values[0][0].as_deref(),
            Some("77MB"),
            "no DISCARD ALL went to somebody else's backend"
        );
    }
}

#[tokio::test]
async fn a_lock_stays_on_no_pooler_s_backend_whether_or_not_its_statement_failed() {
    let started = Started::new().await;
    let (_pooler, port) = pooler(&started);
    let url = format!("postgres://127.0.0.1:{port}/postgres");
    let pooled = connection(&url, Some("monitor"), Some(PASSWORD));
    let postgres = client();
    let taken = ask(&postgres, &pooled, "SELECT 5 AS five, pg_advisory_lock(4711)", &[]).await;
    let taken = taken.expect("an answer");
    assert_eq!(
        (taken.rows.columns, taken.rows.values.len()),
        (vec!["five".to_owned(), "pg_advisory_lock".to_owned()], 1)
    );
    let failed = "SELECT 1 / (count(pg_advisory_lock(n)) - 1) FROM generate_series(4711, 4711) AS n";
    assert_eq!(code_of(ask(&postgres, &pooled, failed, &[]).await), "22012");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    let answer = ask(&client(), &started.monitor(), held, &[]).await.expect("an answer");
    assert_eq!(answer.rows.values[0][0].as_deref(), Some("0"));
}

#[tokio::test]
async fn a_pooler_s_console_answers_show() {
    let started = Started::new().await;
    let (_pooler, port) = pooler(&started);
    let console = connection(
        &format!("postgres://127.0.0.1:{port}/pgbouncer"),
        Some("monitor"),
        Some(PASSWORD),
    );
    let postgres = client();
    for _ in 0..2 {
        let pools = ask(&postgres, &console, "SHOW POOLS", &[]).await.expect("an answer");
        assert!(pools.rows.columns.contains(&"cl_waiting".to_owned()), "{pools:?}");
    }
    assert!(matches!(
        ask(&postgres, &console, "SELECT 1", &[]).await,
        Err(Error::Denied(_))
    ));
}
