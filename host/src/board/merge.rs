//! The merge: what the board knows, and how an outcome changes it. Pure: no clock, no task, no log.
//!
//! Flows in: checks, outcomes, missed ticks, the host's own families. Flows out: [`Notice`]s of what is worth saying, and
//! snapshots. Within one check the newest report replaces the one before it, whole; between checks the order of arrival
//! matters only to families about whose kind they disagree.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    budget,
    builtin::{BUILTIN, RESERVED_PREFIX, sample, single, statuses},
    catalog::{Catalog, ExtraLabels, Owner, Refusal},
    demand::Demand,
    entry::{BoardCheck, Entry, Expiry, Now, exported},
    restore::Stored,
    snapshot::{Block, CheckState, Snapshot},
    totals::Totals,
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
    /// A check reports more than it may. Said when it begins.
    OverBudget {
        check: Arc<str>,
        dropped: usize,
        limit: usize,
    },
    /// No report for too long; the series of the check vanish.
    Stale { check: Arc<str> },
    /// An outcome of a check that is not, or no longer, configured like this.
    Outdated { check: Arc<str> },
}

/// Everything the board knows.
#[derive(Debug, Default)]
pub(super) struct State {
    checks: BTreeMap<Arc<str>, Entry>,
    catalog: Catalog,
    host: Totals,
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
        let wanted: BTreeMap<Arc<str>, BoardCheck> = checks
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
        for (name, spec) in wanted {
            if !self.checks.contains_key(&name) {
                self.begin(spec, now);
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
            self.catalog.remove(name, family);
        }
        for head in own_gauges() {
            self.catalog.remove(name, &head.name);
        }
        self.unsettled.remove(name);
    }

    fn begin(&mut self, spec: BoardCheck, now: Now) {
        let mut entry = Entry::new(spec);
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
        if check.is_some_and(|check| *check != *entry.spec.check) {
            return vec![Notice::Outdated { check: outcome.check }];
        }
        let name = Arc::clone(&entry.name);
        if entry.is_outstanding() {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        entry.note(&outcome);
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
        let verdicts: Arc<[Verdict]> = stored.verdicts.into();
        entry.update(|state| {
            state.restored = true;
            state.status = Some(stored.status);
            state.outcome = Some(stored.word);
            state.message.clone_from(&stored.message);
            state.checked_at = Some(stored.checked_at);
            state.duration = stored.duration;
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
            kept, refused, dropped, ..
        } = taking;
        for old in entry.reported.difference(&kept) {
            catalog.remove(name, old);
        }
        entry.reported = kept;
        entry.settle_budget(dropped, now, notices);
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
        for (head, points) in entry.own_gauges() {
            // The names are reserved and the kinds constant, so nothing refuses them.
            let _ = catalog.put(name, head, points, &entry.own_labels);
        }
        show_totals(catalog, name, &entry.own_totals, &entry.own_labels);
        if entry.totals.is_unsettled() || entry.own_totals.is_unsettled() {
            unsettled.insert(Arc::clone(name));
        }
    }

    /// The host's own instruments: replaced whole.
    pub(super) fn host_values(&mut self, families: Vec<ReportedFamily>) {
        let owner: Owner = "".into();
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
        show_totals(&mut self.catalog, &"".into(), &self.host, &no_labels());
        self.changed = true;
    }

    /// Lets go of reports that are too old.
    pub(super) fn expire(&mut self, now: Now) -> Vec<Notice> {
        let expired: Vec<Arc<str>> = self
            .checks
            .values()
            .filter(|entry| entry.expiry.is_some_and(|expiry| expiry.has_passed(now)))
            .map(|entry| Arc::clone(&entry.name))
            .collect();
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
            catalog.remove(name, family);
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
            let grown = entry.totals.settle();
            if entry.reported_at.is_some() {
                for family in &grown {
                    show_total(catalog, &name, &entry.totals, family, &entry.labels);
                }
            }
            self.show(&name);
        }
        if self.host.is_unsettled() {
            self.host.settle();
            show_totals(&mut self.catalog, &"".into(), &self.host, &no_labels());
            self.changed = true;
        }
    }

    /// What is known now, to be read by everyone else.
    pub(super) fn snapshot(&mut self, at: Timestamp, demand: &Arc<Demand>) -> Snapshot {
        self.changed = false;
        let checks = &self.checks;
        let states = self
            .states
            .get_or_insert_with(|| checks.values().map(|entry| Arc::clone(&entry.state)).collect());
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
            .filter_map(|family| self.catalog.block(&entry.name, family));
        blocks.cloned().collect()
    }
}

/// One report on its way into the catalogue.
struct Taking<'s> {
    entry: &'s mut Entry,
    catalog: &'s mut Catalog,
    now: Now,
    kept: BTreeSet<MetricName>,
    kept_series: usize,
    refused: Vec<(RefusedFamily, &'static str)>,
    dropped: usize,
}

impl<'s> Taking<'s> {
    fn new(entry: &'s mut Entry, catalog: &'s mut Catalog, now: Now, refused: Vec<RefusedFamily>) -> Self {
        Self {
            entry,
            catalog,
            now,
            kept: BTreeSet::new(),
            kept_series: 0,
            refused: refused.into_iter().map(|family| (family, "malformed")).collect(),
            dropped: 0,
        }
    }

