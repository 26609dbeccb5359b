//! Cards in a Microsoft Teams channel or chat, by a workflow that posts what it is sent.
//!
//! Flows in: a notification. Flows out: one adaptive card over the connection `default`, whose URL is the secret. Text is put into runs,
//! which have no markup, so nothing of a label is formatted, linked or a mention. It keeps nothing between deliveries.

mod card;

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request, Response},
    prelude::*,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The one connection.
const SLOT: &str = "default";

/// How an incoming webhook that is being retired says with status 200 that it failed, and what stands before its own status.
const FAILED: &str = "Webhook message delivery failed";
const STATUS: &str = "HTTP error ";

/// The plugin.
#[derive(Debug)]
pub struct Teams;

/// How cards look.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether a card takes the whole width of the conversation.
    full_width: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { full_width: true }
    }
}

impl Forwarder for Teams {
    const NAME: &'static str = "teams";
    const SUMMARY: &'static str = "Cards in a Microsoft Teams channel or chat";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["https", "http"],
            "The URL of the workflow, all of which is the secret.",
        );
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        let body = card::write(&settings, &notification).map_err(DeliveryFailure::permanent)?;
        let request =
            Request::post(SLOT, "", body.into_bytes()).header("content-type", "application/json; charset=utf-8");
        let response = delivery::accepted(http::send(&request))?;
        match hidden_failure(&response) {
            Some(failure) => Err(failure),
            None => Ok(Receipt::new().with("status", response.status)),
        }
    }
}

fn hidden_failure(response: &Response) -> Option<DeliveryFailure> {
    let said = delivery::excerpt(&response.body);
    if !said.contains(FAILED) {
        return None;
    }
    let status = said.split_once(STATUS).map_or("", |(_, rest)| rest);
    let may_pass = status.starts_with("429") || status.starts_with('5');
    Some(match may_pass {
        true => DeliveryFailure::transient(&said),
        false => DeliveryFailure::permanent(&said),
    })
}

export_forwarder!(Teams);

#[cfg(test)]
mod tests;
