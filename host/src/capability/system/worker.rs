//! Threads for reads that may never return.
//!
//! A read of a dead network file system hangs in the kernel and nothing can end it. So each read runs on a thread of its own:
//! who asked waits for a while and then goes on without it, the loss is said and counted, and the same thing is not asked
//! again until the thread comes back. Flows in: blocking closures. Flows out: their values, or why there is none. It keeps no
//! answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout_at,
};

use super::{
    Section,
    events::{ReadAbandoned, ReadReturned},
};
use crate::{
    clock::{Clock, Instant},
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Threads alive at once, hanging ones included. A healthy read needs up to four for some milliseconds; the rest is room for
/// dead mounts. When all of them hang, reads are refused rather than the machine filled with stuck threads.
pub(super) const MAX_THREADS: usize = 16;

/// Why a read has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Unread {
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("an earlier read has not returned for {:.0} s", .0.as_secs_f64())]
    Hangs(Duration),
    #[error("all {MAX_THREADS} reader threads are held up")]
    NoThread,
    #[error("the thread could not be started: {0}")]
    NotStarted(String),
    #[error("the read panicked; the log says where")]
    Panicked,
    #[error("no answer before the time of the run was over")]
    OutOfTime,
    #[error("{0}")]
    Failed(String),
}

/// Starts and counts reader threads. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    supervisor: Supervisor,
    telemetry: Telemetry,
    clock: Clock,
    permits: Arc<Semaphore>,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    reads: BTreeMap<u64, Read>,
}

#[derive(Debug)]
struct Read {
    section: Section,
    what: String,
    since: Instant,
    abandoned: bool,
}

/// The right to one thread.
#[derive(Debug)]
pub(super) struct Permit(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

/// A read under way; dropped on its thread when it returned.
#[derive(Debug)]
pub(super) struct Asking {
    workers: Workers,
    id: u64,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let read = self.workers.lock().reads.remove(&self.id);
        if let Some(Read {
            section,
            what,
            since,
            abandoned: true,
        }) = read
        {
            let after = self.workers.now() - since;
            self.workers.telemetry.emit(&ReadReturned {
                section,
                what: &what,
                after,
            });
        }
    }
}

