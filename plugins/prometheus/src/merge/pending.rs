//! A family between the exposition of its target and the report: selected, renamed, and fit for the host.

use std::collections::{BTreeSet, HashSet};

use super::{Account, series::Series};
use crate::{
    exposition::{Data, Family, LabelSet},
    relabel::Rules,
    settings::Target,
};

/// Label names of one family that the host takes; one more would cost the whole family.
const LABELS_MAX: usize = 32;

/// Bytes that a family takes on its way to the host besides its texts: a record and its lists.
const FAMILY_BYTES: usize = 128;

/// Bytes of a text on its way to the host besides what it says. Each series has one for each label name of its family.
const TEXT_BYTES: usize = 24;

/// The type of a family, where values alone do not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Untyped,
    Info,
    StateSet(String),
    Histogram,
    Summary,
}

/// A family with the series of all targets so far.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) unit: String,
    pub(super) kind: Kind,
    pub(super) series: Series,
    seen: HashSet<LabelSet>,
    /// Label names of all series.
    pub(super) names: BTreeSet<String>,
}

impl Pending {
    /// Roughly, on the way to the host.
    pub(super) fn cost(&self) -> usize {
        FAMILY_BYTES + self.name.len() + self.help.len() + self.series.cost() + self.cost_of_labels(self.names.len())
    }

    /// The names, and a place for each in each series.
    fn cost_of_labels(&self, names: usize) -> usize {
        let texts: usize = self.names.iter().map(String::len).sum();
        texts + names * TEXT_BYTES * (1 + self.series.len())
    }

    /// What `other` adds: its series, and a place for its labels in those that are here already.
    pub(super) fn cost_of_adding(&self, other: &Self) -> usize {
        let (union, new) = self.labels_with(other);
        other.series.cost() + other.cost_of_labels(union) + new * TEXT_BYTES * self.series.len()
    }

    /// How many label names there are together, and how many of them are new.
    fn labels_with(&self, other: &Self) -> (usize, usize) {
        let new = other.names.difference(&self.names).count();
        (self.names.len() + new, new)
    }

    pub(super) fn takes_labels_of(&self, other: &Self) -> bool {
        self.labels_with(other).0 <= LABELS_MAX
    }

    /// Adds the series of `other`, whose labels it takes; returns how many were new and how many were not.
    pub(super) fn add(&mut self, other: Self) -> (usize, usize) {
        self.names.extend(other.names);
        self.series.extend(&mut self.seen, other.series)
    }
}

/// The family under its new names; none when nothing of it is left.
pub(super) fn relabelled(family: Family, target: &Target, rules: &Rules, account: &mut Account) -> Option<Pending> {
    let Some(name) = rules.name(&family.name) else {
        account.refused += 1;
        return None;
    };
    let (kind, mut series) = split(family.data, target, rules);
    account.collided += series.take_distinct();
    account.refused += series.take_acceptable();
    let mut names = BTreeSet::new();
    account.refused += series.take_labelled(&mut names, LABELS_MAX);
    if series.len() == 0 {
        return None;
    }
    Some(Pending {
        // A new name may have lost the end that its type asks for.
        kind: kind_of(kind, &name),
        unit: unit_of(family.unit, &name),
        seen: series.label_sets(),
        names,
        help: family.help,
        name,
        series,
    })
}

fn kind_of(kind: Kind, name: &str) -> Kind {
    match kind {
        Kind::Counter if !name.ends_with("_total") => Kind::Untyped,
        Kind::Info if !name.ends_with("_info") => Kind::Gauge,
        kind => kind,
    }
}

/// The host wants it at the end of the name.
fn unit_of(unit: String, name: &str) -> String {
    let base = name.strip_suffix("_total").unwrap_or(name);
    if !unit.is_empty() && base.ends_with(&format!("_{unit}")) {
        unit
    } else {
        String::new()
    }
}

fn split(data: Data, target: &Target, rules: &Rules) -> (Kind, Series) {
    fn all<T>(series: Vec<(LabelSet, T)>, target: &Target, rules: &Rules) -> Vec<(LabelSet, T)> {
        series
            .into_iter()
            .map(|(labels, value)| (rules.relabel(labels, target), value))
            .collect()
    }
    match data {
        Data::Counter(series) => (Kind::Counter, Series::Values(all(series, target, rules))),
        Data::Gauge(series) => (Kind::Gauge, Series::Values(all(series, target, rules))),
        Data::Untyped(series) => (Kind::Untyped, Series::Values(all(series, target, rules))),
        Data::Info(series) => (Kind::Info, Series::Values(all(series, target, rules))),
        Data::StateSet(label, series) => {
            let series = all(series, target, rules);
            let label = rules.rename_labels.get(&label).cloned().unwrap_or(label);
            // Without the label that holds the state, it is a state set no more.
            let kind = if series.iter().all(|(set, _)| set.iter().any(|(name, _)| *name == label)) {
                Kind::StateSet(label)
            } else {
                Kind::Gauge
            };
            (kind, Series::Values(series))
        }
        Data::Histogram(series) => (Kind::Histogram, Series::Histograms(all(series, target, rules))),
        Data::Summary(series) => (Kind::Summary, Series::Summaries(all(series, target, rules))),
    }
}
