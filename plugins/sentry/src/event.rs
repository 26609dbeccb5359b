//! A notification as an event: one issue for each group of alerts.

use bellwether_sdk::{
    context,
    news::{Alert, Labels, Notification, Reason, Severity, reason_word},
    text,
};
use serde_json::{Map, Value, json};

use crate::{Settings, envelope};

/// `logentry.formatted`.
const MESSAGE_UNITS_MAX: usize = 8_000;
/// The first line of it, which becomes the title.
const TITLE_UNITS_MAX: usize = 1_000;
/// Of a tag.
const TAG_NAME_UNITS_MAX: usize = 200;
const TAG_VALUE_UNITS_MAX: usize = 200;
/// Of an event; lists show fewer.
const TAGS_MAX: usize = 100;
/// Of one part of a fingerprint; longer ones are told apart by a digest.
const FINGERPRINT_UNITS_MAX: usize = 200;
/// Alerts that are listed with their values; what Sentry keeps of extra data has room for these.
const ALERTS_MAX: usize = 100;
/// Alerts' labels in the context, which may have 8 KiB in all.
const CONTEXT_LABELS_MAX: usize = 30;

/// Tags that mean something else to Sentry, which drops or replaces them.
const RESERVED: [&str; 12] = [
    "dist",
    "environment",
    "filename",
    "function",
    "level",
    "logger",
    "release",
    "server_name",
    "site",
    "transaction",
    "url",
    "user",
];

/// Labels or annotations that all alerts share and that say whom it happened to, and Sentry's names for them.
const USER: [(&str, &str); 4] = [
    ("user_id", "id"),
    ("user_email", "email"),
    ("user_name", "username"),
    ("user_ip", "ip_address"),
];

/// Thirty-two hexadecimal digits. The same notification is the same event, of which Sentry keeps one.
pub(crate) fn id(notification: &Notification) -> String {
    let id = &notification.id;
    let is_one = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one {
        id.to_ascii_lowercase()
    } else {
        text::digest(id)
    }
}

/// The event's JSON.
pub(crate) fn write(settings: &Settings, notification: &Notification) -> Value {
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            event.insert(name.to_owned(), value);
        }
    };
    put("event_id", id(notification).into());
    put("timestamp", notification.created_at.as_seconds_f64().into());
    put("platform", "other".into());
    put("level", level(notification).into());
    put("logger", "bellwether".into());
    put("release", release(settings).into());
    put("environment", environment(settings, notification).into());
    put("server_name", server(settings, notification).into());
    put("fingerprint", fingerprint(notification).into());
    put("logentry", json!({ "formatted": message(notification) }));
    put("tags", tags(notification).into());
    put("user", user(notification));
    put("contexts", json!({ "monitor": monitor(notification) }));
    put("extra", extra(notification));
    put("sdk", envelope::sdk());
    Value::Object(event)
}

/// By the worst of what fires. What has passed did happen, so it counts; what is over, or only tried, is information.
fn level(notification: &Notification) -> &'static str {
    let severity = match notification.reason {
        Reason::Test => Severity::Info,
        Reason::Passed => worst(notification),
        _ => notification.severity(),
    };
    match severity {
        Severity::Critical => "fatal",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Resolved => "info",
    }
}

fn worst(notification: &Notification) -> Severity {
    let words = notification
        .alerts
        .iter()
        .filter_map(|alert| alert.labels.get("severity"));
    words.filter_map(Severity::of_word).max().unwrap_or(Severity::Warning)
}

pub(crate) fn release(settings: &Settings) -> Option<String> {
    let own = || context::fact("host-version").map(|version| format!("bellwether@{version}"));
    settings.release.clone().or_else(own)
}

fn environment(settings: &Settings, notification: &Notification) -> String {
    let detail = || notification.detail("environment").map(str::to_owned);
    settings
        .environment
        .clone()
        .or_else(detail)
        .unwrap_or_else(|| host_environment(settings))
}

/// Of the host, when nothing says otherwise.
pub(crate) fn host_environment(settings: &Settings) -> String {
    let configured = settings.environment.clone().or_else(|| context::fact("environment"));
    configured
        .filter(|environment| !environment.is_empty())
        .unwrap_or_else(|| "production".to_owned())
}

/// What it is about, else the host that says so.
fn server(settings: &Settings, notification: &Notification) -> Option<String> {
    let common = ["instance", "host"];
    let mut common = common
        .into_iter()
        .filter_map(|name| notification.common_labels.get(name));
    let subject = common.next().or_else(|| notification.detail("instance"));
    subject.map(str::to_owned).or_else(|| settings.server_name.clone())
}

