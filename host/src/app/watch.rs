//! Notices that a configuration file or the file of a plugin changed.
//!
//! Looks at sizes, times and inodes instead of asking the kernel for events: that works on every file system, through
//! the symlink swaps of ConfigMaps and with editors that rename. A change counts when two looks in a row agree on it, so
//! that a half-written file is left alone. What the conductor has tried, for whatever reason, is not tried again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use super::conductor::{Cause, Door};
use crate::{
    config::{Loaded, PluginOrigin},
    supervisor::Supervisor,
};

/// How often files are looked at. A reload so follows a change within twice this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a file is known by: device, inode, size, and when it was changed.
type Mark = Option<(u64, u64, u64, i64, i64)>;

/// The files that a configuration is made of and names, as they were when they were read. What is not there is known
/// too, and noticed when it appears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched(BTreeMap<PathBuf, Mark>);

impl Watched {
    /// To be called right after loading, and before plugins are: what changes from here on is noticed, however long it
    /// takes to put the configuration to use.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let config = &loaded.config;
        let plugins = config.checks.values().filter_map(|check| match &check.plugin.origin {
            PluginOrigin::File(path) => Some(path),
            PluginOrigin::Bundled(_) => None,
        });
        let files = config.files.iter().chain(&config.alerting.rule_files);
        Self::now(files.chain(&loaded.include_folders).chain(plugins))
    }

    fn now<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Self {
        // Checks often share a plugin: each file is looked at once.
        let paths: BTreeSet<&PathBuf> = paths.collect();
        Self(paths.into_iter().map(|path| (path.clone(), mark(path))).collect())
    }

    /// The same files as they are now.
    fn look(&self) -> Self {
        Self::now(self.0.keys())
    }

    /// The same files, as they were at an earlier look where that had them.
    pub(super) fn since(mut self, earlier: &Self) -> Self {
        for (path, mark) in &mut self.0 {
            if let Some(known) = earlier.0.get(path) {
                *mark = *known;
            }
        }
        self
    }

    /// These files, and those of `others` that are not among them.
    pub(super) fn and(mut self, others: Self) -> Self {
        for (path, mark) in others.0 {
            self.0.entry(path).or_insert(mark);
        }
        self
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

/// What the conductor has tried last, whether or not it was good, and thereby what is looked at.
#[derive(Clone, Debug)]
pub(super) struct WatchHandle(Arc<Mutex<Watched>>);

impl WatchHandle {
    pub(super) fn set(&self, watched: Watched) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    fn get(&self) -> Watched {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is watched, as it is now.
    pub(super) fn look(&self) -> Watched {
        self.get().look()
    }

    /// Whether anything is not as it was when it was last tried.
    pub(super) fn has_news(&self) -> bool {
        let tried = self.get();
        tried.look() != tried
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
    let mut settling = Settling::default();
    while gone.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let tried = handle.get();
        let seen = tried.look();
        if settling.is_to_be_tried(&tried, seen) {
            door.reload_soon(Cause::FileChange);
        }
    }
}

/// What one look remembers for the next.
#[derive(Debug, Default)]
struct Settling {
    /// Seen once: it may be half of something.
    changing: Option<Watched>,
    /// Seen twice, and asked for.
    asked: Option<Watched>,
}

impl Settling {
    fn is_to_be_tried(&mut self, tried: &Watched, seen: Watched) -> bool {
        let is_settled = self.changing.take().as_ref() == Some(&seen);
        if seen == *tried {
            self.asked = None;
            false
        } else if self.asked.as_ref() == Some(&seen) {
            false
        } else if is_settled {
            self.asked = Some(seen);
            true
        } else {
            self.changing = Some(seen);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(sizes: &[(&str, u64)]) -> Watched {
        let marks = sizes
            .iter()
            .map(|(path, size)| (PathBuf::from(path), Some((0, 0, *size, 0, 0))));
        Watched(marks.collect())
    }

    #[test]
    fn a_change_is_tried_once_when_two_looks_agree_on_it() {
        let (tried, half, whole) = (watched(&[("a", 1)]), watched(&[("a", 2)]), watched(&[("a", 3)]));
        let mut settling = Settling::default();
        let looks = [&tried, &half, &whole, &whole, &whole, &whole];
        let asked = looks.map(|seen| settling.is_to_be_tried(&tried, seen.clone()));
        assert_eq!(asked, [false, false, false, true, false, false]);
        assert!(!settling.is_to_be_tried(&whole, whole.clone()), "now it has been tried");
    }

    #[test]
    fn what_somebody_else_asked_for_in_the_meantime_is_not_tried_again() {
        let (old, new) = (watched(&[("a", 1)]), watched(&[("a", 2)]));
        let mut settling = Settling::default();
        assert!(!settling.is_to_be_tried(&old, new.clone()), "seen once");
        assert!(
            !settling.is_to_be_tried(&new, new.clone()),
            "tried before the second look"
        );
        assert!(!settling.is_to_be_tried(&new, old.clone()));
        assert!(settling.is_to_be_tried(&new, old), "taken back: another change");
    }

    #[test]
    fn files_that_are_not_there_yet_are_noticed_when_they_appear() {
        let dir = tempfile::tempdir().expect("a directory");
        let plugin = dir.path().join("plugins/new.wasm");
        let known = Watched::now(std::iter::once(&plugin));
        assert_eq!(known.look(), known);
        fs::create_dir(dir.path().join("plugins")).expect("made");
        assert_eq!(known.look(), known, "the folder alone is no plugin");
        fs::write(&plugin, "x").expect("written");
        assert_ne!(known.look(), known);
    }

    #[test]
    fn an_earlier_look_stands_where_there_was_one() {
        let (earlier, later) = (watched(&[("a", 1), ("gone", 1)]), watched(&[("a", 2), ("new", 2)]));
        let tried = later.since(&earlier);
        assert_eq!(tried, watched(&[("a", 1), ("new", 2)]));
        assert_eq!(tried.and(earlier), watched(&[("a", 1), ("gone", 1), ("new", 2)]));
    }
}
