//! Batches: what becomes of one envelope after the other when those behind it wait.
//!
//! As Sentry asks of its clients, what is limited or refused is dropped and counted, not queued; only an answer that did not come is
//! worth another attempt.

use std::time::Duration;

use bellwether_sdk::{
    Refused, context,
    delivery::{self, DeliveryFailure},
};

use crate::{
    category::Category,
    envelope::Envelope,
    losses::Loss,
    upstream::{Unsent, Upstream},
};

/// Left for what must be kept when a batch does not end in time, beside one more request.
const RESERVE: Duration = Duration::from_millis(500);

/// What an envelope holds, by category, for those who count what was lost.
pub(crate) type Counted = Vec<(Category, u64)>;

/// A batch under way.
pub(crate) struct Batch<'u, 's> {
    pub(crate) upstream: &'u mut Upstream<'s>,
    refused: Refused,
    /// Why nothing more is sent.
    stopped: Option<DeliveryFailure>,
}

impl<'u, 's> Batch<'u, 's> {
    pub(crate) fn new(upstream: &'u mut Upstream<'s>) -> Self {
        Self {
            upstream,
            refused: Refused::none(),
            stopped: None,
        }
    }

    /// Whether nothing more can be sent; what is left is refused for the same reason.
    pub(crate) fn stopped(&mut self) -> Option<&DeliveryFailure> {
        if self.stopped.is_none() && context::remaining() < RESERVE {
            self.stopped = Some(DeliveryFailure::transient("no time was left for the rest of the batch"));
        }
        self.stopped.as_ref()
    }

    pub(crate) fn refuse(&mut self, id: &str, failure: DeliveryFailure) {
        self.refused.push(id, failure);
    }

    /// Drops and counts what is limited. Whether it was.
    pub(crate) fn is_limited(&mut self, category: Category, counted: &Counted) -> bool {
        let limited = self.upstream.limited(category).is_some();
        if limited {
            self.lose(Loss::RatelimitBackoff, counted);
        }
        limited
    }

    /// Sends an envelope that `id` is about. Whether it was taken.
    pub(crate) fn send(&mut self, id: &str, envelope: Envelope, counted: &Counted) -> bool {
        if let Some(failure) = self.stopped() {
            let failure = failure.clone();
            self.refuse(id, failure);
            return false;
        }
        match self.upstream.send(envelope) {
            Ok(_) => return true,
            Err(Unsent::Refused(response)) => {
                // Of a 429 the other side keeps count itself.
                if response.status != 429 {
                    self.lose(Loss::SendError, counted);
                }
                let reason = delivery::status_failure(&response);
                self.refuse(id, DeliveryFailure::permanent(format!("dropped: {reason}")));
            }
            Err(Unsent::Unanswered(failure)) => {
                // The next one would wait for the same.
                self.stopped = Some(failure.clone());
                self.refuse(id, failure);
            }
        }
        false
    }

    pub(crate) fn lose(&mut self, loss: Loss, counted: &Counted) {
        for (category, quantity) in counted {
            self.upstream.lose(loss, *category, *quantity);
        }
    }

    pub(crate) fn finish(self) -> Refused {
        self.refused
    }
}
