//! A channel of Slack behind an incoming webhook: it takes what Slack would take, and remembers what it would not have.
//!
//! The limits are those of Slack's documentation: `reference/methods/chat.postMessage` (texts, attachments), `reference/block-kit/blocks` (50
//! blocks, 3,000 characters in a section, 10 elements in a context), `apis/web-api/rate-limits` (one message a second); and, undocumented,
//! the length of all blocks together, at which Slack answers `msg_blocks_too_long`.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::wire::{self, Request};

/// The part of the address that nobody else may know.
pub(crate) const CANARY: &str = "XXcanaryOfTheWebhookXX";

/// Of `text`: longer ones are cut at ten times as many, and Slack advises against more than this.
const TEXT_CHARS_MAX: usize = 4_000;
const ATTACHMENTS_MAX: usize = 100;
const ALL_CHARS_MAX: usize = 12_000;
const BLOCKS_MAX: usize = 50;
const SECTION_CHARS_MAX: usize = 3_000;
const ELEMENTS_MAX: usize = 10;

/// Messages may come in bursts as long as on average one a second is kept; looked at over this span.
const PACE: Duration = Duration::from_secs(10);
const PACE_MESSAGES_MAX: usize = 12;

#[derive(Default)]
struct Heard {
    messages: Vec<(Instant, Vec<u8>, Value)>,
    breaches: Vec<String>,
}

pub(crate) struct Slack {
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl Slack {
    pub(crate) fn open() -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let kept = Arc::clone(&heard);
        let port = wire::serve(move |request| {
            let mut heard = kept.lock().expect("no panic");
            match message(request) {
                Ok(message) => {
                    heard.breaches.extend(breaches(&message));
                    heard.messages.push((Instant::now(), request.body.clone(), message));
                    wire::answer(200, "content-type: text/html\r\n", "ok")
                }
                Err(problem) => {
                    heard.breaches.push(problem.to_owned());
                    wire::answer(400, "", "invalid_payload")
                }
            }
        });
        Self { port, heard }
    }

    /// Of the webhook: all of it is the secret.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/services/T000/B000/{CANARY}", self.port)
    }

    /// What people see of each message: its text, then its blocks, each on lines of its own.
    pub(crate) fn shown(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("no panic");
        heard.messages.iter().map(|(_, _, message)| shown(message)).collect()
    }

    /// Bodies as they came.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        let heard = self.heard.lock().expect("no panic");
        heard.messages.iter().map(|(_, bytes, _)| bytes.clone()).collect()
    }

    /// Fails when anything came that Slack does not take, or came too fast.
    pub(crate) fn is_content(&self) {
        let heard = self.heard.lock().expect("no panic");
        assert!(heard.breaches.is_empty(), "{:#?}", heard.breaches);
        let times: Vec<Instant> = heard.messages.iter().map(|(at, _, _)| *at).collect();
        for (from, first) in times.iter().enumerate() {
            let within = times[from..].iter().take_while(|at| at.duration_since(*first) < PACE);
            assert!(within.count() <= PACE_MESSAGES_MAX, "too fast for Slack: {times:?}");
        }
    }
}

fn message(request: &Request) -> Result<Value, &'static str> {
    if request.method != "POST" || !request.path.ends_with(CANARY) {
        return Err("no_service");
    }
    let kind = request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err("not JSON by its header");
    }
    let message: Value = serde_json::from_slice(&request.body).map_err(|_| "invalid_payload")?;
    if message.is_object() {
        Ok(message)
    } else {
        Err("invalid_payload")
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// Everything that Slack would refuse or cut, or that would call somebody.
fn breaches(message: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let text = message["text"].as_str().unwrap_or_default();
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        found.push(format!("a text of {} characters", text.chars().count()));
    }
    if list(message, "attachments").len() > ATTACHMENTS_MAX {
        found.push("too many attachments".to_owned());
    }
    for blocks in layouts(message) {
        if blocks.len() > BLOCKS_MAX {
            found.push(format!("{} blocks", blocks.len()));
        }
        found.extend(blocks.iter().filter_map(breach));
    }
    let all = texts(message).concat();
    if all.chars().count() > TEXT_CHARS_MAX + ALL_CHARS_MAX {
        found.push(format!("{} characters in all", all.chars().count()));
    }
    found.extend(
        ["<!", "<@", "<#"]
            .iter()
            .filter(|call| all.contains(**call))
            .map(|call| format!("{call} in {all}")),
    );
    found
}

/// Lists of blocks: the message's own, and those of its attachments.
fn layouts(message: &Value) -> impl Iterator<Item = &[Value]> {
    let attached = list(message, "attachments")
        .iter()
        .map(|attachment| list(attachment, "blocks"));
    std::iter::once(list(message, "blocks")).chain(attached)
}

fn breach(block: &Value) -> Option<String> {
    let fits = |text: &Value| {
        let kind = text["type"].as_str().unwrap_or_default();
        let length = text["text"].as_str().unwrap_or_default().chars().count();
        ["mrkdwn", "plain_text"].contains(&kind) && (1..=SECTION_CHARS_MAX).contains(&length)
    };
    let is_good = match block["type"].as_str().unwrap_or_default() {
        "section" => fits(&block["text"]),
        "context" => {
            let elements = list(block, "elements");
            (1..=ELEMENTS_MAX).contains(&elements.len()) && elements.iter().all(fits)
        }
        "divider" => true,
        _ => false,
    };
    (!is_good).then(|| format!("invalid_blocks: {block}"))
}

/// All texts of a message in their order, in Slack's markup.
fn texts(message: &Value) -> Vec<&str> {
    let mut found = vec![message["text"].as_str().unwrap_or_default()];
    for block in layouts(message).flatten() {
        let own = block["text"]["text"].as_str();
        let elements = list(block, "elements")
            .iter()
            .filter_map(|element| element["text"].as_str());
        found.extend(own.into_iter().chain(elements));
    }
    found
}

fn shown(message: &Value) -> String {
    let text = texts(message).join("\n\n");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
