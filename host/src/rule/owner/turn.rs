//! Whose turn it is while groups of rules are evaluated: one thread evaluates them all, and none may have it for itself.
//!
//! A group that is due begins its turn and goes on rule by rule, each seeing what those before it recorded. Ticks of history come
//! between any two rules. After a slice of time the other groups that are due go first. Half of its interval is all a
//! group gets for one slot: what is left of its rules then is not evaluated at that slot, which counts as missed and is said, and
//! comes first at the next one. Flows in: groups that are due. Flows out: what `core` does with one rule, again and again.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        events::{GroupInTime, GroupTooSlow},
        outlet::RuleAlerts,
        schedule::Due,
        store,
    },
    core::Core,
    instruments,
};
use crate::store::Store;

/// How long a group is evaluated before others that are due go first. Nearly every group is done by then.
const SLICE: Duration = Duration::from_millis(250);

/// Of its interval, the part that a group may take for one slot: half of it, so that two such groups still find their time.
const SHARE: u32 = 2;

/// A group that is being evaluated.
#[derive(Debug)]
pub(super) struct Turn {
    group: usize,
    slot: i64,
    missed: u64,
    /// Rules that were evaluated, from the group's first one on.
    done: usize,
    spent: Duration,
    /// The rule that took longest, and how long.
    slowest: (usize, Duration),
    counts: instruments::Counts,
    is_dirty: bool,
    changed: Vec<RuleAlerts>,
}

/// What a group does after a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    /// Others go first.
    Yield,
    /// There is no time left for this slot.
    End,
}

impl Turn {
    pub(super) fn new(group: usize, slot: i64, missed: u64) -> Self {
        Self {
            group,
            slot,
            missed,
            done: 0,
            spent: Duration::ZERO,
            slowest: (0, Duration::ZERO),
            counts: instruments::Counts::default(),
            is_dirty: false,
            changed: Vec::new(),
        }
    }
}

/// After a rule: `slice` without a pause, `spent` for this slot, of a group with this interval in milliseconds.
fn next(slice: Duration, spent: Duration, interval: i64) -> Next {
    let interval = Duration::from_millis(interval.unsigned_abs());
    if spent >= interval / SHARE {
        Next::End
    } else if slice >= SLICE {
        Next::Yield
    } else {
        Next::GoOn
    }
}

impl Core {
    /// A group evaluates until its slice is used up or it is done.
    pub(super) fn go_on(&mut self, mut turn: Turn) {
        let Some(run) = self.groups.get_mut(turn.group) else {
            return;
        };
        let (group, first) = (Arc::clone(&run.group), run.first);
        let mut rules = std::mem::take(&mut run.rules);
        let began = self.clock.monotonic();
        let before = turn.spent;
        let mut then = Next::GoOn;
        while turn.done < rules.len() && then == Next::GoOn {
            let at = (first + turn.done) % rules.len();
            let Some(rule) = rules.get_mut(at) else { break };
            let (alerts, was_settled) = (Arc::clone(&rule.alerts), rule.is_settled);
            match self.evaluate_rule(&group, rule, turn.slot) {
                Ok(recorded) => turn.counts.samples += recorded,
                Err(()) => turn.counts.failures += 1,
            }
            // An evaluation that changed nothing left the alerts where they were.
            let is_changed = !Arc::ptr_eq(&alerts, &rule.alerts);
            turn.is_dirty |= is_changed;
            if is_changed || was_settled != rule.is_settled {
                turn.changed.extend(rule.left(&self.externals.url));
            }
            turn.done += 1;
            #[cfg(test)]
            (self.after_rule)(&rule.rule.name);
            let slice = self.clock.monotonic().saturating_duration_since(began);
            let took = (before + slice).saturating_sub(turn.spent);
            turn.spent = before + slice;
            if took > turn.slowest.1 {
                turn.slowest = (at, took);
            }
            then = next(slice, turn.spent, group.interval);
            self.tick_if_due();
        }
        let is_done = turn.done >= rules.len();
        if let Some(run) = self.groups.get_mut(turn.group) {
            run.rules = rules;
        }
        if is_done || then == Next::End {
            self.close(turn);
        } else {
            self.open.push_back(turn);
        }
    }

