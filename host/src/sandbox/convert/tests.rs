use std::time::Duration;

use super::*;
use crate::{
    metric::MetricKind,
    outcome::{ReportedPoints, Status},
};

fn sample(label_values: &[&str], value: f64) -> wit::Sample {
    wit::Sample {
        label_values: label_values.iter().map(|&value| value.to_owned()).collect(),
        value,
    }
}

fn family(name: &str, label_names: &[&str], points: wit::Points) -> wit::MetricFamily {
    wit::MetricFamily {
        name: name.to_owned(),
        help: "Of a test".to_owned(),
        unit: String::new(),
        label_names: label_names.iter().map(|&name| name.to_owned()).collect(),
        points,
    }
}

fn gauge(name: &str) -> wit::MetricFamily {
    family(name, &[], wit::Points::Gauge(vec![sample(&[], 1.0)]))
}

fn verdict(target: &str, status: wit::Status, summary: &str) -> wit::Verdict {
    wit::Verdict {
        target: target.to_owned(),
        status,
        code: String::new(),
        summary: summary.to_owned(),
        latency_ns: None,
        details: Vec::new(),
    }
}

fn convert(prefix: &str, labels: &[&str], guest: wit::Report) -> Report {
    let labels = labels
        .iter()
        .map(|name| (LabelName::new(name).expect("a label name"), "x".to_owned()))
        .collect();
    report(
        guest,
        &ConvertRules {
            prefix,
            labels: &labels,
            redactor: &Redactor::default(),
        },
    )
}

fn families(families: Vec<wit::MetricFamily>) -> Report {
    convert(
        "",
        &[],
        wit::Report {
            verdicts: Vec::new(),
            families,
        },
    )
}

fn verdicts(verdicts: Vec<wit::Verdict>) -> Report {
    convert(
        "",
        &[],
        wit::Report {
            verdicts,
            families: Vec::new(),
        },
    )
}

/// The reason why this one family is refused.
fn refusal(bad: wit::MetricFamily) -> String {
    let report = families(vec![bad, gauge("good")]);
    assert_eq!(report.families.len(), 1, "the rest stands, and only that: {report:?}");
    assert_eq!(report.families[0].head.name.as_str(), "good");
    assert_eq!(report.refused.len(), 1);
    report.refused[0].reason.clone()
}

fn accepted(good: wit::MetricFamily) -> ReportedFamily {
    let mut report = families(vec![good]);
    assert_eq!(report.refused, []);
    report.families.pop().expect("one family")
}

fn refuses(bad: wit::MetricFamily, reason: &str) {
    let given = refusal(bad);
    assert!(given.contains(reason), "{given:?} does not say {reason:?}");
}

#[test]
fn a_good_family_comes_through_as_it_is() {
    let mut guest = family(
        "queue_wait_seconds",
        &["queue", "state"],
        wit::Points::Gauge(vec![sample(&["mail", "new"], 1.5), sample(&["mail", ""], f64::NAN)]),
    );
    guest.unit = "seconds".to_owned();
    let family = accepted(guest);
    assert_eq!(family.head.name.as_str(), "queue_wait_seconds");
    assert_eq!((&*family.head.help, &*family.head.unit), ("Of a test", "seconds"));
    assert_eq!(family.head.kind, MetricKind::Gauge);
    let ReportedPoints::Values(samples) = family.points else {
        panic!("values")
    };
    let values: Vec<_> = samples[0].label_values.iter().map(|value| &**value).collect();
    assert_eq!((values.as_slice(), samples[0].value), (["mail", "new"].as_slice(), 1.5));
    assert!(samples[1].value.is_nan());
    assert_eq!(&*samples[1].label_values[1], "");
}

#[test]
fn names_carry_the_prefix_and_are_checked_without_it_too() {
    let guest = wit::Report {
        verdicts: Vec::new(),
        families: vec![gauge("depth"), gauge(""), gauge("2nd")],
    };
    let report = convert("matching_", &[], guest);
    assert_eq!(report.families[0].head.name.as_str(), "matching_depth");
    let reasons: Vec<_> = report.refused.iter().map(|refused| refused.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2);
    assert_eq!(reasons[0], "name is empty");
    assert!(reasons[1].contains("`2nd` is not a metric name"), "{reasons:?}");
}

