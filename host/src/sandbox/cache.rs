//! Compiled components on disk.
//!
//! Owns one directory and trusts nothing that somebody else could have put there: compiled code is machine code, and
//! loading it is running it. So the directory must be ours alone, each entry a regular file of ours that nobody else
//! may write, and its name carries what it was made from and for. Flows in: code the compile child wrote. Flows out:
//! components. The only `unsafe` of the sandbox is here.

use std::{
    collections::hash_map::DefaultHasher,
    fmt,
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use crate::clock::{Clock, Timestamp};

/// Of the SHA-256 that ends every entry: wasmtime reads by offsets from the front and does not see it.
const DIGEST_BYTES: usize = 32;

/// All entries together; the longest unused go first. Room for fifty Rust plugins and a dozen Python ones.
const CACHE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// A temporary file older than this belongs to a process that is gone: no compilation takes that long.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(3600);
const ENTRY_SUFFIX: &str = ".compiled";
const TEMPORARY_PREFIX: &str = ".writing-";

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made, read or changed.
    #[error("cannot use the cache directory `{}`: {source}", .dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could put machine code there.
    #[error(
        "the cache directory `{}` {problem}; compiled code is loaded from it, so it must be a directory that only this user can write: {fix}",
        .dir.display()
    )]
    Unsafe {
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        fix: String,
    },
}

/// What became of an entry.
#[derive(Debug)]
pub(super) enum Found {
    /// Loaded.
    Hit(Component),
    /// There is none.
    Miss,
    /// There was one, it could not be used and is gone.
    Corrupt(String),
}

/// The directory.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    /// Of the engine that loads; compiled code fits no other.
    fit: u64,
    bytes_max: u64,
}

