//! What statements yield, and what a read-only transaction keeps out.

use std::time::Duration;

use bellwether::{
    capability::postgres::{Answer, Error, Postgres},
    secret::Secret,
};

use super::{
    started::{PASSWORD, Started, ask, client, code_of},
    support::database::{connection, tools},
};

#[tokio::test]
async fn values_come_as_text_and_null_as_nothing() {
    let started = Started::new().await;
    let sql = "SELECT id, state, at AT TIME ZONE 'UTC' AS at, 1.5::float8 AS ratio, '{1,2}'::int[] AS list, true AS yes \
               FROM jobs ORDER BY id";
    let answer = ask(&client(), &started.monitor(), sql, &[]).await.expect("an answer");
    assert_eq!(answer.rows.columns, ["id", "state", "at", "ratio", "list", "yes"]);
    let text = |value: &str| Some(value.to_owned());
    let first = [
        text("1"),
        text("waiting"),
        text("1970-01-01 00:00:00"),
        text("1.5"),
        text("{1,2}"),
        text("t"),
    ];
    assert_eq!(answer.rows.values[0], first);
    assert_eq!(answer.rows.values[1][1], None);
    assert!(!answer.rows.truncated && answer.latency > Duration::ZERO);
}

#[tokio::test]
async fn parameters_are_text_whose_type_the_server_finds() {
    let started = Started::new().await;
    let sql = "SELECT state FROM jobs WHERE id = $1 AND at < $2::timestamptz AND $3::text IS NULL";
    let given = [Some("1".into()), Some("2020-01-01".into()), None];
    let answer = ask(&client(), &started.monitor(), sql, &given)
        .await
        .expect("an answer");
    assert_eq!(answer.rows.values, [[Some("waiting".to_owned())]]);
    let injected = [Some("1; DROP TABLE jobs".into())];
    let refused = ask(
        &client(),
        &started.monitor(),
        "SELECT state FROM jobs WHERE id = $1",
        &injected,
    )
    .await;
    assert_eq!(code_of(refused), "22P02");
}

#[tokio::test]
async fn show_explain_values_and_with_are_answered() {
    let started = Started::new().await;
    let postgres = client();
    for sql in [
        "SHOW server_version",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM jobs",
        "VALUES (1), (2)",
        "WITH a AS (SELECT 1) TABLE a;",
    ] {
        let answer = ask(&postgres, &started.monitor(), sql, &[]).await.expect(sql);
        assert!(
            !answer.rows.values.is_empty() && answer.rows.columns.len() == 1,
            "{sql}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_written_even_where_the_role_may() {
    let started = Started::new().await;
    let postgres = client();
    let monitor = started.monitor();
    for (sql, code) in [
        ("SELECT nextval('numbers')", "25006"),
        ("SELECT * FROM jobs FOR UPDATE", "25006"),
        ("SELECT 1 AS a INTO copied", "25006"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "25001"),
    ] {
        assert_eq!(code_of(ask(&postgres, &monitor, sql, &[]).await), code, "{sql}");
    }
    for sql in [
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SET transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SELECT 1; INSERT INTO jobs VALUES (3)",
        "COMMIT",
        "WITH a AS (DELETE FROM jobs RETURNING *) SELECT * FROM a",
        "EXPLAIN ANALYZE DELETE FROM jobs",
    ] {
        assert!(
            matches!(ask(&postgres, &monitor, sql, &[]).await, Err(Error::Denied(_))),
            "{sql}"
        );
    }
    let count = ask(&postgres, &monitor, "SELECT count(*) FROM jobs", &[])
        .await
        .expect("an answer");
    assert_eq!(count.rows.values[0][0].as_deref(), Some("2"));
}

#[tokio::test]
async fn a_second_statement_that_our_reading_missed_is_refused_by_the_protocol() {
    let started = Started::new().await;
    started.operate("ALTER ROLE monitor SET standard_conforming_strings = off");
    // Read by the standard, two strings. Read as this role's server does, one that ends where the second begins, and then
    // more statements.
    let sql = "SELECT '\\', '; INSERT INTO jobs VALUES (3); --'";
    assert_eq!(code_of(ask(&client(), &started.monitor(), sql, &[]).await), "42601");
}

#[tokio::test]
async fn what_a_session_keeps_is_discarded_before_the_next_statement() {
    let started = Started::new().await;
    let (postgres, monitor) = (client(), started.monitor());
    let pid = |answer: Answer| answer.rows.values[0][0].clone();
    let first = ask(&postgres, &monitor, "SELECT pg_backend_pid(), pg_advisory_lock(7)", &[])
        .await
        .expect("an answer");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    let none = ask(&postgres, &monitor, held, &[]).await.expect("an answer");
    assert_eq!(none.rows.values[0][0].as_deref(), Some("0"));
    ask(&postgres, &monitor, "SELECT set_config('work_mem', '77MB', false)", &[])
        .await
        .expect("an answer");
    let set = ask(&postgres, &monitor, "SHOW work_mem", &[]).await.expect("an answer");
    assert_ne!(set.rows.values[0][0].as_deref(), Some("77MB"));
    let last = ask(&postgres, &monitor, "SELECT pg_backend_pid()", &[])
        .await
        .expect("an answer");
    assert_eq!(pid(first), pid(last), "the connection is kept");
}

#[tokio::test]
async fn rows_that_repeat_any_secret_of_the_host_come_without_it() {
    let started = Started::new().await;
    let (tools, _) = tools();
    tools.redactor.learn(&[Secret::new("other-s3cr3t-of-the-host")]);
    let sql = "SELECT 'other-s3cr3t-of-the-host' AS \"<other-s3cr3t-of-the-host>\", encode(convert_to('other-s3cr3t-of-the-host', \
               'UTF8'), 'base64') AS encoded";
    let answer = ask(&Postgres::new(tools), &started.monitor(), sql, &[]).await;
    let rows = answer.expect("an answer").rows;
    assert_eq!(rows.columns, ["<[redacted]>", "encoded"]);
    let blank = Some("[redacted]".to_owned());
    assert_eq!(rows.values, [[blank.clone(), blank]]);
}

#[tokio::test]
async fn errors_come_with_code_and_message_and_nothing_with_the_password() {
    let started = Started::new().await;
    let answered = ask(&client(), &started.monitor(), "SELECT * FROM no_such_table", &[]).await;
    let Err(Error::Query { code, message }) = answered else {
        panic!("{answered:?}")
    };
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("42P01", "relation \"no_such_table\" does not exist")
    );
    let shown = ask(&client(), &started.monitor(), &format!("SELECT '<{PASSWORD}>'"), &[])
        .await
        .expect("an answer");
    assert_eq!(shown.rows.values[0][0].as_deref(), Some("<[redacted]>"));
    let echoed = format!("SELECT '{PASSWORD}'::int");
    let answered = ask(&client(), &started.monitor(), &echoed, &[]).await;
    assert!(!format!("{answered:?}").contains("canary"), "{answered:?}");
    let absent = connection(
        &format!("postgres://127.0.0.1:{}/absent", started.port),
        Some("monitor"),
        Some(PASSWORD),
    );
    let answered = ask(&client(), &absent, "SELECT 1", &[]).await;
    assert!(
        matches!(&answered, Err(Error::Connect(said)) if said.contains("3D000")),
        "{answered:?}"
    );
}
