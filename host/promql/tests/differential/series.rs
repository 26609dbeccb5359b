//! The series both evaluators are asked about: everything that real ones do, and what broken ones do.
//!
//! Hardly a sample lies on a grid; series start late, pause, end (with a stale marker or without), come back, restart from zero, hold NaN and
//! infinities; histograms are sound and broken; labels collide, hold newlines, or are not there.

use bellwether_promql::{
    labels::Labels,
    storage::memory::Memory,
    value::{Point, stale_marker},
};

use super::random::Random;

/// Of series and expressions, unless the environment says otherwise.
pub(crate) const SEED: u64 = 20_250_101;

/// 2025-01-01T03:00:00Z, in milliseconds.
pub(crate) const BEGIN: i64 = 1_735_700_400_000;
/// Two hours and a half of samples: below the three after which the server would begin to rewrite its blocks.
pub(crate) const END: i64 = BEGIN + 9_000_000;

/// No sample is earlier.
pub(crate) const EARLIEST: i64 = BEGIN - 60_000;
/// Samples are sent in portions of this many milliseconds: the server takes nothing that is an hour older than its newest.
pub(crate) const BATCH: i64 = 600_000;

pub(crate) const JOBS: [&str; 3] = ["api", "db", "web"];
pub(crate) const INSTANCES: [&str; 3] = ["a:9100", "b:9100", "c:9100"];

/// Series in the order in which they are sent and remembered.
pub(crate) struct Data {
    pub(crate) series: Vec<(Labels, Vec<Point>)>,
    random: Random,
}

impl Data {
    pub(crate) fn new(seed: u64) -> Self {
        let mut data = Self {
            series: Vec::new(),
            random: Random::new(seed),
        };
        data.counters();
        data.gauges();
        data.histograms();
        data.broken_histograms();
        data.descriptions();
        data.moments();
        data.odd_ones();
        // The server numbers series as it meets them. With the same order here even sums that depend on it are equal.
        data.series
            .sort_by_key(|(_, points)| points.first().map(|point| (point.at - EARLIEST) / BATCH));
        data
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::new();
        for (labels, points) in &self.series {
            memory.extend(labels, points.iter().copied());
        }
        memory
    }

    fn add(&mut self, name: &str, labels: &[(&str, &str)], points: Vec<Point>) {
        let named = std::iter::once(("__name__", name)).chain(labels.iter().copied());
        self.series.push((Labels::new(named), points));
    }

    /// Moments of samples: an interval with jitter, sometimes pauses, a late start or an early end.
    fn moments_of_samples(&mut self) -> Vec<i64> {
        let random = &mut self.random;
        let interval = random.pick(&[10_000, 15_000, 15_000, 30_000, 60_000]);
        let mut at = BEGIN + random.between(0, interval);
        let mut end = END;
        if random.chance(15) {
            at += random.between(0, 4_000_000);
        }
        if random.chance(15) {
            end -= random.between(0, 4_000_000);
        }
        let mut moments = Vec::new();
        while at <= end {
            moments.push(at + random.between(-700, 700));
            at += interval;
            if random.chance(1) {
                at += random.between(20_000, 900_000);
            }
        }
        moments
    }

    /// Makes samples of moments; where a pause follows, sometimes says that the series ended.
    fn sampled(&mut self, mut value: impl FnMut(&mut Random) -> f64) -> Vec<Point> {
        let moments = self.moments_of_samples();
        let mut points = Vec::new();
        for (number, at) in moments.iter().enumerate() {
            points.push(Point {
                at: *at,
                value: value(&mut self.random),
            });
            let pause = moments.get(number + 1).map_or(i64::MAX, |next| next - at);
            if pause > 90_000 && self.random.chance(60) {
                points.push(Point {
                    at: at + 15_000,
                    value: stale_marker(),
                });
            }
        }
        points
    }

    fn counter(&mut self, most: i64, whole: bool) -> Vec<Point> {
        let mut total = self.random.between(0, most * 20) as f64;
        self.sampled(|random| {
            if random.chance(1) {
                total = 0.0;
            }
            if random.chance(80) {
                total += random.between(0, most) as f64;
            }
            if !whole {
                total += random.fraction();
            }
            total
        })
    }

    fn counters(&mut self) {
        for job in JOBS {
            for instance in INSTANCES {
                for code in ["200", "404", "500"] {
                    let points = self.counter(60, true);
                    let labels = [("job", job), ("instance", instance), ("code", code)];
                    self.add("requests_total", &labels, points);
                }
                let points = self.counter(5_000_000, false);
                self.add("bytes_total", &[("job", job), ("instance", instance)], points);
            }
        }
        let points = self.counter(3, true);
        self.add("requests_total", &[("instance", "nobody")], points);
    }

