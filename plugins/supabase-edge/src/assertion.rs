//! One assertion about a JSON body.
//!
//! Pure. Flows in: an assertion and the body. Flows out: nothing, or what is not so, without repeating text of the body.

use bellwether_sdk::work::Searched;
use serde_json::Value;

use crate::{
    budget, classes,
    finding::Finding,
    settings::expect::{Assertion, JsonType},
};

/// Holds a body of so many bytes against an assertion, as far as there is time for it.
pub(crate) fn judge(assertion: &Assertion, body: &Value, bytes: usize) -> Result<(), Finding> {
    let checked = budget::perform(bytes, budget::ASSERTING, || check(assertion, body));
    let Some(checked) = checked else {
        let text = format!("this run has no time left to look into {bytes} bytes");
        return Err(Finding::new(&classes::NOT_JUDGED, text));
    };
    checked.map_err(|problem| Finding::new(&classes::ASSERTION_FAILED, problem))?;
    text(assertion, body)
}

/// The first condition but `matches` that does not hold, for people.
fn check(assertion: &Assertion, body: &Value) -> Result<(), String> {
    let place = place(&assertion.pointer);
    let found = body.pointer(&assertion.pointer);
    if assertion.exists == Some(false) {
        return match found {
            Some(_) => Err(format!("{place} is there and should not be")),
            None => Ok(()),
        };
    }
    let Some(value) = found else {
        return Err(format!("{place} is missing"));
    };
    let problem = equality(assertion, value)
        .or_else(|| kind(assertion, value))
        .or_else(|| length(assertion, value))
        .or_else(|| range(assertion, value))
        .or_else(|| is_text(assertion, value));
    problem.map_or(Ok(()), |problem| Err(format!("{place} {problem}")))
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() {
        "the body".to_owned()
    } else {
        format!("`{pointer}`")
    }
}

fn equality(assertion: &Assertion, value: &Value) -> Option<String> {
    let wanted = assertion.equals.as_ref()?;
    (!same(wanted, value)).then(|| format!("is {}, not {wanted}", shown(value)))
}

/// Numbers by value, so that 1 is 1.0, at every depth.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (left, right) => left == right,
    }
}

/// Numbers and truth values as they are; of anything else only what it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "another text".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn kind(assertion: &Assertion, value: &Value) -> Option<String> {
    let wanted = assertion.kind?;
    (!is(value, wanted)).then(|| format!("is {}, not {}", type_of(value), word(wanted)))
}

fn is(value: &Value, kind: JsonType) -> bool {
    match kind {
        JsonType::Null => value.is_null(),
        JsonType::Boolean => value.is_boolean(),
        JsonType::Number => value.is_number(),
        JsonType::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        JsonType::String => value.is_string(),
        JsonType::Array => value.is_array(),
        JsonType::Object => value.is_object(),
    }
}

const fn word(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Number => "a number",
        JsonType::Integer => "an integer",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn length(assertion: &Assertion, value: &Value) -> Option<String> {
    let Assertion {
        length,
        min_length,
        max_length,
        ..
    } = *assertion;
    if length.is_none() && min_length.is_none() && max_length.is_none() {
        return None;
    }
    let Some(has) = length_of(value) else {
        return Some(format!("is {}, which has no length", type_of(value)));
    };
    if let Some(wanted) = length.filter(|wanted| has != *wanted) {
        return Some(format!("has length {has}, not {wanted}"));
    }
    if let Some(least) = min_length.filter(|least| has < *least) {
        return Some(format!("has length {has}, below {least}"));
    }
    let most = max_length.filter(|most| has > *most)?;
    Some(format!("has length {has}, above {most}"))
}

fn length_of(value: &Value) -> Option<u64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    u64::try_from(length).ok()
}

fn range(assertion: &Assertion, value: &Value) -> Option<String> {
    let Assertion { min, max, .. } = *assertion;
    if min.is_none() && max.is_none() {
        return None;
    }
    let Some(number) = value.as_f64() else {
        return Some(format!("is {}, not a number", type_of(value)));
    };
    if let Some(min) = min.filter(|min| number < *min) {
        return Some(format!("is {number}, below {min}"));
    }
    let max = max.filter(|max| number > *max)?;
    Some(format!("is {number}, above {max}"))
}

fn is_text(assertion: &Assertion, value: &Value) -> Option<String> {
    let is_odd = assertion.matches.is_some() && !value.is_string();
    is_odd.then(|| format!("is {}, not a string", type_of(value)))
}

