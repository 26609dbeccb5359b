//! A subset of the names, types and labels of redis_exporter, so that dashboards and rules written for it work.
//!
//! Names: redis_exporter 1.88.0, `exporter/exporter.go`, `exporter/info.go`, `exporter/streams.go`. Its `redis_up` is 0 when Redis does not
//! answer; here the run fails then, and there is no report to stand in.

use bellwether_sdk::{
    Description, Report, context,
    metric::{Counter, Gauge, Info},
};

use super::{Server, Table};
use crate::{picture::Picture, streams::Stream};

const TABLE: Table = Table {
    gauges: &[
        (
            Gauge::new("redis_uptime_in_seconds", "uptime_in_seconds of INFO.", []),
            |server| server.number("uptime_in_seconds"),
        ),
        (
            Gauge::new("redis_connected_clients", "connected_clients of INFO.", []),
            |server| server.number("connected_clients"),
        ),
        (
            Gauge::new("redis_blocked_clients", "blocked_clients of INFO.", []),
            |server| server.number("blocked_clients"),
        ),
        (Gauge::new("redis_max_clients", "maxclients of INFO.", []), |server| {
            server.number("maxclients")
        }),
        (
            Gauge::new("redis_memory_used_bytes", "used_memory of INFO.", []),
            |server| server.number("used_memory"),
        ),
        (
            Gauge::new("redis_memory_used_rss_bytes", "used_memory_rss of INFO.", []),
            |server| server.number("used_memory_rss"),
        ),
        (
            Gauge::new("redis_memory_used_peak_bytes", "used_memory_peak of INFO.", []),
            |server| server.number("used_memory_peak"),
        ),
        (
            Gauge::new("redis_memory_max_bytes", "maxmemory of INFO.", []),
            |server| server.number("maxmemory"),
        ),
        (
            Gauge::new("redis_mem_fragmentation_ratio", "mem_fragmentation_ratio of INFO.", []),
            |server| server.number("mem_fragmentation_ratio"),
        ),
        (
            Gauge::new(
                "redis_mem_not_counted_for_eviction_bytes",
                "mem_not_counted_for_evict of INFO.",
                [],
            ),
            |server| server.number("mem_not_counted_for_evict"),
        ),
        (
            Gauge::new("redis_loading_dump_file", "loading of INFO.", []),
            |server| server.number("loading"),
        ),
        (
            Gauge::new(
                "redis_rdb_changes_since_last_save",
                "rdb_changes_since_last_save of INFO.",
                [],
            ),
            |server| server.number("rdb_changes_since_last_save"),
        ),
        (
            Gauge::new("redis_rdb_bgsave_in_progress", "rdb_bgsave_in_progress of INFO.", []),
            |server| server.number("rdb_bgsave_in_progress"),
        ),
        (
            Gauge::new(
                "redis_rdb_last_save_timestamp_seconds",
                "rdb_last_save_time of INFO.",
                [],
            ),
            |server| server.number("rdb_last_save_time"),
        ),
        (
            Gauge::new(
                "redis_rdb_last_bgsave_duration_sec",
                "rdb_last_bgsave_time_sec of INFO.",
                [],
            ),
            |server| server.number("rdb_last_bgsave_time_sec"),
        ),
        (Gauge::new("redis_aof_enabled", "aof_enabled of INFO.", []), |server| {
            server.number("aof_enabled")
        }),
        (
            Gauge::new("redis_aof_rewrite_in_progress", "aof_rewrite_in_progress of INFO.", []),
            |server| server.number("aof_rewrite_in_progress"),
        ),
        (
            Gauge::new("redis_latest_fork_usec", "latest_fork_usec of INFO.", []),
            |server| server.number("latest_fork_usec"),
        ),
        (
            Gauge::new("redis_connected_slaves", "connected_slaves of INFO.", []),
            |server| server.number("connected_slaves"),
        ),
        (
            Gauge::new("redis_master_repl_offset", "master_repl_offset of INFO.", []),
            |server| server.number("master_repl_offset"),
        ),
        (
            Gauge::new("redis_replication_backlog_bytes", "repl_backlog_size of INFO.", []),
            |server| server.number("repl_backlog_size"),
        ),
        (
            Gauge::new(
                "redis_rdb_last_bgsave_status",
                "rdb_last_bgsave_status of INFO; 1 for ok.",
                [],
            ),
            |server| server.is("rdb_last_bgsave_status", "ok"),
        ),
        (
            Gauge::new(
                "redis_aof_last_bgrewrite_status",
                "aof_last_bgrewrite_status of INFO; 1 for ok.",
                [],
            ),
            |server| server.is("aof_last_bgrewrite_status", "ok"),
        ),
        (
            Gauge::new(
                "redis_aof_last_write_status",
                "aof_last_write_status of INFO; 1 for ok.",
                [],
            ),
            |server| server.is("aof_last_write_status", "ok"),
        ),
    ],
    counters: &[
        (
            Counter::new(
                "redis_connections_received_total",
                "total_connections_received of INFO.",
                [],
            ),
            |server| server.number("total_connections_received"),
        ),
        (
            Counter::new(
                "redis_commands_processed_total",
                "total_commands_processed of INFO.",
                [],
            ),
            |server| server.number("total_commands_processed"),
        ),
        (
            Counter::new("redis_rejected_connections_total", "rejected_connections of INFO.", []),
            |server| server.number("rejected_connections"),
        ),
        (
            Counter::new("redis_net_input_bytes_total", "total_net_input_bytes of INFO.", []),
            |server| server.number("total_net_input_bytes"),
        ),
        (
            Counter::new("redis_net_output_bytes_total", "total_net_output_bytes of INFO.", []),
            |server| server.number("total_net_output_bytes"),
        ),
        (
            Counter::new("redis_expired_keys_total", "expired_keys of INFO.", []),
            |server| server.number("expired_keys"),
        ),
        (
            Counter::new("redis_evicted_keys_total", "evicted_keys of INFO.", []),
            |server| server.number("evicted_keys"),
        ),
        (
            Counter::new("redis_keyspace_hits_total", "keyspace_hits of INFO.", []),
            |server| server.number("keyspace_hits"),
        ),
        (
            Counter::new("redis_keyspace_misses_total", "keyspace_misses of INFO.", []),
            |server| server.number("keyspace_misses"),
        ),
        (
            Counter::new("redis_cpu_sys_seconds_total", "used_cpu_sys of INFO.", []),
            |server| server.number("used_cpu_sys"),
        ),
        (
            Counter::new("redis_cpu_user_seconds_total", "used_cpu_user of INFO.", []),
            |server| server.number("used_cpu_user"),
        ),
    ],
};

