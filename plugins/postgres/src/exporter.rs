//! The core names of Prometheus' postgres_exporter (`collector/` and `cmd/postgres_exporter/queries.go` there), so that dashboards and
//! rules written for it work. Its counters have names that do not end in `_total`, so they are of no type here.

use bellwether_sdk::{
    Description, Report,
    metric::{Gauge, Untyped},
};

use crate::{facts::Facts, sections::server::Server};

const UP: Gauge<0> = Gauge::new("pg_up", "Whether the last scrape was able to connect", []);
const ACTIVITY: Gauge<2> = Gauge::new(
    "pg_stat_activity_count",
    "Number of connections in this state",
    ["datname", "state"],
);
const MAX_TX: Gauge<2> = Gauge::new(
    "pg_stat_activity_max_tx_duration",
    "Longest time in seconds that a transaction has been running",
    ["datname", "state"],
);
const LOCKS: Gauge<2> = Gauge::new("pg_locks_count", "Number of locks", ["datname", "mode"]);
const SIZE: Gauge<1> = Gauge::new("pg_database_size_bytes", "Disk space used by the database", ["datname"]);
const REPLICATION_LAG: Gauge<0> = Gauge::new("pg_replication_lag_seconds", "Lag behind the primary in seconds", []);
const IS_REPLICA: Gauge<0> = Gauge::new("pg_replication_is_replica", "Whether the server is a replica", []);
const LSN_DIFF: Gauge<2> = Gauge::new(
    "pg_stat_replication_pg_wal_lsn_diff",
    "Lag of a replica in bytes",
    ["application_name", "client_addr"],
);
const SLOT_DIFF: Gauge<1> = Gauge::new(
    "pg_replication_slots_pg_wal_lsn_diff",
    "Write-ahead log kept for the slot, in bytes",
    ["slot_name"],
);
const SLOT_ACTIVE: Gauge<1> = Gauge::new(
    "pg_replication_slots_active",
    "Whether the slot is in use",
    ["slot_name"],
);

type OfServer = fn(&Server) -> Option<f64>;

const SERVER: &[(Gauge<0>, OfServer)] = &[
    (
        Gauge::new("pg_settings_max_connections", "Server parameter max_connections", []),
        |server| server.max_connections,
    ),
    (
        Gauge::new(
            "pg_settings_superuser_reserved_connections",
            "Server parameter superuser_reserved_connections",
            [],
        ),
        |server| server.superuser_reserved,
    ),
    (
        Gauge::new(
            "pg_settings_autovacuum_freeze_max_age",
            "Server parameter autovacuum_freeze_max_age",
            [],
        ),
        |server| server.freeze_max_age,
    ),
    (
        Gauge::new("pg_postmaster_start_time_seconds", "When the server started", []),
        |server| server.started,
    ),
];

const DATABASE: [&str; 2] = ["datid", "datname"];

const BACKENDS: Gauge<2> = Gauge::new("pg_stat_database_numbackends", "Connections to the database", DATABASE);

