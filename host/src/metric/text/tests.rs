//! What is written reads back as what it was, by a parser that shares no code with the writer.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::metric::{Bucket, MetricName, Quantile};

fn a_head(name: &str, kind: MetricKind, unit: &str, labels: &[&str]) -> FamilyHead {
    FamilyHead {
        name: MetricName::new(name).expect("metric name"),
        help: "What \\ it\n\"is\"".into(),
        unit: unit.into(),
        kind,
        label_names: labels
            .iter()
            .map(|label| LabelName::new(label).expect("label name"))
            .collect(),
    }
}

fn a_sample(labels: &[&str], value: f64) -> Sample {
    Sample {
        label_values: labels.iter().map(|label| (*label).into()).collect(),
        value,
        created: None,
    }
}

fn a_histogram(bounds: &[f64], sum: f64) -> Points {
    let buckets = bounds
        .iter()
        .map(|&upper_bound| Bucket {
            upper_bound,
            cumulative_count: 2,
        })
        .collect();
    let created = Some(Timestamp::from_seconds(1_700_000_000));
    Points::Histograms(vec![HistogramSample {
        label_values: Box::new([]),
        buckets,
        sum,
        count: 3,
        created,
    }])
}

fn extra() -> Vec<(LabelName, Arc<str>)> {
    vec![(LabelName::new("check").expect("label name"), "db".into())]
}

fn rendered(format: Format, family: &FamilyHead, points: &Points) -> String {
    let mut out = Vec::new();
    head(format, family, &mut out);
    block(format, family, points, &extra(), &mut out);
    String::from_utf8(out).expect("text")
}

fn check(family: &FamilyHead, points: &Points, prometheus: &str, open_metrics: &str) {
    assert_eq!(rendered(Format::Prometheus, family, points), prometheus);
    assert_eq!(rendered(Format::OpenMetrics, family, points), open_metrics);
}

#[test]
fn a_counter_loses_its_suffix_in_the_head_and_gains_created() {
    let family = a_head("cpu_seconds_total", MetricKind::Counter, "seconds", &["mode"]);
    let mut sample = a_sample(&["us\"er\\\n"], 1.5);
    sample.created = Some(Timestamp::from_nanos(1_700_000_000_250_000_000));
    check(
        &family,
        &Points::Values(vec![sample]),
        "# HELP cpu_seconds_total What \\\\ it\\n\"is\"\n# TYPE cpu_seconds_total counter\n\
         cpu_seconds_total{check=\"db\",mode=\"us\\\"er\\\\\\n\"} 1.5\n",
        "# HELP cpu_seconds What \\\\ it\\n\\\"is\\\"\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n\
         cpu_seconds_total{check=\"db\",mode=\"us\\\"er\\\\\\n\"} 1.5\n\
         cpu_seconds_created{check=\"db\",mode=\"us\\\"er\\\\\\n\"} 1700000000.250\n",
    );
}

#[test]
fn a_histogram_closes_with_inf_sum_and_count() {
    let mut family = a_head("wait_seconds", MetricKind::Histogram, "seconds", &[]);
    family.help = "".into();
    let series = "wait_seconds_bucket{check=\"db\",le=\"0.5\"} 2\nwait_seconds_bucket{check=\"db\",le=\"1.0\"} 2\n\
                  wait_seconds_bucket{check=\"db\",le=\"+Inf\"} 3\nwait_seconds_sum{check=\"db\"} 7\n\
                  wait_seconds_count{check=\"db\"} 3\n";
    check(
        &family,
        &a_histogram(&[0.5, 1.0], 7.0),
        &format!("# TYPE wait_seconds histogram\n{series}"),
        &format!(
            "# TYPE wait_seconds histogram\n# UNIT wait_seconds seconds\n{series}\
             wait_seconds_created{{check=\"db\"}} 1700000000.000\n"
        ),
    );
}

#[test]
fn open_metrics_gets_no_sum_where_it_allows_none() {
    let family = a_head("delta", MetricKind::Histogram, "", &[]);
    for points in [a_histogram(&[-1.0, 1.0], 7.0), a_histogram(&[1.0], f64::NAN)] {
        let text = rendered(Format::OpenMetrics, &family, &points);
        assert!(!text.contains("delta_sum") && !text.contains("delta_count"), "{text}");
        assert!(rendered(Format::Prometheus, &family, &points).contains("delta_sum"));
    }
}

#[test]
fn a_summary_has_quantiles_sum_and_count() {
    let mut family = a_head("latency", MetricKind::Summary, "", &[]);
    family.help = "".into();
    let quantiles = [(0.5, f64::NAN), (1.0, 2.0)]
        .map(|(quantile, value)| Quantile { quantile, value })
        .into_iter()
        .collect();
    let summary = SummarySample {
        label_values: Box::new([]),
        quantiles,
        sum: 9.5,
        count: 4,
    };
    let text = "# TYPE latency summary\nlatency{check=\"db\",quantile=\"0.5\"} NaN\n\
                latency{check=\"db\",quantile=\"1.0\"} 2\nlatency_sum{check=\"db\"} 9.5\nlatency_count{check=\"db\"} 4\n";
    check(&family, &Points::Summaries(vec![summary]), text, text);
}

