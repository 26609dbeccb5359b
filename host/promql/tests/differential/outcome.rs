//! What an evaluator says, in one shape for both, and when two of them say the same.

use std::collections::BTreeMap;

use bellwether_promql::{
    engine::{Answer, Options, Query},
    labels::Labels,
    parse::parse,
    storage::memory::Memory,
    value::Value,
};
use serde_json::Value as Json;

/// How far apart two numbers may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// To the larger of them.
    pub(crate) relative: f64,
    pub(crate) absolute: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            relative: 1e-12,
            absolute: 0.0,
        }
    }
}

impl Tolerance {
    /// What either allows.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            relative: self.relative.max(other.relative),
            absolute: self.absolute.max(other.absolute),
        }
    }

    fn allows(self, a: f64, b: f64) -> bool {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= self.relative * a.abs().max(b.abs()) + self.absolute
    }
}

/// At which moments an expression is asked for, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(i64),
    Over { start: i64, end: i64, step: i64 },
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) expression: String,
    pub(crate) when: When,
}

/// Labels, and values with their moments.
pub(crate) type Row = (BTreeMap<String, String>, Vec<(i64, f64)>);

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Error(String),
    Scalar(f64),
    Text(String),
    /// In the order given; labels to the moments and values.
    Series {
        kind: &'static str,
        rows: Vec<Row>,
    },
}

impl Outcome {
    /// Neither an error nor without a single value.
    pub(crate) fn is_something(&self) -> bool {
        match self {
            Self::Error(_) => false,
            Self::Scalar(_) | Self::Text(_) => true,
            Self::Series { rows, .. } => !rows.is_empty(),
        }
    }
}

/// Of our own evaluator.
pub(crate) fn ours(case: &Case, memory: &Memory) -> Outcome {
    let expr = match parse(&case.expression) {
        Ok(expr) => expr,
        Err(error) => return Outcome::Error(error.to_string()),
    };
    let never = || false;
    let options = Options {
        lookback: 300_000,
        default_step: 60_000,
        samples: 50_000_000,
        elements: 50_000_000,
        stop: &never,
    };
    let mut query = Query::new(expr);
    let answer = match case.when {
        When::At(at) => query.instant(memory, at, &options),
        When::Over { start, end, step } => query.range(memory, start, end, step, &options),
    };
    match answer {
        Err(error) => Outcome::Error(error.to_string()),
        Ok(Answer { value, .. }) => {
            let at = match case.when {
                When::At(at) => at,
                When::Over { start, .. } => start,
            };
            of_value(value, at)
        }
    }
}

fn of_value(value: Value, at: i64) -> Outcome {
    let texts = |labels: &Labels| {
        labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    };
    match value {
        Value::Scalar(number) => Outcome::Scalar(number),
        Value::String(text) => Outcome::Text(text),
        Value::Vector(samples) => {
            let row = |sample: &bellwether_promql::value::Sample| (texts(&sample.labels), vec![(at, sample.value)]);
            Outcome::Series {
                kind: "vector",
                rows: samples.iter().map(row).collect(),
            }
        }
        Value::Matrix(series) => {
            let points = |series: &bellwether_promql::value::Series| {
                series.points.iter().map(|point| (point.at, point.value)).collect()
            };
            Outcome::Series {
                kind: "matrix",
                rows: series
                    .iter()
                    .map(|series| (texts(&series.labels), points(series)))
                    .collect(),
            }
        }
    }
}

