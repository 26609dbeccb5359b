//! One report on its way into the catalogue: what of it is served, refused or dropped.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    budget,
    builtin::{self, BUILTIN, RESERVED_PREFIX},
    catalog::{Catalog, Refusal},
    entry::{Entry, Now, exported},
};
use crate::{
    metric::{FamilyHead, MetricName, Points},
    outcome::{RefusedFamily, ReportedFamily, ReportedPoints},
};

/// One report on its way into the catalogue.
pub(super) struct Taking<'s> {
    entry: &'s mut Entry,
    catalog: &'s mut Catalog,
    now: Now,
    pub(super) kept: BTreeSet<MetricName>,
    /// Other than totals.
    kept_series: usize,
    pub(super) refused: Vec<(RefusedFamily, &'static str)>,
    pub(super) dropped: usize,
    /// Families with series that were dropped, in order.
    pub(super) lost: Vec<MetricName>,
}

impl<'s> Taking<'s> {
    pub(super) fn new(entry: &'s mut Entry, catalog: &'s mut Catalog, now: Now, refused: Vec<RefusedFamily>) -> Self {
        Self {
            entry,
            catalog,
            now,
            kept: BTreeSet::new(),
            kept_series: 0,
            refused: refused.into_iter().map(|family| (family, "malformed")).collect(),
            dropped: 0,
            lost: Vec::new(),
        }
    }

    /// Statuses first, because alerts hang on them; then totals, because they are there to stay; then the rest in the order in which
    /// it comes, which is that of the plugin's description, the same in each run: what matters most stands first there. A budget
    /// cuts off from the end, and so one family at most is served in part.
    pub(super) fn all(&mut self, families: Vec<ReportedFamily>) {
        self.statuses();
        let (totals, values): (Vec<_>, Vec<_>) = families.into_iter().partition(|family| {
            matches!(
                family.points,
                ReportedPoints::Increments(_) | ReportedPoints::Observations { .. }
            )
        });
        for family in totals {
            self.attempt(family, Self::total);
        }
        self.show_hidden_totals();
        for family in values {
            self.attempt(family, Self::value);
        }
    }

    fn statuses(&mut self) {
        let mut judged = builtin::judged(&self.entry.state.verdicts);
        let dropped = budget::cut_statuses(&mut judged, self.room());
        self.lose(&BUILTIN.status, dropped);
        self.kept_series += budget::status_series(&judged);
        self.entry.judged = judged.into();
    }

    /// How many series more there may be. Totals that have begun are never given up for anything.
    fn room(&self) -> usize {
        let taken = self.entry.totals.series() + self.kept_series;
        self.entry.series_limit().saturating_sub(taken)
    }

    fn attempt(
        &mut self,
        family: ReportedFamily,
        take: fn(&mut Self, &Arc<FamilyHead>, ReportedPoints) -> Result<(), Refusal>,
    ) {
        let name = family.head.name.clone();
        let taken = exported(family.head, &self.entry.labels).and_then(|head| {
            if name.as_str().starts_with(RESERVED_PREFIX) && !self.entry.spec.is_pushed {
                return Err(Refusal::Reserved);
            }
            self.catalog.admits(&head)?;
            take(self, &Arc::new(head), family.points)
        });
        if let Err(refusal) = taken {
            let refused = RefusedFamily {
                name: name.to_string(),
                reason: refusal.to_string(),
            };
            self.refused.push((refused, refusal.as_str()));
        }
    }

    fn lose(&mut self, head: &Arc<FamilyHead>, dropped: usize) {
        self.dropped += dropped;
        if dropped > 0 {
            self.lost.push(head.name.clone());
        }
    }

    fn total(&mut self, head: &Arc<FamilyHead>, points: ReportedPoints) -> Result<(), Refusal> {
        // A plain value of the last report still stands under this name.
        if self.entry.reported.contains(&head.name) {
            return Err(Refusal::Total);
        }
        let (room, wall) = (self.room(), self.now.wall);
        let dropped = match points {
            ReportedPoints::Increments(samples) => self.entry.totals.increase(head, &samples, room, wall)?,
            ReportedPoints::Observations { upper_bounds, samples } => {
                self.entry.totals.observe(head, &upper_bounds, &samples, room, wall)?
            }
            ReportedPoints::Values(_) | ReportedPoints::Histograms(_) | ReportedPoints::Summaries(_) => 0,
        };
        self.lose(head, dropped);
        self.show_total(&head.name)
    }

    /// Those that this report does not mention may have been hidden while the check was stale.
    fn show_hidden_totals(&mut self) {
        let Self { entry, catalog, .. } = self;
        let is_hidden = |name: &&MetricName| catalog.block(&entry.owner, name).is_none();
        let hidden: Vec<MetricName> = entry.totals.names().filter(is_hidden).cloned().collect();
        for name in hidden {
            // A refusal is a name that somebody else took meanwhile: the total is given up and begins anew if it can.
            let _ = self.show_total(&name);
        }
    }

    fn show_total(&mut self, name: &MetricName) -> Result<(), Refusal> {
        let shown = match self.entry.totals.family(name) {
            Some((head, points)) => self.catalog.put(&self.entry.owner, head, points, &self.entry.labels),
            None => Ok(()),
        };
        if shown.is_err() {
            self.entry.totals.forget(name);
        }
        shown
    }

    fn value(&mut self, head: &Arc<FamilyHead>, points: ReportedPoints) -> Result<(), Refusal> {
        if self.entry.totals.holds(&head.name) {
            return Err(Refusal::Total);
        }
        let mut points = match points {
            ReportedPoints::Values(samples) => Points::Values(samples),
            ReportedPoints::Histograms(samples) => Points::Histograms(samples),
            ReportedPoints::Summaries(samples) => Points::Summaries(samples),
            ReportedPoints::Increments(_) | ReportedPoints::Observations { .. } => return Ok(()),
        };
        let dropped = budget::cut(&mut points, self.room());
        self.lose(head, dropped);
        if points.is_empty() {
            return Ok(());
        }
        let (name, series) = (head.name.clone(), points.series());
        self.catalog.put(&self.entry.owner, head, points, &self.entry.labels)?;
        self.kept_series += series;
        self.kept.insert(name);
        Ok(())
    }
}
