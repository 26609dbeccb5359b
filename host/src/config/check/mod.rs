//! `[check.NAME]` and `[defaults]`.
//!
//! Flows in: tables. Flows out: resolved checks, those that are enabled. Whether a plugin exists and whether it likes its
//! settings is found out later, by the sandbox.

mod bindings;
mod plugin;
mod schedule;
mod settings;
mod tuning;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tuning::Tuning;

use super::{
    Connection,
    connection::Connections,
    named::Kind,
    reader::Reader,
    reading::Reading,
    resolved::{Capability, Check, Limits, PluginOrigin, PluginSource},
    source::{At, Span},
    tree::{Entry, Node, Table, Value},
    vocabulary::{CHECK, CHECK_LIMITS, DEFAULT_LIMITS, DEFAULTS},
    wording::{excerpt, one_of},
};
pub use schedule::{
    INTERVAL_DEFAULT, INTERVAL_MAX, INTERVAL_MIN, STALE_AFTER_MAX, TIMEOUT_DEFAULT, TIMEOUT_MAX, TIMEOUT_MIN,
};
pub use tuning::{LABELS_MAX, MEMORY_MAX, PREFIX_BYTES_MAX};

/// Longest name of a check, in bytes: it is a label value on each of its series, part of file names and of URLs.
pub const CHECK_NAME_BYTES_MAX: usize = 100;

/// Most checks of one configuration: five times what the bench runs. Past it, run several hosts.
pub const CHECKS_MAX: usize = 50_000;

/// Of the tables read here.
const KIND: Kind = Kind {
    word: "check",
    spec: &CHECK,
};

/// One `[check.NAME]` as the file says it.
#[derive(Debug)]
struct FileCheck {
    name: At<String>,
    enabled: bool,
    plugin: Option<At<PluginOrigin>>,
    sha256: Option<[u8; 32]>,
    cron: Option<At<String>>,
    tuning: Tuning,
    allow: BTreeSet<Capability>,
    /// Slots and names of connections.
    bindings: Vec<(String, At<String>)>,
    settings: Option<serde_json::Value>,
}

/// Where the tables of a check stand, for problems found later.
#[derive(Clone, Debug)]
pub(super) struct CheckPlace {
    pub(super) name: Span,
    pub(super) table: Table,
}

/// Everything that came out of the check tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    pub(super) checks: BTreeMap<Arc<str>, Arc<Check>>,
    /// Those with `enabled = false`.
    pub(super) disabled: BTreeMap<Arc<str>, Arc<Check>>,
    pub(super) places: BTreeMap<String, CheckPlace>,
    /// Names of the connections that some check names.
    pub(super) used: BTreeSet<String>,
}

/// `[defaults]`.
pub(super) fn read_defaults(root: &Reader<'_, '_>) -> Tuning {
    let Some(table) = root.table("defaults", &DEFAULTS) else {
        return Tuning::default();
    };
    let defaults = tuning::read(&table, &DEFAULT_LIMITS);
    schedule::check_defaults(root.reading, &defaults);
    defaults
}

/// Every check of the main file and the included ones, in that order.
pub(super) fn resolve<'r>(
    reading: &'r Reading<'_>,
    roots: impl IntoIterator<Item = &'r Table>,
    defaults: &Tuning,
    connections: &Connections,
) -> Checks {
    let mut all = Checks::default();
    for entry in roots.into_iter().flat_map(|root| KIND.entries(reading, root)) {
        let Some(table) = KIND.table(reading, entry) else {
            continue;
        };
        if let Some(first) = all.places.get(&entry.key) {
            KIND.duplicate(reading, entry, first.name);
            continue;
        }
        if all.places.len() == CHECKS_MAX {
            let hint = "share the checks among several hosts".to_owned();
            reading.error(entry.key_span, format!("more than {CHECKS_MAX} checks"), hint);
            break;
        }
        let place = CheckPlace {
            name: entry.key_span,
            table: table.clone(),
        };
        all.places.insert(entry.key.clone(), place);
        let mut file = read(reading, entry, table);
        let bound = std::mem::take(&mut file.bindings);
        all.used.extend(bound.iter().map(|(_, name)| name.value.clone()));
        let bound = bindings::resolve(reading, bound, connections);
        add(reading, file, table, defaults, bound, &mut all);
    }
    all
}

fn add(
    reading: &Reading<'_>,
    file: FileCheck,
    table: &Table,
    defaults: &Tuning,
    connections: BTreeMap<String, Arc<Connection>>,
    all: &mut Checks,
) {
    let enabled = file.enabled;
    // A disabled check is looked at all the same: who enables it at night wants no surprise.
    let Some(mut check) = resolve_one(reading, file, table, defaults) else {
        return;
    };
    check.connections = connections;
    let kept = if enabled { &mut all.checks } else { &mut all.disabled };
    kept.insert(check.name.clone(), Arc::new(check));
}

