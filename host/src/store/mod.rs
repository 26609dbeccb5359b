//! The host's memory on disk: one SQLite connection, written in batches, and the lock on the state directory.
//!
//! Flows in: closures that write, from modules that own their tables. Flows out: what they read at start. It knows no
//! table of its own but the one that records migrations.
//!
//! The connection lives on a thread of its own, so that a slow disk delays nobody. A store that fails (a full disk, a
//! read-only file system, a broken file) never stops the host: writes stay queued, newest per key, and are tried again.
//! Neither does one whose files are deleted or replaced while it uses them: that is noticed, and they are made anew.

mod connection;
mod events;
mod late;
mod lock;
mod loss;
mod presence;
mod queue;
mod reserve;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

pub use late::Late;
pub use lock::{LockError, StateLock};
use tokio::sync::oneshot;

use self::{
    connection::Place,
    events::WriteRefused,
    queue::{Queue, Request},
    writer::{Memory, Writer},
};
use crate::{supervisor::Supervisor, telemetry::Telemetry};

/// How long a read at start may take before it is given up: longer than any table of ours, shorter than a person's
/// patience with a start that hangs.
const READ_PATIENCE: Duration = Duration::from_secs(10);

/// The database in the state directory.
const DATABASE: &str = "bellwether.db";

/// Why the store did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened now; it is tried again.
    #[error("the database {} cannot be used: {reason}", place.display())]
    Unavailable {
        /// The file.
        place: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// SQLite refused.
    #[error("the database refused: {0}")]
    Database(String),
    /// A migration failed.
    #[error("cannot bring the tables of `{module}` up to date, step {step}: {reason}")]
    Migration {
        /// Whose tables.
        module: &'static str,
        /// Counted from one.
        step: usize,
        /// What SQLite said.
        reason: String,
    },
    /// The database was written by a newer version.
    #[error("the tables of `{module}` are of a newer version of bellwether ({found} steps; this one knows {known})")]
    Newer {
        /// Whose tables.
        module: &'static str,
        /// Steps recorded in the database.
        found: usize,
        /// Steps known here.
        known: usize,
    },
    /// The thread is gone, or hangs in the disk.
    #[error("the store does not answer")]
    Silent,
    /// The state directory could not be made.
    #[error("cannot use the state directory {}: {reason}", dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// What a queued write replaces: the one before it with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteKey {
    /// The module that owns the table.
    pub module: &'static str,
    /// The row, in the module's own words.
    pub row: Arc<str>,
}

impl WriteKey {
    /// For one row of one module.
    pub fn new(module: &'static str, row: impl Into<Arc<str>>) -> Self {
        Self {
            module,
            row: row.into(),
        }
    }
}

/// The store. Cheap to clone; the thread ends when the last clone is dropped, after it wrote what was queued, or after
/// [`Store::close`].
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<Mutex<Queue>>,
    requests: mpsc::SyncSender<Request>,
    epoch: Arc<AtomicU64>,
    telemetry: Telemetry,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Requests that may wait for the thread. They come at start and from flushes; a sender waits when it is full.
const REQUESTS_MAX: usize = 64;

impl Store {
    /// Opens or creates `bellwether.db` in `dir`, readable by its owner only.
    ///
    /// A corrupt file is set aside under a name with the time, and a new one begun. A file that cannot be opened at all
    /// is not an error: the store then keeps writes in memory and tries again. Errors: the directory cannot be made, or
    /// the thread cannot be started.
    ///
    /// It takes no lock: a host takes one first and uses [`Store::open_locked`].
    pub fn open(dir: &Path, supervisor: &Supervisor, telemetry: &Telemetry) -> Result<Self, StoreError> {
        lock::private_directory(dir).map_err(|error| StoreError::Directory {
            dir: dir.to_owned(),
            reason: error.to_string(),
        })?;
        Self::start(&Place::File(dir.join(DATABASE)), None, supervisor, telemetry)
    }

    /// Opens or creates the database in the directory of a lock, as [`Store::open`] does, and sees to it that both stay
    /// where they are: files that are deleted or replaced under the running host are made anew with all that was in
    /// them. When another host holds the lock by then, this one says so, goes on, and keeps nothing until that one ends.
    pub fn open_locked(lock: &StateLock, supervisor: &Supervisor, telemetry: &Telemetry) -> Result<Self, StoreError> {
        let place = Place::File(lock.dir().join(DATABASE));
        Self::start(&place, Some(lock.clone()), supervisor, telemetry)
    }

