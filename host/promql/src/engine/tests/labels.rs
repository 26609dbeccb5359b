//! Which labels results carry.

use super::*;

fn http() -> Memory {
    load(
        MINUTE,
        &[
            (r#"up{job="a"}"#, &[1.0, 1.0, 1.0]),
            (r#"up{job="a",instance="1"}"#, &[1.0, 0.0, 1.0]),
            (
                r#"requests_total{job="a",instance="1",code="200"}"#,
                &[0.0, 60.0, 120.0],
            ),
            (r#"requests_total{job="a",instance="1",code="500"}"#, &[0.0, 6.0, 12.0]),
            (r#"limit{job="a",instance="1",zone="z"}"#, &[5.0, 5.0, 5.0]),
        ],
    )
}

#[test]
fn a_selector_finds_series_with_more_labels_than_it_names_beside_the_one_with_exactly_these() {
    let found = elements(&http(), 60, r#"up{job="a"}"#);
    assert_eq!(found, [r#"up{job="a"} 1"#, r#"up{instance="1", job="a"} 0"#]);
}

#[test]
fn one_to_one_keeps_only_the_labels_of_on() {
    let text = r#"limit * on(instance) requests_total{code="200"}"#;
    assert_eq!(elements(&http(), 120, text), [r#"{instance="1"} 600"#]);
}

#[test]
fn one_to_one_removes_the_labels_of_ignoring() {
    let text = r"limit * ignoring(code, zone) requests_total{code='200'}";
    assert_eq!(elements(&http(), 120, text), [r#"{instance="1", job="a"} 600"#]);
}

#[test]
fn a_comparison_of_two_vectors_keeps_the_left_value_and_its_name_unless_on_drops_it() {
    let memory = http();
    let whole = r"limit < ignoring(code, zone) requests_total{code='200'}";
    assert_eq!(elements(&memory, 120, whole), [r#"limit{instance="1", job="a"} 5"#]);
    let on = r"limit < on(instance) requests_total{code='200'}";
    assert_eq!(elements(&memory, 120, on), [r#"{instance="1"} 5"#]);
    let truth = r"limit < bool ignoring(code, zone) requests_total{code='200'}";
    assert_eq!(elements(&memory, 120, truth), [r#"{instance="1", job="a"} 1"#]);
}

#[test]
fn group_left_keeps_the_many_side_and_takes_over_what_it_includes() {
    let text = "requests_total / on(instance) group_left(zone) limit";
    let found = elements(&http(), 120, text);
    assert_eq!(
        found,
        [
            r#"{code="200", instance="1", job="a", zone="z"} 24"#,
            r#"{code="500", instance="1", job="a", zone="z"} 2.4"#
        ]
    );
}

#[test]
fn an_included_label_that_the_one_side_lacks_is_deleted_from_the_result() {
    let text = "requests_total > on(instance) group_left(job) (limit * on(instance) limit)";
    let found = elements(&http(), 120, text);
    assert_eq!(found, [r#"requests_total{code="200", instance="1"} 120"#]);
}

#[test]
fn group_right_computes_with_the_sides_as_they_are_written() {
    let text = "limit / on(instance) group_right(zone) requests_total";
    let found = elements(&http(), 60, text);
    assert_eq!(
        found,
        [
            format!(r#"{{code="200", instance="1", job="a", zone="z"}} {}"#, 5.0 / 60.0),
            format!(r#"{{code="500", instance="1", job="a", zone="z"}} {}"#, 5.0 / 6.0)
        ]
    );
    let filtered = "limit <= on(instance) group_right requests_total{code='500'}";
    assert_eq!(
        elements(&http(), 60, filtered),
        [r#"requests_total{code="500", instance="1", job="a"} 5"#]
    );
}

#[test]
fn the_name_is_dropped_by_everything_that_changes_what_the_value_means() {
    let memory = http();
    for text in [
        "-limit",
        "limit + 1",
        "1 - limit",
        "limit > bool 1",
        "abs(limit)",
        "round(limit)",
        "clamp(limit, 0, 9)",
        "sgn(limit)",
        "hour(limit)",
        "timestamp(limit)",
        "timestamp(limit > 1)",
        "rate(limit[5m])",
        "increase(limit[5m])",
        "avg_over_time(limit[5m])",
        "present_over_time(limit[5m])",
        "quantile_over_time(0.5, limit[5m])",
        "predict_linear(limit[5m], 60)",
        "max_over_time(limit[5m:1m])",
        "limit + limit",
        "limit == bool limit",
    ] {
        let found = elements(&memory, 120, text);
        assert_eq!(found.len(), 1, "{text}");
        assert!(
            found[0].starts_with(r#"{instance="1", job="a", zone="z"} "#),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn the_name_is_kept_by_everything_that_only_chooses() {
    let memory = http();
    for text in [
        "limit",
        "+limit",
        "(limit)",
        "limit > 1",
        "1 < limit",
        "limit >= limit",
        "limit and limit",
        "limit or limit",
        "limit unless up",
        "sort(limit)",
        "sort_desc(limit)",
        "topk(1, limit)",
        "bottomk(1, limit)",
        "last_over_time(limit[5m])",
        "last_over_time(limit[5m:1m])",
        "sum by (__name__, instance, job, zone) (limit)",
        r#"label_replace(limit, "job", "a", "job", ".*")"#,
    ] {
        let found = elements(&memory, 120, text);
        assert_eq!(found, [r#"limit{instance="1", job="a", zone="z"} 5"#], "{text}");
    }
}

#[test]
fn a_name_that_was_dropped_within_a_subquery_stays_dropped() {
    let found = elements(&http(), 120, "last_over_time(abs(limit)[5m:1m])");
    assert_eq!(found, [r#"{instance="1", job="a", zone="z"} 5"#]);
}

#[test]
fn type_and_unit_are_dropped_with_the_name_but_not_by_aggregations() {
    let memory = load(MINUTE, &[(r#"a{__type__="gauge",__unit__="s",x="1"}"#, &[1.0])]);
    assert_eq!(elements(&memory, 0, "a + 1"), [r#"{x="1"} 2"#]);
    assert_eq!(elements(&memory, 0, "a + a"), [r#"{x="1"} 2"#]);
    assert_eq!(
        elements(&memory, 0, "sum without() (a)"),
        [r#"{__type__="gauge", __unit__="s", x="1"} 1"#]
    );
}

#[test]
fn aggregations_keep_what_by_names_or_drop_what_without_names_and_the_name() {
    let memory = http();
    assert_eq!(elements(&memory, 120, "sum(requests_total)"), ["{} 132"]);
    assert_eq!(
        elements(&memory, 120, "sum by (code, nothing) (requests_total)"),
        [r#"{code="200"} 120"#, r#"{code="500"} 12"#]
    );
    assert_eq!(
        elements(&memory, 120, "sum without (code) (requests_total)"),
        [r#"{instance="1", job="a"} 132"#]
    );
    assert_eq!(elements(&memory, 120, "count by (__name__) (up)"), ["up 2"]);
    assert_eq!(elements(&memory, 120, "group(up)"), ["{} 1"]);
    assert_eq!(elements(&memory, 120, "sum(nothing)"), Vec::<String>::new());
}

#[test]
fn count_values_writes_values_as_labels() {
    let memory = load(
        MINUTE,
        &[
            (r#"version{i="1"}"#, &[1.5]),
            (r#"version{i="2"}"#, &[1.5]),
            (r#"version{i="3"}"#, &[f64::NAN]),
            (r#"version{i="4"}"#, &[1e21]),
        ],
    );
    assert_eq!(
        elements(&memory, 0, r#"count_values("v", version)"#),
        [r#"{v="1.5"} 2"#, r#"{v="NaN"} 1"#, r#"{v="1000000000000000000000"} 1"#]
    );
    let by = elements(&memory, 0, r#"count_values by (i) ("i", version > 1)"#);
    assert_eq!(by, [r#"{i="1.5"} 2"#, r#"{i="1000000000000000000000"} 1"#]);
    let without = elements(&memory, 0, r#"count_values without (i) ("i", version < 2)"#);
    assert_eq!(without, ["{} 2"]);
}

#[test]
fn label_replace_is_anchored_replaces_once_sees_the_name_and_deletes_with_nothing() {
    let memory = load(MINUTE, &[(r#"a{src="source-value-10",dst="x"}"#, &[1.0])]);
    let replaced = |rest: &str| elements(&memory, 0, &format!("label_replace(a, {rest})"));
    let unchanged = r#"a{dst="x", src="source-value-10"} 1"#;
    assert_eq!(replaced(r#""dst", "got-$1", "src", "value-(.*)""#), [unchanged]);
    assert_eq!(
        replaced(r#""dst", "got-$1", "src", "source-value-(.*)""#),
        [r#"a{dst="got-10", src="source-value-10"} 1"#]
    );
    assert_eq!(replaced(r#""dst", "", "src", ".*""#), [r#"a{src="source-value-10"} 1"#]);
    assert_eq!(
        replaced(r#""dst", "$1", "__name__", "(.*)""#),
        [r#"a{dst="a", src="source-value-10"} 1"#]
    );
    assert_eq!(
        replaced(r#""__name__", "b", "", """#),
        [r#"b{dst="x", src="source-value-10"} 1"#]
    );
}

#[test]
fn label_join_joins_and_what_is_empty_is_deleted() {
    let memory = load(MINUTE, &[(r#"a{x="1",y="2"}"#, &[1.0])]);
    assert_eq!(
        elements(&memory, 0, r#"label_join(a, "z", "-", "x", "no", "y")"#),
        [r#"a{x="1", y="2", z="1--2"} 1"#]
    );
    assert_eq!(elements(&memory, 0, r#"label_join(a, "y", "-")"#), [r#"a{x="1"} 1"#]);
}

#[test]
fn set_operators_match_on_all_labels_but_the_name_and_change_none() {
    let memory = load(
        MINUTE,
        &[
            (r#"a{x="1"}"#, &[1.0]),
            (r#"a{x="2"}"#, &[2.0]),
            (r#"b{x="2"}"#, &[3.0]),
            (r#"b{x="3"}"#, &[4.0]),
        ],
    );
    assert_eq!(elements(&memory, 0, "a and b"), [r#"a{x="2"} 2"#]);
    assert_eq!(elements(&memory, 0, "a unless b"), [r#"a{x="1"} 1"#]);
    assert_eq!(
        elements(&memory, 0, "a or b"),
        [r#"a{x="1"} 1"#, r#"a{x="2"} 2"#, r#"b{x="3"} 4"#]
    );
    assert_eq!(elements(&memory, 0, "a or on() b"), [r#"a{x="1"} 1"#, r#"a{x="2"} 2"#]);
    assert_eq!(elements(&memory, 0, "a and on() (b > 9)"), Vec::<String>::new());
    assert_eq!(elements(&memory, 0, "a unless on() (b > 9)").len(), 2);
    assert_eq!(elements(&memory, 0, "a and ignoring(x) b").len(), 2);
}

#[test]
fn histogram_quantile_groups_by_all_labels_but_le_and_drops_the_name() {
    let memory = load(
        MINUTE,
        &[
            (r#"t_bucket{path="/",le="0.1"}"#, &[10.0]),
            (r#"t_bucket{path="/",le="1"}"#, &[20.0]),
            (r#"t_bucket{path="/",le="+Inf"}"#, &[20.0]),
            (r#"t_bucket{path="/b",le="1"}"#, &[10.0]),
            (r#"t_bucket{path="/b",le="+Inf"}"#, &[10.0]),
            (r#"t_bucket{path="/c",le="1"}"#, &[10.0]),
        ],
    );
    let found = elements(&memory, 0, "histogram_quantile(0.75, t_bucket)");
    assert_eq!(
        found,
        [r#"{path="/"} 0.55"#, r#"{path="/b"} 0.75"#, r#"{path="/c"} NaN"#]
    );
    let fraction = elements(&memory, 0, "histogram_fraction(0, 0.1, t_bucket{path='/'})");
    assert_eq!(fraction, [r#"{path="/"} 0.5"#]);
}

#[test]
fn a_bucket_without_a_bound_is_left_out_and_noted() {
    let memory = load(
        MINUTE,
        &[
            (r#"t{le="1"}"#, &[10.0]),
            (r#"t{le="+Inf"}"#, &[10.0]),
            (r#"t{le="much"}"#, &[10.0]),
            (r"t", &[10.0]),
        ],
    );
    let answer = ask(&memory, 0, "histogram_quantile(0.5, t)").unwrap();
    assert_eq!(
        answer.warnings,
        [
            r#"PromQL warning: bucket label "le" is missing or has a malformed value of "much""#,
            r#"PromQL warning: bucket label "le" is missing or has a malformed value of """#
        ]
    );
    assert_eq!(answer.places[0].start, "histogram_quantile(0.5, ".len());
}
