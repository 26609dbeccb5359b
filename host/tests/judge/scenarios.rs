//! The scenarios. Where a name begins with `acceptance`, its steps follow an acceptance test of Alertmanager (`test/with_api_v2`).
//!
//! Flushes are two seconds apart unless a route says otherwise, and what happens in between is half a second or more away from them.

use super::play::{Scenario, alert};

pub(crate) fn all() -> Vec<Scenario> {
    [
        grouping(),
        repeating(),
        resolving(),
        routing(),
        inhibiting(),
        silencing(),
        timing(),
        failing(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn grouping() -> Vec<Scenario> {
    vec![
        Scenario::new("one-alert-waits", "")
            .at(0.5, [alert("a")])
            .hears(&["a+"]),
        Scenario::new("two-alerts-in-one-group", "")
            .at(
                0.5,
                [
                    alert("a").label("n", "1").note("summary", "same"),
                    alert("a").label("n", "2").note("summary", "same"),
                ],
            )
            .hears(&["a/1+ a/2+"]),
        Scenario::new("two-groups", "")
            .at(0.5, [alert("a"), alert("b")])
            .hears(&["a+", "b+"]),
        Scenario::new("another-joins-while-the-group-waits", "")
            .at(0.5, [alert("a").label("n", "1")])
            .at(1.0, [alert("a").label("n", "2")])
            .hears(&["a/1+ a/2+"]),
        Scenario::new("another-joins-after-the-first-flush", "")
            .at(0.5, [alert("a").label("n", "1")])
            .at(2.5, [alert("a").label("n", "2")])
            .hears(&["a/1+", "a/1+ a/2+"]),
        Scenario::new("grouped-by-two-labels", "group_by: [alertname, team]")
            .at(
                0.5,
                [
                    alert("a").label("team", "x").label("n", "1"),
                    alert("a").label("team", "y").label("n", "2"),
                ],
            )
            .at(0.6, [alert("a").label("n", "3")])
            .hears(&["a/1+", "a/2+", "a/3+"]),
        Scenario::new("grouped-by-everything", "group_by: ['...']")
            .at(0.5, [alert("a").label("n", "1"), alert("a").label("n", "2")])
            .hears(&["a/1+", "a/2+"]),
        Scenario::new("grouped-by-nothing-is-not-said", "group_by: []")
            .at(0.5, [alert("a"), alert("b")])
            .hears(&["a+", "b+"]),
        Scenario::new("grouped-by-what-no-alert-has", "group_by: [nothing]")
            .at(0.5, [alert("a"), alert("b")])
            .hears(&["a+ b+"]),
        Scenario::new("old-alert-does-not-wait", "group_wait: 30s")
            .at(0.5, [alert("a").starts(-60.0)])
            .hears(&["a+"]),
        Scenario::new("empty-labels-are-none", "group_by: [team]")
            .at(
                0.5,
                [alert("a").label("team", "").label("n", "1"), alert("a").label("n", "2")],
            )
            .hears(&["a/1+ a/2+"]),
        Scenario::new("acceptance-merge", "group_interval: 1s\nrepeat_interval: 1ms")
            .at(1.0, [alert("a").starts(1.1)])
            .at(1.2, [alert("a").starts(1.0)])
            .at(2.7, [alert("a").starts(2.0).note("ann", "v1")])
            .at(3.7, [alert("a").starts(1.5).note("ann", "v2")])
            .at(4.7, [alert("a").starts(1.0).note("ann", "v3").ends(4.7)])
            .hears(&["a+", "a+", "a+", "a-"]),
        Scenario::new("too-many-for-the-receiver", "")
            .receiver("", "send_resolved: true\nmax_alerts: 2")
            .at(0.5, (1..=5).map(|n| alert("a").label("n", &n.to_string())))
            .hears(&["a/1+ a/2+"]),
    ]
}

fn repeating() -> Vec<Scenario> {
    vec![
        Scenario::new("acceptance-repeat", "repeat_interval: 3s")
            .at(0.5, [alert("a")])
            .hears(&["a+", "a+", "a+"]),
        Scenario::new("repeats-only-at-flushes", "group_interval: 4s\nrepeat_interval: 1s")
            .at(0.5, [alert("a")])
            .hears(&["a+", "a+", "a+"]),
        Scenario::new("acceptance-batching", "group_interval: 2s\nrepeat_interval: 5s")
            .at(1.1, [alert("a").label("n", "1")])
            .at(1.7, [alert("a").label("n", "5")])
            .at(3.2, [alert("a").label("n", "2"), alert("a").label("n", "3")])
            .hears(&["a/1+ a/5+", "a/1+ a/2+ a/3+ a/5+", "a/1+ a/2+ a/3+ a/5+"]),
        Scenario::new("changed-annotations-are-no-news", "")
            .at(0.5, [alert("a").note("v", "1")])
            .at(2.5, [alert("a").starts(0.5).note("v", "2")])
            .hears(&["a+"]),
    ]
}

fn resolving() -> Vec<Scenario> {
    vec![
        Scenario::new("acceptance-resolved", "")
            .at(0.5, [alert("a")])
            .at(2.5, [alert("a").starts(0.5).ends(2.5)])
            .hears(&["a+", "a-"]),
        Scenario::new("acceptance-resolved-not-wanted", "")
            .receiver("", "send_resolved: false")
            .at(0.5, [alert("a")])
            .at(2.5, [alert("a").starts(0.5).ends(2.5)])
            .hears(&["a+"]),
        Scenario::new("resolved-inside-group-wait", "")
            .at(0.3, [alert("a")])
            .at(0.7, [alert("a").starts(0.3).ends(0.7)])
            .hears(&[]),
        Scenario::new("one-of-two-resolved", "")
            .at(0.5, [alert("a").label("n", "1"), alert("a").label("n", "2")])
            .at(2.5, [alert("a").label("n", "1").starts(0.5).ends(2.5)])
            .hears(&["a/1+ a/2+", "a/1- a/2+"]),
        Scenario::new("resolved-and-fired-again-between-flushes", "")
            .at(0.5, [alert("a")])
            .at(2.0, [alert("a").starts(0.5).ends(2.0)])
            .at(2.6, [alert("a").starts(2.6)])
            .hears(&["a+"]),
        Scenario::new("fires-again-after-resolved", "")
            .at(0.5, [alert("a")])
            .at(2.5, [alert("a").starts(0.5).ends(2.5)])
            .at(4.5, [alert("a").starts(4.5)])
            .hears(&["a+", "a-", "a+"]),
        Scenario::new("ends-by-itself", "")
            .at(0.5, [alert("a").ends(2.6)])
            .hears(&["a+", "a-"]),
        Scenario::new("kept-alive-by-posting-again", "")
            .at(0.5, [alert("a").ends(2.6)])
            .at(2.0, [alert("a").starts(0.5).ends(4.6)])
            .hears(&["a+", "a-"]),
        Scenario::new("resolved-is-all-that-came", "")
            .at(0.5, [alert("a").starts(-10.0).ends(0.5)])
            .hears(&[]),
        Scenario::new("one-resolved-while-another-appears", "")
            .at(0.5, [alert("a").label("n", "1")])
            .at(
                2.5,
                [
                    alert("a").label("n", "1").starts(0.5).ends(2.5),
                    alert("a").label("n", "2"),
                ],
            )
            .hears(&["a/1+", "a/1- a/2+"]),
    ]
}

fn routing() -> Vec<Scenario> {
    vec![
        Scenario::new("first-match-wins", "routes:\n  - matchers: [ 'team=\"x\"' ]\n    receiver: first-match-wins-x\n  - matchers: [ 'team=~\"x|y\"' ]\n    receiver: first-match-wins-y")
            .receiver("x", "")
            .receiver("y", "")
            .at(0.5, [alert("a").label("team", "x"), alert("b").label("team", "y"), alert("c").label("team", "z")])
            .hears(&["c+", "x: a+", "y: b+"]),
        Scenario::new("goes-on", "routes:\n  - matchers: [ 'team=\"x\"' ]\n    receiver: goes-on-x\n    continue: true\n  - matchers: [ 'severity!=\"info\"' ]\n    receiver: goes-on-y")
            .receiver("x", "")
            .receiver("y", "")
            .at(0.5, [alert("a").label("team", "x"), alert("b").label("team", "x").label("severity", "info")])
            .hears(&["x: a+", "x: b+", "y: a+"]),
        Scenario::new("inherits", "group_by: [team]\nroutes:\n  - matchers: [ 'alertname=~\"a|b\"' ]\n    routes:\n      - matchers: [ 'alertname!~\"a\"' ]\n        receiver: inherits-deep\n        group_wait: 3s")
            .receiver("deep", "")
            .at(0.5, [alert("a").label("team", "t"), alert("b").label("team", "t"), alert("c").label("team", "t")])
            .hears(&["a+", "c+", "deep: b+"]),
        Scenario::new("twice-to-one-receiver", "routes:\n  - matchers: [ 'alertname=\"a\"' ]\n    group_by: [n]\n    continue: true\n  - matchers: [ 'alertname=\"a\"' ]\n    group_by: [alertname]")
            .at(0.5, [alert("a").label("n", "1")])
            .hears(&["a/1+", "a/1+"]),
    ]
}

const CRITICAL_OVER_WARNING: &str = "source_matchers: [ 'severity=\"critical\"' ]\ntarget_matchers: [ 'severity=\"warning\"' ]\nequal: [scenario, host]";

fn inhibiting() -> Vec<Scenario> {
    let critical = || alert("a").label("severity", "critical").label("host", "h");
    let warning = || alert("b").label("severity", "warning").label("host", "h");
    vec![
        Scenario::new("inhibited", "")
            .inhibit(CRITICAL_OVER_WARNING)
            .at(0.3, [critical()])
            .at(0.5, [warning()])
            .hears(&["a+"]),
        Scenario::new("inhibited-elsewhere", "")
            .at(0.3, [critical()])
            .at(0.5, [warning().label("host", "other")])
            .hears(&["a+", "b+"]),
        Scenario::new("inhibited-no-longer", "")
            .at(0.3, [critical()])
            .at(0.5, [warning()])
            .at(2.5, [critical().starts(0.3).ends(2.5)])
            .hears(&["a+", "a-", "b+"]),
        Scenario::new("inhibits-by-what-is-missing", "")
            .at(0.3, [alert("a").label("severity", "critical")])
            .at(0.5, [alert("b").label("severity", "warning")])
            .hears(&["a+"]),
        Scenario::new("does-not-inhibit-itself", "")
            .inhibit("source_matchers: [ 'self=\"yes\"' ]\ntarget_matchers: [ 'self=\"yes\"' ]\nequal: [scenario]")
            .at(0.5, [alert("a").label("self", "yes"), alert("b").label("self", "yes")])
            .hears(&["a+", "b+"]),
        Scenario::new("silenced-ones-still-inhibit", "")
            .silence(0.1, 60.0, &[("severity", "=", "critical")])
            .at(0.3, [critical()])
            .at(0.5, [warning()])
            .hears(&[]),
        Scenario::new("resolved-while-inhibited", "")
            .at(0.5, [warning()])
            .at(2.2, [critical()])
            .at(2.8, [warning().starts(0.5).ends(2.8)])
            .hears(&["a+", "b+"])
            .better("what was told as firing is told as resolved", &["a+", "b+", "b-"]),
    ]
}

fn silencing() -> Vec<Scenario> {
    vec![
        Scenario::new("acceptance-silenced", "")
            .silence(0.2, 60.0, &[("n", "=", "1")])
            .at(0.5, [alert("a").label("n", "1"), alert("a").label("n", "2")])
            .hears(&["a/2+"]),
        Scenario::new("silenced-by-expression", "")
            .silence(0.2, 60.0, &[("n", "=~", "1|3"), ("alertname", "!=", "b")])
            .at(
                0.5,
                [
                    alert("a").label("n", "1"),
                    alert("a").label("n", "2"),
                    alert("b").label("n", "3"),
                ],
            )
            .hears(&["a/2+", "b/3+"]),
        Scenario::new("acceptance-silence-deleted", "")
            .silence(0.2, 60.0, &[("alertname", "=", "a")])
            .at(0.5, [alert("a")])
            .expire(2.5)
            .hears(&["a+"]),
        Scenario::new("silence-ends", "")
            .silence(0.2, 2.5, &[("alertname", "=", "a")])
            .at(0.5, [alert("a")])
            .hears(&["a+"]),
        Scenario::new("silenced-before-it-repeats", "repeat_interval: 1s")
            .at(0.5, [alert("a")])
            .silence(2.5, 60.0, &[("alertname", "=", "a")])
            .hears(&["a+"]),
        Scenario::new("resolved-while-silenced", "")
            .at(0.5, [alert("a")])
            .silence(2.2, 60.0, &[("alertname", "=", "a")])
            .at(2.6, [alert("a").starts(0.5).ends(2.6)])
            .hears(&["a+"])
            .better("what was told as firing is told as resolved", &["a+", "a-"]),
    ]
}

fn timing() -> Vec<Scenario> {
    vec![
        Scenario::new("muted-now", "mute_time_intervals: [always]")
            .at(0.5, [alert("a")])
            .hears(&[]),
        Scenario::new("muted-then", "mute_time_intervals: [once]")
            .at(0.5, [alert("a")])
            .hears(&["a+"]),
        Scenario::new("active-now", "active_time_intervals: [always]")
            .at(0.5, [alert("a")])
            .hears(&["a+"]),
        Scenario::new("active-then", "active_time_intervals: [once]")
            .at(0.5, [alert("a")])
            .hears(&[]),
        Scenario::new(
            "active-and-muted",
            "active_time_intervals: [once, always]\nmute_time_intervals: [always]",
        )
        .at(0.5, [alert("a")])
        .hears(&[]),
    ]
}

fn failing() -> Vec<Scenario> {
    vec![
        Scenario::new("acceptance-retry", "")
            .answering("", &[500, 503])
            .at(0.5, [alert("a")])
            .hears(&["a+"]),
        Scenario::new("refused-once", "")
            .answering("", &[404])
            .at(0.5, [alert("a")])
            .hears(&["a+"]),
        Scenario::new("one-receiver-fails", "routes:\n  - matchers: [ 'alertname=\"a\"' ]\n    receiver: one-receiver-fails-x\n    continue: true\n  - matchers: [ 'alertname=\"a\"' ]\n    receiver: one-receiver-fails-y")
            .receiver("x", "")
            .receiver("y", "")
            .answering("x", &[500; 40])
            .at(0.5, [alert("a")])
            .hears(&["y: a+"]),
    ]
}
