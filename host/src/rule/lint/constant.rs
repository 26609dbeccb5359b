//! Comparisons whose outcome nothing measured can change.

use bellwether_promql::{
    ast::{AggregateOp, Binary, BinaryOp, Expr, ExprKind},
    engine::{LOOKBACK, Options, Query},
    functions::binary,
    signature::Function,
    storage::memory::Memory,
    value::Value,
};

/// Most samples and elements of a constant expression.
const WORK_MAX: usize = 1_000;

/// Whether a comparison without any metric in it holds; None: there is one, or the time.
pub(super) fn outcome(expr: &Expr) -> Option<bool> {
    if !is_constant(expr) {
        return None;
    }
    let options = Options {
        lookback: LOOKBACK,
        default_step: LOOKBACK,
        samples: WORK_MAX,
        elements: WORK_MAX,
        stop: &|| false,
    };
    let answer = Query::new(expr.clone()).instant(&Memory::new(), 0, &options).ok()?;
    match answer.value {
        Value::Scalar(value) => Some(value != 0.0),
        Value::Vector(elements) => Some(elements.iter().any(|element| element.value != 0.0 || is_filter(expr))),
        Value::String(_) | Value::Matrix(_) => None,
    }
}

fn is_filter(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Binary(binary) if !binary.bool_modifier)
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) => true,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => is_constant(inner),
        ExprKind::Binary(binary) => is_constant(&binary.lhs) && is_constant(&binary.rhs),
        ExprKind::Call {
            function: Function::Vector | Function::Scalar | Function::Pi,
            args,
        } => args.iter().all(is_constant),
        _ => false,
    }
}

/// `count(x) == 0` and its kind: a count is at least one, `absent` is one.
pub(super) fn never_counts(comparison: &Binary) -> bool {
    if comparison.bool_modifier {
        return false;
    }
    let (Some(counted), Some(number)) = (counted(&comparison.lhs), number(&comparison.rhs)) else {
        return false;
    };
    let never_below = match comparison.op {
        BinaryOp::Equal => number < 1.0,
        BinaryOp::Less => number <= 1.0,
        BinaryOp::LessEqual => number < 1.0,
        _ => false,
    };
    match counted {
        Counted::Some => never_below,
        Counted::One => !binary::compare(comparison.op, 1.0, number),
    }
}

enum Counted {
    /// One or more.
    Some,
    /// One.
    One,
}

fn counted(expr: &Expr) -> Option<Counted> {
    match &expr.kind {
        ExprKind::Paren(inner) => counted(inner),
        ExprKind::Aggregate(aggregate) if aggregate.op == AggregateOp::Count => Some(Counted::Some),
        ExprKind::Aggregate(aggregate) if aggregate.op == AggregateOp::Group => Some(Counted::One),
        ExprKind::Call {
            function: Function::CountOverTime,
            ..
        } => Some(Counted::Some),
        ExprKind::Call {
            function: Function::Absent | Function::AbsentOverTime,
            ..
        } => Some(Counted::One),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Number(number) => Some(*number),
        ExprKind::Paren(inner) => number(inner),
        ExprKind::Unary { negative, expr } => number(expr).map(|number| if *negative { -number } else { number }),
        _ => None,
    }
}
