//! History on disk, so that a restart leaves a gap and not amnesia.
//!
//! Flows in: a [`View`], now and then and at the end. Flows out: one file in the state directory, whole or not at all; at a start, a
//! [`History`] that goes on from it, and what became of the file ([`Restored`]). A file that cannot be read is set aside, for
//! whoever wants to know why, and never read again. It decides no interval.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    format::{self, FormatError},
    keeper::History,
    settings::Settings,
    view::View,
};

/// The file in the state directory.
pub const CHECKPOINT: &str = "history";

/// While it is written.
const NEW: &str = "history.new";

/// One that could not be read. Only the last is kept: it is for finding out why, and may be large.
const SET_ASIDE: &str = "history.damaged";

/// A file is refused that is longer than this many times the memory for history: compressed samples take less on disk than in
/// memory, and labels as well.
const FILE_SHARE: u64 = 2;

/// Why a checkpoint was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; look for a full disk or wrong permissions", path.display())]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What is to be written. Holds what was at one moment; any thread may write it.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    view: Arc<View>,
    /// Among those of one history.
    number: u64,
    order: Arc<Order>,
}

/// Lets one thread write at a time, and no older checkpoint replace a newer one: a disk that was slow may be done after the host's end
/// has begun.
#[derive(Debug, Default)]
pub(super) struct Order {
    next: AtomicU64,
    /// The newest that was written, and 1.
    written: Mutex<u64>,
}

impl History {
    /// Everything there is now, to be written by whoever has time.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            view: self.view(),
            number: self.order.next.fetch_add(1, Ordering::Relaxed),
            order: Arc::clone(&self.order),
        }
    }
}

impl Checkpoint {
    /// Writes it into a state directory, in the place of the one before. Blocks on the disk: tens of milliseconds and more for
    /// megabytes; and on another thread that writes. Returns how many bytes it has; 0 when a later one was written already.
    ///
    /// # Errors
    ///
    /// When the disk is full or not writable; the one before then stands as it was.
    pub fn write(&self, state_dir: &Path) -> Result<u64, CheckpointError> {
        let mut last = self.order.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *last > self.number {
            return Ok(0);
        }
        let path = state_dir.join(NEW);
        let failed = |source| CheckpointError {
            path: path.clone(),
            source,
        };
        let written = self.write_new(&path).map_err(failed)?;
        let place = state_dir.join(CHECKPOINT);
        let kept = fs::rename(&path, &place).and_then(|()| File::open(state_dir)?.sync_all());
        kept.map_err(failed)?;
        *last = self.number + 1;
        Ok(written)
    }

    fn write_new(&self, path: &Path) -> io::Result<u64> {
        // Of a process that ended while it wrote. It may also be a link that somebody put there: it is not followed.
        let _ = fs::remove_file(path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut out = BufWriter::new(file);
        format::write(&self.view, &mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// There is none: a first start, or one that never lasted until a checkpoint.
    Nothing,
    /// History goes on from it.
    All {
        /// Series that were in it.
        series: usize,
        /// When its last tick was, in milliseconds since the epoch; none when it has series of rules only.
        last_tick: Option<i64>,
    },
    /// All of it is older than anything is kept.
    TooOld {
        /// When its last tick was, in milliseconds since the epoch.
        last_tick: i64,
    },
    /// It could not be read and does not stand in the way any more.
    SetAside {
        /// Why.
        reason: String,
        /// Where it is now; none when it could not even be moved.
        place: Option<PathBuf>,
    },
}

/// History as it was when a state directory's checkpoint was written, or without any series. What follows leaves a gap: nothing is
/// marked as ended in it, as after the restart of a Prometheus. Series that rules read count as such until [`History::select`] says otherwise.
/// `now` is milliseconds since the epoch. Blocks on the disk.
pub fn restore(settings: Settings, state_dir: &Path, now: i64) -> (History, Restored) {
    let place = state_dir.join(CHECKPOINT);
    let bytes = match read(&place, settings.memory as u64 * FILE_SHARE) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return (History::new(settings), Restored::Nothing),
        Err(reason) => return (History::new(settings), set_aside(state_dir, reason)),
    };
    match format::read(&bytes).and_then(|view| going_on(settings.clone(), view, now)) {
        Ok(restored) => restored,
        Err(error) => (History::new(settings), set_aside(state_dir, error.to_string())),
    }
}

fn going_on(settings: Settings, view: View, now: i64) -> Result<(History, Restored), FormatError> {
    let oldest = now.saturating_sub(i64::try_from(settings.retention.as_millis()).unwrap_or(i64::MAX));
    let last_tick = view.last_tick();
    if let Some(last_tick) = last_tick.filter(|last| *last < oldest) {
        return Ok((History::new(settings), Restored::TooOld { last_tick }));
    }
    let history = History::from_view(settings, view).ok_or(FormatError::Contradiction)?;
    let series = history.series();
    Ok((history, Restored::All { series, last_tick }))
}

/// None: there is none. A text: it is there and cannot be read.
fn read(place: &Path, most: u64) -> Result<Option<Vec<u8>>, String> {
    let about = match fs::symlink_metadata(place) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if !about.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if about.len() > most {
        return Err(format!(
            "it is {} bytes long, more than twice what `[history] memory` allows",
            about.len()
        ));
    }
    let mut bytes = Vec::new();
    let opened = File::open(place);
    let read = opened.and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    Ok(Some(bytes))
}

fn set_aside(state_dir: &Path, reason: String) -> Restored {
    let place = state_dir.join(SET_ASIDE);
    let moved = fs::rename(state_dir.join(CHECKPOINT), &place);
    Restored::SetAside {
        reason,
        place: moved.is_ok().then_some(place),
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
