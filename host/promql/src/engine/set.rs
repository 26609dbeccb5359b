//! `and`, `or`, `unless`.

use std::sync::Arc;

use super::{
    Context, EvalError,
    block::{ABSENT, Block, Distinct, is_absent},
    frame::Frame,
    matching::Signatures,
    meter::LABEL_WORK,
    plan::Vector,
};
use crate::{
    ast::{BinaryOp, Matching, Span},
    labels::Labels,
};

/// `a and on(x) b`
#[derive(Debug)]
pub(super) struct SetMatch {
    pub(super) op: BinaryOp,
    pub(super) sides: [Vector; 2],
    pub(super) matching: Matching,
    pub(super) signatures: Signatures,
    pub(super) union: Union,
}

impl SetMatch {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let [lhs, rhs] = &mut self.sides;
        let (mut lhs, mut rhs) = (lhs.eval(frame, cx)?, rhs.eval(frame, cx)?);
        cx.meter.work(lhs.values.len() + rhs.values.len(), span)?;
        let known = self
            .signatures
            .of(&self.matching, [&lhs.labels, &rhs.labels], span, cx)?;
        match self.op {
            BinaryOp::Or => {
                keep(&mut rhs, &known.right, &lhs, &known.left, known.count, false);
                self.union.of(lhs, &rhs, span, cx)
            }
            op => {
                keep(
                    &mut lhs,
                    &known.left,
                    &rhs,
                    &known.right,
                    known.count,
                    op == BinaryOp::And,
                );
                Ok(lhs)
            }
        }
    }
}

/// Removes every element of `block` unless the other side has an element with its signature at that moment (`wanted`) or
/// has none.
fn keep(block: &mut Block, own: &[u32], other: &Block, theirs: &[u32], signatures: usize, wanted: bool) {
    let mut seen = vec![false; signatures];
    for step in 0..block.steps {
        seen.fill(false);
        for (row, signature) in theirs.iter().enumerate() {
            seen[*signature as usize] |= !is_absent(other.get(row, step));
        }
        for (row, signature) in own.iter().enumerate() {
            if seen[*signature as usize] != wanted {
                block.values[row * block.steps + step] = ABSENT;
            }
        }
    }
}

/// The rows of two blocks together, remembered as long as both have the same labels.
#[derive(Debug, Default)]
pub(super) struct Union {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    from: [Arc<[Labels]>; 2],
    to: Arc<[Labels]>,
    /// Where each row of the right side stands in the result. The left ones stay where they are.
    right: Vec<u32>,
}

impl Union {
    /// Elements of both, which never have the same labels at the same moment: those would have had the same signature.
    fn of(&mut self, lhs: Block, rhs: &Block, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let known = match &mut self.known {
            Some(known) if Arc::ptr_eq(&known.from[0], &lhs.labels) && Arc::ptr_eq(&known.from[1], &rhs.labels) => {
                known
            }
            outdated => outdated.insert(Known::new(&lhs.labels, &rhs.labels, span, cx)?),
        };
        cx.meter.make(known.to.len() - lhs.rows(), lhs.steps, span)?;
        let mut block = Block {
            labels: Arc::clone(&known.to),
            values: lhs.values,
            steps: lhs.steps,
        };
        block.values.resize(known.to.len() * block.steps, ABSENT);
        for (row, to) in known.right.iter().enumerate() {
            for (place, value) in block.row_mut(*to as usize).iter_mut().zip(rhs.row(row)) {
                if !is_absent(*value) {
                    *place = *value;
                }
            }
        }
        Ok(block)
    }
}

impl Known {
    fn new(left: &Arc<[Labels]>, right: &Arc<[Labels]>, span: Span, cx: &mut Context<'_>) -> Result<Self, EvalError> {
        let mut distinct = Distinct::default();
        let mut row = |labels: &Labels| {
            cx.meter.work(LABEL_WORK, span)?;
            Ok(distinct.row(labels.clone()))
        };
        left.iter().try_for_each(|labels| row(labels).map(drop))?;
        let right_rows = right.iter().map(row).collect::<Result<_, EvalError>>()?;
        Ok(Self {
            from: [Arc::clone(left), Arc::clone(right)],
            to: distinct.finish(),
            right: right_rows,
        })
    }
}
