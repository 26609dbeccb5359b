//! Aggregations of many elements to one, and `count_values`.

use std::{collections::HashMap, sync::Arc};

use super::{
    Context, EvalError,
    block::{ABSENT, Block, Distinct, Numbers, is_absent, present},
    frame::Frame,
    meter::LABEL_WORK,
    plan::{Scalar, Vector},
};
use crate::{
    ast::{AggregateOp, Grouping, Span},
    functions::{
        format,
        statistics::{self, KahanSum, Mean, Variance},
    },
    labels::{Labels, METRIC_NAME},
};

/// `sum by (x) (a)`
#[derive(Debug)]
pub(super) struct Group {
    pub(super) op: AggregateOp,
    /// Of `quantile`.
    pub(super) param: Option<Scalar>,
    pub(super) arg: Vector,
    pub(super) grouping: Grouping,
    pub(super) groups: Groups,
}

/// Which rows belong together, remembered as long as labels stay the same.
#[derive(Debug, Default)]
pub(super) struct Groups {
    known: Option<Known>,
}

/// One state of [`Groups`].
#[derive(Debug)]
pub(super) struct Known {
    from: Arc<[Labels]>,
    /// Of each group.
    pub(super) labels: Arc<[Labels]>,
    /// Rows, those of the first group first.
    rows: Vec<u32>,
    /// Where in `rows` each group ends.
    ends: Vec<usize>,
}

impl Groups {
    pub(super) fn of(
        &mut self,
        grouping: &Grouping,
        labels: &Arc<[Labels]>,
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<&Known, EvalError> {
        let known = match self.known.take() {
            Some(known) if Arc::ptr_eq(&known.from, labels) => known,
            _ => Known::new(grouping, labels, span, cx)?,
        };
        Ok(self.known.insert(known))
    }
}

impl Known {
    fn new(grouping: &Grouping, labels: &Arc<[Labels]>, span: Span, cx: &mut Context<'_>) -> Result<Self, EvalError> {
        let mut distinct = Distinct::default();
        let mut members: Vec<Vec<u32>> = Vec::new();
        for (row, own) in (0..).zip(&**labels) {
            cx.meter.work(LABEL_WORK, span)?;
            let group = distinct.row(grouped(grouping, own)) as usize;
            members.resize_with(members.len().max(group + 1), Vec::new);
            members[group].push(row);
        }
        let mut end = 0;
        let ends = members.iter().map(|members| {
            end += members.len();
            end
        });
        Ok(Self {
            from: Arc::clone(labels),
            labels: distinct.finish(),
            ends: ends.collect(),
            rows: members.concat(),
        })
    }

    /// The rows of each group.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.rows[start..*end])
    }
}

/// The labels of the group to which an element belongs.
fn grouped(grouping: &Grouping, labels: &Labels) -> Labels {
    match grouping {
        Grouping::By(names) => labels.filtered(|name| names.iter().any(|own| **own == *name)),
        Grouping::Without(names) => {
            labels.filtered(|name| name != METRIC_NAME && !names.iter().any(|own| **own == *name))
        }
    }
}

impl Group {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let param = match &mut self.param {
            Some(param) => {
                let numbers = param.eval(frame, cx)?;
                numbers
                    .iter()
                    .for_each(|quantile| cx.notes.check_quantile(param.span, quantile));
                numbers
            }
            None => Numbers::Same(0.0),
        };
        let block = self.arg.eval(frame, cx)?;
        let groups = self.groups.of(&self.grouping, &block.labels, span, cx)?;
        let mut result = Block::absent(Arc::clone(&groups.labels), frame.count, span, cx)?;
        let mut sorted = Vec::new();
        for (rows, places) in groups.iter().zip(result.values.chunks_exact_mut(frame.count)) {
            for (step, place) in places.iter_mut().enumerate() {
                cx.meter.work(rows.len(), span)?;
                let values = rows.iter().map(|row| block.get(*row as usize, step));
                let present = values.filter(|value| !is_absent(*value));
                *place = compute(self.op, present, param.at(step), &mut sorted).unwrap_or(ABSENT);
            }
        }
        Ok(result)
    }
}

