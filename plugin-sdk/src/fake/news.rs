//! News for tests of forwarders, to be changed where a test is about something.

use crate::news::{Alert, AlertState, Labels, Notification, Reason, Timestamp};

/// 2026-01-01 00:00 UTC, as the fake host's own time.
const STARTED: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// A firing alert of that name and of severity `warning`, since the fake host's time, with a summary.
pub fn alert(name: &str) -> Alert {
    Alert {
        fingerprint: "00000000deadbeef".to_owned(),
        state: AlertState::Firing,
        labels: [("alertname", name), ("severity", "warning")].into_iter().collect(),
        annotations: [("summary", "something is wrong")].into_iter().collect(),
        value: Some(1.0),
        starts_at: STARTED,
        ends_at: None,
        updated_at: STARTED,
        generator_url: String::new(),
    }
}

/// As [`alert`], and over a minute later.
pub fn resolved(name: &str) -> Alert {
    Alert {
        state: AlertState::Resolved,
        ends_at: Some(Timestamp::from_seconds(STARTED.as_seconds() + 60)),
        ..alert(name)
    }
}

/// `count` firing alerts that differ in their label `instance` and in their fingerprint.
pub fn alerts(name: &str, count: usize) -> Vec<Alert> {
    let numbered = |number: usize| {
        let mut one = alert(name);
        one.labels.set("instance", &format!("host-{number}.example.com:9100"));
        one.fingerprint = format!("{number:016x}");
        one
    };
    (0..count).map(numbered).collect()
}

/// The first news of a group of these alerts, or that they are over. Grouped by `alertname`, with a title and without a text.
pub fn notification(alerts: Vec<Alert>) -> Notification {
    let name = alerts.first().map_or("", Alert::name).to_owned();
    let is_firing = alerts.iter().any(Alert::is_firing);
    let word = if is_firing { "FIRING" } else { "RESOLVED" };
    Notification {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        attempt: 1,
        receiver: "ops".to_owned(),
        group_key: format!("ops/default/alertname={name}"),
        reason: if is_firing { Reason::First } else { Reason::Resolved },
        created_at: STARTED,
        group_labels: [("alertname", name.as_str())].into_iter().collect(),
        common_labels: common(&alerts, |alert| &alert.labels),
        common_annotations: common(&alerts, |alert| &alert.annotations),
        truncated_alerts: 0,
        external_url: "https://bellwether.example.com/".to_owned(),
        title: format!("[{word}:{}] {name}", alerts.len()),
        text: String::new(),
        details: Vec::new(),
        alerts,
    }
}

fn common(alerts: &[Alert], of: impl Fn(&Alert) -> &Labels) -> Labels {
    let Some(first) = alerts.first() else {
        return Labels::default();
    };
    let shared = |(name, value): &(&str, &str)| alerts.iter().all(|other| of(other).get(name) == Some(value));
    of(first).iter().filter(shared).collect()
}
