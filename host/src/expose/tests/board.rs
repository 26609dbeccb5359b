//! Snapshots for tests.

use super::*;
use crate::{
    board::{CheckState, Snapshot},
    metric::{FamilyHead, LabelName, MetricFamily, MetricKind, MetricName, Points, Sample},
    outcome::Status,
};

pub(in crate::expose) fn check(name: &str, status: Option<Status>) -> CheckState {
    CheckState {
        name: name.into(),
        plugin: "http".into(),
        required: true,
        problem: None,
        is_pushed: false,
        ran: status.is_some(),
        restored: false,
        status,
        outcome: status.map(Status::as_str),
        verdicts: status.map(a_verdict).into_iter().collect(),
        message: "as told".into(),
        duration: Duration::from_millis(12),
        checked_at: status.map(|_| Timestamp::from_seconds(1_700_000_000)),
        consecutive_failures: 0,
        consecutive_failed_runs: 0,
        denied: vec![],
        refused: vec![],
        series: 3,
        series_dropped: 0,
        missed_ticks: 0,
        stale: false,
    }
}

fn a_verdict(status: Status) -> Verdict {
    Verdict {
        target: "".into(),
        status,
        code: String::new(),
        summary: "as told".into(),
        latency: None,
        details: vec![],
    }
}

pub(in crate::expose) fn snapshot(checks: Vec<CheckState>, families: Vec<MetricFamily>) -> Snapshot {
    Snapshot::for_tests(Timestamp::from_seconds(1_700_000_000), checks, families)
}

pub(in crate::expose) const TEXT: &str = "# TYPE load gauge\nload{core=\"0\"} 1\n";

/// `load` on this many cores; on one core it is [`TEXT`].
pub(super) fn load(cores: usize, value: f64) -> MetricFamily {
    let sample = |core: usize| Sample {
        label_values: [core.to_string().into()].into(),
        value,
        created: None,
    };
    MetricFamily {
        head: FamilyHead {
            name: MetricName::new("load").expect("a name"),
            help: "".into(),
            unit: "".into(),
            kind: MetricKind::Gauge,
            label_names: [LabelName::new("core").expect("a name")].into(),
        },
        points: Points::Values((0..cores).map(sample).collect()),
    }
}

/// One ok, one warning that is not required, one that has not run.
pub(super) fn three_checks() -> Snapshot {
    let optional = CheckState {
        required: false,
        ..check("queue", Some(Status::Warning))
    };
    let checks = vec![optional, check("slow", None), check("web", Some(Status::Ok))];
    snapshot(checks, vec![load(1, 1.0)])
}
