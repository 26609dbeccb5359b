//! The task of one receiver: takes what is due, has it written, tried and reported, and waits as it must.
//!
//! Owns the receiver's rate, its pause after failures and what is known of its health; all three are decided by pure parts. Flows in:
//! messages of the outbox, one for each group at a time, and a few of the host's own. Flows out: attempts at the transport, reports
//! to the outbox, news for fallback receivers. A slow receiver delays its own messages and nobody else's.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep_until, timeout_at},
};

use super::{
    Receiver, Shared,
    backoff::{self, Wait, WaitReason},
    events::{CameBack, Delivered, Dropped, Failed, Refused, TemplateFailed, WentDown},
    fallback::{self, Story, UNTOLD_MAX},
    health::{Health, Turn},
    instruments,
    limit::Meter,
    outgoing::Outgoing,
    transport::Ends,
};
use crate::{
    clock::{Instant, Timestamp},
    dispatch::{Attempt, Message, MessageId},
    supervisor::{CancellationToken, catch, catch_async},
};

/// Longest pause of a whole receiver after a failure. Its messages wait longer each; this lets one bad message not hold up the
/// others, and a receiver that was down is asked again within this.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a transport gets beyond its deadline to say itself what happened.
const GRACE: Duration = Duration::from_secs(1);

/// How long attempts under way may go on when the host stops or the receiver's configuration changes.
const LEAVE_PATIENCE: Duration = Duration::from_secs(3);

/// The host's own messages that may wait for one receiver, newest of each subject.
const OWN_MAX: usize = 64;

/// Attempts at one of the host's own messages: about an hour, then it is stale.
const OWN_ATTEMPTS_MAX: u32 = 20;

/// One of the host's own messages.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) message: Message,
    /// Somebody waits for what becomes of it: it is tried once, and at once.
    pub(super) answer: Option<oneshot::Sender<Attempt>>,
    pub(super) due: Instant,
}

/// Where a message came from, and whom to tell.
enum Origin {
    Outbox,
    Own(Own),
}

struct Done {
    origin: Origin,
    tried: Tried,
}

/// One attempt and what it came to.
struct Tried {
    outgoing: Outgoing,
    attempt: Attempt,
    took: Duration,
}

pub(super) struct Worker {
    receiver: Arc<Receiver>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    direct: mpsc::Receiver<Own>,
    own: VecDeque<Own>,
    meter: Meter,
    health: Health,
    paused_until: Option<Instant>,
    /// Taken from the outbox and not reported yet.
    handed: BTreeSet<MessageId>,
    /// Titles of what could not be told, by group.
    untold: BTreeMap<Arc<str>, String>,
}

