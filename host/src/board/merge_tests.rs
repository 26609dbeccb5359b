use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Clock,
    config::{Cron, Limits, Schedule},
    metric::{LabelName, MetricKind, text::Format},
    outcome::{Denied, Reason, Usage},
    testing::{self, failure, family, increments, outcome, report, verdict},
};

fn now() -> Now {
    Now {
        monotonic: Clock::system().monotonic(),
        wall: Timestamp::from_seconds(1_700_000_000),
    }
}

fn later(now: Now, span: Duration) -> Now {
    Now {
        monotonic: now.monotonic + span,
        wall: now.wall + span,
    }
}

fn spec(check: Check) -> BoardCheck {
    BoardCheck {
        check: Arc::new(check),
        problem: None,
        is_pushed: false,
    }
}

fn with_checks(names: &[&str]) -> (State, Now) {
    let mut state = State::default();
    let now = now();
    state.replace(names.iter().map(|name| spec(testing::check(name))).collect(), now);
    (state, now)
}

/// The exposition, as a reader sees it.
fn text(state: &mut State) -> String {
    let demand = Arc::new(Demand::new(Clock::system()));
    let snapshot = state.snapshot(Timestamp::from_seconds(1_700_000_000), &demand);
    String::from_utf8(snapshot.text(Format::Prometheus).to_vec()).expect("text")
}

