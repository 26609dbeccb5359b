//! Typed trees: what [`super::Query`] makes of an expression, once.
//!
//! Every node keeps what it derived from labels, and knows whether it yields the same at all moments (`@`), in which case
//! it is evaluated at one moment only.

mod build;

use std::sync::Arc;

pub(super) use self::build::build;
use super::{
    Context, EvalError,
    aggregate::{CountValues, Group},
    binary::WithScalar,
    block::{Block, Numbers, Relabel},
    call,
    call::Rewrite,
    frame::Frame,
    histogram::Histogram,
    matching::Match,
    over::{self, RangeCall, Ranges},
    select::Select,
    set::SetMatch,
    top::{self, Top},
};
use crate::{
    ast::{BinaryOp, Span},
    functions::binary,
    labels::Labels,
    signature::Function,
    value::Point,
};

/// A whole expression.
#[derive(Debug)]
pub(super) enum Plan {
    /// A number at every moment.
    Scalar(Scalar),
    /// Elements.
    Vector(Vector),
    /// A range: only at one moment.
    Ranges(Ranges),
    /// A text.
    Text(Arc<str>, Span),
}

/// What a subquery may evaluate.
#[derive(Debug)]
pub(super) enum Evaluated {
    /// Taken as one element without labels.
    Scalar(Scalar),
    /// As it is.
    Vector(Vector),
}

/// A node that yields a number at every moment.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) kind: ScalarKind,
    pub(super) span: Span,
    pub(super) invariant: bool,
}

/// What a scalar is.
#[derive(Debug)]
pub(super) enum ScalarKind {
    Number(f64),
    /// `time()`
    Time,
    Negate(Box<Scalar>),
    Binary(BinaryOp, Box<[Scalar; 2]>),
    /// `scalar(…)`
    OfVector(Box<Vector>),
}

/// A node that yields elements.
#[derive(Debug)]
pub(super) struct Vector {
    pub(super) kind: VectorKind,
    pub(super) span: Span,
    pub(super) invariant: bool,
}

/// What a vector is.
#[derive(Debug)]
pub(super) enum VectorKind {
    Select(Select),
    /// `timestamp(selector)`: the times of the samples.
    SampleTimes(Box<(Select, Relabel)>),
    /// `timestamp(anything else)`: the times of evaluation.
    EvalTimes(Box<(Vector, Relabel)>),
    Negate(Box<(Vector, Relabel)>),
    /// A function of each value.
    Map(Box<call::Map>),
    /// `vector(…)`
    OfScalar(Box<Scalar>),
    /// `hour()` and its kind, of the moment of evaluation.
    Now(Function),
    WithScalar(Box<WithScalar>),
    Match(Box<Match>),
    Set(Box<SetMatch>),
    Group(Box<Group>),
    Top(Box<Top>),
    CountValues(Box<CountValues>),
    Range(Box<RangeCall>),
    /// `absent(…)`, with the labels of its element.
    Absent(Box<Vector>, Arc<[Labels]>),
    /// `absent_over_time(…)`, with the labels of its element.
    AbsentOverTime(Box<Ranges>, Arc<[Labels]>),
    Histogram(Box<Histogram>),
    /// `label_replace` and `label_join`.
    Rewrite(Box<Rewrite>),
    Sort {
        arg: Box<Vector>,
        descending: bool,
    },
}

impl Plan {
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Scalar(scalar) => scalar.span,
            Self::Vector(vector) => vector.span,
            Self::Ranges(ranges) => ranges.span(),
            Self::Text(_, span) => *span,
        }
    }
}

impl Evaluated {
    /// A scalar becomes one element without labels.
    pub(super) fn eval_vector(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        match self {
            Self::Vector(vector) => vector.eval(frame, cx),
            Self::Scalar(scalar) => scalar.eval_vector(frame, cx),
        }
    }
}

