//! What the board publishes: immutable, shared, with its text.
//!
//! A snapshot holds for each family the blocks of the checks that report it. A block keeps its own text, and as long as
//! a check reports the same values the block itself is carried from snapshot to snapshot: only what changed is rendered
//! again. The whole text is put together once per snapshot and format.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use super::demand::{Demand, slot};
#[cfg(test)]
use crate::metric::MetricFamily;
use crate::{
    clock::Timestamp,
    metric::{
        FamilyHead, LabelName, MetricKind, Points,
        text::{self, Format},
    },
    outcome::{Denied, RefusedFamily, Status, Verdict},
};

/// Text around the samples of one family; a guess that saves growing the buffer.
const HEAD_BYTES: usize = 256;

/// The points of one family that one check reports, with the labels the board adds.
pub struct Block {
    head: Arc<FamilyHead>,
    points: Points,
    labels: Arc<[(LabelName, Arc<str>)]>,
    /// OpenMetrics would refuse this family beside another one if it were declared as what it is.
    loose: bool,
    text: [OnceLock<Box<[u8]>>; 2],
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("family", &self.head.name)
            .field("labels", &self.labels)
            .field("points", &self.points)
            .finish_non_exhaustive()
    }
}

impl Block {
    pub(super) fn new(
        head: Arc<FamilyHead>,
        points: Points,
        labels: Arc<[(LabelName, Arc<str>)]>,
        loose: bool,
    ) -> Self {
        Self {
            head,
            points,
            labels,
            loose,
            text: [OnceLock::new(), OnceLock::new()],
        }
    }

    /// As this check reports it: help and label names may differ from those of the family's first reporter.
    pub fn head(&self) -> &Arc<FamilyHead> {
        &self.head
    }

    /// The measurements.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// `check` and the configured labels, put on every sample; empty for the host's own families.
    pub fn labels(&self) -> &Arc<[(LabelName, Arc<str>)]> {
        &self.labels
    }

    pub(super) fn is_loose(&self) -> bool {
        self.loose
    }

    /// The samples as text, rendered on first use.
    pub fn text(&self, format: Format) -> &[u8] {
        self.text[slot(format)].get_or_init(|| {
            let mut out = Vec::new();
            text::block(
                format,
                &declared(&self.head, self.loose, format),
                &self.points,
                &self.labels,
                &mut out,
            );
            out.into_boxed_slice()
        })
    }
}

/// In OpenMetrics, a family that would clash with another is declared as of unknown kind.
fn declared(head: &Arc<FamilyHead>, loose: bool, format: Format) -> Arc<FamilyHead> {
    if !loose || format == Format::Prometheus {
        return Arc::clone(head);
    }
    Arc::new(FamilyHead {
        kind: MetricKind::Untyped,
        ..FamilyHead::clone(head)
    })
}

/// One family over all checks.
#[derive(Clone, Debug)]
pub struct SnapshotFamily {
    /// Of the first reporter: its kind, help and unit stand.
    pub head: Arc<FamilyHead>,
    /// One per check, by name of the check; the host's own first.
    pub blocks: Arc<[Arc<Block>]>,
    pub(super) loose: bool,
}

/// How one check is doing, for health, API and page.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckState {
    /// NAME of `[check.NAME]`.
    pub name: Arc<str>,
    /// What `plugin = "…"` said.
    pub plugin: String,
    /// Whether overall health is critical when this check is.
    pub required: bool,
    /// Why it could not be loaded, and so does not run.
    pub problem: Option<String>,
    /// It is a heartbeat: nobody runs it.
    pub is_pushed: bool,
    /// Whether it ran in this process. A restored report does not count.
    pub ran: bool,
    /// Whether what stands here is from before this process began.
    pub restored: bool,
    /// The worst verdict of the last run; `Unknown` when that run yielded no report or the check cannot run. None: it
    /// has not run yet and nothing was restored.
    pub status: Option<Status>,
    /// The last outcome's word: a status, or the reason why there is no report.
    pub outcome: Option<&'static str>,
    /// Of the last report.
    pub verdicts: Arc<[Verdict]>,
    /// One line for a person: the summary of the worst verdict, or why there is no report; "" when there is none.
    pub message: String,
    /// Wall clock of the last run.
    pub duration: Duration,
    /// When the last run ended.
    pub checked_at: Option<Timestamp>,
    /// Runs in a row without a report or with a critical verdict.
    pub consecutive_failures: u64,
    /// Runs in a row without a report.
    pub consecutive_failed_runs: u64,
    /// What the last run was refused.
    pub denied: Vec<Denied>,
    /// Families of the last report that are not served, and why.
    pub refused: Vec<RefusedFamily>,
    /// Series served.
    pub series: usize,
    /// Series of the last report that were beyond the budget.
    pub series_dropped: usize,
    /// Ticks that did not become runs.
    pub missed_ticks: u64,
    /// Its last report is older than `stale_after`; its series are gone.
    pub stale: bool,
}

