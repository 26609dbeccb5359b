//! The task: takes one push after the other, carries out what follows from it, and answers.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use super::{
    super::{
        Crash, Directory, Onward, Refused,
        events::{CrashSeen, PushPanicked},
        onward::{CrashFate, CrashNews},
        store, upstream,
    },
    Accepted, Command, PushedEnvelope,
    core::{Desk, Incoming, Row},
};
use crate::{
    board::BoardHandle,
    clock::{Clock, Instant},
    store::Store,
    supervisor::catch,
    telemetry::Telemetry,
};

/// How often the board is told, and heartbeats are looked at: as often as there are snapshots.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long news of a crash may take to be on disk before its sender is told to come back. Everything else waits meanwhile.
const TELL_PATIENCE: Duration = Duration::from_secs(5);

/// What the desk works with.
pub(super) struct Parts {
    pub(super) board: BoardHandle,
    pub(super) store: Option<Store>,
    pub(super) onward: Arc<dyn Onward>,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    pub(super) directory: watch::Sender<Arc<Directory>>,
}

/// See the module.
pub(super) struct Runner {
    desk: Desk,
    parts: Parts,
    /// Of the database that has all rows.
    epoch: u64,
    /// Whether the board knows the heartbeats.
    is_shown: bool,
    look_at: Instant,
}

impl Runner {
    pub(super) fn new(desk: Desk, parts: Parts) -> Self {
        Self {
            epoch: parts.store.as_ref().map_or(0, Store::epoch),
            look_at: parts.clock.monotonic() + LOOK_EVERY,
            is_shown: false,
            desk,
            parts,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        loop {
            let is_idle = self.desk.is_idle();
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.look_at), if !is_idle => self.look().await,
                command = inbox.recv() => match command {
                    Some(Command::Stop(done)) => {
                        self.look().await;
                        // Whoever asked may have gone.
                        let _ = done.send(());
                        return;
                    }
                    Some(command) => self.obey(command).await,
                    None => return,
                },
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Envelope(pushed, answer) => {
                let answered = self.take(*pushed).await;
                // The client may have left.
                let _ = answer.send(answered);
            }
            Command::Beat(name, is_good, answer) => {
                let is_known = self.beat(&name, is_good).await;
                let _ = answer.send(is_known);
            }
            Command::Configure(settings, done) => {
                let rows = self.desk.configure(settings, self.parts.clock.wall());
                self.keep(rows);
                self.parts.directory.send_replace(Arc::clone(self.desk.directory()));
                self.forget_others().await;
                self.is_shown = true;
                self.look().await;
                let _ = done.send(());
            }
            // Taken before.
            Command::Stop(_) => {}
        }
    }

    async fn take(&mut self, pushed: PushedEnvelope) -> Result<Accepted, Refused> {
        let now = self.parts.clock.wall();
        let Self { desk, parts, .. } = self;
        // One bad envelope must not take the others along.
        let taken = catch("push", || desk.take(&pushed, now));
        let incoming = taken.unwrap_or_else(|panic| {
            let source = "";
            parts.telemetry.emit(&PushPanicked { source, panic: &panic });
            Err(Refused::Fault)
        })?;
        // The body is read: others may have its room.
        drop(pushed);
        let Incoming {
            source,
            event_id,
            news,
            event,
            rows,
        } = incoming;
        self.keep(rows);
        self.tell(&source, news).await?;
        let receivers = event.map(|(receivers, event)| {
            self.parts.onward.hand_on(&receivers, event);
            receivers
        });
        let limits = self.parts.onward.limits(&receivers.unwrap_or_default());
        Ok(Accepted {
            event_id,
            rate_limits: upstream::header(&limits, now),
        })
    }

    /// Returns when it is on disk. Errors: it is not, and may come again.
    async fn tell(&mut self, source: &Arc<str>, news: Vec<CrashNews>) -> Result<(), Refused> {
        if news.is_empty() {
            return Ok(());
        }
        let crashes: Vec<Crash> = news.iter().map(|news| news.crash.clone()).collect();
        let told = tokio::time::timeout(TELL_PATIENCE, self.parts.onward.tell(news)).await;
        let (fates, problem) = match told {
            Ok(Some(fates)) => (fates, None),
            Ok(None) => (Vec::new(), Some(Refused::Stopping)),
            Err(_) => (Vec::new(), Some(Refused::NotKept)),
        };
        let fates = fates.into_iter().chain(std::iter::repeat(CrashFate::Full));
        let told: Vec<(Crash, CrashFate)> = crashes.into_iter().zip(fates).collect();
        for (crash, fate) in &told {
            self.parts.telemetry.emit(&CrashSeen {
                source,
                title: &crash.title,
                is_told: *fate == CrashFate::Settled,
            });
        }
        let rows = self.desk.settle(source, &told, self.parts.clock.wall());
        self.keep(rows);
        problem.map_or(Ok(()), Err)
    }

    async fn beat(&mut self, name: &str, is_good: bool) -> bool {
        let Some((outcome, row)) = self.desk.beat(name, is_good, self.parts.clock.wall()) else {
            return false;
        };
        self.keep(vec![row]);
        if self.is_shown {
            self.parts.board.submit(outcome).await;
        }
        true
    }

    /// What is due once a second.
    async fn look(&mut self) {
        self.look_at = self.parts.clock.monotonic() + LOOK_EVERY;
        if let Some(store) = &self.parts.store
            && store.epoch() != self.epoch
        {
            self.epoch = store.epoch();
            self.keep(self.desk.all_rows());
        }
        if self.is_shown {
            for outcome in self.desk.look(self.parts.clock.wall()) {
                self.parts.board.submit(outcome).await;
            }
        }
        let reports = self.desk.reports();
        self.parts.board.take_sources(reports).await;
    }

    async fn forget_others(&self) {
        self.parts.board.retain_sources(self.desk.source_names()).await;
    }

    /// Queues what changed.
    pub(super) fn keep(&self, rows: Vec<Row>) {
        let Some(store) = &self.parts.store else { return };
        for row in rows {
            match row {
                Row::Crash {
                    source,
                    fingerprint,
                    at,
                } => store::keep_crash(store, &source, fingerprint, at),
                Row::ForgottenCrash { source, fingerprint } => store::forget_crash(store, &source, fingerprint),
                Row::Beat { name, last } => store::keep_heartbeat(store, &name, last),
                Row::ForgottenBeat { name } => store::forget_heartbeat(store, &name),
            }
        }
    }
}
