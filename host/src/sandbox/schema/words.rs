//! Values, types and formats in the words of somebody who edits a TOML file.

use jsonschema::{JsonType, error::TypeKind};
use serde_json::Value;

/// Characters of a value or name that a message shows.
const SHOWN_CHARS: usize = 60;

/// Names that a message lists.
const LISTED_MAX: usize = 20;

/// Text short and printable enough to stand in a message.
pub(super) fn shown(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(SHOWN_CHARS).map(printable).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A value as a person would name it.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) => format!("`\"{}\"`", shown(text)),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "a table".to_owned(),
    }
}

const fn kind(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "nothing",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "a list",
        JsonType::Object => "a table",
    }
}

/// The types a value may have. TOML has no null, so where there is a choice it is not mentioned.
pub(super) fn types(expected: &TypeKind) -> String {
    match expected {
        TypeKind::Single(one) => kind(*one).to_owned(),
        TypeKind::Multiple(set) => {
            let names: Vec<_> = set.iter().filter(|one| *one != JsonType::Null).map(kind).collect();
            names.join(" or ")
        }
    }
}

/// The choices, in the order of the schema.
pub(super) fn choices(options: &[&Value]) -> String {
    let named: Vec<_> = options
        .iter()
        .filter(|option| !option.is_null())
        .take(LISTED_MAX)
        .map(|o| value(o))
        .collect();
    let more = options.len().saturating_sub(LISTED_MAX);
    let list = named.join(", ");
    if more > 0 {
        format!("{list} and {more} more")
    } else {
        list
    }
}

/// A format of JSON Schema.
pub(super) fn format(name: &str) -> &str {
    match name {
        "uri" | "url" | "iri" => "an absolute URL, such as `https://example.com/`",
        "hostname" | "idn-hostname" => "a host name",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "email" | "idn-email" => "an e-mail address",
        "date-time" => "a date and time, such as `2025-01-31T12:00:00Z`",
        "date" => "a date, such as `2025-01-31`",
        "time" => "a time, such as `12:00:00Z`",
        "duration" => "an ISO 8601 duration, such as `PT5M`",
        "regex" => "a regular expression",
        "uuid" => "a UUID",
        other => other,
    }
}

/// The closest of `known` when it is close enough to have been meant.
pub(super) fn meant<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    /// Similarity (Jaro-Winkler) from which a suggestion helps more than it puzzles: `intervall` has 0.97 to `interval`.
    const CLOSE: f64 = 0.8;
    known
        .take(1_000)
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}
