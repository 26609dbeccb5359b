//! Messages in a Discord channel, by a webhook of the channel.
//!
//! Flows in: a notification. Flows out: one embed over the connection `default`, whose URL is the secret. Nobody is mentioned whatever a
//! label says, and text from labels is shown as it is. It keeps nothing between deliveries.

mod embed;
mod markdown;

use std::time::Duration;

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request, Response},
    prelude::*,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The one connection.
const SLOT: &str = "default";

/// The plugin.
#[derive(Debug)]
pub struct Discord;

/// Where in the channel.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who the messages are from, instead of the webhook's own name.
    #[schemars(length(min = 1, max = 80))]
    username: Option<String>,
    /// The thread of the channel to write into, by its number.
    #[schemars(pattern(r"^[0-9]{1,20}$"))]
    thread_id: Option<String>,
}

impl Forwarder for Discord {
    const NAME: &'static str = "discord";
    const SUMMARY: &'static str = "Messages in a Discord channel";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["https", "http"],
            "The URL of the channel's webhook, all of which is the secret.",
        );
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        let body = embed::write(&settings, &notification).map_err(DeliveryFailure::permanent)?;
        let request =
            Request::post(SLOT, &query(&settings), body.into_bytes()).header("content-type", "application/json");
        let response = http::send(&request)?;
        match delivery::accepted(Ok(response.clone())) {
            Ok(_) => Ok(receipt(&response)),
            Err(failure) => Err(failure.after(wait(&response))),
        }
    }
}

/// Without `wait`, Discord answers before it knows whether the message was kept.
fn query(settings: &Settings) -> String {
    let thread = settings.thread_id.as_deref();
    let thread = thread.map(|id| format!("&thread_id={id}")).unwrap_or_default();
    format!("?wait=true{thread}")
}

fn receipt(response: &Response) -> Receipt {
    let message: Option<Value> = serde_json::from_slice(&response.body).ok();
    let id = message.as_ref().and_then(|message| message.get("id")?.as_str());
    id.map_or_else(Receipt::new, |id| Receipt::new().with("message", id))
}

/// What a limit of Discord's says to wait: in its own header to the millisecond, else in the body. `Retry-After` has been read.
fn wait(response: &Response) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse::<f64>().ok();
    let header = response.header("x-ratelimit-reset-after").and_then(seconds);
    let in_body = || {
        let body: Value = serde_json::from_slice(&response.body).ok()?;
        body.get("retry_after")?.as_f64()
    };
    let own = header.or_else(in_body).filter(|_| response.status == 429);
    let own = own.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // A limit of the whole address is in `Retry-After` alone, and is the longer one.
    own.max(delivery::retry_after(response))
}

export_forwarder!(Discord);

#[cfg(test)]
mod tests;
