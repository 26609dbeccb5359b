//! What applications report, from a host to Sentry: whole, to those that take it, within what the other side takes now.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bellwether::{
    app::{App, Options},
    clock::{Clock, Timestamp},
    config::{self, LoadRequest},
    sandbox::ForwardedEvent,
    telemetry::Sink,
};
use serde_json::{Value, json};

use crate::{
    KEY,
    doubles::{Double, judge},
    envelopes::{heard, items, items_of, of_type, until},
    now,
    server::{Heard, Server},
    support::host::{Place, cache},
    taken,
};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// A host in this process, and what it says.
struct Here {
    app: App,
    log: Arc<Mutex<Vec<u8>>>,
    _place: Place,
}

impl Here {
    async fn start(rest: &str, key: &str) -> Self {
        let place = Place::new(rest);
        let state = place.path("state").display().to_string();
        let cache = cache().display().to_string();
        let request = LoadRequest {
            path: Some(place.path("bellwether.toml")),
            env: [
                ("HOME", state.as_str()),
                ("CACHE_DIRECTORY", cache.as_str()),
                ("SENTRY_KEY", key),
                ("BUGSINK_KEY", key),
            ]
            .into_iter()
            .collect(),
        };
        let loaded = config::load(&request).unwrap_or_else(|problems| panic!("{problems}"));
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let options = Options {
            request,
            loaded,
            compiler: PathBuf::from(env!("CARGO_BIN_EXE_bellwether")),
            sink: Sink::Memory(Arc::clone(&log)),
            clock: Clock::system(),
            progress: Arc::new(|_| {}),
        };
        Self {
            app: App::start(options).await.expect("it starts"),
            log,
            _place: place,
        }
    }

    fn offer(&self, receivers: &[&str], events: &[ForwardedEvent]) {
        let receivers: Vec<Arc<str>> = receivers.iter().map(|name| (*name).into()).collect();
        self.app.deliver().offer_events(&receivers, events);
    }

    /// How many events of a receiver came to this.
    fn came_to(&self, receiver: &str, outcome: &str) -> f64 {
        let families = self.app.telemetry().instruments().families();
        let of = |family: &&bellwether::outcome::ReportedFamily| {
            family.head.name.as_str() == "bellwether_forwarded_items_total"
        };
        let Some(family) = families.iter().find(of) else {
            return 0.0;
        };
        let bellwether::outcome::ReportedPoints::Values(samples) = &family.points else {
            return 0.0;
        };
        let is_it = |values: &[Arc<str>]| {
            [receiver, "events", outcome]
                .iter()
                .all(|wanted| values.iter().any(|value| **value == **wanted))
        };
        let own = samples.iter().find(|sample| is_it(&sample.label_values));
        own.map_or(0.0, |sample| sample.value)
    }

    async fn stop(self) {
        self.app.stop().await;
        let said = String::from_utf8_lossy(&self.log.lock().expect("no panic")).into_owned();
        assert!(!said.contains(KEY), "{said}");
    }
}

fn receiver(name: &str, url: &str, more: &str) -> String {
    format!(
        "[connection.{name}]\nurl = \"{url}\"\nsecrets.key = \"${{secret:{}_KEY}}\"\n\n[receiver.{name}]\nplugin = \"sentry\"\n\
         connection = \"{name}\"\n{more}\n",
        name.to_uppercase()
    )
}

/// An event with an attachment, as an SDK sends it.
fn crash(id: &str, message: &str) -> ForwardedEvent {
    let event = json!({
        "event_id": ID, "platform": "python", "timestamp": 1_795_848_926.0,
        "exception": { "values": [{ "type": "ValueError", "value": message }] },
    })
    .to_string();
    envelope(
        id,
        &[
            (json!({ "type": "event", "length": event.len() }), event),
            (
                json!({ "type": "attachment", "length": 3, "filename": "a.txt" }),
                "abc".to_owned(),
            ),
        ],
    )
}

fn session(id: &str) -> ForwardedEvent {
    let session = json!({ "sid": ID, "init": true, "started": "2026-11-28T00:00:00Z", "status": "ok", "attrs": { "release": "a@1" } })
        .to_string();
    envelope(id, &[(json!({ "type": "session", "length": session.len() }), session)])
}