/// A test has one of its own, so that it joins no issue.
fn fingerprint(notification: &Notification) -> Vec<String> {
    let key = match notification.reason {
        Reason::Test => &notification.id,
        _ => &notification.group_key,
    };
    let fits = text::units(key) <= FINGERPRINT_UNITS_MAX;
    let key = if fits { key.clone() } else { text::digest(key) };
    vec!["bellwether".to_owned(), key]
}

fn message(notification: &Notification) -> String {
    let title = text::cut(&notification.headline(), TITLE_UNITS_MAX).into_owned();
    let room = MESSAGE_UNITS_MAX - text::units(&title) - 1;
    let body = notification.body(room, char::len_utf16);
    format!("{title}\n{body}").trim_end().to_owned()
}

/// What all alerts share, and why it is told.
fn tags(notification: &Notification) -> Map<String, Value> {
    let state = match notification.reason {
        Reason::Test => "test",
        Reason::Occurred => "occurred",
        _ => notification.status(),
    };
    let own = [
        ("receiver", notification.receiver.as_str()),
        ("reason", reason_word(notification.reason)),
        ("state", state),
    ];
    let labels = notification
        .common_labels
        .iter()
        .chain(notification.group_labels.iter());
    let mut tags = Map::new();
    for (name, value) in own.into_iter().chain(labels) {
        let value = tag_value(value);
        if !value.is_empty() && tags.len() < TAGS_MAX {
            tags.entry(tag_name(name)).or_insert_with(|| value.into());
        }
    }
    tags
}

fn tag_name(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("label_{name}");
    }
    let fits = |character: char| character.is_ascii_alphanumeric() || "_.:-".contains(character);
    let name: String = name
        .chars()
        .map(|character| if fits(character) { character } else { '_' })
        .collect();
    text::prefix(&name, TAG_NAME_UNITS_MAX).to_owned()
}

/// One line, since a tag has no more.
fn tag_value(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    text::cut(&line, TAG_VALUE_UNITS_MAX).into_owned()
}

fn user(notification: &Notification) -> Value {
    let said = |name: &str| {
        let label = notification.common_labels.get(name);
        label.or_else(|| notification.common_annotations.get(name))
    };
    let known = USER
        .iter()
        .filter_map(|(name, theirs)| Some(((*theirs).to_owned(), said(name)?.into())));
    let user: Map<String, Value> = known.collect();
    if user.is_empty() { Value::Null } else { user.into() }
}

/// What a person wants to see at once.
fn monitor(notification: &Notification) -> Value {
    let began = notification.alerts.iter().map(|alert| alert.starts_at).min();
    let mut context = json!({
        "group": text::cut(&notification.group_key, FINGERPRINT_UNITS_MAX),
        "status": notification.status(),
        "firing": notification.firing().count() + notification.truncated_alerts as usize,
        "resolved": notification.resolved().count(),
        "since": began.unwrap_or(notification.created_at).to_rfc3339(),
    });
    if let [alert] = notification.alerts.as_slice() {
        context["value"] = finite(alert);
        context["labels"] = few(&alert.labels);
        if let Some(threshold) = alert.annotations.get("threshold") {
            context["threshold"] = text::cut(threshold, TAG_VALUE_UNITS_MAX).into();
        }
    }
    context
}

/// JSON has no other numbers.
fn finite(alert: &Alert) -> Value {
    alert.value.filter(|value| value.is_finite()).into()
}

fn few(labels: &Labels) -> Value {
    let pairs = labels.iter().take(CONTEXT_LABELS_MAX);
    let pairs = pairs.map(|(name, value)| (tag_name(name), text::cut(value, TAG_VALUE_UNITS_MAX).into()));
    Value::Object(pairs.collect())
}

fn extra(notification: &Notification) -> Value {
    let each = |alert: &Alert| {
        json!({
            "alert": notification.line(alert),
            "value": finite(alert),
            "since": alert.starts_at.to_rfc3339(),
        })
    };
    let ordered = notification.firing().chain(notification.resolved());
    let alerts: Vec<Value> = ordered.take(ALERTS_MAX).map(each).collect();
    let left_out = notification.alerts.len() - alerts.len() + notification.truncated_alerts as usize;
    let mut extra = json!({ "alerts": alerts });
    if left_out > 0 {
        extra["alerts_left_out"] = left_out.into();
    }
    for (name, url) in notification.links() {
        extra[name.to_ascii_lowercase()] = url.into();
    }
    extra
}
