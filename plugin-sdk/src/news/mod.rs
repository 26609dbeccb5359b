//! What forwarders are given: notifications about alerts, runs of checks, and what applications reported.
//!
//! Plain values, made from the contract's. Texts in them come from labels and annotations, so from anywhere: whoever writes them
//! into a medium escapes them for it.

mod item;
mod labels;
mod links;
mod listing;
mod timestamp;

pub use item::{Event, Run};
pub use labels::Labels;
pub use timestamp::Timestamp;

use crate::{bindings::bellwether::plugin::news as wit, capability::context};
pub use wit::{AlertState, Reason};

/// News about a group of alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// The same on every attempt at the same content: the idempotency key. Hexadecimal.
    pub id: String,
    /// 1, or more when the host tries again.
    pub attempt: u32,
    /// NAME of `[receiver.NAME]`.
    pub receiver: String,
    /// Stable for one group over its life: the key for threads and incidents. Of any length, and of any characters.
    pub group_key: String,
    /// Why it is sent now.
    pub reason: Reason,
    /// When the host decided to send it.
    pub created_at: Timestamp,
    /// What the alerts were grouped by.
    pub group_labels: Labels,
    /// Labels that all alerts have, with the same value.
    pub common_labels: Labels,
    /// Annotations that all alerts have, with the same value.
    pub common_annotations: Labels,
    /// Firing ones and those that were resolved since the receiver last heard.
    pub alerts: Vec<Alert>,
    /// How many more alerts the group has that the host left out.
    pub truncated_alerts: u32,
    /// Where the host's own page is; "" when the configuration does not say.
    pub external_url: String,
    /// One line, rendered by the host from the receiver's template. Plain text.
    pub title: String,
    /// Rendered by the host from the receiver's template. Plain text, maybe "".
    pub text: String,
    /// `silence-url`, `environment`, `instance`, …
    pub details: Vec<(String, String)>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Stable for one label set.
    pub fingerprint: String,
    /// Firing or resolved.
    pub state: AlertState,
    /// What it is, `alertname` among them.
    pub labels: Labels,
    /// What people should know.
    pub annotations: Labels,
    /// Of its expression, when there is one.
    pub value: Option<f64>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; none while it fires.
    pub ends_at: Option<Timestamp>,
    /// When it was last evaluated.
    pub updated_at: Timestamp,
    /// Where its rule or graph can be seen; "" when nowhere.
    pub generator_url: String,
}

/// How bad a group is, for colours and urgency: what `severity` says of what fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing fires any more.
    Resolved,
    /// Worth knowing: `info`, `none`, `debug`, `low`.
    Info,
    /// Will need a person soon; also what says nothing.
    Warning,
    /// Needs a person: `error`, `high`.
    Error,
    /// Needs a person now: `critical`, `page`, `fatal`, `emergency`, `disaster`.
    Critical,
}

impl Severity {
    /// Of a value of the label `severity`; none for a word that is not known.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "critical" | "page" | "fatal" | "emergency" | "disaster" => Self::Critical,
            "error" | "high" | "major" => Self::Error,
            "warning" | "warn" | "medium" | "minor" => Self::Warning,
            "info" | "informational" | "none" | "debug" | "low" => Self::Info,
            _ => return None,
        })
    }
}

impl Alert {
    /// Whether it fires.
    pub fn is_firing(&self) -> bool {
        self.state == AlertState::Firing
    }

    /// The label `alertname`, or "".
    pub fn name(&self) -> &str {
        self.labels.get("alertname").unwrap_or_default()
    }
}

impl Notification {
    /// Whether any alert fires.
    pub fn is_firing(&self) -> bool {
        self.alerts.iter().any(Alert::is_firing)
    }

    /// Whether it is about something that happened once: nothing follows it, and it has no end. Its alerts count as firing.
    pub fn has_occurred(&self) -> bool {
        self.reason == Reason::Occurred
    }

    /// Those that fire.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.is_firing())
    }

    /// Those that fire no more.
    pub fn resolved(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| !alert.is_firing())
    }

    /// `firing` or `resolved`, as in Alertmanager's messages.
    pub fn status(&self) -> &'static str {
        status(self.is_firing())
    }

    /// A detail by name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        let found = self.details.iter().find(|(detail, _)| detail == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Where it comes from, for a person: the receiver, the environment of the host, and why it is sent now.
    pub fn provenance(&self) -> String {
        let environment = self.detail("environment").map(str::to_owned);
        let environment = environment.or_else(|| context::fact("environment")).unwrap_or_default();
        let parts = [&self.receiver, environment.as_str(), reason_word(self.reason)];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" · ")
    }

    /// The worst of what fires, by the label `severity`.
    pub fn severity(&self) -> Severity {
        let words = self
            .firing()
            .map(|alert| alert.labels.get("severity").unwrap_or_default());
        words
            .map(|word| Severity::of_word(word).unwrap_or(Severity::Warning))
            .max()
            .unwrap_or(Severity::Resolved)
    }
}

