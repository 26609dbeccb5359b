//! What the board keeps of one check.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    budget::Judged,
    builtin::{GAUGES, OWN_LABELS},
    catalog::{ExtraLabels, Owner, Refusal},
    gap::Gap,
    merge::Notice,
    snapshot::CheckState,
    totals::Totals,
    turn::Told,
};
use crate::{
    clock::{Instant, Timestamp},
    config::{Check, Heartbeat, Limits, PluginOrigin, PluginSource, Schedule},
    metric::{FamilyHead, LabelName, MetricName},
    outcome::{Outcome, Status, Verdict},
};

/// Series of one check, unless its `limits` say otherwise. A host with ten checks at the limit serves 50,000 series,
/// which is half of what one scrape is budgeted for.
pub const SERIES_LIMIT_DEFAULT: usize = 5_000;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) monotonic: Instant,
    pub(super) wall: Timestamp,
}

/// One check as the board is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardCheck {
    /// Its configuration.
    pub check: Arc<Check>,
    /// Why it could not be loaded; none: it runs.
    pub problem: Option<String>,
    /// It is a heartbeat: the host itself reports it, when something is pushed, and nobody runs it.
    pub is_pushed: bool,
}

/// What a heartbeat has in the place of a plugin.
const HEARTBEAT: &str = "heartbeat";

impl BoardCheck {
    /// A heartbeat, shown as a check of its name. Its report never grows old: being late is a verdict.
    pub fn heartbeat(heartbeat: &Heartbeat) -> Self {
        let check = Check {
            name: Arc::clone(&heartbeat.name),
            plugin: PluginSource {
                origin: PluginOrigin::Bundled(HEARTBEAT.to_owned()),
                sha256: None,
            },
            plugin_edition: 0,
            schedule: Schedule::Interval {
                every: heartbeat.interval,
                retry: None,
            },
            timeout: Duration::ZERO,
            stale_after: Some(Duration::MAX),
            prefix: String::new(),
            labels: heartbeat.labels.clone(),
            limits: Limits::default(),
            allow: BTreeSet::new(),
            connections: BTreeMap::new(),
            required: heartbeat.required,
            settings: "{}".into(),
            location: heartbeat.location.clone(),
        };
        Self {
            check: Arc::new(check),
            problem: None,
            is_pushed: true,
        }
    }
}

/// When the series of a check vanish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expiry {
    /// On the monotonic clock.
    After(Instant),
    /// At a time of the calendar.
    At(Timestamp),
}

impl Expiry {
    /// For a report made at `reported`, which may lie before this process began. None: it has expired already.
    pub(super) fn of(check: &Check, reported: Timestamp, now: Now) -> Option<Self> {
        match (&check.schedule, check.stale_after) {
            (Schedule::Cron(cron), None) => {
                // The second missed fire time; a calendar that ends before it never makes a report stale.
                let second = cron.next_after(reported).and_then(|first| cron.next_after(first));
                let at = second.unwrap_or(Timestamp::from_nanos(u64::MAX));
                (at > now.wall).then_some(Self::At(at))
            }
            (_, Some(window)) => Self::within(window, reported, now),
            (Schedule::Interval { every, .. }, None) => Self::within(*every * 2 + check.timeout, reported, now),
        }
    }

    fn within(window: Duration, reported: Timestamp, now: Now) -> Option<Self> {
        let left = window
            .checked_sub(now.wall.since(reported))
            .filter(|left| !left.is_zero())?;
        Some(Self::After(now.monotonic.checked_add(left)?))
    }

    /// The same without a time in which nobody could report. A check in good health has at least an interval and its timeout left
    /// while it waits for its next run, and keeps them; of a calendar, two more fire times pass before a report is too old.
    pub(super) fn without(self, gap: Gap, check: &Check, now: Now) -> Self {
        match (self, &check.schedule) {
            (Self::After(at), _) => Self::After(at + gap.length),
            (Self::At(at), Schedule::Cron(cron)) => {
                let is_missed = cron.next_after(gap.from).is_some_and(|fire| fire <= now.wall);
                let second = || cron.next_after(cron.next_after(now.wall)?);
                Self::At(if is_missed {
                    second().map_or(at, |second| at.max(second))
                } else {
                    at
                })
            }
            (Self::At(_), Schedule::Interval { .. }) => self,
        }
    }

