//! From what the board publishes to rows of history.
//!
//! Flows in: a [`Snapshot`]. Flows out: the series of its exposition, name for name and label for label as a scrape of our text
//! would yield them, with what a Prometheus server adds: `job` and `instance` where a series has none (as with
//! `honor_labels: true`), and for each check and each scraped target `up`, `scrape_duration_seconds` and
//! `scrape_samples_scraped`, which are other names of series that are there already.
//!
//! A block that was carried over from the last snapshot costs a copy of its values; one with new values of the same series costs a
//! comparison of their labels; only series that are new are looked up.

use std::{path::Path, sync::Arc};

use bellwether_promql::labels::{BUCKET, Labels, METRIC_NAME};

use super::{
    keeper::{Filling, History, Ticked},
    settings::Settings,
};
use crate::{
    board::{Block, Snapshot, SnapshotFamily},
    metric::{FamilyHead, LabelName, Points, text},
};

const JOB: &str = "job";
const INSTANCE: &str = "instance";
const QUANTILE: &str = "quantile";
const CHECK: &str = "check";
const TARGET: &str = "target";

/// The plugin that scrapes other exporters: its targets have `up` of their own.
const SCRAPER: &str = "prometheus";

/// What the board reports about each check, and what Prometheus calls that of a target.
const OF_CHECKS: [(&str, &str); 3] = [
    ("bellwether_check_up", "up"),
    ("bellwether_check_run_duration_seconds", "scrape_duration_seconds"),
    ("bellwether_check_series", "scrape_samples_scraped"),
];

/// What that plugin reports about each target, behind the check's prefix.
const OF_TARGETS: [(&str, &str); 3] = [
    ("scrape_target_up", "up"),
    ("scrape_target_duration_seconds", "scrape_duration_seconds"),
    ("scrape_target_samples", "scrape_samples_scraped"),
];

/// A series that has no row.
const NONE: u32 = u32::MAX;

/// Blocks of other checks that are skipped to find one again. Behind more, its series are looked up.
const SKIP: usize = 8;

/// What the last snapshot was, and which rows its series have.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// By name of the family.
    families: Vec<FedFamily>,
}

#[derive(Debug)]
struct FedFamily {
    head: Arc<FamilyHead>,
    blocks: Vec<FedBlock>,
}

#[derive(Debug)]
struct FedBlock {
    block: Arc<Block>,
    /// In the order of [`each_value`]; then once more for another name of the same values.
    rows: Box<[u32]>,
    /// Some of them have no row.
    refused: bool,
}

impl Feed {
    /// Rows that were given up may be somebody else's soon.
    fn forget(&mut self, is_gone: impl Fn(u32) -> bool) {
        for fed in self.families.iter_mut().flat_map(|family| &mut family.blocks) {
            for row in fed.rows.iter_mut().filter(|row| **row != NONE && is_gone(**row)) {
                *row = NONE;
                fed.refused = true;
            }
        }
    }
}

impl History {
    /// Records a tick: every series of `snapshot` at the moment `at`, in milliseconds since the epoch. A series that was there at the
    /// tick before and is not now gets a stale marker.
    pub fn append_tick(&mut self, snapshot: &Snapshot, at: i64) -> Ticked {
        let mut feed = std::mem::take(&mut self.feed);
        let ticked = self.tick(at, |filling| feed = fill(filling, snapshot, std::mem::take(&mut feed)));
        if ticked.dropped_unselected > 0 {
            feed.forget(|row| self.current().living(row).is_none());
        }
        self.feed = feed;
        ticked
    }
}

fn fill(filling: &mut Filling<'_>, snapshot: &Snapshot, last: Feed) -> Feed {
    let mut known = last.families.into_iter().peekable();
    let mut families = Vec::with_capacity(snapshot.families.len());
    for family in &snapshot.families {
        while known.next_if(|known| known.head.name < family.head.name).is_some() {}
        let same = known.next_if(|known| known.head.name == family.head.name);
        families.push(FedFamily {
            head: Arc::clone(&family.head),
            blocks: fill_family(
                filling,
                snapshot,
                family,
                same.map_or_else(Vec::new, |known| known.blocks),
            ),
        });
    }
    Feed { families }
}