    fn gauges(&mut self) {
        for (place, job) in JOBS.iter().enumerate() {
            for instance in INSTANCES {
                let labels = [("job", *job), ("instance", instance)];
                let mut degrees = 20.0;
                let odd = place == 1;
                let points = self.sampled(|random| {
                    degrees += random.fraction() * 4.0 - 2.0;
                    match random.between(0, 40) {
                        0 if odd => f64::NAN,
                        1 if odd => f64::INFINITY,
                        2 if odd => f64::NEG_INFINITY,
                        _ => degrees,
                    }
                });
                self.add("temperature", &labels, points);
                let points = self.sampled(|random| random.between(0, 4) as f64);
                self.add("level", &labels, points);
                let points = self.sampled(|random| random.fraction() * 2.0 - 1.0);
                self.add("ratio", &labels, points);
                let points = self.sampled(|random| 1.0 + random.fraction() * 99.0);
                self.add("size", &labels, points);
            }
        }
    }

    fn histograms(&mut self) {
        let bounds = [
            ("0.05", 0.05),
            ("0.1", 0.1),
            ("0.5", 0.5),
            ("1", 1.0),
            ("2.5", 2.5),
            ("+Inf", f64::INFINITY),
        ];
        for job in JOBS {
            for instance in ["a:9100", "b:9100"] {
                let labels = [("job", job), ("instance", instance)];
                let moments = self.moments_of_samples();
                let mut buckets = vec![Vec::new(); bounds.len()];
                let mut totals = (Vec::new(), Vec::new());
                let (mut counts, mut sum) = (vec![0.0; bounds.len()], 0.0);
                for at in moments {
                    for _ in 0..self.random.between(0, 12) {
                        let seconds = 0.02 * (self.random.fraction() * 5.5).exp();
                        sum += seconds;
                        for (count, (_, bound)) in counts.iter_mut().zip(bounds) {
                            *count += f64::from(u8::from(seconds <= bound));
                        }
                    }
                    for (points, count) in buckets.iter_mut().zip(&counts) {
                        points.push(Point { at, value: *count });
                    }
                    totals.0.push(Point { at, value: sum });
                    totals.1.push(Point {
                        at,
                        value: counts[bounds.len() - 1],
                    });
                }
                for ((le, _), points) in bounds.iter().zip(buckets) {
                    let labels = [labels[0], labels[1], ("le", le)];
                    self.add("latency_seconds_bucket", &labels, points);
                }
                self.add("latency_seconds_sum", &labels, totals.0);
                self.add("latency_seconds_count", &labels, totals.1);
            }
        }
    }

    fn broken_histograms(&mut self) {
        const NAN: f64 = f64::NAN;
        let kinds: &[(&str, &[(&str, f64)])] = &[
            (
                "sound",
                &[("0.1", 10.0), ("0.2", 15.0), ("1e+00", 15.0), ("+Inf", 20.0)],
            ),
            (
                "unsorted",
                &[("+Inf", 20.0), ("1", 16.0), ("0.2", 15.0), ("0.1", 10.0), ("10", 17.0)],
            ),
            ("without_inf", &[("0.1", 10.0), ("0.2", 15.0)]),
            ("only_inf", &[("+Inf", 3.0)]),
            (
                "equal_bounds",
                &[("0.1", 10.0), ("0.10", 5.0), ("1", 20.0), ("1.0", 2.0), ("+Inf", 30.0)],
            ),
            (
                "falling",
                &[("0.1", 10.0), ("0.2", 7.0), ("1", 15.0), ("2", 12.0), ("+Inf", 20.0)],
            ),
            (
                "almost_equal",
                &[
                    ("0.1", 1e6),
                    ("0.2", 1e6 - 1e-9),
                    ("1", 1e6 + 1e-8),
                    ("+Inf", 1e6 + 2e-8),
                ],
            ),
            ("empty", &[("0.1", 0.0), ("1", 0.0), ("+Inf", 0.0)]),
            ("with_nan", &[("0.1", NAN), ("1", 5.0), ("+Inf", NAN)]),
            (
                "negative",
                &[("-2", 5.0), ("-1", 7.0), ("0", 8.0), ("3", 12.0), ("+Inf", 13.0)],
            ),
            ("zero_first", &[("0", 4.0), ("1", 8.0), ("+Inf", 8.0)]),
            ("bad_bound", &[("0.1", 4.0), ("many", 5.0), ("", 6.0), ("inf", 8.0)]),
            ("minus_inf", &[("-Inf", 1.0), ("0.5", 5.0), ("+Inf", 8.0)]),
        ];
        for (kind, buckets) in kinds {
            for (le, count) in *buckets {
                let points = self.sampled(|_| *count);
                self.add("broken_bucket", &[("kind", kind), ("le", le)], points);
            }
        }
    }

