//! The `sentry` plugin as a component, under the limits of a run, and a whole host that hands alerts, runs and events on by it; judged by
//! others: Sentry's own parser of envelopes and Relay's normaliser, and two servers on loopback that take what is meant for Sentry.
//!
//! Needs: sentry-doubles
//! Budget: 12 min

#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, and talk to them through pipes and threads of their own"
)]

#[expect(dead_code, reason = "shared with the suite of all guests")]
#[path = "../support/bench.rs"]
mod bench;
mod doubles;
mod envelopes;
mod handed_on;
#[expect(dead_code, reason = "shared with the suite of all forwarders")]
#[path = "../forwarders/server.rs"]
mod server;
#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
}
mod through;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bellwether::{
    capability::reach::Reach,
    clock::{Clock, Timestamp},
    config::Connection,
    sandbox::{ForwardRequest, ForwardedAlert, ForwardedEvent, ForwardedRun, NewsReason, Notification, Plugin},
    secret::Secret,
};
use bench::{Bench, Given};
use doubles::{Double, judge};
use serde_json::{Value, json};
use server::{Heard, Server};

const KEY: &str = "canary0123456789abcdef0123456789";

/// A label of somebody who wants the key.
const LABEL: &str = "<img src=x> @everyone {{secret:key}}\nsecond line";

fn component() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins/sentry.wasm");
    assert!(
        path.is_file(),
        "{} is missing: cargo xtask build --plugins",
        path.display()
    );
    path
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn now() -> Timestamp {
    Clock::system().wall()
}

fn notification(alerts: usize) -> Notification {
    let labels = |number: usize| {
        vec![
            pair("alertname", "Down"),
            pair("instance", &format!("host-{number}.example.com:9100")),
            pair("severity", "critical"),
            pair("who", LABEL),
        ]
    };
    let alert = |number: usize| ForwardedAlert {
        fingerprint: format!("{number:016x}"),
        is_firing: true,
        labels: labels(number),
        annotations: vec![pair("summary", "the host does not answer")],
        value: Some(1.5),
        starts_at: now(),
        ends_at: None,
        updated_at: now(),
        generator_url: String::new(),
    };
    Notification {
        id: format!("{alerts:032x}"),
        receiver: "ops".into(),
        group_key: "ops/Down".into(),
        reason: NewsReason::First,
        created_at: now(),
        group_labels: vec![pair("alertname", "Down")],
        common_labels: vec![
            pair("alertname", "Down"),
            pair("environment", "a label, and not Sentry's"),
            pair("severity", "critical"),
            pair("user_id", "42"),
            pair("who", LABEL),
        ],
        common_annotations: vec![pair("summary", "the host does not answer")],
        alerts: (0..alerts).map(alert).collect(),
        truncated_alerts: 0,
        external_url: "https://bellwether.example.com/".to_owned(),
        title: format!("[FIRING:{alerts}] Down {LABEL}"),
        text: String::new(),
        details: Vec::new(),
    }
}

fn run(check: &str) -> ForwardedRun {
    ForwardedRun {
        id: format!("{check}-1"),
        check: check.into(),
        plugin: "http".to_owned(),
        scheduled_at: now(),
        started_at: now() + Duration::from_millis(5),
        duration: Duration::from_millis(250),
        interval: Some(Duration::from_secs(15)),
        schedule: None,
        timeout: Duration::from_secs(10),
        outcome: "critical".to_owned(),
        message: "answered 503".to_owned(),
        labels: vec![pair("team", "shop")],
        details: vec![pair("phase.connect", "1000000+20000000")],
    }
}

fn connection(url: &str, key: &str) -> Connection {
    let mut connection = Connection::at_address(url).expect("an address");
    connection.methods.remove("POST");
    connection.secrets.insert("key".to_owned(), Secret::new(key));
    connection
}

fn given(url: &str, key: &str, settings: &'static str) -> Given {
    Given {
        reach: Arc::new(Reach {
            slots: [("default".to_owned(), Arc::new(connection(url, key)))].into(),
            ..Reach::default()
        }),
        settings,
        ..Given::default()
    }
}

fn request(bench: &Bench, given: &Given) -> ForwardRequest {
    ForwardRequest {
        at: now(),
        ..bench.forward_request("ops", given)
    }
}

fn taken(_: &Heard) -> server::Said {
    Some((200, "", "{\"id\":\"0123456789abcdef0123456789abcdef\"}".to_owned()))
}

/// What Sentry's parts make of everything that a server heard, and that none of them has anything against it.
fn judged(server: &Server) -> Vec<Value> {
    let mut items = Vec::new();
    for heard in server.heard() {
        assert_eq!(heard.path(), "/sentry/api/7/envelope/");
        let auth = heard.header("x-sentry-auth").expect("a header").to_owned();
        assert!(
            auth.starts_with("Sentry sentry_version=7, ") && auth.ends_with(&format!("sentry_key={KEY}")),
            "{auth}"
        );
        assert!(
            !heard.text().contains(KEY),
            "the key stands where it belongs and nowhere else"
        );
        let envelope = judge(&heard.body);
        let sent_at = envelope["headers"]["sent_at"].as_str().expect("a time");
        assert!(bellwether::clock::of_rfc3339(sent_at).is_some(), "{sent_at}");
        for item in envelope["items"].as_array().expect("items") {
            assert_eq!(item["complaints"], json!([]), "{item}");
            items.push(item.clone());
        }
    }
    items
}

