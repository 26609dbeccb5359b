//! What a transport is: one attempt to hand one notification to one receiver.

use std::{fmt, pin::Pin, sync::Arc};

use super::outgoing::Outgoing;
use crate::{
    clock::{Instant, Timestamp},
    dispatch::Attempt,
    supervisor::Task,
};

/// What an attempt comes to, once it is awaited.
pub type Sending<'s> = Pin<Box<dyn Future<Output = Attempt> + Send + 's>>;

/// Carries notifications to one receiver. It neither waits nor counts nor tries again: one call is one attempt.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Hands it over, and says what became of it by `deadline`. One that says nothing by then is given up, and may have arrived.
    fn send<'s>(&'s self, outgoing: &'s Outgoing, deadline: Instant) -> Sending<'s>;

    /// How many may be under way at once. One unless it says more: order matters to people who read.
    fn lanes(&self) -> usize {
        1
    }

    /// What the other side does not take for a while; nothing unless it says so.
    fn rate_limits(&self) -> Vec<UpstreamLimit> {
        Vec::new()
    }
}

/// A limit that the other side of a receiver has put on what it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamLimit {
    /// On what, in its own words, such as Sentry's `error` and `transaction`; "" for everything.
    pub category: String,
    /// How long.
    pub until: Timestamp,
}

/// Shared by the worker and whoever tests the receiver.
pub type SharedTransport = Arc<dyn Transport>;

/// A task that ends with whoever waits for it: an attempt that nobody waits for any more.
#[derive(Debug)]
pub(super) struct Ends<T>(pub(super) Task<T>);

impl<T> Drop for Ends<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
