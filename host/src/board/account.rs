//! What is reported about a check itself: its runs as totals, its state as gauges.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    budget::status_series,
    builtin::{BUILTIN, GAUGES, sample, single, statuses},
    catalog::Catalog,
    entry::{Entry, Now},
    merge::Notice,
    totals::Totals,
};
use crate::{
    clock::Timestamp,
    metric::{FamilyHead, MetricName, Points},
    outcome::{Outcome, RefusedFamily, Status},
};

impl Entry {
    /// What a run costs and how it ended, as totals.
    pub(super) fn account(&mut self, outcome: &Outcome, now: Timestamp) {
        let totals = &mut self.own_totals;
        count(totals, &BUILTIN.runs, &[outcome.word().into()], 1.0, now);
        count(totals, &BUILTIN.cpu, &[], outcome.usage.cpu.as_secs_f64(), now);
        let capabilities: BTreeSet<&str> = outcome.usage.denied.iter().map(|denied| denied.capability).collect();
        for capability in capabilities {
            count(totals, &BUILTIN.denied, &[capability.into()], 1.0, now);
        }
        for (ended, requests) in &outcome.usage.requests {
            count(totals, &BUILTIN.requests, &[(*ended).into()], *requests as f64, now);
        }
        self.memory_peak_bytes = Some(outcome.usage.memory_peak_bytes);
    }

    pub(super) fn settle_budget(
        &mut self,
        dropped: usize,
        families: Vec<MetricName>,
        now: Now,
        notices: &mut Vec<Notice>,
    ) {
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
                families,
            });
        }
        self.over_budget = dropped > 0;
    }

    pub(super) fn settle_refusals(
        &mut self,
        refused: Vec<(RefusedFamily, &'static str)>,
        now: Now,
        notices: &mut Vec<Notice>,
    ) {
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

    pub(super) fn count_series(&mut self, catalog: &Catalog) {
        let reported: usize = self
            .reported
            .iter()
            .filter_map(|family| catalog.block(&self.owner, family))
            .map(|block| block.points().series())
            .sum();
        let besides = if self.reported_at.is_some() {
            self.totals.series() + status_series(&self.judged)
        } else {
            0
        };
        self.update(|state| state.series = reported + besides);
    }

    /// What is reported about the check besides totals, as far as it differs from what was shown last. What is not known
    /// yet has no points.
    pub(super) fn changed_gauges(&mut self) -> Vec<(&'static Arc<FamilyHead>, Points)> {
        let state = &self.state;
        let is_known = state.ran || state.restored || state.problem.is_some();
        let up = state.problem.is_none() && state.outcome.is_some_and(is_report) && !state.stale;
        let was_run = state.checked_at.is_some();
        // One that cannot be loaded any more has no next run that could go on counting.
        let had_run = (state.ran || state.restored) && state.problem.is_none();
        let values = [
            is_known.then_some(if up { 1.0 } else { 0.0 }),
            had_run.then_some(state.consecutive_failures as f64),
            had_run.then_some(state.consecutive_failed_runs as f64),
            was_run.then_some(state.duration.as_secs_f64()),
            self.memory_peak_bytes.map(|bytes| bytes as f64),
            state.checked_at.map(Timestamp::as_seconds_f64),
            Some(state.series as f64),
            Some(self.series_limit() as f64),
        ];
        let mut changed: Vec<(&'static Arc<FamilyHead>, Points)> = Vec::new();
        for ((head, value), shown) in own_gauges().into_iter().zip(values).zip(&mut self.shown_gauges) {
            if *shown != value {
                *shown = value;
                changed.push((head, value.map_or(Points::Values(Vec::new()), single)));
            }
        }
        let judged = self.reported_at.is_some().then(|| Arc::clone(&self.judged));
        if self.shown_statuses != judged {
            let points = judged.as_deref().map_or(Points::Values(Vec::new()), statuses);
            changed.push((&BUILTIN.status, points));
            self.shown_statuses = judged;
        }
        changed
    }
}

/// Whether an outcome's word says that there was a report.
fn is_report(word: &str) -> bool {
    Status::ALL.iter().any(|status| status.as_str() == word)
}

/// In the order of [`Entry::changed_gauges`].
pub(super) fn own_gauges() -> [&'static Arc<FamilyHead>; GAUGES] {
    [
        &BUILTIN.up,
        &BUILTIN.consecutive_failures,
        &BUILTIN.consecutive_failed_runs,
        &BUILTIN.run_duration,
        &BUILTIN.memory_peak,
        &BUILTIN.last_run,
        &BUILTIN.series,
        &BUILTIN.series_limit,
    ]
}

/// Totals of ours: their label values come from closed sets, so there is always room.
pub(super) fn count(totals: &mut Totals, head: &Arc<FamilyHead>, labels: &[Arc<str>], by: f64, now: Timestamp) {
    let _ = totals.increase(head, &[sample(labels, by)], usize::MAX, now);
}
