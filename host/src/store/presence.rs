//! Whether an open file is still the one that its path names.
//!
//! Flows in: what a file was known by when it was opened, and its path. Flows out: whether it stands, is gone, or
//! another took its place. It only asks for metadata: opening and closing a database file would drop the locks that
//! SQLite holds on it in this process.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

/// A file by what it is, not by what it is called. While it is open, no other can have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It names the file that is open; or it cannot be told, and then writing will fail and say why.
    Same,
    /// It names nothing.
    Gone,
    /// It names another file.
    Replaced,
}

impl FileId {
    pub(super) fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
        }
    }

    /// The file that a path names now. `None`: there is none, or it cannot be told.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }

    /// What became of the path that named this file.
    pub(super) fn standing(self, path: &Path) -> Standing {
        match fs::metadata(path) {
            Ok(about) if Self::of(&about) == self => Standing::Same,
            Ok(_) => Standing::Replaced,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Standing::Gone,
                _ => Standing::Same,
            },
        }
    }
}

impl Standing {
    /// The word in logs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "in place",
            Self::Gone => "deleted",
            Self::Replaced => "replaced",
        }
    }
}
