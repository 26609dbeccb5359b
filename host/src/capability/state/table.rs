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

/// Brings back what was kept. Blocks: for the start only.
pub fn restore(store: &Store, bank: &StateBank) -> Result<(), StoreError> {
    store.migrate(MODULE, STEPS)?;
    let rows = store.read(read_all)?;
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
    let entries = bank.entries(check);
    let name = Arc::clone(check);
    store.write(WriteKey::new(MODULE, Arc::clone(check)), move |transaction| {
        transaction.execute("DELETE FROM plugin_state WHERE check_name = ?1", [&*name])?;
        let mut insert =
            transaction.prepare_cached("INSERT INTO plugin_state (check_name, key, value) VALUES (?1, ?2, ?3)")?;
        for (key, value) in &entries {
            insert.execute((&*name, key, value))?;
        }
        Ok(())
    });
}
