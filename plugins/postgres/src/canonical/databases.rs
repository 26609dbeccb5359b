//! Databases, their sizes, and the tables that wait for vacuum.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
};

use super::Value;
use crate::{
    facts::Facts,
    sections::{databases::Database, vacuum::TableDebt},
};

const SIZE: Gauge<1> = Gauge::new(
    "postgres_database_size_bytes",
    "Size of the database on disk.",
    ["database"],
);

const TABLE: [&str; 1] = ["table"];

const OF_TABLES: &[(Gauge<1>, Value<TableDebt>)] = &[
    (
        Gauge::new(
            "postgres_table_dead_rows",
            "Rows that vacuum would remove; the ten worst tables.",
            TABLE,
        ),
        |table| table.dead,
    ),
    (
        Gauge::new("postgres_table_live_rows", "Rows, as the server estimates.", TABLE),
        |table| table.live,
    ),
    (
        Gauge::new(
            "postgres_table_last_vacuum_timestamp_seconds",
            "Absent when it never was.",
            TABLE,
        ),
        |table| table.vacuumed,
    ),
    (
        Gauge::new(
            "postgres_table_last_analyze_timestamp_seconds",
            "Absent when it never was.",
            TABLE,
        ),
        |table| table.analyzed,
    ),
];

const DATABASE: [&str; 1] = ["database"];

const DATABASE_GAUGES: &[(Gauge<1>, Value<Database>)] = &[
    (
        Gauge::new(
            "postgres_database_cache_hit_ratio",
            "Blocks found in memory, since the counters began.",
            DATABASE,
        ),
        Database::cache_hit_ratio,
    ),
    (
        Gauge::new(
            "postgres_database_connections",
            "Connections to the database, background ones included.",
            DATABASE,
        ),
        |database| database.value("numbackends"),
    ),
    (
        Gauge::new(
            "postgres_database_connections_limit",
            "Absent without a limit of its own.",
            DATABASE,
        ),
        |database| database.value("connection_limit").filter(|limit| *limit >= 0.0),
    ),
    (
        Gauge::new(
            "postgres_database_transaction_age",
            "Transactions since the oldest unfrozen one.",
            DATABASE,
        ),
        |database| database.value("transaction_age"),
    ),
    (
        Gauge::new(
            "postgres_database_multixact_age",
            "Multixacts since the oldest unfrozen one.",
            DATABASE,
        ),
        |database| database.value("multixact_age"),
    ),
];

/// Totals by the names of their columns, and what one of theirs is in our unit.
const DATABASE_TOTALS: &[(Counter<1>, &str, f64)] = &[
    (
        Counter::new("postgres_database_commits_total", "Transactions committed.", DATABASE),
        "xact_commit",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_rollbacks_total",
            "Transactions rolled back.",
            DATABASE,
        ),
        "xact_rollback",
        1.0,
    ),
    (
        Counter::new("postgres_database_deadlocks_total", "Deadlocks.", DATABASE),
        "deadlocks",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_conflicts_total",
            "Queries cancelled on a standby.",
            DATABASE,
        ),
        "conflicts",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_blocks_read_total",
            "Blocks read from disk.",
            DATABASE,
        ),
        "blks_read",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_blocks_hit_total",
            "Blocks found in memory.",
            DATABASE,
        ),
        "blks_hit",
        1.0,
    ),
    (
        Counter::new("postgres_database_temporary_files_total", "Temporary files.", DATABASE),
        "temp_files",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_temporary_bytes_total",
            "Written to temporary files.",
            DATABASE,
        ),
        "temp_bytes",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_rows_returned_total",
            "Rows read by queries.",
            DATABASE,
        ),
        "tup_returned",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_rows_fetched_total",
            "Rows fetched by indexes.",
            DATABASE,
        ),
        "tup_fetched",
        1.0,
    ),
    (
        Counter::new("postgres_database_rows_inserted_total", "Rows inserted.", DATABASE),
        "tup_inserted",
        1.0,
    ),
    (
        Counter::new("postgres_database_rows_updated_total", "Rows updated.", DATABASE),
        "tup_updated",
        1.0,
    ),
    (
        Counter::new("postgres_database_rows_deleted_total", "Rows deleted.", DATABASE),
        "tup_deleted",
        1.0,
    ),
    (
        Counter::new(
            "postgres_database_block_read_seconds_total",
            "0 unless track_io_timing is on.",
            DATABASE,
        ),
        "blk_read_time",
        0.001,
    ),
    (
        Counter::new(
            "postgres_database_block_write_seconds_total",
            "0 unless track_io_timing is on.",
            DATABASE,
        ),
        "blk_write_time",
        0.001,
    ),
];

pub(super) fn describe(about: &mut Description) {
    about.metric(&SIZE);
    let labelled = OF_TABLES.iter().map(|(gauge, _)| gauge);
    for gauge in labelled.chain(DATABASE_GAUGES.iter().map(|(gauge, _)| gauge)) {
        about.metric(gauge);
    }
    for (total, _, _) in DATABASE_TOTALS {
        about.metric(total);
    }
}

pub(super) fn report(facts: &Facts, report: &mut Report) {
    databases(facts, report);
    tables(facts, report);
}

fn tables(facts: &Facts, report: &mut Report) {
    for (gauge, value) in OF_TABLES {
        for table in facts.tables.iter().flatten() {
            if let Some(value) = value(table) {
                report.gauge(gauge).set([&table.name], value);
            }
        }
    }
}

fn databases(facts: &Facts, report: &mut Report) {
    let all = || facts.databases.iter().flatten();
    for (gauge, value) in DATABASE_GAUGES {
        for database in all() {
            if let Some(value) = value(database) {
                report.gauge(gauge).set([&database.name], value);
            }
        }
    }
    for (total, column, unit) in DATABASE_TOTALS {
        for database in all() {
            if let Some(value) = database.value(column) {
                report.counter(total).set([&database.name], value * unit);
            }
        }
    }
    for (name, bytes) in facts.sizes.iter().flatten() {
        report.gauge(&SIZE).set([name], *bytes);
    }
}
