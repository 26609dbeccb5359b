//! Which samples a moment sees.

use super::*;

fn counting() -> Memory {
    // 0 at 0 s, 1 at 60 s, … 60 at one hour.
    let values: Vec<f64> = (0..=60).map(f64::from).collect();
    load(MINUTE, &[("a", &values)])
}

#[test]
fn the_lookback_is_open_on_the_left_and_closed_on_the_right() {
    let memory = load(MINUTE, &[("a", &[1.0])]);
    assert_eq!(elements(&memory, 0, "a"), ["a 1"]);
    assert_eq!(elements(&memory, 299, "a"), ["a 1"]);
    assert_eq!(elements(&memory, 300, "a"), Vec::<String>::new());
    assert_eq!(series(&memory, [0, 600, 100], "a"), ["a 0:1 100:1 200:1"]);
    // Steps as wide as the lookback are read one by one.
    assert_eq!(series(&memory, [0, 600, 300], "a"), ["a 0:1"]);
}

#[test]
fn a_range_is_open_on_the_left_and_closed_on_the_right() {
    let memory = counting();
    assert_eq!(elements(&memory, 300, "count_over_time(a[1m])"), ["{} 1"]);
    assert_eq!(elements(&memory, 300, "count_over_time(a[2m])"), ["{} 2"]);
    assert_eq!(elements(&memory, 330, "count_over_time(a[2m])"), ["{} 2"]);
    assert_eq!(matrix(ask(&memory, 180, "a[2m]").unwrap().value), ["a 120:2 180:3"]);
    assert_eq!(
        series(&memory, [60, 300, 60], "sum_over_time(a[2m])"),
        ["{} 60:1 120:3 180:5 240:7 300:9"]
    );
    // Windows apart from each other are read one by one.
    assert_eq!(
        series(&memory, [60, 600, 180], "sum_over_time(a[2m])"),
        ["{} 60:1 240:7 420:13 600:19"]
    );
}

#[test]
fn offset_shifts_into_the_past_and_a_negative_one_into_the_future() {
    let memory = counting();
    assert_eq!(elements(&memory, 600, "a offset 5m"), ["a 5"]);
    assert_eq!(elements(&memory, 600, "a offset -5m"), ["a 15"]);
    assert_eq!(elements(&memory, 600, "sum_over_time(a[2m] offset 1m)"), ["{} 17"]);
    assert_eq!(series(&memory, [600, 660, 60], "a offset 10m"), ["a 600:0 660:1"]);
}

#[test]
fn at_fixes_the_moment_whatever_surrounds_it() {
    let memory = counting();
    assert_eq!(elements(&memory, 0, "a @ 600"), ["a 10"]);
    assert_eq!(elements(&memory, 0, "a @ 600 offset 1m"), ["a 9"]);
    assert_eq!(elements(&memory, 0, "sum_over_time(a[2m] @ 600)"), ["{} 19"]);
    assert_eq!(series(&memory, [0, 120, 60], "a @ 600"), ["a 0:10 60:10 120:10"]);
    assert_eq!(series(&memory, [60, 120, 60], "a @ start()"), ["a 60:1 120:1"]);
    assert_eq!(series(&memory, [60, 120, 60], "a - a @ end()"), ["{} 60:-1 120:0"]);
    assert_eq!(
        series(&memory, [60, 120, 60], "sum_over_time((a @ start())[2m:1m])"),
        ["{} 60:2 120:2"]
    );
    assert_eq!(
        series(&memory, [60, 120, 60], "sum_over_time(a[2m:1m] @ end())"),
        ["{} 60:3 120:3"]
    );
}

#[test]
fn subqueries_step_on_absolute_multiples_and_leave_their_left_edge_out() {
    let memory = counting();
    // 10:10 minus 3 m = 7:10; multiples of a minute after it: 8, 9, 10.
    assert_eq!(
        matrix(ask(&memory, 610, "a[3m:1m]").unwrap().value),
        ["a 480:8 540:9 600:10"]
    );
    // The edge itself is left out.
    assert_eq!(matrix(ask(&memory, 600, "a[2m:1m]").unwrap().value), ["a 540:9 600:10"]);
    assert_eq!(
        matrix(ask(&memory, 600, "a[5m:2m]").unwrap().value),
        ["a 360:6 480:8 600:10"]
    );
    assert_eq!(
        matrix(ask(&memory, 600, "a[2m:1m] offset 30s").unwrap().value),
        ["a 480:8 540:9"]
    );
    assert_eq!(
        matrix(ask(&memory, 30, "a[1m:1m] offset -10s").unwrap().value),
        ["a 0:0"]
    );
    // Before the epoch, too, a multiple is a multiple.
    assert_eq!(
        matrix(ask(&memory, 0, "vector(1)[150s:1m]").unwrap().value),
        ["{} -120:1 -60:1 0:1"]
    );
}

