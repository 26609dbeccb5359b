//! Assertions about values of any kind and about lists. Each returns what is wrong, or none.

use std::{cmp::Ordering, collections::BTreeSet};

use regex_lite::Regex;
use serde_json::Value;

use super::{Order, shown};

/// Elements of a list, members of a table, characters of a text.
pub(super) fn size(value: &Value, wanted: u64, fits: fn(u64, u64) -> bool, words: &str) -> Option<String> {
    let (size, of) = match value {
        Value::Array(items) => (items.len(), "elements"),
        Value::Object(members) => (members.len(), "members"),
        Value::String(text) => (text.chars().count(), "characters"),
        Value::Null | Value::Bool(_) | Value::Number(_) => return Some(format!("{} has no length", shown(value))),
    };
    (!fits(size as u64, wanted)).then(|| format!("has {size} {of}, not {words}{wanted}"))
}

/// The value is among the wanted ones. Numbers are compared as numbers: 1 is 1.0.
pub(super) fn one_of(value: &Value, wanted: &[Value]) -> Option<String> {
    if wanted.iter().any(|wanted| same(value, wanted)) {
        return None;
    }
    let all: Vec<String> = wanted.iter().map(shown).collect();
    Some(format!("is {}, not {}", shown(value), all.join(" or ")))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (left, right) => left == right,
    }
}

/// A text in which the pattern is found.
pub(super) fn matches(value: &Value, pattern: &str) -> Option<String> {
    let Value::String(text) = value else {
        return Some(format!("must be a text, not {}", shown(value)));
    };
    let found = Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    (!found).then(|| format!("is {}, in which `{pattern}` is not found", shown(value)))
}

/// No two elements are the same.
pub(super) fn unique(list: &[&Value]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let again = list.iter().find(|value| !seen.insert(value.to_string()))?;
    Some(format!("has {} twice", shown(again)))
}

/// Neighbours are in order.
pub(super) fn sorted(list: &[&Value], order: Order) -> Option<String> {
    let wrong = match order {
        Order::Ascending => Ordering::Greater,
        Order::Descending => Ordering::Less,
    };
    list.windows(2).find_map(|pair| match compared(pair[0], pair[1]) {
        None => Some(format!("{} and {} have no order", shown(pair[0]), shown(pair[1]))),
        Some(ordering) if ordering == wrong => Some(format!(
            "is not sorted: {} stands before {}",
            shown(pair[0]),
            shown(pair[1])
        )),
        Some(_) => None,
    })
}

fn compared(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// An element is the wanted one; of a single text, a part of it.
pub(super) fn contains(list: &[&Value], wanted: &Value) -> Option<String> {
    let part = |value: &Value| match (value, wanted) {
        (Value::String(text), Value::String(part)) if list.len() == 1 => text.contains(part.as_str()),
        (value, wanted) => same(value, wanted),
    };
    (!list.iter().any(|value| part(value))).then(|| format!("does not contain {}", shown(wanted)))
}
