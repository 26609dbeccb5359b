//! What a node yields: label sets, and for each of them a value or none at every moment.

use std::{collections::HashMap, sync::Arc};

use super::{Context, EvalError, EvalErrorKind, meter::LABEL_WORK};
use crate::{
    ast::Span,
    labels::{Labels, METRIC_NAME},
    value,
};

/// Stands for "no value". No computation yields it: it is a signalling NaN, and what selectors read is never stale.
pub(super) const ABSENT: f64 = value::stale_marker();

/// Whether there is no value.
pub(super) const fn is_absent(value: f64) -> bool {
    value::is_stale(value)
}

/// The values of a row that are there, with the numbers of their moments.
pub(super) fn present(row: &[f64]) -> impl Iterator<Item = (usize, f64)> {
    let all = row.iter().copied().enumerate();
    all.filter(|(_, value)| !is_absent(*value))
}

/// Distinct label sets, and `steps` values for each, one set after another.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) labels: Arc<[Labels]>,
    pub(super) values: Vec<f64>,
    pub(super) steps: usize,
}

impl Block {
    /// All values absent. Without any labels, too, the moments count: there are loops over them.
    pub(super) fn absent(
        labels: Arc<[Labels]>,
        steps: usize,
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<Self, EvalError> {
        cx.meter.make(labels.len().max(1), steps, span)?;
        let values = vec![ABSENT; labels.len() * steps];
        Ok(Self { labels, values, steps })
    }

    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(super) fn get(&self, row: usize, step: usize) -> f64 {
        self.values[row * self.steps + step]
    }

    /// Replaces every value that is there, given the number of its moment.
    pub(super) fn map(
        &mut self,
        span: Span,
        cx: &mut Context<'_>,
        mut change: impl FnMut(f64, usize) -> f64,
    ) -> Result<(), EvalError> {
        for row in self.values.chunks_exact_mut(self.steps) {
            cx.meter.work(row.len(), span)?;
            for (step, value) in row.iter_mut().enumerate() {
                if !is_absent(*value) {
                    *value = change(*value, step);
                }
            }
        }
        Ok(())
    }

    /// The one moment of this block, repeated.
    pub(super) fn repeated(self, steps: usize, span: Span, cx: &mut Context<'_>) -> Result<Self, EvalError> {
        cx.meter.make(self.rows(), steps, span)?;
        let values = self
            .values
            .iter()
            .flat_map(|value| std::iter::repeat_n(*value, steps))
            .collect();
        Ok(Self {
            labels: self.labels,
            values,
            steps,
        })
    }
}

/// One number for each moment.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    /// The same at all moments.
    Same(f64),
    /// One each.
    Each(Vec<f64>),
}

impl Numbers {
    pub(super) fn at(&self, step: usize) -> f64 {
        match self {
            Self::Same(number) => *number,
            Self::Each(numbers) => numbers[step],
        }
    }

