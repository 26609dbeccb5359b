//! The capability `postgres` against a real server, directly and behind PgBouncer in transaction mode: SCRAM, TLS, text
//! form, limits, time limits on both sides, and what a read-only transaction keeps out.
//!
//! Needs: postgres, pgbouncer
//! Budget: 10 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it reads what they say from threads of its own"
)]

mod support {
    #![expect(dead_code, reason = "each test file uses a part of it")]
    pub(crate) mod certificates;
    pub(crate) mod database;
    pub(crate) mod server;
}

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bellwether::{
    capability::postgres::{Answer, Error, Postgres, ROWS_MAX},
    config::Connection,
};
use support::{
    certificates::certificates,
    database::{connection, tools, trusting, within},
    server::{PATIENCE, Server, as_nobody, command, free_port, give_to_nobody},
};

/// What the tests' role has for a password, and what may be seen nowhere.
const PASSWORD: &str = "canary-hunter22-canary";

/// The one who sets things up, a superuser.
const OWNER: &str = "owner";

/// A server with the roles `owner` and `monitor`, on a port, with TLS.
struct Started {
    dir: tempfile::TempDir,
    server: Server,
    port: u16,
}

impl Started {
    /// With `monitor`, who may log in by password only, and a table that belongs to `owner`.
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let made = certificates(dir.path(), &["localhost"]);
        for file in [&made.certificate, &made.key, &made.ca] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("ours");
            give_to_nobody(file);
        }
        let data = dir.path().join("data");
        Self::init(dir.path(), &data);
        let port = free_port();
        let config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\nssl = on\n\
             ssl_cert_file = '{}'\nssl_key_file = '{}'\nmax_connections = 20\nautovacuum = off\n",
            made.certificate.display(),
            made.key.display(),
        );
        append(&data.join("postgresql.conf"), &config);
        let access = "host all owner 127.0.0.1/32 trust\nhost all monitor 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), access).expect("written");
        let started = Self {
            server: Self::start(dir.path(), &data),
            dir,
            port,
        };
        started.set_up();
        started
    }

    fn init(dir: &Path, data: &Path) {
        let mut init = command("initdb");
        init.args([
            "--username",
            OWNER,
            "--auth",
            "trust",
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]);
        init.arg("--pgdata").arg(data);
        as_nobody(&mut init, dir);
        let said = init.output().expect("initdb runs");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }

    fn start(dir: &Path, data: &Path) -> Server {
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(data);
        as_nobody(&mut postgres, dir);
        Server::start(postgres, "ready to accept connections")
    }

    /// As an operator would, by another client.
    fn operate(&self, sql: &str) {
        let mut psql = command("psql");
        psql.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            OWNER,
            "-d",
            "postgres",
        ]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-q", "-c", sql]);
        let said = psql.output().expect("psql runs");
        assert!(
            said.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
    }

    fn set_up(&self) {
        self.operate(&format!(
            "CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor"
        ));
        self.operate("CREATE TABLE jobs (id int, state text, at timestamptz); GRANT ALL ON jobs TO monitor");
        self.operate("INSERT INTO jobs VALUES (1, 'waiting', 'epoch'), (2, NULL, NULL)");
        self.operate("CREATE SEQUENCE numbers; GRANT ALL ON numbers TO monitor");
    }

    fn url(&self, query: &str) -> String {
        format!("postgres://127.0.0.1:{}/postgres{query}", self.port)
    }

    fn monitor(&self) -> Connection {
        connection(&self.url(""), Some("monitor"), Some(PASSWORD))
    }

    /// Waits until nobody runs anything like `fragment`.
    async fn is_over(&self, postgres: &Postgres, fragment: &str) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()";
        let pattern = [Some(format!("%{fragment}%"))];
        let began = Instant::now();
        loop {
            let answer = ask(postgres, &self.monitor(), sql, &pattern).await.expect("an answer");
            if answer.rows.values[0][0].as_deref() == Some("0") {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "`{fragment}` still runs");
        }
    }
}

fn append(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).expect("there");
    std::fs::write(file, before + text).expect("written");
}

