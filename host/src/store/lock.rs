//! The lock on the state directory: one host at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::fs::{FlockOperation, flock};

use super::presence::{FileId, Standing};

/// The file in the state directory that is locked; it holds the pid of its holder.
const FILE: &str = "lock";

/// Held until the last clone is dropped, or until the process ends in whatever way. Cheap to clone.
///
/// What is locked is a file, not its name: whoever deletes the directory opens it to a second host. [`Store`](super::Store)
/// looks after that, and takes the lock again.
#[derive(Clone, Debug)]
pub struct StateLock {
    dir: PathBuf,
    file: Arc<Mutex<File>>,
}

/// Why the state directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another host holds it.
    #[error("{}", held(*pid, dir))]
    Held {
        /// Of the other host, when it could be read.
        pid: Option<u32>,
        /// What both want.
        dir: PathBuf,
    },
    /// The directory or the lock file cannot be used.
    #[error("cannot lock the state directory {}: {source}; give this user the directory, or set another with `state_dir`", dir.display())]
    Io {
        /// Which.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn held(pid: Option<u32>, dir: &Path) -> String {
    let holder = pid.map_or_else(
        || "another bellwether".to_owned(),
        |pid| format!("another bellwether (process {pid})"),
    );
    format!(
        "the state directory {} is in use by {holder}; stop it first, or give this one its own `state_dir`",
        dir.display()
    )
}

impl StateLock {
    /// Makes the directory when it is missing (0700) and takes the lock, without waiting.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        Ok(Self {
            dir: dir.to_owned(),
            file: Arc::new(Mutex::new(take(dir)?)),
        })
    }

    /// What is locked.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the file that is locked is still the one that a second host would try.
    pub(super) fn standing(&self) -> Standing {
        let about = self.file.lock().unwrap_or_else(PoisonError::into_inner).metadata();
        about.map_or(Standing::Same, |about| {
            FileId::of(&about).standing(&self.dir.join(FILE))
        })
    }

    /// Takes the lock that is on the path now; the old one is given up only when the new one is held.
    pub(super) fn retake(&self) -> Result<(), LockError> {
        let file = take(&self.dir)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

fn take(dir: &Path) -> Result<File, LockError> {
    let io = |source| LockError::Io {
        dir: dir.to_owned(),
        source,
    };
    private_directory(dir).map_err(io)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(FILE))
        .map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(LockError::Held {
                pid: read_pid(&mut file),
                dir: dir.to_owned(),
            });
        }
        Err(error) => return Err(io(error.into())),
    }
    match write_pid(&mut file) {
        // It is for whoever finds the lock taken; a host that tells nobody because the disk is full would be worse.
        Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(io(error)),
        Ok(()) | Err(_) => Ok(file),
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

/// Makes a directory that only its owner can enter, with its parents. One that exists is left as it is: its owner may
/// have reasons.
pub(super) fn private_directory(dir: &Path) -> io::Result<()> {
    if fs::metadata(dir).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    let made: Vec<&Path> = dir.ancestors().take_while(|part| !part.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    made.into_iter().for_each(keep_name);
    Ok(())
}

/// A directory that was synced is lost all the same in a power failure while its parent was not.
fn keep_name(dir: &Path) {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    // Who may write there need not be able to read it; the file system then keeps the name in its own time.
    let _ = File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all());
}
