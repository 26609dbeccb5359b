//! The merge: what the board knows, and how an outcome changes it. Pure: no clock, no task, no log.
//!
//! Flows in: checks, outcomes, missed ticks, the host's own families. Flows out: [`Notice`]s of what is worth saying, and
//! snapshots. Within one check the newest report replaces the one before it, whole; between checks the order of arrival
//! matters only to families about whose kind they disagree.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    account::{count, own_gauges},
    builtin::{BUILTIN, sample},
    catalog::{Catalog, ExtraLabels, Owner},
    demand::Demand,
    entry::{BoardCheck, Entry, Expiry, Now},
    gap::Gap,
    restore::Stored,
    snapshot::{Block, CheckState, Snapshot},
    sources::{SourceReport, Sources},
    taking::Taking,
    totals::Totals,
    turn::{Told, Turn},
};
use crate::{
    clock::Timestamp,
    config::Check,
    metric::{FamilyHead, MetricName, Points},
    outcome::{Outcome, RefusedFamily, Report, ReportedFamily, ReportedPoints, Status, Verdict},
};

/// Something worth saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A family is not served. `first`: it was not refused for this reason in the run before.
    Refused {
        check: Arc<str>,
        family: String,
        reason: String,
        kind: &'static str,
        first: bool,
    },
    /// A check reports more than it may. Said when it begins. `families`: those that lost series, the first of them in part perhaps.
    OverBudget {
        check: Arc<str>,
        dropped: usize,
        limit: usize,
        families: Vec<MetricName>,
    },
    /// Another outcome than the one that was said last. `code` and `message` are those of the worst target, or of the failure.
    Turned {
        check: Arc<str>,
        turn: Turn,
        word: &'static str,
        code: String,
        message: String,
    },
    /// No report for too long; the series of the check vanish.
    Stale { check: Arc<str> },
    /// An outcome of a check that is not, or no longer, configured like this.
    Outdated { check: Arc<str> },
}

/// Everything the board knows.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Looked up several times for every run, and wanted in order only by a snapshot.
    checks: HashMap<Arc<str>, Entry>,
    catalog: Catalog,
    host: Totals,
    sources: Sources,
    /// Checks with totals that were not shown yet.
    unsettled: BTreeSet<Arc<str>>,
    /// Since the last snapshot.
    changed: bool,
    /// Of the last snapshot, while no check changed.
    states: Option<Arc<[Arc<CheckState>]>>,
    outstanding: usize,
    /// Whether it was ever told which checks there are.
    configured: bool,
    /// A check whose outcomes make the merge panic.
    #[cfg(test)]
    pub(super) fault: Option<Arc<str>>,
}

impl State {
    /// Whether a new snapshot would differ from the last.
    pub(super) fn has_changed(&self) -> bool {
        self.changed
    }

    /// How many checks that can run have not yet.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// These checks and no others. An equal one keeps all it has; a changed one begins anew.
    pub(super) fn replace(&mut self, checks: Vec<BoardCheck>, now: Now) {
        let mut wanted: BTreeMap<Arc<str>, BoardCheck> = checks
            .into_iter()
            .map(|spec| (Arc::clone(&spec.check.name), spec))
            .collect();
        let gone: Vec<Arc<str>> = self
            .checks
            .iter()
            .filter(|(name, entry)| wanted.get(*name) != Some(&entry.spec))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in gone {
            self.forget(&name);
        }
        let places = 1_u32..;
        let owner = |(place, name): (u32, &Arc<str>)| (Arc::clone(name), Owner::check(place, Arc::clone(name)));
        let owners: HashMap<Arc<str>, Owner> = places.zip(wanted.keys()).map(owner).collect();
        self.catalog.reorder(&owners);
        for (name, owner) in owners {
            if let Some(entry) = self.checks.get_mut(&name) {
                entry.owner = owner;
            } else if let Some(spec) = wanted.remove(&name) {
                self.begin(spec, owner, now);
            }
        }
        self.configured = true;
        self.count_outstanding();
        self.touch();
    }

