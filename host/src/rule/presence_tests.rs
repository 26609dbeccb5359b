//! What became of the series of an alert.

use bellwether_promql::{
    parse::parse,
    storage::memory::Memory,
    value::{Point, stale_marker},
};

use super::*;
use crate::{
    alert::{AlertState, Annotations},
    board::Snapshot,
    clock::Timestamp,
    outcome::Status,
    testing::{check_state, verdict},
};

const NOW: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;

/// Name, labels, and how many milliseconds ago it was reported last.
type Reported<'s> = (&'s str, &'s [(&'s str, &'s str)], i64);

/// Series that were reported every 15 seconds for an hour.
fn memory(series: &[Reported<'_>]) -> Memory {
    let mut memory = Memory::new();
    for (name, labels, ago) in series {
        let labels = labels.iter().copied().chain([("__name__", *name)]);
        let labels = Labels::new(labels);
        let until = NOW - ago;
        memory.extend(
            &labels,
            (0..240).map(|at| Point {
                at: until - at * 15_000,
                value: 1.0,
            }),
        );
    }
    memory
}

fn alert(labels: &[(&str, &str)], since: Option<i64>) -> Alert {
    let labels = labels.iter().copied().chain([("alertname", "A"), ("severity", "page")]);
    Alert {
        labels: Labels::new(labels),
        annotations: Annotations::new(),
        state: AlertState::Firing,
        value: 1.0,
        active_at: NOW - MINUTE,
        fired_at: Some(NOW - MINUTE),
        keep_firing_since: None,
        no_data_since: since,
        resolved: None,
    }
}

fn look(expr: &str, alert: &Alert, storage: &Memory, feeds: &Feeds) -> Absence {
    let presence = Presence {
        storage,
        at: NOW,
        set_by_rule: &["severity"],
        feeds,
        own: ["bellwether", "here:2"],
    };
    presence.of(&parse(expr).unwrap(), alert)
}

fn has(expr: &str, labels: &[(&str, &str)], storage: &Memory) -> bool {
    look(expr, &alert(labels, None), storage, &Feeds::default()) == Absence::Ended
}

#[test]
fn a_condition_that_ended_is_told_from_series_that_vanished() {
    let storage = memory(&[
        ("depth", &[("queue", "a")], 0),
        ("depth", &[("queue", "gone")], 10 * MINUTE),
        ("limit", &[("queue", "a")], 0),
        ("errors_total", &[("job", "api"), ("code", "500")], 0),
        ("node", &[("instance", "x"), ("severity", "low")], 0),
    ]);
    for (expr, alert, expected) in [
        ("depth > 100", &[("queue", "a")][..], true),
        ("depth > 100", &[("queue", "gone")], false),
        ("depth > 100", &[("queue", "never")], false),
        ("sum(depth) > 5", &[], true),
        ("sum by (queue) (depth) > 5", &[("queue", "gone")], false),
        ("depth / limit > 0.9", &[("queue", "a")], true),
        ("depth / missing > 0.9", &[("queue", "a")], false),
        ("depth > 1 or missing > 1", &[("queue", "a")], true),
        ("depth > 1 unless missing > 1", &[("queue", "a")], true),
        ("absent(depth{queue=\"a\"})", &[("queue", "a")], true),
        ("rate(errors_total[5m]) > 1", &[("job", "api"), ("code", "500")], true),
        ("max_over_time(depth[30m]) > 1", &[("queue", "gone")], true),
        ("max_over_time(depth[30m:1m]) > 1", &[("queue", "gone")], true),
        ("depth offset 20m > 1", &[("queue", "gone")], true),
        (
            "label_replace(depth, \"queue\", \"$1\", \"q\", \"(.*)\") > 1",
            &[("queue", "made")],
            true,
        ),
        ("node > 1", &[("instance", "x")], true),
        ("vector(1) > 0", &[], true),
        ("time() > bool 0", &[], true),
    ] {
        assert_eq!(has(expr, alert, &storage), expected, "{expr} {alert:?}");
    }
}

#[test]
fn a_side_of_a_match_is_asked_about_its_own_labels_only() {
    let storage = memory(&[
        ("restarts", &[("pod", "p"), ("instance", "ksm:8080"), ("job", "ksm")], 0),
        (
            "info",
            &[
                ("pod", "p"),
                ("node", "n"),
                ("instance", "kubelet:10250"),
                ("job", "kubelet"),
            ],
            0,
        ),
        ("gone", &[("pod", "q")], 0),
    ]);
    let alert = &[("pod", "p"), ("instance", "ksm:8080"), ("job", "ksm"), ("node", "n")];
    for (expr, alert, expected) in [
        ("restarts * on(pod) group_left(node) info > 5", &alert[..], true),
        ("info * on(pod) group_right(node) restarts > 5", alert, true),
        ("restarts * on(pod) group_left(node) gone > 5", alert, false),
        (
            "restarts * ignoring(instance, job, node) group_left(node) info > 5",
            alert,
            true,
        ),
        ("restarts > 5 and on(pod) info", &alert[..3], true),
        ("restarts > 5 and on(pod) gone", &alert[..3], false),
        ("restarts > 5 unless on(pod) gone", &alert[..3], true),
        ("restarts / on(pod) info > 5", &alert[..1], true),
        ("restarts / ignoring(instance, job, node) info > 5", &alert[..1], true),
    ] {
        assert_eq!(has(expr, alert, &storage), expected, "{expr}");
    }
}

#[test]
fn an_ended_series_is_gone_at_once() {
    let mut storage = memory(&[("depth", &[("queue", "a")], 15_000)]);
    let labels = Labels::new([("__name__", "depth"), ("queue", "a")]);
    assert!(has("depth > 1", &[("queue", "a")], &storage));
    let value = stale_marker();
    storage.append(&labels, Point { at: NOW, value });
    assert!(!has("depth > 1", &[("queue", "a")], &storage));
}

#[test]
fn an_alert_knows_its_series_by_all_of_their_labels() {
    let storage = memory(&[("depth", &[("queue", "a"), ("team", "x")], 0)]);
    for (expr, alert, expected) in [
        ("depth > 1", &[("queue", "a"), ("team", "x")][..], true),
        ("depth > 1", &[("queue", "a")], false),
        ("rate(depth[5m]) > 1", &[("queue", "a")], false),
        ("depth > 1 and depth > 0", &[("queue", "a")], false),
        ("sum by (queue) (depth) > 1", &[("queue", "a")], true),
        ("depth / on (queue) depth > 1", &[("queue", "a")], true),
        ("histogram_quantile(0.9, depth) > 1", &[("queue", "a")], true),
        (
            "label_replace(depth, \"team\", \"\", \"\", \"\") > 1",
            &[("queue", "a")],
            true,
        ),
    ] {
        assert_eq!(has(expr, alert, &storage), expected, "{expr} {alert:?}");
    }
}

/// What these checks have reported at the last ticks, each with its verdicts: two reports after [`MISSED`].
fn feeds(checks: &[(&str, &[(&str, Status)])]) -> Feeds {
    let mut feeds = Feeds::default();
    for at in [NOW - 60_000, NOW - 30_000, NOW - 15_000] {
        let wall = Timestamp::from_nanos(u64::try_from(at).unwrap() * 1_000_000);
        let state = |(name, verdicts): &(&str, &[(&str, Status)])| {
            let mut state = check_state(name);
            state.ran = true;
            state.checked_at = Some(wall);
            state.verdicts = verdicts
                .iter()
                .map(|(target, status)| verdict(target, *status))
                .collect();
            state
        };
        let snapshot = Snapshot::for_tests(wall, checks.iter().map(state).collect(), Vec::new());
        feeds.update(&snapshot, at);
    }
    feeds
}

/// Since when the series are missing.
const MISSED: i64 = NOW - 45_000;

#[test]
fn what_is_gone_for_good_is_told_from_what_nobody_knows_of() {
    let gone = 10 * MINUTE;
    let storage = memory(&[
        ("depth", &[("check", "q"), ("queue", "gone")], gone),
        ("depth", &[("check", "down"), ("queue", "b")], gone),
        ("size", &[("check", "q")], gone),
        ("both", &[("check", "q")], gone),
        ("both", &[("check", "down")], gone),
        ("left", &[("check", "removed")], gone),
    ]);
    let feeds = feeds(&[("q", &[("a", Status::Ok)]), ("down", &[("b", Status::Critical)])]);
    let q = &[("check", "q"), ("queue", "gone")][..];
    for (expr, labels, expected) in [
        ("depth > 1", q, Absence::Vanished),
        ("depth > 1", &[("check", "down"), ("queue", "b")], Absence::Silent),
        (
            "depth > 1",
            &[("check", "removed"), ("queue", "c")],
            Absence::CheckRemoved,
        ),
        (
            "bellwether_check_up == 0",
            &[("check", "removed")],
            Absence::CheckRemoved,
        ),
        (
            "bellwether_check_up == 0",
            &[("check", "down"), ("instance", "other:1")],
            Absence::Vanished,
        ),
        ("depth{check=\"removed\"} > 1", &[("queue", "c")], Absence::CheckRemoved),
        ("sum(size) > 1", &[], Absence::Vanished),
        ("sum(both) > 1", &[], Absence::Silent),
        ("sum(left) > 1", &[], Absence::CheckRemoved),
        ("sum(never_seen) > 1", &[], Absence::Silent),
        ("bellwether_dispatch_x > 1", &[("receiver", "r")], Absence::Vanished),
        ("depth > 1 and size > 1", q, Absence::Vanished),
        ("sum(size) > 1 or sum(both) > 1", &[], Absence::Silent),
    ] {
        let found = look(expr, &alert(labels, Some(MISSED)), &storage, &feeds);
        assert_eq!(found, expected, "{expr} {labels:?}");
    }
    assert_eq!(
        look("depth > 1", &alert(q, None), &storage, &feeds),
        Absence::Silent,
        "missed just now"
    );
    assert_eq!(
        look("depth > 1", &alert(q, Some(NOW - 20_000)), &storage, &feeds),
        Absence::Silent,
        "one report is not enough"
    );
}

#[test]
fn a_target_that_is_down_takes_its_series_with_it_and_one_that_was_taken_out_does_not_wait_for_others() {
    let gone = 10 * MINUTE;
    let status = |target| [("check", "web"), ("target", target), ("status", "ok")];
    let storage = memory(&[
        ("bellwether_check_status", &status("old"), gone),
        ("bellwether_check_status", &status("down"), 0),
        ("bellwether_check_status", &status("up"), 0),
    ]);
    let feeds = feeds(&[("web", &[("down", Status::Critical), ("up", Status::Ok)])]);
    let of = |labels: &[(&str, &str)]| {
        let labels: Vec<_> = labels.iter().copied().chain([("check", "web")]).collect();
        look("latency > 1", &alert(&labels, Some(MISSED)), &storage, &feeds)
    };
    assert_eq!(of(&[("target", "down")]), Absence::Silent);
    assert_eq!(
        of(&[("instance", "down")]),
        Absence::Silent,
        "whatever the label is called"
    );
    assert_eq!(of(&[("target", "up")]), Absence::Vanished);
    assert_eq!(of(&[("target", "old")]), Absence::Vanished);
    assert_eq!(of(&[("queue", "x")]), Absence::Silent, "whose it was is not known");
}

#[test]
fn a_range_that_was_empty_says_nothing_before_most_of_it_is_there_again() {
    let labels = Labels::new([("__name__", "x_total"), ("queue", "a")]);
    let back_for = |back: i64| {
        let mut memory = Memory::new();
        let before = (0..40).rev().map(|at| NOW - 60 * MINUTE - at * 15_000);
        let after = (0..=back / 15_000).rev().map(|at| NOW - at * 15_000);
        memory.extend(&labels, before.chain(after).map(|at| Point { at, value: 1.0 }));
        memory
    };
    let since = Some(NOW - 50 * MINUTE);
    let of = |expr: &str, back: i64, since: Option<i64>| {
        look(
            expr,
            &alert(&[("queue", "a")], since),
            &back_for(back),
            &Feeds::default(),
        )
    };
    for expr in [
        "rate(x_total[5m]) > 1",
        "delta(x_total[5m]) > 1",
        "count_over_time(x_total[5m]) > 10",
        "max_over_time(rate(x_total[1m])[4m:1m]) > 1",
    ] {
        assert_eq!(of(expr, 0, since), Absence::Returning, "{expr}: one sample");
        assert_eq!(of(expr, 2 * MINUTE, since), Absence::Returning, "{expr}");
        assert_eq!(of(expr, 3 * MINUTE, since), Absence::Ended, "{expr}");
    }
    assert_eq!(
        of("x_total offset 20m > 1", 0, since),
        Absence::Returning,
        "not back then"
    );
    assert_eq!(
        of("x_total > 1", 0, since),
        Absence::Ended,
        "the newest sample is enough"
    );
    assert_eq!(
        of("rate(x_total[5m]) > 1", 15_000, None),
        Absence::Ended,
        "nothing was missed"
    );
    assert_eq!(
        of("rate(x_total[5m]) > 1", 0, None),
        Absence::Returning,
        "one sample has no rate"
    );
    assert_eq!(of("count_over_time(x_total[5m]) > 1", 0, None), Absence::Ended);
}

#[test]
fn what_is_reported_under_another_address_of_the_host_is_the_same() {
    let of = |instance| {
        [
            ("check", "web"),
            ("target", "down"),
            ("job", "bellwether"),
            ("instance", instance),
        ]
    };
    let storage = memory(&[
        ("target_up", &of("here:2"), 0),
        ("scraped", &of("a:9100"), 0),
        ("ended", &of("here:2"), 10 * MINUTE),
    ]);
    let feeds = feeds(&[("web", &[("down", Status::Critical)])]);
    for (expr, expected) in [
        ("target_up == 0", Absence::Vanished),
        ("sum by (check, instance) (target_up) == 0", Absence::Vanished),
        ("scraped == 0", Absence::Silent),
        ("ended == 0", Absence::Silent),
    ] {
        let found = look(expr, &alert(&of("here:1"), Some(MISSED)), &storage, &feeds);
        assert_eq!(found, expected, "{expr}");
    }
    let now = alert(&of("here:2"), Some(MISSED));
    assert_eq!(look("ended == 0", &now, &storage, &feeds), Absence::Silent);
}
