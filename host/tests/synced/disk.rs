//! A directory as its disk has it: what was synced, and what the kernel may or may not have written of the rest.
//!
//! Flows in: the steps of a trace. Flows out: images of the directory as a power failure would leave it. It is stricter than file
//! systems are: a name is there only once its directory was synced, and what was not synced may be there in blocks, in any choice.
//! The index of a write-ahead log (`-shm`) is memory and not on any disk; the reserve holds nothing.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{support::dice::Dice, trace::Step};

/// What a disk writes whole or not at all.
const BLOCK: usize = 512;

/// What is there of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Luck {
    Nothing,
    /// Each block so many times in four.
    Some(u64),
    /// As after `kill -9`.
    All,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Naming {
    Put(PathBuf, usize),
    Move(PathBuf, PathBuf),
    Drop(PathBuf),
}

type Names = BTreeMap<PathBuf, usize>;

#[derive(Clone, Copy, Debug)]
enum Target {
    Directory,
    File(usize),
}

#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    files: Vec<File>,
    names: Names,
    synced_names: Names,
    namings: Vec<Naming>,
    fds: BTreeMap<i64, (Target, usize)>,
    /// By thread: what is synced, and how many of the changes.
    syncs: BTreeMap<u32, (Target, usize)>,
}

impl Disk {
    /// An empty directory, and its name, which is there.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: Vec::new(),
            names: Names::new(),
            synced_names: Names::new(),
            namings: Vec::new(),
            fds: BTreeMap::new(),
            syncs: BTreeMap::new(),
        }
    }

    /// The name within the directory of that to which a write would go now.
    pub(crate) fn name(&self, fd: i64) -> Option<&Path> {
        let Some((Target::File(file), _)) = self.fds.get(&fd) else {
            return None;
        };
        let mut names = self.names.iter();
        names.find(|(_, named)| *named == file).map(|(name, _)| &**name)
    }

    /// Whether a sync of it is one of this directory.
    pub(crate) fn has(&self, fd: i64) -> bool {
        self.fds.contains_key(&fd)
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Opened { fd, path, empties } => self.open(*fd, path, *empties),
            Step::Closed { fd } => {
                self.fds.remove(fd);
            }
            Step::Sought { fd, at } => {
                if let Some((_, position)) = self.fds.get_mut(fd) {
                    *position = size(*at);
                }
            }
            Step::Wrote { fd, at, bytes } => self.write(*fd, *at, bytes),
            Step::Cut { fd, length } => {
                if let Some(&(Target::File(file), _)) = self.fds.get(fd) {
                    self.files[file].pending.push(Change::Cut(size(*length)));
                }
            }
            Step::SyncBegan { thread, fd } => {
                if let Some(&(target, _)) = self.fds.get(fd) {
                    let length = match target {
                        Target::Directory => self.namings.len(),
                        Target::File(file) => self.files[file].pending.len(),
                    };
                    self.syncs.insert(*thread, (target, length));
                }
            }
            Step::SyncEnded { thread } => {
                if let Some((target, length)) = self.syncs.remove(thread) {
                    self.sync(target, length);
                }
            }
            Step::Renamed { from, to } => self.rename(from, to),
            Step::Removed { path } => {
                if let Some(name) = self.inside(path)
                    && self.names.remove(&name).is_some()
                {
                    self.namings.push(Naming::Drop(name));
                }
            }
            Step::Read { .. } => {}
        }
    }

    fn inside(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    fn open(&mut self, fd: i64, path: &Path, empties: bool) {
        self.fds.remove(&fd);
        let Some(name) = self.inside(path) else { return };
        let text = name.to_string_lossy().into_owned();
        if text.is_empty() {
            self.fds.insert(fd, (Target::Directory, 0));
        }
        if text.is_empty() || text.ends_with("-shm") || text.ends_with(".reserve") {
            return;
        }
        let file = self.names.get(&name).copied().unwrap_or_else(|| {
            self.files.push(File::default());
            let file = self.files.len() - 1;
            self.names.insert(name.clone(), file);
            self.namings.push(Naming::Put(name, file));
            file
        });
        if empties {
            self.files[file].pending.push(Change::Cut(0));
        }
        self.fds.insert(fd, (Target::File(file), 0));
    }

    fn write(&mut self, fd: i64, at: Option<u64>, bytes: &[u8]) {
        let Some((Target::File(file), position)) = self.fds.get_mut(&fd) else {
            return;
        };
        let at = at.map_or(*position, size);
        *position = at + bytes.len();
        let bytes = bytes.to_vec();
        self.files[*file].pending.push(Change::Write { at, bytes });
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let (Some(from), Some(to)) = (self.inside(from), self.inside(to)) else {
            return;
        };
        let naming = Naming::Move(from, to);
        name(&mut self.names, &naming);
        self.namings.push(naming);
    }

    fn sync(&mut self, target: Target, length: usize) {
        match target {
            Target::Directory => {
                for naming in self.namings.drain(..length) {
                    name(&mut self.synced_names, &naming);
                }
            }
            Target::File(file) => {
                let File { synced, pending } = &mut self.files[file];
                // Another thread may have synced some of them meanwhile.
                let length = length.min(pending.len());
                for change in pending.drain(..length) {
                    apply(synced, &change);
                }
            }
        }
    }

    /// Writes into `into` what a power failure would leave.
    pub(crate) fn leave(&self, into: &Path, luck: Luck, dice: &mut Dice) {
        fs::create_dir_all(into).expect("a directory");
        fs::set_permissions(into, fs::Permissions::from_mode(0o700)).expect("permissions");
        let mut names = self.synced_names.clone();
        let known = u64::try_from(self.namings.len()).expect("few");
        // Names come in order, as from a journal.
        let lucky = match luck {
            Luck::Nothing => 0,
            Luck::Some(_) => dice.below(known + 1),
            Luck::All => known,
        };
        for naming in &self.namings[..size(lucky)] {
            name(&mut names, naming);
        }
        for (name, file) in names {
            let bytes = self.files[file].left(luck, dice);
            fs::write(into.join(name), bytes).expect("a file");
        }
    }
}

