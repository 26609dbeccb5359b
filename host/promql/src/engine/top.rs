//! Order: `topk`, `bottomk`, `sort`, `sort_desc`.

use std::{cmp::Ordering, sync::Arc};

use super::{
    Context, EvalError, EvalErrorKind,
    aggregate::Groups,
    block::{ABSENT, Block, Numbers, is_absent},
    frame::Frame,
    notes::Note,
    plan::{Scalar, Vector},
};
use crate::{
    ast::{Grouping, Span},
    functions::format,
};

/// `topk by (x) (3, a)`
#[derive(Debug)]
pub(super) struct Top {
    /// `topk` instead of `bottomk`.
    pub(super) greatest: bool,
    pub(super) param: Scalar,
    pub(super) arg: Vector,
    pub(super) grouping: Grouping,
    pub(super) groups: Groups,
}

/// From here on a float has no integer of 64 bits.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

impl Top {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let counts = self.param.eval(frame, cx)?;
        let mut block = self.arg.eval(frame, cx)?;
        if !check(&counts, self.param.span)? {
            return Block::absent(Arc::default(), frame.count, span, cx);
        }
        let groups = self.groups.of(&self.grouping, &block.labels, span, cx)?;
        let mut order = Vec::new();
        let mut chosen: Vec<(u32, f64)> = Vec::new();
        for rows in groups.iter() {
            for step in 0..frame.count {
                chosen.clear();
                let values = rows.iter().map(|row| (*row, block.get(*row as usize, step)));
                chosen.extend(values.filter(|(_, value)| !is_absent(*value)));
                cx.meter.work(rows.len(), span)?;
                // Less than one is none, and saturation takes care of the rest.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "meant: 2.9 is 2, -1 is 0"
                )]
                let count = counts.at(step) as usize;
                let (kept, dropped) = select(&mut chosen, count, self.greatest);
                kept.sort_by(|a, b| compare(a.1, b.1, self.greatest));
                for (row, _) in dropped {
                    block.values[*row as usize * frame.count + step] = ABSENT;
                }
                order.extend(kept.iter().map(|(row, _)| *row as usize));
            }
        }
        if frame.count > 1 {
            return Ok(block);
        }
        Ok(reordered(&block, &order))
    }
}

/// Whether any element is wanted at any moment.
fn check(counts: &Numbers, span: Span) -> Result<bool, EvalError> {
    let refuse = |message: String| Err(EvalError::new(span, EvalErrorKind::Parameter, message));
    if counts.iter().all(|count| count < 1.0) {
        return Ok(false);
    }
    for count in counts.iter() {
        if count.is_nan() {
            return refuse("Parameter value is NaN".into());
        }
        if count <= -INTEGERS_END {
            return refuse(format!("Scalar value {} underflows int64", format::general(count)));
        }
        if count >= INTEGERS_END {
            return refuse(format!("Scalar value {} overflows int64", format::general(count)));
        }
    }
    Ok(true)
}

/// A row and its value at one moment.
type Element = (u32, f64);

/// Moves the `count` elements that are to be kept before the others. Among equals those stay that stay in Prometheus, which keeps a
/// heap with the worst element at its root: a new one takes the root's place only if it is better.
fn select(elements: &mut [Element], count: usize, greatest: bool) -> (&mut [Element], &[Element]) {
    let (heap, others) = elements.split_at_mut(count.min(elements.len()));
    let worse = |a: f64, b: f64| a.is_nan() || if greatest { a < b } else { a > b };
    for new in 1..heap.len() {
        sift_up(heap, new, worse);
    }
    for other in others.iter_mut() {
        let Some(root) = heap.first_mut() else { break };
        let better = !other.1.is_nan() && worse(root.1, other.1);
        if better {
            std::mem::swap(root, other);
            sift_down(heap, worse);
        }
    }
    (heap, others)
}

/// Moves the element at `at` towards the root.
fn sift_up(heap: &mut [Element], mut at: usize, worse: impl Fn(f64, f64) -> bool) {
    while at > 0 {
        let parent = (at - 1) / 2;
        if !worse(heap[at].1, heap[parent].1) {
            return;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Moves the root towards the leaves.
fn sift_down(heap: &mut [Element], worse: impl Fn(f64, f64) -> bool) {
    let mut at = 0;
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        if left >= heap.len() {
            return;
        }
        let right_is_worse = right < heap.len() && worse(heap[right].1, heap[left].1);
        let child = if right_is_worse { right } else { left };
        if !worse(heap[child].1, heap[at].1) {
            return;
        }
        heap.swap(child, at);
        at = child;
    }
}

/// NaN comes last in either direction.
fn compare(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => {
            let ascending = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { ascending.reverse() } else { ascending }
        }
        (a, b) => a.cmp(&b),
    }
}

/// These rows only, in this order. The block has one moment.
fn reordered(block: &Block, rows: &[usize]) -> Block {
    Block {
        labels: rows.iter().map(|row| block.labels[*row].clone()).collect(),
        values: rows.iter().map(|row| block.values[*row]).collect(),
        steps: 1,
    }
}

/// Elements in the order of their values, where there is one moment only.
pub(super) fn sort(block: Block, descending: bool, span: Span, cx: &mut Context<'_>) -> Block {
    if block.steps > 1 {
        cx.notes.add(span, Note::IneffectiveSort);
        return block;
    }
    let mut rows: Vec<usize> = (0..block.rows()).filter(|row| !is_absent(block.values[*row])).collect();
    rows.sort_by(|a, b| compare(block.values[*a], block.values[*b], descending));
    reordered(&block, &rows)
}
