//! The threads that answer what may take long: at most so many at once, each only for so long, and none for a client that
//! left.
//!
//! Flows in: work, how long it may take, and how its answer is to be coded. Flows out: an answer as bytes, or why there is none. Those who come while all
//! threads are busy stand in a line of a fixed length, and their time runs meanwhile. How many bytes of answers there may be
//! at once, from being made to being taken, is bounded as well. It knows nothing about queries.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{super::packed, Coding, Failure, Kind};
use crate::{
    clock::{Clock, Instant},
    supervisor::{Panic, catch},
};

/// Requests that wait for a thread. A dashboard asks for some twenty panels at once; three people who open theirs in the same
/// moment fit.
pub(super) const LINE_MAX: usize = 64;

/// Bytes of one answer. 11,000 points of a hundred series are some 25 MB; what is larger no browser draws.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// KiB of all answers that are made and not yet taken.
const ANSWERS_KIB_MAX: usize = 2 * ANSWER_BYTES_MAX / 1024;

/// Why work ends before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Its time is up.
    Late,
    /// Nobody waits for it.
    ClientLeft,
    /// The host stops.
    Stopping,
}

/// Tells work when to give up.
pub(super) struct Watch<'w> {
    clock: &'w Clock,
    deadline: Instant,
    stopping: &'w AtomicBool,
    client_left: &'w dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Why to give up; `None`: go on.
    pub(super) fn over(&self) -> Option<Over> {
        if (self.client_left)() {
            return Some(Over::ClientLeft);
        }
        if self.stopping.load(Ordering::Relaxed) {
            return Some(Over::Stopping);
        }
        (self.clock.monotonic() >= self.deadline).then_some(Over::Late)
    }

    /// The time.
    pub(super) fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    /// An error when it is time to give up.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.over().map_or(Ok(()), |over| Err(Failure::from(over)))
    }
}

type Task = Box<dyn FnOnce() + Send>;

enum Job {
    Task(Task),
    Stop,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Undone {
    /// See [`Failure`].
    Failed(Failure),
    /// The line is full.
    Busy,
    /// A fault of ours.
    Panicked(Panic),
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    // Full: the client is told to come again.
    jobs: SyncSender<Job>,
    line: Arc<Mutex<Receiver<Job>>>,
    stopping: Arc<AtomicBool>,
    answers: Arc<Semaphore>,
    clock: Clock,
    threads: usize,
}

impl Desk {
    /// A desk at which `threads` will [work](Desk::work).
    pub(super) fn new(clock: Clock, threads: usize) -> Self {
        let (jobs, line) = sync_channel(LINE_MAX);
        Self {
            jobs,
            line: Arc::new(Mutex::new(line)),
            stopping: Arc::default(),
            answers: Arc::new(Semaphore::new(ANSWERS_KIB_MAX)),
            clock,
            threads,
        }
    }

    /// How many threads are to work at it.
    pub(super) const fn threads(&self) -> usize {
        self.threads
    }

    /// Works until told to stop.
    pub(super) fn work(&self) {
        loop {
            let next = self.line.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match next {
                Ok(Job::Task(task)) => task(),
                Ok(Job::Stop) | Err(_) => return,
            }
        }
    }

    /// What `work` makes within `patience`, the time in line included, coded as `wanted` if it is long. It is not called for a client
    /// that left in between.
    pub(super) async fn ask(
        &self,
        patience: Duration,
        wanted: Coding,
        work: impl FnOnce(&Watch<'_>) -> Result<Vec<u8>, Failure> + Send + 'static,
    ) -> Result<(Bytes, Coding), Undone> {
        let (reply, answer) = oneshot::channel();
        let (clock, stopping) = (self.clock.clone(), Arc::clone(&self.stopping));
        let deadline = clock.monotonic() + patience;
        let task = move || {
            let made = catch("query", || {
                let watch = Watch {
                    clock: &clock,
                    deadline,
                    stopping: &stopping,
                    client_left: &|| reply.is_closed(),
                };
                let body = watch.check().and_then(|()| work(&watch))?;
                coded(body, wanted)
            });
            // The client may have left.
            let _ = reply.send(made);
        };
        match self.jobs.try_send(Job::Task(Box::new(task))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Undone::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(Undone::Failed(Over::Stopping.into())),
        }
        let made = answer.await.map_err(|_| Undone::Failed(Over::Stopping.into()))?;
        let (body, coding) = made.map_err(Undone::Panicked)?.map_err(Undone::Failed)?;
        Ok((self.hold(body)?, coding))
    }

    /// Has the bytes counted until the last of them is sent.
    fn hold(&self, body: Bytes) -> Result<Bytes, Undone> {
        let kib = u32::try_from(body.len().div_ceil(1024)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.answers).try_acquire_many_owned(kib);
        let room = room.map_err(|_| Undone::Busy)?;
        Ok(Bytes::from_owner(Held { body, _room: room }))
    }

    /// Ends the threads, and what they are at.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for _ in 0..self.threads {
            // Waiting for room is waiting for work that ends at once now.
            let _ = self.jobs.send(Job::Stop);
        }
    }
}

/// What is too large stays so when it is compressed: whoever reads it has all of it.
fn coded(body: Vec<u8>, wanted: Coding) -> Result<(Bytes, Coding), Failure> {
    if body.len() > ANSWER_BYTES_MAX {
        return Err(too_large());
    }
    Ok(packed(body.into(), wanted))
}

