//! When the ticks were: one column of times for all series that are fed from snapshots.
//!
//! Ticks are numbered from [`FIRST`] on without gaps, however far apart they are. Flows in: the moment of a tick, when
//! [`admit`] lets it in. Flows out: which ticks lie in a window. It knows no values.

use super::block::BLOCK;

/// The number of the first tick there is: so that what is rounded down to a block is not below zero.
pub(super) const FIRST: u32 = BLOCK as u32;

/// A clock that was set back by less is waited for: a correction of that size ends before the lookback of a query does. One that
/// was set back further would keep history blind for as long.
const PATIENCE: i64 = 60_000;

/// What to do with a tick, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is after the last one.
    InOrder,
    /// It is the first there is.
    First,
    /// Not taken: the clock stands still, or was set back a little. It catches up within a minute.
    TooEarly,
    /// The clock was set back by more than a minute. What was recorded after that moment is forgotten, since no evaluation at the time
    /// of the clock could tell it from news.
    SetBack,
}

impl Admission {
    /// For logs and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::First => "first",
            Self::TooEarly => "too_early",
            Self::SetBack => "set_back",
        }
    }

    /// Whether the tick is recorded.
    pub const fn is_taken(self) -> bool {
        !matches!(self, Self::TooEarly)
    }
}

/// Whether a tick at `at` is recorded after one at `last` (milliseconds since the epoch).
pub const fn admit(last: Option<i64>, at: i64) -> Admission {
    match last {
        None => Admission::First,
        Some(last) if at > last => Admission::InOrder,
        Some(last) if last.saturating_sub(at) < PATIENCE => Admission::TooEarly,
        Some(_) => Admission::SetBack,
    }
}

/// One tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// Milliseconds since the epoch. A void tick has the time of the last valid one before it.
    pub(super) at: i64,
    /// The first of a process: what is missing now did not end now, it may only not be back yet.
    pub(super) fresh: bool,
    /// The clock was set back behind it: nothing of it is read.
    pub(super) void: bool,
}

/// All that are kept, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    /// Number of the oldest.
    pub(super) base: u32,
    pub(super) all: Vec<Tick>,
}

impl Default for Ticks {
    fn default() -> Self {
        Self {
            base: FIRST,
            all: Vec::new(),
        }
    }
}

impl Ticks {
    /// Number of the next one.
    pub(super) fn next(&self) -> u32 {
        self.base
            .saturating_add(u32::try_from(self.all.len()).unwrap_or(u32::MAX))
    }

    /// Number of the first tick after `at`.
    pub(super) fn after(&self, at: i64) -> u32 {
        let index = self.all.partition_point(|tick| tick.at <= at);
        self.base + u32::try_from(index).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Tick> {
        self.all.get(number.checked_sub(self.base)? as usize)
    }

    /// The newest that counts.
    pub(super) fn last(&self) -> Option<i64> {
        self.all.iter().rev().find(|tick| !tick.void).map(|tick| tick.at)
    }

    /// The newest before `number` that counts.
    pub(super) fn valid_before(&self, number: u32) -> Option<u32> {
        (self.base..number.min(self.next()))
            .rev()
            .find(|number| self.get(*number).is_some_and(|tick| !tick.void))
    }

    pub(super) fn push(&mut self, at: i64, fresh: bool) {
        self.all.push(Tick { at, fresh, void: false });
    }

    /// Nothing at or after `at` counts any more.
    pub(super) fn set_back(&mut self, at: i64) {
        let kept = self.all.partition_point(|tick| tick.at < at);
        let last = self.all[..kept].last().map_or(i64::MIN, |tick| tick.at);
        for tick in &mut self.all[kept..] {
            tick.at = last;
            tick.void = true;
        }
    }

    /// Forgets those before `number`.
    pub(super) fn forget(&mut self, number: u32) {
        let count = (number.saturating_sub(self.base) as usize).min(self.all.len());
        self.all.drain(..count);
        self.base += u32::try_from(count).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_taken_when_time_went_on() {
        for (last, at, admission) in [
            (None, 5, Admission::First),
            (Some(5), 6, Admission::InOrder),
            (Some(5), 3_600_005, Admission::InOrder),
            (Some(5), 5, Admission::TooEarly),
            (Some(100_000), 40_001, Admission::TooEarly),
            (Some(100_000), 40_000, Admission::SetBack),
            (Some(i64::MAX), i64::MIN, Admission::SetBack),
        ] {
            assert_eq!(admit(last, at), admission, "{last:?} {at}");
        }
    }

    #[test]
    fn windows_are_open_at_their_beginning() {
        let mut ticks = Ticks::default();
        [10, 20, 30].into_iter().for_each(|at| ticks.push(at, false));
        let found: Vec<u32> = [9, 10, 11, 30, 31].iter().map(|at| ticks.after(*at)).collect();
        assert_eq!(found, [FIRST, FIRST + 1, FIRST + 1, FIRST + 3, FIRST + 3]);
    }

    #[test]
    fn what_the_clock_went_back_behind_does_not_count() {
        let mut ticks = Ticks::default();
        [10, 20, 30, 40].into_iter().for_each(|at| ticks.push(at, false));
        ticks.set_back(30);
        assert_eq!(ticks.last(), Some(20));
        ticks.push(30, false);
        assert_eq!(ticks.last(), Some(30));
        assert_eq!(ticks.valid_before(FIRST + 4), Some(FIRST + 1));
        assert_eq!(ticks.after(20), FIRST + 4, "void ones are not in between");
        ticks.forget(FIRST + 3);
        assert_eq!((ticks.base, ticks.all.len()), (FIRST + 3, 2));
    }
}