/// `firing` or `resolved`.
pub fn status(is_firing: bool) -> &'static str {
    if is_firing { "firing" } else { "resolved" }
}

/// The word of the contract: `first`, `changed`, …
pub fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "first",
        Reason::Changed => "changed",
        Reason::Repeat => "repeat",
        Reason::Resolved => "resolved",
        Reason::Refresh => "refresh",
        Reason::Passed => "passed",
        Reason::Occurred => "occurred",
        Reason::Test => "test",
    }
}

impl From<wit::Notification> for Notification {
    fn from(news: wit::Notification) -> Self {
        Self {
            id: news.id,
            attempt: news.attempt,
            receiver: news.receiver,
            group_key: news.group_key,
            reason: news.reason,
            created_at: Timestamp::from_nanos(news.created_at),
            group_labels: news.group_labels.into(),
            common_labels: news.common_labels.into(),
            common_annotations: news.common_annotations.into(),
            alerts: news.alerts.into_iter().map(Alert::from).collect(),
            truncated_alerts: news.truncated_alerts,
            external_url: news.external_url,
            title: news.title,
            text: news.text,
            details: news.details,
        }
    }
}

impl From<wit::Alert> for Alert {
    fn from(alert: wit::Alert) -> Self {
        Self {
            fingerprint: alert.fingerprint,
            state: alert.state,
            labels: alert.labels.into(),
            annotations: alert.annotations.into(),
            value: alert.value,
            starts_at: Timestamp::from_nanos(alert.starts_at),
            ends_at: alert.ends_at.map(Timestamp::from_nanos),
            updated_at: Timestamp::from_nanos(alert.updated_at),
            generator_url: alert.generator_url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_read_field_by_field() {
        let label = |name: &str, value: &str| wit::Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let alert = wit::Alert {
            fingerprint: "f".to_owned(),
            state: AlertState::Resolved,
            labels: vec![label("alertname", "Down"), label("severity", "warning")],
            annotations: vec![label("summary", "it is down")],
            value: Some(1.5),
            starts_at: 1,
            ends_at: Some(2),
            updated_at: 3,
            generator_url: "g".to_owned(),
        };
        let news = Notification::from(wit::Notification {
            id: "id".to_owned(),
            attempt: 2,
            receiver: "ops".to_owned(),
            group_key: "key".to_owned(),
            reason: Reason::Resolved,
            created_at: 4,
            group_labels: vec![label("alertname", "Down")],
            common_labels: Vec::new(),
            common_annotations: vec![label("summary", "it is down")],
            alerts: vec![alert],
            truncated_alerts: 5,
            external_url: "e".to_owned(),
            title: "t".to_owned(),
            text: "x".to_owned(),
            details: vec![("environment".to_owned(), "production".to_owned())],
        });
        assert_eq!((news.status(), news.attempt, news.truncated_alerts), ("resolved", 2, 5));
        assert_eq!(news.detail("environment"), Some("production"));
        let alert = &news.alerts[0];
        assert_eq!((alert.name(), alert.ends_at), ("Down", Some(Timestamp::from_nanos(2))));
        assert_eq!(news.resolved().count(), 1);
        assert_eq!(news.common_annotations.get("summary"), Some("it is down"));
    }

    #[test]
    fn the_worst_severity_of_what_fires_counts() {
        use crate::fake::news::{alert, notification};
        let with = |severity: &str, state| {
            let mut one = alert("Down");
            one.labels.set("severity", severity);
            one.state = state;
            one
        };
        let (firing, over) = (AlertState::Firing, AlertState::Resolved);
        let worst = |alerts| notification(alerts).severity();
        assert_eq!(
            worst(vec![
                with("info", firing),
                with("Warning", firing),
                with("critical", over)
            ]),
            Severity::Warning
        );
        assert_eq!(worst(vec![with("page", firing)]), Severity::Critical);
        assert_eq!(worst(vec![with("sev-2", firing)]), Severity::Warning);
        assert_eq!(worst(vec![with("critical", over)]), Severity::Resolved);
    }
}
