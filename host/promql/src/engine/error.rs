//! Why an evaluation failed, and where in the text.

use std::fmt;

use crate::ast::Span;

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvalErrorKind {
    /// Two elements of a result have the same labels at the same moment.
    DuplicateLabels,
    /// Several elements of the side of an operation that may have only one share the labels compared.
    ManyToMany,
    /// Several elements of the other side do, and `group_left` or `group_right` is missing or leaves them alike.
    MultipleMatches,
    /// More samples than [`super::Options::samples`].
    SampleLimit,
    /// More elements than [`super::Options::elements`].
    ElementLimit,
    /// A label's value that a function makes, or all of them together, would be too long.
    LabelLimit,
    /// [`super::Options::stop`] said so.
    Stopped,
    /// A parameter that has no meaning: NaN elements of `topk`, a label's name that is none, a moment outside of
    /// [`super::TIMES`].
    Parameter,
    /// An expression that has no value of the kind asked for.
    Type,
}

/// An evaluation that failed: nothing of its value is to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// The part of the expression that failed.
    pub span: Span,
    /// What failed.
    pub kind: EvalErrorKind,
    /// In words; where Prometheus has a message for it, that one.
    pub message: String,
    /// The label sets concerned, if `message` does not name them.
    pub detail: Option<String>,
}

impl EvalError {
    pub(super) fn new(span: Span, kind: EvalErrorKind, message: impl Into<String>) -> Self {
        Self {
            span,
            kind,
            message: message.into(),
            detail: None,
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for EvalError {}
