//! The limits of one evaluation.

use std::fmt;

use super::{EvalError, EvalErrorKind, Options};
use crate::ast::Span;

/// Work between two questions whether to stop. A unit is about ten nanoseconds (a value computed, a sample read), so that
/// a stop is heard within a millisecond while asking costs next to nothing.
const POLL_EVERY: usize = 20_000;

/// Work of deriving one label set, in the units of [`POLL_EVERY`].
pub(super) const LABEL_WORK: usize = 30;

/// Bytes of labels that an evaluation may make for each element that it may make: what an element takes by itself, so that
/// labels at most double the memory that [`Options::elements`] stands for.
const LABEL_BYTES_PER_ELEMENT: usize = 16;

/// Bytes of a label that are copied in one unit of work: matched and copied, some of each in ten nanoseconds.
const BYTES_PER_WORK: usize = 8;

/// Counts what is used.
pub(super) struct Meter<'a> {
    samples: usize,
    sample_limit: usize,
    elements: usize,
    element_limit: usize,
    label_bytes: usize,
    label_limit: usize,
    work: usize,
    stop: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Meter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("samples", &self.samples)
            .field("elements", &self.elements)
            .finish_non_exhaustive()
    }
}

impl<'a> Meter<'a> {
    pub(super) fn new(options: &Options<'a>) -> Self {
        Self {
            samples: 0,
            sample_limit: options.samples,
            elements: 0,
            element_limit: options.elements,
            label_bytes: 0,
            label_limit: options.elements.saturating_mul(LABEL_BYTES_PER_ELEMENT),
            work: 0,
            stop: options.stop,
        }
    }

    /// Samples read so far.
    pub(super) const fn samples(&self) -> usize {
        self.samples
    }

    /// Samples were read.
    pub(super) fn read(&mut self, samples: usize, span: Span) -> Result<(), EvalError> {
        self.samples = self.samples.saturating_add(samples);
        if self.samples > self.sample_limit {
            let message = format!(
                "too many samples: the limit of {} a query is reached here; select fewer series or a shorter range",
                self.sample_limit
            );
            return Err(EvalError::new(span, EvalErrorKind::SampleLimit, message));
        }
        self.work(samples, span)
    }

    /// Elements are about to be made: asked before memory is taken for them.
    pub(super) fn make(&mut self, rows: usize, steps: usize, span: Span) -> Result<(), EvalError> {
        let elements = rows.saturating_mul(steps);
        self.elements = self.elements.saturating_add(elements);
        if self.elements > self.element_limit {
            let message = format!(
                "too many elements: the limit of {} a query is reached here; select fewer series or evaluate at fewer moments",
                self.element_limit
            );
            return Err(EvalError::new(span, EvalErrorKind::ElementLimit, message));
        }
        self.work(elements, span)
    }

    /// A label was made.
    pub(super) fn label(&mut self, bytes: usize, span: Span) -> Result<(), EvalError> {
        self.label_bytes = self.label_bytes.saturating_add(bytes);
        if self.label_bytes > self.label_limit {
            let message = format!(
                "too long labels: the limit of {} bytes that a query may make is reached here; select fewer series or make shorter labels",
                self.label_limit
            );
            return Err(EvalError::new(span, EvalErrorKind::LabelLimit, message));
        }
        self.work(bytes / BYTES_PER_WORK, span)
    }

    /// Something took time.
    pub(super) fn work(&mut self, units: usize, span: Span) -> Result<(), EvalError> {
        self.work = self.work.saturating_add(units);
        if self.work < POLL_EVERY {
            return Ok(());
        }
        self.work = 0;
        self.ask(span)
    }

    /// Asks at once.
    fn ask(&self, span: Span) -> Result<(), EvalError> {
        if (self.stop)() {
            let message = "stopped here: the time for this query is up";
            return Err(EvalError::new(span, EvalErrorKind::Stopped, message));
        }
        Ok(())
    }
}
