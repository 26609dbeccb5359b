//! What the server counts for each database.

use crate::client::{Row, Table};

/// Times are milliseconds there.
pub(crate) const SQL: &str = "\
SELECT d.oid AS id, d.datname AS database, s.numbackends, s.xact_commit, s.xact_rollback, s.blks_read, s.blks_hit, \
s.tup_returned, s.tup_fetched, s.tup_inserted, s.tup_updated, s.tup_deleted, s.conflicts, s.temp_files, s.temp_bytes, \
s.deadlocks, s.blk_read_time, s.blk_write_time, extract(epoch FROM s.stats_reset) AS stats_reset, \
d.datconnlimit AS connection_limit, age(d.datfrozenxid) AS transaction_age, mxid_age(d.datminmxid) AS multixact_age \
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datallowconn ORDER BY 2";

/// Numbers by the names of their columns.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) id: String,
    pub(crate) name: String,
    values: Vec<(&'static str, f64)>,
}

const COLUMNS: [&str; 20] = [
    "numbackends",
    "xact_commit",
    "xact_rollback",
    "blks_read",
    "blks_hit",
    "tup_returned",
    "tup_fetched",
    "tup_inserted",
    "tup_updated",
    "tup_deleted",
    "conflicts",
    "temp_files",
    "temp_bytes",
    "deadlocks",
    "blk_read_time",
    "blk_write_time",
    "stats_reset",
    "connection_limit",
    "transaction_age",
    "multixact_age",
];

impl Database {
    fn of(row: Row<'_>) -> Self {
        let value = |column: &&'static str| Some((*column, row.number(column)?));
        Self {
            id: row.text("id").to_owned(),
            name: row.text("database").to_owned(),
            values: COLUMNS.iter().filter_map(value).collect(),
        }
    }

    /// By the name of its column.
    pub(crate) fn value(&self, column: &str) -> Option<f64> {
        self.values
            .iter()
            .find(|(known, _)| *known == column)
            .map(|(_, value)| *value)
    }

    /// Blocks found in memory; none while nothing was read.
    pub(crate) fn cache_hit_ratio(&self) -> Option<f64> {
        let hit = self.value("blks_hit")?;
        let all = hit + self.value("blks_read")?;
        (all > 0.0).then(|| hit / all)
    }
}

pub(crate) fn all(table: &Table, watched: impl Fn(&str) -> bool) -> Vec<Database> {
    table
        .rows()
        .map(Database::of)
        .filter(|database| watched(&database.name))
        .collect()
}