#[test]
fn a_name_that_would_inject_a_line_is_refused_and_shown_on_one_line() {
    let report = families(vec![gauge("a 1\nup 0\u{1b}[2J"), gauge("good")]);
    assert_eq!(report.refused[0].name, "a 1 up 0 [2J");
    assert!(
        !report.refused[0].reason.contains(['\n', '\u{1b}']),
        "{:?}",
        report.refused
    );
}

#[test]
fn the_hosts_names_are_the_hosts() {
    refuses(gauge("bellwether_check_up"), "belongs to the host");
    refuses(gauge("ALERTS"), "belongs to the host");
    let guest = wit::Report {
        verdicts: Vec::new(),
        families: vec![gauge("wether_check_up")],
    };
    assert_eq!(convert("bell", &[], guest).families, []);
}

#[test]
fn kinds_with_a_suffix_ask_for_it_and_say_the_name_to_use() {
    let counter = || wit::Points::Counter(vec![sample(&[], 1.0)]);
    refuses(family("jobs", &[], counter()), "call it `jobs_total`");
    refuses(family("_total", &[], counter()), "ends in `_total`");
    refuses(
        family("jobs", &[], wit::Points::Increments(vec![])),
        "call it `jobs_total`",
    );
    refuses(family("build", &[], wit::Points::Info(vec![])), "call it `build_info`");
    assert_eq!(
        accepted(family("jobs_total", &[], counter())).head.kind,
        MetricKind::Counter
    );
    let increments = accepted(family(
        "jobs_total",
        &[],
        wit::Points::Increments(vec![sample(&[], 0.0)]),
    ));
    assert!(matches!(increments.points, ReportedPoints::Increments(_)));
    assert_eq!(accepted(gauge("odd_total")).head.kind, MetricKind::Gauge);
}

#[test]
fn the_unit_stands_in_the_name() {
    let with_unit = |name: &str, unit: &str, points: wit::Points| wit::MetricFamily {
        unit: unit.to_owned(),
        ..family(name, &[], points)
    };
    let one = || vec![sample(&[], 1.0)];
    refuses(
        with_unit("latency_ms", "seconds", wit::Points::Gauge(one())),
        "would end in `_seconds`",
    );
    refuses(
        with_unit("seconds", "seconds", wit::Points::Gauge(one())),
        "would end in `_seconds`",
    );
    refuses(with_unit("a_b", "b\n", wit::Points::Gauge(one())), "is not a word");
    refuses(
        with_unit("x_bytes_info", "bytes", wit::Points::Info(one())),
        "info metrics have no unit",
    );
    accepted(with_unit("cpu_seconds_total", "seconds", wit::Points::Counter(one())));
}

#[test]
fn help_is_one_line_of_bounded_length() {
    let mut guest = gauge("a");
    guest.help = format!("one\ntwo\u{7}{}", "x".repeat(5_000));
    let help = accepted(guest).head.help;
    assert!(
        help.starts_with("one two x") && help.ends_with('…') && help.len() == 1024,
        "{}",
        help.len()
    );
}

#[test]
fn a_guests_own_label_of_a_taken_name_is_exported() {
    let guest = family(
        "a",
        &["check", "team", "exported_team", "mine"],
        wit::Points::Gauge(vec![sample(&["1", "2", "3", "4"], 1.0)]),
    );
    let report = convert(
        "",
        &["team"],
        wit::Report {
            verdicts: Vec::new(),
            families: vec![guest],
        },
    );
    let names: Vec<_> = report.families[0]
        .head
        .label_names
        .iter()
        .map(LabelName::as_str)
        .collect();
    assert_eq!(
        names,
        ["exported_check", "exported_exported_team", "exported_team", "mine"]
    );
}

#[test]
fn bad_label_names_are_refused() {
    let labelled = |labels: &[&str]| family("a", labels, wit::Points::Gauge(Vec::new()));
    refuses(labelled(&["a b"]), "is not a label name");
    refuses(labelled(&["a:b"]), "is not a label name");
    refuses(labelled(&[""]), "name is empty");
    refuses(labelled(&["__name__"]), "reserved");
    refuses(labelled(&["a", "b", "a"]), "`a` appears twice");
    refuses(labelled(&["check", "check"]), "`check` appears twice");
    refuses(labelled(&["x"; 33]), "33 label names");
    refuses(
        family("a", &["le"], wit::Points::Histogram(Vec::new())),
        "label `le` of histogram metrics",
    );
    refuses(
        family("a", &["quantile"], wit::Points::Summary(Vec::new())),
        "label `quantile` of summary metrics",
    );
    accepted(labelled(&["le", "quantile"]));
}

