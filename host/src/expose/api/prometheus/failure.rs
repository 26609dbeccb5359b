//! Why a request comes to nothing, as Prometheus' API says it: a kind from a closed set, a code, words.

use axum::response::Response;
use bellwether_promql::{
    ast::Span,
    engine::{EvalError, EvalErrorKind},
    parse::ParseError,
};
use hyper::{StatusCode, header};
use serde::Serialize;

use super::{
    super::super::reply,
    desk::{Over, Watch},
};

/// When to come again where too many wait: a line is seldom longer than that.
const RETRY_SECONDS: u32 = 5;

/// What went wrong, by whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request says something that means nothing.
    BadData,
    /// The expression cannot be evaluated, or not within the limits.
    Execution,
    /// Time was up.
    Timeout,
    /// The client left; nobody reads this.
    Canceled,
    /// There is too much to do already, or the host stops.
    Unavailable,
    /// It must be done where there is more time for it: nobody outside reads this.
    TooHeavy,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// The `errorType`, and the label of the counter.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::TooHeavy => "too_heavy",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout | Self::Canceled | Self::Unavailable | Self::TooHeavy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) message: String,
    /// The part of the expression that is at fault, in bytes. Prometheus has no such field; its clients pass over it.
    pub(super) span: Option<Span>,
    /// A limit of its evaluation was reached, and nothing else was wrong.
    pub(super) is_limit: bool,
}

#[derive(Serialize)]
struct Position {
    start: usize,
    end: usize,
}

#[derive(Serialize)]
struct Body<'m> {
    status: &'static str,
    #[serde(rename = "errorType")]
    kind: &'static str,
    error: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            span: None,
            is_limit: false,
        }
    }

    /// A parameter that means nothing.
    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::new(Kind::BadData, format!("invalid parameter {name:?}: {why}"))
    }

    /// An expression that is none.
    pub(super) fn syntax(name: &str, error: &ParseError) -> Self {
        let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let (line, column, message) = (error.line, error.column, &error.message);
        Self {
            span: Some(error.span),
            ..Self::parameter(name, format!("{line}:{column}: parse error: {message}{hint}"))
        }
    }

    /// An evaluation that failed, or was stopped for the reason that `watch` has.
    pub(super) fn evaluation(error: &EvalError, watch: &Watch<'_>) -> Self {
        let failure = match (error.kind, watch.over()) {
            (EvalErrorKind::Stopped, Some(over)) => Self::from(over),
            (EvalErrorKind::Stopped, None) => Self::from(Over::Late),
            (_, _) => Self::new(Kind::Execution, error.to_string()),
        };
        let limit = match error.kind {
            EvalErrorKind::SampleLimit | EvalErrorKind::ElementLimit | EvalErrorKind::LabelLimit => true,
            EvalErrorKind::Stopped => watch.over().is_none(),
            _ => false,
        };
        Self {
            span: Some(error.span),
            is_limit: limit,
            ..failure
        }
    }

    pub(super) fn answer(&self) -> Response {
        let position = self.span.map(|span| Position {
            start: span.start,
            end: span.end,
        });
        let body = Body {
            status: "error",
            kind: self.kind.as_str(),
            error: &self.message,
            position,
        };
        let mut answer = reply::json(self.kind.status(), &body);
        if self.kind == Kind::Unavailable {
            answer.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
        }
        answer
    }
}

impl From<Over> for Failure {
    fn from(over: Over) -> Self {
        match over {
            Over::Late => Self::new(Kind::Timeout, "query timed out in expression evaluation"),
            Over::ClientLeft => Self::new(Kind::Canceled, "query was canceled in expression evaluation"),
            Over::Stopping => Self::new(Kind::Unavailable, "the host is stopping"),
        }
    }
}
