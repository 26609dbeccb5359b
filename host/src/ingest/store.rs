//! What is known of pushes across restarts: kinds of crashes that were seen, and when heartbeats came last.
//!
//! Flows in: single rows as they change. Flows out, at start: all of them. Kinds of a source that is no longer configured stay until they
//! are old, so that one which is taken out by mistake does not tell of everything anew; a row that cannot be read is passed over.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rusqlite::Connection;

use crate::{
    clock::Timestamp,
    store::{Store, StoreError, WriteKey},
};

const MODULE: &str = "ingest";

const STEPS: &[&str] = &["CREATE TABLE ingest_crashes (
    source TEXT NOT NULL,
    fingerprint INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (source, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE TABLE ingest_heartbeats (
    name TEXT NOT NULL PRIMARY KEY,
    last_at INTEGER NOT NULL,
    is_good INTEGER NOT NULL
) STRICT, WITHOUT ROWID"];

/// A kind of crash that did not come for so long is forgotten: when it comes back, somebody wants to know.
const FORGET_AFTER: Duration = Duration::from_secs(180 * 24 * 3_600);

/// The last beat of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastBeat {
    pub(super) at: Timestamp,
    pub(super) is_good: bool,
}

/// Everything that was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    /// Fingerprints by source, and when each was last seen in seconds since 1970.
    pub(super) crashes: BTreeMap<Arc<str>, Vec<(u64, u64)>>,
    pub(super) heartbeats: BTreeMap<Arc<str>, LastBeat>,
}

/// Makes the tables and reads them. Blocks: for the start only.
pub(super) fn restore(store: &Store, now: Timestamp) -> Result<Kept, StoreError> {
    store.migrate(MODULE, STEPS)?;
    let oldest = seconds(now).saturating_sub(FORGET_AFTER.as_secs());
    store.write(WriteKey::new(MODULE, "old crashes"), move |transaction| {
        transaction.execute("DELETE FROM ingest_crashes WHERE seen_at < ?1", [signed(oldest)])?;
        Ok(())
    });
    store.read(move |connection| read_all(connection, oldest))
}

fn read_all(connection: &Connection, oldest: u64) -> rusqlite::Result<Kept> {
    let mut kept = Kept::default();
    let mut crashes =
        connection.prepare("SELECT source, fingerprint, seen_at FROM ingest_crashes WHERE seen_at >= ?1")?;
    let mut rows = crashes.query([signed(oldest)])?;
    while let Some(row) = rows.next()? {
        let (source, fingerprint, seen_at): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Ok(seen_at) = u64::try_from(seen_at) else { continue };
        let of_source = kept.crashes.entry(source.into()).or_default();
        of_source.push((fingerprint.cast_unsigned(), seen_at));
    }
    let mut heartbeats = connection.prepare("SELECT name, last_at, is_good FROM ingest_heartbeats")?;
    let mut rows = heartbeats.query([])?;
    while let Some(row) = rows.next()? {
        let (name, at, is_good): (String, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Ok(at) = u64::try_from(at) else { continue };
        let at = Timestamp::from_nanos(at);
        kept.heartbeats.insert(name.into(), LastBeat { at, is_good });
    }
    Ok(kept)
}

/// Queues that a kind was seen, `at` seconds since 1970.
pub(super) fn keep_crash(store: &Store, source: &Arc<str>, fingerprint: u64, at: u64) {
    let name = Arc::clone(source);
    store.write(crash_key(source, fingerprint), move |transaction| {
        transaction
            .prepare_cached(
                "INSERT INTO ingest_crashes (source, fingerprint, seen_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (source, fingerprint) DO UPDATE SET seen_at = excluded.seen_at",
            )?
            .execute(rusqlite::params![&*name, fingerprint.cast_signed(), signed(at)])?;
        Ok(())
    });
}

/// Queues that a kind is forgotten.
pub(super) fn forget_crash(store: &Store, source: &Arc<str>, fingerprint: u64) {
    let name = Arc::clone(source);
    store.write(crash_key(source, fingerprint), move |transaction| {
        transaction
            .prepare_cached("DELETE FROM ingest_crashes WHERE source = ?1 AND fingerprint = ?2")?
            .execute(rusqlite::params![&*name, fingerprint.cast_signed()])?;
        Ok(())
    });
}

fn crash_key(source: &str, fingerprint: u64) -> WriteKey {
    WriteKey::new(MODULE, format!("crash/{source}/{fingerprint:016x}"))
}

/// Queues when a heartbeat came last.
pub(super) fn keep_heartbeat(store: &Store, name: &Arc<str>, last: LastBeat) {
    let row = Arc::clone(name);
    store.write(heartbeat_key(name), move |transaction| {
        transaction
            .prepare_cached(
                "INSERT INTO ingest_heartbeats (name, last_at, is_good) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at, is_good = excluded.is_good",
            )?
            .execute(rusqlite::params![&*row, signed(last.at.as_nanos()), last.is_good])?;
        Ok(())
    });
}

/// Queues that a heartbeat is no longer waited for.
pub(super) fn forget_heartbeat(store: &Store, name: &Arc<str>) {
    let row = Arc::clone(name);
    store.write(heartbeat_key(name), move |transaction| {
        transaction
            .prepare_cached("DELETE FROM ingest_heartbeats WHERE name = ?1")?
            .execute([&*row])?;
        Ok(())
    });
}

fn heartbeat_key(name: &str) -> WriteKey {
    WriteKey::new(MODULE, format!("heartbeat/{name}"))
}

/// Since 1970, as kinds are kept.
pub(super) const fn seconds(at: Timestamp) -> u64 {
    at.as_nanos() / 1_000_000_000
}

/// SQLite's integers are signed; nanoseconds fit until the year 2262.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{supervisor::Supervisor, telemetry::Telemetry};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_and_what_is_forgotten_does_not() {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).expect("a store");
        assert_eq!(restore(&store, at(0)).expect("read"), Kept::default());
        let (shop, etl): (Arc<str>, Arc<str>) = ("shop".into(), "etl".into());
        let odd = u64::MAX - 3;
        keep_crash(&store, &shop, odd, seconds(at(0)));
        keep_crash(&store, &shop, odd, seconds(at(7)));
        keep_crash(&store, &shop, 2, seconds(at(0)));
        let last = LastBeat {
            at: at(5),
            is_good: false,
        };
        keep_heartbeat(&store, &etl, last);
        keep_heartbeat(&store, &"gone".into(), last);
        store.flush().await.expect("kept");
        forget_crash(&store, &shop, 2);
        forget_heartbeat(&store, &"gone".into());
        store.flush().await.expect("kept");
        let kept = restore(&store, at(60)).expect("read");
        assert_eq!(kept.crashes, BTreeMap::from([(shop, vec![(odd, seconds(at(7)))])]));
        assert_eq!(kept.heartbeats, BTreeMap::from([(etl, last)]));
    }

    #[tokio::test]
    async fn kinds_that_did_not_come_for_months_are_forgotten() {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).expect("a store");
        restore(&store, at(0)).expect("read");
        keep_crash(&store, &"shop".into(), 1, seconds(at(0)));
        store.flush().await.expect("kept");
        assert_eq!(restore(&store, at(0) + FORGET_AFTER).expect("read").crashes.len(), 1);
        let later = at(1) + FORGET_AFTER;
        assert!(restore(&store, later).expect("read").crashes.is_empty());
    }
}
