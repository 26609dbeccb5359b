//! Whether a receiver can be reached. Pure.
//!
//! Flows in: what attempts came to, and when. Flows out: when it went down and when it came back, each once. A refusal for good takes
//! it down at once, because something was not told and will not be; anything else has to last.

use crate::dispatch::Attempt;

/// How long attempts fail before a receiver counts as down, in milliseconds: longer than a deployment of the other side, shorter
/// than anybody should go without their alerts.
pub const DOWN_AFTER: i64 = 5 * 60_000;

/// Attempts that have to fail before it: one that hangs for long is not enough.
const FAILURES_MIN: u32 = 3;

/// Of one receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// When the first of the failures in a row was, milliseconds since the epoch.
    failing_since: Option<i64>,
    /// Failures in a row.
    failures: u32,
    is_down: bool,
}

/// A change that others should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is down: since when it fails, and whether it refused something for good.
    Down {
        /// Milliseconds since the epoch.
        since: i64,
        /// Something was not told and will not be.
        refused: bool,
    },
    /// It is up again: since when it was failing.
    Up {
        /// Milliseconds since the epoch.
        since: i64,
    },
}

impl Health {
    /// After an attempt that ended at `now`.
    pub fn after(&mut self, attempt: &Attempt, now: i64) -> Option<Turn> {
        let refused = matches!(attempt, Attempt::Permanent { .. });
        if matches!(attempt, Attempt::Delivered { .. }) {
            let before = std::mem::take(self);
            let since = before.failing_since.unwrap_or(now);
            return before.is_down.then_some(Turn::Up { since });
        }
        let since = *self.failing_since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        let lasts = self.failures >= FAILURES_MIN && now - since >= DOWN_AFTER;
        if self.is_down || !(refused || lasts) {
            return None;
        }
        self.is_down = true;
        Some(Turn::Down { since, refused })
    }

    /// Failures in a row.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// See [`Turn::Down`].
    pub const fn is_down(&self) -> bool {
        self.is_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Attempt {
        Attempt::Transient {
            message: "connection refused".to_owned(),
            retry_after: None,
            is_ambiguous: false,
        }
    }

    fn delivered() -> Attempt {
        Attempt::Delivered { receipt: Vec::new() }
    }

    #[test]
    fn a_receiver_is_down_once_when_failures_last_and_up_once() {
        let mut health = Health::default();
        let turns: Vec<_> = (0..12).map(|minute| health.after(&failed(), minute * 60_000)).collect();
        let down: Vec<_> = turns.iter().flatten().collect();
        assert_eq!(
            down,
            [&Turn::Down {
                since: 0,
                refused: false
            }]
        );
        assert_eq!(
            turns[5],
            Some(Turn::Down {
                since: 0,
                refused: false
            })
        );
        assert_eq!(health.after(&delivered(), 900_000), Some(Turn::Up { since: 0 }));
        assert_eq!(health.after(&delivered(), 900_001), None);
    }

    #[test]
    fn a_failure_between_successes_is_nobodys_news() {
        let mut health = Health::default();
        for minute in 0..60 {
            assert_eq!(health.after(&failed(), minute * 60_000), None);
            assert_eq!(health.after(&delivered(), minute * 60_000 + 1), None);
        }
    }

    #[test]
    fn two_attempts_hours_apart_are_not_enough() {
        let mut health = Health::default();
        assert_eq!(health.after(&failed(), 0), None);
        assert_eq!(health.after(&failed(), 7_200_000), None);
    }

    #[test]
    fn a_refusal_for_good_takes_it_down_at_once() {
        let refusal = Attempt::Permanent {
            message: "404".to_owned(),
        };
        let mut health = Health::default();
        assert_eq!(
            health.after(&refusal, 7),
            Some(Turn::Down {
                since: 7,
                refused: true
            })
        );
        assert_eq!(health.after(&refusal, 8), None);
    }
}
