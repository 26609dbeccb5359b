//! Ticks, permits and outcomes: when checks run and what becomes of their runs.
//!
//! One task owns the plan. Flows in: the checks of the configuration, wishes to run one now, and the ends of runs. Flows
//! out: runs, spawned on the plugins' runtime, and [`News`] through a bounded channel to whoever merges them. It knows
//! neither the sandbox nor the board: a [`Runner`] executes, the other end of the channel listens.

mod answer;
mod events;
mod owner;
mod plan;
mod timing;

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use self::owner::{Command, Owner};
use crate::{
    clock::{Clock, Timestamp},
    config::Check,
    outcome::Outcome,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Commands that may wait for the owner. They come from people and reloads; a sender waits when it is full.
const COMMANDS_MAX: usize = 64;

/// A future that can be stored.
pub type BoxFuture<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

/// What executes a run. It may take as long as it likes: deadlines are its own.
pub trait Runner: Send + Sync {
    /// Called once per run, on the plugins' runtime. A panic becomes an outcome with reason `host`.
    fn run(&self, job: Job) -> BoxFuture<'static, Outcome>;

    /// Told of every outcome that counts, retries and runs that somebody asked for among them, in order: one whose check was changed or
    /// removed meanwhile does not. Called in the scheduler's own task, so it must not take long.
    fn ended(&self, _check: &Check, _outcome: &Outcome) {}
}

/// One run that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What to run.
    pub check: Arc<Check>,
    /// The slot or fire time it belongs to.
    pub scheduled_at: Timestamp,
    /// 1, or more while a failing check is tried again.
    pub attempt: u32,
    /// When the run before it began, and its outcome's word. None: there was none, or it was forgotten.
    pub previous: Option<(Timestamp, &'static str)>,
}

/// Why a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The first one, right after start or after its configuration changed.
    Start,
    /// Its slot came.
    Slot,
    /// The last outcome was not ok.
    Retry,
    /// Its fire time came.
    Cron,
    /// Somebody asked.
    Asked,
}

/// Why a tick did not become a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The run before it was still going.
    Running,
    /// The run before it was still waiting for a permit.
    Waiting,
    /// The host itself came too late, and a later tick of the same check had passed as well.
    Late,
}

impl Missed {
    /// The word in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Late => "late",
        }
    }
}

/// What the scheduler has to tell.
#[derive(Debug)]
pub enum News {
    /// A run ended.
    Ended {
        /// As it was configured when the run began: a listener that knows another configuration by then drops it.
        check: Arc<Check>,
        /// What came of it.
        outcome: Outcome,
    },
    /// About once a second, when there is anything.
    Ticks {
        /// Missed ticks by check.
        missed: BTreeMap<Arc<str>, u64>,
        /// Of each run that had a tick: seconds from the tick to the start, permits included.
        lateness: Vec<f64>,
    },
}

/// How to schedule.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many runs may execute at once. Zero is taken as one.
    pub concurrency: usize,
    /// Where runs execute.
    pub plugin_runtime: Handle,
}

/// The outcome of a check before this process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Name of the check.
    pub check: Arc<str>,
    /// When the run began.
    pub started_at: Timestamp,
    /// The outcome's word.
    pub word: &'static str,
}

/// Why a check could not be run now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunNowError {
    /// No such check, or it could not be loaded.
    #[error("no check `{0}` is scheduled")]
    Unknown(String),
    /// It was removed from the configuration while it ran.
    #[error("check `{0}` was removed before its run ended")]
    Removed(String),
    /// As many as may wait for a run of it already.
    #[error("{max} others wait for a run of check `{0}` already; try again when it has ended", max = owner::WAITING_MAX)]
    Crowded(String),
    /// The host is going down.
    #[error("the host is stopping")]
    Stopping,
}

/// Starts the scheduler.
#[derive(Debug)]
pub struct Scheduler;

impl Scheduler {
    /// Starts the owner on the current runtime, with no checks: [`SchedulerHandle::replace`] brings them.
    ///
    /// `news` is bounded. When it is full, ended runs keep their permits until there is room: runs slow down, ticks are
    /// counted as missed, and nothing is lost.
    pub fn start(
        supervisor: &Supervisor,
        clock: Clock,
        options: Options,
        runner: Arc<dyn Runner>,
        news: mpsc::Sender<News>,
        telemetry: Telemetry,
    ) -> SchedulerHandle {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let owner = Owner::new(supervisor.clone(), clock, options, runner, news, telemetry);
        drop(supervisor.spawn("schedule", owner.run(inbox)));
        SchedulerHandle { commands }
    }
}

/// How everyone else talks to the scheduler. Cheap to clone.
#[derive(Clone)]
pub struct SchedulerHandle {
    commands: mpsc::Sender<Command>,
}

impl fmt::Debug for SchedulerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchedulerHandle").finish_non_exhaustive()
    }
}

impl SchedulerHandle {
    /// What was known before this process began. Takes effect for checks that are added afterwards.
    pub async fn restore(&self, previous: Vec<Previous>) {
        // A scheduler that has stopped has no use for it.
        let _ = self.commands.send(Command::Restore(previous)).await;
    }

    /// Schedules these checks and no others. Equal ones keep their timer and their run; the outcome of a run whose check
    /// was removed or changed is discarded; new and changed ones run at once.
    pub async fn replace(&self, checks: Vec<Arc<Check>>) {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Replace(checks, done)).await;
        let _ = answer.await;
    }

    /// Runs a check out of turn and waits for its outcome. Joins a run that is already going.
    pub async fn run_now(&self, check: &str) -> Result<Outcome, RunNowError> {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::RunNow(check.to_owned(), done)).await;
        answer.await.unwrap_or(Err(RunNowError::Stopping))
    }

    /// Starts nothing any more, waits for running runs up to `patience`, then ends them. Returns the names of the checks
    /// whose runs were ended.
    pub async fn stop(&self, patience: Duration) -> Vec<String> {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Stop(patience, done)).await;
        answer.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