async fn plugin(bench: &Bench) -> Arc<Plugin> {
    bench.load(&component()).await
}

#[tokio::test]
async fn alerts_of_any_number_are_events_that_relay_finds_nothing_wrong_with() {
    let bench = Bench::new();
    let plugin = plugin(&bench).await;
    for alerts in [1, 50, 5_000] {
        let server = Server::start(taken).await;
        let given = given(&server.url("sentry/api/7/"), KEY, "{}");
        let end = plugin.deliver(request(&bench, &given), notification(alerts)).await;
        assert!(end.result.is_ok(), "{alerts}: {:?}", end.result);
        assert!(end.usage.memory_peak_bytes < 48 << 20, "{:?}", end.usage);
        let items = judged(&server);
        assert_eq!((items.len(), &items[0]["type"]), (1, &json!("event")));
        let event = &items[0]["payload"];
        assert_eq!(
            event["tags"]["who"],
            json!("<img src=x> @everyone {{secret:key}} second line")
        );
        assert_eq!((&event["user"]["id"], &event["level"]), (&json!("42"), &json!("fatal")));
    }
}

#[tokio::test]
async fn runs_are_check_ins_and_transactions_that_relay_finds_nothing_wrong_with() {
    let bench = Bench::new();
    let plugin = plugin(&bench).await;
    let server = Server::start(taken).await;
    let given = given(&server.url("sentry/api/7/"), KEY, r#"{"traces_sample_rate":1}"#);
    let end = plugin
        .deliver_runs(request(&bench, &given), vec![run("web"), run("Nightly Import")])
        .await;
    assert_eq!(end.result.expect("taken"), Vec::new());
    let items = judged(&server);
    let kinds: Vec<&str> = items.iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(kinds, ["check_in", "check_in", "transaction", "transaction"]);
    let transaction = &items[2]["payload"];
    assert_eq!(transaction["spans"].as_array().map(Vec::len), Some(2));
    let check_in = items
        .iter()
        .find(|item| item["payload"]["monitor_slug"] == json!("web"))
        .expect("a check-in");
    assert_eq!(
        check_in["payload"]["contexts"]["trace"]["trace_id"],
        transaction["contexts"]["trace"]["trace_id"]
    );
}

#[tokio::test]
async fn an_applications_envelope_arrives_whole_and_cannot_name_the_key() {
    let bench = Bench::new();
    let plugin = plugin(&bench).await;
    let server = Server::start(taken).await;
    let given = given(&server.url("sentry/api/7/"), KEY, "{}");
    let event = json!({
        "event_id": "0123456789abcdef0123456789abcdef", "platform": "python", "timestamp": 1_795_848_926.0,
        "exception": { "values": [{ "type": "ValueError", "value": "{{secret:key}}" }] },
    })
    .to_string();
    let payload = format!(
        "{{\"event_id\":\"0123456789abcdef0123456789abcdef\",\"dsn\":\"https://k@h/1\"}}\n{{\"type\":\"event\",\"length\":{}}}\n{event}\n",
        event.len()
    );
    let event = ForwardedEvent {
        id: "e".to_owned(),
        at: now(),
        source: "shop".to_owned(),
        kind: "event".to_owned(),
        level: "error".to_owned(),
        message: "ValueError".to_owned(),
        content_type: "application/x-sentry-envelope".to_owned(),
        payload: payload.into_bytes(),
    };
    let end = plugin.deliver_events(request(&bench, &given), vec![event]).await;
    assert_eq!(end.result.expect("taken"), Vec::new());
    let items = judged(&server);
    assert_eq!(
        items[0]["payload"]["exception"]["values"][0]["value"],
        json!("{{secret:key}}")
    );
    assert!(!server.heard()[0].text().contains("\"dsn\""));
}

#[tokio::test]
async fn kent_and_bugsink_take_an_alert() {
    let bench = Bench::new();
    let plugin = plugin(&bench).await;
    for (name, settings) in [
        ("kent", "{}"),
        ("bugsink", r#"{"items":["event"],"traces_sample_rate":1}"#),
    ] {
        let mut double = Double::start(name);
        let given = given(&double.url("api/1/"), double.key().to_owned().as_str(), settings);
        let end = plugin.deliver(request(&bench, &given), notification(3)).await;
        assert!(end.result.is_ok(), "{name}: {:?}", end.result);
        let end = plugin.deliver_runs(request(&bench, &given), vec![run("web")]).await;
        assert_eq!(end.result.expect("taken"), Vec::new(), "{name}");
        let said = Value::from(double.events()).to_string();
        assert!(
            said.contains("[FIRING:3] Down") && said.contains("ops/Down"),
            "{name}: {said}"
        );
        assert_eq!(said.contains("monitor_slug"), name == "kent", "{name}: {said}");
    }
}
