//! What accepted texts mean.

use super::*;
use crate::ast::{BinaryOp, Cardinality, Selector, Shift};

/// With parentheses around every operation.
fn grouped(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary(binary) => {
            format!(
                "({} {} {})",
                grouped(&binary.lhs),
                binary.op.as_str(),
                grouped(&binary.rhs)
            )
        }
        ExprKind::Unary { negative, expr } => format!("({}{})", if *negative { '-' } else { '+' }, grouped(expr)),
        _ => expr.to_string(),
    }
}

fn groups(text: &str) -> String {
    grouped(&parse(text).unwrap())
}

fn shift(text: &str) -> Shift {
    match parse(text).unwrap().kind {
        ExprKind::Selector(Selector { shift, .. }) => shift,
        other => panic!("{other:?}"),
    }
}

fn range(text: &str) -> i64 {
    match parse(text).unwrap().kind {
        ExprKind::Range { range, .. } => range,
        other => panic!("{other:?}"),
    }
}

#[test]
fn operators_bind_as_in_prometheus() {
    assert_eq!(groups("a + b * c ^ d ^ e"), "(a + (b * (c ^ (d ^ e))))");
    assert_eq!(groups("a - b - c"), "((a - b) - c)");
    assert_eq!(groups("a / b % c atan2 d"), "(((a / b) % c) atan2 d)");
    assert_eq!(
        groups("a or b and c unless d or e"),
        "((a or ((b and c) unless d)) or e)"
    );
    assert_eq!(groups("a + b > c - d and e"), "(((a + b) > (c - d)) and e)");
    assert_eq!(groups("a < b < c"), "((a < b) < c)");
}

