//! What a forwarder is given, in the host's words, and its translation into the contract's.
//!
//! Texts in it were rendered and redacted by whoever sends it. It escapes nothing: that is the forwarder's, which knows the medium.

use std::{sync::Arc, time::Duration};

use crate::{clock::Timestamp, sandbox::bindings::bellwether::plugin::news as wit};

/// Names and values, sorted by name.
pub type Pairs = Vec<(String, String)>;

/// Why a notification is sent; the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewsReason {
    /// The receiver knows of nothing in the group that fires, and something does.
    First,
    /// More fires, or some of it is over.
    Changed,
    /// Nothing is different, and the time to repeat has come.
    Repeat,
    /// All is over.
    Resolved,
    /// Nothing is different, and the receiver forgets what it is not reminded of.
    Refresh,
    /// It fired and was over before the receiver could be told.
    Passed,
    /// It happened once and has no end.
    Occurred,
    /// Somebody wants to see whether messages arrive.
    Test,
}

/// A notification about a group of alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// The same on every attempt at the same content.
    pub id: String,
    /// NAME of `[receiver.NAME]`.
    pub receiver: Arc<str>,
    /// Stable for one group over its life.
    pub group_key: Arc<str>,
    /// Why.
    pub reason: NewsReason,
    /// When it was decided.
    pub created_at: Timestamp,
    /// What the alerts were grouped by.
    pub group_labels: Pairs,
    /// Labels that all of them have.
    pub common_labels: Pairs,
    /// Annotations that all of them have.
    pub common_annotations: Pairs,
    /// Firing ones, and those that are over.
    pub alerts: Vec<ForwardedAlert>,
    /// How many more there are.
    pub truncated_alerts: u32,
    /// Of the host's page, or "".
    pub external_url: String,
    /// One line.
    pub title: String,
    /// Maybe "".
    pub text: String,
    /// `silence-url`, `environment`, …
    pub details: Pairs,
}

/// One alert of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardedAlert {
    /// Stable for one label set.
    pub fingerprint: String,
    /// Or over.
    pub is_firing: bool,
    /// With `alertname`.
    pub labels: Pairs,
    /// For people.
    pub annotations: Pairs,
    /// Of its expression.
    pub value: Option<f64>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Option<Timestamp>,
    /// Last evaluated.
    pub updated_at: Timestamp,
    /// Or "".
    pub generator_url: String,
}

/// One execution of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardedRun {
    /// The same on every attempt.
    pub id: String,
    /// NAME of `[check.NAME]`.
    pub check: Arc<str>,
    /// What it runs.
    pub plugin: String,
    /// Its slot.
    pub scheduled_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// Wall clock.
    pub duration: Duration,
    /// Between two slots; `None` with a cron expression.
    pub interval: Option<Duration>,
    /// Cron expression and time zone.
    pub schedule: Option<(String, String)>,
    /// What it may take.
    pub timeout: Duration,
    /// A status, or the word of a reason.
    pub outcome: String,
    /// For people.
    pub message: String,
    /// Of the check.
    pub labels: Pairs,
    /// Others.
    pub details: Pairs,
}

/// Something an application reported.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardedEvent {
    /// The same on every attempt.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The configured source.
    pub source: String,
    /// `event`, `transaction`, …
    pub kind: String,
    /// `error`, …
    pub level: String,
    /// For people.
    pub message: String,
    /// Of the payload.
    pub content_type: String,
    /// Scrubbed.
    pub payload: Vec<u8>,
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn labels(pairs: Pairs) -> Vec<wit::Label> {
    pairs
        .into_iter()
        .map(|(name, value)| wit::Label { name, value })
        .collect()
}

impl From<NewsReason> for wit::Reason {
    fn from(reason: NewsReason) -> Self {
        match reason {
            NewsReason::First => Self::First,
            NewsReason::Changed => Self::Changed,
            NewsReason::Repeat => Self::Repeat,
            NewsReason::Resolved => Self::Resolved,
            NewsReason::Refresh => Self::Refresh,
            NewsReason::Passed => Self::Passed,
            NewsReason::Occurred => Self::Occurred,
            NewsReason::Test => Self::Test,
        }
    }
}

impl From<ForwardedAlert> for wit::Alert {
    fn from(alert: ForwardedAlert) -> Self {
        Self {
            fingerprint: alert.fingerprint,
            state: if alert.is_firing {
                wit::AlertState::Firing
            } else {
                wit::AlertState::Resolved
            },
            labels: labels(alert.labels),
            annotations: labels(alert.annotations),
            value: alert.value,
            starts_at: alert.starts_at.as_nanos(),
            ends_at: alert.ends_at.map(Timestamp::as_nanos),
            updated_at: alert.updated_at.as_nanos(),
            generator_url: alert.generator_url,
        }
    }
}

impl Notification {
    pub(super) fn into_wire(self, attempt: u32) -> wit::Notification {
        wit::Notification {
            id: self.id,
            attempt,
            receiver: self.receiver.to_string(),
            group_key: self.group_key.to_string(),
            reason: self.reason.into(),
            created_at: self.created_at.as_nanos(),
            group_labels: labels(self.group_labels),
            common_labels: labels(self.common_labels),
            common_annotations: labels(self.common_annotations),
            alerts: self.alerts.into_iter().map(Into::into).collect(),
            truncated_alerts: self.truncated_alerts,
            external_url: self.external_url,
            title: self.title,
            text: self.text,
            details: self.details,
        }
    }
}

impl From<ForwardedRun> for wit::Run {
    fn from(run: ForwardedRun) -> Self {
        Self {
            id: run.id,
            check: run.check.to_string(),
            plugin: run.plugin,
            scheduled_at: run.scheduled_at.as_nanos(),
            started_at: run.started_at.as_nanos(),
            duration_ns: nanos(run.duration),
            interval_ns: run.interval.map(nanos),
            schedule: run.schedule,
            timeout_ns: nanos(run.timeout),
            outcome: run.outcome,
            message: run.message,
            labels: labels(run.labels),
            details: run.details,
        }
    }
}

impl From<ForwardedEvent> for wit::Event {
    fn from(event: ForwardedEvent) -> Self {
        Self {
            id: event.id,
            at: event.at.as_nanos(),
            source: event.source,
            kind: event.kind,
            level: event.level,
            message: event.message,
            content_type: event.content_type,
            payload: event.payload,
        }
    }
}
