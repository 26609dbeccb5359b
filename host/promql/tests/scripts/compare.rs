//! Whether a value is the expected one, as Prometheus' runner sees it.

use std::collections::HashMap;

use bellwether_promql::{
    labels::Labels,
    parse::series::Item,
    value::{Point, Sample, Series, Value, is_stale},
};

use crate::script::Expected;

/// Relative difference of values that count as equal.
const EPSILON: f64 = 1e-6;

/// Equal up to rounding: both no numbers, both the stale marker, or closer than [`EPSILON`] of their sum.
pub(crate) fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// How the value differs, if it does. A matrix has its expected values from `start` on, every `step`.
pub(crate) fn difference(value: &Value, expected: &Expected, (start, step): (i64, i64)) -> Option<String> {
    match value {
        Value::Scalar(value) => match expected.scalar {
            Some(wanted) if almost_equal(*value, wanted) => None,
            _ => Some(format!("it is {value}, and expected was {expected:?}")),
        },
        Value::String(text) => {
            let wanted = expected.string.as_deref().unwrap_or_default();
            (text != wanted).then(|| format!("it is {text:?}, and expected was {wanted:?}"))
        }
        _ if expected.scalar.is_some() => Some(format!("a scalar was expected, and it is {value:?}")),
        Value::Vector(samples) => vector(samples, expected),
        Value::Matrix(series) => matrix(series, expected, start, step),
    }
}

fn vector(samples: &[Sample], expected: &Expected) -> Option<String> {
    // The last of equal ones counts.
    let wanted: HashMap<&Labels, (usize, Option<&Item>)> = expected
        .series
        .iter()
        .enumerate()
        .map(|(at, series)| (&series.labels, (at, series.values.first())))
        .collect();
    for (at, sample) in samples.iter().enumerate() {
        let (labels, value) = (&sample.labels, sample.value);
        let Some((place, item)) = wanted.get(labels) else {
            return Some(format!("{labels} {value} was not expected"));
        };
        if expected.ordered && *place != at {
            return Some(format!("{labels} is element {at}, and expected was {place}"));
        }
        match item {
            Some(Item::Float(wanted)) if almost_equal(*wanted, value) => {}
            other => return Some(format!("{labels} is {value}, and expected was {other:?}")),
        }
    }
    let missing = wanted
        .keys()
        .find(|labels| samples.iter().all(|sample| sample.labels != ***labels));
    missing.map(|labels| format!("{labels} is missing"))
}

fn matrix(series: &[Series], expected: &Expected, start: i64, step: i64) -> Option<String> {
    if expected.ordered {
        return Some("an ordered result was expected, and a matrix has no order".to_owned());
    }
    if series.windows(2).any(|pair| pair[0].labels > pair[1].labels) {
        return Some("the series are not ordered by their labels".to_owned());
    }
    let wanted: HashMap<&Labels, &[Item]> = expected
        .series
        .iter()
        .map(|one| (&one.labels, one.values.as_slice()))
        .collect();
    for one in series {
        let labels = &one.labels;
        let Some(items) = wanted.get(labels) else {
            return Some(format!("{labels} {:?} was not expected", one.points));
        };
        let moments = (0..).map(|at| start + at * step);
        let points: Vec<Point> = moments
            .zip(*items)
            .filter_map(|(at, item)| match item {
                Item::Float(value) => Some(Point { at, value: *value }),
                Item::Gap | Item::Histogram => None,
            })
            .collect();
        let same = |(a, b): (&Point, &Point)| a.at == b.at && almost_equal(a.value, b.value);
        if points.len() != one.points.len() || !points.iter().zip(&one.points).all(same) {
            return Some(format!("{labels} is {:?}, and expected was {points:?}", one.points));
        }
    }
    let missing = wanted
        .keys()
        .find(|labels| series.iter().all(|one| one.labels != ***labels));
    missing.map(|labels| format!("{labels} is missing"))
}
