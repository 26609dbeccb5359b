//! One figure of a report: where it stands, and when it is bad.

use bellwether_sdk::Status;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    code,
    finding::Finding,
    pointer,
    settings::levels::{Ceiling, Floor},
};

/// A number of the report.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    /// Where it stands, as a JSON pointer: `/metrics/accuracy`.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    at: String,
    /// What to multiply it with: 0.01 for percent.
    scale: Option<f64>,
    /// Below which it is too low.
    floor: Option<Floor>,
    /// From which on it is too high.
    ceiling: Option<Ceiling>,
    /// By how much it may be lower than in the report before.
    max_drop: Option<Ceiling>,
    /// By how much it may be higher than in the report before.
    max_rise: Option<Ceiling>,
}

impl Figure {
    /// What is wrong with the settings.
    pub(super) fn problem(&self, name: &str) -> Option<String> {
        let at = &self.at;
        pointer::problem(at).map(|problem| format!("`{name}.at = \"{at}\"` {problem}"))
    }

    /// The number; a text that is one counts, as `"0.91"`.
    pub(super) fn read(&self, report: &Value) -> Option<f64> {
        let text = pointer::text(report, &self.at)?;
        let number: f64 = text.parse().ok()?;
        Some(number * self.scale.unwrap_or(1.0)).filter(|number| number.is_finite())
    }

    pub(super) fn missing(&self, name: &str) -> Finding {
        let text = format!("the report has no number for {name} at `{}`", self.at);
        Finding::warning(code::VALUE_MISSING, text)
    }

    /// Against the levels, and against the report before where there was one.
    pub(super) fn judge(&self, name: &str, value: f64, before: Option<f64>) -> Vec<Finding> {
        let floor = self.floor.and_then(|floor| floor.broken(value));
        let ceiling = self.ceiling.and_then(|ceiling| ceiling.reached(value));
        let low = floor.map(|(status, level)| {
            Finding::new(status, code::VALUE_LOW, format!("{name} is {value}, less than {level}"))
        });
        let high = ceiling.map(|(status, level)| {
            Finding::new(
                status,
                code::VALUE_HIGH,
                format!("{name} is {value}, at or above {level}"),
            )
        });
        let moved = before.and_then(|before| self.moved(name, value, before));
        [low, high, moved].into_iter().flatten().collect()
    }

    fn moved(&self, name: &str, value: f64, before: f64) -> Option<Finding> {
        let by = |levels: Option<Ceiling>, change: f64| -> Option<Status> {
            let (status, _) = levels?.reached(tidy(change)).filter(|_| change > 0.0)?;
            Some(status)
        };
        let status = by(self.max_drop, before - value).or_else(|| by(self.max_rise, value - before))?;
        let text = format!("{name} went from {before} to {value} since the report before");
        Some(Finding::new(status, code::VALUE_DROPPED, text))
    }
}

/// Without the last digits that subtraction makes up: 0.92 - 0.9 is 0.02, and a level of 0.02 is reached.
fn tidy(change: f64) -> f64 {
    const DIGITS: f64 = 1e12;
    (change * DIGITS).round() / DIGITS
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figure(settings: Value) -> Figure {
        serde_json::from_value(settings).unwrap()
    }

    fn codes(figure: &Figure, value: f64, before: Option<f64>) -> Vec<(Status, &'static str)> {
        let findings = figure.judge("accuracy", value, before);
        findings
            .iter()
            .map(|finding| (finding.status, finding.code.name()))
            .collect()
    }

    #[test]
    fn numbers_and_texts_of_numbers_are_read_and_scaled() {
        let percent = figure(json!({ "at": "/a", "scale": 0.01 }));
        assert_eq!(percent.read(&json!({ "a": 92 })), Some(0.92));
        assert_eq!(figure(json!({ "at": "/a" })).read(&json!({ "a": "0.5" })), Some(0.5));
        for nothing in [
            json!({}),
            json!({ "a": null }),
            json!({ "a": "good" }),
            json!({ "a": "NaN" }),
        ] {
            assert_eq!(percent.read(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn floor_and_ceiling() {
        let accuracy = figure(json!({ "at": "", "floor": { "warning": 0.8, "critical": 0.7 } }));
        assert_eq!(codes(&accuracy, 0.8, None), []);
        assert_eq!(codes(&accuracy, 0.75, None), [(Status::Warning, "value_low")]);
        assert_eq!(codes(&accuracy, 0.6, None), [(Status::Critical, "value_low")]);
        let latency = figure(json!({ "at": "", "ceiling": { "critical": 2 } }));
        assert_eq!(codes(&latency, 2.0, None), [(Status::Critical, "value_high")]);
    }

    #[test]
    fn a_drop_is_judged_exactly_and_a_rise_is_no_drop() {
        let accuracy = figure(json!({ "at": "", "max_drop": { "warning": 0.02, "critical": 0.05 } }));
        assert_eq!(codes(&accuracy, 0.9, Some(0.92)), [(Status::Warning, "value_dropped")]);
        assert_eq!(codes(&accuracy, 0.91, Some(0.92)), []);
        assert_eq!(codes(&accuracy, 0.8, Some(0.92)), [(Status::Critical, "value_dropped")]);
        assert_eq!(codes(&accuracy, 0.99, Some(0.5)), []);
        assert_eq!(codes(&accuracy, 0.1, None), []);
        let error = figure(json!({ "at": "", "max_rise": { "warning": 1 } }));
        assert_eq!(codes(&error, 3.0, Some(1.0)), [(Status::Warning, "value_dropped")]);
    }
}