#[test]
fn a_sign_binds_as_tightly_as_multiplication() {
    assert_eq!(groups("-a ^ b"), "(-(a ^ b))");
    assert_eq!(groups("-a * b"), "((-a) * b)");
    assert_eq!(groups("-a + b"), "((-a) + b)");
    assert_eq!(groups("a ^ -b * c"), "((a ^ (-b)) * c)");
    assert_eq!(groups("a ^ -b ^ c"), "(a ^ (-(b ^ c)))");
    assert_eq!(groups("-a offset 5m"), "(-a offset 5m)");
    assert_eq!(groups("1 - -1"), "(1 - -1)");
    assert_eq!(groups("-1 ^ 2"), "(-(1 ^ 2))");
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    for (text, value) in [
        ("1_000", 1000.0),
        ("0x1_0", 16.0),
        ("0X_1f", 31.0),
        ("1_0.5_0e1_0", 10.5e10),
        ("017", 15.0),
        ("08", 8.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("9223372036854775808", 9_223_372_036_854_775_808.0),
        ("inf", f64::INFINITY),
        ("+Inf", f64::INFINITY),
        ("-INF", f64::NEG_INFINITY),
        ("5m", 300.0),
        ("-1h30m", -5400.0),
        ("1ms", 0.001),
        ("1y2w3d", 33_004_800.0),
        ("--2", 2.0),
    ] {
        assert_eq!(number(text), value, "{text}");
    }
    assert!(number("NaN").is_nan());
    assert!(number("-0").is_sign_negative());
}

#[test]
fn texts_are_unescaped_as_go_does() {
    for (written, meant) in [
        (r#""a\n\t\\\"\a\b\f\r\v""#, "a\n\t\\\"\u{7}\u{8}\u{c}\r\u{b}"),
        (r#"'\'"'"#, "'\""),
        (r#""\x41\101\u00e9\U0001F600""#, "AAé😀"),
        (r#""\xc3\xa9\303\251""#, "éé"),
        (r"`\d+\n\Q.\E`", r"\d+\n\Q.\E"),
        ("`two\nlines`", "two\nlines"),
        ("''", ""),
        (r#""\0001""#, "\u{0}1"),
    ] {
        assert_eq!(text(written), meant, "{written}");
    }
}

#[test]
fn durations_are_numbers_and_numbers_are_durations() {
    assert_eq!(range("a[300]"), 300_000);
    assert_eq!(range("a[1.5]"), 1_500);
    assert_eq!(range("a[0x1e]"), 30_000);
    assert_eq!(range("a[1h30m]"), 5_400_000);
    assert_eq!(range("a[1000000000000ms]"), 1_000_000_000_000);
    assert_eq!(range("a[0.0015]"), 1);
    assert_eq!(shift("a offset 5").offset, 5_000);
    assert_eq!(shift("a offset -5m").offset, -300_000);
    assert_eq!(shift("a offset +5m").offset, 300_000);
    assert_eq!(shift("a offset +-5m").offset, -300_000);
    assert_eq!(shift("a offset 0s").offset, 0);
}

#[test]
fn constant_duration_expressions_are_evaluated() {
    for (text, millis) in [
        ("a[5m*2]", 600_000),
        ("a[26m+4m]", 1_800_000),
        ("a[-5m+35m]", 1_800_000),
        ("a[24m+((1.5*2m)+2m)]", 1_740_000),
        ("a[1h30m % 1h]", 1_800_000),
        ("a[1h/2]", 1_800_000),
        ("a[2^3^0]", 2_000),
        ("a[-2^2+10]", 6_000),
        ("a[max_of(1m, 2m)]", 120_000),
        ("a[MIN_OF(1m, 2m) * 2]", 120_000),
    ] {
        assert_eq!(range(text), millis, "{text}");
    }
}

#[test]
fn step_and_range_are_those_of_the_query() {
    let around = Around {
        step: 15_000,
        range: 3_600_000,
    };
    let range = |text| match parse_for(text, around).unwrap().kind {
        ExprKind::Range { range, .. } => range,
        other => panic!("{other:?}"),
    };
    assert_eq!(range("a[step()]"), 15_000);
    assert_eq!(range("a[1+(STep()-5)*2]"), 21_000);
    assert_eq!(range("a[max_of(range ( ), 1m)]"), 3_600_000);
    assert_eq!(
        parse_for("a offset -step()*2", around).unwrap().to_string(),
        "a offset -15s * 2"
    );
    let instant = Around { step: 0, range: 0 };
    assert!(
        parse_for("a[step()]", instant)
            .unwrap_err()
            .message
            .contains("greater than 0")
    );
    assert_eq!(parse_for("a offset range()", instant).unwrap().to_string(), "a");
}

#[test]
fn an_offset_ends_at_its_literal_and_parentheses_reach_further() {
    assert_eq!(groups("a offset 100 + 2"), "(a offset 1m40s + 2)");
    assert_eq!(groups("a offset -2 ^ 2"), "(a offset -2s ^ 2)");
    assert_eq!(groups("a offset -(2m) * 2"), "(a offset -2m * 2)");
    assert_eq!(shift("a offset (100 + 2)").offset, 102_000);
    assert_eq!(shift("a offset (-2 ^ 2)").offset, -4_000);
    assert_eq!(shift("a offset (1m) + 3").offset, 63_000);
}

#[test]
fn every_part_knows_where_it_stands() {
    let written = " sum(rate(a{b=\"c\"}[5m])) / (x offset 5m) ";
    let expr = parse(written).unwrap();
    let ExprKind::Binary(binary) = &expr.kind else {
        panic!("{expr}")
    };
    let part = |span: Span| &written[span.start..span.end];
    assert_eq!(part(expr.span), written.trim());
    assert_eq!(part(binary.lhs.span), "sum(rate(a{b=\"c\"}[5m]))");
    assert_eq!(part(binary.op_span), "/");
    assert_eq!(part(binary.rhs.span), "(x offset 5m)");
    let ExprKind::Aggregate(sum) = &binary.lhs.kind else {
        panic!("{expr}")
    };
    let ExprKind::Call { args, .. } = &sum.expr.kind else {
        panic!("{expr}")
    };
    assert_eq!(part(args[0].span), "a{b=\"c\"}[5m]");
    let ExprKind::Range { selector, .. } = &args[0].kind else {
        panic!("{expr}")
    };
    let conditions: Vec<&str> = selector.matchers.iter().map(|matcher| part(matcher.span)).collect();
    assert_eq!(conditions, ["a", "b=\"c\""]);
}

#[test]
fn set_operators_are_many_to_many_and_scalars_have_no_matching() {
    let ExprKind::Binary(set) = parse("a and on (x) b").unwrap().kind else {
        panic!()
    };
    assert_eq!(
        (set.op, set.matching.cardinality),
        (BinaryOp::And, Cardinality::ManyToMany)
    );
    let ExprKind::Binary(scalar) = parse("a + on () 1").unwrap().kind else {
        panic!()
    };
    assert_eq!(scalar.matching, crate::ast::Matching::default());
}

#[test]
fn types_are_as_documented() {
    for (text, kind) in [
        ("1 + 2", ValueType::Scalar),
        ("(1)", ValueType::Scalar),
        ("\"x\"", ValueType::String),
        ("a + 1", ValueType::Vector),
        ("-a", ValueType::Vector),
        ("a[5m]", ValueType::Matrix),
        ("(a)[5m:]", ValueType::Matrix),
        ("time()", ValueType::Scalar),
        ("sum(a)", ValueType::Vector),
        ("1 == bool 2", ValueType::Scalar),
    ] {
        assert_eq!(parse(text).unwrap().value_type(), kind, "{text}");
    }
}
