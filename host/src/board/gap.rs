//! Time in which nobody could report, since this process did not run: it was stopped, or the machine slept.
//!
//! Flows in: the board's own beat, which comes every second while the process runs. Flows out: a [`Gap`] when it came late.
//! Pure. What a gap means to a report's age is `entry`'s to say.

use std::time::Duration;

use super::entry::Now;
use crate::clock::Timestamp;

/// A beat that is later than this was not merely late. Short beside the two seconds for which a report counts at least; long beside what a busy machine keeps a thread waiting.
const LATE_MAX: Duration = Duration::from_millis(500);

/// From when a beat was due until it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Of the monotonic clock, which goes on while a process is stopped, and stands while the machine sleeps.
    pub(super) length: Duration,
    /// By the calendar, which goes on in both.
    pub(super) from: Timestamp,
}

/// The last beat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    last: Now,
    every: Duration,
}

impl Pulse {
    pub(super) const fn new(now: Now, every: Duration) -> Self {
        Self { last: now, every }
    }

    /// The next beat; what it tells when it came late. A calendar that was set forward looks like sleep, and is taken for it: its
    /// fire times in between were nobody's.
    pub(super) fn beat(&mut self, now: Now) -> Option<Gap> {
        let last = std::mem::replace(&mut self.last, now);
        let late = |passed: Duration| passed.saturating_sub(self.every);
        let length = late(now.monotonic.saturating_duration_since(last.monotonic));
        let by_calendar = late(now.wall.since(last.wall));
        (length.max(by_calendar) > LATE_MAX).then(|| Gap {
            length,
            from: last.wall + self.every,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const EVERY: Duration = Duration::from_secs(1);

    fn after(now: Now, monotonic: Duration, wall: Duration) -> Now {
        Now {
            monotonic: now.monotonic + monotonic,
            wall: now.wall + wall,
        }
    }

    #[test]
    fn a_stopped_process_and_a_machine_that_slept_leave_a_gap_and_a_busy_one_does_not() {
        let start = Now {
            monotonic: Clock::system().monotonic(),
            wall: Timestamp::from_seconds(1_000),
        };
        let from = Timestamp::from_seconds(1_001);
        let secs = Duration::from_secs;
        let gap = |monotonic, wall| Pulse::new(start, EVERY).beat(after(start, monotonic, wall));
        assert_eq!(gap(EVERY + LATE_MAX, EVERY + LATE_MAX), None);
        let stopped = Gap { length: secs(10), from };
        assert_eq!(gap(secs(11), secs(11)), Some(stopped));
        let slept = Gap { length: secs(0), from };
        assert_eq!(gap(secs(1), secs(3_600)), Some(slept));
    }

    #[test]
    fn a_gap_is_told_once() {
        let start = Now {
            monotonic: Clock::system().monotonic(),
            wall: Timestamp::from_seconds(1_000),
        };
        let mut pulse = Pulse::new(start, EVERY);
        let resumed = after(start, EVERY * 11, EVERY * 11);
        assert!(pulse.beat(resumed).is_some());
        assert_eq!(pulse.beat(after(resumed, EVERY, EVERY)), None);
    }
}