    /// Totals first, because they are there to stay; then by name, so that a budget cuts off the same families each run.
    fn all(&mut self, mut families: Vec<ReportedFamily>) {
        families.sort_by(|a, b| a.head.name.cmp(&b.head.name));
        let (totals, values): (Vec<_>, Vec<_>) = families.into_iter().partition(|family| {
            matches!(
                family.points,
                ReportedPoints::Increments(_) | ReportedPoints::Observations { .. }
            )
        });
        for family in totals {
            self.attempt(family, Self::total);
        }
        self.show_totals();
        for family in values {
            self.attempt(family, Self::value);
        }
    }

    fn attempt(
        &mut self,
        family: ReportedFamily,
        take: fn(&mut Self, Arc<FamilyHead>, ReportedPoints) -> Result<(), Refusal>,
    ) {
        let name = family.head.name.clone();
        let taken = exported(family.head, &self.entry.labels).and_then(|head| {
            if name.as_str().starts_with(RESERVED_PREFIX) {
                return Err(Refusal::Reserved);
            }
            self.catalog.admits(&head)?;
            take(self, Arc::new(head), family.points)
        });
        if let Err(refusal) = taken {
            let refused = RefusedFamily {
                name: name.to_string(),
                reason: refusal.to_string(),
            };
            self.refused.push((refused, refusal.as_str()));
        }
    }

    fn total(&mut self, head: Arc<FamilyHead>, points: ReportedPoints) -> Result<(), Refusal> {
        // A plain value of the last report still stands under this name.
        if self.entry.reported.contains(&head.name) {
            return Err(Refusal::Total);
        }
        let room = self.entry.series_limit().saturating_sub(self.entry.totals.series());
        let wall = self.now.wall;
        self.dropped += match points {
            ReportedPoints::Increments(samples) => self.entry.totals.increase(&head, &samples, room, wall)?,
            ReportedPoints::Observations { upper_bounds, samples } => {
                self.entry.totals.observe(&head, &upper_bounds, &samples, room, wall)?
            }
            ReportedPoints::Values(_) | ReportedPoints::Histograms(_) | ReportedPoints::Summaries(_) => 0,
        };
        Ok(())
    }

    /// All of them, whether or not this report added to them: they may have been hidden while the check was stale.
    fn show_totals(&mut self) {
        let names: Vec<MetricName> = self.entry.totals.names().cloned().collect();
        for name in names {
            if !show_total(
                self.catalog,
                &self.entry.name,
                &self.entry.totals,
                &name,
                &self.entry.labels,
            ) {
                // Somebody else took the name while this check was stale.
                self.entry.totals.forget(&name);
            }
        }
    }

    fn value(&mut self, head: Arc<FamilyHead>, points: ReportedPoints) -> Result<(), Refusal> {
        if self.entry.totals.holds(&head.name) {
            return Err(Refusal::Total);
        }
        let mut points = match points {
            ReportedPoints::Values(samples) => Points::Values(samples),
            ReportedPoints::Histograms(samples) => Points::Histograms(samples),
            ReportedPoints::Summaries(samples) => Points::Summaries(samples),
            ReportedPoints::Increments(_) | ReportedPoints::Observations { .. } => return Ok(()),
        };
        let taken = self.entry.totals.series() + self.kept_series;
        self.dropped += budget::cut(&mut points, self.entry.series_limit().saturating_sub(taken));
        if points.is_empty() {
            return Ok(());
        }
        let (name, series) = (head.name.clone(), points.series());
        self.catalog.put(&self.entry.name, &head, points, &self.entry.labels)?;
        self.kept_series += series;
        self.kept.insert(name);
        Ok(())
    }
}

impl Entry {
    /// What a run costs and how it ended, as totals.
    fn account(&mut self, outcome: &Outcome, now: Timestamp) {
        let totals = &mut self.own_totals;
        count(totals, &BUILTIN.runs, &[outcome.word().into()], 1.0, now);
        count(totals, &BUILTIN.cpu, &[], outcome.usage.cpu.as_secs_f64(), now);
        let capabilities: BTreeSet<&str> = outcome.usage.denied.iter().map(|denied| denied.capability).collect();
        for capability in capabilities {
            count(totals, &BUILTIN.denied, &[capability.into()], 1.0, now);
        }
        self.memory_peak_bytes = Some(outcome.usage.memory_peak_bytes);
    }

