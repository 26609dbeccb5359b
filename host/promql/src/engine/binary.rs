//! Operators between a vector and a scalar.

use super::{
    Context, EvalError,
    block::{ABSENT, Block, Numbers, Relabel},
    call,
    frame::Frame,
    plan::{Scalar, Vector},
};
use crate::{
    ast::{BinaryOp, Span},
    functions::binary,
};

/// `a + 1`, `1 < bool a`.
#[derive(Debug)]
pub(super) struct WithScalar {
    pub(super) op: BinaryOp,
    pub(super) vector: Vector,
    pub(super) scalar: Scalar,
    /// Whether the scalar stands on the left.
    pub(super) scalar_first: bool,
    pub(super) bool_modifier: bool,
    pub(super) names: Relabel,
}

impl WithScalar {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let mut block = self.vector.eval(frame, cx)?;
        let numbers = self.scalar.eval(frame, cx)?;
        let (op, scalar_first) = (self.op, self.scalar_first);
        let sides = |value, number| if scalar_first { (number, value) } else { (value, number) };
        match (op.is_comparison(), self.bool_modifier) {
            (true, false) => {
                apply(&mut block, &numbers, span, cx, |value, number| {
                    let (l, r) = sides(value, number);
                    if binary::compare(op, l, r) { value } else { ABSENT }
                })?;
                return Ok(block);
            }
            (true, true) => apply(&mut block, &numbers, span, cx, |value, number| {
                let (l, r) = sides(value, number);
                f64::from(u8::from(binary::compare(op, l, r)))
            })?,
            (false, _) => apply(&mut block, &numbers, span, cx, |value, number| {
                let (l, r) = sides(value, number);
                binary::arithmetic(op, l, r)
            })?,
        }
        call::drop_names(block, &mut self.names, span, cx)
    }
}

fn apply(
    block: &mut Block,
    numbers: &Numbers,
    span: Span,
    cx: &mut Context<'_>,
    compute: impl Fn(f64, f64) -> f64,
) -> Result<(), EvalError> {
    match numbers {
        Numbers::Same(number) => block.map(span, cx, |value, _| compute(value, *number)),
        Numbers::Each(numbers) => block.map(span, cx, |value, step| compute(value, numbers[step])),
    }
}
