//! The only reader of time.
//!
//! Owns the wall clock, the monotonic clock and the CPU clock of the current thread. Everything else is handed a
//! [`Clock`] or an instant, so that tests can stand still: under tokio's paused time an anchored clock moves only when
//! the test says so. It does not sleep and it does not format.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use tokio::time::Instant;

/// Wall-clock time in nanoseconds since the Unix epoch, UTC. Zero is the epoch and is never a real reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch, as Prometheus wants them.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time from `earlier` to `self`; zero when the clock was set back in between.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Milliseconds since the Unix epoch of a date with a time and its zone, `2021-01-01T00:00:00Z`; what lies before is negative. None: it is
/// none.
pub fn millis_of(text: &str) -> Option<i64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.as_millisecond())
}

/// ISO 8601 with milliseconds and `Z`, as in logs and `/health/detailed`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0);
        match jiff::Timestamp::from_nanosecond(nanos) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{nanos}ns"),
        }
    }
}

/// RFC 3339 in UTC, with as many digits of a second as there are; of milliseconds since the epoch. `None`: too far away for a year of
/// four digits.
pub fn rfc3339(millis: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(millis).ok().map(|at| at.to_string())
}

/// Milliseconds since the epoch of a time as RFC 3339 writes it, in whatever zone.
pub fn of_rfc3339(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

/// Where time comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    anchor: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// The machine's clocks.
    pub const fn system() -> Self {
        Self { anchor: None }
    }

    /// A wall clock that reads `start` now and follows the monotonic clock from there: under tokio's paused time it
    /// stands still.
    #[expect(clippy::disallowed_methods, reason = "this module is the one that reads clocks")]
    pub fn anchored(start: Timestamp) -> Self {
        Self {
            anchor: Some((start, Instant::now())),
        }
    }

    /// Wall-clock time. May jump when somebody sets the machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    pub fn wall(&self) -> Timestamp {
        match self.anchor {
            Some((start, origin)) => start + origin.elapsed(),
            None => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
            }
        }
    }

    /// Monotonic time, for deadlines and durations. The same everywhere, so it needs no clock of its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the monotonic clock"
    )]
    pub fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// CPU time this thread has used since it started. Differences around a poll are what a guest costs.
pub fn thread_cpu_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or(0),
        u32::try_from(spent.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_as_iso_8601_with_milliseconds() {
        assert_eq!(
            Timestamp::from_nanos(1_700_000_000_123_456_789).to_string(),
            "2023-11-14T22:13:20.123Z"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_anchored_clock_follows_paused_time() {
        let clock = Clock::anchored(Timestamp::from_seconds(100));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.wall(), Timestamp::from_seconds(105));
    }
}