    fn touch(&mut self) {
        self.changed = true;
        self.states = None;
    }

    fn count_outstanding(&mut self) {
        self.outstanding = self.checks.values().filter(|entry| entry.is_outstanding()).count();
    }

    fn forget(&mut self, name: &Arc<str>) {
        let Some(entry) = self.checks.remove(name) else { return };
        let totals = entry.totals.names().chain(entry.own_totals.names());
        for family in entry.reported.iter().chain(totals) {
            self.catalog.remove(&entry.owner, family);
        }
        for head in own_gauges().into_iter().chain([&BUILTIN.status]) {
            self.catalog.remove(&entry.owner, &head.name);
        }
        self.unsettled.remove(name);
    }

    fn begin(&mut self, spec: BoardCheck, owner: Owner, now: Now) {
        let mut entry = Entry::new(spec, owner);
        for head in [
            &BUILTIN.missed_ticks,
            &BUILTIN.series_dropped,
            &BUILTIN.cpu,
            &BUILTIN.families_refused,
        ] {
            count(&mut entry.own_totals, head, &[], 0.0, now.wall);
        }
        let name = Arc::clone(&entry.name);
        self.checks.insert(Arc::clone(&name), entry);
        self.show(&name);
    }

    /// A check could not be loaded.
    pub(super) fn failed(&mut self, name: &str, problem: String) {
        let Some(entry) = self.checks.get_mut(name) else { return };
        let name = Arc::clone(&entry.name);
        entry.spec.problem = Some(problem.clone());
        entry.update(|state| {
            state.status = Some(Status::Unknown);
            state.message.clone_from(&problem);
            state.problem = Some(problem);
        });
        self.count_outstanding();
        self.show(&name);
    }

    /// Ticks that did not become runs.
    pub(super) fn missed(&mut self, name: &str, ticks: u64, now: Now) {
        let Some(entry) = self.checks.get_mut(name) else { return };
        let name = Arc::clone(&entry.name);
        entry.update(|state| state.missed_ticks += ticks);
        count(
            &mut entry.own_totals,
            &BUILTIN.missed_ticks,
            &[],
            ticks as f64,
            now.wall,
        );
        self.show(&name);
    }

