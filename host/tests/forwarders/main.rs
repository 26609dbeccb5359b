//! The bundled forwarders as components, under the limits of a run, to servers on loopback: what arrives on the wire, with the
//! credentials that only the host has, and what the host makes of the answers.
//!
//! Budget: 5 min

mod server;

#[expect(dead_code, reason = "shared with the suite of all guests")]
#[path = "../support/bench.rs"]
mod bench;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bellwether::{
    capability::reach::Reach,
    clock::Timestamp,
    config::{Connection, HttpAuth, Sign},
    sandbox::{DeliveryEnd, ForwardedAlert, NewsReason, Notification, Receipt},
    secret::Secret,
};
use bench::{Bench, Given};
use serde_json::{Value, json};
use server::{Heard, Said, Server};

const SINCE: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A label of somebody who wants to be heard, and the key of whoever is told.
const LABEL: &str = "<!channel> @everyone <img src=x> {{secret:routing_key}}";

fn component(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/plugins/{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is missing: cargo xtask build --plugins",
        path.display()
    );
    path
}

fn alert(number: usize) -> ForwardedAlert {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ForwardedAlert {
        fingerprint: format!("{number:016x}"),
        is_firing: true,
        labels: vec![
            pair("alertname", "Down"),
            pair("instance", &format!("host-{number}.example.com:9100")),
            pair("severity", "critical"),
            pair("who", LABEL),
        ],
        annotations: vec![pair("summary", "the host does not answer")],
        value: Some(1.0),
        starts_at: SINCE,
        ends_at: None,
        updated_at: SINCE,
        generator_url: String::new(),
    }
}

fn notification(alerts: usize, reason: NewsReason) -> Notification {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Notification {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        receiver: "ops".into(),
        group_key: "ops/Down".into(),
        reason,
        created_at: SINCE,
        group_labels: vec![pair("alertname", "Down")],
        common_labels: vec![
            pair("alertname", "Down"),
            pair("severity", "critical"),
            pair("who", LABEL),
        ],
        common_annotations: vec![pair("summary", "the host does not answer")],
        alerts: (0..alerts).map(alert).collect(),
        truncated_alerts: 0,
        external_url: String::new(),
        title: format!("[FIRING:{alerts}] Down {LABEL}"),
        text: String::new(),
        details: Vec::new(),
    }
}

/// As a configuration gives it to a receiver where nothing is said of methods.
fn connection(url: &str) -> Connection {
    Connection::at_address(url).expect("an address")
}

fn given(connection: Connection, settings: &'static str) -> Given {
    Given {
        reach: Arc::new(Reach {
            slots: [("default".to_owned(), Arc::new(connection))].into(),
            ..Reach::default()
        }),
        settings,
        ..Given::default()
    }
}

/// As [`connection`], with the key that PagerDuty wants.
fn keyed(url: &str) -> Connection {
    let mut connection = connection(url);
    let key = Secret::new("canary-of-the-routing-key");
    connection.secrets.insert("routing_key".to_owned(), key);
    connection
}

/// The first news of one alert, without settings.
async fn deliver_one(bench: &Bench, plugin: &str, connection: Connection) -> DeliveryEnd<Receipt> {
    deliver(
        bench,
        plugin,
        &given(connection, "{}"),
        notification(1, NewsReason::First),
    )
    .await
}

async fn deliver(bench: &Bench, plugin: &str, given: &Given, news: Notification) -> DeliveryEnd<Receipt> {
    let plugin = bench.load(&component(plugin)).await;
    bench.deliver("ops", &plugin, given, news).await
}

fn ok(_: &Heard) -> Said {
    Some((200, "", "ok".to_owned()))
}

/// As Slack's API and Discord answer; others do not mind.
fn kept(_: &Heard) -> Said {
    let body = json!({ "ok": true, "channel": "C042", "ts": "1700000000.000100", "id": "7" });
    Some((200, "", body.to_string()))
}

