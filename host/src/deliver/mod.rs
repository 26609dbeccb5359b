//! Brings messages to receivers: a task for each, with its waits, its limits, its words and its transport.
//!
//! Flows in: messages, which workers pull from the outbox of `dispatch`; which receivers there are. Flows out: attempts at the
//! transports `log`, `email` and plugins, and what became of each, reported to the outbox. It decides neither who hears of what nor
//! when a message is through: that is `dispatch`'s, which remembers it.
//!
//! Runs of checks and what applications report go another way, without outbox: who has them offers them, and `stream` carries them to
//! receivers whose plugin takes such news (`feed` says which).
//!
//! Pure parts decide: `backoff` and `limit` how long to wait, `health` when a receiver is down, `redact` what may not leave, `outgoing`
//! with `text`, `data` and `words` what is said, `fallback` what others hear. `worker` is the task.

pub mod backoff;
mod clean;
pub mod configured;
mod data;
pub mod email;
mod events;
mod fallback;
mod feed;
pub mod forwarder;
pub mod health;
pub mod heartbeat;
mod instruments;
pub mod limit;
pub mod key;
mod log;
pub mod outgoing;
pub mod redact;
#[cfg(test)]
pub(crate) mod samples;
pub mod stream;
mod text;
pub mod transport;
pub mod words;
mod worker;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use self::{
    configured::Basis,
    events::Dropped,
    fallback::Story,
    feed::Feeds,
    health::Health,
    limit::RateLimit,
    outgoing::Writer,
    stream::{Carry, Inlet, Stream, StreamOptions},
    transport::SharedTransport,
    worker::{Own, Worker},
};
pub use self::{
    fallback::{RECEIVER, RECEIVER_DOWN},
    log::Log,
    transport::UpstreamLimit,
};
use crate::{
    clock::Clock,
    config,
    dispatch::{Attempt, Message, MessageId, NewsReason, OutboxHandle},
    sandbox::{ForwardedEvent, ForwardedRun},
    supervisor::{CancellationToken, Supervisor, Task},
    telemetry::Telemetry,
};

/// The host's own messages that may wait for a worker to look; one that finds no room is dropped with a word in the log.
const DIRECT_MAX: usize = 64;

/// What a test of a receiver waits for beyond the attempt's own timeout: those that are under way, and a rate limit.
const TEST_PATIENCE: Duration = Duration::from_secs(60);

/// One receiver that is delivered to.
#[derive(Debug)]
pub struct Receiver {
    /// NAME of `[receiver.NAME]`.
    pub name: Arc<str>,
    /// What it was made of: one made of the same is left alone by [`DeliverHandle::replace`].
    pub basis: Basis,
    /// Its words, and what may not leave.
    pub writer: Writer,
    /// What carries it out.
    pub transport: SharedTransport,
    /// What carries runs to it; None: it hears of none.
    pub runs: Option<Arc<dyn Carry<ForwardedRun>>>,
    /// What carries to it what applications report; None: nothing does.
    pub events: Option<Arc<dyn Carry<ForwardedEvent>>>,
    /// Of one attempt.
    pub timeout: Duration,
    /// How often it may be sent something.
    pub limits: Vec<RateLimit>,
}

impl Receiver {
    /// Sends it a notification that is marked as a test, once, without a worker; for verbs. What became of it, without secrets.
    pub async fn test(&self, clock: &Clock) -> Attempt {
        let message = test_message(&self.name, wall(clock));
        let outgoing = self.writer.write(&message);
        let clean = |message: String| self.writer.hiding.secrets(&message).into_owned();
        match worker::once(self, &outgoing, clock.monotonic()).await {
            Attempt::Permanent { message } => Attempt::Permanent {
                message: clean(message),
            },
            Attempt::Transient {
                message,
                retry_after,
                is_ambiguous,
            } => Attempt::Transient {
                message: clean(message),
                retry_after,
                is_ambiguous,
            },
            delivered @ Attempt::Delivered { .. } => delivered,
        }
    }
}

/// What delivery needs.
#[derive(Clone, Debug)]
pub struct DeliverOptions {
    /// Where messages come from.
    pub outbox: OutboxHandle,
    /// Time.
    pub clock: Clock,
    /// Told of every attempt.
    pub telemetry: Telemetry,
    /// Of the workers.
    pub supervisor: Supervisor,
}

/// What workers and whoever handles them share.
struct Shared {
    outbox: OutboxHandle,
    clock: Clock,
    telemetry: Telemetry,
    supervisor: Supervisor,
    roster: Mutex<Roster>,
    feeds: Feeds,
}

/// Who is delivered to now.
#[derive(Default)]
struct Roster {
    running: BTreeMap<Arc<str>, Running>,
    fallback: Vec<Arc<str>>,
}

