//! Text to tree, and back.
//!
//! Owns the grammar. Flows in: an expression as a person wrote it. Flows out: an [`Expr`] whose types, argument counts and
//! durations are checked, or one [`ParseError`] that says where it stands and what to do; [`Expr`]'s `Display` writes a tree
//! so that parsing it gives the same tree. What Prometheus 3 accepts without feature flags is accepted, functions and
//! modifiers that are experimental there are refused by name. It evaluates nothing but constant durations.
//!
//! Work and memory are linear in the text; text, nesting and regular expressions have limits, so that no text can end the
//! process.

mod call;
mod duration;
mod grammar;
mod number;
mod operator;
mod print;
mod refuse;
pub mod regex;
mod selector;
pub mod series;
mod strings;
mod suggest;
mod token;

use std::fmt;

use self::grammar::Parser;
pub use self::{duration::duration, strings::quote};
use crate::{
    ast::{Expr, MatchOp, Matcher, Span},
    value::ValueType,
};

/// Longest text, in bytes. The longest public alert rules have a few thousand; a generated chain of 32,000 operands fits.
pub const TEXT: usize = 1 << 20;

/// Deepest nesting of parentheses, calls, signs and right operands. Each level takes up to 8 KiB of stack in builds without
/// optimisation, and threads have 2 MiB; people's rules nest a dozen.
pub const NESTING: usize = 100;

/// Deepest tree, in levels: of a chain `a + b + c` each operator is one. Everything that walks a tree does so by recursion;
/// evaluation takes up to 8 KiB a level without optimisation.
pub const DEPTH: usize = 192;

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The part of the text that is wrong.
    pub span: Span,
    /// Line of its start, from 1.
    pub line: usize,
    /// Column of its start in characters, from 1.
    pub column: usize,
    /// What is wrong: what stands there, and what was expected.
    pub message: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

/// A [`ParseError`] before it knows its line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    span: Span,
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            hint: None,
        }
    }

    /// The first hint stays: it is nearer to the fault.
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    fn place(self, text: &str) -> ParseError {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ParseError {
            span: self.span,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// An expression of any type, for evaluations that nothing is known about, as those of rules.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    parsed(text, |parser| parser.whole().map(|typed| typed.expr))
}

/// What `step()` and `range()` mean in the durations of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    /// Milliseconds between the evaluations of a range query; 0 for an instant one.
    pub step: i64,
    /// Milliseconds from the first to the last evaluation of a range query; 0 for an instant one.
    pub range: i64,
}

/// An expression of any type that is evaluated for one query only. [`parse`] refuses `step()` and `range()`.
pub fn parse_for(text: &str, around: Around) -> Result<Expr, ParseError> {
    parsed(text, |parser| {
        parser.around = Some(around);
        parser.whole().map(|typed| typed.expr)
    })
}

/// A selector such as the API's `match[]` takes: `name{label="value"}`, without range, offset or `@`.
pub fn selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    parsed(text, |parser| parser.only_selector())
}

/// One condition. Fails if `op` is a regular one and `value` no regular expression in RE2's syntax: the reason, for a person.
pub fn matcher(name: &str, op: MatchOp, value: &str) -> Result<Matcher, String> {
    let compiled = match op {
        MatchOp::Equal | MatchOp::NotEqual => None,
        MatchOp::Regex | MatchOp::NotRegex => Some(regex::anchored(value)?),
    };
    Ok(Matcher {
        name: name.into(),
        op,
        value: value.into(),
        regex: compiled,
        span: Span::default(),
    })
}

fn parsed<T>(text: &str, with: impl FnOnce(&mut Parser<'_>) -> Result<T, Fault>) -> Result<T, ParseError> {
    if text.len() > TEXT {
        let span = Span {
            start: 0,
            end: text.len(),
        };
        let message = format!("the expression has {} bytes, more than the limit of {TEXT}", text.len());
        return Err(Fault::new(span, message).place(text));
    }
    with(&mut Parser::new(text)).map_err(|fault| fault.place(text))
}

/// A tree with what is known about it, so that building a level above costs nothing.
#[derive(Debug)]
struct Typed {
    expr: Expr,
    kind: ValueType,
    /// Levels, itself included.
    depth: usize,
}

#[cfg(test)]
mod tests;
