//! Reports a family of every kind there is, with label values that a parser has to take apart with care.

use guests::{Bucket, HistogramSample, MetricFamily, Observations, Points, Quantile, Report, Sample, Status, SummarySample};
use guests::{state, verdict};

/// What breaks a parser or a renderer that escapes too little or too much. `host/tests/oracles` has the same list.
const NASTY: &[&str] = &[
    "",
    " ",
    " both ends ",
    "\"",
    "say \"hello\"",
    "\\",
    "C:\\new\\table\\",
    "\\n",
    "\\\"",
    "\n",
    "two\nlines\n",
    "tab\there",
    "a=\"b\",c=\"d\"} 1",
    "{}",
    "# EOF",
    "# HELP shop_jobs Another.",
    "one, two; three",
    "1e3",
    "NaN",
    "grün 温度 🔔",
    "e\u{301}",
    "null\u{a0}width\u{200b}",
];

/// Numbers at the edges of what a float can be.
const EDGES: &[(&str, f64)] = &[
    ("nan", f64::NAN),
    ("infinity", f64::INFINITY),
    ("minus infinity", f64::NEG_INFINITY),
    ("minus zero", -0.0),
    ("smallest", f64::from_bits(1)),
    ("smallest normal", f64::MIN_POSITIVE),
    ("largest", f64::MAX),
    ("a third", 1.0 / 3.0),
    ("sum of tenths", 0.1 + 0.2),
    ("past exact integers", 9_007_199_254_740_993.0),
    ("a trillion", 1e12),
    ("a billionth", 1e-9),
];

guests::guest!(|_| {
    let runs = count_runs();
    let nasty = |value: fn(usize) -> f64| NASTY.iter().enumerate().map(|(at, text)| sample(&[text], value(at))).collect();
    let one = |value: f64| vec![sample(&["front"], value)];
    let families = vec![
        family("shop_jobs", "Jobs in a \"queue\",\nby C:\\folder.", "", &["queue"], Points::Gauge(nasty(|at| at as f64))),
        family("shop_edge_seconds", "Numbers at the edges.", "seconds", &["which"], Points::Gauge(
            EDGES.iter().map(|(which, value)| sample(&[which], *value)).collect(),
        )),
        family("shop_bare", "Without a label of its own.", "", &[], Points::Gauge(vec![sample(&[], 1.0)])),
        family("shop_staff", "With labels that others use.", "", &["check", "team"], Points::Gauge(vec![sample(&["x", "y"], 1.0)])),
        family("shop_orders_total", "Orders, as the shop counts them.", "", &["desk"], Points::Counter(one(f64::from(runs)))),
        family("shop_visits_total", "Visits.", "", &["door"], Points::Increments(nasty(|at| (at + 1) as f64))),
        family("shop_checkout_duration_seconds", "At the desk.", "seconds", &["desk"], Points::Histogram(vec![
            histogram("front", &[(0.1, 2), (0.5, 2), (1.0, 5)], 3.25, 7),
            histogram("a \"b\"\\\n", &[], 0.0, 0),
        ])),
        family("shop_drift_celsius", "Buckets below zero.", "celsius", &["room"], Points::Histogram(vec![
            histogram("cellar", &[(-10.0, 1), (0.0, 2), (1e-7, 2)], -14.5, 3),
        ])),
        family("shop_wait_seconds", "In the queue.", "seconds", &["queue"], Points::Observations(Observations {
            upper_bounds: vec![0.5, 1.0, 2.5, f64::INFINITY],
            samples: [0.2, 0.9, 2.5, 40.0].iter().map(|&value| sample(&["say \"hello\"\\"], value)).collect(),
        })),
        family("shop_answer_seconds", "Of the phone.", "seconds", &["line"], Points::Summary(vec![
            summary("1", &[(0.5, 0.25), (0.99, 4.0)], 12.5, 9),
            summary("nobody called", &[(0.5, f64::NAN), (0.99, f64::NAN)], 0.0, 0),
        ])),
        family("shop_legacy", "Of no type.", "", &["what"], Points::Untyped(one(-3.5))),
        family("shop_build_info", "What the shop is.", "", &["version", "note"], Points::Info(vec![
            sample(&["1.2.3", "say \"hello\"\\\n"], 1.0),
        ])),
        family("shop_door", "Its last label is called as it is.", "", &["which", "shop_door"], Points::StateSet(states("front"))),
        family("shop_light", "Its last label is not.", "", &["which", "state"], Points::StateSet(states("back"))),
    ];
    let mut told = verdict(Status::Warning, "one line\nand another");
    told.target = "say \"hello\"\\".to_owned();
    Ok(Report { verdicts: vec![verdict(Status::Ok, "open"), told], families })
});

fn count_runs() -> u8 {
    let runs = state::get("runs").expect("state can be read").map_or(0, |bytes| bytes[0]).saturating_add(1);
    state::set("runs", &[runs]).expect("one byte fits");
    runs
}

fn family(name: &str, help: &str, unit: &str, labels: &[&str], points: Points) -> MetricFamily {
    MetricFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        unit: unit.to_owned(),
        label_names: labels.iter().map(|&label| label.to_owned()).collect(),
        points,
    }
}

fn sample(labels: &[&str], value: f64) -> Sample {
    Sample { label_values: labels.iter().map(|&label| label.to_owned()).collect(), value }
}

fn states(which: &str) -> Vec<Sample> {
    [("open", 1.0), ("shut", 0.0)].iter().map(|(state, value)| sample(&[which, state], *value)).collect()
}

fn histogram(label: &str, buckets: &[(f64, u64)], sum: f64, count: u64) -> HistogramSample {
    let bucket = |&(upper_bound, cumulative_count): &(f64, u64)| Bucket { upper_bound, cumulative_count };
    HistogramSample { label_values: vec![label.to_owned()], buckets: buckets.iter().map(bucket).collect(), sum, count }
}

fn summary(label: &str, quantiles: &[(f64, f64)], sum: f64, count: u64) -> SummarySample {
    let quantile = |&(quantile, value): &(f64, f64)| Quantile { quantile, value };
    SummarySample { label_values: vec![label.to_owned()], quantiles: quantiles.iter().map(quantile).collect(), sum, count }
}
