//! Functions of one series over a range of time.
//!
//! Rates follow Prometheus since 2.53: what is extrapolated to the left edge is first bounded by half a sample's distance where the
//! series seems to start inside the range, then by where a counter was zero.

use crate::{
    functions::{
        Window,
        statistics::{KahanSum, Mean, compensated_variance, larger, quantile, smaller},
    },
    signature::Function,
    value::Point,
};

/// A gap at an edge of less than this many mean distances between samples is a missing sample, not an end of the series.
const NEAR_EDGE: f64 = 1.1;

/// What `function` makes of a series' window; None: the series has no element in the result.
///
/// `params`: of `quantile_over_time` φ; of `predict_linear` the seconds to look ahead, then the moment of the evaluation (not of the
/// window's end, which `offset` moves) in milliseconds. A function that is not over a range gives None, and so does
/// `absent_over_time`, which is about series that are not there.
pub fn apply(function: Function, window: &Window<'_>, params: &[f64]) -> Option<f64> {
    let points = window.points;
    let values = || points.iter().map(|point| point.value);
    let (first, last) = (points.first()?, points.last()?);
    Some(match function {
        Function::Rate => extrapolated(window, counted(points)?, true, Some(window.end - window.start))?,
        Function::Increase => extrapolated(window, counted(points)?, true, None)?,
        Function::Delta => extrapolated(window, last.value - first.value, false, None)?,
        Function::Irate => per_second(points)?,
        Function::Idelta => last_two(points).map(|[before, last]| last.value - before.value)?,
        Function::AvgOverTime => mean(points)?,
        Function::CountOverTime => points.len() as f64,
        Function::FirstOverTime => first.value,
        Function::LastOverTime => last.value,
        Function::MaxOverTime => values().fold(f64::NAN, larger),
        Function::MinOverTime => values().fold(f64::NAN, smaller),
        Function::PresentOverTime => 1.0,
        Function::QuantileOverTime => quantile(param(params, 0), &mut values().collect::<Vec<_>>()),
        Function::StddevOverTime => compensated_variance(values()).sqrt(),
        Function::StdvarOverTime => compensated_variance(values()),
        Function::SumOverTime => sum(values()),
        Function::Changes => count_pairs(points, |before, now| {
            now != before && !(now.is_nan() && before.is_nan())
        }),
        Function::Resets => count_pairs(points, |before, now| now < before),
        // Any moment will do for a slope; one near the samples keeps the numbers small.
        Function::Deriv => regression(points, first.at)?.slope,
        Function::PredictLinear => {
            let line = regression(points, param(params, 1) as i64)?;
            line.slope * param(params, 0) + line.intercept
        }
        _ => return None,
    })
}

fn param(params: &[f64], at: usize) -> f64 {
    params.get(at).copied().unwrap_or(f64::NAN)
}

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = KahanSum::default();
    values.for_each(|value| sum.add(value));
    sum.total()
}

fn mean(points: &[Point]) -> Option<f64> {
    let (first, others) = points.split_first()?;
    let mut mean = Mean::of(first.value);
    others.iter().for_each(|point| mean.add(point.value));
    Some(mean.total())
}

/// How many neighbours, earlier before later, satisfy `counts`.
fn count_pairs(points: &[Point], counts: impl Fn(f64, f64) -> bool) -> f64 {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs.filter(|(before, now)| counts(before.value, now.value)).count() as f64
}

/// How far a counter went: each fall is a restart from zero.
fn counted(points: &[Point]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let mut gone = last.value - first.value;
    for (before, now) in points.iter().zip(points.iter().skip(1)) {
        if now.value < before.value {
            gone += before.value;
        }
    }
    Some(gone)
}