/// PgBouncer in transaction mode in front of it, with one connection to the server.
fn pooler(started: &Started) -> (Server, u16) {
    let port = free_port();
    let users = started.dir.path().join("users.txt");
    std::fs::write(
        &users,
        format!("\"monitor\" \"{PASSWORD}\"\n\"owner\" \"{PASSWORD}\"\n"),
    )
    .expect("written");
    let config = format!(
        "[databases]\npostgres = host=127.0.0.1 port={} dbname=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
         default_pool_size = 1\nadmin_users = monitor\n",
        started.port,
        users.display(),
    );
    let file = started.dir.path().join("pgbouncer.ini");
    std::fs::write(&file, config).expect("written");
    give_to_nobody(&file);
    give_to_nobody(&users);
    let mut pgbouncer = command("pgbouncer");
    pgbouncer.arg(&file);
    as_nobody(&mut pgbouncer, started.dir.path());
    (Server::start(pgbouncer, "process up"), port)
}

async fn ask(
    postgres: &Postgres,
    connection: &Connection,
    sql: &str,
    parameters: &[Option<String>],
) -> Result<Answer, Error> {
    let connection = Arc::new(connection.clone());
    postgres
        .query(&"database".into(), &connection, sql, parameters, within(PATIENCE))
        .await
}

fn client() -> Postgres {
    Postgres::new(tools().0)
}