fn fill_family(
    filling: &mut Filling<'_>,
    snapshot: &Snapshot,
    family: &SnapshotFamily,
    known: Vec<FedBlock>,
) -> Vec<FedBlock> {
    let mut known = known.into_iter();
    let mut fed = Vec::with_capacity(family.blocks.len());
    for block in family.blocks.iter() {
        let ahead = known
            .as_slice()
            .iter()
            .take(SKIP)
            .position(|known| is_of(&known.block, block));
        let same = ahead.and_then(|ahead| known.nth(ahead));
        fed.push(fill_block(filling, snapshot, block, same));
    }
    fed
}

/// Whether two blocks of a family are of the same check.
fn is_of(one: &Block, other: &Block) -> bool {
    Arc::ptr_eq(one.labels(), other.labels()) || one.labels() == other.labels()
}

fn fill_block(filling: &mut Filling<'_>, snapshot: &Snapshot, block: &Arc<Block>, known: Option<FedBlock>) -> FedBlock {
    let usable = known.filter(|known| !(known.refused && filling.has_room()));
    if let Some(known) = usable {
        if Arc::ptr_eq(&known.block, block) {
            known
                .rows
                .iter()
                .filter(|row| **row != NONE)
                .for_each(|row| filling.again(*row));
            return known;
        }
        if has_same_series(&known.block, block) {
            write(filling, block, &known.rows);
            return FedBlock {
                block: Arc::clone(block),
                ..known
            };
        }
    }
    let rows = rows(filling, snapshot, block);
    write(filling, block, &rows);
    FedBlock {
        block: Arc::clone(block),
        refused: rows.contains(&NONE),
        rows,
    }
}

fn write(filling: &mut Filling<'_>, block: &Block, rows: &[u32]) {
    let mut next = rows.iter();
    let mut set = |value| {
        if let Some(&row) = next.next().filter(|row| **row != NONE) {
            filling.set(row, value);
        }
    };
    each_value(block.points(), &mut set);
    if next.len() > 0 {
        each_value(block.points(), &mut |value| {
            if let Some(&row) = next.next().filter(|row| **row != NONE) {
                filling.set(row, value);
            }
        });
    }
}

/// The values of all series, in the order of the text.
fn each_value(points: &Points, then: &mut impl FnMut(f64)) {
    match points {
        Points::Values(samples) => samples.iter().for_each(|sample| then(sample.value)),
        Points::Histograms(samples) => {
            for sample in samples {
                let finite = sample
                    .buckets
                    .iter()
                    .filter(|bucket| bucket.upper_bound < f64::INFINITY);
                finite.for_each(|bucket| then(bucket.cumulative_count as f64));
                [sample.count as f64, sample.sum, sample.count as f64]
                    .into_iter()
                    .for_each(&mut *then);
            }
        }
        Points::Summaries(samples) => {
            for sample in samples {
                sample.quantiles.iter().for_each(|quantile| then(quantile.value));
                [sample.sum, sample.count as f64].into_iter().for_each(&mut *then);
            }
        }
    }
}

/// Whether two blocks of one check differ in values at most.
fn has_same_series(one: &Block, other: &Block) -> bool {
    let (head, other_head) = (one.head(), other.head());
    let heads =
        Arc::ptr_eq(head, other_head) || (head.name == other_head.name && head.label_names == other_head.label_names);
    heads && have_same_labels(one.points(), other.points())
}

fn have_same_labels(one: &Points, other: &Points) -> bool {
    match (one, other) {
        (Points::Values(one), Points::Values(other)) => {
            alike(one, other, |one, other| one.label_values == other.label_values)
        }
        (Points::Histograms(one), Points::Histograms(other)) => alike(one, other, |one, other| {
            let bounds = |one: &crate::metric::Bucket, other: &crate::metric::Bucket| {
                one.upper_bound.to_bits() == other.upper_bound.to_bits()
            };
            one.label_values == other.label_values && alike(&one.buckets, &other.buckets, bounds)
        }),
        (Points::Summaries(one), Points::Summaries(other)) => alike(one, other, |one, other| {
            let quantiles = |one: &crate::metric::Quantile, other: &crate::metric::Quantile| {
                one.quantile.to_bits() == other.quantile.to_bits()
            };
            one.label_values == other.label_values && alike(&one.quantiles, &other.quantiles, quantiles)
        }),
        (Points::Values(_) | Points::Histograms(_) | Points::Summaries(_), _) => false,
    }
}

fn alike<T>(one: &[T], other: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
}

