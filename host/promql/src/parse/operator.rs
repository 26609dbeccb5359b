//! Operators between two operands, and how their elements find each other.

use std::sync::Arc;

use super::{
    Fault, Typed,
    grammar::{Parser, article},
    token::Kind,
};
use crate::{
    ast::{Binary, BinaryOp, Cardinality, ExprKind, Matching, Span},
    value::ValueType::{Scalar, Vector},
};

/// How tightly `^` binds; a sign's operand binds at least so.
pub(super) const POWER: u8 = 6;

/// Operators by how they are written and how tightly they bind.
const OPERATORS: [(&str, BinaryOp, u8); 16] = [
    ("or", BinaryOp::Or, 1),
    ("and", BinaryOp::And, 2),
    ("unless", BinaryOp::Unless, 2),
    ("==", BinaryOp::Equal, 3),
    ("!=", BinaryOp::NotEqual, 3),
    ("<=", BinaryOp::LessEqual, 3),
    ("<", BinaryOp::Less, 3),
    (">=", BinaryOp::GreaterEqual, 3),
    (">", BinaryOp::Greater, 3),
    ("+", BinaryOp::Add, 4),
    ("-", BinaryOp::Sub, 4),
    ("*", BinaryOp::Mul, 5),
    ("/", BinaryOp::Div, 5),
    ("%", BinaryOp::Mod, 5),
    ("atan2", BinaryOp::Atan2, 5),
    ("^", BinaryOp::Pow, POWER),
];

/// An operator of the text.
#[derive(Clone, Copy)]
pub(super) struct Operator {
    op: BinaryOp,
    pub(super) binds: u8,
    span: Span,
}

impl Parser<'_> {
    /// The next token, if it is an operator.
    pub(super) fn operator(&self) -> Option<Operator> {
        let find = |written: &str| OPERATORS.iter().find(|own| own.0.eq_ignore_ascii_case(written));
        let (_, op, binds) = match self.ahead(0) {
            Kind::Mark(mark) => find(mark)?,
            Kind::Word => find(self.word(0)?)?,
            _ => return None,
        };
        Some(Operator {
            op: *op,
            binds: *binds,
            span: self.span(),
        })
    }

    /// What stands right of `lhs`, beginning with the operator.
    pub(super) fn binary(&mut self, lhs: Typed, operator: Operator) -> Result<Typed, Fault> {
        self.advance();
        let bool_modifier = self.eat_keyword("bool");
        let matching = self.matching()?;
        self.no_fill()?;
        // `^` groups from the right, all others from the left.
        let right = if operator.op == BinaryOp::Pow {
            POWER
        } else {
            operator.binds + 1
        };
        let rhs = self.expression(right)?;
        let span = Span {
            start: lhs.expr.span.start,
            end: rhs.expr.span.end,
        };
        check_operands(&lhs, &rhs, operator, bool_modifier)?;
        let vectors = lhs.kind == Vector && rhs.kind == Vector;
        let matching = check_matching(matching, vectors, operator, span)?;
        let kind = if lhs.kind == Scalar && rhs.kind == Scalar {
            Scalar
        } else {
            Vector
        };
        let depth = lhs.depth.max(rhs.depth);
        let binary = Binary {
            lhs: lhs.expr,
            rhs: rhs.expr,
            op: operator.op,
            op_span: operator.span,
            bool_modifier,
            matching,
        };
        self.grown(ExprKind::Binary(Box::new(binary)), span, kind, depth)
    }

    /// `on (…) group_left (…)`.
    fn matching(&mut self) -> Result<Matching, Fault> {
        let mut matching = Matching::default();
        if self.eat_keyword("on") {
            matching.on = true;
        } else if !self.eat_keyword("ignoring") {
            return match self.word(0) {
                Some(word) if word.eq_ignore_ascii_case("group_left") || word.eq_ignore_ascii_case("group_right") => {
                    Err(self
                        .unexpected("an expression")
                        .hint("`on (…)` or `ignoring (…)` goes before it"))
                }
                _ => Ok(matching),
            };
        }
        matching.labels = self.label_list()?;
        if self.eat_keyword("group_left") {
            matching.cardinality = Cardinality::ManyToOne;
        } else if self.eat_keyword("group_right") {
            matching.cardinality = Cardinality::OneToMany;
        } else {
            return Ok(matching);
        }
        if self.at_mark(0, "(") {
            // `a * on (x) group_left (b)`: the labels, as Prometheus has it; an operand in parentheses needs `()` before.
            matching.include = self.label_list()?;
        }
        let span = self.since(self.behind());
        match matching
            .include
            .iter()
            .find(|label| matching.on && matching.labels.contains(label))
        {
            Some(label) => Err(
                Fault::new(span, format!("the label `{label}` stands in `on` and in the group"))
                    .hint("a label that is matched on is there already"),
            ),
            None => Ok(matching),
        }
    }

    /// `fill(0)` and its kind are a modifier only before a parenthesis.
    fn no_fill(&self) -> Result<(), Fault> {
        let fill = |word: &str| {
            ["fill", "fill_left", "fill_right"]
                .iter()
                .any(|own| word.eq_ignore_ascii_case(own))
        };
        match self.word(0) {
            Some(word) if fill(word) && self.at_mark(1, "(") => self.refuse(word),
            _ => Ok(()),
        }
    }

    /// `(a, b)`, of `by`, `on` and their kind.
    pub(super) fn label_list(&mut self) -> Result<Vec<Arc<str>>, Fault> {
        self.expect("(", "and labels")?;
        let mut labels: Vec<Arc<str>> = Vec::new();
        while !self.eat(")") {
            let label = match self.ahead(0) {
                Kind::Text(text) if !text.is_empty() => text.as_str().into(),
                Kind::Word => self.label_word()?,
                _ => return Err(self.unexpected("a label")),
            };
            labels.push(label);
            self.advance();
            if !self.at_mark(0, ")") {
                self.expect(",", "or `)`")?;
            }
        }
        Ok(labels)
    }

    /// A word as a label's name; a few words are not, to Prometheus.
    fn label_word(&self) -> Result<Arc<str>, Fault> {
        let word = self.word(0).unwrap_or_default();
        if ["inf", "nan", "without"]
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword))
        {
            return Err(self
                .unexpected("a label")
                .hint(format!("a label of this name is quoted: \"{word}\"")));
        }
        Ok(word.into())
    }
}

