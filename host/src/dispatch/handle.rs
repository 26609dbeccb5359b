//! How `deliver` takes messages and says what became of them.
//!
//! It pulls: a message is handed out when somebody asks for it, so that nothing is queued twice and a slow receiver delays its own
//! messages only. The loop of a worker is: [`OutboxHandle::next`]; with a message attempt it and [`OutboxHandle::report`]; without
//! one [`OutboxHandle::wait_for_work`].

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, mpsc, oneshot};

use super::message::{Attempt, Message, MessageId};

/// Requests that may wait for the owner. Workers are few and each waits for its answer; a sender waits when it is full.
const REQUESTS_MAX: usize = 256;

/// What a worker asks.
#[derive(Debug)]
pub(crate) enum OutboxRequest {
    /// The next message of a receiver that may be sent at this time.
    Next {
        /// Whose.
        receiver: Arc<str>,
        /// Milliseconds since the epoch.
        now: i64,
        /// Where the answer goes.
        answer: oneshot::Sender<Option<Message>>,
    },
    /// What became of one.
    Report {
        /// Which.
        id: MessageId,
        /// What.
        attempt: Attempt,
        /// Milliseconds since the epoch.
        now: i64,
    },
}

/// The side of `deliver`. Cheap to clone.
#[derive(Clone)]
pub struct OutboxHandle {
    requests: mpsc::Sender<OutboxRequest>,
    bells: Bells,
}

/// Rung for a receiver when there is something for it.
#[derive(Clone, Default)]
pub(crate) struct Bells(Arc<Mutex<HashMap<Arc<str>, Arc<Notify>>>>);

impl fmt::Debug for OutboxHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxHandle").finish_non_exhaustive()
    }
}

/// A handle, what rings its bells, and where its requests arrive.
pub(crate) fn outbox() -> (OutboxHandle, Bells, mpsc::Receiver<OutboxRequest>) {
    let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
    let bells = Bells::default();
    let handle = OutboxHandle {
        requests,
        bells: bells.clone(),
    };
    (handle, bells, inbox)
}

impl Bells {
    /// There may be something for this receiver. Remembered when nobody waits.
    pub(crate) fn ring(&self, receiver: &Arc<str>) {
        self.of(receiver).notify_one();
    }

    fn of(&self, receiver: &str) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bells.get(receiver) {
            Some(bell) => Arc::clone(bell),
            None => Arc::clone(bells.entry(receiver.into()).or_default()),
        }
    }
}

impl OutboxHandle {
    /// Returns when there may be a message for a receiver that [`OutboxHandle::next`] did not give before: one that is new, one that
    /// is due again, or one whose predecessor is through. For one worker of a receiver at a time.
    pub async fn wait_for_work(&self, receiver: &str) {
        self.bells.of(receiver).notified().await;
    }

    /// The next message of a receiver that may be sent at `now` (milliseconds since the epoch); None: there is none, or the host
    /// stops. It stays handed out until it is reported; meanwhile this yields messages of other groups.
    pub async fn next(&self, receiver: &Arc<str>, now: i64) -> Option<Message> {
        let (answer, answered) = oneshot::channel();
        let request = OutboxRequest::Next {
            receiver: Arc::clone(receiver),
            now,
            answer,
        };
        self.requests.send(request).await.ok()?;
        answered.await.ok().flatten()
    }

    /// What became of a message that was handed out. After `Transient` it is due again at `now` and what `retry_after` says.
    pub async fn report(&self, id: MessageId, attempt: Attempt, now: i64) {
        // When the host stops nobody hears it: after a restart the message counts as one that may have been received.
        let _ = self.requests.send(OutboxRequest::Report { id, attempt, now }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_that_nobody_heard_is_heard_later() {
        let (handle, bells, _inbox) = outbox();
        bells.ring(&"ops".into());
        handle.wait_for_work("ops").await;
        let other = handle.wait_for_work("mail");
        tokio::pin!(other);
        assert!(futures_util::poll!(&mut other).is_pending(), "that one was for ops");
    }

    #[tokio::test]
    async fn asking_a_host_that_stopped_yields_nothing() {
        let (handle, _bells, inbox) = outbox();
        drop(inbox);
        assert_eq!(handle.next(&"ops".into(), 0).await, None);
    }
}
