//! Keeping batches on disk, and not waiting for a disk that fails.
//!
//! Owns the way to the store and whether it works. Flows in: batches. Flows out: whether they are on disk, and an alert about the store
//! itself, which goes the way of all others.

use std::time::Duration;

use bellwether_promql::labels::Labels;

use super::super::{
    core::Meanwhile,
    posted::PostedAlert,
    rows::{Loaded, Write},
    store,
};
use crate::{
    alert::ALERT_NAME,
    clock::{Clock, Instant},
    store::{Late, Store, StoreError},
};

/// How long a commit may take before messages go out without it: a disk that needs longer is a disk that fails, and somebody should
/// hear of that too.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a store that failed is not waited for.
const STORE_REST: Duration = Duration::from_secs(10);

/// How long a first read that nobody else waits for is waited for: a second in all.
const ANSWER_TRIES: u32 = 50;
const ANSWER_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the alert about the store holds without being renewed, in milliseconds.
const ALERT_HOLDS: i64 = 5 * 60_000;

/// See the head of this file.
pub(super) struct Journal {
    store: Option<Store>,
    /// While what an earlier process kept cannot be read: nothing is written over it.
    unread: Option<Unread>,
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
    /// `problem`: why there is no store although there should be; or, where there is one, why it cannot be read.
    pub(super) fn new(store: Option<Store>, problem: Option<String>, clock: Clock) -> Self {
        let unread = store.clone().filter(|_| problem.is_some());
        Self {
            epoch: store.as_ref().map_or(0, Store::epoch),
            unread: unread.map(|store| Unread::new(store, clock.clone())),
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
    pub(super) fn queue(&mut self, batch: u64, writes: Vec<Write>) {
        match (&self.store, &mut self.unread) {
            (_, Some(unread)) => unread.note(writes),
            (Some(store), None) => store::save(store, batch, writes),
            (None, None) => {}
        }
    }

    /// What an earlier process kept, once, when it can be read that could not be read at the start; and what was said since.
    pub(super) async fn late(&mut self) -> Option<(Loaded, Meanwhile, Vec<Write>)> {
        let unread = self.unread.as_mut()?;
        match unread.poll().await? {
            Ok(loaded) => {
                let unread = self.unread.take()?;
                (self.problem, self.rests_until) = (None, None);
                self.epoch = self.store.as_ref().map_or(0, Store::epoch);
                Some((loaded, unread.meanwhile, unread.dead))
            }
            Err(error) => {
                self.problem = Some(error.to_string());
                None
            }
        }
    }

    /// Why it fails; None: it does not, as far as is known.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Waits until everything queued is on disk. Whether it is.
    pub(super) async fn keep(&mut self) -> bool {
        let Some(store) = self.store.as_ref().filter(|_| self.unread.is_none()) else {
            return false;
        };
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

/// What is not written yet, because nothing may be written over what was not read.
struct Unread {
    late: Late<Loaded>,
    was_asked: bool,
    meanwhile: Meanwhile,
    /// Dead letters, which nobody else holds.
    dead: Vec<Write>,
}

impl Unread {
    fn new(store: Store, clock: Clock) -> Self {
        Self {
            late: Late::new(store, store::read, clock),
            was_asked: false,
            meanwhile: Meanwhile::default(),
            dead: Vec::new(),
        }
    }

    /// The first answer is worth waiting for: rules may have read theirs a moment ago, and what they say of it shall not be told twice.
    async fn poll(&mut self) -> Option<Result<Loaded, StoreError>> {
        let tries = if self.was_asked { 1 } else { ANSWER_TRIES };
        self.was_asked = true;
        for at in 0..tries {
            if at > 0 {
                tokio::time::sleep(ANSWER_LOOK_EVERY).await;
            }
            if let Some(answer) = self.late.poll() {
                return Some(answer);
            }
        }
        None
    }

    fn note(&mut self, writes: Vec<Write>) {
        self.meanwhile.note(&writes);
        let letters = writes.into_iter().filter(|write| matches!(write, Write::Dead(_)));
        self.dead.extend(letters);
        let excess = self.dead.len().saturating_sub(store::DEAD_MAX as usize);
        self.dead.drain(..excess);
    }
}
