//! `histogram_quantile` and `histogram_fraction`: which buckets belong together.

use std::sync::Arc;

use super::{
    Context, EvalError,
    block::{Block, Distinct, Numbers, duplicate, is_absent},
    frame::Frame,
    meter::LABEL_WORK,
    notes::Note,
    plan::{Scalar, Vector},
};
use crate::{
    ast::Span,
    functions::histogram::{self, Bucket},
    labels::{BUCKET, Labels, METRIC_NAME},
};

/// A function of classic histograms.
#[derive(Debug)]
pub(super) struct Histogram {
    /// One number: a quantile. Two: the bounds of a fraction.
    pub(super) numbers: Vec<Scalar>,
    pub(super) arg: Vector,
    pub(super) known: Option<Known>,
}

/// Histograms among the rows of a block, remembered as long as its labels stay the same.
#[derive(Debug)]
pub(super) struct Known {
    from: Arc<[Labels]>,
    to: Arc<[Labels]>,
    histograms: Vec<Buckets>,
    /// Rows whose bound is none, with what stands in its place.
    bad: Vec<(usize, Arc<str>)>,
}

/// Rows of one histogram.
#[derive(Debug)]
struct Buckets {
    /// The row of the result.
    to: usize,
    /// Rows and their bounds.
    rows: Vec<(usize, f64)>,
}

impl Known {
    fn new(from: &Arc<[Labels]>, span: Span, cx: &mut Context<'_>) -> Result<Self, EvalError> {
        let mut histograms = Distinct::default();
        let mut buckets: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut bad = Vec::new();
        for (row, labels) in from.iter().enumerate() {
            cx.meter.work(LABEL_WORK, span)?;
            let bound = labels.get(BUCKET).cloned().unwrap_or_default();
            let Ok(upper) = bound.parse::<f64>() else {
                bad.push((row, bound));
                continue;
            };
            let histogram = histograms.row(labels.filtered(|name| name != BUCKET)) as usize;
            buckets.resize_with(buckets.len().max(histogram + 1), Vec::new);
            buckets[histogram].push((row, upper));
        }
        let mut results = Distinct::default();
        let named = histograms.finish();
        let histograms = named.iter().zip(buckets).map(|(labels, rows)| Buckets {
            to: results.row(labels.filtered(|name| !matches!(name, METRIC_NAME | "__type__" | "__unit__"))) as usize,
            rows,
        });
        Ok(Self {
            from: Arc::clone(from),
            histograms: histograms.collect(),
            to: results.finish(),
            bad,
        })
    }
}

impl Histogram {
    pub(super) fn eval(&mut self, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let numbers: Vec<Numbers> = self
            .numbers
            .iter_mut()
            .map(|number| number.eval(frame, cx))
            .collect::<Result<_, _>>()?;
        if let ([quantile], [node]) = (&numbers[..], &self.numbers[..]) {
            quantile
                .iter()
                .for_each(|quantile| cx.notes.check_quantile(node.span, quantile));
        }
        let block = self.arg.eval(frame, cx)?;
        let known = match self.known.take() {
            Some(known) if Arc::ptr_eq(&known.from, &block.labels) => known,
            _ => Known::new(&block.labels, span, cx)?,
        };
        let known = self.known.insert(known);
        for (row, bound) in &known.bad {
            if block.row(*row).iter().any(|value| !is_absent(*value)) {
                cx.notes.add(self.arg.span, Note::BadBucket(Arc::clone(bound)));
            }
        }
        known.compute(&block, &numbers, [span, self.arg.span], frame, cx)
    }
}

impl Known {
    fn compute(
        &self,
        block: &Block,
        numbers: &[Numbers],
        [span, arg_span]: [Span; 2],
        frame: Frame,
        cx: &mut Context<'_>,
    ) -> Result<Block, EvalError> {
        let mut result = Block::absent(Arc::clone(&self.to), frame.count, span, cx)?;
        let mut buckets: Vec<Bucket> = Vec::new();
        for (number, histogram) in self.histograms.iter().enumerate() {
            for step in 0..frame.count {
                let values = histogram
                    .rows
                    .iter()
                    .map(|(row, upper)| (*upper, block.get(*row, step)));
                buckets.clear();
                buckets.extend(
                    values
                        .filter(|(_, count)| !is_absent(*count))
                        .map(|(upper, count)| Bucket { upper, count }),
                );
                if buckets.is_empty() {
                    continue;
                }
                cx.meter.work(buckets.len(), span)?;
                let place = &mut result.values[histogram.to * frame.count + step];
                if !is_absent(*place) {
                    return Err(self.twice(block, number, span));
                }
                *place = match numbers {
                    [quantile] => {
                        let quantile = histogram::quantile(quantile.at(step), &mut buckets);
                        if quantile.forced_monotone {
                            cx.notes.add(arg_span, Note::ForcedMonotone);
                        }
                        quantile.value
                    }
                    [lower, upper] => histogram::fraction(lower.at(step), upper.at(step), &mut buckets),
                    _ => f64::NAN,
                };
            }
        }
        Ok(result)
    }

    /// Another histogram has become the same as this.
    fn twice(&self, block: &Block, number: usize, span: Span) -> EvalError {
        let this = &self.histograms[number];
        let other = self.histograms[..number]
            .iter()
            .find(|other| other.to == this.to)
            .unwrap_or(this);
        let first = |buckets: &Buckets| &block.labels[buckets.rows.first().map_or(0, |(row, _)| *row)];
        duplicate(span, &self.to[this.to], first(other), first(this))
    }
}
