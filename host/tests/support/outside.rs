//! Guests that reach what is outside, and the small servers on loopback that they talk to, each for one conversation.

use std::{sync::Arc, time::Duration};

use bellwether::{
    capability::reach::Reach,
    config::{Connection, Limits},
    secret::Secret,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    bench::{Bench, Given, failure, report},
    guests, says,
};

pub(crate) async fn connections(bench: &Bench) {
    let plugin = bench.load(&guests::rust("connections").await).await;
    assert_eq!(plugin.description().connections.len(), 2);
    let at = |url: &str| Connection::at_address(url).expect("an address");
    let hook = Connection {
        url_is_secret: true,
        ..at("https://hooks.example.com/canary")
    };
    let reach = Reach {
        slots: [
            ("default".to_owned(), Arc::new(hook)),
            ("cache".to_owned(), Arc::new(at("rediss://cache/0"))),
        ]
        .into(),
        addresses: vec![Arc::new(at("https://WWW.example.com"))],
    };
    let end = bench
        .run(
            "hostile",
            &plugin,
            &Given {
                reach: Arc::new(reach),
                ..Given::default()
            },
        )
        .await;
    let said: Vec<(&str, &str, &str)> = report(&end)
        .verdicts
        .iter()
        .map(|verdict| {
            (
                &*verdict.target,
                verdict.details[0].1.as_str(),
                verdict.summary.as_str(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("cache", "rediss", "leads to <rediss://cache/0>"),
            ("default", "https", "leads to <>"),
            (
                "https://WWW.example.com",
                "https",
                "leads to <https://www.example.com/>"
            ),
        ]
    );
    let none = bench.run("hostile", &plugin, &Given::default()).await;
    assert_eq!(report(&none).verdicts.len(), 0);
}

pub(crate) async fn databases(bench: &Bench) {
    let plugin = bench.load(&guests::rust("databases").await).await;
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

pub(crate) async fn http_clients(bench: &Bench) {
    const KEY: &str = "canary-of-the-connection";
    let plugin = bench.load(&guests::rust("http_clients").await).await;
    let server = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = server.local_addr().expect("bound").port();
    let mut api = Connection::at_address(&format!("http://127.0.0.1:{port}/v1/")).expect("an address");
    api.headers = vec![("x-api-key".to_owned(), Secret::new(KEY))];
    let reach = Reach {
        addresses: vec![Arc::new(api)],
        ..Reach::default()
    };
    let given = Given {
        reach: Arc::new(reach),
        ..Given::default()
    };
    let (end, ()) = tokio::join!(bench.run("hostile", &plugin, &given), echo(server, 2));
    let said = |target: &str| {
        let found = report(&end).verdicts.iter().find(|verdict| &*verdict.target == target);
        found
            .map(|verdict| verdict.summary.to_string())
            .unwrap_or_else(|| panic!("{target}: {end:?}"))
    };
    for (client, denied, invalid) in [
        ("contract", "Denied", "Invalid"),
        ("wasi", "HttpRequestDenied", "HttpRequestUriInvalid"),
    ] {
        says(
            &said(&format!("{client} granted")),
            &["200 GET /v1/ HTTP/1.1", "x-api-key: [redacted]"],
        );
        says(&said(&format!("{client} outside")), &[denied]);
        says(&said(&format!("{client} hidden")), &[invalid]);
        says(&said(&format!("{client} elsewhere")), &[denied]);
        says(&said(&format!("{client} metadata")), &[denied]);
    }
    assert!(!format!("{end:?}").contains(KEY));
    let usage = &end.outcome.usage;
    assert_eq!(usage.requests, [("denied", 6), ("invalid", 2), ("ok", 2)].into());
    assert!(
        usage.denied.iter().all(|denied| denied.capability == "http") && usage.denied.len() == 3,
        "{:?}",
        usage.denied
    );
    let none = bench.run("hostile", &plugin, &Given::default()).await;
    assert_eq!(
        report(&none).verdicts.len(),
        1,
        "it asks what it was given: its own verdict is left"
    );
}

/// What it is for is shown in `walls`; here, that it sees through both doors and that what it says is said without secrets.
pub(crate) async fn two_doors(bench: &Bench) {
    const KEY: &str = "canary-of-the-host";
    let plugin = bench.load(&guests::rust("two_doors").await).await;
    bench.redactor.learn(&[Secret::new(KEY)]);
    let reach = Arc::new(Reach {
        addresses: vec![Arc::new(
            Connection::at_address("http://localhost/").expect("an address"),
        )],
        ..Reach::default()
    });
    let run = async |end: &str| {
        let settings = serde_json::json!({ "asked": [{ "method": "GET", "url": "http://nowhere.test/" }], "end": end,
            "last_words": format!("it was <{KEY}>: ") });
        let given = Given {
            settings: settings.to_string().leak(),
            reach: Arc::clone(&reach),
            ..Given::default()
        };
        bench.run("hostile", &plugin, &given).await
    };
    let words = run("report").await;
    let words: Vec<_> = report(&words)
        .verdicts
        .iter()
        .map(|verdict| (&*verdict.target, &*verdict.summary))
        .collect();
    assert_eq!(words, [("contract 0", "denied"), ("wasi 0", "denied")]);
    for (end, word) in [("panic", "trap"), ("failure", "target")] {
        says(
            &failure(&run(end).await, word).message,
            &["it was <[redacted]>: no connection of this check"],
        );
    }
}

/// The host keeps as much of the bodies as it may, and takes the others all the same, so that the guest hears of it as it hears
/// of any other error.
pub(crate) async fn request_hoard(bench: &Bench) {
    let plugin = bench.load(&guests::rust("request_hoard").await).await;
    let url = format!("http://127.0.0.1:{}/", closed().await);
    let reach = Reach {
        addresses: vec![Arc::new(Connection::at_address(&url).expect("an address"))],
        ..Reach::default()
    };
    let limits = Limits {
        cpu: Some(Duration::from_secs(20)),
        ..Limits::default()
    };
    let given = Given {
        reach: Arc::new(reach),
        limits,
        ..Given::default()
    };
    let end = bench.run("hostile", &plugin, &given).await;
    let said: Vec<&str> = report(&end).verdicts.iter().map(|verdict| &*verdict.summary).collect();
    assert_eq!(said[..2], ["ErrorCode::ConnectionRefused"; 2]);
    assert_eq!(said.len(), 6);
    for ended in &said[2..] {
        says(ended, &["InternalError", "over a limit", "8 MiB together"]);
    }
    assert_eq!(end.outcome.usage.requests, [("connect", 2), ("limit", 4)].into());
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

/// Says to each of `times` clients what it heard, and hangs up.
async fn echo(server: TcpListener, times: usize) {
    for _ in 0..times {
        let (mut client, _) = server.accept().await.expect("a client");
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            assert_ne!(client.read_buf(&mut heard).await.expect("a request"), 0, "hung up");
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            heard.len()
        );
        client
            .write_all(&[head.as_bytes(), &heard].concat())
            .await
            .expect("sent");
    }
}
