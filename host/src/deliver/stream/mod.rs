//! News beside notifications, for one receiver: runs of checks, or what applications reported. Each kind has a queue and a task of
//! its own, so that a flood of errors never delays a page.
//!
//! Flows in: items, from whoever has them; nobody waits here. Flows out: batches, tried until each item is taken, refused for good, or
//! stale. There is no journal behind it: what a restart or a full queue costs is counted, and the next item is as good. Order is kept:
//! what is tried again goes before what came later.

mod events;
mod queue;

use std::{collections::HashMap, fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout_at};

pub use self::queue::{BATCH_BYTES_MAX, BATCH_MAX, QUEUE_BYTES_MAX, QUEUE_MAX};
use self::{
    events::{StreamFails, StreamRefused, StreamWorks},
    queue::{Queue, Waiting},
};
use super::backoff::{self, Wait};
use crate::{
    clock::{Clock, Instant},
    sandbox::{DeliveryFailure, ForwardedEvent, ForwardedRun, NewsKind, Refused},
    supervisor::{CancellationToken, Supervisor, Task, catch_async},
    telemetry::{Count, Telemetry},
};

/// Attempts at one item, some twenty minutes: what is older helps nobody who looks at errors as they come.
pub const ATTEMPTS_MAX: u32 = 10;

/// How long a task that ends goes on with what waits: the host stops, and others are waited for as long.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(3);

/// What a carrier gets beyond its deadline to say itself what happened.
const GRACE: Duration = Duration::from_secs(1);

/// Between two lines of the log about items that were refused: each may be of a flood.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Something that has an id.
pub trait Item: Clone + fmt::Debug + Send + Sync + 'static {
    /// How long the first of a batch waits for others.
    const LINGER: Duration;

    /// What goes when too many wait: the oldest, or the one that comes.
    const NEWEST_STAYS: bool;

    /// The same at every attempt.
    fn id(&self) -> &str;

    /// What it takes while it waits, about.
    fn bytes(&self) -> usize;
}

impl Item for ForwardedRun {
    /// Runs come by the clock, and who hears of them counts in minutes.
    const LINGER: Duration = Duration::from_secs(5);

    /// What a check found a while ago is of less worth than what it finds now.
    const NEWEST_STAYS: bool = true;

    fn id(&self) -> &str {
        &self.id
    }

    fn bytes(&self) -> usize {
        let pairs = self.labels.iter().chain(&self.details);
        self.id.len() + self.message.len() + pairs.map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }
}

impl Item for ForwardedEvent {
    const LINGER: Duration = Duration::from_secs(1);

    /// The first of a flood say how it began.
    const NEWEST_STAYS: bool = false;

    fn id(&self) -> &str {
        &self.id
    }

    fn bytes(&self) -> usize {
        self.id.len() + self.message.len() + self.payload.len()
    }
}

/// What a batch comes to: what of it was not taken, or why nothing was.
pub type Carrying<'c> = Pin<Box<dyn Future<Output = Result<Refused, DeliveryFailure>> + Send + 'c>>;

/// Carries batches to one receiver: one call is one attempt.
pub trait Carry<T>: fmt::Debug + Send + Sync {
    /// Hands them over by `deadline`. `attempt` counts from one.
    fn carry(&self, items: Vec<T>, attempt: u32, deadline: Instant) -> Carrying<'_>;
}

/// Counts what became of items.
#[derive(Clone, Debug)]
pub struct Tally {
    receiver: Arc<str>,
    kind: NewsKind,
    telemetry: Telemetry,
}

impl Tally {
    /// Of one receiver and kind.
    pub fn new(receiver: Arc<str>, kind: NewsKind, telemetry: Telemetry) -> Self {
        Self {
            receiver,
            kind,
            telemetry,
        }
    }

    fn count(&self, outcome: &str, items: usize) {
        if items == 0 {
            return;
        }
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

/// Where items are put, and wait while there is no task. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inlet<T> {
    queue: Arc<Queue<T>>,
    tally: Tally,
}

impl<T: Item> Inlet<T> {
    /// Empty.
    pub fn new(tally: Tally) -> Self {
        Self {
            queue: Arc::default(),
            tally,
        }
    }

