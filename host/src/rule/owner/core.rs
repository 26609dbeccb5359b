//! Everything that rules change, and how it moves on: at a tick the newest snapshot is recorded, at a slot a group is evaluated.
//!
//! Flows in: the time, snapshots, rules. Flows out: samples in the history, changes as events, a batch for the store, a new
//! status. It waits for nothing: [`Core::wake_at`] says when there is something to do.

use std::{collections::BTreeSet, path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use bellwether_promql::{
    labels::Labels,
    value::{Point, stale_marker},
};
use tokio::sync::watch;

use super::{
    super::{
        RuleKind,
        data::{self, Since},
        events::{AlertChanged, EvaluationPanicked, RuleFails, RuleWorks},
        group::{self, Evaluated, RuleProblem, Surroundings},
        outlet::Outlet,
        schedule::{Due, Slots},
        state::{Change, Moment},
        status::{Health, RuleStatus},
        store::{self, Kept},
        template::{Answers, Externals},
    },
    agenda::Agenda,
    answers::{HostAnswers, Troubles},
    instruments, kept,
    run::{GroupRun, RuleRun},
};
use crate::{
    board::Snapshot,
    clock::Clock,
    history::{self, Admission, History, Reporter, View},
    store::{Late, Store},
    supervisor::{Supervisor, catch},
    telemetry::Telemetry,
};

/// How long one rule may take: an expression that needs more keeps all others from their slots.
const RULE_TIME_MAX: Duration = Duration::from_secs(2);

/// How often history is written to disk while the host runs: so much of it a crash may cost.
const CHECKPOINT_EVERY: i64 = 5 * 60_000;

/// Everything that rules change.
pub(super) struct Core {
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    pub(super) store: Option<Store>,
    /// While alerts from before this process cannot be read: nothing is written over them.
    pub(super) late: Option<Late<Vec<Kept>>>,
    /// Of the store, when alerts were written last.
    pub(super) epoch: u64,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) status: watch::Sender<Arc<RuleStatus>>,
    pub(super) views: watch::Sender<Arc<View>>,
    pub(super) history: History,
    pub(super) reporter: Reporter,
    pub(super) externals: Arc<Externals>,
    pub(super) outlet: Outlet,
    /// Where people reach the host when the configuration does not say.
    pub(super) own_url: String,
    pub(super) supervisor: Supervisor,
    /// Where history is written to; None: nowhere.
    pub(super) state_dir: Option<PathBuf>,
    /// The last tick at which that was begun.
    written_at: i64,
    /// From before this process; taken by the first rules.
    pub(super) kept: Vec<Kept>,
    ticks: Slots,
    /// The tick that was recorded last, or the one that passed when the host began.
    ticked: i64,
    /// The first tick after the last break in history, the last one before it, and whether the clock was set back then.
    began: Option<i64>,
    before: Option<i64>,
    was_set_back: bool,
    /// Checks that have not run and were not restored.
    waiting: BTreeSet<Arc<str>>,
    troubles: Arc<Troubles>,
    pub(super) groups: Vec<GroupRun>,
    agenda: Agenda,
    /// As it was published, or will be.
    shown: RuleStatus,
}

/// What a core is made of.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    pub(super) store: Option<Store>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) status: watch::Sender<Arc<RuleStatus>>,
    pub(super) views: watch::Sender<Arc<View>>,
    pub(super) history: History,
    pub(super) externals: Externals,
    pub(super) outlet: Outlet,
    pub(super) supervisor: Supervisor,
    pub(super) state_dir: Option<PathBuf>,
}

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Tick,
    Group(usize, u64),
}

