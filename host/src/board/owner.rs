//! The task that owns the state, and its times: when to publish, to expire, to keep.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    BoardOptions, Snapshot,
    demand::Demand,
    entry::{BoardCheck, Now},
    events::{MergePanicked, NotRestored, StoodStill},
    gap::Pulse,
    host,
    merge::{Notice, State},
    restore::{self, Stored},
    sources::SourceReport,
};
use crate::{
    clock::{Clock, Instant, Timestamp},
    config::Check,
    outcome::Outcome,
    schedule::{News, Previous},
    store::Store,
    supervisor::catch,
    telemetry::Telemetry,
};

/// Time between snapshots. Nobody scrapes more often, and merging is cheap while publishing is not.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Publishing may take one part in so many of the owner's time: with ten thousand checks a snapshot takes tens of
/// milliseconds, and then there is one every other second.
const PUBLISH_SHARE: u32 = 50;

/// No snapshot is older than this for want of time, however large the fleet or slow the machine.
const PUBLISH_EVERY_MAX: Duration = Duration::from_secs(5);

/// The same while checks have yet to run for the first time, so that whoever starts a host sees it come alive.
const PUBLISH_EVERY_AT_START: Duration = Duration::from_millis(200);

/// How long a start or a reload may publish that often: a fleet that takes longer is not watched by a person.
const START_LASTS: Duration = Duration::from_secs(10);

/// How often reports are looked at for their age, and the host's own values are read even when nothing else changes.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);
const HOST_EVERY: Duration = Duration::from_secs(10);

/// A check whose outcome stays the same is kept no more often than this; a change of outcome is kept at once. What a
/// crash can cost is this much age, and a fleet of 10,000 checks writes some hundred rows a second and not a thousand.
const KEEP_EVERY: Duration = Duration::from_secs(60);

pub(super) enum Command {
    Outcome(Box<Outcome>),
    Replace(Vec<BoardCheck>, oneshot::Sender<()>),
    Missed(String, u64),
    Failed(String, String),
    ReadHost,
    Sources(Vec<SourceReport>),
    RetainSources(BTreeSet<Arc<str>>),
    Stop(oneshot::Sender<()>),
}

struct Kept {
    at: Instant,
    word: &'static str,
    started_at: Timestamp,
    is_current: bool,
}

pub(super) struct Owner {
    clock: Clock,
    telemetry: Telemetry,
    store: Option<Store>,
    state: State,
    demand: Arc<Demand>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    version: &'static str,
    stored: HashMap<Arc<str>, Stored>,
    kept: HashMap<Arc<str>, Kept>,
    published_at: Option<Instant>,
    /// The last time.
    publishing_took: Duration,
    replaced_at: Instant,
    expire_at: Instant,
    pulse: Pulse,
    host_read_at: Option<Instant>,
    stopped: Option<oneshot::Sender<()>>,
}

