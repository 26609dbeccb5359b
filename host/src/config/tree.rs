//! One file as a tree of values, each with its place: what the `toml` crate parsed, owned and in the order written.
//!
//! Flows in: text. Flows out: a [`Table`], or syntax problems, all of them. It knows no key of ours but the ones whose
//! values must never be shown.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{
    problem::Problem,
    source::{FileId, Sources, Span},
};
use crate::secret::SECRET_BYTES_MIN;

/// Syntax problems shown for one file. After the first few the parser mostly stumbles over its own guesses.
const SYNTAX_PROBLEMS_MAX: usize = 5;

/// Parts of a dotted key that the parser follows.
const KEY_PARTS_MAX: usize = 80;

/// Values of these keys are hidden in source lines wherever they stand, and so is all of `[access]` but the file names.
const HIDDEN_KEYS: [&str; 6] = ["read", "push", "admin", "token", "password", "secret"];

/// Values below these keys of a connection are hidden too.
const HIDDEN_IN_CONNECTIONS: [&str; 4] = ["headers", "query", "secrets", "auth"];

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    String(String),
    /// `Err`: beyond 64 bits, as text.
    Integer(Result<i64, String>),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Table),
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The header in brackets, the braces, or the key that implies the table.
    pub(super) span: Span,
    /// In the order of the file.
    pub(super) entries: Vec<Entry>,
    /// Whether it has a header of its own: what follows the header belongs to it.
    pub(super) headed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

/// A `[header]` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) path: Vec<String>,
    pub(super) span: Span,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Every header below, in the order of the file.
    pub(super) fn headers(&self) -> Vec<Header> {
        let mut found = Vec::new();
        self.collect_headers(&mut Vec::new(), &mut found);
        found.sort_by_key(|header| header.span);
        found
    }

    fn collect_headers(&self, path: &mut Vec<String>, found: &mut Vec<Header>) {
        if self.headed {
            found.push(Header {
                path: path.clone(),
                span: self.span,
            });
        }
        for entry in &self.entries {
            path.push(entry.key.clone());
            match &entry.node.value {
                Value::Table(table) => table.collect_headers(path, found),
                Value::Array(items) => items.iter().for_each(|item| {
                    if let Value::Table(table) = &item.value {
                        table.collect_headers(path, found);
                    }
                }),
                _ => {}
            }
            path.pop();
        }
    }
}

impl Value {
    /// For "must be …, not a string".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// Parses a file that is already among the sources. Values that must not be shown are hidden in them.
pub(super) fn parse(sources: &mut Sources, file: FileId) -> Result<Table, Vec<Problem>> {
    let text = sources.file(file).text.clone();
    let (root, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        hide_by_line(sources, file);
        return Err(syntax_problems(sources, file, &errors));
    }
    let table = Builder { text: &text, file }.table(root.get_ref(), &(0..0));
    hide(&table, sources, &mut Vec::new());
    hide_credentials_of_urls(sources, file);
    Ok(table)
}

struct Builder<'t> {
    text: &'t str,
    file: FileId,
}

impl Builder<'_> {
    fn table(&self, table: &DeTable<'_>, span: &Range<usize>) -> Table {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_span: Span::new(self.file, &key.span()),
                node: self.node(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span);
        Table {
            span: Span::new(self.file, span),
            entries,
            headed: span.start < span.end && self.text[span.clone()].starts_with('['),
        }
    }

    fn node(&self, value: &toml::Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let read = match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => Value::Integer(integer(number)),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(at) => Value::Datetime(at.to_string()),
            DeValue::Array(items) => Value::Array(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table, &span)),
        };
        Node {
            span: Span::new(self.file, &span),
            value: read,
        }
    }
}

fn integer(number: &toml::de::DeInteger<'_>) -> Result<i64, String> {
    i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| number.to_string())
}

fn hide(table: &Table, sources: &mut Sources, path: &mut Vec<String>) {
    for entry in &table.entries {
        path.push(entry.key.clone());
        let hidden = is_hidden(path) || HIDDEN_KEYS.contains(&entry.key.as_str());
        match &entry.node.value {
            Value::Table(inner) => hide(inner, sources, path),
            value if hidden => hide_strings(&entry.node, value, sources),
            _ => {}
        }
        path.pop();
    }
}

/// Whether the value at `path` is a credential whatever its key is called.
fn is_hidden(path: &[String]) -> bool {
    let part = |at: usize| path.get(at).map_or("", String::as_str);
    match part(0) {
        "access" => part(1) != "tls",
        "connection" => HIDDEN_IN_CONNECTIONS.contains(&part(2)) || (part(2), part(3)) == ("sign", "key"),
        _ => false,
    }
}

/// What stands before the `@` of an address may be a password, and is refused everywhere.
fn hide_credentials_of_urls(sources: &mut Sources, file: FileId) {
    let text = sources.file(file).text.clone();
    for (at, slashes) in text.match_indices("://") {
        let start = at + slashes.len();
        let rest = &text[start..];
        let end = rest.find(['/', '"', '\'', '\n', ' ', '\t']).unwrap_or(rest.len());
        if let Some(length) = rest[..end].rfind('@') {
            sources.hide(Span::new(file, &(start..start + length)));
        }
    }
}

