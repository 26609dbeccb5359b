//! Whatever a guest says, conversion does not panic, and what passes is fit to be exposed. The judge below shares no
//! code with the conversion: it writes every family out as series and looks at those.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    metric::MetricKind,
    outcome::{ReportedFamily, ReportedPoints},
};

const PREFIX: &str = "p_";
const OWN_LABEL: &str = "team";

fn convert(guest: wit::Report) -> Report {
    let labels = BTreeMap::from([(LabelName::new(OWN_LABEL).expect("a label name"), "x".to_owned())]);
    report(
        guest,
        &ConvertRules {
            prefix: PREFIX,
            labels: &labels,
            redactor: &Redactor::default(),
        },
    )
}

// ---- guests, hostile but not so wild that nothing ever passes ----

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-c]{0,3}", 1 => ".{0,6}", 1 => "[\u{0}-\u{20}]{0,3}", 1 => Just("x".repeat(1025))]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-c]{1,2}(_total|_info|_bucket|_sum|_count|_created|_s)?",
        1 => "[a-zA-Z_:0-9 -]{0,5}",
        1 => ".{0,4}",
    ]
}

fn label_name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-d]",
        2 => "(exported_){0,2}(check|team)",
        1 => "le|quantile|__name__",
        1 => ".{0,3}",
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => prop::sample::select(vec![0.0, 1.0, 0.5, 2.0, -1.0]),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]),
    ]
}

fn label_values(width: usize) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![30 => vec(text(), width), 1 => vec(text(), 0..4)]
}

fn samples(width: usize) -> impl Strategy<Value = Vec<wit::Sample>> {
    let sample = (label_values(width), number()).prop_map(|(label_values, value)| wit::Sample { label_values, value });
    vec(sample, 0..12)
}

fn bounds() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![3 => Just(vec![0.5, 1.0, f64::INFINITY]), 1 => vec(number(), 0..4)]
}

fn histograms(width: usize) -> impl Strategy<Value = Vec<wit::HistogramSample>> {
    let counts = prop_oneof![3 => Just(vec![1_u64, 2, 3, 3]), 1 => vec(0..4_u64, 4)];
    let sample = (label_values(width), bounds(), counts, number()).prop_map(|(label_values, bounds, counts, sum)| {
        let bucket = |(upper_bound, &cumulative_count)| wit::Bucket {
            upper_bound,
            cumulative_count,
        };
        let buckets = bounds.into_iter().zip(&counts).map(bucket).collect();
        wit::HistogramSample {
            label_values,
            buckets,
            sum,
            count: counts[3],
        }
    });
    vec(sample, 0..4)
}

fn summaries(width: usize) -> impl Strategy<Value = Vec<wit::SummarySample>> {
    let quantile = (number(), number()).prop_map(|(quantile, value)| wit::Quantile { quantile, value });
    let sample = (label_values(width), vec(quantile, 0..3), number(), any::<u64>());
    let sample = sample.prop_map(|(label_values, quantiles, sum, count)| wit::SummarySample {
        label_values,
        quantiles,
        sum,
        count,
    });
    vec(sample, 0..4)
}

fn points(width: usize) -> impl Strategy<Value = wit::Points> {
    prop_oneof![
        samples(width).prop_map(wit::Points::Gauge),
        samples(width).prop_map(wit::Points::Counter),
        samples(width).prop_map(wit::Points::Increments),
        samples(width).prop_map(wit::Points::Untyped),
        samples(width).prop_map(wit::Points::Info),
        samples(width).prop_map(wit::Points::StateSet),
        histograms(width).prop_map(wit::Points::Histogram),
        summaries(width).prop_map(wit::Points::Summary),
        (bounds(), samples(width))
            .prop_map(|(upper_bounds, samples)| wit::Points::Observations(wit::Observations { upper_bounds, samples })),
    ]
}

fn family() -> impl Strategy<Value = wit::MetricFamily> {
    let unit = prop_oneof![4 => Just(String::new()), 1 => Just("s".to_owned()), 1 => text()];
    vec(label_name(), 0..3).prop_flat_map(move |label_names| {
        (name(), text(), unit.clone(), points(label_names.len())).prop_map(move |(name, help, unit, points)| {
            wit::MetricFamily {
                name,
                help,
                unit,
                label_names: label_names.clone(),
                points,
            }
        })
    })
}

fn verdict() -> impl Strategy<Value = wit::Verdict> {
    let status = prop::sample::select(vec![
        wit::Status::Ok,
        wit::Status::Warning,
        wit::Status::Critical,
        wit::Status::Unknown,
    ]);
    (
        text(),
        status,
        text(),
        text(),
        any::<Option<u64>>(),
        vec((text(), text()), 0..3),
    )
        .prop_map(|(target, status, code, summary, latency_ns, details)| wit::Verdict {
            target,
            status,
            code,
            summary,
            latency_ns,
            details,
        })
}

