//! The one owner of the history and of all rule states: a thread of its own, so that no expression delays a scrape or a run.
//!
//! Flows in: commands, snapshots, time. Flows out: status and views through watch channels. Everybody else has an immutable
//! [`RuleStatus`] and an immutable [`View`](crate::history::View); queries of people are evaluated over these elsewhere.

mod agenda;
mod answers;
mod core;
mod instruments;
mod kept;
mod run;
mod swap;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use self::core::{Core, Parts};
use super::{Externals, RuleSet, RuleStatus, outlet::Outlet};
use crate::{
    board::Snapshot,
    clock::Clock,
    history::{History, Settings, View},
    store::Store,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Commands that may wait. They come from reloads and from the end of the host; a sender that finds it full is told.
const COMMANDS_MAX: usize = 16;

/// Longest the thread sleeps, so that a clock that jumps is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What rules need.
pub struct RuleOptions {
    /// Where the newest snapshot is.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Where alerts are kept; None: nowhere.
    pub store: Option<Store>,
    /// With what was restored of it.
    pub history: History,
    /// Where it is written to now and then, and at the end; None: nowhere.
    pub state_dir: Option<PathBuf>,
    /// For templates, until the first rules bring their own; their URL counts where those have none.
    pub externals: Externals,
    /// Where alerts are left for who sends notifications.
    pub outlet: Outlet,
    /// Time.
    pub clock: Clock,
    /// Told of every change.
    pub telemetry: Telemetry,
}

impl fmt::Debug for RuleOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleOptions").finish_non_exhaustive()
    }
}

enum Command {
    Replace(Box<RuleSet>, Option<Box<Settings>>, oneshot::Sender<()>),
    Externals(Box<Externals>),
    Stop(oneshot::Sender<()>),
}

/// Starts the owner.
#[derive(Debug)]
pub struct Rules;

impl Rules {
    /// Reads what was kept, which blocks for a moment, and starts the thread, without rules.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(supervisor: &Supervisor, options: RuleOptions) -> std::io::Result<RulesHandle> {
        let RuleOptions {
            snapshots,
            store,
            history,
            state_dir,
            externals,
            outlet,
            clock,
            telemetry,
        } = options;
        let (commands, inbox) = sync_channel(COMMANDS_MAX);
        let (status, seen_status) = watch::channel(Arc::default());
        let (views, seen_views) = watch::channel(history.view());
        let parts = Parts {
            clock,
            telemetry,
            store,
            snapshots,
            status,
            views,
            history,
            externals,
            outlet,
            supervisor: supervisor.clone(),
            state_dir,
        };
        // Built on its own thread: what templates may ask stays there.
        drop(supervisor.thread("rules", move || run(Core::new(parts), &inbox))?);
        Ok(RulesHandle {
            commands,
            status: seen_status,
            views: seen_views,
        })
    }
}

fn run(mut core: Core, commands: &Receiver<Command>) {
    loop {
        match commands.recv_timeout(core.idle_for().min(SLEEP_MAX)) {
            Ok(Command::Replace(rules, settings, done)) => {
                if let Some(settings) = settings {
                    core.configure(*settings);
                }
                core.replace(&rules);
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Ok(Command::Externals(externals)) => core.externals = Arc::new(*externals),
            Ok(Command::Stop(done)) => {
                core.write_last();
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        core.run_due();
    }
}

/// How everyone else talks to the owner. Cheap to clone; the thread ends when the last clone is dropped.
#[derive(Clone)]
pub struct RulesHandle {
    commands: SyncSender<Command>,
    status: watch::Receiver<Arc<RuleStatus>>,
    views: watch::Receiver<Arc<View>>,
}

impl fmt::Debug for RulesHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RulesHandle").finish_non_exhaustive()
    }
}

impl RulesHandle {
    /// These rules and no others; alerts stay with their rules. `history`: its settings, when they changed. Returns when it is done.
    pub async fn replace(&self, rules: RuleSet, history: Option<Settings>) {
        let (done, answer) = oneshot::channel();
        self.send(Command::Replace(Box::new(rules), history.map(Box::new), done))
            .await;
        let _ = answer.await;
    }

    /// What templates see of the host from now on, on reload: before [`Self::replace`], so that the new rules never see the old ones.
    pub async fn set_externals(&self, externals: Externals) {
        self.send(Command::Externals(Box::new(externals))).await;
    }

    /// What rules are doing.
    pub fn status(&self) -> watch::Receiver<Arc<RuleStatus>> {
        self.status.clone()
    }

    /// The samples of the last hours.
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }

    /// Ends after what is being evaluated, and writes history. Alerts are queued for the store by then: close that after.
    pub async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        self.send(Command::Stop(done)).await;
        let _ = answer.await;
    }

    async fn send(&self, command: Command) {
        let mut command = command;
        // The owner takes commands between evaluations, each of which is bounded.
        while let Err(TrySendError::Full(back)) = self.commands.try_send(command) {
            command = back;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[cfg(test)]
mod tests;
