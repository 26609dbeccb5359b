//! What the report builder hands to the host.

use std::time::Duration;

use bellwether_sdk::{
    prelude::*,
    report::{Bucket, MetricFamily, Points, Quantile, Sample, Status},
};

const JOBS: Gauge<2> = Gauge::new("queue_jobs", "Jobs in the queue.", ["queue", "state"]);
const DONE: Counter<0> = Counter::new("queue_done_total", "Jobs done.", []);
const SEEN: Increments<0> = Increments::new("events_seen_total", "Events seen.", []);
const WAIT: Observations<1> = Observations::new("job_wait_seconds", "Time in the queue.", ["queue"], &[0.1, 1.0]);
const MODE: StateSet<1> = StateSet::new(
    "node_mode",
    "Mode of the node.",
    ["node"],
    "mode",
    &["leader", "follower"],
);
const BUILD: Info<1> = Info::new("build_info", "What runs.", ["version"]);
const READ: Histogram<0> = Histogram::new("read_seconds", "Time to read.", []);
const OLD: Summary<0> = Summary::new("old_seconds", "Time, summed up.", []);
const ODD: Untyped<0> = Untyped::new("odd", "Of no type.", []);
const SLOW: Code = Code::new("slow", "It answers late.");

fn only(report: &Report) -> &MetricFamily {
    assert_eq!(report.families().len(), 1);
    &report.families()[0]
}

fn sample(labels: &[&str], value: f64) -> Sample {
    Sample {
        label_values: labels.iter().map(|&label| label.to_owned()).collect(),
        value,
    }
}

#[test]
fn samples_of_one_metric_are_one_family_however_often_it_is_named() {
    let mut report = Report::new();
    report
        .gauge(&JOBS)
        .set(["mail", "waiting"], 3_u64)
        .set(["mail", "active"], 1);
    report.gauge(&JOBS).set(["sms", "waiting"], 0.5);
    let family = only(&report);
    assert_eq!((family.name.as_str(), family.unit.as_str()), ("queue_jobs", ""));
    assert_eq!(family.label_names, ["queue", "state"]);
    let samples = vec![
        sample(&["mail", "waiting"], 3.0),
        sample(&["mail", "active"], 1.0),
        sample(&["sms", "waiting"], 0.5),
    ];
    assert_eq!(family.points, Points::Gauge(samples));
}

#[test]
fn the_two_kinds_of_counter_differ_in_who_keeps_the_total() {
    let mut report = Report::new();
    report.counter(&DONE).set([], 41_u32);
    report.increments(&SEEN).add([], 2).add([], 3);
    let points: Vec<_> = report.families().iter().map(|family| family.points.clone()).collect();
    assert_eq!(points[0], Points::Counter(vec![sample(&[], 41.0)]));
    assert_eq!(points[1], Points::Increments(vec![sample(&[], 5.0)]));
}

#[test]
#[should_panic(expected = "a total only goes up")]
fn a_total_cannot_be_lowered() {
    Report::new().increments(&SEEN).add([], -1);
}

#[test]
fn observations_carry_the_declared_bounds_and_durations_become_seconds() {
    let mut report = Report::new();
    report.observations(&WAIT).observe(["mail"], Duration::from_millis(250));
    let family = only(&report);
    assert_eq!(family.unit, "seconds");
    let Points::Observations(observations) = &family.points else {
        panic!("{family:?}")
    };
    assert_eq!(observations.upper_bounds, [0.1, 1.0]);
    assert_eq!(observations.samples, [sample(&["mail"], 0.25)]);
}

#[test]
fn a_state_set_has_a_series_for_each_state() {
    let mut report = Report::new();
    report.state_set(&MODE).set(["a"], "follower");
    let family = only(&report);
    assert_eq!(family.label_names, ["node", "mode"]);
    let states = vec![sample(&["a", "leader"], 0.0), sample(&["a", "follower"], 1.0)];
    assert_eq!(family.points, Points::StateSet(states));
}

#[test]
#[should_panic(expected = "`candidate` is not among")]
fn a_state_that_was_not_declared_is_refused() {
    Report::new().state_set(&MODE).set(["a"], "candidate");
}

#[test]
fn what_targets_expose_is_passed_on_as_it_is() {
    let mut report = Report::new();
    report.info(&BUILD).set(["1.2"]);
    report.histogram(&READ).set(
        [],
        vec![Bucket {
            upper_bound: 1.0,
            cumulative_count: 3,
        }],
        2.5,
        4,
    );
    report.summary(&OLD).set(
        [],
        vec![Quantile {
            quantile: 0.5,
            value: 0.2,
        }],
        2.5,
        4,
    );
    report.untyped(&ODD).set([], f64::INFINITY);
    let points: Vec<_> = report.families().iter().map(|family| &family.points).collect();
    assert_eq!(points[0], &Points::Info(vec![sample(&["1.2"], 1.0)]));
    assert!(matches!(points[1], Points::Histogram(samples) if samples[0].count == 4 && samples[0].buckets.len() == 1));
    assert!(matches!(points[2], Points::Summary(samples) if samples[0].sum == 2.5 && samples[0].quantiles.len() == 1));
    assert_eq!(points[3], &Points::Untyped(vec![sample(&[], f64::INFINITY)]));
}

#[test]
fn a_verdict_says_more_than_its_status() {
    let mut report = Report::new();
    report.ok("a");
    report
        .warning("b", &SLOW, "answers after 3 s")
        .latency(Duration::from_secs(3))
        .detail("runbook", "https://wiki.example.com/slow");
    report.critical("c", &SLOW, "answers after 30 s");
    report.unknown("", &SLOW, "cannot tell");
    let [a, b, c, whole] = report.verdicts() else {
        panic!("{report:?}")
    };
    assert_eq!((a.status, a.code.as_str(), a.latency_ns), (Status::Ok, "", None));
    assert_eq!(
        (b.status, b.code.as_str(), b.latency_ns),
        (Status::Warning, "slow", Some(3_000_000_000))
    );
    assert_eq!(
        b.details,
        [("runbook".to_owned(), "https://wiki.example.com/slow".to_owned())]
    );
    assert_eq!(
        (c.status, whole.status, whole.target.as_str()),
        (Status::Critical, Status::Unknown, "")
    );
}

#[test]
fn families_made_at_run_time_are_checked_at_run_time() {
    let family = |name: &str, label: &str, points| MetricFamily {
        name: name.to_owned(),
        help: String::new(),
        unit: String::new(),
        label_names: vec![label.to_owned()],
        points,
    };
    let mut report = Report::new();
    let refused = [
        family("9lives", "cat", Points::Gauge(Vec::new())),
        family("lives", "__cat", Points::Gauge(Vec::new())),
        family("lives", "cat", Points::Gauge(vec![sample(&[], 9.0)])),
    ];
    for family in refused {
        assert!(report.push_family(family.clone()).is_err(), "{family:?}");
    }
    assert_eq!(report.families(), []);
    assert!(
        report
            .push_family(family("lives", "cat", Points::Gauge(vec![sample(&["tom"], 9.0)])))
            .is_ok()
    );
    assert_eq!(only(&report).name, "lives");
}
