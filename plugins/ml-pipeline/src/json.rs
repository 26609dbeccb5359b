//! JSON as model servers write it.
//!
//! Python and TensorFlow Serving write `NaN` and `Infinity`, which no standard allows. A model that answers with them is
//! exactly what a check is there to find, so they are read, as null: "not a finite number".

use bellwether_sdk::{json::Unread, work::Cost};
use serde_json::Value;

use crate::budget;

/// Longest first, so that a part is not taken for the whole.
const NOT_FINITE: [&str; 4] = ["-Infinity", "Infinity", "NaN", "nan"];

/// Of a byte, to put null in the place of tokens.
const MENDING: Cost = Cost::nanoseconds(80);

/// Reads a document, within what the run has left.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Unread> {
    let error = match budget::read(bytes) {
        Err(Unread::Invalid(error)) => error,
        read => return read,
    };
    let mended = budget::perform(bytes.len(), MENDING, || {
        let text = std::str::from_utf8(bytes).ok()?;
        let odd = NOT_FINITE.iter().any(|token| text.contains(token));
        odd.then(|| without_not_finite(text))
    });
    match mended {
        None => Err(Unread::NoTime(bytes.len())),
        Some(None) => Err(Unread::Invalid(error)),
        Some(Some(text)) => budget::read(text.as_bytes()).map_err(|again| match again {
            Unread::Invalid(_) => Unread::Invalid(error),
            other => other,
        }),
    }
}

/// Puts null in the place of each such token outside of strings.
fn without_not_finite(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let (mut quoted, mut escaped) = (false, false);
    while let Some(character) = rest.chars().next() {
        let token = NOT_FINITE.iter().find(|token| !quoted && rest.starts_with(**token));
        if let Some(token) = token {
            clean.push_str("null");
            rest = &rest[token.len()..];
            continue;
        }
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        clean.push(character);
        rest = &rest[character.len_utf8()..];
    }
    clean
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_are_not_finite_are_null_and_strings_stay() {
        let text = br#"{"a":[NaN, -Infinity, 1, Infinity],"b":"NaN \" NaN"}"#;
        assert_eq!(
            parse(text).unwrap(),
            json!({ "a": [null, null, 1, null], "b": "NaN \" NaN" })
        );
    }

    #[test]
    fn what_is_no_json_says_where() {
        let error = parse(b"<html>").unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
