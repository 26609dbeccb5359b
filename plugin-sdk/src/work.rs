//! What a run can still afford to compute.
//!
//! A run that uses up its CPU time loses its whole report, and what costs much is often decided by whoever is asked: a long page, an
//! exporter with thousands of series. So a plugin begins with a sum of time, asks before each piece of work whether that fits at
//! its worst, and reports what did not. Flows in: lengths, and what a byte costs at worst. Flows out: how far to go. What a piece
//! really took is measured, so that the worst case is only ever paid where it occurs.

use std::{
    cell::Cell,
    iter::Sum,
    ops::Add,
    time::{Duration, Instant},
};

use crate::pattern::Pattern;

/// What is always affordable: what so little costs is no danger even a thousand times, and a machine that is busy with others
/// for a moment shall not keep a check from looking at an ordinary answer.
const ALWAYS: Duration = Duration::from_micros(200);

/// How many halves of what a piece of work takes at its worst it may count. A machine that is slower than the one on which that was
/// measured is no reason to be stopped, and one that is busy with other checks is no reason to leave work undone.
const HELD_UP_HALVES: u32 = 3;

/// A search that could go only so little further than it has, in parts of that, is not begun again.
const PROGRESS: usize = 8;

/// What one byte costs at worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    picoseconds: u64,
}

impl Cost {
    /// In the sandbox, on a core of 2023.
    pub const fn nanoseconds(nanoseconds: u64) -> Self {
        Self::picoseconds(nanoseconds.saturating_mul(1_000))
    }

    pub(crate) const fn picoseconds(picoseconds: u64) -> Self {
        Self { picoseconds }
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self::picoseconds(self.picoseconds.saturating_mul(count as u64))
    }

    /// Of so many bytes.
    pub fn of(self, bytes: usize) -> Duration {
        Duration::from_nanos(self.times(bytes).picoseconds / 1_000)
    }

    /// How many bytes fit in `time`.
    fn fits(self, time: Duration) -> usize {
        let picoseconds = time.as_nanos().saturating_mul(1_000);
        usize::try_from(picoseconds / u128::from(self.picoseconds.max(1))).unwrap_or(usize::MAX)
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::picoseconds(self.picoseconds.saturating_add(other.picoseconds))
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

/// A sum of time for computing. What is measured is the time on a wall, which is no less than what a run is charged for: on a slow
/// machine less is done. Where others hold a machine up, a piece counts one and a half times its worst and no more.
#[derive(Clone, Debug)]
pub struct Work {
    clock: fn() -> Instant,
    most: Duration,
    spent: Cell<Duration>,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// It is there.
    Found,
    /// It is not in the text.
    Missing,
    /// It is not in so many bytes at the beginning; there was no time to look at more.
    MissingInFirst(usize),
}

#[expect(
    clippy::disallowed_methods,
    reason = "a plugin's own computing is measured where it happens, and a guest has no other clock"
)]
fn now() -> Instant {
    Instant::now()
}

impl Work {
    /// `most` of it. Half of the CPU time of a run leaves room for what is not asked for here.
    pub fn new(most: Duration) -> Self {
        Self::by(now, most)
    }

    fn by(clock: fn() -> Instant, most: Duration) -> Self {
        Self {
            clock,
            most,
            spent: Cell::default(),
        }
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.most.saturating_sub(self.spent.get())
    }

    /// Does a piece of work that takes `worst` at its worst, and counts what it took.
    pub fn measured<T>(&self, worst: Duration, piece: impl FnOnce() -> T) -> T {
        let began = (self.clock)();
        let done = piece();
        let took = (self.clock)().saturating_duration_since(began);
        let counts = took.min(worst.saturating_mul(HELD_UP_HALVES) / 2);
        self.spent.set(self.spent.get() + counts);
        done
    }

    /// Does a piece of work on so many bytes if it can be afforded at its worst.
    pub fn perform<T>(&self, bytes: usize, cost: Cost, piece: impl FnOnce() -> T) -> Option<T> {
        let worst = cost.of(bytes);
        self.affords(bytes, cost).then(|| self.measured(worst, piece))
    }

    /// Whether a piece of work on so many bytes can be afforded at its worst.
    pub fn affords(&self, bytes: usize, cost: Cost) -> bool {
        let wanted = cost.of(bytes);
        wanted <= ALWAYS || wanted <= self.left()
    }

