//! Executes what the scheduler decides: finds the plugin, lends it state, keeps what it changed.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    capability::state::{QUOTA_BYTES_DEFAULT, StateBank, StateScratch, table},
    clock::Clock,
    config::{Check, PluginSource, Schedule},
    outcome::{Failure, Outcome, Reason, Usage},
    sandbox::{Plugin, RunRequest},
    schedule::{BoxFuture, Job, Runner},
    store::Store,
};

/// Which plugin a source stands for right now. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    plugins: Arc<RwLock<HashMap<PluginSource, Arc<Plugin>>>>,
}

impl Roster {
    /// From now on, these and no others.
    pub(super) fn replace(&self, plugins: HashMap<PluginSource, Arc<Plugin>>) {
        *self.plugins.write().unwrap_or_else(PoisonError::into_inner) = plugins;
    }

    /// One more.
    pub(super) fn add(&self, source: PluginSource, plugin: Arc<Plugin>) {
        self.plugins
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(source, plugin);
    }

    fn get(&self, source: &PluginSource) -> Option<Arc<Plugin>> {
        self.plugins
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(source)
            .cloned()
    }
}

/// Runs checks in the sandbox.
#[derive(Clone, Debug)]
pub(super) struct SandboxRunner {
    roster: Roster,
    bank: StateBank,
    store: Store,
    facts: Arc<Vec<(String, String)>>,
}

impl SandboxRunner {
    pub(super) fn new(roster: Roster, bank: StateBank, store: Store, environment: &str) -> Self {
        Self {
            roster,
            bank,
            store,
            facts: Arc::new(facts(environment)),
        }
    }

    async fn execute(self, job: Job) -> Outcome {
        let Some(plugin) = self.roster.get(&job.check.plugin) else {
            return gone(&job);
        };
        let quota = job.check.limits.state_bytes.unwrap_or(QUOTA_BYTES_DEFAULT);
        let name = Arc::clone(&job.check.name);
        let end = plugin.run(request(job, self.bank.view(&name, quota), self.facts)).await;
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
}

/// What plugins may ask the host about itself, besides its version.
pub(super) fn facts(environment: &str) -> Vec<(String, String)> {
    vec![("environment".to_owned(), environment.to_owned())]
}

pub(super) fn request(job: Job, state: StateScratch, facts: Arc<Vec<(String, String)>>) -> RunRequest {
    RunRequest {
        interval: interval(&job.check),
        check: job.check,
        scheduled_at: job.scheduled_at,
        attempt: job.attempt,
        previous: job.previous,
        state,
        facts,
    }
}

fn interval(check: &Check) -> Option<std::time::Duration> {
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
            message: "its plugin was unloaded by a reload while the run was about to begin".to_owned(),
            retryable: true,
        }),
        usage: Usage::default(),
    }
}