    pub(super) fn has_passed(self, now: Now) -> bool {
        match self {
            Self::After(at) => at <= now.monotonic,
            Self::At(at) => at <= now.wall,
        }
    }
}

/// One check.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) spec: BoardCheck,
    pub(super) name: Arc<str>,
    pub(super) owner: Owner,
    /// On what the check reports.
    pub(super) labels: ExtraLabels,
    /// On what is reported about it.
    pub(super) own_labels: ExtraLabels,
    /// Families of the last report, other than totals.
    pub(super) reported: BTreeSet<MetricName>,
    /// What the last report says of its targets, as far as there is room.
    pub(super) judged: Arc<[Judged]>,
    pub(super) totals: Totals,
    pub(super) own_totals: Totals,
    pub(super) expiry: Option<Expiry>,
    /// When the last report was made.
    pub(super) reported_at: Option<Timestamp>,
    pub(super) state: Arc<CheckState>,
    /// Refusals that were said already, so that each is one line in the log and not one per run.
    pub(super) said: BTreeMap<String, String>,
    pub(super) over_budget: bool,
    /// What the log says of how it is doing.
    pub(super) told: Told,
    /// Of the last run.
    pub(super) memory_peak_bytes: Option<u64>,
    /// What the catalogue shows about the check, so that only changes are put there.
    pub(super) shown_gauges: [Option<f64>; GAUGES],
    pub(super) shown_statuses: Option<Arc<[Judged]>>,
}

impl Entry {
    pub(super) fn new(spec: BoardCheck, owner: Owner) -> Self {
        let check = Arc::clone(&spec.check);
        let state = CheckState {
            name: Arc::clone(&check.name),
            plugin: plugin_name(&check),
            required: check.required,
            status: spec.problem.is_some().then_some(Status::Unknown),
            message: spec.problem.clone().unwrap_or_default(),
            problem: spec.problem.clone(),
            is_pushed: spec.is_pushed,
            ran: false,
            restored: false,
            outcome: None,
            verdicts: Arc::new([]),
            duration: Duration::ZERO,
            checked_at: None,
            consecutive_failures: 0,
            consecutive_failed_runs: 0,
            denied: Vec::new(),
            refused: Vec::new(),
            series: 0,
            series_dropped: 0,
            missed_ticks: 0,
            stale: false,
        };
        Self {
            name: Arc::clone(&check.name),
            owner,
            labels: extra_labels(&check, &[]),
            own_labels: extra_labels(&check, &OWN_LABELS),
            spec,
            reported: BTreeSet::new(),
            judged: Arc::new([]),
            totals: Totals::default(),
            own_totals: Totals::default(),
            expiry: None,
            reported_at: None,
            state: Arc::new(state),
            said: BTreeMap::new(),
            over_budget: false,
            told: Told::default(),
            memory_peak_bytes: None,
            shown_gauges: [None; GAUGES],
            shown_statuses: None,
        }
    }

    pub(super) fn series_limit(&self) -> usize {
        self.spec.check.limits.series.unwrap_or(SERIES_LIMIT_DEFAULT)
    }

    /// Whether it should run and has not yet.
    pub(super) fn is_outstanding(&self) -> bool {
        !self.state.ran && self.state.problem.is_none()
    }

    /// Changes what people see.
    pub(super) fn update(&mut self, change: impl FnOnce(&mut CheckState)) {
        change(Arc::make_mut(&mut self.state));
    }

