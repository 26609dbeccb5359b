//! A standby that receives from nobody.

use rustix::process::Signal;

use super::{
    check, once,
    started::Started,
    support::{
        host::Place,
        server::{Server, as_nobody, command, give_to_nobody},
    },
};

/// Stops the server as an operator would, and starts it as a standby that knows of no primary.
fn as_standby(started: Started) -> Started {
    let Started { dir, server, port } = started;
    drop(server.ended_by(Signal::INT));
    let data = dir.path().join("data");
    let sign = data.join("standby.signal");
    std::fs::write(&sign, "").expect("written");
    give_to_nobody(&sign);
    let mut postgres = command("postgres");
    postgres.arg("-D").arg(&data);
    as_nobody(&mut postgres, dir.path());
    let server = Server::start(postgres, "ready to accept read-only connections").ended_by(Signal::QUIT);
    Started { dir, server, port }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_was_never_sent_anything_has_no_lag_and_says_that_it_does_not_receive() {
    let started = as_standby(Started::new().await);
    let place = Place::new(&check("direct", started.port, ""));
    let said = once(&place, "direct");
    assert_eq!(said.sample("shop_postgres_standby", &[]), Some(1.0), "{}", said.text());
    assert_eq!(said.sample("shop_postgres_standby_lag_seconds", &[]), None);
    assert_eq!(said.sample("shop_postgres_standby_lag_bytes", &[]), None);
    assert_eq!(said.sample("shop_postgres_standby_receiving", &[]), Some(0.0));
    let (status, code, _) = said.judged("standby connection");
    assert_eq!((status, code), ("warning", "replication_stopped"));
}
