//! Handles by which samples are added to one family of a report.
//!
//! `N` is the number of labels, so that a forgotten one does not compile. A label value "" means that the label is absent.

use crate::{
    bindings::bellwether::plugin::report as wit,
    metric::Number,
    report::{Bucket, Quantile},
    text::digest,
};

/// Most bytes of a label's value: the host refuses the family of a longer one, and with it what is known of all other targets.
const LABEL_BYTES_MAX: usize = 1_024;

/// What stays of a longer one, before what tells it apart from others that begin alike.
const LABEL_BYTES_KEPT: usize = 960;

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|value| label(value)).collect()
}

/// Values are often others' to choose: the names in a certificate, of a feature, of a file.
fn label(value: &str) -> String {
    if value.len() <= LABEL_BYTES_MAX {
        return value.to_owned();
    }
    let end = (0..=LABEL_BYTES_KEPT).rev().find(|at| value.is_char_boundary(*at));
    format!("{}…{}", &value[..end.unwrap_or(0)], digest(value))
}

/// What every mismatch below means: two declarations share a name. The tests of a plugin say so more kindly.
const SHARED_NAME: &str = "two metrics of different kinds share a name";

pub(super) fn samples_of(points: &mut wit::Points) -> &mut Vec<wit::Sample> {
    match points {
        wit::Points::Gauge(samples)
        | wit::Points::Counter(samples)
        | wit::Points::Increments(samples)
        | wit::Points::Untyped(samples)
        | wit::Points::Info(samples)
        | wit::Points::StateSet(samples) => samples,
        wit::Points::Observations(observations) => &mut observations.samples,
        wit::Points::Histogram(_) | wit::Points::Summary(_) => panic!("{SHARED_NAME}"),
    }
}

pub(super) fn histograms_of(points: &mut wit::Points) -> &mut Vec<wit::HistogramSample> {
    let wit::Points::Histogram(samples) = points else {
        panic!("{SHARED_NAME}")
    };
    samples
}

pub(super) fn summaries_of(points: &mut wit::Points) -> &mut Vec<wit::SummarySample> {
    let wit::Points::Summary(samples) = points else {
        panic!("{SHARED_NAME}")
    };
    samples
}

/// Whether each point has `wanted` label values.
pub(super) fn every_label_count(points: &wit::Points, wanted: usize) -> bool {
    label_sets(points).iter().all(|values| values.len() == wanted)
}

/// The label values of every point.
pub(crate) fn label_sets(points: &wit::Points) -> Vec<&[String]> {
    match points {
        wit::Points::Gauge(samples)
        | wit::Points::Counter(samples)
        | wit::Points::Increments(samples)
        | wit::Points::Untyped(samples)
        | wit::Points::Info(samples)
        | wit::Points::StateSet(samples) => samples.iter().map(|sample| &*sample.label_values).collect(),
        wit::Points::Observations(observations) => observations
            .samples
            .iter()
            .map(|sample| &*sample.label_values)
            .collect(),
        wit::Points::Histogram(samples) => samples.iter().map(|sample| &*sample.label_values).collect(),
        wit::Points::Summary(samples) => samples.iter().map(|sample| &*sample.label_values).collect(),
    }
}

fn push(samples: &mut Vec<wit::Sample>, labels: &[&str], value: f64) {
    samples.push(wit::Sample {
        label_values: owned(labels),
        value,
    });
}

/// Adds samples with one value: gauges, counters, untyped.
#[derive(Debug)]
pub struct Values<'r, const N: usize>(pub(super) &'r mut Vec<wit::Sample>);

impl<const N: usize> Values<'_, N> {
    /// One sample.
    pub fn set(&mut self, labels: [&str; N], value: impl Number) -> &mut Self {
        push(self.0, &labels, value.to_f64());
        self
    }
}

/// Adds to running totals that the host keeps.
#[derive(Debug)]
pub struct Added<'r, const N: usize>(pub(super) &'r mut Vec<wit::Sample>);

