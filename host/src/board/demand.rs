//! Who reads what, and when the next reader is likely to come.
//!
//! Written by readers of snapshots, read by the board at publish, so that text is assembled ahead of a scrape and not
//! once a second for nobody.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    clock::{Clock, Instant},
    metric::text::Format,
};

/// A reader is expected this much before its time: one publish interval, and half of one for jitter.
const AHEAD: Duration = Duration::from_millis(1_500);

/// A reader that is late by twice its period and this much is gone.
const GONE: Duration = Duration::from_secs(5);

/// Until there are two readings there is no period: then text is made ready for this long after the first one, which
/// covers the usual scrape intervals.
const FIRST_PERIOD: Duration = Duration::from_secs(60);

/// When each format was asked for.
#[derive(Debug)]
pub(super) struct Demand {
    clock: Clock,
    origin: Instant,
    formats: [Asked; 2],
}

/// Milliseconds since the origin, plus one; zero is never.
#[derive(Debug, Default)]
struct Asked {
    last: AtomicU64,
    period: AtomicU64,
}

pub(super) const fn slot(format: Format) -> usize {
    match format {
        Format::Prometheus => 0,
        Format::OpenMetrics => 1,
    }
}

impl Demand {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            origin: clock.monotonic(),
            clock,
            formats: Default::default(),
        }
    }

    fn now(&self) -> u64 {
        let since = self.clock.monotonic().saturating_duration_since(self.origin);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// Somebody reads this format now. Two readers at once may lose a note of each other; the next one mends it.
    pub(super) fn note(&self, format: Format) {
        let asked = &self.formats[slot(format)];
        let now = self.now();
        let last = asked.last.swap(now, Ordering::Relaxed);
        if last > 0 {
            asked.period.store((now - last.min(now)).max(1), Ordering::Relaxed);
        }
    }

    /// Whether a reader of this format is likely before the next snapshot.
    pub(super) fn expects(&self, format: Format) -> bool {
        let asked = &self.formats[slot(format)];
        let (last, period) = (asked.last.load(Ordering::Relaxed), asked.period.load(Ordering::Relaxed));
        expected(last, period, self.now())
    }
}

fn expected(last: u64, period: u64, now: u64) -> bool {
    if last == 0 {
        return false;
    }
    let since = now.saturating_sub(last);
    if period == 0 {
        return since <= FIRST_PERIOD.as_millis() as u64;
    }
    let (ahead, gone) = (AHEAD.as_millis() as u64, GONE.as_millis() as u64);
    since + ahead >= period && since <= 2 * period + gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_made_ready_shortly_before_a_regular_reader_comes() {
        assert!(!expected(0, 0, 1_000), "nobody ever asked");
        assert!(expected(1_000, 0, 30_000), "asked once: may come again at any time");
        assert!(!expected(1_000, 0, 70_000));
        let period = 15_000;
        assert!(!expected(100_000, period, 105_000), "it has just been here");
        assert!(expected(100_000, period, 114_000));
        assert!(expected(100_000, period, 130_000), "late");
        assert!(!expected(100_000, period, 136_000), "gone");
    }

    #[tokio::test(start_paused = true)]
    async fn the_period_is_learnt_from_the_last_two_readings() {
        let demand = Demand::new(Clock::system());
        demand.note(Format::Prometheus);
        tokio::time::advance(Duration::from_secs(15)).await;
        demand.note(Format::Prometheus);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!demand.expects(Format::Prometheus));
        assert!(!demand.expects(Format::OpenMetrics));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(demand.expects(Format::Prometheus));
    }
}
