//! The plugin as the host runs it, on the fake one.

use std::time::Duration;

use bellwether_sdk::{
    fake::{
        Delivery, Fake, Sent, answer_with, assert_forwarder_readme, assert_receivers, json,
        news::{alert, alerts, notification, resolved},
        no_answer,
    },
    http::{self, Request},
    prelude::*,
};
use serde_json::Value;

use crate::Webhook;

/// A host whose receiver answers so, and what it was sent.
fn host(status: u16, headers: &[(&str, &str)]) -> (Fake, Sent) {
    let response = answer_with(status, "", headers);
    Fake::new().with_recorded_http(move |_| Ok(response.clone()))
}

fn deliver(settings: Value, news: Notification) -> (Delivery<Receipt>, Request) {
    let (mut fake, sent) = host(200, &[]);
    let delivery = fake.deliver::<Webhook>(settings, news);
    let request = sent.borrow()[0].clone();
    (delivery, request)
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

#[test]
fn the_body_is_alertmanagers_version_4() {
    let (delivery, request) = deliver(json!({}), notification(vec![alert("Down"), resolved("Down")]));
    assert_eq!(delivery.taken().get("alerts"), Some("2"));
    assert_eq!(request.connection.as_deref(), Some("default"));
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", ""));
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).expect("text")))
        .collect();
    assert_eq!(
        headers,
        [
            ("content-type", "application/json"),
            ("idempotency-key", "0123456789abcdef0123456789abcdef")
        ]
    );
    let one = |status: &str, end: &str| {
        json!({
            "status": status,
            "labels": { "alertname": "Down", "severity": "warning" },
            "annotations": { "summary": "something is wrong" },
            "startsAt": "2026-01-01T00:00:00.000Z",
            "endsAt": end,
            "generatorURL": "",
            "fingerprint": "00000000deadbeef",
        })
    };
    assert_eq!(
        body(&request),
        json!({
            "version": "4",
            "groupKey": "ops/default/alertname=Down",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "ops",
            "groupLabels": { "alertname": "Down" },
            "commonLabels": { "alertname": "Down", "severity": "warning" },
            "commonAnnotations": { "summary": "something is wrong" },
            "externalURL": "https://bellwether.example.com/",
            "alerts": [one("firing", "0001-01-01T00:00:00Z"), one("resolved", "2026-01-01T00:01:00.000Z")],
        })
    );
}

#[test]
fn what_alertmanager_has_no_place_for_is_sent_when_wanted() {
    let mut news = notification(vec![alert("Down")]);
    news.details = vec![("environment".to_owned(), "production".to_owned())];
    news.text = "text".to_owned();
    let (_, request) = deliver(json!({ "extended": true }), news);
    let body = body(&request);
    assert_eq!(body["alerts"][0]["value"], json!(1.0));
    assert_eq!(
        body["bellwether"],
        json!({
            "id": "0123456789abcdef0123456789abcdef",
            "attempt": 1,
            "reason": "first",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "title": "[FIRING:1] Down",
            "text": "text",
            "details": { "environment": "production" },
        })
    );
}

#[test]
fn a_label_arrives_as_it_is_and_cannot_name_a_secret() {
    let label = "<!channel> @everyone <img src=x> {{secret:key}}";
    let mut one = alert("Down");
    one.labels.set("who", label);
    let (_, request) = deliver(json!({}), notification(vec![one]));
    assert_eq!(body(&request)["alerts"][0]["labels"]["who"], json!(label));
    let raw = String::from_utf8(request.body).expect("text");
    assert!(!raw.contains("{{secret:"), "{raw}");
}

#[test]
fn groups_of_any_size_arrive_and_what_is_left_out_is_counted() {
    for count in [1, 50, 5_000] {
        let (delivery, request) = deliver(json!({}), notification(alerts("Down", count)));
        let body = body(&request);
        assert_eq!(body["alerts"].as_array().map(Vec::len), Some(count));
        assert_eq!(body["truncatedAlerts"], json!(0));
        assert_eq!(delivery.taken().get("alerts"), Some(count.to_string().as_str()));
    }
    let mut many = notification(alerts("Down", 50));
    many.truncated_alerts = 7;
    let (_, request) = deliver(json!({ "max_alerts": 20 }), many);
    assert_eq!(body(&request)["alerts"].as_array().map(Vec::len), Some(20));
    assert_eq!(body(&request)["truncatedAlerts"], json!(37));
}

#[test]
fn a_group_that_no_request_can_carry_is_cut_down_to_what_fits() {
    let mut many = alerts("Down", 5_000);
    for one in &mut many {
        one.annotations.set("description", &"x".repeat(2_000));
    }
    let (_, request) = deliver(json!({}), notification(many));
    assert!(request.body.len() <= 3 << 20, "{}", request.body.len());
    let body = body(&request);
    let sent = body["alerts"].as_array().map_or(0, Vec::len);
    assert!(sent > 1_000, "{sent}");
    assert_eq!(body["truncatedAlerts"], json!(5_000 - sent));
}

#[test]
fn answers_say_whether_to_try_again_and_when() {
    let failed = |status, headers: &[(&str, &str)]| {
        let (mut fake, _) = host(status, headers);
        fake.deliver::<Webhook>(json!({}), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    for status in [400, 401, 404, 410, 422] {
        assert!(failed(status, &[]).is_permanent(), "{status}");
    }
    let wait = Some(Duration::from_secs(7));
    for status in [429, 503] {
        let failure = failed(status, &[("Retry-After", "7")]);
        assert!(
            matches!(failure, DeliveryFailure::Transient { retry_after, .. } if retry_after == wait),
            "{status}"
        );
    }
    let mut silent = Fake::new().with_http(|_| Err(no_answer(http::Error::Timeout(http::Phase::Processing))));
    let failure = silent.deliver::<Webhook>(json!({}), notification(vec![alert("Down")]));
    assert!(!failure.failure().is_permanent());
}

#[test]
fn settings_that_nobody_knows_are_refused_for_good() {
    let failure = Fake::new().deliver::<Webhook>(json!({ "url": "x" }), notification(vec![alert("Down")]));
    assert!(failure.failure().is_permanent(), "{}", failure.failure());
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<Webhook>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        host(200, &[])
            .0
            .deliver::<Webhook>(settings, notification(vec![alert("Down")]))
    });
}
