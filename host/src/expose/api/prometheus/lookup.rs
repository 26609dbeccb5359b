//! `series`, `labels`, `label/NAME/values` and `metadata`: what there is to ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bellwether_promql::{labels::Labels, storage::SeriesId};
use serde::Serialize;

use super::{
    Asked, Failure, Kind,
    body::{self, Notes, TRUNCATED},
};
use crate::metric::{FamilyHead, MetricKind};

/// Series looked at between two looks at the time.
const LOOK_EVERY: usize = 1_000;

/// The label sets of the series that are chosen.
pub(super) fn series(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    if asked.parameters.all("match[]").next().is_none() {
        return Err(Failure::new(Kind::BadData, "no match[] parameter provided"));
    }
    let limit = asked.parameters.limit("limit")?;
    let mut found = Vec::new();
    chosen(asked, |labels| found.push(labels))?;
    let notes = shorten(&mut found, limit);
    let mut out = body::begin();
    body::list(&found, &mut out, |labels, out| body::set(labels, out))?;
    Ok(body::end(out, &notes))
}

/// The names of their labels; without `match[]`, of all.
pub(super) fn names(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let mut names: BTreeSet<&Arc<str>> = BTreeSet::new();
    let limit = asked.parameters.limit("limit")?;
    chosen(asked, |labels| names.extend(labels.iter().map(|(name, _)| name)))?;
    Ok(list(names, limit))
}

/// The values of one label of theirs.
pub(super) fn values(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let name = asked.name;
    if name.is_empty() {
        return Err(Failure::new(Kind::BadData, "invalid label name: \"\""));
    }
    let mut values: BTreeSet<&Arc<str>> = BTreeSet::new();
    let limit = asked.parameters.limit("limit")?;
    chosen(asked, |labels| values.extend(labels.get(name)))?;
    Ok(list(values, limit))
}

/// Calls `take` for each series that one of `match[]` chooses, or for all if there is none, and that has samples between
/// `start` and `end`.
fn chosen<'a>(asked: &Asked<'a>, mut take: impl FnMut(&'a Labels)) -> Result<(), Failure> {
    let (start, end) = asked.parameters.period()?;
    let selectors = asked.parameters.selectors()?;
    let mut ids: Vec<SeriesId> = match selectors.as_slice() {
        [] => asked.storage.find(&[]),
        some => some.iter().flat_map(|matchers| asked.storage.find(matchers)).collect(),
    };
    ids.sort_unstable();
    ids.dedup();
    for (at, id) in ids.into_iter().enumerate() {
        if at % LOOK_EVERY == 0 {
            asked.watch.check()?;
        }
        if asked.storage.newest(id, start - 1, end).is_some() {
            take(asked.storage.labels(id));
        }
    }
    Ok(())
}

fn shorten<T>(found: &mut Vec<T>, limit: usize) -> Notes {
    let mut notes = Notes::default();
    if limit > 0 && found.len() > limit {
        found.truncate(limit);
        notes.warn(TRUNCATED);
    }
    notes
}

fn list(texts: BTreeSet<&Arc<str>>, limit: usize) -> Vec<u8> {
    let mut texts: Vec<&str> = texts.into_iter().map(|text| &**text).collect();
    let notes = shorten(&mut texts, limit);
    let mut out = body::begin();
    body::json(&texts, &mut out);
    body::end(out, &notes)
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Metadata<'h> {
    #[serde(rename = "type")]
    kind: &'static str,
    help: &'h str,
    unit: &'h str,
}

impl<'h> From<&'h FamilyHead> for Metadata<'h> {
    fn from(head: &'h FamilyHead) -> Self {
        let kind = match head.kind {
            MetricKind::Untyped => "unknown",
            MetricKind::StateSet => "stateset",
            kind => kind.as_str(),
        };
        Self {
            kind,
            help: &head.help,
            unit: &head.unit,
        }
    }
}

/// Type, help and unit of every family, or of `metric`; several where checks say different things.
pub(super) fn metadata(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let (limit, each) = (
        asked.parameters.limit("limit")?,
        asked.parameters.limit("limit_per_metric")?,
    );
    let wanted = asked.parameters.text("metric");
    let mut all: BTreeMap<&str, BTreeSet<Metadata<'_>>> = BTreeMap::new();
    for family in asked.families {
        let name = family.head.name.as_str();
        if wanted.is_empty() || wanted == name {
            let heads = family.blocks.iter().map(|block| Metadata::from(&**block.head()));
            all.entry(name).or_default().extend(heads);
        }
    }
    // 0 is none at all here, unlike elsewhere: so it is in Prometheus when it is said.
    let most = if asked.parameters.text("limit").is_empty() {
        usize::MAX
    } else {
        limit
    };
    let each = if each == 0 { usize::MAX } else { each };
    let listed: BTreeMap<&str, Vec<&Metadata<'_>>> = all
        .iter()
        .take(most)
        .map(|(name, some)| (*name, some.iter().take(each).collect()))
        .collect();
    Ok(asked.success(&listed))
}
