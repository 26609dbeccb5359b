//! A check as people and programs are shown it: the one place that reads the board's types.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    board::{CheckState, Snapshot},
    clock::Timestamp,
    outcome::{Denied, RefusedFamily, Status, Verdict},
};

/// How the whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Overall {
    /// Every check is ok.
    Healthy,
    /// Something deserves a look: a warning, an unknown, a check that has not run yet, or a check that is not required
    /// and fails.
    Degraded,
    /// A required check is critical or yields no report.
    Unhealthy,
}

impl Overall {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// How one check is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// As it should be.
    Ok,
    /// It has not run yet.
    Pending,
    /// Worth a look.
    Warning,
    /// It ran and cannot tell.
    Unknown,
    /// Worth waking someone.
    Critical,
    /// There is no report: it did not load, or its run failed.
    Failed,
}

impl Standing {
    /// All of them, best first.
    pub(super) const ALL: [Self; 6] = [
        Self::Ok,
        Self::Pending,
        Self::Warning,
        Self::Unknown,
        Self::Critical,
        Self::Failed,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
            Self::Failed => "failed",
        }
    }

    const fn weight(self, required: bool) -> Overall {
        match self {
            Self::Ok => Overall::Healthy,
            Self::Pending | Self::Warning | Self::Unknown => Overall::Degraded,
            Self::Critical | Self::Failed if required => Overall::Unhealthy,
            Self::Critical | Self::Failed => Overall::Degraded,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One verdict.
#[derive(Clone, Debug, Serialize)]
pub(super) struct VerdictView {
    /// "" for the check as a whole.
    target: String,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    details: serde_json::Map<String, serde_json::Value>,
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        let details = verdict
            .details
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()));
        Self {
            target: verdict.target.to_string(),
            status: verdict.status.as_str(),
            code: verdict.code.clone(),
            summary: verdict.summary.clone(),
            latency_ms: verdict.latency.map(milliseconds),
            details: details.collect(),
        }
    }
}

/// A refused call.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DeniedView {
    capability: &'static str,
    hint: String,
}

impl From<&Denied> for DeniedView {
    fn from(denied: &Denied) -> Self {
        Self {
            capability: denied.capability,
            hint: denied.hint.clone(),
        }
    }
}

/// A refused family.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RefusedView {
    name: String,
    reason: String,
}

impl From<&RefusedFamily> for RefusedView {
    fn from(family: &RefusedFamily) -> Self {
        Self {
            name: family.name.clone(),
            reason: family.reason.clone(),
        }
    }
}

/// A check, whole. `/health/detailed` shows the first five and `required`; the API all of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CheckView {
    pub(super) name: String,
    pub(super) status: Standing,
    /// The longest latency that a verdict states, else how long the run took; null before the first run.
    pub(super) response_time_ms: Option<f64>,
    pub(super) message: String,
    /// ISO 8601; null before the first run.
    pub(super) checked_at: Option<String>,
    pub(super) required: bool,
    pub(super) plugin: String,
    /// The word of the last outcome: a status, or why there is no report.
    pub(super) outcome: Option<&'static str>,
    /// What is shown is from before the host started.
    pub(super) restored: bool,
    /// Its last report is too old to be served.
    pub(super) stale: bool,
    pub(super) consecutive_failures: u64,
    pub(super) series: usize,
    /// Of the last report, beyond the budget.
    pub(super) series_dropped: usize,
    pub(super) missed_ticks: u64,
    /// Calls that no grant covers, each with the line that would allow it.
    pub(super) denied: Vec<DeniedView>,
    /// Families of the last report that are not served.
    pub(super) refused: Vec<RefusedView>,
    pub(super) verdicts: Vec<VerdictView>,
    /// It loaded.
    #[serde(skip)]
    pub(super) can_run: bool,
    #[serde(skip)]
    pub(super) checked: Option<Timestamp>,
}

pub(super) fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}

impl From<&CheckState> for CheckView {
    fn from(check: &CheckState) -> Self {
        let latency = check.verdicts.iter().filter_map(|verdict| verdict.latency).max();
        let response = check.checked_at.map(|_| latency.unwrap_or(check.duration));
        Self {
            name: check.name.to_string(),
            status: standing(check),
            response_time_ms: response.map(milliseconds),
            message: check.problem.clone().unwrap_or_else(|| check.message.clone()),
            checked_at: check.checked_at.map(|at| at.to_string()),
            required: check.required,
            plugin: check.plugin.clone(),
            outcome: check.outcome,
            restored: check.restored,
            stale: check.stale,
            consecutive_failures: check.consecutive_failures,
            series: check.series,
            series_dropped: check.series_dropped,
            missed_ticks: check.missed_ticks,
            denied: check.denied.iter().map(DeniedView::from).collect(),
            refused: check.refused.iter().map(RefusedView::from).collect(),
            verdicts: check.verdicts.iter().map(VerdictView::from).collect(),
            can_run: check.problem.is_none() && !check.is_pushed,
            checked: check.checked_at,
        }
    }
}

