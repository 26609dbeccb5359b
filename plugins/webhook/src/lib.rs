//! Notifications as Alertmanager's webhooks carry them, for whatever already understands those.
//!
//! Flows in: a notification. Flows out: one request over the connection `default`, with the body of version 4. It keeps nothing
//! between deliveries: the id of the notification is the idempotency key. A signature is the host's to make (`sign` of the
//! connection), since only the host has the key.

mod body;

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request},
    prelude::*,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The one connection.
const SLOT: &str = "default";

/// The header that says which requests are one: the name in the IETF's draft, and in use.
const IDEMPOTENCY: &str = "idempotency-key";

/// The plugin.
#[derive(Debug)]
pub struct Webhook;

/// How it is sent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Most alerts in one request; the rest is counted in `truncatedAlerts`. 0: as many as fit.
    max_alerts: usize,
    /// Whether what Alertmanager's body has no place for is sent as well, in the object `bellwether`.
    extended: bool,
}

impl Forwarder for Webhook {
    const NAME: &'static str = "webhook";
    const SUMMARY: &'static str = "Notifications in the form of Alertmanager's webhooks";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["http", "https"],
            "Where notifications are posted to; its whole URL may be the secret.",
        );
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        let body = body::write(&settings, &notification).map_err(DeliveryFailure::permanent)?;
        let request = Request::post(SLOT, "", body.text.into_bytes())
            .header("content-type", "application/json")
            .header(IDEMPOTENCY, &notification.id);
        let response = delivery::accepted(http::send(&request))?;
        Ok(Receipt::new()
            .with("status", response.status)
            .with("alerts", body.alerts))
    }
}

export_forwarder!(Webhook);

#[cfg(test)]
mod tests;
