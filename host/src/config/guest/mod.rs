//! What every table has that uses a plugin, a check or a receiver: `plugin`, `sha256`, `allow`, `limits`, `connection`,
//! `connections` and `settings`.
//!
//! Flows in: such a table. Flows out: the same values for both kinds, and where each stands. Whether the plugin exists, and
//! whether it takes the connections and the settings, is found out when it is loaded.

mod bindings;
mod limits;
mod plugin;
mod settings;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

pub use limits::MEMORY_MAX;

use super::{
    Connection,
    connection::Connections,
    reader::Reader,
    reading::Reading,
    resolved::{Capability, Limits, PluginOrigin},
    source::{At, Span},
    tree::{Node, Table, Value},
    vocabulary::TableSpec,
    wording::{excerpt, one_of},
};

/// As the file says it.
#[derive(Debug)]
pub(super) struct FileGuest {
    pub(super) plugin: Option<At<PluginOrigin>>,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) allow: BTreeSet<Capability>,
    /// Slots and names of connections.
    bindings: Vec<(String, At<String>)>,
    /// As JSON; "{}" when there are none.
    pub(super) settings: Arc<str>,
}

/// Where a table that uses a plugin stands, for problems found later.
#[derive(Clone)]
pub(super) struct GuestPlace {
    pub(super) name: Span,
    pub(super) table: Table,
}

/// Without the table: a password may stand in it.
impl fmt::Debug for GuestPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestPlace({:?})", self.name)
    }
}

/// `limits`; which of them there are, `spec` says.
pub(super) fn limits(reader: &Reader<'_, '_>, spec: &'static TableSpec) -> Limits {
    limits::read(reader, spec)
}

pub(super) fn read(reader: &Reader<'_, '_>) -> FileGuest {
    let settings = reader.node("settings").map(|node| settings::read(reader, node));
    FileGuest {
        plugin: plugin::origin(reader),
        sha256: plugin::sha256(reader),
        allow: allow(reader),
        bindings: bindings::read(reader),
        settings: settings.map_or_else(|| "{}".into(), |settings| settings.to_string().into()),
    }
}

impl FileGuest {
    /// The connections it names, by slot. Their names are added to `used`, those that do not exist are noted.
    pub(super) fn bind(
        &mut self,
        reading: &Reading<'_>,
        connections: &Connections,
        used: &mut BTreeSet<String>,
    ) -> BTreeMap<String, Arc<Connection>> {
        let bound = std::mem::take(&mut self.bindings);
        used.extend(bound.iter().map(|(_, name)| name.value.clone()));
        bindings::resolve(reading, bound, connections)
    }
}

/// Warns of keys of `reader`'s table that stand in a table below it: TOML gives a key to the header above it.
pub(super) fn warn_of_slid_keys(reader: &Reader<'_, '_>, below: &Table, message: impl Fn(&str) -> String) {
    for entry in below.entries.iter().filter(|_| below.headed) {
        if reader.spec.keys.contains(&entry.key.as_str()) && reader.table.get(&entry.key).is_none() {
            let line = reader.reading.sources.line(below.span);
            let hint = format!(
                "if `{}` of `{}` is meant, move it above line {line}, where another table begins",
                entry.key,
                reader.title()
            );
            reader.reading.warn(entry.key_span, message(&entry.key), hint);
        }
    }
}

/// What a machine is like is no business of who carries news out: a receiver has no such key.
fn allow(reader: &Reader<'_, '_>) -> BTreeSet<Capability> {
    if !reader.spec.keys.contains(&"allow") {
        return BTreeSet::new();
    }
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

impl GuestPlace {
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

    /// The settings, if there are any.
    pub(super) fn settings(&self) -> Option<&Node> {
        self.table.get("settings").map(|entry| &entry.node)
    }
}
