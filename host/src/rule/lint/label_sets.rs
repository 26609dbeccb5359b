//! Which labels the elements of an expression can have, as far as its text says.

use std::{collections::BTreeSet, sync::Arc};

use bellwether_promql::{
    ast::{Aggregate, AggregateOp, Binary, BinaryOp, Cardinality, Expr, ExprKind, Grouping},
    labels::BUCKET,
    signature::Function,
    value::ValueType,
};

/// The labels that an element can have at most; None: any.
pub(super) type LabelSet = Option<BTreeSet<Arc<str>>>;

/// A label by which elements are matched, that those of only one side can have; and which side. None: there is none, as far as
/// anybody can tell.
pub(super) fn unmatched(binary: &Binary) -> Option<(Arc<str>, &'static str)> {
    let are_vectors = [&binary.lhs, &binary.rhs]
        .iter()
        .all(|side| side.value_type() == ValueType::Vector);
    if !are_vectors || binary.op == BinaryOp::Or {
        return None;
    }
    let (left, right) = (of(&binary.lhs)?, of(&binary.rhs)?);
    // What has no labels at all matches nothing but its like, unless it was made to: that is said of any label.
    let listed = |label: &&Arc<str>| binary.matching.labels.contains(label) == binary.matching.on;
    let only = |own: &BTreeSet<Arc<str>>, other: &BTreeSet<Arc<str>>| own.difference(other).find(listed).cloned();
    only(&left, &right)
        .map(|label| (label, "left"))
        .or_else(|| only(&right, &left).map(|label| (label, "right")))
}

/// Whether an aggregation chooses elements instead of making one for each group.
pub(super) const fn keeps_elements(op: AggregateOp) -> bool {
    matches!(op, AggregateOp::Topk | AggregateOp::Bottomk)
}

/// The labels that elements of `expr` can have.
pub(super) fn of(expr: &Expr) -> LabelSet {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => Some(BTreeSet::new()),
        ExprKind::Selector(_) | ExprKind::Range { .. } => None,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => of(inner),
        ExprKind::Subquery(subquery) => of(&subquery.expr),
        ExprKind::Aggregate(aggregate) => aggregated(aggregate),
        ExprKind::Call { function, args } => called(*function, args),
        ExprKind::Binary(binary) => matched(binary),
    }
}

fn aggregated(aggregate: &Aggregate) -> LabelSet {
    let inner = of(&aggregate.expr);
    if keeps_elements(aggregate.op) {
        return inner;
    }
    let mut labels = match (&aggregate.grouping, inner) {
        (Grouping::By(labels), None) => labels.iter().cloned().collect(),
        (Grouping::By(labels), Some(inner)) => labels.iter().filter(|label| inner.contains(*label)).cloned().collect(),
        (Grouping::Without(labels), Some(inner)) => inner
            .into_iter()
            .filter(|label| !labels.contains(label))
            .collect::<BTreeSet<_>>(),
        (Grouping::Without(_), None) => return None,
    };
    if let (AggregateOp::CountValues, Some(ExprKind::String(label))) =
        (aggregate.op, aggregate.param.as_ref().map(|param| &param.kind))
    {
        labels.insert(Arc::clone(label));
    }
    Some(labels)
}

fn called(function: Function, args: &[Expr]) -> LabelSet {
    match function {
        Function::Vector | Function::Time | Function::Pi | Function::Scalar => Some(BTreeSet::new()),
        Function::LabelReplace | Function::LabelJoin => {
            let mut labels = of(args.first()?)?;
            if let Some(ExprKind::String(made)) = args.get(1).map(|made| &made.kind) {
                labels.insert(Arc::clone(made));
            }
            Some(labels)
        }
        Function::HistogramQuantile | Function::HistogramFraction => {
            let mut labels = of(args.last()?)?;
            labels.remove(BUCKET);
            Some(labels)
        }
        // Of the matchers, which is not worth following here.
        Function::Absent | Function::AbsentOverTime => None,
        _ => {
            let vector = args
                .iter()
                .find(|arg| matches!(arg.value_type(), ValueType::Vector | ValueType::Matrix));
            // Without an argument the functions of dates take the time.
            vector.map_or_else(|| Some(BTreeSet::new()), of)
        }
    }
}

fn matched(binary: &Binary) -> LabelSet {
    match (binary.lhs.value_type(), binary.rhs.value_type()) {
        (ValueType::Scalar, _) => return of(&binary.rhs),
        (_, ValueType::Scalar) => return of(&binary.lhs),
        _ => {}
    }
    let matching = &binary.matching;
    let with = |many: &Expr| {
        let mut labels = of(many)?;
        labels.extend(matching.include.iter().cloned());
        Some(labels)
    };
    match (binary.op, matching.cardinality) {
        (BinaryOp::Or, _) => {
            let mut labels = of(&binary.lhs)?;
            labels.extend(of(&binary.rhs)?);
            Some(labels)
        }
        (op, _) if op.is_set() => of(&binary.lhs),
        (_, Cardinality::ManyToOne) => with(&binary.lhs),
        (_, Cardinality::OneToMany) => with(&binary.rhs),
        _ if matching.on => Some(matching.labels.iter().cloned().collect()),
        _ => {
            let labels = of(&binary.lhs)?.into_iter();
            Some(labels.filter(|label| !matching.labels.contains(label)).collect())
        }
    }
}
