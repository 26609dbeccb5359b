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

use crate::Discord;

fn host(status: u16, body: &'static str, headers: &[(&str, &str)]) -> (Fake, Sent) {
    let response = answer_with(status, body, headers);
    Fake::new().with_recorded_http(move |_| Ok(response.clone()))
}

const KEPT: &str = r#"{"id":"1234","channel_id":"99"}"#;

fn sent(settings: Value, news: Notification) -> (String, Value) {
    let (mut fake, sent) = host(200, KEPT, &[]);
    let delivery = fake.deliver::<Discord>(settings, news);
    assert_eq!(delivery.taken().get("message"), Some("1234"));
    let request = sent.borrow()[0].clone();
    let body = serde_json::from_slice(&request.body).expect("JSON");
    (request.url, body)
}

#[test]
fn a_message_is_one_embed_that_mentions_nobody() {
    let mut down = alert("Down");
    down.annotations
        .set("runbook_url", "https://wiki.example.com/down_(host)");
    let mut news = notification(vec![down]);
    news.details = vec![("environment".to_owned(), "production".to_owned())];
    let (url, body) = sent(json!({}), news);
    assert_eq!(url, "?wait=true");
    assert_eq!(
        body,
        json!({
            "allowed_mentions": { "parse": [] },
            "embeds": [{
                "title": "\\[FIRING:1\\] Down",
                "description": "Down: something is wrong\n\n[Runbook](https://wiki.example.com/down_%28host%29) · \
                                [Bellwether](https://bellwether.example.com/)",
                "color": 0xe8_a3_17,
                "timestamp": "2026-01-01T00:00:00.000Z",
                "url": "https://bellwether.example.com/",
                "footer": { "text": "ops · production · first" },
            }],
        })
    );
}

#[test]
fn settings_name_the_sender_and_the_thread() {
    let settings = json!({ "username": "Bellwether", "thread_id": "42" });
    let (url, body) = sent(settings, notification(vec![resolved("Down")]));
    assert_eq!(url, "?wait=true&thread_id=42");
    assert_eq!(body["username"], json!("Bellwether"));
    assert_eq!(body["embeds"][0]["color"], json!(0x2e_a0_43));
}

#[test]
fn a_label_pings_nobody_and_is_shown_as_it_is() {
    let label = "<!channel> @everyone <img src=x> {{secret:key}} **b** [a](https://x.example.com)";
    let shown =
        "\\<!channel\\> @\u{200b}everyone \\<img src=x\\> {{secret:key}} \\*\\*b\\*\\* \\[a\\](https://x.example.com)";
    let (mut one, other) = (alert("Down"), alert("Down"));
    one.labels.set("who", label);
    let mut news = notification(vec![one, other]);
    news.title = label.to_owned();
    let (_, body) = sent(json!({}), news.clone());
    let embed = &body["embeds"][0];
    assert_eq!(embed["title"], json!(shown));
    let first = embed["description"].as_str().and_then(|text| text.lines().next());
    assert_eq!(first, Some(format!("who={shown}: something is wrong").as_str()));
    let (mut fake, sent) = host(200, KEPT, &[]);
    fake.deliver::<Discord>(json!({}), news).taken();
    let raw = String::from_utf8(sent.borrow()[0].body.clone()).expect("text");
    assert!(!raw.contains("{{secret:") && !raw.contains("@everyone"), "{raw}");
}

#[test]
fn groups_of_any_size_keep_the_documented_limits() {
    for count in [1, 50, 5_000] {
        for text in ["", "a *template* <@1> "] {
            let mut news = notification(alerts("Down", count));
            news.title = "**t".repeat(count * 30);
            news.text = text.repeat(count * 20);
            news.details = vec![("environment".to_owned(), "p".repeat(count * 10))];
            let (_, body) = sent(json!({}), news);
            let embed = &body["embeds"][0];
            let length = |value: &Value| units(value.as_str().expect("text"));
            let (title, description) = (length(&embed["title"]), length(&embed["description"]));
            let footer = length(&embed["footer"]["text"]);
            assert!(title <= 256 && description <= 4_096 && footer <= 2_048);
            assert!(title + description + footer <= 6_000);
            if text.is_empty() {
                let description = embed["description"].as_str().expect("text");
                let told = description.lines().filter(|line| line.contains("something is wrong"));
                let left_out = count - told.count();
                let counted = description.contains(&format!("… and {left_out} more alerts"));
                assert_eq!(counted, left_out > 0, "{description}");
            } else if count > 50 {
                let description = embed["description"].as_str().expect("text");
                assert!(description.contains("more characters)"), "{description}");
            }
        }
    }
}

#[test]
fn answers_say_whether_to_try_again_and_when() {
    let failed = |status, body, headers: &[(&str, &str)]| {
        let (mut fake, _) = host(status, body, headers);
        fake.deliver::<Discord>(json!({}), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    for status in [400, 401, 403, 404] {
        assert!(failed(status, "{}", &[]).is_permanent(), "{status}");
    }
    for status in [429, 500, 502] {
        assert!(!failed(status, "{}", &[]).is_permanent(), "{status}");
    }
    let wait = |body, headers: &[(&str, &str)]| match failed(429, body, headers) {
        DeliveryFailure::Transient { retry_after, .. } => retry_after,
        DeliveryFailure::Permanent(message) => panic!("{message}"),
    };
    assert_eq!(wait("{}", &[("Retry-After", "2")]), Some(Duration::from_secs(2)));
    assert_eq!(wait(r#"{"retry_after":1.5}"#, &[]), Some(Duration::from_millis(1_500)));
    let own = [("Retry-After", "1"), ("X-RateLimit-Reset-After", "1.25")];
    assert_eq!(wait("no JSON", &own), Some(Duration::from_millis(1_250)));
    // The whole address is banned: the longer wait counts.
    let banned = [("Retry-After", "300"), ("X-RateLimit-Reset-After", "1.25")];
    assert_eq!(wait("{}", &banned), Some(Duration::from_secs(300)));
    let mut silent = Fake::new().with_http(|_| Err(no_answer(http::Error::Connect("no".to_owned()))));
    let failure = silent.deliver::<Discord>(json!({}), notification(vec![alert("Down")]));
    assert!(!failure.failure().is_permanent());
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<Discord>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        host(200, KEPT, &[])
            .0
            .deliver::<Discord>(settings, notification(vec![alert("Down")]))
    });
}
