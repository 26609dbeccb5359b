//! Answers that grow with the number of checks: the API, the page, health in detail.
//!
//! Flows in: a snapshot and how to make an answer of it. Flows out: the answer. A small one is made on the spot; a large one
//! on a thread for that alone, so that no scrape waits for it. How many large ones there may be at once is bounded, from
//! being asked for to being taken: each may be tens of megabytes, and a client that reads slowly keeps its own for minutes.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    negotiate::Coding,
    reply, view,
    worker::{Jobs, Worker},
};
use crate::{
    board::Snapshot,
    supervisor::{Panic, catch},
};

/// Answers up to about this size are made on the thread that answers: that takes a millisecond or two, and a visit to
/// another thread would not be noticed less.
const SMALL_BYTES_MAX: usize = 256 * 1024;

/// Large answers being made or being taken. A fleet of 50,000 checks has some 50 MB as JSON; two people and a script that
/// polls are three.
const LARGE_MAX: usize = 4;

/// When to try again, in seconds. Making takes less than one, and taking as long as the client's line needs.
const RETRY_AFTER: u32 = 5;

/// What is to be sent.
pub(super) struct Made {
    pub(super) status: StatusCode,
    /// Its media type.
    pub(super) kind: &'static str,
    pub(super) body: Bytes,
    pub(super) coding: Coding,
}

/// Why it is not made now.
#[derive(Debug)]
pub(super) enum NotMade {
    /// There are [`LARGE_MAX`] already.
    Busy,
    /// The host stops.
    Gone,
    /// A fault of ours.
    Panicked(Panic),
}

impl NotMade {
    pub(super) fn answer(&self, is_json: bool) -> Response {
        match self {
            Self::Busy => reply::try_later(
                RETRY_AFTER,
                is_json,
                &format!("{LARGE_MAX} large answers are being made or taken already, and there may be no more at once"),
            ),
            Self::Gone => reply::problem(StatusCode::SERVICE_UNAVAILABLE, is_json, "the host is stopping"),
            Self::Panicked(_) => reply::problem(StatusCode::INTERNAL_SERVER_ERROR, is_json, reply::OUR_BUG),
        }
    }
}

/// Makes them.
pub(super) struct Large {
    slots: Arc<Semaphore>,
    worker: Worker,
}

impl Large {
    pub(super) fn new() -> (Self, Jobs) {
        let (worker, jobs) = Worker::new();
        let slots = Arc::new(Semaphore::new(LARGE_MAX));
        (Self { slots, worker }, jobs)
    }

    /// What `make` makes of `snapshot`, here or there.
    pub(super) async fn make(
        &self,
        snapshot: &Snapshot,
        make: impl FnOnce() -> Made + Send + 'static,
    ) -> Result<Made, NotMade> {
        self.make_if(view::is_beyond(snapshot, SMALL_BYTES_MAX), make).await
    }

    /// What `make` makes, here unless it is large.
    pub(super) async fn make_if(
        &self,
        is_large: bool,
        make: impl FnOnce() -> Made + Send + 'static,
    ) -> Result<Made, NotMade> {
        if !is_large {
            return Ok(make());
        }
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        let slot = slot.map_err(|_| NotMade::Busy)?;
        // The slot goes along: a client that leaves gives it back when its turn has passed, and not before.
        let made = self
            .worker
            .make(move || catch("large answer", make).map(|made| held(made, slot)));
        made.await.map_err(|_| NotMade::Gone)?.map_err(NotMade::Panicked)
    }

    /// What `work` returns, there: of what is large when it comes.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotMade> {
        let done = self.worker.make(move || catch("large request", work)).await;
        done.map_err(|_| NotMade::Gone)?.map_err(NotMade::Panicked)
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        self.worker.stop();
    }
}

/// The bytes of an answer and its slot, which is free when the last of them is sent.
struct Held {
    body: Bytes,
    _slot: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

fn held(made: Made, slot: OwnedSemaphorePermit) -> Made {
    let Made {
        status,
        kind,
        body,
        coding,
    } = made;
    let body = Bytes::from_owner(Held { body, _slot: slot });
    Made {
        status,
        kind,
        body,
        coding,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, future::join_all};

    use super::*;
    use crate::{board::CheckState, clock::Timestamp, expose::tests::board, outcome::Status};

    fn snapshot(bytes: usize) -> Snapshot {
        let check = CheckState {
            message: "x".repeat(bytes),
            ..board::check("a", Some(Status::Ok))
        };
        Snapshot::for_tests(Timestamp::default(), vec![check], vec![])
    }

    fn made() -> Made {
        Made {
            status: StatusCode::OK,
            kind: "text/plain",
            body: Bytes::from_static(b"an answer"),
            coding: Coding::Identity,
        }
    }

    #[tokio::test]
    async fn a_small_answer_visits_no_other_thread() {
        let (large, jobs) = Large::new();
        let answer = large
            .make(&snapshot(1_000), made)
            .await
            .expect("made, though nobody works");
        assert_eq!(&*answer.body, b"an answer");
        assert_eq!(jobs.taken(), 0);
    }

    #[tokio::test]
    async fn large_answers_are_made_elsewhere_and_bounded_until_they_are_taken() {
        let (large, jobs) = Large::new();
        let snapshot = snapshot(SMALL_BYTES_MAX);
        let asked: Vec<_> = (0..LARGE_MAX).map(|_| Box::pin(large.make(&snapshot, made))).collect();
        let mut all = join_all(asked);
        assert!((&mut all).now_or_never().is_none(), "nobody works yet");
        assert!(matches!(large.make(&snapshot, made).await, Err(NotMade::Busy)));
        large.stop();
        jobs.work_only();
        let answers = all.await;
        assert!(answers.iter().all(Result::is_ok));
        assert!(
            matches!(large.make(&snapshot, made).await, Err(NotMade::Busy)),
            "nobody took them"
        );
        drop(answers);
        assert_eq!(large.slots.available_permits(), LARGE_MAX);
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_thread_goes_on() {
        let (large, jobs) = Large::new();
        let snapshot = snapshot(SMALL_BYTES_MAX);
        let mut bad = Box::pin(large.make(&snapshot, || panic!("as told")));
        let mut good = Box::pin(large.make(&snapshot, made));
        assert!((&mut bad).now_or_never().is_none() && (&mut good).now_or_never().is_none());
        large.stop();
        jobs.work_only();
        assert!(matches!(bad.await, Err(NotMade::Panicked(_))));
        drop(good.await.expect("made all the same"));
        assert_eq!(large.slots.available_permits(), LARGE_MAX);
    }
}
