//! Functions of single values and of labels, and the way between scalars and vectors.

use super::{
    Context, EvalError, EvalErrorKind,
    block::{ABSENT, Block, Collision, Numbers, Relabel, is_absent, without_name},
    frame::Frame,
    plan::{Scalar, Vector, seconds},
};
use crate::{
    ast::Span,
    functions::{calendar, label, math},
    labels::Labels,
    signature::Function,
};

/// `abs(a)`, `clamp(a, 1, 2)`, `hour(a)`.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) function: Function,
    pub(super) arg: Vector,
    pub(super) params: Vec<Scalar>,
    pub(super) names: Relabel,
}

/// Most numbers that a function of a value takes besides it: `clamp`.
const MAX_PARAMS: usize = 2;

impl Map {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let mut block = self.arg.eval(frame, cx)?;
        let params: Vec<Numbers> = self
            .params
            .iter_mut()
            .map(|param| param.eval(frame, cx))
            .collect::<Result<_, _>>()?;
        let function = self.function;
        if is_calendar(function) {
            block.map(span, cx, |value, _| calendar::apply(function, value))?;
        } else if function == Function::Clamp {
            clamp(&mut block, &params, span, cx)?;
        } else {
            let count = params.len().min(MAX_PARAMS);
            block.map(span, cx, |value, step| {
                let mut at_step = [0.0; MAX_PARAMS];
                for (place, numbers) in at_step.iter_mut().zip(&params) {
                    *place = numbers.at(step);
                }
                math::apply(function, value, &at_step[..count])
            })?;
        }
        drop_names(block, &mut self.names, span, cx)
    }
}

/// With bounds the wrong way round there is no value at all.
fn clamp(block: &mut Block, params: &[Numbers], span: Span, cx: &mut Context<'_>) -> Result<(), EvalError> {
    let [lower, upper] = params else { return Ok(()) };
    block.map(span, cx, |value, step| {
        let bounds = [lower.at(step), upper.at(step)];
        if math::clamps_all_away(bounds[0], bounds[1]) {
            ABSENT
        } else {
            math::apply(Function::Clamp, value, &bounds)
        }
    })
}

/// Functions of the calendar, which without an argument tell of the moment of evaluation.
pub(super) const fn is_calendar(function: Function) -> bool {
    matches!(
        function,
        Function::DayOfMonth
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::DaysInMonth
            | Function::Hour
            | Function::Minute
            | Function::Month
            | Function::Year
    )
}

/// `hour()`
pub(super) fn now(function: Function, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
    let mut block = Block::absent([Labels::default()].into(), frame.count, span, cx)?;
    let seconds = seconds(frame);
    for (step, value) in block.values.iter_mut().enumerate() {
        *value = calendar::apply(function, seconds.at(step));
    }
    Ok(block)
}

/// `scalar(a)`: the value of the only element, NaN when there is another number of them.
pub(super) fn scalar(block: &Block) -> Numbers {
    let at = |step| {
        let mut present = (0..block.rows())
            .map(|row| block.get(row, step))
            .filter(|value| !is_absent(*value));
        match (present.next(), present.next()) {
            (Some(only), None) => only,
            _ => f64::NAN,
        }
    };
    match block.steps {
        1 => Numbers::Same(at(0)),
        steps => Numbers::Each((0..steps).map(at).collect()),
    }
}

/// The same elements without their names.
pub(super) fn drop_names(
    block: Block,
    names: &mut Relabel,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<Block, EvalError> {
    names.apply(block, without_name, Collision::SameMoment, span, cx)
}

/// `label_replace` or `label_join`.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub(super) arg: Vector,
    pub(super) how: How,
    pub(super) names: Relabel,
}

/// What becomes of labels.
#[derive(Debug)]
pub(super) enum How {
    Replace(label::Replace),
    Join(label::Join),
}

impl How {
    /// New labels and which of them is new; None: they stay as they are.
    fn apply(&self, labels: &Labels) -> Result<Option<(Labels, &str)>, label::TooLong> {
        Ok(match self {
            Self::Replace(replace) => replace.apply(labels)?.map(|made| (made, replace.destination())),
            Self::Join(join) => Some((join.apply(labels)?, join.destination())),
        })
    }
}

impl Rewrite {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let block = self.arg.eval(frame, cx)?;
        let how = &self.how;
        let rewritten = |labels: &Labels, cx: &mut Context<'_>| {
            let made = how.apply(labels);
            let made = made.map_err(|error| EvalError::new(span, EvalErrorKind::LabelLimit, error.to_string()))?;
            let Some((made, destination)) = made else {
                return Ok(labels.clone());
            };
            cx.meter
                .label(made.get(destination).map_or(0, |value| value.len()), span)?;
            Ok(made)
        };
        self.names.try_apply(block, rewritten, Collision::SameMoment, span, cx)
    }
}
