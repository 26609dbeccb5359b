//! Connections of clients, by database and state.

use crate::client::Table;

/// A role without `pg_read_all_stats` sees of other roles' connections only that they are there: their state is NULL, and so is
/// the type of their process. Background processes have no database.
pub(crate) const SQL: &str = "\
SELECT coalesce(datname, '') AS database, coalesce(state, 'hidden') AS state, \
count(*) AS connections, \
max(extract(epoch FROM now() - xact_start)) AS transaction_age, \
max(extract(epoch FROM now() - state_change)) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_age, \
max(extract(epoch FROM now() - query_start)) FILTER (WHERE wait_event_type = 'Lock') AS lock_wait_age, \
count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_lock, \
count(*) FILTER (WHERE application_name ~* 'pgbouncer|supavisor|pgcat|odyssey') AS pooled \
FROM pg_stat_activity \
WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL) \
GROUP BY 1, 2 ORDER BY 1, 2";

/// What stands for the state where it may not be seen.
pub(crate) const HIDDEN: &str = "hidden";

/// Connections of one database in one state.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) database: String,
    /// PostgreSQL's word: `active`, `idle`, `idle in transaction`, …
    pub(crate) state: String,
    pub(crate) connections: f64,
    /// Seconds; none without a transaction.
    pub(crate) transaction_age: Option<f64>,
    /// Seconds since an open transaction was left idle.
    pub(crate) idle_age: Option<f64>,
    /// Seconds since the start of the longest query that waits for a lock.
    pub(crate) lock_wait_age: Option<f64>,
    pub(crate) waiting_for_lock: f64,
    /// Through a pooler that says its name.
    pub(crate) pooled: f64,
}

pub(crate) fn all(table: &Table) -> Vec<Activity> {
    let rows = table.rows();
    rows.map(|row| Activity {
        database: row.text("database").to_owned(),
        state: row.text("state").to_owned(),
        connections: row.number("connections").unwrap_or(0.0),
        transaction_age: row.number("transaction_age"),
        idle_age: row.number("idle_age"),
        lock_wait_age: row.number("lock_wait_age"),
        waiting_for_lock: row.number("waiting_for_lock").unwrap_or(0.0),
        pooled: row.number("pooled").unwrap_or(0.0),
    })
    .collect()
}