impl<const N: usize> Added<'_, N> {
    /// What to add to one total; 0 makes a total known that has not moved yet. Label sets may repeat: a report has each
    /// once, as the host wants it, with the sum. Panics on a negative value: a total only goes up.
    pub fn add(&mut self, labels: [&str; N], value: impl Number) -> &mut Self {
        let value = value.to_f64();
        assert!(value >= 0.0, "a total only goes up: {value} cannot be added");
        // From the end: plugins add to one target's totals before they come to the next one's.
        let label_values = owned(&labels);
        match self
            .0
            .iter_mut()
            .rev()
            .find(|sample| sample.label_values == label_values)
        {
            Some(sample) => sample.value += value,
            None => self.0.push(wit::Sample { label_values, value }),
        }
        self
    }
}

/// Adds label sets to an info.
#[derive(Debug)]
pub struct Infos<'r, const N: usize>(pub(super) &'r mut Vec<wit::Sample>);

impl<const N: usize> Infos<'_, N> {
    /// One label set.
    pub fn set(&mut self, labels: [&str; N]) -> &mut Self {
        push(self.0, &labels, 1.0);
        self
    }
}

/// Adds observed values to a histogram that the host keeps.
#[derive(Debug)]
pub struct Observed<'r, const N: usize>(pub(super) &'r mut Vec<wit::Sample>);

impl<const N: usize> Observed<'_, N> {
    /// One value; label sets may repeat.
    pub fn observe(&mut self, labels: [&str; N], value: impl Number) -> &mut Self {
        push(self.0, &labels, value.to_f64());
        self
    }
}

/// Adds states to a state set.
#[derive(Debug)]
pub struct States<'r, const N: usize> {
    pub(super) samples: &'r mut Vec<wit::Sample>,
    pub(super) states: &'static [&'static str],
}

impl<const N: usize> States<'_, N> {
    /// The current state of one label set. Panics when `current` was not declared.
    pub fn set(&mut self, labels: [&str; N], current: &str) -> &mut Self {
        assert!(
            self.states.contains(&current),
            "state `{current}` is not among the declared ones"
        );
        for &state in self.states {
            let mut label_values = owned(&labels);
            label_values.push(state.to_owned());
            self.samples.push(wit::Sample {
                label_values,
                value: (state == current).to_f64(),
            });
        }
        self
    }
}

/// Adds histograms that the target keeps.
#[derive(Debug)]
pub struct Histograms<'r, const N: usize>(pub(super) &'r mut Vec<wit::HistogramSample>);

impl<const N: usize> Histograms<'_, N> {
    /// One histogram: cumulative buckets in ascending order (`+Inf` may be left out), the sum and number of all values.
    pub fn set(&mut self, labels: [&str; N], buckets: Vec<Bucket>, sum: f64, count: u64) -> &mut Self {
        self.0.push(wit::HistogramSample {
            label_values: owned(&labels),
            buckets,
            sum,
            count,
        });
        self
    }
}

/// Adds summaries that the target keeps.
#[derive(Debug)]
pub struct Summaries<'r, const N: usize>(pub(super) &'r mut Vec<wit::SummarySample>);

impl<const N: usize> Summaries<'_, N> {
    /// One summary: quantiles from 0 to 1 in ascending order, the sum and number of all values.
    pub fn set(&mut self, labels: [&str; N], quantiles: Vec<Quantile>, sum: f64, count: u64) -> &mut Self {
        self.0.push(wit::SummarySample {
            label_values: owned(&labels),
            quantiles,
            sum,
            count,
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_is_cut_between_characters_and_stays_apart_from_its_like() {
        let long = |end: &str| format!("{}{end}", "ü".repeat(2_000));
        let (one, other) = (label(&long("a")), label(&long("b")));
        assert!(one.len() <= LABEL_BYTES_MAX && one.starts_with("üü"), "{one}");
        assert_ne!(one, other);
        assert_eq!(label(&"x".repeat(LABEL_BYTES_MAX)).len(), LABEL_BYTES_MAX);
        let mut samples = Vec::new();
        Added::<1>(&mut samples).add([&long("a")], 1).add([&long("a")], 2);
        assert_eq!((samples.len(), samples[0].value), (1, 3.0));
    }
}
