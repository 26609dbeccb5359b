//! The task itself: taking in, deciding, keeping, answering, in turns.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    super::{
        core::{Core, Overview},
        events::{CoreSaid, Posted, Unjournaled},
        handle::{Bells, OutboxRequest},
        occurrence::{Fate, Occurrence, Told},
        posted::PostError,
        silence::SilenceState,
    },
    Command,
    journal::Journal,
};
use crate::{clock::Clock, rule::outlet::Outlet, supervisor::catch, telemetry::Telemetry};

/// Longest the task sleeps, so that a clock that jumps is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What is taken in at one turn. More shares a commit; too much would keep those who deliver waiting.
const TURN_MAX: usize = 1_024;

/// How often it is counted what there is.
const COUNT_EVERY: i64 = 15_000;

/// How often the store is tried when nothing else needs it.
const LOOK_EVERY: i64 = 15_000;

pub(super) struct Parts {
    pub(super) core: Core,
    pub(super) journal: Journal,
    pub(super) outlet: Outlet,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    pub(super) bells: Bells,
    pub(super) requests: mpsc::Receiver<OutboxRequest>,
    pub(super) commands: mpsc::Receiver<Command>,
}

/// What is done once a batch is kept.
type Answer = Box<dyn FnOnce(Kept) + Send>;

/// Whether what was decided in a turn is on disk. False as well when nothing of it had to be.
#[derive(Clone, Copy)]
struct Kept(bool);

