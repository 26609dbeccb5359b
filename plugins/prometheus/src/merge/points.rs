//! From series to the points of a report.

use std::collections::{BTreeSet, HashMap};

use bellwether_sdk::report::{Bucket, HistogramSample, MetricFamily, Points, Quantile, Sample, SummarySample};

use super::{
    pending::{Kind, Pending},
    series::Series,
};
use crate::exposition::{Histogram, LabelSet, Summary};

impl Pending {
    pub(super) fn into_family(self) -> MetricFamily {
        let state = match &self.kind {
            Kind::StateSet(label) => Some(label.clone()),
            Kind::Counter | Kind::Gauge | Kind::Untyped | Kind::Info | Kind::Histogram | Kind::Summary => None,
        };
        let label_names = label_names(&self.names, state.as_deref());
        let points = points(&self.kind, self.series, &label_names);
        MetricFamily {
            name: self.name,
            help: self.help,
            unit: self.unit,
            label_names,
            points,
        }
    }
}

/// The state last.
fn label_names(names: &BTreeSet<String>, state: Option<&str>) -> Vec<String> {
    let names = names.iter().map(String::as_str);
    let others = names.filter(|name| Some(*name) != state);
    others.chain(state).map(str::to_owned).collect()
}

/// A label that a series does not have is "".
fn values(labels: LabelSet, names: &[String]) -> Vec<String> {
    let mut by_name: HashMap<String, String> = labels.into_iter().collect();
    names
        .iter()
        .map(|name| by_name.remove(name).unwrap_or_default())
        .collect()
}

fn points(kind: &Kind, series: Series, names: &[String]) -> Points {
    match series {
        Series::Values(series) => {
            let sample = |(labels, value): (LabelSet, f64)| Sample {
                label_values: values(labels, names),
                value,
            };
            let samples = series.into_iter().map(sample).collect();
            match kind {
                Kind::Counter => Points::Counter(samples),
                Kind::Gauge => Points::Gauge(samples),
                Kind::Info => Points::Info(samples),
                Kind::StateSet(_) => Points::StateSet(samples),
                Kind::Untyped | Kind::Histogram | Kind::Summary => Points::Untyped(samples),
            }
        }
        Series::Histograms(series) => Points::Histogram(series.into_iter().map(|one| histogram(one, names)).collect()),
        Series::Summaries(series) => Points::Summary(series.into_iter().map(|one| summary(one, names)).collect()),
    }
}

fn histogram((labels, histogram): (LabelSet, Histogram), names: &[String]) -> HistogramSample {
    let bucket = |(upper_bound, cumulative_count): (f64, u64)| Bucket {
        upper_bound,
        cumulative_count,
    };
    HistogramSample {
        label_values: values(labels, names),
        buckets: histogram.buckets.into_iter().map(bucket).collect(),
        sum: histogram.sum,
        count: histogram.count,
    }
}

fn summary((labels, summary): (LabelSet, Summary), names: &[String]) -> SummarySample {
    let quantile = |(quantile, value): (f64, f64)| Quantile { quantile, value };
    SummarySample {
        label_values: values(labels, names),
        quantiles: summary.quantiles.into_iter().map(quantile).collect(),
        sum: summary.sum,
        count: summary.count,
    }
}
