//! Whether what came is what was expected, and what differs.
//!
//! Pure. As promtool compares: alerts by all their labels and annotations, samples by labels and then by exact value, or by one
//! that is its neighbour where the file says `fuzzy_compare`; NaN equals nothing.

use bellwether_promql::{functions::format, labels::Labels, parse::quote, value::Sample};

use super::{Failure, Fired, Texts};

/// What differs between the alerts of a case; None: nothing.
pub(super) fn alerts(line: usize, what: &str, expected: &[Fired], got: &[Fired]) -> Option<Failure> {
    compared(line, what, expected, got, &|one, other| one == other, &fired)
}

/// What differs between the samples of a case; None: nothing.
pub(super) fn samples(
    line: usize,
    what: &str,
    expected: &[(Labels, f64)],
    got: &[Sample],
    fuzzy: bool,
) -> Option<Failure> {
    let got: Vec<(Labels, f64)> = got.iter().map(|sample| (sample.labels.clone(), sample.value)).collect();
    let same = |one: &(Labels, f64), other: &(Labels, f64)| one.0 == other.0 && equal(one.1, other.1, fuzzy);
    compared(line, what, expected, &got, &same, &sample)
}

/// Each expected one takes the first that equals it; order means nothing.
fn compared<T: Clone>(
    line: usize,
    what: &str,
    expected: &[T],
    got: &[T],
    same: &dyn Fn(&T, &T) -> bool,
    show: &dyn Fn(&T) -> String,
) -> Option<Failure> {
    let mut unexpected = got.to_vec();
    let mut missing = Vec::new();
    for wanted in expected {
        match unexpected.iter().position(|found| same(wanted, found)) {
            Some(at) => drop(unexpected.remove(at)),
            None => missing.push(show(wanted)),
        }
    }
    if missing.is_empty() && unexpected.is_empty() {
        return None;
    }
    Some(Failure {
        line,
        what: what.to_owned(),
        problem: None,
        as_expected: expected.len() - missing.len(),
        missing,
        unexpected: unexpected.iter().map(show).collect(),
    })
}

fn equal(one: f64, other: f64, fuzzy: bool) -> bool {
    one == other || fuzzy && (one.next_up() == other || one.next_down() == other)
}

/// Labels in a line, an annotation in each of those below.
fn fired(fired: &Fired) -> String {
    let labels: Vec<String> = quoted(&fired.labels, "=").collect();
    let mut text = format!("{{{}}}", labels.join(", "));
    for annotation in quoted(&fired.annotations, ": ") {
        text.push_str("\n  ");
        text.push_str(&annotation);
    }
    text
}

fn quoted<'t>(texts: &'t Texts, between: &'t str) -> impl Iterator<Item = String> + 't {
    texts
        .iter()
        .map(move |(name, text)| format!("{name}{between}{}", quote(text)))
}

/// All digits, because the last one may be what differs.
fn sample((labels, value): &(Labels, f64)) -> String {
    let remark = if value.is_nan() {
        " (which equals nothing, not even itself)"
    } else {
        ""
    };
    format!("{labels} {}{remark}", format::api(*value))
}

/// `1h30m`, as promtool and the file write it.
pub(in crate::rule) fn duration(millis: i64) -> String {
    const UNITS: [(&str, i64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut rest = millis;
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
