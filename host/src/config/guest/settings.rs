//! `settings` as the JSON that a plugin is handed.

use serde_json::{Map, Number};

use super::super::{
    reader::Reader,
    reading::{Reading, Secrets},
    tree::{Node, Table, Value},
    wording::{bare_or_quoted, excerpt},
};

/// Always an object. Where something cannot be handed over, a problem is noted and null stands there.
pub(super) fn read(reader: &Reader<'_, '_>, node: &Node) -> serde_json::Value {
    let Value::Table(table) = &node.value else {
        let hint = "for example: settings.url = \"https://www.example.com/\"".to_owned();
        reader.wrong("settings", node, "a table", Some(hint));
        return serde_json::Value::Object(Map::new());
    };
    super::warn_of_slid_keys(reader, table, |key| {
        format!("`{key}` is handed to the plugin as a setting")
    });
    object(reader.reading, table)
}

fn object(reading: &Reading<'_>, table: &Table) -> serde_json::Value {
    let mut fields: Vec<(String, serde_json::Value)> = Vec::with_capacity(table.entries.len());
    for entry in &table.entries {
        if entry.key.contains("${") {
            let message = format!("references are not replaced in keys: `{}`", excerpt(&entry.key));
            reading.error(entry.key_span, message, "write the key itself".to_owned());
        }
        fields.push((
            entry.key.clone(),
            value(reading, &bare_or_quoted(&entry.key), &entry.node),
        ));
    }
    // Sorted, so that moving a line does not look like a change.
    fields.sort_by(|(left, _), (right, _)| left.cmp(right));
    serde_json::Value::Object(fields.into_iter().collect())
}

fn value(reading: &Reading<'_>, key: &str, node: &Node) -> serde_json::Value {
    match &node.value {
        Value::String(text) => reading
            .expand(text, node.span, Secrets::Refused)
            .map_or(serde_json::Value::Null, |expanded| expanded.text.into()),
        Value::Integer(Ok(number)) => (*number).into(),
        Value::Integer(Err(_)) => {
            let hint = "write it as a string, if the plugin takes one".to_owned();
            reading.error(node.span, format!("`{key}` does not fit in 64 bits"), hint);
            serde_json::Value::Null
        }
        Value::Float(number) => Number::from_f64(*number).map_or_else(
            || {
                let written = reading.sources.slice(node.span);
                let message =
                    format!("`{key}` cannot be {written}: the plugin is handed JSON, which has no such number");
                reading.error(node.span, message, None);
                serde_json::Value::Null
            },
            serde_json::Value::Number,
        ),
        Value::Boolean(value) => (*value).into(),
        Value::Datetime(at) => at.clone().into(),
        Value::Array(items) => items.iter().map(|item| value(reading, key, item)).collect(),
        Value::Table(table) => object(reading, table),
    }
}
