//! The one owner of everything that is known of pushes: a task on a thread of its own, so that reading what strangers wrote delays
//! nobody who runs checks or answers scrapes.
//!
//! Flows in: envelopes and beats, each of which waits for its answer; sources and heartbeats as configured. Flows out: measurements and
//! outcomes to the board once a second, rows to the store, and the rest through [`Onward`]. An envelope with a crash that nobody has seen
//! before is answered when the news of it is on disk.

mod core;
mod run;
mod shown;
#[cfg(test)]
mod tests;

use std::{fmt, io, sync::Arc};

use bytes::Bytes;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use self::{
    core::Desk,
    run::{Parts, Runner},
};
use super::{
    Bodies, Directory, Onward, Packing, Refused, Room,
    events::NotRestored,
    store::{self, Kept},
};
use crate::{
    board::BoardHandle,
    clock::Clock,
    config::{Config, EventSource, Heartbeat},
    store::Store,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Pushes that may wait: some tenths of a second of small envelopes. What finds no room is told to come back; it has a body in memory.
const WAITING_MAX: usize = 256;

/// Everything that a configuration says of pushes.
#[derive(Clone, Debug, Default)]
pub struct IngestSettings {
    /// `[source.NAME]`.
    pub sources: Vec<Arc<EventSource>>,
    /// `[heartbeat.NAME]`.
    pub heartbeats: Vec<Arc<Heartbeat>>,
}

impl IngestSettings {
    /// Of this configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            sources: config.sources.values().cloned().collect(),
            heartbeats: config.heartbeats.values().cloned().collect(),
        }
    }
}

/// What the desk needs.
#[derive(Debug)]
pub struct IngestOptions {
    /// What it begins with.
    pub settings: IngestSettings,
    /// Where measurements and heartbeats are shown.
    pub board: BoardHandle,
    /// What survives a restart; None: nothing does.
    pub store: Option<Store>,
    /// See [`Onward`].
    pub onward: Arc<dyn Onward>,
    /// Time.
    pub clock: Clock,
    /// Told of what matters.
    pub telemetry: Telemetry,
}

/// An envelope as it came, and what its sender said about it.
#[derive(Debug)]
pub struct PushedEnvelope {
    /// Of the path.
    pub project: u64,
    /// The public key; None: perhaps the envelope itself names it.
    pub key: Option<String>,
    /// The site whose page sent it, if one did.
    pub origin: Option<String>,
    /// How the body is packed.
    pub packing: Packing,
    /// As it came.
    pub body: Bytes,
    /// Of the body, in memory.
    pub room: Room,
}

/// An envelope was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Of the event in it, if it says so.
    pub event_id: Option<String>,
    /// For `X-Sentry-Rate-Limits`: what need not be sent for a while, because nobody takes it.
    pub rate_limits: Option<String>,
}

/// What the desk is asked.
#[derive(Debug)]
pub(super) enum Command {
    Envelope(Box<PushedEnvelope>, oneshot::Sender<Result<Accepted, Refused>>),
    Beat(Arc<str>, bool, oneshot::Sender<bool>),
    Configure(IngestSettings, oneshot::Sender<()>),
    Stop(oneshot::Sender<()>),
}

/// Starts the desk.
#[derive(Debug)]
pub struct Ingest;

impl Ingest {
    /// Reads what was kept, which blocks for a moment, and starts the thread. Nothing is shown on the board before the first
    /// [`IngestHandle::configure`], when the board knows its heartbeats. Errors: there is no thread.
    pub fn start(supervisor: &Supervisor, options: IngestOptions) -> io::Result<IngestHandle> {
        let IngestOptions {
            settings,
            board,
            store,
            onward,
            clock,
            telemetry,
        } = options;
        let (store, kept) = opened(store, &clock, &telemetry);
        let mut desk = Desk::restored(kept);
        let rows = desk.configure(settings, clock.wall());
        let (directory, reader) = watch::channel(Arc::clone(desk.directory()));
        let (commands, inbox) = mpsc::channel(WAITING_MAX);
        let runner = Runner::new(
            desk,
            Parts {
                board,
                store,
                onward,
                clock,
                telemetry,
                directory,
            },
        );
        runner.keep(rows);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        supervisor.thread("ingest", move || runtime.block_on(runner.run(inbox)))?;
        Ok(IngestHandle {
            commands,
            directory: reader,
            bodies: Bodies::default(),
        })
    }
}

/// The tables, and what they hold; or nothing, said.
fn opened(store: Option<Store>, clock: &Clock, telemetry: &Telemetry) -> (Option<Store>, Kept) {
    let Some(store) = store else {
        return (None, Kept::default());
    };
    match store::restore(&store, clock.wall()) {
        Ok(kept) => (Some(store), kept),
        Err(error) => {
            telemetry.emit(&NotRestored { error: &error });
            (None, Kept::default())
        }
    }
}

/// How everyone else talks to the desk. Cheap to clone.
#[derive(Clone)]
pub struct IngestHandle {
    commands: mpsc::Sender<Command>,
    directory: watch::Receiver<Arc<Directory>>,
    bodies: Bodies,
}

impl fmt::Debug for IngestHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngestHandle").finish_non_exhaustive()
    }
}

impl IngestHandle {
    /// Who may push what, now.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }

    /// Room in memory for bodies.
    pub fn bodies(&self) -> &Bodies {
        &self.bodies
    }

    /// Takes an envelope, and returns when what is new in it is on disk, or the disk fails.
    ///
    /// # Errors
    ///
    /// It was not taken, and why.
    pub async fn envelope(&self, pushed: PushedEnvelope) -> Result<Accepted, Refused> {
        let (answer, answered) = oneshot::channel();
        self.try_send(Command::Envelope(Box::new(pushed), answer))?;
        answered.await.unwrap_or(Err(Refused::Stopping))
    }

    /// A heartbeat says that it lives (`is_good`), or that what it does has failed. False: there is none of this name.
    ///
    /// # Errors
    ///
    /// There is too much to do, or the host stops.
    pub async fn beat(&self, name: &str, is_good: bool) -> Result<bool, Refused> {
        let (answer, answered) = oneshot::channel();
        self.try_send(Command::Beat(name.into(), is_good, answer))?;
        answered.await.map_err(|_| Refused::Stopping)
    }

    /// These sources and heartbeats and no others. The board must know the heartbeats. Returns when they hold.
    pub async fn configure(&self, settings: IngestSettings) {
        let (done, answered) = oneshot::channel();
        // A desk that has stopped has no use for it.
        let _ = self.commands.send(Command::Configure(settings, done)).await;
        let _ = answered.await;
    }

    /// Ends after what came before, with the last measurements handed to the board. Stop that, and those told of crashes, after.
    pub async fn stop(&self) {
        let (done, answered) = oneshot::channel();
        let _ = self.commands.send(Command::Stop(done)).await;
        let _ = answered.await;
    }

    fn try_send(&self, command: Command) -> Result<(), Refused> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Busy,
            TrySendError::Closed(_) => Refused::Stopping,
        })
    }

    /// One to whom nobody answers, who knows of these.
    #[cfg(test)]
    pub(crate) fn deaf(directory: Directory) -> Self {
        Self {
            commands: mpsc::channel(1).0,
            directory: watch::channel(Arc::new(directory)).1,
            bodies: Bodies::default(),
        }
    }
}
