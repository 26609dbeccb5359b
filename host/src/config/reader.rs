//! Reads the keys of one table into typed values with their places.
//!
//! Flows in: a table and its spec. Flows out: values; a bad one is noted as a problem and absent. A string that came out
//! of a reference may stand for a number or a boolean, because variables hold nothing but text.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{
    reading::{Expanded, Reading, Secrets},
    source::{At, Span},
    tree::{Node, Table, Value},
    units::{self, UnitError},
    vocabulary::TableSpec,
    wording::{excerpt, one_of, title},
};

/// Reads the keys of one table.
#[derive(Debug)]
pub(super) struct Reader<'r, 'e> {
    pub(super) reading: &'r Reading<'e>,
    pub(super) table: &'r Table,
    pub(super) spec: &'static TableSpec,
    pub(super) path: Vec<String>,
}

impl<'r, 'e> Reader<'r, 'e> {
    /// A reader of `table`, which stands under `path`. Keys that `spec` does not have are noted here and now.
    pub(super) fn new(
        reading: &'r Reading<'e>,
        table: &'r Table,
        spec: &'static TableSpec,
        path: &[&str],
    ) -> Reader<'r, 'e> {
        let reader = Reader {
            reading,
            table,
            spec,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
        };
        for entry in &table.entries {
            if !spec.keys.contains(&entry.key.as_str()) {
                reader.unknown(&entry.key, entry.key_span);
            }
        }
        reader
    }

    /// A reader of the top of a file that notes nothing about unknown keys: for a look before the whole is read.
    pub(super) fn quiet(reading: &'r Reading<'e>, table: &'r Table, spec: &'static TableSpec) -> Reader<'r, 'e> {
        Reader {
            reading,
            table,
            spec,
            path: Vec::new(),
        }
    }