    /// A run ended. `check` is its configuration when it began; none: not known, so it is not compared.
    pub(super) fn ended(&mut self, check: Option<&Check>, mut outcome: Outcome, now: Now) -> Vec<Notice> {
        #[cfg(test)]
        assert_ne!(self.fault.as_ref(), Some(&outcome.check), "told to");
        let mut notices = Vec::new();
        let Some(entry) = self.checks.get_mut(&outcome.check) else {
            return vec![Notice::Outdated { check: outcome.check }];
        };
        let is_current = |check: &Check| std::ptr::eq(check, &*entry.spec.check) || *check == *entry.spec.check;
        if !check.is_none_or(is_current) {
            return vec![Notice::Outdated { check: outcome.check }];
        }
        let name = Arc::clone(&entry.name);
        if entry.is_outstanding() {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        entry.note(&outcome);
        notices.extend(entry.turned(&outcome, now));
        entry.account(&outcome, now.wall);
        if let Ok(report) = &mut outcome.result {
            self.take(&name, std::mem::take(report), now, &mut notices);
        }
        self.show(&name);
        notices
    }

    /// A report from before this process began, if it is not stale by now. Totals are not in it.
    pub(super) fn restore(&mut self, stored: Stored, now: Now) -> bool {
        let Some(entry) = self.checks.get_mut(&*stored.check) else {
            return false;
        };
        let untouched = entry.is_outstanding() && entry.reported_at.is_none();
        let expiry = Expiry::of(&entry.spec.check, stored.reported_at, now);
        let Some(expiry) = expiry.filter(|_| untouched) else {
            return false;
        };
        let name = Arc::clone(&entry.name);
        entry.expiry = Some(expiry);
        entry.reported_at = Some(stored.reported_at);
        entry.told = Told::before(stored.word);
        let verdicts: Arc<[Verdict]> = stored.verdicts.into();
        entry.update(|state| {
            state.restored = true;
            state.status = Some(stored.status);
            state.outcome = Some(stored.word);
            state.message.clone_from(&stored.message);
            state.checked_at = Some(stored.checked_at);
            state.duration = stored.duration;
            state.consecutive_failures = stored.consecutive_failures;
            state.consecutive_failed_runs = stored.consecutive_failed_runs;
            state.verdicts = verdicts;
        });
        let families = stored.families.into_iter().map(|(head, points)| ReportedFamily {
            head,
            points: match points {
                Points::Values(samples) => ReportedPoints::Values(samples),
                Points::Histograms(samples) => ReportedPoints::Histograms(samples),
                Points::Summaries(samples) => ReportedPoints::Summaries(samples),
            },
        });
        self.take_families(&name, families.collect(), Vec::new(), now, &mut Vec::new());
        self.show(&name);
        true
    }

    fn take(&mut self, name: &Arc<str>, report: Report, now: Now, notices: &mut Vec<Notice>) {
        if let Some(entry) = self.checks.get_mut(name) {
            entry.reported_at = Some(now.wall);
            entry.expiry = Expiry::of(&entry.spec.check, now.wall, now);
            entry.update(|state| state.stale = false);
        }
        self.take_families(name, report.families, report.refused, now, notices);
    }

    fn take_families(
        &mut self,
        name: &Arc<str>,
        families: Vec<ReportedFamily>,
        refused: Vec<RefusedFamily>,
        now: Now,
        notices: &mut Vec<Notice>,
    ) {
        let Self { checks, catalog, .. } = self;
        let Some(entry) = checks.get_mut(name) else { return };
        let mut taking = Taking::new(entry, catalog, now, refused);
        taking.all(families);
        let Taking {
            kept,
            refused,
            dropped,
            lost,
            ..
        } = taking;
        for old in entry.reported.difference(&kept) {
            catalog.remove(&entry.owner, old);
        }
        entry.reported = kept;
        entry.settle_budget(dropped, lost, now, notices);
        entry.settle_refusals(refused, now, notices);
    }

    /// Puts what is known about a check itself into the catalogue.
    fn show(&mut self, name: &Arc<str>) {
        self.touch();
        let Self {
            checks,
            catalog,
            unsettled,
            ..
        } = self;
        let Some(entry) = checks.get_mut(name) else { return };
        entry.count_series(catalog);
        for (head, points) in entry.changed_gauges() {
            // The names are reserved and the kinds constant, so nothing refuses them.
            let _ = catalog.put(&entry.owner, head, points, &entry.own_labels);
        }
        for (head, points) in entry.own_totals.take_changed() {
            let _ = catalog.put(&entry.owner, &head, points, &entry.own_labels);
        }
        if entry.totals.is_unsettled() || entry.own_totals.is_unsettled() {
            unsettled.insert(Arc::clone(name));
        }
    }

    /// The host's own instruments: replaced whole.
    pub(super) fn host_values(&mut self, families: Vec<ReportedFamily>) {
        let owner = Owner::host();
        for family in families {
            if let ReportedPoints::Values(samples) = family.points {
                let head = Arc::new(family.head);
                // Of two instruments that contradict one another the first stays.
                let _ = self.catalog.put(&owner, &head, Points::Values(samples), &no_labels());
            }
        }
        self.changed = true;
    }

    /// Observations about the host itself, added to a histogram.
    pub(super) fn host_observations(&mut self, head: &Arc<FamilyHead>, bounds: &[f64], values: &[f64], now: Now) {
        let samples: Vec<_> = values.iter().map(|value| sample(&[], *value)).collect();
        // One family of ours with constant bounds: nothing to refuse.
        let _ = self.host.observe(head, bounds, &samples, usize::MAX, now.wall);
        self.show_host_totals();
    }

    /// What a source of events reports.
    pub(super) fn of_source(&mut self, report: SourceReport, now: Now) {
        self.changed |= self.sources.take(&mut self.catalog, report, now);
    }

    /// These sources of events and no others.
    pub(super) fn retain_sources(&mut self, names: &BTreeSet<Arc<str>>) {
        self.sources.retain(&mut self.catalog, names);
        self.changed = true;
    }

    /// No report grew older while nobody could make a newer one.
    pub(super) fn forgive(&mut self, gap: Gap, now: Now) {
        for entry in self.checks.values_mut() {
            let expiry = entry.expiry.map(|expiry| expiry.without(gap, &entry.spec.check, now));
            entry.expiry = expiry;
        }
    }

    /// Lets go of reports that are too old.
    pub(super) fn expire(&mut self, now: Now) -> Vec<Notice> {
        let mut expired: Vec<Arc<str>> = self
            .checks
            .values()
            .filter(|entry| entry.expiry.is_some_and(|expiry| expiry.has_passed(now)))
            .map(|entry| Arc::clone(&entry.name))
            .collect();
        expired.sort_unstable();
        for name in &expired {
            self.hide(name);
        }
        expired.into_iter().map(|check| Notice::Stale { check }).collect()
    }

    /// Totals are hidden too, and go on from where they were when the check reports again.
    fn hide(&mut self, name: &Arc<str>) {
        let Self { checks, catalog, .. } = self;
        let Some(entry) = checks.get_mut(name) else { return };
        for family in entry.reported.iter().chain(entry.totals.names()) {
            catalog.remove(&entry.owner, family);
        }
        entry.reported.clear();
        entry.expiry = None;
        entry.reported_at = None;
        entry.update(|state| {
            state.stale = true;
            state.verdicts = Arc::new([]);
            // What was true then is not known now.
            state.status = Some(Status::Unknown);
        });
        self.show(name);
    }

    /// What was published as zero may grow now.
    pub(super) fn settle(&mut self) {
        for name in std::mem::take(&mut self.unsettled) {
            let Self { checks, catalog, .. } = self;
            let Some(entry) = checks.get_mut(&name) else { continue };
            entry.own_totals.settle();
            entry.totals.settle();
            if entry.reported_at.is_some() {
                for (head, points) in entry.totals.take_changed() {
                    // It is shown already, so nothing refuses it.
                    let _ = catalog.put(&entry.owner, &head, points, &entry.labels);
                }
            }
            self.show(&name);
        }
        if self.host.is_unsettled() {
            self.host.settle();
            self.show_host_totals();
        }
        self.changed |= self.sources.settle(&mut self.catalog);
    }

    fn show_host_totals(&mut self) {
        for (head, points) in self.host.take_changed() {
            let _ = self.catalog.put(&Owner::host(), &head, points, &no_labels());
        }
        self.changed = true;
    }

    /// What is known now, to be read by everyone else.
    pub(super) fn snapshot(&mut self, at: Timestamp, demand: &Arc<Demand>) -> Snapshot {
        self.changed = false;
        let checks = &self.checks;
        let by_name = || {
            let mut entries: Vec<&Entry> = checks.values().collect();
            entries.sort_unstable_by(|one, other| one.owner.cmp(&other.owner));
            entries.into_iter().map(|entry| Arc::clone(&entry.state)).collect()
        };
        let states = self.states.get_or_insert_with(by_name);
        Snapshot::new(
            at,
            self.configured,
            Arc::clone(states),
            self.catalog.families(),
            Arc::clone(demand),
        )
    }

    /// How one check is doing.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.checks.get(name)
    }

    /// The blocks of a check's last report, totals left out.
    pub(super) fn reported_blocks(&self, entry: &Entry) -> Vec<Arc<Block>> {
        let blocks = entry
            .reported
            .iter()
            .filter_map(|family| self.catalog.block(&entry.owner, family));
        blocks.cloned().collect()
    }
}

fn no_labels() -> ExtraLabels {
    Arc::new([])
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
