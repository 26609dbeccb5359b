//! Whether autovacuum keeps up: its workers, and the tables with most dead rows in the database that is connected to.

use crate::client::{Row, Table};

/// Workers are NULL for a role that may not see them.
pub(crate) const WORKERS: &str = "\
SELECT CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN \
count(*) FILTER (WHERE backend_type = 'autovacuum worker') END AS running, \
CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN \
count(*) FILTER (WHERE backend_type = 'autovacuum worker' AND query LIKE '%(to prevent wraparound)') END AS against_wraparound, \
current_setting('autovacuum_max_workers')::float8 AS most, current_setting('autovacuum') = 'on' AS enabled \
FROM pg_stat_activity";

/// The worst of them: a database has thousands of tables, and few of them tell anything.
pub(crate) const TABLES: &str = "\
SELECT schemaname || '.' || relname AS name, n_live_tup AS live, n_dead_tup AS dead, \
extract(epoch FROM greatest(last_vacuum, last_autovacuum)) AS vacuumed, \
extract(epoch FROM greatest(last_analyze, last_autoanalyze)) AS analyzed \
FROM pg_stat_user_tables WHERE n_dead_tup > 0 ORDER BY n_dead_tup DESC, 1 LIMIT 10";

/// Of the whole server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    pub(crate) running: Option<f64>,
    pub(crate) against_wraparound: Option<f64>,
    pub(crate) most: Option<f64>,
    pub(crate) enabled: bool,
}

impl Workers {
    pub(crate) fn of(row: Row<'_>) -> Self {
        Self {
            running: row.number("running"),
            against_wraparound: row.number("against_wraparound"),
            most: row.number("most"),
            enabled: row.flag("enabled"),
        }
    }
}

/// A table with dead rows.
#[derive(Clone, Debug)]
pub(crate) struct TableDebt {
    /// With its schema.
    pub(crate) name: String,
    pub(crate) live: Option<f64>,
    pub(crate) dead: Option<f64>,
    /// Unix time; none: never.
    pub(crate) vacuumed: Option<f64>,
    pub(crate) analyzed: Option<f64>,
}

pub(crate) fn tables(table: &Table) -> Vec<TableDebt> {
    let rows = table.rows();
    rows.map(|row| TableDebt {
        name: row.text("name").to_owned(),
        live: row.number("live"),
        dead: row.number("dead"),
        vacuumed: row.number("vacuumed"),
        analyzed: row.number("analyzed"),
    })
    .collect()
}
