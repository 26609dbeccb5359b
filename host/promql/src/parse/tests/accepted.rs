//! Texts that Prometheus accepts.

use super::*;

#[test]
fn words_of_the_language_are_metrics_where_an_operand_is_wanted() {
    for word in [
        "anchored",
        "smoothed",
        "by",
        "without",
        "offset",
        "and",
        "or",
        "unless",
        "start",
        "end",
        "step",
        "range",
        "fill",
        "fill_left",
        "fill_right",
        "sum",
        "count",
        "limitk",
        "limit_ratio",
        "topk",
        "max_of",
        "min_of",
        "group",
        "SUM",
        "quantile",
        "rate",
        "info",
    ] {
        assert_eq!(printed(word), word);
        assert_eq!(printed(&format!("{word}{{a=\"b\"}}")), format!("{word}{{a=\"b\"}}"));
        assert_eq!(printed(&format!("{word} + {word}")), format!("{word} + {word}"));
        assert_eq!(printed(&format!("rate({word}[5m])")), format!("rate({word}[5m])"));
    }
    assert_eq!(printed("and and and"), "and and and");
    assert_eq!(printed("offset offset 5m"), "offset offset 5m");
    assert_eq!(printed("sum == sum(sum)"), "sum == sum(sum)");
}

#[test]
fn words_of_the_language_are_labels_where_a_label_is_wanted() {
    let words = [
        "anchored",
        "smoothed",
        "on",
        "by",
        "bool",
        "start",
        "end",
        "step",
        "range",
        "and",
        "or",
        "unless",
        "atan2",
        "offset",
        "ignoring",
        "group_left",
        "group_right",
        "fill",
        "sum",
        "limitk",
        "max_of",
    ];
    for word in words {
        let text = format!("sum by ({word}) (a + on ({word}) group_left ({word}x) b)");
        assert_eq!(printed(&text), text);
    }
    for word in words.into_iter().chain(["inf", "nan", "without"]) {
        let selector = format!("a{{{word}=\"x\"}}");
        assert_eq!(printed(&selector), selector);
        let quoted = format!("sum by (\"{word}\") (a)");
        assert_eq!(printed(&printed(&quoted)), printed(&quoted));
    }
}

#[test]
fn keywords_and_aggregations_are_read_in_any_case() {
    assert_eq!(printed("SUM BY (a) (b)"), "sum by (a) (b)");
    assert_eq!(printed("a AND ON (x) b"), "a and on (x) b");
    assert_eq!(printed("a OFFSET 5m"), "a offset 5m");
    assert_eq!(printed("a == BOOL 1"), "a == bool 1");
    assert_eq!(printed("a @ START()"), "a @ start()");
}

#[test]
fn comments_and_blanks_stand_anywhere() {
    let text = "# first\nsum ( # inside\n rate(a{ # in braces\n b = \"c\", } [ 5m ] ) ) # last";
    assert_eq!(printed(text), "sum(rate(a{b=\"c\"}[5m]))");
    assert_eq!(printed("a#\r+ b"), "a + b");
}

#[test]
fn quoted_names_of_metrics_and_labels_are_names() {
    assert_eq!(printed("{\"my.metric\"}"), "{__name__=\"my.metric\"}");
    assert_eq!(
        printed("{\"my.metric\", \"a.b\"=\"c\",}"),
        "{__name__=\"my.metric\", \"a.b\"=\"c\"}"
    );
    assert_eq!(
        printed("sum by (\"a.b\", c) ({'x.y'})"),
        "sum by (\"a.b\", c) ({__name__=\"x.y\"})"
    );
    assert_eq!(printed("{`été`}"), "{__name__=\"été\"}");
}

#[test]
fn modifiers_stand_in_either_order() {
    let expected = "rate(a[5m] @ 100.000 offset 1h)";
    assert_eq!(printed("rate(a[5m] offset 1h @ 100)"), expected);
    assert_eq!(printed("rate(a[5m] @ 100 offset 1h)"), expected);
    assert_eq!(printed("a offset -1h @ end()"), "a @ end() offset -1h");
    assert_eq!(
        printed("max_over_time(a[1h:5m] offset 5m @ 1.5)"),
        "max_over_time(a[1h:5m] @ 1.500 offset 5m)"
    );
    assert_eq!(printed("a @ -0.5"), "a @ -0.500");
    assert_eq!(printed("a @ 5m"), "a @ 300.000");
}

#[test]
fn groupings_stand_before_or_after_the_arguments() {
    assert_eq!(printed("sum(a) by (x)"), printed("sum by (x) (a)"));
    assert_eq!(printed("topk(3, a) without (x, y,)"), "topk without (x, y) (3, a)");
    assert_eq!(printed("count_values(\"v\", a)"), "count_values(\"v\", a)");
    assert_eq!(printed("sum by () (a)"), "sum(a)");
    assert_eq!(printed("sum without () (a)"), "sum without () (a)");
    assert_eq!(printed("sum(a) by (x) > 1"), "sum by (x) (a) > 1");
}

#[test]
fn optional_and_repeated_arguments_may_be_left_out() {
    for text in [
        "day_of_month()",
        "day_of_month(a)",
        "round(a)",
        "round(a, 5)",
        "time()",
        "pi()",
    ] {
        assert_eq!(printed(text), text);
    }
    for text in [
        "label_join(a, \"x\", \",\")",
        "label_join(a, \"x\", \",\", \"p\", \"q\", \"r\")",
    ] {
        assert_eq!(printed(text), text);
    }
}

#[test]
fn subqueries_stand_after_any_vector() {
    for text in [
        "max_over_time(rate(a[5m])[1h:])",
        "max_over_time((a + b)[1h:1m])",
        "last_over_time(sum(a)[1h:1m])",
    ] {
        assert_eq!(printed(text), text);
    }
    assert_eq!(
        printed("last_over_time(a offset 5m [1h:])"),
        "last_over_time(a offset 5m[1h:])"
    );
}

#[test]
fn selectors_for_the_api_are_read_alone() {
    let matchers = selector("up{job=~\"a|b\"}").unwrap();
    let written: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["__name__=\"up\"", "job=~\"a|b\""]);
    assert!(selector("up[5m]").is_err());
    assert!(selector("up offset 5m").is_err());
    assert!(selector("{}").is_err());
    assert!(selector("sum(up)").is_err());
}
