//! The plugin as the host runs it, on the fake one.

use std::{collections::VecDeque, time::Duration};

use bellwether_sdk::{
    DeliveryFailure, Notification,
    fake::{
        Fake, Sent, answer, assert_forwarder_readme, assert_receivers, json,
        news::{alert, alerts, notification, resolved},
        no_answer,
    },
    http::{self, Request, Response},
    news::Reason,
    text::units,
};
use serde_json::Value;

use crate::Slack;

/// A webhook that answers so.
fn webhook(status: u16, body: &'static str) -> (Fake, Sent) {
    Fake::new().with_recorded_http(move |_| Ok(answer(status, body)))
}

/// Slack's API, which answers with these errors ("": none) and with what it would afterwards.
fn api(errors: &[&'static str]) -> (Fake, Sent) {
    let mut errors: VecDeque<&str> = errors.to_vec().into();
    let mut count = 0;
    Fake::new().with_recorded_http(move |_| {
        count += 1;
        let error = errors.pop_front().unwrap_or_default();
        let body = if error.is_empty() {
            json!({ "ok": true, "channel": "C042", "ts": format!("1767225600.{count:06}") })
        } else {
            json!({ "ok": false, "error": error })
        };
        Ok(answer(200, body.to_string()))
    })
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

/// Method, message that is updated, and thread of each request.
fn calls(sent: &Sent) -> Vec<(String, Option<String>, Option<String>, bool)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let call = |request: &Request| {
        let body = body(request);
        assert_eq!(request.connection.as_deref(), Some("default"));
        let broadcast = body["reply_broadcast"] == json!(true);
        (
            request.url.clone(),
            text(&body["ts"]),
            text(&body["thread_ts"]),
            broadcast,
        )
    };
    sent.borrow().iter().map(call).collect()
}

fn bot() -> Value {
    json!({ "channel": "#alerts" })
}

fn of(reason: Reason, alerts: Vec<bellwether_sdk::news::Alert>) -> Notification {
    Notification {
        reason,
        ..notification(alerts)
    }
}

fn sent_by_webhook(news: Notification) -> Value {
    let (mut fake, sent) = webhook(200, "ok");
    fake.deliver::<Slack>(json!({}), news).taken();
    let sent = sent.borrow();
    assert_eq!((sent.len(), sent[0].url.as_str()), (1, ""));
    body(&sent[0])
}

#[test]
fn a_webhook_is_sent_one_message_with_a_colour() {
    let mut down = alert("Down");
    down.annotations
        .set("runbook_url", "https://wiki.example.com/down?a=1&b=<2>|3");
    let mut news = notification(vec![down]);
    news.details = vec![("environment".to_owned(), "production".to_owned())];
    let text = |text: &str| json!({ "type": "mrkdwn", "text": text, "verbatim": true });
    assert_eq!(
        sent_by_webhook(news),
        json!({
            "text": "[FIRING:1] Down",
            "attachments": [{
                "color": "#e8a317",
                "blocks": [
                    { "type": "section", "text": text("Down: something is wrong") },
                    {
                        "type": "context",
                        "elements": [
                            text("<https://wiki.example.com/down?a=1&amp;b=%3C2%3E%7C3|Runbook> · <https://bellwether.example.com/|Bellwether>"),
                            text("ops · production · first"),
                        ],
                    },
                ],
            }],
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    );
}

#[test]
fn a_label_pings_nobody_and_is_shown_as_it_is() {
    let label = "<!channel> @everyone <img src=x> {{secret:key}} <https://x.example.com|a> & <@U1>";
    let shown =
        "&lt;!channel&gt; @everyone &lt;img src=x&gt; {{secret:key}} &lt;https://x.example.com|a&gt; &amp; &lt;@U1&gt;";
    let (mut one, other) = (alert("Down"), alert("Down"));
    one.labels.set("who", label);
    let mut news = notification(vec![one, other]);
    news.title = label.to_owned();
    news.details = vec![("environment".to_owned(), "<!here>".to_owned())];
    let message = sent_by_webhook(news.clone());
    assert_eq!(message["text"], json!(shown));
    let blocks = &message["attachments"][0]["blocks"];
    let first = blocks[0]["text"]["text"].as_str().and_then(|text| text.lines().next());
    assert_eq!(first, Some(format!("who={shown}: something is wrong").as_str()));
    assert_eq!(blocks[1]["elements"][1]["text"], json!("ops · &lt;!here&gt; · first"));
    let (mut fake, sent) = webhook(200, "ok");
    fake.deliver::<Slack>(json!({}), news).taken();
    let raw = String::from_utf8(sent.borrow()[0].body.clone()).expect("text");
    for live in ["<!", "<@", "{{secret:"] {
        assert!(!raw.contains(live), "{live}: {raw}");
    }
}

#[test]
fn groups_of_any_size_keep_the_documented_limits() {
    for count in [1, 50, 5_000] {
        for text in ["", "a & b <c>\n", "no line ever ends & "] {
            let mut news = notification(alerts("Down", count));
            news.title = "<t>".repeat(count * 30);
            news.text = text.repeat(count * 20);
            let message = sent_by_webhook(news);
            let length = |value: &Value| units(value.as_str().expect("text"));
            assert!(length(&message["text"]) <= 4_000);
            let blocks = message["attachments"][0]["blocks"].as_array().expect("blocks");
            assert!(blocks.len() <= 50);
            let sections: Vec<&Value> = blocks
                .iter()
                .filter(|block| block["type"] == json!("section"))
                .collect();
            assert!(sections.iter().all(|section| length(&section["text"]["text"]) <= 3_000));
            let all: usize = sections.iter().map(|section| length(&section["text"]["text"])).sum();
            assert!(all <= 9_000, "{all}");
            let body: Vec<&str> = sections
                .iter()
                .filter_map(|section| section["text"]["text"].as_str())
                .collect();
            let body = body.join("\n");
            if text.is_empty() {
                let left_out = count - body.lines().filter(|line| line.contains("something is wrong")).count();
                assert_eq!(
                    body.ends_with(&format!("… and {left_out} more alerts")),
                    left_out > 0,
                    "{body}"
                );
            } else if count > 50 {
                assert!(body.ends_with("more characters)"), "{body}");
            }
        }
    }
}

#[test]
fn a_bot_keeps_one_thread_for_a_group() {
    let (mut fake, sent) = api(&[]);
    let told = [
        of(Reason::First, vec![alert("Down")]),
        of(Reason::Repeat, vec![alert("Down")]),
        of(Reason::Resolved, vec![resolved("Down")]),
        of(Reason::First, vec![alert("Down")]),
    ];
    for news in told {
        fake.deliver::<Slack>(bot(), news).taken();
    }
    let root = || Some("1767225600.000001".to_owned());
    let post = "chat.postMessage".to_owned();
    let update = "chat.update".to_owned();
    assert_eq!(
        calls(&sent),
        [
            (post.clone(), None, None, false),
            (update.clone(), root(), None, false),
            (post.clone(), None, root(), true),
            (update, root(), None, false),
            (post.clone(), None, root(), false),
            (post, None, None, false),
        ],
        "and a group that comes back begins anew"
    );
    let channels: Vec<Value> = sent
        .borrow()
        .iter()
        .map(|request| body(request)["channel"].clone())
        .collect();
    assert_eq!(channels[0], json!("#alerts"));
    assert_eq!(channels[1], json!("C042"), "an update needs the channel's id");
    assert_eq!(body(&sent.borrow()[3])["attachments"][0]["color"], json!("#2ea043"));
}

#[test]
fn threads_and_their_echo_in_the_channel_can_be_switched_off() {
    for (key, expected) in [("broadcast", 3), ("threads", 2)] {
        let (mut fake, sent) = api(&[]);
        let mut settings = bot();
        settings[key] = json!(false);
        for reason in [Reason::First, Reason::Changed] {
            fake.deliver::<Slack>(settings.clone(), of(reason, vec![alert("Down")]))
                .taken();
        }
        let calls = calls(&sent);
        assert_eq!(calls.len(), expected, "{key}");
        assert!(calls.iter().all(|call| !call.3), "{key}");
    }
}

#[test]
fn a_first_message_that_is_gone_is_replaced() {
    for gone in [&["", "message_not_found"][..], &["", "", "thread_not_found"]] {
        let (mut fake, sent) = api(gone);
        for reason in [Reason::First, Reason::Changed, Reason::Repeat] {
            fake.deliver::<Slack>(bot(), of(reason, vec![alert("Down")])).taken();
        }
        let calls = calls(&sent);
        let replaced = &calls[gone.len()];
        assert_eq!((replaced.0.as_str(), &replaced.2), ("chat.postMessage", &None));
        let root = format!("1767225600.{:06}", gone.len() + 1);
        assert_eq!(calls.last().and_then(|call| call.2.as_deref()), Some(root.as_str()));
    }
}

#[test]
fn a_reply_that_was_not_taken_is_tried_again_below_the_same_message() {
    let (mut fake, sent) = api(&["", "", "ratelimited"]);
    fake.deliver::<Slack>(bot(), of(Reason::First, vec![alert("Down")]))
        .taken();
    let changed = of(Reason::Changed, vec![alert("Down"), alert("Down")]);
    let failure = fake.deliver::<Slack>(bot(), changed.clone());
    assert!(!failure.failure().is_permanent());
    fake.deliver::<Slack>(bot(), changed).taken();
    let threads: Vec<_> = calls(&sent).into_iter().map(|call| (call.0, call.2)).collect();
    let root = Some("1767225600.000001".to_owned());
    assert_eq!(threads.last(), Some(&("chat.postMessage".to_owned(), root)));
}

#[test]
fn a_state_that_is_damaged_or_full_costs_the_thread_and_not_the_message() {
    let (fake, sent) = api(&[]);
    let mut fake = fake.with_state("threads", "no JSON").with_state_quota(10);
    for reason in [Reason::First, Reason::Changed] {
        let delivery = fake.deliver::<Slack>(bot(), of(reason, vec![alert("Down")]));
        delivery.taken();
        assert!(!delivery.logs.is_empty());
    }
    assert_eq!(sent.borrow().len(), 2);
}

#[test]
fn the_oldest_of_many_threads_is_forgotten() {
    let (mut fake, sent) = api(&[]);
    let group = |number: usize| {
        let mut news = of(Reason::First, vec![alert("Down")]);
        news.group_key = format!("{number}-{}", "k".repeat(1_000));
        news
    };
    for number in 0..=400 {
        fake.deliver::<Slack>(bot(), group(number)).taken();
        fake.advance(Duration::from_secs(1));
    }
    let kept = fake.state("threads").map_or(0, <[u8]>::len);
    assert!(kept > 0 && kept < 60_000, "{kept}");
    for (number, requests) in [(0, 1), (400, 2)] {
        let before = sent.borrow().len();
        let mut news = group(number);
        news.reason = Reason::Changed;
        fake.deliver::<Slack>(bot(), news).taken();
        assert_eq!(sent.borrow().len() - before, requests, "{number}");
    }
}

#[test]
fn answers_of_a_webhook_say_whether_to_try_again() {
    let failed = |status, body| {
        let (mut fake, _) = webhook(status, body);
        fake.deliver::<Slack>(json!({}), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    for (status, body) in [
        (400, "invalid_payload"),
        (403, "action_prohibited"),
        (404, "no_service"),
        (410, "channel_is_archived"),
    ] {
        let failure = failed(status, body);
        assert!(failure.is_permanent() && failure.message().contains(body), "{failure}");
    }
    for (status, body) in [(429, "rate_limited"), (500, "rollup_error"), (503, "")] {
        assert!(!failed(status, body).is_permanent(), "{status}");
    }
}

#[test]
fn answers_of_the_api_say_whether_to_try_again_and_when() {
    let failed = |mut response: Response| {
        response.headers.push(("Retry-After".to_owned(), b"30".to_vec()));
        let mut fake = Fake::new().with_http(move |_| Ok(response.clone()));
        fake.deliver::<Slack>(bot(), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    let refused = |error: &str| failed(answer(200, json!({ "ok": false, "error": error }).to_string()));
    for error in [
        "invalid_auth",
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "msg_too_long",
    ] {
        let failure = refused(error);
        assert!(failure.is_permanent() && failure.message().contains(error), "{failure}");
    }
    let wait = Some(Duration::from_secs(30));
    for passing in [
        refused("ratelimited"),
        refused("internal_error"),
        failed(answer(429, "")),
        failed(answer(503, "")),
    ] {
        assert!(matches!(passing, DeliveryFailure::Transient { retry_after, .. } if retry_after == wait));
    }
    assert!(!failed(answer(200, "<html>")).is_permanent());
    let mut silent = Fake::new().with_http(|_| Err(no_answer(http::Error::Timeout(http::Phase::Processing))));
    let failure = silent.deliver::<Slack>(bot(), notification(vec![alert("Down")]));
    assert!(!failure.failure().is_permanent());
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<Slack>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        api(&[]).0.deliver::<Slack>(settings, notification(vec![alert("Down")]))
    });
}
