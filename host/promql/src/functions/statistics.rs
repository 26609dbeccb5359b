//! Sums, means, variances, extremes and quantiles, with the corrections and the order of operations of Prometheus.
//!
//! Used by aggregations and by functions over ranges alike. Where the two differ in Prometheus (variances), so do they here.

/// A sum that also adds up what rounding lost (Kahan's method with Neumaier's improvement). Once infinite, it stays so until
/// an opposite infinity makes it NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KahanSum {
    sum: f64,
    lost: f64,
}

impl KahanSum {
    /// Of one value.
    pub const fn of(value: f64) -> Self {
        Self { sum: value, lost: 0.0 }
    }

    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        *self = self.plus(value);
    }

    /// What has been added.
    pub fn total(&self) -> f64 {
        self.sum + self.lost
    }

    #[must_use]
    fn plus(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - sum) + value)
        } else {
            self.lost + ((value - sum) + self.sum)
        };
        Self { sum, lost }
    }

    #[must_use]
    fn scaled(self, factor: f64) -> Self {
        Self {
            sum: self.sum * factor,
            lost: self.lost * factor,
        }
    }

    #[must_use]
    fn divided(self, divisor: f64) -> Self {
        Self {
            sum: self.sum / divisor,
            lost: self.lost / divisor,
        }
    }
}

/// An arithmetic mean: the sum over the count while the sum is finite, from then on each value moves the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    count: f64,
    kind: MeanKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum MeanKind {
    Direct(KahanSum),
    Incremental(KahanSum),
}

impl Mean {
    /// Of one value.
    pub const fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            kind: MeanKind::Direct(KahanSum::of(value)),
        }
    }

    /// Takes one more value in.
    pub fn add(&mut self, value: f64) {
        let before = self.count;
        self.count += 1.0;
        let mean = match self.kind {
            MeanKind::Direct(sum) => {
                let direct = sum.plus(value);
                if !direct.sum.is_infinite() {
                    self.kind = MeanKind::Direct(direct);
                    return;
                }
                sum.divided(before)
            }
            MeanKind::Incremental(mean) => mean,
        };
        let moved = mean.scaled(before / self.count).plus(value / self.count);
        self.kind = MeanKind::Incremental(moved);
    }

    /// The mean of what was taken in.
    pub fn total(&self) -> f64 {
        match self.kind {
            MeanKind::Direct(sum) => sum.divided(self.count).total(),
            MeanKind::Incremental(mean) => mean.total(),
        }
    }
}

/// Population variance in one pass (Welford), without compensation: what the aggregations `stdvar` and `stddev` compute.
/// NaN and infinities make it NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    /// Of one value.
    pub fn of(value: f64) -> Self {
        let mut variance = Self::default();
        variance.add(value);
        variance
    }

    /// Takes one more value in.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    /// The variance of what was taken in; its square root is the standard deviation.
    pub fn total(&self) -> f64 {
        self.squares / self.count
    }
}

/// Population variance in one pass with compensated sums: what `stdvar_over_time` and `stddev_over_time` compute.
pub(super) fn compensated_variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, KahanSum::default(), KahanSum::default());
    for value in values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        squares.add(delta * (value - mean.total()));
    }
    squares.total() / count
}

/// The smaller of what was smallest so far and a value. NaN only if both are NaN.
pub fn smaller(least: f64, value: f64) -> f64 {
    if value < least || least.is_nan() { value } else { least }
}

/// The larger of what was largest so far and a value. NaN only if both are NaN.
pub fn larger(greatest: f64, value: f64) -> f64 {
    if value > greatest || greatest.is_nan() {
        value
    } else {
        greatest
    }
}

/// The φ-quantile of `values`, between two of them weighted by distance. NaNs count as the smallest values. Reorders `values`.
///
/// φ below 0 gives -∞, above 1 +∞; NaN for φ and for no values gives NaN.
pub fn quantile(phi: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    let rank = phi * (values.len() - 1) as f64;
    let weight = rank - rank.floor();
    let (_, lower, above) = values.select_nth_unstable_by(rank.floor() as usize, |a, b| nan_first(*a, *b));
    let upper = above.iter().copied().min_by(|a, b| nan_first(*a, *b)).unwrap_or(*lower);
    *lower * (1.0 - weight) + upper * weight
}

