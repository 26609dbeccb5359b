//! Which functions, aggregations, operators and modifiers stand in an expression.

use std::collections::BTreeSet;

use bellwether_promql::{
    ast::{Cardinality, Expr, ExprKind, Grouping, Selector, Shift},
    parse::parse,
    signature::Function,
};

/// Not a word of the language: `timestamp` of a selector with `@` and `offset`.
pub(crate) const TIMESTAMP_FIXED_AND_SHIFTED: &str = "timestamp(@ offset)";

/// Nor this: an aggregation of the same vector at every moment, with a parameter that may differ.
pub(crate) const MOVING_PARAMETER_OF_FIXED: &str = "topk(moving, fixed)";

/// Nor this: `@` somewhere inside a subquery.
pub(crate) const FIXED_IN_SUBQUERY: &str = "(@)[:]";

/// All of them; none if it does not parse.
pub(crate) fn words_of(expression: &str) -> BTreeSet<&'static str> {
    let mut words = BTreeSet::new();
    if let Ok(expr) = parse(expression) {
        walk(&expr, &mut words);
    }
    words
}

fn walk(expr: &Expr, words: &mut BTreeSet<&'static str>) {
    match &expr.kind {
        ExprKind::Number(_) => {}
        ExprKind::String(_) => {}
        ExprKind::Paren(inner) => walk(inner, words),
        ExprKind::Unary { expr, .. } => {
            words.insert("sign");
            walk(expr, words);
        }
        ExprKind::Binary(binary) => {
            words.insert(binary.op.as_str());
            if binary.bool_modifier {
                words.insert("bool");
            }
            match binary.matching.cardinality {
                Cardinality::ManyToOne => words.insert("group_left"),
                Cardinality::OneToMany => words.insert("group_right"),
                Cardinality::OneToOne | Cardinality::ManyToMany => false,
            };
            if binary.matching.on {
                words.insert("on");
            } else if !binary.matching.labels.is_empty() {
                words.insert("ignoring");
            }
            walk(&binary.lhs, words);
            walk(&binary.rhs, words);
        }
        ExprKind::Aggregate(aggregate) => {
            words.insert(aggregate.op.as_str());
            words.insert(match aggregate.grouping {
                Grouping::By(_) => "by",
                Grouping::Without(_) => "without",
            });
            walk(&aggregate.expr, words);
            if let Some(param) = &aggregate.param {
                walk(param, words);
                if is_fixed(&aggregate.expr) && !is_fixed(param) {
                    words.insert(MOVING_PARAMETER_OF_FIXED);
                }
            }
        }
        ExprKind::Call { function, args } => {
            words.insert(function.signature().name);
            if *function == Function::Timestamp && args.iter().any(is_fixed_and_shifted) {
                words.insert(TIMESTAMP_FIXED_AND_SHIFTED);
            }
            args.iter().for_each(|arg| walk(arg, words));
        }
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => of_selector(selector, words),
        ExprKind::Subquery(subquery) => {
            words.insert("subquery");
            of_shift(&subquery.shift, words);
            let mut inside = BTreeSet::new();
            walk(&subquery.expr, &mut inside);
            if inside.contains("@") {
                inside.insert(FIXED_IN_SUBQUERY);
            }
            words.append(&mut inside);
        }
    }
}

/// Whether an expression is the same at every moment of a query.
fn is_fixed(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => is_fixed(inner),
        ExprKind::Binary(binary) => is_fixed(&binary.lhs) && is_fixed(&binary.rhs),
        ExprKind::Aggregate(aggregate) => is_fixed(&aggregate.expr),
        ExprKind::Call { function, args } => !matches!(function, Function::Time) && args.iter().all(is_fixed),
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => selector.shift.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.shift.at.is_some(),
    }
}

/// `a @ 1 offset 1m`, perhaps in parentheses.
fn is_fixed_and_shifted(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => is_fixed_and_shifted(inner),
        ExprKind::Selector(selector) => selector.shift.at.is_some() && selector.shift.offset != 0,
        _ => false,
    }
}

fn of_selector(selector: &Selector, words: &mut BTreeSet<&'static str>) {
    words.insert("selector");
    of_shift(&selector.shift, words);
}

fn of_shift(shift: &Shift, words: &mut BTreeSet<&'static str>) {
    if shift.offset != 0 {
        words.insert("offset");
    }
    if shift.at.is_some() {
        words.insert("@");
    }
}
