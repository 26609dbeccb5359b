//! What became of one source's pushes, counted until the board is told, which adds the label `source`. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::{ItemCategory, Taken, derive::head};
use crate::{
    metric::{MetricKind, NameError, Sample},
    outcome::{ReportedFamily, ReportedPoints},
};

/// Of one source since the board was told last.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    envelopes: BTreeMap<&'static str, u64>,
    items: BTreeMap<(&'static str, &'static str), u64>,
    bytes: u64,
    crashes: BTreeMap<&'static str, u64>,
    /// As they were told last.
    folded: u64,
    overflowed: u64,
}

/// What a source's measurements come to by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Derivation {
    /// Label sets.
    pub(super) series: usize,
    /// Points that were told as `other`, since the start.
    pub(super) folded: u64,
    /// Durations that found no room, since the start.
    pub(super) overflowed: u64,
}

impl Tally {
    /// `count` envelopes were refused.
    pub(super) fn refused(&mut self, reason: &'static str, count: u64) {
        *self.envelopes.entry(reason).or_default() += count;
    }

    /// One envelope of so many bytes was taken.
    pub(super) fn taken(&mut self, taken: &Taken, bytes: usize) {
        *self.envelopes.entry("taken").or_default() += 1;
        self.bytes += bytes as u64;
        let all = |category: &ItemCategory| (category.as_str(), "taken");
        for key in taken.categories.iter().map(all) {
            *self.items.entry(key).or_default() += 1;
        }
        for category in &taken.damaged {
            let taken = self.items.entry((category.as_str(), "taken")).or_default();
            *taken = taken.saturating_sub(1);
            *self.items.entry((category.as_str(), "damaged")).or_default() += 1;
        }
        if taken.untold > 0 {
            *self.crashes.entry("flood").or_default() += u64::from(taken.untold);
        }
    }

    /// A new kind of crash, and what became of it.
    pub(super) fn crash(&mut self, fate: &'static str) {
        *self.crashes.entry(fate).or_default() += 1;
    }

    /// What came since the last time, as increments.
    pub(super) fn take(&mut self, derived: Derivation) -> Result<Vec<ReportedFamily>, NameError> {
        let envelopes = std::mem::take(&mut self.envelopes);
        let envelopes = envelopes.into_iter().map(|(outcome, count)| (vec![outcome], count));
        let items = std::mem::take(&mut self.items);
        let items = items
            .into_iter()
            .map(|((category, outcome), count)| (vec![category, outcome], count));
        let crashes = std::mem::take(&mut self.crashes);
        let crashes = crashes.into_iter().map(|(fate, count)| (vec![fate], count));
        let bytes = std::mem::take(&mut self.bytes);
        let lost = [
            ("series", derived.folded - self.folded),
            ("room", derived.overflowed - self.overflowed),
        ];
        (self.folded, self.overflowed) = (derived.folded, derived.overflowed);
        let counters: [Counters; 5] = [
            (ENVELOPES, &["outcome"], envelopes.collect()),
            (ITEMS, &["category", "outcome"], items.collect()),
            (BYTES, &[], vec![(vec![], bytes)]),
            (CRASHES, &["fate"], crashes.collect()),
            (
                LOST,
                &["reason"],
                lost.map(|(reason, count)| (vec![reason], count)).to_vec(),
            ),
        ];
        let mut families = Vec::new();
        for (name, labels, points) in counters {
            families.extend(increments(name, labels, points)?);
        }
        families.push(series(derived.series)?);
        Ok(families)
    }
}

/// A name with its help, further label names, and label values with counts.
type Counters = (
    (&'static str, &'static str),
    &'static [&'static str],
    Vec<(Vec<&'static str>, u64)>,
);

const ENVELOPES: (&str, &str) = (
    "bellwether_source_envelopes_total",
    "Envelopes of a source, by whether they were taken or why not",
);
const ITEMS: (&str, &str) = (
    "bellwether_source_items_total",
    "Items of envelopes that were taken, by category and by whether they could be read",
);
const BYTES: (&str, &str) = (
    "bellwether_source_bytes_total",
    "Bytes of envelopes that were taken, decompressed",
);
const CRASHES: (&str, &str) = (
    "bellwether_source_crashes_total",
    "Kinds of crashes that were never seen before, by what became of the news",
);
const LOST: (&str, &str) = (
    "bellwether_source_points_lost_total",
    "Measurements told under labels `other` because the source has too many series, or dropped for want of room",
);

fn increments(
    (name, help): (&str, &str),
    labels: &[&str],
    points: Vec<(Vec<&str>, u64)>,
) -> Result<Option<ReportedFamily>, NameError> {
    let samples: Vec<Sample> = points
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(values, count)| sample(&values, count as f64))
        .collect();
    if samples.is_empty() {
        return Ok(None);
    }
    Ok(Some(ReportedFamily {
        head: head(name, help, "", MetricKind::Counter, labels)?,
        points: ReportedPoints::Increments(samples),
    }))
}

fn series(series: usize) -> Result<ReportedFamily, NameError> {
    let help = "Label sets of what is derived from what a source sends";
    Ok(ReportedFamily {
        head: head("bellwether_source_series", help, "", MetricKind::Gauge, &[])?,
        points: ReportedPoints::Values(vec![sample(&[], series as f64)]),
    })
}

fn sample(values: &[&str], value: f64) -> Sample {
    let values: Vec<Arc<str>> = values.iter().map(|value| Arc::from(*value)).collect();
    Sample {
        label_values: values.into(),
        value,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tally: &mut Tally, derived: Derivation) -> BTreeMap<String, f64> {
        let families = tally.take(derived).expect("good names");
        let points = families.into_iter().flat_map(|family| {
            let (ReportedPoints::Increments(samples) | ReportedPoints::Values(samples)) = family.points else {
                panic!("of another kind");
            };
            assert!(
                samples
                    .iter()
                    .all(|sample| sample.label_values.len() == family.head.label_names.len())
            );
            let name = family.head.name.to_string();
            let series = move |sample: Sample| (format!("{name} {}", sample.label_values.join(" ")), sample.value);
            samples.into_iter().map(series).collect::<Vec<_>>()
        });
        points.collect()
    }

    #[test]
    fn what_was_told_is_not_told_again_and_losses_are_told_as_they_grow() {
        let mut tally = Tally::default();
        tally.refused("malformed", 2);
        tally.crash("told");
        let derived = Derivation {
            series: 3,
            folded: 5,
            overflowed: 0,
        };
        let first = told(&mut tally, derived);
        assert_eq!(first["bellwether_source_envelopes_total malformed"], 2.0);
        assert_eq!(first["bellwether_source_crashes_total told"], 1.0);
        assert_eq!(first["bellwether_source_points_lost_total series"], 5.0);
        assert_eq!(first.len(), 4, "{first:?}");
        let second = told(&mut tally, Derivation { folded: 6, ..derived });
        assert_eq!(second["bellwether_source_points_lost_total series"], 1.0);
        assert_eq!(second.len(), 2, "{second:?}");
    }
}
