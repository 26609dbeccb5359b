//! The points of a family: label sets and numbers.

use std::{collections::HashSet, sync::Arc};

use super::{Refusal, text, wit};
use crate::{
    metric::{Bucket, HistogramSample, LabelName, Quantile, Sample, SummarySample},
    outcome::ReportedPoints,
    secret::Redactor,
};

/// Bytes of one label value. Addresses, queue names and image digests fit; error messages and documents, which would
/// make a series of every one of them, do not.
pub(super) const LABEL_VALUE_BYTES_MAX: usize = 1 << 10;

/// Bounds of one histogram. Each is a series of every label set; the finest that exporters have are about a hundred.
const BUCKETS_MAX: usize = 256;

/// Quantiles of one summary: beyond a few, a histogram is meant.
const QUANTILES_MAX: usize = 64;

/// Up to here, comparing each label set with each is cheaper than hashing them.
const COMPARED_PAIRWISE: usize = 8;

/// How many points there are, and the bytes of their label values.
pub(super) fn cost(points: &wit::Points) -> (usize, usize) {
    fn text(values: &[String]) -> usize {
        values.iter().map(String::len).sum()
    }
    fn samples(samples: &[wit::Sample]) -> (usize, usize) {
        (
            samples.len(),
            samples.iter().map(|sample| text(&sample.label_values)).sum(),
        )
    }
    fn sum(costs: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
        costs.fold((0, 0), |(points, bytes), (more, text)| (points + more, bytes + text))
    }
    match points {
        wit::Points::Gauge(list)
        | wit::Points::Counter(list)
        | wit::Points::Increments(list)
        | wit::Points::Untyped(list)
        | wit::Points::Info(list)
        | wit::Points::StateSet(list) => samples(list),
        wit::Points::Observations(observations) => {
            let (points, bytes) = samples(&observations.samples);
            (points + observations.upper_bounds.len(), bytes)
        }
        wit::Points::Histogram(list) => sum(list.iter().map(|one| (1 + one.buckets.len(), text(&one.label_values)))),
        wit::Points::Summary(list) => sum(list
            .iter()
            .map(|one| (1 + one.quantiles.len(), text(&one.label_values)))),
    }
}

/// Everything but the head.
pub(super) fn points(points: wit::Points, names: &[LabelName], redactor: &Redactor) -> Result<ReportedPoints, Refusal> {
    let labels = Labels { names, redactor };
    Ok(match points {
        wit::Points::Gauge(samples) | wit::Points::Untyped(samples) => {
            ReportedPoints::Values(labels.series(samples, |_| Ok(()))?)
        }
        wit::Points::Counter(samples) => {
            ReportedPoints::Values(labels.series(samples, |value| total("counter", value))?)
        }
        wit::Points::Increments(samples) => {
            ReportedPoints::Increments(labels.series(samples, |value| total("increment", value))?)
        }
        wit::Points::Info(samples) => ReportedPoints::Values(labels.series(samples, always_one)?),
        wit::Points::StateSet(samples) => ReportedPoints::Values(states(labels.series(samples, on_or_off)?)?),
        wit::Points::Observations(observations) => ReportedPoints::Observations {
            upper_bounds: bounds(observations.upper_bounds)?,
            samples: labels.samples(observations.samples, observed)?,
        },
        wit::Points::Histogram(samples) => ReportedPoints::Histograms(histograms(samples, &labels)?),
        wit::Points::Summary(samples) => ReportedPoints::Summaries(summaries(samples, &labels)?),
    })
}

type LabelSet = Box<[Arc<str>]>;

/// What label values are held against.
struct Labels<'l> {
    names: &'l [LabelName],
    redactor: &'l Redactor,
}