/// Everything, at one moment.
pub struct Snapshot {
    /// When it was published.
    pub at: Timestamp,
    /// By name.
    pub checks: Arc<[Arc<CheckState>]>,
    /// By name.
    pub families: Vec<SnapshotFamily>,
    configured: bool,
    demand: Arc<Demand>,
    text: [OnceLock<Bytes>; 2],
    gzip: [OnceLock<Bytes>; 2],
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("at", &self.at)
            .field("checks", &self.checks.len())
            .field("families", &self.families.len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn new(
        at: Timestamp,
        configured: bool,
        checks: Arc<[Arc<CheckState>]>,
        families: Vec<SnapshotFamily>,
        demand: Arc<Demand>,
    ) -> Self {
        Self {
            at,
            configured,
            checks,
            families,
            demand,
            text: [OnceLock::new(), OnceLock::new()],
            gzip: [OnceLock::new(), OnceLock::new()],
        }
    }

    /// For tests of those who read snapshots: these checks, and these families as the host's own.
    #[cfg(test)]
    pub(crate) fn for_tests(at: Timestamp, checks: Vec<CheckState>, families: Vec<MetricFamily>) -> Self {
        let family = |MetricFamily { head, points }: MetricFamily| {
            let head = Arc::new(head);
            let block = Block::new(Arc::clone(&head), points, Arc::default(), false);
            SnapshotFamily {
                head,
                blocks: [Arc::new(block)].into(),
                loose: false,
            }
        };
        let families = families.into_iter().map(family).collect();
        let demand = Arc::new(Demand::new(crate::clock::Clock::system()));
        Self::new(at, true, checks.into_iter().map(Arc::new).collect(), families, demand)
    }

    /// The whole exposition. Usually made before it is asked for; otherwise the first reader of a snapshot makes it.
    pub fn text(&self, format: Format) -> Bytes {
        self.demand.note(format);
        self.assembled(format)
    }

    /// The same, when it was made before it is asked for: then nobody has to wait for a thread that may do it.
    pub fn text_if_made(&self, format: Format) -> Option<Bytes> {
        let made = self.text[slot(format)].get().cloned();
        made.inspect(|_| self.demand.note(format))
    }

    /// The whole exposition, compressed by `compress` the first time it is asked for.
    pub fn compressed(&self, format: Format, compress: impl FnOnce(&[u8]) -> Bytes) -> Bytes {
        self.demand.note(format);
        self.gzip[slot(format)]
            .get_or_init(|| compress(&self.assembled(format)))
            .clone()
    }

    /// Makes the text that is likely to be asked for before the next snapshot. Takes tens of milliseconds for a large fleet, so
    /// it is not for the thread that starts runs.
    pub fn prepare(&self) {
        for format in Format::ALL {
            if self.demand.expects(format) {
                self.assembled(format);
            }
        }
    }

    fn assembled(&self, format: Format) -> Bytes {
        self.text[slot(format)].get_or_init(|| self.assemble(format)).clone()
    }

    fn assemble(&self, format: Format) -> Bytes {
        let blocks = self.families.iter().flat_map(|family| family.blocks.iter());
        let samples: usize = blocks.map(|block| block.text(format).len()).sum();
        let mut out = Vec::with_capacity(samples + self.families.len() * HEAD_BYTES + text::EOF.len());
        for family in &self.families {
            text::head(format, &declared(&family.head, family.loose, format), &mut out);
            for block in family.blocks.iter() {
                out.extend_from_slice(block.text(format));
            }
        }
        if format == Format::OpenMetrics {
            out.extend_from_slice(text::EOF);
        }
        out.into()
    }

    /// How one check is doing.
    pub fn check(&self, name: &str) -> Option<&Arc<CheckState>> {
        let at = self.checks.binary_search_by(|check| (*check.name).cmp(name)).ok()?;
        self.checks.get(at)
    }

    /// Whether every check that can run has run once. A host without checks is ready as soon as that is known.
    pub fn every_check_ran(&self) -> bool {
        self.configured && self.checks.iter().all(|check| check.ran || check.problem.is_some())
    }

    /// The worst of the required checks; what is worst among the others makes it a warning at most. A check that has
    /// not run yet does not count.
    pub fn overall(&self) -> Status {
        let weigh = |check: &Arc<CheckState>| match check.status {
            Some(status) if check.required => status,
            Some(status) => status.min(Status::Warning),
            None => Status::Ok,
        };
        self.checks.iter().map(weigh).max().unwrap_or(Status::Ok)
    }
}