const UP: Gauge<0> = Gauge::new("redis_up", "1: Redis answered.", []);
const START: Gauge<0> = Gauge::new("redis_start_time_seconds", "Unix time at which Redis started.", []);
const INSTANCE: Info<6> = Info::new(
    "redis_instance_info",
    "What Redis it is.",
    [
        "role",
        "redis_version",
        "redis_build_id",
        "redis_mode",
        "os",
        "maxmemory_policy",
    ],
);
const KEYS: Gauge<1> = Gauge::new("redis_db_keys", "Keys of a database.", ["db"]);
const KEYS_EXPIRING: Gauge<1> = Gauge::new("redis_db_keys_expiring", "Keys of a database that will expire.", ["db"]);
const LINK_UP: Gauge<2> = Gauge::new(
    "redis_master_link_up",
    "Of a replica: 1 when its link to the primary is up.",
    ["master_host", "master_port"],
);
const LAST_IO: Gauge<2> = Gauge::new(
    "redis_master_last_io_seconds_ago",
    "Of a replica: time since it last heard from its primary.",
    ["master_host", "master_port"],
);
const STREAM_LENGTH: Gauge<2> = Gauge::new("redis_stream_length", "Entries of a stream.", ["db", "stream"]);
const STREAM_GROUPS: Gauge<2> = Gauge::new("redis_stream_groups", "Consumer groups of a stream.", ["db", "stream"]);
const GROUP_LABELS: [&str; 3] = ["db", "stream", "group"];
const GROUP_LAG: Gauge<3> = Gauge::new(
    "redis_stream_group_lag",
    "Entries that no consumer was given yet.",
    GROUP_LABELS,
);
const GROUP_PENDING: Gauge<3> = Gauge::new(
    "redis_stream_group_messages_pending",
    "Entries that were given to a consumer and not acknowledged.",
    GROUP_LABELS,
);
const GROUP_CONSUMERS: Gauge<3> = Gauge::new("redis_stream_group_consumers", "Consumers of a group.", GROUP_LABELS);
const CONSUMER_IDLE: Gauge<4> = Gauge::new(
    "redis_stream_group_consumer_idle_seconds",
    "Time since a consumer last did something.",
    ["db", "stream", "group", "consumer"],
);