impl Worker {
    pub(super) fn new(
        receiver: Arc<Receiver>,
        shared: Arc<Shared>,
        stop: CancellationToken,
        direct: mpsc::Receiver<Own>,
    ) -> Self {
        Self {
            meter: Meter::new(&receiver.limits),
            receiver,
            shared,
            stop,
            direct,
            own: VecDeque::new(),
            health: Health::default(),
            paused_until: None,
            handed: BTreeSet::new(),
            untold: BTreeMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            while let Some((message, origin)) = self.due(under_way.len()).await {
                under_way.push(self.begin(message, origin));
            }
            let takes = self.may_take(under_way.len());
            let wake = self.wake();
            let wake_at = wake.unwrap_or_else(|| self.now());
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(done) = under_way.next(), if !under_way.is_empty() => self.finish(done).await,
                Some(own) = self.direct.recv() => self.keep(own),
                () = self.shared.outbox.wait_for_work(&self.receiver.name), if takes => {}
                () = sleep_until(wake_at), if wake.is_some() => {}
            }
        }
        let leave = self.now() + LEAVE_PATIENCE;
        while let Ok(Some(done)) = timeout_at(leave, under_way.next()).await {
            self.finish(done).await;
        }
        drop(under_way);
        self.give_up().await;
    }

    /// In a task of its own, so that it goes on whatever this one waits for.
    fn begin(&mut self, message: Message, origin: Origin) -> impl Future<Output = Option<Done>> + Send + use<> {
        if matches!(origin, Origin::Outbox) {
            self.handed.insert(message.id);
        }
        let name = format!("deliver to {}", self.receiver.name);
        let work = attempt(Arc::clone(&self.receiver), Arc::clone(&self.shared), message);
        let mut task = Ends(self.shared.supervisor.spawn(&name, work));
        async move {
            let tried = task.0.ended().await?.ok()?;
            Some(Done { origin, tried })
        }
    }

    /// What was not reported may have arrived, and is somebody else's to try again.
    async fn give_up(&mut self) {
        for id in std::mem::take(&mut self.handed) {
            let attempt = Attempt::Transient {
                message: "given up: the host stops, or the receiver was changed".to_owned(),
                retry_after: Some(Duration::ZERO),
                is_ambiguous: true,
            };
            self.shared.outbox.report(id, attempt, self.wall()).await;
        }
    }

    fn now(&self) -> Instant {
        self.shared.clock.monotonic()
    }

    fn wall(&self) -> i64 {
        self.shared.wall()
    }

    /// Whether the outbox may be asked.
    fn may_take(&self, under_way: usize) -> bool {
        let now = self.now();
        let is_paused = self.paused_until.is_some_and(|until| until > now);
        under_way < self.lanes() && !is_paused && self.meter.wait(now).is_zero()
    }

    /// How many attempts may be under way: one while it is not known whether any arrives.
    fn lanes(&self) -> usize {
        match self.health.failures() {
            0 => self.receiver.transport.lanes().max(1),
            _ => 1,
        }
    }

    /// When something may be due that no bell announces.
    fn wake(&self) -> Option<Instant> {
        let now = self.now();
        let metered = Some(now + self.meter.wait(now));
        let own = self.own.iter().map(|own| own.due).min();
        [self.paused_until, metered, own]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }

    /// What may be sent now.
    async fn due(&mut self, under_way: usize) -> Option<(Message, Origin)> {
        if self.stop.is_cancelled() {
            return None;
        }
        let now = self.now();
        let may_take = self.may_take(under_way);
        // Somebody who waits for an answer is not made to wait for a pause.
        let is_free = under_way < self.lanes() && self.meter.wait(now).is_zero();
        let ready = |own: &Own| (own.answer.is_some() && is_free) || (may_take && own.due <= now);
        if let Some(own) = self.own.iter().position(ready).and_then(|at| self.own.remove(at)) {
            self.meter.take(now);
            return Some((own.message.clone(), Origin::Own(own)));
        }
        if !may_take {
            return None;
        }
        let message = self.shared.outbox.next(&self.receiver.name, self.wall()).await?;
        self.meter.take(now);
        Some((message, Origin::Outbox))
    }

    /// Of each subject the newest.
    fn keep(&mut self, own: Own) {
        let is_older = |known: &Own| known.answer.is_none() && known.message.group_key == own.message.group_key;
        if own.answer.is_none() {
            self.own.retain(|known| !is_older(known));
        }
        if self.own.len() < OWN_MAX {
            self.own.push_back(own);
        }
    }

    /// None: its task is gone, which is told when this one ends.
    async fn finish(&mut self, done: Option<Done>) {
        let Some(Done { origin, tried }) = done else { return };
        let Tried {
            outgoing,
            attempt,
            took,
        } = tried;
        let (attempt, wait) = self.weigh(attempt, &outgoing);
        self.say(&outgoing, &attempt, wait, took);
        self.remember(&outgoing, &attempt);
        if let Some(turn) = self.health.after(&attempt, self.wall()) {
            self.tell(turn, &attempt);
        }
        self.pause(&attempt, wait);
        instruments::receiver(&self.shared, &self.receiver.name, &self.health);
        match origin {
            Origin::Outbox => {
                let id = outgoing.message.id;
                self.handed.remove(&id);
                self.shared.outbox.report(id, attempt, self.wall()).await;
            }
            Origin::Own(own) => self.settle(own, attempt, wait),
        }
    }

    /// Without secrets in what the other side said, and with the wait that follows.
    fn weigh(&self, attempt: Attempt, outgoing: &Outgoing) -> (Attempt, Option<Wait>) {
        let hiding = &self.receiver.writer.hiding;
        match attempt {
            Attempt::Delivered { receipt } => (Attempt::Delivered { receipt }, None),
            Attempt::Permanent { message } => {
                let message = hiding.secrets(&message).into_owned();
                (Attempt::Permanent { message }, None)
            }
            Attempt::Transient {
                message,
                retry_after,
                is_ambiguous,
            } => {
                let failures = outgoing.message.attempts.saturating_add(1);
                let seed = backoff::seed(&outgoing.message.id.to_string());
                let wait = backoff::wait(failures, retry_after, seed);
                let attempt = Attempt::Transient {
                    message: hiding.secrets(&message).into_owned(),
                    retry_after: Some(wait.span),
                    is_ambiguous,
                };
                (attempt, Some(wait))
            }
        }
    }

    fn say(&self, outgoing: &Outgoing, attempt: &Attempt, wait: Option<Wait>, took: Duration) {
        let telemetry = &self.shared.telemetry;
        if let Some(problem) = &outgoing.template_problem {
            telemetry.emit(&TemplateFailed {
                receiver: &self.receiver.name,
                problem,
            });
        }
        match attempt {
            Attempt::Delivered { receipt } => telemetry.emit(&Delivered {
                outgoing,
                took,
                receipt,
            }),
            Attempt::Permanent { message } => telemetry.emit(&Refused {
                outgoing,
                problem: message,
            }),
            Attempt::Transient { message, .. } => telemetry.emit(&Failed {
                outgoing,
                problem: message,
                outcome: attempt.as_str(),
                wait: wait.map(|wait| wait.span).unwrap_or_default(),
                why_wait: wait.map_or("", |wait| wait.reason.as_str()),
            }),
        }
        instruments::attempt(&self.shared, &self.receiver.name, attempt, took);
    }

    fn remember(&mut self, outgoing: &Outgoing, attempt: &Attempt) {
        let group = &outgoing.message.group_key;
        if matches!(attempt, Attempt::Delivered { .. }) {
            self.untold.remove(group);
        } else if self.untold.len() < 10 * UNTOLD_MAX || self.untold.contains_key(group) {
            self.untold.insert(Arc::clone(group), outgoing.title.clone());
        }
    }

    fn tell(&mut self, turn: Turn, attempt: &Attempt) {
        let problem = match attempt {
            Attempt::Delivered { .. } => "it was delivered",
            Attempt::Transient { message, .. } | Attempt::Permanent { message } => message,
        };
        let untold: Vec<&str> = self.untold.values().take(UNTOLD_MAX).map(String::as_str).collect();
        let story = Story {
            about: &self.receiver.name,
            turn,
            problem,
            untold: &untold,
            untold_more: self.untold.len() - untold.len(),
            now: self.wall(),
        };
        let told = self.shared.tell_fallbacks(&story);
        let since = |since: i64| Timestamp::from_nanos(u64::try_from(since).unwrap_or(0).saturating_mul(1_000_000));
        match turn {
            Turn::Down { since: at, .. } => self.shared.telemetry.emit(&WentDown {
                receiver: &self.receiver.name,
                problem,
                since: since(at).to_string(),
                told,
            }),
            Turn::Up { since: at } => self.shared.telemetry.emit(&CameBack {
                receiver: &self.receiver.name,
                since: since(at).to_string(),
            }),
        }
    }

    /// The whole receiver rests after a failure: shortly of our own accord, and for as long as it asks.
    fn pause(&mut self, attempt: &Attempt, wait: Option<Wait>) {
        self.paused_until = match (attempt, wait) {
            (Attempt::Transient { .. }, Some(wait)) => {
                let own = backoff::wait(self.health.failures(), None, backoff::seed(&self.receiver.name));
                let span = match wait.reason {
                    WaitReason::RetryAfter => wait.span,
                    WaitReason::Backoff => own.span.min(PAUSE_MAX),
                };
                Some(self.now() + span)
            }
            _ => None,
        };
    }

    /// What becomes of one of the host's own.
    fn settle(&mut self, own: Own, attempt: Attempt, wait: Option<Wait>) {
        let Own {
            mut message, answer, ..
        } = own;
        if let Some(answer) = answer {
            // Whoever asked may have lost patience.
            let _ = answer.send(attempt);
            return;
        }
        let Some(wait) = wait else { return };
        message.attempts += 1;
        let is_outdated = self
            .own
            .iter()
            .any(|newer| newer.message.group_key == message.group_key);
        if message.attempts >= OWN_ATTEMPTS_MAX {
            let title = fallback::RECEIVER_DOWN;
            self.shared.telemetry.emit(&Dropped {
                receiver: &self.receiver.name,
                title,
            });
        } else if !is_outdated {
            let due = self.now() + wait.span;
            self.keep(Own {
                message,
                answer: None,
                due,
            });
        }
    }
}

