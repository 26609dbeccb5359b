//! Locks by database and mode.

use crate::client::Table;

pub(crate) const SQL: &str = "\
SELECT coalesce(d.datname, '') AS database, lower(l.mode) AS mode, \
count(*) AS locks, count(*) FILTER (WHERE NOT l.granted) AS waiting \
FROM pg_locks l LEFT JOIN pg_database d ON d.oid = l.database \
WHERE l.pid IS DISTINCT FROM pg_backend_pid() GROUP BY 1, 2 ORDER BY 1, 2";

/// Locks of one mode.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    /// "" for those that belong to no database.
    pub(crate) database: String,
    /// Such as `accesssharelock`.
    pub(crate) mode: String,
    /// Held and waited for.
    pub(crate) locks: f64,
    pub(crate) waiting: f64,
}

pub(crate) fn all(table: &Table) -> Vec<Lock> {
    let rows = table.rows();
    rows.map(|row| Lock {
        database: row.text("database").to_owned(),
        mode: row.text("mode").to_owned(),
        locks: row.number("locks").unwrap_or(0.0),
        waiting: row.number("waiting").unwrap_or(0.0),
    })
    .collect()
}
