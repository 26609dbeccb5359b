//! Batches: what becomes of one envelope after the other when those behind it wait.
//!
//! As Sentry asks of its clients, what is limited or refused is dropped and counted, not queued; only an answer that did not come is
//! worth another attempt.

use std::time::Duration;

use bellwether_sdk::{
    Refused, context,
    delivery::{self, DeliveryFailure},
    http::Response,
};

use crate::{
    category::Category,
    envelope::Envelope,
    losses::Loss,
    upstream::{Unsent, Upstream},
};

/// Left for what must be kept when a batch does not end in time, beside one more request.
const RESERVE: Duration = Duration::from_millis(500);

/// Envelopes that are under way at once, but for the first, which shows whether anybody listens and what is limited: at this width a
/// slow answer does not make a batch late, and a limit lets no more than these through.
const WIDTH: usize = 8;

/// One envelope of a batch.
pub(crate) struct Outgoing {
    /// Of the item that it is about.
    pub(crate) id: String,
    pub(crate) envelope: Envelope,
    pub(crate) counted: Counted,
}

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

    /// Sends what `make` makes of each, which is asked just before: the answers to those before it may have made a difference. Ids of
    /// those that were taken.
    pub(crate) fn send_each<T>(
        &mut self,
        news: impl IntoIterator<Item = T>,
        mut make: impl FnMut(&mut Self, T) -> Option<Outgoing>,
    ) -> Vec<String> {
        let mut news = news.into_iter().peekable();
        let (mut taken, mut width) = (Vec::new(), 1);
        while news.peek().is_some() {
            let mut wave = Vec::new();
            while wave.len() < width
                && let Some(next) = news.next()
            {
                wave.extend(make(self, next));
            }
            if !wave.is_empty() {
                width = WIDTH;
            }
            self.send_wave(wave, &mut taken);
        }
        taken
    }

    fn send_wave(&mut self, wave: Vec<Outgoing>, taken: &mut Vec<String>) {
        if let Some(failure) = self.stopped() {
            let failure = failure.clone();
            return wave
                .iter()
                .for_each(|outgoing| self.refuse(&outgoing.id, failure.clone()));
        }
        let mut about = Vec::new();
        let mut envelopes = Vec::new();
        for Outgoing { id, envelope, counted } in wave {
            about.push((id, counted));
            envelopes.push(envelope);
        }
        let sent = self.upstream.send_all(envelopes);
        for ((id, counted), sent) in about.into_iter().zip(sent) {
            if self.judge(&id, &counted, sent) {
                taken.push(id);
            }
        }
    }

    /// Whether it was taken.
    fn judge(&mut self, id: &str, counted: &Counted, sent: Result<Response, Unsent>) -> bool {
        match sent {
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
