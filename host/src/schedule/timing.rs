//! Slots and fire times of one check.

use std::{sync::Arc, time::Duration};

use super::{
    Cause,
    plan::{Now, nanos},
};
use crate::{
    clock::{Instant, Timestamp},
    config::{Check, Cron, Schedule},
};

/// Setting the clock back by up to this much repeats no fire time; by more, somebody means the new time. As in Vixie
/// cron: it is longer than any change of daylight saving and than any correction.
const SET_BACK_MAX: Duration = Duration::from_secs(3 * 60 * 60);

/// Places within an interval are this far apart, so that the checks of a large fleet start in handfuls: a thread that is
/// woken for every single one costs more than the run it starts. A run takes a twentieth of a millisecond, so that even a
/// handful of five hundred is over before the next.
const PLACES_APART: Duration = Duration::from_millis(50);

/// The next tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Next {
    pub(super) at: Instant,
    pub(super) cause: Cause,
    /// For cron: the fire time itself.
    pub(super) wall: Option<Timestamp>,
}

/// When a check ticks.
#[derive(Debug)]
pub(super) enum Timing {
    /// Slots at `origin + n * every`, and while failing at `origin + n * retry` as well.
    Slots {
        origin: Instant,
        every: Duration,
        retry: Option<Duration>,
        /// Length of the slots that the planned tick belongs to.
        pace: Duration,
    },
    /// Fire times of the wall clock.
    Cron { cron: Arc<Cron>, fired: Option<Timestamp> },
}

impl Timing {
    pub(super) fn new(check: &Check, now: Now) -> Self {
        match &check.schedule {
            Schedule::Interval { every, retry } => {
                // An interval of zero cannot be configured; were it to come all the same, it must not divide.
                let every = (*every).max(Duration::from_millis(1));
                Self::Slots {
                    origin: now.monotonic + until_phase(&check.name, every, now.wall),
                    every,
                    retry: retry.map(|retry| retry.clamp(Duration::from_millis(1), every)),
                    pace: every,
                }
            }
            Schedule::Cron(cron) => Self::Cron {
                cron: Arc::new(cron.clone()),
                fired: None,
            },
        }
    }

    /// Whether a failing check is tried again sooner.
    pub(super) fn retries(&self) -> bool {
        matches!(self, Self::Slots { retry: Some(_), .. })
    }

    /// The first tick after now.
    pub(super) fn next(&mut self, failing: bool, now: Now) -> Option<Next> {
        match self {
            Self::Slots {
                origin,
                every,
                retry,
                pace,
            } => {
                let slot = slot_after(*origin, *every, now.monotonic);
                let sooner = retry
                    .filter(|_| failing)
                    .map(|retry| (slot_after(*origin, retry, now.monotonic), retry))
                    .filter(|(at, _)| *at < slot);
                let (at, length, cause) = match sooner {
                    Some((at, retry)) => (at, retry, Cause::Retry),
                    None => (slot, *every, Cause::Slot),
                };
                *pace = length;
                Some(Next { at, cause, wall: None })
            }
            Self::Cron { cron, fired } => {
                let from = fired
                    .filter(|fired| fired.since(now.wall) <= SET_BACK_MAX)
                    .map_or(now.wall, |fired| fired.max(now.wall));
                let wall = cron.next_after(from)?;
                Some(Next {
                    at: now.monotonic + wall.since(now.wall),
                    cause: Cause::Cron,
                    wall: Some(wall),
                })
            }
        }
    }

    /// Of the ticks from `due` to now: the latest, and how many came before it.
    pub(super) fn latest_slot(&self, due: Instant, now: Now) -> (Instant, u64) {
        match self {
            Self::Slots { pace, .. } => {
                let passed = nanos(now.monotonic.saturating_duration_since(due)) / nanos(*pace).max(1);
                (due + multiple(*pace, passed), passed)
            }
            Self::Cron { .. } => (due, 0),
        }
    }

    /// A fire time was reached.
    pub(super) fn fired(&mut self, wall: Option<Timestamp>) {
        if let Self::Cron { fired, .. } = self {
            *fired = wall;
        }
    }
}

fn multiple(span: Duration, count: u64) -> Duration {
    Duration::from_nanos(nanos(span).saturating_mul(count))
}

/// The first slot strictly after `at`.
fn slot_after(origin: Instant, length: Duration, at: Instant) -> Instant {
    if at < origin {
        // `origin` is a slot of the long grid; the short one has slots before it.
        let back = nanos(origin - at) - 1;
        return origin - multiple(length, back / nanos(length));
    }
    origin + multiple(length, nanos(at - origin) / nanos(length) + 1)
}

/// Time from now to this check's place within its interval.
fn until_phase(name: &str, every: Duration, wall: Timestamp) -> Duration {
    let every = nanos(every);
    let offset = stable_hash(name) % every;
    let offset = offset - offset % nanos(PLACES_APART);
    let phase = wall.as_nanos() % every;
    Duration::from_nanos(if offset >= phase {
        offset - phase
    } else {
        offset + (every - phase)
    })
}

/// The same on every machine and in every version, so that a check keeps its place: FNV-1a, then a finaliser, because
/// FNV alone leaves names that differ in their last letter close together.
fn stable_hash(name: &str) -> u64 {
    let fnv = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ fnv >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_hashes_to_the_same_value_forever() {
        assert_eq!(stable_hash(""), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(stable_hash("machine"), 0xf417_5728_0669_bf1a);
    }

    #[test]
    fn places_lie_on_a_grid_that_every_check_shares() {
        let wall = Timestamp::from_nanos(1_700_000_000_123_456_789);
        for (n, every) in [1, 5, 10, 3600].into_iter().cycle().take(100).enumerate() {
            let until = until_phase(&format!("check-{n}"), Duration::from_secs(every), wall);
            let place = wall.as_nanos() + nanos(until);
            assert_eq!(place % nanos(PLACES_APART), 0, "check-{n} every {every} s");
        }
    }

    #[test]
    fn neighbouring_names_are_spread_over_the_interval() {
        let every = Duration::from_secs(10);
        let mut per_second = [0usize; 10];
        for n in 0..10_000 {
            let offset = until_phase(&format!("check-{n}"), every, Timestamp::from_seconds(1_700_000_000));
            per_second[usize::try_from(offset.as_secs()).expect("small")] += 1;
        }
        assert!(
            per_second.iter().all(|count| (850..1150).contains(count)),
            "{per_second:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_strictly_after_and_evenly_spaced() {
        let origin = crate::clock::Clock::system().monotonic() + Duration::from_secs(100);
        let length = Duration::from_secs(7);
        for before in [0u64, 1, 6_999_999_999, 7_000_000_000, 7_000_000_001, 15_000_000_000] {
            let at = origin - Duration::from_nanos(before);
            let next = slot_after(origin, length, at);
            assert!(next > at && next - at <= length, "{before}");
            let from_origin = if next > origin { next - origin } else { origin - next };
            assert_eq!(nanos(from_origin) % nanos(length), 0, "{before}");
        }
    }
}
