//! Families: as they are collected line by line, and as they leave the parser.

use std::collections::HashMap;

use super::Dropped;

/// Sorted by name, without empty values: two equal sets are one series.
pub(crate) type LabelSet = Vec<(String, String)>;

/// One family with all its series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    /// As its samples are called: with `_total` or `_info`, without `_bucket`, `_sum` and `_count`.
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) unit: String,
    pub(crate) data: Data,
}

/// Series by type, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Counter(Vec<(LabelSet, f64)>),
    Gauge(Vec<(LabelSet, f64)>),
    Untyped(Vec<(LabelSet, f64)>),
    Info(Vec<(LabelSet, f64)>),
    /// The label that holds the state, and the series with it.
    StateSet(String, Vec<(LabelSet, f64)>),
    Histogram(Vec<(LabelSet, Histogram)>),
    Summary(Vec<(LabelSet, Summary)>),
}

impl Data {
    /// How many series there are, each with `added` to its labels, and how many labels on all of them.
    pub(crate) fn series_and_labels(&self, added: usize) -> usize {
        fn all<T>(series: &[(LabelSet, T)], added: usize) -> usize {
            series.iter().map(|(labels, _)| 1 + added + labels.len()).sum()
        }
        match self {
            Self::Counter(series)
            | Self::Gauge(series)
            | Self::Untyped(series)
            | Self::Info(series)
            | Self::StateSet(_, series) => all(series, added),
            Self::Histogram(series) => all(series, added),
            Self::Summary(series) => all(series, added),
        }
    }
}

/// Cumulative, in ascending order, without `+Inf`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) buckets: Vec<(f64, u64)>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

/// In the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) quantiles: Vec<(f64, f64)>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

/// What a text says a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    GaugeHistogram,
    Histogram,
    Info,
    StateSet,
    Summary,
    Untyped,
}

impl Kind {
    /// What names of samples add to the name of the family; "" is the name itself.
    pub(super) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total", "_created"],
            Self::Gauge | Self::StateSet | Self::Untyped => &[""],
            Self::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
            Self::Histogram => &["_bucket", "_count", "_sum", "_created"],
            Self::Info => &["_info"],
            Self::Summary => &["", "_count", "_sum", "_created"],
        }
    }

    /// The label that tells samples of one series apart.
    pub(super) const fn own_label(self) -> Option<&'static str> {
        match self {
            Self::Histogram | Self::GaugeHistogram => Some("le"),
            Self::Summary => Some("quantile"),
            Self::Counter | Self::Gauge | Self::Info | Self::StateSet | Self::Untyped => None,
        }
    }
}

/// A line of the text.
#[derive(Clone, Debug)]
pub(super) struct RawSample {
    pub(super) suffix: &'static str,
    pub(super) labels: LabelSet,
    pub(super) value: f64,
    /// The value of `le` or `quantile`.
    pub(super) bound: Option<f64>,
}

/// A family while its lines are read.
#[derive(Clone, Debug, Default)]
pub(super) struct RawFamily {
    pub(super) name: String,
    pub(super) kind: Option<Kind>,
    pub(super) help: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) samples: Vec<RawSample>,
}

/// All that was read so far.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) families: Vec<RawFamily>,
    places: HashMap<String, usize>,
    /// The family of the line before. Only OpenMetrics minds.
    pub(super) current: Option<usize>,
    pub(super) samples: usize,
    pub(super) dropped: Dropped,
}

impl Collected {
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Where the family is; a new one is added.
    pub(super) fn ensure(&mut self, name: &str) -> usize {
        if let Some(place) = self.place(name) {
            return place;
        }
        self.families.push(RawFamily {
            name: name.to_owned(),
            ..RawFamily::default()
        });
        let place = self.families.len() - 1;
        self.places.insert(name.to_owned(), place);
        place
    }
}