struct Running {
    receiver: Arc<Receiver>,
    direct: mpsc::Sender<Own>,
    stop: CancellationToken,
    task: Task<()>,
    /// Tasks of its other news.
    streams: Streams,
}

/// Of one receiver.
#[derive(Default)]
struct Streams {
    runs: Option<Stream>,
    events: Option<Stream>,
}

impl Streams {
    fn all(self) -> impl Iterator<Item = Stream> {
        self.runs.into_iter().chain(self.events)
    }
}

/// Why a receiver cannot be tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// There is none of this name.
    #[error("there is no receiver `{0}`")]
    Unknown(String),
    /// It has too much to do.
    #[error("receiver `{0}` is busy with other notifications")]
    Busy(String),
}

/// How everyone else talks to delivery. Cheap to clone.
#[derive(Clone)]
pub struct DeliverHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for DeliverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliverHandle").finish_non_exhaustive()
    }
}

impl Shared {
    fn wall(&self) -> i64 {
        wall(&self.clock)
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_fallback_for(&self, receiver: &str) -> bool {
        self.roster().fallback.iter().any(|name| **name != *receiver)
    }

    /// Tells every fallback receiver but the one it is about. How many it was.
    fn tell_fallbacks(&self, story: &Story<'_>) -> usize {
        let roster = self.roster();
        let others = roster.fallback.iter().filter(|name| ***name != *story.about);
        let running = others.filter_map(|name| roster.running.get(name));
        let mut told = 0;
        for fallback in running {
            let own = Own {
                message: fallback::message(story, &fallback.receiver.name),
                answer: None,
                due: self.clock.monotonic(),
            };
            match fallback.direct.try_send(own) {
                Ok(()) => told += 1,
                Err(_) => self.telemetry.emit(&Dropped {
                    receiver: &fallback.receiver.name,
                    title: RECEIVER_DOWN,
                }),
            }
        }
        told
    }
}

impl DeliverHandle {
    /// Without receivers yet.
    pub fn new(options: DeliverOptions) -> Self {
        let DeliverOptions {
            outbox,
            clock,
            telemetry,
            supervisor,
        } = options;
        Self {
            shared: Arc::new(Shared {
                outbox,
                clock,
                telemetry,
                supervisor,
                roster: Mutex::default(),
                feeds: Feeds::default(),
            }),
        }
    }

    /// These receivers and no others; what waits for others goes on waiting until [`expect`](Self::expect) says otherwise. Those that
    /// are made of the same go on as they are; what others have under way is ended or given up within seconds. `fallback` hear when
    /// another one stays down.
    pub fn replace(&self, receivers: Vec<Receiver>, fallback: &[Arc<str>]) {
        let all = receivers.iter().map(|receiver| &receiver.basis.receiver);
        self.shared.feeds.add(all, &self.shared.telemetry);
        let mut roster = self.shared.roster();
        roster.fallback = fallback.to_vec();
        let mut before = std::mem::take(&mut roster.running);
        let mut begun = Vec::new();
        for receiver in receivers {
            let known = before.remove(&receiver.name);
            let running = match known {
                Some(known) if known.receiver.basis == receiver.basis => known,
                changed => {
                    let before = changed.map(|changed| {
                        changed.stop.cancel();
                        changed.streams
                    });
                    begun.push(Arc::clone(&receiver.name));
                    self.start(receiver, before.unwrap_or_default())
                }
            };
            roster.running.insert(Arc::clone(&running.receiver.name), running);
        }
        drop(roster);
        for (name, gone) in before {
            gone.stop.cancel();
            gone.streams.all().for_each(|stream| self.leave(stream));
            instruments::forget(&self.shared, &name);
        }
        for name in begun {
            instruments::receiver(&self.shared, &name, &Health::default());
        }
    }

    /// Runs and events for these receivers, and for no others, wait until there is something that carries them.
    pub fn expect<'r>(&self, receivers: impl Iterator<Item = &'r Arc<config::Receiver>>) {
        self.shared.feeds.replace(receivers, &self.shared.telemetry);
    }

    /// `before`: tasks that the receiver had until now.
    fn start(&self, receiver: Receiver, before: Streams) -> Running {
        let (direct, inbox) = mpsc::channel(DIRECT_MAX);
        let stop = self.shared.supervisor.stopping().child_token();
        let receiver = Arc::new(receiver);
        let worker = Worker::new(Arc::clone(&receiver), Arc::clone(&self.shared), stop.clone(), inbox);
        let name = format!("deliver {}", receiver.name);
        let task = self.shared.supervisor.spawn(&name, worker.run());
        Running {
            streams: self.streams(&receiver, before),
            receiver,
            direct,
            stop,
            task,
        }
    }

