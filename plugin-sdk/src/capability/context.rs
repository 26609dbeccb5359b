//! What the host knows about this run. Needs no grant.

use std::time::{Duration, SystemTime};

pub use crate::bindings::bellwether::plugin::context::Connection;
use crate::capability::host::context as host;

/// An earlier run of the same check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// When it started.
    pub started_at: SystemTime,
    /// `ok`, `warning`, `critical`, `unknown`, or the host's reason: `trap`, `timeout`, `cpu`, `memory`, `denied`, …
    pub outcome: String,
}

fn unix(nanoseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// NAME of `[check.NAME]`.
pub fn name() -> String {
    host::name()
}

/// The time this run belongs to. Prefer it to a clock: a run that is tried again, or tested, sees the same time.
pub fn scheduled_at() -> SystemTime {
    unix(host::scheduled_at_ns())
}

/// [`scheduled_at`] in whole seconds since 1970-01-01 00:00 UTC.
pub fn scheduled_at_unix() -> i64 {
    i64::try_from(host::scheduled_at_ns() / 1_000_000_000).unwrap_or(i64::MAX)
}

/// The time between two runs; none when the check has a cron expression, or was run by hand.
pub fn interval() -> Option<Duration> {
    host::interval_ns().map(Duration::from_nanos)
}

/// 1, or more when the host tries again after a failure.
pub fn attempt() -> u32 {
    host::attempt()
}

/// The run before this one, if there was any.
pub fn previous_run() -> Option<Previous> {
    let previous = host::previous_run()?;
    Some(Previous {
        started_at: unix(previous.started_at_ns),
        outcome: previous.outcome,
    })
}

/// How long until calls of the host answer `timeout`. The run itself ends a little later: there is time to report.
pub fn remaining() -> Duration {
    Duration::from_millis(host::remaining_ms().into())
}

/// What was granted: slots that are bound, and addresses in the settings.
pub fn connections() -> Vec<Connection> {
    host::connections()
}

/// `environment`, `prefix`, `host-version`, …
pub fn fact(name: &str) -> Option<String> {
    host::fact(name)
}