    /// Ends all turns, whatever is left of them.
    pub(super) fn close_all(&mut self) {
        while let Some(turn) = self.open.pop_front() {
            self.close(turn);
        }
    }

    fn close(&mut self, turn: Turn) {
        self.notice_new_store();
        let now = self.now();
        let Some(run) = self.groups.get_mut(turn.group) else {
            return;
        };
        let skipped = run.rules.len().saturating_sub(turn.done);
        let was_slow = std::mem::replace(&mut run.is_slow, skipped > 0);
        let slowest = run.rules.get(turn.slowest.0).map(|run| Arc::clone(&run.rule));
        run.first = match skipped {
            0 => 0,
            _ => (run.first + turn.done) % run.rules.len(),
        };
        let missed = turn.missed + u64::from(skipped > 0);
        run.is_dirty |= turn.is_dirty;
        (run.done, run.last, run.missed) = (turn.slot, Some(turn.slot), run.missed + missed);
        run.took = turn.spent;
        self.shown.set(turn.group, run.status());
        if let Some(store) = &self.store {
            let alerts = std::mem::take(&mut run.is_dirty).then(|| run.alerts());
            store::save(store, &run.key, turn.slot, alerts);
        }
        // After the store has it: after a crash, nobody may know of an alert that its rule does not know.
        self.outlet.put(turn.changed);
        let counts = instruments::Counts {
            missed,
            evaluated: turn.done,
            ..turn.counts
        };
        instruments::group(&self.telemetry, run, &counts);
        match slowest {
            Some(slowest) if skipped > 0 && !was_slow => self.telemetry.emit(&GroupTooSlow {
                group: &run.key,
                skipped,
                took: turn.spent,
                rule: &slowest.name,
                location: &slowest.location,
                rule_took: turn.slowest.1,
            }),
            _ if skipped == 0 && was_slow => self.telemetry.emit(&GroupInTime { group: &run.key }),
            _ => {}
        }
        self.agenda.put(turn.group, run.slots.due(run.done, now), now);
    }

    /// A database that was begun anew knows nothing of alerts that did not change since.
    fn notice_new_store(&mut self) {
        let epoch = self.store.as_ref().map_or(0, Store::epoch);
        if std::mem::replace(&mut self.epoch, epoch) != epoch {
            self.groups.iter_mut().for_each(|run| run.is_dirty = true);
        }
    }

    /// Those that are due: a tick, and groups that begin their turns, in the order of time.
    pub(super) fn begin_due(&mut self, now: i64) -> bool {
        let mut tasks: Vec<(i64, Option<(usize, u64)>)> = Vec::new();
        if let Due::Evaluate { slot, .. } = self.ticks.due(self.ticked, now) {
            // A clock that was set back must be known to the history before anything looks into it.
            let is_set_back = self.history.current().last_tick().is_some_and(|last| slot <= last);
            tasks.push((if is_set_back { i64::MIN } else { slot }, None));
        }
        for group in self.agenda.take(now) {
            let Some(run) = self.groups.get(group) else { continue };
            match run.slots.due(run.done, now) {
                Due::Evaluate { slot, missed } => tasks.push((slot, Some((group, missed)))),
                wait @ Due::Wait(_) => self.agenda.put(group, wait, now),
            }
        }
        let any = !tasks.is_empty();
        tasks.sort_unstable();
        for (slot, task) in tasks {
            match task {
                None => self.tick_if_due(),
                Some((group, missed)) => self.go_on(Turn::new(group, slot, missed)),
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_goes_on_for_a_slice_and_for_half_of_its_interval() {
        let after = |slice, spent, interval| next(Duration::from_millis(slice), Duration::from_millis(spent), interval);
        assert_eq!(after(249, 249, 15_000), Next::GoOn);
        assert_eq!(after(250, 250, 15_000), Next::Yield);
        assert_eq!(after(10, 7_499, 15_000), Next::GoOn);
        assert_eq!(after(10, 7_500, 15_000), Next::End);
        assert_eq!(after(600, 600, 1_000), Next::End);
    }
}
