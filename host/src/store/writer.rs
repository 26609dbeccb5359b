//! The thread that owns the connection.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use rusqlite::{Connection, Transaction};

use super::{
    StateLock, StoreError,
    connection::{self, Place, is_corruption, is_environmental, is_full, needs_room},
    events::{BatchCommitted, ReserveGivenUp, SetAside, StoreFailing, StoreRecovered, WriteDropped},
    lock,
    loss::Loss,
    presence::FileId,
    queue::{Queue, Queued, Request},
    reserve::Reserve,
};
use crate::{
    clock::{Clock, Instant},
    supervisor::catch,
    telemetry::Telemetry,
};

/// One transaction this often: a commit costs the same for one row and for thousands.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// How often a store that fails is tried again. A full disk is not emptied in a second, and each attempt is a line in
/// nobody's interest.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// How often the files are looked after: three questions to the file system, for something that only a mistake brings
/// about.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) lock: Option<StateLock>,
    queue: Arc<Mutex<Queue>>,
    /// See [`Store::epoch`](super::Store::epoch).
    epoch: Arc<AtomicU64>,
    pub(super) telemetry: Telemetry,
    pub(super) clock: Clock,
    pub(super) connection: Option<Connection>,
    /// The file that the connection has open.
    pub(super) file: Option<FileId>,
    /// To be run again on a database that was begun anew.
    migrations: Vec<(&'static str, &'static [&'static str])>,
    next_commit: Instant,
    /// When somebody who reads may have the database opened that could not be.
    next_open: Instant,
    reserve: Reserve,
    pub(super) next_look: Instant,
    failing: Option<String>,
    /// While files were lost and could not be made anew.
    pub(super) lost: Option<Loss>,
}

/// What the thread shares with those who use the store.
pub(super) struct Memory {
    pub(super) queue: Arc<Mutex<Queue>>,
    pub(super) epoch: Arc<AtomicU64>,
}

/// What became of a batch.
enum Batch {
    Committed,
    /// Nothing was written and all of it may be tried again.
    Failed {
        unwritten: Vec<Queued>,
        error: rusqlite::Error,
    },
}

impl Writer {
    pub(super) fn new(place: Place, lock: Option<StateLock>, memory: Memory, telemetry: Telemetry) -> Self {
        // Deadlines of a thread that waits on a channel: paused time would hold them up, so they are the machine's.
        let clock = Clock::system();
        Self {
            reserve: Reserve::beside(&place),
            place,
            lock,
            queue: memory.queue,
            epoch: memory.epoch,
            telemetry,
            next_commit: clock.monotonic() + COMMIT_EVERY,
            next_open: clock.monotonic(),
            next_look: clock.monotonic() + LOOK_EVERY,
            clock,
            connection: None,
            file: None,
            migrations: Vec::new(),
            failing: None,
            lost: None,
        }
    }

    pub(super) fn run(mut self, requests: &mpsc::Receiver<Request>) {
        self.reopen();
        loop {
            let patience = self.next_commit.saturating_duration_since(self.clock.monotonic());
            match requests.recv_timeout(patience) {
                Ok(Request::Migrate { module, steps, answer }) => drop(answer.send(self.migrate(module, steps))),
                Ok(Request::Read(read)) => self.read(read),
                Ok(Request::Flush(answer)) => drop(answer.send(self.keep())),
                Ok(Request::Close(answer)) => {
                    let committed = self.keep();
                    // Closed before the answer, so that the file is whole and nobody's when the asker goes on.
                    self.connection = None;
                    self.lock = None;
                    drop(answer.send(committed));
                    return;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.on_time(),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    drop(self.keep());
                    return;
                }
            }
        }
    }

    fn on_time(&mut self) {
        if self.clock.monotonic() >= self.next_look {
            self.look();
        }
        // What failed was said, and stays queued.
        drop(self.commit());
    }

    /// For those who want to know that it is kept: in files that a restart will find.
    fn keep(&mut self) -> Result<(), StoreError> {
        self.look();
        self.commit()?;
        match &self.lost {
            None => Ok(()),
            Some(loss) => Err(self.unavailable(&loss.reason)),
        }
    }

    fn unavailable(&self, reason: &str) -> StoreError {
        StoreError::Unavailable {
            place: self.place.path().to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn failing(&self) -> StoreError {
        self.unavailable(self.failing.as_deref().unwrap_or_default())
    }

    fn read(&mut self, read: super::queue::Read) {
        if self.connection.is_none() && self.clock.monotonic() >= self.next_open && self.may_open() {
            self.reopen();
        }
        let unavailable = self.failing();
        let connection = self.connection.as_ref().ok_or(unavailable);
        match catch("store read", || read(connection)) {
            Ok(None) => {}
            Ok(Some(error)) => self.reopen_broken(&error),
            Err(panic) => self.telemetry.emit(&WriteDropped {
                module: "read",
                reason: panic.message,
            }),
        }
    }

    fn migrate(&mut self, module: &'static str, steps: &'static [&'static str]) -> Result<(), StoreError> {
        self.migrations.retain(|(known, _)| *known != module);
        self.migrations.push((module, steps));
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let migrated = connection::migrate(connection, module, steps);
        if migrated.is_err() {
            // It would fail again on every attempt to open the database.
            self.migrations.pop();
        }
        migrated
    }

    /// Opens the database; a broken one is set aside first.
    pub(super) fn reopen(&mut self) {
        self.connection = None;
        self.next_open = self.clock.monotonic() + RETRY_EVERY;
        let opened = match connection::open(&self.place) {
            Err(error) if is_corruption(&error) => self.begin_anew(&error),
            Err(error) if needs_room(&error) && self.give_up_reserve() => {
                connection::open(&self.place).map_err(|error| error.to_string())
            }
            other => other.map_err(|error| error.to_string()),
        };
        match opened.and_then(|connection| self.migrated(connection)) {
            Ok(connection) => self.use_from_now_on(connection),
            Err(reason) => self.fail(reason),
        }
    }

    fn use_from_now_on(&mut self, connection: Connection) {
        self.connection = Some(connection);
        self.reserve.make_at_open(self.clock.monotonic());
        self.file = match &self.place {
            Place::File(path) => FileId::at(path),
            Place::Memory => None,
        };
        self.say_up();
    }

    fn migrated(&self, mut connection: Connection) -> Result<Connection, String> {
        for (module, steps) in &self.migrations {
            connection::migrate(&mut connection, module, steps).map_err(|error| error.to_string())?;
        }
        Ok(connection)
    }

    fn begin_anew(&self, error: &rusqlite::Error) -> Result<Connection, String> {
        let path = self.place.path();
        let aside = connection::set_aside(path, "corrupt", self.clock.wall())
            .map_err(|e| format!("{error}; cannot set it aside: {e}"))?;
        self.telemetry.emit(&SetAside {
            path,
            aside: &aside,
            reason: error.to_string(),
        });
        let connection = connection::open(&self.place).map_err(|error| error.to_string())?;
        self.begin_epoch();
        Ok(connection)
    }

    /// What was on disk is gone.
    pub(super) fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// One transaction with all that is queued.
    fn commit(&mut self) -> Result<(), StoreError> {
        self.next_commit = self.clock.monotonic() + COMMIT_EVERY;
        let batch = lock(&self.queue).take();
        if batch.is_empty() {
            return Ok(());
        }
        if self.connection.is_none() && self.may_open() {
            self.reopen();
        }
        let count = batch.len();
        let done = match &mut self.connection {
            Some(connection) => write(connection, batch, &self.telemetry),
            None => {
                lock(&self.queue).put_back(batch);
                self.next_commit = self.clock.monotonic() + RETRY_EVERY;
                return Err(self.failing());
            }
        };
        match done {
            Batch::Committed => {
                self.succeed(count);
                Ok(())
            }
            Batch::Failed { unwritten, error } => {
                lock(&self.queue).put_back(unwritten);
                if is_full(&error) && self.give_up_reserve() {
                    // Once: there is no second reserve.
                    return self.commit();
                }
                self.next_commit = self.clock.monotonic() + RETRY_EVERY;
                if is_corruption(&error) {
                    self.reopen_broken(&error);
                }
                self.fail(error.to_string());
                Err(StoreError::Database(error.to_string()))
            }
        }
    }

    /// Whether there was one.
    fn give_up_reserve(&mut self) -> bool {
        let path = self.place.path();
        let given_up = self.reserve.give_up(self.clock.monotonic());
        if given_up {
            self.telemetry.emit(&ReserveGivenUp { path });
        }
        given_up
    }

    /// What is on the path may belong to another host by now.
    fn may_open(&mut self) -> bool {
        self.look();
        self.lost.is_none()
    }

    /// The file broke under a running host: what is queued and what modules write from now on goes to a new one.
    fn reopen_broken(&mut self, error: &rusqlite::Error) {
        self.connection = None;
        if self.may_open()
            && let Ok(connection) = self.begin_anew(error).and_then(|connection| self.migrated(connection))
        {
            self.use_from_now_on(connection);
            self.next_commit = self.clock.monotonic() + COMMIT_EVERY;
        }
    }

    fn succeed(&mut self, writes: usize) {
        self.telemetry.emit(&BatchCommitted { writes });
        self.reserve.make_again(self.clock.monotonic());
        if self.failing.take().is_some() {
            self.telemetry.emit(&StoreRecovered {
                path: self.place.path(),
            });
            self.say_up();
        }
    }

    fn fail(&mut self, reason: String) {
        self.telemetry.emit(&StoreFailing {
            path: self.place.path(),
            reason: &reason,
            first: self.failing.is_none(),
            queued: lock(&self.queue).len(),
        });
        self.failing = Some(reason);
        self.say_up();
    }

    /// A state beside the counts: a rule can ask whether a restart would find what the host knows.
    pub(super) fn say_up(&self) {
        let is_up = self.failing.is_none() && self.lost.is_none();
        self.telemetry.instruments().set(
            "bellwether_store_up",
            "1 while what the host keeps reaches its files, 0 while a restart would not find it.",
            &[],
            if is_up { 1.0 } else { 0.0 },
        );
    }
}

fn write(connection: &mut Connection, mut batch: Vec<Queued>, telemetry: &Telemetry) -> Batch {
    match attempt(connection, &mut batch, telemetry) {
        Ok(()) => Batch::Committed,
        Err(error) => Batch::Failed {
            unwritten: batch,
            error,
        },
    }
}

/// A write that is at fault itself is dropped and does not take the others along.
fn attempt(connection: &mut Connection, batch: &mut Vec<Queued>, telemetry: &Telemetry) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut at = 0;
    while at < batch.len() {
        match one(&transaction, &mut batch[at]) {
            Ok(()) => at += 1,
            Err(Fault::Environment(error)) => return Err(error),
            Err(Fault::Write(reason)) => {
                let dropped = batch.remove(at);
                telemetry.emit(&WriteDropped {
                    module: dropped.key.module,
                    reason,
                });
            }
        }
    }
    transaction.commit()
}

enum Fault {
    Environment(rusqlite::Error),
    Write(String),
}

fn one(transaction: &Transaction<'_>, queued: &mut Queued) -> Result<(), Fault> {
    let statement = |sql: &str| {
        transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
    };
    statement("SAVEPOINT one").map_err(Fault::Environment)?;
    let written = match catch("store write", || (queued.write)(transaction)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if is_environmental(&error) => return Err(Fault::Environment(error)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(panic.message),
    };
    if written.is_err() {
        statement("ROLLBACK TO one").map_err(Fault::Environment)?;
    }
    statement("RELEASE one").map_err(Fault::Environment)?;
    written.map_err(Fault::Write)
}
