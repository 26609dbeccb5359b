//! The task that owns the plan and carries out what it decides.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    Job, News, Options, Previous, RunNowError, Runner,
    answer::{Action, Asked, Last, Verdict},
    events::{ClockJumped, OutcomeDiscarded, RunPanicked, RunsAborted, TickMissed},
    plan::{Now, Plan, RunId},
};
use crate::{
    clock::{Clock, Instant},
    config::Check,
    outcome::{Failure, Outcome, Reason, Usage},
    supervisor::{Panic, Supervisor, Task, catch, catch_async},
    telemetry::Telemetry,
};

/// How often missed ticks and lateness are handed on: as often as a snapshot is published.
const TICKS_TOLD: Duration = Duration::from_secs(1);

/// Latenesses kept until they are handed on. A host that starts more runs than this in a second needs sharding; when the
/// listener hangs, what is beyond it is dropped.
const LATENESS_MAX: usize = 65_536;

/// How long running runs are awaited when the host stops and nobody says otherwise.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Those who may wait for one check's run: more than a few people and a script never do. Whoever has left does not count.
pub(super) const WAITING_MAX: usize = 64;

/// Where those who asked for one check's run wait for its outcome.
type Waiters = Vec<oneshot::Sender<Result<Outcome, RunNowError>>>;

pub(super) enum Command {
    Restore(Vec<Previous>),
    Replace(Vec<Arc<Check>>, oneshot::Sender<()>),
    RunNow(String, oneshot::Sender<Result<Outcome, RunNowError>>),
    Stop(Duration, oneshot::Sender<Vec<String>>),
}

struct Ended {
    run: RunId,
    check: Arc<Check>,
    outcome: Outcome,
}

struct Stopping {
    deadline: Instant,
    answer: Vec<oneshot::Sender<Vec<String>>>,
}

pub(super) struct Owner {
    supervisor: Supervisor,
    clock: Clock,
    options: Options,
    runner: Arc<dyn Runner>,
    news: mpsc::Sender<News>,
    telemetry: Telemetry,
    plan: Plan,
    tasks: HashMap<RunId, Task<()>>,
    ended: mpsc::Sender<Ended>,
    endings: Option<mpsc::Receiver<Ended>>,
    /// Outcomes for which there was no room; while there are any, no further endings are taken.
    outbox: Option<News>,
    missed: BTreeMap<Arc<str>, u64>,
    lateness: Vec<f64>,
    tell_ticks_at: Option<Instant>,
    waiting_for: HashMap<String, Waiters>,
    stopping: Option<Stopping>,
}

impl Owner {
    pub(super) fn new(
        supervisor: Supervisor,
        clock: Clock,
        options: Options,
        runner: Arc<dyn Runner>,
        news: mpsc::Sender<News>,
        telemetry: Telemetry,
    ) -> Self {
        // Every run sends exactly one ending, so there is always room.
        let (ended, endings) = mpsc::channel(options.concurrency.max(1));
        Self {
            plan: Plan::new(options.concurrency),
            supervisor,
            clock,
            options,
            runner,
            news,
            telemetry,
            tasks: HashMap::new(),
            ended,
            endings: Some(endings),
            outbox: None,
            missed: BTreeMap::new(),
            lateness: Vec::new(),
            tell_ticks_at: None,
            waiting_for: HashMap::new(),
            stopping: None,
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let Some(mut endings) = self.endings.take() else { return };
        let (stop, outlet) = (self.supervisor.stopping(), self.news.clone());
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(timer);
        while !self.is_over() {
            let wake_at = self.wake_at();
            if let Some(at) = wake_at.filter(|at| *at != timer.deadline()) {
                timer.as_mut().reset(at);
            }
            tokio::select! {
                biased;
                Some(command) = commands.recv() => self.obey(command),
                () = &mut timer, if wake_at.is_some() => self.tick(),
                permit = outlet.reserve(), if self.outbox.is_some() => {
                    if let (Ok(permit), Some(news)) = (permit, self.outbox.take()) {
                        permit.send(news);
                    }
                }
                Some(ended) = endings.recv(), if self.outbox.is_none() => self.end(ended),
                () = stop.cancelled(), if self.stopping.is_none() => self.stop(STOP_PATIENCE, None),
            }
        }
        self.say_goodbye();
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.clock.monotonic(),
            wall: self.clock.wall(),
        }
    }

