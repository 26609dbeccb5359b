//! Which group is due next: so that waking costs what is due, and not what there is. Pure.
//!
//! Flows in: when each group is due, as [`Due`] has it, and the time. Flows out: the groups to look at. A clock that was set back makes
//! all of it wrong, and is noticed: then it is made anew.

use std::collections::BTreeSet;

use super::super::schedule::Due;

/// Groups by the time they are due, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeSet<(i64, usize)>,
    /// The latest time it was looked at.
    seen: i64,
}

impl Agenda {
    /// Of groups in order, at `now`.
    pub(super) fn new(groups: impl Iterator<Item = Due>, now: i64) -> Self {
        let mut agenda = Self {
            due: BTreeSet::new(),
            seen: now,
        };
        groups.enumerate().for_each(|(group, due)| agenda.put(group, due, now));
        agenda
    }

    /// Whether the clock was set back since.
    pub(super) const fn is_wrong(&self, now: i64) -> bool {
        now < self.seen
    }

    /// When something is due; None: there are no groups.
    pub(super) fn next(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes those that are due; each must be [put](Self::put) back.
    pub(super) fn take(&mut self, now: i64) -> Vec<usize> {
        self.seen = now;
        let later = self.due.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut self.due, later);
        due.into_iter().map(|(_, group)| group).collect()
    }

    /// A group that is due then.
    pub(super) fn put(&mut self, group: usize, due: Due, now: i64) {
        let at = match due {
            Due::Wait(until) => until,
            Due::Evaluate { .. } => now,
        };
        self.due.insert((at, group));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_taken_once_and_the_rest_stays() {
        let due = [30, 10, 20, 10].map(Due::Wait).into_iter();
        let late = Due::Evaluate { slot: 1, missed: 0 };
        let mut agenda = Agenda::new(due.chain([late]), 5);
        assert_eq!(agenda.next(), Some(5));
        assert_eq!(agenda.take(10), [4, 1, 3]);
        assert_eq!(agenda.next(), Some(20));
        assert!(agenda.take(19).is_empty());
        agenda.put(1, Due::Wait(25), 19);
        assert_eq!(agenda.take(30), [2, 1, 0]);
        assert_eq!(agenda.next(), None);
        assert!(agenda.is_wrong(29) && !agenda.is_wrong(30));
    }
}
