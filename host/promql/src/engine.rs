//! Evaluation of a parsed expression over a storage, at a moment or over a range of moments.
//!
//! Owns the resolved selectors of each [`Query`] and the limits of one evaluation. Flows in: an expression, a storage that
//! stands still, a time. Flows out: an [`Answer`], or an [`EvalError`] with the place in the text. It reads no clock: who calls
//! says, through [`Options::stop`], when time is up.
//!
//! How it works: the expression becomes a tree of typed nodes ([`plan`]) once. A node is evaluated for all moments of a
//! [`frame::Frame`] at once and yields a [`block::Block`]: labels, and a value for each of them and each moment, absent ones
//! included. As absent elements keep their place, the labels of a block depend on the series of the storage only, and what
//! a node derives from them (names without `__name__`, groups, partners) is kept until the storage's generation changes.

mod aggregate;
mod binary;
mod block;
mod call;
mod error;
mod frame;
mod histogram;
mod matching;
mod meter;
mod notes;
mod output;
mod over;
mod plan;
mod select;
mod set;
mod top;

#[cfg(test)]
mod tests;

use std::{fmt, ops::RangeInclusive};

pub use self::error::{EvalError, EvalErrorKind};
use self::{frame::Frame, meter::Meter, notes::Notes, plan::Plan};
use crate::{
    ast::{Expr, Span},
    storage::Storage,
    value::{Point, Value},
};

/// How far an instant selector looks back for a sample, unless told otherwise, in milliseconds: Prometheus' five minutes.
pub const LOOKBACK: i64 = 300_000;

/// The first and last moments there are, 285,000 years from the epoch: floats tell all milliseconds between them apart, and no
/// range or offset takes one of them out of 64 bits.
pub const TIMES: RangeInclusive<i64> = -(1 << 53)..=1 << 53;

/// What one evaluation may use.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How old, in milliseconds, the sample of an instant selector may be; at exactly this age it is too old.
    pub lookback: i64,
    /// Milliseconds between the moments of a subquery that names no step; zero or less is taken as one.
    pub default_step: i64,
    /// How many samples all selectors together may read.
    pub samples: usize,
    /// How many elements (one value of one series at one moment) all parts of the expression together may make. The bytes of
    /// labels that functions make are limited with them, to 16 for each.
    pub elements: usize,
    /// Whether to give up. Asked every few hundred microseconds of work.
    pub stop: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("lookback", &self.lookback)
            .field("default_step", &self.default_step)
            .field("samples", &self.samples)
            .field("elements", &self.elements)
            .finish_non_exhaustive()
    }
}

/// What an evaluation yields.
#[derive(Clone, Debug)]
pub struct Answer {
    /// At a moment: of the expression's type. Over a range: always a matrix, ascending by labels.
    pub value: Value,
    /// How many samples were read from the storage.
    pub samples: usize,
    /// What is odd though no error, each once, beginning with `PromQL warning: ` or `PromQL info: `.
    pub warnings: Vec<String>,
    /// Where in the text each of `warnings` comes from.
    pub places: Vec<Span>,
}

/// An expression made ready: evaluate it as often as needed.
///
/// It remembers which series its selectors chose as long as [`Storage::generation`] stays the same; so one query belongs
/// to one storage.
#[derive(Debug)]
pub struct Query {
    /// An ill-typed tree, which the parser never returns, is an error of every evaluation.
    plan: Result<Plan, EvalError>,
    /// Samples of one series; empty between evaluations, kept for its memory.
    buffer: Vec<Point>,
}

/// What every node may see and use during one evaluation.
struct Context<'a> {
    storage: &'a dyn Storage,
    lookback: i64,
    default_step: i64,
    /// `@ start()`.
    start: i64,
    /// `@ end()`.
    end: i64,
    meter: Meter<'a>,
    notes: Notes,
    buffer: Vec<Point>,
}

impl Query {
    /// Makes an expression ready.
    pub fn new(expr: Expr) -> Self {
        Self {
            plan: plan::build(expr),
            buffer: Vec::new(),
        }
    }

    /// The value at one moment, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// See [`EvalErrorKind`].
    pub fn instant(&mut self, storage: &dyn Storage, at: i64, options: &Options<'_>) -> Result<Answer, EvalError> {
        self.run(storage, (at, at), options, |plan, cx| output::instant(plan, at, cx))
    }

    /// The values at `start`, `start + step` and so on up to `end`, all in milliseconds. Ranges and texts have no values
    /// at moments and are refused.
    ///
    /// # Errors
    /// See [`EvalErrorKind`].
    pub fn range(
        &mut self,
        storage: &dyn Storage,
        start: i64,
        end: i64,
        step: i64,
        options: &Options<'_>,
    ) -> Result<Answer, EvalError> {
        self.run(storage, (start, end), options, |plan, cx| {
            output::range(plan, Frame::between(start, end, step), cx)
        })
    }

    fn run(
        &mut self,
        storage: &dyn Storage,
        (start, end): (i64, i64),
        options: &Options<'_>,
        evaluate: impl FnOnce(&mut Plan, &mut Context<'_>) -> Result<Value, EvalError>,
    ) -> Result<Answer, EvalError> {
        let plan = self.plan.as_mut().map_err(|error| error.clone())?;
        if !(TIMES.contains(&start) && TIMES.contains(&end)) {
            let message = format!("no evaluation from {start} to {end}: these milliseconds are too far from the epoch");
            return Err(EvalError::new(plan.span(), EvalErrorKind::Parameter, message));
        }
        let mut cx = Context {
            storage,
            lookback: options.lookback,
            default_step: options.default_step.max(1),
            start,
            end,
            meter: Meter::new(options),
            notes: Notes::default(),
            buffer: std::mem::take(&mut self.buffer),
        };
        let value = evaluate(plan, &mut cx);
        let samples = cx.meter.samples();
        let (places, warnings) = cx.notes.finish();
        self.buffer = cx.buffer;
        self.buffer.clear();
        Ok(Answer {
            value: value?,
            samples,
            warnings,
            places,
        })
    }
}
