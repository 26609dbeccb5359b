//! The points of a family, and which numbers each kind may have.

use super::{Refusal, distribution, labels::Labels, wit};
use crate::{
    metric::{LabelName, Sample},
    outcome::ReportedPoints,
    secret::Redactor,
};

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
    let labels = Labels::new(names, redactor);
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
            upper_bounds: distribution::bounds(observations.upper_bounds)?,
            samples: labels.samples(observations.samples, observed)?,
        },
        wit::Points::Histogram(samples) => ReportedPoints::Histograms(distribution::histograms(samples, &labels)?),
        wit::Points::Summary(samples) => ReportedPoints::Summaries(distribution::summaries(samples, &labels)?),
    })
}

pub(super) const fn value(value: f64, what: &'static str, wanted: &'static str) -> Refusal {
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
