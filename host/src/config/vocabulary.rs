//! Every table and key a file may have. What somebody meant who wrote another one is `meant`'s, whether a value is good is for the
//! readers of each table.

/// The keys of one kind of table.
#[derive(Debug)]
pub(super) struct TableSpec {
    /// Path; `NAME` stands for any name.
    pub(super) path: &'static [&'static str],
    /// Keys it may have.
    pub(super) keys: &'static [&'static str],
    /// Keys that planned parts will have and this version has not: they deserve better than "unknown".
    pub(super) later: &'static [&'static str],
}

pub(super) static ROOT: TableSpec = TableSpec {
    path: &[],
    keys: &[
        "host",
        "access",
        "log",
        "history",
        "defaults",
        "connection",
        "check",
        "alerting",
        "rule",
        "receiver",
        "route",
        "inhibit",
        "time_interval",
        "source",
        "heartbeat",
    ],
    later: &[],
};

pub(super) static HOST: TableSpec = TableSpec {
    path: &["host"],
    keys: &[
        "listen",
        "push_listen",
        "environment",
        "state_dir",
        "cache_dir",
        "concurrency",
        "include",
        "heartbeat_url",
    ],
    later: &[],
};

pub(super) static ACCESS: TableSpec = TableSpec {
    path: &["access"],
    keys: &["read", "push", "admin", "open", "tls"],
    later: &[],
};

pub(super) static TLS: TableSpec = TableSpec {
    path: &["access", "tls"],
    keys: &["certificate", "key"],
    later: &["client_ca"],
};

pub(super) static LOG: TableSpec = TableSpec {
    path: &["log"],
    keys: &["level", "format"],
    later: &[],
};

pub(super) static HISTORY: TableSpec = TableSpec {
    path: &["history"],
    keys: &[
        "interval",
        "retention",
        "retention_unselected",
        "memory",
        "job",
        "instance",
    ],
    later: &[],
};

pub(super) static DEFAULTS: TableSpec = TableSpec {
    path: &["defaults"],
    keys: &[
        "interval",
        "retry_interval",
        "timeout",
        "stale_after",
        "timezone",
        "prefix",
        "labels",
        "limits",
        "required",
    ],
    later: &[],
};

pub(super) static DEFAULT_LIMITS: TableSpec = TableSpec {
    path: &["defaults", "limits"],
    keys: LIMIT_KEYS,
    later: &[],
};

pub(super) static CHECK: TableSpec = TableSpec {
    path: &["check", "NAME"],
    keys: &[
        "enabled",
        "plugin",
        "sha256",
        "interval",
        "cron",
        "timezone",
        "retry_interval",
        "timeout",
        "stale_after",
        "prefix",
        "labels",
        "limits",
        "allow",
        "connection",
        "connections",
        "required",
        "settings",
    ],
    later: &[],
};

pub(super) static CHECK_LIMITS: TableSpec = TableSpec {
    path: &["check", "NAME", "limits"],
    keys: LIMIT_KEYS,
    later: &[],
};

const LIMIT_KEYS: &[&str] = &["memory", "cpu", "series", "state", "log_lines"];

pub(super) static CONNECTION: TableSpec = TableSpec {
    path: &["connection", "NAME"],
    keys: &[
        "url",
        "methods",
        "headers",
        "query",
        "secrets",
        "auth",
        "sign",
        "user",
        "password",
        "addresses",
        "proxy",
        "tls",
    ],
    later: &[],
};

pub(super) static CONNECTION_AUTH: TableSpec = TableSpec {
    path: &["connection", "NAME", "auth"],
    keys: &["basic", "bearer"],
    later: &[],
};

pub(super) static CONNECTION_BASIC: TableSpec = TableSpec {
    path: &["connection", "NAME", "auth", "basic"],
    keys: &["user", "password"],
    later: &[],
};

pub(super) static CONNECTION_SIGN: TableSpec = TableSpec {
    path: &["connection", "NAME", "sign"],
    keys: &["header", "key", "prefix", "timestamp_header"],
    later: &[],
};

pub(super) static CONNECTION_PROXY: TableSpec = TableSpec {
    path: &["connection", "NAME", "proxy"],
    keys: &["url", "user", "password"],
    later: &[],
};

pub(super) static CONNECTION_TLS: TableSpec = TableSpec {
    path: &["connection", "NAME", "tls"],
    keys: &["ca", "ca_only", "certificate", "key", "server_name", "insecure"],
    later: &[],
};

