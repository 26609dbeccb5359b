//! The plugin as the host runs it, on the fake one.

use std::{collections::VecDeque, time::Duration};

use bellwether_sdk::{
    DeliveryFailure, Notification,
    fake::{
        Fake, Sent, answer_with, assert_forwarder_readme, assert_receivers, json,
        news::{alert, alerts, notification, resolved},
        no_answer,
    },
    http::{self, Request},
    news::{Event, Labels, Reason, Run, Timestamp},
    text::units,
};
use serde_json::Value;

use crate::{Sentry, envelope::Envelope, limits::Limits, monitor};

const NOW: u64 = 1_767_225_600;

/// What is answered: a status, and headers. No status: nothing.
type Answer = (Option<u16>, &'static [(&'static str, &'static str)]);

const OK: Answer = (Some(200), &[]);

/// Answers in this order, and then that all is well.
fn host(answers: &[Answer]) -> (Fake, Sent) {
    let mut answers: VecDeque<Answer> = answers.to_vec().into();
    let (fake, sent) = Fake::new().with_recorded_http(move |_| {
        let (status, headers) = answers.pop_front().unwrap_or(OK);
        let Some(status) = status else {
            return Err(no_answer(http::Error::Connect("refused".to_owned())));
        };
        Ok(answer_with(
            status,
            r#"{"id":"0123456789abcdef0123456789abcdef"}"#,
            headers,
        ))
    });
    (
        fake.with_fact("environment", "staging")
            .with_fact("host-version", "1.2.3"),
        sent,
    )
}

fn envelopes(sent: &Sent) -> Vec<Envelope> {
    let parse = |request: &Request| Envelope::parse(&request.body).expect("an envelope");
    sent.borrow().iter().map(parse).collect()
}

/// Types and payloads of all items that were sent.
fn items(sent: &Sent) -> Vec<(String, Value)> {
    let all = envelopes(sent).into_iter().flat_map(|envelope| envelope.items);
    all.map(|item| {
        let payload = serde_json::from_slice(&item.payload).unwrap_or(Value::Null);
        (item.kind().to_owned(), payload)
    })
    .collect()
}

fn kinds(sent: &Sent) -> Vec<String> {
    items(sent).into_iter().map(|(kind, _)| kind).collect()
}

fn event(settings: Value, news: Notification) -> Value {
    let (mut fake, sent) = host(&[]);
    fake.deliver::<Sentry>(settings, news).taken();
    let mut items = items(&sent);
    assert_eq!(items.len(), 1);
    items.remove(0).1
}

fn run(check: &str, number: u64, outcome: &str) -> Run {
    Run {
        id: format!("{check}-{number}"),
        check: check.to_owned(),
        plugin: "http".to_owned(),
        scheduled_at: Timestamp::from_seconds(NOW),
        started_at: Timestamp::from_nanos(NOW * 1_000_000_000 + 2_000_000),
        duration: Duration::from_millis(250),
        interval: Some(Duration::from_secs(15)),
        schedule: None,
        timeout: Duration::from_secs(10),
        outcome: outcome.to_owned(),
        message: String::new(),
        labels: Labels::default(),
        details: Vec::new(),
    }
}

fn reported(id: &str, kind: &str, content_type: &str, payload: &[u8]) -> Event {
    Event {
        id: id.to_owned(),
        at: Timestamp::from_seconds(NOW),
        source: "shop".to_owned(),
        kind: kind.to_owned(),
        level: "error".to_owned(),
        message: String::new(),
        content_type: content_type.to_owned(),
        payload: payload.to_vec(),
    }
}

fn whole(id: &str, payload: &[u8]) -> Event {
    reported(id, "event", "application/x-sentry-envelope", payload)
}

const CRASH: &[u8] =
    b"{\"event_id\":\"0123456789abcdef0123456789abcdef\",\"dsn\":\"https://k@h/1\",\"trace\":{\"public_key\":\"k\"}}\n\
{\"type\":\"attachment\",\"length\":3,\"filename\":\"a.txt\"}\nabc\n{\"type\":\"event\"}\n{\"message\":\"boom\"}\n";

#[test]
fn a_firing_group_is_an_event_whose_fingerprint_is_the_group() {
    let mut down = alert("Down");
    down.labels.set("instance", "db-1:9100");
    down.labels.set("severity", "critical");
    down.labels.set("user", "not Sentry's user");
    down.annotations.set("threshold", "0.5");
    down.annotations.set("runbook_url", "https://wiki.example.com/down");
    down.labels.set("user_id", "42");
    let event = event(json!({}), notification(vec![down]));
    assert_eq!(
        event,
        json!({
            "event_id": "0123456789abcdef0123456789abcdef",
            "timestamp": 1_767_225_600.0,
            "platform": "other",
            "level": "fatal",
            "logger": "bellwether",
            "release": "bellwether@1.2.3",
            "environment": "staging",
            "server_name": "db-1:9100",
            "fingerprint": ["bellwether", "ops/default/alertname=Down"],
            "logentry": { "formatted": "[FIRING:1] Down\nDown: something is wrong" },
            "tags": {
                "alertname": "Down",
                "instance": "db-1:9100",
                "label_user": "not Sentry's user",
                "reason": "first",
                "receiver": "ops",
                "severity": "critical",
                "state": "firing",
                "user_id": "42",
            },
            "user": { "id": "42" },
            "contexts": { "monitor": {
                "group": "ops/default/alertname=Down",
                "status": "firing",
                "firing": 1,
                "resolved": 0,
                "since": "2026-01-01T00:00:00.000Z",
                "value": 1.0,
                "threshold": "0.5",
                "labels": {
                    "alertname": "Down", "instance": "db-1:9100", "severity": "critical", "label_user": "not Sentry's user",
                    "user_id": "42",
                },
            } },
            "extra": {
                "alerts": [{ "alert": "Down: something is wrong", "value": 1.0, "since": "2026-01-01T00:00:00.000Z" }],
                "runbook": "https://wiki.example.com/down",
                "bellwether": "https://bellwether.example.com/",
            },
            "sdk": { "name": "bellwether.sentry", "version": env!("CARGO_PKG_VERSION") },
        })
    );
}

#[test]
fn the_key_is_the_hosts_to_write_and_no_label_can_ask_for_it() {
    let (mut fake, sent) = host(&[]);
    let mut down = alert("Down");
    down.labels.set("who", "<img src=x> {{secret:key}}");
    fake.deliver::<Sentry>(json!({}), notification(vec![down])).taken();
    let sent = sent.borrow();
    let header = |name: &str| {
        let found = sent[0].headers.iter().find(|(known, _)| known == name);
        String::from_utf8(found.expect("a header").1.clone()).expect("text")
    };
    assert_eq!(
        (sent[0].connection.as_deref(), sent[0].url.as_str()),
        (Some("default"), "envelope/")
    );
    assert!(
        header("x-sentry-auth").ends_with("sentry_key={{secret:key}}"),
        "{}",
        header("x-sentry-auth")
    );
    assert_eq!(header("content-type"), "application/x-sentry-envelope");
    assert!(!String::from_utf8_lossy(&sent[0].body).contains("{{secret:"));
    let envelope = Envelope::parse(&sent[0].body).expect("an envelope");
    assert_eq!(envelope.headers["event_id"], "0123456789abcdef0123456789abcdef");
    assert_eq!(envelope.headers["sent_at"], "2026-01-01T00:00:00.000Z");
}

#[test]
fn levels_follow_the_worst_of_what_fires() {
    for (word, level) in [
        ("critical", "fatal"),
        ("error", "error"),
        ("warning", "warning"),
        ("info", "info"),
        ("sev-1", "warning"),
    ] {
        let mut down = alert("Down");
        down.labels.set("severity", word);
        assert_eq!(event(json!({}), notification(vec![down]))["level"], level, "{word}");
    }
    let mut passed = resolved("Down");
    passed.labels.set("severity", "error");
    let mut news = notification(vec![passed]);
    news.reason = Reason::Passed;
    assert_eq!(event(json!({}), news.clone())["level"], "error", "it did happen");
    news.reason = Reason::Test;
    let test = event(json!({}), news);
    assert_eq!(
        (&test["level"], &test["fingerprint"][1]),
        (&json!("info"), &json!("0123456789abcdef0123456789abcdef"))
    );
}

#[test]
fn the_end_of_a_group_is_told_only_when_asked_for() {
    let (mut fake, sent) = host(&[]);
    let over = notification(vec![resolved("Down")]);
    let told = fake.deliver::<Sentry>(json!({}), over.clone());
    assert!(told.taken().get("not_sent").is_some());
    assert!(sent.borrow().is_empty());
    assert_eq!(event(json!({ "resolved": true }), over)["level"], "info");
}

#[test]
fn groups_of_any_size_keep_the_documented_limits() {
    for count in [1, 50, 5_000] {
        let mut news = notification(alerts("Down", count));
        news.title = "t".repeat(count * 10);
        news.group_key = "k".repeat(count * 30);
        news.common_labels.set("long", &"ä\n".repeat(count * 10));
        news.common_labels.set("ünicode name", "x");
        let event = event(json!({}), news);
        assert!(event.to_string().len() < 256 << 10, "{}", event.to_string().len());
        assert!(units(event["logentry"]["formatted"].as_str().expect("text")) <= 8_192);
        assert!(event["contexts"].to_string().len() <= 8_192);
        assert!(units(event["fingerprint"][1].as_str().expect("text")) <= 200);
        let tags = event["tags"].as_object().expect("tags");
        assert!(tags.contains_key("_nicode_name"));
        for value in tags.values() {
            let value = value.as_str().expect("text");
            assert!(units(value) <= 200 && !value.contains('\n') && !value.is_empty());
        }
        let listed = event["extra"]["alerts"].as_array().expect("alerts").len();
        let left_out = event["extra"]["alerts_left_out"].as_u64().unwrap_or(0);
        assert_eq!((listed as u64 + left_out, listed), (count as u64, count.min(100)));
    }
}

#[test]
fn an_alert_waits_while_events_are_limited_and_is_not_lost() {
    let limited: Answer = (Some(429), &[("X-Sentry-Rate-Limits", "60:error:key")]);
    let (mut fake, sent) = host(&[limited]);
    let news = notification(vec![alert("Down")]);
    for (attempt, expected) in [(1, 1), (2, 1)] {
        let delivery = fake.deliver::<Sentry>(json!({}), news.clone());
        let minute = Some(Duration::from_secs(60));
        assert!(
            matches!(delivery.failure(), DeliveryFailure::Transient { retry_after, .. } if *retry_after == minute),
            "{attempt}: {:?}",
            delivery.failure()
        );
        assert_eq!(
            sent.borrow().len(),
            expected,
            "nothing is asked while the limit is in force"
        );
    }
    fake.advance(Duration::from_secs(60));
    fake.deliver::<Sentry>(json!({}), news).taken();
    assert_eq!(kinds(&sent), ["event", "event"]);
}

#[test]
fn answers_about_an_alert_say_whether_to_try_again() {
    let failed = |answer| {
        let (mut fake, _) = host(&[answer]);
        let delivery = fake.deliver::<Sentry>(json!({}), notification(vec![alert("Down")]));
        delivery.failure().clone()
    };
    for status in [400, 401, 403, 404, 413] {
        assert!(failed((Some(status), &[])).is_permanent(), "{status}");
    }
    for answer in [(Some(500), &[][..]), (Some(503), &[]), (Some(429), &[]), (None, &[])] {
        assert!(!failed(answer).is_permanent(), "{answer:?}");
    }
}

#[test]
fn a_script_of_limits_is_obeyed_by_category_and_what_was_dropped_is_reported() {
    // The answers in order, each to what is sent at all.
    let script: &[Answer] = &[
        (
            Some(200),
            &[(
                "X-Sentry-Rate-Limits",
                "90:monitor:organization:quota, 30:transaction;span:key",
            )],
        ),
        OK,
        (Some(429), &[("Retry-After", "20")]),
        OK,
    ];
    let (mut fake, sent) = host(script);
    let settings = json!({ "traces_sample_rate": 1.0 });
    // The first answer, to a check-in, limits monitors and transactions. A taken answer limits as much as a refusal.
    let refused = fake.deliver_runs::<Sentry>(settings.clone(), vec![run("web", 1, "ok")]);
    assert_eq!(refused.taken().iter().len(), 0);
    assert_eq!(kinds(&sent), ["check_in"], "the transaction was limited by then");
    // Errors are free, and carry the report.
    fake.deliver::<Sentry>(settings.clone(), notification(vec![alert("Down")]))
        .taken();
    let report = items(&sent).pop().expect("a report");
    assert_eq!(
        report,
        (
            "client_report".to_owned(),
            json!({ "timestamp": 1_767_225_600.0, "discarded_events": [
                { "reason": "ratelimit_backoff", "category": "transaction", "quantity": 1 },
                { "reason": "ratelimit_backoff", "category": "span", "quantity": 2 },
            ] })
        )
    );
    // At 30 s transactions are free again, and monitors are not.
    fake.advance(Duration::from_secs(70));
    let refused = fake.deliver_runs::<Sentry>(settings.clone(), vec![run("web", 2, "ok")]);
    assert_eq!(refused.taken().iter().len(), 1, "429: dropped, and not tried again");
    assert!(refused.taken().iter().all(|(_, failure)| failure.is_permanent()));
    assert_eq!(kinds(&sent)[3..], ["transaction", "client_report"]);
    // That 429 named no categories: 20 s for all, and Sentry counts what it refused itself.
    let crash = whole("e1", CRASH);
    fake.deliver_events::<Sentry>(settings.clone(), vec![crash.clone()])
        .taken();
    assert_eq!(sent.borrow().len(), 3, "nothing was sent");
    fake.advance(Duration::from_secs(20));
    fake.deliver_events::<Sentry>(settings, vec![crash]).taken();
    let report = items(&sent).pop().expect("a report").1;
    assert_eq!(
        report["discarded_events"],
        json!([
            { "reason": "ratelimit_backoff", "category": "error", "quantity": 1 },
            { "reason": "ratelimit_backoff", "category": "monitor", "quantity": 1 },
            { "reason": "ratelimit_backoff", "category": "attachment", "quantity": 3 },
        ]),
        "with what the refused envelope could not report"
    );
}

#[test]
fn what_is_refused_is_counted_and_only_silence_is_tried_again() {
    for (answer, is_permanent, counted) in [
        ((Some(413), &[][..]), true, 1),
        ((Some(500), &[]), true, 1),
        ((Some(429), &[]), true, 0),
        ((None, &[]), false, 0),
    ] {
        let (mut fake, sent) = host(&[answer]);
        let refused = fake.deliver_runs::<Sentry>(json!({}), vec![run("a", 1, "ok"), run("b", 1, "ok")]);
        let (id, failure) = refused.taken().iter().next().expect("refused");
        assert_eq!((id, failure.is_permanent()), ("a-1", is_permanent), "{answer:?}");
        let reports = items(&sent).into_iter().filter(|(kind, _)| kind == "client_report");
        let told: Vec<Value> = reports.map(|(_, report)| report["discarded_events"].clone()).collect();
        let send_error = json!([{ "reason": "send_error", "category": "monitor", "quantity": 1 }]);
        assert_eq!(told, vec![send_error; counted], "{answer:?}");
        // The second waits behind silence, and is refused with it.
        let others = refused.taken().iter().len() - 1;
        assert_eq!(others, usize::from(answer.0.is_none()), "{answer:?}");
    }
}

#[test]
fn a_run_is_a_check_in_that_makes_its_monitor() {
    let (mut fake, sent) = host(&[]);
    let mut nightly = run("Nightly Import", 1, "timeout");
    nightly.interval = None;
    nightly.schedule = Some(("5 4 * * *".to_owned(), "Europe/Berlin".to_owned()));
    nightly.timeout = Duration::from_secs(61);
    fake.deliver_runs::<Sentry>(json!({ "checkin_margin": 7 }), vec![run("web", 1, "warning"), nightly])
        .taken();
    let sent = items(&sent);
    assert!(sent.iter().all(|(kind, _)| kind == "check_in"));
    let by_name = |beginning: &str| {
        let slug = |(_, item): &&(String, Value)| {
            item["monitor_slug"]
                .as_str()
                .is_some_and(|slug| slug.starts_with(beginning))
        };
        sent.iter().find(slug).expect("a check-in").1.clone()
    };
    let web = by_name("web");
    assert_eq!(
        (&web["status"], &web["duration"], &web["environment"]),
        (&json!("ok"), &json!(0.25), &json!("staging"))
    );
    assert_eq!(
        web["monitor_config"],
        json!({
            "schedule": { "type": "interval", "value": 1, "unit": "minute" },
            "checkin_margin": 7, "max_runtime": 1, "failure_issue_threshold": 1, "recovery_threshold": 1,
        })
    );
    let nightly = by_name("nightly-import-");
    assert_eq!(nightly["status"], "error");
    assert_eq!(
        nightly["monitor_config"],
        json!({
            "schedule": { "type": "crontab", "value": "5 4 * * *" }, "timezone": "Europe/Berlin",
            "checkin_margin": 7, "max_runtime": 2, "failure_issue_threshold": 1, "recovery_threshold": 1,
        })
    );
    assert_eq!(nightly["check_in_id"].as_str().map(str::len), Some(32));
}

#[test]
fn a_monitor_is_told_once_a_minute_and_hears_of_what_failed_in_between() {
    let (mut fake, sent) = host(&[]);
    let mut statuses = Vec::new();
    for (number, outcome) in ["ok", "ok", "critical", "ok", "ok", "ok", "ok", "ok", "ok"]
        .into_iter()
        .enumerate()
    {
        fake.deliver_runs::<Sentry>(json!({}), vec![run("web", number as u64, outcome)])
            .taken();
        fake.advance(Duration::from_secs(15));
        statuses.push(items(&sent).len());
    }
    assert_eq!(statuses, [1, 1, 1, 1, 2, 2, 2, 2, 3]);
    let told: Vec<Value> = items(&sent)
        .into_iter()
        .map(|(_, item)| item["status"].clone())
        .collect();
    assert_eq!(told, [json!("ok"), json!("error"), json!("ok")]);
    // Of a batch, the worst.
    fake.advance(Duration::from_secs(60));
    let batch = vec![run("web", 20, "ok"), run("web", 21, "trap"), run("web", 22, "ok")];
    fake.deliver_runs::<Sentry>(json!({}), batch).taken();
    let last = items(&sent).pop().expect("a check-in").1;
    assert_eq!((items(&sent).len(), &last["status"]), (4, &json!("error")));
}

#[test]
fn more_monitors_than_can_be_remembered_are_dropped_and_counted() {
    let (mut fake, sent) = host(&[]);
    let runs = (0..510)
        .map(|number| run(&format!("check-{number:04}-{}", "x".repeat(60)), 1, "ok"))
        .collect();
    fake.deliver_runs::<Sentry>(json!({}), runs).taken();
    assert_eq!(items(&sent).len(), 500);
    let size: usize = fake
        .all_state()
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    assert!(size < 60_000, "{size}");
    let losses: Value = serde_json::from_slice(fake.state("losses").expect("losses")).expect("JSON");
    assert_eq!(losses, json!({ "buffer_overflow": { "monitor": 10 } }));
}

#[test]
fn slugs_are_short_plain_and_differ_where_names_do() {
    let settings = serde_json::from_value(json!({ "monitor_prefix": "eu-" })).expect("settings");
    let slug = |name: &str| monitor::slug(&settings, name);
    assert_eq!(slug("web_1"), "eu-web_1");
    let long = "x".repeat(60);
    let names = [
        "Web",
        "web",
        "a b",
        "a-b",
        &long,
        &format!("{long}a"),
        &format!("{long}b"),
        "ä",
    ];
    let slugs: std::collections::BTreeSet<String> = names.iter().map(|name| slug(name)).collect();
    assert_eq!(slugs.len(), names.len());
    for slug in slugs {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        assert!(slug.len() <= 50 && slug.bytes().all(fits), "{slug}");
    }
}

#[test]
fn a_share_of_runs_is_sent_as_transactions_with_their_phases() {
    let (mut fake, sent) = host(&[]);
    let mut one = run("web", 1, "timeout");
    one.details = vec![
        ("phase.connect".to_owned(), "1000000+20000000".to_owned()),
        ("phase.nonsense".to_owned(), "soon".to_owned()),
        ("other".to_owned(), "1+2".to_owned()),
    ];
    let settings = json!({ "items": ["transaction"], "traces_sample_rate": 1.0 });
    fake.deliver_runs::<Sentry>(settings, vec![one]).taken();
    let (kind, transaction) = items(&sent).remove(0);
    assert_eq!((kind.as_str(), items(&sent).len()), ("transaction", 1));
    let trace = &transaction["contexts"]["trace"];
    assert_eq!(
        (&trace["op"], &trace["status"]),
        (&json!("check.run"), &json!("deadline_exceeded"))
    );
    assert_eq!(transaction["start_timestamp"], json!(1_767_225_600.0), "with the wait");
    let spans: Vec<_> = transaction["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .map(|span| {
            assert_eq!(
                (&span["trace_id"], &span["parent_span_id"]),
                (&trace["trace_id"], &trace["span_id"])
            );
            let length =
                span["timestamp"].as_f64().expect("a time") - span["start_timestamp"].as_f64().expect("a time");
            (
                span["description"].as_str().expect("text"),
                (length * 1_000.0).round() as u64,
            )
        })
        .collect();
    assert_eq!(spans, [("wait", 2), ("connect", 20)]);
}

