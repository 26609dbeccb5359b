//! Quantiles and fractions of classic histograms, with all of Prometheus' rules about buckets that do not fit together.
//!
//! Which buckets belong to one histogram is the engine's to find.

/// A relative difference between neighbouring buckets that is taken for an error of rounding.
const TOLERANCE: f64 = 1e-12;

/// One bucket of a classic histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The value of `le`.
    pub upper: f64,
    /// Observations at or below it.
    pub count: f64,
}

/// Of [`quantile`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The quantile itself.
    pub value: f64,
    /// Whether a bucket had fewer observations than one below it, so that the result rests on a repair: worth a notice.
    pub forced_monotone: bool,
}

impl Quantile {
    const fn plain(value: f64) -> Self {
        Self {
            value,
            forced_monotone: false,
        }
    }
}

/// The φ-quantile of the observations in `buckets`, which come in any order and are left sorted and repaired.
///
/// Linear within a bucket; in the lowest from 0, or its bound where that is not above 0; in the highest the bound of the second highest.
/// φ below 0 gives -∞, above 1 +∞. NaN without a bucket `+Inf`, without a second bucket, without observations, and for φ NaN.
pub fn quantile(phi: f64, buckets: &mut Vec<Bucket>) -> Quantile {
    if phi.is_nan() {
        return Quantile::plain(f64::NAN);
    }
    if phi < 0.0 {
        return Quantile::plain(f64::NEG_INFINITY);
    }
    if phi > 1.0 {
        return Quantile::plain(f64::INFINITY);
    }
    if !arrange(buckets) {
        return Quantile::plain(f64::NAN);
    }
    let forced_monotone = make_monotone(buckets);
    Quantile {
        value: of_monotone(phi, buckets),
        forced_monotone,
    }
}

fn of_monotone(phi: f64, buckets: &[Bucket]) -> f64 {
    let [below @ .., highest] = buckets else {
        return f64::NAN;
    };
    let Some(second_highest) = below.last() else {
        return f64::NAN;
    };
    if highest.count == 0.0 {
        return f64::NAN;
    }
    let rank = phi * highest.count;
    let reached = |bucket: &Bucket| bucket.count >= rank;
    // Not `bucket.count < rank`: with NaN nothing is reached.
    let at = below.partition_point(|bucket| !reached(bucket));
    let Some(bucket) = below.get(at) else {
        return second_highest.upper;
    };
    if at == 0 && bucket.upper <= 0.0 {
        return bucket.upper;
    }
    let before = match at.checked_sub(1) {
        Some(before) => below[before],
        None => Bucket { upper: 0.0, count: 0.0 },
    };
    let share = (rank - before.count) / (bucket.count - before.count);
    before.upper + (bucket.upper - before.upper) * share
}

/// The fraction of observations between `lower` and `upper`, linear within a bucket. `buckets` come in any order and are left sorted.
///
/// The lowest bucket starts at 0 if its bound is above 0, else at -∞; buckets of infinite width are not divided. 0 if `lower` is not
/// below `upper`. NaN without a bucket `+Inf`, without observations, and if a bound is NaN.
pub fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !arrange(buckets) {
        return f64::NAN;
    }
    let count = buckets.last().map_or(0.0, |highest| highest.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets, count) - rank_of(lower, buckets, count)) / count
}

/// How many observations are below `value`, at most all of them.
fn rank_of(value: f64, buckets: &[Bucket], count: f64) -> f64 {
    let lowest = buckets.first().map_or(0.0, |bucket| bucket.upper);
    let mut start = if lowest <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut rank = 0.0;
    for bucket in buckets {
        if start >= value {
            return at_most(rank, count);
        }
        if bucket.upper > value {
            return at_most(within(value, start, rank, bucket), count);
        }
        rank = bucket.count;
        start = bucket.upper;
    }
    count
}

fn within(value: f64, start: f64, rank: f64, bucket: &Bucket) -> f64 {
    if start == f64::NEG_INFINITY {
        return bucket.count;
    }
    rank + (bucket.count - rank) * (value - start) / (bucket.upper - start)
}

fn at_most(rank: f64, count: f64) -> f64 {
    if rank > count { count } else { rank }
}

