//! Sets of status codes, as people write them: `200`, `"2xx"`, `"200-204"`.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Statuses that HTTP has.
const ALL: RangeInclusive<u16> = 100..=599;

/// In the order written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Written>")]
pub(crate) struct StatusSet(Vec<RangeInclusive<u16>>);

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u16),
    Text(String),
}

impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![200..=299])
    }
}

impl StatusSet {
    pub(crate) fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl TryFrom<Vec<Written>> for StatusSet {
    type Error = String;

    fn try_from(written: Vec<Written>) -> Result<Self, String> {
        written.iter().map(range).collect::<Result<_, _>>().map(Self)
    }
}

fn range(written: &Written) -> Result<RangeInclusive<u16>, String> {
    let range = match written {
        Written::Number(status) => Some(*status..=*status),
        Written::Text(text) => of_text(text),
    };
    range
        .filter(|range| ALL.contains(range.start()) && ALL.contains(range.end()) && range.start() <= range.end())
        .ok_or_else(|| format!("{written:?} is no status: write 200, \"2xx\" or \"200-204\""))
}

fn of_text(text: &str) -> Option<RangeInclusive<u16>> {
    if let Some(hundreds) = text.strip_suffix("xx") {
        let from = hundreds.parse::<u16>().ok()?.checked_mul(100)?;
        return Some(from..=from.checked_add(99)?);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(from.parse().ok()?..=to.parse().ok()?)
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match (*range.start(), *range.end()) {
                (from, to) if from == to => write!(f, "{comma}{from}")?,
                (from, to) if from % 100 == 0 && to == from + 99 => write!(f, "{comma}{}xx", from / 100)?,
                (from, to) => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

impl JsonSchema for StatusSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StatusSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "minItems": 1,
            "items": {
                "type": ["integer", "string"],
                "minimum": *ALL.start(),
                "maximum": *ALL.end(),
                "pattern": "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$",
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;

    use super::*;

    fn set(value: serde_json::Value) -> Result<StatusSet, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn sets_are_numbers_classes_and_ranges() {
        let set = set(json!([200, "3xx", "401-403", "418"])).expect("valid");
        for inside in [200, 300, 399, 401, 403, 418] {
            assert!(set.contains(inside), "{inside}");
        }
        for outside in [199, 201, 299, 400, 404, 500] {
            assert!(!set.contains(outside), "{outside}");
        }
        assert_eq!(set.to_string(), "200, 3xx, 401-403, 418");
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for bad in [
            json!(["2x"]),
            json!([99]),
            json!(["6xx"]),
            json!(["300-200"]),
            json!(["ok"]),
            json!([true]),
        ] {
            assert!(set(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn unless_said_every_success_is_expected() {
        assert!(StatusSet::default().contains(204) && !StatusSet::default().contains(304));
        assert_eq!(StatusSet::default().to_string(), "2xx");
    }
}