struct Held {
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// An answer that nobody should have to take.
pub(super) fn too_large() -> Failure {
    let most = ANSWER_BYTES_MAX / (1024 * 1024);
    let message = format!("the answer has more than {most} MiB; select fewer series, a shorter range or a longer step");
    Failure::new(Kind::Execution, message)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn desk() -> Desk {
        Desk::new(Clock::system(), 1)
    }

    fn busy<T>(asked: &Result<T, Undone>) -> bool {
        matches!(asked, Err(Undone::Busy))
    }

    /// Lets the desk do what is in line.
    fn work(desk: &Desk) {
        desk.jobs.send(Job::Stop).expect("room");
        desk.work();
    }

    #[test]
    fn who_comes_when_the_line_is_full_is_told_so_at_once() {
        let desk = desk();
        let mut line: Vec<_> = (0..LINE_MAX)
            .map(|_| Box::pin(desk.ask(LONG, Coding::Identity, |_| Ok(b"x".to_vec()))))
            .collect();
        for waiting in &mut line {
            assert!(waiting.now_or_never().is_none());
        }
        assert!(busy(
            &desk
                .ask(LONG, Coding::Identity, |_| Ok(Vec::new()))
                .now_or_never()
                .expect("an answer")
        ));
    }

    #[test]
    fn nothing_is_done_for_a_client_that_left_the_line() {
        let desk = desk();
        let (done, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mark = |flag: &Arc<AtomicBool>| {
            let flag = Arc::clone(flag);
            move |_: &Watch<'_>| {
                flag.store(true, Ordering::SeqCst);
                Ok(Vec::new())
            }
        };
        let mut stays = Box::pin(desk.ask(LONG, Coding::Identity, mark(&seen)));
        let mut leaves = Box::pin(desk.ask(LONG, Coding::Identity, mark(&done)));
        assert!((&mut stays).now_or_never().is_none() && (&mut leaves).now_or_never().is_none());
        drop(leaves);
        work(&desk);
        assert!(seen.load(Ordering::SeqCst) && !done.load(Ordering::SeqCst));
        assert!(stays.now_or_never().expect("an answer").is_ok());
    }

    #[test]
    fn time_runs_in_the_line_too() {
        let desk = desk();
        let mut late = Box::pin(desk.ask(Duration::ZERO, Coding::Identity, |_| panic!("not called")));
        assert!((&mut late).now_or_never().is_none());
        work(&desk);
        let answer = late.now_or_never().expect("an answer");
        assert!(
            matches!(
                answer,
                Err(Undone::Failed(Failure {
                    kind: Kind::Timeout,
                    ..
                }))
            ),
            "{answer:?}"
        );
    }

    #[test]
    fn a_panic_is_an_answer_and_the_thread_goes_on() {
        let desk = desk();
        let mut bad = Box::pin(desk.ask(LONG, Coding::Identity, |_| panic!("as asked")));
        let mut good = Box::pin(desk.ask(LONG, Coding::Identity, |_| Ok(b"x".to_vec())));
        assert!((&mut bad).now_or_never().is_none() && (&mut good).now_or_never().is_none());
        work(&desk);
        assert!(matches!(bad.now_or_never(), Some(Err(Undone::Panicked(_)))));
        assert_eq!(good.now_or_never().expect("an answer").expect("good").0, "x");
    }

    #[test]
    fn answers_that_nobody_takes_leave_no_room_for_others_until_they_are_gone() {
        let desk = desk();
        let large = || desk.hold(vec![0; ANSWER_BYTES_MAX].into());
        let (one, other) = (large().expect("room"), large().expect("room"));
        assert!(busy(&desk.hold(vec![0].into())));
        drop((one, other));
        assert!(desk.hold(vec![0].into()).is_ok());
    }

    #[test]
    fn an_answer_is_compressed_for_who_takes_it_and_too_large_all_the_same() {
        let long = vec![b'x'; 100_000];
        let (body, coding) = coded(long.clone(), Coding::Gzip).expect("not too large");
        assert!(coding == Coding::Gzip && body.len() < 1_000 && body.starts_with(&[0x1f, 0x8b]));
        assert_eq!(
            coded(long.clone(), Coding::Identity).expect("plain"),
            (long.into(), Coding::Identity)
        );
        assert_eq!(coded(b"{}".to_vec(), Coding::Gzip).expect("short").1, Coding::Identity);
        for wanted in [Coding::Gzip, Coding::Identity] {
            assert!(coded(vec![0; ANSWER_BYTES_MAX + 1], wanted).is_err());
        }
    }

    #[test]
    fn a_stop_ends_the_threads_and_what_is_in_line() {
        let desk = desk();
        let mut waiting = Box::pin(desk.ask(LONG, Coding::Identity, |_| Ok(Vec::new())));
        assert!((&mut waiting).now_or_never().is_none());
        desk.stop();
        desk.work();
        let answer = waiting.now_or_never().expect("an answer");
        assert!(
            matches!(
                answer,
                Err(Undone::Failed(Failure {
                    kind: Kind::Unavailable,
                    ..
                }))
            ),
            "{answer:?}"
        );
    }
}
