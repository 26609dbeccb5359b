//! `absent`, `scalar`, staleness.

use super::*;

#[test]
fn absent_has_the_labels_that_equality_determines() {
    let memory = load(MINUTE, &[("a", &[1.0])]);
    let one = |text: &str| elements(&memory, 0, text);
    assert_eq!(one("absent(a)"), Vec::<String>::new());
    assert_eq!(one(r#"absent(b{x="1", y=~"2", z!="3"})"#), [r#"{x="1"} 1"#]);
    assert_eq!(one(r#"absent(b{x="1", x="2", y="3"})"#), [r#"{y="3"} 1"#]);
    assert_eq!(one(r#"absent(b{x!="1", x="2"})"#), [r#"{x="2"} 1"#]);
    assert_eq!(one(r#"absent((b{x="1"}))"#), [r#"{x="1"} 1"#]);
    assert_eq!(one(r#"absent(b{x="1"} @ 100)"#), [r#"{x="1"} 1"#]);
    assert_eq!(one(r#"absent(sum(b{x="1"}))"#), ["{} 1"]);
    assert_eq!(one("absent(a > 1)"), ["{} 1"]);
    assert_eq!(one(r#"absent_over_time(b{x="1"}[5m])"#), [r#"{x="1"} 1"#]);
    assert_eq!(one(r#"absent_over_time(b{x="1"}[5m:1m])"#), ["{} 1"]);
    assert_eq!(one("absent_over_time(a[5m])"), Vec::<String>::new());
}

#[test]
fn absent_in_a_range_query_is_there_exactly_when_nothing_else_is() {
    let memory = load(
        MINUTE,
        &[
            (r#"a{x="1"}"#, &[1.0, STALE(), NONE, 1.0]),
            (r#"a{x="2"}"#, &[NONE, NONE, 1.0, STALE()]),
        ],
    );
    assert_eq!(series(&memory, [0, 240, 60], "absent(a)"), ["{} 60:1"]);
    assert_eq!(
        series(&memory, [0, 240, 60], "absent_over_time(a[1m])"),
        ["{} 60:1 240:1"]
    );
    assert_eq!(series(&memory, [0, 120, 60], "absent(nothing)"), ["{} 0:1 60:1 120:1"]);
}

#[test]
fn a_stale_series_is_absent_at_once_and_its_marker_is_no_sample_of_a_range() {
    let memory = load(MINUTE, &[("a", &[1.0, 2.0, STALE(), NONE, 4.0])]);
    assert_eq!(elements(&memory, 119, "a"), ["a 2"]);
    assert_eq!(elements(&memory, 120, "a"), Vec::<String>::new());
    assert_eq!(elements(&memory, 200, "a"), Vec::<String>::new());
    assert_eq!(elements(&memory, 240, "a"), ["a 4"]);
    assert_eq!(elements(&memory, 240, "count_over_time(a[5m])"), ["{} 3"]);
    assert_eq!(series(&memory, [0, 240, 30], "a"), ["a 0:1 30:1 60:2 90:2 240:4"]);
    assert_eq!(matrix(ask(&memory, 240, "a[3m1s]").unwrap().value), ["a 60:2 240:4"]);
}

#[test]
fn a_nan_is_a_value_and_no_staleness() {
    let memory = load(MINUTE, &[("a", &[f64::NAN])]);
    assert_eq!(elements(&memory, 0, "a"), ["a NaN"]);
    assert_eq!(elements(&memory, 0, "a != a"), ["a NaN"]);
    assert_eq!(elements(&memory, 0, "count(a)"), ["{} 1"]);
}

#[test]
fn scalar_is_the_only_element_or_nan() {
    let memory = load(
        MINUTE,
        &[("a", &[7.0]), (r#"b{x="1"}"#, &[1.0]), (r#"b{x="2"}"#, &[2.0])],
    );
    assert_eq!(elements(&memory, 0, "scalar(a) + 1"), ["8"]);
    assert_eq!(elements(&memory, 0, "scalar(b)"), ["NaN"]);
    assert_eq!(elements(&memory, 0, "scalar(b > 1)"), ["2"]);
    assert_eq!(elements(&memory, 0, "scalar(nothing)"), ["NaN"]);
    assert_eq!(elements(&memory, 0, "vector(scalar(a))"), ["{} 7"]);
}

#[test]
fn clamp_with_bounds_the_wrong_way_round_has_no_elements() {
    let memory = load(MINUTE, &[("a", &[7.0])]);
    assert_eq!(elements(&memory, 0, "clamp(a, 5, 1)"), Vec::<String>::new());
    assert_eq!(elements(&memory, 0, "clamp(a, 1, 5)"), ["{} 5"]);
    assert_eq!(elements(&memory, 0, "clamp(a, NaN, 5)"), ["{} NaN"]);
}