fn standing(check: &CheckState) -> Standing {
    if check.problem.is_some() {
        return Standing::Failed;
    }
    let (Some(outcome), Some(status)) = (check.outcome, check.status) else {
        return Standing::Pending;
    };
    let has_report = Status::ALL.iter().any(|status| status.as_str() == outcome);
    match status {
        _ if !has_report => Standing::Failed,
        Status::Critical => Standing::Critical,
        // What it said is no longer what is.
        _ if check.stale => Standing::Unknown,
        Status::Ok => Standing::Ok,
        Status::Warning => Standing::Warning,
        Status::Unknown => Standing::Unknown,
    }
}

/// Names of the checks that could run and have not run since the host started.
pub(super) fn waiting(snapshot: &Snapshot) -> Vec<String> {
    let waits = |check: &&Arc<CheckState>| !check.ran && check.problem.is_none();
    snapshot
        .checks
        .iter()
        .filter(waits)
        .map(|check| check.name.to_string())
        .collect()
}

/// Of a check and of a verdict, without the texts in them.
const CHECK_BYTES: usize = 384;
const VERDICT_BYTES: usize = 64;

/// Of a detail, a refused call or a refused family: the names of keys, quotes and commas.
const ENTRY_BYTES: usize = 24;

/// Whether the checks as JSON are more than about so many bytes. Counts no further than that, so it is quick whatever there is.
pub(super) fn is_beyond(snapshot: &Snapshot, bytes: usize) -> bool {
    let mut left = Some(bytes);
    let mut parts = snapshot.checks.iter().flat_map(|check| parts(check));
    parts.any(|part| {
        left = left.and_then(|left| left.checked_sub(part));
        left.is_none()
    })
}

/// Bytes of a check, piece by piece.
fn parts(check: &CheckState) -> impl Iterator<Item = usize> {
    let message = check.problem.as_ref().unwrap_or(&check.message).len();
    let verdicts = check.verdicts.iter().flat_map(verdict_parts);
    let denied = check.denied.iter().map(|denied| ENTRY_BYTES + denied.hint.len());
    let refused = check
        .refused
        .iter()
        .map(|family| ENTRY_BYTES + family.name.len() + family.reason.len());
    std::iter::once(CHECK_BYTES + message)
        .chain(verdicts)
        .chain(denied)
        .chain(refused)
}

fn verdict_parts(verdict: &Verdict) -> impl Iterator<Item = usize> {
    let own = VERDICT_BYTES + verdict.target.len() + verdict.summary.len();
    let details = verdict
        .details
        .iter()
        .map(|(name, value)| ENTRY_BYTES + name.len() + value.len());
    std::iter::once(own).chain(details)
}

/// Every check, in the board's order: by name.
pub(super) fn checks(snapshot: &Snapshot) -> Vec<CheckView> {
    snapshot.checks.iter().map(|check| CheckView::from(&**check)).collect()
}

/// The worst of all, where a check that is not required degrades only. No check at all is healthy.
pub(super) fn overall<'c>(checks: impl IntoIterator<Item = &'c CheckView>) -> Overall {
    checks
        .into_iter()
        .map(|check| check.status.weight(check.required))
        .max()
        .unwrap_or(Overall::Healthy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expose::tests::board;

    #[test]
    fn the_size_of_an_answer_is_guessed_from_all_that_can_make_it_large() {
        let long = || "x".repeat(10_000);
        let plain = || board::check("a", Some(Status::Ok));
        let verdict = || plain().verdicts[0].clone();
        let detailed = Verdict {
            details: vec![("name".into(), long())],
            ..verdict()
        };
        let refused = RefusedFamily {
            name: "x".into(),
            reason: long(),
        };
        for check in [
            CheckState {
                message: long(),
                ..plain()
            },
            CheckState {
                problem: Some(long()),
                ..plain()
            },
            CheckState {
                verdicts: vec![verdict(); 200].into(),
                ..plain()
            },
            CheckState {
                verdicts: [detailed].into(),
                ..plain()
            },
            CheckState {
                refused: vec![refused],
                ..plain()
            },
        ] {
            let snapshot = board::snapshot(vec![plain(), check], vec![]);
            let size = super::super::reply::json_text(&checks(&snapshot)).len();
            assert!(
                is_beyond(&snapshot, 10_000) && !is_beyond(&snapshot, 2 * size),
                "{size}"
            );
        }
        assert!(!is_beyond(&board::snapshot(vec![plain()], vec![]), 1_000));
        assert!(is_beyond(&board::snapshot(vec![plain(); 30], vec![]), 10_000));
    }

    #[test]
    fn what_is_not_required_degrades_only() {
        for (standing, required, overall) in [
            (Standing::Ok, true, Overall::Healthy),
            (Standing::Pending, true, Overall::Degraded),
            (Standing::Warning, true, Overall::Degraded),
            (Standing::Unknown, true, Overall::Degraded),
            (Standing::Critical, true, Overall::Unhealthy),
            (Standing::Critical, false, Overall::Degraded),
            (Standing::Failed, true, Overall::Unhealthy),
            (Standing::Failed, false, Overall::Degraded),
        ] {
            assert_eq!(standing.weight(required), overall, "{standing} {required}");
        }
        assert_eq!(overall([]), Overall::Healthy);
    }
}