/// Names an entry: what was compiled.
pub(super) type Key = [u8; 32];

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;

    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl Cache {
    /// Makes the directory if it is not there, and refuses it if somebody else has a hand in it.
    pub(super) fn open(dir: &Path, engine: &Engine) -> Result<Self, CacheError> {
        // The compile child works in another directory.
        let absolute = std::path::absolute(dir).map_err(|source| CacheError::Io {
            dir: dir.to_owned(),
            source,
        })?;
        let dir = absolute.as_path();
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let cache = Self {
            dir: dir.to_owned(),
            fit: hasher.finish(),
            bytes_max: CACHE_BYTES_MAX,
        };
        cache.make()?;
        cache.tighten()?;
        cache.verify()?;
        Ok(cache)
    }

    fn failed(&self, source: io::Error) -> CacheError {
        CacheError::Io {
            dir: self.dir.clone(),
            source,
        }
    }

    fn refused(&self, problem: impl Into<String>, fix: impl Into<String>) -> CacheError {
        CacheError::Unsafe {
            dir: self.dir.clone(),
            problem: problem.into(),
            fix: fix.into(),
        }
    }

    fn make(&self) -> Result<(), CacheError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        made.map_err(|source| self.failed(source))
    }

    /// An empty directory of ours that others may look into holds nothing to distrust yet.
    fn tighten(&self) -> Result<(), CacheError> {
        let about = fs::symlink_metadata(&self.dir).map_err(|source| self.failed(source))?;
        let open = about.is_dir() && about.uid() == me() && about.mode() & 0o077 != 0;
        if open
            && fs::read_dir(&self.dir)
                .map_err(|source| self.failed(source))?
                .next()
                .is_none()
        {
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(&self.dir, private).map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    /// Whether the directory is still ours alone. One that was deleted under the running host is made again: all that
    /// was in it can be compiled again.
    fn verify(&self) -> Result<(), CacheError> {
        let about = match fs::symlink_metadata(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make()?;
                fs::symlink_metadata(&self.dir)
            }
            other => other,
        };
        let about = about.map_err(|source| self.failed(source))?;
        let path = self.dir.display();
        if about.is_symlink() {
            return Err(self.refused("is a symbolic link", "name the directory it leads to"));
        }
        if !about.is_dir() {
            return Err(self.refused("is not a directory", "name another"));
        }
        if about.uid() != me() {
            let problem = format!("belongs to user {}, and this is user {}", about.uid(), me());
            return Err(self.refused(problem, format!("`chown {} {path}`, or name another", me())));
        }
        if about.mode() & 0o077 != 0 {
            let problem = format!("is open to others (mode {:o})", about.mode() & 0o777);
            let fix = format!("empty it and `chmod 700 {path}`");
            return Err(self.refused(problem, fix));
        }
        Ok(())
    }

    fn entry(&self, key: &Key) -> PathBuf {
        self.dir.join(format!("{}-{:016x}{ENTRY_SUFFIX}", hex(key), self.fit))
    }

    /// The component compiled from what hashes to `key`.
    pub(super) fn load(&self, engine: &Engine, key: &Key) -> Result<Found, CacheError> {
        self.verify()?;
        let path = self.entry(key);
        let about = match fs::symlink_metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Miss),
            Err(error) => return Err(self.failed(error)),
        };
        let problem = match foreign(&about).or_else(|| damaged(&path)) {
            Some(problem) => problem.to_owned(),
            None => match deserialize(engine, &path) {
                Ok(component) => {
                    touch(&path);
                    return Ok(Found::Hit(component));
                }
                Err(error) => format!("{error:#}"),
            },
        };
        // If it cannot be removed, the next store replaces it.
        let _ = fs::remove_file(&path);
        Ok(Found::Corrupt(problem))
    }

    /// A new file for the compiler to write to; see [`Cache::keep`].
    pub(super) fn temporary(&self) -> Result<Temporary, CacheError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.verify()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self
            .dir
            .join(format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id()));
        // What a process of the same number left behind.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.map_err(|source| self.failed(source))?;
        Ok(Temporary { path })
    }

    /// Makes what was written an entry, whole or not at all, and makes room.
    pub(super) fn keep(&self, key: &Key, written: &Temporary) -> Result<(), CacheError> {
        let path = self.entry(key);
        let kept = seal(&written.path)
            .and_then(|()| fs::rename(&written.path, &path))
            .and_then(|()| File::open(&self.dir)?.sync_all());
        kept.map_err(|source| self.failed(source))?;
        self.prune(&path);
        Ok(())
    }

    /// Removes what nobody used for longest until the rest fits. Best effort: a cache that is too large still works.
    fn prune(&self, newest: &Path) {
        let Ok(files) = fs::read_dir(&self.dir) else { return };
        let mut entries = Vec::new();
        for file in files.flatten() {
            let Ok(about) = file.metadata() else { continue };
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(ENTRY_SUFFIX) {
                entries.push((about.mtime(), about.len(), file.path()));
            } else if name.starts_with(TEMPORARY_PREFIX) && is_old(&about) {
                let _ = fs::remove_file(file.path());
            }
        }
        for path in superfluous(entries, self.bytes_max, newest) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Which entries, oldest first, must go for the rest to fit; never `newest`.
fn superfluous(mut entries: Vec<(i64, u64, PathBuf)>, bytes_max: u64, newest: &Path) -> Vec<PathBuf> {
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    let mut gone = Vec::new();
    for (_, bytes, path) in entries {
        if total <= bytes_max {
            break;
        }
        if path != newest {
            total -= bytes;
            gone.push(path);
        }
    }
    gone
}

fn is_old(about: &Metadata) -> bool {
    let written = Timestamp::from_seconds(u64::try_from(about.mtime()).unwrap_or(0));
    Clock::system().wall().since(written) > TEMPORARY_AGE_MAX
}

/// Says that an entry was used, for pruning. A read-only cache cannot say it and needs no pruning.
fn touch(path: &Path) {
    let now = UNIX_EPOCH + Duration::from_nanos(Clock::system().wall().as_nanos());
    if let Ok(file) = OpenOptions::new().write(true).open(path) {
        let _ = file.set_modified(now);
    }
}

/// What makes an entry somebody else's.
fn foreign(about: &Metadata) -> Option<&'static str> {
    if !about.is_file() {
        return Some("it is not a regular file");
    }
    if about.uid() != me() {
        return Some("it belongs to another user");
    }
    (about.mode() & 0o022 != 0).then_some("others may write to it")
}

