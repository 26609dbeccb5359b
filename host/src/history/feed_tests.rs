use std::{collections::BTreeMap, time::Duration};

use bellwether_promql::{
    ast::MatchOp,
    storage::Storage as _,
    value::{is_stale, stale_marker},
};

use super::super::{
    tests::{matcher, settings},
    view::View,
};
use super::*;
use crate::{
    board::{Board, BoardCheck, BoardHandle, BoardOptions},
    clock::{Clock, Timestamp},
    config::{Check, PluginOrigin},
    metric::{
        Bucket, HistogramSample, MetricKind, Quantile, Sample, SummarySample,
        text::{Format, tests::parse_all},
    },
    outcome::{Report, ReportedFamily, ReportedPoints, Status},
    supervisor::Supervisor,
    telemetry::Telemetry,
    testing::{self, family, increments, outcome, report, verdict},
};

const START: i64 = 1_700_000_000_000;
const STEP: i64 = 15_000;

type Series = BTreeMap<BTreeMap<String, String>, u64>;

async fn board(checks: Vec<Check>) -> BoardHandle {
    let board = Board::start(
        &Supervisor::new(|panic| panic!("{panic}")),
        BoardOptions {
            version: "1.2.3",
            store: None,
            clock: Clock::anchored(Timestamp::from_seconds(1_700_000_000)),
            telemetry: Telemetry::silent(),
        },
    );
    let specs = checks.into_iter().map(|check| BoardCheck {
        check: Arc::new(check),
        problem: None,
        is_pushed: false,
    });
    board.replace_checks(specs.collect()).await;
    board
}

/// The first snapshot in which `wanted` stands.
async fn until(board: &BoardHandle, wanted: &str) -> Arc<Snapshot> {
    let mut snapshots = board.snapshots();
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        if String::from_utf8_lossy(&snapshot.text(Format::Prometheus)).contains(wanted) {
            return snapshot;
        }
        let waited = tokio::time::timeout(Duration::from_secs(120), snapshots.changed());
        assert!(waited.await.is_ok_and(|changed| changed.is_ok()), "never saw {wanted}");
    }
}

fn normal(value: f64) -> u64 {
    if value.is_nan() { 0 } else { value.to_bits() }
}

/// What a Prometheus that scrapes with `honor_labels` would have of this text.
fn scraped(snapshot: &Snapshot) -> Series {
    let text = String::from_utf8(snapshot.text(Format::Prometheus).to_vec()).expect("text");
    let series = parse_all(&text).into_iter().map(|(name, mut labels, value)| {
        labels.insert("__name__".to_owned(), name);
        labels
            .entry("job".to_owned())
            .or_insert_with(|| "bellwether".to_owned());
        labels
            .entry("instance".to_owned())
            .or_insert_with(|| "127.0.0.1:9920".to_owned());
        (labels, normal(value))
    });
    series.collect()
}

/// What there is at one moment; `up` and its like are told apart by `added`.
fn held(view: &View, at: i64, added: bool) -> Series {
    const ADDED: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];
    let series = view.series().filter(|(_, labels)| {
        let name = labels.metric_name().expect("every series has a name");
        ADDED.contains(&&**name) == added
    });
    let now = series.filter_map(|(id, labels)| {
        let newest = view.newest(id, at - 1, at).filter(|newest| !is_stale(newest.value))?;
        let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Some((labels.collect(), normal(newest.value)))
    });
    now.collect()
}

fn histogram(counts: [u64; 2], sum: f64) -> ReportedFamily {
    let buckets = [0.5, 2.5e-7, 1e6].map(|upper_bound| Bucket {
        upper_bound,
        cumulative_count: counts[0],
    });
    let mut buckets = buckets.to_vec();
    buckets.sort_by(|one, other| one.upper_bound.total_cmp(&other.upper_bound));
    let sample = HistogramSample {
        label_values: Box::new(["mail".into()]),
        buckets: buckets.into(),
        sum,
        count: counts[1],
        created: None,
    };
    ReportedFamily {
        head: testing::head("wait_seconds", MetricKind::Histogram),
        points: ReportedPoints::Histograms(vec![sample]),
    }
}

