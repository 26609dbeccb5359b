//! One alert as `POST /api/v2/alerts` takes it.

use bellwether_sdk::news::{Alert, Labels, Timestamp};
use serde::Serialize;

/// See the module.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted<'a> {
    labels: Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
}

impl<'a> Posted<'a> {
    /// One that fires does so `until` a time ahead; one that is over ended by `now` at the latest.
    pub(crate) fn new(alert: &'a Alert, until: Timestamp, now: Timestamp) -> Self {
        let ends_at = match alert.is_firing() {
            true => until,
            false => alert.ends_at.unwrap_or(now).min(now),
        };
        Self {
            // A label without a value is none to Prometheus, and an error to the API.
            labels: alert.labels.iter().filter(|(_, value)| !value.is_empty()).collect(),
            annotations: &alert.annotations,
            starts_at: alert.starts_at.to_rfc3339(),
            ends_at: ends_at.to_rfc3339(),
            generator_url: Some(alert.generator_url.as_str()).filter(|url| is_url(url)),
        }
    }
}

/// One bad URL would have the whole request refused.
fn is_url(text: &str) -> bool {
    let absolute = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    absolute && text.bytes().all(|byte| byte.is_ascii_graphic())
}