    /// The value of a key of the spec.
    pub(super) fn node(&self, key: &str) -> Option<&'r Node> {
        debug_assert!(self.spec.keys.contains(&key), "{key} is in no vocabulary");
        self.table.get(key).map(|entry| &entry.node)
    }

    /// A table below this one, with its reader.
    pub(super) fn table(&self, key: &str, spec: &'static TableSpec) -> Option<Reader<'r, 'e>> {
        let node = self.node(key)?;
        let Value::Table(table) = &node.value else {
            self.wrong(key, node, "a table", None);
            return None;
        };
        let mut path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        path.push(key);
        Some(Reader::new(self.reading, table, spec, &path))
    }

    /// A string, references replaced.
    pub(super) fn string(&self, key: &str) -> Option<At<String>> {
        let node = self.node(key)?;
        let expanded = self.text(key, node, "a string", Secrets::Refused)?;
        Some(At {
            value: expanded.text,
            span: node.span,
        })
    }

    /// A string node of this table's `key`, references replaced.
    pub(super) fn text(&self, key: &str, node: &Node, wanted: &str, secrets: Secrets) -> Option<Expanded> {
        match &node.value {
            Value::String(text) => self.reading.expand(text, node.span, secrets),
            other => {
                let quoted = match other {
                    Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
                        let written = self.reading.sources.slice(node.span);
                        Some(format!("put it in quotes: \"{written}\"")).filter(|_| secrets == Secrets::Refused)
                    }
                    Value::String(_) | Value::Array(_) | Value::Table(_) => None,
                };
                self.wrong(key, node, wanted, quoted);
                None
            }
        }
    }

    /// Strings: an array of them, or a single one.
    pub(super) fn strings(&self, key: &str) -> Option<Vec<At<String>>> {
        let node = self.node(key)?;
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let read = |item: &Node| {
            let value = self
                .text(key, item, "a string, or an array of strings", Secrets::Refused)?
                .text;
            Some(At { value, span: item.span })
        };
        Some(items.iter().filter_map(read).collect())
    }

    /// A path; relative ones start at the folder of the file that has them.
    pub(super) fn path(&self, key: &str) -> Option<At<PathBuf>> {
        let At { value, span } = self.string(key)?;
        if value.is_empty() {
            self.reading.error(
                span,
                format!("`{key}` is empty"),
                "give a path, or leave the key out".to_owned(),
            );
            return None;
        }
        let value = self.reading.folder(span.file).join(value);
        Some(At { value, span })
    }

    /// A boolean; a string counts when it came out of a reference.
    pub(super) fn boolean(&self, key: &str) -> Option<At<bool>> {
        let node = self.node(key)?;
        let value = match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::String(text) => {
                let expanded = self.reading.expand(text, node.span, Secrets::Refused)?;
                match truth(&expanded.text) {
                    Some(value) if expanded.referenced => Some(value),
                    meant => return self.bad_text(key, node, "true or false", &expanded, meant),
                }
            }
            _ => None,
        };
        if value.is_none() {
            self.wrong(key, node, "true or false", None);
        }
        value.map(|value| At { value, span: node.span })
    }

    /// A whole number within limits; a string counts when it came out of a reference.
    pub(super) fn integer(&self, key: &str, range: &RangeInclusive<u64>) -> Option<At<u64>> {
        let node = self.node(key)?;
        let value = match &node.value {
            Value::Integer(number) => number.as_ref().ok().copied().map(i128::from),
            Value::String(text) => {
                let expanded = self.reading.expand(text, node.span, Secrets::Refused)?;
                match expanded.text.trim().parse::<i128>().ok() {
                    Some(number) if expanded.referenced => Some(number),
                    meant => return self.bad_text(key, node, "a whole number", &expanded, meant),
                }
            }
            _ => {
                self.wrong(key, node, "a whole number", None);
                return None;
            }
        };
        let value = value.and_then(|number| u64::try_from(number).ok());
        match value.filter(|number| range.contains(number)) {
            Some(value) => Some(At { value, span: node.span }),
            None => {
                self.out_of_range(key, node.span, &range.start(), &range.end());
                None
            }
        }
    }

    /// A duration within limits.
    pub(super) fn duration(&self, key: &str, range: &RangeInclusive<Duration>) -> Option<At<Duration>> {
        self.quantity(key, "a duration", "15s", &["s"], units::duration, range, |value| {
            units::show_duration(value)
        })
    }

    /// A number of bytes within limits.
    pub(super) fn bytes(&self, key: &str, range: &RangeInclusive<u64>) -> Option<At<u64>> {
        self.quantity(
            key,
            "a size",
            "64MiB",
            &["B", "KiB", "MiB"],
            units::bytes,
            range,
            units::show_bytes,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "two callers, side by side")]
    fn quantity<T: Copy + PartialOrd>(
        &self,
        key: &str,
        what: &str,
        example: &str,
        units: &[&str],
        parse: fn(&str) -> Result<T, UnitError>,
        range: &RangeInclusive<T>,
        show: fn(T) -> String,
    ) -> Option<At<T>> {
        let node = self.node(key)?;
        let Value::String(text) = &node.value else {
            let written = self.reading.sources.slice(node.span);
            let hint = matches!(node.value, Value::Integer(Ok(_))).then(|| {
                let choices: Vec<String> = units.iter().map(|unit| format!("\"{written}{unit}\"")).collect();
                format!("a number needs its unit: {key} = {}", choices.join(" or "))
            });
            self.wrong(key, node, &format!("{what} such as \"{example}\""), hint);
            return None;
        };
        let expanded = self.reading.expand(text, node.span, Secrets::Refused)?;
        match parse(&expanded.text) {
            Ok(value) if range.contains(&value) => Some(At { value, span: node.span }),
            Ok(_) => {
                self.out_of_range(key, node.span, &show(*range.start()), &show(*range.end()));
                None
            }
            Err(error) => {
                let hint = match error.likely() {
                    Some(likely) if !expanded.referenced => format!("did you mean {key} = \"{likely}\"?"),
                    _ => format!("write it like \"{example}\""),
                };
                let shown = excerpt(&expanded.text);
                let message = format!("`{key}` is not {what}: in \"{shown}\", {error}");
                self.reading.error(node.span, message, hint);
                None
            }
        }
    }

    /// One of a few words, in any case.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&'static str, T)]) -> Option<At<T>> {
        let At { value, span } = self.string(key)?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value.trim()));
        if found.is_none() {
            self.reading.error(
                span,
                format!("`{key}` cannot be \"{}\"", excerpt(&value)),
                one_of(&value, words.iter().map(|(word, _)| *word)),
            );
        }
        found.map(|(_, value)| At { value: *value, span })
    }

    /// Notes that a value has the wrong type.
    pub(super) fn wrong(&self, key: &str, node: &Node, wanted: &str, hint: Option<String>) {
        let message = format!("`{key}` must be {wanted}, not {}", node.value.kind());
        self.reading.error(node.span, message, hint);
    }

    fn out_of_range(&self, key: &str, span: Span, least: &dyn Display, most: &dyn Display) {
        let message = format!("`{key}` must be between {least} and {most}");
        self.reading.error(span, message, None);
    }

    /// A string where another type is wanted: quoted by mistake, or a variable that holds something else.
    fn bad_text<T, M: Display>(
        &self,
        key: &str,
        node: &Node,
        wanted: &str,
        expanded: &Expanded,
        meant: Option<M>,
    ) -> Option<T> {
        let (message, hint) = if expanded.referenced {
            let text = excerpt(&expanded.text);
            let hint = "set the variable to something else".to_owned();
            (
                format!("`{key}` must be {wanted}, and the value is \"{text}\""),
                Some(hint),
            )
        } else {
            let hint = meant.map(|meant| format!("without quotes: {key} = {meant}"));
            (format!("`{key}` must be {wanted}, not a string"), hint)
        };
        self.reading.error(node.span, message, hint);
        None
    }

    /// `[check.web]`, or "the top of the file".
    pub(super) fn title(&self) -> String {
        title(&self.path)
    }
}

/// What variables hold for true and false.
fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
