//! Notices that a configuration file changed.
//!
//! Looks at sizes, times and inodes instead of asking the kernel for events: that works on every file system, through
//! the symlink swaps of ConfigMaps and with editors that rename. A change counts when two looks in a row agree on it, so
//! that a half-written file is left alone.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use super::conductor::Door;
use crate::{config::Loaded, supervisor::Supervisor};

/// How often files are looked at. A reload so follows a change within twice this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Paths to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched(Vec<PathBuf>);

impl Watched {
    pub(super) fn of(loaded: &Loaded) -> Self {
        Self(
            loaded
                .config
                .files
                .iter()
                .chain(&loaded.include_folders)
                .cloned()
                .collect(),
        )
    }
}

type Marks = BTreeMap<PathBuf, Option<(u64, u64, u64, i64, i64)>>;

fn look(watched: &Watched) -> Marks {
    watched.0.iter().map(|path| (path.clone(), mark(path))).collect()
}

fn mark(path: &Path) -> Option<(u64, u64, u64, i64, i64)> {
    let about = fs::metadata(path).ok()?;
    Some((
        about.dev(),
        about.ino(),
        about.size(),
        about.mtime(),
        about.mtime_nsec(),
    ))
}

/// Watches until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    watched: WatchHandle,
    // Its end is what tells the thread to stop.
    _alive: SyncSender<()>,
}

/// To change what is looked at.
#[derive(Clone, Debug)]
pub(super) struct WatchHandle(Arc<Mutex<Watched>>);

impl WatchHandle {
    pub(super) fn set(&self, watched: Watched) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    fn get(&self) -> Watched {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Watch {
    /// Without a thread there is no watching, and SIGHUP and the API still work.
    pub(super) fn start(supervisor: &Supervisor, door: Door, watched: Watched) -> Self {
        let watched = WatchHandle(Arc::new(Mutex::new(watched)));
        // Nothing is ever sent: the channel only tells when its other end is gone.
        let (alive, gone) = sync_channel(0);
        let seen_by_thread = watched.clone();
        let _ = supervisor.thread("watch-files", move || watch(&seen_by_thread, &gone, &door));
        Self { watched, _alive: alive }
    }

    pub(super) fn handle(&self) -> WatchHandle {
        self.watched.clone()
    }
}

fn watch(handle: &WatchHandle, gone: &Receiver<()>, door: &Door) {
    let mut watched = handle.get();
    let mut known = look(&watched);
    let mut changing: Option<Marks> = None;
    while gone.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let now_watched = handle.get();
        if now_watched != watched {
            watched = now_watched;
            known = look(&watched);
            changing = None;
            continue;
        }
        let seen = look(&watched);
        if seen == known {
            changing = None;
        } else if changing.as_ref() == Some(&seen) {
            known = seen;
            changing = None;
            door.reload_soon("file change");
        } else {
            changing = Some(seen);
        }
    }
}
