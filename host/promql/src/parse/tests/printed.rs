//! What is printed parses to the same tree; nothing panics.

use proptest::prelude::*;

use super::*;
use crate::{ast::Matcher, signature::Function};

/// The structure without positions.
fn shape(expr: &Expr) -> String {
    let children = |exprs: &[&Expr]| exprs.iter().map(|expr| shape(expr)).collect::<Vec<_>>().join(", ");
    let matchers = |all: &[Matcher]| {
        format!(
            "{:?}",
            all.iter()
                .map(|one| (&one.name, one.op, &one.value))
                .collect::<Vec<_>>()
        )
    };
    match &expr.kind {
        ExprKind::Number(value) => format!("number {:?}", if value.is_nan() { 0 } else { value.to_bits() }),
        ExprKind::String(text) => format!("text {text:?}"),
        ExprKind::Paren(inner) => format!("paren [{}]", shape(inner)),
        ExprKind::Unary { negative, expr } => format!("sign {negative} [{}]", shape(expr)),
        ExprKind::Binary(one) => {
            let of = children(&[&one.lhs, &one.rhs]);
            format!("binary {:?} {} {:?} [{of}]", one.op, one.bool_modifier, one.matching)
        }
        ExprKind::Aggregate(one) => {
            let param = one.param.as_ref().map(shape);
            format!(
                "aggregate {:?} {:?} {param:?} [{}]",
                one.op,
                one.grouping,
                shape(&one.expr)
            )
        }
        ExprKind::Call { function, args } => {
            format!("call {function:?} [{}]", children(&args.iter().collect::<Vec<_>>()))
        }
        ExprKind::Selector(one) => format!("selector {:?} {} {:?}", one.name, matchers(&one.matchers), one.shift),
        ExprKind::Range { selector, range } => {
            format!(
                "range {range} {:?} {} {:?}",
                selector.name,
                matchers(&selector.matchers),
                selector.shift
            )
        }
        ExprKind::Subquery(one) => format!(
            "subquery {} {:?} {:?} [{}]",
            one.range,
            one.step,
            one.shift,
            shape(&one.expr)
        ),
    }
}

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>()
            .prop_filter("a literal", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        any::<u32>().prop_map(|value| value.to_string()),
        any::<u32>().prop_map(|value| format!("0x{value:x}")),
        duration_text(),
        Just("NaN".to_owned()),
        Just("-Inf".to_owned()),
    ]
}

fn duration_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[1-9][0-9]{0,3}(y|w|d|h|m|s|ms)",
        "[1-9][0-9]?d[0-9]{1,2}h[0-9]{1,4}m[0-9]{1,3}s[0-9]{1,4}ms",
        "[1-9][0-9]{0,8}",
        "[0-9]{1,5}\\.[0-9]{2}1",
    ]
}

fn quoted_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| quote(&text)),
        "'[a-z\"\\\\n]{0,5}'".prop_filter("closed", |text| parse(text).is_ok())
    ]
}

fn name_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_:][a-zA-Z0-9_:]{0,6}".prop_filter("no number", |name| parse(name)
            .is_ok_and(|expr| matches!(expr.kind, ExprKind::Selector(_)))),
        prop::sample::select(vec!["sum", "by", "offset", "and", "start", "anchored", "fill"]).prop_map(str::to_owned),
    ]
}

fn label_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "l[a-z0-9_]{0,4}",
        any::<String>()
            .prop_filter("a name", |name| !name.is_empty())
            .prop_map(|name| quote(&name))
    ]
}

fn labels_text() -> impl Strategy<Value = String> {
    prop::collection::vec(label_text(), 0..3).prop_map(|labels| format!("({})", labels.join(",")))
}

fn condition_text() -> impl Strategy<Value = String> {
    let op = prop::sample::select(vec!["=", "!="]);
    let regex = prop::sample::select(vec!["=~`a|b.*`", "!~\"x+\"", "=~`\\\\d`"]);
    prop_oneof![
        (label_text(), op, quoted_text()).prop_map(|(name, op, value)| format!("{name} {op} {value}")),
        (label_text(), regex).prop_map(|(name, regex)| format!("{name}{regex}")),
    ]
}

fn shift_text() -> impl Strategy<Value = String> {
    let offset = prop_oneof![
        Just(String::new()),
        duration_text().prop_map(|text| format!(" offset {text}")),
        duration_text().prop_map(|text| format!(" offset -{text}"))
    ];
    let at = prop_oneof![
        Just(String::new()),
        Just(" @ start()".to_owned()),
        Just(" @ end()".to_owned()),
        "-?[0-9]{1,11}\\.[0-9]{3}".prop_map(|at| format!(" @ {at}"))
    ];
    (offset, at, any::<bool>()).prop_map(|(offset, at, first)| {
        if first {
            format!("{offset}{at}")
        } else {
            format!("{at}{offset}")
        }
    })
}

fn metric_text() -> impl Strategy<Value = String> {
    let conditions = prop::collection::vec(condition_text(), 0..3)
        .prop_map(|all| all.join(", "))
        .boxed();
    prop_oneof![
        name_text(),
        (name_text(), conditions.clone()).prop_map(|(name, conditions)| format!("{name}{{{conditions}}}")),
        (any::<String>(), conditions).prop_map(|(name, conditions)| format!(
            "{{{}z, {conditions}}}",
            quote(&format!("x{name}"))
        )
        .replace("z, }", "}")
        .replace("z,", ",")),
    ]
    .prop_filter("no name twice", |text| selector(text).is_ok())
}