    /// Series that exist for their labels.
    fn descriptions(&mut self) {
        for (number, job) in JOBS.iter().enumerate() {
            for instance in INSTANCES {
                let version = ["1.2.0", "1.3.0-rc", "2.0"][self.random.between(0, 2) as usize];
                let labels = [
                    ("job", *job),
                    ("instance", instance),
                    ("version", version),
                    ("le", "none"),
                ];
                let points = self.sampled(|_| 1.0);
                self.add("build_info", &labels, points);
            }
            let team = ["blue", "red", "blue"][number];
            let points = self.sampled(|_| 1.0);
            self.add("owner", &[("job", job), ("team", team)], points);
            let points = self.sampled(|random| 10.0 * random.between(1, 3) as f64);
            self.add("limit", &[("job", job)], points);
        }
        for name in ["twin_a", "twin_b"] {
            for x in ["1", "2", "3"] {
                let points = self.sampled(|random| random.between(0, 100) as f64);
                self.add(name, &[("x", x)], points);
            }
        }
        let texts = [
            ("two\nlines", "a\"quoted\"", "\u{fc}ber \u{2192}"),
            ("/usr/share/x-1.2", "back\\slash", ""),
            ("key=value;k2=v2", "2024-02-29", "\u{1f980}"),
        ];
        for (path, word, letter) in texts {
            let points = self.sampled(|random| random.between(-9, 9) as f64);
            self.add(
                "text",
                &[("path", path), ("word", word), ("letter", letter), ("job", "web")],
                points,
            );
        }
    }

    fn moments(&mut self) {
        let moments = [
            ("now", BEGIN as f64 / 1000.0),
            ("leap", 1_330_473_600.0),
            ("new_year", 978_307_199.5),
            ("before", -2_203_934_400.7),
            ("far", 253_402_300_800.0),
            ("beyond", 1e18),
            ("nan", f64::NAN),
            ("inf", f64::INFINITY),
            ("huge", -1e30),
        ];
        for (kind, base) in moments {
            let points = self.sampled(|random| base + random.between(-4_000_000, 40_000_000) as f64);
            self.add("moment", &[("kind", kind)], points);
        }
    }

    fn odd_ones(&mut self) {
        let values = [
            0.0,
            -0.0,
            1e308,
            -1e308,
            f64::MAX,
            5e-324,
            1e-300,
            f64::INFINITY,
            f64::NAN,
            1e15,
            0.1,
            -7.5,
            2.5,
            -2.5,
        ];
        for (number, value) in values.iter().enumerate() {
            let points = self.sampled(|_| *value);
            self.add("steady", &[("n", &number.to_string())], points);
        }
        for number in 0..4 {
            let points = self.sampled(|random| random.pick(&values));
            self.add("extreme", &[("n", &number.to_string())], points);
            let points = self.sampled(|random| random.pick(&[1e100, -1e100, 1.0, 3.0]));
            self.add("cancelling", &[("n", &number.to_string())], points);
            // So short that ranges hold one or two samples, or none.
            let first = BEGIN + self.random.between(0, 9_000_000);
            let points = (0..=number).map(|more| Point {
                at: first + more * 31_234,
                value: self.random.between(0, 9) as f64,
            });
            let points = points.collect();
            self.add("sparse", &[("n", &number.to_string())], points);
            let first = BEGIN + self.random.between(0, 8_000_000);
            let mut points = Vec::new();
            for more in 0..600 {
                points.push(Point {
                    at: first + more * 997,
                    value: self.random.fraction(),
                });
            }
            self.add("dense", &[("n", &number.to_string())], points);
        }
        // The only ones on a grid, so that samples lie exactly at the edges of ranges and of the lookback.
        for (number, job) in JOBS.iter().enumerate() {
            let mut points = Vec::new();
            let mut at = BEGIN;
            while at < END {
                points.push(Point {
                    at,
                    value: self.random.between(0, 99) as f64,
                });
                at += self.random.pick(&[15_000, 15_000, 60_000, 300_000, 330_000]);
            }
            self.add("gridded", &[("n", &number.to_string()), ("job", job)], points);
        }
        // Comes and goes: two minutes of samples, a marker, a pause of up to two minutes.
        for number in 0..3 {
            let mut at = BEGIN + number * 7_001;
            let mut points = Vec::new();
            while at < END {
                for _ in 0..8 {
                    points.push(Point {
                        at,
                        value: self.random.between(1, 50) as f64,
                    });
                    at += 15_000;
                }
                points.push(Point {
                    at,
                    value: stale_marker(),
                });
                at += self.random.between(15_000, 120_000);
            }
            self.add("flapping", &[("n", &number.to_string())], points);
        }
    }
}
