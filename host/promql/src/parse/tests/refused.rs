//! Texts that are refused, where, and with which advice.

use super::*;

/// Text, column of the error, and a part of what it says.
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "there is no expression"),
    ("# only a comment", 17, "there is no expression"),
    ("a[0]", 3, "greater than 0"),
    ("a[-5m]", 3, "greater than 0"),
    ("a[1h:0]", 6, "greater than 0"),
    ("a[0.0001]", 3, "at least a millisecond"),
    ("a[1e20]", 3, "out of range"),
    ("a offset inf", 10, "`inf` stands where a duration was expected"),
    ("a offset NaN", 10, "where a duration was expected"),
    ("a offset 1e20", 10, "out of range"),
    ("a[300y]", 3, "longer than 292 years"),
    ("a[5m/0]", 5, "divided by zero"),
    ("a[5m%(1-1)]", 5, "divided by zero"),
    ("a[5m:1m", 8, "the expression ends where `]`"),
    ("a[5]m]", 5, "`m` stands where an operator or the end"),
    ("a[5 m]", 5, "where `]`"),
    ("a[1m5h]", 3, "`1m5h` is no duration"),
    ("a[1m1m]", 3, "is no duration"),
    ("a[1.5h]", 3, "neither a number nor a duration"),
    ("a[$__rate_interval]", 3, "dashboard variables"),
    ("a[step()]", 3, "`step()` depends on the query"),
    ("a offset range()", 10, "`range()` depends on the query"),
    ("a[5m][5m]", 6, "a range stands after a selector only"),
    ("(a)[5m]", 4, "a range stands after a selector only"),
    ("a offset 5m [5m]", 13, "the range goes before `offset`"),
    ("a @ 5 [5m]", 7, "the range goes before `@`"),
    (
        "1[5m:]",
        1,
        "a subquery is over an instant vector, and this is a scalar",
    ),
    ("a[5m][5m:]", 1, "and this is a range vector"),
    ("a offset 5m offset 5m", 13, "`offset` is given twice"),
    ("a @ 5 @ 6", 7, "`@` is given twice"),
    ("a @ start() @ 6", 13, "`@` is given twice"),
    ("sum(a) offset 5m", 8, "after a selector, a range or a subquery only"),
    ("1 @ 5", 3, "after a selector, a range or a subquery only"),
    ("a @ inf", 5, "out of range"),
    ("a @ NaN", 5, "out of range"),
    ("a @ 1e20", 5, "not milliseconds"),
    ("a @ -9223372036854775809", 5, "out of range"),
    ("a @ foo", 5, "start() or end()"),
    ("a{b=\"c\" or d=\"e\"}", 9, "alternatives are =~\"a|b\""),
    ("a{b==\"c\"}", 4, "labels are compared with `=`"),
    ("a{b=c}", 5, "a text in quotes"),
    ("a{,}", 3, "a label or `}`"),
    ("a{b:c=\"d\"}", 3, "a label with a colon is quoted"),
    ("a{\"b\"}", 3, "given twice: `a` and `b`"),
    ("a{__name__=~\"b\"}", 3, "given twice"),
    ("{}", 1, "every series"),
    ("{a=\"\"}", 1, "every series"),
    ("{a=~\".*\", b!=\"c\"}", 1, "every series"),
    ("a{b=~\"(\"}", 3, "is no regular expression"),
    ("a{b=~\"x++\"}", 3, "repeats a repetition"),
    ("a{\"\"=\"c\"}", 3, "a label has a name"),
    ("a = 1", 3, "compared with `==`"),
    ("a =~ \"x\"", 3, "where an operator or the end"),
    ("a ! b", 3, "`!=`, `!~` and `unless`"),
    ("a && b", 3, "called `and`"),
    ("a || b", 3, "called `or`"),
    ("a </ b", 3, "native histograms"),
    ("a + ", 5, "the expression ends where an expression"),
    ("(a", 3, "the expression ends where `)`"),
    ("a)", 2, "`)` stands where an operator or the end"),
    ("a b", 3, "`b` stands where an operator or the end"),
    ("1 == 2", 3, "compared with `== bool`"),
    ("a + bool b", 3, "`bool` is for comparisons"),
    ("a and 1", 3, "vector(…)"),
    ("a and on (x) group_left b", 3, "takes no group_left"),
    ("a + group_left b", 5, "goes before it"),
    (
        "a + on (x) group_left (x) b",
        26,
        "the label `x` stands in `on` and in the group",
    ),
    ("a + on (x) 1", 1, "between instant vectors, and one side is a scalar"),
    ("a + on x b", 8, "`(` and labels"),
    ("sum by (without) (a)", 9, "is quoted"),
    ("a + fill(0) b", 5, "`fill` is experimental"),
    ("a + on (x) fill_left(0) b", 12, "`fill_left` is experimental"),
    (
        "a[5m] + 1",
        1,
        "between scalars and instant vectors, and this is a range vector",
    ),
    ("-a[5m]", 1, "this is a range vector"),
    ("-\"x\"", 1, "this is a string"),
    ("\"a\" + 1", 1, "this is a string"),
    ("on", 1, "{__name__=\"on\"}"),
    ("bool + 1", 1, "{__name__=\"bool\"}"),
    ("rate(a)", 6, "metric[5m]"),
    ("rate(sum(a))", 6, "(…)[5m:1m]"),
    ("sum(a[5m])", 5, "make a vector of a range"),
    ("rate(a[5m], 1)", 5, "takes 1 argument, and here are 2"),
    ("sum()", 4, "takes 1 argument, and here are 0"),
    ("topk(a)", 5, "takes 2 arguments, and here are 1"),
    ("topk(a, a)", 6, "scalar(…) makes a scalar"),
    ("count_values(a, a)", 14, "wants a string"),
    ("round(a, 1, 2)", 6, "takes 1 to 2 arguments"),
    ("label_join(a)", 11, "takes at least 3 arguments"),
    ("abs(a,)", 7, "no comma stands after the last argument"),
    ("vector(a)", 8, "scalar(…)"),
    ("abs(1)", 5, "vector(…)"),
    ("Rate(a[5m])", 1, "did you mean `rate`?"),
    ("rat(a[5m])", 1, "did you mean `rate`?"),
    ("incraese(a[5m])", 1, "did you mean `increase`?"),
    ("histogram_quantil(0.9, a)", 1, "did you mean `histogram_quantile`?"),
    ("frobnicate(a)", 1, "there is no function `frobnicate`"),
    ("a:b(c)", 1, "there is no function `a:b`"),
    ("a[5m] anchored", 7, "`anchored` is experimental"),
    ("rate(a[5m] smoothed)", 12, "`smoothed` is experimental"),
    ("\"abc", 1, "is not closed"),
    ("'a\nb'", 1, "is not closed"),
    ("`abc", 1, "is not closed"),
    (r#""\d""#, 2, "in backquotes"),
    (r#""a\'b""#, 3, "`\\'` is no escape"),
    (r#""\400""#, 2, "above \\377"),
    (r#""\xff""#, 2, "not UTF-8"),
    (r#""\ud800""#, 2, "no character"),
    (r#""\x4""#, 2, "more digits"),
    ("1e999", 1, "out of the range of numbers"),
    ("1__0", 1, "neither a number nor a duration"),
    ("0x", 1, "is no duration"),
    ("1.2.3", 1, "neither a number nor a duration"),
    ("é", 1, "quote names"),
    ("“a”", 1, "plain quotes"),
    ("a;b", 2, "`;` stands"),
];

#[test]
fn errors_say_where_and_what() {
    for (text, column, said) in REFUSED {
        let error = error(text);
        let shown = error.to_string();
        assert!(shown.contains(said), "{text}: {shown}");
        let line = 1 + usize::from(text.starts_with("'a\nb") && *column == 0);
        assert_eq!((error.line, error.column), (line, *column), "{text}: {shown}");
        assert!(
            error.span.start <= error.span.end && error.span.end <= text.len(),
            "{text}: {:?}",
            error.span
        );
    }
}

#[test]
fn positions_are_lines_and_characters() {
    let error = error("sum(\n  \"é\" + # héé\n  rate(a)\n)");
    assert_eq!((error.line, error.column), (3, 8));
    assert!(error.to_string().starts_with("3:8: "), "{error}");
}

#[test]
fn what_is_experimental_or_native_is_refused_by_name_with_advice() {
    for call in [
        "limitk(1, a)",
        "LIMITK by (x) (1, a)",
        "limit_ratio(0.5, a)",
        "sort_by_label(a, \"x\")",
        "sort_by_label_desc(a, \"x\")",
        "info(a)",
        "mad_over_time(a[5m])",
        "double_exponential_smoothing(a[5m], 0.5, 0.5)",
        "holt_winters(a[5m], 0.5, 0.5)",
        "ts_of_first_over_time(a[5m])",
        "ts_of_last_over_time(a[5m])",
        "ts_of_min_over_time(a[5m])",
        "ts_of_max_over_time(a[5m])",
        "histogram_avg(a)",
        "histogram_count(a)",
        "histogram_sum(a)",
        "histogram_stddev(a)",
        "histogram_stdvar(a)",
        "histogram_quantiles(a, \"q\", 0.5)",
        "start_timestamp(a)",
        "start()",
        "end()",
        "step()",
        "range()",
        "max_of(1, 2)",
        "min_of(1, 2)",
        "count_scalar(a)",
    ] {
        let name = call.split(['(', ' ']).next().unwrap().to_lowercase();
        let error = error(call);
        assert!(error.message.starts_with(&format!("`{name}` ")), "{call}: {error}");
        assert!(error.hint.is_some(), "{call}: {error}");
        assert_eq!(error.column, 1);
    }
}