/// Instant vectors of any shape.
fn vector_text() -> impl Strategy<Value = String> {
    let leaf = (metric_text(), shift_text()).prop_map(|(metric, shift)| format!("{metric}{shift}"));
    leaf.prop_recursive(5, 40, 3, |inner| {
        let by = prop_oneof![
            Just(String::new()),
            labels_text().prop_map(|labels| format!(" by {labels}")),
            labels_text().prop_map(|labels| format!(" without {labels}"))
        ];
        let on = prop_oneof![
            Just(String::new()),
            labels_text().prop_map(|labels| format!("on {labels}")),
            Just("ignoring (a) group_left (b)".to_owned()),
            Just("on () group_right".to_owned()),
        ];
        let arithmetic = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!= bool", ">", "<= bool", "<",
        ]);
        let range = (metric_text(), duration_text(), shift_text())
            .prop_map(|(metric, range, shift)| format!("{metric}[{range}]{shift}"));
        let function = prop::sample::select(Function::ALL.to_vec());
        let over = prop::sample::select(vec!["rate", "avg_over_time", "changes", "absent_over_time"]);
        let sum = prop::sample::select(vec!["sum", "AVG", "count", "group"]);
        prop_oneof![
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("+ {a}")),
            (inner.clone(), arithmetic.clone(), on, inner.clone())
                .prop_map(|(a, op, on, b)| format!("{a} {op} {on} {b}")),
            (number_text(), arithmetic, inner.clone()).prop_map(|(number, op, a)| format!("{number}{op} {a}")),
            (
                inner.clone(),
                prop::sample::select(vec!["and", "or", "unless"]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (sum, by.clone(), inner.clone()).prop_map(|(sum, by, a)| format!("{sum}{by}({a})")),
            (number_text(), by, inner.clone()).prop_map(|(number, by, a)| format!("topk({number}, {a}){by}")),
            (quoted_text(), inner.clone()).prop_map(|(label, a)| format!("count_values({label}, {a})")),
            (over.clone(), range).prop_map(|(over, range)| format!("{over}({range})")),
            (over, inner.clone(), duration_text(), shift_text())
                .prop_map(|(over, a, range, shift)| format!("{over}(({a})[{range}:]{shift})")),
            (inner.clone(), duration_text()).prop_map(|(a, range)| format!("max_over_time(({a})[1h:{range}])")),
            (function, inner).prop_map(|(function, a)| {
                let signature = function.signature();
                match signature.args {
                    [ValueType::Vector] => format!("{}({a})", signature.name),
                    _ => format!("clamp_min({a}, 1)"),
                }
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same_tree(text in vector_text()) {
        let Ok(first) = parse(&text) else {
            // A label on both sides of `on` and `group_left`, an empty offset: refused for a reason.
            return Ok(());
        };
        let printed = first.to_string();
        let second = parse(&printed).map_err(|error| TestCaseError::fail(format!("{text} printed as {printed}: {error}")))?;
        prop_assert_eq!(shape(&first), shape(&second), "{} printed as {}", text, printed);
        prop_assert_eq!(&printed, &second.to_string());
    }

    #[test]
    fn most_generated_texts_are_expressions(texts in prop::collection::vec(vector_text(), 20)) {
        let fine = texts.iter().filter(|text| parse(text).is_ok()).count();
        prop_assert!(fine >= 12, "{fine} of 20 are expressions: {texts:?}");
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        if let Err(error) = parse(&text) {
            prop_assert!(error.span.end <= text.len());
        }
        let _ = selector(&text);
        let _ = series::description(&text);
        let _ = regex::anchored(&text);
        let _ = duration(&text);
    }

    #[test]
    fn any_sequence_of_pieces_is_answered(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12)) {
        let text = pieces.concat();
        match parse(&text) {
            Ok(expr) => prop_assert_eq!(shape(&expr), shape(&parse(&expr.to_string()).unwrap()), "{}", text),
            Err(error) => prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len()),
        }
        let _ = series::description(&text);
        let _ = regex::anchored(&text);
    }

    #[test]
    fn quoted_texts_are_read_back(text in any::<String>()) {
        prop_assert_eq!(super::text(&quote(&text)), text);
    }

    #[test]
    fn literal_patterns_match_themselves_quoted(text in "[^\\\\]*") {
        let compiled = regex::anchored(&format!("\\Q{text}\\E")).map_err(TestCaseError::fail)?;
        prop_assert!(compiled.is_match(&text));
    }
}

const PIECES: &[&str] = &[
    "a",
    "sum",
    "rate",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "5m",
    "1",
    ":",
    ",",
    "=",
    "=~",
    "!=",
    "==",
    "\"x\"",
    "`y`",
    "offset",
    "@",
    "by",
    "on",
    "group_left",
    "bool",
    "+",
    "-",
    "*",
    "^",
    "and",
    "or",
    " ",
    " ",
    " ",
    "start",
    "end",
    "_",
    "x5",
    "inf",
    "NaN",
    "0x",
    "1e",
    ".",
    "\\",
    "\\d",
    "*",
    "?",
    "{2}",
    "|",
    "[^",
    "(?i)",
    "(?P<n>",
    "#",
    "\n",
    "stale",
    "{{",
    "}}",
    "é",
    "step()",
    "a[5m]",
    "1h:",
    "'",
];