fn compute(op: AggregateOp, mut values: impl Iterator<Item = f64>, param: f64, sorted: &mut Vec<f64>) -> Option<f64> {
    let first = values.next()?;
    Some(match op {
        AggregateOp::Sum => {
            let mut sum = KahanSum::of(first);
            values.for_each(|value| sum.add(value));
            sum.total()
        }
        AggregateOp::Avg => {
            let mut mean = Mean::of(first);
            values.for_each(|value| mean.add(value));
            mean.total()
        }
        AggregateOp::Min => values.fold(first, statistics::smaller),
        AggregateOp::Max => values.fold(first, statistics::larger),
        AggregateOp::Stdvar => variance(first, values),
        AggregateOp::Stddev => variance(first, values).sqrt(),
        AggregateOp::Quantile => {
            sorted.clear();
            sorted.push(first);
            sorted.extend(values);
            statistics::quantile(param, sorted)
        }
        AggregateOp::Count => values.fold(1.0, |count, _| count + 1.0),
        // The remaining ones are nodes of their own.
        AggregateOp::Group | AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::CountValues => 1.0,
    })
}

fn variance(first: f64, values: impl Iterator<Item = f64>) -> f64 {
    let mut variance = Variance::of(first);
    values.for_each(|value| variance.add(value));
    variance.total()
}

/// `count_values("version", a)`
#[derive(Debug)]
pub(super) struct CountValues {
    pub(super) label: Arc<str>,
    pub(super) arg: Vector,
    pub(super) grouping: Grouping,
    pub(super) groups: Groups,
}

impl CountValues {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let block = self.arg.eval(frame, cx)?;
        let groups = self.groups.of(&self.grouping, &block.labels, span, cx)?;
        let deleted = match &self.grouping {
            Grouping::By(_) => false,
            Grouping::Without(names) => &*self.label == METRIC_NAME || names.contains(&self.label),
        };
        let mut counts = Counts {
            label: (!deleted).then_some(&*self.label),
            rows: Distinct::default(),
            values: Vec::new(),
            steps: frame.count,
            span,
        };
        for (labels, members) in groups.labels.iter().zip(groups.iter()) {
            let mut known = HashMap::new();
            for row in members {
                cx.meter.work(frame.count, span)?;
                for (step, value) in present(block.row(*row as usize)) {
                    counts.add(labels, step, value, &mut known, cx)?;
                }
            }
        }
        Ok(Block {
            labels: counts.rows.finish(),
            values: counts.values,
            steps: frame.count,
        })
    }
}

/// How often each value was there, in a row of its own.
struct Counts<'a> {
    /// None: deleted again by `without`.
    label: Option<&'a str>,
    rows: Distinct,
    values: Vec<f64>,
    steps: usize,
    span: Span,
}

impl Counts<'_> {
    /// `known` holds the rows of the values of this group, by their bits: so each is written as text once only.
    fn add(
        &mut self,
        group: &Labels,
        step: usize,
        value: f64,
        known: &mut HashMap<u64, usize>,
        cx: &mut Context<'_>,
    ) -> Result<(), EvalError> {
        let row = match known.get(&value.to_bits()) {
            Some(row) => *row,
            None => {
                let row = self.row(group, value, cx)?;
                known.insert(value.to_bits(), row);
                row
            }
        };
        let count = &mut self.values[row * self.steps + step];
        *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
        Ok(())
    }

    fn row(&mut self, group: &Labels, value: f64, cx: &mut Context<'_>) -> Result<usize, EvalError> {
        cx.meter.work(LABEL_WORK, self.span)?;
        let labels = match self.label {
            Some(label) => {
                let text = format::float(value);
                cx.meter.label(text.len(), self.span)?;
                group.with(label, &text)
            }
            None => group.clone(),
        };
        let row = self.rows.row(labels) as usize;
        if self.rows.len() * self.steps > self.values.len() {
            cx.meter.make(1, self.steps, self.span)?;
            self.values.resize(self.rows.len() * self.steps, ABSENT);
        }
        Ok(row)
    }
}