pub(super) struct Driver {
    parts: Parts,
    /// Of this turn.
    answers: Vec<Answer>,
    was_failing: bool,
    looked_at: i64,
    counted_at: i64,
    seen: Option<(u64, Arc<Overview>)>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

/// Something came.
enum Event {
    Rules,
    Request(OutboxRequest),
    Command(Command),
    Time,
    /// Nobody can ask any more.
    End,
}

/// Milliseconds since the epoch.
pub(super) fn millis(clock: &Clock) -> i64 {
    i64::try_from(clock.wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

impl Driver {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            answers: Vec::new(),
            was_failing: false,
            looked_at: 0,
            counted_at: 0,
            seen: None,
            stop: None,
        }
    }

    pub(super) async fn run(mut self) {
        self.turn(Event::Time).await;
        loop {
            match self.wait().await {
                Event::End => return,
                event => self.turn(event).await,
            }
            if let Some(stop) = self.stop.take() {
                // Whoever asked may have gone.
                let _ = stop.send(());
                return;
            }
        }
    }

    async fn wait(&mut self) -> Event {
        let now = millis(&self.parts.clock);
        let idle = self.parts.core.wake_at().map_or(i64::MAX, |at| at - now);
        let idle = Duration::from_millis(u64::try_from(idle).unwrap_or(0)).min(SLEEP_MAX);
        tokio::select! {
            command = self.parts.commands.recv() => command.map_or(Event::End, Event::Command),
            Some(request) = self.parts.requests.recv() => Event::Request(request),
            () = self.parts.outlet.changed() => Event::Rules,
            () = tokio::time::sleep(idle) => Event::Time,
        }
    }

    /// Takes in what has come, decides, keeps, answers.
    async fn turn(&mut self, event: Event) {
        self.take_in(event);
        for _ in 0..TURN_MAX {
            let request = self.parts.requests.try_recv().map(Event::Request);
            match request.or_else(|_| self.parts.commands.try_recv().map(Event::Command)) {
                Ok(event) => self.take_in(event),
                Err(_) => break,
            }
        }
        let kept = self.settle().await;
        for answer in self.answers.drain(..) {
            answer(kept);
        }
        self.look_after_store().await;
        self.count();
    }

    fn take_in(&mut self, event: Event) {
        let now = millis(&self.parts.clock);
        match event {
            Event::Rules => {
                let update = self.parts.outlet.take();
                self.guarded("rules", |driver| driver.parts.core.on_rules(update, now));
            }
            Event::Request(OutboxRequest::Next { receiver, now, answer }) => {
                // Whoever asked may have gone; then its message counts as given up after a while.
                let _ = answer.send(self.parts.core.next(&receiver, now));
            }
            Event::Request(OutboxRequest::Report { id, attempt, now }) => {
                self.guarded("report", |driver| driver.parts.core.report(id, &attempt, now));
            }
            Event::Command(command) => self.obey(command, now),
            Event::Time | Event::End => {}
        }
    }

    fn obey(&mut self, command: Command, now: i64) {
        match command {
            Command::Post(alerts, answer) => {
                let refused = self.parts.core.post(&alerts, now);
                self.say_posted(alerts.len(), &refused);
                self.answers.push(Box::new(move |_| drop(answer.send(refused))));
            }
            Command::Tell(occurrences, answer) => {
                let fates = self.tell(&occurrences, now);
                self.answers.push(Box::new(move |Kept(is_kept)| {
                    // Whoever asked may have gone.
                    let _ = answer.send(Told { fates, is_kept });
                }));
            }
            Command::Silence(new, answer) => {
                let set = self.parts.core.silence(&new, now);
                self.answers.push(Box::new(move |_| drop(answer.send(set))));
            }
            Command::Expire(id, answer) => {
                let ended = self.parts.core.expire_silence(&id, now);
                self.answers.push(Box::new(move |_| drop(answer.send(ended))));
            }
            Command::Configure(settings, answer) => {
                self.guarded("configure", |driver| driver.parts.core.configure(*settings, now));
                self.answers.push(Box::new(move |_| {
                    // Whoever asked may have gone.
                    let _ = answer.send(());
                }));
            }
            Command::Overview(answer) => drop(answer.send(self.overview(now))),
            Command::Stop(answer) => self.stop = Some(answer),
        }
    }

    /// What a bug of ours kept from being taken may be told again.
    fn tell(&mut self, occurrences: &[Occurrence], now: i64) -> Vec<Fate> {
        let mut fates = Vec::new();
        self.guarded("tell", |driver| fates = driver.parts.core.tell(occurrences, now));
        fates.resize(occurrences.len(), Fate::Full);
        fates
    }

    /// The same one while nothing changed, for a second: what is silenced depends on the time as well.
    fn overview(&mut self, now: i64) -> Arc<Overview> {
        let generation = self.parts.core.generation();
        let known = self
            .seen
            .as_ref()
            .filter(|(of, seen)| *of == generation && now - seen.at < 1_000);
        if let Some((_, seen)) = known {
            return Arc::clone(seen);
        }
        let overview = Arc::new(self.parts.core.overview(now));
        self.seen = Some((generation, Arc::clone(&overview)));
        overview
    }

    /// A bug in one step must not end notifications.
    fn guarded(&mut self, task: &str, step: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch(task, || step(self)) {
            self.parts
                .telemetry
                .emit(&super::super::events::StepPanicked { panic: &panic });
        }
    }

    async fn settle(&mut self) -> Kept {
        let now = millis(&self.parts.clock);
        self.guarded("time", |driver| driver.parts.core.on_time(now));
        if self.parts.journal.is_begun_anew() {
            self.parts.core.write_anew();
        }
        let effects = self.parts.core.take_effects();
        for said in &effects.said {
            self.parts.telemetry.emit(&CoreSaid(said));
        }
        self.parts.journal.queue(effects.batch, effects.writes);
        let mut kept = Kept(false);
        if effects.must_keep {
            let is_kept = self.parts.journal.keep().await;
            if let Some(problem) = self.parts.journal.problem() {
                self.parts.telemetry.emit(&Unjournaled {
                    problem,
                    is_first: !self.was_failing,
                });
            }
            self.was_failing = self.parts.journal.problem().is_some();
            self.parts.core.kept(effects.batch, is_kept, millis(&self.parts.clock));
            kept = Kept(is_kept);
        }
        let rung = effects.rings.into_iter().chain(self.parts.core.take_rings());
        rung.for_each(|receiver| self.parts.bells.ring(&receiver));
        kept
    }

    /// Tries the store now and then, and says by an alert when it fails.
    async fn look_after_store(&mut self) {
        let now = millis(&self.parts.clock);
        if (now - self.looked_at).abs() < LOOK_EVERY {
            return;
        }
        self.looked_at = now;
        if let Some(alert) = self.parts.journal.alert(now).await {
            self.parts.core.post(&[alert], now);
            self.settle().await;
        }
    }

    fn say_posted(&self, alerts: usize, refused: &[(usize, PostError)]) {
        let taken = alerts - refused.len();
        self.parts.telemetry.emit(&Posted {
            result: "taken",
            alerts: taken,
        });
        for (_, error) in refused {
            self.parts.telemetry.emit(&Posted {
                result: error.as_str(),
                alerts: 1,
            });
        }
    }

    fn count(&mut self) {
        let now = millis(&self.parts.clock);
        if (now - self.counted_at).abs() < COUNT_EVERY {
            return;
        }
        self.counted_at = now;
        let counts = self.parts.core.counts(now);
        let set = |name, help, labels: &[(&'static str, &str)], value: usize| {
            self.parts.telemetry.instruments().set(name, help, labels, value as f64);
        };
        let alerts = "Alerts that dispatch holds, firing or over and still to be told.";
        set(
            "bellwether_dispatch_alerts",
            alerts,
            &[("state", "firing")],
            counts.firing,
        );
        set(
            "bellwether_dispatch_alerts",
            alerts,
            &[("state", "resolved")],
            counts.over,
        );
        set(
            "bellwether_dispatch_groups",
            "Groups of alerts, each of one receiver.",
            &[],
            counts.groups,
        );
        let waiting = "Notifications that are not delivered yet.";
        set("bellwether_dispatch_messages_waiting", waiting, &[], counts.messages);
        set(
            "bellwether_dispatch_occurrences_waiting",
            "Things that happened once and are not delivered yet, each counted for each of its receivers.",
            &[],
            counts.occurrences,
        );
        for (state, count) in SilenceState::ALL.iter().zip(counts.silences) {
            let silences = "Silences by state; those that are over are kept for 120 hours.";
            set(
                "bellwether_dispatch_silences",
                silences,
                &[("state", state.as_str())],
                count,
            );
        }
    }
}