impl Core {
    /// Reads what was kept, which blocks for a moment.
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            clock,
            telemetry,
            store,
            snapshots,
            status,
            views,
            history,
            externals,
            outlet,
            supervisor,
            state_dir,
        } = parts;
        let (store, kept) = kept::opened(store, &telemetry);
        let unread = store.clone().filter(|_| kept.is_none());
        outlet.set_behind(unread.is_some());
        let late = unread.map(|store| Late::new(store, store::read, clock.clone()));
        let ticks = Slots::ticks(tick_of(&history));
        let before = history.current().last_tick();
        let mut core = Self {
            ticked: 0,
            reporter: Reporter::new(telemetry.clone()),
            written_at: 0,
            supervisor,
            state_dir,
            clock,
            telemetry,
            epoch: store.as_ref().map_or(0, Store::epoch),
            store,
            late,
            snapshots,
            status,
            views,
            history,
            own_url: externals.url.clone(),
            externals: Arc::new(externals),
            outlet,
            kept: kept.unwrap_or_default(),
            ticks,
            began: None,
            before,
            was_set_back: false,
            waiting: BTreeSet::new(),
            troubles: Arc::default(),
            groups: Vec::new(),
            agenda: Agenda::default(),
            shown: RuleStatus::default(),
        };
        core.ticked = core.ticks.at_or_before(core.now());
        core.written_at = core.ticked;
        core
    }

    /// Milliseconds since the epoch.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.clock.wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// How long there is nothing to do.
    pub(super) fn idle_for(&self) -> Duration {
        let now = self.now();
        if self.agenda.is_wrong(now) {
            return Duration::ZERO;
        }
        let tick = match self.ticks.due(self.ticked, now) {
            Due::Wait(until) => until,
            Due::Evaluate { .. } => now,
        };
        let next = self.agenda.next().map_or(tick, |next| next.min(tick));
        Duration::from_millis(u64::try_from(next - now).unwrap_or(0))
    }

    /// Other groups, or another time.
    pub(super) fn plan(&mut self, now: i64) {
        self.agenda = Agenda::new(self.groups.iter().map(|run| run.slots.due(run.done, now)), now);
    }

    /// Does what is due, in the order of time.
    pub(super) fn run_due(&mut self) {
        let now = self.now();
        self.look_for_kept(now);
        if self.agenda.is_wrong(now) {
            self.plan(now);
        }
        let mut tasks: Vec<(i64, Task)> = Vec::new();
        if let Due::Evaluate { slot, .. } = self.ticks.due(self.ticked, now) {
            // A clock that was set back must be known to the history before anything looks into it.
            let is_set_back = self.history.current().last_tick().is_some_and(|last| slot <= last);
            tasks.push((if is_set_back { i64::MIN } else { slot }, Task::Tick));
        }
        let taken = self.agenda.take(now);
        for at in &taken {
            if let Some(run) = self.groups.get(*at)
                && let Due::Evaluate { slot, missed } = run.slots.due(run.done, now)
            {
                tasks.push((slot, Task::Group(*at, missed)));
            }
        }
        let is_idle = tasks.is_empty();
        tasks.sort_unstable();
        for (slot, task) in tasks {
            match task {
                Task::Tick => self.tick_or_say(now),
                Task::Group(at, missed) => self.evaluate(at, slot, missed),
            }
        }
        for at in taken {
            if let Some(run) = self.groups.get(at) {
                self.agenda.put(at, run.slots.due(run.done, now), now);
            }
        }
        if !is_idle {
            self.publish();
        }
    }

    /// A bug in the history must not end the rules.
    fn tick_or_say(&mut self, now: i64) {
        if let Err(panic) = catch("history tick", || self.tick(now)) {
            self.telemetry.emit(&EvaluationPanicked {
                rule: "history",
                panic: &panic,
            });
        }
    }

    fn tick(&mut self, now: i64) {
        let at = self.ticks.at_or_before(now);
        let snapshot = Arc::clone(&self.snapshots.borrow());
        self.ticked = at;
        // Before the checks are known nobody can tell what is missing.
        if snapshot.checks.is_empty() && !snapshot.every_check_ran() {
            return;
        }
        let last = self.history.current().last_tick();
        let ticked = self.history.append_tick(&snapshot, at);
        self.notice_breaks(ticked.admission, last, at);
        let waits = |check: &&Arc<crate::board::CheckState>| !check.ran && !check.restored && check.problem.is_none();
        let waiting = snapshot.checks.iter().filter(waits);
        self.waiting = waiting.map(|check| Arc::clone(&check.name)).collect();
        Arc::make_mut(&mut self.troubles).update(&snapshot, at);
        self.reporter.tick(&ticked);
        if (at - self.written_at).abs() >= CHECKPOINT_EVERY {
            self.written_at = at;
            self.write_soon();
        }
    }

    /// After a break, rules wait until what they look back over is there again.
    fn notice_breaks(&mut self, admission: Admission, last: Option<i64>, at: i64) {
        let slept = last.is_some_and(|last| at - last > tick_of(&self.history) * data::TICKS_BEHIND_MAX);
        let was_set_back = admission == Admission::SetBack;
        if admission.is_taken() && (self.began.is_none() || slept || was_set_back) {
            self.before = last.filter(|last| *last < at).or(self.before.filter(|_| was_set_back));
            self.began = Some(at);
            self.was_set_back = was_set_back;
        }
    }

    /// Writes history to disk on a thread of its own: the disk may be slow, and slots do not wait.
    fn write_soon(&self) {
        let Some(state_dir) = self.state_dir.clone() else {
            return;
        };
        let (checkpoint, telemetry) = (self.history.checkpoint(), self.telemetry.clone());
        // Without a thread the next time has to do.
        let _ = self.supervisor.thread("history-checkpoint", move || {
            let written = checkpoint.write(&state_dir);
            Reporter::new(telemetry).checkpoint(written.as_ref().copied());
        });
    }

    /// Writes history to disk and waits for it, at the end.
    pub(super) fn write_last(&self) {
        if let Some(state_dir) = &self.state_dir {
            let written = self.history.checkpoint().write(state_dir);
            self.reporter.checkpoint(written.as_ref().copied());
        }
    }

    /// Other settings of history, on reload.
    pub(super) fn configure(&mut self, settings: history::Settings) {
        self.history.configure(settings);
        let ticks = Slots::ticks(tick_of(&self.history));
        if ticks != self.ticks {
            self.ticks = ticks;
            self.ticked = ticks.at_or_before(self.now());
        }
    }

    /// One group at one slot, rule by rule, each seeing what those before it recorded.
    fn evaluate(&mut self, at: usize, slot: i64, missed: u64) {
        let began = self.clock.monotonic();
        let Some(run) = self.groups.get_mut(at) else { return };
        let (group, mut rules) = (Arc::clone(&run.group), std::mem::take(&mut run.rules));
        let mut counts = instruments::Counts {
            missed,
            ..instruments::Counts::default()
        };
        let mut is_dirty = false;
        let mut changed = Vec::new();
        for rule in &mut rules {
            let (before, was_settled) = (Arc::clone(&rule.alerts), rule.is_settled);
            match self.evaluate_rule(&group, rule, slot) {
                Ok(recorded) => counts.samples += recorded,
                Err(()) => counts.failures += 1,
            }
            // An evaluation that changed nothing left the alerts where they were.
            let is_changed = !Arc::ptr_eq(&before, &rule.alerts);
            is_dirty |= is_changed;
            if is_changed || was_settled != rule.is_settled {
                changed.extend(rule.left(&self.externals));
            }
        }
        self.notice_new_store();
        let Some(run) = self.groups.get_mut(at) else { return };
        run.rules = rules;
        run.is_dirty |= is_dirty;
        (run.done, run.last, run.missed) = (slot, Some(slot), run.missed + missed);
        run.took = self.clock.monotonic().saturating_duration_since(began);
        self.shown.set(at, run.status());
        if let Some(store) = self.store.as_ref().filter(|_| self.late.is_none()) {
            let alerts = std::mem::take(&mut run.is_dirty).then(|| run.alerts());
            store::save(store, &run.key, slot, alerts, &run.written);
        }
        // After the store has it: after a crash, nobody may know of an alert that its rule does not know.
        self.outlet.put(changed);
        instruments::group(&self.telemetry, run, &counts);
    }

    /// A database that was begun anew knows nothing of alerts that did not change since.
    fn notice_new_store(&mut self) {
        let epoch = self.store.as_ref().map_or(0, Store::epoch);
        if std::mem::replace(&mut self.epoch, epoch) != epoch {
            self.groups.iter_mut().for_each(|run| run.is_dirty = true);
        }
    }

    /// How many samples were recorded; an error was said.
    fn evaluate_rule(&mut self, group: &super::super::Group, run: &mut RuleRun, slot: i64) -> Result<usize, ()> {
        let began = self.clock.monotonic();
        let result = self.evaluated(group, run, slot);
        let report = &mut run.report;
        report.last = Some(slot);
        report.took = self.clock.monotonic().saturating_duration_since(began);
        report.evaluations += 1;
        let problem = match &result {
            Ok(evaluated) => evaluated.problem.as_ref().map(ToString::to_string),
            Err(problem) => Some(problem.to_string()),
        };
        self.judge_health(run, problem.as_deref());
        let Ok(evaluated) = result else { return Err(()) };
        let at = slot - group.query_offset;
        let ended = run.take(&evaluated, slot);
        run.report.elements = evaluated.elements;
        run.report.warnings = evaluated.warnings;
        self.record(&evaluated.samples, &ended, at);
        self.say(&evaluated.changes, &run.rule.location);
        run.is_settled |= problem.is_none() && run.report.hold.is_none();
        if *run.alerts != evaluated.alerts {
            run.alerts = Arc::new(evaluated.alerts);
        }
        if problem.is_some() {
            Err(())
        } else {
            Ok(evaluated.samples.len())
        }
    }

    fn evaluated(&self, group: &super::super::Group, run: &mut RuleRun, slot: i64) -> Result<Evaluated, RuleProblem> {
        let deadline = self.clock.monotonic() + RULE_TIME_MAX;
        let view = self.history.current();
        let since = Since {
            began: self.began,
            before: self.before,
            was_set_back: self.was_set_back,
            ticked: view.last_tick().unwrap_or(i64::MIN / 4),
            tick: tick_of(&self.history),
            waiting: &self.waiting,
        };
        let at = slot - group.query_offset;
        let hold = match run.rule.kind {
            RuleKind::Alert(_) => data::hold(&run.reads, view, &since, at),
            RuleKind::Record => None,
        };
        run.report.hold = hold;
        let moment = Moment {
            at: slot,
            last: run.last,
            interval: group.interval,
            is_first: run.is_first,
            hold,
        };
        let answers = || -> Rc<dyn Answers> {
            Rc::new(HostAnswers {
                view: self.history.view(),
                snapshot: Arc::clone(&self.snapshots.borrow()),
                troubles: Arc::clone(&self.troubles),
                at,
                clock: self.clock.clone(),
                deadline,
            })
        };
        let around = Surroundings {
            storage: view,
            query_offset: group.query_offset,
            limit: group.limit,
            externals: &self.externals,
            stop: &|| self.clock.monotonic() >= deadline,
            answers: &answers,
        };
        let (rule, alerts) = (Arc::clone(&run.rule), Arc::clone(&run.alerts));
        let query = &mut run.query;
        catch("rule", || group::evaluate(&rule, query, &alerts, &moment, &around)).unwrap_or_else(|panic| {
            self.telemetry.emit(&EvaluationPanicked {
                rule: &rule.name,
                panic: &panic,
            });
            Err(RuleProblem::Query(panic.to_string()))
        })
    }

    /// Says it when a rule begins to fail or to work.
    fn judge_health(&self, run: &mut RuleRun, problem: Option<&str>) {
        let was_failing = matches!(run.report.health, Health::Failing(_));
        let (rule, location) = (&*run.rule.name, run.rule.location.as_str());
        match problem {
            Some(problem) => {
                run.report.failures += 1;
                if !was_failing {
                    self.telemetry.emit(&RuleFails {
                        rule,
                        location,
                        problem,
                    });
                }
                run.report.health = Health::Failing(problem.to_owned());
            }
            None => {
                if was_failing {
                    self.telemetry.emit(&RuleWorks { rule, location });
                }
                run.report.health = Health::Good;
            }
        }
    }

    pub(super) fn record(&mut self, samples: &[(Labels, f64)], ended: &BTreeSet<Labels>, at: i64) {
        for (labels, value) in samples {
            let appended = self.history.append(labels, Point { at, value: *value });
            self.reporter.appended(appended);
        }
        for labels in ended {
            let value = stale_marker();
            self.history.append(labels, Point { at, value });
        }
    }

    pub(super) fn say(&self, changes: &[Change], location: &str) {
        for change in changes {
            self.telemetry.emit(&AlertChanged { change, location });
        }
    }

    /// Shows all groups anew.
    pub(super) fn show_all(&mut self) {
        let external = self.externals.labels.clone();
        self.shown = RuleStatus::new(self.groups.iter().map(GroupRun::status)).with_external(external);
        self.publish();
    }

    fn publish(&self) {
        self.status.send_replace(Arc::new(self.shown.clone()));
        self.views.send_replace(self.history.view());
    }
}

pub(super) fn tick_of(history: &History) -> i64 {
    i64::try_from(history.settings().interval.as_millis()).unwrap_or(i64::MAX)
}