/// References are no secrets and help to see what is meant; constants are starred.
fn hide_strings(node: &Node, value: &Value, sources: &mut Sources) {
    match value {
        Value::String(text) if is_reference(text) => {}
        Value::String(_) => {
            // The quotes stay, so that the line still reads as TOML.
            let mut inside = node.span;
            if inside.end - inside.start >= 2 {
                inside.start += 1;
                inside.end -= 1;
            }
            sources.hide(inside);
        }
        Value::Array(items) => items.iter().for_each(|item| hide_strings(item, &item.value, sources)),
        Value::Table(table) => table
            .entries
            .iter()
            .for_each(|entry| hide_strings(&entry.node, &entry.node.value, sources)),
        Value::Integer(_) | Value::Float(_) => sources.hide(node.span),
        Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

/// `${secret:NAME}` and nothing beside it.
fn is_reference(text: &str) -> bool {
    let name = text.strip_prefix("${secret:").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// A file that does not parse has no spans to go by: in lines that may hold a token, everything after `=` or the first
/// quote is hidden, and what stood there in quotes is hidden everywhere else too.
fn hide_by_line(sources: &mut Sources, file: FileId) {
    let text = sources.file(file).text.clone();
    hide_credentials_of_urls(sources, file);
    let mut in_secrets = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start();
        if bare.starts_with('[') {
            let header = bare.trim_start_matches(['[', ' ']);
            in_secrets = header.starts_with("access") || header.starts_with("connection");
        }
        let key = bare.split(['=', '.', ' ']).next().unwrap_or("");
        let hidden = in_secrets
            || matches!(key, "access" | "connection")
            || HIDDEN_KEYS.iter().any(|hidden| bare.contains(hidden));
        if let Some(at) = line.find(['=', '"', '\'']).filter(|_| hidden) {
            let whole = start + at + 1..start + line.trim_end().len().max(at + 1);
            sources.hide(Span::new(file, &whole));
            let quoted = text[whole]
                .split(['"', '\''])
                .filter(|part| part.len() >= SECRET_BYTES_MIN && !is_reference(part));
            for found in quoted.flat_map(|part| text.match_indices(part)) {
                sources.hide(Span::new(file, &(found.0..found.0 + found.1.len())));
            }
        }
        start += line.len();
    }
}

fn syntax_problems(sources: &Sources, file: FileId, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for error in errors {
        let span = error.span().or_else(|| deep_key(&sources.file(file).text));
        let span = Span::new(file, &span.unwrap_or(0..0));
        let location = sources.locate(span);
        // One mistake often makes the parser stumble several times in its line.
        if problems.iter().any(|problem| problem.location.line == location.line) {
            continue;
        }
        let (message, hint) = syntax_message(error.message(), sources, span);
        // The keys below a table that is there twice are mostly there twice as well.
        let table_twice = |first: &Problem| first.message.ends_with("is defined twice");
        if message.ends_with("is set twice") && problems.iter().any(table_twice) {
            continue;
        }
        let mut problem = Problem::at(location, message);
        problem.hint = hint;
        problems.push(problem);
        if problems.len() == SYNTAX_PROBLEMS_MAX {
            break;
        }
    }
    problems
}

/// The first key with more parts than the parser follows: it refuses that without saying where.
fn deep_key(text: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for part in text.split_inclusive(['\n', '=', ',', '{', '[', ']', '#']) {
        let key = part.trim_end_matches(['\n', '=', ',', '{', '[', ']', '#']).trim_end();
        let blank = key.len() - key.trim_start().len();
        if key.split('.').filter(|part| !part.trim().is_empty()).count() >= KEY_PARTS_MAX {
            return Some(start + blank..start + key.len());
        }
        start += part.len();
    }
    None
}

/// Words of the parser, and what helps.
const SYNTAX_HINTS: [(&str, &str); 7] = [
    (
        "invalid unquoted key",
        "names may have letters, digits, `-` and `_`; anything else stands in quotes",
    ),
    (
        "escape",
        "a backslash starts an escape; write '…' instead of \"…\" for text with backslashes",
    ),
    ("basic string", "is the closing quote missing?"),
    ("literal string", "is the closing quote missing?"),
    (
        "comma between key-value pairs",
        "put a comma between them, or close the braces above with `}`",
    ),
    ("array", "values of an array are separated by commas: [\"a\", \"b\"]"),
    (
        "unclosed table",
        "a table begins with its name in brackets: [check.NAME]",
    ),
];

/// The parser's words, and what they mean for somebody who does not know TOML by heart.
fn syntax_message(parser: &str, sources: &Sources, span: Span) -> (String, Option<String>) {
    let parser = parser.lines().next().unwrap_or("").trim_end_matches(',');
    if parser.starts_with("duplicate key") {
        return duplicate(sources, span);
    }
    if parser.contains("recurs") {
        let message = "not valid TOML: this is nested deeper than any configuration needs";
        let hint = parser
            .starts_with("cannot")
            .then_some("is a closing bracket or brace missing before it?");
        return (message.to_owned(), hint.map(str::to_owned));
    }
    if rest_of_line(sources, span).is_empty() && before(sources, span).ends_with('=') {
        return ("not valid TOML: a value is missing after `=`".to_owned(), None);
    }
    if parser.contains("string values must be quoted") {
        let hint = "key = \"value\"; only numbers, true, false and dates stand without";
        return (
            "not valid TOML: this value needs quotes".to_owned(),
            Some(hint.to_owned()),
        );
    }
    let hint = SYNTAX_HINTS
        .iter()
        .find(|(words, _)| parser.contains(words))
        .map(|(_, hint)| (*hint).to_owned());
    (format!("not valid TOML: {parser}"), hint)
}

fn rest_of_line(sources: &Sources, span: Span) -> &str {
    let file = sources.file(span.file);
    let end = file.line_bytes(sources.line(span)).end;
    let rest = file.text.get(span.start as usize..end).unwrap_or("");
    rest.split('#').next().unwrap_or("").trim()
}

fn before(sources: &Sources, span: Span) -> &str {
    let file = sources.file(span.file);
    file.text.get(..span.start as usize).unwrap_or("").trim_end()
}

fn duplicate(sources: &Sources, span: Span) -> (String, Option<String>) {
    let key = sources.slice(span).to_owned();
    let (what, first) = match header_around(sources, span) {
        Some(header) => (
            format!("`{header}` is defined twice"),
            first_line(sources, span, |line| line.starts_with(&header)),
        ),
        None => (
            format!("`{key}` is set twice"),
            first_line(sources, span, |line| {
                line.strip_prefix(key.as_str())
                    .is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
            }),
        ),
    };
    let hint = first.map(|line| format!("the first one is in line {line}; keep one of them"));
    (what, hint.or_else(|| Some("keep one of them".to_owned())))
}

/// The `[header]` that holds `span`, when it stands in one.
fn header_around(sources: &Sources, span: Span) -> Option<String> {
    let file = sources.file(span.file);
    let line = file.text.get(file.line_bytes(sources.line(span)))?.trim_start();
    let end = line.find(']').filter(|_| line.starts_with('['))?;
    Some(line[..=end].to_owned())
}

/// The last line before `span` that is like it, within the same table for keys.
fn first_line(sources: &Sources, span: Span, alike: impl Fn(&str) -> bool) -> Option<usize> {
    let file = sources.file(span.file);
    let lines = 1..sources.line(span);
    let text = |line: &usize| file.text[file.line_bytes(*line)].trim_start();
    lines.rev().find(|line| alike(text(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Sources, Result<Table, Vec<Problem>>) {
        let mut sources = Sources::default();
        let file = sources.add("f.toml".into(), text.into());
        let table = parse(&mut sources, file);
        (sources, table)
    }

    #[test]
    fn headers_come_in_file_order_with_their_paths() {
        let (sources, table) = parsed("[b]\nx.y = 1\n[a.c]\n[[d]]\n[[d]]\n[a]\nz = {q = 1}\n");
        let headers: Vec<_> = table
            .unwrap()
            .headers()
            .iter()
            .map(|header| (sources.line(header.span), header.path.join(".")))
            .collect();
        let expected = [(1, "b"), (3, "a.c"), (4, "d"), (5, "d"), (6, "a")];
        assert_eq!(headers, expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn tokens_never_stand_in_a_shown_line() {
        for text in [
            "[access]\nread = \"hunter2hunter2\"\n",
            "access = { read = [\"hunter2hunter2\"], x = 1 }\n",
            "[access]\nread = \"hunter2hunter2\n",
            "[access]\nread = [\n  \"hunter2hunter2\",\n  oops\n]\n",
            "access.read = \"hunter2hunter2\" oops\n",
            "[access]\nread = hunter2hunter2\n",
            "[host]\nread = \"hunter2hunter2\"\n",
            "[connection.x]\nheaders.any = \"hunter2hunter2\"\n",
            "[connection.x.auth]\nbearer = \"hunter2hunter2\"\n",
            "[connection.x]\nsign = { header = \"a\", key = \"hunter2hunter2\" }\n",
            "[connection.x]\nurl = \"https://me:hunter2hunter2@example.com/\"\n",
            "[check.x]\nsettings.url = \"https://hunter2hunter2@example.com/\" oops\n",
            "[connection.x]\nheaders.any = \"hunter2hunter2\n",
        ] {
            let (sources, table) = parsed(text);
            for at in 0..text.len() {
                let shown = sources.locate(Span::new(FileId::MAIN, &(at..at + 1)));
                assert!(!shown.source_line.unwrap().contains("hunter2hunter2"), "{text}");
            }
            for problem in table.err().unwrap_or_default() {
                assert!(!problem.to_string().contains("hunter2"), "{problem}");
            }
        }
    }

    #[test]
    fn references_stay_readable() {
        let (sources, _) = parsed("[access]\nread = \"${secret:OPS_TOKEN}\"\n");
        let shown = sources.locate(Span::new(FileId::MAIN, &(10..12)));
        assert_eq!(shown.source_line.as_deref(), Some("read = \"${secret:OPS_TOKEN}\""));
    }
}