fn summary() -> ReportedFamily {
    let quantiles = [(0.5, f64::NAN), (1.0, 3.0)].map(|(quantile, value)| Quantile { quantile, value });
    let sample = SummarySample {
        label_values: Box::new(["".into()]),
        quantiles: quantiles.into(),
        sum: 17.25,
        count: u64::MAX,
    };
    ReportedFamily {
        head: testing::head("latency", MetricKind::Summary),
        points: ReportedPoints::Summaries(vec![sample]),
    }
}

fn labelled(name: &str, labels: &[(&str, &str)], value: f64) -> ReportedFamily {
    let head = FamilyHead {
        label_names: labels
            .iter()
            .map(|(name, _)| LabelName::new(name).expect("valid"))
            .collect(),
        ..testing::head(name, MetricKind::Gauge)
    };
    let sample = Sample {
        label_values: labels.iter().map(|(_, value)| (*value).into()).collect(),
        value,
        created: None,
    };
    ReportedFamily {
        head,
        points: ReportedPoints::Values(vec![sample]),
    }
}

/// Something of every kind.
fn everything(level: f64) -> Report {
    let mut all = report(vec![
        family(
            "level",
            MetricKind::Gauge,
            &[("a \"b\" \\c\nd", level), ("tea", f64::NEG_INFINITY), ("nan", f64::NAN)],
        ),
        family("seen_total", MetricKind::Counter, &[("x", 1e17), ("y", 0.1 + 0.2)]),
        family("mood", MetricKind::StateSet, &[("good", 1.0), ("bad", 0.0)]),
        family("build_info", MetricKind::Info, &[("v1", 1.0)]),
        family("whatever", MetricKind::Untyped, &[("", -0.0)]),
        increments("done_total", &[("x", 3.0)]),
        histogram([3, 5], level * 3.5),
        summary(),
        labelled("theirs", &[("job", "node"), ("instance", "db1:9100")], 4.0),
        labelled("half_theirs", &[("instance", "db1:9100")], 4.0),
    ]);
    all.verdicts = vec![verdict("one", Status::Ok), verdict("two", Status::Warning)];
    all
}

fn checks(names: &[&str]) -> Vec<Check> {
    let mut checks: Vec<Check> = names.iter().map(|name| testing::check(name)).collect();
    checks[0].labels = [(LabelName::new("team").expect("valid"), "booking".to_owned())].into();
    checks
}

