//! YAML files of other programs: their mappings, their secrets, and how they say what a request over HTTP needs.
//!
//! Flows in: a file that is one of the sources. Flows out: values with places, and problems noted there. It knows the few forms that
//! Prometheus and Alertmanager have in common, and no file as a whole.

mod fields;
mod http;

pub(super) use {
    fields::{Doc, Fields, text_of},
    http::{FileAuth, FileConnection, FileTls, FileUrl, HTTP, no_table, tls},
};

use std::cell::RefCell;

use super::source::{At, FileId, Sources, Span};

/// A text where it stands.
pub(super) type Text = At<String>;

/// A value that nobody may see.
#[derive(Clone, Debug)]
pub(super) struct FileSecret {
    pub(super) from: SecretFrom,
    pub(super) span: Span,
    /// What a variable with it may be called: `SLACK_API_URL`.
    pub(super) name: String,
}

/// The secrets of some files, one name for each value.
#[derive(Debug, Default)]
pub(super) struct Secrets(RefCell<Vec<FileSecret>>);

impl Secrets {
    /// What a variable with this value is called: `wanted`, as far as names can have it and it is free.
    fn name(&self, wanted: &str, from: &SecretFrom, span: Span) -> String {
        let mut known = self.0.borrow_mut();
        if let Some(same) = known.iter().find(|other| other.from == *from) {
            return same.name.clone();
        }
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        let mut first: String = wanted.chars().map(plain).collect();
        if !first.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            first.insert(0, '_');
        }
        let numbered = (2..).map(|number| format!("{first}_{number}"));
        let is_free = |name: &String| known.iter().all(|other| other.name != *name);
        let found = std::iter::once(first.clone()).chain(numbered).find(is_free);
        let name = found.unwrap_or(first);
        known.push(FileSecret {
            from: from.clone(),
            span,
            name: name.clone(),
        });
        name
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<FileSecret> {
        self.0.borrow().clone()
    }
}

/// Where a secret is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum SecretFrom {
    /// In the file itself.
    Text(String),
    /// In another file, as written.
    File(String),
}

/// Without the value.
impl std::fmt::Debug for SecretFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::File(path) => write!(f, "File({path})"),
        }
    }
}

/// What hides where a file cannot be parsed: a value of a key that sounds like a secret.
const TELLING: [&str; 7] = ["url", "pass", "key", "token", "secret", "credential", "auth"];

/// Hides in a file's sources, before it is parsed, what may be a secret: from the value of a key that sounds like one to the end of
/// its line.
pub(super) fn hide(sources: &mut Sources, file: FileId) {
    let text = sources.file(file).text.clone();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(at) = telling_value(line) {
            let bytes = start + at..start + line.trim_end().len();
            if !bytes.is_empty() {
                sources.hide(Span::new(file, &bytes));
            }
        }
        start += line.len();
    }
}

/// Where the first such value of a line begins.
fn telling_value(line: &str) -> Option<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let telling = |(colon, _): &(usize, &str)| {
        let key = line[..*colon].trim_end_matches(['"', '\'']);
        let key = &key[key.trim_end_matches(is_word).len()..];
        TELLING.iter().any(|word| key.to_ascii_lowercase().contains(word))
    };
    let (colon, _) = line.match_indices(':').find(telling)?;
    let rest = &line[colon + 1..];
    Some(colon + 1 + (rest.len() - rest.trim_start_matches([' ', '\t']).len()))
}

#[cfg(test)]
mod tests {
    use super::telling_value;

    #[test]
    fn values_that_may_be_secrets_are_found_in_blocks_and_in_braces() {
        let shown = |line: &str| telling_value(line).map_or(line.to_owned(), |at| line[..at].to_owned());
        assert_eq!(shown("  slack_api_url: https://x"), "  slack_api_url: ");
        assert_eq!(
            shown("  - opsgenie_configs: [{api_key: x, b: c}]"),
            "  - opsgenie_configs: [{api_key: "
        );
        assert_eq!(shown("  \"password\": x"), "  \"password\": ");
        assert_eq!(
            shown("  matchers: [severity=\"critical\"]"),
            "  matchers: [severity=\"critical\"]"
        );
        assert_eq!(shown("  - targets: ['a:9093']"), "  - targets: ['a:9093']");
    }
}
