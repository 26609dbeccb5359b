//! Redis itself, and what in it endangers queues.

use bellwether_sdk::{
    Status,
    fake::{Run, json},
};

use super::lab::{Lab, assert_well, code};

const WELL: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nuptime_in_seconds:100\r\n\
# Clients\r\nconnected_clients:5\r\nmaxclients:100\r\nblocked_clients:2\r\n\
# Memory\r\nused_memory:500\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:1.25\r\n\
# Persistence\r\nloading:0\r\nrdb_last_bgsave_status:ok\r\naof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\n\
# Stats\r\nevicted_keys:7\r\nrejected_connections:3\r\ntotal_commands_processed:99\r\nlatest_fork_usec:2500\r\n\
# Replication\r\nrole:master\r\nconnected_slaves:1\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n";

fn settings() -> serde_json::Value {
    json!({ "backend": "list", "queues": ["jobs"] })
}

fn lab(from: &str, to: &str) -> Lab {
    assert!(WELL.contains(from), "{from}");
    Lab::new(|redis| redis.info = WELL.replace(from, to))
}

/// What is said of a part when one line is another one.
fn said(part: &str, from: &str, to: &str) -> (Status, String, String) {
    let run = lab(from, to).run(settings());
    let verdict = run.verdict(part);
    (verdict.status, verdict.code.clone(), verdict.summary.clone())
}

fn expected(status: Status, code: &str, summary: &str) -> (Status, String, String) {
    (status, code.to_owned(), summary.to_owned())
}

#[test]
fn a_healthy_redis_is_silent() {
    let run = lab("role:master", "role:master").run(settings());
    assert_well(&run);
    assert_eq!(run.report().verdicts().len(), 2, "the whole, and the queue");
}

#[test]
fn canonical_names_are_the_default() {
    let run = lab("role:master", "role:master").run(settings());
    let value = |metric: &str| run.value(metric, &[]);
    assert_eq!(value("redis_server_memory_used_bytes"), Some(500.0));
    assert_eq!(value("redis_server_memory_usage_ratio"), Some(0.5));
    assert_eq!(value("redis_server_evicted_keys_total"), Some(7.0));
    assert_eq!(value("redis_server_fork_seconds"), Some(0.0025));
    assert_eq!(value("redis_server_append_only_write_ok"), Some(1.0));
    assert_eq!(value("redis_server_replication_link_up"), None);
    assert_eq!(run.value("redis_server_keys", &["db0"]), Some(3.0));
    assert_eq!(
        run.value("redis_server_info", &["7.0.15", "standalone", "master", "noeviction"]),
        Some(1.0)
    );
    assert_eq!(value("redis_up"), None);
}

#[test]
fn names_of_redis_exporter_are_there_when_asked_for() {
    let settings = json!({ "backend": "list", "queues": ["jobs"], "name_sets": ["redis_exporter"] });
    let run = lab("role:master", "role:master").run(settings);
    let value = |metric: &str| run.value(metric, &[]);
    assert_eq!(value("redis_up"), Some(1.0));
    assert_eq!(value("redis_memory_used_bytes"), Some(500.0));
    assert_eq!(value("redis_memory_max_bytes"), Some(1000.0));
    assert_eq!(value("redis_rdb_last_bgsave_status"), Some(1.0));
    assert_eq!(value("redis_commands_processed_total"), Some(99.0));
    assert_eq!(value("redis_start_time_seconds"), Some(1_767_225_500.0));
    assert_eq!(run.value("redis_db_keys", &["db0"]), Some(3.0));
    assert_eq!(value("redis_server_uptime_seconds"), None);
}

#[test]
fn an_evicting_policy_may_lose_jobs() {
    let found = said("redis memory", "noeviction", "allkeys-lru");
    let summary = "maxmemory-policy is allkeys-lru: Redis may drop jobs when memory is short";
    assert_eq!(found, expected(Status::Warning, "eviction_possible", summary));
    let unlimited = WELL
        .replace("noeviction", "allkeys-lru")
        .replace("maxmemory:1000", "maxmemory:0");
    assert_well(&Lab::new(|redis| redis.info = unlimited).run(settings()));
}