impl Labels<'_> {
    /// Samples of distinct label sets.
    fn series(
        &self,
        samples: Vec<wit::Sample>,
        value: impl Fn(f64) -> Result<(), Refusal>,
    ) -> Result<Vec<Sample>, Refusal> {
        let samples = self.samples(samples, value)?;
        distinct(&samples, |sample| &sample.label_values)?;
        Ok(samples)
    }

    fn samples(
        &self,
        samples: Vec<wit::Sample>,
        value: impl Fn(f64) -> Result<(), Refusal>,
    ) -> Result<Vec<Sample>, Refusal> {
        let mut taken: Vec<Sample> = Vec::with_capacity(samples.len());
        for sample in samples {
            value(sample.value)?;
            let label_values = self.set(&sample.label_values, taken.last().map(|last| &*last.label_values))?;
            taken.push(Sample {
                label_values,
                value: sample.value,
                created: None,
            });
        }
        Ok(taken)
    }

    /// One label set. What it has in common with its neighbour is shared: guests list series in nested order.
    fn set(&self, values: &[String], neighbour: Option<&[Arc<str>]>) -> Result<LabelSet, Refusal> {
        if values.len() != self.names.len() {
            return Err(Refusal::LabelCount {
                found: values.len(),
                expected: self.names.len(),
            });
        }
        let neighbours = neighbour.unwrap_or_default();
        let shared = |at: usize, value: &str| neighbours.get(at).filter(|neighbour| ***neighbour == *value).cloned();
        values
            .iter()
            .enumerate()
            .map(|(at, value)| {
                self.bounded(at, value)?;
                let value = text::label_value(value, self.redactor);
                self.bounded(at, &value)?;
                Ok(shared(at, &value).unwrap_or_else(|| value.into()))
            })
            .collect()
    }

    fn bounded(&self, at: usize, value: &str) -> Result<(), Refusal> {
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return Err(Refusal::LabelValueTooLong {
                label: self.names[at].to_string(),
                bytes: value.len(),
            });
        }
        Ok(())
    }
}

/// Identity is compared as exposed: two values that were made one by blanking are one series.
fn distinct<T>(samples: &[T], labels: impl Fn(&T) -> &LabelSet) -> Result<(), Refusal> {
    let repeated = if samples.len() <= COMPARED_PAIRWISE {
        let earlier = |at: usize| samples[..at].iter().any(|other| labels(other) == labels(&samples[at]));
        (0..samples.len())
            .find(|at| earlier(*at))
            .map(|at| labels(&samples[at]))
    } else {
        let mut seen = HashSet::with_capacity(samples.len());
        samples.iter().map(&labels).find(|set| !seen.insert(*set))
    };
    match repeated {
        Some(set) => Err(Refusal::RepeatedSeries(format!("{set:?}"))),
        None => Ok(()),
    }
}

const fn value(value: f64, what: &'static str, wanted: &'static str) -> Refusal {
    Refusal::Value { value, what, wanted }
}

fn total(what: &'static str, number: f64) -> Result<(), Refusal> {
    if number.is_finite() && number >= 0.0 {
        return Ok(());
    }
    Err(value(number, what, "it must be a finite number of zero or more"))
}

fn observed(number: f64) -> Result<(), Refusal> {
    if number.is_finite() {
        return Ok(());
    }
    Err(value(number, "observation", "it must be a finite number"))
}

fn always_one(number: f64) -> Result<(), Refusal> {
    if number == 1.0 {
        return Ok(());
    }
    Err(value(number, "info", "it must be 1"))
}

fn on_or_off(number: f64) -> Result<(), Refusal> {
    if number == 0.0 || number == 1.0 {
        return Ok(());
    }
    Err(value(number, "state", "it must be 0 or 1"))
}

fn states(samples: Vec<Sample>) -> Result<Vec<Sample>, Refusal> {
    if samples
        .iter()
        .any(|sample| sample.label_values.last().is_none_or(|state| state.is_empty()))
    {
        return Err(Refusal::EmptyState);
    }
    Ok(samples)
}

fn counted(what: &'static str, found: usize, most: usize) -> Result<(), Refusal> {
    if found > most {
        return Err(Refusal::TooMany { what, found, most });
    }
    Ok(())
}