/// Of Prometheus' HTTP API.
pub(crate) fn of_answer(body: &str) -> Outcome {
    let json: Json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    if json["status"] != "success" {
        return Outcome::Error(json["error"].as_str().unwrap_or("no message").to_owned());
    }
    let result = &json["data"]["result"];
    let rows = |kind, points: fn(&Json) -> Vec<(i64, f64)>| {
        let labels = |row: &Json| {
            let labels = row["metric"].as_object().expect("labels");
            labels.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        let rows = result.as_array().expect("rows");
        Outcome::Series {
            kind,
            rows: rows.iter().map(|row| (labels(row), points(row))).collect(),
        }
    };
    match json["data"]["resultType"].as_str() {
        Some("scalar") => Outcome::Scalar(point(result).1),
        Some("string") => Outcome::Text(text(&result[1])),
        Some("vector") => rows("vector", |row| vec![point(&row["value"])]),
        Some("matrix") => rows("matrix", |row| {
            row["values"]
                .as_array()
                .map_or(Vec::new(), |all| all.iter().map(point).collect())
        }),
        other => panic!("{other:?}: {body}"),
    }
}

fn text(json: &Json) -> String {
    json.as_str().expect("a text").to_owned()
}

/// `[seconds, "value"]`
fn point(json: &Json) -> (i64, f64) {
    let seconds = json[0].as_f64().expect("a time");
    let value = json[1].as_str().expect("a value");
    ((seconds * 1000.0).round() as i64, value.parse().expect("a number"))
}

/// Why two answers are not the same; None if they are. `ordered` says that the order of elements
/// is part of the answer.
pub(crate) fn difference(ours: &Outcome, theirs: &Outcome, tolerance: Tolerance, ordered: bool) -> Option<String> {
    match (ours, theirs) {
        (Outcome::Error(_), Outcome::Error(_)) => None,
        (Outcome::Scalar(ours), Outcome::Scalar(theirs)) if tolerance.allows(*ours, *theirs) => None,
        (Outcome::Text(ours), Outcome::Text(theirs)) if ours == theirs => None,
        (
            Outcome::Series { kind, rows },
            Outcome::Series {
                kind: other,
                rows: others,
            },
        ) if kind == other => between(rows, others, tolerance, ordered),
        _ => Some(format!("ours {}\n  theirs {}", abbreviated(ours), abbreviated(theirs))),
    }
}

fn abbreviated(outcome: &Outcome) -> String {
    const LETTERS: usize = 400;
    format!("{outcome:?}").chars().take(LETTERS).collect()
}

fn between(ours: &[Row], theirs: &[Row], tolerance: Tolerance, ordered: bool) -> Option<String> {
    let index: BTreeMap<_, _> = theirs.iter().map(|(labels, points)| (labels, points)).collect();
    for (labels, points) in ours {
        let Some(others) = index.get(labels) else {
            return Some(format!("only ours has {labels:?} {:?}", points.first()));
        };
        if let Some(difference) = of_points(points, others, tolerance) {
            return Some(format!("{labels:?}: {difference}"));
        }
    }
    if ours.len() != theirs.len() {
        let only = theirs
            .iter()
            .find(|(labels, _)| ours.iter().all(|(own, _)| own != labels));
        return Some(format!(
            "ours has {} rows, theirs {}: {only:?}",
            ours.len(),
            theirs.len()
        ));
    }
    if ordered {
        let values = |rows: &[Row]| rows.iter().map(|(_, points)| points[0].1).collect::<Vec<_>>();
        let (ours, theirs) = (values(ours), values(theirs));
        if !ours.iter().zip(&theirs).all(|(a, b)| tolerance.allows(*a, *b)) {
            return Some(format!("the order differs: ours {ours:?}, theirs {theirs:?}"));
        }
    }
    None
}

fn of_points(ours: &[(i64, f64)], theirs: &[(i64, f64)], tolerance: Tolerance) -> Option<String> {
    if ours.len() != theirs.len() {
        let moments = |points: &[(i64, f64)]| points.iter().map(|(at, _)| *at).collect::<Vec<_>>();
        let (own, other) = (moments(ours), moments(theirs));
        let odd: Vec<_> = own.iter().filter(|at| !other.contains(at)).collect();
        let missing: Vec<_> = other.iter().filter(|at| !own.contains(at)).collect();
        return Some(format!(
            "ours has {} points, theirs {}; only ours {odd:.120?}, only theirs {missing:.120?}",
            ours.len(),
            theirs.len()
        ));
    }
    let pair = ours
        .iter()
        .zip(theirs)
        .find(|(a, b)| a.0 != b.0 || !tolerance.allows(a.1, b.1));
    pair.map(|(a, b)| format!("ours {:?} at {}, theirs {:?} at {}", a.1, a.0, b.1, b.0))
}
