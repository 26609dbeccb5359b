//! Buckets and quantiles: in order, within their range, adding up.

use super::{
    Refusal,
    labels::{Labels, distinct},
    points::value,
    wit,
};
use crate::metric::{Bucket, HistogramSample, Quantile, SummarySample};

/// Bounds of one histogram. Each is a series of every label set; the finest that exporters have are about a hundred.
const BUCKETS_MAX: usize = 256;

/// Quantiles of one summary: beyond a few, a histogram is meant.
const QUANTILES_MAX: usize = 64;

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

pub(super) fn bounds(mut bounds: Vec<f64>) -> Result<Box<[f64]>, Refusal> {
    // Many languages' histograms list it; it says nothing, since every value is at or below it.
    bounds.pop_if(|last| *last == f64::INFINITY);
    counted("buckets", bounds.len(), BUCKETS_MAX)?;
    ascending("bucket bounds", bounds.iter().copied())?;
    Ok(bounds.into())
}

pub(super) fn histograms(
    samples: Vec<wit::HistogramSample>,
    labels: &Labels<'_>,
) -> Result<Vec<HistogramSample>, Refusal> {
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

pub(super) fn summaries(samples: Vec<wit::SummarySample>, labels: &Labels<'_>) -> Result<Vec<SummarySample>, Refusal> {
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
