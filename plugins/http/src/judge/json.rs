//! Values in a JSON body.

use std::io::{self, Write};

use bellwether_sdk::{
    Code, Status,
    json::{self, Unread},
    work::{Searched, Work},
};
use serde_json::Value;

use super::{Finding, SHOWN_CHARACTERS, body::mend};
use crate::{
    observation::Answer,
    settings::{ExpectSettings, JsonExpectation, JsonKind},
    verdict,
};

pub(super) fn judge(
    expect: &ExpectSettings,
    answer: &Answer,
    failed: Status,
    work: &Work,
    findings: &mut Vec<Finding>,
) {
    let Some(expected) = &expect.json else {
        return;
    };
    match parsed(answer, work) {
        Ok(body) => findings.extend(expected.iter().filter_map(|one| finding(one, &body, failed, work))),
        Err((code, text)) => {
            let status = if *code == verdict::NOT_SEARCHED {
                Status::Unknown
            } else {
                failed
            };
            findings.push(Finding::new(status, code, text));
        }
    }
}

fn finding(expected: &JsonExpectation, body: &Value, failed: Status, work: &Work) -> Option<Finding> {
    if let Some((wanted, actual)) = broken(expected, body) {
        let text = format!("{} {actual}, not {wanted}", place(&expected.pointer));
        return Some(Finding::new(failed, &verdict::JSON, text).contrast(wanted, actual));
    }
    let pattern = expected.matches.as_ref()?;
    let value = body.pointer(&expected.pointer)?;
    let (wanted, actual) = (format!("text that matches `{}`", pattern.as_str()), shown(value));
    match value.as_str().map(|text| work.search(pattern, text, true)) {
        Some(Searched::Found) => None,
        Some(Searched::MissingInFirst(part)) => {
            let text = format!(
                "{} a text of which this run has the time to search {part} bytes, without finding `{}` in them",
                place(&expected.pointer),
                pattern.as_str()
            );
            Some(Finding::new(Status::Unknown, &verdict::NOT_SEARCHED, text))
        }
        Some(Searched::Missing) | None => {
            let text = format!("{} {actual}, not {wanted}", place(&expected.pointer));
            Some(Finding::new(failed, &verdict::JSON, text).contrast(wanted, actual))
        }
    }
}

fn parsed(answer: &Answer, work: &Work) -> Result<Value, (&'static Code, String)> {
    let bytes = answer.body.len();
    if answer.body_truncated {
        let text = format!("only {bytes} bytes of the JSON were kept: {}", mend(bytes));
        return Err((&verdict::JSON, text));
    }
    // The bodies of all targets together are no more than 16 MiB: `request` asks for less of each when there are many.
    json::read(&answer.body, json::TREE_BYTES_MAX, work).map_err(|unread| match unread {
        Unread::Invalid(error) => (&verdict::JSON, format!("the body is not JSON: {error}")),
        Unread::TooLarge(_) => (&verdict::BODY_TOO_LONG, unread.to_string()),
        Unread::NoRoom(_) | Unread::NoTime(_) => (&verdict::NOT_SEARCHED, unread.to_string()),
    })
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() {
        "the body is".to_owned()
    } else {
        format!("`{pointer}` is")
    }
}

/// The first condition but `matches` that does not hold: what was wanted, and what is.
fn broken(expected: &JsonExpectation, body: &Value) -> Option<(String, String)> {
    let value = body.pointer(&expected.pointer);
    match (value, expected.absent) {
        (None, true) => None,
        (Some(value), true) => Some(("absent".to_owned(), shown(value))),
        (None, false) => Some(("present".to_owned(), "absent".to_owned())),
        (Some(value), false) => conditions(expected, value).map(|wanted| (wanted, shown(value))),
    }
}

fn conditions(expected: &JsonExpectation, value: &Value) -> Option<String> {
    let checks = [
        expected
            .kind
            .filter(|kind| !is(*kind, value))
            .map(|kind| format!("a value of kind {kind:?}").to_lowercase()),
        expected
            .equals
            .as_ref()
            .filter(|wanted| !same(wanted, value))
            .map(shown),
        expected
            .one_of
            .as_ref()
            .filter(|wanted| !wanted.iter().any(|one| same(one, value)))
            .map(|wanted| format!("one of {}", wanted.iter().map(shown).collect::<Vec<_>>().join(", "))),
        expected
            .minimum
            .filter(|least| !value.as_f64().is_some_and(|number| number >= *least))
            .map(|least| format!("a number of at least {least}")),
        expected
            .maximum
            .filter(|most| !value.as_f64().is_some_and(|number| number <= *most))
            .map(|most| format!("a number of at most {most}")),
        expected
            .minimum_length
            .filter(|least| length(value).is_none_or(|length| length < *least))
            .map(|least| format!("at least {least} long")),
        expected
            .maximum_length
            .filter(|most| length(value).is_none_or(|length| length > *most))
            .map(|most| format!("at most {most} long")),
    ];
    checks.into_iter().flatten().next()
}

