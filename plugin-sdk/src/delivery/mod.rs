//! What became of a delivery.
//!
//! The difference that matters is whether trying again can help: the host repeats what was [`DeliveryFailure::Transient`], for hours
//! if it must, and gives up on what was [`DeliveryFailure::Permanent`].

mod answer;

use std::{fmt, time::Duration};

pub use answer::{accepted, excerpt, retry_after, status_failure};

use crate::bindings::bellwether::plugin::news as wit;

/// Why news did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryFailure {
    /// Trying again will not help: refused, malformed, gone.
    Permanent(String),
    /// Trying again may help.
    Transient {
        /// For a person.
        message: String,
        /// Not before this has passed, when the other side said so.
        retry_after: Option<Duration>,
    },
}

impl DeliveryFailure {
    /// Trying again will not help.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::Permanent(message.to_string())
    }

    /// Trying again may help.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::Transient {
            message: message.to_string(),
            retry_after: None,
        }
    }

    /// Not before this has passed. Of no effect on a permanent failure.
    #[must_use]
    pub fn after(self, wait: Option<Duration>) -> Self {
        match self {
            Self::Transient { message, retry_after } => Self::Transient {
                message,
                retry_after: wait.or(retry_after),
            },
            Self::Permanent(_) => self,
        }
    }

    /// For a person.
    pub fn message(&self) -> &str {
        match self {
            Self::Permanent(message) | Self::Transient { message, .. } => message,
        }
    }

    /// Whether trying again will not help.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Permanent(_))
    }
}

impl fmt::Display for DeliveryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl From<DeliveryFailure> for wit::DeliveryFailure {
    fn from(failure: DeliveryFailure) -> Self {
        match failure {
            DeliveryFailure::Permanent(message) => Self::Permanent(message),
            DeliveryFailure::Transient { message, retry_after } => Self::Transient(wit::Transient {
                message,
                retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            }),
        }
    }
}

/// What the other side said, for the log: a message id, a URL. Never a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt(pub(crate) Vec<(String, String)>);

impl Receipt {
    /// Nothing worth keeping.
    pub fn new() -> Self {
        Self::default()
    }

    /// One thing more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// What was kept under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What of a batch was not taken, by id. What is not named was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused(Vec<(String, DeliveryFailure)>);

impl Refused {
    /// All was taken.
    pub fn none() -> Self {
        Self::default()
    }

    /// One that was not.
    pub fn push(&mut self, id: &str, failure: DeliveryFailure) {
        self.0.push((id.to_owned(), failure));
    }

    /// Ids and reasons.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &DeliveryFailure)> {
        self.0.iter().map(|(id, failure)| (id.as_str(), failure))
    }

    pub(crate) fn into_wire(self) -> wit::Refused {
        self.0.into_iter().map(|(id, failure)| (id, failure.into())).collect()
    }
}
