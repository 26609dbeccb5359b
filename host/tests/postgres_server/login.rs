//! Who is let in, over what, and who is warned of.

use std::time::Instant;

use bellwether::{
    capability::postgres::{Error, Postgres},
    config::Connection,
};

use super::{
    started::{OWNER, PASSWORD, Started, append, ask, client},
    support::{
        database::{connection, tools, trusting},
        server::PATIENCE,
    },
};

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