#[test]
fn about_as_many_runs_are_chosen_as_asked_for_and_the_others_counted() {
    let (mut fake, sent) = host(&[]);
    let runs: Vec<Run> = (0..400).map(|number| run("web", number, "ok")).collect();
    let settings = json!({ "items": ["transaction", "client_report"], "traces_sample_rate": 0.25 });
    fake.deliver_runs::<Sentry>(settings.clone(), runs.clone()).taken();
    let chosen = kinds(&sent).iter().filter(|kind| *kind == "transaction").count();
    assert!((60..=140).contains(&chosen), "{chosen}");
    // The same again on another attempt.
    let (mut again, sent_again) = host(&[]);
    again.deliver_runs::<Sentry>(settings, runs).taken();
    let of = |sent: &Sent| -> Vec<Value> {
        let transactions = items(sent).into_iter().filter(|(kind, _)| kind == "transaction");
        transactions.map(|(_, item)| item["event_id"].clone()).collect()
    };
    assert_eq!(of(&sent), of(&sent_again));
    // Told in reports, and not yet told.
    let mut lost: u64 = 0;
    for (_, report) in items(&sent).into_iter().filter(|(kind, _)| kind == "client_report") {
        lost += report["discarded_events"][0]["quantity"].as_u64().expect("a number");
    }
    let kept: Value = fake
        .state("losses")
        .map_or(Value::Null, |bytes| serde_json::from_slice(bytes).expect("JSON"));
    lost += kept["sample_rate"]["transaction"].as_u64().unwrap_or(0);
    assert_eq!(lost, 400 - chosen as u64);
}

