//! What is derived from the pushes of applications: families of the host's own, with the label `source`.
//!
//! Flows in: increments, observations and values of one source. Flows out: blocks of the catalogue. They have no verdict, and do not grow
//! old: a source that sends nothing had no errors. What one reports more than others is bounded where it is derived.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    catalog::{Catalog, ExtraLabels, Owner},
    entry::Now,
    totals::Totals,
};
use crate::{
    metric::{FamilyHead, LabelName, MetricName, Points},
    outcome::{ReportedFamily, ReportedPoints},
};

/// Places of sources lie behind those of all checks.
const FIRST_PLACE: u32 = 1 << 31;

/// What one source reports since the last time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceReport {
    /// NAME of `[source.NAME]`.
    pub source: Arc<str>,
    /// Added to what is there, or in its place.
    pub families: Vec<ReportedFamily>,
    /// Running totals that are given up: a family, and the values of its labels.
    pub silent: Vec<(&'static str, Vec<Arc<str>>)>,
}

impl SourceReport {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty() && self.silent.is_empty()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sources {
    by_name: BTreeMap<Arc<str>, OfSource>,
    /// How many there were since the start: a place is given once.
    begun: u32,
}

#[derive(Debug)]
struct OfSource {
    owner: Owner,
    labels: ExtraLabels,
    totals: Totals,
    values: BTreeSet<MetricName>,
}

impl Sources {
    /// What one source reports. True: something changed.
    pub(super) fn take(&mut self, catalog: &mut Catalog, report: SourceReport, now: Now) -> bool {
        if report.is_empty() {
            return false;
        }
        let SourceReport {
            source,
            families,
            silent,
        } = report;
        let Self { by_name, begun } = self;
        let known = by_name.entry(Arc::clone(&source)).or_insert_with(|| {
            *begun += 1;
            OfSource::new(&source, *begun)
        });
        // What comes in this report is of now, and a label set that was given up may be among it.
        known.totals.forget_series(&silent);
        for family in families {
            known.family(catalog, family, now);
        }
        known.show_totals(catalog);
        true
    }

    /// These and no others: what the others reported vanishes.
    pub(super) fn retain(&mut self, catalog: &mut Catalog, names: &BTreeSet<Arc<str>>) {
        let gone = self.by_name.extract_if(.., |name, _| !names.contains(name));
        for (_, gone) in gone {
            for family in gone.totals.names().chain(&gone.values) {
                catalog.remove(&gone.owner, family);
            }
        }
    }

    /// What was published as zero may grow now. True: something changed.
    pub(super) fn settle(&mut self, catalog: &mut Catalog) -> bool {
        let mut changed = false;
        for source in self.by_name.values_mut().filter(|source| source.totals.is_unsettled()) {
            source.totals.settle();
            source.show_totals(catalog);
            changed = true;
        }
        changed
    }
}

impl OfSource {
    fn new(source: &Arc<str>, number: u32) -> Self {
        let label = LabelName::new("source").ok();
        Self {
            // No check is called so.
            owner: Owner::check(FIRST_PLACE + number, format!("source/{source}").into()),
            labels: label.into_iter().map(|label| (label, Arc::clone(source))).collect(),
            totals: Totals::default(),
            values: BTreeSet::new(),
        }
    }

    /// One that somebody else reports as another kind is left out: its name is taken, and a check that takes it says so.
    fn family(&mut self, catalog: &mut Catalog, family: ReportedFamily, now: Now) {
        let head = Arc::new(family.head);
        if catalog.admits(&head).is_err() {
            return;
        }
        match family.points {
            ReportedPoints::Increments(samples) => {
                let _ = self.totals.increase(&head, &samples, usize::MAX, now.wall);
            }
            ReportedPoints::Observations { upper_bounds, samples } => {
                let _ = self
                    .totals
                    .observe(&head, &upper_bounds, &samples, usize::MAX, now.wall);
            }
            ReportedPoints::Values(samples) => self.value(catalog, &head, Points::Values(samples)),
            ReportedPoints::Histograms(samples) => self.value(catalog, &head, Points::Histograms(samples)),
            ReportedPoints::Summaries(samples) => self.value(catalog, &head, Points::Summaries(samples)),
        }
    }

    fn value(&mut self, catalog: &mut Catalog, head: &Arc<FamilyHead>, points: Points) {
        if catalog.put(&self.owner, head, points, &self.labels).is_ok() {
            self.values.insert(head.name.clone());
        }
    }

    fn show_totals(&mut self, catalog: &mut Catalog) {
        for (head, points) in self.totals.take_changed() {
            if catalog.put(&self.owner, &head, points, &self.labels).is_err() {
                self.totals.forget(&head.name);
            }
        }
    }
}