/// The rows of all series of a block, and of their other names.
fn rows(filling: &mut Filling<'_>, snapshot: &Snapshot, block: &Block) -> Box<[u32]> {
    let settings = filling.settings().clone();
    let mut rows = Vec::with_capacity(block.points().series());
    let naming = Naming::of(block, &settings);
    naming.each(|labels| rows.push(filling.row(&labels).unwrap_or(NONE)));
    if let Some(alias) = alias(snapshot, block) {
        let naming = Naming {
            alias: Some(alias),
            ..naming
        };
        naming.each(|labels| rows.push(filling.row(&labels).unwrap_or(NONE)));
    }
    rows.into()
}

/// Another name for the series of a block.
#[derive(Clone, Copy, Debug)]
struct Alias {
    name: &'static str,
    /// The label `target` tells the instance as well: there are several.
    instances: bool,
}

fn alias(snapshot: &Snapshot, block: &Block) -> Option<Alias> {
    let head = block.head();
    let name = head.name.as_str();
    let of_check = OF_CHECKS.iter().find(|(own, _)| *own == name);
    if let Some((_, alias)) = of_check {
        return Some(Alias {
            name: alias,
            instances: false,
        });
    }
    let (_, alias) = OF_TARGETS.iter().find(|(own, _)| name.ends_with(own))?;
    let [label] = &*head.label_names else { return None };
    let (_, check) = block.labels().iter().find(|(name, _)| name.as_str() == CHECK)?;
    let scraped = label.as_str() == TARGET && snapshot.check(check).is_some_and(|check| is_scraper(&check.plugin));
    scraped.then_some(Alias {
        name: alias,
        instances: block.points().len() > 1,
    })
}

/// Bundled, or a file of that name.
fn is_scraper(plugin: &str) -> bool {
    plugin == SCRAPER || Path::new(plugin).file_stem().is_some_and(|stem| stem == SCRAPER)
}

/// What the series of a block are called.
#[derive(Clone, Copy, Debug)]
struct Naming<'b> {
    block: &'b Block,
    settings: &'b Settings,
    alias: Option<Alias>,
}

impl<'b> Naming<'b> {
    const fn of(block: &'b Block, settings: &'b Settings) -> Self {
        Self {
            block,
            settings,
            alias: None,
        }
    }

    /// In the order of [`each_value`].
    fn each(&self, mut then: impl FnMut(Labels)) {
        match self.block.points() {
            Points::Values(samples) => samples
                .iter()
                .for_each(|sample| then(self.labels("", &sample.label_values, None))),
            Points::Histograms(samples) => {
                for sample in samples {
                    let values = &*sample.label_values;
                    let bounds = sample.buckets.iter().map(|bucket| bucket.upper_bound);
                    for bound in bounds.filter(|bound| *bound < f64::INFINITY).chain([f64::INFINITY]) {
                        then(self.labels("_bucket", values, Some((BUCKET, bound))));
                    }
                    then(self.labels("_sum", values, None));
                    then(self.labels("_count", values, None));
                }
            }
            Points::Summaries(samples) => {
                for sample in samples {
                    let values = &*sample.label_values;
                    for quantile in &sample.quantiles {
                        then(self.labels("", values, Some((QUANTILE, quantile.quantile))));
                    }
                    then(self.labels("_sum", values, None));
                    then(self.labels("_count", values, None));
                }
            }
        }
    }

    fn labels(&self, suffix: &str, values: &[Arc<str>], last: Option<(&str, f64)>) -> Labels {
        let head = self.block.head();
        let name = match self.alias {
            Some(alias) => alias.name.to_owned(),
            None => format!("{}{suffix}", head.name),
        };
        let mut all: Vec<(Arc<str>, Arc<str>)> = vec![
            // What stands behind counts, so these are for series that have none.
            (JOB.into(), Arc::clone(&self.settings.job)),
            (INSTANCE.into(), self.instance(values)),
            (METRIC_NAME.into(), name.into()),
        ];
        let own = head.label_names.iter().zip(values);
        let given = self.block.labels().iter().map(|(name, value)| (name, value));
        let named = |(name, value): (&LabelName, &Arc<str>)| (Arc::from(name.as_str()), Arc::clone(value));
        // A label without a value is none, and hides no other.
        all.extend(given.chain(own).filter(|(_, value)| !value.is_empty()).map(named));
        if let Some((label, bound)) = last {
            all.push((label.into(), text::bound(bound).into()));
        }
        Labels::new(all)
    }

    fn instance(&self, values: &[Arc<str>]) -> Arc<str> {
        let of_target = self.alias.filter(|alias| alias.instances).and_then(|_| values.first());
        Arc::clone(of_target.unwrap_or(&self.settings.instance))
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
