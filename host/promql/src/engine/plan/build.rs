//! From untyped trees to typed ones.

use std::sync::Arc;

use super::{Evaluated, Plan, Scalar, ScalarKind, Vector, VectorKind};
use crate::{
    ast::{
        Aggregate, AggregateOp, Binary, Expr, ExprKind, Grouping, MatchOp, Matcher, Selector, Shift, Span,
        Subquery as SubqueryExpr,
    },
    engine::{
        EvalError, EvalErrorKind,
        aggregate::{CountValues, Group, Groups},
        binary::WithScalar,
        block::Relabel,
        call::{How, Map, Rewrite, is_calendar},
        histogram::Histogram,
        matching::{Match, Rule, Signatures},
        over::{RangeCall, Ranges, Subquery},
        select::Select,
        set::{SetMatch, Union},
        top::Top,
    },
    functions::label,
    labels::{Labels, METRIC_NAME},
    parse,
    signature::Function,
    value::ValueType,
};

type Built<T> = Result<T, EvalError>;

/// The plan of an expression.
///
/// # Errors
/// For a tree that is not well typed, and for parameters that make no sense whatever the series are.
pub(in crate::engine) fn build(expr: Expr) -> Built<Plan> {
    let expr = bare(expr);
    Ok(match (expr.value_type(), expr.kind) {
        (_, ExprKind::String(text)) => Plan::Text(text, expr.span),
        (ValueType::Scalar, kind) => Plan::Scalar(scalar(with(kind, expr.span))?),
        (ValueType::Matrix, kind) => Plan::Ranges(ranges(with(kind, expr.span))?),
        (_, kind) => Plan::Vector(vector(with(kind, expr.span))?),
    })
}

const fn with(kind: ExprKind, span: Span) -> Expr {
    Expr { kind, span }
}

/// Without parentheses around it.
fn bare(mut expr: Expr) -> Expr {
    while let ExprKind::Paren(inner) = expr.kind {
        expr = *inner;
    }
    expr
}

fn mistyped<T>(span: Span, wanted: ValueType) -> Built<T> {
    let message = format!("an expression of type {} belongs here", wanted.as_str());
    Err(EvalError::new(span, EvalErrorKind::Type, message))
}

fn scalar(expr: Expr) -> Built<Scalar> {
    let Expr { kind, span } = bare(expr);
    let (kind, invariant) = match kind {
        ExprKind::Number(number) => (ScalarKind::Number(number), true),
        ExprKind::Unary { negative, expr } => {
            let inner = scalar(*expr)?;
            if !negative {
                return Ok(inner);
            }
            let invariant = inner.invariant;
            (ScalarKind::Negate(Box::new(inner)), invariant)
        }
        ExprKind::Binary(binary) if !binary.op.is_set() => {
            let sides = [scalar(binary.lhs)?, scalar(binary.rhs)?];
            let invariant = sides.iter().all(|side| side.invariant);
            (ScalarKind::Binary(binary.op, Box::new(sides)), invariant)
        }
        ExprKind::Call { function, args } => scalar_call(function, args, span)?,
        _ => return mistyped(span, ValueType::Scalar),
    };
    let (kind, invariant) = (kind, invariant);
    Ok(Scalar { kind, span, invariant })
}

fn scalar_call(function: Function, args: Vec<Expr>, span: Span) -> Built<(ScalarKind, bool)> {
    let mut args = args.into_iter();
    Ok(match (function, args.next()) {
        (Function::Pi, None) => (ScalarKind::Number(std::f64::consts::PI), true),
        (Function::Time, None) => (ScalarKind::Time, false),
        (Function::Scalar, Some(arg)) => {
            let arg = vector(arg)?;
            let invariant = arg.invariant;
            (ScalarKind::OfVector(Box::new(arg)), invariant)
        }
        _ => return mistyped(span, ValueType::Scalar),
    })
}

fn vector(expr: Expr) -> Built<Vector> {
    let Expr { kind, span } = bare(expr);
    match kind {
        ExprKind::Selector(selector) => Ok(selected(selector, span)),
        ExprKind::Unary { negative, expr } => {
            let inner = vector(*expr)?;
            Ok(if negative { negated(inner, span) } else { inner })
        }
        ExprKind::Binary(binary) => operation(binary, span),
        ExprKind::Aggregate(aggregate) => node(aggregation(*aggregate), span),
        ExprKind::Call { function, args } => node(call(function, args, span), span),
        _ => mistyped(span, ValueType::Vector),
    }
}

