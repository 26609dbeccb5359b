//! What a server that is well tells, under either set of names.

use bellwether_sdk::{Status, fake::json, report::Points};

use super::{but, family, healthy, part, rows, run_with, verdict};

#[test]
fn a_healthy_server_is_ok_and_says_how_it_is() {
    let run = run_with(json!({}), healthy);
    assert_eq!(
        verdict(&run, ""),
        (
            Status::Ok,
            "",
            "PostgreSQL 15.6, 12 of 97 connections, oldest transaction 70 s"
        )
    );
    assert_eq!(run.verdict("").latency_ns, Some(4_000_000));
    assert_eq!(
        verdict(&run, "connections"),
        (
            Status::Ok,
            "",
            "12 of 97 connections used (12 %); 4 of them are a pooler's, whose clients may wait unseen: merge its own exporter"
        )
    );
    assert_eq!(
        verdict(&run, "wraparound shop"),
        (Status::Ok, "", "1 % of the way to wraparound")
    );
    assert!(
        run.report()
            .verdicts()
            .iter()
            .all(|verdict| verdict.status == Status::Ok)
    );
}

#[test]
fn the_canonical_names_are_in_base_units() {
    let run = run_with(json!({}), healthy);
    for (name, labels, value) in [
        ("postgres_up", &[][..], 1.0),
        ("postgres_server_info", &["15.6"], 1.0),
        ("postgres_connections", &["shop", "idle in transaction"], 1.0),
        ("postgres_connections_used", &[], 12.0),
        ("postgres_connections_maximum", &[], 100.0),
        ("postgres_connections_available", &[], 97.0),
        ("postgres_connections_usage_ratio", &[], 12.0 / 97.0),
        ("postgres_connections_pooled", &[], 4.0),
        ("postgres_connections_waiting_for_lock", &[], 1.0),
        ("postgres_transaction_oldest_seconds", &[], 70.0),
        ("postgres_idle_in_transaction_oldest_seconds", &[], 65.0),
        ("postgres_lock_wait_oldest_seconds", &[], 1.25),
        ("postgres_locks", &["shop", "exclusivelock"], 2.0),
        ("postgres_locks_waiting", &[], 1.0),
        ("postgres_start_time_seconds", &[], 1_767_000_000.5),
        ("postgres_standby", &[], 0.0),
        ("postgres_replica_lag_bytes", &["east", "192.0.2.8"], 2048.0),
        ("postgres_replica_lag_seconds", &["east", "192.0.2.8"], 0.5),
        (
            "postgres_replica_info",
            &["east", "192.0.2.8", "streaming", "async"],
            1.0,
        ),
        ("postgres_slot_retained_bytes", &["cdc", "logical"], 4096.0),
        ("postgres_slot_active", &["cdc", "logical"], 0.0),
        ("postgres_database_commits_total", &["shop"], 500.0),
        ("postgres_database_deadlocks_total", &["shop"], 2.0),
        ("postgres_database_temporary_bytes_total", &["shop"], 8192.0),
        ("postgres_database_block_read_seconds_total", &["shop"], 1.5),
        ("postgres_database_cache_hit_ratio", &["shop"], 0.9),
        ("postgres_database_connections_limit", &["shop"], 50.0),
        ("postgres_database_transaction_age", &["shop"], 21_474_836.0),
        ("postgres_database_size_bytes", &["shop"], 1_048_576.0),
        ("postgres_autovacuum_workers", &[], 1.0),
        ("postgres_autovacuum_workers_maximum", &[], 3.0),
        ("postgres_autovacuum_enabled", &[], 1.0),
        ("postgres_table_dead_rows", &["public.orders"], 40.0),
        (
            "postgres_table_last_vacuum_timestamp_seconds",
            &["public.orders"],
            1_767_000_100.0,
        ),
    ] {
        assert_eq!(run.value(name, labels), Some(value), "{name}");
    }
    for (name, labels) in [
        ("postgres_standby_lag_seconds", &[][..]),
        ("postgres_database_cache_hit_ratio", &["postgres"]),
        ("postgres_database_connections_limit", &["postgres"]),
        ("postgres_table_last_analyze_timestamp_seconds", &["public.orders"]),
        ("pg_up", &[]),
        ("database_connections_used", &[]),
    ] {
        assert_eq!(run.value(name, labels), None, "{name}");
    }
}