    pub(super) fn map(&mut self, change: impl Fn(f64) -> f64) {
        match self {
            Self::Same(number) => *number = change(*number),
            Self::Each(numbers) => numbers.iter_mut().for_each(|number| *number = change(*number)),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> {
        match self {
            Self::Same(number) => std::slice::from_ref(number),
            Self::Each(numbers) => numbers,
        }
        .iter()
        .copied()
    }
}

/// Without what says what the metric is: its name, and the type and unit that newer exporters add.
pub(super) fn without_name(labels: &Labels) -> Labels {
    labels.filtered(|name| !matches!(name, METRIC_NAME | "__type__" | "__unit__"))
}

/// When two elements with the same labels are an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collision {
    /// When they meet at one moment.
    SameMoment,
    /// Always, as Prometheus has it for functions over ranges.
    Ever,
}

/// New labels for the rows of a block, remembered as long as its labels stay the same.
#[derive(Debug, Default)]
pub(super) struct Relabel {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    from: Arc<[Labels]>,
    to: Arc<[Labels]>,
    /// For every old row the new one; None: the same.
    rows: Option<Vec<u32>>,
}

impl Relabel {
    /// Gives every row its new labels, and puts rows together that are the same now.
    pub(super) fn apply(
        &mut self,
        block: Block,
        change: impl Fn(&Labels) -> Labels,
        collision: Collision,
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<Block, EvalError> {
        self.try_apply(block, |labels, _| Ok(change(labels)), collision, span, cx)
    }

    /// The same where a change may be refused.
    pub(super) fn try_apply(
        &mut self,
        block: Block,
        change: impl Fn(&Labels, &mut Context<'_>) -> Result<Labels, EvalError>,
        collision: Collision,
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<Block, EvalError> {
        let known = match &mut self.known {
            Some(known) if Arc::ptr_eq(&known.from, &block.labels) => known,
            outdated => outdated.insert(Known::new(&block.labels, change, span, cx)?),
        };
        match &known.rows {
            None => Ok(Block {
                labels: Arc::clone(&known.to),
                ..block
            }),
            Some(rows) => merge(&block, &known.to, rows, collision, span, cx),
        }
    }
}

impl Known {
    fn new(
        from: &Arc<[Labels]>,
        change: impl Fn(&Labels, &mut Context<'_>) -> Result<Labels, EvalError>,
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<Self, EvalError> {
        let mut distinct = Distinct::default();
        let mut rows = Vec::with_capacity(from.len());
        for labels in from.iter() {
            cx.meter.work(LABEL_WORK, span)?;
            rows.push(distinct.row(change(labels, cx)?));
        }
        let all_distinct = distinct.len() == from.len();
        Ok(Self {
            from: Arc::clone(from),
            to: distinct.finish(),
            rows: (!all_distinct).then_some(rows),
        })
    }
}

fn merge(
    block: &Block,
    to: &Arc<[Labels]>,
    rows: &[u32],
    collision: Collision,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<Block, EvalError> {
    let mut merged = Block::absent(Arc::clone(to), block.steps, span, cx)?;
    let mut taken_by = vec![None; to.len()];
    for (old, new) in rows.iter().map(|row| *row as usize).enumerate() {
        for (step, value) in present(block.row(old)) {
            let place = &mut merged.values[new * block.steps + step];
            let taken = match collision {
                Collision::SameMoment => !is_absent(*place),
                Collision::Ever => taken_by[new].is_some_and(|by| by != old),
            };
            if taken {
                let same_moment = |row: &usize| rows[*row] as usize == new && !is_absent(block.get(*row, step));
                let other = (0..old).find(same_moment).or(taken_by[new]).unwrap_or(old);
                return Err(duplicate(span, &to[new], &block.labels[other], &block.labels[old]));
            }
            *place = value;
            taken_by[new] = Some(old);
        }
    }
    Ok(merged)
}

/// Two elements became the same.
pub(super) fn duplicate(span: Span, both: &Labels, one: &Labels, other: &Labels) -> EvalError {
    EvalError {
        detail: Some(format!("{one} and {other} both become {both}")),
        ..EvalError::new(
            span,
            EvalErrorKind::DuplicateLabels,
            "vector cannot contain metrics with the same labelset",
        )
    }
}

/// Label sets in the order of their first appearance, each once.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    labels: Vec<Labels>,
    rows: HashMap<Labels, u32>,
}

impl Distinct {
    /// The row of a label set, new or known.
    pub(super) fn row(&mut self, labels: Labels) -> u32 {
        if let Some(row) = self.rows.get(&labels) {
            return *row;
        }
        // Rows are fewer than series, whose ids are 32 bits.
        let row = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.labels.push(labels.clone());
        self.rows.insert(labels, row);
        row
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn get(&self, row: u32) -> &Labels {
        &self.labels[row as usize]
    }

    /// All of them, and more may come.
    pub(super) fn so_far(&self) -> Arc<[Labels]> {
        self.labels.as_slice().into()
    }

    pub(super) fn finish(self) -> Arc<[Labels]> {
        self.labels.into()
    }
}