    fn is_over(&self) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let drained = self.plan.running() == 0 && self.outbox.is_none();
        drained || self.clock.monotonic() >= stopping.deadline
    }

    fn wake_at(&self) -> Option<Instant> {
        let deadline = self.stopping.as_ref().map(|stopping| stopping.deadline);
        [self.plan.wake_at(), self.tell_ticks_at, deadline]
            .into_iter()
            .flatten()
            .min()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Restore(previous) => self.restore(previous),
            Command::Replace(checks, done) => {
                let actions = self.plan.replace(checks, self.now());
                self.carry_out(actions);
                self.release_waiters();
                // The asker may have gone.
                let _ = done.send(());
            }
            Command::RunNow(name, answer) => self.run_now(name, answer),
            Command::Stop(patience, answer) => self.stop(patience, Some(answer)),
        }
    }

    fn restore(&mut self, previous: Vec<Previous>) {
        for Previous {
            check,
            started_at,
            word,
        } in previous
        {
            let ok = word == crate::outcome::Status::Ok.as_str();
            self.plan.remember(check, Last { started_at, word, ok });
        }
    }

    fn run_now(&mut self, name: String, answer: oneshot::Sender<Result<Outcome, RunNowError>>) {
        if self.is_crowded(&name) {
            drop(answer.send(Err(RunNowError::Crowded(name))));
            return;
        }
        let (asked, actions) = self.plan.ask(&name, self.now());
        let refusal = match asked {
            Asked::Queued | Asked::Joined => None,
            Asked::Unknown => Some(RunNowError::Unknown(name.clone())),
            Asked::Stopping => Some(RunNowError::Stopping),
        };
        match refusal {
            None => self.waiting_for.entry(name).or_default().push(answer),
            Some(error) => drop(answer.send(Err(error))),
        }
        self.carry_out(actions);
    }

    /// Whether [`WAITING_MAX`] wait for this check. Forgets those that have left.
    fn is_crowded(&mut self, name: &str) -> bool {
        let Some(waiters) = self.waiting_for.get_mut(name) else {
            return false;
        };
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.len() >= WAITING_MAX
    }

    /// Those who wait for a check that is no longer there are told so.
    fn release_waiters(&mut self) {
        let plan = &self.plan;
        let gone = self.waiting_for.extract_if(|name, _| !plan.knows(name));
        for (name, waiters) in gone {
            for waiter in waiters {
                let _ = waiter.send(Err(RunNowError::Removed(name.clone())));
            }
        }
    }

    fn stop(&mut self, patience: Duration, answer: Option<oneshot::Sender<Vec<String>>>) {
        self.plan.stop();
        let deadline = self.clock.monotonic() + patience;
        let stopping = self.stopping.get_or_insert_with(|| Stopping {
            deadline,
            answer: Vec::new(),
        });
        if let Some(answer) = answer {
            stopping.deadline = deadline;
            stopping.answer.push(answer);
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        let actions = self.plan.tick(now);
        self.carry_out(actions);
        if self.tell_ticks_at.is_some_and(|at| at <= now.monotonic) {
            self.tell_ticks(now.monotonic);
        }
    }

    fn tell_ticks(&mut self, now: Instant) {
        self.tell_ticks_at = None;
        let ticks = News::Ticks {
            missed: std::mem::take(&mut self.missed),
            lateness: std::mem::take(&mut self.lateness),
        };
        if let Err(mpsc::error::TrySendError::Full(News::Ticks { missed, lateness })) = self.news.try_send(ticks) {
            (self.missed, self.lateness) = (missed, lateness);
            self.tell_ticks_at = Some(now + TICKS_TOLD);
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start { run, job, lateness, .. } => {
                    self.note_lateness(lateness);
                    self.spawn(run, job);
                }
                Action::Missed { check, why, count } => {
                    self.telemetry.emit(&TickMissed {
                        check: &check,
                        why,
                        count,
                    });
                    *self.missed.entry(check).or_default() += count;
                    self.tell_ticks_soon();
                }
                Action::ClockJumped { by, forward } => self.telemetry.emit(&ClockJumped { by, forward }),
            }
        }
    }

    fn note_lateness(&mut self, lateness: Option<Duration>) {
        if let Some(lateness) = lateness
            && self.lateness.len() < LATENESS_MAX
        {
            self.lateness.push(lateness.as_secs_f64());
            self.tell_ticks_soon();
        }
    }

    fn tell_ticks_soon(&mut self) {
        let at = self.clock.monotonic() + TICKS_TOLD;
        self.tell_ticks_at.get_or_insert(at);
    }

    fn spawn(&mut self, run: RunId, job: Job) {
        let name = format!("run {}", job.check.name);
        let (runner, clock, telemetry) = (Arc::clone(&self.runner), self.clock.clone(), self.telemetry.clone());
        let ended = self.ended.clone();
        let work = async move {
            let check = Arc::clone(&job.check);
            let outcome = execute(&*runner, job, &clock, &telemetry).await;
            // Nobody listens any more when the host has stopped.
            let _ = ended.send(Ended { run, check, outcome }).await;
        };
        let task = self.supervisor.spawn_on(&self.options.plugin_runtime, &name, work);
        self.tasks.insert(run, task);
    }

    fn end(&mut self, Ended { run, check, outcome }: Ended) {
        self.tasks.remove(&run);
        let last = Last {
            started_at: outcome.started_at,
            word: outcome.word(),
            ok: outcome.is_ok(),
        };
        let (verdict, actions) = self.plan.ended(run, last, self.now());
        match verdict {
            Verdict::Publish => self.publish(check, outcome),
            Verdict::Outdated => self.telemetry.emit(&OutcomeDiscarded { check: &check.name }),
        }
        self.carry_out(actions);
    }

    fn publish(&mut self, check: Arc<Check>, outcome: Outcome) {
        if let Err(panic) = catch("run ended", || self.runner.ended(&check, &outcome)) {
            self.telemetry.emit(&RunPanicked {
                check: &check.name,
                panic: &panic,
            });
        }
        for waiter in self.waiting_for.remove(&*check.name).unwrap_or_default() {
            let _ = waiter.send(Ok(outcome.clone()));
        }
        match self.news.try_send(News::Ended { check, outcome }) {
            Err(mpsc::error::TrySendError::Full(news)) => self.outbox = Some(news),
            // A listener that is gone means that the host stops.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn say_goodbye(mut self) {
        let mut survivors: Vec<String> = self
            .tasks
            .keys()
            .filter_map(|run| self.plan.check_of(*run))
            .map(ToString::to_string)
            .collect();
        survivors.sort();
        for task in self.tasks.values() {
            task.abort();
        }
        if !survivors.is_empty() {
            self.telemetry.emit(&RunsAborted { checks: &survivors });
        }
        self.tell_ticks(self.clock.monotonic());
        for answer in self.stopping.into_iter().flat_map(|stopping| stopping.answer) {
            let _ = answer.send(survivors.clone());
        }
    }
}

async fn execute(runner: &dyn Runner, job: Job, clock: &Clock, telemetry: &Telemetry) -> Outcome {
    let (started_at, begun) = (clock.wall(), clock.monotonic());
    let (check, scheduled_at, attempt) = (Arc::clone(&job.check), job.scheduled_at, job.attempt);
    match catch_async("run", async { runner.run(job).await }).await {
        Ok(outcome) => outcome,
        Err(panic) => {
            telemetry.emit(&RunPanicked {
                check: &check.name,
                panic: &panic,
            });
            let duration = clock.monotonic() - begun;
            Outcome {
                check: Arc::clone(&check.name),
                scheduled_at,
                started_at,
                attempt,
                result: Err(host_failure(&panic)),
                usage: Usage {
                    duration,
                    ..Usage::default()
                },
            }
        }
    }
}

fn host_failure(panic: &Panic) -> Failure {
    Failure {
        reason: Reason::Host,
        code: "panic".to_owned(),
        message: format!(
            "the host panicked while it ran this check: {}; please report it",
            panic.message
        ),
        retryable: true,
    }
}
