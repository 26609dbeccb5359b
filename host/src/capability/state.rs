//! Small memory between runs.
//!
//! Owns every check's keys and values, and every receiver's. A run gets a [`StateScratch`], on which it reads its own writes; its
//! [`StateChanges`] are committed by whoever accepts the run's outcome, or dropped. Keeping them across restarts is
//! [`table`]'s.

pub mod table;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

/// Keys and values of one check, unless configured: a cursor or a few hundred hashes, not a database.
pub const QUOTA_BYTES_DEFAULT: u64 = 64 * 1024;
/// Longest key.
pub const KEY_BYTES_MAX: usize = 256;

/// Under which name a receiver's entries are: a check may have the same name, and none begins with a blank.
pub fn key_of_receiver(name: &str) -> Arc<str> {
    format!(" receiver {name}").into()
}

type Entries = BTreeMap<String, Vec<u8>>;

/// The memory of all checks. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct StateBank {
    checks: Arc<Mutex<HashMap<Arc<str>, Arc<Entries>>>>,
}

/// What a run changed: the new value of each key, or that it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges(BTreeMap<String, Option<Vec<u8>>>);

/// One run's view.
#[derive(Clone, Debug, Default)]
pub struct StateScratch {
    kept: Arc<Entries>,
    changed: StateChanges,
    bytes: u64,
    quota: u64,
}

/// Why a key or value was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Nothing there.
    #[error("the key is empty")]
    EmptyKey,
    /// Longer than [`KEY_BYTES_MAX`].
    #[error("the key is {0} bytes long; at most {KEY_BYTES_MAX} are kept")]
    LongKey(usize),
    /// Past the quota.
    #[error(
        "state would take {wanted} bytes, keys included, and this check may keep {quota}; forget something or raise `limits = {{ state = … }}`"
    )]
    Full {
        /// Bytes after the write.
        wanted: u64,
        /// The check's.
        quota: u64,
    },
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

impl StateBank {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Entries>>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A view for one run of `check`. `quota` counts keys and values, in bytes.
    pub fn view(&self, check: &str, quota: u64) -> StateScratch {
        let kept = self.lock().get(check).map(Arc::clone).unwrap_or_default();
        StateScratch {
            bytes: kept.iter().map(|(key, value)| size(key, value)).sum(),
            kept,
            changed: StateChanges::default(),
            quota,
        }
    }

    /// Keeps what a run changed.
    pub fn commit(&self, check: &Arc<str>, changes: StateChanges) {
        if changes.is_empty() {
            return;
        }
        let mut checks = self.lock();
        let entries = Arc::make_mut(checks.entry(Arc::clone(check)).or_default());
        for (key, value) in changes.0 {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
    }

    /// Replaces all of a check's state; for what was kept on disk.
    pub fn restore(&self, check: Arc<str>, entries: impl IntoIterator<Item = (String, Vec<u8>)>) {
        self.lock().insert(check, Arc::new(entries.into_iter().collect()));
    }

    /// The values of the keys that begin so.
    pub fn under(&self, check: &str, beginning: &str) -> Vec<Vec<u8>> {
        let entries = self.lock().get(check).map(Arc::clone).unwrap_or_default();
        let from = entries.range(beginning.to_owned()..);
        let own = from.take_while(|(key, _)| key.starts_with(beginning));
        own.map(|(_, value)| value.clone()).collect()
    }

    /// All of a check's state, sorted by key.
    pub fn entries(&self, check: &str) -> Vec<(String, Vec<u8>)> {
        let entries = self.lock().get(check).map(Arc::clone).unwrap_or_default();
        entries
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl StateChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each changed key with its new value; `None`: it is gone.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_deref()))
    }
}