#[test]
fn label_values_are_as_many_as_names_and_not_too_long() {
    let labelled = |values: &[&str]| family("a", &["x"], wit::Points::Gauge(vec![sample(values, 1.0)]));
    refuses(labelled(&[]), "0 label values for 1 label names");
    refuses(labelled(&["1", "2"]), "2 label values for 1 label names");
    refuses(labelled(&[&"x".repeat(1 << 20)]), "1048576 bytes long; at most 1024");
    accepted(labelled(&[&"x".repeat(1024)]));
}

#[test]
fn duplicate_series_are_refused_in_few_and_in_many() {
    let gauge = |count: usize| {
        let mut samples: Vec<_> = (0..count).map(|n| sample(&[&n.to_string()], 1.0)).collect();
        samples.push(sample(&["0"], 2.0));
        family("a", &["n"], wit::Points::Gauge(samples))
    };
    for count in [1, 7, 8, 1_000] {
        refuses(gauge(count), r#"series ["0"] appears twice"#);
    }
    refuses(
        family("a", &[], wit::Points::Untyped(vec![sample(&[], 1.0), sample(&[], 1.0)])),
        "appears twice",
    );
    // Blanking may make one of two; then they are one.
    let blanked = wit::Points::Gauge(vec![sample(&["a\u{1}"], 1.0), sample(&["a\u{2}"], 1.0)]);
    refuses(family("a", &["n"], blanked), "appears twice");
}

#[test]
fn a_family_comes_once() {
    let report = families(vec![gauge("a"), gauge("a"), gauge("a_total")]);
    let names: Vec<_> = report.families.iter().map(|family| family.head.name.as_str()).collect();
    assert_eq!(names, ["a", "a_total"]);
    assert_eq!(report.refused[0].reason, "the report has a family of this name already");
}

#[test]
fn a_refused_family_does_not_block_a_good_one_of_the_same_name() {
    let bad = family("a", &["x"], wit::Points::Gauge(vec![sample(&[], 1.0)]));
    let report = families(vec![bad, gauge("a")]);
    assert_eq!((report.families.len(), report.refused.len()), (1, 1));
}

#[test]
fn totals_and_increments_are_finite_and_not_negative() {
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        refuses(
            family("a_total", &[], wit::Points::Counter(vec![sample(&[], value)])),
            "zero or more",
        );
        refuses(
            family("a_total", &[], wit::Points::Increments(vec![sample(&[], value)])),
            "zero or more",
        );
    }
}

#[test]
fn infos_are_one_and_states_are_named_and_zero_or_one() {
    refuses(
        family("a_info", &["v"], wit::Points::Info(vec![sample(&["1"], 2.0)])),
        "it must be 1",
    );
    accepted(family("a_info", &["v"], wit::Points::Info(vec![sample(&["1"], 1.0)])));
    refuses(
        family("a", &["s"], wit::Points::StateSet(vec![sample(&["up"], 0.5)])),
        "it must be 0 or 1",
    );
    refuses(
        family("a", &[], wit::Points::StateSet(vec![sample(&[], 1.0)])),
        "needs a label for the state",
    );
    refuses(
        family("a", &["s"], wit::Points::StateSet(vec![sample(&[""], 1.0)])),
        "a state is empty",
    );
    accepted(family(
        "a",
        &["s"],
        wit::Points::StateSet(vec![sample(&["up"], 1.0), sample(&["down"], 0.0)]),
    ));
}

fn histogram(buckets: &[(f64, u64)], sum: f64, count: u64) -> wit::MetricFamily {
    let bucket = |&(upper_bound, cumulative_count): &(f64, u64)| wit::Bucket {
        upper_bound,
        cumulative_count,
    };
    let buckets = buckets.iter().map(bucket).collect();
    let sample = wit::HistogramSample {
        label_values: Vec::new(),
        buckets,
        sum,
        count,
    };
    family("a", &[], wit::Points::Histogram(vec![sample]))
}