fn check_operands(lhs: &Typed, rhs: &Typed, operator: Operator, bool_modifier: bool) -> Result<(), Fault> {
    let name = operator.op.as_str();
    if let Some(side) = [lhs, rhs]
        .into_iter()
        .find(|side| !matches!(side.kind, Scalar | Vector))
    {
        let message = format!(
            "`{name}` is between scalars and instant vectors, and this is {}",
            article(side.kind)
        );
        return Err(Fault::new(side.expr.span, message));
    }
    if bool_modifier && !operator.op.is_comparison() {
        return Err(Fault::new(
            operator.span,
            format!("`bool` is for comparisons, and `{name}` is none"),
        ));
    }
    let scalars = lhs.kind == Scalar && rhs.kind == Scalar;
    if scalars && operator.op.is_comparison() && !bool_modifier {
        let message = format!("two scalars are compared with `{name} bool`");
        return Err(Fault::new(operator.span, message));
    }
    if (lhs.kind == Scalar || rhs.kind == Scalar) && operator.op.is_set() {
        return Err(Fault::new(
            operator.span,
            format!("`{name}` is between instant vectors, and one side is a scalar"),
        )
        .hint("vector(…) makes a vector of a scalar"));
    }
    Ok(())
}

fn check_matching(mut matching: Matching, vectors: bool, operator: Operator, span: Span) -> Result<Matching, Fault> {
    let grouped = matching.cardinality != Cardinality::OneToOne;
    if !vectors {
        if matching.labels.is_empty() {
            return Ok(Matching::default());
        }
        return Err(Fault::new(
            span,
            "`on` and `ignoring` are between instant vectors, and one side is a scalar",
        ));
    }
    if operator.op.is_set() {
        if grouped {
            let message = format!("`{}` takes no group_left or group_right", operator.op.as_str());
            return Err(Fault::new(operator.span, message));
        }
        matching.cardinality = Cardinality::ManyToMany;
    }
    Ok(matching)
}