fn node(built: Built<(VectorKind, bool)>, span: Span) -> Built<Vector> {
    built.map(|(kind, invariant)| Vector { kind, span, invariant })
}

fn selected(selector: Selector, span: Span) -> Vector {
    let invariant = selector.shift.at.is_some();
    let kind = VectorKind::Select(Select::new(selector, span));
    Vector { kind, span, invariant }
}

fn negated(inner: Vector, span: Span) -> Vector {
    let invariant = inner.invariant;
    let kind = VectorKind::Negate(Box::new((inner, Relabel::default())));
    Vector { kind, span, invariant }
}

/// Operands recurse one by one, each in a frame of its own: chains of operators are the deepest trees.
fn operation(binary: Box<Binary>, span: Span) -> Built<Vector> {
    let types = (binary.lhs.value_type(), binary.rhs.value_type());
    let (lhs, rhs, rule) = parts(binary, span);
    match types {
        (ValueType::Vector, ValueType::Scalar) if !rule.op.is_set() => {
            let vector = vector(lhs)?;
            scalar(rhs).map(|scalar| with_scalar(&rule, vector, scalar, false))
        }
        (ValueType::Scalar, ValueType::Vector) if !rule.op.is_set() => {
            let vector = vector(rhs)?;
            scalar(lhs).map(|scalar| with_scalar(&rule, vector, scalar, true))
        }
        _ => {
            let lhs = vector(lhs)?;
            vector(rhs).map(|rhs| between_vectors(rule, [lhs, rhs]))
        }
    }
}

fn parts(binary: Box<Binary>, span: Span) -> (Expr, Expr, Rule) {
    let Binary {
        lhs,
        rhs,
        op,
        bool_modifier,
        matching,
        ..
    } = *binary;
    let rule = Rule {
        op,
        bool_modifier,
        matching,
        span,
    };
    (lhs, rhs, rule)
}

/// Like the other functions that do not recurse, apart so that what is built here takes no stack while operands are.
fn between_vectors(rule: Rule, sides: [Vector; 2]) -> Vector {
    let invariant = sides.iter().all(|side| side.invariant);
    let span = rule.span;
    let kind = if rule.op.is_set() {
        VectorKind::Set(Box::new(SetMatch {
            op: rule.op,
            sides,
            matching: rule.matching,
            signatures: Signatures::default(),
            union: Union::default(),
        }))
    } else {
        VectorKind::Match(Box::new(Match {
            rule,
            sides,
            partners: None,
        }))
    };
    Vector { kind, span, invariant }
}

fn with_scalar(rule: &Rule, vector: Vector, scalar: Scalar, scalar_first: bool) -> Vector {
    let invariant = vector.invariant && scalar.invariant;
    let node = WithScalar {
        op: rule.op,
        vector,
        scalar,
        scalar_first,
        bool_modifier: rule.bool_modifier,
        names: Relabel::default(),
    };
    Vector {
        kind: VectorKind::WithScalar(Box::new(node)),
        span: rule.span,
        invariant,
    }
}

fn aggregation(aggregate: Aggregate) -> Built<(VectorKind, bool)> {
    let Aggregate {
        op,
        param,
        expr,
        grouping,
    } = aggregate;
    let arg = vector(expr)?;
    if op == AggregateOp::CountValues {
        return count_values(text(param, arg.span)?, arg, grouping);
    }
    let param = param.map(scalar).transpose()?;
    grouped(op, param, arg, grouping)
}

fn count_values(label: Arc<str>, arg: Vector, grouping: Grouping) -> Built<(VectorKind, bool)> {
    if label.is_empty() {
        let message = "invalid label name \"\": `count_values` needs the name of the label for the values";
        return Err(EvalError::new(arg.span, EvalErrorKind::Parameter, message));
    }
    let invariant = arg.invariant;
    let node = CountValues {
        label,
        arg,
        grouping,
        groups: Groups::default(),
    };
    Ok((VectorKind::CountValues(Box::new(node)), invariant))
}

