//! When every check runs: a pure machine of (state, input, now), without clocks, tasks or channels.
//!
//! Owns timers, permits and the queue for permits. Flows in: checks, ends of runs, and the two clocks as they stand.
//! Flows out: [`Action`]s with a named reason. It starts nothing itself.
//!
//! Slots of an interval live on the monotonic clock: setting the wall clock, or sleeping through a suspend, neither skips
//! nor doubles them. Their phase is taken from the wall clock once, when the check is added, so that a restart keeps it.
//! Cron lives on the wall clock and is planned anew whenever that clock moves against the monotonic one.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{
    Cause, Job, Missed,
    answer::{Action, Asked, Last, Verdict},
    timing::Timing,
};
use crate::{
    clock::{Instant, Timestamp},
    config::{Check, Schedule},
};

/// How far the two clocks may move apart before cron is planned anew. Below it, steering by NTP is at work.
const CLOCK_JUMP: Duration = Duration::from_secs(1);

/// How often the clocks are compared while there is any cron check: a fire time that a jump brought forward is at most
/// this late.
const CLOCK_COMPARED: Duration = Duration::from_secs(10);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) monotonic: Instant,
    pub(super) wall: Timestamp,
}

impl Now {
    /// Wall-clock time of another moment, as the clocks stand now.
    pub(super) fn wall_at(&self, moment: Instant) -> Timestamp {
        if moment >= self.monotonic {
            return self.wall + (moment - self.monotonic);
        }
        Timestamp::from_nanos(self.wall.as_nanos().saturating_sub(nanos(self.monotonic - moment)))
    }
}

pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// One run, for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RunId(u64);

#[derive(Clone, Copy, Debug)]
struct Ticket {
    cause: Cause,
    scheduled_at: Timestamp,
    due: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Idle,
    /// For a permit, or for a run of its former self to end.
    Waiting(Ticket),
    Running(RunId),
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    cause: Cause,
    /// Of a cron check: not before this.
    wall: Option<Timestamp>,
}

#[derive(Debug)]
struct Entry {
    check: Arc<Check>,
    timing: Timing,
    phase: Phase,
    due: Option<Due>,
    last: Option<Last>,
    attempt: u32,
}

/// The state.
#[derive(Debug)]
pub(super) struct Plan {
    concurrency: usize,
    entries: HashMap<u64, Entry>,
    names: HashMap<Arc<str>, u64>,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    queue: VecDeque<u64>,
    running: HashMap<RunId, (u64, Arc<str>)>,
    /// Runs whose check was changed or removed. Their successors wait, because `state` has one writer.
    orphans: HashMap<Arc<str>, RunId>,
    remembered: HashMap<Arc<str>, Last>,
    next_id: u64,
    /// Both clocks when they were last in step.
    in_step: Option<Now>,
    compared_at: Option<Instant>,
    has_cron: bool,
    stopping: bool,
}

impl Plan {
    /// `concurrency` permits; zero is taken as one.
    pub(super) fn new(concurrency: usize) -> Self {
        Self {
            concurrency: concurrency.max(1),
            entries: HashMap::new(),
            names: HashMap::new(),
            timers: BinaryHeap::new(),
            queue: VecDeque::new(),
            running: HashMap::new(),
            orphans: HashMap::new(),
            remembered: HashMap::new(),
            next_id: 0,
            in_step: None,
            compared_at: None,
            has_cron: false,
            stopping: false,
        }
    }

    /// What was known of a check before this process began. Used when the check is added.
    pub(super) fn remember(&mut self, check: Arc<str>, last: Last) {
        self.remembered.insert(check, last);
    }

    /// These checks and no others. An equal one keeps its timer and its run; the rest start anew, at once.
    pub(super) fn replace(&mut self, checks: Vec<Arc<Check>>, now: Now) -> Vec<Action> {
        let wanted: BTreeSet<Arc<str>> = checks.iter().map(|check| Arc::clone(&check.name)).collect();
        let gone: Vec<Arc<str>> = self
            .names
            .keys()
            .filter(|name| !wanted.contains(*name))
            .cloned()
            .collect();
        for name in &gone {
            self.remove(name);
        }
        let mut actions = Vec::new();
        for check in checks {
            if !self.holds(&check) {
                self.remove(&check.name);
                self.add(check, now);
            }
        }
        self.has_cron = self
            .entries
            .values()
            .any(|entry| matches!(entry.check.schedule, Schedule::Cron(_)));
        self.in_step.get_or_insert(now);
        self.compared_at.get_or_insert(now.monotonic);
        self.grant_permits(now, &mut actions);
        actions
    }