fn guest() -> impl Strategy<Value = wit::Report> {
    (vec(verdict(), 0..6), vec(family(), 0..12)).prop_map(|(verdicts, families)| wit::Report { verdicts, families })
}

// ---- the judge ----

type Series = (String, Vec<(String, String)>);

fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).expect("a pattern").is_match(text)
}

/// A family as series of the text format.
fn series(family: &ReportedFamily) -> Vec<Series> {
    let name = family.head.name.as_str();
    let labels = |values: &[std::sync::Arc<str>]| {
        assert_eq!(values.len(), family.head.label_names.len(), "{name}");
        let pair = |(name, value): (&LabelName, &std::sync::Arc<str>)| (name.to_string(), value.to_string());
        family.head.label_names.iter().zip(values).map(pair).collect::<Vec<_>>()
    };
    let with = |labels: &[(String, String)], name: &str, value: f64| {
        [labels, &[(name.to_owned(), value.to_string())]].concat()
    };
    match &family.points {
        ReportedPoints::Values(samples) | ReportedPoints::Increments(samples) => samples
            .iter()
            .map(|sample| (name.to_owned(), labels(&sample.label_values)))
            .collect(),
        ReportedPoints::Histograms(samples) => samples
            .iter()
            .flat_map(|sample| {
                let labels = labels(&sample.label_values);
                let bound = |bucket: &crate::metric::Bucket| bucket.upper_bound;
                let bounds = sample.buckets.iter().map(bound).chain([f64::INFINITY]);
                let buckets: Vec<_> = bounds
                    .map(|le| (format!("{name}_bucket"), with(&labels, "le", le)))
                    .collect();
                let rest = ["_sum", "_count", "_created"].map(|suffix| (format!("{name}{suffix}"), labels.clone()));
                [buckets, rest.to_vec()].concat()
            })
            .collect(),
        ReportedPoints::Summaries(samples) => samples
            .iter()
            .flat_map(|sample| {
                let labels = labels(&sample.label_values);
                let one = |one: &crate::metric::Quantile| (name.to_owned(), with(&labels, "quantile", one.quantile));
                let quantiles: Vec<_> = sample.quantiles.iter().map(one).collect();
                let rest = ["_sum", "_count"].map(|suffix| (format!("{name}{suffix}"), labels.clone()));
                [quantiles, rest.to_vec()].concat()
            })
            .collect(),
        // The board sorts these into histograms, one for each label set.
        ReportedPoints::Observations { upper_bounds, samples } => {
            let sets: BTreeSet<_> = samples.iter().map(|sample| labels(&sample.label_values)).collect();
            let histogram = |labels: Vec<(String, String)>| {
                let buckets = upper_bounds
                    .iter()
                    .map(|le| (format!("{name}_bucket"), with(&labels, "le", *le)));
                buckets.collect::<Vec<_>>()
            };
            sets.into_iter().flat_map(histogram).collect()
        }
    }
}

fn judge_head(family: &ReportedFamily) {
    let head = &family.head;
    let name = head.name.as_str();
    assert!(
        matches(r"\A[a-zA-Z_:][a-zA-Z0-9_:]*\z", name) && name.len() <= 256,
        "{name:?}"
    );
    assert!(name.len() > PREFIX.len() && name.starts_with(PREFIX), "{name:?}");
    match head.kind {
        MetricKind::Counter => assert!(name.ends_with("_total"), "{name}"),
        MetricKind::Info => assert!(name.ends_with("_info") && head.unit.is_empty(), "{name}"),
        MetricKind::StateSet => assert!(head.unit.is_empty(), "{name}"),
        MetricKind::Gauge | MetricKind::Untyped | MetricKind::Histogram | MetricKind::Summary => {}
    }
    if !head.unit.is_empty() {
        let base = name
            .strip_suffix("_total")
            .filter(|_| head.kind == MetricKind::Counter)
            .unwrap_or(name);
        assert!(
            base.ends_with(&format!("_{}", head.unit)),
            "{name} has unit {}",
            head.unit
        );
    }
    assert!(
        head.help.len() <= 1024 && !head.help.contains(char::is_control),
        "{:?}",
        head.help
    );
    let mut seen = BTreeSet::from(["check", OWN_LABEL]);
    match head.kind {
        MetricKind::Histogram => drop(seen.insert("le")),
        MetricKind::Summary => drop(seen.insert("quantile")),
        _ => {}
    }
    for label in head.label_names.iter().map(LabelName::as_str) {
        assert!(
            matches(r"\A[a-zA-Z_][a-zA-Z0-9_]*\z", label) && !label.starts_with("__"),
            "{label:?}"
        );
        assert!(seen.insert(label), "{name} has {label} twice");
    }
}