#[test]
fn what_an_application_sent_is_handed_on_whole_but_for_its_dsn() {
    let (mut fake, sent) = host(&[]);
    fake.deliver_events::<Sentry>(json!({}), vec![whole("e1", CRASH)])
        .taken();
    let envelope = envelopes(&sent).remove(0);
    assert_eq!(envelope.headers["event_id"], "0123456789abcdef0123456789abcdef");
    assert_eq!(envelope.headers["trace"]["public_key"], "k");
    assert_eq!(envelope.headers.get("dsn"), None);
    let items: Vec<_> = envelope
        .items
        .iter()
        .map(|item| (item.kind(), item.payload.as_slice()))
        .collect();
    assert_eq!(
        items,
        [("attachment", &b"abc"[..]), ("event", b"{\"message\":\"boom\"}")]
    );
    assert_eq!(envelope.items[0].headers["filename"], "a.txt");
}

#[test]
fn one_item_becomes_an_envelope_of_its_own() {
    let (mut fake, sent) = host(&[]);
    let id = "abcdefabcdefabcdefabcdefabcdefab";
    let payload = json!({ "event_id": id, "message": "boom" }).to_string();
    let log = reported("l", "log", "application/vnd.sentry.items.log+json", b"{\"items\":[]}");
    fake.deliver_events::<Sentry>(
        json!({}),
        vec![reported("e", "event", "application/json", payload.as_bytes()), log],
    )
    .taken();
    let envelopes = envelopes(&sent);
    assert_eq!(envelopes[0].headers["event_id"], id);
    assert_eq!(
        envelopes[1].items[0].headers["content_type"],
        "application/vnd.sentry.items.log+json"
    );
}