#[tokio::test]
async fn every_forwarder_carries_groups_of_any_size_within_the_limits_of_a_run() {
    let bench = Bench::new();
    for name in ["slack", "webhook", "alertmanager", "pagerduty", "discord", "teams"] {
        for alerts in [1, 50, 5_000] {
            let server = Server::start(kept).await;
            let given = given(keyed(&server.url("")), "{}");
            let end = deliver(&bench, name, &given, notification(alerts, NewsReason::First)).await;
            assert!(end.result.is_ok(), "{name}, {alerts}: {:?}", end.result);
            assert!(end.usage.memory_peak_bytes < 48 << 20, "{name}: {:?}", end.usage);
            let heard = server.heard();
            assert!(!heard.is_empty() && heard.len() <= 20, "{name}: {}", heard.len());
            for request in &heard {
                let named = request.text().matches("canary-of-the-routing-key").count();
                assert_eq!(named, usize::from(name == "pagerduty"), "{name}: only where it belongs");
            }
        }
    }
}

#[tokio::test]
async fn a_webhook_is_signed_by_the_host_and_named_once() {
    let bench = Bench::new();
    let server = Server::start(ok).await;
    let key = "key-of-the-signature";
    let hook = Connection {
        url_is_secret: true,
        sign: Some(Sign {
            header: "x-signature".to_owned(),
            key: Secret::new(key),
            prefix: "sha256=".to_owned(),
            timestamp_header: Some("x-timestamp".to_owned()),
        }),
        ..connection(&server.url("hooks/canary"))
    };
    let end = deliver_one(&bench, "webhook", hook).await;
    assert!(end.result.is_ok(), "{:?}", end.result);
    let heard = &server.heard()[0];
    assert_eq!(heard.path(), "/hooks/canary");
    assert_eq!(
        heard.header("idempotency-key"),
        Some("0123456789abcdef0123456789abcdef")
    );
    let signed = [
        heard.header("x-timestamp").expect("a time").as_bytes(),
        b".",
        &heard.body,
    ]
    .concat();
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes()), &signed);
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(heard.header("x-signature"), Some(format!("sha256={hex}").as_str()));
    assert_eq!(heard.json()["alerts"][0]["labels"]["who"], json!(LABEL));
}

#[tokio::test]
async fn pagerdutys_key_reaches_the_wire_and_no_label_can_ask_for_it() {
    let bench = Bench::new();
    let server = Server::start(|_| Some((202, "", "{}".to_owned()))).await;
    let end = deliver_one(&bench, "pagerduty", keyed(&server.url(""))).await;
    let said = format!("{end:?}");
    assert!(end.result.is_ok() && !said.contains("canary"), "{said}");
    let heard = &server.heard()[0];
    assert_eq!(heard.path(), "/v2/enqueue");
    let event = heard.json();
    assert_eq!(event["routing_key"], json!("canary-of-the-routing-key"));
    assert_eq!(event["payload"]["custom_details"]["labels"]["who"], json!(LABEL));
}

#[tokio::test]
async fn slack_as_a_bot_remembers_its_thread_and_never_sees_its_token() {
    let bench = Bench::new();
    let server = Server::start(|heard: &Heard| {
        // An echo of the credentials must not come back to the plugin.
        let echo = heard.header("authorization").unwrap_or_default().to_owned();
        let body = json!({ "ok": true, "channel": "C042", "ts": "1700000000.000100", "echo": echo });
        Some((200, "", body.to_string()))
    })
    .await;
    let api = Connection {
        auth: Some(HttpAuth::Bearer(Secret::new("xoxb-canary-of-the-bot"))),
        ..connection(&server.url("api/"))
    };
    let given = given(api, r##"{"channel":"#alerts"}"##);
    for reason in [NewsReason::First, NewsReason::Repeat] {
        let end = deliver(&bench, "slack", &given, notification(1, reason)).await;
        let said = format!("{end:?}");
        assert!(end.result.is_ok() && !said.contains("canary"), "{said}");
    }
    let heard = server.heard();
    let calls: Vec<(&str, Value)> = heard.iter().map(|call| (call.path(), call.json())).collect();
    let paths: Vec<&str> = calls.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        paths,
        ["/api/chat.postMessage", "/api/chat.update", "/api/chat.postMessage"]
    );
    assert_eq!(calls[1].1["ts"], json!("1700000000.000100"));
    assert_eq!(calls[2].1["thread_ts"], json!("1700000000.000100"));
    assert!(
        heard
            .iter()
            .all(|call| call.header("authorization") == Some("Bearer xoxb-canary-of-the-bot"))
    );
    assert!(!bench.receiver_state("ops").is_empty());
    let text = heard[0].text();
    for live in ["<!channel>", "<img", "{{secret:"] {
        assert!(!text.contains(live), "{live}: {text}");
    }
}

