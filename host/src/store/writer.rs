//! The thread that owns the connection.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use rusqlite::{Connection, Transaction};

use super::{
    StoreError,
    connection::{self, Place, is_corruption, is_environmental},
    events::{BatchCommitted, SetAside, StoreFailing, StoreRecovered, WriteDropped},
    lock,
    queue::{Queue, Queued, Request},
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

pub(super) struct Writer {
    place: Place,
    queue: Arc<Mutex<Queue>>,
    telemetry: Telemetry,
    clock: Clock,
    connection: Option<Connection>,
    /// To be run again on a database that was begun anew.
    migrations: Vec<(&'static str, &'static [&'static str])>,
    next_commit: Instant,
    failing: Option<String>,
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
    pub(super) fn new(place: Place, queue: Arc<Mutex<Queue>>, telemetry: Telemetry) -> Self {
        // Deadlines of a thread that waits on a channel: paused time would hold them up, so they are the machine's.
        let clock = Clock::system();
        Self {
            place,
            queue,
            telemetry,
            next_commit: clock.monotonic() + COMMIT_EVERY,
            clock,
            connection: None,
            migrations: Vec::new(),
            failing: None,
        }
    }

    pub(super) fn run(mut self, requests: &mpsc::Receiver<Request>) {
        self.reopen();
        loop {
            let patience = self.next_commit.saturating_duration_since(self.clock.monotonic());
            match requests.recv_timeout(patience) {
                Ok(Request::Migrate { module, steps, answer }) => drop(answer.send(self.migrate(module, steps))),
                Ok(Request::Read(read)) => self.read(read),
                Ok(Request::Flush(answer)) => drop(answer.send(self.commit())),
                Ok(Request::Close(answer)) => {
                    let committed = self.commit();
                    // Closed before the answer, so that the file is whole when the asker goes on.
                    self.connection = None;
                    drop(answer.send(committed));
                    return;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => drop(self.commit()),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    drop(self.commit());
                    return;
                }
            }
        }
    }

    fn unavailable(&self) -> StoreError {
        StoreError::Unavailable {
            place: self.place.path().to_owned(),
            reason: self.failing.clone().unwrap_or_default(),
        }
    }

    fn read(&mut self, read: super::queue::Read) {
        let unavailable = self.unavailable();
        let connection = self.connection.as_ref().ok_or(unavailable);
        if let Err(panic) = catch("store read", || read(connection)) {
            self.telemetry.emit(&WriteDropped {
                module: "read",
                reason: panic.message,
            });
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
    fn reopen(&mut self) {
        self.connection = None;
        let opened = match connection::open(&self.place) {
            Err(error) if is_corruption(&error) => self.begin_anew(&error),
            other => other.map_err(|error| error.to_string()),
        };
        match opened.and_then(|connection| self.migrated(connection)) {
            Ok(connection) => self.connection = Some(connection),
            Err(reason) => self.fail(reason),
        }
    }

    fn migrated(&self, mut connection: Connection) -> Result<Connection, String> {
        for (module, steps) in &self.migrations {
            connection::migrate(&mut connection, module, steps).map_err(|error| error.to_string())?;
        }
        Ok(connection)
    }

    fn begin_anew(&self, error: &rusqlite::Error) -> Result<Connection, String> {
        let path = self.place.path();
        let aside =
            connection::set_aside(path, self.clock.wall()).map_err(|e| format!("{error}; cannot set it aside: {e}"))?;
        self.telemetry.emit(&SetAside {
            path,
            aside: &aside,
            reason: error.to_string(),
        });
        connection::open(&self.place).map_err(|error| error.to_string())
    }

    /// One transaction with all that is queued.
    fn commit(&mut self) -> Result<(), StoreError> {
        self.next_commit = self.clock.monotonic() + COMMIT_EVERY;
        let batch = lock(&self.queue).take();
        if batch.is_empty() {
            return Ok(());
        }
        if self.connection.is_none() {
            self.reopen();
        }
        let count = batch.len();
        let done = match &mut self.connection {
            Some(connection) => write(connection, batch, &self.telemetry),
            None => {
                lock(&self.queue).put_back(batch);
                self.next_commit = self.clock.monotonic() + RETRY_EVERY;
                return Err(self.unavailable());
            }
        };
        match done {
            Batch::Committed => {
                self.succeed(count);
                Ok(())
            }
            Batch::Failed { unwritten, error } => {
                lock(&self.queue).put_back(unwritten);
                self.next_commit = self.clock.monotonic() + RETRY_EVERY;
                if is_corruption(&error) {
                    self.reopen_broken(&error);
                }
                self.fail(error.to_string());
                Err(StoreError::Database(error.to_string()))
            }
        }
    }

    /// The file broke under a running host: what is queued and what modules write from now on goes to a new one.
    fn reopen_broken(&mut self, error: &rusqlite::Error) {
        self.connection = None;
        if let Ok(connection) = self.begin_anew(error).and_then(|connection| self.migrated(connection)) {
            self.connection = Some(connection);
            self.next_commit = self.clock.monotonic() + COMMIT_EVERY;
        }
    }

    fn succeed(&mut self, writes: usize) {
        self.telemetry.emit(&BatchCommitted { writes });
        if self.failing.take().is_some() {
            self.telemetry.emit(&StoreRecovered {
                path: self.place.path(),
            });
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
