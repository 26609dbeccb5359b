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

/// What a file is known by: device, inode, size, and when it was changed.
type Mark = Option<(u64, u64, u64, i64, i64)>;

/// The files of a configuration as they were when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched(BTreeMap<PathBuf, Mark>);

impl Watched {
    /// To be called right after loading: what changes from here on is noticed, however long it takes to put the
    /// configuration to use.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let paths = loaded.config.files.iter().chain(&loaded.include_folders);
        Self(paths.map(|path| (path.clone(), mark(path))).collect())
    }

    /// The same files as they are now.
    fn look(&self) -> Self {
        Self(self.0.keys().map(|path| (path.clone(), mark(path))).collect())
    }
}

fn mark(path: &Path) -> Mark {
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
    let mut in_force = handle.get();
    let mut known = in_force.clone();
    let mut changing: Option<Watched> = None;
    while gone.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let now_in_force = handle.get();
        if now_in_force != in_force {
            in_force = now_in_force;
            known = in_force.clone();
            changing = None;
        }
        let seen = known.look();
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
