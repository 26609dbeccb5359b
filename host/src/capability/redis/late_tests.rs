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

/// To who we are, and to `HELLO`.
const LOGGED_IN: &[u8] = b"+OK\r\n-ERR unknown command\r\n";

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

/// What is said of a server that takes connections, says this for the first that it hears, and nothing more.
async fn said(scheme: &str, greeting: &'static [u8]) -> (Error, String) {
    answered(scheme, greeting, false).await
}

/// Of one that hangs up then.
async fn hung_up(scheme: &str, greeting: &'static [u8]) -> (Error, String) {
    answered(scheme, greeting, true).await
}

async fn answered(scheme: &str, greeting: &'static [u8], hangs_up: bool) -> (Error, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let connection = Arc::new(testing::connection(&format!("{scheme}://{address}")));
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut heard = [0; 1024];
        let _ = stream.read(&mut heard).await;
        // A server does not answer what it was not asked yet.
        match greeting.strip_prefix(LOGGED_IN) {
            Some(rest) => {
                let _ = stream.write_all(LOGGED_IN).await;
                let _ = stream.read(&mut heard).await;
                let _ = stream.write_all(rest).await;
            }
            None => {
                let _ = stream.write_all(greeting).await;
            }
        }
        if hangs_up {
            drop(stream);
            return std::future::pending::<()>().await;
        }
        std::future::pending::<()>().await;
    };
    let deadline = Clock::system().monotonic() + PATIENCE;
    let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let commands = ["PING", "LLEN a", "LLEN b"].map(words);
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
    for (scheme, greeting, step, rest) in [
        (
            "redis",
            &b""[..],
            "logging in at",
            ", which took the connection, with `CLIENT`, command 1 of 2",
        ),
        ("rediss", b"", "agreeing on TLS with", ", which may not speak it"),
        (
            "redis",
            b"+OK\r\n-ERR unknown command\r\n",
            "waiting for",
            " to answer `PING`, command 1 of 3",
        ),
        (
            "redis",
            b"+OK\r\n-ERR unknown command\r\n+PONG\r\n:3\r\n",
            "waiting for",
            " to answer `LLEN`, command 3 of 3",
        ),
    ] {
        let (error, address) = said(scheme, greeting).await;
        let wanted = format!("no answer in time, while {step} {address}{rest}");
        assert_eq!(error, Error::Timeout(wanted));
    }
}

#[tokio::test]
async fn what_the_server_refuses_and_a_connection_that_breaks_are_told_by_step_and_command() {
    let ended = |greeting| async move {
        let (error, address) = hung_up("redis", greeting).await;
        error.to_string().replace(&address, "ADDRESS")
    };
    assert_eq!(
        ended(b"-ERR max number of clients reached\r\n").await,
        "ADDRESS took the connection and hung up: ERR max number of clients reached"
    );
    assert_eq!(
        ended(b"-NOAUTH Authentication required.\r\n").await,
        "ADDRESS asks for a password and the connection has none: NOAUTH Authentication required."
    );
    let alert = ended(b"\x15\x03\x03\x00\x02\x02\x46").await;
    assert!(alert.ends_with("has to begin with `rediss://`"), "{alert}");
    let broke = ended(b"+OK\r\n-ERR unknown command\r\n+PONG\r\n").await;
    let wanted = "the connection broke while waiting for ADDRESS to answer `LLEN`, command 2 of 3: ";
    assert!(broke.starts_with(wanted), "{broke}");
    let foreign = ended(b"HTTP/1.1 400 Bad Request\r\n").await;
    let wanted = ", while logging in at ADDRESS, which took the connection, with `CLIENT`, command 1 of 2";
    assert!(
        foreign.contains("not Redis' protocol") && foreign.ends_with(wanted),
        "{foreign}"
    );
}

#[tokio::test]
async fn what_nobody_asked_for_is_no_answer_to_what_is_asked_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let connection = Arc::new(testing::connection(&format!(
        "redis://{}",
        listener.local_addr().expect("bound")
    )));
    let may_interrupt = tokio::sync::Notify::new();
    let server = async {
        for number in 1.. {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut heard = [0; 1024];
            assert!(stream.read(&mut heard).await.expect("a log-in") > 0);
            stream.write_all(LOGGED_IN).await.expect("heard");
            if number == 3 {
                stream.write_all(b":9\r\n").await.expect("heard");
            }
            let Ok(1..) = stream.read(&mut heard).await else {
                continue;
            };
            stream
                .write_all(format!(":{number}\r\n").as_bytes())
                .await
                .expect("heard");
            may_interrupt.notified().await;
            let _ = stream.write_all(b":777\r\n").await;
        }
    };
    let redis = client();
    let ask = || async {
        let commands = [vec![b"LLEN".to_vec(), b"a".to_vec()]];
        let deadline = Clock::system().monotonic() + PATIENCE;
        redis
            .pipeline(&"queues".into(), &connection, &commands[..], deadline)
            .await
    };
    let asking = async {
        for number in 1..=2 {
            let answer = ask().await.expect("an answer");
            assert_eq!(
                answer.replies,
                [vec![Node::Integer(number)]],
                "of a connection of its own"
            );
            may_interrupt.notify_one();
            // What is written on this machine is there at once; the runtime learns of it when it has nothing else to do.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let odd = ask().await.expect_err("no Redis").to_string();
        assert!(odd.contains("said more than it was asked"), "{odd}");
    };
    tokio::select! {
        () = asking => {}
        () = server => unreachable!("it waits for ever"),
    }
}

#[tokio::test]
async fn who_does_not_listen_cannot_be_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let connection = Arc::new(testing::connection(&format!("redis://{address}")));
    let deadline = Clock::system().monotonic() + PATIENCE;
    let asked = client().pipeline(&"queues".into(), &connection, &[], deadline).await;
    let wanted = format!("cannot connect to {address}: ");
    assert!(
        matches!(&asked, Err(Error::Connect(said)) if said.starts_with(&wanted)),
        "{asked:?}"
    );
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