    fn holds(&self, check: &Check) -> bool {
        self.names
            .get(&check.name)
            .and_then(|id| self.entries.get(id))
            .is_some_and(|entry| *entry.check == *check)
    }

    fn remove(&mut self, name: &Arc<str>) {
        let Some(entry) = self.names.remove(name).and_then(|id| self.entries.remove(&id)) else {
            return;
        };
        if let Phase::Running(run) = entry.phase {
            self.orphans.insert(Arc::clone(name), run);
        }
    }

    fn add(&mut self, check: Arc<Check>, now: Now) {
        let id = self.next_id;
        self.next_id += 1;
        let ticket = Ticket {
            cause: Cause::Start,
            scheduled_at: now.wall,
            due: now.monotonic,
        };
        let last = self.remembered.remove(&check.name);
        let timing = Timing::new(&check, now);
        self.names.insert(Arc::clone(&check.name), id);
        let entry = Entry {
            phase: Phase::Waiting(ticket),
            check,
            timing,
            due: None,
            last,
            attempt: 1,
        };
        self.entries.insert(id, entry);
        self.queue.push_back(id);
        self.plan_next(id, now);
    }

    /// Everything that is due.
    pub(super) fn tick(&mut self, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        self.compare_clocks(now, &mut actions);
        while let Some(&Reverse((at, id))) = self.timers.peek()
            && at <= now.monotonic
        {
            self.timers.pop();
            let due = self.entries.get(&id).and_then(|entry| entry.due);
            // A timer that was planned anew leaves its old place in the heap behind.
            if let Some(due) = due.filter(|due| due.at == at) {
                self.fall_due(id, due, now, &mut actions);
            }
        }
        self.grant_permits(now, &mut actions);
        actions
    }

