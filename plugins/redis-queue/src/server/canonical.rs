//! Names of our own for Redis itself: `redis_server_*`, in base units.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge, Info},
};

use super::{Server, Table};
use crate::picture::Picture;

const TABLE: Table = Table {
    gauges: &[
        (
            Gauge::new("redis_server_uptime_seconds", "How long Redis has been running.", []),
            |server| server.number("uptime_in_seconds"),
        ),
        (
            Gauge::new("redis_server_clients", "Connected clients, without replicas.", []),
            |server| server.number("connected_clients"),
        ),
        (
            Gauge::new(
                "redis_server_clients_blocked",
                "Clients that wait in a blocking command; idle workers do.",
                [],
            ),
            |server| server.number("blocked_clients"),
        ),
        (
            Gauge::new("redis_server_clients_maximum", "Clients that Redis takes at most.", []),
            |server| server.number("maxclients"),
        ),
        (
            Gauge::new("redis_server_memory_used_bytes", "Memory that Redis has allocated.", []),
            |server| server.number("used_memory"),
        ),
        (
            Gauge::new(
                "redis_server_memory_resident_bytes",
                "Memory of the process, as the system sees it.",
                [],
            ),
            |server| server.number("used_memory_rss"),
        ),
        (
            Gauge::new(
                "redis_server_memory_peak_bytes",
                "The most memory that Redis has allocated since it started.",
                [],
            ),
            |server| server.number("used_memory_peak"),
        ),
        (
            Gauge::new("redis_server_memory_maximum_bytes", "`maxmemory`; 0: no limit.", []),
            |server| server.number("maxmemory"),
        ),
        (
            Gauge::new(
                "redis_server_memory_usage_ratio",
                "Memory that counts against `maxmemory`, as part of it; absent without a limit.",
                [],
            ),
            Server::memory_ratio,
        ),
        (
            Gauge::new(
                "redis_server_memory_fragmentation_ratio",
                "Resident memory by allocated memory.",
                [],
            ),
            |server| server.number("mem_fragmentation_ratio"),
        ),
        (
            Gauge::new(
                "redis_server_operations_per_second",
                "Commands a second, over the last seconds, as Redis measures it.",
                [],
            ),
            |server| server.number("instantaneous_ops_per_sec"),
        ),
        (
            Gauge::new(
                "redis_server_loading",
                "1 while Redis loads its data and answers nothing else.",
                [],
            ),
            |server| server.number("loading"),
        ),
        (
            Gauge::new("redis_server_save_ok", "1 when the last snapshot was saved.", []),
            |server| server.is("rdb_last_bgsave_status", "ok"),
        ),
        (
            Gauge::new(
                "redis_server_last_save_timestamp_seconds",
                "Unix time of the last snapshot that was saved.",
                [],
            ),
            |server| server.number("rdb_last_save_time"),
        ),
        (
            Gauge::new(
                "redis_server_changes_since_save",
                "Changes that no snapshot holds yet.",
                [],
            ),
            |server| server.number("rdb_changes_since_last_save"),
        ),
        (
            Gauge::new("redis_server_append_only", "1 when the append-only file is on.", []),
            |server| server.number("aof_enabled"),
        ),
        (
            Gauge::new(
                "redis_server_append_only_write_ok",
                "1 when the last write to the append-only file succeeded.",
                [],
            ),
            |server| server.is("aof_last_write_status", "ok"),
        ),
        (
            Gauge::new(
                "redis_server_fork_seconds",
                "How long the last fork stopped everything.",
                [],
            ),
            |server| Some(server.number("latest_fork_usec")? / 1e6),
        ),
        (
            Gauge::new("redis_server_replicas", "Replicas that are connected.", []),
            |server| server.number("connected_slaves"),
        ),
        (
            Gauge::new(
                "redis_server_replication_link_up",
                "Of a replica: 1 when its link to the primary is up.",
                [],
            ),
            |server| server.is("master_link_status", "up"),
        ),
        (
            Gauge::new(
                "redis_server_replication_silence_seconds",
                "Of a replica: time since it last heard from its primary.",
                [],
            ),
            |server| {
                server
                    .number("master_last_io_seconds_ago")
                    .filter(|seconds| *seconds >= 0.0)
            },
        ),
    ],
    counters: &[
        (
            Counter::new("redis_server_connections_total", "Connections that were accepted.", []),
            |server| server.number("total_connections_received"),
        ),
        (
            Counter::new(
                "redis_server_connections_rejected_total",
                "Connections that were refused because there were too many.",
                [],
            ),
            |server| server.number("rejected_connections"),
        ),
        (
            Counter::new("redis_server_commands_total", "Commands that were processed.", []),
            |server| server.number("total_commands_processed"),
        ),
        (
            Counter::new("redis_server_errors_total", "Replies that were errors.", []),
            |server| server.number("total_error_replies"),
        ),
        (
            Counter::new(
                "redis_server_evicted_keys_total",
                "Keys that were dropped for want of memory.",
                [],
            ),
            |server| server.number("evicted_keys"),
        ),
        (
            Counter::new("redis_server_expired_keys_total", "Keys whose time was over.", []),
            |server| server.number("expired_keys"),
        ),
        (
            Counter::new(
                "redis_server_keyspace_hits_total",
                "Look-ups of a key that was there.",
                [],
            ),
            |server| server.number("keyspace_hits"),
        ),
        (
            Counter::new(
                "redis_server_keyspace_misses_total",
                "Look-ups of a key that was not there.",
                [],
            ),
            |server| server.number("keyspace_misses"),
        ),
        (
            Counter::new("redis_server_receive_bytes_total", "Bytes that clients sent.", []),
            |server| server.number("total_net_input_bytes"),
        ),
        (
            Counter::new(
                "redis_server_transmit_bytes_total",
                "Bytes that were sent to clients.",
                [],
            ),
            |server| server.number("total_net_output_bytes"),
        ),
        (
            Counter::new("redis_server_cpu_system_seconds_total", "CPU time in the kernel.", []),
            |server| server.number("used_cpu_sys"),
        ),
        (
            Counter::new(
                "redis_server_cpu_user_seconds_total",
                "CPU time outside the kernel.",
                [],
            ),
            |server| server.number("used_cpu_user"),
        ),
    ],
};

