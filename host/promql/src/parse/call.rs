//! Calls of functions, and aggregations.

use super::{
    Fault, Typed,
    grammar::{Parser, article},
    suggest,
};
use crate::{
    ast::{Aggregate, AggregateOp, Expr, ExprKind, Grouping, Span},
    signature::{Function, Signature},
    value::ValueType,
};

/// All aggregations.
const AGGREGATIONS: [AggregateOp; 12] = [
    AggregateOp::Avg,
    AggregateOp::Bottomk,
    AggregateOp::Count,
    AggregateOp::CountValues,
    AggregateOp::Group,
    AggregateOp::Max,
    AggregateOp::Min,
    AggregateOp::Quantile,
    AggregateOp::Stddev,
    AggregateOp::Stdvar,
    AggregateOp::Sum,
    AggregateOp::Topk,
];

/// Aggregations of Prometheus that are refused.
const EXPERIMENTAL: [&str; 2] = ["limit_ratio", "limitk"];

fn aggregation(word: &str) -> Option<AggregateOp> {
    AGGREGATIONS
        .into_iter()
        .find(|op| word.eq_ignore_ascii_case(op.as_str()))
}

impl Parser<'_> {
    /// Whether the word that is next begins an aggregation, and is no metric.
    pub(super) fn is_aggregation(&self, word: &str) -> bool {
        let experimental = EXPERIMENTAL.iter().any(|name| word.eq_ignore_ascii_case(name));
        let follows = self.at_mark(1, "(") || self.at_keyword(1, "by") || self.at_keyword(1, "without");
        follows && (experimental || aggregation(word).is_some())
    }

    /// `sum by (x) (a)`, `sum(a) by (x)`.
    pub(super) fn aggregation(&mut self, word: &str) -> Result<Typed, Fault> {
        self.refuse(word)?;
        let start = self.span().start;
        let op = aggregation(word).unwrap_or(AggregateOp::Sum);
        self.advance();
        let before = self.grouping()?;
        let (args, arguments) = self.arguments(op.as_str())?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or(Grouping::By(Vec::new())),
        };
        let depth = deepest(&args);
        let (param, expr) = split_arguments(op, args, arguments)?;
        let aggregate = Aggregate {
            op,
            param,
            expr,
            grouping,
        };
        let span = self.since(start);
        self.grown(ExprKind::Aggregate(Box::new(aggregate)), span, ValueType::Vector, depth)
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, Fault> {
        if self.eat_keyword("by") {
            return Ok(Some(Grouping::By(self.label_list()?)));
        }
        if self.eat_keyword("without") {
            return Ok(Some(Grouping::Without(self.label_list()?)));
        }
        Ok(None)
    }

    /// `rate(a[5m])`, at the name.
    pub(super) fn call(&mut self, word: &str) -> Result<Typed, Fault> {
        let start = self.span().start;
        let Some(function) = Function::named(word) else {
            self.refuse(word)?;
            return Err(unknown(word, self.span()));
        };
        let signature = function.signature();
        self.advance();
        let (args, arguments) = self.arguments(signature.name)?;
        check_arguments(&signature, &args, arguments)?;
        let depth = deepest(&args);
        let call = ExprKind::Call {
            function,
            args: args.into_iter().map(|arg| arg.expr).collect(),
        };
        self.grown(call, self.since(start), signature.returns, depth)
    }

    /// `(a, b)`, and where it stands.
    fn arguments(&mut self, name: &str) -> Result<(Vec<Typed>, Span), Fault> {
        let start = self.span().start;
        self.expect("(", &format!("and arguments of `{name}`"))?;
        let mut args = Vec::new();
        if !self.eat(")") {
            loop {
                if !args.is_empty() && self.at_mark(0, ")") {
                    return Err(self
                        .unexpected("an argument")
                        .hint("no comma stands after the last argument"));
                }
                args.push(self.expression(0)?);
                if self.eat(")") {
                    break;
                }
                self.expect(",", "or `)`")?;
            }
        }
        Ok((args, self.since(start)))
    }
}

fn deepest(args: &[Typed]) -> usize {
    args.iter().map(|arg| arg.depth).max().unwrap_or(0)
}

/// The parameter and the vector of an aggregation.
fn split_arguments(op: AggregateOp, args: Vec<Typed>, span: Span) -> Result<(Option<Expr>, Expr), Fault> {
    let name = op.as_str();
    let wanted: &[ValueType] = match op {
        AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Quantile => &[ValueType::Scalar, ValueType::Vector],
        AggregateOp::CountValues => &[ValueType::String, ValueType::Vector],
        _ => &[ValueType::Vector],
    };
    if args.len() != wanted.len() {
        return Err(wrong_count(name, &wanted.len().to_string(), args.len(), span));
    }
    for (arg, wanted) in args.iter().zip(wanted) {
        check_type(name, arg, *wanted)?;
    }
    let mut args = args.into_iter().map(|arg| arg.expr);
    let first = args.next();
    match (first, args.next()) {
        (Some(param), Some(expr)) => Ok((Some(param), expr)),
        (Some(expr), None) => Ok((None, expr)),
        (None, _) => Err(wrong_count(name, "1", 0, span)),
    }
}

fn check_arguments(signature: &Signature, args: &[Typed], span: Span) -> Result<(), Fault> {
    let most = signature.args.len();
    let least = most - signature.optional - usize::from(signature.repeats);
    if args.len() < least || (args.len() > most && !signature.repeats) {
        let wanted = match (signature.repeats, least == most) {
            (true, _) => format!("at least {least}"),
            (false, true) => most.to_string(),
            (false, false) => format!("{least} to {most}"),
        };
        return Err(wrong_count(signature.name, &wanted, args.len(), span));
    }
    for (at, arg) in args.iter().enumerate() {
        if let Some(wanted) = signature.args.get(at).or(signature.args.last()) {
            check_type(signature.name, arg, *wanted)?;
        }
    }
    Ok(())
}

fn wrong_count(name: &str, wanted: &str, found: usize, span: Span) -> Fault {
    let plural = if wanted == "1" { "" } else { "s" };
    Fault::new(
        span,
        format!("`{name}` takes {wanted} argument{plural}, and here are {found}"),
    )
}

fn check_type(name: &str, arg: &Typed, wanted: ValueType) -> Result<(), Fault> {
    if arg.kind == wanted {
        return Ok(());
    }
    let message = format!(
        "`{name}` wants {} here, and this is {}",
        article(wanted),
        article(arg.kind)
    );
    let fault = Fault::new(arg.expr.span, message);
    Err(match (wanted, arg.kind) {
        (ValueType::Matrix, ValueType::Vector) => match arg.expr.kind {
            ExprKind::Selector(_) => fault.hint("a range makes it one: metric[5m]"),
            _ => fault.hint("a subquery makes it one: (…)[5m:1m]"),
        },
        (ValueType::Vector, ValueType::Matrix) => {
            fault.hint("rate, increase or avg_over_time make a vector of a range")
        }
        (ValueType::Vector, ValueType::Scalar) => fault.hint("vector(…) makes a vector of a scalar"),
        (ValueType::Scalar, ValueType::Vector) => fault.hint("scalar(…) makes a scalar of a vector"),
        _ => fault,
    })
}

fn unknown(word: &str, span: Span) -> Fault {
    let names = Function::ALL.iter().map(|function| function.signature().name);
    let names = names.chain(AGGREGATIONS.iter().map(|op| op.as_str()));
    let fault = Fault::new(span, format!("there is no function `{word}`"));
    match suggest::closest(word, names) {
        Some(name) => fault.hint(format!("did you mean `{name}`?")),
        None => fault,
    }
}