    fn streams(&self, receiver: &Receiver, before: Streams) -> Streams {
        let Some(feed) = self.shared.feeds.of(&receiver.name) else {
            before.all().for_each(|stream| self.leave(stream));
            return Streams::default();
        };
        Streams {
            runs: self.stream(receiver, feed.runs, receiver.runs.as_ref(), before.runs),
            events: self.stream(receiver, feed.events, receiver.events.as_ref(), before.events),
        }
    }

    fn stream<T: stream::Item>(
        &self,
        receiver: &Receiver,
        inlet: Inlet<T>,
        carrier: Option<&Arc<dyn Carry<T>>>,
        before: Option<Stream>,
    ) -> Option<Stream> {
        let Some(carrier) = carrier else {
            before.into_iter().for_each(|stream| self.leave(stream));
            return None;
        };
        let options = StreamOptions {
            inlet,
            carrier: Arc::clone(carrier),
            timeout: receiver.timeout,
            clock: self.shared.clock.clone(),
        };
        Some(Stream::start(&self.shared.supervisor, options, before))
    }

    fn leave(&self, stream: Stream) {
        drop(self.shared.supervisor.spawn("deliver: leave", stream.leave()));
    }

    /// A run of a check, to every receiver that hears of this check. It is made when there is one. Nobody waits: what finds no room
    /// is counted.
    pub fn offer_run(&self, check: &str, run: impl FnOnce() -> ForwardedRun) {
        self.shared.feeds.offer_run(check, run);
    }

    /// What applications reported, scrubbed, to these receivers. Nobody waits: what finds no room is counted. A receiver that is not
    /// there, or carries no such news, hears nothing.
    pub fn offer_events(&self, receivers: &[Arc<str>], events: &[ForwardedEvent]) {
        self.shared.feeds.offer_events(receivers, events);
    }

    /// What a receiver's other side does not take for a while, as far as its plugin says so.
    pub fn rate_limited(&self, receiver: &str) -> Vec<UpstreamLimit> {
        let known = self
            .shared
            .roster()
            .running
            .get(receiver)
            .map(|running| Arc::clone(&running.receiver));
        known.map_or_else(Vec::new, |receiver| receiver.transport.rate_limits())
    }

    /// Takes nothing more, and waits until what is under way is reported or given up and other news were tried once more, which is
    /// seconds. The outbox hears of it:
    /// stop that after.
    pub async fn stop(&self) {
        let running = std::mem::take(&mut self.shared.roster().running);
        for running in running.values() {
            running.stop.cancel();
            let Streams { runs, events } = &running.streams;
            runs.iter().chain(events).for_each(Stream::drain);
        }
        for (_, running) in running {
            // A panic was reported by the supervisor.
            let _ = running.task.outcome().await;
            for stream in running.streams.all() {
                stream.ended().await;
            }
        }
    }

    /// Names of the receivers.
    pub fn receivers(&self) -> Vec<Arc<str>> {
        self.shared.roster().running.keys().cloned().collect()
    }

    /// Sends a receiver a notification that is marked as a test, once. What became of it.
    pub async fn test(&self, name: &str) -> Result<Attempt, TestError> {
        let (answer, answered) = oneshot::channel();
        let patience = {
            let roster = self.shared.roster();
            let running = roster
                .running
                .get(name)
                .ok_or_else(|| TestError::Unknown(name.to_owned()))?;
            let own = Own {
                message: test_message(&running.receiver.name, self.shared.wall()),
                answer: Some(answer),
                due: self.shared.clock.monotonic(),
            };
            let busy = |_| TestError::Busy(name.to_owned());
            running.direct.try_send(own).map_err(busy)?;
            running.receiver.timeout + TEST_PATIENCE
        };
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(attempt)) => Ok(attempt),
            Ok(Err(_)) | Err(_) => Err(TestError::Busy(name.to_owned())),
        }
    }
}

/// Milliseconds since the epoch.
fn wall(clock: &Clock) -> i64 {
    i64::try_from(clock.wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// A notification that is marked as a test: without alerts, so that nothing can be taken for one.
pub fn test_message(receiver: &Arc<str>, now: i64) -> Message {
    let group_key: Arc<str> = "bellwether/test".into();
    let sequence = u64::try_from(now).unwrap_or(0);
    Message {
        id: MessageId::of(receiver, &group_key, sequence),
        receiver: Arc::clone(receiver),
        group_key,
        sequence,
        reason: NewsReason::Test,
        created_at: now,
        group_labels: Default::default(),
        alerts: Arc::from([]),
        withheld: 0,
        attempts: 0,
        not_before: 0,
        journaled: true,
    }
}

#[cfg(test)]
mod tests;
