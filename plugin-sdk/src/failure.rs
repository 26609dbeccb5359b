//! Why a run has no report.

use std::fmt;

use crate::{bindings::bellwether::plugin::report as wit, report::Code};

pub use wit::FailureKind;

/// A run without a report. What is wrong with one target among several is a verdict, not a failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(pub(crate) wit::Failure);

impl Failure {
    fn new(kind: FailureKind, message: String) -> Self {
        Self(wit::Failure {
            kind,
            code: String::new(),
            message,
            retryable: false,
        })
    }

    /// The settings make no sense: a person must edit the configuration. Say which key, and what would be right.
    pub fn settings(message: impl fmt::Display) -> Self {
        Self::new(FailureKind::Settings, message.to_string())
    }

    /// The host refused something the plugin needs: a person must grant it.
    pub fn denied(message: impl fmt::Display) -> Self {
        Self::new(FailureKind::Denied, message.to_string())
    }

    /// The target could not be asked at all. Worth another attempt unless [`Failure::permanent`] is called.
    pub fn target(message: impl fmt::Display) -> Self {
        let mut failure = Self::new(FailureKind::Target, message.to_string());
        failure.0.retryable = true;
        failure
    }

    /// The plugin's own fault.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(FailureKind::Internal, message.to_string())
    }

    /// Adds a machine-readable reason.
    #[must_use]
    pub fn code(mut self, code: &Code) -> Self {
        code.name().clone_into(&mut self.0.code);
        self
    }

    /// Trying again soon may help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Trying again soon will not help.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.0.retryable = false;
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// For a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The machine-readable reason, or "".
    pub fn code_name(&self) -> &str {
        &self.0.code
    }

    /// Whether the host may try again before the next run is due.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl From<serde_json::Error> for Failure {
    /// Of what the plugin itself reads or writes: its own fault until it says otherwise.
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
