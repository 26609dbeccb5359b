//! The merged, current state of every check.
//!
//! One task owns it. Flows in: outcomes and missed ticks from `schedule`, the checks of the configuration from `app`, the
//! host's own instruments, measurements and heartbeats from `ingest`. Flows out: immutable [`Snapshot`]s through a watch channel, and last reports through `store`.
//! It runs nothing, serves nothing, and nothing waits for it but what brings it news.

mod account;
mod budget;
mod blocks;
mod builtin;
mod catalog;
mod demand;
mod entry;
mod events;
mod gap;
mod host;
mod merge;
mod owner;
mod restore;
mod snapshot;
mod sources;
mod taking;
mod totals;
mod turn;

use std::{fmt, sync::Arc};

pub use entry::{BoardCheck, SERIES_LIMIT_DEFAULT};
pub use snapshot::{Block, CheckState, Snapshot, SnapshotFamily};
pub use sources::SourceReport;
use tokio::sync::{mpsc, oneshot, watch};

use self::owner::{Command, Owner};
use crate::{
    clock::Clock,
    outcome::Outcome,
    schedule::{News, Previous},
    store::Store,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Outcomes that may wait to be merged: one second of the busiest host we promise. When it is full, whoever brings one
/// waits, and so ended runs keep their permits.
const NEWS_MAX: usize = 1_024;

/// Commands that may wait. They come from people, reloads and pushes; a sender waits when it is full.
const COMMANDS_MAX: usize = 256;

/// What the board needs.
#[derive(Debug)]
pub struct BoardOptions {
    /// Of this host, for `bellwether_build_info`.
    pub version: &'static str,
    /// Where last reports are kept; none: nowhere.
    pub store: Option<Store>,
    /// Time.
    pub clock: Clock,
    /// Its instruments become families at each snapshot.
    pub telemetry: Telemetry,
}

/// Starts the board.
#[derive(Debug)]
pub struct Board;

impl Board {
    /// Reads what was kept, which blocks for a moment, and starts the owner on the current runtime.
    pub fn start(supervisor: &Supervisor, options: BoardOptions) -> BoardHandle {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (news, outcomes) = mpsc::channel(NEWS_MAX);
        let (owner, snapshots, previous) = Owner::new(options);
        drop(supervisor.spawn("board", owner.run(inbox, outcomes)));
        BoardHandle {
            commands,
            news,
            snapshots,
            previous: previous.into(),
        }
    }
}

/// How everyone else talks to the board. Cheap to clone.
#[derive(Clone)]
pub struct BoardHandle {
    commands: mpsc::Sender<Command>,
    news: mpsc::Sender<News>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    previous: Arc<[Previous]>,
}

impl fmt::Debug for BoardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardHandle").finish_non_exhaustive()
    }
}

impl BoardHandle {
    /// Where the scheduler sends what it has to tell.
    pub fn news(&self) -> mpsc::Sender<News> {
        self.news.clone()
    }

    /// The outcomes that were restored, for [`SchedulerHandle::restore`](crate::schedule::SchedulerHandle::restore).
    pub fn previous(&self) -> Vec<Previous> {
        self.previous.to_vec()
    }

    /// Merges an outcome that no scheduler made. Waits while the board is busy.
    pub async fn submit(&self, outcome: Outcome) {
        // A board that has stopped has no use for it.
        let _ = self.commands.send(Command::Outcome(Box::new(outcome))).await;
    }

    /// These checks and no others. An equal one keeps its series, totals and state; returns when it is done.
    pub async fn replace_checks(&self, checks: Vec<BoardCheck>) {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Replace(checks, done)).await;
        let _ = answer.await;
    }

    /// Counts ticks that did not become runs.
    pub async fn missed(&self, check: &str, ticks: u64) {
        let _ = self.commands.send(Command::Missed(check.to_owned(), ticks)).await;
    }

    /// A check could not be loaded, and why.
    pub async fn failed_to_load(&self, check: &str, message: &str) {
        let _ = self
            .commands
            .send(Command::Failed(check.to_owned(), message.to_owned()))
            .await;
    }

    /// Something about the host itself changed that must be seen in the next snapshot and not only when its values are read
    /// the next time.
    pub async fn read_host(&self) {
        let _ = self.commands.send(Command::ReadHost).await;
    }

    /// What was derived from the pushes of sources since the last time, by source. Waits while the board is busy.
    pub async fn take_sources(&self, mut reports: Vec<SourceReport>) {
        reports.retain(|report| !report.is_empty());
        if !reports.is_empty() {
            let _ = self.commands.send(Command::Sources(reports)).await;
        }
    }

    /// These sources and no others: what the others reported vanishes.
    pub async fn retain_sources(&self, names: Vec<Arc<str>>) {
        let names = names.into_iter().collect();
        let _ = self.commands.send(Command::RetainSources(names)).await;
    }

    /// The newest snapshot, always; it is never older than a second and ten when the host is alive.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Merges what waits, keeps last reports, publishes once more and ends. Stop the scheduler before and close the store
    /// after.
    pub async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Stop(done)).await;
        let _ = answer.await;
    }
}

#[cfg(test)]
mod tests;
