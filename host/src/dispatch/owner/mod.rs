//! The one owner of everything that dispatch knows: a task that drives the core with the clock, the store and those who ask.
//!
//! Flows in: alerts of rules through their outlet, commands of people and of reloads, requests of those who deliver, time. Flows out:
//! batches for the store, messages once they are kept, lines and counts. It takes in what has come, lets the core decide, keeps what
//! follows, and answers; while the disk is written nothing else happens, so that what comes meanwhile shares the next commit.

mod driver;
mod journal;

use std::{fmt, sync::Arc};

use bellwether_promql::labels::Labels;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    driver::{Driver, Parts},
    journal::Journal,
};
use super::{
    core::{Core, Overview},
    events::NotRestored,
    handle::{OutboxHandle, outbox},
    occurrence::{Occurrence, Told},
    posted::{PostError, PostedAlert},
    settings::Settings,
    silence::{NewSilence, SilenceError},
    store,
};
use crate::{
    board::Snapshot,
    clock::Clock,
    outcome::{Status, Verdict},
    rule::outlet::Outlet,
    store::Store,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Commands that may wait: posts of others mostly, each of which waits for its answer. A sender waits when it is full.
const COMMANDS_MAX: usize = 64;

/// What dispatch needs.
pub struct DispatchOptions {
    /// What it does by.
    pub settings: Settings,
    /// Where it keeps what it knows; None: nowhere.
    pub store: Option<Store>,
    /// Where the rules leave their alerts.
    pub outlet: Outlet,
    /// For the verdict beside an alert; None: there are none.
    pub snapshots: Option<watch::Receiver<Arc<Snapshot>>>,
    /// Time.
    pub clock: Clock,
    /// Told of everything.
    pub telemetry: Telemetry,
}

impl fmt::Debug for DispatchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatchOptions").finish_non_exhaustive()
    }
}

/// What people and reloads want.
pub(super) enum Command {
    Post(Vec<PostedAlert>, oneshot::Sender<Vec<(usize, PostError)>>),
    Tell(Vec<Occurrence>, oneshot::Sender<Told>),
    Silence(NewSilence, oneshot::Sender<Result<Arc<str>, SilenceError>>),
    Expire(Arc<str>, oneshot::Sender<Result<(), SilenceError>>),
    Configure(Box<Settings>, oneshot::Sender<()>),
    Overview(oneshot::Sender<Arc<Overview>>),
    Stop(oneshot::Sender<()>),
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is stopping")]
pub struct Stopped;

/// Starts the owner.
#[derive(Debug)]
pub struct Dispatch;

impl Dispatch {
    /// Reads what was kept, which blocks for a moment, and starts the task on the current runtime.
    pub fn start(supervisor: &Supervisor, options: DispatchOptions) -> DispatchHandle {
        let DispatchOptions {
            settings,
            store,
            outlet,
            snapshots,
            clock,
            telemetry,
        } = options;
        let mut core = Core::new(settings, Box::new(move |labels| details(snapshots.as_ref(), labels)));
        let (store, problem) = opened(store, &mut core, &clock, &telemetry);
        let (handle, bells, requests) = outbox();
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let parts = Parts {
            core,
            journal: Journal::new(store, problem, clock.clone()),
            outlet,
            clock,
            telemetry,
            bells,
            requests,
            commands: inbox,
        };
        drop(supervisor.spawn("dispatch", Driver::new(parts).run()));
        DispatchHandle {
            commands,
            outbox: handle,
        }
    }
}

/// The tables, with what they hold taken up by the core; or why they cannot be used, so that nothing is kept; or why they cannot be read
/// yet, so that nothing is kept until they can be.
fn opened(
    store: Option<Store>,
    core: &mut Core,
    clock: &Clock,
    telemetry: &Telemetry,
) -> (Option<Store>, Option<String>) {
    let Some(store) = store else { return (None, None) };
    if let Err(error) = store::prepare(&store) {
        telemetry.emit(&NotRestored { error: &error });
        return (None, Some(error.to_string()));
    }
    match store::load(&store) {
        Ok(loaded) => {
            core.restore(loaded, driver::millis(clock));
            (Some(store), None)
        }
        Err(error) => {
            telemetry.emit(&NotRestored { error: &error });
            (Some(store), Some(error.to_string()))
        }
    }
}

/// The verdict that an alert is about, by its labels `check` and `target`, or `check`, `kind` and `target` where a plugin has targets of
/// several kinds; without a target the worst of the check.
fn details(snapshots: Option<&watch::Receiver<Arc<Snapshot>>>, labels: &Labels) -> Vec<(Arc<str>, Arc<str>)> {
    let Some((snapshots, check)) = snapshots.zip(labels.get("check")) else {
        return Vec::new();
    };
    let snapshot = Arc::clone(&snapshots.borrow());
    let Some(state) = snapshot.check(check) else {
        return Vec::new();
    };
    let target = labels.get("target");
    let of_kind = labels
        .get("kind")
        .zip(target)
        .map(|(kind, target)| format!("{kind} {target}"));
    let is_it = |verdict: &&Verdict| {
        let said = &*verdict.target;
        target.is_none_or(|target| *said == **target) || of_kind.as_deref() == Some(said)
    };
    let verdicts = state.verdicts.iter().filter(is_it);
    let Some(verdict) = verdicts
        .max_by_key(|verdict| verdict.status)
        .filter(|verdict| verdict.status != Status::Ok)
    else {
        return Vec::new();
    };
    let facts = [
        ("status", verdict.status.as_str()),
        ("code", verdict.code.as_str()),
        ("summary", verdict.summary.as_str()),
    ];
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
    facts.map(|(name, text)| (name.into(), text.into())).collect()
}

/// How everyone else talks to dispatch. Cheap to clone; the task ends when the last clone is dropped.
#[derive(Clone)]
pub struct DispatchHandle {
    commands: mpsc::Sender<Command>,
    outbox: OutboxHandle,
}

impl fmt::Debug for DispatchHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatchHandle").finish_non_exhaustive()
    }
}

