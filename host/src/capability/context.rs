//! What the host tells a run about itself.
//!
//! Flows in: the check or receiver, its slot and its deadline. Flows out: answers to `context`. It reads no clock: callers say what
//! time it is.

use std::{sync::Arc, time::Duration};

use crate::clock::{Instant, Timestamp};

/// Least time between the answer of the last host call and the end of the run: enough to build a report in Python on a machine
/// that has other things to do. With half of it, a busy one loses whole reports to `timeout`, those of good targets among them.
pub const RESERVE_MIN: Duration = Duration::from_millis(500);
/// The reserve of a long run, as a part of it: who asks for longer has more to report.
const RESERVE_PART: u32 = 10;

/// How long before a run's deadline host calls answer `timeout`: [`RESERVE_MIN`] or 10 %, whichever is more, but never
/// more than half of the run.
pub fn reserve(timeout: Duration) -> Duration {
    RESERVE_MIN.max(timeout / RESERVE_PART).min(timeout / 2)
}

/// One run, as the guest may know it.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// NAME of `[check.NAME]` or `[receiver.NAME]`.
    pub name: Arc<str>,
    /// What tells it from every other check and receiver; for what the host keeps between runs, such as connections.
    pub key: Arc<str>,
    /// Of a check's metric names; "" for a receiver.
    pub prefix: Arc<str>,
    /// The slot this run belongs to.
    pub scheduled_at: Timestamp,
    /// 1, or more after failures.
    pub attempt: u32,
    /// When the previous run began and the word for how it ended.
    pub previous: Option<(Timestamp, &'static str)>,
    /// Length of a slot; none for cron.
    pub interval: Option<Duration>,
    /// When host calls answer `timeout`.
    pub calls_until: Instant,
    /// By name: `environment`, …
    pub facts: Arc<Vec<(String, String)>>,
    /// The host's version.
    pub host_version: &'static str,
}

impl RunContext {
    /// Time left for host calls.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.calls_until.saturating_duration_since(now)
    }

    /// A named fact; `None` when there is none by that name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        match name {
            "prefix" => Some(&self.prefix),
            "host-version" => Some(self.host_version),
            _ => {
                let known = self.facts.iter().find(|(fact, _)| fact == name);
                known.map(|(_, value)| value.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_calls_end_a_quarter_second_or_five_percent_before_the_run() {
        assert_eq!(reserve(Duration::from_secs(1)), Duration::from_millis(500));
        assert_eq!(reserve(Duration::from_secs(60)), Duration::from_secs(6));
        assert_eq!(reserve(Duration::from_millis(100)), Duration::from_millis(50));
    }
}