impl Scalar {
    pub(super) fn eval(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Numbers, EvalError> {
        if let ScalarKind::Number(number) = self.kind {
            return Ok(Numbers::Same(number));
        }
        if self.invariant && frame.count > 1 {
            let one = self.eval_at(Frame::moment(frame.start), cx)?;
            return Ok(Numbers::Same(one.at(0)));
        }
        cx.meter.make(1, frame.count, self.span)?;
        self.eval_at(frame, cx)
    }

    fn eval_at(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Numbers, EvalError> {
        match &mut self.kind {
            ScalarKind::Number(number) => Ok(Numbers::Same(*number)),
            ScalarKind::Time => Ok(seconds(frame)),
            ScalarKind::Negate(inner) => {
                let mut numbers = inner.eval(frame, cx)?;
                numbers.map(|number| -number);
                Ok(numbers)
            }
            ScalarKind::Binary(op, sides) => {
                let [lhs, rhs] = &mut **sides;
                let (lhs, rhs) = (lhs.eval(frame, cx)?, rhs.eval(frame, cx)?);
                Ok(both(*op, &lhs, &rhs, frame))
            }
            ScalarKind::OfVector(vector) => {
                let block = vector.eval(frame, cx)?;
                cx.meter.work(block.values.len(), self.span)?;
                Ok(call::scalar(&block))
            }
        }
    }

    /// As one element without labels.
    pub(super) fn eval_vector(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let numbers = self.eval(frame, cx)?;
        let mut block = Block::absent([Labels::default()].into(), frame.count, self.span, cx)?;
        for (step, value) in block.values.iter_mut().enumerate() {
            *value = numbers.at(step);
        }
        Ok(block)
    }
}

/// The moments, in seconds.
pub(super) fn seconds(frame: Frame) -> Numbers {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of our time are far below 2^53")]
    let second = |step| frame.at(step) as f64 / 1000.0;
    match frame.count {
        1 => Numbers::Same(second(0)),
        count => Numbers::Each((0..count).map(second).collect()),
    }
}

fn both(op: BinaryOp, lhs: &Numbers, rhs: &Numbers, frame: Frame) -> Numbers {
    let compute = |l, r| {
        if op.is_comparison() {
            f64::from(u8::from(binary::compare(op, l, r)))
        } else {
            binary::arithmetic(op, l, r)
        }
    };
    match (lhs, rhs) {
        (Numbers::Same(l), Numbers::Same(r)) => Numbers::Same(compute(*l, *r)),
        _ => Numbers::Each(
            (0..frame.count)
                .map(|step| compute(lhs.at(step), rhs.at(step)))
                .collect(),
        ),
    }
}

impl Vector {
    /// Every element at every moment; see the module's text for nodes that are the same at all of them.
    pub(super) fn eval(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        if self.invariant && frame.count > 1 {
            let one = self.eval_at(Frame::moment(frame.start), cx)?;
            return one.repeated(frame.count, self.span, cx);
        }
        self.eval_at(frame, cx)
    }

    fn eval_at(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let span = self.span;
        match &mut self.kind {
            VectorKind::Select(select) => select.eval(frame, |point| point.value, cx),
            VectorKind::SampleTimes(parts) => {
                let block = parts.0.eval(frame, sample_seconds, cx)?;
                call::drop_names(block, &mut parts.1, span, cx)
            }
            VectorKind::EvalTimes(parts) => {
                let mut block = parts.0.eval(frame, cx)?;
                let seconds = seconds(frame);
                block.map(span, cx, |_, step| seconds.at(step))?;
                call::drop_names(block, &mut parts.1, span, cx)
            }
            VectorKind::Negate(parts) => {
                let mut block = parts.0.eval(frame, cx)?;
                block.map(span, cx, |value, _| -value)?;
                call::drop_names(block, &mut parts.1, span, cx)
            }
            VectorKind::Map(map) => map.eval(frame, span, cx),
            VectorKind::OfScalar(scalar) => scalar.eval_vector(frame, cx),
            VectorKind::Now(function) => call::now(*function, frame, span, cx),
            VectorKind::WithScalar(node) => node.eval(frame, span, cx),
            VectorKind::Match(node) => node.eval(frame, cx),
            VectorKind::Set(node) => node.eval(frame, span, cx),
            VectorKind::Group(node) => node.eval(frame, span, cx),
            VectorKind::Top(node) => node.eval(frame, span, cx),
            VectorKind::CountValues(node) => node.eval(frame, span, cx),
            VectorKind::Range(node) => node.eval(frame, cx),
            VectorKind::Absent(arg, labels) => {
                let block = arg.eval(frame, cx)?;
                over::absent(&block, labels, frame, span, cx)
            }
            VectorKind::AbsentOverTime(ranges, labels) => over::absent_over_time(ranges, labels, frame, cx),
            VectorKind::Histogram(node) => node.eval(frame, span, cx),
            VectorKind::Rewrite(node) => node.eval(frame, span, cx),
            VectorKind::Sort { arg, descending } => {
                let block = arg.eval(frame, cx)?;
                Ok(top::sort(block, *descending, span, cx))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of our time are far below 2^53")]
fn sample_seconds(point: Point) -> f64 {
    point.at as f64 / 1000.0
}
