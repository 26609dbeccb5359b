//! A family between the exposition of its target and the report: selected, renamed, and fit for the host.

use std::collections::HashSet;

use super::{Account, series::Series};
use crate::{
    exposition::{Data, Family, LabelSet},
    relabel::Rules,
    settings::Target,
};

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
    pub(super) seen: HashSet<LabelSet>,
}

impl Pending {
    /// Roughly, on the way to the host.
    pub(super) fn cost(&self) -> usize {
        self.name.len() + self.help.len() + self.series.cost()
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
    if series.len() == 0 {
        return None;
    }
    Some(Pending {
        // A new name may have lost the end that its type asks for.
        kind: kind_of(kind, &name),
        unit: unit_of(family.unit, &name),
        seen: series.label_sets(),
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
