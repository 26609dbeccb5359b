//! Keeping batches on disk, and not waiting for a disk that fails.
//!
//! Owns the way to the store and whether it works. Flows in: batches. Flows out: whether they are on disk, and an alert about the store
//! itself, which goes the way of all others.

use std::time::Duration;

use bellwether_promql::labels::Labels;

use super::super::{posted::PostedAlert, rows::Write, store};
use crate::{
    alert::ALERT_NAME,
    clock::{Clock, Instant},
    store::Store,
};

/// How long a commit may take before messages go out without it: a disk that needs longer is a disk that fails, and somebody should
/// hear of that too.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a store that failed is not waited for.
const STORE_REST: Duration = Duration::from_secs(10);

/// How long the alert about the store holds without being renewed, in milliseconds.
const ALERT_HOLDS: i64 = 5 * 60_000;

/// See the head of this file.
pub(super) struct Journal {
    store: Option<Store>,
    /// Of the store, when everything was written last.
    epoch: u64,
    clock: Clock,
    /// Until then the store is not waited for.
    rests_until: Option<Instant>,
    problem: Option<String>,
    /// Whether the alert about it was raised.
    is_raised: bool,
}

impl Journal {
    /// `problem`: why there is no store although there should be.
    pub(super) fn new(store: Option<Store>, problem: Option<String>, clock: Clock) -> Self {
        Self {
            epoch: store.as_ref().map_or(0, Store::epoch),
            store,
            clock,
            rests_until: None,
            problem,
            is_raised: false,
        }
    }

    /// Whether nothing of what was queued until now is on disk any more. Says so once.
    pub(super) fn is_begun_anew(&mut self) -> bool {
        let epoch = self.store.as_ref().map_or(0, Store::epoch);
        std::mem::replace(&mut self.epoch, epoch) != epoch
    }

    /// Queues a batch; it is on disk within about a second, or with the next [`Journal::keep`].
    pub(super) fn queue(&self, batch: u64, writes: Vec<Write>) {
        if let Some(store) = &self.store {
            store::save(store, batch, writes);
        }
    }

    /// Why it fails; None: it does not, as far as is known.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Waits until everything queued is on disk. Whether it is.
    pub(super) async fn keep(&mut self) -> bool {
        let Some(store) = &self.store else { return false };
        let is_resting = |until: Instant| self.clock.monotonic() < until;
        if self.rests_until.is_some_and(is_resting) {
            return false;
        }
        let problem = match tokio::time::timeout(COMMIT_PATIENCE, store.flush()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the disk has not answered for {} s", COMMIT_PATIENCE.as_secs())),
        };
        self.rests_until = problem.is_some().then(|| self.clock.monotonic() + STORE_REST);
        self.problem = problem;
        self.problem.is_none()
    }

    /// Tries the store, and yields the alert about it when it begins, goes on or ends. None: all is well.
    pub(super) async fn alert(&mut self, now: i64) -> Option<PostedAlert> {
        let is_failing = !self.keep().await && self.problem.is_some();
        let was_raised = std::mem::replace(&mut self.is_raised, is_failing);
        if !is_failing && !was_raised {
            return None;
        }
        let description = self.problem.as_deref().unwrap_or("It works again.");
        let annotations = [
            (
                "summary",
                "The host cannot keep what it knows: notifications go out, and a restart may forget or repeat some.",
            ),
            ("description", description),
        ];
        Some(PostedAlert {
            labels: Labels::new([(ALERT_NAME, "StateStoreFailing"), ("severity", "critical")]),
            annotations: annotations.map(|(name, text)| (name.into(), text.into())).into(),
            starts_at: None,
            ends_at: Some(if is_failing { now + ALERT_HOLDS } else { now }),
            generator_url: "".into(),
        })
    }
}
