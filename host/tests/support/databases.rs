//! What the guest that asks databases gets to hear: answers, refusals of single commands, slots that lead nowhere.

use std::sync::Arc;

use bellwether::{capability::reach::Reach, config::Connection};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    bench::{Bench, Given, failure, report},
    says,
};

/// The test of that guest.
pub(crate) async fn databases(bench: &Bench) {
    let plugin = bench.load(&super::guests::rust("databases").await).await;
    let (redis, closed) = (redis().await, closed().await);
    let at = |url: String| Arc::new(Connection::at_address(&url).expect("an address"));
    let database = Connection {
        user: Some("monitor".to_owned()),
        ..Connection::at_address(&format!("postgres://127.0.0.1:{closed}/shop")).expect("an address")
    };
    let cache = at(format!(
        "redis://127.0.0.1:{}",
        redis.local_addr().expect("bound").port()
    ));
    let reach = Reach {
        slots: [("cache".to_owned(), cache), ("database".to_owned(), Arc::new(database))].into(),
        addresses: Vec::new(),
    };
    let given = Given {
        reach: Arc::new(reach),
        ..Given::default()
    };
    let (end, ()) = tokio::join!(bench.run("hostile", &plugin, &given), answer(redis));
    let said = |target: &str| {
        let found = report(&end).verdicts.iter().find(|verdict| &*verdict.target == target);
        found.map(|verdict| verdict.summary.to_string()).expect("a verdict")
    };
    says(
        &said("cache"),
        &[
            r#"Simple("PONG")"#,
            r#"Error("DENIED `KEYS` was not sent"#,
            "Integer(3)",
        ],
    );
    says(&said("unbound"), &["Denied", "no connection is bound to `elsewhere`"]);
    says(&said("wrong"), &["Denied", "is not for Redis"]);
    says(&said("closed"), &["Connect", &closed.to_string()]);
    says(&said("write"), &["Denied", "begins with `SET`"]);
    says(&said("often"), &["Denied", "1000 times"]);
    let denied: Vec<&str> = end
        .outcome
        .usage
        .denied
        .iter()
        .map(|denied| denied.capability)
        .collect();
    assert_eq!(denied, ["redis", "postgres"]);
    let none = bench.run("hostile", &plugin, &Given::default()).await;
    says(&failure(&none, "denied").message, &["`redis`", "[connection.NAME]"]);
}

async fn redis() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("bound")
}

/// A port on which nobody listens.
async fn closed() -> u16 {
    redis().await.local_addr().expect("bound").port()
}

/// Once, as a Redis answers that knows neither `CLIENT` nor `HELLO`.
async fn answer(redis: TcpListener) {
    let (mut client, _) = redis.accept().await.expect("a client");
    let mut heard = Vec::new();
    for (last, reply) in [
        ("HELLO", &b"-ERR unknown\r\n-ERR unknown\r\n"[..]),
        ("LLEN", b"+PONG\r\n:3\r\n"),
    ] {
        while !String::from_utf8_lossy(&heard).contains(last) {
            assert_ne!(client.read_buf(&mut heard).await.expect("a command"), 0, "hung up");
        }
        client.write_all(reply).await.expect("sent");
    }
}
