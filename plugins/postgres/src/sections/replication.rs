//! Replication, seen from the server that sends and from the one that receives.

use crate::client::{Row, Table};

/// On a standby that sends on, what it has received is what it can send.
macro_rules! sendable {
    () => {
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"
    };
}

/// Several receivers may have one name and one address; the one furthest behind counts.
pub(crate) const REPLICAS: &str = concat!(
    "SELECT coalesce(application_name, '') AS replica, coalesce(host(client_addr), 'local') AS address, ",
    "max(coalesce(state, '')) AS state, max(coalesce(sync_state, '')) AS sync_state, ",
    "max(pg_wal_lsn_diff(",
    sendable!(),
    ", replay_lsn)) AS lag_bytes, max(extract(epoch FROM replay_lag)) AS lag_seconds ",
    "FROM pg_stat_replication GROUP BY 1, 2 ORDER BY 1, 2"
);

pub(crate) const SLOTS: &str = concat!(
    "SELECT slot_name AS slot, slot_type AS kind, active, pg_wal_lsn_diff(",
    sendable!(),
    ", restart_lsn) AS retained_bytes FROM pg_replication_slots ORDER BY 1"
);

/// A standby that has replayed all that it receives is not behind, however long ago the last transaction was. One that receives
/// nothing may be behind by what it was not sent; one that has replayed no transaction yet does not know. `greatest` passes
/// over NULL, so it must not see one.
pub(crate) const STANDBY: &str = "\
SELECT pg_is_in_recovery() AS standby, \
CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0 \
WHEN pg_last_xact_replay_timestamp() IS NOT NULL \
THEN greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) END AS lag_seconds, \
pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) AS lag_bytes, \
(SELECT count(*) FROM pg_stat_wal_receiver) AS receivers";

/// A server that receives from this one.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) replica: String,
    pub(crate) address: String,
    /// `streaming`, `catchup`, …; "" where it may not be seen.
    pub(crate) state: String,
    pub(crate) sync_state: String,
    pub(crate) lag_bytes: Option<f64>,
    pub(crate) lag_seconds: Option<f64>,
}

pub(crate) fn replicas(table: &Table) -> Vec<Replica> {
    let rows = table.rows();
    rows.map(|row| Replica {
        replica: row.text("replica").to_owned(),
        address: row.text("address").to_owned(),
        state: row.text("state").to_owned(),
        sync_state: row.text("sync_state").to_owned(),
        lag_bytes: row.number("lag_bytes"),
        lag_seconds: row.number("lag_seconds"),
    })
    .collect()
}

/// What keeps the write-ahead log for somebody.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) slot: String,
    /// `physical` or `logical`.
    pub(crate) kind: String,
    pub(crate) active: bool,
    pub(crate) retained_bytes: Option<f64>,
}

pub(crate) fn slots(table: &Table) -> Vec<Slot> {
    let rows = table.rows();
    rows.map(|row| Slot {
        slot: row.text("slot").to_owned(),
        kind: row.text("kind").to_owned(),
        active: row.flag("active"),
        retained_bytes: row.number("retained_bytes"),
    })
    .collect()
}

/// This server, when it receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standby {
    /// None where nobody can tell.
    pub(crate) lag_seconds: Option<f64>,
    pub(crate) lag_bytes: Option<f64>,
    /// It is connected to the one it receives from.
    pub(crate) receiving: bool,
}

/// A standby replays what it has received, and also what it takes from an archive, which moves only the one position of the two;
/// and they are not read at one moment. One that has replayed more than it received is not behind by less than nothing. Not in
/// SQL: `greatest` would make 0 of what nobody knows.
const fn not_behind(bytes: f64) -> f64 {
    if bytes > 0.0 { bytes } else { 0.0 }
}

impl Standby {
    /// None on a primary.
    pub(crate) fn of(row: Row<'_>) -> Option<Self> {
        row.flag("standby").then(|| Self {
            lag_seconds: row.number("lag_seconds"),
            lag_bytes: row.number("lag_bytes").map(not_behind),
            receiving: row.number("receivers").unwrap_or(0.0) > 0.0,
        })
    }
}
