//! Files that are deleted or replaced while they are in use: noticed, said, and made anew.
//!
//! Without that, the store would write into files that no restart finds, and the lock would keep nobody out. The open
//! connection still sees everything, name or no name, so what was kept is copied and its owners need not know.

use std::path::{Path, PathBuf};

use super::{
    connection::{self, Place},
    events::{FilesLost, FilesNotRemade, FilesRemade},
    lock,
    presence::Standing,
    writer::{LOOK_EVERY, Writer},
};

/// Files were lost and cannot be made anew.
#[derive(Debug)]
pub(super) struct Loss {
    /// Why not.
    pub(super) reason: String,
}

impl Writer {
    /// Compares what is open with what is on the path.
    pub(super) fn look(&mut self) {
        self.next_look = self.clock.monotonic() + LOOK_EVERY;
        let Place::File(path) = self.place.clone() else { return };
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        let (of_lock, of_database) = self.standing(&path);
        let all_is_well = (of_lock, of_database) == (Standing::Same, Standing::Same);
        if all_is_well && self.lost.is_none() {
            return;
        }
        if self.lost.is_none() {
            let what = format!("lock: {}; database: {}", of_lock.as_str(), of_database.as_str());
            self.telemetry.emit(&FilesLost { dir: &dir, what: &what });
        }
        match self.make_anew(&dir, &path, of_lock) {
            Ok(aside) => {
                self.lost = None;
                let aside = aside.as_deref();
                self.telemetry.emit(&FilesRemade { dir: &dir, aside });
            }
            Err(reason) => {
                let first = self.lost.as_ref().is_none_or(|loss| loss.reason != reason);
                self.telemetry.emit(&FilesNotRemade {
                    dir: &dir,
                    reason: &reason,
                    first,
                });
                self.lost = Some(Loss { reason });
            }
        }
        self.say_up();
    }

    /// Of the lock and of the database. What was never opened cannot be lost.
    fn standing(&self, path: &Path) -> (Standing, Standing) {
        (
            self.lock.as_ref().map_or(Standing::Same, super::StateLock::standing),
            self.file.map_or(Standing::Same, |file| file.standing(path)),
        )
    }

    /// Returns the new name of a database that was in the way.
    fn make_anew(&mut self, dir: &Path, path: &Path, of_lock: Standing) -> Result<Option<PathBuf>, String> {
        lock::private_directory(dir).map_err(|error| error.to_string())?;
        if let Some(lock) = self.lock.as_ref().filter(|_| of_lock != Standing::Same) {
            lock.retake().map_err(|error| error.to_string())?;
        }
        // Looked at again: whoever held the lock until now may have made one.
        if self.standing(path).1 == Standing::Same {
            return Ok(None);
        }
        self.make_database_anew(path)
    }

    fn make_database_anew(&mut self, path: &Path) -> Result<Option<PathBuf>, String> {
        let fresh = connection::fresh(path);
        let Some(connection) = &self.connection else {
            // Nothing is open, so nothing can be copied; the next commit begins anew.
            self.file = None;
            self.begin_epoch();
            return Ok(None);
        };
        // Until the copy has its place, the old connection stays: it is the best there is.
        connection::copy(connection, &fresh).map_err(|error| error.to_string())?;
        let placed = connection::put_in_place(&fresh, path, self.clock.wall());
        let aside = placed.map_err(|error| format!("{}: {error}", path.display()))?;
        self.reopen();
        Ok(aside)
    }
}
