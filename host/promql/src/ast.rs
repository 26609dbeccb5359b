//! Expressions as trees, with the place in the text of every part.
//!
//! All durations and times are whole milliseconds. A tree that [`crate::parse::parse`] returned is well typed: every argument
//! has the type its function wants, range vectors stand only where they may.

use std::sync::Arc;

use regex::Regex;

use crate::{signature::Function, value::ValueType};

/// Bytes of the expression's text, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of its text.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `1.5`, `0x10`, `Inf`, `5m` (a number of seconds).
    Number(f64),
    /// `"text"`, `'text'`, `` `text` ``.
    String(Arc<str>),
    /// `( … )`, kept because what is printed should be what was written.
    Paren(Box<Expr>),
    /// `-x` or `+x`.
    Unary {
        /// Whether the sign is `-`.
        negative: bool,
        /// Scalar or instant vector.
        expr: Box<Expr>,
    },
    /// `a + b`, `a and on(x) b`.
    Binary(Box<Binary>),
    /// `sum by (x) (a)`.
    Aggregate(Box<Aggregate>),
    /// `rate(a[5m])`.
    Call {
        /// Which.
        function: Function,
        /// As many and of the types that the function's signature wants.
        args: Vec<Expr>,
    },
    /// `a{b="c"} offset 5m @ 100`.
    Selector(Selector),
    /// `a{b="c"}[5m] offset 5m @ 100`: offset and `@` stand in the selector.
    Range {
        /// Of what.
        selector: Selector,
        /// Milliseconds, above zero.
        range: i64,
    },
    /// `expr[1h:5m] offset 5m @ 100`.
    Subquery(Box<Subquery>),
}

/// Which series, and at which shift in time.
#[derive(Clone, Debug)]
pub struct Selector {
    /// The name written before the braces, if any; `matchers` holds it too, as an equality of `__name__`.
    pub name: Option<Arc<str>>,
    /// All that must hold; at least one of them does not match the empty text. Shared by all copies of the expression.
    pub matchers: Arc<[Matcher]>,
    /// See [`Shift`].
    pub shift: Shift,
}

/// `offset` and `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Shift {
    /// Milliseconds into the past; negative: into the future.
    pub offset: i64,
    /// `@`: instead of the evaluation's own time.
    pub at: Option<At>,
}

/// What `@` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// `@ 1609746000`: milliseconds since the Unix epoch.
    Time(i64),
    /// `@ start()` of the range query, or the moment of an instant one.
    Start,
    /// `@ end()`.
    End,
}

/// One condition on a label.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Of the label.
    pub name: Arc<str>,
    /// How it is compared.
    pub op: MatchOp,
    /// As written: the text, or the regular expression before it was anchored.
    pub value: Arc<str>,
    /// Compiled, fully anchored, `.` matches newlines; exactly when `op` is one of the two regular ones.
    pub regex: Option<Regex>,
    /// Where it stands.
    pub span: Span,
}

/// `=`, `!=`, `=~`, `!~`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl Matcher {
    /// Whether a label's value (empty: it has none) satisfies this.
    pub fn matches(&self, value: &str) -> bool {
        let by_regex = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => *self.value == *value,
            MatchOp::NotEqual => *self.value != *value,
            MatchOp::Regex => by_regex(),
            MatchOp::NotRegex => !by_regex(),
        }
    }
}

/// Two operands.
#[derive(Clone, Debug)]
pub struct Binary {
    /// Left.
    pub lhs: Expr,
    /// Right.
    pub rhs: Expr,
    /// Between them.
    pub op: BinaryOp,
    /// Where the operator stands.
    pub op_span: Span,
    /// `bool`: comparisons yield 0 and 1 instead of filtering.
    pub bool_modifier: bool,
    /// How elements of two vectors find each other; the default when one side is a scalar.
    pub matching: Matching,
}

/// Operators with two operands.
#[expect(missing_docs, reason = "their names are their meaning")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `==` and its kind.
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual
        )
    }

    /// `and`, `or`, `unless`.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// `on`, `ignoring`, `group_left`, `group_right`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Matching {
    /// Whether `labels` are those compared (`on`) or those left out (`ignoring`; the default, of none).
    pub on: bool,
    /// Of `on` or `ignoring`.
    pub labels: Vec<Arc<str>>,
    /// How many of each side may share the compared labels. Set operators are always many-to-many.
    pub cardinality: Cardinality,
    /// Of `group_left` or `group_right`: taken over from the one side.
    pub include: Vec<Arc<str>>,
}

/// How many elements of each side may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// Without a modifier.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// An aggregation.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Which.
    pub op: AggregateOp,
    /// Of `topk`, `bottomk`, `quantile` (a scalar) and `count_values` (a string literal).
    pub param: Option<Expr>,
    /// An instant vector.
    pub expr: Expr,
    /// How elements are put together.
    pub grouping: Grouping,
}

/// `by` or `without`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// These labels are kept; `By(vec![])` when nothing is written.
    By(Vec<Arc<str>>),
    /// These and the metric's name are dropped.
    Without(Vec<Arc<str>>),
}

/// Aggregations that are stable.
#[expect(missing_docs, reason = "their names are their meaning")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
}

impl AggregateOp {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
        }
    }
}

/// An expression evaluated at many moments.
#[derive(Clone, Debug)]
pub struct Subquery {
    /// An instant vector (or scalar, as Prometheus has it).
    pub expr: Expr,
    /// Milliseconds, above zero.
    pub range: i64,
    /// Milliseconds, above zero; None: the engine's default.
    pub step: Option<i64>,
    /// See [`Shift`].
    pub shift: Shift,
}

impl Expr {
    /// The type of what it yields.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => inner.value_type(),
            ExprKind::Binary(binary) => match (binary.lhs.value_type(), binary.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            ExprKind::Aggregate(_) | ExprKind::Selector(_) => ValueType::Vector,
            ExprKind::Call { function, .. } => function.signature().returns,
            ExprKind::Range { .. } | ExprKind::Subquery(_) => ValueType::Matrix,
        }
    }
}
