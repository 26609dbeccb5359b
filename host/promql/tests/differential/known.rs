//! Where answers may differ, and why: versions of Prometheus, its defects, and what has no one right answer.
//!
//! Left out of the comparison besides: `first_over_time`, which the server knows, as an experiment, since 3.7; logarithms of the smallest numbers, which
//! Go 1.27 computes wrongly; powers with exponents of many digits, which Go multiplies out.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    outcome::{Case, Outcome, Tolerance, When, difference},
    words,
};

/// A difference that is none of our bugs.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) applies: fn(&Case, &Outcome, &Outcome) -> bool,
}

pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "histogram_fraction's lowest bucket",
        reason: "since 3.8 it starts at 0 if its bound is above, and is not divided if it is not; before, any bound inside it gave NaN",
        applies: |case, ours, theirs| {
            case.expression.contains("histogram_fraction")
                && difference(ours, &with_ours_for_nan(ours, theirs), Tolerance::default(), false).is_none()
        },
    },
    Known {
        name: "parameters of topk and bottomk without elements",
        reason: "since 3.6 NaN and numbers beyond 64 bits are refused; before, only where there was an element to count",
        applies: |case, ours, theirs| {
            ["topk", "bottomk"].iter().any(|word| case.expression.contains(word))
                && matches!(ours, Outcome::Error(error) if error.contains("Parameter value is NaN") || error.contains("flows int64"))
                && !matches!(theirs, Outcome::Error(_))
        },
    },
    Known {
        name: "partners of a comparison that filters",
        reason: "since 3.9 too many of them are an error even where the comparison filters them; before, only if they would remain",
        applies: |_, ours, theirs| {
            matches!(ours, Outcome::Error(error) if error.contains("multiple matches for labels"))
                && !matches!(theirs, Outcome::Error(_))
        },
    },
    Known {
        name: "equal labels at different moments",
        reason: "since 3.9 a sign and functions of labels merge them; before, a subquery with both was an error, though each moment was none",
        applies: |case, _, theirs| {
            words::words_of(&case.expression).contains("subquery")
                && matches!(theirs, Outcome::Error(error) if error.contains("vector cannot contain metrics with the same labelset"))
        },
    },
    Known {
        name: "a parameter beside a vector that stands still",
        reason: "Prometheus, in 3.14 still, evaluates such an aggregation once, with the parameter of the first moment",
        applies: |case, _, _| words::words_of(&case.expression).contains(words::MOVING_PARAMETER_OF_FIXED),
    },
    Known {
        name: "equal elements of an inner expression over a range",
        reason: "Prometheus has no order for them, so that which of them topk keeps differs from run to run; their values must be the same",
        applies: |case, ours, theirs| {
            let words = words::words_of(&case.expression);
            let many = matches!(case.when, When::Over { .. }) || words.contains("subquery");
            many && (words.contains("topk") || words.contains("bottomk"))
                && values_by_moment(ours) == values_by_moment(theirs)
        },
    },
    Known {
        name: "@ inside a subquery",
        reason: "Prometheus, in 3.14 still, looks at another moment when the subquery's first one happens to be the first one around it",
        applies: |case, _, _| words::words_of(&case.expression).contains(words::FIXED_IN_SUBQUERY),
    },
    Known {
        name: "timestamp of a selector with @ and offset",
        reason: "Prometheus forgets the offset there, in 3.14 still; everywhere else it counts",
        applies: |case, _, _| words::words_of(&case.expression).contains(words::TIMESTAMP_FIXED_AND_SHIFTED),
    },
];

/// Bits of all values, by moment, whatever the labels.
fn values_by_moment(outcome: &Outcome) -> BTreeMap<i64, Vec<u64>> {
    let mut values: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    if let Outcome::Series { rows, .. } = outcome {
        for (at, value) in rows.iter().flat_map(|(_, points)| points) {
            values.entry(*at).or_default().push(value.abs().to_bits());
        }
    }
    values.values_mut().for_each(|values| values.sort_unstable());
    values
}

/// Their answer with the values of ours where theirs are NaN.
fn with_ours_for_nan(ours: &Outcome, theirs: &Outcome) -> Outcome {
    let (Outcome::Series { rows, .. }, mut patched) = (ours, theirs.clone()) else {
        return theirs.clone();
    };
    if let Outcome::Series { rows: others, .. } = &mut patched {
        for (labels, points) in others {
            let own = rows
                .iter()
                .find(|(own, _)| own == labels)
                .map_or(&[][..], |(_, points)| points);
            for (at, value) in points.iter_mut().filter(|(_, value)| value.is_nan()) {
                *value = own
                    .iter()
                    .find(|(own, _)| own == at)
                    .map_or(*value, |(_, value)| *value);
            }
        }
    }
    patched
}

/// Where numbers may differ by more.
pub(crate) struct Looser {
    pub(crate) applies: fn(&BTreeSet<&str>) -> bool,
    pub(crate) tolerance: Tolerance,
    #[expect(dead_code, reason = "for who reads the list")]
    reason: &'static str,
}

pub(crate) const LOOSER: &[Looser] = &[
    Looser {
        applies: |words| words.contains("stddev") || words.contains("stdvar"),
        tolerance: Tolerance {
            relative: 1e-9,
            absolute: 1e-15,
        },
        reason: "over a range, Prometheus sums what an inner expression yields in an order that differs from run to run, and these two \
                 aggregations do not make up for rounding",
    },
    Looser {
        applies: |words| {
            let spread = words.contains("stddev") || words.contains("stdvar");
            spread && (words.contains("time") || words.contains("timestamp"))
        },
        tolerance: Tolerance {
            relative: 1e-6,
            absolute: 0.0,
        },
        reason: "as before, of numbers near 1.7e9 that are a few apart",
    },
    Looser {
        applies: |words| {
            let rounded = [
                "^", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "exp", "ln", "log10",
                "log2", "sin", "sinh", "tan", "tanh",
            ];
            rounded.iter().any(|word| words.contains(word))
        },
        tolerance: Tolerance {
            relative: 0.0,
            absolute: 2e-15,
        },
        reason: "libraries of mathematics differ in the last digit, which is all that remains where 1 is subtracted from what is almost 1",
    },
];
