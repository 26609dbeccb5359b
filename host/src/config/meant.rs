//! What somebody meant who wrote a key or a word that is not there.
//!
//! Pure: words in, words out.

use super::vocabulary::{ALERTING, ALL, CHECK, CONNECTION, HISTORY, HOST, ROOT, RULE, TLS, TableSpec};

/// Keys of a connection that are as likely settings of a plugin, when they stand in the table of a check.
const ALSO_SETTINGS: [&str; 7] = ["url", "methods", "headers", "query", "user", "secrets", "addresses"];

/// Tables about who hears of alerts.
const NEWS: [&str; 4] = ["receiver", "route", "inhibit", "time_interval"];

/// Tables about what applications push, and keys that only these have.
const PUSHED: [&str; 2] = ["source", "heartbeat"];
const PUSHED_KEYS: [&str; 5] = ["project", "origins", "grace", "scrub", "envelopes_per_second"];

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
    ("sources", "source"),
    ("heartbeats", "heartbeat"),
    ("project_id", "project"),
    ("public_key", "key"),
    ("keys", "key"),
    ("dsn", "key"),
    ("token", "key"),
    ("allowed_origins", "origins"),
    ("cors", "origins"),
    ("grace_period", "grace"),
    ("scrubbing", "scrub"),
    ("push", "push_listen"),
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
    let is_pushed = |table: &TableSpec| table.path.first().is_some_and(|first| PUSHED.contains(first));
    if is_pushed(other) {
        return is_pushed(spec) || PUSHED_KEYS.contains(&key);
    }
    // Their keys are common words, which settings of plugins have as well.
    let about_news = |table: &TableSpec| table.path.first().is_some_and(|first| NEWS.contains(first));
    if about_news(other) {
        return about_news(spec) || spec.path == ALERTING.path;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vocabulary::{CHECK_LIMITS, CONNECTION_AUTH, CONNECTION_TLS, DEFAULTS, LOG, ROUTE};

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
        assert_eq!(meant(&CHECK, "title"), Meant::Nothing);
        assert_eq!(meant(&ALERTING, "continue"), Meant::Elsewhere(vec![&ROUTE]));
        assert_eq!(meant(&ROUTE, "matchers"), Meant::Key("match"));
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
