//! Functions over ranges and subqueries.

use std::sync::Arc;

use super::{
    Context, EvalError,
    block::{ABSENT, Block, Collision, Numbers, Relabel, is_absent, without_name},
    frame::Frame,
    notes::Note,
    plan::{Evaluated, Scalar},
    select::{self, Select},
};
use crate::{
    ast::{Shift, Span},
    functions::{Window, range},
    labels::Labels,
    signature::Function,
    storage::SeriesId,
    value::Point,
};

/// A range vector.
#[derive(Debug)]
pub(super) enum Ranges {
    /// `a[5m]`
    Samples {
        /// Of which series.
        select: Select,
        /// Milliseconds.
        range: i64,
    },
    /// `(…)[1h:5m]`
    Subquery(Box<Subquery>),
}

/// `(…)[1h:5m]`
#[derive(Debug)]
pub(super) struct Subquery {
    pub(super) inner: Evaluated,
    pub(super) range: i64,
    pub(super) step: Option<i64>,
    pub(super) shift: Shift,
    pub(super) span: Span,
}

/// `rate(a[5m])` and its kind.
#[derive(Debug)]
pub(super) struct RangeCall {
    pub(super) function: Function,
    pub(super) ranges: Ranges,
    /// The scalar argument, of those that have one.
    pub(super) param: Option<Scalar>,
    /// Where the first argument stands.
    pub(super) arg_span: Span,
    pub(super) span: Span,
    pub(super) names: Relabel,
}

/// A function's numbers besides its window.
type Params = [f64; 2];

impl Subquery {
    /// The inner expression at all moments that any of `moments` (shifted already) needs; None: at none.
    pub(super) fn eval(&mut self, moments: Frame, cx: &mut Context<'_>) -> Result<Option<(Frame, Block)>, EvalError> {
        let inner = moments.subquery(self.range, self.step.unwrap_or(cx.default_step));
        if inner.count == 0 {
            return Ok(None);
        }
        Ok(Some((inner, self.inner.eval_vector(inner, cx)?)))
    }
}

impl Ranges {
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Samples { select, .. } => select.span,
            Self::Subquery(subquery) => subquery.span,
        }
    }

    /// One row for every series; at every moment what `compute` makes of the window that ends there, given the
    /// moment's number, the window's milliseconds and its points.
    fn eval(
        &mut self,
        frame: Frame,
        cx: &mut Context<'_>,
        compute: impl Fn(usize, Window<'_>) -> Option<f64>,
    ) -> Result<Block, EvalError> {
        match self {
            Self::Samples { select, range } => {
                let moments = frame.shifted(select.shift, cx);
                let (span, range) = (select.span, *range);
                let (ids, labels) = select.resolve(cx)?;
                let mut block = Block::absent(Arc::clone(labels), frame.count, span, cx)?;
                for (id, row) in ids.iter().zip(block.values.chunks_exact_mut(frame.count)) {
                    of_series(*id, row, (moments, range), span, cx, &compute)?;
                }
                Ok(block)
            }
            Self::Subquery(subquery) => {
                let moments = frame.shifted(subquery.shift, cx);
                let Some((inner_frame, inner)) = subquery.eval(moments, cx)? else {
                    return Block::absent(Arc::default(), frame.count, subquery.span, cx);
                };
                of_subquery(
                    &inner,
                    inner_frame,
                    (moments, subquery.range),
                    subquery.span,
                    cx,
                    &compute,
                )
            }
        }
    }
}

fn of_series(
    id: SeriesId,
    row: &mut [f64],
    (moments, range): (Frame, i64),
    span: Span,
    cx: &mut Context<'_>,
    compute: &impl Fn(usize, Window<'_>) -> Option<f64>,
) -> Result<(), EvalError> {
    select::windows(id, moments, range, span, cx, |step, points| {
        row[step] = compute(step, window(points, moments, range, step)).unwrap_or(ABSENT);
    })
}

fn of_subquery(
    inner: &Block,
    inner_frame: Frame,
    (moments, range): (Frame, i64),
    span: Span,
    cx: &mut Context<'_>,
    compute: &impl Fn(usize, Window<'_>) -> Option<f64>,
) -> Result<Block, EvalError> {
    let mut block = Block::absent(Arc::clone(&inner.labels), moments.count, span, cx)?;
    for row in 0..inner.rows() {
        select::points_of(inner.row(row), inner_frame, &mut cx.buffer);
        let place = block.row_mut(row);
        cx.meter.work(inner_frame.count, span)?;
        select::slide(&cx.buffer, moments, range, span, &mut cx.meter, |step, points| {
            place[step] = compute(step, window(points, moments, range, step)).unwrap_or(ABSENT);
        })?;
    }
    Ok(block)
}

fn window(points: &[Point], moments: Frame, range: i64, step: usize) -> Window<'_> {
    let end = moments.at(step);
    Window {
        points,
        start: end.saturating_sub(range),
        end,
    }
}

impl RangeCall {
    pub(super) fn eval(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let param = match &mut self.param {
            Some(param) => param.eval(frame, cx)?,
            None => Numbers::Same(0.0),
        };
        self.check(&param, cx);
        let function = self.function;
        let compute = |step: usize, window: Window<'_>| {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of our time are far below 2^53")]
            let params: Params = [param.at(step), frame.at(step) as f64];
            range::apply(function, &window, &params[..parameters(function)])
        };
        let block = self.ranges.eval(frame, cx, compute)?;
        self.note_names(&block, cx);
        if matches!(function, Function::FirstOverTime | Function::LastOverTime) {
            return Ok(block);
        }
        self.names.apply(block, without_name, Collision::Ever, self.span, cx)
    }

    fn check(&self, param: &Numbers, cx: &mut Context<'_>) {
        if self.function == Function::QuantileOverTime {
            param
                .iter()
                .for_each(|quantile| cx.notes.check_quantile(self.arg_span, quantile));
        }
    }

    fn note_names(&self, block: &Block, cx: &mut Context<'_>) {
        if !matches!(self.function, Function::Rate | Function::Increase) {
            return;
        }
        for (row, labels) in block.labels.iter().enumerate() {
            if let Some(name) = labels.metric_name().filter(|name| !is_counter(name))
                && block.row(row).iter().any(|value| !is_absent(*value))
            {
                cx.notes.add(self.arg_span, Note::NotACounter(Arc::clone(name)));
            }
        }
    }
}

/// How many numbers besides the window a function takes.
const fn parameters(function: Function) -> usize {
    match function {
        Function::QuantileOverTime => 1,
        // The duration, and the moment of evaluation.
        Function::PredictLinear => 2,
        _ => 0,
    }
}

fn is_counter(name: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// `absent_over_time`: one element wherever no series has a sample in its range.
pub(super) fn absent_over_time(
    ranges: &mut Ranges,
    labels: &Arc<[Labels]>,
    frame: Frame,
    cx: &mut Context<'_>,
) -> Result<Block, EvalError> {
    let block = ranges.eval(frame, cx, |_, _| Some(1.0))?;
    absent(&block, labels, frame, ranges.span(), cx)
}

/// One element wherever no row of `block` has one.
pub(super) fn absent(
    block: &Block,
    labels: &Arc<[Labels]>,
    frame: Frame,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<Block, EvalError> {
    let mut answer = Block::absent(Arc::clone(labels), frame.count, span, cx)?;
    for step in 0..frame.count {
        if (0..block.rows()).all(|row| is_absent(block.get(row, step))) {
            answer.values[step] = 1.0;
        }
    }
    Ok(answer)
}
