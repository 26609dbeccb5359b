//! Metric families as they are exposed: one kind, one set of label names, many points.

use std::{fmt, sync::Arc};

use super::{LabelName, MetricName};
use crate::clock::Timestamp;

/// What a family means, as in OpenMetrics 1.0 ("untyped" is its `unknown`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A total that only goes up, or starts again at zero.
    Counter,
    /// Cumulative buckets.
    Histogram,
    /// Quantiles computed elsewhere.
    Summary,
    /// Of no declared kind.
    Untyped,
    /// Always 1; the labels are the news.
    Info,
    /// 0 or 1 for each state, the state in the last label.
    StateSet,
}

impl MetricKind {
    /// The contract's word for it (`state-set`), for messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
            Self::Info => "info",
            Self::StateSet => "state-set",
        }
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All of a family but its points. Shared, because it seldom changes between runs.
///
/// `name` is the name the family has in Prometheus text: a counter's carries `_total`, an info's `_info`; a histogram's
/// does not carry `_bucket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyHead {
    /// With the check's prefix.
    pub name: MetricName,
    /// One line of text for a person; may be empty.
    pub help: Arc<str>,
    /// Base unit (`seconds`, `bytes`, `ratio`), or "" for none.
    pub unit: Arc<str>,
    /// See [`MetricKind`].
    pub kind: MetricKind,
    /// Names of the labels, in the order of every point's values.
    pub label_names: Arc<[LabelName]>,
}

/// One value. `label_values` are as many as the family's label names; "" means the label is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// In the order of [`FamilyHead::label_names`].
    pub label_values: Box<[Arc<str>]>,
    /// Any float: NaN and infinities are values in Prometheus.
    pub value: f64,
    /// When a total that the host keeps began; OpenMetrics `_created`.
    pub created: Option<Timestamp>,
}

/// One cumulative bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Inclusive upper bound; ascending within a sample, never NaN. `+Inf` may be left out: `count` is its value.
    pub upper_bound: f64,
    /// Observations at or below the bound.
    pub cumulative_count: u64,
}

/// One histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// In the order of [`FamilyHead::label_names`].
    pub label_values: Box<[Arc<str>]>,
    /// Ascending by bound, without `+Inf`.
    pub buckets: Box<[Bucket]>,
    /// Sum of all observed values.
    pub sum: f64,
    /// Number of observations: the `+Inf` bucket.
    pub count: u64,
    /// When a histogram that the host keeps began; OpenMetrics `_created`.
    pub created: Option<Timestamp>,
}

/// One quantile of a summary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// 0 to 1.
    pub quantile: f64,
    /// May be NaN when nothing was observed.
    pub value: f64,
}

/// One summary.
#[derive(Clone, Debug, PartialEq)]
pub struct SummarySample {
    /// In the order of [`FamilyHead::label_names`].
    pub label_values: Box<[Arc<str>]>,
    /// Ascending by quantile.
    pub quantiles: Box<[Quantile]>,
    /// Sum of all observed values.
    pub sum: f64,
    /// Number of observations.
    pub count: u64,
}

/// The points of a family; which variant goes with which kind is [`MetricFamily::new`]'s to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Points {
    /// Gauge, counter, untyped, info, state-set.
    Values(Vec<Sample>),
    /// Histogram.
    Histograms(Vec<HistogramSample>),
    /// Summary.
    Summaries(Vec<SummarySample>),
}

impl Points {
    /// How many label sets there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Values(samples) => samples.len(),
            Self::Histograms(samples) => samples.len(),
            Self::Summaries(samples) => samples.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many series these are in Prometheus: a histogram is its buckets, `+Inf`, `_sum` and `_count`.
    pub fn series(&self) -> usize {
        match self {
            Self::Values(samples) => samples.len(),
            Self::Histograms(samples) => samples.iter().map(|sample| sample.buckets.len() + 3).sum(),
            Self::Summaries(samples) => samples.iter().map(|sample| sample.quantiles.len() + 2).sum(),
        }
    }
}

/// A family with its points.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    /// Name, help, kind, labels.
    pub head: FamilyHead,
    /// The measurements.
    pub points: Points,
}
