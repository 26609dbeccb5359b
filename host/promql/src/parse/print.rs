//! Trees as text, so that parsing the text gives the same tree.
//!
//! Recursion is bounded by [`super::DEPTH`].

use std::{
    fmt::{Display, Formatter, Result},
    sync::Arc,
};

use super::{duration, strings::quote};
use crate::{
    ast::{Aggregate, At, Binary, Cardinality, Expr, ExprKind, Grouping, MatchOp, Matcher, Matching, Selector, Shift},
    labels::METRIC_NAME,
};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::Number(value) => number(f, *value),
            ExprKind::String(text) => f.write_str(&quote(text)),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary { negative, expr } => write!(f, "{}{expr}", if *negative { '-' } else { '+' }),
            ExprKind::Binary(binary) => self::binary(f, binary),
            ExprKind::Aggregate(aggregate) => self::aggregate(f, aggregate),
            ExprKind::Call { function, args } => {
                f.write_str(function.signature().name)?;
                f.write_str("(")?;
                joined(f, args, |f, arg| write!(f, "{arg}"))?;
                f.write_str(")")
            }
            ExprKind::Selector(selector) => {
                conditions(f, selector)?;
                shift(f, &selector.shift)
            }
            ExprKind::Range { selector, range } => {
                conditions(f, selector)?;
                write!(f, "[{}]", duration::print(*range))?;
                shift(f, &selector.shift)
            }
            ExprKind::Subquery(subquery) => {
                let step = subquery.step.map(duration::print).unwrap_or_default();
                write!(f, "{}[{}:{step}]", subquery.expr, duration::print(subquery.range))?;
                shift(f, &subquery.shift)
            }
        }
    }
}

/// Without exponent, as Prometheus prints it; but without a plus, which would be a sign before a power.
fn number(f: &mut Formatter<'_>, value: f64) -> Result {
    if value.is_infinite() {
        return f.write_str(if value > 0.0 { "Inf" } else { "-Inf" });
    }
    write!(f, "{value}")
}

fn joined<T>(f: &mut Formatter<'_>, items: &[T], print: impl Fn(&mut Formatter<'_>, &T) -> Result) -> Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        print(f, item)?;
    }
    Ok(())
}

fn binary(f: &mut Formatter<'_>, binary: &Binary) -> Result {
    write!(f, "{} {}", binary.lhs, binary.op.as_str())?;
    if binary.bool_modifier {
        f.write_str(" bool")?;
    }
    matching(f, &binary.matching)?;
    write!(f, " {}", binary.rhs)
}

fn matching(f: &mut Formatter<'_>, matching: &Matching) -> Result {
    let group = match matching.cardinality {
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
        Cardinality::ManyToOne => Some(" group_left "),
        Cardinality::OneToMany => Some(" group_right "),
    };
    if matching.on || !matching.labels.is_empty() || group.is_some() {
        f.write_str(if matching.on { " on " } else { " ignoring " })?;
        labels(f, &matching.labels)?;
    }
    if let Some(group) = group {
        f.write_str(group)?;
        labels(f, &matching.include)?;
    }
    Ok(())
}

fn aggregate(f: &mut Formatter<'_>, aggregate: &Aggregate) -> Result {
    f.write_str(aggregate.op.as_str())?;
    match &aggregate.grouping {
        Grouping::By(none) if none.is_empty() => {}
        Grouping::By(by) => {
            f.write_str(" by ")?;
            labels(f, by)?;
            f.write_str(" ")?;
        }
        Grouping::Without(without) => {
            f.write_str(" without ")?;
            labels(f, without)?;
            f.write_str(" ")?;
        }
    }
    match &aggregate.param {
        Some(param) => write!(f, "({param}, {})", aggregate.expr),
        None => write!(f, "({})", aggregate.expr),
    }
}

/// `(a, b)`.
fn labels(f: &mut Formatter<'_>, labels: &[Arc<str>]) -> Result {
    f.write_str("(")?;
    joined(f, labels, |f, name| {
        // Three words are no labels to the grammar of Prometheus unless quoted.
        let keyword = ["inf", "nan", "without"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word));
        if keyword {
            f.write_str(&quote(name))
        } else {
            label(f, name)
        }
    })?;
    f.write_str(")")
}

/// A name, quoted where it is no plain one.
fn label(f: &mut Formatter<'_>, name: &str) -> Result {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain && !name.starts_with(|c: char| c.is_ascii_digit()) {
        f.write_str(name)
    } else {
        f.write_str(&quote(name))
    }
}

/// `name{…}`.
fn conditions(f: &mut Formatter<'_>, selector: &Selector) -> Result {
    if let Some(name) = &selector.name {
        f.write_str(name)?;
    }
    let named = selector.name.is_some();
    let rest: Vec<&Matcher> = selector
        .matchers
        .iter()
        .filter(|one| !(named && &*one.name == METRIC_NAME))
        .collect();
    if rest.is_empty() {
        return Ok(());
    }
    f.write_str("{")?;
    joined(f, &rest, |f, matcher| write!(f, "{matcher}"))?;
    f.write_str("}")
}

impl Display for Matcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        label(f, &self.name)?;
        f.write_str(match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        })?;
        f.write_str(&quote(&self.value))
    }
}

fn shift(f: &mut Formatter<'_>, shift: &Shift) -> Result {
    match shift.at {
        Some(At::Time(millis)) => {
            let sign = if millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            write!(f, " @ {sign}{}.{:03}", millis / 1000, millis % 1000)?;
        }
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    if shift.offset != 0 {
        write!(f, " offset {}", duration::print(shift.offset))?;
    }
    Ok(())
}
