//! Assertions about numbers and vectors. Each returns what is wrong, or none.

use serde_json::Value;

use super::{Cosine, Range, shown};
use crate::pointer;

/// A vector of `wanted` numbers, or a list of such vectors.
pub(super) fn dimension(value: &Value, wanted: u64) -> Option<String> {
    let Value::Array(items) = value else {
        return Some(format!("must be a vector, not {}", shown(value)));
    };
    if items.first().is_some_and(Value::is_array) {
        return items.iter().find_map(|item| dimension(item, wanted));
    }
    if items.len() as u64 != wanted {
        return Some(format!("has {} dimensions, not {wanted}", items.len()));
    }
    let odd = items.iter().find(|item| !item.is_number() && !item.is_null())?;
    Some(format!("must be a vector of numbers and has {}", shown(odd)))
}

/// The dimensions of a vector, or of each in a list of them.
pub(crate) fn widths(value: &Value) -> Vec<u64> {
    match value {
        Value::Array(items) if items.first().is_some_and(Value::is_array) => items.iter().flat_map(widths).collect(),
        Value::Array(items) => vec![items.len() as u64],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Vec::new(),
    }
}

/// No leaf is anything but a finite number.
pub(super) fn finite(value: &Value) -> Option<String> {
    leaves(value).into_iter().find_map(|leaf| match leaf {
        Value::Number(_) => None,
        Value::Null => Some("has a number that is not finite (NaN, infinite or null)".to_owned()),
        odd => Some(format!("has {}, which is no number", shown(odd))),
    })
}

/// The Euclidean length.
pub(super) fn norm(value: &Value, wanted: f64, tolerance: f64) -> Option<String> {
    let Some(vector) = vector(value) else {
        return Some(format!("must be a vector of numbers, not {}", shown(value)));
    };
    let norm = length(&vector);
    (!near(norm, wanted, tolerance)).then(|| format!("has norm {norm:.4}, not {wanted} within {tolerance}"))
}

/// The angle to a reference.
pub(super) fn cosine(value: &Value, asserted: &Cosine, answer: &Value) -> Option<String> {
    let reference = match (&asserted.reference, &asserted.reference_at) {
        (Some(reference), _) => Some(reference.clone()),
        (None, Some(at)) => pointer::first(answer, at).and_then(vector),
        (None, None) => None,
    };
    let (Some(vector), Some(reference)) = (vector(value), reference) else {
        return Some("cannot be compared: there are not two vectors of numbers".to_owned());
    };
    if vector.len() != reference.len() {
        return Some(format!(
            "has {} dimensions, the reference {}",
            vector.len(),
            reference.len()
        ));
    }
    let similarity = dot(&vector, &reference) / (length(&vector) * length(&reference));
    let enough = similarity >= asserted.min;
    (!enough).then(|| {
        format!(
            "has cosine similarity {similarity:.4} to the reference, less than {}",
            asserted.min
        )
    })
}

/// Every leaf is a number within the bounds.
pub(super) fn range(value: &Value, range: Range) -> Option<String> {
    leaves(value).into_iter().find_map(|leaf| {
        let Some(number) = leaf.as_f64() else {
            return Some(format!("has {}, which is no number", shown(leaf)));
        };
        let below = range
            .min
            .filter(|min| number < *min)
            .map(|min| format!("{number} is below {min}"));
        below.or_else(|| {
            range
                .max
                .filter(|max| number > *max)
                .map(|max| format!("{number} is above {max}"))
        })
    })
}

/// All numbers together.
pub(super) fn sum(list: &[&Value], wanted: f64, tolerance: f64) -> Option<String> {
    let numbers: Option<Vec<f64>> = list.iter().map(|value| value.as_f64()).collect();
    let Some(numbers) = numbers else {
        return Some("must be a list of numbers".to_owned());
    };
    let sum: f64 = numbers.iter().sum();
    (!near(sum, wanted, tolerance)).then(|| format!("adds up to {sum:.4}, not {wanted} within {tolerance}"))
}

fn near(value: f64, wanted: f64, tolerance: f64) -> bool {
    (value - wanted).abs() <= tolerance
}

fn vector(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn length(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Everything that is neither a list nor a table.
fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        leaf => vec![leaf],
    }
}