/// Appends the digest of what was written and brings all of it to the disk.
fn seal(path: &Path) -> io::Result<()> {
    let digest = Sha256::digest(fs::read(path)?);
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(&digest)?;
    file.sync_all()
}

/// Whether an entry is not what was sealed. Wasmtime checks an entry's header; a flipped bit in the code behind it would
/// be run.
fn damaged(path: &Path) -> Option<&'static str> {
    let Ok(bytes) = fs::read(path) else {
        return Some("it cannot be read");
    };
    let intact = bytes
        .split_last_chunk::<DIGEST_BYTES>()
        .is_some_and(|(code, digest)| Sha256::digest(code).as_slice() == digest);
    (!intact).then_some("it is damaged: its digest does not fit")
}

#[expect(
    unsafe_code,
    reason = "code that this host compiled is loaded from a directory that only it can write"
)]
fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file must come from `precompile_component` of this version and configuration and must not change
    // while it is mapped. It is a regular file of ours in a directory of ours that nobody else may enter (`verify`,
    // `foreign`); entries are written by our own child from bytes that hash to their name, renamed into place whole,
    // never written again and only ever unlinked, and each ends in its digest, which fits (`damaged`). Wasmtime itself
    // checks version and configuration.
    unsafe { Component::deserialize_file(engine, path) }
}