fn read(reading: &Reading<'_>, entry: &Entry, table: &Table) -> FileCheck {
    KIND.name(reading, entry);
    let reader = Reader::new(reading, table, &CHECK, &["check", &entry.key]);
    FileCheck {
        name: At {
            value: entry.key.clone(),
            span: entry.key_span,
        },
        enabled: reader.boolean("enabled").is_none_or(|enabled| enabled.value),
        plugin: plugin::origin(&reader),
        sha256: plugin::sha256(&reader),
        cron: reader.string("cron"),
        tuning: tuning::read(&reader, &CHECK_LIMITS),
        allow: allow(&reader),
        bindings: bindings::read(&reader),
        settings: reader.node("settings").map(|node| settings::read(&reader, node)),
    }
}

fn allow(reader: &Reader<'_, '_>) -> BTreeSet<Capability> {
    let words = reader.strings("allow").unwrap_or_default();
    words
        .iter()
        .filter_map(|word| capability(reader.reading, word))
        .collect()
}

fn capability(reading: &Reading<'_>, word: &At<String>) -> Option<Capability> {
    let shown = excerpt(&word.value);
    match word.value.as_str() {
        "system" => return Some(Capability::System),
        "http" | "redis" | "postgres" => reading.error(
            word.span,
            format!("capability `{shown}` is not granted by `allow`: a connection grants one place to reach"),
            granted_by_connection(example_url(&word.value)),
        ),
        "context" | "log" | "state" => reading.error(
            word.span,
            format!("capability `{shown}` needs no grant: every plugin has it"),
            "remove it".to_owned(),
        ),
        other => reading.error(
            word.span,
            format!("`{shown}` is not a capability that can be granted"),
            one_of(other, ["system"].into_iter()),
        ),
    }
    None
}

/// The lines that grant what `allow` cannot.
fn granted_by_connection(url: &str) -> String {
    format!(
        "remove it; give the check a connection:\n  [connection.NAME]\n  url = \"{url}\"\n\n  [check.NAME]\n  connection = \
         \"NAME\""
    )
}

fn example_url(capability: &str) -> &'static str {
    match capability {
        "redis" => "rediss://HOST:6379/0",
        "postgres" => "postgres://HOST:5432/DATABASE",
        _ => "https://HOST/",
    }
}

/// `None`: a problem was noted.
fn resolve_one(reading: &Reading<'_>, file: FileCheck, table: &Table, defaults: &Tuning) -> Option<Check> {
    let At { value: name, span } = file.name;
    if table.get("plugin").is_none() {
        let hint = "name a bundled one, or a file: plugin = \"system\", plugin = \"plugins/mine.wasm\"".to_owned();
        reading.error(span, format!("check `{}` names no plugin", excerpt(&name)), hint);
    }
    let schedule = schedule::resolve(reading, &file.tuning, file.cron.as_ref(), defaults);
    let location = reading.sources.file_and_line(span);
    let schedule::Times {
        schedule,
        timeout,
        stale_after,
    } = schedule?;
    Some(Check {
        name: name.into(),
        plugin: PluginSource {
            origin: file.plugin?.value,
            sha256: file.sha256,
        },
        plugin_edition: 0,
        schedule,
        timeout,
        stale_after,
        prefix: file
            .tuning
            .prefix
            .or_else(|| defaults.prefix.clone())
            .unwrap_or_default(),
        labels: tuning::merged_labels(&defaults.labels, &file.tuning.labels),
        limits: merged_limits(&defaults.limits, &file.tuning.limits),
        allow: file.allow,
        connections: BTreeMap::new(),
        required: file.tuning.required.or(defaults.required).unwrap_or(true),
        settings: file
            .settings
            .map_or_else(|| "{}".into(), |settings| settings.to_string().into()),
        location,
    })
}

/// Limit by limit.
fn merged_limits(defaults: &Limits, own: &Limits) -> Limits {
    Limits {
        memory_bytes: own.memory_bytes.or(defaults.memory_bytes),
        cpu: own.cpu.or(defaults.cpu),
        series: own.series.or(defaults.series),
        state_bytes: own.state_bytes.or(defaults.state_bytes),
        log_lines: own.log_lines.or(defaults.log_lines),
    }
}

impl CheckPlace {
    /// The value of a key, else where the table begins.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.table.get(key).map_or(self.name, |entry| entry.node.span)
    }

    /// The name of the connection in `slot`, else what binds connections, else where the table begins.
    pub(super) fn span_of_slot(&self, slot: &str) -> Span {
        let Some(many) = self.table.get("connections") else {
            return self.span_of("connection");
        };
        match &many.node.value {
            Value::Table(slots) => slots.get(slot).map_or(many.key_span, |entry| entry.node.span),
            _ => many.node.span,
        }
    }

    /// The settings, if the check has any.
    pub(super) fn settings(&self) -> Option<&Node> {
        self.table.get("settings").map(|entry| &entry.node)
    }
}
