//! Mappings of the file: known keys, texts, lists, durations, and what is wrong about them.

use std::time::Duration;

use bellwether_promql::parse;

use super::{
    super::{
        nearest,
        reading::Reading,
        source::{At, FileId, Span},
    },
    FileSecret, SecretFrom, Secrets, Text,
};
use crate::yaml::{self, Kind, Node};

/// The file while it is read.
pub(in super::super) struct Doc<'r, 'e> {
    pub(in super::super) reading: &'r Reading<'e>,
    file: FileId,
    secrets: &'r Secrets,
}

/// The entries of a mapping, key and value.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Fields<'n>(pub(in super::super) Vec<(&'n str, &'n Node, &'n Node)>);

impl<'n> Fields<'n> {
    /// What stands under a key; nothing is as if the key were not there.
    pub(in super::super) fn get(&self, key: &str) -> Option<&'n Node> {
        let found = self.0.iter().find(|(own, ..)| *own == key);
        found.map(|(_, _, value)| *value).filter(|value| !value.is_nothing())
    }

    pub(in super::super) fn key(&self, key: &str) -> Option<&'n Node> {
        self.0.iter().find(|(own, ..)| *own == key).map(|(_, key, _)| *key)
    }
}

impl<'r, 'e> Doc<'r, 'e> {
    pub(in super::super) const fn new(reading: &'r Reading<'e>, file: FileId, secrets: &'r Secrets) -> Self {
        Self { reading, file, secrets }
    }

    /// None: it is empty or no YAML, which was noted.
    pub(in super::super) fn parse(&self) -> Option<Node> {
        let text = &self.reading.sources.file(self.file).text;
        match yaml::parse(text) {
            Ok(document) if document.root.is_none() => {
                self.error_at(0..1, "there is nothing in this file", None);
                None
            }
            Ok(document) => document.root,
            Err(fault) => {
                let hint = "a value that contains `: ` or begins with `{` stands in quotes".to_owned();
                self.error_at(
                    fault.at..fault.at + 1,
                    &format!("not valid YAML: {}", fault.message),
                    Some(hint),
                );
                None
            }
        }
    }

    pub(in super::super) fn span(&self, node: &Node) -> Span {
        Span::new(self.file, &node.bytes)
    }

    fn error_at(&self, bytes: std::ops::Range<usize>, message: &str, hint: Option<String>) {
        self.reading.error(Span::new(self.file, &bytes), message, hint);
    }

    pub(in super::super) fn error(&self, node: &Node, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.reading.error(self.span(node), message, hint);
    }

    pub(in super::super) fn warn(&self, node: &Node, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.reading.warn(self.span(node), message, hint);
    }

    /// Warns that a key is not taken, if it is there.
    pub(in super::super) fn lost(&self, fields: &Fields<'_>, key: &str, why: &str) {
        if let (Some(node), Some(_)) = (fields.key(key), fields.get(key)) {
            self.warn(node, format!("`{key}` is not taken over"), why.to_owned());
        }
    }