impl File {
    fn left(&self, luck: Luck, dice: &mut Dice) -> Vec<u8> {
        let mut left = self.synced.clone();
        let mut is_lucky = || match luck {
            Luck::Nothing => false,
            Luck::Some(times) => dice.below(4) < times,
            Luck::All => true,
        };
        for change in &self.pending {
            match change {
                Change::Cut(_) if !is_lucky() => {}
                Change::Cut(_) => apply(&mut left, change),
                Change::Write { at, bytes } => {
                    for block in blocks(*at, bytes).filter(|_| is_lucky()) {
                        apply(&mut left, &block);
                    }
                }
            }
        }
        left
    }
}

/// A write in parts that no block has more than one of.
fn blocks(at: usize, bytes: &[u8]) -> impl Iterator<Item = Change> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let part = bytes.get(from..).filter(|rest| !rest.is_empty())?;
        let begins = at + from;
        let length = part.len().min(BLOCK - begins % BLOCK);
        from += length;
        Some(Change::Write {
            at: begins,
            bytes: part[..length].to_vec(),
        })
    })
}

fn apply(to: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Cut(length) => to.resize(*length, 0),
        Change::Write { at, bytes } => {
            let end = at + bytes.len();
            if to.len() < end {
                to.resize(end, 0);
            }
            to[*at..end].copy_from_slice(bytes);
        }
    }
}

fn name(names: &mut Names, naming: &Naming) {
    match naming {
        Naming::Put(name, file) => {
            names.insert(name.clone(), *file);
        }
        Naming::Drop(name) => {
            names.remove(name);
        }
        Naming::Move(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).expect("of this machine")
}
