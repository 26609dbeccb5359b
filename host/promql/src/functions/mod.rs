//! What functions and aggregations compute, as pure functions of numbers and labels.
//!
//! Flows in: points, values, labels. Flows out: numbers and labels. Which elements there are, when, and what becomes of
//! their names is the engine's to decide.

pub mod binary;
pub mod calendar;
pub mod format;
pub mod histogram;
pub mod label;
pub mod math;
pub mod range;
pub mod statistics;

use crate::value::Point;

/// What a function over a range sees of one series at one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Ascending by time, without stale markers, never empty, all with `start < at <= end`.
    pub points: &'a [Point],
    /// Milliseconds: the exclusive left edge, offset and `@` applied.
    pub start: i64,
    /// Milliseconds: the inclusive right edge, offset and `@` applied.
    pub end: i64,
}