    /// The entries of a mapping; unknown and doubled keys are noted. `what` names the mapping.
    pub(in super::super) fn fields<'n>(&self, node: &'n Node, what: &str, keys: &[&str]) -> Option<Fields<'n>> {
        let all = self.entries(node, what)?;
        let known = |(text, key, _): &(&str, &Node, &Node)| {
            let known = keys.contains(text);
            if !known {
                let hint = match nearest(text, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", keys.join(", ")),
                };
                self.error(key, format!("unknown field `{text}` in {what}"), hint);
            }
            known
        };
        Some(Fields(all.into_iter().filter(known).collect()))
    }

    /// Those of some keys; others are nobody's affair.
    pub(in super::super) fn some_fields<'n>(&self, node: &'n Node, what: &str, keys: &[&str]) -> Fields<'n> {
        let all = self.entries(node, what).unwrap_or_default();
        Fields(all.into_iter().filter(|(text, ..)| keys.contains(text)).collect())
    }

    /// Those of some keys; that others are not taken is warned of, unless they are nothing or named in `empty`.
    pub(in super::super) fn taken<'n>(&self, node: &'n Node, what: &str, keys: &[&str]) -> Fields<'n> {
        let all = self.entries(node, what).unwrap_or_default();
        let known = |(text, key, value): &(&str, &Node, &Node)| {
            let known = keys.contains(text);
            if !known && !value.is_nothing() {
                let hint = "what it does has no counterpart here, or a setting of the plugin does it".to_owned();
                self.warn(key, format!("`{text}` of {what} is not taken over"), hint);
            }
            known
        };
        Fields(all.into_iter().filter(known).collect())
    }

    fn entries<'n>(&self, node: &'n Node, what: &str) -> Option<Vec<(&'n str, &'n Node, &'n Node)>> {
        if node.is_nothing() {
            return Some(Vec::new());
        }
        let Kind::Map(entries) = &node.kind else {
            self.error(node, format!("{what} must be a mapping, not {}", node.what()), None);
            return None;
        };
        let mut fields: Vec<(&str, &Node, &Node)> = Vec::new();
        for (key, value) in entries {
            let Some(text) = text_of(key) else {
                self.error(key, format!("{what} has a key that is no word"), None);
                continue;
            };
            if fields.iter().any(|(own, ..)| *own == text) {
                self.error(key, format!("`{text}` is set twice"), "keep one of them".to_owned());
            } else {
                fields.push((text, key, value));
            }
        }
        Some(fields)
    }

    /// The items of a list; none where there is no such key.
    pub(in super::super) fn list<'n>(&self, fields: &Fields<'n>, key: &str) -> &'n [Node] {
        let Some(node) = fields.get(key) else { return &[] };
        if let Kind::List(items) = &node.kind {
            return items;
        }
        let hint = "each item begins with a dash".to_owned();
        self.error(node, format!("`{key}` must be a list, not {}", node.what()), hint);
        &[]
    }

    /// Text, whatever it looks like.
    pub(in super::super) fn text(&self, fields: &Fields<'_>, key: &str) -> Option<Text> {
        let node = fields.get(key)?;
        self.text_at(node, key)
    }

    pub(in super::super) fn text_at(&self, node: &Node, key: &str) -> Option<Text> {
        match text_of(node) {
            Some(text) => Some(At {
                value: text.to_owned(),
                span: self.span(node),
            }),
            None => {
                self.error(node, format!("`{key}` must be text, not {}", node.what()), None);
                None
            }
        }
    }

    /// The texts of a list. None: there is no such key.
    pub(in super::super) fn texts(&self, fields: &Fields<'_>, key: &str) -> Option<Vec<Text>> {
        fields.get(key)?;
        let items = self.list(fields, key).iter();
        Some(items.filter_map(|item| self.text_at(item, key)).collect())
    }

    pub(in super::super) fn boolean(&self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        let given = self.text(fields, key)?;
        match given.value.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.reading
                    .error(given.span, format!("`{key}` must be true or false"), None);
                None
            }
        }
    }

    /// As Prometheus writes them: `5m`, `1h30m`, `1d`.
    pub(in super::super) fn duration(&self, fields: &Fields<'_>, key: &str) -> Option<At<Duration>> {
        let At { value, span } = self.text(fields, key)?;
        match parse::duration(&value).map(u64::try_from) {
            Ok(Ok(millis)) => Some(At {
                value: Duration::from_millis(millis),
                span,
            }),
            _ => {
                let hint = "whole numbers with units from large to small: 30s, 5m, 4h".to_owned();
                self.reading.error(span, format!("`{key}` is no duration"), hint);
                None
            }
        }
    }

    /// What `KEY` holds, or the file that `KEY_file` names. `name` is what a variable with it may be called.
    pub(in super::super) fn secret(&self, fields: &Fields<'_>, key: &str, name: &str) -> Option<FileSecret> {
        let by_file = format!("{key}_file");
        let (given, from): (Text, fn(String) -> SecretFrom) = match (fields.get(key), fields.get(&by_file)) {
            (Some(_), Some(second)) => {
                self.error(
                    second,
                    format!("`{key}` and `{by_file}` are both given"),
                    "keep one of them".to_owned(),
                );
                return None;
            }
            (Some(_), None) => (self.text(fields, key)?, SecretFrom::Text),
            (None, _) => (self.text(fields, &by_file)?, SecretFrom::File),
        };
        Some(self.hidden(from(given.value), given.span, name))
    }

    /// A value that nobody may see; `name` is what a variable with it may be called.
    pub(in super::super) fn hidden(&self, from: SecretFrom, span: Span, name: &str) -> FileSecret {
        let name = self.secrets.name(name, &from, span);
        FileSecret { from, span, name }
    }
}

/// The text of a node, if it is one.
pub(in super::super) fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text),
        Kind::List(_) | Kind::Map(_) => None,
    }
}