    fn compare_clocks(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Some(before) = self.in_step else { return };
        self.compared_at = Some(now.monotonic);
        let expected = before.wall_at(now.monotonic);
        let (by, forward) = (
            now.wall.since(expected).max(expected.since(now.wall)),
            now.wall > expected,
        );
        if by < CLOCK_JUMP {
            return;
        }
        self.in_step = Some(now);
        actions.push(Action::ClockJumped { by, forward });
        let crons: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.check.schedule, Schedule::Cron(_)))
            .map(|(id, _)| *id)
            .collect();
        for id in crons {
            self.replan_cron(id, now);
        }
    }

    /// A fire time that the jump passed over falls due now; otherwise the next one is looked up on the new clock.
    fn replan_cron(&mut self, id: u64, now: Now) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match entry.due {
            Some(Due {
                wall: Some(wall),
                cause,
                ..
            }) if wall <= now.wall => {
                entry.due = Some(Due {
                    at: now.monotonic,
                    cause,
                    wall: Some(wall),
                });
                self.timers.push(Reverse((now.monotonic, id)));
            }
            _ => self.plan_next(id, now),
        }
    }

    fn fall_due(&mut self, id: u64, due: Due, now: Now, actions: &mut Vec<Action>) {
        if due.wall.is_some_and(|wall| wall > now.wall) {
            // The monotonic clock ran ahead of the wall clock, by less than a jump.
            self.plan_next(id, now);
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let (slot, passed_over) = entry.timing.latest_slot(due.at, now);
        entry.timing.fired(due.wall);
        let check = Arc::clone(&entry.check.name);
        if passed_over > 0 {
            actions.push(Action::Missed {
                check: Arc::clone(&check),
                why: Missed::Late,
                count: passed_over,
            });
        }
        let ticket = Ticket {
            cause: due.cause,
            scheduled_at: due.wall.unwrap_or_else(|| now.wall_at(slot)),
            due: slot,
        };
        match entry.phase {
            Phase::Idle => {
                entry.phase = Phase::Waiting(ticket);
                self.queue.push_back(id);
            }
            // The run right after start serves the slots that pass while it waits for its permit.
            Phase::Waiting(Ticket {
                cause: Cause::Start, ..
            }) => {}
            Phase::Waiting(_) => actions.push(Action::Missed {
                check,
                why: Missed::Waiting,
                count: 1,
            }),
            Phase::Running(_) => actions.push(Action::Missed {
                check,
                why: Missed::Running,
                count: 1,
            }),
        }
        self.plan_next(id, now);
    }

    fn plan_next(&mut self, id: u64, now: Now) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let failing = entry.last.is_some_and(|last| !last.ok);
        let next = entry.timing.next(failing, now).map(|next| Due {
            at: next.at,
            cause: next.cause,
            wall: next.wall,
        });
        let changed = next.map(|due| due.at) != entry.due.map(|due| due.at);
        entry.due = next;
        if let Some(due) = next
            && changed
        {
            self.timers.push(Reverse((due.at, id)));
        }
    }

    /// Starts what waits, in order, while there are permits.
    fn grant_permits(&mut self, now: Now, actions: &mut Vec<Action>) {
        let mut held_back = VecDeque::new();
        while self.running.len() < self.concurrency && !self.stopping {
            let Some(id) = self.queue.pop_front() else { break };
            let Some(entry) = self.entries.get(&id) else { continue };
            let Phase::Waiting(ticket) = entry.phase else { continue };
            if self.orphans.contains_key(&entry.check.name) {
                held_back.push_back(id);
                continue;
            }
            actions.push(self.start(id, ticket, now));
        }
        // What waits for its former self keeps its place without holding up the others.
        while let Some(id) = held_back.pop_back() {
            self.queue.push_front(id);
        }
    }

    fn start(&mut self, id: u64, ticket: Ticket, now: Now) -> Action {
        let run = RunId(self.next_id);
        self.next_id += 1;
        #[expect(clippy::expect_used, reason = "the caller has just looked it up")]
        let entry = self.entries.get_mut(&id).expect("present");
        entry.phase = Phase::Running(run);
        self.running.insert(run, (id, Arc::clone(&entry.check.name)));
        let has_tick = matches!(ticket.cause, Cause::Slot | Cause::Retry | Cause::Cron);
        Action::Start {
            run,
            cause: ticket.cause,
            lateness: has_tick.then(|| now.monotonic.saturating_duration_since(ticket.due)),
            job: Job {
                check: Arc::clone(&entry.check),
                scheduled_at: ticket.scheduled_at,
                attempt: entry.attempt,
                previous: entry.last.map(|last| (last.started_at, last.word)),
            },
        }
    }

    /// A run is over and its permit free.
    pub(super) fn ended(&mut self, run: RunId, last: Last, now: Now) -> (Verdict, Vec<Action>) {
        let mut actions = Vec::new();
        let verdict = match self.running.remove(&run) {
            Some((id, name)) => self.settle(id, &name, run, last, now),
            None => Verdict::Outdated,
        };
        self.grant_permits(now, &mut actions);
        (verdict, actions)
    }

    fn settle(&mut self, id: u64, name: &Arc<str>, run: RunId, last: Last, now: Now) -> Verdict {
        if self.orphans.get(name) == Some(&run) {
            self.orphans.remove(name);
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return Verdict::Outdated;
        };
        entry.phase = Phase::Idle;
        let was_failing = entry.last.is_some_and(|last| !last.ok);
        entry.last = Some(last);
        entry.attempt = match entry.timing.retries() && !last.ok {
            true => entry.attempt.saturating_add(1),
            false => 1,
        };
        if entry.timing.retries() && (was_failing || !last.ok) {
            self.plan_next(id, now);
        }
        Verdict::Publish
    }

    /// Runs a check out of turn, before everything that waits. Its slots stay where they are.
    pub(super) fn ask(&mut self, name: &str, now: Now) -> (Asked, Vec<Action>) {
        let mut actions = Vec::new();
        if self.stopping {
            return (Asked::Stopping, actions);
        }
        let Some(&id) = self.names.get(name) else {
            return (Asked::Unknown, actions);
        };
        let asked = match self.entries.get_mut(&id) {
            Some(entry) if matches!(entry.phase, Phase::Idle) => {
                entry.phase = Phase::Waiting(Ticket {
                    cause: Cause::Asked,
                    scheduled_at: now.wall,
                    due: now.monotonic,
                });
                self.queue.push_front(id);
                Asked::Queued
            }
            _ => Asked::Joined,
        };
        self.grant_permits(now, &mut actions);
        (asked, actions)
    }

    /// Whether a check of this name is planned.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Nothing starts from now on.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.queue.clear();
        self.timers.clear();
    }

    /// How many runs there are.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Name of the check of a run that has not ended.
    pub(super) fn check_of(&self, run: RunId) -> Option<&Arc<str>> {
        self.running.get(&run).map(|(_, name)| name)
    }

    /// When [`Self::tick`] should be called next.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let compares = self.has_cron && !self.stopping;
        let comparison = self.compared_at.filter(|_| compares).map(|at| at + CLOCK_COMPARED);
        timer.into_iter().chain(comparison).min()
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