#[test]
fn only_items_on_the_list_are_sent() {
    let (mut fake, sent) = host(&[]);
    let bugsink = json!({ "items": ["event"], "traces_sample_rate": 1.0 });
    fake.deliver_events::<Sentry>(
        bugsink.clone(),
        vec![whole("e1", CRASH), whole("e2", b"{}\n{\"type\":\"session\"}\n{}\n")],
    )
    .taken();
    fake.deliver_runs::<Sentry>(bugsink.clone(), vec![run("web", 1, "ok")])
        .taken();
    assert_eq!(kinds(&sent), ["event"]);
    assert_eq!(fake.state("losses"), None, "what is not wanted was not lost");
    let wrong = fake.deliver::<Sentry>(json!({ "items": ["check_in"] }), notification(vec![alert("Down")]));
    assert!(wrong.failure().is_permanent() && wrong.failure().message().contains("settings.items"));
}

#[test]
fn an_application_cannot_ask_for_the_key_and_a_bad_envelope_costs_itself_alone() {
    let (mut fake, sent) = host(&[]);
    let asking = b"{\"event_id\":\"{{secret:key}}\"}\n{\"type\":\"event\",\"x\":\"{{secret:key}}\"}\n{\"message\":\"{{secret:key}}\"}\n{\"type\":\"attachment\",\"length\":14}\n{{secret:key}}\n";
    let refused = fake.deliver_events::<Sentry>(json!({}), vec![whole("bad", b"nonsense"), whole("e", asking)]);
    let refused: Vec<&str> = refused.taken().iter().map(|(id, _)| id).collect();
    assert_eq!(refused, ["bad"]);
    assert!(!String::from_utf8_lossy(&sent.borrow()[0].body).contains("{{secret:"));
    assert_eq!(
        kinds(&sent),
        ["event", "client_report"],
        "what cannot be written otherwise is left out, and counted"
    );
    assert_eq!(items(&sent)[0].1["message"], "{{secret:key}}");
}

#[test]
fn a_state_that_is_damaged_or_full_costs_no_message() {
    let (fake, sent) = host(&[(Some(200), &[("X-Sentry-Rate-Limits", "60:session")])]);
    let mut fake = fake.with_state("limits", "no JSON").with_state_quota(10);
    let delivery = fake.deliver::<Sentry>(json!({}), notification(vec![alert("Down")]));
    delivery.taken();
    assert!(!delivery.logs.is_empty());
    fake.deliver_runs::<Sentry>(json!({}), vec![run("web", 1, "ok")])
        .taken();
    assert_eq!(kinds(&sent), ["event", "check_in"]);
}

#[test]
fn limits_last_from_one_delivery_to_the_next() {
    let (mut fake, _) = host(&[(Some(200), &[("X-Sentry-Rate-Limits", "60:session")])]);
    fake.deliver::<Sentry>(json!({}), notification(vec![alert("Down")]))
        .taken();
    let limits: Limits = serde_json::from_slice(fake.state("limits").expect("limits")).expect("JSON");
    assert!(limits != Limits::default());
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<Sentry>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        host(&[])
            .0
            .deliver::<Sentry>(settings, notification(vec![alert("Down")]))
    });
}