fn nan_first(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = KahanSum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum.total()
    }

    fn mean(values: &[f64]) -> f64 {
        let mut mean = Mean::of(values[0]);
        values[1..].iter().for_each(|value| mean.add(*value));
        mean.total()
    }

    #[test]
    fn a_sum_keeps_what_rounding_would_lose() {
        assert_eq!(sum(&[5.0, 1e100, 1.0, -1e100]), 6.0);
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
    }

    #[test]
    fn a_sum_that_overflows_is_infinite_and_two_infinities_cancel_to_nan() {
        assert_eq!(sum(&[f64::MAX, f64::MAX, -1.0]), f64::INFINITY);
        assert_eq!(sum(&[f64::INFINITY, 1.0, 1e300]), f64::INFINITY);
        assert_eq!(sum(&[f64::NEG_INFINITY, f64::NEG_INFINITY]), f64::NEG_INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn a_mean_survives_a_sum_that_overflows() {
        assert_eq!(
            mean(&[9.988_465_674_311_58e307, 9.988_465_674_311_58e307]),
            9.988_465_674_311_58e307
        );
        assert!((mean(&[f64::MAX, f64::MAX, f64::MAX]) / f64::MAX - 1.0).abs() < 1e-15);
        assert_eq!(mean(&[-f64::MAX, -f64::MAX]), -f64::MAX);
        assert_eq!(mean(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(mean(&[1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn a_mean_of_a_large_and_its_opposite_keeps_the_small() {
        assert_eq!(mean(&[5.0, 1e100, 1.0, -1e100]), 1.5);
    }

    #[test]
    fn variances_are_those_of_the_population() {
        let values = [0.0, 8.0, 8.0, 2.0, 3.0];
        let mut variance = Variance::of(values[0]);
        values[1..].iter().for_each(|value| variance.add(*value));
        assert!((variance.total() - 10.56).abs() < 1e-14);
        assert!((compensated_variance(values.into_iter()) - 10.56).abs() < 1e-14);
        assert_eq!(Variance::of(7.0).total(), 0.0);
        assert!(Variance::of(f64::INFINITY).total().is_nan());
        assert!(Variance::of(f64::NAN).total().is_nan());
    }

    #[test]
    fn a_compensated_variance_of_equal_large_values_is_zero() {
        assert_eq!(compensated_variance([1.5990505637277868; 3].into_iter()), 0.0);
        assert_eq!(compensated_variance([1e16 + 2.0; 7].into_iter()), 0.0);
    }

    #[test]
    fn extremes_ignore_nan_unless_there_is_nothing_else() {
        assert_eq!(smaller(f64::NAN, 1.0), 1.0);
        assert_eq!(smaller(1.0, f64::NAN), 1.0);
        assert_eq!(larger(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(larger(f64::NAN, f64::NAN).is_nan());
        assert_eq!(larger(2.0, 3.0), 3.0);
        assert_eq!(smaller(2.0, 3.0), 2.0);
    }

    #[test]
    fn a_quantile_outside_zero_to_one_is_infinite_and_of_nothing_nan() {
        assert_eq!(quantile(-0.1, &mut [1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, &mut [1.0]), f64::INFINITY);
        assert!(quantile(f64::NAN, &mut [1.0]).is_nan());
        assert!(quantile(0.5, &mut []).is_nan());
    }

    #[test]
    fn a_quantile_between_two_values_is_weighted() {
        assert_eq!(quantile(0.8, &mut [2.0, 0.0, 1.0]), 1.6);
        assert_eq!(quantile(0.75, &mut [0.0, 1.0]), 0.75);
        assert_eq!(quantile(1.0, &mut [3.0, 9.0, 4.0]), 9.0);
    }

    #[test]
    fn nan_is_the_smallest_of_values() {
        assert!(quantile(0.0, &mut [5.0, f64::NAN, 1.0]).is_nan());
        assert_eq!(quantile(0.5, &mut [5.0, f64::NAN, 1.0]), 1.0);
        assert_eq!(quantile(1.0, &mut [5.0, f64::NAN, 1.0]), 5.0);
    }

    proptest! {
        #[test]
        fn a_quantile_is_what_sorting_gives(mut values in prop::collection::vec(-1e9..1e9f64, 1..40), phi in 0.0..=1.0f64) {
            let found = quantile(phi, &mut values);
            values.sort_by(f64::total_cmp);
            let rank = phi * (values.len() - 1) as f64;
            let (low, high) = (values[rank.floor() as usize], values[(rank.floor() as usize + 1).min(values.len() - 1)]);
            let weight = rank - rank.floor();
            prop_assert_eq!(found, low * (1.0 - weight) + high * weight);
        }

        #[test]
        fn a_mean_lies_between_the_extremes(values in prop::collection::vec(-1e300..1e300f64, 1..40)) {
            let (least, greatest) = values.iter().fold((f64::NAN, f64::NAN), |(l, g), v| (smaller(l, *v), larger(g, *v)));
            let mean = mean(&values);
            let slack = least.abs().max(greatest.abs()) * 1e-15;
            prop_assert!(least - slack <= mean && mean <= greatest + slack);
        }
    }
}
