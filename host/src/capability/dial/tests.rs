use std::sync::Mutex;

use tokio::net::TcpListener;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers a list after the other, the last for ever.
#[derive(Debug)]
struct Scripted {
    answers: Mutex<Vec<Vec<IpAddr>>>,
}

impl Scripted {
    fn dialer(answers: &[&[&str]]) -> Dialer {
        let parsed = answers
            .iter()
            .map(|list| list.iter().map(|text| text.parse().expect("an address")).collect());
        let resolver = Self {
            answers: Mutex::new(parsed.collect()),
        };
        Dialer::with_resolver(Clock::system(), Arc::new(resolver))
    }
}

impl Resolve for Scripted {
    fn resolve<'f>(&'f self, _: &'f str) -> Found<'f> {
        let mut answers = self.answers.lock().expect("not poisoned");
        let next = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        };
        Box::pin(async move { Ok(next) })
    }
}

#[derive(Debug)]
struct Silent;

impl Resolve for Silent {
    fn resolve<'f>(&'f self, _: &'f str) -> Found<'f> {
        Box::pin(std::future::pending())
    }
}

fn goal<'g>(host: &'g str, port: u16, addresses: &'g Addresses) -> Goal<'g> {
    Goal {
        host,
        port,
        addresses,
        family: Family::Any,
        connect_to: None,
        deadline: Clock::system().monotonic() + PATIENCE,
    }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_dialled() {
    let (_listener, port) = listener().await;
    let dialer = Scripted::dialer(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let dialled = dialer.dial(goal("rebinds.test", port, &Addresses::Private)).await;
    assert_eq!(
        dialled.expect("dialled").remote,
        SocketAddr::from(([127, 0, 0, 1], port))
    );
    let second = dialer.dial(goal("rebinds.test", port, &Addresses::Private)).await;
    assert!(matches!(second.expect_err("refused").error, DialError::Refused(_)));
}

#[tokio::test]
async fn addresses_out_of_reach_are_passed_over() {
    let (_listener, port) = listener().await;
    let dialer = Scripted::dialer(&[&["169.254.169.254", "::ffff:169.254.169.254", "127.0.0.1"]]);
    let dialled = dialer
        .dial(goal("mixed.test", port, &Addresses::Private))
        .await
        .expect("dialled");
    assert!(dialled.remote.ip().is_loopback());
    assert!(dialled.times.resolve.is_some() && dialled.times.connect.is_some());
}

#[tokio::test]
async fn a_name_that_resolves_to_forbidden_addresses_only_is_refused_before_any_connection() {
    for address in ["169.254.169.254", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "0.0.0.0"] {
        let dialer = Scripted::dialer(&[&[address]]);
        let failure = dialer
            .dial(goal("evil.test", 80, &Addresses::Private))
            .await
            .expect_err(address);
        assert!(matches!(failure.error, DialError::Refused(_)), "{failure:?}");
        assert_eq!(failure.remote, None);
    }
}

#[tokio::test]
async fn connect_to_is_judged_like_a_name() {
    let (_listener, port) = listener().await;
    let public = Addresses::Public;
    let wish = |to: &str| Goal {
        connect_to: Some(to.parse().expect("an address")),
        ..goal("www.example.com", port, &public)
    };
    let failure = Dialer::new(Clock::system())
        .dial(wish("127.0.0.1"))
        .await
        .expect_err("private");
    assert!(failure.to_string().contains("`addresses`"), "{failure}");
    let private = Goal {
        addresses: &Addresses::Private,
        ..wish(&format!("127.0.0.1:{port}"))
    };
    Dialer::new(Clock::system()).dial(private).await.expect("dialled");
}

#[tokio::test]
async fn a_dead_address_leaves_time_for_the_next() {
    let (_listener, port) = listener().await;
    // Nobody listens on the second loopback address: it refuses at once.
    let dialer = Scripted::dialer(&[&["127.0.0.2", "127.0.0.1"]]);
    let dialled = dialer
        .dial(goal("half.test", port, &Addresses::Private))
        .await
        .expect("dialled");
    assert_eq!(dialled.remote.ip(), IpAddr::from([127, 0, 0, 1]));
}

#[tokio::test]
async fn a_family_that_the_name_has_not_is_an_error_with_its_name() {
    let v6_only = Goal {
        family: Family::V6,
        ..goal("four.test", 80, &Addresses::Private)
    };
    let failure = Scripted::dialer(&[&["127.0.0.1"]])
        .dial(v6_only)
        .await
        .expect_err("none");
    assert_eq!(failure.to_string(), "`four.test` has no IPv6 address");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_times_out_in_its_phase() {
    let dialer = Dialer::with_resolver(Clock::system(), Arc::new(Silent));
    let failure = dialer
        .dial(goal("slow.test", 80, &Addresses::Public))
        .await
        .expect_err("late");
    assert!(
        matches!(failure.error, DialError::Timeout(DialPhase::Resolve)),
        "{failure:?}"
    );
    assert_eq!(failure.times, DialTimes::default());
}

#[tokio::test]
async fn a_closed_port_says_where_and_why() {
    let (listener, port) = listener().await;
    drop(listener);
    let failure = Dialer::new(Clock::system())
        .dial(goal("127.0.0.1", port, &Addresses::Private))
        .await
        .expect_err("closed");
    assert!(
        failure.to_string().starts_with(&format!("127.0.0.1:{port}: ")),
        "{failure}"
    );
    assert_eq!(failure.remote, Some(SocketAddr::from(([127, 0, 0, 1], port))));
}

#[tokio::test]
async fn a_unix_socket_is_dialled_by_its_path() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("socket");
    let deadline = Clock::system().monotonic() + PATIENCE;
    let dialer = Dialer::new(Clock::system());
    let absent = dialer.dial_unix(&path, deadline).await.expect_err("absent").to_string();
    assert!(absent.contains("socket: "), "{absent}");
    let _listener = tokio::net::UnixListener::bind(&path).expect("bound");
    dialer.dial_unix(&path, deadline).await.expect("dialled");
}

#[test]
fn connect_to_takes_literal_addresses_only() {
    let parsed = |text: &str| text.parse::<ConnectTo>().map(|to| (to.address.to_string(), to.port));
    assert_eq!(parsed("10.0.0.7"), Ok(("10.0.0.7".to_owned(), None)));
    assert_eq!(parsed("10.0.0.7:8443"), Ok(("10.0.0.7".to_owned(), Some(8443))));
    assert_eq!(parsed("2001:db8::1"), Ok(("2001:db8::1".to_owned(), None)));
    assert_eq!(parsed("[2001:db8::1]"), Ok(("2001:db8::1".to_owned(), None)));
    assert_eq!(parsed("[2001:db8::1]:8443"), Ok(("2001:db8::1".to_owned(), Some(8443))));
    for wrong in [
        "",
        "localhost",
        "127.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "[10.0.0.7]",
        "10.0.0.7:0",
    ] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
    assert!(parsed("fe80::1%1").is_err() && parsed("[fe80::1%1]:80").is_err());
}

#[test]
fn attempts_share_what_time_is_left() {
    let now = Clock::system().monotonic();
    let second = Duration::from_secs(1);
    assert_eq!(share(now, now + 4 * second, 4), now + second);
    assert_eq!(share(now, now + 4 * second, 1), now + 4 * second);
    assert_eq!(share(now, now - second, 3), now);
}