pub(super) static ALERTING: TableSpec = TableSpec {
    path: &["alerting"],
    keys: &[
        "rule_files",
        "evaluation_interval",
        "bundled_rules",
        "bundled",
        "alertmanager_file",
        "receivers",
        "fallback_receivers",
        "group_by",
        "group_wait",
        "group_interval",
        "repeat_interval",
        "resolve_timeout",
        "external_url",
        "external_labels",
        "redact_labels",
    ],
    later: &[],
};

pub(super) static ROUTE: TableSpec = TableSpec {
    path: &["route"],
    keys: &[
        "name",
        "parent",
        "match",
        "receivers",
        "continue",
        "group_by",
        "group_wait",
        "group_interval",
        "repeat_interval",
        "mute_times",
        "active_times",
    ],
    later: &[],
};

pub(super) static INHIBIT: TableSpec = TableSpec {
    path: &["inhibit"],
    keys: &["source", "target", "equal"],
    later: &[],
};

pub(super) static TIME_INTERVAL: TableSpec = TableSpec {
    path: &["time_interval", "NAME"],
    keys: &[
        "times",
        "weekdays",
        "days_of_month",
        "months",
        "years",
        "timezone",
        "any",
    ],
    later: &[],
};

/// One of `any`.
pub(super) static TIME_INTERVAL_PART: TableSpec = TableSpec {
    path: &["time_interval", "NAME", "any"],
    keys: &["times", "weekdays", "days_of_month", "months", "years", "timezone"],
    later: &[],
};

pub(super) static RECEIVER: TableSpec = TableSpec {
    path: &["receiver", "NAME"],
    keys: &[
        "plugin",
        "email",
        "log",
        "sha256",
        "limits",
        "connection",
        "connections",
        "settings",
        "timeout",
        "send_resolved",
        "title",
        "text",
        "rate_limit",
        "runs",
    ],
    later: &[],
};

pub(super) static RECEIVER_LIMITS: TableSpec = TableSpec {
    path: &["receiver", "NAME", "limits"],
    keys: &["memory", "cpu", "state", "log_lines"],
    later: &[],
};

pub(super) static EMAIL: TableSpec = TableSpec {
    path: &["receiver", "NAME", "email"],
    keys: &[
        "server", "security", "user", "password", "from", "to", "cc", "bcc", "reply_to", "hello", "tls",
    ],
    later: &[],
};

pub(super) static SOURCE: TableSpec = TableSpec {
    path: &["source", "NAME"],
    keys: &["project", "key", "origins", "receivers", "limits", "scrub"],
    later: &[],
};

pub(super) static SOURCE_LIMITS: TableSpec = TableSpec {
    path: &["source", "NAME", "limits"],
    keys: &["envelopes_per_second", "bytes_per_second", "series"],
    later: &[],
};

pub(super) static SOURCE_SCRUB: TableSpec = TableSpec {
    path: &["source", "NAME", "scrub"],
    keys: &["emails", "ips", "bodies"],
    later: &[],
};

pub(super) static HEARTBEAT: TableSpec = TableSpec {
    path: &["heartbeat", "NAME"],
    keys: &["interval", "grace", "key", "description", "labels", "required"],
    later: &[],
};

pub(super) static BUNDLED_ALERT: TableSpec = TableSpec {
    path: &["alerting", "bundled", "NAME"],
    keys: &["enabled", "for", "labels", "annotations"],
    later: &[],
};

pub(super) static RULE: TableSpec = TableSpec {
    path: &["rule"],
    keys: &[
        "alert",
        "record",
        "expr",
        "for",
        "keep_firing_for",
        "labels",
        "annotations",
        "interval",
        "group",
        "on_no_data",
    ],
    later: &[],
};

pub(super) static ALL: [&TableSpec; 30] = [
    &ROOT,
    &HOST,
    &ACCESS,
    &TLS,
    &LOG,
    &HISTORY,
    &DEFAULTS,
    &DEFAULT_LIMITS,
    &CHECK,
    &CHECK_LIMITS,
    &CONNECTION,
    &CONNECTION_AUTH,
    &CONNECTION_BASIC,
    &CONNECTION_SIGN,
    &CONNECTION_PROXY,
    &CONNECTION_TLS,
    &ALERTING,
    &BUNDLED_ALERT,
    &RULE,
    &ROUTE,
    &INHIBIT,
    &TIME_INTERVAL,
    &TIME_INTERVAL_PART,
    &RECEIVER,
    &RECEIVER_LIMITS,
    &EMAIL,
    &SOURCE,
    &SOURCE_LIMITS,
    &SOURCE_SCRUB,
    &HEARTBEAT,
];

impl PartialEq for TableSpec {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for TableSpec {}

/// Whether this is a key of `[connection.NAME]`: in `headers`, `query` or `secrets` it probably slid there.
pub(super) fn is_connection_key(key: &str) -> bool {
    CONNECTION.keys.contains(&key)
}
