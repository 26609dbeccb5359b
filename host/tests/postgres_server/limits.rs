//! Rows, bytes, time and connections: what is bounded, and what happens at the bound.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bellwether::capability::postgres::{Answer, Error, ROWS_MAX};

use super::{
    started::{Started, ask, client},
    support::{database::within, server::PATIENCE},
};

#[tokio::test]
async fn rows_and_bytes_are_bounded() {
    let started = Started::new().await;
    let (postgres, monitor) = (client(), started.monitor());
    let rows = |count: usize| format!("SELECT generate_series(1, {count}) AS n");
    let exact = ask(&postgres, &monitor, &rows(ROWS_MAX), &[]).await.expect("an answer");
    assert!(exact.rows.values.len() == ROWS_MAX && !exact.rows.truncated);
    let more = ask(&postgres, &monitor, &rows(1_000_000_000), &[])
        .await
        .expect("an answer");
    assert!(more.rows.values.len() == ROWS_MAX && more.rows.truncated);
    let wide = "SELECT repeat('x', 1000000) FROM generate_series(1, 100)";
    let wide = ask(&postgres, &monitor, wide, &[]).await.expect("an answer");
    assert!(
        wide.rows.values.len() == 4 && wide.rows.truncated,
        "{}",
        wide.rows.values.len()
    );
    let huge = ask(&postgres, &monitor, "SELECT repeat('x', 200000000)", &[])
        .await
        .expect("an answer");
    assert!(huge.rows.values.is_empty() && huge.rows.truncated);
    ask(&postgres, &monitor, "SELECT 1", &[]).await.expect("an answer");
}

/// That it was out of time, and where.
fn says(late: &Result<Answer, Error>, parts: &[&str]) {
    let Err(Error::Timeout(said)) = late else {
        panic!("{late:?}")
    };
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[tokio::test]
async fn a_slow_statement_ends_on_the_server_too() {
    let started = Started::new().await;
    let postgres = client();
    let monitor = Arc::new(started.monitor());
    ask(&postgres, &monitor, "SELECT 1", &[]).await.expect("an answer");
    let deadline = within(Duration::from_millis(800));
    let began = Instant::now();
    let sql = "SELECT pg_sleep(3600) /* slow */";
    let late = postgres.query(&"database".into(), &monitor, sql, &[], deadline).await;
    says(
        &late,
        &[
            "no answer in time, while waiting for 127.0.0.1:",
            "to answer the query, which gave up: ",
        ],
    );
    assert!(began.elapsed() < PATIENCE);
    started.is_over(&postgres, "slow").await;
}

#[tokio::test]
async fn a_statement_that_survives_the_server_s_limit_is_cancelled_from_outside() {
    let started = Started::new().await;
    let postgres = client();
    let monitor = Arc::new(started.monitor());
    ask(&postgres, &monitor, "SELECT 1", &[]).await.expect("an answer");
    started.operate(
        "CREATE FUNCTION deaf() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN \
         query_canceled THEN PERFORM pg_sleep(3600); END $$",
    );
    let deadline = within(Duration::from_secs(1));
    let late = postgres
        .query(&"database".into(), &monitor, "SELECT deaf()", &[], deadline)
        .await;
    says(
        &late,
        &["no answer in time, while waiting for 127.0.0.1:", "to answer the query"],
    );
    started.is_over(&postgres, "deaf").await;
}

#[tokio::test]
async fn a_stricter_time_limit_of_the_role_stays_in_force() {
    let started = Started::new().await;
    started.operate("ALTER ROLE monitor SET statement_timeout = '100ms'");
    let began = Instant::now();
    let late = ask(&client(), &started.monitor(), "SELECT pg_sleep(3600)", &[]).await;
    says(&late, &["to answer the query, which gave up: "]);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn too_many_connections_are_an_error_with_its_code() {
    let started = Started::new().await;
    started.operate("ALTER ROLE monitor CONNECTION LIMIT 1");
    let first = client();
    ask(&first, &started.monitor(), "SELECT 1", &[])
        .await
        .expect("an answer");
    let second = ask(&client(), &started.monitor(), "SELECT 1", &[]).await;
    assert!(
        matches!(&second, Err(Error::Connect(said)) if said.contains("53300")),
        "{second:?}"
    );
    ask(&first, &started.monitor(), "SELECT 1", &[])
        .await
        .expect("the kept connection still serves");
}

#[tokio::test]
async fn a_backend_that_was_ended_is_dialled_anew_unnoticed() {
    let mut started = Started::new().await;
    let (postgres, monitor) = (client(), started.monitor());
    ask(&postgres, &monitor, "SELECT 1", &[]).await.expect("an answer");
    started.operate("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'monitor'");
    ask(&postgres, &monitor, "SELECT 1", &[]).await.expect("an answer");
    started.server.kill();
    // A backend whose server was killed notices a moment later.
    let began = Instant::now();
    while let Ok(answer) = ask(&postgres, &monitor, "SELECT 1", &[]).await {
        assert!(began.elapsed() < PATIENCE, "{answer:?}");
    }
    let gone = ask(&postgres, &monitor, "SELECT 1", &[]).await;
    assert!(matches!(&gone, Err(Error::Connect(_))), "{gone:?}");
}
