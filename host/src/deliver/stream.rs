//! News beside notifications, for one receiver: runs of checks, or what applications reported. Each kind has a queue and a task of
//! its own, so that a flood of errors never delays a page.
//!
//! Flows in: items, from whoever has them; nobody waits here. Flows out: batches, tried until each item is taken, refused for good, or
//! stale. There is no journal behind it: what a restart or a full queue costs is counted, and the next item is as good.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{sleep, timeout_at},
};

use super::backoff;
use crate::{
    clock::{Clock, Instant},
    sandbox::{DeliveryFailure, ForwardedEvent, ForwardedRun, NewsKind, Refused},
    supervisor::{CancellationToken, Supervisor, catch_async},
    telemetry::{Count, Telemetry},
};

/// Items that wait for one receiver: a minute of what a busy application reports while its receiver is restarted.
pub const QUEUE_MAX: usize = 1_000;

/// Items of one attempt: services take a few hundred kilobytes at once.
pub const BATCH_MAX: usize = 50;

/// Attempts at one item, some twenty minutes: what is older helps nobody who looks at errors as they come.
pub const ATTEMPTS_MAX: u32 = 10;

/// What a carrier gets beyond its deadline to say itself what happened.
const GRACE: Duration = Duration::from_secs(1);

/// Something that has an id.
pub trait Item: Clone + fmt::Debug + Send + Sync + 'static {
    /// The same at every attempt.
    fn id(&self) -> &str;
}

impl Item for ForwardedRun {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Item for ForwardedEvent {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What a batch comes to: what of it was not taken, or why nothing was.
pub type Carrying<'c> = Pin<Box<dyn Future<Output = Result<Refused, DeliveryFailure>> + Send + 'c>>;

/// Carries batches to one receiver: one call is one attempt.
pub trait Carry<T>: fmt::Debug + Send + Sync {
    /// Hands them over by `deadline`. `attempt` counts from one.
    fn carry(&self, items: Vec<T>, attempt: u32, deadline: Instant) -> Carrying<'_>;
}

/// Where items are put. Cheap to clone; the task ends when the last is dropped and the queue is empty.
#[derive(Clone, Debug)]
pub struct Stream<T> {
    queue: mpsc::Sender<T>,
    tally: Tally,
}

/// What the task needs.
#[derive(Debug)]
pub struct StreamOptions<T> {
    /// NAME of `[receiver.NAME]`.
    pub receiver: Arc<str>,
    /// What the items are.
    pub kind: NewsKind,
    /// What carries them out.
    pub carrier: Arc<dyn Carry<T>>,
    /// Of one attempt.
    pub timeout: Duration,
    /// Time.
    pub clock: Clock,
    /// Counts.
    pub telemetry: Telemetry,
}

/// Counts what became of items.
#[derive(Clone, Debug)]
struct Tally {
    receiver: Arc<str>,
    kind: NewsKind,
    telemetry: Telemetry,
}

impl Tally {
    fn count(&self, outcome: &str, items: usize) {
        self.telemetry.instruments().count(&Count {
            name: "bellwether_forwarded_items_total",
            help: "Runs and events for a receiver, by what became of them.",
            labels: vec![
                ("receiver", self.receiver.to_string()),
                ("kind", self.kind.as_str().to_owned()),
                ("outcome", outcome.to_owned()),
            ],
            by: u64::try_from(items).unwrap_or(u64::MAX),
        });
    }
}

struct Waiting<T> {
    item: T,
    attempts: u32,
}

impl<T: Item> Stream<T> {
    /// Starts the task of one receiver and kind. It ends by `stop`, with what is waiting.
    pub fn start(supervisor: &Supervisor, options: StreamOptions<T>, stop: CancellationToken) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE_MAX);
        let tally = Tally {
            receiver: Arc::clone(&options.receiver),
            kind: options.kind,
            telemetry: options.telemetry.clone(),
        };
        let name = format!("deliver {} to {}", options.kind.as_str(), options.receiver);
        drop(supervisor.spawn(&name, run(options, tally.clone(), inbox, stop)));
        Self { queue, tally }
    }