fn judge_numbers(family: &ReportedFamily) {
    match (&family.points, family.head.kind) {
        (ReportedPoints::Values(samples), MetricKind::Counter) | (ReportedPoints::Increments(samples), _) => {
            assert!(samples.iter().all(|sample| (0.0..=f64::MAX).contains(&sample.value)));
        }
        (ReportedPoints::Values(samples), MetricKind::Info) => assert!(samples.iter().all(|one| one.value == 1.0)),
        (ReportedPoints::Values(samples), MetricKind::StateSet) => {
            assert!(samples.iter().all(|one| [0.0, 1.0].contains(&one.value)));
            assert!(
                samples
                    .iter()
                    .all(|one| one.label_values.last().is_some_and(|state| !state.is_empty()))
            );
        }
        (ReportedPoints::Values(_), MetricKind::Gauge | MetricKind::Untyped) => {}
        (ReportedPoints::Histograms(samples), MetricKind::Histogram) => {
            for sample in samples {
                assert!(sample.buckets.is_sorted_by(|a, b| a.upper_bound < b.upper_bound));
                assert!(
                    sample
                        .buckets
                        .is_sorted_by(|a, b| a.cumulative_count <= b.cumulative_count)
                );
                assert!(sample.buckets.iter().all(|one| one.upper_bound.is_finite()));
                assert!(sample.buckets.iter().all(|one| one.cumulative_count <= sample.count));
                assert!(!sample.sum.is_nan());
            }
        }
        (ReportedPoints::Summaries(samples), MetricKind::Summary) => {
            for sample in samples {
                assert!(sample.quantiles.is_sorted_by(|a, b| a.quantile < b.quantile));
                assert!(sample.quantiles.iter().all(|one| (0.0..=1.0).contains(&one.quantile)));
            }
        }
        (ReportedPoints::Observations { upper_bounds, samples }, MetricKind::Histogram) => {
            assert!(upper_bounds.is_sorted_by(|a, b| a < b) && upper_bounds.iter().all(|bound| bound.is_finite()));
            assert!(samples.iter().all(|sample| sample.value.is_finite()));
        }
        (points, kind) => panic!("{kind} with {points:?}"),
    }
}

fn judge(report: &Report) {
    let mut names = BTreeSet::new();
    for family in &report.families {
        judge_head(family);
        judge_numbers(family);
        let name = family.head.name.as_str();
        assert!(names.insert(name), "{name} appears twice");
        let mut all = BTreeSet::new();
        for (series_name, labels) in series(family) {
            for (_, value) in &labels {
                assert!(value.len() <= 1024 && !value.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            }
            assert!(all.insert((series_name, labels)), "a series of {name} appears twice");
        }
    }
    let targets: BTreeSet<_> = report.verdicts.iter().map(|verdict| &verdict.target).collect();
    assert_eq!(targets.len(), report.verdicts.len(), "a target appears twice");
    for verdict in &report.verdicts {
        let texts = [&*verdict.target, &verdict.code, &verdict.summary];
        let details = verdict
            .details
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        assert!(
            texts
                .into_iter()
                .chain(details)
                .all(|text| text.len() <= 4096 && !text.contains(char::is_control))
        );
    }
    assert!(report.refused.len() <= REFUSED_MAX + 1);
    assert!(
        report
            .refused
            .iter()
            .all(|refused| !refused.reason.contains(char::is_control))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_passes_is_fit_to_be_exposed(guest in guest()) {
        judge(&convert(guest));
    }

    #[test]
    fn a_family_is_passed_or_refused_and_never_lost(guest in guest()) {
        let judged: BTreeSet<_> = guest.verdicts.iter().map(|verdict| verdict.target.clone()).collect();
        let families = guest.families.len();
        let report = convert(guest);
        let refused = report.refused.iter().filter(|refused| refused.name != "(verdicts)").count();
        prop_assert_eq!(report.families.len() + refused, families);
        prop_assert!(report.verdicts.len() <= judged.len());
    }

    #[test]
    fn good_gauges_pass_untouched(
        values in prop::collection::btree_map("[a-z/.:-]{0,9}", any::<f64>(), 0..30),
        name in "[a-z]{1,8}_[a-z]{1,8}x",
    ) {
        let sample = |(label, value): (&String, &f64)| wit::Sample { label_values: vec![label.clone()], value: *value };
        let family = wit::MetricFamily {
            name: name.clone(),
            help: "Help.".to_owned(),
            unit: String::new(),
            label_names: vec!["of".to_owned()],
            points: wit::Points::Gauge(values.iter().map(sample).collect()),
        };
        let report = convert(wit::Report { verdicts: Vec::new(), families: vec![family] });
        prop_assert_eq!(&report.refused, &[]);
        let ReportedPoints::Values(samples) = &report.families[0].points else { panic!("values") };
        let kept: Vec<_> = samples.iter().map(|one| (one.label_values[0].to_string(), one.value.to_bits())).collect();
        let sent: Vec<_> = values.iter().map(|(label, value)| (label.clone(), value.to_bits())).collect();
        prop_assert_eq!(kept, sent);
    }
}
