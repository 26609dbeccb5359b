//! `{{NAME}}` in texts and in JSON.
//!
//! Pure. Flows in: a text or JSON of the settings, and what is known by name. Flows out: the same with values in their places.
//! `{{secret:NAME}}` is the host's and stays as it is.

use std::collections::BTreeMap;

use serde_json::Value;

/// A number that no other run has, known from the start.
pub(crate) const RUN: &str = "run";

/// What is known by name.
pub(crate) type Known = BTreeMap<String, Value>;

/// Begins the host's own places.
const SECRET: &str = "secret:";

/// `[a-z][a-z0-9_]*`.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(plain)
}

/// Parts of a text.
enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// Splits a text; braces that hold no name are text.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let end = start + length + 2;
        let name = rest[start + 2..end - 2].trim();
        if is_name(name) {
            parts.push(Part::Text(&rest[..start]));
            parts.push(Part::Name(name));
        } else {
            parts.push(Part::Text(&rest[..end]));
        }
        rest = &rest[end..];
    }
    parts.push(Part::Text(rest));
    parts
}

/// Names that a text uses.
pub(crate) fn names(text: &str) -> Vec<String> {
    let name = |part: &Part<'_>| match part {
        Part::Name(name) => Some((*name).to_owned()),
        Part::Text(_) => None,
    };
    parts(text).iter().filter_map(name).collect()
}

/// Names that texts within a JSON value use.
pub(crate) fn names_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => names(text),
        Value::Array(items) => items.iter().flat_map(names_in).collect(),
        Value::Object(fields) => fields.values().flat_map(names_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// How a value is written into its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    /// For paths and queries: everything but what RFC 3986 calls unreserved is escaped, so that a value cannot become structure.
    Percent,
}

/// A text with its places filled. Err: the name that is not known.
pub(crate) fn fill(text: &str, known: &Known, encoding: Encoding) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    for part in parts(text) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Name(name) => {
                let value = known.get(name).ok_or_else(|| name.to_owned())?;
                filled.push_str(&written(value, encoding));
            }
        }
    }
    Ok(filled)
}

fn written(value: &Value, encoding: Encoding) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match encoding {
        Encoding::Plain => text,
        Encoding::Percent => percent(&text),
    }
}

fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// JSON with its places filled: a text that is nothing but a place becomes the value itself.
pub(crate) fn fill_json(value: &Value, known: &Known) -> Result<Value, String> {
    match value {
        Value::String(text) => fill_string(text, known),
        Value::Array(items) => items.iter().map(|item| fill_json(item, known)).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Ok((name.clone(), fill_json(value, known)?));
            fields.iter().map(field).collect::<Result<_, _>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
    }
}

fn fill_string(text: &str, known: &Known) -> Result<Value, String> {
    let whole = text
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .map(str::trim);
    match whole.filter(|name| is_name(name)) {
        Some(name) => known.get(name).cloned().ok_or_else(|| name.to_owned()),
        None => fill(text, known, Encoding::Plain).map(Value::String),
    }
}

/// Whether a captured value could be taken for a place, the host's for secrets included. It is refused: an answer must not
/// decide where secrets go.
pub(crate) fn holds_place(value: &Value) -> bool {
    value.to_string().contains("{{") || value.as_str().is_some_and(|text| text.contains(SECRET))
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;

    use super::*;

    fn known() -> Known {
        Known::from([
            ("id".to_owned(), json!(7)),
            ("name".to_owned(), json!("a/b c?&é")),
            ("tags".to_owned(), json!(["x", 1])),
        ])
    }

    #[test]
    fn places_are_filled_and_the_hosts_own_are_left() {
        let text = "x {{id}} {{ name }} {{secret:key}} {{ID}} {{";
        assert_eq!(
            fill(text, &known(), Encoding::Plain).as_deref(),
            Ok("x 7 a/b c?&é {{secret:key}} {{ID}} {{")
        );
        assert_eq!(names(text), ["id", "name"]);
    }

    #[test]
    fn a_value_cannot_become_structure_of_a_url() {
        let filled = fill("items/{{name}}?id=eq.{{id}}", &known(), Encoding::Percent);
        assert_eq!(filled.as_deref(), Ok("items/a%2Fb%20c%3F%26%C3%A9?id=eq.7"));
    }

    #[test]
    fn a_place_of_its_own_in_json_becomes_the_value_itself() {
        let filled = fill_json(
            &json!({ "id": "{{id}}", "note": "no. {{id}}", "all": ["{{ tags }}"] }),
            &known(),
        );
        assert_eq!(filled, Ok(json!({ "id": 7, "note": "no. 7", "all": [["x", 1]] })));
    }

    #[test]
    fn a_name_that_is_not_known_is_said() {
        assert_eq!(fill("{{other}}", &known(), Encoding::Plain), Err("other".to_owned()));
        assert_eq!(fill_json(&json!(["{{other}}"]), &known()), Err("other".to_owned()));
    }

    #[test]
    fn what_looks_like_a_place_is_not_captured() {
        assert!(holds_place(&json!("{{secret:apikey}}")));
        assert!(holds_place(&json!({ "deep": ["{{id}}"] })));
        assert!(!holds_place(&json!("{plain}")));
    }
}