/// By the names of their columns.
const TOTALS: &[(Untyped<2>, &str)] = &[
    (
        Untyped::new("pg_stat_database_xact_commit", "Transactions committed", DATABASE),
        "xact_commit",
    ),
    (
        Untyped::new("pg_stat_database_xact_rollback", "Transactions rolled back", DATABASE),
        "xact_rollback",
    ),
    (
        Untyped::new("pg_stat_database_blks_read", "Blocks read from disk", DATABASE),
        "blks_read",
    ),
    (
        Untyped::new("pg_stat_database_blks_hit", "Blocks found in memory", DATABASE),
        "blks_hit",
    ),
    (
        Untyped::new("pg_stat_database_tup_returned", "Rows returned by queries", DATABASE),
        "tup_returned",
    ),
    (
        Untyped::new("pg_stat_database_tup_fetched", "Rows fetched by queries", DATABASE),
        "tup_fetched",
    ),
    (
        Untyped::new("pg_stat_database_tup_inserted", "Rows inserted", DATABASE),
        "tup_inserted",
    ),
    (
        Untyped::new("pg_stat_database_tup_updated", "Rows updated", DATABASE),
        "tup_updated",
    ),
    (
        Untyped::new("pg_stat_database_tup_deleted", "Rows deleted", DATABASE),
        "tup_deleted",
    ),
    (
        Untyped::new("pg_stat_database_conflicts", "Queries cancelled by recovery", DATABASE),
        "conflicts",
    ),
    (
        Untyped::new("pg_stat_database_temp_files", "Temporary files", DATABASE),
        "temp_files",
    ),
    (
        Untyped::new("pg_stat_database_temp_bytes", "Written to temporary files", DATABASE),
        "temp_bytes",
    ),
    (
        Untyped::new("pg_stat_database_deadlocks", "Deadlocks", DATABASE),
        "deadlocks",
    ),
    (
        Untyped::new(
            "pg_stat_database_blk_read_time",
            "Milliseconds of reading blocks",
            DATABASE,
        ),
        "blk_read_time",
    ),
    (
        Untyped::new(
            "pg_stat_database_blk_write_time",
            "Milliseconds of writing blocks",
            DATABASE,
        ),
        "blk_write_time",
    ),
    (
        Untyped::new("pg_stat_database_stats_reset", "When the counters began", DATABASE),
        "stats_reset",
    ),
];

pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&UP)
        .metric(&ACTIVITY)
        .metric(&MAX_TX)
        .metric(&LOCKS)
        .metric(&SIZE);
    about.metric(&REPLICATION_LAG).metric(&IS_REPLICA).metric(&LSN_DIFF);
    about.metric(&SLOT_DIFF).metric(&SLOT_ACTIVE).metric(&BACKENDS);
    for (gauge, _) in SERVER {
        about.metric(gauge);
    }
    for (total, _) in TOTALS {
        about.metric(total);
    }
}

pub(crate) fn report(facts: &Facts, report: &mut Report) {
    report.gauge(&UP).set([], facts.down.is_none());
    if let Some(server) = &facts.server {
        for (gauge, value) in SERVER {
            if let Some(value) = value(server) {
                report.gauge(gauge).set([], value);
            }
        }
        report.gauge(&IS_REPLICA).set([], server.standby);
        // There it is 0 on a primary.
        let lag = facts.standby.and_then(|standby| standby.lag_seconds);
        report.gauge(&REPLICATION_LAG).set([], lag.unwrap_or(0.0));
    }
    for one in facts.activity.iter().flatten() {
        let labels = [one.database.as_str(), one.state.as_str()];
        report.gauge(&ACTIVITY).set(labels, one.connections);
        report.gauge(&MAX_TX).set(labels, one.transaction_age.unwrap_or(0.0));
    }
    for lock in facts.locks.iter().flatten() {
        report.gauge(&LOCKS).set([&lock.database, &lock.mode], lock.locks);
    }
    replication(facts, report);
    databases(facts, report);
}

fn replication(facts: &Facts, report: &mut Report) {
    for replica in facts.replicas.iter().flatten() {
        if let Some(bytes) = replica.lag_bytes {
            report.gauge(&LSN_DIFF).set([&replica.replica, &replica.address], bytes);
        }
    }
    for slot in facts.slots.iter().flatten() {
        report.gauge(&SLOT_ACTIVE).set([&slot.slot], slot.active);
        if let Some(bytes) = slot.retained_bytes {
            report.gauge(&SLOT_DIFF).set([&slot.slot], bytes);
        }
    }
}

fn databases(facts: &Facts, report: &mut Report) {
    for database in facts.databases.iter().flatten() {
        let labels = [database.id.as_str(), database.name.as_str()];
        if let Some(backends) = database.value("numbackends") {
            report.gauge(&BACKENDS).set(labels, backends);
        }
        for (total, column) in TOTALS {
            if let Some(value) = database.value(column) {
                report.untyped(total).set(labels, value);
            }
        }
    }
    for (name, bytes) in facts.sizes.iter().flatten() {
        report.gauge(&SIZE).set([name], *bytes);
    }
}