    /// Keeps nothing: for one-shot verbs and tests. Errors: the thread cannot be started.
    pub fn in_memory(supervisor: &Supervisor, telemetry: &Telemetry) -> Result<Self, StoreError> {
        Self::start(&Place::Memory, None, supervisor, telemetry)
    }

    fn start(
        place: &Place,
        lock: Option<StateLock>,
        supervisor: &Supervisor,
        telemetry: &Telemetry,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Mutex::new(Queue::default()));
        let (requests, inbox) = mpsc::sync_channel(REQUESTS_MAX);
        let reason = |error: std::io::Error| StoreError::Unavailable {
            place: place.path().to_owned(),
            reason: error.to_string(),
        };
        let epoch = Arc::<AtomicU64>::default();
        let memory = Memory {
            queue: Arc::clone(&queue),
            epoch: Arc::clone(&epoch),
        };
        let writer = Writer::new(place.clone(), lock, memory, telemetry.clone());
        supervisor.thread("store", move || writer.run(&inbox)).map_err(reason)?;
        Ok(Self {
            shared: Arc::new(Shared {
                queue,
                requests,
                epoch,
                telemetry: telemetry.clone(),
            }),
        })
    }

    /// Brings the tables of a module up to date: each step is one script, run once, in order, and never edited later.
    ///
    /// While the database cannot be opened this answers `Ok`: the steps are kept and run when it can.
    pub fn migrate(&self, module: &'static str, steps: &'static [&'static str]) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.ask(Request::Migrate { module, steps, answer })?;
        answered.recv_timeout(READ_PATIENCE).map_err(|_| StoreError::Silent)?
    }

    /// Reads, waiting for the answer. For the start only: it blocks.
    pub fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.ask(Request::Read(reading(read, answer)))?;
        answered.recv_timeout(READ_PATIENCE).map_err(|_| StoreError::Silent)?
    }

    /// Another number whenever the database was begun anew, empty: whoever keeps more than it writes anyway writes all of it once
    /// more. One look a second is enough.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch.load(Ordering::Acquire)
    }

    fn ask(&self, request: Request) -> Result<(), StoreError> {
        self.shared.requests.send(request).map_err(|_| StoreError::Silent)
    }

    /// Queues a write; all that is queued is committed in one transaction a second. A later write with the same key
    /// replaces this one while it is queued. `write` may be called again when a commit failed, so it must not consume
    /// what it writes.
    ///
    /// The queue holds 65,536 keys; past them a write with a new key is refused and counted, because what is queued is
    /// the newest of its row and no less worth keeping.
    pub fn write(
        &self,
        key: WriteKey,
        write: impl FnMut(&rusqlite::Transaction<'_>) -> rusqlite::Result<()> + Send + 'static,
    ) {
        let taken = lock(&self.shared.queue).put(key, Box::new(write));
        if let Err(key) = taken {
            self.shared.telemetry.emit(&WriteRefused { module: key.module });
        }
    }

    /// Commits what is queued. Errors: it is still queued, and why.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.shared
            .requests
            .try_send(Request::Flush(answer))
            .map_err(|_| StoreError::Silent)?;
        answered.await.unwrap_or(Err(StoreError::Silent))
    }

    /// Commits what is queued and ends the thread. Writes that come later are dropped.
    pub async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.shared
            .requests
            .try_send(Request::Close(answer))
            .map_err(|_| StoreError::Silent)?;
        answered.await.unwrap_or(Err(StoreError::Silent))
    }
}

/// A read with its answer, which tells the thread of an error by which the file is broken.
fn reading<T: Send + 'static>(
    read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    answer: mpsc::SyncSender<Result<T, StoreError>>,
) -> queue::Read {
    Box::new(move |connection| {
        let (result, broken) = match connection.map(read) {
            Err(unavailable) => (Err(unavailable), None),
            Ok(Ok(found)) => (Ok(found), None),
            Ok(Err(error)) => (Err(StoreError::Database(error.to_string())), Some(error)),
        };
        // Whoever asked may have lost patience.
        let _ = answer.send(result);
        broken.filter(connection::is_corruption)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads from the database of a host that may be running, without its lock and without changing anything. `None`: there
/// is no database, or it cannot be read now.
pub fn peek<T>(dir: &Path, read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Option<T> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(dir.join(DATABASE), flags).ok()?;
    read(&connection).ok()
}

#[cfg(test)]
mod tests;