    /// The beginning of `bytes` that can be afforded. It does not end within a character.
    pub fn part<'b>(&self, bytes: &'b [u8], cost: Cost) -> &'b [u8] {
        if self.affords(bytes.len(), cost) {
            return bytes;
        }
        let mut end = cost.fits(self.left()).min(bytes.len());
        while end < bytes.len() && end > 0 && bytes[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        &bytes[..end]
    }

    /// Looks for `pattern` in `text` as far as can be afforded. When `text` is not `whole`, where it ends proves nothing.
    pub fn search(&self, pattern: &Pattern, text: &str, whole: bool) -> Searched {
        let mut searched = 0;
        let mut took = Duration::ZERO;
        loop {
            let part = self.longer(text, searched, took, pattern.cost());
            if part.len() == searched && searched < text.len() {
                return Searched::MissingInFirst(searched);
            }
            let is_all = part.len() == text.len();
            let spent = self.spent.get();
            let found = self.measured(pattern.cost().of(part.len()), || match is_all && whole {
                true => pattern.is_in(part),
                false => pattern.is_surely_in(part),
            });
            if found {
                return Searched::Found;
            }
            if is_all {
                return Searched::Missing;
            }
            searched = part.len();
            took = self.spent.get().saturating_sub(spent);
        }
    }

    /// The next part to look at, after `searched` bytes were: going over those again takes what it `took`, and what is new may cost
    /// the worst. The same part when that is not worth it.
    fn longer<'t>(&self, text: &'t str, searched: usize, took: Duration, cost: Cost) -> &'t str {
        let unsearched = &text.as_bytes()[searched..];
        let more = if cost.of(text.len()) <= ALWAYS {
            unsearched.len()
        } else {
            let affordable = cost.fits(self.left().saturating_sub(took));
            unsearched.len().min(affordable)
        };
        let little = more < unsearched.len() && more < searched / PROGRESS;
        let mut end = searched + if little { 0 } else { more };
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        &text[..end]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static BEGAN: LazyLock<Instant> = LazyLock::new(now);

    thread_local! {
        static TICKS: Cell<u32> = const { Cell::new(0) };
    }

    /// Stands still.
    fn frozen() -> Instant {
        *BEGAN
    }

    /// Each look at it takes 10 ms.
    fn ticking() -> Instant {
        let ticks = TICKS.get();
        TICKS.set(ticks + 1);
        *BEGAN + Duration::from_millis(10) * ticks
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("a regular expression")
    }

    #[test]
    fn what_does_not_fit_at_its_worst_is_not_afforded_and_little_always_is() {
        let work = Work::by(frozen, Duration::from_millis(1));
        let cost = Cost::nanoseconds(100);
        assert!(work.affords(10_000, cost));
        assert!(!work.affords(10_001, cost));
        assert_eq!(work.part(&[b'a'; 20_000], cost).len(), 10_000);
        let none = Work::by(frozen, Duration::ZERO);
        assert!(none.affords(2_000, cost));
        assert!(!none.affords(2_001, cost));
    }

    #[test]
    fn what_work_took_is_spent_and_no_more_than_half_above_its_worst() {
        let work = Work::by(ticking, Duration::from_millis(100));
        let cost = Cost::nanoseconds(1_000);
        assert_eq!(work.perform(20_000, cost, || 7), Some(7));
        assert_eq!(work.left(), Duration::from_millis(90));
        assert_eq!(work.perform(1_000, cost, || 7), Some(7));
        assert_eq!(work.left(), Duration::from_micros(88_500));
        assert_eq!(work.perform(89_000, cost, || 7), None);
        assert_eq!(work.left(), Duration::from_micros(88_500));
    }

    #[test]
    fn a_part_ends_between_characters() {
        let text = "ü".repeat(10_000);
        let work = Work::by(frozen, Duration::from_nanos(300_100));
        assert_eq!(work.part(text.as_bytes(), Cost::nanoseconds(100)).len(), 3_000);
        let odd = Work::by(frozen, Duration::from_nanos(300_300));
        assert_eq!(odd.part(text.as_bytes(), Cost::nanoseconds(100)).len(), 3_002);
    }

    #[test]
    fn a_search_goes_as_far_as_can_be_afforded_and_says_how_far() {
        let long = format!("{}b", "a".repeat(1 << 20));
        let costly = pattern("(a?){300}b");
        let none = Work::by(frozen, Duration::ZERO);
        assert_eq!(none.search(&costly, &long, true), Searched::MissingInFirst(0));
        assert_eq!(none.search(&costly, "ab", true), Searched::Found);
        assert_eq!(none.search(&costly, "ac", true), Searched::Missing);
        let some = Work::by(ticking, Duration::from_millis(200));
        let Searched::MissingInFirst(bytes) = some.search(&costly, &long, true) else {
            panic!("all of it was searched");
        };
        assert!((100..100_000).contains(&bytes), "{bytes}");
        assert_eq!(none.search(&pattern("a$"), "aaa", false), Searched::Missing);
        assert_eq!(none.search(&pattern("a$"), "aaa", true), Searched::Found);
    }

    #[test]
    fn a_search_that_was_cheaper_than_feared_goes_on_to_the_end() {
        let long = format!("{}ab", "c".repeat(1 << 18));
        let feared = pattern("(a?b?){20}ab");
        let worst = feared.cost().of(long.len());
        let work = Work::by(frozen, worst / 3);
        assert_eq!(work.search(&feared, &long, true), Searched::Found);
    }
}
