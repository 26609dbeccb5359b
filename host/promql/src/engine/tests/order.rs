//! `topk`, `sort` and the parameters of aggregations.

use super::*;

fn five() -> Memory {
    load(
        MINUTE,
        &[
            (r#"a{g="x",i="1"}"#, &[3.0, 1.0]),
            (r#"a{g="x",i="2"}"#, &[f64::NAN, 2.0]),
            (r#"a{g="x",i="3"}"#, &[5.0, 3.0]),
            (r#"a{g="y",i="4"}"#, &[1.0, 9.0]),
            (r#"a{g="y",i="5"}"#, &[2.0, 8.0]),
        ],
    )
}

fn values(memory: &Memory, text: &str) -> Vec<String> {
    elements(memory, 0, text)
        .iter()
        .map(|element| element.rsplit(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn sort_goes_up_and_sort_desc_down_and_nan_comes_last() {
    assert_eq!(values(&five(), "sort(a)"), ["1", "2", "3", "5", "NaN"]);
    assert_eq!(values(&five(), "sort_desc(a)"), ["5", "3", "2", "1", "NaN"]);
}

#[test]
fn topk_and_bottomk_are_ordered_per_group_and_take_nan_only_when_nothing_else_is_left() {
    assert_eq!(values(&five(), "topk(2, a)"), ["5", "3"]);
    assert_eq!(values(&five(), "bottomk(2, a)"), ["1", "2"]);
    assert_eq!(values(&five(), "topk by (g) (2, a)"), ["5", "3", "2", "1"]);
    assert_eq!(values(&five(), "bottomk by (g) (9, a)"), ["3", "5", "NaN", "1", "2"]);
    assert_eq!(values(&five(), "topk(2.9, a)"), ["5", "3"]);
}

#[test]
fn topk_of_less_than_one_is_nothing_and_of_no_number_an_error() {
    assert_eq!(values(&five(), "topk(0.9, a)"), Vec::<String>::new());
    assert_eq!(values(&five(), "topk(-3, a)"), Vec::<String>::new());
    assert_eq!(refused(&five(), 0, "topk(NaN, a)").message, "Parameter value is NaN");
    assert_eq!(
        refused(&five(), 0, "topk(1e20, a)").message,
        "Scalar value 1e+20 overflows int64"
    );
}

#[test]
fn topk_in_a_range_query_chooses_anew_at_every_moment() {
    let found = series(&five(), [0, 60, 60], "topk(1, a)");
    assert_eq!(found, [r#"a{g="x", i="3"} 0:5"#, r#"a{g="y", i="4"} 60:9"#]);
    let counted = series(&five(), [0, 60, 60], "topk(scalar(topk(1, a{i='1'})), a{g='x'})");
    assert_eq!(
        counted,
        [
            r#"a{g="x", i="1"} 0:3"#,
            r#"a{g="x", i="2"} 0:NaN"#,
            r#"a{g="x", i="3"} 0:5 60:3"#
        ]
    );
}

#[test]
fn sort_in_a_range_query_does_nothing_but_say_so() {
    let answer = ask_range(&five(), [0, 60, 60], "sort(a)").unwrap();
    assert_eq!(
        answer.warnings,
        ["PromQL warning: sort is ineffective for range queries since results are always ordered by labels"]
    );
    let Value::Matrix(all) = answer.value else { panic!() };
    assert!(all.is_sorted_by(|a, b| a.labels <= b.labels));
}

#[test]
fn quantile_outside_of_its_range_is_infinite_and_noted_once() {
    let memory = five();
    assert_eq!(values(&memory, "quantile(0.5, a{i!='2'})"), ["2.5"]);
    for (quantile, value) in [("-1", "-inf"), ("2", "inf"), ("NaN", "NaN")] {
        let text = format!("quantile({quantile}, a)");
        assert_eq!(values(&memory, &text), [value]);
        let answer = ask_range(&memory, [0, 60, 60], &text).unwrap();
        assert_eq!(
            answer.warnings,
            [format!(
                "PromQL warning: quantile value should be between 0 and 1, got {quantile}"
            )]
        );
    }
}

#[test]
fn extremes_ignore_nan_unless_there_is_nothing_else() {
    let memory = five();
    assert_eq!(values(&memory, "max(a)"), ["5"]);
    assert_eq!(values(&memory, "min(a)"), ["1"]);
    assert_eq!(values(&memory, "max(a{i='2'})"), ["NaN"]);
    assert_eq!(values(&memory, "sum(a)"), ["NaN"]);
    assert_eq!(values(&memory, "avg(a{g='y'})"), ["1.5"]);
    assert_eq!(values(&memory, "stddev(a{g='y'})"), ["0.5"]);
    assert_eq!(values(&memory, "stdvar(a{g='y'})"), ["0.25"]);
    assert_eq!(values(&memory, "count(a)"), ["5"]);
}

#[test]
fn a_sum_does_not_lose_small_values_among_large_ones() {
    let memory = load(
        MINUTE,
        &[
            (r#"a{i="1"}"#, &[1e16]),
            (r#"a{i="2"}"#, &[1.0]),
            (r#"a{i="3"}"#, &[-1e16]),
        ],
    );
    assert_eq!(values(&memory, "sum(a)"), ["1"]);
}

#[test]
fn increase_of_what_is_no_counter_by_its_name_is_noted() {
    let memory = load(MINUTE, &[("a", &[1.0, 2.0]), ("a_total", &[1.0, 2.0])]);
    let answer = ask(&memory, 60, "rate(a[5m]) + on() rate(a_total[5m])").unwrap();
    assert_eq!(
        answer.warnings,
        [r#"PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a""#]
    );
    assert_eq!((answer.places[0].start, answer.places[0].end), (5, 10));
}
