//! Guests that carry news, and what the host makes of how they do it.

use std::{sync::Arc, time::Duration};

use bellwether::{
    capability::reach::Reach,
    clock::Timestamp,
    config::{Connection, Limits},
    outcome::Reason,
    sandbox::{DeliveryFailure, ForwardedAlert, ForwardedEvent, ForwardedRun, NewsKind, NewsReason, Notification},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    bench::{Bench, Given},
    guests, says,
};

const SINCE: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn alert(name: &str) -> ForwardedAlert {
    ForwardedAlert {
        fingerprint: "00000000deadbeef".to_owned(),
        is_firing: true,
        labels: vec![("alertname".to_owned(), name.to_owned())],
        annotations: Vec::new(),
        value: Some(1.0),
        starts_at: SINCE,
        ends_at: None,
        updated_at: SINCE,
        generator_url: String::new(),
    }
}

fn notification(alerts: usize) -> Notification {
    Notification {
        id: "0123456789abcdef".to_owned(),
        receiver: "hostile".into(),
        group_key: "hostile/Down".into(),
        reason: NewsReason::First,
        created_at: SINCE,
        group_labels: Vec::new(),
        common_labels: Vec::new(),
        common_annotations: Vec::new(),
        alerts: vec![alert("Down"); alerts],
        truncated_alerts: 0,
        external_url: String::new(),
        title: "Down".to_owned(),
        text: String::new(),
        details: Vec::new(),
    }
}

fn with_settings(settings: &'static str) -> Given {
    Given {
        settings,
        ..Given::default()
    }
}

/// Why nothing was delivered, and that no state is kept of it.
async fn failure(bench: &Bench, guest: &str, given: &Given) -> DeliveryFailure {
    let plugin = bench.load(&guests::rust(guest).await).await;
    let end = bench.deliver("hostile", &plugin, given, notification(1)).await;
    match end.result {
        Err(failure) => failure,
        Ok(receipt) => panic!("delivered: {receipt:?}"),
    }
}

pub(crate) async fn obedient(bench: &Bench) {
    let plugin = bench.load(&guests::rust("forwarder").await).await;
    for kind in [NewsKind::Notifications, NewsKind::Runs, NewsKind::Events] {
        assert!(plugin.carries(kind));
    }
    let end = bench
        .deliver("hostile", &plugin, &Given::default(), notification(5_000))
        .await;
    let receipt = end.result.expect("delivered");
    let said: Vec<(&str, &str)> = receipt
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("name", "hostile"),
            ("id", "0123456789abcdef"),
            ("attempt", "1"),
            ("reason", "Reason::First"),
            ("alerts", "5000"),
            ("first", "alertname=Down"),
            ("state", "AlertState::Firing"),
            ("count", "1"),
        ]
    );
    assert!(end.usage.memory_peak_bytes > 0 && !end.usage.cpu.is_zero());
    refusals(bench, &plugin).await;
    batches(bench, &plugin).await;
}