/// Finite and strictly ascending.
fn ascending(what: &'static str, bounds: impl Iterator<Item = f64>) -> Result<(), Refusal> {
    let mut before = f64::NEG_INFINITY;
    for after in bounds {
        if !after.is_finite() {
            return Err(value(after, what, "it must be a finite number"));
        }
        if after <= before {
            return Err(Refusal::NotAscending { what, before, after });
        }
        before = after;
    }
    Ok(())
}

fn bounds(mut bounds: Vec<f64>) -> Result<Box<[f64]>, Refusal> {
    // Many languages' histograms list it; it says nothing, since every value is at or below it.
    bounds.pop_if(|last| *last == f64::INFINITY);
    counted("buckets", bounds.len(), BUCKETS_MAX)?;
    ascending("bucket bounds", bounds.iter().copied())?;
    Ok(bounds.into())
}

fn histograms(samples: Vec<wit::HistogramSample>, labels: &Labels<'_>) -> Result<Vec<HistogramSample>, Refusal> {
    let mut taken: Vec<HistogramSample> = Vec::with_capacity(samples.len());
    for sample in samples {
        if sample.sum.is_nan() {
            return Err(value(sample.sum, "sum", "it must be a number"));
        }
        let label_values = labels.set(&sample.label_values, taken.last().map(|last| &*last.label_values))?;
        let buckets = buckets(sample.buckets, sample.count)?;
        taken.push(HistogramSample {
            label_values,
            buckets,
            sum: sample.sum,
            count: sample.count,
            created: None,
        });
    }
    distinct(&taken, |sample| &sample.label_values)?;
    Ok(taken)
}

fn buckets(mut buckets: Vec<wit::Bucket>, count: u64) -> Result<Box<[Bucket]>, Refusal> {
    if let Some(infinity) = buckets.pop_if(|last| last.upper_bound == f64::INFINITY)
        && infinity.cumulative_count != count
    {
        return Err(Refusal::InfinityIsNotCount {
            bucket: infinity.cumulative_count,
            count,
        });
    }
    counted("buckets", buckets.len(), BUCKETS_MAX)?;
    ascending("bucket bounds", buckets.iter().map(|bucket| bucket.upper_bound))?;
    let mut before = 0;
    for after in buckets.iter().map(|bucket| bucket.cumulative_count).chain([count]) {
        if after < before {
            return Err(Refusal::NotCumulative { before, after });
        }
        before = after;
    }
    let taken = |bucket: wit::Bucket| Bucket {
        upper_bound: bucket.upper_bound,
        cumulative_count: bucket.cumulative_count,
    };
    Ok(buckets.into_iter().map(taken).collect())
}

fn summaries(samples: Vec<wit::SummarySample>, labels: &Labels<'_>) -> Result<Vec<SummarySample>, Refusal> {
    let mut taken: Vec<SummarySample> = Vec::with_capacity(samples.len());
    for sample in samples {
        if sample.sum.is_nan() {
            return Err(value(sample.sum, "sum", "it must be a number"));
        }
        let label_values = labels.set(&sample.label_values, taken.last().map(|last| &*last.label_values))?;
        let quantiles = quantiles(sample.quantiles)?;
        taken.push(SummarySample {
            label_values,
            quantiles,
            sum: sample.sum,
            count: sample.count,
        });
    }
    distinct(&taken, |sample| &sample.label_values)?;
    Ok(taken)
}

fn quantiles(quantiles: Vec<wit::Quantile>) -> Result<Box<[Quantile]>, Refusal> {
    counted("quantiles", quantiles.len(), QUANTILES_MAX)?;
    if let Some(odd) = quantiles.iter().find(|one| !(0.0..=1.0).contains(&one.quantile)) {
        return Err(value(odd.quantile, "quantile", "it must be from 0 to 1"));
    }
    let taken = |one: wit::Quantile| Quantile {
        quantile: one.quantile,
        value: one.value,
    };
    let mut quantiles: Vec<Quantile> = quantiles.into_iter().map(taken).collect();
    // The contract promises no order here, and summaries are merged from exporters that keep none.
    quantiles.sort_by(|one, other| one.quantile.total_cmp(&other.quantile));
    ascending("quantiles", quantiles.iter().map(|one| one.quantile))?;
    Ok(quantiles.into())
}
