//! Executes what the scheduler decides: finds the plugin and what it may reach, lends it state, keeps what it changed, and tells those
//! who hear of runs.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{plugins::LoadedCheck, runs::forwarded};
use crate::{
    capability::{
        reach::Reach,
        state::{QUOTA_BYTES_DEFAULT, StateBank, StateScratch, table},
    },
    clock::Clock,
    config::{Check, Schedule},
    deliver::DeliverHandle,
    outcome::{Failure, Outcome, Reason, Usage},
    sandbox::{Plugin, RunRequest},
    schedule::{BoxFuture, Job, Runner},
    store::Store,
};

/// What each check runs with right now, by name. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    parts: Arc<RwLock<HashMap<Arc<str>, Part>>>,
}

/// What one check runs with.
#[derive(Clone, Debug)]
struct Part {
    check: Arc<Check>,
    plugin: Arc<Plugin>,
    reach: Arc<Reach>,
}

impl Part {
    fn of(loaded: &LoadedCheck) -> Option<Self> {
        Some(Self {
            check: Arc::clone(&loaded.check),
            plugin: Arc::clone(loaded.plugin.as_ref().ok()?),
            reach: Arc::clone(&loaded.reach),
        })
    }

    /// What did not change stays the same value: what is kept by it, such as open connections, is kept.
    fn after(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before.filter(|before| before.reach == self.reach) {
            self.reach = Arc::clone(&before.reach);
        }
        self
    }
}

impl Roster {
    /// From now on, these and no others.
    pub(super) fn replace(&self, checks: &[LoadedCheck]) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let next = checks.iter().filter_map(Part::of).map(|part| {
            let name = Arc::clone(&part.check.name);
            let part = part.after(parts.get(&name));
            (name, part)
        });
        *parts = next.collect();
    }

    /// One more.
    pub(super) fn add(&self, loaded: &LoadedCheck) {
        if let Some(part) = Part::of(loaded) {
            let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
            parts.insert(Arc::clone(&part.check.name), part);
        }
    }

    /// `None`: a reload changed the check, and what was granted to the former one is not for the new one to use, nor the
    /// other way round.
    fn get(&self, check: &Arc<Check>) -> Option<Part> {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let part = parts.get(&check.name)?;
        let same = Arc::ptr_eq(&part.check, check) || part.check == *check;
        same.then(|| part.clone())
    }
}

/// Runs checks in the sandbox.
#[derive(Clone, Debug)]
pub(super) struct SandboxRunner {
    roster: Roster,
    bank: StateBank,
    store: Store,
    deliver: DeliverHandle,
    facts: Arc<Vec<(String, String)>>,
}

impl SandboxRunner {
    pub(super) fn new(
        roster: Roster,
        bank: StateBank,
        store: Store,
        deliver: DeliverHandle,
        environment: &str,
    ) -> Self {
        Self {
            roster,
            bank,
            store,
            deliver,
            facts: Arc::new(facts(environment)),
        }
    }

    async fn execute(self, job: Job) -> Outcome {
        let Some(part) = self.roster.get(&job.check) else {
            return gone(&job);
        };
        let quota = job.check.limits.state_bytes.unwrap_or(QUOTA_BYTES_DEFAULT);
        let name = Arc::clone(&job.check.name);
        let request = request(job, part.reach, self.bank.view(&name, quota), self.facts);
        let end = part.plugin.run(request).await;
        if let Some(changes) = end.state.filter(|changes| !changes.is_empty()) {
            self.bank.commit(&name, changes);
            table::keep(&self.store, &self.bank, &name);
        }
        end.outcome
    }
}

impl Runner for SandboxRunner {
    fn run(&self, job: Job) -> BoxFuture<'static, Outcome> {
        Box::pin(self.clone().execute(job))
    }

    fn ended(&self, check: &Check, outcome: &Outcome) {
        self.deliver.offer_run(&check.name, || forwarded(check, outcome));
    }
}

/// What plugins may ask the host about itself, besides its version.
pub(super) fn facts(environment: &str) -> Vec<(String, String)> {
    vec![("environment".to_owned(), environment.to_owned())]
}

pub(super) fn request(
    job: Job,
    reach: Arc<Reach>,
    state: StateScratch,
    facts: Arc<Vec<(String, String)>>,
) -> RunRequest {
    RunRequest {
        interval: interval(&job.check),
        check: job.check,
        scheduled_at: job.scheduled_at,
        attempt: job.attempt,
        previous: job.previous,
        reach,
        state,
        facts,
    }
}

pub(super) fn interval(check: &Check) -> Option<std::time::Duration> {
    match &check.schedule {
        Schedule::Interval { every, .. } => Some(*every),
        Schedule::Cron(_) => None,
    }
}

/// A run that was decided just before a reload took its plugin away.
fn gone(job: &Job) -> Outcome {
    Outcome {
        check: Arc::clone(&job.check.name),
        scheduled_at: job.scheduled_at,
        started_at: Clock::system().wall(),
        attempt: job.attempt,
        result: Err(Failure {
            reason: Reason::Host,
            code: "plugin_gone".to_owned(),
            message: "a reload changed it or unloaded its plugin while the run was about to begin".to_owned(),
            retryable: true,
        }),
        usage: Usage::default(),
    }
}