impl Owner {
    pub(super) fn new(options: BoardOptions) -> (Self, watch::Receiver<Arc<Snapshot>>, Vec<Previous>) {
        let BoardOptions {
            version,
            store,
            clock,
            telemetry,
        } = options;
        let demand = Arc::new(Demand::new(clock.clone()));
        let mut state = State::default();
        let (snapshots, reader) = watch::channel(Arc::new(state.snapshot(clock.wall(), &demand)));
        let (store, stored) = opened(store, &telemetry);
        let previous = stored.iter().map(|stored| Previous {
            check: Arc::clone(&stored.check),
            started_at: stored.started_at,
            word: stored.word,
        });
        let previous = previous.collect();
        let now = Now {
            monotonic: clock.monotonic(),
            wall: clock.wall(),
        };
        let owner = Self {
            clock,
            telemetry,
            store,
            state,
            demand,
            snapshots,
            version,
            stored: stored
                .into_iter()
                .map(|stored| (Arc::clone(&stored.check), stored))
                .collect(),
            kept: HashMap::new(),
            published_at: None,
            publishing_took: Duration::ZERO,
            replaced_at: now.monotonic,
            expire_at: now.monotonic + EXPIRE_EVERY,
            pulse: Pulse::new(now, EXPIRE_EVERY),
            host_read_at: None,
            stopped: None,
        };
        (owner, reader, previous)
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut news: mpsc::Receiver<News>) {
        let timer = tokio::time::sleep_until(self.expire_at);
        tokio::pin!(timer);
        while self.stopped.is_none() {
            let wake_at = self.wake_at();
            if timer.deadline() != wake_at {
                timer.as_mut().reset(wake_at);
            }
            tokio::select! {
                biased;
                () = &mut timer => self.on_time(),
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                Some(news) = news.recv() => self.hear(news),
            }
        }
        while let Ok(news) = news.try_recv() {
            self.hear(news);
        }
        self.keep_all();
        self.publish();
        if let Some(done) = self.stopped.take() {
            let _ = done.send(());
        }
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.clock.monotonic(),
            wall: self.clock.wall(),
        }
    }

    fn wake_at(&self) -> Instant {
        match self.state.has_changed() {
            true => self.expire_at.min(self.publish_at()),
            false => self.expire_at,
        }
    }

    fn publish_at(&self) -> Instant {
        let Some(last) = self.published_at else {
            return self.replaced_at;
        };
        let is_starting = self.state.outstanding() > 0 && last < self.replaced_at + START_LASTS;
        let every = if is_starting {
            PUBLISH_EVERY_AT_START
        } else {
            PUBLISH_EVERY
        };
        last + apart(every, self.publishing_took)
    }

    fn on_time(&mut self) {
        let now = self.now();
        if now.monotonic >= self.expire_at {
            self.expire_at = now.monotonic + EXPIRE_EVERY;
            if let Some(gap) = self.pulse.beat(now) {
                self.telemetry.emit(&StoodStill { gap });
                self.state.forgive(gap, now);
            }
            let notices = self.state.expire(now);
            self.say(notices);
            if self.host_read_at.is_none_or(|at| now.monotonic >= at + HOST_EVERY) {
                self.read_host();
            }
        }
        if self.state.has_changed() && now.monotonic >= self.publish_at() {
            self.publish();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Outcome(outcome) => self.merge(None, *outcome),
            Command::Replace(checks, done) => {
                self.replace(checks);
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Command::Missed(check, ticks) => self.state.missed(&check, ticks, self.now()),
            Command::Failed(check, problem) => self.state.failed(&check, problem),
            Command::ReadHost => self.read_host(),
            Command::Sources(reports) => self.take_sources(reports),
            Command::RetainSources(names) => self.state.retain_sources(&names),
            Command::Stop(done) => self.stopped = Some(done),
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Ended { check, outcome } => self.merge(Some(&check), outcome),
            News::Ticks { missed, lateness } => {
                let now = self.now();
                for (check, ticks) in missed {
                    self.state.missed(&check, ticks, now);
                }
                if !lateness.is_empty() {
                    self.state
                        .host_observations(&host::LATENESS, &host::LATENESS_BOUNDS, &lateness, now);
                }
            }
        }
    }

    /// One bad outcome must not take the board along.
    fn merge(&mut self, check: Option<&Check>, outcome: Outcome) {
        let (now, outstanding) = (self.now(), self.state.outstanding());
        let (name, word, started_at) = (Arc::clone(&outcome.check), outcome.word(), outcome.started_at);
        match catch("merge", || self.state.ended(check, outcome, now)) {
            Ok(notices) => {
                let is_outdated = notices.iter().any(|notice| matches!(notice, Notice::Outdated { .. }));
                self.say(notices);
                if !is_outdated {
                    self.keep(&name, word, started_at);
                }
            }
            Err(panic) => self.telemetry.emit(&MergePanicked {
                check: &name,
                panic: &panic,
            }),
        }
        // The last of the first runs makes the board complete, which is what those who wait for a start wait for.
        if outstanding > 0 && self.state.outstanding() == 0 {
            self.publish();
        }
    }

    fn take_sources(&mut self, reports: Vec<SourceReport>) {
        let now = self.now();
        for report in reports {
            self.state.of_source(report, now);
        }
    }

    fn replace(&mut self, checks: Vec<BoardCheck>) {
        let now = self.now();
        self.replaced_at = now.monotonic;
        let names: BTreeSet<Arc<str>> = checks.iter().map(|spec| Arc::clone(&spec.check.name)).collect();
        let fingerprints: Vec<_> = checks
            .iter()
            .filter(|spec| self.stored.contains_key(&spec.check.name))
            .map(|spec| (Arc::clone(&spec.check.name), restore::fingerprint(&spec.check)))
            .collect();
        self.state.replace(checks, now);
        for (name, fingerprint) in fingerprints {
            let stored = self
                .stored
                .remove(&name)
                .filter(|stored| stored.configuration == fingerprint);
            if let Some(stored) = stored {
                self.state.restore(stored, now);
            }
        }
        self.forget_others(&names);
    }

    fn forget_others(&mut self, names: &BTreeSet<Arc<str>>) {
        let stored = self
            .stored
            .extract_if(|name, _| !names.contains(name))
            .map(|(name, _)| name);
        let gone: BTreeSet<Arc<str>> = stored
            .chain(self.kept.keys().filter(|name| !names.contains(*name)).cloned())
            .collect();
        for name in gone {
            self.kept.remove(&name);
            if let Some(store) = &self.store {
                restore::remove(store, &name);
            }
        }
    }

    fn keep(&mut self, name: &Arc<str>, word: &'static str, started_at: Timestamp) {
        let Some(store) = &self.store else { return };
        let now = self.clock.monotonic();
        let last = self.kept.get(name);
        let is_due = last.is_none_or(|last| last.word != word || now >= last.at + KEEP_EVERY);
        if is_due {
            restore::save(store, &self.state, name, started_at);
        }
        let at = if is_due { now } else { last.map_or(now, |last| last.at) };
        let kept = Kept {
            at,
            word,
            started_at,
            is_current: is_due,
        };
        self.kept.insert(Arc::clone(name), kept);
    }

    fn keep_all(&mut self) {
        let Some(store) = &self.store else { return };
        for (name, kept) in self.kept.iter().filter(|(_, kept)| !kept.is_current) {
            restore::save(store, &self.state, name, kept.started_at);
        }
    }

    fn say(&self, notices: Vec<Notice>) {
        for notice in notices {
            self.telemetry.emit(&notice);
        }
    }

    fn read_host(&mut self) {
        self.host_read_at = Some(self.clock.monotonic());
        let mut families = vec![host::build_info(self.version)];
        families.extend(host::process());
        families.extend(self.telemetry.instruments().families());
        self.state.host_values(families);
    }

    fn publish(&mut self) {
        let began = self.clock.monotonic();
        self.read_host();
        self.published_at = Some(began);
        let snapshot = Arc::new(self.state.snapshot(self.clock.wall(), &self.demand));
        self.snapshots.send_replace(snapshot);
        self.state.settle();
        self.publishing_took = self.clock.monotonic().saturating_duration_since(began);
    }
}

