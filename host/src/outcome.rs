//! What one run of a check yields: a report, or a failure with its reason, and what it cost.
//!
//! Flows in: `sandbox::convert` builds reports out of what guests say, `telemetry` builds the host's own. Flows out: to
//! `schedule` (retry or not), `board` (merge) and, later, rules. Nothing here decides anything.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    metric::{FamilyHead, HistogramSample, Sample, SummarySample},
};

/// How a target is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// As it should be.
    Ok,
    /// Worth a look in working hours.
    Warning,
    /// Not known: better than critical, worse than a warning.
    Unknown,
    /// Worth waking someone.
    Critical,
}

impl Status {
    /// All of them, in the order in which state sets list them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// The word used in labels, JSON and the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A judgement about one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was judged; "" for the check as a whole.
    pub target: Arc<str>,
    /// How it is doing.
    pub status: Status,
    /// Machine-readable reason; "" when ok.
    pub code: String,
    /// One line for a person.
    pub summary: String,
    /// What a user would feel.
    pub latency: Option<Duration>,
    /// Shown to people, never labels.
    pub details: Vec<(String, String)>,
}

/// A family as a plugin reports it: some kinds are added by the board to totals that it keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportedFamily {
    /// Already with the check's prefix; `kind` is the exposed one (increments are a counter, observations a histogram).
    pub head: FamilyHead,
    /// See [`ReportedPoints`].
    pub points: ReportedPoints,
}

/// The points of a reported family.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportedPoints {
    /// Gauge, counter, untyped, info or state-set: replaces what was there.
    Values(Vec<Sample>),
    /// Cumulative buckets read from the target: replaces what was there.
    Histograms(Vec<HistogramSample>),
    /// Replaces what was there.
    Summaries(Vec<SummarySample>),
    /// Added to running totals. Never negative, never NaN.
    Increments(Vec<Sample>),
    /// Single values, sorted into a histogram that the board keeps.
    Observations {
        /// Ascending, without `+Inf`, never NaN.
        upper_bounds: Box<[f64]>,
        /// One per observed value; label sets may repeat.
        samples: Vec<Sample>,
    },
}

/// What a plugin hands back, after every value of it was checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Judgements, at most one per target.
    pub verdicts: Vec<Verdict>,
    /// Measurements, at most one family per name.
    pub families: Vec<ReportedFamily>,
    /// Families that were refused, and why. The rest of the report stands.
    pub refused: Vec<RefusedFamily>,
}

/// A family that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedFamily {
    /// As the guest called it, shortened and made printable.
    pub name: String,
    /// Why, for the log and for `once`.
    pub reason: String,
}

/// Why there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The plugin says its settings make no sense: edit the configuration.
    Settings,
    /// Something was needed that the configuration does not grant: add the line.
    Denied,
    /// The target could not be asked at all.
    Target,
    /// The plugin says it is its own fault.
    Internal,
    /// The guest trapped: a panic, an unreachable, a stack overflow.
    Trap,
    /// The wall-clock deadline passed.
    Timeout,
    /// The CPU budget was spent.
    Cpu,
    /// A memory, table or instance limit was hit.
    Memory,
    /// The report or a host call carried too much.
    Output,
    /// The host's fault: a bug or a missing resource of ours.
    Host,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Settings,
        Self::Denied,
        Self::Target,
        Self::Internal,
        Self::Trap,
        Self::Timeout,
        Self::Cpu,
        Self::Memory,
        Self::Output,
        Self::Host,
    ];

    /// The word used in labels, JSON and the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Denied => "denied",
            Self::Target => "target",
            Self::Internal => "internal",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A run without a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// From a closed set.
    pub reason: Reason,
    /// The plugin's own code for it, or "".
    pub code: String,
    /// For a person: what happened, where, what to do.
    pub message: String,
    /// Whether trying again soon may help.
    pub retryable: bool,
}

/// What a run cost and what it was refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Wall clock, from instantiation to the end of conversion.
    pub duration: Duration,
    /// CPU time of the guest and of the host calls polled with it, other than requests over HTTP.
    pub cpu: Duration,
    /// Highest sum of all linear memories.
    pub memory_peak_bytes: u64,
    /// Capability calls that no grant covered, in order, without repeats.
    pub denied: Vec<Denied>,
    /// HTTP requests by how they ended: `ok`, or the word for what failed.
    pub requests: BTreeMap<&'static str, u64>,
    /// Log lines past the run's budget.
    pub log_lines_dropped: u64,
    /// What it asked of others and how long that took: the first of them, in the order in which they ended.
    pub calls: Vec<CallSpan>,
}

/// A call of a run to somebody else: a request over HTTP with its redirects, a pipeline of Redis, a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSpan {
    /// `http`, `redis` or `postgres`.
    pub kind: &'static str,
    /// Since the run began.
    pub began: Duration,
    /// From its beginning to its end.
    pub took: Duration,
    /// What it did at last, one part after the other up to its end: `resolve`, `connect`, `tls`, `processing`, `transfer`.
    pub phases: Vec<(&'static str, Duration)>,
}

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// `http`, `redis`, `postgres`, `system`, …
    pub capability: &'static str,
    /// The line that would allow it.
    pub hint: String,
}

/// One execution of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// NAME of `[check.NAME]`.
    pub check: Arc<str>,
    /// The slot this run belongs to.
    pub scheduled_at: Timestamp,
    /// When it really began.
    pub started_at: Timestamp,
    /// 1, or more after failures.
    pub attempt: u32,
    /// The news.
    pub result: Result<Report, Failure>,
    /// The cost.
    pub usage: Usage,
}

impl Outcome {
    /// The worst verdict of a report; a report without verdicts is ok. None: there is no report.
    pub fn status(&self) -> Option<Status> {
        let report = self.result.as_ref().ok()?;
        Some(
            report
                .verdicts
                .iter()
                .map(|verdict| verdict.status)
                .max()
                .unwrap_or(Status::Ok),
        )
    }

    /// The word of the `outcome` label: a status, or the reason why there is no report.
    pub fn word(&self) -> &'static str {
        match &self.result {
            Ok(_) => self.status().unwrap_or(Status::Ok).as_str(),
            Err(failure) => failure.reason.as_str(),
        }
    }

    /// Whether the check ran and found everything ok.
    pub fn is_ok(&self) -> bool {
        self.status() == Some(Status::Ok)
    }
}
