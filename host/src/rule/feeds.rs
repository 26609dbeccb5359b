//! What checks have reported of late: whether it is known that a series is gone, or merely not known that it is there.
//!
//! Flows in, at each tick: the snapshot that history records. Flows out: an [`Absence`] for a series that is missing. A check that
//! is configured no more feeds nothing; one that reports, and of this target nothing bad, would have said it; of anything else
//! nobody can tell. It reads no samples and knows no expressions.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use super::state::Absence;
use crate::{
    board::{CheckState, Snapshot},
    outcome::{Status, Verdict},
};

/// So many reports in a row without a series, after the one that was first missed, say that it is gone. One may have been cut short.
pub const REPORTS_MIN: usize = 2;

/// The label of the target that a series is about.
const TARGET: &str = "target";

/// One report.
#[derive(Clone, Debug)]
struct Report {
    /// When its run ended, in milliseconds.
    at: i64,
    verdicts: Arc<[Verdict]>,
}

#[derive(Clone, Debug, Default)]
struct Feed {
    /// The host shows series of its own about it.
    is_shown: bool,
    /// The last [`REPORTS_MIN`] in a row that were served whole.
    reports: VecDeque<Report>,
}

/// See the head of this file. By default nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// None: which checks there are is not known yet.
    checks: Option<BTreeMap<Arc<str>, Feed>>,
    /// The last [`REPORTS_MIN`] ticks.
    ticks: VecDeque<i64>,
}

/// What is asked about one missing series.
#[derive(Clone, Copy, Debug)]
pub struct Missing<'m> {
    /// What is known of its labels.
    pub labels: &'m Labels,
    /// Since when it is known to be missing, in milliseconds; None: it was missed just now.
    pub since: Option<i64>,
    /// Its check once judged a target of its name: no verdict about it is a good one.
    pub was_target: bool,
}

impl Feeds {
    /// Takes what a tick records.
    pub fn update(&mut self, snapshot: &Snapshot, at: i64) {
        let mut before = self.checks.take().unwrap_or_default();
        let feed = |check: &Arc<CheckState>| {
            let mut feed = before.remove(&check.name).unwrap_or_default();
            feed.update(check, at);
            (Arc::clone(&check.name), feed)
        };
        self.checks = Some(snapshot.checks.iter().map(feed).collect());
        if self.ticks.back().is_some_and(|last| *last >= at) {
            self.ticks.clear();
        }
        push(&mut self.ticks, at);
    }

    /// Of a series that this check reports.
    pub fn of_check(&self, check: &str, missing: &Missing<'_>) -> Absence {
        let Some(checks) = &self.checks else {
            return Absence::Silent;
        };
        let Some(feed) = checks.get(check) else {
            return Absence::CheckRemoved;
        };
        known(missing.since.is_some_and(|since| feed.says_nothing(missing, since)))
    }

    /// Of a series that may be any check's.
    pub fn of_any(&self, missing: &Missing<'_>) -> Absence {
        let Some(checks) = &self.checks else {
            return Absence::Silent;
        };
        let each = checks.keys().map(|check| self.of_check(check, missing));
        each.min().unwrap_or(Absence::CheckRemoved)
    }

    /// Of a series that the host itself shows, about a check or about itself.
    pub fn of_host(&self, check: Option<&str>, missing: &Missing<'_>) -> Absence {
        let Some(checks) = &self.checks else {
            return Absence::Silent;
        };
        let is_shown = match check.map(|check| checks.get(check)) {
            None => true,
            Some(Some(feed)) => feed.is_shown,
            Some(None) => return Absence::CheckRemoved,
        };
        let ticked = |since| is_full_since(&self.ticks, since, |tick| *tick);
        known(is_shown && missing.since.is_some_and(ticked))
    }
}

impl Feed {
    fn update(&mut self, check: &CheckState, at: i64) {
        self.is_shown = check.ran || check.problem.is_some();
        let is_whole = check.ran
            && !check.stale
            && check.consecutive_failed_runs == 0
            && check.series_dropped == 0
            && check.refused.is_empty();
        let ended = check.checked_at.map(|ended| ended.as_nanos() / 1_000_000);
        let ended = ended.and_then(|ended| i64::try_from(ended).ok());
        let Some(ended) = ended.filter(|ended| is_whole && *ended <= at) else {
            return self.reports.clear();
        };
        let last = self.reports.back().map(|report| report.at);
        // The clock was set back: the times of before mean nothing any more.
        if last.is_some_and(|last| last > ended) {
            self.reports.clear();
        }
        if last != Some(ended) {
            let verdicts = Arc::clone(&check.verdicts);
            push(&mut self.reports, Report { at: ended, verdicts });
        }
    }

    /// Whether it has reported often enough since then, and each time could have reported the series.
    fn says_nothing(&self, missing: &Missing<'_>, since: i64) -> bool {
        let sees = |report: &Report| sees(&report.verdicts, missing);
        is_full_since(&self.reports, since, |report| report.at) && self.reports.iter().all(sees)
    }
}

/// Whether a check with these verdicts could have reported the series: a target that is down takes its own with it.
fn sees(verdicts: &[Verdict], missing: &Missing<'_>) -> bool {
    let is_about = |verdict: &&Verdict| missing.labels.iter().any(|(_, value)| *value == verdict.target);
    let is_good = |verdict: &Verdict| matches!(verdict.status, Status::Ok | Status::Warning);
    let own = || verdicts.iter().filter(is_about);
    if own().next().is_some() {
        own().all(is_good)
    } else {
        // A target that the check judged and does not judge any more.
        (missing.was_target && missing.labels.get(TARGET).is_some()) || verdicts.iter().all(is_good)
    }
}

const fn known(is_gone: bool) -> Absence {
    if is_gone { Absence::Vanished } else { Absence::Silent }
}

fn push<T>(last: &mut VecDeque<T>, new: T) {
    last.push_back(new);
    while last.len() > REPORTS_MIN {
        last.pop_front();
    }
}

fn is_full_since<T>(last: &VecDeque<T>, since: i64, at: impl Fn(&T) -> i64) -> bool {
    last.len() == REPORTS_MIN && last.iter().all(|one| at(one) > since)
}

#[cfg(test)]
#[path = "feeds_tests.rs"]
mod tests;