impl StateScratch {
    /// The value of a key, the run's own writes included.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        match self.changed.0.get(key) {
            Some(changed) => changed.as_deref(),
            None => self.kept.get(key).map(Vec::as_slice),
        }
    }

    /// Writes, or says why not; then nothing changed.
    pub fn set(&mut self, key: &str, value: Vec<u8>) -> Result<(), StateError> {
        check_key(key)?;
        let freed = self.get(key).map_or(0, |old| size(key, old));
        let wanted = self.bytes - freed + size(key, &value);
        if wanted > self.quota {
            return Err(StateError::Full {
                wanted,
                quota: self.quota,
            });
        }
        self.bytes = wanted;
        self.changed.0.insert(key.to_owned(), Some(value));
        Ok(())
    }

    /// Forgets a key; one that is not there is no error.
    pub fn delete(&mut self, key: &str) -> Result<(), StateError> {
        check_key(key)?;
        if let Some(old) = self.get(key) {
            self.bytes -= size(key, old);
            self.forget(key);
        }
        Ok(())
    }

    /// A key that only this run wrote leaves no trace, so that deleting cannot be used to grow the list of changes.
    fn forget(&mut self, key: &str) {
        if self.kept.contains_key(key) {
            self.changed.0.insert(key.to_owned(), None);
        } else {
            self.changed.0.remove(key);
        }
    }

    /// What to commit.
    pub fn into_changes(self) -> StateChanges {
        self.changed
    }
}

fn check_key(key: &str) -> Result<(), StateError> {
    match key.len() {
        0 => Err(StateError::EmptyKey),
        long if long > KEY_BYTES_MAX => Err(StateError::LongKey(long)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Arc<str> {
        "check".into()
    }

    #[test]
    fn a_run_reads_its_own_writes_and_others_see_them_only_after_commit() {
        let bank = StateBank::default();
        let mut run = bank.view("check", 100);
        run.set("a", vec![1]).expect("room");
        assert_eq!(run.get("a"), Some(&[1][..]));
        assert_eq!(bank.view("check", 100).get("a"), None);
        bank.commit(&name(), run.into_changes());
        assert_eq!(bank.view("check", 100).get("a"), Some(&[1][..]));
        assert_eq!(bank.view("other", 100).get("a"), None);
    }

    #[test]
    fn a_dropped_scratch_changes_nothing() {
        let bank = StateBank::default();
        bank.restore(name(), [("a".to_owned(), vec![1])]);
        let mut run = bank.view("check", 100);
        run.delete("a").expect("valid key");
        assert_eq!(run.get("a"), None);
        drop(run);
        assert_eq!(bank.entries("check"), [("a".to_owned(), vec![1])]);
    }

    #[test]
    fn the_quota_counts_keys_and_values_and_a_refused_write_changes_nothing() {
        let bank = StateBank::default();
        let mut run = bank.view("check", 10);
        run.set("abc", vec![0; 7]).expect("exactly full");
        assert_eq!(run.set("d", vec![]), Err(StateError::Full { wanted: 11, quota: 10 }));
        run.set("abc", vec![0; 5]).expect("shrinks");
        run.set("d", vec![0; 1]).expect("now there is room");
        run.delete("abc").expect("valid key");
        run.set("e", vec![0; 7]).expect("deleting frees");
        assert_eq!(run.bytes, 10);
    }

    #[test]
    fn values_are_found_by_how_their_keys_begin() {
        let bank = StateBank::default();
        let entries = [("a", 1), ("ab", 2), ("b", 3), ("b.c", 4), ("ba", 5)];
        bank.restore(name(), entries.map(|(key, value)| (key.to_owned(), vec![value])));
        assert_eq!(bank.under("check", "b"), [vec![3], vec![4], vec![5]]);
        assert_eq!(bank.under("check", "b."), [vec![4]]);
        assert!(bank.under("check", "c").is_empty() && bank.under("other", "a").is_empty());
    }

    #[test]
    fn keys_are_bounded() {
        let mut run = StateBank::default().view("check", 10_000);
        assert_eq!(run.set("", vec![]), Err(StateError::EmptyKey));
        assert_eq!(run.set(&"k".repeat(257), vec![]), Err(StateError::LongKey(257)));
    }

    #[test]
    fn writing_and_deleting_in_a_circle_leaves_no_changes() {
        let mut run = StateBank::default().view("check", 1_000);
        for n in 0..1_000 {
            let key = format!("key-{n}");
            run.set(&key, vec![1]).expect("room");
            run.delete(&key).expect("valid key");
        }
        assert!(run.into_changes().is_empty());
    }
}
