//! What the plan is told about a run that ended, and what it answers: words between `plan` and `owner`, without behaviour.

use std::{sync::Arc, time::Duration};

use super::{Cause, Job, Missed, plan::RunId};
use crate::clock::Timestamp;

/// What the owner must do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Run it. `lateness` is how long after its tick; none for a run that has no tick.
    Start {
        run: RunId,
        job: Job,
        cause: Cause,
        lateness: Option<Duration>,
    },
    /// Count it.
    Missed { check: Arc<str>, why: Missed, count: u64 },
    /// Say it: the wall clock moved against the monotonic one.
    ClockJumped { by: Duration, forward: bool },
}

/// What to do with an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Hand it on.
    Publish,
    /// Its check was changed or removed while it ran.
    Outdated,
}

/// What became of a wish to run a check now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It starts, or waits for a permit before all others.
    Queued,
    /// It runs or waits already; that run will do.
    Joined,
    /// No such check.
    Unknown,
    /// Nothing starts any more.
    Stopping,
}

/// The last outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) started_at: Timestamp,
    pub(super) word: &'static str,
    pub(super) ok: bool,
}
