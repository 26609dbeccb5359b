//! Room on the disk for when there is none: a file beside the database that is given up on a full disk, so that the alert about it
//! can still be kept.
//!
//! It is made when the database is opened, and again some time after it was given up and a commit succeeded. Where there is no room for
//! it there is none, and nothing else changes.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    time::Duration,
};

use super::connection::Place;
use crate::clock::Instant;

/// Its size: the journal of a few hundred notifications, and nothing to a disk that is in order.
const BYTES: usize = 4 << 20;

/// What is written at once.
const CHUNK: usize = 64 * 1024;

/// How long it is not made again after it was given up: a disk that has room for a moment should not be filled by this.
const REST: Duration = Duration::from_secs(60);

/// What its name adds to that of the database.
const SUFFIX: &str = ".reserve";

/// See the head of this file.
pub(super) struct Reserve {
    /// None: the database is in memory.
    path: Option<PathBuf>,
    /// None: it is there, as far as is known.
    given_up_at: Option<Instant>,
}

impl Reserve {
    pub(super) fn beside(place: &Place) -> Self {
        let path = match place {
            Place::Memory => None,
            Place::File(database) => {
                let mut name = database.clone().into_os_string();
                name.push(SUFFIX);
                Some(PathBuf::from(name))
            }
        };
        Self {
            path,
            given_up_at: None,
        }
    }

    /// Makes it, unless it is there.
    fn make(&mut self) {
        let Some(path) = &self.path else { return };
        self.given_up_at = None;
        if fs::metadata(path).is_ok_and(|file| file.len() >= BYTES as u64) {
            return;
        }
        if written(path).is_err() {
            // Half of it would be room that nobody gives up.
            let _ = fs::remove_file(path);
        }
    }

    /// Makes it when the database was opened, unless it was given up a moment ago: the room is for the database.
    pub(super) fn make_at_open(&mut self, now: Instant) {
        if self.given_up_at.is_none() {
            self.make();
        } else {
            self.make_again(now);
        }
    }

    /// Makes it again when it was given up long enough ago.
    pub(super) fn make_again(&mut self, now: Instant) {
        if self
            .given_up_at
            .is_some_and(|at| now.saturating_duration_since(at) >= REST)
        {
            self.make();
        }
    }

    /// Gives it up. Whether there was any.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        let Some(path) = &self.path else { return false };
        let given_up = fs::remove_file(path).is_ok();
        self.given_up_at = Some(now);
        given_up
    }
}

/// Bytes and not a hole: what was never written takes no room.
fn written(path: &PathBuf) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    for _ in 0..BYTES / CHUNK {
        file.write_all(&[0x62; CHUNK])?;
    }
    file.sync_all()
}
