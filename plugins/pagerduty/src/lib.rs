//! Incidents in PagerDuty, by its Events API v2: one for each group of alerts, resolved with it.
//!
//! Flows in: a notification. Flows out: an event over the connection `default`, whose secret `routing_key` the host puts into the body.
//! The group's key is the deduplication key, so a repeated delivery changes nothing and a resolve finds its incident. It keeps nothing
//! between deliveries.

mod event;

use std::collections::BTreeMap;

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request},
    news::Reason,
    prelude::*,
};
use event::Action;
use schemars::JsonSchema;
use serde::Deserialize;

/// The one connection.
const SLOT: &str = "default";

/// Where events go to, below the connection's URL.
const PATH: &str = "v2/enqueue";

/// The plugin.
#[derive(Debug)]
pub struct PagerDuty;

/// How incidents look.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// PagerDuty's severity for words in the label `severity` that are not known, or otherwise than by default.
    severities: BTreeMap<String, event::Severity>,
    /// The label that says what an alert is about; the first of `instance`, `host`, `check` and `job` unless set.
    source_label: Option<String>,
}

impl Forwarder for PagerDuty {
    const NAME: &'static str = "pagerduty";
    const SUMMARY: &'static str = "Incidents in PagerDuty, opened and resolved with their alerts";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["https", "http"],
            "https://events.pagerduty.com/, or that of the EU, with secrets.routing_key.",
        );
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        let mut receipt = Receipt::new();
        for action in actions(&notification) {
            let body = event::write(&settings, &notification, *action).map_err(DeliveryFailure::permanent)?;
            let request = Request::post(SLOT, PATH, body.into_bytes()).header("content-type", "application/json");
            let response = delivery::accepted(http::send(&request))?;
            receipt = receipt.with(action.as_str(), response.status);
        }
        Ok(receipt.with("dedup_key", event::dedup_key(&notification)))
    }
}

/// What is over leaves a record, and nobody is woken by a test for longer than it takes. An incident stays open while alerts of its
/// group fire that are only silenced or inhibited now: it is resolved with the last of them. What happened once opens one that a person
/// closes, who has looked at it: nothing else ends it.
fn actions(notification: &Notification) -> &'static [Action] {
    let is_over = !notification.is_firing() && !has_withheld(notification);
    match (notification.reason, is_over) {
        (Reason::Passed, false) => &[Action::Trigger],
        (Reason::Test | Reason::Passed, _) => &[Action::Trigger, Action::Resolve],
        (_, true) => &[Action::Resolve],
        (_, false) if notification.is_firing() => &[Action::Trigger],
        (_, false) => &[],
    }
}

fn has_withheld(notification: &Notification) -> bool {
    notification.detail("withheld").is_some_and(|count| count != "0")
}

export_forwarder!(PagerDuty);

#[cfg(test)]
mod tests;