    fn settle_budget(&mut self, dropped: usize, now: Now, notices: &mut Vec<Notice>) {
        count(
            &mut self.own_totals,
            &BUILTIN.series_dropped,
            &[],
            dropped as f64,
            now.wall,
        );
        self.update(|state| state.series_dropped = dropped);
        if dropped > 0 && !self.over_budget {
            notices.push(Notice::OverBudget {
                check: Arc::clone(&self.name),
                dropped,
                limit: self.series_limit(),
            });
        }
        self.over_budget = dropped > 0;
    }

    fn settle_refusals(&mut self, refused: Vec<(RefusedFamily, &'static str)>, now: Now, notices: &mut Vec<Notice>) {
        count(
            &mut self.own_totals,
            &BUILTIN.families_refused,
            &[],
            refused.len() as f64,
            now.wall,
        );
        let mut said = BTreeMap::new();
        for (family, kind) in &refused {
            let first = self.said.get(&family.name) != Some(&family.reason);
            notices.push(Notice::Refused {
                check: Arc::clone(&self.name),
                family: family.name.clone(),
                reason: family.reason.clone(),
                kind,
                first,
            });
            said.insert(family.name.clone(), family.reason.clone());
        }
        self.said = said;
        self.update(|state| state.refused = refused.into_iter().map(|(family, _)| family).collect());
    }

    fn count_series(&mut self, catalog: &Catalog) {
        let reported: usize = self
            .reported
            .iter()
            .filter_map(|family| catalog.block(&self.name, family))
            .map(|block| block.points().series())
            .sum();
        let totals = if self.reported_at.is_some() {
            self.totals.series()
        } else {
            0
        };
        self.update(|state| state.series = reported + totals);
    }

    /// What is reported about the check besides totals. What is not known yet has no points.
    fn own_gauges(&self) -> Vec<(&'static Arc<FamilyHead>, Points)> {
        let state = &self.state;
        let is_known = state.ran || state.restored || state.problem.is_some();
        let up = state.problem.is_none() && state.outcome.is_some_and(is_report) && !state.stale;
        let shown = |known: bool, value: f64| {
            if known {
                single(value)
            } else {
                Points::Values(Vec::new())
            }
        };
        let has_report = self.reported_at.is_some();
        let checked_at = state.checked_at.map_or(0.0, Timestamp::as_seconds_f64);
        vec![
            (&BUILTIN.up, shown(is_known, if up { 1.0 } else { 0.0 })),
            (
                &BUILTIN.status,
                if has_report {
                    statuses(&state.verdicts)
                } else {
                    Points::Values(Vec::new())
                },
            ),
            (
                &BUILTIN.consecutive_failures,
                shown(state.ran, state.consecutive_failures as f64),
            ),
            (
                &BUILTIN.run_duration,
                shown(state.checked_at.is_some(), state.duration.as_secs_f64()),
            ),
            (
                &BUILTIN.memory_peak,
                shown(
                    self.memory_peak_bytes.is_some(),
                    self.memory_peak_bytes.unwrap_or(0) as f64,
                ),
            ),
            (&BUILTIN.last_run, shown(state.checked_at.is_some(), checked_at)),
            (&BUILTIN.series, single(state.series as f64)),
            (&BUILTIN.series_limit, single(self.series_limit() as f64)),
        ]
    }
}

/// Whether an outcome's word says that there was a report.
fn is_report(word: &str) -> bool {
    Status::ALL.iter().any(|status| status.as_str() == word)
}

fn own_gauges() -> [&'static Arc<FamilyHead>; 8] {
    [
        &BUILTIN.up,
        &BUILTIN.status,
        &BUILTIN.consecutive_failures,
        &BUILTIN.run_duration,
        &BUILTIN.memory_peak,
        &BUILTIN.last_run,
        &BUILTIN.series,
        &BUILTIN.series_limit,
    ]
}

fn no_labels() -> ExtraLabels {
    Arc::new([])
}

/// Totals of ours: their label values come from closed sets, so there is always room.
fn count(totals: &mut Totals, head: &Arc<FamilyHead>, labels: &[Arc<str>], by: f64, now: Timestamp) {
    let _ = totals.increase(head, &[sample(labels, by)], usize::MAX, now);
}

fn show_totals(catalog: &mut Catalog, owner: &Owner, totals: &Totals, labels: &ExtraLabels) {
    for name in totals.names() {
        show_total(catalog, owner, totals, name, labels);
    }
}

/// False: the name is somebody else's.
fn show_total(catalog: &mut Catalog, owner: &Owner, totals: &Totals, name: &MetricName, labels: &ExtraLabels) -> bool {
    totals
        .family(name)
        .is_none_or(|(head, points)| catalog.put(owner, head, points, labels).is_ok())
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