/// Sorts, and merges buckets of equal bounds. False if the highest is not `+Inf`: then there is nothing to compute.
fn arrange(buckets: &mut Vec<Bucket>) -> bool {
    // Stable, so that equal bounds add up in the order they came in. `le` is never NaN where it is numeric.
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last().is_none_or(|highest| highest.upper != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    true
}

/// Raises buckets to the one below them. Differences that rounding explains are levelled without a word, in either direction; whether
/// there were others is returned.
fn make_monotone(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    let Some(mut before) = buckets.first().map(|lowest| lowest.count) else {
        return false;
    };
    for bucket in &mut buckets[1..] {
        if almost_equal(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            forced = true;
        } else {
            before = bucket.count;
        }
    }
    forced
}

fn almost_equal(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;

    fn buckets(of: &[(f64, f64)]) -> Vec<Bucket> {
        of.iter()
            .map(|(upper, count)| Bucket {
                upper: *upper,
                count: *count,
            })
            .collect()
    }

    fn at(phi: f64, of: &[(f64, f64)]) -> f64 {
        quantile(phi, &mut buckets(of)).value
    }

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let positive = [(0.1, 5.0), (0.2, 7.0), (1e0, 10.0), (INF, 12.0)];
        assert_eq!(at(0.0, &positive), 0.0);
        assert!((at(0.25, &positive) - 0.06).abs() < 1e-15);
        assert!((at(0.5, &positive) - 0.15).abs() < 1e-15);
        assert_eq!(at(1.0, &positive), 1.0);
    }

    #[test]
    fn a_lowest_bucket_below_zero_yields_its_bound() {
        let negative = [(-0.2, 1.0), (-0.1, 2.0), (INF, 2.0)];
        assert_eq!(at(0.2, &negative), -0.2);
        assert_eq!(at(0.5, &negative), -0.2);
        assert!((at(0.75, &negative) + 0.15).abs() < 1e-15);
        assert_eq!(at(0.3, &[(0.0, 1.0), (INF, 1.0)]), 0.0);
    }

    #[test]
    fn a_quantile_in_the_highest_bucket_is_the_bound_below_it() {
        assert_eq!(at(0.99, &[(1.0, 1.0), (2.0, 2.0), (INF, 100.0)]), 2.0);
    }

    #[test]
    fn quantiles_outside_zero_to_one_are_infinite_before_anything_else_is_looked_at() {
        assert_eq!(at(-0.1, &[]), -INF);
        assert_eq!(at(1.1, &[(1.0, 1.0)]), INF);
        assert!(at(f64::NAN, &[(1.0, 1.0), (INF, 1.0)]).is_nan());
    }

    #[test]
    fn a_histogram_needs_two_buckets_one_of_them_infinite_and_an_observation() {
        assert!(at(0.5, &[]).is_nan());
        assert!(at(0.5, &[(INF, 3.0)]).is_nan());
        assert!(at(0.5, &[(1.0, 3.0), (2.0, 4.0)]).is_nan());
        assert!(at(0.5, &[(1.0, 0.0), (INF, 0.0)]).is_nan());
        assert!(at(0.5, &[(1.0, f64::NAN), (INF, f64::NAN)]).is_finite());
    }

    #[test]
    fn equal_bounds_are_merged_in_any_order() {
        let merged = at(0.5, &[(INF, 4.0), (0.1, 2.0), (0.1, 1.0), (INF, 6.0), (0.2, 8.0)]);
        assert_eq!(merged, at(0.5, &[(0.1, 3.0), (0.2, 8.0), (INF, 10.0)]));
    }

    #[test]
    fn a_falling_count_is_raised_and_said() {
        let broken = quantile(0.5, &mut buckets(&[(0.1, 5.0), (0.2, 3.0), (0.3, 9.0), (INF, 10.0)]));
        assert!(broken.forced_monotone);
        assert_eq!(
            broken.value,
            at(0.5, &[(0.1, 5.0), (0.2, 5.0), (0.3, 9.0), (INF, 10.0)])
        );
    }

    #[test]
    fn what_rounding_explains_is_levelled_in_silence() {
        let mut rounded = buckets(&[(0.1, 1.0), (0.2, 1.0 - 1e-15), (0.3, 1.0 + 1e-13), (INF, 1.0 + 2e-13)]);
        let found = quantile(0.999_999, &mut rounded);
        assert!(!found.forced_monotone);
        assert!(rounded.iter().all(|bucket| bucket.count == 1.0));
        assert!(found.value < 0.1);
    }

    #[test]
    fn a_fraction_is_linear_within_buckets() {
        let of = [(0.1, 5.0), (0.2, 7.0), (1.0, 10.0), (INF, 12.0)];
        let part = |lower, upper| fraction(lower, upper, &mut buckets(&of));
        assert_eq!(part(0.0, 0.2), 7.0 / 12.0);
        assert!((part(0.05, 0.15) - 3.5 / 12.0).abs() < 1e-15);
        assert_eq!(part(-INF, INF), 1.0);
        assert_eq!(part(0.0, 5.0), 10.0 / 12.0);
        assert_eq!(part(1.0, INF), 2.0 / 12.0);
        assert_eq!(part(-1.0, 0.0), 0.0);
        assert_eq!(part(0.2, 0.2), 0.0);
        assert_eq!(part(0.3, 0.2), 0.0);
        assert!(part(f64::NAN, 1.0).is_nan());
    }

    #[test]
    fn a_bucket_without_a_lower_bound_is_not_divided() {
        let of = [(-1.0, 4.0), (1.0, 8.0), (INF, 8.0)];
        let part = |lower, upper| fraction(lower, upper, &mut buckets(&of));
        assert_eq!(part(-INF, -2.0), 0.5);
        assert_eq!(part(-INF, 0.0), 0.75);
        assert_eq!(part(-2.0, 0.0), 0.25);
    }

    #[test]
    fn a_fraction_needs_an_infinite_bucket_and_observations() {
        assert!(fraction(0.0, 1.0, &mut buckets(&[])).is_nan());
        assert!(fraction(0.0, 1.0, &mut buckets(&[(1.0, 1.0)])).is_nan());
        assert!(fraction(0.0, 1.0, &mut buckets(&[(1.0, 0.0), (INF, 0.0)])).is_nan());
        assert_eq!(fraction(0.0, 1.0, &mut buckets(&[(INF, 3.0)])), 0.0);
    }

    proptest! {
        #[test]
        fn a_higher_quantile_is_not_lower_and_order_does_not_matter(
            increments in prop::collection::vec(0u32..50, 2..10), low in 0.0..=1.0f64, more in 0.0..=1.0f64,
        ) {
            let mut count = 1.0;
            let mut all: Vec<Bucket> = increments.iter().enumerate().map(|(at, more)| {
                count += f64::from(*more);
                Bucket { upper: at as f64 - 2.0, count }
            }).collect();
            all.push(Bucket { upper: INF, count });
            let high = low + (1.0 - low) * more;
            let lower = quantile(low, &mut all.clone()).value;
            prop_assert!(lower <= quantile(high, &mut all.clone()).value);
            all.reverse();
            prop_assert_eq!(lower, quantile(low, &mut all).value);
        }
    }
}