/// `change`, between the first and the last point, stretched over the window as far as the series seems to reach, and perhaps divided
/// by the seconds in so many milliseconds.
fn extrapolated(window: &Window<'_>, change: f64, counter: bool, per: Option<i64>) -> Option<f64> {
    let [first, .., last] = window.points else {
        return None;
    };
    let sampled = (last.at - first.at) as f64 / 1000.0;
    let mean_distance = sampled / (window.points.len() - 1) as f64;
    let reach = |gap: i64| {
        let gap = gap as f64 / 1000.0;
        if gap >= mean_distance * NEAR_EDGE {
            mean_distance / 2.0
        } else {
            gap
        }
    };
    let mut to_start = reach(first.at - window.start);
    if counter && change > 0.0 && first.value >= 0.0 {
        let to_zero = sampled * (first.value / change);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    let factor = (sampled + to_start + reach(window.end - last.at)) / sampled;
    // In this order: dividing last would round otherwise.
    Some(change * per.map_or(factor, |range| factor / seconds(range)))
}

/// As Go converts a duration: whole seconds and the rest apart.
fn seconds(milliseconds: i64) -> f64 {
    (milliseconds / 1000) as f64 + (milliseconds % 1000 * 1_000_000) as f64 / 1e9
}

fn last_two(points: &[Point]) -> Option<[&Point; 2]> {
    match points {
        [.., before, last] => Some([before, last]),
        _ => None,
    }
}

fn per_second(points: &[Point]) -> Option<f64> {
    let [before, last] = last_two(points)?;
    let gone = if last.value < before.value {
        last.value
    } else {
        last.value - before.value
    };
    Some(gone / ((last.at - before.at) as f64 / 1000.0))
}

/// A line through points.
struct Line {
    /// Per second.
    slope: f64,
    /// At the moment that was asked for.
    intercept: f64,
}

/// The line of least squares; None below two points.
fn regression(points: &[Point], origin: i64) -> Option<Line> {
    let [first, _, ..] = points else {
        return None;
    };
    if points.iter().all(|point| point.value == first.value) {
        let constant = |slope, intercept| Some(Line { slope, intercept });
        return if first.value.is_infinite() {
            constant(f64::NAN, f64::NAN)
        } else {
            constant(0.0, first.value)
        };
    }
    let [mut x, mut y, mut xy, mut xx] = [KahanSum::default(); 4];
    for point in points {
        let at = (point.at - origin) as f64 / 1000.0;
        x.add(at);
        y.add(point.value);
        xy.add(at * point.value);
        xx.add(at * at);
    }
    let [x, y, xy, xx] = [x, y, xy, xx].map(|sum| sum.total());
    let count = points.len() as f64;
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some(Line {
        slope,
        intercept: y / count - slope * x / count,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    fn points(of: &[(i64, f64)]) -> Vec<Point> {
        of.iter()
            .map(|(seconds, value)| Point {
                at: seconds * 1000,
                value: *value,
            })
            .collect()
    }

    /// Times in seconds.
    fn over(function: Function, start: i64, end: i64, of: &[(i64, f64)], params: &[f64]) -> Option<f64> {
        let points = points(of);
        let window = Window {
            points: &points,
            start: start * 1000,
            end: end * 1000,
        };
        apply(function, &window, params)
    }

    fn of_values(function: Function, values: &[f64]) -> f64 {
        let points: Vec<(i64, f64)> = values
            .iter()
            .enumerate()
            .map(|(at, value)| (at as i64 * 10 + 10, *value))
            .collect();
        over(function, 0, values.len() as i64 * 10, &points, &[]).unwrap()
    }

    #[test]
    fn an_increase_reaches_to_edges_that_are_near() {
        // One missing distance of 10 s on the left, none on the right: the whole of 60 s.
        let steady: Vec<(i64, f64)> = (1..=6).map(|at| (at * 10, 1000.0 + at as f64 * 10.0)).collect();
        assert!((over(Function::Increase, 0, 60, &steady, &[]).unwrap() - 60.0).abs() < 1e-12);
        assert!((over(Function::Rate, 0, 60, &steady, &[]).unwrap() - 1.0).abs() < 1e-14);
        assert!((over(Function::Delta, 0, 60, &steady, &[]).unwrap() - 60.0).abs() < 1e-12);
    }

    #[test]
    fn a_far_edge_counts_half_a_distance() {
        let inside = [(100, 1000.0), (110, 1010.0), (120, 1020.0)];
        // 20 s sampled, 5 s on each side.
        assert_eq!(over(Function::Increase, 0, 300, &inside, &[]), Some(30.0));
        assert_eq!(over(Function::Delta, 0, 300, &inside, &[]), Some(30.0));
        assert_eq!(over(Function::Rate, 0, 300, &inside, &[]), Some(0.1));
    }

    #[test]
    fn a_gap_of_exactly_the_threshold_is_far() {
        let at_threshold = [(11, 1000.0), (21, 1010.0)];
        assert_eq!(over(Function::Delta, 0, 21, &at_threshold, &[]), Some(15.0));
        assert_eq!(over(Function::Delta, 1, 21, &at_threshold, &[]), Some(20.0));
    }

    #[test]
    fn a_counter_is_not_extrapolated_below_zero_and_the_half_distance_comes_first() {
        // Zero was 2 s before the first sample; half a distance is 5 s.
        let young = [(100, 2.0), (110, 12.0), (120, 22.0)];
        assert_eq!(over(Function::Increase, 0, 120, &young, &[]), Some(22.0));
        assert_eq!(over(Function::Delta, 0, 120, &young, &[]), Some(25.0));
        // Zero was 15 s before the first sample, further than half a distance.
        let older = [(100, 15.0), (110, 25.0), (120, 35.0)];
        assert_eq!(over(Function::Increase, 0, 120, &older, &[]), Some(25.0));
        // A negative "counter" has no zero to stop at.
        let negative = [(100, -2.0), (110, 8.0)];
        assert_eq!(over(Function::Increase, 0, 110, &negative, &[]), Some(15.0));
    }

    #[test]
    fn a_fall_of_a_counter_is_a_restart_from_zero() {
        let values = [0.0, 100.0, 200.0, 0.0, 50.0];
        assert_eq!(
            counted(&points(&[(0, 0.0), (1, 100.0), (2, 200.0), (3, 0.0), (4, 50.0)])),
            Some(250.0)
        );
        assert_eq!(of_values(Function::Resets, &values), 1.0);
        assert_eq!(of_values(Function::Irate, &[100.0, 30.0]), 3.0);
        assert_eq!(of_values(Function::Idelta, &[100.0, 30.0]), -70.0);
    }

    #[test]
    fn one_point_has_no_rate_and_no_slope() {
        for function in [
            Function::Rate,
            Function::Increase,
            Function::Delta,
            Function::Irate,
            Function::Idelta,
            Function::Deriv,
            Function::PredictLinear,
        ] {
            assert_eq!(over(function, 0, 60, &[(30, 1.0)], &[1.0, 0.0]), None, "{function:?}");
            assert_eq!(over(function, 0, 60, &[], &[1.0, 0.0]), None, "{function:?}");
        }
    }

    #[test]
    fn nan_neither_falls_nor_differs_from_nan() {
        assert_eq!(of_values(Function::Changes, &[NAN, NAN, 1.0, NAN, 1.0, 1.0, 2.0]), 4.0);
        assert_eq!(of_values(Function::Changes, &[5.0]), 0.0);
        assert_eq!(of_values(Function::Resets, &[5.0, NAN, 1.0, 0.5, NAN]), 1.0);
        assert!(of_values(Function::Rate, &[1.0, NAN, 3.0]).is_finite());
        assert!(of_values(Function::Rate, &[1.0, 2.0, NAN]).is_nan());
        assert!(of_values(Function::Irate, &[1.0, NAN]).is_nan());
    }

    #[test]
    fn aggregations_over_time_know_nan_and_infinity() {
        assert_eq!(of_values(Function::MaxOverTime, &[NAN, 1.0, 3.0, NAN]), 3.0);
        assert_eq!(of_values(Function::MinOverTime, &[NAN, 1.0, 3.0, NAN]), 1.0);
        assert!(of_values(Function::MaxOverTime, &[NAN, NAN]).is_nan());
        assert!(of_values(Function::SumOverTime, &[1.0, NAN]).is_nan());
        assert_eq!(of_values(Function::SumOverTime, &[INF, 1.0, 2.0]), INF);
        assert!(of_values(Function::AvgOverTime, &[INF, -INF]).is_nan());
        assert_eq!(of_values(Function::AvgOverTime, &[-INF, 5.0, 7.0]), -INF);
        assert_eq!(of_values(Function::CountOverTime, &[NAN, 1.0]), 2.0);
        assert_eq!(of_values(Function::PresentOverTime, &[NAN]), 1.0);
        assert_eq!(of_values(Function::FirstOverTime, &[1.0, 7.0]), 1.0);
        assert_eq!(of_values(Function::LastOverTime, &[1.0, 7.0]), 7.0);
    }

    #[test]
    fn spread_over_time_is_the_populations() {
        let values = [0.0, 8.0, 8.0, 2.0, 3.0];
        assert!((of_values(Function::StdvarOverTime, &values) - 10.56).abs() < 1e-14);
        assert!((of_values(Function::StddevOverTime, &values) - 3.249615361854384).abs() < 1e-14);
        assert_eq!(of_values(Function::StdvarOverTime, &[1e16 + 2.0; 4]), 0.0);
    }

    #[test]
    fn a_quantile_over_time_takes_its_phi_from_the_parameters() {
        let some = [(1, 0.0), (2, 1.0), (3, 2.0)];
        assert_eq!(over(Function::QuantileOverTime, 0, 3, &some, &[0.8]), Some(1.6));
        assert_eq!(over(Function::QuantileOverTime, 0, 3, &some, &[-1.0]), Some(-INF));
        assert!(over(Function::QuantileOverTime, 0, 3, &some, &[NAN]).unwrap().is_nan());
    }

    #[test]
    fn a_slope_is_per_second_and_a_prediction_counts_from_the_evaluation() {
        // A counter that restarts in the middle, and what Prometheus' own tests expect of it.
        let values = [0.0, 10.0, 20.0, 30.0, 40.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0];
        let testcounter: Vec<(i64, f64)> = (0..).map(|at| at * 300).zip(values).collect();
        let deriv = over(Function::Deriv, -1, 3000, &testcounter, &[]).unwrap();
        assert!((deriv - 0.010606060606060607).abs() < 1e-16);
        let predict = |seconds| over(Function::PredictLinear, -1, 3000, &testcounter, &[seconds, 3_000_000.0]).unwrap();
        assert!((predict(3600.0) - 76.81818181818181).abs() < 1e-12);
        assert!((predict(0.0) - 38.63636363636364).abs() < 1e-12);
    }

    #[test]
    fn a_constant_has_no_slope_and_an_infinite_one_is_nan() {
        let constant = [(1, 1.7), (2, 1.7), (900, 1.7)];
        assert_eq!(over(Function::Deriv, 0, 900, &constant, &[]), Some(0.0));
        assert_eq!(
            over(Function::PredictLinear, 0, 900, &constant, &[1e9, 900_000.0]),
            Some(1.7)
        );
        assert!(
            over(Function::Deriv, 0, 3, &[(1, INF), (2, INF)], &[])
                .unwrap()
                .is_nan()
        );
        assert!(
            over(Function::Deriv, 0, 3, &[(1, NAN), (2, NAN)], &[])
                .unwrap()
                .is_nan()
        );
    }

    #[test]
    fn functions_that_are_not_over_a_range_yield_nothing() {
        assert_eq!(over(Function::Abs, 0, 3, &[(1, 1.0)], &[]), None);
        assert_eq!(over(Function::AbsentOverTime, 0, 3, &[(1, 1.0)], &[]), None);
    }

    fn counter() -> impl Strategy<Value = Vec<(i64, f64)>> {
        prop::collection::vec((1i64..40, 0u32..1000), 2..30).prop_map(|steps| {
            let (mut at, mut value) = (0, 0.0);
            let step = |(seconds, more): (i64, u32)| {
                at += seconds;
                value += f64::from(more);
                (at, value)
            };
            steps.into_iter().map(step).collect()
        })
    }

    proptest! {
        #[test]
        fn a_rate_scales_with_its_counter(counter in counter(), power in -8i32..8) {
            let end = counter.last().unwrap().0 + 7;
            let factor = 2f64.powi(power);
            let scaled: Vec<(i64, f64)> = counter.iter().map(|(at, value)| (*at, value * factor)).collect();
            let rate = over(Function::Rate, 0, end, &counter, &[]).unwrap();
            prop_assert_eq!(over(Function::Rate, 0, end, &scaled, &[]).unwrap(), rate * factor);
        }

        #[test]
        fn an_increase_is_a_rate_times_the_range(counter in counter()) {
            let end = counter.last().unwrap().0 + 7;
            let rate = over(Function::Rate, 0, end, &counter, &[]).unwrap();
            let increase = over(Function::Increase, 0, end, &counter, &[]).unwrap();
            prop_assert!((rate * end as f64 - increase).abs() <= 1e-12 * increase.abs());
        }

        #[test]
        fn a_line_is_found_again(slope in -1000i32..1000, start in -1000i32..1000, count in 2usize..50) {
            let (slope, start) = (f64::from(slope) / 8.0, f64::from(start));
            let line: Vec<(i64, f64)> = (0..count as i64).map(|at| (at * 15 + 15, start + slope * (at * 15) as f64)).collect();
            let end = count as i64 * 15;
            let found = over(Function::Deriv, 0, end, &line, &[]).unwrap();
            prop_assert!((found - slope).abs() <= 1e-9 * slope.abs().max(1.0));
            let ahead = over(Function::PredictLinear, 0, end, &line, &[100.0, end as f64 * 1000.0]).unwrap();
            let expected = start + slope * (end - 15 + 100) as f64;
            prop_assert!((ahead - expected).abs() <= 1e-8 * expected.abs().max(1000.0));
        }
    }
}