    /// Takes one, or drops it when too many wait: the newest, since the first of a flood say how it began.
    pub fn push(&self, item: T) {
        match self.queue.try_send(item) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.tally.count("dropped_full", 1),
            Err(TrySendError::Closed(_)) => self.tally.count("dropped_stopping", 1),
        }
    }
}

async fn run<T: Item>(options: StreamOptions<T>, tally: Tally, mut inbox: mpsc::Receiver<T>, stop: CancellationToken) {
    let mut batch: Vec<Waiting<T>> = Vec::new();
    let mut failures = 0;
    loop {
        if batch.is_empty() {
            let first = tokio::select! {
                () = stop.cancelled() => return,
                first = inbox.recv() => first,
            };
            let Some(item) = first else { return };
            batch.push(Waiting { item, attempts: 0 });
        }
        while batch.len() < BATCH_MAX
            && let Ok(item) = inbox.try_recv()
        {
            batch.push(Waiting { item, attempts: 0 });
        }
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            ended = attempt(&options, &batch) => settle(&tally, &mut batch, ended),
        };
        match asked {
            None => failures = 0,
            Some(asked) => {
                failures += 1;
                let wait = backoff::wait(failures, asked, backoff::seed(&options.receiver));
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(wait.span) => {}
                }
            }
        }
    }
}

async fn attempt<T: Item>(options: &StreamOptions<T>, batch: &[Waiting<T>]) -> Result<Refused, DeliveryFailure> {
    let items: Vec<T> = batch.iter().map(|waiting| waiting.item.clone()).collect();
    let attempt = batch.iter().map(|waiting| waiting.attempts).max().unwrap_or(0) + 1;
    let deadline = options.clock.monotonic() + options.timeout;
    let carrying = catch_async("deliver", options.carrier.carry(items, attempt, deadline));
    let failed = |message: String| DeliveryFailure {
        message,
        is_permanent: false,
        retry_after: None,
        is_ambiguous: true,
        ended: None,
    };
    match timeout_at(deadline + GRACE, carrying).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => Err(failed(panic.to_string())),
        Err(_) => Err(failed("no answer in time".to_owned())),
    }
}

