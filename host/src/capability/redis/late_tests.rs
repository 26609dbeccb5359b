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

fn client() -> Redis {
    let clock = Clock::system();
    Redis::new(Tools {
        dialer: Dialer::new(clock.clone()),
        clock,
        trust: Trust::default(),
        redactor: Redactor::default(),
        telemetry: Telemetry::silent(),
    })
}

/// What is said of a server that takes connections, and says this for the first that it hears.
async fn said(scheme: &str, greeting: &'static [u8]) -> (Error, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let connection = Arc::new(testing::connection(&format!("{scheme}://{address}")));
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut heard = [0; 1024];
        let _ = stream.read(&mut heard).await;
        let _ = stream.write_all(greeting).await;
        std::future::pending::<()>().await;
    };
    let deadline = Clock::system().monotonic() + PATIENCE;
    let commands = [vec![b"PING".to_vec()]];
    let redis = client();
    let (check, asked) = ("queues".into(), &commands[..]);
    let asked = redis.pipeline(&check, &connection, asked, deadline);
    let ended = tokio::select! {
        ended = asked => ended,
        () = server => unreachable!("it waits for ever"),
    };
    (ended.expect_err("nobody answers"), address)
}

#[tokio::test]
async fn a_call_that_is_out_of_time_names_the_step_and_the_address() {
    for (scheme, greeting, step) in [
        ("redis", &b""[..], "logging in at"),
        ("rediss", b"", "agreeing on TLS with"),
        ("redis", b"+OK\r\n-ERR unknown command\r\n", "waiting for"),
    ] {
        let (error, address) = said(scheme, greeting).await;
        let wanted = format!("no answer in time, while {step} {address}");
        assert!(
            matches!(&error, Error::Timeout(said) if said.starts_with(&wanted)),
            "{error:?} and not {wanted}"
        );
    }
}

#[test]
fn a_place_is_named_as_it_was_configured() {
    let step = |url: &str| {
        let target = Target::of(&url.parse().expect("a URL")).expect("a target");
        Doing::new(&target.place).out_of_time()
    };
    assert!(step("redis://cache:7000").ends_with("while connecting to cache, port 7000"));
    assert!(step("unix:///run/redis.sock").ends_with("while connecting to /run/redis.sock"));
}
