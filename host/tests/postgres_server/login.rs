//! Who is let in, over what, and who is warned of.

use std::{net::Ipv4Addr, sync::Arc, time::Instant};

use bellwether::{
    capability::{
        dial::{Dialer, Found, Resolve},
        postgres::{Error, Postgres},
    },
    clock::Clock,
    config::{Addresses, Connection},
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

/// Finds the server of this machine under whatever name.
#[derive(Debug)]
struct Elsewhere;

impl Resolve for Elsewhere {
    fn resolve<'f>(&'f self, _: &'f str) -> Found<'f> {
        Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })
    }
}

/// A client to which the server seems to be another machine.
fn afar() -> Postgres {
    let (mut tools, _) = tools();
    tools.dialer = Dialer::with_resolver(Clock::system(), Arc::new(Elsewhere));
    Postgres::new(tools)
}

#[tokio::test]
async fn a_server_that_shows_no_certificate_for_itself_is_given_no_password_but_by_scram() {
    let started = Started::new().await;
    started.operate(&format!("CREATE ROLE clear LOGIN PASSWORD '{PASSWORD}'"));
    started.operate(&format!(
        "SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN PASSWORD '{PASSWORD}'"
    ));
    let ca = started.dir.path().join("ca.pem");
    let at = |user: &str, query: &str| Connection {
        addresses: Addresses::Private,
        ..connection(
            &format!("postgres://db.example.com:{}/postgres{query}", started.port),
            Some(user),
            Some(PASSWORD),
        )
    };
    let verified = |user: &str| {
        let mut connection = trusting(&ca, at(user, ""));
        connection.tls.server_name = Some("localhost".to_owned());
        connection
    };
    for (user, how) in [("clear", "in clear text"), ("hashed", "by MD5")] {
        for query in ["?sslmode=disable", "?sslmode=prefer", "?sslmode=require"] {
            let refused = ask(&afar(), &at(user, query), "SELECT 1", &[]).await;
            assert!(
                matches!(&refused, Err(Error::Authentication(said)) if said.contains(how)),
                "{user} {query}: {refused:?}"
            );
        }
        ask(&afar(), &verified(user), "SELECT 1", &[]).await.expect(user);
        let near = connection(&started.url(""), Some(user), Some(PASSWORD));
        ask(&client(), &near, "SELECT 1", &[]).await.expect(user);
    }
    for query in ["?sslmode=disable", "?sslmode=require"] {
        ask(&afar(), &at("monitor", query), "SELECT 1", &[]).await.expect(query);
    }
}

#[tokio::test]
async fn a_role_that_reaches_files_or_programs_of_the_server_is_warned_of_once() {
    let started = Started::new().await;
    started.operate("CREATE ROLE middle IN ROLE pg_execute_server_program; GRANT pg_write_server_files TO monitor");
    started.operate("GRANT middle TO monitor");
    let (tools, log) = tools();
    let postgres = Postgres::new(tools);
    for _ in 0..2 {
        ask(&postgres, &started.monitor(), "SELECT 1", &[])
            .await
            .expect("an answer");
    }
    let said = String::from_utf8(log.lock().unwrap().clone()).expect("text");
    let warned = "a member of pg_execute_server_program, pg_write_server_files:";
    assert_eq!(said.matches(warned).count(), 1, "{said}");
    assert!(said.contains("under-test") && said.contains("WARN"), "{said}");
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
