//! The plugin as the host runs it, on the fake one.

use std::time::Duration;

use bellwether_sdk::{
    DeliveryFailure, Notification,
    fake::{
        Fake, Sent, answer_with, assert_forwarder_readme, assert_receivers, json,
        news::{alert, alerts, notification, resolved},
    },
    news::Reason,
    text::units,
};
use serde_json::Value;

use crate::PagerDuty;

fn host(status: u16, retry_after: Option<&str>) -> (Fake, Sent) {
    let taken = r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#;
    let wait: Vec<(&str, &str)> = retry_after.iter().map(|wait| ("Retry-After", *wait)).collect();
    let response = answer_with(status, taken, &wait);
    Fake::new().with_recorded_http(move |_| Ok(response.clone()))
}

fn sent(settings: Value, news: Notification) -> Vec<Value> {
    let (mut fake, sent) = host(202, None);
    fake.deliver::<PagerDuty>(settings, news).taken();
    let sent = sent.borrow();
    sent.iter()
        .map(|request| {
            assert!(request.body.len() <= 512_000, "{}", request.body.len());
            assert_eq!(request.url, "v2/enqueue");
            serde_json::from_slice(&request.body).expect("JSON")
        })
        .collect()
}

fn one(news: Notification) -> Value {
    let mut events = sent(json!({}), news);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn a_firing_group_triggers_an_incident_under_its_key() {
    let mut down = alert("Down");
    down.labels.set("instance", "db-1:9100");
    down.labels.set("check", "database");
    assert_eq!(
        one(notification(vec![down])),
        json!({
            "routing_key": "{{secret:routing_key}}",
            "event_action": "trigger",
            "dedup_key": "ops/default/alertname=Down",
            "payload": {
                "summary": "[FIRING:1] Down",
                "source": "db-1:9100",
                "severity": "warning",
                "timestamp": "2026-01-01T00:00:00.000Z",
                "component": "database",
                "group": "ops",
                "class": "Down",
                "custom_details": {
                    "num_firing": 1,
                    "num_resolved": 0,
                    "firing": "Down: something is wrong",
                    "labels": { "alertname": "Down", "check": "database", "instance": "db-1:9100", "severity": "warning" },
                },
            },
            "client": "Bellwether",
            "client_url": "https://bellwether.example.com/",
            "links": [{ "href": "https://bellwether.example.com/", "text": "Bellwether" }],
        })
    );
}

#[test]
fn a_group_that_is_over_resolves_its_incident_and_says_nothing_more() {
    assert_eq!(
        one(notification(vec![resolved("Down")])),
        json!({
            "routing_key": "{{secret:routing_key}}",
            "event_action": "resolve",
            "dedup_key": "ops/default/alertname=Down",
        })
    );
}

#[test]
fn an_incident_stays_open_while_alerts_of_its_group_fire_that_are_only_silenced() {
    let mut news = notification(vec![resolved("Down")]);
    news.details.push(("withheld".to_owned(), "1".to_owned()));
    assert_eq!(sent(json!({}), news.clone()), Vec::<Value>::new());
    news.reason = Reason::Passed;
    let events = sent(json!({}), news);
    let actions: Vec<_> = events.iter().map(|event| event["event_action"].as_str()).collect();
    assert_eq!(actions, [Some("trigger")]);
}

#[test]
fn a_test_and_what_has_passed_open_an_incident_and_close_it() {
    for (reason, key) in [
        (Reason::Test, "0123456789abcdef0123456789abcdef"),
        (Reason::Passed, "ops/default/alertname=Down"),
    ] {
        let mut news = notification(vec![resolved("Down")]);
        news.reason = reason;
        let events = sent(json!({}), news);
        let told: Vec<_> = events
            .iter()
            .map(|event| (event["event_action"].as_str(), event["dedup_key"].as_str()))
            .collect();
        assert_eq!(told, [(Some("trigger"), Some(key)), (Some("resolve"), Some(key))]);
        assert_eq!(events[0]["payload"]["severity"], json!("info"));
    }
}

#[test]
fn severities_are_pagerdutys_words_and_can_be_configured() {
    let severity = |settings: Value, word: &str| {
        let mut down = alert("Down");
        down.labels.set("severity", word);
        sent(settings, notification(vec![down]))[0]["payload"]["severity"].clone()
    };
    for (word, theirs) in [
        ("critical", "critical"),
        ("page", "critical"),
        ("error", "error"),
        ("warning", "warning"),
        ("none", "info"),
        ("sev-9", "error"),
        ("", "error"),
    ] {
        assert_eq!(severity(json!({}), word), json!(theirs), "{word}");
    }
    let configured = json!({ "severities": { "sev-9": "info", "warning": "critical" } });
    assert_eq!(severity(configured.clone(), "sev-9"), json!("info"));
    assert_eq!(severity(configured, "warning"), json!("critical"));
}

#[test]
fn groups_of_any_size_keep_the_documented_limits() {
    for count in [1, 50, 5_000] {
        let mut news = notification(alerts("Down", count));
        news.group_key = "k".repeat(count * 200);
        news.title = "t".repeat(count * 300);
        news.text = "é\"\n".repeat(count * 100);
        let event = one(news);
        let payload = &event["payload"];
        let length = |value: &Value| units(value.as_str().expect("text"));
        assert!(length(&payload["summary"]) <= 1_024);
        assert!(length(&event["dedup_key"]) <= 255);
        let details = &payload["custom_details"];
        assert_eq!(details["num_firing"], json!(count));
        let firing = details["firing"].as_str().expect("text");
        let left_out = count
            - firing
                .lines()
                .filter(|line| line.contains("something is wrong"))
                .count();
        assert_eq!(
            left_out > 0,
            firing.ends_with(&format!("… and {left_out} more alerts")),
            "{left_out}"
        );
    }
}

#[test]
fn labels_that_fill_an_event_are_left_out() {
    let mut news = notification(vec![alert("Down")]);
    news.common_labels.set("huge", &"x".repeat(600_000));
    assert_eq!(one(news)["payload"]["custom_details"]["labels"], Value::Null);
}

#[test]
fn a_label_is_text_and_cannot_name_a_secret() {
    let label = "<!channel> @everyone <img src=x> {{secret:routing_key}}";
    let (mut fake, sent) = host(202, None);
    let mut down = alert("Down");
    down.labels.set("who", label);
    fake.deliver::<PagerDuty>(json!({}), notification(vec![down])).taken();
    let raw = String::from_utf8(sent.borrow()[0].body.clone()).expect("text");
    assert_eq!(raw.matches("{{secret:").count(), 1, "the routing key's own: {raw}");
    let event: Value = serde_json::from_str(&raw).expect("JSON");
    assert_eq!(event["payload"]["custom_details"]["labels"]["who"], json!(label));
}

#[test]
fn answers_say_whether_to_try_again_and_when() {
    let failed = |status, wait| {
        let (mut fake, _) = host(status, wait);
        fake.deliver::<PagerDuty>(json!({}), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    for status in [400, 401, 403, 404, 413] {
        assert!(failed(status, None).is_permanent(), "{status}");
    }
    for status in [429, 500, 502, 503, 504] {
        assert!(!failed(status, None).is_permanent(), "{status}");
    }
    let waits = failed(429, Some("60"));
    assert!(
        matches!(waits, DeliveryFailure::Transient { retry_after, .. } if retry_after == Some(Duration::from_secs(60)))
    );
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<PagerDuty>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        host(202, None)
            .0
            .deliver::<PagerDuty>(settings, notification(vec![alert("Down")]))
    });
}