/// A file being written. Dropped without being kept, it is removed.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 32];

    fn engine() -> Engine {
        super::super::engine::engine().expect("engine")
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    }

    fn store(cache: &Cache, engine: &Engine) -> PathBuf {
        let code = engine
            .precompile_component(b"\0asm\x0d\0\x01\0")
            .expect("an empty component compiles");
        let temporary = cache.temporary().expect("temporary");
        fs::write(temporary.path(), code).expect("written");
        cache.keep(&KEY, &temporary).expect("kept");
        cache.entry(&KEY)
    }

    #[test]
    fn what_was_kept_is_found_and_leaves_no_temporary_file() {
        let (dir, engine) = (tempfile::tempdir().expect("directory"), engine());
        let cache = Cache::open(dir.path(), &engine).expect("opens");
        assert!(matches!(cache.load(&engine, &KEY).expect("reads"), Found::Miss));
        store(&cache, &engine);
        assert!(matches!(cache.load(&engine, &KEY).expect("reads"), Found::Hit(_)));
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[test]
    fn a_corrupt_truncated_or_foreign_entry_is_removed_and_reported() {
        let (dir, engine) = (tempfile::tempdir().expect("directory"), engine());
        let cache = Cache::open(dir.path(), &engine).expect("opens");
        type Damage = fn(&Path);
        let damages: [Damage; 5] = [
            |path| {
                let mut bytes = fs::read(path).expect("read");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(path, bytes).expect("written");
            },
            |path| fs::write(path, b"garbage").expect("written"),
            |path| {
                let file = OpenOptions::new().write(true).open(path).expect("opens");
                file.set_len(100).expect("truncates");
            },
            |path| mode(path, 0o666),
            |path| {
                fs::rename(path, path.with_extension("elsewhere")).expect("renames");
                std::os::unix::fs::symlink(path.with_extension("elsewhere"), path).expect("links");
            },
        ];
        for damage in damages {
            let path = store(&cache, &engine);
            damage(&path);
            assert!(matches!(cache.load(&engine, &KEY).expect("reads"), Found::Corrupt(_)));
            assert!(matches!(cache.load(&engine, &KEY).expect("reads"), Found::Miss));
        }
    }

    #[test]
    fn a_directory_that_others_can_reach_is_refused_unless_it_is_empty() {
        let (dir, engine) = (tempfile::tempdir().expect("directory"), engine());
        mode(dir.path(), 0o755);
        Cache::open(dir.path(), &engine).expect("an empty one is made private");
        assert_eq!(fs::metadata(dir.path()).expect("there").mode() & 0o777, 0o700);
        fs::write(dir.path().join("x"), b"").expect("written");
        mode(dir.path(), 0o770);
        let refused = Cache::open(dir.path(), &engine)
            .expect_err("open to the group")
            .to_string();
        assert!(
            refused.contains("mode 770") && refused.contains("chmod 700"),
            "{refused}"
        );
    }

    #[test]
    fn a_symbolic_link_and_a_file_are_refused() {
        let (dir, engine) = (tempfile::tempdir().expect("directory"), engine());
        let (real, link, file) = (
            dir.path().join("real"),
            dir.path().join("link"),
            dir.path().join("file"),
        );
        Cache::open(&real, &engine).expect("made");
        std::os::unix::fs::symlink(&real, &link).expect("links");
        fs::write(&file, b"").expect("written");
        assert!(matches!(Cache::open(&link, &engine), Err(CacheError::Unsafe { .. })));
        assert!(Cache::open(&file, &engine).is_err());
    }

    #[test]
    fn a_directory_that_is_opened_up_later_is_no_longer_loaded_from() {
        let (dir, engine) = (tempfile::tempdir().expect("directory"), engine());
        let cache = Cache::open(dir.path(), &engine).expect("opens");
        store(&cache, &engine);
        mode(dir.path(), 0o777);
        assert!(matches!(cache.load(&engine, &KEY), Err(CacheError::Unsafe { .. })));
    }

    #[test]
    fn a_directory_that_was_deleted_is_made_again_for_its_owner_only() {
        let (parent, engine) = (tempfile::tempdir().expect("directory"), engine());
        let dir = parent.path().join("state/cache");
        let cache = Cache::open(&dir, &engine).expect("made");
        store(&cache, &engine);
        fs::remove_dir_all(parent.path().join("state")).expect("deleted");
        assert!(matches!(cache.load(&engine, &KEY).expect("reads"), Found::Miss));
        assert_eq!(fs::metadata(&dir).expect("there").mode() & 0o777, 0o700);
        fs::remove_dir_all(&dir).expect("deleted");
        store(&cache, &engine);
        assert!(matches!(cache.load(&engine, &KEY).expect("reads"), Found::Hit(_)));
    }

    #[test]
    fn what_stands_where_a_deleted_directory_was_is_looked_at_as_ever() {
        let (parent, engine) = (tempfile::tempdir().expect("directory"), engine());
        let (dir, real) = (parent.path().join("cache"), parent.path().join("real"));
        let cache = Cache::open(&dir, &engine).expect("made");
        Cache::open(&real, &engine).expect("made");
        fs::remove_dir(&dir).expect("deleted");
        std::os::unix::fs::symlink(parent.path().join("nowhere"), &dir).expect("a dangling link");
        assert!(matches!(cache.load(&engine, &KEY), Err(CacheError::Unsafe { .. })));
        fs::remove_file(&dir).expect("unlinked");
        std::os::unix::fs::symlink(&real, &dir).expect("links");
        assert!(matches!(cache.temporary(), Err(CacheError::Unsafe { .. })));
        fs::remove_file(&dir).expect("unlinked");
        fs::create_dir(&dir).expect("made");
        mode(&dir, 0o755);
        assert!(matches!(cache.load(&engine, &KEY), Err(CacheError::Unsafe { .. })));
    }

    #[test]
    fn the_longest_unused_entries_go_first_and_the_newest_never() {
        let entry = |age, bytes, name: &str| (age, bytes, PathBuf::from(name));
        let entries = vec![entry(3, 5, "c"), entry(1, 5, "a"), entry(2, 5, "b")];
        assert_eq!(superfluous(entries.clone(), 15, Path::new("c")), Vec::<PathBuf>::new());
        assert_eq!(superfluous(entries.clone(), 10, Path::new("c")), [Path::new("a")]);
        assert_eq!(
            superfluous(entries, 0, Path::new("a")),
            [Path::new("b"), Path::new("c")]
        );
    }
}
