//! One event, within PagerDuty's limits.

use bellwether_sdk::{
    news::{self, Alert, Labels, Notification, Reason},
    text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Settings;

/// `payload.summary`.
const SUMMARY_UNITS_MAX: usize = 1_024;
/// `dedup_key`.
const DEDUP_UNITS_MAX: usize = 255;
/// `source`, `component`, `group` and `class`; no limit of theirs is documented, and lists show less.
const FIELD_UNITS_MAX: usize = 255;
/// A whole event may have 512 KB; this is of those that are not quite that many.
const EVENT_BYTES_MAX: usize = 500_000;
/// Each of the lists of alerts, written as JSON.
const LIST_BYTES_MAX: usize = 100_000;
/// `text` and `labels`, likewise.
const TEXT_BYTES_MAX: usize = 50_000;

/// The labels that say what an alert is about.
const SOURCES: [&str; 4] = ["instance", "host", "check", "job"];

/// The beginning of every event. The host puts the key in its place, on the wire; nothing else in the event can name a secret.
const ROUTING_KEY: &str = r#"{"routing_key":"{{secret:routing_key}}","#;

/// What PagerDuty is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Trigger,
    Resolve,
}

impl Action {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Resolve => "resolve",
        }
    }
}

/// PagerDuty's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Info,
    Warning,
    Error,
    Critical,
}

#[derive(Serialize)]
struct Event<'n> {
    event_action: Action,
    dedup_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'n>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<&'n str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link<'n>>,
}

#[derive(Serialize)]
struct Link<'n> {
    href: &'n str,
    text: &'n str,
}

#[derive(Serialize)]
struct Payload<'n> {
    summary: String,
    source: String,
    severity: Severity,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    group: String,
    class: String,
    custom_details: Details<'n>,
}

#[derive(Serialize)]
struct Details<'n> {
    num_firing: usize,
    num_resolved: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    firing: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    resolved: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'n Labels>,
}

/// As JSON, with the place for the routing key.
pub(crate) fn write(settings: &Settings, notification: &Notification, action: Action) -> Result<String, String> {
    let mut event = event(settings, notification, action);
    let mut written = json(&event)?;
    if written.len() > EVENT_BYTES_MAX {
        // Labels are the one part that has no limit of its own.
        if let Some(payload) = &mut event.payload {
            payload.custom_details.labels = None;
        }
        written = json(&event)?;
    }
    if written.len() > EVENT_BYTES_MAX {
        return Err(format!("the event is longer than {EVENT_BYTES_MAX} bytes"));
    }
    Ok(written)
}

fn json(event: &Event<'_>) -> Result<String, String> {
    let written = text::json(event).map_err(|error| error.to_string())?;
    Ok(format!("{ROUTING_KEY}{}", &written[1..]))
}

/// Stable for a group over its life. A test has one of its own, so that it closes no incident.
pub(crate) fn dedup_key(notification: &Notification) -> String {
    let key = match notification.reason {
        Reason::Test => &notification.id,
        _ => &notification.group_key,
    };
    let fits = text::units(key) <= DEDUP_UNITS_MAX;
    if fits { key.clone() } else { text::digest(key) }
}

fn event<'n>(settings: &Settings, notification: &'n Notification, action: Action) -> Event<'n> {
    let dedup_key = dedup_key(notification);
    if action == Action::Resolve {
        return Event {
            event_action: action,
            dedup_key,
            payload: None,
            client: None,
            client_url: None,
            links: Vec::new(),
        };
    }
    let links = notification.links().into_iter();
    Event {
        event_action: action,
        dedup_key,
        payload: Some(payload(settings, notification)),
        client: Some("Bellwether"),
        client_url: Some(notification.external_url.as_str()).filter(|url| !url.is_empty()),
        links: links.map(|(text, href)| Link { href, text }).collect(),
    }
}

fn payload<'n>(settings: &Settings, notification: &'n Notification) -> Payload<'n> {
    let began = notification.alerts.iter().map(|alert| alert.starts_at).min();
    let common = &notification.common_labels;
    Payload {
        summary: text::cut(&notification.headline(), SUMMARY_UNITS_MAX).into_owned(),
        source: field(source(settings, notification)),
        severity: severity(settings, notification),
        timestamp: began.unwrap_or(notification.created_at).to_rfc3339(),
        component: common.get("check").or_else(|| common.get("job")).map(field),
        group: field(&notification.receiver),
        class: field(common.get("alertname").unwrap_or("alerts")),
        custom_details: details(notification),
    }
}

fn field(value: &str) -> String {
    text::cut(value, FIELD_UNITS_MAX).into_owned()
}

fn source<'n>(settings: &Settings, notification: &'n Notification) -> &'n str {
    let wanted = settings.source_label.as_deref();
    let mut names = wanted.into_iter().chain(SOURCES);
    let common = names.find_map(|name| notification.common_labels.get(name));
    common
        .or_else(|| notification.detail("instance"))
        .filter(|source| !source.is_empty())
        .unwrap_or("bellwether")
}

/// The worst of what fires. What is over, or only tried, is no reason to wake anybody.
fn severity(settings: &Settings, notification: &Notification) -> Severity {
    if matches!(notification.reason, Reason::Test | Reason::Passed) {
        return Severity::Info;
    }
    let of = |alert: &Alert| {
        let word = alert.labels.get("severity").unwrap_or_default();
        let configured = settings.severities.get(word).copied();
        configured.or_else(|| known(word)).unwrap_or(Severity::Error)
    };
    notification.firing().map(of).max().unwrap_or(Severity::Info)
}

fn known(word: &str) -> Option<Severity> {
    Some(match news::Severity::of_word(word)? {
        news::Severity::Critical => Severity::Critical,
        news::Severity::Error => Severity::Error,
        news::Severity::Warning => Severity::Warning,
        news::Severity::Info | news::Severity::Resolved => Severity::Info,
    })
}

fn details(notification: &Notification) -> Details<'_> {
    let list = |alerts: Vec<&Alert>, left_out: u32| {
        let lines = alerts.into_iter().map(|alert| notification.line(alert));
        text::lines_within(lines, left_out as usize, LIST_BYTES_MAX, written)
    };
    Details {
        num_firing: notification.firing().count(),
        num_resolved: notification.resolved().count(),
        firing: list(notification.firing().collect(), notification.truncated_alerts),
        resolved: list(notification.resolved().collect(), 0),
        text: text::cut_by(notification.text.trim(), TEXT_BYTES_MAX, written).into_owned(),
        labels: Some(&notification.common_labels).filter(|labels| !labels.is_empty()),
    }
}

/// Bytes of a character in JSON.
fn written(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        control if control.is_control() => 6,
        // It may begin what must not look like a place for a secret.
        '{' => 6,
        other => other.len_utf8(),
    }
}