#[tokio::test]
async fn alertmanagers_named_in_the_settings_all_hear_of_it() {
    let bench = Bench::new();
    let (one, other) = (Server::start(ok).await, Server::start(ok).await);
    let addresses = [&one, &other].map(|server| server.url(""));
    let settings: &'static str = json!({ "members": addresses }).to_string().leak();
    let given = Given {
        reach: Arc::new(Reach {
            addresses: addresses
                .iter()
                .map(|url| Arc::new(Connection::at_address(url).expect("an address")))
                .collect(),
            ..Reach::default()
        }),
        settings,
        ..Given::default()
    };
    let end = deliver(&bench, "alertmanager", &given, notification(300, NewsReason::Refresh)).await;
    let receipt = end.result.expect("delivered");
    assert_eq!(receipt[0], ("members".to_owned(), "2 of 2".to_owned()));
    for server in [one, other] {
        let heard = server.heard();
        let alerts: Vec<usize> = heard
            .iter()
            .map(|call| call.json().as_array().map_or(0, Vec::len))
            .collect();
        assert_eq!(alerts, [256, 44]);
        assert!(heard.iter().all(|call| call.path() == "/api/v2/alerts"));
    }
    let plugin = bench.load(&component("alertmanager")).await;
    assert_eq!(plugin.description().refresh, Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn answers_become_failures_that_say_whether_and_when_to_try_again() {
    let bench = Bench::new();
    for name in ["slack", "webhook", "alertmanager", "pagerduty", "discord", "teams"] {
        for (said, is_permanent, retry_after, is_ambiguous) in [
            (Some((404, "", "gone")), true, None, false),
            (Some((500, "", "broken")), false, None, false),
            (
                Some((429, "retry-after: 7\r\n", "slow down")),
                false,
                Some(Duration::from_secs(7)),
                false,
            ),
            (None, false, None, true),
        ] {
            let answer = move |_: &Heard| said.map(|(status, headers, body)| (status, headers, body.to_owned()));
            let server = Server::start(answer).await;
            let end = deliver_one(&bench, name, keyed(&server.url(""))).await;
            let failure = end.result.expect_err("refused");
            assert_eq!(
                (
                    failure.is_permanent,
                    failure.retry_after,
                    failure.is_ambiguous,
                    failure.ended
                ),
                (is_permanent, retry_after, is_ambiguous, None),
                "{name}: {failure:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_connection_that_names_its_methods_allows_no_others() {
    let bench = Bench::new();
    let server = Server::start(ok).await;
    // The second is what a connection allows that names none.
    for methods in [&["GET"][..], &["GET", "HEAD", "OPTIONS"]] {
        let mut read_only = connection(&server.url(""));
        read_only.methods = methods.iter().map(|method| (*method).to_owned()).collect();
        let end = deliver_one(&bench, "webhook", read_only).await;
        let failure = end.result.expect_err("denied");
        assert!(
            failure.is_permanent && failure.message.contains("`methods`"),
            "{failure:?}"
        );
    }
    assert!(server.heard().is_empty());
}