fn grouped(op: AggregateOp, param: Option<Scalar>, arg: Vector, grouping: Grouping) -> Built<(VectorKind, bool)> {
    let groups = Groups::default();
    let invariant = arg.invariant && param.as_ref().is_none_or(|param| param.invariant);
    let kind = match (op, param) {
        (AggregateOp::Topk | AggregateOp::Bottomk, Some(param)) => VectorKind::Top(Box::new(Top {
            greatest: op == AggregateOp::Topk,
            param,
            arg,
            grouping,
            groups,
        })),
        (AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Quantile, None) => {
            return mistyped(arg.span, ValueType::Scalar);
        }
        (_, param) => VectorKind::Group(Box::new(Group {
            op,
            param,
            arg,
            grouping,
            groups,
        })),
    };
    Ok((kind, invariant))
}

/// The text of a literal.
fn text(expr: Option<Expr>, beside: Span) -> Built<Arc<str>> {
    let Some(expr) = expr else {
        return mistyped(beside, ValueType::String);
    };
    match bare(expr) {
        Expr {
            kind: ExprKind::String(text),
            ..
        } => Ok(text),
        other => mistyped(other.span, ValueType::String),
    }
}

fn call(function: Function, args: Vec<Expr>, span: Span) -> Built<(VectorKind, bool)> {
    let mut args = args.into_iter();
    let signature = function.signature();
    if is_calendar(function) && args.len() == 0 {
        return Ok((VectorKind::Now(function), false));
    }
    let Some(first) = args.next().map(bare) else {
        return mistyped(span, ValueType::Vector);
    };
    if signature.args.contains(&ValueType::Matrix) {
        return range_call(function, first, args.next(), span);
    }
    match function {
        Function::Absent => {
            let labels = absent_labels(&first);
            let arg = vector(first)?;
            let invariant = arg.invariant;
            Ok((VectorKind::Absent(Box::new(arg), labels), invariant))
        }
        Function::HistogramQuantile | Function::HistogramFraction => histogram(first, args.collect(), span),
        Function::LabelReplace | Function::LabelJoin => rewrite(function, first, args.collect(), span),
        Function::Sort | Function::SortDesc => {
            let arg = Box::new(vector(first)?);
            let invariant = arg.invariant;
            let descending = function == Function::SortDesc;
            Ok((VectorKind::Sort { arg, descending }, invariant))
        }
        Function::Timestamp => timestamp(first),
        Function::Vector => {
            let arg = scalar(first)?;
            let invariant = arg.invariant;
            Ok((VectorKind::OfScalar(Box::new(arg)), invariant))
        }
        _ => {
            let arg = vector(first)?;
            let params = args.map(scalar).collect::<Built<Vec<Scalar>>>()?;
            Ok(map(function, arg, params))
        }
    }
}

fn map(function: Function, arg: Vector, params: Vec<Scalar>) -> (VectorKind, bool) {
    let invariant = arg.invariant && params.iter().all(|param| param.invariant);
    let names = Relabel::default();
    let node = Map {
        function,
        arg,
        params,
        names,
    };
    (VectorKind::Map(Box::new(node)), invariant)
}

/// Of a selector the times of its samples, of anything else the times of evaluation.
fn timestamp(arg: Expr) -> Built<(VectorKind, bool)> {
    let names = Relabel::default();
    if let ExprKind::Selector(selector) = arg.kind {
        let invariant = selector.shift.at.is_some();
        let parts = (Select::new(selector, arg.span), names);
        return Ok((VectorKind::SampleTimes(Box::new(parts)), invariant));
    }
    Ok((VectorKind::EvalTimes(Box::new((vector(arg)?, names))), false))
}

fn range_call(function: Function, first: Expr, second: Option<Expr>, span: Span) -> Built<(VectorKind, bool)> {
    let arg_span = first.span;
    let absent = (function == Function::AbsentOverTime).then(|| absent_labels(&first));
    let (ranges, param) = match second {
        Some(second) if first.value_type() == ValueType::Scalar => (ranges(second)?, Some(scalar(first)?)),
        second => (ranges(first)?, second.map(scalar).transpose()?),
    };
    // What a line predicts depends on the moment it is asked at.
    let invariant = ranges_invariant(&ranges)
        && param.as_ref().is_none_or(|param| param.invariant)
        && function != Function::PredictLinear;
    if let Some(labels) = absent {
        return Ok((VectorKind::AbsentOverTime(Box::new(ranges), labels), invariant));
    }
    Ok((over(function, ranges, param, [arg_span, span]), invariant))
}

