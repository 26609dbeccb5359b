//! From `bellwether.toml` to a resolved [`Config`], with every problem found on the way.
//!
//! Flows in: a path or nothing, and an [`Environment`]. Flows out: [`Loaded`], or [`Problems`], all of them at once, each
//! with file, line, column and what to do. Two kinds of types: what a file says, with places (private), and what the
//! program uses ([`Config`]); only the second leaves this module.
//!
//! The way: `search` finds and reads files, `tree` parses them, `reader` reads tables and `reading` notes problems, `vocabulary`,
//! `meant` and `unknown` know what was meant, `conceal` keeps secrets out of all of it, `host`, `access`, `log`, `history`, `connection`, `check` and `guest`, `alerting`, `dispatch`, `pushed` and `rule` resolve their tables, `leak` refuses secrets where they would get out, `print` and `locate` speak about the
//! result. It does not know which plugins exist, and it validates no settings against a schema: it only finds the place
//! of what others found wrong.

mod access;
mod alerting;
mod alertmanager;
mod check;
mod conceal;
mod connection;
mod cron;
mod dispatch;
mod environment;
mod foreign;
mod guest;
mod history;
mod host;
mod include;
mod leak;
mod load;
mod locate;
mod log;
mod meant;
mod migrate;
mod named;
mod pattern;
mod print;
mod problem;
mod pushed;
mod reader;
mod reading;
mod reference;
mod resolved;
mod rule;
mod search;
mod source;
mod tree;
mod units;
mod unknown;
mod user;
mod vocabulary;
mod within;
mod wording;

pub use access::{TOKEN_BYTES_MAX, TOKEN_BYTES_MIN};
pub use alerting::{EVALUATION_INTERVAL_DEFAULT, EVALUATION_INTERVAL_MAX, EVALUATION_INTERVAL_MIN, RULE_FILES_MAX};
pub use check::{
    CHECK_NAME_BYTES_MAX, CHECKS_MAX, INTERVAL_DEFAULT, INTERVAL_MAX, INTERVAL_MIN, LABELS_MAX, PREFIX_BYTES_MAX,
    STALE_AFTER_MAX, TIMEOUT_DEFAULT, TIMEOUT_MAX, TIMEOUT_MIN,
};
pub use connection::{
    AddressError, Addresses, CONNECTIONS_MAX, Connection, HOP_BY_HOP, HttpAuth, METHODS_DEFAULT, Protocol, Proxy, Sign,
    TlsOptions,
};
pub use cron::{Cron, CronError};
pub use dispatch::{
    GROUP_INTERVAL_DEFAULT, GROUP_WAIT_DEFAULT, INHIBITIONS_MAX, INTERVALS_MAX, RECEIVER_TIMEOUT_DEFAULT,
    RECEIVERS_MAX, REPEAT_INTERVAL_DEFAULT, RESOLVE_TIMEOUT_DEFAULT, ROUTES_MAX,
};
pub use environment::Environment;
pub use guest::MEMORY_MAX;
pub use history::{
    HISTORY_INTERVAL_DEFAULT, HISTORY_JOB_DEFAULT, HISTORY_MEMORY_DEFAULT, HISTORY_RETENTION_DEFAULT,
    HISTORY_RETENTION_UNSELECTED_DEFAULT,
};
pub use host::{CONCURRENCY_DEFAULT, CONCURRENCY_MAX, LISTEN_DEFAULT};
pub use include::FILES_MAX;
pub use load::{LoadRequest, Loaded, cache_dir, load};
pub use migrate::{Migration, migrate};
pub use pattern::NamePattern;
pub use print::InForce;
pub use problem::{Location, PROBLEMS_SHOWN_MAX, Problem, Problems, Severity};
pub use pushed::{HEARTBEAT_GRACE_DEFAULT, HEARTBEATS_MAX, SOURCES_MAX};
pub use resolved::*;
pub use rule::{RULE_DURATION_MAX, RULES_MAX};
pub use search::FILE_BYTES_MAX;
pub use units::show_duration;
pub use user::{PluginUse, User};
pub use within::place_within;

/// The candidate that `word` was probably meant to be, if one is close: for "did you mean" about names that `config`
/// does not know, such as bundled plugins.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    meant::nearest(word, candidates)
}

/// The text of a file that a configuration names, with the same limits as the configuration's own files.
///
/// # Errors
///
/// It is not there, no regular file, too large, or not UTF-8.
pub fn read_file(path: &std::path::Path) -> Result<String, Problems> {
    search::read(path)
}

/// The files that a pattern with `*` and `?` names, sorted; relative to `folder`. Blocks on file access.
///
/// # Errors
///
/// A folder on the way cannot be listed.
pub fn matching_files(folder: &std::path::Path, pattern: &str) -> std::io::Result<Vec<std::path::PathBuf>> {
    search::matching(folder, pattern)
}

/// `[check.web]`: how a table begins that has this path.
pub fn header(path: &[&str]) -> String {
    let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
    wording::title(&path)
}

/// `{ default = "cache" }`: a table of strings in a line, as TOML wants it.
pub fn inline_table(entries: &[(&str, &str)]) -> String {
    let each = entries.iter().map(|(key, value)| {
        let value = toml::Value::String((*value).to_owned());
        format!("{} = {value}", wording::bare_or_quoted(key))
    });
    format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
}
