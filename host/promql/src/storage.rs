//! What the evaluator asks of whoever holds series.
//!
//! Ids mean the same series as long as the generation stays the same, so that a selector which was resolved once need not be
//! resolved again until a series comes or goes.

use crate::{ast::Matcher, labels::Labels, value::Point};

pub mod memory;

/// One series of a storage, valid within one [`Generation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub u32);

/// A state of the index: changes whenever a series is added, removed or renumbered. Never repeats within a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

/// Series with their samples, as they are at one moment: it does not change while an expression is evaluated.
///
/// Samples of a series are ascending by time, each time at most once; an ended series has a stale marker
/// ([`crate::value::is_stale`]) at the moment it was first missed.
pub trait Storage {
    /// See [`Generation`].
    fn generation(&self) -> Generation;

    /// Series that satisfy all of `matchers`, in ascending order of id. A label that a series lacks has the empty value.
    fn find(&self, matchers: &[Matcher]) -> Vec<SeriesId>;

    /// The labels of a series, the metric's name included.
    fn labels(&self, id: SeriesId) -> &Labels;

    /// The newest sample with `after < at <= until` (milliseconds), stale markers included.
    fn newest(&self, id: SeriesId, after: i64, until: i64) -> Option<Point>;

    /// Appends all samples with `after < at <= until` (milliseconds), ascending, stale markers included.
    fn read(&self, id: SeriesId, after: i64, until: i64, out: &mut Vec<Point>);
}
