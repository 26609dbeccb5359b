//! Assertions about values of any kind and about lists. Each returns what is wrong, or none.

use std::{
    cmp::Ordering,
    hash::{DefaultHasher, Hash, Hasher},
};

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

/// A text, in which a pattern can be looked for.
pub(super) fn text(value: &Value) -> Option<String> {
    (!value.is_string()).then(|| format!("must be a text, not {}", shown(value)))
}

/// No two elements are the same. Sorted by a digest and their place, so that nothing is copied: a list may have half a million.
pub(super) fn unique(list: &[&Value]) -> Option<String> {
    let mut digests: Vec<(u64, usize)> = list.iter().map(|value| digest(value)).zip(0..).collect();
    digests.sort_unstable();
    let again = digests.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let again = again.filter(|pair| list[pair[0].1] == list[pair[1].1]);
    let first = again.map(|pair| pair[1].1).min()?;
    Some(format!("has {} twice", shown(list[first])))
}

fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
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
