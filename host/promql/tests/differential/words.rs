//! Which functions, aggregations, operators and modifiers stand in an expression.

use std::collections::BTreeSet;

use bellwether_promql::{
    ast::{Cardinality, Expr, ExprKind, Grouping, Selector, Shift},
    parse::parse,
};

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
            }
        }
        ExprKind::Call { function, args } => {
            words.insert(function.signature().name);
            args.iter().for_each(|arg| walk(arg, words));
        }
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => of_selector(selector, words),
        ExprKind::Subquery(subquery) => {
            words.insert("subquery");
            of_shift(&subquery.shift, words);
            walk(&subquery.expr, words);
        }
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
