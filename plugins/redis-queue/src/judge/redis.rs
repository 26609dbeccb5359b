//! Verdicts on Redis itself: what loses jobs, or stops them from being taken in. What is well has none.

use bellwether_sdk::{Code, Description};

use super::{Book, Finding, Severity, duration, plural};
use crate::{memory::Changes, picture::Picture, server::Server, settings::Thresholds, target::Target};

const MEMORY_HIGH: Code = Code::new(
    "memory_high",
    "Redis comes near its maxmemory: it will refuse writes, or evict.",
);
const EVICTION_POSSIBLE: Code = Code::new(
    "eviction_possible",
    "Redis may drop jobs when memory is short: set maxmemory-policy to noeviction, and keep caches in another Redis.",
);
const EVICTING: Code = Code::new(
    "evicting",
    "Redis drops keys for want of memory: jobs may be lost. Free memory or raise maxmemory.",
);
const SAVE_FAILED: Code = Code::new(
    "save_failed",
    "Redis cannot save to disk: unless configured otherwise it refuses all writes, and a restart loses jobs. See its log, and whether the disk is full.",
);
const REPLICATION_DOWN: Code = Code::new(
    "replication_down",
    "This replica is cut off from its primary: what it says about queues is old.",
);
const CLIENTS_HIGH: Code = Code::new(
    "clients_high",
    "Redis comes near its maxclients: workers and producers will be refused.",
);
const CLIENTS_REFUSED: Code = Code::new(
    "clients_refused",
    "Redis refused connections because there were too many: raise maxclients, or find who leaks them.",
);
const CLIENTS_BLOCKED: Code = Code::new(
    "clients_blocked",
    "More clients wait in a blocking command than the threshold allows.",
);
const LOADING: Code = Code::new(
    "loading",
    "Redis loads its data and answers nothing else until it is done.",
);

pub(super) fn describe(about: &mut Description) {
    let codes = [
        &MEMORY_HIGH,
        &EVICTION_POSSIBLE,
        &EVICTING,
        &SAVE_FAILED,
        &REPLICATION_DOWN,
        &CLIENTS_HIGH,
        &CLIENTS_REFUSED,
        &CLIENTS_BLOCKED,
        &LOADING,
    ];
    for code in codes {
        about.code(code);
    }
}

pub(super) fn report(target: &Target, picture: &Picture, changes: &Changes, book: &mut Book<'_>) {
    let Some(server) = &picture.server else { return };
    let thresholds = &target.settings.thresholds;
    let parts = [
        ("redis", loading(server)),
        ("redis memory", memory(server, changes, thresholds)),
        ("redis persistence", persistence(server)),
        ("redis replication", replication(server)),
        ("redis clients", clients(server, changes, thresholds)),
    ];
    for (part, findings) in parts {
        book.unwell(part, findings);
    }
}

fn loading(server: &Server) -> Vec<Finding> {
    if server.number("loading") != Some(1.0) {
        return Vec::new();
    }
    let percent = server.number("loading_loaded_perc");
    let done = percent.map_or_else(String::new, |percent| format!(", {percent:.0} % done"));
    let text = format!("Redis is loading its data{done}");
    vec![Finding::new(Severity::Critical, &LOADING, text)]
}

fn memory(server: &Server, changes: &Changes, thresholds: &Thresholds) -> Vec<Finding> {
    let ratio = server.memory_ratio();
    let percent = ratio.map(|ratio| ratio * 100.0);
    let high = Finding::of(percent, thresholds.memory_percent, &MEMORY_HIGH, |percent, level| {
        format!("{percent:.1} % of maxmemory used, more than {level} %")
    });
    let evicted = changes.evicted.filter(|keys| *keys > 0).map(|keys| {
        let text = format!(
            "{} evicted since the run before",
            plural(keys as f64, "key was", "keys were")
        );
        Finding::new(Severity::Critical, &EVICTING, text)
    });
    // Without a limit there is nothing to evict for, whatever the policy.
    let policy = server
        .text("maxmemory_policy")
        .filter(|policy| *policy != "noeviction" && ratio.is_some());
    let possible = policy.map(|policy| {
        let text = format!("maxmemory-policy is {policy}: Redis may drop jobs when memory is short");
        Finding::new(Severity::Warning, &EVICTION_POSSIBLE, text)
    });
    [evicted, high, possible].into_iter().flatten().collect()
}

fn persistence(server: &Server) -> Vec<Finding> {
    let checks = [
        (
            "rdb_last_bgsave_status",
            Severity::Critical,
            "the last snapshot could not be saved",
        ),
        (
            "aof_last_write_status",
            Severity::Critical,
            "the last write to the append-only file failed",
        ),
        (
            "aof_last_bgrewrite_status",
            Severity::Warning,
            "the append-only file could not be rewritten",
        ),
    ];
    let failed = checks
        .into_iter()
        .filter(|(field, ..)| server.text(field) == Some("err"));
    failed
        .map(|(_, severity, text)| Finding::new(severity, &SAVE_FAILED, text))
        .collect()
}

fn replication(server: &Server) -> Vec<Finding> {
    if server.text("role") != Some("slave") || server.text("master_link_status") != Some("down") {
        return Vec::new();
    }
    let since = server
        .number("master_link_down_since_seconds")
        .filter(|seconds| *seconds >= 0.0);
    let since = since.map_or_else(String::new, |seconds| format!(" for {}", duration(seconds)));
    let text = format!("the link to the primary has been down{since}");
    vec![Finding::new(Severity::Critical, &REPLICATION_DOWN, text)]
}

fn clients(server: &Server, changes: &Changes, thresholds: &Thresholds) -> Vec<Finding> {
    let percent = server.clients_ratio().map(|ratio| ratio * 100.0);
    let high = Finding::of(percent, thresholds.clients_percent, &CLIENTS_HIGH, |percent, level| {
        format!("{percent:.1} % of maxclients connected, more than {level} %")
    });
    let refused = changes
        .rejected
        .filter(|connections| *connections > 0)
        .map(|connections| {
            let many = plural(connections as f64, "connection was", "connections were");
            Finding::new(
                Severity::Warning,
                &CLIENTS_REFUSED,
                format!("{many} refused since the run before"),
            )
        });
    let blocked = server.number("blocked_clients");
    let blocked = Finding::of(
        blocked,
        thresholds.blocked_clients,
        &CLIENTS_BLOCKED,
        |blocked, level| {
            format!(
                "{} blocked, more than {level}",
                plural(blocked, "client is", "clients are")
            )
        },
    );
    [high, refused, blocked].into_iter().flatten().collect()
}
