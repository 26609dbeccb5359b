//! The lock on the state directory: one host at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

/// Held until it is dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
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
            .open(dir.join("lock"))
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
        write_pid(&mut file).map_err(io)?;
        Ok(Self { _file: file })
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
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