    /// What to say of an outcome that was noted; `None`: nothing new.
    pub(super) fn turned(&mut self, outcome: &Outcome, now: Now) -> Option<Notice> {
        let word = outcome.word();
        let turn = self.told.hear(word, now.monotonic)?;
        Some(Notice::Turned {
            check: Arc::clone(&self.name),
            turn,
            word,
            code: code(outcome),
            message: self.state.message.clone(),
        })
    }

    /// Takes over everything about an outcome but its families.
    pub(super) fn note(&mut self, outcome: &Outcome) {
        let verdicts: Option<Arc<[Verdict]>> = outcome
            .result
            .as_ref()
            .ok()
            .map(|report| report.verdicts.clone().into());
        let status = outcome.status().unwrap_or(Status::Unknown);
        let reported = outcome.status().is_some();
        let failed = !reported || status == Status::Critical;
        self.update(|state| {
            state.ran = true;
            state.restored = false;
            state.problem = None;
            state.status = Some(status);
            state.outcome = Some(outcome.word());
            state.message = message(outcome);
            state.duration = outcome.usage.duration;
            state.checked_at = Some(outcome.started_at + outcome.usage.duration);
            state.consecutive_failures = if failed { state.consecutive_failures + 1 } else { 0 };
            state.consecutive_failed_runs = if reported { 0 } else { state.consecutive_failed_runs + 1 };
            state.denied.clone_from(&outcome.usage.denied);
            if let Some(verdicts) = verdicts {
                state.verdicts = verdicts;
            }
        });
    }
}

fn code(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(report) => worst(&report.verdicts)
            .map(|verdict| verdict.code.clone())
            .unwrap_or_default(),
        Err(failure) => failure.code.clone(),
    }
}

fn message(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(report) => worst(&report.verdicts).map(said).unwrap_or_default(),
        Err(failure) => failure.message.clone(),
    }
}

/// With the target, for a check may have many; one that is judged as a whole has none to name.
fn said(verdict: &Verdict) -> String {
    match (&*verdict.target, verdict.summary.as_str()) {
        ("", summary) => summary.to_owned(),
        (target, "") => target.to_owned(),
        (target, summary) => format!("{target}: {summary}"),
    }
}

/// The first of the worst.
fn worst(verdicts: &[Verdict]) -> Option<&Verdict> {
    verdicts.iter().rev().max_by_key(|verdict| verdict.status)
}

fn plugin_name(check: &Check) -> String {
    match &check.plugin.origin {
        PluginOrigin::Bundled(name) => name.clone(),
        PluginOrigin::File(path) => path.display().to_string(),
    }
}

/// `check` and the configured labels but for `without`. A label that a format gives its own meaning stays out, whatever
/// the configuration let through.
fn extra_labels(check: &Check, without: &[&str]) -> ExtraLabels {
    let taken =
        |name: &LabelName| ["check", "le", "quantile"].contains(&name.as_str()) || without.contains(&name.as_str());
    let configured = check.labels.iter().filter(|(name, _)| !taken(name));
    let name = LabelName::new("check")
        .ok()
        .map(|label| (label, Arc::clone(&check.name)));
    name.into_iter()
        .chain(configured.map(|(name, value)| (name.clone(), value.as_str().into())))
        .collect()
}

/// A label of the family that the configuration sets as well becomes `exported_…`, as Prometheus does it.
pub(super) fn exported(head: FamilyHead, extra: &ExtraLabels) -> Result<FamilyHead, Refusal> {
    let is_taken = |name: &LabelName| extra.iter().any(|(taken, _)| taken == name);
    if !head.label_names.iter().any(is_taken) {
        return Ok(head);
    }
    let renamed = head.label_names.iter().map(|name| {
        if !is_taken(name) {
            return Ok(name.clone());
        }
        LabelName::new(&format!("exported_{name}"))
            .ok()
            .filter(|exported| !head.label_names.contains(exported) && !is_taken(exported))
            .ok_or_else(|| Refusal::LabelTaken(name.clone()))
    });
    Ok(FamilyHead {
        label_names: renamed.collect::<Result<_, _>>()?,
        ..head
    })
}
