//! What is expected of an answer: `expect` of a function, a surface or a step.
//!
//! Flows in: the settings table. Flows out: the same as types, and what the schema cannot refuse. Holding an answer against
//! it is done in `expectation`.

use std::{borrow::Cow, collections::BTreeMap};

use bellwether_sdk::{pattern::Pattern, settings::Levels};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

/// What an answer must be like. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// Which statuses are right, such as `[200, "2xx", "200-204"]`. Named here, a status is right even where it would
    /// otherwise be an error, such as a 401 that proves that a function asks for a token.
    pub(crate) status: Vec<StatusRange>,
    /// What the JSON body must hold.
    pub(crate) json: Vec<Assertion>,
    /// Headers that must be there, each with a regular expression that is found in its value; `""` for any value.
    #[schemars(extend("x-bellwether-pattern" = "regex-lite"))]
    pub(crate) headers: BTreeMap<String, String>,
    /// From when on the answer is slow, in seconds. Unless said: a warning from 2, critical from 5.
    pub(crate) latency_seconds: Option<Levels>,
    /// The largest body that is right, in bytes. More is not read.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub(crate) body_bytes: Option<u32>,
    /// Whether a body that goes on after 1 MiB, or never ends, is wrong: `true` unless said. With `false` a part of it is enough.
    pub(crate) whole_body: Option<bool>,
}

/// Answers take this long before people mind, when the settings say nothing.
const LATENCY: Levels = Levels::both(2.0, 5.0);

/// One value in the JSON body, and what it must be. At least one of the conditions besides `pointer`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["min", "max"]))]
pub(crate) struct Assertion {
    /// Where it stands (RFC 6901): `""` is the whole body, `/items/0/id` the `id` of the first of `items`; `~1` is a slash
    /// and `~0` a tilde within a name.
    #[schemars(regex(pattern = "^(/.*)?$"))]
    pub(crate) pointer: String,
    /// Whether it is there at all.
    pub(crate) exists: Option<bool>,
    /// Exactly this value; numbers are compared by value.
    pub(crate) equals: Option<Value>,
    /// Of which type it is.
    #[serde(rename = "type")]
    pub(crate) kind: Option<JsonType>,
    /// How many elements, keys or characters it has.
    pub(crate) length: Option<u64>,
    /// At least as many.
    pub(crate) min_length: Option<u64>,
    /// At most as many.
    pub(crate) max_length: Option<u64>,
    /// The smallest right number.
    pub(crate) min: Option<f64>,
    /// The largest right number.
    pub(crate) max: Option<f64>,
    /// A regular expression that is found in the text.
    pub(crate) matches: Option<Pattern>,
}

/// A type of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// Any number.
    Number,
    /// A number without a fraction.
    Integer,
    /// Text.
    String,
    /// A list.
    Array,
    /// A table.
    Object,
}

impl Expect {
    /// What the schema cannot say; `at` is where in the settings.
    pub(crate) fn check(&self, at: &str) -> Result<(), String> {
        for (index, assertion) in self.json.iter().enumerate() {
            assertion.check(&format!("{at}.json[{index}]"))?;
        }
        for (name, pattern) in &self.headers {
            Pattern::new(pattern).map_err(|error| format!("{at}.headers.{name}: {error}"))?;
        }
        Ok(())
    }

    pub(crate) fn latency(&self) -> Levels {
        self.latency_seconds.unwrap_or(LATENCY)
    }

    /// Whether `status` was named as right.
    pub(crate) fn names(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.holds(status))
    }
}

impl Assertion {
    fn check(&self, at: &str) -> Result<(), String> {
        let conditions = Self {
            pointer: String::new(),
            ..self.clone()
        };
        if conditions == Self::default() {
            return Err(format!(
                "{at} says nothing about `{}`: add `exists = true`",
                self.pointer
            ));
        }
        if self.min_length.zip(self.max_length).is_some_and(|(min, max)| min > max) {
            return Err(format!("{at}: `min_length` is above `max_length`"));
        }
        Ok(())
    }
}

/// One status, or all from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    fn holds(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl TryFrom<Value> for StatusRange {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = match &value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        status_range(&text).ok_or_else(|| format!("`{text}` is not a status such as 200, \"2xx\" or \"200-204\""))
    }
}

fn status_range(text: &str) -> Option<StatusRange> {
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=9).contains(class))?;
        return Some(StatusRange {
            first: class * 100,
            last: class * 100 + 99,
        });
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some(StatusRange { first, last })
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (100..=999).contains(status))
}

impl JsonSchema for StatusRange {
    fn schema_name() -> Cow<'static, str> {
        "StatusRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status (`200`), a hundred of them (`\"2xx\"`) or a range (`\"200-204\"`).",
            "type": ["integer", "string"],
            "minimum": 100,
            "maximum": 999,
            "pattern": "^([1-9]xx|[1-9][0-9]{2}(-[1-9][0-9]{2})?)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;

    use super::*;

    fn expect(settings: Value) -> Expect {
        serde_json::from_value(settings).expect("valid")
    }

    #[test]
    fn statuses_are_numbers_hundreds_and_ranges() {
        let expect = expect(json!({ "status": [204, "3xx", "400-404"] }));
        let named: Vec<u16> = [200, 204, 299, 300, 399, 400, 404, 405]
            .into_iter()
            .filter(|status| expect.names(*status))
            .collect();
        assert_eq!(named, [204, 300, 399, 400, 404]);
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for status in [
            json!("xx"),
            json!("2x"),
            json!(99),
            json!("204-200"),
            json!(true),
            json!(1000),
        ] {
            let settings = json!({ "status": [status] });
            assert!(serde_json::from_value::<Expect>(settings).is_err(), "{status}");
        }
    }

    #[test]
    fn an_assertion_that_asserts_nothing_is_refused() {
        let problem = expect(json!({ "json": [{ "pointer": "/a" }] }))
            .check("expect")
            .expect_err("refused");
        assert!(
            problem.contains("expect.json[0]") && problem.contains("/a"),
            "{problem}"
        );
    }

    #[test]
    fn an_expression_that_cannot_be_read_is_refused_with_its_place() {
        let problem = expect(json!({ "headers": { "etag": "(" } }))
            .check("here")
            .expect_err("refused");
        assert!(problem.starts_with("here.headers.etag: `(`"), "{problem}");
        let assertion = json!({ "json": [{ "pointer": "", "matches": "[" }] });
        let problem = serde_json::from_value::<Expect>(assertion)
            .expect_err("refused")
            .to_string();
        assert!(problem.starts_with("`[` is not a regular expression"), "{problem}");
        let lengths = json!({ "json": [{ "pointer": "", "min_length": 3, "max_length": 2 }] });
        assert!(expect(lengths).check("here").is_err());
    }

    #[test]
    fn slow_means_two_and_five_seconds_unless_said() {
        assert_eq!(expect(json!({})).latency(), LATENCY);
        let own = expect(json!({ "latency_seconds": { "critical": 9 } })).latency();
        assert_eq!((own.warning, own.critical), (None, Some(9.0)));
    }
}
