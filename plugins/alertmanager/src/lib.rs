//! Alerts to Alertmanagers, by their API: grouping, silences and receivers are theirs then.
//!
//! Flows in: a notification. Flows out: its alerts, in batches, to every member of a cluster: members share what they sent, and not
//! what they were sent. An Alertmanager forgets an alert that it does not hear of again, so each fires until a time ahead, and the plugin
//! asks the host to be called again well before. It keeps nothing between deliveries.

mod alert;
mod members;

use bellwether_sdk::{
    delivery::DeliveryFailure,
    news::{Alert, Timestamp},
    prelude::*,
    text,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The slots for connections with credentials. A cluster without any is named in the settings, and may be larger.
const SLOTS: [&str; 4] = ["default", "second", "third", "fourth"];

/// Alerts in one request, as Prometheus sends them by default.
const BATCH_ALERTS_MAX: usize = 256;

/// Bytes of one request. The host takes 4 MiB from a plugin at once.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// How often what fires is to be said again, as Prometheus does it. In the description, for the host.
const REFRESH: &str = "1m";

/// How long an alert fires at an Alertmanager that hears nothing more: four times as long, so that three refreshes may get lost.
const VALID_FOR_SECONDS_DEFAULT: u32 = 240;

/// The plugin.
#[derive(Debug)]
pub struct Alertmanager;

/// Where to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Every member of the cluster, such as `http://alertmanager-0:9093/`. Members that want credentials are connections instead.
    #[schemars(length(max = 32))]
    members: Vec<Address>,
    /// How long an alert goes on firing there when nothing more is heard from here. The host says it again every minute.
    #[schemars(range(min = 120, max = 86_400))]
    valid_for_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            valid_for_seconds: VALID_FOR_SECONDS_DEFAULT,
        }
    }
}

impl Forwarder for Alertmanager {
    const NAME: &'static str = "alertmanager";
    const SUMMARY: &'static str = "Alerts to every member of an Alertmanager cluster";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        for slot in SLOTS {
            about.optional_connection(
                slot,
                &["http", "https"],
                "An Alertmanager, with its credentials; those without any are named in the setting `members`.",
            );
        }
        about.detail("refresh", REFRESH);
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        let members = members::all(&settings.members)?;
        let now = Timestamp::from_system_time(context::scheduled_at());
        let until = now.plus(std::time::Duration::from_secs(settings.valid_for_seconds.into()));
        let mut tally = members::Tally::new(&members);
        for batch in batches(&notification.alerts, until, now).map_err(DeliveryFailure::permanent)? {
            tally.note(members::post(&members, &batch));
        }
        tally.judge(notification.alerts.len())
    }
}

/// The alerts as bodies of requests, each within both limits.
fn batches(alerts: &[Alert], until: Timestamp, now: Timestamp) -> Result<Vec<String>, String> {
    let mut batches = Vec::new();
    let mut batch: Vec<String> = Vec::new();
    let mut bytes = 0;
    for one in alerts {
        let written = text::json(&alert::Posted::new(one, until, now)).map_err(|error| error.to_string())?;
        let is_full = batch.len() == BATCH_ALERTS_MAX || bytes + written.len() > BATCH_BYTES_MAX;
        if is_full && !batch.is_empty() {
            batches.push(format!("[{}]", batch.join(",")));
            batch.clear();
            bytes = 0;
        }
        bytes += written.len() + 1;
        batch.push(written);
    }
    if !batch.is_empty() {
        batches.push(format!("[{}]", batch.join(",")));
    }
    Ok(batches)
}

export_forwarder!(Alertmanager);

#[cfg(test)]
mod tests;