/// Time between two snapshots, when `every` is wished for and the last one took `took`.
fn apart(every: Duration, took: Duration) -> Duration {
    every.max((took * PUBLISH_SHARE).min(PUBLISH_EVERY_MAX))
}

fn opened(store: Option<Store>, telemetry: &Telemetry) -> (Option<Store>, Vec<Stored>) {
    let Some(store) = store else { return (None, Vec::new()) };
    if let Err(error) = restore::prepare(&store) {
        telemetry.emit(&NotRestored { error: &error });
        return (None, Vec::new());
    }
    let stored = restore::load(&store).unwrap_or_else(|error| {
        telemetry.emit(&NotRestored { error: &error });
        Vec::new()
    });
    (Some(store), stored)
}

#[cfg(test)]
impl Owner {
    /// Makes the merge of this check's outcomes panic.
    pub(super) fn break_on(&mut self, check: &str) {
        self.state.fault = Some(check.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_to_publish_is_published_less_often_but_never_rarely() {
        let millis = Duration::from_millis;
        assert_eq!(apart(PUBLISH_EVERY, millis(3)), PUBLISH_EVERY);
        assert_eq!(apart(PUBLISH_EVERY_AT_START, millis(3)), PUBLISH_EVERY_AT_START);
        assert_eq!(apart(PUBLISH_EVERY, millis(40)), millis(2_000));
        assert_eq!(apart(PUBLISH_EVERY, millis(900)), PUBLISH_EVERY_MAX);
    }
}
