//! Which series names a family takes, so that no two families of a report can be mistaken for each other.

use std::collections::{HashMap, hash_map::Entry};

use super::Refusal;
use crate::metric::{FamilyHead, MetricKind, MetricName};

/// Suffixes of the series that a kind has in one of the two text formats besides its own name.
const fn series_suffixes(kind: MetricKind) -> &'static [&'static str] {
    match kind {
        MetricKind::Histogram => &["_bucket", "_count", "_sum", "_created"],
        MetricKind::Summary => &["_count", "_sum", "_created"],
        MetricKind::Counter => &["_created"],
        MetricKind::Gauge | MetricKind::Untyped | MetricKind::Info | MetricKind::StateSet => &[],
    }
}

/// The suffix that OpenMetrics takes off to get the family's name.
pub(super) const fn kind_suffix(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "_total",
        MetricKind::Info => "_info",
        MetricKind::Gauge
        | MetricKind::Untyped
        | MetricKind::Histogram
        | MetricKind::Summary
        | MetricKind::StateSet => "",
    }
}

/// Names that a family would take.
pub(super) struct Claim(Vec<String>);

/// Names that are taken, and by which family.
#[derive(Default)]
pub(super) struct Claims(HashMap<String, MetricName>);

impl Claims {
    /// Whether nobody took what this family needs.
    pub(super) fn check(&self, head: &FamilyHead) -> Result<Claim, Refusal> {
        let claim = Claim::of(head);
        for series in &claim.0 {
            if let Some(other) = self.0.get(series) {
                return Err(if *other == head.name {
                    Refusal::Repeated
                } else {
                    Refusal::Clash {
                        series: series.clone(),
                        other: other.clone(),
                    }
                });
            }
        }
        Ok(claim)
    }

    /// Takes them.
    pub(super) fn keep(&mut self, claim: Claim, head: &FamilyHead) {
        for series in claim.0 {
            if let Entry::Vacant(place) = self.0.entry(series) {
                place.insert(head.name.clone());
            }
        }
    }
}

impl Claim {
    fn of(head: &FamilyHead) -> Self {
        let name = head.name.as_str();
        let base = name.strip_suffix(kind_suffix(head.kind)).unwrap_or(name);
        let mut names = vec![name.to_owned()];
        if base != name {
            names.push(base.to_owned());
        }
        names.extend(
            series_suffixes(head.kind)
                .iter()
                .map(|suffix| format!("{base}{suffix}")),
        );
        Self(names)
    }
}