/// Leaves in the batch what is worth another attempt. `Some`: something is, and what the receiver asked to wait.
fn settle<T: Item>(
    tally: &Tally,
    batch: &mut Vec<Waiting<T>>,
    ended: Result<Refused, DeliveryFailure>,
) -> Option<Option<Duration>> {
    let refused = match ended {
        Ok(refused) => refused,
        Err(failure) => {
            let each = batch
                .iter()
                .map(|waiting| (waiting.item.id().to_owned(), failure.clone()));
            each.collect()
        }
    };
    let mut wait: Option<Option<Duration>> = None;
    let mut counts = [("taken", 0), ("refused", 0), ("stale", 0)];
    batch.retain_mut(|waiting| {
        let failure = refused
            .iter()
            .find(|(id, _)| *id == waiting.item.id())
            .map(|(_, failure)| failure);
        waiting.attempts += 1;
        let place = match failure {
            None => 0,
            Some(failure) if failure.is_permanent => 1,
            Some(_) if waiting.attempts >= ATTEMPTS_MAX => 2,
            Some(failure) => {
                wait = Some(wait.flatten().max(failure.retry_after));
                return true;
            }
        };
        counts[place].1 += 1;
        false
    });
    for (outcome, items) in counts.into_iter().filter(|(_, items)| *items > 0) {
        tally.count(outcome, items);
    }
    wait
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Thing(String);

    impl Item for Thing {
        fn id(&self) -> &str {
            &self.0
        }
    }

    type Answer = Result<Refused, DeliveryFailure>;

    /// Answers in order; then takes everything.
    #[derive(Debug)]
    struct Scripted {
        answers: Mutex<VecDeque<Answer>>,
        seen: mpsc::Sender<(Instant, Vec<Thing>)>,
    }

    impl Carry<Thing> for Scripted {
        fn carry(&self, items: Vec<Thing>, _attempt: u32, _deadline: Instant) -> Carrying<'_> {
            self.seen.try_send((Clock::system().monotonic(), items)).expect("room");
            let answer = self.answers.lock().expect("not poisoned").pop_front();
            Box::pin(std::future::ready(answer.unwrap_or(Ok(Vec::new()))))
        }
    }

    fn failure(is_permanent: bool, retry_after: Option<Duration>) -> DeliveryFailure {
        DeliveryFailure {
            message: "no".to_owned(),
            is_permanent,
            retry_after,
            is_ambiguous: false,
            ended: None,
        }
    }

    struct World {
        stream: Stream<Thing>,
        seen: mpsc::Receiver<(Instant, Vec<Thing>)>,
        telemetry: Telemetry,
    }

    impl World {
        fn new(answers: Vec<Answer>) -> Self {
            let (sender, seen) = mpsc::channel(1_000);
            let supervisor = Supervisor::new(|panic| panic!("{panic}"));
            let telemetry = Telemetry::silent();
            let options = StreamOptions {
                receiver: "sentry".into(),
                kind: NewsKind::Events,
                carrier: Arc::new(Scripted {
                    answers: Mutex::new(answers.into()),
                    seen: sender,
                }),
                timeout: Duration::from_secs(10),
                clock: Clock::system(),
                telemetry: telemetry.clone(),
            };
            let stop = supervisor.stopping();
            Self {
                stream: Stream::start(&supervisor, options, stop),
                seen,
                telemetry,
            }
        }

        fn push(&self, count: usize) {
            (0..count).for_each(|at| self.stream.push(Thing(at.to_string())));
        }

        fn total(&self, outcome: &str) -> f64 {
            let families = self.telemetry.instruments().families();
            let samples = families.iter().filter_map(|family| match &family.points {
                crate::outcome::ReportedPoints::Values(samples) => Some(samples),
                _ => None,
            });
            let own = samples
                .flatten()
                .find(|sample| sample.label_values.iter().any(|value| **value == *outcome));
            own.map_or(0.0, |sample| sample.value)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_as_it_is_asked_and_only_what_was_not_taken_goes_again() {
        let minute = Duration::from_secs(60);
        let mut world = World::new(vec![
            Err(failure(false, Some(minute))),
            Ok(vec![
                ("1".to_owned(), failure(true, None)),
                ("2".to_owned(), failure(false, None)),
            ]),
        ]);
        world.push(4);
        let (first_at, first) = world.seen.recv().await.expect("sent");
        let (again_at, again) = world.seen.recv().await.expect("sent");
        assert_eq!((first.len(), &first), (4, &again));
        assert!(again_at - first_at >= minute);
        let (_, last) = world.seen.recv().await.expect("sent");
        assert_eq!(last, [Thing("2".to_owned())]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!((world.total("taken"), world.total("refused")), (3.0, 1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_cut_and_counted_and_goes_out_in_batches_and_in_order() {
        let mut world = World::new(Vec::new());
        world.push(QUEUE_MAX + 500);
        let mut all = Vec::new();
        while all.len() < QUEUE_MAX {
            let (_, batch) = world.seen.recv().await.expect("sent");
            assert!(batch.len() <= BATCH_MAX);
            all.extend(batch);
        }
        assert!(all.iter().enumerate().all(|(at, thing)| thing.0 == at.to_string()));
        assert_eq!(world.total("dropped_full"), 500.0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_given_up_and_counted() {
        let never = (0..ATTEMPTS_MAX).map(|_| Err(failure(false, None)));
        let mut world = World::new(never.collect());
        world.push(1);
        for _ in 0..ATTEMPTS_MAX {
            world.seen.recv().await.expect("sent");
        }
        sleep(Duration::from_secs(3_600)).await;
        assert!(world.seen.try_recv().is_err());
        assert_eq!(world.total("stale"), 1.0);
    }
}