    /// Takes one, or drops it or older ones when too many wait.
    pub fn push(&self, item: T) {
        self.tally.count("dropped_full", self.queue.push(item));
    }
}

/// What the task needs.
#[derive(Debug)]
pub struct StreamOptions<T> {
    /// Where items come from.
    pub inlet: Inlet<T>,
    /// What carries them out.
    pub carrier: Arc<dyn Carry<T>>,
    /// Of one attempt.
    pub timeout: Duration,
    /// Time.
    pub clock: Clock,
}

/// The task of one receiver and kind.
#[derive(Debug)]
pub struct Stream {
    /// Ends it at once, and what waits is left to another one.
    leave: CancellationToken,
    /// Ends it when what waits was tried.
    drain: CancellationToken,
    task: Task<()>,
}

impl Stream {
    /// Begins when `before` has ended, so that both never carry at once. It ends when the host stops, or as it is told.
    pub fn start<T: Item>(supervisor: &Supervisor, options: StreamOptions<T>, before: Option<Self>) -> Self {
        let (leave, drain) = (CancellationToken::new(), supervisor.stopping().child_token());
        let tally = &options.inlet.tally;
        let name = format!("deliver {} to {}", tally.kind.as_str(), tally.receiver);
        let work = Work {
            failures: 0,
            alone: 0,
            unsaid: 0,
            said_at: None,
            leave: leave.clone(),
            drain: drain.clone(),
            options,
        };
        let task = supervisor.spawn(&name, async move {
            if let Some(before) = before {
                before.leave().await;
            }
            work.run().await;
        });
        Self { leave, drain, task }
    }

    /// Ends it; an attempt under way may have arrived. What waits stays where it is.
    pub async fn leave(self) {
        self.leave.cancel();
        // A panic was reported by the supervisor.
        let _ = self.task.outcome().await;
    }

    /// It tries what waits, once and for [`DRAIN_PATIENCE`] at most.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Waits for its end.
    pub async fn ended(self) {
        let _ = self.task.outcome().await;
    }
}

/// How a wait ended.
enum Woken {
    ToWork,
    ToLeave,
    ToDrain,
}

/// The task's own.
struct Work<T> {
    options: StreamOptions<T>,
    leave: CancellationToken,
    drain: CancellationToken,
    /// In a row.
    failures: u32,
    /// So many of the next are tried one by one: together, one of them ended the carrier.
    alone: usize,
    /// Refused, and not in the log yet.
    unsaid: usize,
    said_at: Option<Instant>,
}

impl<T: Item> Work<T> {
    async fn run(mut self) {
        loop {
            match self.woken_by(self.queue().gather(T::LINGER)).await {
                Woken::ToWork => {}
                Woken::ToLeave => return,
                Woken::ToDrain => return self.drain_all().await,
            }
            let deadline = self.options.clock.monotonic() + self.options.timeout;
            let Some(asked) = self.one_batch(deadline).await else {
                return self.give_up();
            };
            let Some(wait) = asked else { continue };
            match self.woken_by(sleep(wait.span)).await {
                Woken::ToWork => {}
                Woken::ToLeave => return,
                Woken::ToDrain => return self.drain_all().await,
            }
        }
    }

    fn queue(&self) -> &Queue<T> {
        &self.options.inlet.queue
    }

    fn tally(&self) -> &Tally {
        &self.options.inlet.tally
    }

    async fn woken_by(&self, work: impl Future<Output = ()>) -> Woken {
        tokio::select! {
            biased;
            () = self.leave.cancelled() => Woken::ToLeave,
            () = self.drain.cancelled() => Woken::ToDrain,
            () = work => Woken::ToWork,
        }
    }

    /// The host stops, and an attempt under way had its time to end.
    async fn stopped_for_long(&self) {
        self.drain.cancelled().await;
        sleep(DRAIN_PATIENCE).await;
    }

    /// One attempt. `Some(Some)`: some of it is to be tried again, so late. `None`: this task is to end, and the batch waits again.
    async fn one_batch(&mut self, deadline: Instant) -> Option<Option<Wait>> {
        let most = if self.alone > 0 { 1 } else { BATCH_MAX };
        let mut batch = self.queue().take(most);
        self.alone = self.alone.saturating_sub(batch.len());
        let ended = tokio::select! {
            ended = attempt(&self.options, &batch, deadline) => Some(ended),
            () = self.leave.cancelled() => None,
            () = self.stopped_for_long() => None,
        };
        let Some(ended) = ended else {
            // It may have arrived, and goes out once more under the same ids.
            self.queue().put_back(batch);
            return None;
        };
        if let Err(failure) = &ended
            && failure.is_permanent
            && failure.ended.is_some()
            && batch.len() > 1
        {
            // It was ended, and the content of one may have done it.
            self.alone = batch.len();
            self.queue().put_back(batch);
            return Some(None);
        }
        let settled = settle(&mut batch, ended);
        self.queue().put_back(batch);
        Some(self.weigh(settled))
    }