#[tokio::test(start_paused = true)]
async fn history_has_the_series_of_the_exposition_and_no_others() {
    let board = board(checks(&["a", "b"])).await;
    board.submit(outcome("a", everything(1.5))).await;
    board.submit(outcome("b", everything(2.5))).await;
    let first = until(&board, r#"level{check="b",of="tea"}"#).await;
    let mut history = History::new(settings());
    let ticked = history.append_tick(&first, START);
    let expected = scraped(&first);
    assert!(expected.len() > 80, "{}", expected.len());
    assert_eq!(held(history.current(), START, false), expected);
    assert_eq!(ticked.samples as usize, expected.len() + 6, "three more of each check");

    // One check has other values, and the other none of its own any more; nothing is told twice.
    board.submit(outcome("a", everything(9.5))).await;
    board
        .submit(outcome(
            "b",
            report(vec![family("level", MetricKind::Gauge, &[("tea", 7.0)])]),
        ))
        .await;
    let second = until(&board, r#"level{check="b",of="tea"} 7"#).await;
    let ticked = history.append_tick(&second, START + STEP);
    assert_eq!(held(history.current(), START + STEP, false), scraped(&second));
    assert!(
        ticked.appeared < 20,
        "only what the host counts anew: {}",
        ticked.appeared
    );
    // Unchanged blocks are the same values again.
    let again = history.append_tick(&second, START + 2 * STEP);
    assert_eq!(held(history.current(), START + 2 * STEP, false), scraped(&second));
    assert_eq!((again.appeared, again.samples), (0, ticked.samples));
}

fn values(view: &View, labels: &[(&str, &str)]) -> Vec<(i64, f64)> {
    let matchers: Vec<_> = labels
        .iter()
        .map(|(name, value)| matcher(name, MatchOp::Equal, value))
        .collect();
    let found = view.find(&matchers);
    assert_eq!(found.len(), 1, "{labels:?}");
    let mut points = Vec::new();
    view.read(found[0], 0, i64::MAX, &mut points);
    points.into_iter().map(|point| (point.at, point.value)).collect()
}

#[tokio::test(start_paused = true)]
async fn each_check_is_up_as_if_it_was_scraped() {
    let board = board(checks(&["a", "b"])).await;
    board.submit(outcome("a", everything(1.5))).await;
    board
        .submit(testing::failure("b", crate::outcome::Reason::Target))
        .await;
    let snapshot = until(&board, r#"bellwether_check_up{check="b"} 0"#).await;
    let mut history = History::new(settings());
    history.append_tick(&snapshot, START);
    let view = history.view();
    let of_a = [
        ("check", "a"),
        ("team", "booking"),
        ("job", "bellwether"),
        ("instance", "127.0.0.1:9920"),
    ];
    let named = |name: &'static str| [("__name__", name)].into_iter().chain(of_a).collect::<Vec<_>>();
    assert_eq!(values(&view, &named("up")), [(START, 1.0)]);
    assert_eq!(values(&view, &named("scrape_duration_seconds")), [(START, 0.02)]);
    let served = values(&view, &named("bellwether_check_series"));
    assert_eq!(values(&view, &named("scrape_samples_scraped")), served);
    assert_eq!(values(&view, &[("__name__", "up"), ("check", "b")]), [(START, 0.0)]);
    assert_eq!(held(&view, START, true).len(), 6);
}

/// What the plugin `prometheus` reports of some targets, in a check with a prefix.
fn targets(of: &[(&str, f64)]) -> Report {
    let families = [
        ("scrape_target_up", 1.0),
        ("scrape_target_duration_seconds", 0.25),
        ("scrape_target_samples", 70.0),
    ];
    let family = |(name, factor): (&str, f64)| {
        let head = FamilyHead {
            label_names: Arc::new([LabelName::new("target").expect("valid")]),
            ..testing::head(&format!("edge_{name}"), MetricKind::Gauge)
        };
        let samples = of.iter().map(|(target, up)| Sample {
            label_values: Box::new([(*target).into()]),
            value: up * factor,
            created: None,
        });
        ReportedFamily {
            head,
            points: ReportedPoints::Values(samples.collect()),
        }
    };
    report(families.map(family).to_vec())
}

#[tokio::test(start_paused = true)]
async fn each_scraped_target_is_up_beside_its_check() {
    let mut all = checks(&["many", "one", "other"]);
    for check in &mut all[..2] {
        check.plugin.origin = PluginOrigin::Bundled("prometheus".to_owned());
    }
    all[1].plugin.origin = PluginOrigin::File("/opt/plugins/prometheus.wasm".into());
    let board = board(all).await;
    board
        .submit(outcome(
            "many",
            targets(&[("http://db1:9100/metrics", 1.0), ("db2", 0.0)]),
        ))
        .await;
    board.submit(outcome("one", targets(&[("db3", 1.0)]))).await;
    board.submit(outcome("other", targets(&[("db4", 1.0)]))).await;
    let snapshot = until(&board, r#"target="db4""#).await;
    let mut history = History::new(settings());
    history.append_tick(&snapshot, START);
    let view = history.view();
    let target = |name, target| [("__name__", name), ("target", target)];
    assert_eq!(values(&view, &target("up", "db2")), [(START, 0.0)]);
    assert_eq!(
        values(&view, &target("scrape_duration_seconds", "db3")),
        [(START, 0.25)]
    );
    assert_eq!(values(&view, &target("scrape_samples_scraped", "db3")), [(START, 70.0)]);
    let of_instance = [
        ("__name__", "up"),
        ("check", "many"),
        ("instance", "http://db1:9100/metrics"),
        ("team", "booking"),
    ];
    assert_eq!(values(&view, &of_instance), [(START, 1.0)]);
    let of_one = [
        ("__name__", "up"),
        ("target", "db3"),
        ("instance", "127.0.0.1:9920"),
        ("job", "bellwether"),
    ];
    assert_eq!(
        values(&view, &of_one),
        [(START, 1.0)],
        "the series of a single target have no instance of their own either"
    );
    assert!(
        view.find(&[
            matcher("__name__", MatchOp::Equal, "up"),
            matcher("target", MatchOp::Equal, "db4")
        ])
        .is_empty()
    );
    assert_eq!(held(&view, START, true).len(), 9 + 9);
}

#[tokio::test(start_paused = true)]
async fn a_series_that_vanishes_ends_at_that_tick_and_may_come_back() {
    let board = board(checks(&["a"])).await;
    let level = |values| outcome("a", report(vec![family("level", MetricKind::Gauge, values)]));
    let mut history = History::new(settings());
    let mut at = START;
    for (values, wanted) in [
        (&[("x", 1.0), ("y", 1.0)][..], r#"of="y"} 1"#),
        (&[("x", 2.0)], r#"of="x"} 2"#),
        (&[("x", 3.0)], r#"of="x"} 3"#),
        (&[("x", 4.0), ("y", 4.0)], r#"of="y"} 4"#),
    ] {
        board.submit(level(values)).await;
        history.append_tick(&*until(&board, wanted).await, at);
        at += STEP;
    }
    let of_y = values(history.current(), &[("__name__", "level"), ("of", "y")]);
    let bits: Vec<(i64, u64)> = of_y.iter().map(|(at, value)| (*at, value.to_bits())).collect();
    let ended = stale_marker();
    assert_eq!(
        bits,
        [(START, 1.0), (START + STEP, ended), (START + 3 * STEP, 4.0)].map(|(at, value)| (at, value.to_bits()))
    );
}

#[tokio::test(start_paused = true)]
async fn what_found_no_room_is_recorded_when_there_is_some() {
    let board = board(checks(&["a"])).await;
    let labels: Vec<String> = (0..300).map(|at| format!("{at:03}")).collect();
    let values: Vec<(&str, f64)> = labels.iter().map(|label| (label.as_str(), 1.0)).collect();
    board
        .submit(outcome("a", report(vec![family("level", MetricKind::Gauge, &values)])))
        .await;
    let snapshot = until(&board, r#"of="299"}"#).await;
    let small = Settings {
        memory: 60_000,
        ..settings()
    };
    let mut history = History::new(small);
    let first = history.append_tick(&snapshot, START);
    assert!(first.refused_unselected > 100 && first.appeared > 50, "{first:?}");
    let second = history.append_tick(&snapshot, START + STEP);
    assert_eq!(
        (second.appeared, second.samples),
        (0, first.samples),
        "and nothing is tried in vain"
    );
    history.select(vec![vec![matcher("of", MatchOp::Equal, "299")]]);
    let third = history.append_tick(&snapshot, START + 2 * STEP);
    assert_eq!(
        (third.appeared, third.refused_selected),
        (1, 0),
        "a rule reads it: others make room"
    );
    history.configure(settings());
    let fourth = history.append_tick(&snapshot, START + 3 * STEP);
    assert_eq!(held(history.current(), START + 3 * STEP, false), scraped(&snapshot));
    assert_eq!(fourth.refused_unselected, 0);
}