fn code_of(answered: Result<Answer, Error>) -> String {
    match answered {
        Err(Error::Query { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

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
async fn a_wrong_or_missing_password_is_an_authentication_error_without_the_password() {
    let started = Started::new().await;
    let wrong = connection(&started.url(""), Some("monitor"), Some("wrong-canary-wrong"));
    let refused = ask(&client(), &wrong, "SELECT 1", &[]).await;
    let Err(Error::Authentication(said)) = refused else {
        panic!("{refused:?}")
    };
    assert!(said.contains("28P01") && !said.contains("canary"), "{said}");
    let missing = ask(
        &client(),
        &connection(&started.url(""), Some("monitor"), None),
        "SELECT 1",
        &[],
    )
    .await;
    assert!(
        matches!(&missing, Err(Error::Authentication(said)) if said.contains("has none")),
        "{missing:?}"
    );
    let nobody = connection("postgres://127.0.0.1/postgres", None, None);
    assert!(
        matches!(ask(&client(), &nobody, "SELECT 1", &[]).await, Err(Error::Denied(said)) if said.contains("user"))
    );
}

#[tokio::test]
async fn tls_is_used_and_verified_as_the_url_says() {
    let started = Started::new().await;
    let ca = started.dir.path().join("ca.pem");
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let at = |host: &str, query: &str| {
        let url = format!("postgres://{host}:{}/postgres{query}", started.port);
        connection(&url, Some("monitor"), Some(PASSWORD))
    };
    for (connection, expected) in [
        (trusting(&ca, at("localhost", "?sslmode=verify-full")), "t"),
        (at("127.0.0.1", "?sslmode=require"), "t"),
        (at("127.0.0.1", ""), "t"),
        (at("127.0.0.1", "?sslmode=disable"), "f"),
    ] {
        let answer = ask(&client(), &connection, encrypted, &[]).await.expect("an answer");
        assert_eq!(
            answer.rows.values[0][0].as_deref(),
            Some(expected),
            "{}",
            connection.url
        );
    }
    for connection in [
        at("localhost", "?sslmode=verify-full"),
        trusting(&ca, at("127.0.0.1", "?sslmode=verify-full")),
    ] {
        let refused = ask(&client(), &connection, "SELECT 1", &[]).await;
        assert!(
            matches!(&refused, Err(Error::Connect(said)) if said.contains("TLS")),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let started = Started::new().await;
    let data = started.dir.path().join("data");
    append(&data.join("postgresql.conf"), "ssl = off\n");
    started.operate("SELECT pg_reload_conf()");
    let began = Instant::now();
    let require = connection(&started.url("?sslmode=require"), Some("monitor"), Some(PASSWORD));
    loop {
        // The server rereads its settings a moment after it was told to.
        match ask(&client(), &require, "SELECT 1", &[]).await {
            Err(Error::Connect(said)) if said.contains("does not offer TLS") => break,
            other => assert!(began.elapsed() < PATIENCE, "{other:?}"),
        }
    }
    assert!(
        ask(&client(), &started.monitor(), "SELECT 1", &[]).await.is_ok(),
        "`prefer` does without"
    );
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
    // Read by the standard, the string ends before the last quote and holds the semicolon; read as this role's server
    // does, it ends earlier.
    let sql = "SELECT '\\'; INSERT INTO jobs VALUES (3); --'";
    let refused = ask(&client(), &started.monitor(), sql, &[]).await;
    assert!(
        matches!(&refused, Err(Error::Query { .. } | Error::Denied(_))),
        "{refused:?}"
    );
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
async fn rows_and_bytes_are_bounded() {
    let started = Started::new().await;
    let (postgres, monitor) = (client(), started.monitor());
    let rows = |count: usize| format!("SELECT n FROM generate_series(1, {count}) AS n");
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
    assert_eq!(late, Err(Error::Timeout));
    assert!(began.elapsed() < PATIENCE);
    started.is_over(&postgres, "slow").await;
}

#[tokio::test]
async fn a_server_that_hangs_times_out_and_is_told_to_cancel_when_it_is_back() {
    let started = Started::new().await;
    let postgres = client();
    let monitor = Arc::new(started.monitor());
    ask(&postgres, &monitor, "SELECT 1", &[]).await.expect("an answer");
    // The server's clock does not strike: this function sets its own limit aside.
    started.operate(
        "CREATE FUNCTION deaf() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('statement_timeout', '0', \
         true); PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(0); END $$",
    );
    let deadline = within(Duration::from_secs(1));
    let late = postgres
        .query(&"database".into(), &monitor, "SELECT deaf()", &[], deadline)
        .await;
    assert_eq!(late, Err(Error::Timeout));
    started.is_over(&postgres, "deaf").await;
}

#[tokio::test]
async fn a_stricter_time_limit_of_the_role_stays_in_force() {
    let started = Started::new().await;
    started.operate("ALTER ROLE monitor SET statement_timeout = '100ms'");
    let began = Instant::now();
    let late = ask(&client(), &started.monitor(), "SELECT pg_sleep(3600)", &[]).await;
    assert_eq!(late, Err(Error::Timeout));
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_superuser_is_warned_of_once_and_nobody_else_is() {
    let started = Started::new().await;
    let (tools, log) = tools();
    let postgres = Postgres::new(tools);
    ask(&postgres, &started.monitor(), "SELECT 1", &[])
        .await
        .expect("an answer");
    assert!(log.lock().unwrap().is_empty());
    let owner = Connection {
        name: "by-owner".into(),
        ..connection(&started.url(""), Some(OWNER), None)
    };
    for _ in 0..2 {
        ask(&postgres, &owner, "SELECT 1", &[]).await.expect("an answer");
    }
    let said = String::from_utf8(log.lock().unwrap().clone()).expect("text");
    assert_eq!(said.matches("superuser").count(), 1, "{said}");
    assert!(said.contains("by-owner") && said.contains("WARN"), "{said}");
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
    let gone = ask(&postgres, &monitor, "SELECT 1", &[]).await;
    assert!(matches!(gone, Err(Error::Connect(_))), "{gone:?}");
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
    assert_eq!(late.await, Err(Error::Timeout));
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
    let postgres = client();
    // Kept by the one backend of the pool, as a statement that another client prepared would be.
    let lock = "SELECT pg_advisory_lock(7)";
    ask(&postgres, &pooled, lock, &[]).await.expect("an answer");
    ask(&postgres, &pooled, "SELECT 1", &[]).await.expect("an answer");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    let answer = ask(&client(), &started.monitor(), held, &[]).await.expect("an answer");
    assert_eq!(
        answer.rows.values[0][0].as_deref(),
        Some("1"),
        "no DISCARD ALL went to somebody else's backend"
    );
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

#[tokio::test]
async fn errors_of_the_server_come_with_code_and_message() {
    let started = Started::new().await;
    let answered = ask(&client(), &started.monitor(), "SELECT * FROM no_such_table", &[]).await;
    let Err(Error::Query { code, message }) = answered else {
        panic!("{answered:?}")
    };
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("42P01", "relation \"no_such_table\" does not exist")
    );
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