pub(super) fn describe(about: &mut Description) {
    TABLE.describe(about);
    about
        .metric(&UP)
        .metric(&START)
        .metric(&INSTANCE)
        .metric(&KEYS)
        .metric(&KEYS_EXPIRING)
        .metric(&LINK_UP)
        .metric(&LAST_IO)
        .metric(&STREAM_LENGTH)
        .metric(&STREAM_GROUPS)
        .metric(&GROUP_LAG)
        .metric(&GROUP_PENDING)
        .metric(&GROUP_CONSUMERS)
        .metric(&CONSUMER_IDLE);
}

pub(super) fn report(picture: &Picture, report: &mut Report) {
    report.gauge(&UP).set([], 1);
    for (name, stream) in &picture.streams {
        of_stream(name, stream, report);
    }
    let Some(server) = &picture.server else { return };
    TABLE.report(server, report);
    if let Some(uptime) = server.number("uptime_in_seconds") {
        report
            .gauge(&START)
            .set([], context::scheduled_at_unix() as f64 - uptime);
    }
    of_databases(server, report);
    of_replica(server, report);
    let text = |name: &str| server.text(name).unwrap_or_default();
    let labels = [
        text("role"),
        text("redis_version"),
        text("redis_build_id"),
        text("redis_mode"),
        text("os"),
        text("maxmemory_policy"),
    ];
    report.info(&INSTANCE).set(labels);
}

fn of_databases(server: &Server, report: &mut Report) {
    for database in server.databases() {
        report.gauge(&KEYS).set([&database.name], database.keys);
        report.gauge(&KEYS_EXPIRING).set([&database.name], database.expiring);
    }
}

fn of_replica(server: &Server, report: &mut Report) {
    let (Some(host), Some(port)) = (server.text("master_host"), server.text("master_port")) else {
        return;
    };
    if let Some(up) = server.is("master_link_status", "up") {
        report.gauge(&LINK_UP).set([host, port], up);
    }
    if let Some(seconds) = server.number("master_last_io_seconds_ago") {
        report.gauge(&LAST_IO).set([host, port], seconds);
    }
}

/// The database is the connection's; keys of others are not read.
fn of_stream(name: &str, stream: &Stream, report: &mut Report) {
    let db = format!("db{}", crate::database());
    if let Some(length) = stream.length {
        report.gauge(&STREAM_LENGTH).set([&db, name], length);
        report.gauge(&STREAM_GROUPS).set([&db, name], stream.groups.len());
    }
    for (group, known) in &stream.groups {
        let labels = [db.as_str(), name, group];
        let values = [
            (&GROUP_LAG, known.lag),
            (&GROUP_PENDING, known.pending),
            (&GROUP_CONSUMERS, known.consumers),
        ];
        for (gauge, value) in values {
            if let Some(value) = value {
                report.gauge(gauge).set(labels, value);
            }
        }
        for (consumer, idle) in &known.idle {
            report.gauge(&CONSUMER_IDLE).set([&db, name, group, consumer], *idle);
        }
    }
}
