//! How far a call has come, so that one that is out of time can say where it hung. It decides nothing.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::capability::database::Place;

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A connection to this place.
    Connecting(Place),
    /// The handshake with who answers at this address.
    Encrypting(String),
    /// The greeting there.
    LoggingIn(String),
    /// Replies from there.
    Asking(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(Place::Tcp { host, port }) => write!(f, "connecting to {host}, port {port}"),
            Self::Connecting(Place::Unix(path)) => write!(f, "connecting to {}", path.display()),
            Self::Encrypting(address) => write!(f, "agreeing on TLS with {address}, which may not speak it"),
            Self::LoggingIn(address) => write!(f, "logging in at {address}, which took the connection"),
            Self::Asking(address) => write!(f, "waiting for {address} to answer"),
        }
    }
}

/// The step of one call.
#[derive(Debug)]
pub(super) struct Doing(Mutex<Step>);

impl Doing {
    pub(super) fn new(place: &Place) -> Self {
        Self(Mutex::new(Step::Connecting(place.clone())))
    }

    pub(super) fn begin(&self, step: Step) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// For a person.
    pub(super) fn out_of_time(&self) -> String {
        let step = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        format!("no answer in time, while {step}")
    }
}
