//! Every table and key a file may have, and what somebody meant who wrote another one.
//!
//! Pure: words in, words out. Whether a value is good is for the readers of each table.

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
    ],
    later: &[],
};

pub(super) static HOST: TableSpec = TableSpec {
    path: &["host"],
    keys: &[
        "listen",
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

/// Keys of a connection that are as likely settings of a plugin, when they stand in the table of a check.
const ALSO_SETTINGS: [&str; 7] = ["url", "methods", "headers", "query", "user", "secrets", "addresses"];

static ALL: [&TableSpec; 26] = [
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
];

/// Words people bring from other programs.
static SYNONYMS: &[(&str, &str)] = &[
    ("every", "interval"),
    ("period", "interval"),
    ("frequency", "interval"),
    ("scrape_interval", "interval"),
    ("collection_interval", "interval"),
    ("scrape_timeout", "timeout"),
    ("schedule", "cron"),
    ("tz", "timezone"),
    ("time_zone", "timezone"),
    ("disabled", "enabled"),
    ("enable", "enabled"),
    ("tags", "labels"),
    ("namespace", "prefix"),
    ("capabilities", "allow"),
    ("grants", "allow"),
    ("permissions", "allow"),
    ("config", "settings"),
    ("options", "settings"),
    ("args", "settings"),
    ("params", "settings"),
    ("digest", "sha256"),
    ("checksum", "sha256"),
    ("wasm", "plugin"),
    ("path", "plugin"),
    ("bind", "listen"),
    ("address", "listen"),
    ("listen_address", "listen"),
    ("addr", "listen"),
    ("port", "listen"),
    ("prometheus_port", "listen"),
    ("env", "environment"),
    ("workers", "concurrency"),
    ("threads", "concurrency"),
    ("includes", "include"),
    ("log_level", "level"),
    ("verbosity", "level"),
    ("token", "read"),
    ("cert", "certificate"),
    ("checks", "check"),
    ("plugins", "check"),
    ("global", "defaults"),
    ("logging", "log"),
    ("server", "host"),
    ("receivers", "receiver"),
    ("rules", "rule"),
    ("routes", "route"),
    ("alerts", "alerting"),
    ("alert", "alerting"),
    ("retention_time", "retention"),
    ("retain", "retention"),
    ("keep", "retention"),
    ("memory_limit", "memory"),
    ("stale", "stale_after"),
    ("mem", "memory"),
    ("retry", "retry_interval"),
    ("critical", "required"),
    ("optional", "required"),
    ("connections", "connection"),
    ("uri", "url"),
    ("address", "url"),
    ("endpoint", "url"),
    ("base_url", "url"),
    ("host", "url"),
    ("dsn", "url"),
    ("method", "methods"),
    ("header", "headers"),
    ("params", "query"),
    ("username", "user"),
    ("login", "user"),
    ("pass", "password"),
    ("token", "auth"),
    ("authorization", "auth"),
    ("hmac", "sign"),
    ("signature", "sign"),
    ("cidr", "addresses"),
    ("networks", "addresses"),
    ("ssl", "tls"),
    ("ca_file", "ca"),
    ("ca_cert", "ca"),
    ("cert_file", "certificate"),
    ("key_file", "key"),
    ("sni", "server_name"),
    ("insecure_skip_verify", "insecure"),
    ("skip_verify", "insecure"),
    ("expression", "expr"),
    ("query", "expr"),
    ("condition", "expr"),
    ("duration", "for"),
    ("pending", "for"),
    ("name", "alert"),
    ("no_data", "on_no_data"),
    ("files", "rule_files"),
    ("matchers", "match"),
    ("matcher", "match"),
    ("match_re", "match"),
    ("source_match", "source"),
    ("source_matchers", "source"),
    ("target_match", "target"),
    ("target_matchers", "target"),
    ("mute_time_intervals", "mute_times"),
    ("active_time_intervals", "active_times"),
    ("time_intervals", "time_interval"),
    ("mute_time_intervals", "time_interval"),
    ("inhibit_rules", "inhibit"),
    ("inhibitions", "inhibit"),
    ("location", "timezone"),
    ("days", "weekdays"),
    ("hours", "times"),
    ("smarthost", "server"),
    ("smtp", "server"),
    ("resolved", "send_resolved"),
    ("subject", "title"),
    ("body", "text"),
    ("message", "text"),
    ("default_receivers", "receivers"),
    ("receiver", "receivers"),
    ("heartbeat", "heartbeat_url"),
    ("alertmanager", "alertmanager_file"),
];

/// The candidate a word was probably meant to be.
pub(crate) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let word = plain(word);
    // Long keys are no typing errors, and distance is quadratic.
    if word.len() > 64 {
        return None;
    }
    let tolerated = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What an unknown key was meant to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// This key of the same table.
    Key(&'static str),
    /// A part that this version does not have.
    Later(&'static str),
    /// The same key of other tables.
    Elsewhere(Vec<&'static TableSpec>),
    /// Nobody knows.
    Nothing,
}

impl PartialEq for TableSpec {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for TableSpec {}

/// What `key`, which `spec` does not have, was meant to be.
pub(super) fn meant(spec: &'static TableSpec, key: &str) -> Meant {
    if let Some(later) = spec.later.iter().find(|later| **later == key) {
        return Meant::Later(later);
    }
    let elsewhere: Vec<_> = ALL
        .into_iter()
        .filter(|other| *other != spec && other.path != ROOT.path && other.keys.contains(&key))
        .filter(|other| likely_owner(spec, other, key))
        .collect();
    if !elsewhere.is_empty() && !synonym(spec, key) {
        return Meant::Elsewhere(elsewhere);
    }
    let known = || spec.keys.iter().chain(spec.later).copied();
    let mut by_name = SYNONYMS.iter().filter(|(word, _)| *word == key);
    let guess = by_name
        .find_map(|(_, meant)| known().find(|known| known == meant))
        .or_else(|| nearest(key, known()));
    match guess {
        Some(later) if spec.later.contains(&later) => Meant::Later(later),
        Some(key) => Meant::Key(key),
        None if elsewhere.is_empty() => Meant::Nothing,
        None => Meant::Elsewhere(elsewhere),
    }
}

/// Whether somebody who wrote `key` into `spec` may have meant the one of `other`. The small tables inside a connection
/// have common words for keys; from outside, nobody means those.
fn likely_owner(spec: &TableSpec, other: &TableSpec, key: &str) -> bool {
    // Elsewhere these two are a check's.
    if other.path == HISTORY.path && ["interval", "memory"].contains(&key) {
        return false;
    }
    let of_connection = |table: &TableSpec| table.path.first() == Some(&"connection");
    // What a rule shares with a check is meant for the check.
    if other.path == RULE.path {
        return !CHECK.keys.contains(&key) && !of_connection(spec);
    }
    match (of_connection(spec), of_connection(other)) {
        (true, true) => is_kin(spec, other),
        (false, true) => other.path == CONNECTION.path && !(spec.path == CHECK.path && ALSO_SETTINGS.contains(&key)),
        (true, false) => other.path != TLS.path && other.path != HOST.path,
        (false, false) => true,
    }
}

/// Whether one of two tables stands in the other.
fn is_kin(one: &TableSpec, other: &TableSpec) -> bool {
    one.path.starts_with(other.path) || other.path.starts_with(one.path)
}

/// Whether `key` stands for another key of this very table.
fn synonym(spec: &TableSpec, key: &str) -> bool {
    SYNONYMS
        .iter()
        .any(|(word, meant)| *word == key && spec.keys.contains(meant))
}

/// Whether this is a key of `[connection.NAME]`: in `headers`, `query` or `secrets` it probably slid there.
pub(super) fn is_connection_key(key: &str) -> bool {
    CONNECTION.keys.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_understood() {
        assert_eq!(meant(&CHECK, "intervall"), Meant::Key("interval"));
        assert_eq!(meant(&CHECK, "stale-after"), Meant::Key("stale_after"));
        assert_eq!(meant(&CHECK, "Timeout"), Meant::Key("timeout"));
        assert_eq!(meant(&ROOT, "checks"), Meant::Key("check"));
        assert_eq!(meant(&ROOT, "recevier"), Meant::Key("receiver"));
        assert_eq!(meant(&CHECK, "conection"), Meant::Key("connection"));
        assert_eq!(meant(&CHECK, "url"), Meant::Nothing);
        assert_eq!(meant(&CONNECTION, "address"), Meant::Key("url"));
        assert_eq!(meant(&HOST, "address"), Meant::Key("listen"));
        assert_eq!(meant(&CONNECTION_TLS, "sni"), Meant::Key("server_name"));
        assert_eq!(nearest("sytem", ["system", "state"]), Some("system"));
        assert_eq!(nearest("xy", ["ab"]), None);
    }

    #[test]
    fn keys_of_other_tables_are_recognised() {
        assert_eq!(meant(&LOG, "listen"), Meant::Elsewhere(vec![&HOST]));
        assert_eq!(
            meant(&CHECK_LIMITS, "interval"),
            Meant::Elsewhere(vec![&DEFAULTS, &CHECK])
        );
        assert_eq!(meant(&ROOT, "plugin"), Meant::Elsewhere(vec![&CHECK]));
        assert_eq!(meant(&CHECK, "password"), Meant::Elsewhere(vec![&CONNECTION]));
        assert_eq!(meant(&CONNECTION, "bearer"), Meant::Elsewhere(vec![&CONNECTION_AUTH]));
        assert_eq!(meant(&CONNECTION_TLS, "password"), Meant::Elsewhere(vec![&CONNECTION]));
        assert_eq!(meant(&CONNECTION, "timeout"), Meant::Elsewhere(vec![&DEFAULTS, &CHECK]));
    }

    #[test]
    fn synonyms_lead_to_keys_that_exist() {
        for (word, meant) in SYNONYMS {
            let known = ALL
                .iter()
                .any(|spec| spec.keys.contains(meant) || spec.later.contains(meant));
            assert!(known, "{word} → {meant}");
        }
    }
}