#[test]
fn histograms_are_ascending_and_cumulative() {
    refuses(histogram(&[(f64::NAN, 1)], 1.0, 1), "value NaN of bucket bounds");
    refuses(
        histogram(&[(2.0, 1), (1.0, 1)], 1.0, 1),
        "not ascending: 2 stands before 1",
    );
    refuses(histogram(&[(1.0, 1), (1.0, 1)], 1.0, 1), "not ascending");
    refuses(histogram(&[(f64::NEG_INFINITY, 1)], 1.0, 1), "finite");
    refuses(histogram(&[(f64::INFINITY, 1), (1.0, 1)], 1.0, 1), "finite");
    refuses(histogram(&[(1.0, 2), (2.0, 1)], 1.0, 2), "go down: 2, then 1");
    refuses(histogram(&[(1.0, 2)], 1.0, 1), "go down: 2, then 1");
    refuses(
        histogram(&[(1.0, 1), (f64::INFINITY, 3)], 1.0, 2),
        "+Inf says 3, the count says 2",
    );
    refuses(histogram(&[(1.0, 1)], f64::NAN, 1), "value NaN of sum");
    let many: Vec<_> = (0..257).map(|n| (f64::from(n), 0)).collect();
    refuses(histogram(&many, 0.0, 0), "257 buckets; at most 256");
}

#[test]
fn the_bucket_of_infinity_may_be_listed_and_is_left_out() {
    let family = accepted(histogram(&[(1.0, 1), (f64::INFINITY, 3)], 7.0, 3));
    let ReportedPoints::Histograms(samples) = family.points else {
        panic!("histograms")
    };
    assert_eq!(
        (samples[0].buckets.len(), samples[0].count, samples[0].sum),
        (1, 3, 7.0)
    );
}

#[test]
fn observations_have_ascending_bounds_and_finite_values_and_may_repeat() {
    let observed = |bounds: &[f64], values: &[f64]| {
        let samples = values.iter().map(|value| sample(&[], *value)).collect();
        let observations = wit::Observations {
            upper_bounds: bounds.to_vec(),
            samples,
        };
        family("a", &[], wit::Points::Observations(observations))
    };
    refuses(observed(&[f64::NAN], &[]), "value NaN of bucket bounds");
    refuses(observed(&[2.0, 1.0], &[]), "not ascending");
    refuses(observed(&[1.0], &[f64::NAN]), "value NaN of observation");
    refuses(observed(&[1.0], &[f64::INFINITY]), "value inf of observation");
    let family = accepted(observed(&[1.0, 2.0, f64::INFINITY], &[3.0, 3.0, -1.0]));
    assert_eq!(family.head.kind, MetricKind::Histogram);
    let ReportedPoints::Observations { upper_bounds, samples } = family.points else {
        panic!("observations")
    };
    assert_eq!((&*upper_bounds, samples.len()), ([1.0, 2.0].as_slice(), 3));
}

#[test]
fn quantiles_lie_between_zero_and_one_and_are_sorted() {
    let summary = |quantiles: &[f64]| {
        let quantiles = quantiles
            .iter()
            .map(|&quantile| wit::Quantile {
                quantile,
                value: f64::NAN,
            })
            .collect();
        let sample = wit::SummarySample {
            label_values: Vec::new(),
            quantiles,
            sum: 1.0,
            count: 1,
        };
        family("a", &[], wit::Points::Summary(vec![sample]))
    };
    refuses(summary(&[1.5]), "from 0 to 1");
    refuses(summary(&[-0.1]), "from 0 to 1");
    refuses(summary(&[f64::NAN]), "from 0 to 1");
    refuses(summary(&[0.5, 0.5]), "quantiles are not ascending");
    let ReportedPoints::Summaries(samples) = accepted(summary(&[0.99, 0.5])).points else {
        panic!("summaries")
    };
    assert_eq!(
        samples[0].quantiles.iter().map(|one| one.quantile).collect::<Vec<_>>(),
        [0.5, 0.99]
    );
}

