//! One measured number beside what was promised.

use std::fmt;

/// What a number must not exceed or fall below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Budget {
    AtMost(f64),
    AtLeast(f64),
    /// Measured for comparison only.
    None,
}

/// A measured number.
#[derive(Debug)]
pub(super) struct Finding {
    what: String,
    measured: f64,
    unit: &'static str,
    budget: Budget,
}

impl Finding {
    /// `unit` follows the number and its budget.
    pub(super) fn new(what: impl Into<String>, measured: f64, unit: &'static str, budget: Budget) -> Self {
        Self {
            what: what.into(),
            measured,
            unit,
            budget,
        }
    }

    /// Whether it is no measurement: nothing costs nothing or less, so what was subtracted hides it.
    fn drowned(&self) -> bool {
        matches!(self.budget, Budget::AtMost(_)) && self.measured <= 0.0
    }

    /// How far off, in percent of the budget; none when it is kept or there is none.
    fn missed_by(&self) -> Option<f64> {
        let over = match self.budget {
            Budget::AtMost(limit) => self.measured / limit - 1.0,
            Budget::AtLeast(limit) => 1.0 - self.measured / limit,
            Budget::None => return None,
        };
        (over > 0.0).then_some(over * 100.0)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<58} {:>10} {:<4}", self.what, number(self.measured), self.unit)?;
        let (sign, limit) = match self.budget {
            Budget::AtMost(limit) => ("≤", limit),
            Budget::AtLeast(limit) => ("≥", limit),
            Budget::None => return Ok(()),
        };
        write!(f, "  {sign} {:<6}", number(limit))?;
        if self.drowned() {
            return f.write_str("  UNKNOWN: it drowns in noise");
        }
        match self.missed_by() {
            Some(percent) => write!(f, "  MISSED by {percent:.0} %"),
            None => f.write_str("  kept"),
        }
    }
}

/// Three significant digits are what these measurements are worth.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_of_nothing_or_less_keeps_no_budget() {
        for measured in [-45.0, 0.0] {
            let said = Finding::new("a rule", measured, "µs", Budget::AtMost(40.0)).to_string();
            assert!(said.ends_with("UNKNOWN: it drowns in noise"), "{said}");
        }
    }

    #[test]
    fn a_missed_budget_says_by_how_much_in_both_directions() {
        assert!(
            Finding::new("x", 75.0, "µs", Budget::AtMost(60.0))
                .to_string()
                .ends_with("MISSED by 25 %")
        );
        assert!(
            Finding::new("x", 7.5, "×", Budget::AtLeast(15.0))
                .to_string()
                .ends_with("MISSED by 50 %")
        );
        assert!(
            Finding::new("x", 60.0, "µs", Budget::AtMost(60.0))
                .to_string()
                .ends_with("kept")
        );
    }
}
