//! What plugins remember, across restarts: the table behind the bank.
//!
//! One row per check and key would make every commit many statements; one row per check is at most the quota, 64 KiB.

use std::sync::Arc;

use super::StateBank;
use crate::store::{Store, StoreError, WriteKey};

const MODULE: &str = "state";

const STEPS: &[&str] = &["CREATE TABLE plugin_state (\
    check_name TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (check_name, key)) WITHOUT ROWID"];

/// Check, key, value.
pub type Row = (String, String, Vec<u8>);

/// Brings back what was kept. Blocks: for the start only. What cannot be read then is taken up later, check by check, before anything is
/// written over it.
pub fn restore(store: &Store, bank: &StateBank) -> Result<(), StoreError> {
    store.migrate(MODULE, STEPS)?;
    let rows = store.read(read_all).inspect_err(|_| bank.begin_unread())?;
    for check in rows.chunk_by(|one, next| one.0 == next.0) {
        let entries = check.iter().map(|(_, key, value)| (key.clone(), value.clone()));
        bank.restore(check[0].0.as_str().into(), entries);
    }
    Ok(())
}

/// All rows, by check.
pub fn read_all(connection: &rusqlite::Connection) -> rusqlite::Result<Vec<Row>> {
    let mut statement =
        connection.prepare("SELECT check_name, key, value FROM plugin_state ORDER BY check_name, key")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// Queues what a check remembers now.
pub fn keep(store: &Store, bank: &StateBank, check: &Arc<str>) {
    let mut entries = bank.entries(check);
    let (name, bank) = (Arc::clone(check), bank.clone());
    store.write(WriteKey::new(MODULE, Arc::clone(check)), move |transaction| {
        if bank.is_to_be_read(&name) {
            let mut kept = read_one(transaction, &name)?;
            kept.retain(|(key, _)| entries.iter().all(|(own, _)| own != key));
            bank.take_up(&name, kept.clone());
            entries.extend(kept);
        }
        transaction.execute("DELETE FROM plugin_state WHERE check_name = ?1", [&*name])?;
        let mut insert =
            transaction.prepare_cached("INSERT INTO plugin_state (check_name, key, value) VALUES (?1, ?2, ?3)")?;
        for (key, value) in &entries {
            insert.execute((&*name, key, value))?;
        }
        Ok(())
    });
}

fn read_one(connection: &rusqlite::Connection, check: &str) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    let mut statement = connection.prepare_cached("SELECT key, value FROM plugin_state WHERE check_name = ?1")?;
    let rows = statement.query_map([check], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{supervisor::Supervisor, telemetry::Telemetry};

    fn set(store: &Store, bank: &StateBank, check: &Arc<str>, key: &str, value: u8) {
        let mut run = bank.view(check, 1_000);
        run.set(key, vec![value]).expect("room");
        bank.commit(check, run.into_changes());
        keep(store, bank, check);
    }

    fn entry(key: &str, value: u8) -> (String, Vec<u8>) {
        (key.to_owned(), vec![value])
    }

    #[tokio::test]
    async fn what_cannot_be_read_at_the_start_is_there_once_the_check_keeps_something() {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || Store::open(dir.path(), &Supervisor::new(|_| {}), &Telemetry::silent()).expect("opens");
        let (check, other): (Arc<str>, Arc<str>) = ("queue".into(), "other".into());
        let (store, bank) = (open(), StateBank::default());
        restore(&store, &bank).expect("new");
        for (check, key, value) in [(&check, "cursor", 1), (&check, "seen", 2), (&other, "thread", 3)] {
            set(&store, &bank, check, key, value);
        }
        store.close().await.expect("kept");
        let (database, away) = (dir.path().join("bellwether.db"), dir.path().join("away"));
        std::fs::rename(&database, &away).expect("moved");
        std::fs::create_dir(&database).expect("in the way");

        let (store, bank) = (open(), StateBank::default());
        assert!(restore(&store, &bank).is_err());
        set(&store, &bank, &check, "cursor", 9);
        assert!(store.flush().await.is_err());
        std::fs::remove_dir(&database).expect("removed");
        std::fs::rename(&away, &database).expect("back");
        store.flush().await.expect("kept");
        let taken_up = [entry("cursor", 9), entry("seen", 2)];
        assert_eq!(bank.entries(&check), taken_up, "what was set meanwhile stays");
        // Of a check that kept nothing, nothing is lost either.
        store.close().await.expect("kept");
        let (store, bank) = (open(), StateBank::default());
        restore(&store, &bank).expect("readable");
        assert_eq!(bank.entries(&check), taken_up);
        assert_eq!(bank.entries(&other), [entry("thread", 3)]);
    }
}