const KEYS: Gauge<1> = Gauge::new("redis_server_keys", "Keys of a database.", ["database"]);
const KEYS_EXPIRING: Gauge<1> = Gauge::new(
    "redis_server_keys_expiring",
    "Keys of a database that will expire.",
    ["database"],
);
const ROUND_TRIP: Gauge<0> = Gauge::new(
    "redis_server_round_trip_seconds",
    "How long the first round trip of the run took, all its commands included.",
    [],
);
const ABOUT: Info<4> = Info::new(
    "redis_server_info",
    "What Redis it is.",
    ["version", "mode", "role", "maxmemory_policy"],
);

pub(super) fn describe(about: &mut Description) {
    TABLE.describe(about);
    about
        .metric(&KEYS)
        .metric(&KEYS_EXPIRING)
        .metric(&ROUND_TRIP)
        .metric(&ABOUT);
}

pub(super) fn report(picture: &Picture, report: &mut Report) {
    if let Some(latency) = picture.latency {
        report.gauge(&ROUND_TRIP).set([], latency);
    }
    let Some(server) = &picture.server else { return };
    TABLE.report(server, report);
    for database in server.databases() {
        report.gauge(&KEYS).set([&database.name], database.keys);
        report.gauge(&KEYS_EXPIRING).set([&database.name], database.expiring);
    }
    let text = |name: &str| server.text(name).unwrap_or_default();
    let values = [
        text("redis_version"),
        text("redis_mode"),
        text("role"),
        text("maxmemory_policy"),
    ];
    report.info(&ABOUT).set(values);
}