const fn is(kind: JsonKind, value: &Value) -> bool {
    matches!(
        (kind, value),
        (JsonKind::Null, Value::Null)
            | (JsonKind::Boolean, Value::Bool(_))
            | (JsonKind::Number, Value::Number(_))
            | (JsonKind::String, Value::String(_))
            | (JsonKind::Array, Value::Array(_))
            | (JsonKind::Object, Value::Object(_))
    )
}

/// In TOML `1` and `1.0` are two things, in JSON one.
fn same(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_f64(), value.as_f64()) {
        (Some(wanted), Some(value)) => wanted == value,
        _ => wanted == value,
    }
}

/// Characters of a text, items of a list, keys of a table.
fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(table) => table.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    u64::try_from(length).ok()
}

/// A value may be all of a body of a megabyte: no more of it is written than is shown.
fn shown(value: &Value) -> String {
    let mut beginning = Beginning::default();
    let is_whole = serde_json::to_writer(&mut beginning, value).is_ok();
    let text = String::from_utf8_lossy(&beginning.0);
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if is_whole => text.into_owned(),
        None => format!("{text}…"),
    }
}

/// Takes what is shown of a text, in characters of four bytes at most, and refuses the rest.
#[derive(Default)]
struct Beginning(Vec<u8>);

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = (SHOWN_CHARACTERS + 1) * 4 - self.0.len();
        if left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = &bytes[..bytes.len().min(left)];
        self.0.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;

    use super::*;

    fn broken_by(expected: Value, body: &Value) -> Option<String> {
        let expected: JsonExpectation = serde_json::from_value(expected).expect("valid");
        let found = finding(&expected, body, Status::Critical, &crate::work::of_a_run())?;
        found.contrast.map(|(wanted, actual)| format!("{actual}, not {wanted}"))
    }

    #[test]
    fn each_condition_holds_or_says_what_was_wanted() {
        let body = json!({ "status": "ok", "checks": [{ "up": true, "ms": 12.5 }], "n": 3, "a/b": null });
        let holds = [
            json!({ "pointer": "/status", "equals": "ok" }),
            json!({ "pointer": "/n", "equals": 3.0 }),
            json!({ "pointer": "/checks/0/ms", "minimum": 12, "maximum": 13 }),
            json!({ "pointer": "/status", "one_of": ["fine", "ok"], "matches": "^o" }),
            json!({ "pointer": "/checks", "minimum_length": 1, "maximum_length": 1, "kind": "array" }),
            json!({ "pointer": "/gone", "absent": true }),
            json!({ "pointer": "/a~1b", "kind": "null" }),
            json!({ "pointer": "", "kind": "object" }),
        ];
        for expected in holds {
            assert_eq!(broken_by(expected.clone(), &body), None, "{expected}");
        }
        let breaks = [
            (json!({ "pointer": "/status", "equals": "up" }), "\"ok\", not \"up\""),
            (json!({ "pointer": "/gone" }), "absent, not present"),
            (json!({ "pointer": "/n", "absent": true }), "3, not absent"),
            (
                json!({ "pointer": "/n", "minimum": 4 }),
                "3, not a number of at least 4",
            ),
            (
                json!({ "pointer": "/status", "maximum": 4 }),
                "\"ok\", not a number of at most 4",
            ),
            (
                json!({ "pointer": "/n", "minimum_length": 0 }),
                "3, not at least 0 long",
            ),
            (
                json!({ "pointer": "/n", "matches": "3" }),
                "3, not text that matches `3`",
            ),
            (
                json!({ "pointer": "/status", "kind": "number" }),
                "\"ok\", not a value of kind number",
            ),
            (
                json!({ "pointer": "/status", "one_of": [1, null] }),
                "\"ok\", not one of 1, null",
            ),
        ];
        for (expected, said) in breaks {
            assert_eq!(broken_by(expected, &body).as_deref(), Some(said));
        }
    }

    #[test]
    fn long_values_are_shortened_between_characters() {
        let text = shown(&json!("ü".repeat(200)));
        assert_eq!(text.chars().count(), SHOWN_CHARACTERS + 1);
        let list = shown(&json!(vec![1_000; 500_000]));
        assert_eq!(list.chars().count(), SHOWN_CHARACTERS + 1);
        assert!(list.starts_with("[1000,1000,") && list.ends_with('…'), "{list}");
        assert_eq!(shown(&json!({ "a": [1, "x"] })), "{\"a\":[1,\"x\"]}");
        let emoji = shown(&json!("🦀".repeat(200)));
        assert_eq!(emoji.chars().count(), SHOWN_CHARACTERS + 1);
        assert!(!emoji.contains('\u{fffd}'));
    }
}
