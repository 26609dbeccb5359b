//! The key with which hidden values are hashed: made once, kept beside the database, so that a receiver sees the same hash for the
//! same value after a restart.
//!
//! It is a file of its own, readable by its owner only, because the database may be copied for somebody to look at.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::redact::{KEY_BYTES, Key};

/// Its name in the state directory.
const FILE: &str = "hidden-labels.key";

/// Reads it, or makes it. Blocks on the disk. Errors: it can be neither read nor kept; a key that lasts as long as the process
/// comes with the error.
pub fn keep(state_dir: &Path) -> Result<Key, (Key, io::Error)> {
    let path = state_dir.join(FILE);
    if let Some(key) = read(&path) {
        return Ok(key);
    }
    let made = random();
    let bytes = *made.as_ref().unwrap_or(&[0; KEY_BYTES]);
    let kept = made.and_then(|bytes| write(&path, &bytes));
    // Another process may have been first.
    match (kept, read(&path)) {
        (Ok(()), _) => Ok(Key::new(bytes)),
        (Err(_), Some(key)) => Ok(key),
        (Err(error), None) => Err((Key::new(bytes), error)),
    }
}

fn read(path: &Path) -> Option<Key> {
    let bytes = fs::read(path).ok()?;
    Some(Key::new(bytes.try_into().ok()?))
}

fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // Left behind by a crash.
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

    use super::*;
    use crate::{
        deliver::{
            redact::Hiding,
            samples::{message, news},
        },
        secret::Redactor,
    };

    fn hidden(key: Key) -> String {
        let hiding = Hiding::new(&[Arc::from("user")], key, Redactor::default());
        format!(
            "{:?}",
            hiding.message(&message(vec![news(&[("user", "alice")])])).alerts
        )
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = hidden(keep(dir.path()).unwrap());
        assert_eq!(first, hidden(keep(dir.path()).unwrap()));
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(first, hidden(keep(other.path()).unwrap()));
    }

    #[test]
    fn without_a_place_to_keep_it_there_is_one_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        let (key, _) = keep(&gone).expect_err("nowhere to keep it");
        assert!(hidden(key).contains("[hidden:"));
    }
}