#[test]
fn past_its_budgets_the_rest_of_a_report_is_refused() {
    let many: Vec<_> = (0..FAMILIES_MAX + 30).map(|n| gauge(&format!("a{n}"))).collect();
    let report = families(many);
    assert_eq!(report.families.len(), FAMILIES_MAX);
    assert_eq!(report.refused.len(), REFUSED_MAX + 1);
    assert!(report.refused[0].reason.contains("more than 2000 families"));
    assert_eq!(report.refused[REFUSED_MAX].reason, "10 more were refused");

    let samples = (0..=POINTS_MAX).map(|n| sample(&[&n.to_string()], 1.0)).collect();
    refuses_all_after(
        family("a", &["n"], wit::Points::Gauge(samples)),
        "more than 100000 samples",
    );
    let long = "x".repeat(1000);
    let samples = (0..5_000).map(|_| sample(&[&long], 1.0)).collect();
    refuses_all_after(
        family("a", &["n"], wit::Points::Gauge(samples)),
        "more than 4194304 bytes",
    );
}

/// A budget stays spent: who sends too much gets what came before it.
fn refuses_all_after(bad: wit::MetricFamily, reason: &str) {
    let report = families(vec![gauge("before"), bad, gauge("after")]);
    assert_eq!((report.families.len(), report.refused.len()), (1, 2));
    assert!(
        report.refused.iter().all(|refused| refused.reason.contains(reason)),
        "{:?}",
        report.refused
    );
}

#[test]
fn a_verdict_comes_through_with_its_texts_made_fit_for_people() {
    let mut guest = verdict("db-1", wit::Status::Critical, "down\nsince\u{1b}[31m noon");
    guest.code = "gone".to_owned();
    guest.latency_ns = Some(1_500);
    guest.details = vec![("link".to_owned(), "x".repeat(10_000))];
    let report = verdicts(vec![guest]);
    let verdict = &report.verdicts[0];
    assert_eq!((&*verdict.target, verdict.status), ("db-1", Status::Critical));
    assert_eq!(
        (verdict.code.as_str(), verdict.summary.as_str()),
        ("gone", "down since [31m noon")
    );
    assert_eq!(verdict.latency, Some(Duration::from_nanos(1_500)));
    assert_eq!(
        (verdict.details[0].0.as_str(), verdict.details[0].1.len()),
        ("link", 4096)
    );
}

#[test]
fn of_two_verdicts_about_one_target_the_worst_stands() {
    let report = verdicts(vec![
        verdict("a", wit::Status::Warning, "first"),
        verdict("b", wit::Status::Ok, "other"),
        verdict("a", wit::Status::Critical, "second"),
        verdict("a", wit::Status::Unknown, "third"),
    ]);
    let kept: Vec<_> = report
        .verdicts
        .iter()
        .map(|one| (&*one.target, one.summary.as_str()))
        .collect();
    assert_eq!(kept, [("a", "second"), ("b", "other")]);
    assert_eq!(report.refused.len(), 2);
    assert_eq!(report.refused[0].name, "(verdicts)");
    assert!(
        report.refused[0]
            .reason
            .contains("target `a` was judged more than once")
    );
}

#[test]
fn a_flood_of_verdicts_cannot_hide_the_bad_one() {
    let mut flood: Vec<_> = (0..5_000)
        .map(|n| verdict(&n.to_string(), wit::Status::Ok, "fine"))
        .collect();
    flood.push(verdict("needle", wit::Status::Critical, "burning"));
    let report = verdicts(flood);
    assert_eq!(report.verdicts.len(), 1_000);
    assert_eq!(&*report.verdicts[0].target, "needle");
    assert!(report.refused[0].reason.contains("5001 verdicts; the 1000 worst stand"));
}

#[test]
fn a_failure_keeps_its_kind_and_a_bounded_message() {
    let kinds = [
        (wit::FailureKind::Settings, Reason::Settings),
        (wit::FailureKind::Denied, Reason::Denied),
        (wit::FailureKind::Target, Reason::Target),
        (wit::FailureKind::Internal, Reason::Internal),
    ];
    for (kind, reason) in kinds {
        let guest = wit::Failure {
            kind,
            code: "no_route".to_owned(),
            message: "m\0".repeat(9_000),
            retryable: true,
        };
        let failure = failure(&guest, &Redactor::default());
        assert_eq!(
            (failure.reason, failure.code.as_str(), failure.retryable),
            (reason, "no_route", true)
        );
        assert!(failure.message.len() <= 4096 && !failure.message.contains('\0'));
    }
}
