//! What expressions yield over a storage in memory.

mod absence;
mod consistency;
mod errors;
mod labels;
mod order;
mod times;

use super::{Answer, EvalError, LOOKBACK, Options, Query};
use crate::{
    ast::{ExprKind, MatchOp},
    labels::Labels,
    parse::parse,
    storage::memory::Memory,
    value::{Point, Sample, Series, Value, stale_marker},
};

/// Stands for no sample in [`load`].
const NONE: f64 = f64::MIN;
const STALE: fn() -> f64 = stale_marker;
/// Seconds.
const MINUTE: i64 = 60;

const PLENTY: Options<'_> = Options {
    lookback: LOOKBACK,
    default_step: 60_000,
    samples: 1_000_000,
    elements: 1_000_000,
    stop: &|| false,
};

/// The labels of a series written as a selector.
fn metric(text: &str) -> Labels {
    if text == "{}" {
        return Labels::default();
    }
    // An empty selector is refused, and braces may be all there is.
    let ExprKind::Selector(selector) = parse(text).unwrap().kind else {
        panic!("{text} is no selector");
    };
    let equal = selector
        .matchers
        .iter()
        .inspect(|matcher| assert_eq!(matcher.op, MatchOp::Equal));
    Labels::new(equal.map(|matcher| (&*matcher.name, &*matcher.value)))
}

/// Series with a sample every `step` seconds, the first at zero.
fn load(step: i64, series: &[(&str, &[f64])]) -> Memory {
    let mut memory = Memory::new();
    for (text, values) in series {
        let points = (0..).zip(*values).filter(|(_, value)| **value != NONE);
        let points = points.map(|(number, value)| Point {
            at: number * step * 1000,
            value: *value,
        });
        memory.extend(&metric(text), points);
    }
    memory
}

fn ask(memory: &Memory, seconds: i64, text: &str) -> Result<Answer, EvalError> {
    Query::new(parse(text).unwrap()).instant(memory, seconds * 1000, &PLENTY)
}

fn ask_range(memory: &Memory, [start, end, step]: [i64; 3], text: &str) -> Result<Answer, EvalError> {
    Query::new(parse(text).unwrap()).range(memory, start * 1000, end * 1000, step * 1000, &PLENTY)
}

/// Elements as `labels value`, in order.
fn elements(memory: &Memory, seconds: i64, text: &str) -> Vec<String> {
    match ask(memory, seconds, text).unwrap().value {
        Value::Vector(samples) => samples.iter().map(element).collect(),
        Value::Scalar(number) => vec![number.to_string()],
        other => panic!("{other:?}"),
    }
}

fn element(sample: &Sample) -> String {
    format!("{} {}", sample.labels, sample.value)
}

/// Series as `labels seconds:value …`, in order.
fn series(memory: &Memory, times: [i64; 3], text: &str) -> Vec<String> {
    matrix(ask_range(memory, times, text).unwrap().value)
}

fn matrix(value: Value) -> Vec<String> {
    let Value::Matrix(all) = value else { panic!("{value:?}") };
    all.iter().map(written).collect()
}

fn written(series: &Series) -> String {
    let points = series
        .points
        .iter()
        .map(|point| format!(" {}:{}", point.at / 1000, point.value));
    format!("{}{}", series.labels, points.collect::<String>())
}

fn refused(memory: &Memory, seconds: i64, text: &str) -> EvalError {
    match ask(memory, seconds, text) {
        Err(error) => error,
        Ok(answer) => panic!("{text} is {:?}", answer.value),
    }
}

#[test]
fn a_query_can_be_sent_to_another_thread() {
    fn sent<T: Send + Sync>() {}
    sent::<Query>();
    sent::<EvalError>();
}
