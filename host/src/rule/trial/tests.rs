//! What only this runner can be asked: what a test file of version 3 says, and what is told of what does not hold.

use super::*;

fn report(text: &str) -> Report {
    test("t.yml", text, None)
}

/// A test with one expression, over `depth` from 1 to 10.
fn asked(head: &str, test: &str, case: &str) -> Report {
    report(&format!(
        "{head}tests:\n  - interval: 1m\n    input_series: [{{series: depth, values: 1+1x9}}]\n{test}    promql_expr_test: [{{{case}}}]\n"
    ))
}

#[test]
fn neighbours_are_equal_only_where_the_file_says_so() {
    let case = |value: &str| format!("expr: 'vector(0.1 + 0.2)', eval_time: 1m, exp_samples: [{{value: {value}}}]");
    let fuzzy = "fuzzy_compare: true\n";
    assert!(asked(fuzzy, "", &case("0.3")).ok);
    assert!(!asked("", "", &case("0.3")).ok);
    assert!(!asked("fuzzy_compare: false\n", "", &case("0.3")).ok);
    assert!(asked("", "", &case("0.30000000000000004")).ok);
    assert!(!asked(fuzzy, "", &case("0.29999999999999993")).ok, "two steps away");
}

#[test]
fn a_start_moves_samples_slots_and_time() {
    for start in ["1609459200", "2021-01-01T00:00:00Z", "\"2021-01-01T01:00:00+01:00\""] {
        let start = format!("    start_timestamp: {start}\n");
        let time = "expr: 'time() - timestamp(depth) + depth', eval_time: 90s, exp_samples: [{value: 32}]";
        assert!(asked("", &start, time).ok, "{:#?}", asked("", &start, time));
        let time = "expr: 'time()', eval_time: 60s, exp_samples: [{value: 1609459260}]";
        assert!(asked("", &start, time).ok);
    }
    let bad = asked("", "    start_timestamp: soon\n", "expr: '1', eval_time: 1m");
    assert!(
        bad.problems.to_string().contains("`start_timestamp` is no moment"),
        "{}",
        bad.problems
    );
}

#[test]
fn the_interval_of_a_test_is_that_of_the_file_where_it_has_none() {
    let text = "evaluation_interval: 2m\ntests:\n  - input_series: [{series: depth, values: 1+1x9}]\n    promql_expr_test:\n      - {expr: depth, eval_time: 4m, exp_samples: [{labels: depth, value: 3}]}\n";
    assert!(report(text).ok, "{:#?}", report(text));
}

#[test]
fn windows_are_open_on_their_left_as_in_prometheus_3() {
    let case = "expr: 'count_over_time(depth[5m])', eval_time: 8m, exp_samples: [{value: 5}]";
    assert!(asked("", "", case).ok);
}

#[test]
fn only_tests_with_such_a_name_are_run() {
    let text = "tests:\n  - {name: one}\n  - {name: two, promql_expr_test: [{expr: '(', eval_time: 1m}]}\n  - {}\n";
    let names = |only: &str| {
        let report = test("t.yml", text, Some(&Regex::new(only).unwrap()));
        let names: Vec<String> = report.tests.iter().map(|test| test.name.clone()).collect();
        (report.ok, names)
    };
    assert_eq!(names("o"), (false, vec!["one".to_owned(), "two".to_owned()]));
    assert_eq!(names("^one$"), (true, vec!["one".to_owned()]));
    assert_eq!(names("three"), (true, Vec::new()));
    let all = report(text);
    let lines: Vec<(&str, usize)> = all.tests.iter().map(|test| (test.name.as_str(), test.line)).collect();
    assert_eq!(lines, [("one", 2), ("two", 3), ("unnamed#2", 4)]);
}

#[test]
fn what_differs_is_told_with_its_line_and_with_what_came_instead() {
    let text = "tests:\n  - interval: 1m\n    input_series:\n      - {series: 'depth{x=\"1\"}', values: 1+1x9}\n      - {series: 'depth{x=\"2\"}', values: 5x9}\n    promql_expr_test:\n      - expr: depth\n        eval_time: 1m30s\n        exp_samples:\n          - {labels: 'depth{x=\"1\"}', value: 3}\n          - {labels: 'depth{x=\"2\"}', value: 5}\n";
    let found = report(text);
    let expected = Failure {
        line: 7,
        what: "expression `depth` at 1m30s".to_owned(),
        problem: None,
        missing: vec!["depth{x=\"1\"} 3".to_owned()],
        unexpected: vec!["depth{x=\"1\"} 2".to_owned()],
        as_expected: 1,
    };
    assert_eq!(found.tests[0].failures, [expected]);
}

#[test]
fn native_histograms_are_refused_by_name() {
    let text = "tests:\n  - input_series: [{series: depth, values: '{{schema:0}}'}]\n";
    let failure = &report(text).tests[0].failures[0];
    assert!(
        failure
            .problem
            .as_ref()
            .is_some_and(|said| said.contains("native histograms")),
        "{failure:?}"
    );
    let found = asked(
        "",
        "",
        "expr: depth, eval_time: 1m, exp_samples: [{labels: depth, histogram: '{{schema:0}}'}]",
    );
    assert!(format!("{:?}", found.tests[0].failures).contains("native histograms"));
}

#[test]
fn every_problem_of_a_file_is_told_with_its_place_and_what_to_do() {
    let found = report("test: []\nevaluation_interval: 5\ntests:\n  - interval: 1x\n    alert_rule_tests: []\n");
    let said = found.problems.to_string();
    for part in [
        "t.yml:1:1: unknown field `test` in a test file",
        "did you mean `tests`?",
        "t.yml:2:22: `evaluation_interval`: `5` is no duration",
        "a number needs its unit: `5s` or `5m`",
        "t.yml:4:15: `interval`",
        "did you mean `alert_rule_test`?",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!found.ok && found.tests.is_empty());
}

#[test]
fn a_test_that_would_run_for_hours_is_refused() {
    let text = "evaluation_interval: 1s\ntests:\n  - promql_expr_test: [{expr: '1', eval_time: 1y}]\n";
    let failure = &report(text).tests[0].failures[0];
    assert!(
        failure
            .problem
            .as_ref()
            .is_some_and(|said| said.contains("1000000 evaluations")),
        "{failure:?}"
    );
}
