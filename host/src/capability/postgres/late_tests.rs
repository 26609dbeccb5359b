use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    capability::{dial::Dialer, tls::Trust},
    clock::Clock,
    secret::Redactor,
    telemetry::Telemetry,
    testing,
};

/// Long enough for a busy machine to connect to itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Logged in without a password, and ready.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// To the first question: nothing, and ready.
const NOTHING: &[u8] = b"I\0\0\0\x04Z\0\0\0\x05I";

fn client() -> Postgres {
    let clock = Clock::system();
    Postgres::new(Tools {
        dialer: Dialer::new(clock.clone()),
        clock,
        trust: Trust::default(),
        redactor: Redactor::default(),
        telemetry: Telemetry::silent(),
    })
}

/// What is said of a server that takes connections, answers with these one after the other, and then no more.
async fn said(query: &str, answers: &'static [&'static [u8]]) -> (Error, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let connection = Arc::new(Connection {
        user: Some("monitor".into()),
        ..testing::connection(&format!("postgres://{address}/{query}"))
    });
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut heard = [0; 1024];
        for answer in answers {
            let _ = stream.read(&mut heard).await;
            let _ = stream.write_all(answer).await;
        }
        std::future::pending::<()>().await;
    };
    let deadline = Clock::system().monotonic() + PATIENCE;
    let postgres = client();
    let check = "database".into();
    let asked = postgres.query(&check, &connection, "SELECT 1", &[], deadline);
    let ended = tokio::select! {
        ended = asked => ended,
        () = server => unreachable!("it waits for ever"),
    };
    (ended.expect_err("nobody answers"), address)
}

#[tokio::test]
async fn a_call_that_is_out_of_time_names_the_step_and_the_address() {
    let plain = "shop?sslmode=disable";
    let waited = |step: &str| format!("no answer in time, while {step}");
    let (error, address) = said("shop?sslmode=require", &[]).await;
    let wanted = waited(&format!("agreeing on TLS with {address}, which may not speak it"));
    assert_eq!(error, Error::Connect(wanted));
    let (error, address) = said("shop?sslmode=require", &[b"S"]).await;
    let wanted = waited(&format!("agreeing on TLS with {address}, which may not speak it"));
    assert_eq!(error, Error::Connect(wanted));
    let (error, address) = said(plain, &[]).await;
    let wanted = waited(&format!("logging in at {address}, which took the connection"));
    assert_eq!(error, Error::Timeout(wanted));
    let (error, address) = said(plain, &[WELCOME]).await;
    let wanted = waited(&format!(
        "waiting for the first answer of {address}, which has let us in"
    ));
    assert_eq!(error, Error::Timeout(wanted));
    let (error, address) = said(plain, &[WELCOME, NOTHING]).await;
    let wanted = waited(&format!("waiting for {address} to answer the query"));
    assert_eq!(error, Error::Timeout(wanted));
}

#[tokio::test]
async fn who_does_not_listen_and_who_turns_us_away_are_told_by_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let connection = Arc::new(Connection {
        user: Some("monitor".into()),
        ..testing::connection(&format!("postgres://{address}/shop"))
    });
    let deadline = Clock::system().monotonic() + PATIENCE;
    let asked = client()
        .query(&"database".into(), &connection, "SELECT 1", &[], deadline)
        .await;
    let wanted = format!("cannot connect to {address}: ");
    assert!(
        matches!(&asked, Err(Error::Connect(said)) if said.starts_with(&wanted)),
        "{asked:?}"
    );
    let (error, address) = said("shop?sslmode=disable", &[b"E\0\0\0\x12C53300\0Mfull\0\0"]).await;
    let wanted = format!("turned away while logging in at {address}, which took the connection: full (SQLSTATE 53300)");
    assert_eq!(error, Error::Connect(wanted));
}