#[test]
fn each_kind_is_declared_without_renaming_its_series() {
    use MetricKind::{Counter, Gauge, Info, StateSet, Untyped};
    for (name, kind, labels, prometheus, open_metrics) in [
        ("load", Gauge, vec!["a"], "load gauge", "load gauge"),
        (
            "requests_total",
            Counter,
            vec!["a"],
            "requests_total counter",
            "requests counter",
        ),
        ("requests", Counter, vec!["a"], "requests counter", "requests unknown"),
        ("_total", Counter, vec!["a"], "_total counter", "_total unknown"),
        ("anything", Untyped, vec!["a"], "anything untyped", "anything unknown"),
        ("build_info", Info, vec!["version"], "build_info gauge", "build info"),
        ("build", Info, vec!["version"], "build gauge", "build gauge"),
        ("mood", StateSet, vec!["target", "mood"], "mood gauge", "mood stateset"),
        ("mood", StateSet, vec!["target", "state"], "mood gauge", "mood gauge"),
    ] {
        let family = a_head(name, kind, "", &labels);
        let values = vec!["v"; labels.len()];
        let points = Points::Values(vec![a_sample(&values, 1.0)]);
        let series: Vec<String> = [(Format::Prometheus, prometheus), (Format::OpenMetrics, open_metrics)]
            .map(|(format, declared)| {
                let text = rendered(format, &family, &points);
                assert!(text.contains(&format!("# TYPE {declared}\n")), "{text}");
                text.lines().filter(|line| !line.starts_with('#')).collect()
            })
            .into();
        assert_eq!(series[0], series[1]);
    }
}

#[test]
fn values_that_open_metrics_forbids_are_left_out_there_only() {
    for (name, kind, labels, allowed, forbidden) in [
        ("a_total", MetricKind::Counter, "l", 0.0, vec![-1.0, f64::NAN]),
        ("a_info", MetricKind::Info, "l", 1.0, vec![0.0, f64::NAN]),
        ("a", MetricKind::StateSet, "a", 0.0, vec![0.5, -1.0]),
    ] {
        let family = a_head(name, kind, "", &[labels]);
        let samples = forbidden
            .iter()
            .chain([&allowed])
            .map(|&value| a_sample(&["v"], value))
            .collect::<Vec<_>>();
        let points = Points::Values(samples.clone());
        let count = |format| {
            rendered(format, &family, &points)
                .lines()
                .filter(|line| !line.starts_with('#'))
                .count()
        };
        assert_eq!(count(Format::Prometheus), samples.len());
        assert_eq!(count(Format::OpenMetrics), 1);
    }
}

#[test]
fn names_that_would_clash_are_told() {
    let gauge = claimed_names(&a_head("jobs", MetricKind::Gauge, "", &[]));
    let counter = claimed_names(&a_head("jobs_total", MetricKind::Counter, "", &[]));
    assert_eq!(counter, ["jobs", "jobs_total", "jobs_created"]);
    assert!(gauge.iter().any(|name| counter.contains(name)));
    let other = claimed_names(&a_head("jobs_waiting", MetricKind::Gauge, "", &[]));
    assert!(!other.iter().any(|name| counter.contains(name)));
}

#[test]
fn a_label_without_value_is_absent_and_so_are_its_braces() {
    let family = a_head("load", MetricKind::Gauge, "", &["a"]);
    let mut out = Vec::new();
    block(
        Format::Prometheus,
        &family,
        &Points::Values(vec![a_sample(&[""], 2.0)]),
        &[],
        &mut out,
    );
    assert_eq!(out, b"load 2\n");
}

pub(crate) type Line = (String, BTreeMap<String, String>, f64);

/// One sample line, read character by character.
fn parse(line: &str) -> Line {
    let mut labels = BTreeMap::new();
    let mut rest = line;
    let name_end = rest.find(['{', ' ']).expect("a name ends");
    let name = rest[..name_end].to_owned();
    rest = &rest[name_end..];
    if let Some(mut inner) = rest.strip_prefix('{') {
        while !inner.starts_with('}') {
            inner = inner.trim_start_matches(',');
            let (label, after) = inner.split_once("=\"").expect("label=\"");
            let mut value = String::new();
            let mut characters = after.char_indices();
            inner = loop {
                match characters.next().expect("closing quote") {
                    (at, '"') => break &after[at + 1..],
                    (_, '\\') => value.push(match characters.next().expect("escaped").1 {
                        'n' => '\n',
                        other => other,
                    }),
                    (_, plain) => value.push(plain),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "label twice: {line}");
        }
        rest = &inner[1..];
    }
    let value = rest.strip_prefix(' ').expect("one space").parse().expect("a float");
    (name, labels, value)
}

/// Every sample of an exposition.
pub(crate) fn parse_all(text: &str) -> Vec<Line> {
    text.strip_suffix('\n')
        .expect("ends with a line feed")
        .split('\n')
        .filter(|line| !line.starts_with('#'))
        .map(parse)
        .collect()
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        rows in prop::collection::vec((any::<String>(), "[a-z\"\\\\\n ]{0,8}", any::<f64>()), 1..20),
        help in any::<String>(),
    ) {
        let mut family = a_head("some_metric", MetricKind::Gauge, "", &["one", "two"]);
        family.help = help.as_str().into();
        let points = Points::Values(rows.iter().map(|(one, two, value)| a_sample(&[one, two], *value)).collect());
        for format in Format::ALL {
            let text = rendered(format, &family, &points);
            let lines = parse_all(&text);
            prop_assert_eq!(lines.len(), rows.len());
            for ((name, labels, value), (one, two, expected)) in lines.iter().zip(&rows) {
                prop_assert_eq!(name.as_str(), "some_metric");
                prop_assert!(value == expected || (value.is_nan() && expected.is_nan()));
                let wanted = [("check", "db"), ("one", one), ("two", two)];
                let wanted: BTreeMap<String, String> = wanted
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                prop_assert_eq!(labels, &wanted);
            }
        }
    }
}
