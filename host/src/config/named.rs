//! Tables that stand under their names: `[check.NAME]`, `[connection.NAME]`.
//!
//! Flows in: the top of a file. Flows out: the entries of one kind, and problems with their names. What a table holds is its
//! own reader's.

use super::{
    check::CHECK_NAME_BYTES_MAX,
    reading::Reading,
    source::Span,
    tree::{Entry, Table, Value},
    vocabulary::TableSpec,
    wording::{bare_or_quoted, excerpt},
};

/// One kind of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The word in the header, and for a person: `check`.
    pub(super) word: &'static str,
    /// What such a table may hold.
    pub(super) spec: &'static TableSpec,
}

impl Kind {
    /// The entries of this kind in one file.
    pub(super) fn entries<'r>(&self, reading: &Reading<'_>, root: &'r Table) -> &'r [Entry] {
        let Some(entry) = root.get(self.word) else {
            return &[];
        };
        match &entry.node.value {
            Value::Table(table) => &table.entries,
            other => {
                let word = self.word;
                let message = format!("`{word}` must be a table, not {}", other.kind());
                let hint = format!("every {word} has a table with its name: [{word}.NAME]");
                reading.error(entry.node.span, message, hint);
                &[]
            }
        }
    }

    /// The table of one of them.
    pub(super) fn table<'r>(&self, reading: &Reading<'_>, entry: &'r Entry) -> Option<&'r Table> {
        if let Value::Table(table) = &entry.node.value {
            return Some(table);
        }
        let (word, shown) = (self.word, excerpt(&entry.key));
        if self.spec.keys.contains(&entry.key.as_str()) {
            let message = format!("`{shown}` stands in `[{word}]`, which is not the table of one {word}");
            reading.error(
                entry.key_span,
                message,
                format!("give the {word} a name: [{word}.NAME]"),
            );
        } else {
            let message = format!("`{word}.{shown}` must be a table, not {}", entry.node.value.kind());
            let name = bare_or_quoted(&entry.key);
            reading.error(
                entry.node.span,
                message,
                format!("write [{word}.{name}], and its keys below"),
            );
        }
        None
    }

    /// Notes that there is one of this name already.
    pub(super) fn duplicate(&self, reading: &Reading<'_>, second: &Entry, first: Span) {
        let place = reading.sources.file_and_line(first);
        let message = format!(
            "there is a {} `{}` already, in {place}",
            self.word,
            excerpt(&second.key)
        );
        let hint = "names are unique over all files; rename one".to_owned();
        reading.error(second.key_span, message, hint);
    }

    /// Letters, digits, `_`, `-` and `.`: safe in URLs, file names, logs and shells.
    pub(super) fn name(&self, reading: &Reading<'_>, entry: &Entry) {
        let (word, name) = (self.word, &entry.key);
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.len() > CHECK_NAME_BYTES_MAX {
            let length = name.len();
            let message =
                format!("the name of a {word} is {length} bytes long; at most {CHECK_NAME_BYTES_MAX} are accepted");
            return reading.error(entry.key_span, message, None);
        }
        if !name.bytes().all(good) || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            let message = format!("`{}` cannot be the name of a {word}", excerpt(name));
            let hint = "names start with a letter or digit and have letters, digits, `_`, `-` and `.`";
            reading.error(entry.key_span, message, hint.to_owned());
        }
    }
}
