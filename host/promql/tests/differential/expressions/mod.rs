//! Expressions over the series of [`super::series`]: each has a focus, one function or operator or modifier after the other, and
//! around and inside it whatever chance brings.

mod calls;
mod operators;
mod parts;

use bellwether_promql::signature::Function;

use super::random::Random;

/// What an expression is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    Function(Function),
    Aggregation(&'static str),
    Operator(&'static str),
    Modifier(&'static str),
}

const AGGREGATIONS: [&str; 12] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
const SETS: [&str; 3] = ["and", "or", "unless"];
const MODIFIERS: [&str; 12] = [
    "offset",
    "@",
    "subquery",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "sign",
    "literal",
    "selector",
    "wrong",
];

/// Names with their own labels besides `job` and `instance`.
const GAUGES: [&str; 9] = [
    "gridded",
    "temperature",
    "level",
    "ratio",
    "size",
    "bytes_total",
    "requests_total",
    "latency_seconds_count",
    "latency_seconds_sum",
];
const ODD: [&str; 8] = [
    "steady",
    "extreme",
    "sparse",
    "dense",
    "flapping",
    "cancelling",
    "moment",
    "text",
];
const COUNTERS: [&str; 6] = [
    "gridded",
    "requests_total",
    "bytes_total",
    "latency_seconds_count",
    "latency_seconds_bucket",
    "latency_seconds_sum",
];
const RANGES: [&str; 12] = [
    "500ms", "15s", "37s", "1m", "2m", "3m", "5m", "5m", "7m13s", "10m", "30m", "1h10m",
];
const STEPS: [&str; 6] = ["", "13s", "30s", "1m", "2m30s", "777ms"];
const NUMBERS: [&str; 16] = [
    "0", "1", "2", "-1", "0.5", "3.7", "10", "100", "1e3", "-2.5", "NaN", "Inf", "-Inf", "0x1F", "1e-3", "1m",
];
const PHIS: [&str; 12] = [
    "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.99", "1", "-0.1", "1.1", "NaN", "0.333",
];

/// Of ordinary depth: what is wrapped into more is still to be read by a person.
const DEPTH: u32 = 2;

impl Focus {
    pub(crate) fn all() -> Vec<Self> {
        // The server knows `first_over_time` since 3.7 only.
        let compared = Function::ALL
            .iter()
            .filter(|function| **function != Function::FirstOverTime);
        let functions = compared.map(|function| Self::Function(*function));
        let aggregations = AGGREGATIONS.into_iter().map(Self::Aggregation);
        let operators = [&ARITHMETIC[..], &COMPARISONS, &SETS]
            .concat()
            .into_iter()
            .map(Self::Operator);
        let modifiers = MODIFIERS.into_iter().map(Self::Modifier);
        functions
            .chain(aggregations)
            .chain(operators)
            .chain(modifiers)
            .collect()
    }

    /// How the word stands in expressions.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Function(function) => function.signature().name,
            Self::Aggregation(word) | Self::Operator(word) | Self::Modifier(word) => word,
        }
    }
}

/// Whether two libraries of mathematics may differ in the last digit of the result.
fn is_rounded_by_libraries(focus: Focus) -> bool {
    use Function as F;
    match focus {
        Focus::Operator(word) => matches!(word, "^" | "atan2"),
        Focus::Function(function) => matches!(
            function,
            F::Acos
                | F::Acosh
                | F::Asin
                | F::Asinh
                | F::Atan
                | F::Atanh
                | F::Cos
                | F::Cosh
                | F::Exp
                | F::Ln
                | F::Log10
                | F::Log2
                | F::Sin
                | F::Sinh
                | F::Tan
                | F::Tanh
        ),
        Focus::Aggregation(_) | Focus::Modifier(_) => false,
    }
}

/// Makes expressions.
pub(crate) struct Maker {
    pub(crate) random: Random,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
        }
    }

    /// One expression about `focus`.
    pub(crate) fn expression(&mut self, focus: Focus) -> String {
        let inner = self.about(focus);
        if focus == Focus::Function(Function::HistogramFraction) {
            // Left alone, so that a known difference can be told from others by its values.
            return inner;
        }
        match self.random.between(0, 99) {
            0..=54 => inner,
            55..=62 => self.aggregated(&inner),
            63..=69 => {
                // A remainder would show how differently two libraries round what is large.
                let of = if is_rounded_by_libraries(focus) {
                    &ARITHMETIC[..4]
                } else {
                    &ARITHMETIC[..5]
                };
                format!("({inner}) {} {}", self.pick(of), self.pick(&["2", "3", "0.5", "-1"]))
            }
            70..=75 => format!(
                "{}(({inner}){})",
                self.pick(&["max_over_time", "sum_over_time", "last_over_time", "count_over_time"]),
                self.subrange()
            ),
            76..=80 => format!("-({inner})"),
            81..=85 => format!("({inner}) {} {}", self.pick(&COMPARISONS), self.pick(&["0", "1", "20"])),
            86..=90 => format!("abs({inner})"),
            91..=93 => format!("({inner}) or {}", self.selector(&GAUGES)),
            94..=96 => format!("scalar({inner}) + 1"),
            _ => format!("label_replace({inner}, \"copy\", \"$1\", \"job\", \"(.*)\")"),
        }
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        self.random.pick(of)
    }

    fn about(&mut self, focus: Focus) -> String {
        match focus {
            Focus::Function(function) => self.call(function),
            Focus::Aggregation(word) => {
                let mut of = self.vector(DEPTH);
                let rounded = ["stddev", "stdvar", "sum", "avg"].iter().any(|word| of.contains(word));
                if word == "count_values" && rounded {
                    // Whose last digits may differ and would be labels.
                    of = self.selector(&GAUGES);
                }
                self.aggregation(word, &of)
            }
            Focus::Operator(word) => self.operation(word),
            Focus::Modifier(word) => self.modified(word),
        }
    }
}
