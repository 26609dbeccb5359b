//! What is refused, and where.

use std::cell::Cell;

use super::*;
use crate::engine::EvalErrorKind as Kind;

fn twins() -> Memory {
    load(
        MINUTE,
        &[
            (r#"a{x="1"}"#, &[1.0, STALE()]),
            (r#"b{x="1"}"#, &[NONE, 2.0, 2.0]),
            (r#"c{x="1",y="1"}"#, &[1.0, 1.0, 1.0]),
            (r#"c{x="1",y="2"}"#, &[1.0, 1.0, 1.0]),
            (r#"d{x="1"}"#, &[1.0, 1.0, 1.0]),
        ],
    )
}

#[test]
fn two_elements_that_become_the_same_fail_the_expression_and_are_named() {
    let memory = load(MINUTE, &[(r#"a{x="1"}"#, &[1.0, 2.0]), (r#"b{x="1"}"#, &[2.0, 3.0])]);
    for text in [
        r#"-{x="1"}"#,
        r#"{x="1"} + 1"#,
        r#"abs({x="1"})"#,
        r#"rate({x="1"}[5m])"#,
        r#"sum_over_time({x="1"}[5m:1m])"#,
        r#"timestamp({x="1"})"#,
        r#"label_replace({x="1"}, "__name__", "c", "", "")"#,
        r#"label_join({x="1"}, "__name__", "", "x")"#,
    ] {
        let error = refused(&memory, 60, text);
        assert_eq!(error.kind, Kind::DuplicateLabels, "{text}");
        assert_eq!(error.message, "vector cannot contain metrics with the same labelset");
        assert!(
            error.to_string().contains(r#"a{x="1"} and b{x="1"} both become "#),
            "{error}"
        );
        assert_eq!((error.span.start, error.span.end), (0, text.len()), "{text}");
    }
    assert_eq!(elements(&memory, 60, r#"last_over_time({x="1"}[5m])"#).len(), 2);
}

#[test]
fn elements_that_become_the_same_at_different_moments_are_one_series() {
    let memory = twins();
    let found = series(&memory, [0, 120, 60], r#"-{__name__=~"a|b"}"#);
    assert_eq!(found, [r#"{x="1"} 0:-1 60:-2 120:-2"#]);
    // Functions over ranges are stricter.
    let error = ask_range(&memory, [0, 120, 60], r#"sum_over_time({__name__=~"a|b"}[30s])"#).unwrap_err();
    assert_eq!(error.kind, Kind::DuplicateLabels);
}

#[test]
fn several_on_the_one_side_are_refused_with_both_named() {
    let error = refused(&twins(), 60, "d + on(x) c");
    assert_eq!(error.kind, Kind::ManyToMany);
    assert_eq!(
        error.message,
        r#"found duplicate series for the match group {x="1"} on the right hand-side of the operation: [{__name__="c", x="1", y="1"}, {__name__="c", x="1", y="2"}];many-to-many matching not allowed: matching labels must be unique on one side"#
    );
    let left = refused(&twins(), 60, "c + on(x) group_right d");
    assert!(left.message.contains("on the left hand-side"), "{left}");
}

#[test]
fn several_on_the_many_side_need_group_left() {
    let error = refused(&twins(), 60, "c + on(x) d");
    assert_eq!(error.kind, Kind::MultipleMatches);
    assert_eq!(
        error.message,
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    );
    assert_eq!(elements(&twins(), 60, "c + on(x) group_left d").len(), 2);
    // A comparison that filters everything away is refused all the same.
    assert_eq!(refused(&twins(), 60, "c > on(x) d").kind, Kind::MultipleMatches);
}

#[test]
fn group_left_must_leave_its_elements_different() {
    let error = refused(&twins(), 60, "c + on(x) group_left(y) d");
    assert_eq!(error.kind, Kind::MultipleMatches);
    assert_eq!(
        error.message,
        "multiple matches for labels: grouping labels must ensure unique matches"
    );
}

#[test]
fn an_ambiguity_counts_only_when_both_elements_are_there_at_once() {
    let memory = load(
        MINUTE,
        &[
            (r#"one{x="1",y="1"}"#, &[10.0, STALE()]),
            (r#"one{x="1",y="2"}"#, &[NONE, 20.0, 20.0]),
            (r#"many{x="1"}"#, &[1.0, 2.0, 3.0]),
        ],
    );
    assert_eq!(
        series(&memory, [0, 120, 60], "many + on(x) group_left(y) one"),
        [r#"{x="1", y="1"} 0:11"#, r#"{x="1", y="2"} 60:22 120:23"#]
    );
    assert_eq!(
        series(&memory, [0, 120, 60], "many + on(x) one"),
        [r#"{x="1"} 0:11 60:22 120:23"#]
    );
    assert_eq!(elements(&memory, 60, "many + on(x) one"), [r#"{x="1"} 22"#]);
    // Nothing on the left: nothing to refuse on the right.
    assert_eq!(elements(&twins(), 60, "nothing + on(x) c"), Vec::<String>::new());
}

#[test]
fn too_many_samples_are_refused_where_they_are_read() {
    let values = vec![1.0; 100];
    let memory = load(1, &[(r#"a{x="1"}"#, &values), (r#"a{x="2"}"#, &values)]);
    let limited = Options { samples: 150, ..PLENTY };
    let text = "1 + sum(rate(a[5m]))";
    let error = Query::new(parse(text).unwrap())
        .instant(&memory, 99_000, &limited)
        .unwrap_err();
    assert_eq!(error.kind, Kind::SampleLimit);
    assert!(error.message.contains("150"), "{error}");
    assert_eq!(&text[error.span.start..error.span.end], "a[5m]");
}

#[test]
fn too_many_elements_are_refused_before_memory_is_taken() {
    let memory = load(MINUTE, &[("a", &[1.0])]);
    let end = 1_000_000_000_000;
    for text in [
        "a",
        "time()",
        "1",
        "vector(1)",
        "a @ 5 + 1",
        "max_over_time(vector(1)[200y:1ms])",
        "max_over_time((nothing and nothing)[200y:1ms])",
        "rate(nothing[5m])",
        "max_over_time(max_over_time(max_over_time(a[9y:1s])[9y:1s])[9y:1s])",
    ] {
        let error = Query::new(parse(text).unwrap())
            .range(&memory, 0, end, 1, &PLENTY)
            .unwrap_err();
        assert_eq!(error.kind, Kind::ElementLimit, "{text}");
    }
}

#[test]
fn a_selector_of_everything_is_refused_with_the_limit_and_its_place() {
    let names: Vec<String> = (0..1000)
        .map(|number| format!("many_{}{{i=\"{number}\"}}", number % 7))
        .collect();
    let series: Vec<(&str, &[f64])> = names.iter().map(|name| (name.as_str(), &[1.0, 2.0][..])).collect();
    let memory = load(MINUTE, &series);
    let few_samples = Options { samples: 500, ..PLENTY };
    let few_elements = Options {
        elements: 1500,
        ..PLENTY
    };
    let everything = r#"{__name__=~".+"}"#;
    for (options, limit, text, place) in [
        (few_samples, Kind::SampleLimit, "1 + X", "X"),
        (few_samples, Kind::SampleLimit, "sum(rate(X[5m]))", "X[5m]"),
        (few_elements, Kind::ElementLimit, "X * on() group_left X", "X"),
        (few_elements, Kind::ElementLimit, "sum(X or X)", "X"),
        (few_elements, Kind::ElementLimit, "max(max_over_time(X[1h:1s]))", "X"),
    ] {
        let text = text.replace('X', everything);
        let error = Query::new(parse(&text).unwrap())
            .instant(&memory, 60_000, &options)
            .unwrap_err();
        assert_eq!(error.kind, limit, "{text}");
        let number = if limit == Kind::SampleLimit { "500" } else { "1500" };
        assert!(error.message.contains(&format!("limit of {number}")), "{error}");
        assert_eq!(
            &text[error.span.start..error.span.end],
            place.replace('X', everything),
            "{text}"
        );
    }
}

/// `inner` in the calls that a short request would fill all memory with.
fn multiplied(inner: &str, levels: usize, call: impl Fn(&str) -> String) -> String {
    (0..levels).fold(inner.to_owned(), |text, _| call(&text))
}

#[test]
fn a_label_that_grows_with_every_call_is_refused_where_it_is_too_long() {
    let memory = load(MINUTE, &[(r#"a{x="0123456789"}"#, &[1.0])]);
    let replaced = |inner: &str| format!(r#"label_replace({inner}, "x", "{}", "x", "(.*)")"#, "$1".repeat(30));
    let joined = |inner: &str| format!(r#"label_join({inner}, "x", "", {})"#, [r#""x""#; 30].join(", "));
    for text in [multiplied("a", 6, replaced), multiplied("a", 6, joined)] {
        let error = refused(&memory, 0, &text);
        assert_eq!(error.kind, Kind::LabelLimit);
        assert!(error.message.contains("65536 bytes"), "{error}");
        // Ten bytes become 300, 9,000 and then too many: the third call from within.
        let place = &text[error.span.start..error.span.end];
        assert_eq!(place.matches("label_").count(), 3, "{place}");
    }
}

#[test]
fn the_labels_that_a_query_makes_are_limited_together() {
    let names: Vec<String> = (0..100).map(|number| format!("a{{i=\"{number}\"}}")).collect();
    let series: Vec<(&str, &[f64])> = names.iter().map(|name| (name.as_str(), &[1.0][..])).collect();
    let memory = load(MINUTE, &series);
    let limited = Options {
        elements: 10_000,
        ..PLENTY
    };
    let text = |bytes: usize| format!(r#"1 + label_replace(a, "x", "{}", "", "")"#, "x".repeat(bytes));
    let ask = |text: &str| Query::new(parse(text).unwrap()).instant(&memory, 0, &limited);
    assert!(ask(&text(1_500)).is_ok());
    let error = ask(&text(1_700)).unwrap_err();
    assert_eq!(error.kind, Kind::LabelLimit);
    assert!(error.message.contains("limit of 160000 bytes"), "{error}");
    assert_eq!(error.span.start, 4);
}

#[test]
fn a_query_stops_when_told_to() {
    let memory = load(MINUTE, &[("a", &[1.0])]);
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let options = Options {
        elements: usize::MAX,
        stop: &stop,
        ..PLENTY
    };
    for text in [
        "max_over_time(quantile_over_time(0.5, (a @ 0)[1d:1s])[1d:1s])",
        "stddev_over_time((2 ^ vector(time()))[90d:1s])",
        "topk(1, a) and sum_over_time(abs(vector(time()))[9d:1s])",
    ] {
        asked.set(0);
        let error = Query::new(parse(text).unwrap())
            .instant(&memory, 0, &options)
            .unwrap_err();
        assert_eq!(error.kind, Kind::Stopped, "{text}");
        assert_eq!(asked.get(), 4, "{text}");
    }
}

#[test]
fn values_are_counted_by_a_label_that_has_a_name() {
    let error = refused(&load(MINUTE, &[("a", &[1.0])]), 0, r#"count_values("", a)"#);
    assert_eq!(error.kind, Kind::Parameter);
    assert!(error.message.starts_with(r#"invalid label name """#), "{error}");
}

#[test]
fn texts_and_ranges_have_no_values_at_moments() {
    let memory = Memory::new();
    assert_eq!(
        ask(&memory, 0, r#""text""#).unwrap().value,
        Value::String("text".into())
    );
    for text in [r#""text""#, "a[5m]", "a[5m:1m]"] {
        let error = ask_range(&memory, [0, 60, 60], text).unwrap_err();
        assert_eq!(error.kind, Kind::Type, "{text}");
    }
}

/// What threads of a runtime have, of which an optimised build needs less than half. A build without optimisation needs twice as much.
const SMALL_STACK: usize = if cfg!(debug_assertions) { 4 << 20 } else { 2 << 20 };

#[test]
#[expect(clippy::disallowed_methods, reason = "a thread whose stack is known, joined at once")]
fn the_deepest_expressions_that_can_be_read_are_evaluated_on_a_small_stack() {
    let deep = |open: &str, inner: &str, close: &str| {
        // As deep as the parser lets it be.
        let text = |depth: usize| format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
        let deepest = (1..).take_while(|depth| parse(&text(*depth)).is_ok()).last().unwrap();
        assert!(deepest > 30, "{open} only {deepest} deep");
        text(deepest)
    };
    let texts = [
        deep("(", "a", ")"),
        deep("-", "a", ""),
        deep("1+", "a", ""),
        deep("", "a", " + a"),
        deep("", "1", " + time()"),
        deep("a and (", "a", ")"),
        deep("sum(", "a", ")"),
        deep("max_over_time(", "a", "[1m:1m])"),
        deep("vector(scalar(", "a", "))"),
        deep("label_replace(", "a", r#", "a", "", "", "")"#),
    ];
    let evaluate = move || {
        let memory = load(MINUTE, &[("a", &[1.0])]);
        for text in &texts {
            ask(&memory, 0, text).unwrap();
            ask_range(&memory, [0, 60, 60], text).unwrap();
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(SMALL_STACK)
        .spawn(evaluate)
        .unwrap();
    thread.join().unwrap();
}