/// Writes and tries it once.
async fn attempt(receiver: Arc<Receiver>, shared: Arc<Shared>, message: Message) -> Tried {
    let began = shared.clock.monotonic();
    let (outgoing, attempt) = match catch("deliver", || receiver.writer.write(&message)) {
        Ok(outgoing) => {
            let attempt = once(&receiver, &outgoing, began).await;
            (outgoing, attempt)
        }
        Err(panic) => (
            Outgoing::unwritten(&message),
            Attempt::Transient {
                message: format!("it cannot be written; this is a bug, please report it: {panic}"),
                retry_after: None,
                is_ambiguous: false,
            },
        ),
    };
    Tried {
        outgoing,
        attempt,
        took: shared.clock.monotonic() - began,
    }
}

/// One attempt that began at `began`. A panic of ours in it is as if the other side had said nothing.
pub(super) async fn once(receiver: &Receiver, outgoing: &Outgoing, began: Instant) -> Attempt {
    let deadline = began + receiver.timeout;
    let sending = catch_async("deliver", receiver.transport.send(outgoing, deadline));
    match timeout_at(deadline + GRACE, sending).await {
        Ok(Ok(attempt)) => attempt,
        Ok(Err(panic)) => Attempt::Transient {
            message: format!("this is a bug, please report it: {panic}"),
            retry_after: None,
            is_ambiguous: true,
        },
        Err(_) => Attempt::Transient {
            message: format!("no answer within {} s", receiver.timeout.as_secs_f64()),
            retry_after: None,
            is_ambiguous: true,
        },
    }
}