fn text(assertion: &Assertion, body: &Value) -> Result<(), Finding> {
    let found = body.pointer(&assertion.pointer).and_then(Value::as_str);
    let Some((pattern, text)) = assertion.matches.as_ref().zip(found) else {
        return Ok(());
    };
    let (place, wanted) = (place(&assertion.pointer), pattern.as_str());
    match budget::search(pattern, text) {
        Searched::Found => Ok(()),
        Searched::Missing => Err(Finding::new(
            &classes::ASSERTION_FAILED,
            format!("{place} does not match `{wanted}`"),
        )),
        Searched::MissingInFirst(part) => Err(Finding::new(
            &classes::NOT_JUDGED,
            format!(
                "{place} is a text of which this run has the time to search {part} bytes, without finding `{wanted}` in them"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;

    use super::*;

    fn problem(assertion: Value, body: &Value) -> Option<String> {
        let assertion: Assertion = serde_json::from_value(assertion).expect("valid");
        let judged = judge(&assertion, body, body.to_string().len());
        judged.err().map(|finding| finding.summary)
    }

    #[test]
    fn values_are_found_by_pointer_as_rfc_6901_has_it() {
        // The document and the pointers of RFC 6901, section 5.
        let body = json!({ "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7 });
        let cases = [
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/m~0n", json!(8)),
            ("/ ", json!(7)),
        ];
        for (pointer, value) in cases {
            assert_eq!(
                problem(json!({ "pointer": pointer, "equals": value }), &body),
                None,
                "{pointer}"
            );
        }
        assert_eq!(
            problem(json!({ "pointer": "", "type": "object", "length": 6 }), &body),
            None
        );
        assert_eq!(problem(json!({ "pointer": "/foo/-", "exists": false }), &body), None);
    }

    #[test]
    fn what_is_missing_or_there_against_the_wish_is_named() {
        let body = json!({ "a": null });
        assert_eq!(problem(json!({ "pointer": "/a", "exists": true }), &body), None);
        assert_eq!(
            problem(json!({ "pointer": "/b", "exists": true }), &body).as_deref(),
            Some("`/b` is missing")
        );
        assert_eq!(
            problem(json!({ "pointer": "/b", "min": 1 }), &body).as_deref(),
            Some("`/b` is missing")
        );
        assert!(problem(json!({ "pointer": "/a", "exists": false }), &body).is_some());
    }

    #[test]
    fn numbers_are_equal_by_value_and_texts_are_not_repeated() {
        assert_eq!(
            problem(
                json!({ "pointer": "/n", "equals": { "a": [1] } }),
                &json!({ "n": { "a": [1.0] } })
            ),
            None
        );
        let wrong = problem(json!({ "pointer": "/n", "equals": 1 }), &json!({ "n": 2 }));
        assert_eq!(wrong.as_deref(), Some("`/n` is 2, not 1"));
        let secret = problem(
            json!({ "pointer": "/t", "equals": "ok" }),
            &json!({ "t": "eyJhbGciOi" }),
        );
        assert_eq!(secret.as_deref(), Some("`/t` is another text, not \"ok\""));
    }

    #[test]
    fn a_pattern_that_would_take_the_whole_run_is_searched_as_far_as_there_is_time() {
        let long = json!("a".repeat(1 << 20));
        budget::begin_with(std::time::Duration::from_millis(300));
        let costly: Assertion =
            serde_json::from_value(json!({ "pointer": "", "matches": "(a?){500}z" })).expect("valid");
        let finding = judge(&costly, &long, 1 << 20).expect_err("it is not there");
        assert_eq!(finding.class.code, classes::NOT_JUDGED.code, "{}", finding.summary);
        assert!(judge(&costly, &json!("aaz"), 5).is_ok());
    }

    #[test]
    fn types_are_told_apart() {
        let types = [
            ("null", json!(null)),
            ("boolean", json!(true)),
            ("string", json!("a")),
            ("array", json!([])),
            ("object", json!({})),
            ("integer", json!(3.0)),
        ];
        for (name, value) in &types {
            for (other, candidate) in &types {
                let found = problem(json!({ "pointer": "", "type": name }), candidate);
                assert_eq!(found.is_none(), name == other, "{name} {value} {candidate}");
            }
        }
        assert_eq!(problem(json!({ "pointer": "", "type": "number" }), &json!(1.5)), None);
        assert!(problem(json!({ "pointer": "", "type": "integer" }), &json!(1.5)).is_some());
    }

    #[test]
    fn lengths_are_of_lists_tables_and_characters() {
        let body = json!({ "v": [0, 0, 0], "t": "äöü", "n": 3 });
        for pointer in ["/v", "/t"] {
            assert_eq!(
                problem(
                    json!({ "pointer": pointer, "length": 3, "min_length": 3, "max_length": 3 }),
                    &body
                ),
                None
            );
            assert!(problem(json!({ "pointer": pointer, "length": 768 }), &body).is_some());
            assert!(problem(json!({ "pointer": pointer, "min_length": 4 }), &body).is_some());
            assert!(problem(json!({ "pointer": pointer, "max_length": 2 }), &body).is_some());
        }
        assert!(problem(json!({ "pointer": "/n", "length": 3 }), &body).is_some());
    }

    #[test]
    fn ranges_are_of_numbers_and_expressions_of_texts() {
        let body = json!({ "n": 0.5, "t": "v1.2.3" });
        assert_eq!(problem(json!({ "pointer": "/n", "min": 0.5, "max": 0.5 }), &body), None);
        assert!(problem(json!({ "pointer": "/n", "min": 0.6 }), &body).is_some());
        assert!(problem(json!({ "pointer": "/n", "max": 0.4 }), &body).is_some());
        assert!(problem(json!({ "pointer": "/t", "max": 1 }), &body).is_some());
        assert_eq!(problem(json!({ "pointer": "/t", "matches": r"^v\d+\." }), &body), None);
        assert!(problem(json!({ "pointer": "/t", "matches": "^w" }), &body).is_some());
        assert!(problem(json!({ "pointer": "/n", "matches": "." }), &body).is_some());
    }
}
