//! When to warn: levels of numbers and of durations.

use bellwether_sdk::Status;
use schemars::JsonSchema;
use serde::Deserialize;

/// From which value on something is too high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]
pub(crate) struct Ceiling {
    /// Will need a person soon.
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    pub(crate) critical: Option<f64>,
}

/// Below which value something is too low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["critical", "warning"]))]
pub(crate) struct Floor {
    /// Will need a person soon.
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    pub(crate) critical: Option<f64>,
}

/// After which time something takes too long or is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spans {
    /// Will need a person soon; such as `"2h"`.
    pub(crate) warning: Option<Span>,
    /// Needs a person now; such as `"1d 12h"`.
    pub(crate) critical: Option<Span>,
}

impl Ceiling {
    /// The worst level that a value reaches.
    pub(crate) fn reached(self, value: f64) -> Option<(Status, f64)> {
        worst(self.critical, self.warning, |level| value >= level)
    }
}

impl Floor {
    /// The worst level that a value is below.
    pub(crate) fn broken(self, value: f64) -> Option<(Status, f64)> {
        worst(self.critical, self.warning, |level| value < level)
    }
}

impl Spans {
    /// The worst level that a time in seconds is above.
    pub(crate) fn passed(self, seconds: f64) -> Option<(Status, f64)> {
        let level = |span: Option<Span>| span.map(Span::seconds);
        worst(level(self.critical), level(self.warning), |level| seconds > level)
    }

    /// What is wrong with the levels themselves.
    pub(crate) fn problem(self, key: &str) -> Option<String> {
        let (warning, critical) = (self.warning?.seconds(), self.critical?.seconds());
        (warning > critical).then(|| format!("`{key}.warning` is longer than `{key}.critical`"))
    }
}

fn worst(critical: Option<f64>, warning: Option<f64>, is_bad: impl Fn(f64) -> bool) -> Option<(Status, f64)> {
    let of = |level: Option<f64>, status| level.filter(|level| is_bad(*level)).map(|level| (status, level));
    of(critical, Status::Critical).or_else(|| of(warning, Status::Warning))
}

/// A duration as people write it, in the host's own form: `90s`, `2h 30m`, `250ms`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+(ms|s|m|h|d|w)( ?[0-9]+(ms|s|m|h|d|w))*$"))]
pub(crate) struct Span(f64);

impl Span {
    pub(crate) const fn from_hours(hours: u32) -> Self {
        Self(hours as f64 * 3_600.0)
    }

    pub(crate) const fn seconds(self) -> f64 {
        self.0
    }

    /// For the host; at least 1.
    pub(crate) fn milliseconds(self) -> u32 {
        (self.0 * 1000.0).clamp(1.0, f64::from(u32::MAX)) as u32
    }
}

/// Units and their seconds, with those first that begin like another.
const UNITS: [(&str, f64); 6] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
];

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = seconds(&text).filter(|seconds| *seconds > 0.0);
        seconds
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a duration such as \"90s\", \"2h\" or \"1d 12h\""))
    }
}

fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u32 = rest[..digits].parse().ok()?;
        let (unit, per_unit) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        sum += f64::from(count) * per_unit;
        rest = rest[digits + unit.len()..].trim_start();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::settings::ASCENDING_KEYWORD;

    use super::*;

    fn span(text: &str) -> Result<f64, String> {
        Span::try_from(text.to_owned()).map(Span::seconds)
    }

    #[test]
    fn durations_are_those_of_the_host() {
        assert_eq!(span("90s"), Ok(90.0));
        assert_eq!(span("1d 12h"), Ok(129_600.0));
        assert_eq!(span("2h30m"), Ok(9_000.0));
        assert_eq!(span("250ms"), Ok(0.25));
        for bad in ["", "5", "h", "5 parsecs", "0s", "-1s", "1.5h"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_worst_level_counts() {
        let ceiling = Ceiling {
            warning: Some(1.0),
            critical: Some(2.0),
        };
        assert_eq!(ceiling.reached(0.9), None);
        assert_eq!(ceiling.reached(1.0), Some((Status::Warning, 1.0)));
        assert_eq!(ceiling.reached(2.5), Some((Status::Critical, 2.0)));
        let floor = Floor {
            warning: Some(0.8),
            critical: Some(0.7),
        };
        assert_eq!(floor.broken(0.8), None);
        assert_eq!(floor.broken(0.75), Some((Status::Warning, 0.8)));
        assert_eq!(floor.broken(0.1), Some((Status::Critical, 0.7)));
    }

    #[test]
    fn levels_in_the_wrong_order_are_refused() {
        let keyword = |schema: schemars::Schema| schema.get(ASCENDING_KEYWORD).cloned();
        assert!(keyword(schemars::schema_for!(Ceiling)).is_some());
        assert!(keyword(schemars::schema_for!(Floor)).is_some());
        let spans: Spans = serde_json::from_str(r#"{"warning":"2h","critical":"1h"}"#).unwrap();
        assert!(
            spans
                .problem("max_age")
                .is_some_and(|text| text.contains("max_age.warning"))
        );
    }
}