/// What it says itself is believed, and what it wrote before is kept.
async fn refusals(bench: &Bench, plugin: &bellwether::sandbox::Plugin) {
    for (settings, message, is_permanent, retry_after) in [
        (r#"{"permanent":1}"#, "no such channel", true, None),
        (
            r#"{"transient":1}"#,
            "come back later",
            false,
            Some(Duration::from_millis(1_500)),
        ),
    ] {
        let end = bench
            .deliver("hostile", plugin, &with_settings(settings), notification(1))
            .await;
        let expected = DeliveryFailure {
            message: message.to_owned(),
            is_permanent,
            retry_after,
            is_ambiguous: false,
            ended: None,
        };
        assert_eq!(end.result, Err(expected));
    }
    assert_eq!(bench.receiver_state("hostile"), [("count".to_owned(), vec![3])]);
}

async fn batches(bench: &Bench, plugin: &bellwether::sandbox::Plugin) {
    let run = |id: &str| ForwardedRun {
        id: id.to_owned(),
        check: "web".into(),
        plugin: "http".to_owned(),
        scheduled_at: SINCE,
        started_at: SINCE,
        duration: Duration::from_millis(20),
        interval: Some(Duration::from_secs(15)),
        schedule: None,
        timeout: Duration::from_secs(10),
        outcome: "ok".to_owned(),
        message: String::new(),
        labels: Vec::new(),
        details: Vec::new(),
    };
    let request = bench.forward_request("hostile", &Given::default());
    let end = plugin.deliver_runs(request, vec![run("a"), run("b")]).await;
    let refused = end.result.expect("taken");
    assert_eq!((refused.len(), refused[0].0.as_str()), (1, "b"));
    assert!(refused[0].1.is_permanent && refused[0].1.message == "web");
    let event = ForwardedEvent {
        id: "e".to_owned(),
        at: SINCE,
        source: "shop".to_owned(),
        kind: "event".to_owned(),
        level: "error".to_owned(),
        message: "it broke".to_owned(),
        content_type: "application/json".to_owned(),
        payload: b"payload".to_vec(),
    };
    let request = bench.forward_request("hostile", &Given::default());
    let end = plugin.deliver_events(request, vec![event]).await;
    let refused = end.result.expect("taken");
    assert_eq!(
        (refused.len(), refused[0].1.message.as_str()),
        (1, "payload"),
        "a stranger is no part of the batch"
    );
}

pub(crate) async fn spinning(bench: &Bench) {
    let limits = Limits {
        cpu: Some(Duration::from_millis(200)),
        ..Limits::default()
    };
    let given = Given {
        limits,
        ..Given::default()
    };
    let failure = failure(bench, "forwarder_loop", &given).await;
    says(&failure.message, &["CPU budget of 200ms"]);
    assert_eq!((failure.ended, failure.is_permanent), (Some(Reason::Cpu), true));
    assert!(!failure.is_ambiguous, "nothing was sent");
}

pub(crate) async fn trapping(bench: &Bench) {
    for _ in 0..2 {
        let failure = failure(bench, "forwarder_trap", &Given::default()).await;
        says(&failure.message, &["cannot carry 0123456789abcdef; before: false"]);
        assert_eq!((failure.ended, failure.is_permanent), (Some(Reason::Trap), true));
    }
    assert_eq!(bench.receiver_state("hostile"), []);
}

pub(crate) async fn boasting(bench: &Bench) {
    let plugin = bench.load(&guests::rust("forwarder_receipt").await).await;
    let end = bench
        .deliver("hostile", &plugin, &Given::default(), notification(1))
        .await;
    let receipt = end.result.expect("delivered");
    assert_eq!(receipt.len(), 16);
    assert!(
        receipt
            .iter()
            .all(|(name, value)| name.starts_with("entry [2J") && value.len() <= 512)
    );
    let failure = failure(bench, "forwarder_receipt", &with_settings(r#"{"output":true}"#)).await;
    says(&failure.message, &["more than 4 MiB"]);
    assert_eq!(failure.ended, Some(Reason::Output));
}

pub(crate) async fn denied(bench: &Bench) {
    let failure = failure(bench, "forwarder_denied", &Given::default()).await;
    says(
        &failure.message,
        &[
            "called `http`",
            r#"`connection = "NAME"` to [receiver.hostile] (bellwether.toml:12)"#,
        ],
    );
    assert_eq!((failure.ended, failure.is_permanent), (Some(Reason::Denied), true));
    assert!(!failure.is_ambiguous);
}

pub(crate) async fn silent(bench: &Bench) {
    for (answer, ended, is_ambiguous) in [
        // Taken, and then the forwarder hung: the other side has it.
        (Some("200 OK"), Some(Reason::Timeout), true),
        // Refused in so many words: it has not.
        (Some("503 Service Unavailable"), None, false),
        // Hung up in the middle: nobody knows.
        (None, None, true),
    ] {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = server.local_addr().expect("bound").port();
        let given = Given {
            reach: Arc::new(reach(&format!("http://127.0.0.1:{port}/"))),
            timeout: Duration::from_secs(2),
            ..Given::default()
        };
        let (failure, ()) = tokio::join!(failure(bench, "forwarder_sleep", &given), answering(server, answer));
        assert_eq!(
            (failure.ended, failure.is_ambiguous),
            (ended, is_ambiguous),
            "{failure:?}"
        );
        assert!(!failure.is_permanent);
    }
    // Nobody was asked.
    let server = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = server.local_addr().expect("bound").port();
    drop(server);
    let given = Given {
        reach: Arc::new(reach(&format!("http://127.0.0.1:{port}/"))),
        ..Given::default()
    };
    let failure = failure(bench, "forwarder_sleep", &given).await;
    assert_eq!((failure.ended, failure.is_ambiguous), (None, false), "{failure:?}");
}

fn reach(url: &str) -> Reach {
    let connection = Connection::at_address(url).expect("an address");
    Reach {
        slots: [("default".to_owned(), Arc::new(connection))].into(),
        ..Reach::default()
    }
}

/// One request, answered so or not at all.
async fn answering(server: TcpListener, status: Option<&str>) {
    let (mut client, _) = server.accept().await.expect("a client");
    let mut heard = Vec::new();
    while !heard.ends_with(b"0123456789abcdef") {
        assert_ne!(client.read_buf(&mut heard).await.expect("a request"), 0, "hung up");
    }
    if let Some(status) = status {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await.expect("sent");
    }
}
