//! The connection itself: opening, checking, setting aside, migrating.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::StoreError;
use crate::clock::Timestamp;

/// How long SQLite waits for somebody else's lock, such as a person's `sqlite3` shell.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// Databases up to this size are checked whole at start, which takes a fraction of a second; above it, the check would
/// be what the start waits for, and damage shows when the page is read.
const CHECKED_BYTES_MAX: u64 = 64 << 20;

/// What SQLite keeps beside a database in use.
const JOURNALS: [&str; 2] = ["-wal", "-shm"];

/// Where the database is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(PathBuf),
    Memory,
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Memory => Path::new(":memory:"),
        }
    }
}

/// Whether an error says that the file is broken and no retry will mend it.
pub(super) fn is_corruption(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Whether an error says that there is no room.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Whether an error while opening may be for want of room: SQLite calls it an I/O error when the index of its journal cannot be made.
pub(super) fn needs_room(error: &rusqlite::Error) -> bool {
    is_full(error) || error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

/// Whether an error is the environment's and not the statement's: then nothing of the batch is at fault.
pub(super) fn is_environmental(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
        )
    )
}

/// Opens, creating with mode 0600; SQLite gives its journal files the same.
pub(super) fn open(place: &Place) -> rusqlite::Result<Connection> {
    let connection = match place {
        Place::Memory => Connection::open_in_memory()?,
        Place::File(path) => {
            touch(path).map_err(|error| cannot_open(path, &error))?;
            Connection::open(path)?
        }
    };
    connection.busy_timeout(BUSY_PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is committed survives a power failure: messages go out on the strength of it. A commit costs one fsync, once a second
    // and at each flush.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    check(&connection, place)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS store_migrations (module TEXT NOT NULL PRIMARY KEY, steps INTEGER NOT NULL) STRICT",
    )?;
    Ok(connection)
}

fn touch(path: &Path) -> io::Result<()> {
    // Before opening: that would wait for the other end of a pipe.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is not a regular file; move it out of the way"));
    }
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

fn cannot_open(path: &Path, error: &io::Error) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
        Some(format!("{}: {error}", path.display())),
    )
}

fn check(connection: &Connection, place: &Place) -> rusqlite::Result<()> {
    if fs::metadata(place.path()).map_or(0, |file| file.len()) > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(verdict),
    ))
}

/// Moves a database and its journals out of the way; returns its new name, which says `why` and when.
pub(super) fn set_aside(path: &Path, why: &str, now: Timestamp) -> io::Result<PathBuf> {
    let stamp: String = now
        .to_string()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
        .collect();
    let aside = with_suffix(path, &format!(".{why}-{stamp}"));
    fs::rename(path, &aside)?;
    for journal in JOURNALS {
        // They exist only when the last process did not end well.
        let _ = fs::rename(with_suffix(path, journal), with_suffix(&aside, journal));
    }
    Ok(aside)
}

/// Copies all that a connection can see, whether or not its file still has a name, to a database that has none yet.
pub(super) fn copy(connection: &Connection, fresh: &Path) -> rusqlite::Result<()> {
    // What an attempt left behind that was cut short.
    remove(fresh).map_err(|error| cannot_open(fresh, &error))?;
    touch(fresh).map_err(|error| cannot_open(fresh, &error))?;
    let Some(name) = fresh.to_str() else {
        return Err(rusqlite::Error::InvalidPath(fresh.to_owned()));
    };
    connection.execute("VACUUM INTO ?1", [name])?;
    fs::File::open(fresh)
        .and_then(|file| file.sync_all())
        .map_err(|error| cannot_open(fresh, &error))
}

/// Gives a copy the name of the database it replaces. What has that name is moved out of the way, never overwritten;
/// returns its new name.
pub(super) fn put_in_place(fresh: &Path, path: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let aside = fs::symlink_metadata(path)
        .is_ok()
        .then(|| set_aside(path, "replaced", now));
    let aside = aside.transpose()?;
    // A journal without its database is of no use to anybody, and SQLite would play it back into the new one.
    for journal in JOURNALS {
        remove(&with_suffix(path, journal))?;
    }
    fs::rename(fresh, path)?;
    Ok(aside)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Where a copy is made before it is put in place.
pub(super) fn fresh(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Runs the steps that were not run yet, each in its own transaction.
pub(super) fn migrate(
    connection: &mut Connection,
    module: &'static str,
    steps: &'static [&'static str],
) -> Result<(), StoreError> {
    let done: Option<usize> = connection
        .query_row(
            "SELECT steps FROM store_migrations WHERE module = ?1",
            [module],
            |row| row.get(0),
        )
        .optional()?;
    let done = done.unwrap_or(0);
    if done > steps.len() {
        return Err(StoreError::Newer {
            module,
            found: done,
            known: steps.len(),
        });
    }
    for (at, script) in steps.iter().enumerate().skip(done) {
        step(connection, module, at + 1, script).map_err(|error| StoreError::Migration {
            module,
            step: at + 1,
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

fn step(connection: &mut Connection, module: &str, number: usize, script: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(script)?;
    transaction.execute(
        "INSERT INTO store_migrations (module, steps) VALUES (?1, ?2)
         ON CONFLICT (module) DO UPDATE SET steps = excluded.steps",
        rusqlite::params![module, number],
    )?;
    transaction.commit()
}
