//! When a group of rules is due: pure.
//!
//! A group has slots at a phase of its own, a hash of its file and name, so that groups spread over their interval and keep
//! their moments over restarts. No slot is ever a tick of history: what a rule sees at its slot is a whole tick, and a rule's
//! samples stand between ticks. Flows in: file, name, intervals, the time. Flows out: what to do. Times are milliseconds since the
//! epoch.

use bellwether_promql::labels::Labels;

use crate::alert::Fingerprint;

/// Part of the common period of slots and ticks that slots stay away from a tick, on both sides: an eighth.
const MARGIN: i64 = 8;

/// A clock that was set back by less, in milliseconds, is waited for, as history does.
const PATIENCE: i64 = 60_000;

/// The slots of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    phase: i64,
    interval: i64,
    /// Of the history.
    tick: i64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing until then.
    Wait(i64),
    /// Evaluate at this slot, which is not after now.
    Evaluate {
        /// The time of the evaluation, whatever the clock says.
        slot: i64,
        /// Slots since the last one that nobody evaluated.
        missed: u64,
    },
}

impl Slots {
    /// Of a group; `tick` is the interval of history.
    pub fn new(file: &str, name: &str, interval: i64, tick: i64) -> Self {
        let (interval, tick) = (interval.max(1), tick.max(1));
        let hash = Fingerprint::of(&Labels::new([("file", file), ("name", name)])).as_u64();
        let wanted = i64::try_from(hash % interval.unsigned_abs()).unwrap_or(0);
        Self {
            phase: apart(wanted, common(interval, tick)),
            interval,
            tick,
        }
    }

    /// The ticks of history themselves: every multiple of their interval.
    pub const fn ticks(interval: i64) -> Self {
        Self {
            phase: 0,
            interval: if interval < 1 { 1 } else { interval },
            tick: 1,
        }
    }

    /// The last slot that is not after `now`.
    pub fn at_or_before(&self, now: i64) -> i64 {
        let slot = |number: i64| self.time(number);
        let number = (now - self.phase).div_euclid(self.interval);
        // A slot that had to move may have moved past now.
        if slot(number) <= now {
            slot(number)
        } else {
            slot(number - 1)
        }
    }

    /// The first slot after `now`.
    pub fn after(&self, now: i64) -> i64 {
        let number = (now - self.phase).div_euclid(self.interval);
        [number, number + 1]
            .map(|number| self.time(number))
            .into_iter()
            .find(|slot| *slot > now)
            .unwrap_or_else(|| self.time(number + 2))
    }

    /// Whether something is due at `now`. `done` is the slot that was evaluated last, or, before the first one, the one that passed
    /// when the group began.
    pub fn due(&self, done: i64, now: i64) -> Due {
        let newest = self.at_or_before(now);
        if newest > done {
            let passed = (newest - done).saturating_add(self.interval / 2) / self.interval;
            let missed = u64::try_from(passed.saturating_sub(1)).unwrap_or(0);
            return Due::Evaluate { slot: newest, missed };
        }
        // Set back far: nobody can wait for the old time to come again.
        if done.saturating_sub(now) > PATIENCE {
            return Due::Evaluate {
                slot: newest,
                missed: 0,
            };
        }
        Due::Wait(self.after(done.max(now)))
    }

    fn time(&self, number: i64) -> i64 {
        let time = self.phase + number * self.interval;
        // Only where the common period is too short to stay apart.
        if time.rem_euclid(self.tick) == 0 && self.tick > 1 {
            time + 1
        } else {
            time
        }
    }
}

/// The longest span of which both are multiples.
const fn common(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// The phase moved away from multiples of `period`, of which ticks are.
const fn apart(phase: i64, period: i64) -> i64 {
    let margin = period / MARGIN;
    if margin == 0 {
        return phase;
    }
    let within = phase % period;
    phase - within + margin + within * (period - 2 * margin) / period
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_slot_is_a_tick(name in "[a-z]{1,8}", interval in 1_000_i64..400_000, tick in 1_000_i64..70_000, start in 0_i64..2_000_000_000_000) {
            let slots = Slots::new("rules.yml", &name, interval, tick);
            let mut at = start;
            for _ in 0..50 {
                at = slots.after(at);
                prop_assert_ne!(at.rem_euclid(tick), 0);
            }
        }

        #[test]
        fn slots_follow_each_other_at_the_interval(name in "[a-z]{1,8}", seconds in 1_i64..400, tick in 1_i64..70, now in 0_i64..2_000_000_000_000) {
            let (interval, tick) = (seconds * 1_000, tick * 1_000);
            let slots = Slots::new("rules.yml", &name, interval, tick);
            let before = slots.at_or_before(now);
            prop_assert!(before <= now && now - before < interval);
            prop_assert_eq!(slots.after(now), before + interval);
            prop_assert_eq!(slots.after(before), before + interval);
            prop_assert_eq!(slots.at_or_before(before), before);
            // Whole seconds leave room around a tick.
            let near = before.rem_euclid(tick).min(tick - before.rem_euclid(tick));
            prop_assert!(near >= 100, "{near}");
        }

        #[test]
        fn every_slot_is_evaluated_or_counted(steps in prop::collection::vec(1_i64..100_000, 1..60)) {
            let slots = Slots::new("rules.yml", "group", 15_000, 15_000);
            let mut now = 1_700_000_000_000;
            let first = slots.at_or_before(now);
            let mut done = first;
            let mut counted = 0;
            for step in steps {
                now += step;
                match slots.due(done, now) {
                    Due::Evaluate { slot, missed } => {
                        prop_assert!(slot <= now && slot > done);
                        counted += missed + 1;
                        done = slot;
                    }
                    Due::Wait(until) => prop_assert!(until > now),
                }
                prop_assert_eq!(counted, ((done - first) / 15_000).unsigned_abs());
            }
        }
    }

    #[test]
    fn the_first_evaluation_waits_for_the_next_slot() {
        let slots = Slots::new("a.yml", "g", 60_000, 15_000);
        let now = 1_700_000_000_000;
        let done = slots.at_or_before(now);
        let Due::Wait(until) = slots.due(done, now) else {
            panic!("nothing is due")
        };
        assert_eq!(slots.due(done, until), Due::Evaluate { slot: until, missed: 0 });
        assert_eq!(
            slots.due(done, until + 59_999),
            Due::Evaluate { slot: until, missed: 0 },
            "late, at its time"
        );
        let late = slots.due(done, until + 150_000);
        assert_eq!(
            late,
            Due::Evaluate {
                slot: until + 120_000,
                missed: 2
            }
        );
    }

    #[test]
    fn a_clock_set_back_is_waited_for_when_it_is_little() {
        let slots = Slots::new("a.yml", "g", 15_000, 15_000);
        let done = slots.at_or_before(1_700_000_000_000);
        assert_eq!(slots.due(done, done - 40_000), Due::Wait(done + 15_000));
        assert!(
            matches!(slots.due(done, done - 3_600_000), Due::Evaluate { slot, missed: 0 } if slot <= done - 3_600_000)
        );
    }

    #[test]
    fn groups_spread_over_their_interval_and_stay_where_they_are() {
        let phases: std::collections::BTreeSet<i64> = (0..100)
            .map(|at| Slots::new("a.yml", &format!("group-{at}"), 60_000, 15_000).phase)
            .collect();
        assert!(phases.len() > 95, "{}", phases.len());
        assert_eq!(
            Slots::new("a.yml", "x", 60_000, 15_000),
            Slots::new("a.yml", "x", 60_000, 15_000)
        );
    }
}