impl Workers {
    pub(super) fn new(supervisor: Supervisor, telemetry: Telemetry, clock: Clock) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_THREADS));
        Self {
            supervisor,
            telemetry,
            clock,
            permits,
            under_way: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    /// Notes that `what` is being read, until the guard goes.
    pub(super) fn asking(&self, section: Section, what: &str) -> Asking {
        let since = self.now();
        let mut under_way = self.lock();
        let id = under_way.next;
        under_way.next += 1;
        under_way.reads.insert(
            id,
            Read {
                section,
                what: what.to_owned(),
                since,
                abandoned: false,
            },
        );
        drop(under_way);
        Asking {
            workers: self.clone(),
            id,
        }
    }

    /// How long a read of `what` has been under way, when that is longer than `age`. Each such read is said and counted as
    /// abandoned, once.
    pub(super) fn hanging(&self, what: &str, age: Duration) -> Option<Duration> {
        let now = self.now();
        let mut ages = Vec::new();
        let mut news = Vec::new();
        for read in self
            .lock()
            .reads
            .values_mut()
            .filter(|read| read.what == what && now - read.since > age)
        {
            let waited = now - read.since;
            ages.push(waited);
            if !std::mem::replace(&mut read.abandoned, true) {
                news.push((read.section, waited));
            }
        }
        for (section, waited) in news {
            self.telemetry.emit(&ReadAbandoned { section, what, waited });
        }
        ages.into_iter().max()
    }

    /// Why an answer that was waited for since `begun` did not come. Waiting that was cut short by the end of the run says
    /// nothing about the read.
    pub(super) fn gave_up(&self, what: &str, begun: Instant, patience: Duration) -> Unread {
        let waited = self.now() - begun;
        if waited < patience {
            return Unread::OutOfTime;
        }
        self.hanging(what, Duration::ZERO);
        Unread::TimedOut(waited)
    }

    /// Waits for a free thread, no longer than `deadline`.
    pub(super) async fn permit(&self, deadline: Instant) -> Result<Permit, Unread> {
        match timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Permit(permit)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Unread::NoThread),
        }
    }

    /// Starts a thread, which holds `permit` until `work` returns.
    pub(super) fn start(
        &self,
        section: Section,
        permit: Permit,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), Unread> {
        let started = self
            .supervisor
            .thread(&format!("system-{}", section.as_str()), move || {
                let _held = permit;
                work();
            });
        started
            .map(|_| ())
            .map_err(|problem| Unread::NotStarted(problem.to_string()))
    }

    /// Runs `read` on a thread and waits for it up to `patience`, and never past `deadline`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        section: Section,
        what: &str,
        patience: Duration,
        deadline: Instant,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unread> {
        if let Some(age) = self.hanging(what, patience) {
            return Err(Unread::Hangs(age));
        }
        if self.now() >= deadline {
            return Err(Unread::OutOfTime);
        }
        let permit = self.permit(deadline).await?;
        let (done, answer) = oneshot::channel();
        let asking = self.asking(section, what);
        let begun = self.now();
        self.start(section, permit, move || {
            let value = read();
            drop(asking);
            // Nobody waits any more when the read was given up.
            let _ = done.send(value);
        })?;
        match timeout_at(deadline.min(begun + patience), answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(Unread::Panicked),
            Err(_) => Err(self.gave_up(what, begun, patience)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(20);

    fn workers() -> Workers {
        Workers::new(Supervisor::new(|_| ()), Telemetry::silent(), Clock::system())
    }

    fn abandoned(workers: &Workers) -> Option<f64> {
        let families = workers.telemetry.instruments().families();
        let family = families
            .iter()
            .find(|family| family.head.name.as_str() == "bellwether_system_reads_abandoned_total")?;
        match &family.points {
            crate::outcome::ReportedPoints::Values(samples) => samples.first().map(|sample| sample.value),
            other => panic!("a counter, not {other:?}"),
        }
    }

    /// A read that returns when the sender goes.
    fn stuck() -> (mpsc::SyncSender<()>, impl FnOnce() + Send) {
        let (release, held) = mpsc::sync_channel::<()>(0);
        (release, move || {
            let _ = held.recv();
        })
    }

    #[tokio::test]
    async fn a_read_that_returns_hands_its_value_over() {
        let workers = workers();
        let deadline = workers.now() + Duration::from_secs(5);
        let value = workers
            .run(Section::Load, "load", Duration::from_secs(5), deadline, || 7)
            .await;
        assert_eq!(value, Ok(7));
        assert_eq!(abandoned(&workers), None);
    }

    #[tokio::test]
    async fn a_read_that_hangs_is_counted_once_and_not_asked_again_until_it_returns() {
        let workers = workers();
        let deadline = workers.now() + Duration::from_secs(5);
        let (release, read) = stuck();
        let first = workers.run(Section::Disks, "/dead", PATIENCE, deadline, read).await;
        assert!(matches!(first, Err(Unread::TimedOut(_))), "{first:?}");
        let second = workers.run(Section::Disks, "/dead", PATIENCE, deadline, || ()).await;
        assert!(matches!(second, Err(Unread::Hangs(_))), "{second:?}");
        assert_eq!(abandoned(&workers), Some(1.0));
        drop(release);
        while workers.hanging("/dead", PATIENCE).is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            workers
                .run(Section::Disks, "/dead", Duration::from_secs(5), deadline, || 1)
                .await,
            Ok(1)
        );
    }

    #[tokio::test]
    async fn when_every_thread_hangs_the_next_read_is_refused() {
        let workers = workers();
        let deadline = workers.now() + Duration::from_secs(5);
        let mut held = Vec::new();
        for number in 0..MAX_THREADS {
            let (release, read) = stuck();
            held.push(release);
            let what = format!("/dead/{number}");
            let answer = workers
                .run(Section::Disks, &what, Duration::from_millis(1), deadline, read)
                .await;
            assert!(matches!(answer, Err(Unread::TimedOut(_))), "{answer:?}");
        }
        let soon = workers.now() + PATIENCE;
        let refused = workers.run(Section::Load, "load", PATIENCE, soon, || ()).await;
        assert_eq!(refused, Err(Unread::NoThread));
    }

    #[tokio::test]
    async fn a_panic_in_a_read_is_an_answer() {
        let workers = workers();
        let deadline = workers.now() + Duration::from_secs(5);
        let answer: Result<(), _> = workers
            .run(Section::Load, "load", Duration::from_secs(5), deadline, || {
                panic!("oh no")
            })
            .await;
        assert_eq!(answer, Err(Unread::Panicked));
    }
}
