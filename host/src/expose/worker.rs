//! The threads that do what takes long, so that the one that answers never does: joining the text of a snapshot,
//! compressing it, rereading the certificate; and, on a thread of their own, [large answers](super::large).
//!
//! Flows in: jobs. Flows out: what they made, to whoever asked. One thread for what scrapes want: a second compression waits
//! for the first, and no answer to a person stands before either. It decides nothing about requests.

use std::{
    io::Write as _,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tokio::sync::oneshot;

use crate::{
    board::Snapshot,
    clock::{Clock, Instant},
    metric::text::Format,
};

/// Jobs that wait. Two formats, compressed or not, of the newest snapshot and of one or two before it, and fewer large
/// answers: more than this are never open at once unless the thread is stuck.
const QUEUE: usize = 16;

/// Makes something and hands it to whoever waits for it.
type Work = Box<dyn FnOnce() + Send>;

enum Job {
    Work(Work),
    Stop,
}

/// The thread cannot take the job or is gone.
#[derive(Debug, thiserror::Error)]
#[error("the thread that prepares answers is busy or gone")]
pub(super) struct WorkerGone;

/// Hands jobs to the thread. Cheap to clone.
#[derive(Clone)]
pub(super) struct Worker {
    // Full: the caller is told and answers 503; nothing waits on this thread but by a job.
    jobs: SyncSender<Job>,
}

/// The thread's side.
pub(super) struct Jobs(Receiver<Job>);

impl Worker {
    pub(super) fn new() -> (Self, Jobs) {
        let (jobs, queue) = sync_channel(QUEUE);
        (Self { jobs }, Jobs(queue))
    }

    /// The exposition of a snapshot.
    pub(super) async fn text(&self, snapshot: Arc<Snapshot>, format: Format) -> Result<Bytes, WorkerGone> {
        self.make(move || snapshot.text(format)).await
    }

    /// The same, compressed, fast rather than small: a scrape crosses a local network.
    pub(super) async fn gzip(&self, snapshot: Arc<Snapshot>, format: Format) -> Result<Bytes, WorkerGone> {
        self.make(move || snapshot.compressed(format, gzip)).await
    }

    /// Makes the text that is likely to be asked for, ahead of time. Nobody waits for it: a thread that has too much to do
    /// already leaves it to the first scrape.
    pub(super) fn prepare(&self, snapshot: Arc<Snapshot>) {
        let _ = self.jobs.try_send(Job::Work(Box::new(move || snapshot.prepare())));
    }

    /// What `make` returns. It is dropped uncalled when whoever asked has left before its turn.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkerGone> {
        let (reply, answer) = oneshot::channel();
        let work = move || {
            if !reply.is_closed() {
                // Nobody waits any more: the client left meanwhile.
                let _ = reply.send(make());
            }
        };
        self.jobs.try_send(Job::Work(Box::new(work))).map_err(|_| WorkerGone)?;
        answer.await.map_err(|_| WorkerGone)
    }

    /// Ends the thread after the jobs before this one.
    pub(super) fn stop(&self) {
        if let Err(TrySendError::Full(job)) = self.jobs.try_send(Job::Stop) {
            // Jobs are short; waiting for room is waiting for one of them.
            let _ = self.jobs.send(job);
        }
    }
}

impl Jobs {
    /// How many jobs wait; takes them.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.0.try_iter().count()
    }

    /// Works until told to stop.
    pub(super) fn work_only(self) {
        while let Ok(Job::Work(work)) = self.0.recv() {
            work();
        }
    }

    /// Works until told to stop, and calls `at_times` every `every` in between.
    pub(super) fn work(self, clock: &Clock, every: Duration, at_times: impl Fn()) {
        let mut next = clock.monotonic() + every;
        loop {
            match self.0.recv_timeout(until(next, clock)) {
                Ok(Job::Work(work)) => work(),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if clock.monotonic() >= next {
                at_times();
                next = clock.monotonic() + every;
            }
        }
    }
}

fn until(next: Instant, clock: &Clock) -> Duration {
    next.saturating_duration_since(clock.monotonic())
}

/// Exposition shrinks to about a tenth.
const EXPECTED_RATIO: usize = 8;

pub(super) fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / EXPECTED_RATIO), Compression::fast());
    // Writing to memory does not fail; were it to, an empty answer would be no gzip and no client would take it for one.
    let compressed = encoder.write_all(text).and_then(|()| encoder.finish());
    compressed.unwrap_or_default().into()
}
