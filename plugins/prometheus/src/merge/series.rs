//! Series of one sort, with the labels that the rules give them.

use std::collections::{BTreeSet, HashSet};

use crate::exposition::{Histogram, LabelSet, Summary};

/// Bytes of one label value that the host takes; one that is longer would cost the whole family.
const LABEL_VALUE_BYTES_MAX: usize = 1 << 10;

/// Buckets of one histogram that the host takes.
const BUCKETS_MAX: usize = 256;

/// Quantiles of one summary that the host takes.
const QUANTILES_MAX: usize = 64;

/// Bytes that a value takes on its way to the host besides its labels.
const VALUE_BYTES: usize = 32;

/// Bytes of a histogram or a summary, besides labels and points.
const DISTRIBUTION_BYTES: usize = 64;

/// Bytes of a bucket or a quantile.
const POINT_BYTES: usize = 16;

/// Points of one type.
#[derive(Clone, Debug)]
pub(super) enum Series {
    Values(Vec<(LabelSet, f64)>),
    Histograms(Vec<(LabelSet, Histogram)>),
    Summaries(Vec<(LabelSet, Summary)>),
}

impl Series {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Values(series) => series.len(),
            Self::Histograms(series) => series.len(),
            Self::Summaries(series) => series.len(),
        }
    }

    pub(super) fn label_sets(&self) -> HashSet<LabelSet> {
        fn sets<T>(series: &[(LabelSet, T)]) -> HashSet<LabelSet> {
            series.iter().map(|(labels, _)| labels.clone()).collect()
        }
        match self {
            Self::Values(series) => sets(series),
            Self::Histograms(series) => sets(series),
            Self::Summaries(series) => sets(series),
        }
    }

    /// Keeps the first of equal series; returns how many went.
    pub(super) fn take_distinct(&mut self) -> usize {
        fn keep<T>(series: &mut Vec<(LabelSet, T)>) -> usize {
            let before = series.len();
            let mut seen = HashSet::with_capacity(before);
            series.retain(|(labels, _)| seen.insert(labels.clone()));
            before - series.len()
        }
        match self {
            Self::Values(series) => keep(series),
            Self::Histograms(series) => keep(series),
            Self::Summaries(series) => keep(series),
        }
    }

    /// Keeps what the host takes; returns how many went.
    pub(super) fn take_acceptable(&mut self) -> usize {
        fn keep<T>(series: &mut Vec<(LabelSet, T)>, good: impl Fn(&T) -> bool) -> usize {
            let before = series.len();
            let short = |labels: &LabelSet| labels.iter().all(|(_, value)| value.len() <= LABEL_VALUE_BYTES_MAX);
            series.retain(|(labels, value)| short(labels) && good(value));
            before - series.len()
        }
        match self {
            Self::Values(series) => keep(series, |_| true),
            Self::Histograms(series) => keep(series, |histogram| histogram.buckets.len() <= BUCKETS_MAX),
            Self::Summaries(series) => keep(series, |summary| summary.quantiles.len() <= QUANTILES_MAX),
        }
    }

    /// Keeps those that have no more than `most` label names together, in their order; returns how many went. Adds the names.
    pub(super) fn take_labelled(&mut self, names: &mut BTreeSet<String>, most: usize) -> usize {
        fn keep<T>(series: &mut Vec<(LabelSet, T)>, names: &mut BTreeSet<String>, most: usize) -> usize {
            let before = series.len();
            series.retain(|(labels, _)| {
                let new = labels.iter().filter(|(name, _)| !names.contains(name));
                let fits = names.len() + new.clone().count() <= most;
                if fits {
                    let new: Vec<String> = new.map(|(name, _)| name.clone()).collect();
                    names.extend(new);
                }
                fits
            });
            before - series.len()
        }
        match self {
            Self::Values(series) => keep(series, names, most),
            Self::Histograms(series) => keep(series, names, most),
            Self::Summaries(series) => keep(series, names, most),
        }
    }

    /// Roughly, on the way to the host, without a place for each label.
    pub(super) fn cost(&self) -> usize {
        fn all<T>(series: &[(LabelSet, T)], own: usize, points: impl Fn(&T) -> usize) -> usize {
            let labels = |labels: &LabelSet| -> usize { labels.iter().map(|(_, value)| value.len()).sum() };
            let one = |(set, value): &(LabelSet, T)| labels(set) + own + POINT_BYTES * points(value);
            series.iter().map(one).sum()
        }
        match self {
            Self::Values(series) => all(series, VALUE_BYTES, |_| 0),
            Self::Histograms(series) => all(series, DISTRIBUTION_BYTES, |histogram| histogram.buckets.len()),
            Self::Summaries(series) => all(series, DISTRIBUTION_BYTES, |summary| summary.quantiles.len()),
        }
    }

    /// Adds those of `more` whose labels are not in `seen` yet; returns how many were new and how many were not.
    pub(super) fn extend(&mut self, seen: &mut HashSet<LabelSet>, more: Self) -> (usize, usize) {
        fn add<T>(
            to: &mut Vec<(LabelSet, T)>,
            seen: &mut HashSet<LabelSet>,
            more: Vec<(LabelSet, T)>,
        ) -> (usize, usize) {
            let (before, offered) = (to.len(), more.len());
            to.extend(more.into_iter().filter(|(labels, _)| seen.insert(labels.clone())));
            let taken = to.len() - before;
            (taken, offered - taken)
        }
        match (self, more) {
            (Self::Values(to), Self::Values(more)) => add(to, seen, more),
            (Self::Histograms(to), Self::Histograms(more)) => add(to, seen, more),
            (Self::Summaries(to), Self::Summaries(more)) => add(to, seen, more),
            // Families of one type have series of one sort.
            (_, more) => (0, more.len()),
        }
    }
}