impl DispatchHandle {
    /// For those who deliver.
    pub fn outbox(&self) -> OutboxHandle {
        self.outbox.clone()
    }

    /// Takes alerts of others, and returns when they are on disk, or the disk fails. Those that are refused come back with their
    /// places and why.
    ///
    /// # Errors
    ///
    /// The host is stopping; none was taken.
    pub async fn post(&self, alerts: Vec<PostedAlert>) -> Result<Vec<(usize, PostError)>, Stopped> {
        self.ask(|answer| Command::Post(alerts, answer)).await
    }

    /// Tells of things that happened once, and returns when that is on disk, or the disk fails. What became of each comes back, in order.
    ///
    /// # Errors
    ///
    /// The host is stopping; none was taken.
    pub async fn tell(&self, occurrences: Vec<Occurrence>) -> Result<Told, Stopped> {
        self.ask(|answer| Command::Tell(occurrences, answer)).await
    }

    /// Sets or changes a silence, and returns its id when it is on disk.
    ///
    /// # Errors
    ///
    /// The host is stopping, or inside why it was not set.
    pub async fn silence(&self, new: NewSilence) -> Result<Result<Arc<str>, SilenceError>, Stopped> {
        self.ask(|answer| Command::Silence(new, answer)).await
    }

    /// Ends a silence.
    ///
    /// # Errors
    ///
    /// The host is stopping, or inside why it was not ended.
    pub async fn expire_silence(&self, id: &str) -> Result<Result<(), SilenceError>, Stopped> {
        let id = id.into();
        self.ask(|answer| Command::Expire(id, answer)).await
    }

    /// These settings and no others. Returns when they hold.
    ///
    /// # Errors
    ///
    /// The host is stopping.
    pub async fn configure(&self, settings: Settings) -> Result<(), Stopped> {
        self.ask(|answer| Command::Configure(Box::new(settings), answer)).await
    }

    /// Alerts with who hears of them and what mutes them, groups, silences.
    ///
    /// # Errors
    ///
    /// The host is stopping.
    pub async fn overview(&self) -> Result<Arc<Overview>, Stopped> {
        self.ask(Command::Overview).await
    }

    /// Ends after what came before. Everything is queued for the store by then: close that after.
    pub async fn stop(&self) {
        // Whoever stopped it before did it as well.
        let _ = self.ask(Command::Stop).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}

#[cfg(test)]
mod tests;
