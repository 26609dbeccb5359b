//! The body: version 4 of Alertmanager's.

use bellwether_sdk::{
    news::{self, Alert, Labels, Notification},
    text,
};
use serde::Serialize;

use crate::Settings;

/// Largest body. The host takes 4 MiB from a plugin at once, and receivers of webhooks rarely take as much.
const BODY_BYTES_MAX: usize = 3 << 20;

/// What Alertmanager writes for an end that nobody knows: the zero of Go's time.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// A body, and how many alerts are in it.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) alerts: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'n> {
    version: &'static str,
    group_key: &'n str,
    truncated_alerts: usize,
    status: &'static str,
    receiver: &'n str,
    group_labels: &'n Labels,
    common_labels: &'n Labels,
    common_annotations: &'n Labels,
    #[serde(rename = "externalURL")]
    external_url: &'n str,
    alerts: Vec<AlertBody<'n>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bellwether: Option<Extension<'n>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertBody<'n> {
    status: &'static str,
    labels: &'n Labels,
    annotations: &'n Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'n str,
    fingerprint: &'n str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extension<'n> {
    id: &'n str,
    attempt: u32,
    reason: &'static str,
    created_at: String,
    title: &'n str,
    text: &'n str,
    details: Labels,
}

/// As many alerts as are wanted and fit, firing ones first; those left out are counted.
pub(crate) fn write(settings: &Settings, notification: &Notification) -> Result<Body, String> {
    let ordered: Vec<&Alert> = notification.firing().chain(notification.resolved()).collect();
    let wanted = match settings.max_alerts {
        0 => ordered.len(),
        some => some.min(ordered.len()),
    };
    let mut count = wanted;
    loop {
        let text =
            text::json(&message(settings, notification, &ordered[..count])).map_err(|error| error.to_string())?;
        if text.len() <= BODY_BYTES_MAX {
            return Ok(Body { text, alerts: count });
        }
        if count == 0 {
            let kib = BODY_BYTES_MAX >> 10;
            return Err(format!("the notification is longer than {kib} KiB without any alert"));
        }
        // Alerts are about equally long, so this is near; it always ends.
        count = (count * BODY_BYTES_MAX / text.len()).min(count - 1);
    }
}

fn message<'n>(settings: &Settings, notification: &'n Notification, alerts: &[&'n Alert]) -> Message<'n> {
    let left_out = notification.alerts.len() - alerts.len();
    Message {
        version: "4",
        group_key: &notification.group_key,
        truncated_alerts: left_out + notification.truncated_alerts as usize,
        status: notification.status(),
        receiver: &notification.receiver,
        group_labels: &notification.group_labels,
        common_labels: &notification.common_labels,
        common_annotations: &notification.common_annotations,
        external_url: &notification.external_url,
        alerts: alerts.iter().map(|one| alert(settings, one)).collect(),
        bellwether: settings.extended.then(|| extension(notification)),
    }
}

fn alert<'n>(settings: &Settings, alert: &'n Alert) -> AlertBody<'n> {
    AlertBody {
        status: news::status(alert.is_firing()),
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: alert.starts_at.to_rfc3339(),
        ends_at: alert.ends_at.map_or_else(|| NO_END.to_owned(), |end| end.to_rfc3339()),
        generator_url: &alert.generator_url,
        fingerprint: &alert.fingerprint,
        value: alert.value.filter(|_| settings.extended),
    }
}

fn extension(notification: &Notification) -> Extension<'_> {
    let details = notification.details.iter();
    Extension {
        id: &notification.id,
        attempt: notification.attempt,
        reason: news::reason_word(notification.reason),
        created_at: notification.created_at.to_rfc3339(),
        title: &notification.title,
        text: &notification.text,
        details: details.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
    }
}
