//! Runs and events.

use std::time::Duration;

use super::{Labels, Timestamp};
use crate::bindings::bellwether::plugin::news as wit;

/// One execution of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The same on every attempt.
    pub id: String,
    /// NAME of `[check.NAME]`.
    pub check: String,
    /// What it runs.
    pub plugin: String,
    /// The slot it belongs to.
    pub scheduled_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Between two slots; none with a cron expression.
    pub interval: Option<Duration>,
    /// Cron expression and time zone.
    pub schedule: Option<(String, String)>,
    /// What it may take.
    pub timeout: Duration,
    /// `ok`, `warning`, `critical`, `unknown`, or the host's reason: `trap`, `timeout`, …
    pub outcome: String,
    /// For a person.
    pub message: String,
    /// Of the check.
    pub labels: Labels,
    /// Anything else, by name.
    pub details: Vec<(String, String)>,
}

/// Something an application reported to the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The same on every attempt.
    pub id: String,
    /// When it was reported.
    pub at: Timestamp,
    /// Of the configured source it came by.
    pub source: String,
    /// Sentry's item type: `event`, `transaction`, …
    pub kind: String,
    /// `error`, `warning`, …
    pub level: String,
    /// For a person.
    pub message: String,
    /// Of the payload.
    pub content_type: String,
    /// As it came, scrubbed by the host.
    pub payload: Vec<u8>,
}

impl From<wit::Run> for Run {
    fn from(run: wit::Run) -> Self {
        Self {
            id: run.id,
            check: run.check,
            plugin: run.plugin,
            scheduled_at: Timestamp::from_nanos(run.scheduled_at),
            started_at: Timestamp::from_nanos(run.started_at),
            duration: Duration::from_nanos(run.duration_ns),
            interval: run.interval_ns.map(Duration::from_nanos),
            schedule: run.schedule,
            timeout: Duration::from_nanos(run.timeout_ns),
            outcome: run.outcome,
            message: run.message,
            labels: run.labels.into(),
            details: run.details,
        }
    }
}

impl From<wit::Event> for Event {
    fn from(event: wit::Event) -> Self {
        Self {
            id: event.id,
            at: Timestamp::from_nanos(event.at),
            source: event.source,
            kind: event.kind,
            level: event.level,
            message: event.message,
            content_type: event.content_type,
            payload: event.payload,
        }
    }
}
