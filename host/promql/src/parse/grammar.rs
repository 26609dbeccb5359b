//! Expressions: operands, prefixes, and what binds how tightly.
//!
//! Precedence climbing with one token of lookahead. Types are checked as the tree grows, from the leaves up.

use super::{
    Around, DEPTH, Fault, NESTING, Typed, number, refuse,
    token::{Kind, Token, tokens},
};
use crate::{
    ast::{Expr, ExprKind, Matcher, Span},
    value::ValueType::{self, Scalar, String as Text, Vector},
};

/// Words that stand between operands, so that they cannot be metrics where an operand is wanted.
const NO_METRICS: [&str; 6] = ["atan2", "bool", "group_left", "group_right", "ignoring", "on"];

/// The state of one parse.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// Levels of recursion.
    level: usize,
    /// Of the query, if it is known.
    pub(super) around: Option<Around>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            tokens: tokens(text),
            at: 0,
            level: 0,
            around: None,
        }
    }

    pub(super) fn whole(&mut self) -> Result<Typed, Fault> {
        if self.ahead(0) == &Kind::End {
            return Err(Fault::new(self.span(), "there is no expression"));
        }
        let typed = self.expression(0)?;
        self.end()?;
        Ok(typed)
    }

    pub(super) fn only_selector(&mut self) -> Result<Vec<Matcher>, Fault> {
        let (selector, _) = self.selector()?;
        self.end()?;
        Ok(selector.matchers.to_vec())
    }

    /// Fails unless everything is read.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        if self.ahead(0) == &Kind::End {
            return Ok(());
        }
        Err(self.unexpected("an operator or the end"))
    }

    // Tokens.

    /// The token `distance` ahead; the last one for ever.
    fn token(&self, distance: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + distance).min(last)]
    }

    pub(super) fn ahead(&self, distance: usize) -> &Kind {
        &self.token(distance).kind
    }

    /// Of the next token.
    pub(super) fn span(&self) -> Span {
        self.token(0).span
    }

    /// Where the last token ended.
    pub(super) fn behind(&self) -> usize {
        self.at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .map_or(0, |token| token.span.end)
    }

    /// From `start` to the end of the last token.
    pub(super) fn since(&self, start: usize) -> Span {
        Span {
            start,
            end: self.behind(),
        }
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    pub(super) fn at_mark(&self, distance: usize, mark: &str) -> bool {
        matches!(self.ahead(distance), Kind::Mark(own) if *own == mark)
    }

    pub(super) fn eat(&mut self, mark: &str) -> bool {
        let there = self.at_mark(0, mark);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, mark: &str, purpose: &str) -> Result<(), Fault> {
        if self.eat(mark) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{mark}` {purpose}")))
    }

    /// The next token, if it is a word.
    pub(super) fn word(&self, distance: usize) -> Option<&'a str> {
        let token = self.token(distance);
        (token.kind == Kind::Word).then(|| self.text.get(token.span.start..token.span.end).unwrap_or_default())
    }

    /// Whether the next token is this keyword, in any case.
    pub(super) fn at_keyword(&self, distance: usize, keyword: &str) -> bool {
        self.word(distance)
            .is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let there = self.at_keyword(0, keyword);
        self.at += usize::from(there);
        there
    }

    /// That the next token should be something else.
    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        let token = self.token(0);
        let written = self.text.get(token.span.start..token.span.end).unwrap_or_default();
        let found = match &token.kind {
            Kind::Bad(fault) => return (**fault).clone(),
            Kind::End => "the expression ends".to_owned(),
            Kind::Text(_) => "a text stands".to_owned(),
            _ => format!("`{written}` stands"),
        };
        let fault = Fault::new(token.span, format!("{found} where {expected} was expected"));
        match written {
            "=" => fault.hint("values are compared with `==`"),
            "!" => fault.hint("the operators are `!=`, `!~` and `unless`"),
            "</" | ">/" => fault.hint("these operators work on native histograms, which are not supported"),
            word if word.eq_ignore_ascii_case("anchored") || word.eq_ignore_ascii_case("smoothed") => fault.hint(
                format!("the modifier `{word}` is experimental in Prometheus and not supported"),
            ),
            _ => fault,
        }
    }

    // Expressions.

    /// One that ends before an operator that binds less tightly than `least`.
    pub(super) fn expression(&mut self, least: u8) -> Result<Typed, Fault> {
        self.nested(|parser| {
            let mut lhs = parser.operand()?;
            while let Some(operator) = parser.operator().filter(|operator| operator.binds >= least) {
                lhs = parser.binary(lhs, operator)?;
            }
            Ok(lhs)
        })
    }

    /// One level down.
    pub(super) fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.level += 1;
        if self.level > NESTING {
            return Err(too_deep(self.span(), NESTING));
        }
        let result = inside(self)?;
        self.level -= 1;
        Ok(result)
    }

    /// An operand with its prefixes and suffixes.
    fn operand(&mut self) -> Result<Typed, Fault> {
        if self.at_mark(0, "-") || self.at_mark(0, "+") {
            return self.unary();
        }
        let start = self.span().start;
        let primary = self.primary()?;
        self.suffixes(primary, start)
    }

    /// The sign binds as tightly as `*`, so that `-a ^ b` is `-(a ^ b)`.
    fn unary(&mut self) -> Result<Typed, Fault> {
        let start = self.span().start;
        let negative = self.at_mark(0, "-");
        self.advance();
        let inner = self.expression(super::operator::POWER)?;
        let span = self.since(start);
        if !matches!(inner.kind, Scalar | Vector) {
            let message = format!(
                "a sign goes before a scalar or an instant vector, and this is {}",
                article(inner.kind)
            );
            return Err(Fault::new(span, message));
        }
        let kind = inner.kind;
        if let ExprKind::Number(value) = inner.expr.kind {
            let value = if negative { -value } else { value };
            return self.grown(ExprKind::Number(value), span, kind, 0);
        }
        let unary = ExprKind::Unary {
            negative,
            expr: Box::new(inner.expr),
        };
        self.grown(unary, span, kind, inner.depth)
    }

    fn primary(&mut self) -> Result<Typed, Fault> {
        let start = self.span().start;
        match self.ahead(0).clone() {
            Kind::Number(value) | Kind::Duration(value) => self.leaf(ExprKind::Number(value), Scalar),
            Kind::Text(text) => self.leaf(ExprKind::String(text.into()), Text),
            Kind::Mark("(") => {
                self.advance();
                let inner = self.expression(0)?;
                self.expect(")", "or an operator")?;
                let kind = inner.kind;
                self.grown(
                    ExprKind::Paren(Box::new(inner.expr)),
                    self.since(start),
                    kind,
                    inner.depth,
                )
            }
            Kind::Mark("{") => self.vector(),
            Kind::Word => self.named(),
            Kind::Mark(_) | Kind::End | Kind::Bad(_) => Err(self.unexpected("an expression")),
        }
    }

    /// What begins with a word: a call, an aggregation, a number or a metric.
    fn named(&mut self) -> Result<Typed, Fault> {
        let word = self.word(0).unwrap_or_default();
        if let Some(value) = number::named(word) {
            return self.leaf(ExprKind::Number(value), Scalar);
        }
        if self.is_aggregation(word) {
            return self.aggregation(word);
        }
        if self.at_mark(1, "(") {
            return self.call(word);
        }
        if NO_METRICS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
            let fault = self.unexpected("an expression");
            return Err(fault.hint(format!("a metric of this name is written {{__name__=\"{word}\"}}")));
        }
        self.vector()
    }

    fn vector(&mut self) -> Result<Typed, Fault> {
        let (selector, span) = self.selector()?;
        self.grown(ExprKind::Selector(selector), span, Vector, 0)
    }

    fn leaf(&mut self, kind: ExprKind, value: ValueType) -> Result<Typed, Fault> {
        let span = self.span();
        self.advance();
        self.grown(kind, span, value, 0)
    }

    /// A level above something `below` levels deep.
    pub(super) fn grown(&self, expr: ExprKind, span: Span, kind: ValueType, below: usize) -> Result<Typed, Fault> {
        if below >= DEPTH {
            return Err(too_deep(span, DEPTH));
        }
        Ok(Typed {
            expr: Expr { kind: expr, span },
            kind,
            depth: below + 1,
        })
    }

    /// Fails for a word that is known and refused.
    pub(super) fn refuse(&self, word: &str) -> Result<(), Fault> {
        let Some(refused) = refuse::named(word) else {
            return Ok(());
        };
        let message = format!("`{}` {}", refused.name, refused.why);
        Err(Fault::new(self.span(), message).hint(refused.instead))
    }
}

fn too_deep(span: Span, limit: usize) -> Fault {
    Fault::new(span, format!("the expression is more than {limit} levels deep")).hint(
        "each pair of parentheses, each call and each operator of a chain is a level; record parts of it as rules",
    )
}

/// With its article: `an instant vector`.
pub(super) fn article(kind: ValueType) -> String {
    let article = if kind == Vector { "an" } else { "a" };
    format!("{article} {}", kind.as_str())
}