#[test]
fn the_names_of_postgres_exporter_are_its_own() {
    let run = run_with(json!({ "name_sets": ["postgres_exporter"] }), healthy);
    for (name, labels, value) in [
        ("pg_up", &[][..], 1.0),
        ("pg_stat_activity_count", &["shop", "active"], 2.0),
        (
            "pg_stat_activity_max_tx_duration",
            &["shop", "idle in transaction"],
            70.0,
        ),
        ("pg_settings_max_connections", &[], 100.0),
        ("pg_settings_superuser_reserved_connections", &[], 3.0),
        ("pg_locks_count", &["shop", "accesssharelock"], 5.0),
        ("pg_stat_database_numbackends", &["16384", "shop"], 12.0),
        ("pg_stat_database_deadlocks", &["16384", "shop"], 2.0),
        ("pg_stat_database_blk_read_time", &["16384", "shop"], 1500.0),
        ("pg_database_size_bytes", &["shop"], 1_048_576.0),
        ("pg_replication_is_replica", &[], 0.0),
        ("pg_replication_lag_seconds", &[], 0.0),
        ("pg_stat_replication_pg_wal_lsn_diff", &["east", "192.0.2.8"], 2048.0),
        ("pg_replication_slots_active", &["cdc"], 0.0),
    ] {
        assert_eq!(run.value(name, labels), Some(value), "{name}");
    }
    assert!(matches!(
        family(&run, "pg_stat_database_xact_commit").points,
        Points::Untyped(_)
    ));
    assert_eq!(run.value("postgres_up", &[]), None);
}

#[test]
fn the_pool_is_three_gauges() {
    let run = run_with(json!({ "name_sets": ["pool"], "sections": ["activity"] }), healthy);
    assert_eq!(run.value("database_connections_used", &[]), Some(12.0));
    assert_eq!(run.value("database_connections_max", &[]), Some(97.0));
    assert_eq!(run.value("db_connections", &[]), Some(12.0));
}

#[test]
fn only_wanted_sections_are_asked() {
    let asked = |sql: &str| {
        assert!(["server", "locks"].contains(&part(sql)), "{sql}");
        healthy(sql)
    };
    let run = run_with(json!({ "sections": ["locks"] }), asked);
    assert_eq!(
        run.value("postgres_connections_used", &[]),
        None,
        "what was not asked is not 0"
    );
    assert_eq!(run.verdict("").summary, "PostgreSQL 15.6");
    assert!(
        run.report()
            .verdicts()
            .iter()
            .all(|verdict| verdict.target != "connections")
    );
}

#[test]
fn databases_are_chosen_by_name() {
    let run = run_with(
        json!({ "databases": ["shop", "postgres"], "exclude_databases": ["shop"] }),
        healthy,
    );
    assert_eq!(run.value("postgres_database_commits_total", &["shop"]), None);
    assert_eq!(run.value("postgres_database_commits_total", &["postgres"]), Some(7.0));
    assert_eq!(run.value("postgres_database_size_bytes", &["shop"]), None);
}

#[test]
fn a_total_of_nothing_is_zero_and_not_minus_zero() {
    let none = rows(&["database", "mode", "locks", "waiting"], &[]);
    let run = but(json!({}), "locks", Ok(none));
    let waiting = run.value("postgres_locks_waiting", &[]).expect("known");
    assert!(waiting == 0.0 && waiting.is_sign_positive(), "{waiting:?}");
}
