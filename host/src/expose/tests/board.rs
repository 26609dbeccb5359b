//! Snapshots for tests.

use super::*;
use crate::{
    board::{CheckState, Snapshot},
    outcome::Status,
};

pub(super) fn check(name: &str, status: Option<Status>) -> CheckState {
    CheckState {
        name: name.into(),
        plugin: "http".into(),
        required: true,
        problem: None,
        ran: status.is_some(),
        restored: false,
        status,
        outcome: status.map(Status::as_str),
        verdicts: status.map(|status| an_outcome_verdict(status)).into_iter().collect(),
        message: "as told".into(),
        duration: Duration::from_millis(12),
        checked_at: status.map(|_| Timestamp::from_seconds(1_700_000_000)),
        consecutive_failures: 0,
        series: 3,
        stale: false,
    }
}

fn an_outcome_verdict(status: Status) -> Verdict {
    Verdict {
        target: "".into(),
        status,
        code: String::new(),
        summary: "as told".into(),
        latency: None,
        details: vec![],
    }
}

pub(super) fn snapshot(checks: Vec<CheckState>, text: &str) -> Snapshot {
    Snapshot {
        at: Timestamp::from_seconds(1_700_000_000),
        checks: checks.into_iter().map(Arc::new).collect(),
        texts: [text.to_owned().into(), format!("{text}# EOF\n").into()],
    }
}

pub(super) const TEXT: &str = "# TYPE load gauge\nload{check=\"web\"} 1\n";

/// One ok, one warning that is not required, one that has not run.
pub(super) fn three_checks() -> Snapshot {
    let optional = CheckState {
        required: false,
        ..check("queue", Some(Status::Warning))
    };
    snapshot(
        vec![optional, check("slow", None), check("web", Some(Status::Ok))],
        TEXT,
    )
}