/// The next one, with the totals that the one before showed as zero.
fn settled(state: &mut State) -> String {
    text(state);
    state.settle();
    text(state)
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

fn state_of(state: &State, check: &str) -> CheckState {
    CheckState::clone(&state.entry(check).expect("configured").state)
}

#[test]
fn samples_get_the_check_and_its_labels() {
    let mut state = State::default();
    let mut check = testing::check("machine");
    check
        .labels
        .insert(LabelName::new("team").expect("valid"), "ops".to_owned());
    state.replace(vec![spec(check)], now());
    let gauge = family("disk_free_bytes", MetricKind::Gauge, &[("/", 5.0)]);
    state.ended(None, outcome("machine", report(vec![gauge])), now());
    let text = text(&mut state);
    assert!(
        has(&text, r#"disk_free_bytes{check="machine",team="ops",of="/"} 5"#),
        "{text}"
    );
    assert!(
        has(&text, r#"bellwether_check_up{check="machine",team="ops"} 1"#),
        "{text}"
    );
}

#[test]
fn a_guests_label_that_the_configuration_sets_is_exported() {
    let mut state = State::default();
    let mut check = testing::check("a");
    check
        .labels
        .insert(LabelName::new("of").expect("valid"), "mine".to_owned());
    state.replace(vec![spec(check)], now());
    state.ended(
        None,
        outcome("a", report(vec![family("x", MetricKind::Gauge, &[("theirs", 1.0)])])),
        now(),
    );
    let text = text(&mut state);
    assert!(has(&text, r#"x{check="a",of="mine",exported_of="theirs"} 1"#), "{text}");
}

#[test]
fn what_is_known_about_a_check_is_reported() {
    let (mut state, now) = with_checks(&["a", "unborn"]);
    let bad = Report {
        verdicts: vec![verdict("db", Status::Critical), verdict("web", Status::Ok)],
        ..Report::default()
    };
    let usage = Usage {
        denied: vec![Denied {
            capability: "http",
            hint: "allow it".to_owned(),
        }],
        requests: [("timeout", 2), ("connect", 1)].into(),
        ..outcome("a", Report::default()).usage
    };
    state.ended(
        None,
        Outcome {
            usage,
            ..outcome("a", bad)
        },
        now,
    );
    state.ended(None, failure("a", Reason::Timeout), now);
    state.missed("a", 3, now);
    let text = settled(&mut state);
    for line in [
        r#"bellwether_check_up{check="a"} 0"#,
        r#"bellwether_check_status{check="a",target="db",status="critical"} 1"#,
        r#"bellwether_check_status{check="a",target="db",status="ok"} 0"#,
        r#"bellwether_check_status{check="a",target="web",status="ok"} 1"#,
        r#"bellwether_check_consecutive_failures{check="a"} 2"#,
        r#"bellwether_check_consecutive_failed_runs{check="a"} 1"#,
        r#"bellwether_check_runs_total{check="a",outcome="critical"} 1"#,
        r#"bellwether_check_runs_total{check="a",outcome="timeout"} 1"#,
        r#"bellwether_check_run_duration_seconds{check="a"} 0.02"#,
        r#"bellwether_check_cpu_seconds_total{check="a"} 0.01"#,
        r#"bellwether_check_memory_peak_bytes{check="a"} 1048576"#,
        r#"bellwether_check_missed_ticks_total{check="a"} 3"#,
        r#"bellwether_check_last_run_timestamp_seconds{check="a"} 1700000000.02"#,
        r#"bellwether_check_denied_total{check="a",capability="http"} 1"#,
        r#"bellwether_check_requests_total{check="a",outcome="timeout"} 2"#,
        r#"bellwether_check_requests_total{check="a",outcome="connect"} 1"#,
        r#"bellwether_check_series{check="a"} 8"#,
        r#"bellwether_check_series_limit{check="a"} 5000"#,
        r#"bellwether_check_series_dropped_total{check="a"} 0"#,
        r#"bellwether_check_missed_ticks_total{check="unborn"} 0"#,
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    assert!(
        !text.contains(r#"outcome="ok""#),
        "outcomes that never happened are not there"
    );
    assert!(
        !text.contains(r#"bellwether_check_up{check="unborn"}"#),
        "it has not run yet"
    );
    assert_eq!(state_of(&state, "a").message, "it was timeout");
    assert_eq!(state_of(&state, "a").status, Some(Status::Unknown));
}

#[test]
fn a_check_that_turns_is_said_once_with_its_worst_target_and_the_way_back_too() {
    let (mut state, now) = with_checks(&["a"]);
    let judged = |status| {
        let report = Report {
            verdicts: vec![verdict("web", Status::Ok), verdict("db", status)],
            ..Report::default()
        };
        outcome("a", report)
    };
    let mut said = |outcome| {
        let notices = state.ended(None, outcome, now);
        let turned = notices.into_iter().filter_map(|notice| match notice {
            Notice::Turned {
                check,
                turn,
                word,
                message,
                ..
            } => Some(format!("{check}: {} to {word}: {message}", turn.from.unwrap_or("-"))),
            _ => None,
        });
        turned.collect::<Vec<_>>()
    };
    assert!(said(judged(Status::Ok)).is_empty(), "nobody asked how it began");
    assert_eq!(
        said(judged(Status::Critical)),
        ["a: ok to critical: db: db is critical"]
    );
    assert!(said(judged(Status::Critical)).is_empty(), "said already");
    assert_eq!(said(failure("a", Reason::Cpu)), ["a: critical to cpu: it was cpu"]);
    assert!(said(failure("a", Reason::Cpu)).is_empty());
    assert_eq!(said(judged(Status::Ok)), ["a: cpu to ok: web: web is ok"]);
    assert_eq!(state_of(&state, "a").message, "web: web is ok");
}

#[test]
fn a_total_is_zero_for_one_snapshot() {
    let (mut state, now) = with_checks(&["a"]);
    state.ended(
        None,
        outcome("a", report(vec![increments("jobs_total", &[("x", 4.0)])])),
        now,
    );
    let first = text(&mut state);
    assert!(has(&first, r#"jobs_total{check="a",of="x"} 0"#), "{first}");
    assert!(
        has(&first, r#"bellwether_check_runs_total{check="a",outcome="ok"} 0"#),
        "{first}"
    );
    state.settle();
    assert!(state.has_changed());
    let second = text(&mut state);
    assert!(has(&second, r#"jobs_total{check="a",of="x"} 4"#), "{second}");
    assert!(
        has(&second, r#"bellwether_check_runs_total{check="a",outcome="ok"} 1"#),
        "{second}"
    );
    state.settle();
    assert!(!state.has_changed(), "nothing is left to settle");
    state.ended(None, outcome("a", Report::default()), now);
    assert!(
        text(&mut state).contains("jobs_total"),
        "a total that is not mentioned stays"
    );
}

#[test]
fn a_contradicting_family_is_never_served_half() {
    let (mut state, now) = with_checks(&["a", "b"]);
    state.ended(
        None,
        outcome("a", report(vec![family("x", MetricKind::Gauge, &[("1", 1.0)])])),
        now,
    );
    let other = report(vec![
        family("x", MetricKind::Counter, &[("1", 1.0)]),
        family("y", MetricKind::Gauge, &[("1", 1.0)]),
    ]);
    let notices = state.ended(None, outcome("b", other.clone()), now);
    assert!(
        matches!(&notices[..], [Notice::Refused { family, kind: "kind", first: true, .. }] if family == "x"),
        "{notices:?}"
    );
    let again = state.ended(None, outcome("b", other), now);
    assert!(
        matches!(&again[..], [Notice::Refused { first: false, .. }]),
        "{again:?}"
    );
    let text = settled(&mut state);
    assert!(!text.contains(r#"x{check="b""#), "{text}");
    assert!(has(&text, r#"y{check="b",of="1"} 1"#), "the rest of the report stands");
    assert!(
        has(&text, r#"bellwether_check_families_refused_total{check="b"} 2"#),
        "{text}"
    );
    assert!(
        state_of(&state, "b").refused[0]
            .reason
            .contains("check `a` already reports it as a gauge")
    );
}

#[test]
fn a_type_change_between_runs_is_refused_once_and_then_nobody_holds_the_old_one() {
    let (mut state, now) = with_checks(&["a"]);
    state.ended(
        None,
        outcome("a", report(vec![family("x", MetricKind::Gauge, &[("1", 1.0)])])),
        now,
    );
    let counter = || report(vec![family("x", MetricKind::Counter, &[("1", 2.0)])]);
    assert_eq!(state.ended(None, outcome("a", counter()), now).len(), 1);
    assert!(!text(&mut state).contains("x{"), "neither the old nor the new");
    assert!(state.ended(None, outcome("a", counter()), now).is_empty());
    let text = text(&mut state);
    assert!(text.contains("# TYPE x counter"), "{text}");
}

#[test]
fn the_hosts_names_are_its_own() {
    let (mut state, now) = with_checks(&["a"]);
    let forged = family("bellwether_check_up", MetricKind::Gauge, &[("1", 1.0)]);
    let notices = state.ended(None, outcome("a", report(vec![forged])), now);
    assert!(
        matches!(&notices[..], [Notice::Refused { kind: "reserved", .. }]),
        "{notices:?}"
    );
}

#[test]
fn what_a_report_no_longer_has_is_gone_at_once() {
    let (mut state, now) = with_checks(&["a"]);
    let both = vec![
        family("x", MetricKind::Gauge, &[("1", 1.0)]),
        family("y", MetricKind::Gauge, &[("1", 1.0), ("2", 1.0)]),
    ];
    state.ended(None, outcome("a", report(both)), now);
    state.ended(
        None,
        outcome("a", report(vec![family("y", MetricKind::Gauge, &[("2", 3.0)])])),
        now,
    );
    let text = text(&mut state);
    assert!(
        !text.contains("x{") && !text.contains(r#"y{check="a",of="1"}"#),
        "{text}"
    );
    assert!(has(&text, r#"y{check="a",of="2"} 3"#));
}

#[test]
fn the_excess_over_the_budget_is_dropped_and_counted() {
    let mut state = State::default();
    let limits = Limits {
        series: Some(3),
        ..Limits::default()
    };
    state.replace(
        vec![spec(Check {
            limits,
            ..testing::check("a")
        })],
        now(),
    );
    let many = report(vec![
        family("z", MetricKind::Gauge, &[("3", 1.0), ("1", 1.0), ("2", 1.0)]),
        increments("jobs_total", &[("x", 1.0)]),
    ]);
    let notices = state.ended(None, outcome("a", many), now());
    assert_eq!(
        notices,
        [Notice::OverBudget {
            check: "a".into(),
            dropped: 1,
            limit: 3,
            families: vec![MetricName::new("z").expect("valid")],
        }]
    );
    let text = settled(&mut state);
    assert!(
        text.contains(r#"z{check="a",of="1"}"#) && !text.contains(r#"z{check="a",of="3"}"#),
        "{text}"
    );
    assert!(has(&text, r#"bellwether_check_series{check="a"} 3"#), "{text}");
    assert!(
        has(&text, r#"bellwether_check_series_dropped_total{check="a"} 1"#),
        "{text}"
    );
}

#[test]
fn what_a_report_has_first_is_served_first_whatever_it_is_called() {
    let mut state = State::default();
    let limits = Limits {
        series: Some(5),
        ..Limits::default()
    };
    let check = Check {
        limits,
        ..testing::check("a")
    };
    state.replace(vec![spec(check)], now());
    let three = [("1", 1.0), ("2", 1.0), ("3", 1.0)];
    let many = report(vec![
        family("z_success", MetricKind::Gauge, &three),
        family("b_seconds", MetricKind::Gauge, &three),
        family("a_bytes", MetricKind::Gauge, &three),
    ]);
    let notices = state.ended(None, outcome("a", many), now());
    let [
        Notice::OverBudget {
            dropped: 4, families, ..
        },
    ] = &notices[..]
    else {
        panic!("{notices:?}")
    };
    assert_eq!(
        families.iter().map(MetricName::as_str).collect::<Vec<_>>(),
        ["b_seconds", "a_bytes"]
    );
    let text = text(&mut state);
    let count = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    let served = [count("z_success{"), count("b_seconds{"), count("a_bytes{")];
    assert_eq!(served, [3, 2, 0], "{text}");
}

#[test]
fn runs_without_a_report_are_counted_apart_from_those_that_find_something_critical() {
    let (mut state, now) = with_checks(&["a"]);
    let critical = || Report {
        verdicts: vec![verdict("db", Status::Critical)],
        ..Report::default()
    };
    let runs = [
        (outcome("a", critical()), 1, 0),
        (outcome("a", critical()), 2, 0),
        (failure("a", Reason::Timeout), 3, 1),
        (failure("a", Reason::Trap), 4, 2),
        (outcome("a", critical()), 5, 0),
        (outcome("a", Report::default()), 0, 0),
    ];
    for (outcome, failures, failed) in runs {
        let word = outcome.word();
        state.ended(None, outcome, now);
        let text = text(&mut state);
        for (name, count) in [("failures", failures), ("failed_runs", failed)] {
            let line = format!(r#"bellwether_check_consecutive_{name}{{check="a"}} {count}"#);
            assert!(has(&text, &line), "after {word}: {line}\n{text}");
        }
    }
}

#[test]
fn a_check_that_cannot_be_loaded_any_more_has_no_runs_to_count() {
    let (mut state, now) = with_checks(&["a"]);
    state.ended(None, failure("a", Reason::Timeout), now);
    state.failed("a", "its file is gone".to_owned());
    let text = text(&mut state);
    assert!(has(&text, r#"bellwether_check_up{check="a"} 0"#), "{text}");
    assert!(!text.contains("bellwether_check_consecutive"), "{text}");
}

#[test]
fn counts_of_runs_go_on_after_a_restart() {
    let (mut state, start) = with_checks(&["a"]);
    let failing = Stored {
        word: "timeout",
        status: Status::Unknown,
        consecutive_failures: 7,
        consecutive_failed_runs: 2,
        ..stored(10, start)
    };
    assert!(state.restore(failing, start));
    let restored = text(&mut state);
    assert!(has(&restored, r#"bellwether_check_up{check="a"} 0"#), "{restored}");
    let counted = |text: &str, failures: u64, failed: u64| {
        for (name, count) in [("failures", failures), ("failed_runs", failed)] {
            let line = format!(r#"bellwether_check_consecutive_{name}{{check="a"}} {count}"#);
            assert!(has(text, &line), "{line}\n{text}");
        }
    };
    counted(&restored, 7, 2);
    let notices = state.ended(None, failure("a", Reason::Timeout), start);
    let [
        Notice::Turned {
            turn, word: "timeout", ..
        },
    ] = notices[..]
    else {
        panic!("{notices:?}")
    };
    assert_eq!((turn.from, turn.unsaid), (Some("timeout"), 0), "as it was before");
    counted(&text(&mut state), 8, 3);
}

#[test]
fn statuses_are_in_the_budget_before_what_is_measured() {
    let mut state = State::default();
    let limits = Limits {
        series: Some(10),
        ..Limits::default()
    };
    let now = now();
    state.replace(
        vec![spec(Check {
            limits,
            ..testing::check("a")
        })],
        now,
    );
    let measured = || {
        vec![
            increments("jobs_total", &[("x", 1.0)]),
            family("z", MetricKind::Gauge, &[("1", 1.0), ("2", 1.0), ("3", 1.0)]),
        ]
    };
    let mut dropped = 0;
    // Of each run: new targets, the statuses, and what is left of `z`.
    for (run, targets, statuses, z) in [(0, 1, 4, 3), (1, 1_000, 8, 1), (2, 1_000, 8, 1), (3, 0, 4, 3)] {
        let target = |at: usize| verdict(&format!("{run}-{at}"), Status::Critical);
        let judged = Report {
            verdicts: (0..targets).map(target).collect(),
            ..report(measured())
        };
        state.ended(None, outcome("a", judged), now);
        let text = settled(&mut state);
        let count = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(count("bellwether_check_status{"), statuses, "run {run}\n{text}");
        assert_eq!((count("jobs_total{"), count("z{")), (1, z), "run {run}\n{text}");
        let of_targets = if targets == 0 { 0 } else { statuses };
        let line = format!(r#"bellwether_check_series{{check="a"}} {}"#, of_targets + 1 + z);
        assert!(has(&text, &line), "{line}\n{text}");
        dropped += (targets * 4 - of_targets) + (3 - z);
        let line = format!(r#"bellwether_check_series_dropped_total{{check="a"}} {dropped}"#);
        assert!(has(&text, &line), "{line}\n{text}");
    }
}

#[test]
fn series_without_a_report_vanish_and_totals_come_back_where_they_were() {
    let (mut state, start) = with_checks(&["a"]);
    let both = || {
        report(vec![
            family("x", MetricKind::Gauge, &[("1", 1.0)]),
            increments("jobs_total", &[("x", 2.0)]),
        ])
    };
    state.ended(None, outcome("a", both()), start);
    settled(&mut state);
    // Two intervals of 15 s and the timeout of 10 s.
    let not_yet = later(start, Duration::from_secs(39));
    state.ended(None, failure("a", Reason::Target), not_yet);
    assert!(state.expire(not_yet).is_empty());
    let stale = later(start, Duration::from_secs(40));
    assert_eq!(state.expire(stale), [Notice::Stale { check: "a".into() }]);
    let gone = settled(&mut state);
    assert!(
        !gone.contains("x{") && !gone.contains("jobs_total") && !gone.contains("bellwether_check_status"),
        "{gone}"
    );
    assert!(has(&gone, r#"bellwether_check_up{check="a"} 0"#), "{gone}");
    assert!(state.expire(later(stale, Duration::from_secs(999))).is_empty(), "once");
    state.ended(None, outcome("a", both()), later(stale, Duration::from_secs(60)));
    let back = text(&mut state);
    assert!(has(&back, r#"jobs_total{check="a",of="x"} 4"#), "{back}");
}

#[test]
fn a_cron_check_is_stale_at_its_second_missed_fire_time() {
    let mut state = State::default();
    let schedule = Schedule::Cron(Cron::parse("0 * * * *", "UTC").expect("valid"));
    let start = now();
    state.replace(
        vec![spec(Check {
            schedule,
            ..testing::check("a")
        })],
        start,
    );
    // 22:13:20: fire times at 23:00 and 00:00.
    state.ended(
        None,
        outcome("a", report(vec![family("x", MetricKind::Gauge, &[("1", 1.0)])])),
        start,
    );
    assert!(
        state
            .expire(later(start, Duration::from_secs(3600 + 46 * 60)))
            .is_empty()
    );
    assert_eq!(state.expire(later(start, Duration::from_secs(3600 + 47 * 60))).len(), 1);
}

#[test]
fn time_in_which_nobody_could_report_makes_no_report_too_old_and_what_comes_after_does() {
    let (mut state, start) = with_checks(&["a"]);
    state.ended(None, outcome("a", report(Vec::new())), start);
    let secs = Duration::from_secs;
    let gap = Gap {
        length: secs(600),
        from: start.wall + secs(10),
    };
    state.forgive(gap, later(start, secs(610)));
    // 40 s in all, of which ten had passed.
    assert!(state.expire(later(start, secs(639))).is_empty());
    assert_eq!(state.expire(later(start, secs(640))).len(), 1, "no run ever ends");
}

#[test]
fn fire_times_in_which_nobody_ran_are_not_missed_ones() {
    let mut state = State::default();
    let schedule = Schedule::Cron(Cron::parse("0 * * * *", "UTC").expect("valid"));
    let cron = Check {
        schedule,
        ..testing::check("a")
    };
    let start = now();
    state.replace(vec![spec(cron)], start);
    // 22:13:20; asleep from 22:30 until 00:30, so that the next fire times are 01:00 and 02:00.
    state.ended(None, outcome("a", report(Vec::new())), start);
    let minutes = |minutes: u64| later(start, Duration::from_secs(minutes * 60));
    let gap = Gap {
        length: Duration::ZERO,
        from: minutes(17).wall,
    };
    state.forgive(gap, minutes(137));
    assert!(state.expire(minutes(226)).is_empty());
    assert_eq!(state.expire(minutes(227)).len(), 1);
}

#[test]
fn a_changed_check_begins_anew_and_an_equal_one_keeps_everything() {
    let (mut state, now) = with_checks(&["a", "b"]);
    for name in ["a", "b"] {
        state.ended(
            None,
            outcome(name, report(vec![family("x", MetricKind::Gauge, &[("1", 1.0)])])),
            now,
        );
    }
    let changed = Check {
        prefix: "p_".to_owned(),
        ..testing::check("b")
    };
    state.replace(vec![spec(testing::check("a")), spec(changed.clone())], now);
    let text = text(&mut state);
    assert!(
        text.contains(r#"x{check="a""#) && !text.contains(r#"x{check="b""#),
        "{text}"
    );
    assert_eq!(state.outstanding(), 1);
    let late = state.ended(Some(&testing::check("b")), outcome("b", Report::default()), now);
    assert_eq!(
        late,
        [Notice::Outdated { check: "b".into() }],
        "a run of the former configuration"
    );
    assert!(
        state
            .ended(Some(&changed), outcome("b", Report::default()), now)
            .is_empty()
    );
    assert_eq!(state.outstanding(), 0);
    assert_eq!(
        state.ended(None, outcome("z", Report::default()), now),
        [Notice::Outdated { check: "z".into() }]
    );
}

#[test]
fn a_removed_check_leaves_nothing() {
    let (mut state, now) = with_checks(&["a"]);
    let both = vec![
        family("x", MetricKind::Gauge, &[("1", 1.0)]),
        increments("jobs_total", &[("x", 2.0)]),
    ];
    state.ended(None, outcome("a", report(both)), now);
    state.replace(Vec::new(), now);
    assert_eq!(text(&mut state), "");
}

#[test]
fn a_check_that_cannot_load_is_shown_with_its_problem() {
    let (mut state, _) = with_checks(&["a"]);
    state.failed("a", "plugin `sytem` is not known".to_owned());
    assert!(has(&text(&mut state), r#"bellwether_check_up{check="a"} 0"#));
    assert_eq!(
        state_of(&state, "a").problem.as_deref(),
        Some("plugin `sytem` is not known")
    );
    assert_eq!(state.outstanding(), 0, "readiness does not wait for it");
}

fn stored(age: u64, now: Now) -> Stored {
    let at = Timestamp::from_nanos(now.wall.as_nanos() - age * 1_000_000_000);
    let x = family("x", MetricKind::Gauge, &[("1", 7.0)]);
    let ReportedPoints::Values(samples) = x.points else {
        panic!("values")
    };
    Stored {
        check: "a".into(),
        configuration: [0; 32],
        reported_at: at,
        checked_at: at,
        started_at: at,
        duration: Duration::from_millis(3),
        word: "warning",
        consecutive_failures: 0,
        consecutive_failed_runs: 0,
        status: Status::Warning,
        message: "getting full".to_owned(),
        verdicts: vec![verdict("/", Status::Warning)],
        families: vec![(x.head, Points::Values(samples))],
    }
}

#[test]
fn a_restored_report_stands_with_its_age_until_it_is_stale() {
    let (mut state, start) = with_checks(&["a"]);
    assert!(state.restore(stored(30, start), start));
    let text = text(&mut state);
    assert!(has(&text, r#"x{check="a",of="1"} 7"#), "{text}");
    assert!(
        has(
            &text,
            r#"bellwether_check_status{check="a",target="/",status="warning"} 1"#
        ),
        "{text}"
    );
    assert!(
        has(
            &text,
            r#"bellwether_check_last_run_timestamp_seconds{check="a"} 1699999970"#
        ),
        "{text}"
    );
    let health = state_of(&state, "a");
    assert!(
        health.restored && !health.ran && health.status == Some(Status::Warning),
        "{health:?}"
    );
    assert_eq!(state.outstanding(), 1, "a restored report is not a run");
    assert!(state.expire(later(start, Duration::from_secs(9))).is_empty());
    assert_eq!(
        state.expire(later(start, Duration::from_secs(10))).len(),
        1,
        "30 s old at start, 40 s allowed"
    );
}

#[test]
fn a_report_that_is_too_old_or_comes_after_a_run_is_not_restored() {
    let (mut state, start) = with_checks(&["a"]);
    assert!(!state.restore(stored(40, start), start));
    state.ended(None, outcome("a", Report::default()), start);
    assert!(!state.restore(stored(1, start), start));
    assert!(!text(&mut state).contains("x{"));
}

#[test]
fn overall_health_is_the_worst_of_the_required_checks() {
    let mut state = State::default();
    let optional = Check {
        required: false,
        ..testing::check("b")
    };
    state.replace(vec![spec(testing::check("a")), spec(optional)], now());
    let demand = Arc::new(Demand::new(Clock::system()));
    let overall = |state: &mut State| state.snapshot(Timestamp::from_seconds(1), &demand).overall();
    assert_eq!(overall(&mut state), Status::Ok);
    let critical = Report {
        verdicts: vec![verdict("db", Status::Critical)],
        ..Report::default()
    };
    state.ended(None, outcome("b", critical.clone()), now());
    assert_eq!(overall(&mut state), Status::Warning, "degraded only");
    state.ended(None, outcome("a", critical), now());
    assert_eq!(overall(&mut state), Status::Critical);
}

#[test]
fn only_what_changed_is_a_new_block() {
    let (mut state, now) = with_checks(&["a", "b"]);
    for name in ["a", "b"] {
        state.ended(
            None,
            outcome(name, report(vec![family("x", MetricKind::Gauge, &[("1", 1.0)])])),
            now,
        );
    }
    let demand = Arc::new(Demand::new(Clock::system()));
    let blocks = |state: &mut State| {
        let snapshot = state.snapshot(Timestamp::from_seconds(1), &demand);
        let x = snapshot
            .families
            .iter()
            .find(|family| family.head.name.as_str() == "x")
            .expect("served");
        Vec::from(&*x.blocks)
    };
    let before = blocks(&mut state);
    state.ended(
        None,
        outcome("a", report(vec![family("x", MetricKind::Gauge, &[("1", 2.0)])])),
        now,
    );
    state.ended(
        None,
        outcome("b", report(vec![family("x", MetricKind::Gauge, &[("1", 1.0)])])),
        now,
    );
    let after = blocks(&mut state);
    assert!(!Arc::ptr_eq(&before[0], &after[0]));
    assert!(Arc::ptr_eq(&before[1], &after[1]));
}

fn some_report() -> impl Strategy<Value = Report> {
    let name = prop::sample::select(vec!["alpha", "beta", "gamma"]);
    let values = prop::collection::btree_map(prop::sample::select(vec!["1", "2", "3"]), 0u32..100, 0..3);
    prop::collection::btree_map(name, values, 0..3).prop_map(|families| {
        report(
            families
                .into_iter()
                .map(|(name, values)| {
                    let values: Vec<(&str, f64)> =
                        values.into_iter().map(|(of, value)| (of, f64::from(value))).collect();
                    // One kind per name, so that no two checks contradict one another.
                    match name {
                        "gamma" => increments("gamma_total", &values),
                        name => family(name, MetricKind::Gauge, &values),
                    }
                })
                .collect(),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_merge_does_not_depend_on_the_order_in_which_checks_arrive(
        reports in prop::collection::vec((0usize..4, some_report()), 1..24),
        seed in any::<u64>(),
    ) {
        let names = ["a", "b", "c", "d"];
        let start = now();
        let run = |order: &[usize]| {
            let mut state = State::default();
            state.replace(names.iter().map(|name| spec(testing::check(name))).collect(), start);
            // Each check's own reports stay in their order.
            let mut queues: Vec<Vec<&Report>> = vec![Vec::new(); names.len()];
            for (check, report) in reports.iter().rev() {
                queues[*check].push(report);
            }
            for check in order {
                if let Some(report) = queues[*check].pop() {
                    state.ended(None, outcome(names[*check], report.clone()), start);
                }
            }
            settled(&mut state)
        };
        let arrival: Vec<usize> = reports.iter().map(|(check, _)| *check).collect();
        let mut shuffled = arrival.clone();
        let mut random = seed;
        for at in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, usize::try_from(random >> 33).expect("small") % (at + 1));
        }
        prop_assert_eq!(run(&arrival), run(&shuffled));
    }

    #[test]
    fn no_series_stands_twice_and_no_family_has_two_kinds(
        reports in prop::collection::vec((0usize..3, some_report(), any::<bool>()), 1..24),
    ) {
        let (mut state, start) = with_checks(&["a", "b", "c"]);
        for (check, mut report, contradict) in reports {
            if contradict {
                for family in &mut report.families {
                    if let ReportedPoints::Values(_) = family.points {
                        family.head.kind = MetricKind::Counter;
                    }
                }
            }
            state.ended(None, outcome(["a", "b", "c"][check], report), start);
            let text = text(&mut state);
            state.settle();
            let mut seen = BTreeSet::new();
            for line in text.lines() {
                // A series or a declared family: what stands before the value or the kind.
                let series = line.rsplit_once(' ').map(|(series, _)| series);
                prop_assert!(line.starts_with("# HELP") || seen.insert(series.map(str::to_owned)), "{line} twice in\n{text}");
            }
        }
    }
}

fn errors(release: &str, by: f64) -> ReportedFamily {
    let label = LabelName::new("release").expect("valid");
    let head = family("app_errors_total", MetricKind::Counter, &[]).head;
    ReportedFamily {
        head: FamilyHead {
            label_names: [label].into(),
            ..head
        },
        points: ReportedPoints::Increments(vec![sample(&[release.into()], by)]),
    }
}

#[test]
fn what_a_source_reports_begins_at_zero_grows_is_given_up_and_goes_with_it() {
    let mut state = State::default();
    let report = |families, silent| SourceReport {
        source: "shop".into(),
        families,
        silent,
    };
    let series = |release, value| format!("app_errors_total{{source=\"shop\",release=\"{release}\"}} {value}");
    state.of_source(report(vec![errors("1", 2.0)], vec![]), now());
    assert!(
        has(&text(&mut state), &series("1", 0)),
        "so that its first increase is one"
    );
    assert!(has(&settled(&mut state), &series("1", 2)));
    let silent = vec![("app_errors_total", vec!["1".into()])];
    state.of_source(report(vec![errors("2", 1.0)], silent), now());
    let after = settled(&mut state);
    assert!(
        has(&after, &series("2", 1)) && !after.contains("release=\"1\""),
        "{after}"
    );
    state.retain_sources(&BTreeSet::new());
    assert!(!text(&mut state).contains("app_errors_total"));
}
