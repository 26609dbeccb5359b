//! Moments: those of an evaluation, and those that `offset` and `@` make of them.

use super::{Context, TIMES};
use crate::ast::{At, Shift};

/// `count` moments, `step` milliseconds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

impl Frame {
    /// One moment.
    pub(super) const fn moment(at: i64) -> Self {
        Self {
            start: at,
            step: 1,
            count: 1,
        }
    }

    /// From `start` up to `end`; none when `end` is earlier. A step of zero or less is taken as one.
    pub(super) fn between(start: i64, end: i64, step: i64) -> Self {
        let step = step.max(1);
        let count = match end.checked_sub(start) {
            Some(length) if length < 0 => 0,
            Some(length) => usize::try_from(length / step).unwrap_or(usize::MAX).saturating_add(1),
            None => usize::MAX,
        };
        Self { start, step, count }
    }

    /// The moment with this number.
    pub(super) fn at(self, number: usize) -> i64 {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.start.saturating_add(self.step.saturating_mul(number))
    }

    /// The last moment. There must be one.
    pub(super) fn last(self) -> i64 {
        self.at(self.count.saturating_sub(1))
    }

    /// What a selector or subquery with this shift refers to at each moment: with `@`, always the same (a step of zero).
    pub(super) fn shifted(self, shift: Shift, cx: &Context<'_>) -> Self {
        let fixed = shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => cx.start,
            At::End => cx.end,
        });
        // There are no samples further away.
        let fixed = fixed.map(|time| time.clamp(*TIMES.start(), *TIMES.end()));
        Self {
            start: fixed.unwrap_or(self.start).saturating_sub(shift.offset),
            step: if fixed.is_some() { 0 } else { self.step },
            count: self.count,
        }
    }

    /// The moments of a subquery that serve all of these: multiples of `step`, left-open like every range.
    pub(super) fn subquery(self, range: i64, step: i64) -> Self {
        let after = self.start.saturating_sub(range);
        let first = after.div_euclid(step).saturating_add(1).saturating_mul(step);
        Self::between(first, self.last(), step)
    }
}