fn over(function: Function, ranges: Ranges, param: Option<Scalar>, [arg_span, span]: [Span; 2]) -> VectorKind {
    VectorKind::Range(Box::new(RangeCall {
        function,
        ranges,
        param,
        arg_span,
        span,
        names: Relabel::default(),
    }))
}

fn ranges(expr: Expr) -> Built<Ranges> {
    let Expr { kind, span } = bare(expr);
    match kind {
        ExprKind::Range { selector, range } => Ok(Ranges::Samples {
            select: Select::new(selector, span),
            range,
        }),
        ExprKind::Subquery(subquery) => {
            let SubqueryExpr {
                expr,
                range,
                step,
                shift,
            } = *subquery;
            let inner = match expr.value_type() {
                ValueType::Scalar => Evaluated::Scalar(scalar(expr)?),
                _ => Evaluated::Vector(vector(expr)?),
            };
            Ok(Ranges::Subquery(Box::new(Subquery {
                inner,
                range,
                step: step.map(|step| step.max(1)),
                shift,
                span,
            })))
        }
        _ => mistyped(span, ValueType::Matrix),
    }
}

fn ranges_invariant(ranges: &Ranges) -> bool {
    let shift: Shift = match ranges {
        Ranges::Samples { select, .. } => select.shift,
        Ranges::Subquery(subquery) => subquery.shift,
    };
    shift.at.is_some()
}

fn histogram(first: Expr, rest: Vec<Expr>, span: Span) -> Built<(VectorKind, bool)> {
    let mut numbers = vec![scalar(first)?];
    let mut rest = rest.into_iter();
    let Some(last) = rest.next_back() else {
        return mistyped(span, ValueType::Vector);
    };
    for number in rest {
        numbers.push(scalar(number)?);
    }
    let arg = vector(last)?;
    let invariant = arg.invariant && numbers.iter().all(|number| number.invariant);
    let node = Histogram {
        numbers,
        arg,
        known: None,
    };
    Ok((VectorKind::Histogram(Box::new(node)), invariant))
}

fn rewrite(function: Function, first: Expr, rest: Vec<Expr>, span: Span) -> Built<(VectorKind, bool)> {
    let texts = rest
        .into_iter()
        .map(|arg| text(Some(arg), span))
        .collect::<Built<Vec<Arc<str>>>>()?;
    let refuse = |message: String| EvalError::new(span, EvalErrorKind::Parameter, message);
    let how = match (function, &texts[..]) {
        (Function::LabelReplace, [destination, replacement, source, regex]) => {
            let matcher = parse::matcher("source", MatchOp::Regex, regex);
            let regex = matcher
                .ok()
                .and_then(|matcher| matcher.regex)
                .ok_or_else(|| refuse(format!("invalid regular expression in label_replace(): {regex}")))?;
            let replace = label::Replace::new(destination, replacement, source, regex);
            How::Replace(replace.map_err(|error| refuse(error.to_string()))?)
        }
        (Function::LabelJoin, [destination, separator, sources @ ..]) => {
            let join = label::Join::new(destination, separator, sources.iter().map(|source| &**source));
            How::Join(join.map_err(|error| refuse(error.to_string()))?)
        }
        _ => return mistyped(span, ValueType::String),
    };
    let arg = vector(first)?;
    let invariant = arg.invariant;
    let names = Relabel::default();
    Ok((VectorKind::Rewrite(Box::new(Rewrite { arg, how, names })), invariant))
}

/// The labels of the element that says that `expr` has none: what its selector asks for exactly.
fn absent_labels(expr: &Expr) -> Arc<[Labels]> {
    let matchers: &[Matcher] = match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => selector_matchers(selector),
        _ => &[],
    };
    let mut labels = Labels::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| &*matcher.name != METRIC_NAME) {
        // A label asked for in two ways has no one value, unless the exact one comes last: as Prometheus has it.
        let exact = matcher.op == MatchOp::Equal && !seen.contains(&&*matcher.name);
        if exact {
            seen.push(&matcher.name);
        }
        labels = labels.with(&matcher.name, if exact { &matcher.value } else { "" });
    }
    [labels].into()
}

fn selector_matchers(selector: &Selector) -> &[Matcher] {
    &selector.matchers
}