fn envelope(id: &str, items: &[(Value, String)]) -> ForwardedEvent {
    let head = json!({ "event_id": ID, "dsn": "https://public@shop.example.com/1", "sdk": { "name": "sentry.python", "version": "2" } });
    let items: Vec<String> = items
        .iter()
        .map(|(head, payload)| format!("{head}\n{payload}"))
        .collect();
    ForwardedEvent {
        id: id.to_owned(),
        at: now(),
        source: "shop".to_owned(),
        kind: "event".to_owned(),
        level: "error".to_owned(),
        message: String::new(),
        content_type: "application/x-sentry-envelope".to_owned(),
        payload: format!("{head}\n{}\n", items.join("\n")).into_bytes(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_before_plugins_are_loaded_arrives_whole_and_each_connection_takes_its_types() {
    let (sentry, bugsink) = (Server::start(taken).await, Server::start(taken).await);
    let host = Here::start(
        &format!(
            "{}{}",
            receiver("sentry", &sentry.url("sentry/api/7/"), ""),
            receiver("bugsink", &bugsink.url("api/1/"), "settings.items = [\"event\"]\n")
        ),
        KEY,
    )
    .await;
    let secret = format!("the host's own key {KEY} in a message");
    host.offer(
        &["sentry", "bugsink", "nobody"],
        &[crash("1", &secret), session("2"), crash("3", "another")],
    );
    heard(&sentry, "event", 2).await;
    heard(&bugsink, "event", 2).await;
    until("all are counted", || {
        host.came_to("sentry", "taken") >= 3.0 && host.came_to("bugsink", "taken") >= 3.0
    })
    .await;
    let kinds: Vec<Vec<String>> = sentry
        .heard()
        .iter()
        .map(|heard| items_of(heard).into_iter().map(|(kind, _)| kind).collect())
        .collect();
    assert_eq!(
        kinds,
        [
            vec!["event", "attachment"],
            vec!["session"],
            vec!["event", "attachment"]
        ]
    );
    let only: Vec<String> = items(&bugsink).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(only, ["event", "event"]);
    for heard in sentry.heard().iter().chain(&bugsink.heard()) {
        let text = heard.text();
        assert!(!text.contains(KEY) && !text.contains("public@"), "{text}");
    }
    for item in judge(&sentry.heard()[0].body)["items"].as_array().expect("items") {
        assert_eq!(item["complaints"], json!([]), "{item}");
    }
    assert_eq!(host.app.deliver().rate_limited("sentry"), []);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_errors_holds_for_errors_and_whoever_takes_them_in_can_say_so() {
    let asked = AtomicUsize::new(0);
    let limit = "x-sentry-rate-limits: 600:error:key:quota, 600:replay:key\r\nretry-after: 600\r\n";
    let answer = move |_: &Heard| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Some((429, limit, "{}".to_owned())),
        _ => Some((200, "", "{}".to_owned())),
    };
    let server = Server::start(answer).await;
    let began = now();
    let host = Here::start(&receiver("sentry", &server.url("sentry/api/7/"), ""), KEY).await;
    host.offer(&["sentry"], &[crash("1", "refused")]);
    until("it is refused", || host.came_to("sentry", "refused") >= 1.0).await;
    let limits = host.app.deliver().rate_limited("sentry");
    let categories: Vec<&str> = limits.iter().map(|limit| limit.category.as_str()).collect();
    assert_eq!(categories, ["error", "replay"]);
    let later = |seconds: u64| Timestamp::from_nanos(began.as_nanos() + seconds * 1_000_000_000);
    assert!(
        limits
            .iter()
            .all(|limit| limit.until > later(590) && limit.until < later(900)),
        "{limits:?}"
    );
    host.offer(&["sentry"], &[crash("2", "dropped"), session("3")]);
    let reports = heard(&server, "client_report", 1).await;
    assert_eq!(
        reports[0]["discarded_events"],
        json!([
            { "reason": "ratelimit_backoff", "category": "error", "quantity": 1 },
        ]),
        "what the 429 refused is counted there"
    );
    assert_eq!(of_type(&server, "event").len(), 1, "the second was not even sent");
    assert_eq!(of_type(&server, "session").len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_away_for_a_while_misses_nothing_and_keeps_the_order() {
    let asked = AtomicUsize::new(0);
    // Nobody answers twice; then all is well.
    let answer = move |_: &Heard| match asked.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => None,
        _ => Some((200, "", "{}".to_owned())),
    };
    let server = Server::start(answer).await;
    let host = Here::start(&receiver("sentry", &server.url("sentry/api/7/"), ""), KEY).await;
    let sent: Vec<ForwardedEvent> = (0..5)
        .map(|number| crash(&number.to_string(), &number.to_string()))
        .collect();
    host.offer(&["sentry"], &sent[..2]);
    until("it was tried", || !server.heard().is_empty()).await;
    host.offer(&["sentry"], &sent[2..]);
    until("all are taken", || host.came_to("sentry", "taken") >= 5.0).await;
    let order: Vec<Value> = of_type(&server, "event")
        .into_iter()
        .map(|event| event["exception"]["values"][0]["value"].clone())
        .collect();
    assert_eq!(
        order[..3],
        [json!("0"), json!("0"), json!("0")],
        "the first is tried until it is taken"
    );
    let mut last: Vec<&Value> = order[2..].iter().collect();
    // Those behind the first go out together.
    last.sort_by_key(|value| value.to_string());
    assert_eq!(last, [&json!("0"), &json!("1"), &json!("2"), &json!("3"), &json!("4")]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kent_and_bugsink_take_what_a_host_hands_on() {
    // Neither takes attachments or sessions; Kent answers 500 to those.
    let more = "settings.items = [\"event\"]\n";
    for name in ["sentry", "bugsink"] {
        let double = if name == "sentry" { "kent" } else { name };
        let mut double = Double::start(double);
        let key = double.key().to_owned();
        let host = Here::start(&receiver(name, &double.url("api/1/"), more), &key).await;
        host.offer(&[name], &[crash("1", "it broke"), session("2")]);
        until("both are taken", || host.came_to(name, "taken") >= 2.0).await;
        let said = Value::from(double.events()).to_string();
        assert!(said.contains("it broke"), "{name}: {said}");
        host.stop().await;
    }
}
