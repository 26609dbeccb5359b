//! The plugin as the host runs it, on the fake one.

use std::time::Duration;

use bellwether_sdk::{
    DeliveryFailure, Notification,
    fake::{
        Fake, Sent, answer_with, assert_forwarder_readme, assert_receivers, json,
        news::{alert, alerts, notification, resolved},
        no_answer,
    },
    http,
    text::units,
};
use serde_json::Value;

use crate::Teams;

fn host(status: u16, body: &'static str, headers: &[(&str, &str)]) -> (Fake, Sent) {
    let response = answer_with(status, body, headers);
    Fake::new().with_recorded_http(move |_| Ok(response.clone()))
}

fn raw(settings: Value, news: Notification) -> String {
    let (mut fake, sent) = host(202, "", &[]);
    fake.deliver::<Teams>(settings, news).taken();
    let request = sent.borrow()[0].clone();
    assert_eq!(request.url, "");
    let stated = ("content-type".to_owned(), b"application/json; charset=utf-8".to_vec());
    assert_eq!(request.headers, [stated]);
    String::from_utf8(request.body).expect("text")
}

fn sent(settings: Value, news: Notification) -> Value {
    serde_json::from_str(&raw(settings, news)).expect("JSON")
}

/// Texts of all lines but the title and the facts. All stand in runs, which are the one text without markup.
fn lines(message: &Value) -> Vec<&str> {
    let body = message["attachments"][0]["content"]["body"].as_array().expect("blocks");
    for block in body {
        assert_eq!(block["type"], json!("RichTextBlock"));
        assert_eq!(block["inlines"][0]["type"], json!("TextRun"));
    }
    let lines = body.iter().skip(2);
    lines
        .map(|block| block["inlines"][0]["text"].as_str().expect("text"))
        .collect()
}

#[test]
fn a_message_is_one_adaptive_card() {
    let mut down = alert("Down");
    down.annotations.set("runbook_url", "https://wiki.example.com/down");
    let mut news = notification(vec![down]);
    news.details = vec![("environment".to_owned(), "production".to_owned())];
    assert_eq!(
        sent(json!({}), news),
        json!({
            "type": "message",
            "summary": "[FIRING:1] Down",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": { "width": "Full" },
                    "body": [
                        {
                            "type": "RichTextBlock",
                            "inlines": [{
                                "type": "TextRun",
                                "text": "[FIRING:1] Down",
                                "size": "Large",
                                "weight": "Bolder",
                                "color": "Warning",
                            }],
                        },
                        {
                            "type": "RichTextBlock",
                            "spacing": "None",
                            "inlines": [{ "type": "TextRun", "text": "ops · production · first", "isSubtle": true }],
                        },
                        {
                            "type": "RichTextBlock",
                            "spacing": "Small",
                            "inlines": [{ "type": "TextRun", "text": "Down: something is wrong" }],
                        },
                    ],
                    "actions": [
                        { "type": "Action.OpenUrl", "title": "Runbook", "url": "https://wiki.example.com/down" },
                        { "type": "Action.OpenUrl", "title": "Bellwether", "url": "https://bellwether.example.com/" },
                    ],
                },
            }],
        })
    );
}

#[test]
fn a_card_can_be_narrow_and_is_green_when_all_is_over() {
    let message = sent(json!({ "full_width": false }), notification(vec![resolved("Down")]));
    let card = &message["attachments"][0]["content"];
    assert_eq!(card["msteams"], Value::Null);
    assert_eq!(card["body"][0]["inlines"][0]["color"], json!("Good"));
}

#[test]
fn a_label_is_text_without_markup_and_mentions_nobody() {
    let label = "<!channel> @everyone <img src=x> <at>all</at> {{secret:key}} [a](https://x.example.com) **b**";
    let (mut one, other) = (alert("Down"), alert("Down"));
    one.labels.set("who", label);
    let news = notification(vec![one, other]);
    let message = sent(json!({}), news.clone());
    // A run is shown as it is; a mention would need an entity in `msteams`.
    assert_eq!(lines(&message)[0], format!("who={label}: something is wrong"));
    assert_eq!(
        message["attachments"][0]["content"]["msteams"],
        json!({ "width": "Full" })
    );
    let raw = raw(json!({}), news);
    assert!(!raw.contains("{{secret:"), "{raw}");
}

#[test]
fn groups_of_any_size_keep_the_documented_limit() {
    for count in [1, 50, 5_000] {
        for text in ["", "a *template*\n\n\"é🔔{{secret:x}}\u{1}\\", "one line "] {
            let mut news = notification(alerts("Down", count));
            news.title = "t".repeat(count * 30);
            news.text = text.repeat(count * 20);
            news.external_url = format!("https://x.example.com/{}", "y".repeat(900));
            let raw = raw(json!({}), news);
            assert!(2 * units(&raw) <= 28 * 1024, "{count}: {}", units(&raw));
            let message: Value = serde_json::from_str(&raw).expect("JSON");
            let lines = lines(&message);
            if text.is_empty() {
                let told = lines.iter().filter(|line| line.contains("something is wrong")).count();
                let last = format!("… and {} more alerts", count - told);
                assert_eq!(lines.last() == Some(&last.as_str()), told < count, "{lines:?}");
            } else if count > 50 {
                assert!(
                    lines.last().is_some_and(|line| line.ends_with("more characters)")),
                    "{lines:?}"
                );
            }
        }
    }
}

#[test]
fn answers_say_whether_to_try_again_and_when() {
    let failed = |status, body, headers: &[(&str, &str)]| {
        let (mut fake, _) = host(status, body, headers);
        fake.deliver::<Teams>(json!({}), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    for status in [400, 401, 403, 404, 413] {
        assert!(failed(status, "", &[]).is_permanent(), "{status}");
    }
    for status in [429, 500, 502, 504] {
        assert!(!failed(status, "", &[]).is_permanent(), "{status}");
    }
    let waits = failed(429, "", &[("Retry-After", "17")]);
    assert!(
        matches!(waits, DeliveryFailure::Transient { retry_after, .. } if retry_after == Some(Duration::from_secs(17)))
    );
    let said =
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x";
    assert!(!failed(200, said, &[]).is_permanent());
    let said =
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x";
    assert!(failed(200, said, &[]).is_permanent());
    let mut silent = Fake::new().with_http(|_| Err(no_answer(http::Error::Timeout(http::Phase::Processing))));
    let failure = silent.deliver::<Teams>(json!({}), notification(vec![alert("Down")]));
    assert!(!failure.failure().is_permanent());
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<Teams>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        host(202, "", &[])
            .0
            .deliver::<Teams>(settings, notification(vec![alert("Down")]))
    });
}
