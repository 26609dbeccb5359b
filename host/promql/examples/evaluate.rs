//! What evaluating a rule costs: nanoseconds per evaluation of the usual forms of rules over 11,000 series.
//!
//! `cargo run --release -p bellwether-promql --example evaluate [-- SERIES]`. The storage is the one in memory, so this is the
//! engine's own share; a rule changes neither the series nor, between two evaluations, which of them it selects.

use std::{hint::black_box, time::Instant};

use bellwether_promql::{
    engine::{LOOKBACK, Options, Query},
    labels::Labels,
    parse::parse,
    storage::memory::Memory,
    value::{Point, Value},
};

/// As many as a host of a hundred plugins has.
const SERIES: usize = 11_000;
/// An hour of samples every 15 seconds.
const SAMPLES: i64 = 240;
const STEP: i64 = 15_000;
/// Evaluations in one measurement, and measurements of which the fastest counts: the machine has other things to do.
const EVALUATIONS: u32 = 2_000;
const ROUNDS: u32 = 7;

const RULES: &[(&str, &str)] = &[
    ("threshold, 1 series", r#"gauge{instance="host-17:9100"} > 0.5"#),
    ("threshold, 7 series", r#"disk{instance="host-17:9100"} > 0.5"#),
    (
        "threshold, 7 series, none kept",
        r#"disk{instance="host-17:9100"} > 5e9"#,
    ),
    (
        "ratio, 7 of 7 series",
        r#"free{instance="host-17:9100"} / disk{instance="host-17:9100"} < 0.9"#,
    ),
    (
        "rate, 1 series",
        r#"rate(requests_total{instance="host-17:9100",code="200"}[5m]) > 0"#,
    ),
    (
        "rate, 7 series",
        r#"rate(requests_total{instance="host-17:9100"}[5m]) > 0"#,
    ),
    (
        "share of rates, 7 series",
        r#"sum by (instance) (rate(requests_total{instance="host-17:9100",code="500"}[5m])) / sum by (instance) (rate(requests_total{instance="host-17:9100"}[5m])) > 0.05"#,
    ),
    (
        "histogram_quantile, 7 buckets",
        r#"histogram_quantile(0.99, sum by (le) (rate(seconds_bucket{instance="host-17:9100"}[5m]))) > 0.1"#,
    ),
    ("absent", r#"absent(gauge{instance="host-no:9100"})"#),
    ("sum by, all series", "sum by (code) (requests_total)"),
];

/// Over the whole hour, at every step.
const GRAPHS: &[(&str, &str)] = &[
    ("graph: gauge, all series", "gauge"),
    ("graph: sum by of rate, all", "sum by (code) (rate(requests_total[5m]))"),
    (
        "graph: quantile of rates, all",
        "histogram_quantile(0.9, sum by (le) (rate(seconds_bucket[5m])))",
    ),
    ("graph: ratio, all series", "free / disk"),
    (
        "graph: subquery, 7 series",
        r#"max_over_time(rate(requests_total{instance="host-17:9100"}[5m])[30m:1m])"#,
    ),
];

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement for a person to read"
)]
fn main() {
    let series = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(SERIES);
    let memory = storage(series);
    let stop = || false;
    let options = Options {
        lookback: LOOKBACK,
        default_step: 60_000,
        samples: 50_000_000,
        elements: 50_000_000,
        stop: &stop,
    };
    let now = (SAMPLES - 1) * STEP + 7_000;
    for (name, text) in RULES {
        let expr = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let first = Instant::now();
        let mut query = Query::new(expr);
        let answer = query
            .instant(&memory, now, &options)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        let cold = first.elapsed();
        let Value::Vector(found) = &answer.value else {
            panic!("{text}")
        };
        let measure = || {
            let began = Instant::now();
            for _ in 0..EVALUATIONS {
                black_box(query.instant(&memory, black_box(now), &options).is_ok());
            }
            began.elapsed() / EVALUATIONS
        };
        let fastest = std::iter::repeat_with(measure)
            .take(ROUNDS as usize)
            .min()
            .unwrap_or_default();
        println!(
            "{name:32} {:7} ns, first {:9} ns, {} samples, {} elements",
            fastest.as_nanos(),
            cold.as_nanos(),
            answer.samples,
            found.len()
        );
    }
    for (name, text) in GRAPHS {
        let mut query = Query::new(parse(text).unwrap_or_else(|error| panic!("{text}: {error}")));
        let mut measure = || {
            let began = Instant::now();
            let answer = query
                .range(&memory, 0, now, STEP, &options)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            (began.elapsed(), answer.samples)
        };
        let (fastest, samples) = std::iter::repeat_with(&mut measure)
            .take(ROUNDS as usize)
            .min()
            .unwrap_or_default();
        println!(
            "{name:32} {:7} us, {SAMPLES} steps, {samples} samples",
            fastest.as_micros()
        );
    }
}

/// Hosts with 7 series of each of 5 metrics.
fn storage(series: usize) -> Memory {
    let mut memory = Memory::new();
    let mut count = 0;
    for host in 0.. {
        let instance = format!("host-{host}:9100");
        for (name, label, values) in METRICS {
            for value in *values {
                if count == series {
                    return memory;
                }
                let labels = Labels::new([
                    ("__name__", *name),
                    ("job", "node"),
                    ("instance", &instance),
                    ("environment", "production"),
                    (label, value),
                ]);
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let point = |number: i64| Point {
                    at: number * STEP,
                    value: (number * (1 + count as i64 % 7)) as f64,
                };
                memory.extend(&labels, (0..SAMPLES).map(point));
                count += 1;
            }
        }
    }
    memory
}

const METRICS: &[(&str, &str, &[&str])] = &[
    ("gauge", "kind", &["only"]),
    ("disk", "device", &["a", "b", "c", "d", "e", "f", "g"]),
    ("free", "device", &["a", "b", "c", "d", "e", "f", "g"]),
    (
        "requests_total",
        "code",
        &["200", "204", "301", "400", "404", "500", "503"],
    ),
    (
        "seconds_bucket",
        "le",
        &["0.005", "0.01", "0.05", "0.1", "0.5", "1", "+Inf"],
    ),
];