#[test]
fn a_subquery_without_a_step_takes_the_default_one_not_that_of_the_range_query() {
    let memory = counting();
    assert_eq!(
        series(&memory, [600, 1200, 300], "count_over_time(a[5m:])"),
        ["{} 600:5 900:5 1200:5"]
    );
}

#[test]
fn a_subquery_so_short_that_no_step_falls_into_it_is_empty() {
    assert_eq!(
        elements(&counting(), 630, "count_over_time(a[10s:1m])"),
        Vec::<String>::new()
    );
}

#[test]
fn subqueries_nest() {
    let text = "max_over_time(sum_over_time(a[2m:1m])[3m:1m])";
    assert_eq!(elements(&counting(), 600, text), ["{} 19"]);
    assert_eq!(
        elements(&counting(), 600, "max_over_time(rate(a[2m])[5m:1m])"),
        [format!("{{}} {}", 1.0 / 60.0)]
    );
}

#[test]
fn timestamp_of_a_selector_is_that_of_its_samples_and_of_anything_else_that_of_the_evaluation() {
    let memory = counting();
    assert_eq!(elements(&memory, 610, "timestamp(a)"), ["{} 600"]);
    assert_eq!(elements(&memory, 610, "timestamp((a))"), ["{} 600"]);
    assert_eq!(elements(&memory, 610, "timestamp(a offset 1m)"), ["{} 540"]);
    assert_eq!(elements(&memory, 610, "timestamp(a @ 130)"), ["{} 120"]);
    assert_eq!(elements(&memory, 610, "timestamp(a + 0)"), ["{} 610"]);
    assert_eq!(elements(&memory, 610, "timestamp(abs(a @ 130))"), ["{} 610"]);
    assert_eq!(
        series(&memory, [610, 700, 45], "timestamp(a)"),
        ["{} 610:600 655:600 700:660"]
    );
    assert_eq!(
        series(&memory, [610, 655, 45], "timestamp(-(a @ 130))"),
        ["{} 610:610 655:655"]
    );
}

#[test]
fn time_and_the_calendar_follow_the_evaluation() {
    let memory = Memory::new();
    let noon = 1_700_000_000;
    assert_eq!(elements(&memory, noon, "time()"), ["1700000000"]);
    assert_eq!(elements(&memory, noon, "hour()"), ["{} 22"]);
    assert_eq!(elements(&memory, noon, "hour(vector(0))"), ["{} 0"]);
    assert_eq!(
        series(&memory, [noon, noon + 3600, 3600], "hour()"),
        ["{} 1700000000:22 1700003600:23"]
    );
    assert_eq!(series(&memory, [0, 60, 60], "time() + 1"), ["{} 0:1 60:61"]);
    assert_eq!(series(&memory, [0, 60, 60], "2"), ["{} 0:2 60:2"]);
}

#[test]
fn predict_linear_counts_from_the_evaluation_even_when_its_samples_are_fixed() {
    let found = series(&counting(), [600, 1200, 600], "predict_linear(a[5m] @ 600, 60)");
    assert_eq!(found, ["{} 600:11 1200:21"]);
}

#[test]
fn the_last_moment_of_a_range_query_is_the_last_step_within_it() {
    let memory = counting();
    assert_eq!(series(&memory, [0, 119, 60], "a"), ["a 0:0 60:1"]);
    assert_eq!(series(&memory, [60, 0, 60], "a"), Vec::<String>::new());
    assert_eq!(series(&memory, [60, 60, 60], "a"), ["a 60:1"]);
}

#[test]
fn what_was_read_is_counted() {
    let memory = counting();
    assert_eq!(ask(&memory, 600, "a").unwrap().samples, 1);
    assert_eq!(ask(&memory, 600, "rate(a[5m])").unwrap().samples, 5);
    // One reading for all moments.
    assert_eq!(ask_range(&memory, [600, 900, 60], "rate(a[5m])").unwrap().samples, 10);
    assert_eq!(
        ask_range(&memory, [600, 900, 60], "rate(a[5m] @ 600)").unwrap().samples,
        5
    );
}
