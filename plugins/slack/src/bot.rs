//! As a bot: the first message of a group, then news in its thread, and the message kept up to date.

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request},
    log,
    news::{Notification, Reason},
    prelude::*,
    text,
};
use serde::{Deserialize, Serialize};

use crate::{
    JSON, SLOT, Settings,
    message::Message,
    threads::{Thread, Threads},
};

/// Errors after which the same request may well be taken.
const PASSING: [&str; 8] = [
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "update_failed",
];

/// Errors that say that a first message, or its thread, cannot be gone on with.
const GONE: [&str; 7] = [
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "thread_not_found",
    "cannot_reply_to_message",
    "channel_not_found",
    "is_archived",
];

#[derive(Serialize)]
struct Call<'c> {
    channel: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'c str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reply_broadcast: bool,
    #[serde(flatten)]
    message: &'c Message<'c>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    ts: String,
    #[serde(default)]
    channel: String,
}

/// Why a call did nothing.
enum Refusal {
    /// What it was about is not there any more.
    Gone(String),
    Failed(DeliveryFailure),
}

pub(crate) fn deliver(
    settings: &Settings,
    channel: &str,
    notification: &Notification,
) -> Result<Receipt, DeliveryFailure> {
    let message = Message::new(settings, notification);
    // Nothing follows what happened once.
    let is_alone = matches!(notification.reason, Reason::Occurred | Reason::Test);
    if !settings.threads || is_alone {
        return post(channel, &message).map(|posted| receipt(&posted.said));
    }
    let mut threads = Threads::load();
    let begins = matches!(notification.reason, Reason::First | Reason::Passed);
    let thread = threads.get(&notification.group_key).filter(|_| !begins).cloned();
    let answer = match thread {
        None => None,
        Some(thread) => follow(settings, &thread, &message, notification)?,
    };
    let posted = match answer {
        Some(answer) => answer,
        None => post(channel, &message)?,
    };
    remember(&mut threads, notification, &posted);
    Ok(receipt(&posted.said))
}

/// What Slack said of the message just sent, and the first message of its thread.
struct Posted {
    said: Answer,
    root: String,
}

/// Updates the first message and adds to its thread. None: it cannot be gone on with. The update goes first: another attempt at it
/// changes nothing, and a reply that was not taken is then tried again.
fn follow(
    settings: &Settings,
    thread: &Thread,
    message: &Message<'_>,
    notification: &Notification,
) -> Result<Option<Posted>, DeliveryFailure> {
    let update = Call {
        channel: &thread.channel,
        ts: Some(&thread.ts),
        thread_ts: None,
        reply_broadcast: false,
        message,
    };
    let reply = Call {
        ts: None,
        thread_ts: Some(&thread.ts),
        reply_broadcast: settings.broadcast && notification.is_firing(),
        ..update
    };
    for (method, call) in [("chat.update", &update), ("chat.postMessage", &reply)] {
        match ask(method, call) {
            Ok(said) if method == "chat.postMessage" => {
                let root = thread.ts.clone();
                return Ok(Some(Posted { said, root }));
            }
            Ok(_) => {}
            Err(Refusal::Failed(failure)) => return Err(failure),
            Err(Refusal::Gone(error)) => {
                log::info(
                    "a thread is not gone on with",
                    &[("method", &method), ("error", &error)],
                );
                return Ok(None);
            }
        }
    }
    Ok(None)
}

fn post(channel: &str, message: &Message<'_>) -> Result<Posted, DeliveryFailure> {
    let call = Call {
        channel,
        ts: None,
        thread_ts: None,
        reply_broadcast: false,
        message,
    };
    match ask("chat.postMessage", &call) {
        Ok(said) => {
            let root = said.ts.clone();
            Ok(Posted { said, root })
        }
        Err(Refusal::Failed(failure)) => Err(failure),
        Err(Refusal::Gone(error)) => Err(DeliveryFailure::permanent(format_args!("Slack refused: {error}"))),
    }
}

fn ask(method: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
    let body = text::json(call).map_err(|error| Refusal::Failed(DeliveryFailure::permanent(error)))?;
    let request = Request::post(SLOT, method, body.into_bytes()).header(JSON.0, JSON.1);
    let response = delivery::accepted(http::send(&request)).map_err(Refusal::Failed)?;
    let answer: Answer = serde_json::from_slice(&response.body).map_err(|_| {
        let said = delivery::excerpt(&response.body);
        Refusal::Failed(DeliveryFailure::transient(format_args!(
            "Slack answered no JSON: {said}"
        )))
    })?;
    match answer.error.as_str() {
        _ if answer.ok => Ok(answer),
        error if GONE.contains(&error) => Err(Refusal::Gone(answer.error)),
        error if PASSING.contains(&error) => {
            let failure = DeliveryFailure::transient(format_args!("Slack refused: {error}"));
            Err(Refusal::Failed(failure.after(delivery::retry_after(&response))))
        }
        error => Err(Refusal::Failed(DeliveryFailure::permanent(format_args!(
            "Slack refused: {error}"
        )))),
    }
}

/// A group that is over begins anew the next time.
fn remember(threads: &mut Threads, notification: &Notification, posted: &Posted) {
    if !notification.is_firing() || posted.root.is_empty() {
        threads.forget(&notification.group_key);
        return;
    }
    let thread = Thread {
        ts: posted.root.clone(),
        channel: posted.said.channel.clone(),
        at: context::scheduled_at_unix(),
    };
    threads.keep(&notification.group_key, thread);
}

fn receipt(answer: &Answer) -> Receipt {
    Receipt::new().with("channel", &answer.channel).with("ts", &answer.ts)
}
