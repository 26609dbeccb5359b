//! Times of waiting, written as everywhere in the configuration: `500ms`, `30s`, `5m`, `2h`, `14d`.
//!
//! Pure: text to a duration. Thresholds are not written so but as numbers, which a schema can compare.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Units and their milliseconds. `ms` stands before `s`, which it ends in.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A time of waiting; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(Duration);

impl Span {
    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) const fn duration(self) -> Duration {
        self.0
    }

    /// Whole seconds, as the time of a run has them.
    pub(crate) fn seconds(self) -> i64 {
        i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse(&text).ok_or_else(|| format!("`{text}` is not a time such as `30s`, `5m` or `2h`"))
    }
}

fn parse(text: &str) -> Option<Span> {
    let (unit, milliseconds) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let total = digits.parse::<u64>().ok()?.checked_mul(*milliseconds)?;
    (total > 0).then(|| Span(Duration::from_millis(total)))
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time such as `500ms`, `30s`, `5m`, `2h` or `14d`.",
            "pattern": "^0*[1-9][0-9]*(ms|s|m|h|d)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let milliseconds = |text: &str| parse(text).map(|span| span.0.as_millis());
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("30s"), Some(30_000));
        assert_eq!(milliseconds("5m"), Some(300_000));
        assert_eq!(milliseconds("2h"), Some(7_200_000));
        assert_eq!(milliseconds("14d"), Some(1_209_600_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "1 s",
            "5min",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
