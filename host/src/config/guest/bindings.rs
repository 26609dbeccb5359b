//! `connection = "NAME"` and `connections = { SLOT = "NAME" }`: which connection is used for which of the plugin's slots.
//! Whether the plugin has such a slot is found out when it is loaded.

use std::{collections::BTreeMap, sync::Arc};

use super::super::{
    Connection,
    connection::Connections,
    meant,
    reader::Reader,
    reading::{Reading, Secrets},
    source::At,
    tree::{Entry, Value},
    wording::{bare_or_quoted, excerpt},
};

/// The slot of a plugin that has one.
const SLOT_DEFAULT: &str = "default";

/// Slots and the names of connections, as the file says them.
pub(super) fn read(reader: &Reader<'_, '_>) -> Vec<(String, At<String>)> {
    match (reader.node("connection"), reader.node("connections")) {
        (Some(_), Some(second)) => {
            let word = reader.path.first().map_or("check", String::as_str);
            let message = format!("`connection` and `connections` both say which connections the {word} uses");
            let hint = format!("keep `connections`; `connection` is its `{SLOT_DEFAULT}`");
            reader.reading.error(second.span, message, hint);
            Vec::new()
        }
        (Some(_), None) => {
            let name = reader.string("connection");
            name.map(|name| (SLOT_DEFAULT.to_owned(), name)).into_iter().collect()
        }
        (None, _) => many(reader),
    }
}

fn many(reader: &Reader<'_, '_>) -> Vec<(String, At<String>)> {
    let Some(node) = reader.node("connections") else {
        return Vec::new();
    };
    let Value::Table(table) = &node.value else {
        let hint = match &node.value {
            Value::String(_) => "one alone is written connection = \"NAME\"",
            _ => "for example: connections = { default = \"NAME\" }",
        };
        reader.wrong("connections", node, "a table", Some(hint.to_owned()));
        return Vec::new();
    };
    super::warn_of_slid_keys(reader, table, |key| format!("`{key}` is read as the name of a slot"));
    table
        .entries
        .iter()
        .filter_map(|entry| binding(reader, entry))
        .collect()
}

fn binding(reader: &Reader<'_, '_>, entry: &Entry) -> Option<(String, At<String>)> {
    let key = format!("connections.{}", bare_or_quoted(&entry.key));
    let name = reader.text(&key, &entry.node, "the name of a connection", Secrets::Refused)?;
    let span = entry.node.span;
    Some((entry.key.clone(), At { value: name.text, span }))
}

/// The connections themselves; one that does not exist is noted, one with problems of its own left out.
pub(super) fn resolve(
    reading: &Reading<'_>,
    bindings: Vec<(String, At<String>)>,
    connections: &Connections,
) -> BTreeMap<String, Arc<Connection>> {
    let mut bound = BTreeMap::new();
    for (slot, name) in bindings {
        match connections.all.get(name.value.as_str()) {
            Some(connection) => {
                bound.insert(slot, Arc::clone(connection));
            }
            None if connections.places.contains_key(&name.value) => {}
            None => unknown(reading, &name, connections),
        }
    }
    bound
}

fn unknown(reading: &Reading<'_>, name: &At<String>, connections: &Connections) {
    let known = || connections.places.keys().map(String::as_str);
    let shown = excerpt(&name.value);
    let hint = match meant::nearest(&name.value, known()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if name.value.contains("://") => {
            "an address has a table of its own, and its name stands here:\n  [connection.NAME]\n  url = \"…\""
                .to_owned()
        }
        None => {
            let table = bare_or_quoted(&shown);
            format!("add it, or name another one:\n  [connection.{table}]\n  url = \"https://HOST/\"")
        }
    };
    reading.error(name.span, format!("there is no connection `{shown}`"), hint);
}