    /// Counts, says, and decides on a wait.
    fn weigh(&mut self, settled: Settled) -> Option<Wait> {
        for (outcome, items) in [
            ("taken", settled.taken),
            ("refused", settled.refused),
            ("stale", settled.stale),
        ] {
            self.tally().count(outcome, items);
        }
        if let Some(problem) = &settled.refused_because {
            self.say_refused(settled.refused, problem);
        }
        let Some((problem, asked)) = settled.again else {
            if std::mem::take(&mut self.failures) > 0 && settled.taken > 0 {
                let tally = self.tally();
                tally.telemetry.emit(&StreamWorks { tally });
            }
            return None;
        };
        self.failures += 1;
        let wait = backoff::wait(self.failures, asked, backoff::seed(&self.tally().receiver));
        if self.failures == 1 {
            let tally = self.tally();
            tally.telemetry.emit(&StreamFails {
                tally,
                problem: &problem,
                wait: wait.span,
            });
        }
        Some(wait)
    }

    fn say_refused(&mut self, items: usize, problem: &str) {
        self.unsaid += items;
        let now = self.options.clock.monotonic();
        if self.said_at.is_some_and(|at| now < at + SAID_EVERY) {
            return;
        }
        self.said_at = Some(now);
        let (items, tally) = (std::mem::take(&mut self.unsaid), self.tally());
        tally.telemetry.emit(&StreamRefused { tally, items, problem });
    }

    /// What waits is tried once more before the host ends; what is left then is lost, and counted.
    async fn drain_all(mut self) {
        let until = self.options.clock.monotonic() + DRAIN_PATIENCE;
        while !self.queue().is_empty() && self.options.clock.monotonic() < until {
            let deadline = until.min(self.options.clock.monotonic() + self.options.timeout);
            match self.one_batch(deadline).await {
                Some(None) => {}
                Some(Some(_)) | None => break,
            }
        }
        self.give_up();
    }

    /// What waits is lost when the host stops; else another task takes over.
    fn give_up(&self) {
        if self.drain.is_cancelled() {
            self.tally().count("dropped_stopping", self.queue().clear());
        }
    }
}

async fn attempt<T: Item>(
    options: &StreamOptions<T>,
    batch: &[Waiting<T>],
    deadline: Instant,
) -> Result<Refused, DeliveryFailure> {
    let items: Vec<T> = batch.iter().map(|waiting| waiting.item.clone()).collect();
    let attempt = batch.iter().map(|waiting| waiting.attempts).max().unwrap_or(0) + 1;
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

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settled {
    taken: usize,
    refused: usize,
    /// Of the first.
    refused_because: Option<String>,
    stale: usize,
    /// Why something is tried again, and what the receiver asked to wait.
    again: Option<(String, Option<Duration>)>,
}

/// Leaves in the batch what is worth another attempt. Pure.
fn settle<T: Item>(batch: &mut Vec<Waiting<T>>, ended: Result<Refused, DeliveryFailure>) -> Settled {
    let mut settled = Settled::default();
    let (refused, whole): (HashMap<String, DeliveryFailure>, _) = match ended {
        Ok(refused) => (refused.into_iter().collect(), None),
        Err(failure) => (HashMap::new(), Some(failure)),
    };
    batch.retain_mut(|waiting| {
        waiting.attempts += 1;
        let failure = whole.as_ref().or_else(|| refused.get(waiting.item.id()));
        let Some(failure) = failure else {
            settled.taken += 1;
            return false;
        };
        if failure.is_permanent {
            settled.refused += 1;
            settled.refused_because.get_or_insert_with(|| failure.message.clone());
            return false;
        }
        if waiting.attempts >= ATTEMPTS_MAX {
            settled.stale += 1;
            return false;
        }
        let (_, asked) = settled.again.get_or_insert_with(|| (failure.message.clone(), None));
        *asked = (*asked).max(failure.retry_after);
        true
    });
    settled
}

#[cfg(test)]
mod tests;
