//! `[check.NAME]` and `[defaults]`.
//!
//! Flows in: tables. Flows out: resolved checks, those that are enabled. Whether a plugin exists and whether it likes its
//! settings is found out later, by the sandbox.

mod schedule;
mod tuning;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tuning::Tuning;

use super::{
    Connection,
    connection::Connections,
    guest::{self, FileGuest, GuestPlace},
    named::Kind,
    reader::Reader,
    reading::Reading,
    resolved::{Check, Limits, PluginSource},
    source::At,
    tree::{Entry, Table},
    vocabulary::{CHECK, CHECK_LIMITS, DEFAULT_LIMITS, DEFAULTS},
    wording::excerpt,
};
pub use schedule::{
    INTERVAL_DEFAULT, INTERVAL_MAX, INTERVAL_MIN, STALE_AFTER_MAX, TIMEOUT_DEFAULT, TIMEOUT_MAX, TIMEOUT_MIN,
};
pub(super) use tuning::labels;
pub use tuning::{LABELS_MAX, PREFIX_BYTES_MAX};

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
    guest: FileGuest,
    cron: Option<At<String>>,
    tuning: Tuning,
}

/// Everything that came out of the check tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    pub(super) checks: BTreeMap<Arc<str>, Arc<Check>>,
    /// Those with `enabled = false`.
    pub(super) disabled: BTreeMap<Arc<str>, Arc<Check>>,
    pub(super) places: BTreeMap<String, GuestPlace>,
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
        let place = GuestPlace {
            name: entry.key_span,
            table: table.clone(),
        };
        all.places.insert(entry.key.clone(), place);
        let mut file = read(reading, entry, table);
        let bound = file.guest.bind(reading, connections, &mut all.used);
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
        guest: guest::read(&reader),
        cron: reader.string("cron"),
        tuning: tuning::read(&reader, &CHECK_LIMITS),
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
            origin: file.guest.plugin?.value,
            sha256: file.guest.sha256,
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
        allow: file.guest.allow,
        connections: BTreeMap::new(),
        required: file.tuning.required.or(defaults.required).unwrap_or(true),
        settings: file.guest.settings,
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