#[test]
fn evictions_and_refused_connections_are_told_when_they_rise() {
    let mut lab = lab("role:master", "role:master");
    assert_well(&lab.run(settings()));
    lab.with(|redis| {
        redis.info = WELL
            .replace("evicted_keys:7", "evicted_keys:9")
            .replace("rejected_connections:3", "rejected_connections:4")
    });
    let run = lab.later(30, settings());
    assert_eq!(
        run.verdict("redis memory").summary,
        "2 keys were evicted since the run before"
    );
    assert_eq!(
        (run.status("redis memory"), code(&run, "redis memory").as_str()),
        (Status::Critical, "evicting")
    );
    assert_eq!(
        run.verdict("redis clients").summary,
        "1 connection was refused since the run before"
    );
    assert_eq!(code(&run, "redis clients"), "clients_refused");
    assert_well(&lab.later(30, settings()));
}

#[test]
fn memory_near_its_limit_is_told() {
    let warned = said("redis memory", "used_memory:500", "used_memory:950");
    assert_eq!(
        warned,
        expected(
            Status::Warning,
            "memory_high",
            "95.0 % of maxmemory used, more than 90 %"
        )
    );
    assert_eq!(
        said("redis memory", "used_memory:500", "used_memory:980").0,
        Status::Critical
    );
}

#[test]
fn saves_that_fail_are_critical() {
    let found = said(
        "redis persistence",
        "rdb_last_bgsave_status:ok",
        "rdb_last_bgsave_status:err",
    );
    assert_eq!(
        found,
        expected(Status::Critical, "save_failed", "the last snapshot could not be saved")
    );
    assert_eq!(
        said(
            "redis persistence",
            "aof_last_write_status:ok",
            "aof_last_write_status:err"
        )
        .0,
        Status::Critical
    );
    assert_eq!(
        said(
            "redis persistence",
            "aof_last_bgrewrite_status:ok",
            "aof_last_bgrewrite_status:err"
        )
        .0,
        Status::Warning
    );
}

#[test]
fn a_replica_cut_off_from_its_primary_is_critical() {
    let replica = "role:slave\r\nmaster_host:10.0.0.7\r\nmaster_port:6379\r\nmaster_link_status:down\r\n\
        master_last_io_seconds_ago:-1\r\nmaster_link_down_since_seconds:300";
    let found = said("redis replication", "role:master", replica);
    assert_eq!(
        found,
        expected(
            Status::Critical,
            "replication_down",
            "the link to the primary has been down for 5 min"
        )
    );
    let run = lab("role:master", &replica.replace("down\r", "up\r")).run(settings());
    assert_well(&run);
    assert_eq!(run.value("redis_server_replication_link_up", &[]), Some(1.0));
}

#[test]
fn clients_near_their_limit_are_told_and_blocked_ones_when_asked_for() {
    let found = said("redis clients", "connected_clients:5", "connected_clients:85");
    assert_eq!(
        found,
        expected(
            Status::Warning,
            "clients_high",
            "85.0 % of maxclients connected, more than 80 %"
        )
    );
    let limits = json!({ "blocked_clients": { "warning": 1 } });
    let settings = json!({ "backend": "list", "queues": ["jobs"], "thresholds": limits });
    let run: Run = lab("role:master", "role:master").run(settings);
    assert_eq!(code(&run, "redis clients"), "clients_blocked");
    assert_eq!(
        run.verdict("redis clients").summary,
        "2 clients are blocked, more than 1"
    );
}

#[test]
fn a_redis_that_loads_is_critical() {
    let found = said("redis", "loading:0", "loading:1\r\nloading_loaded_perc:41.6");
    assert_eq!(
        found,
        expected(Status::Critical, "loading", "Redis is loading its data, 42 % done")
    );
}

#[test]
fn redis_itself_can_be_left_out() {
    let mut lab = lab("noeviction", "allkeys-lru");
    let run = lab.run(json!({ "backend": "list", "queues": ["jobs"], "redis_health": false }));
    assert_well(&run);
    assert!(lab.with(|redis| redis.sent.iter().all(|words| words[0] != "INFO")));
}
