//! What a run has learnt, in the words of no backend in particular.
//!
//! Flows in: single facts, as answers come in. Flows out: the whole, for metrics, verdicts and the memory of the next run. What
//! could not be learnt is none, never zero.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bellwether_sdk::text::cut;

use crate::{search::Search, server::Server, streams::Stream};

/// Of all queues together: some libraries keep one list of failures or one set of workers for all.
pub(crate) const ALL: &str = "";

/// Most different problems that are told apart; more would be the same news again.
const PROBLEMS_MAX: usize = 20;

/// Where a job can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Could be taken by a worker now.
    Waiting,
    /// Is not due yet.
    Delayed,
    /// Failed, and waits to be tried again.
    Retry,
    /// Waits for other jobs.
    Blocked,
    /// Taken by a worker that has not yet said that it began.
    Claimed,
    /// With a worker.
    Active,
    /// Failed, and kept for a person.
    Failed,
    /// Given up after all attempts, and kept for a person.
    Dead,
    /// Done, and kept for a while.
    Completed,
    /// Called off, and kept for a while.
    Canceled,
}

impl State {
    /// As the label has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delayed => "delayed",
            Self::Retry => "retry",
            Self::Blocked => "blocked",
            Self::Claimed => "claimed",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }
}

/// One queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    depths: BTreeMap<State, u64>,
    /// What the waiting jobs are made of, when that is more than one list. None: asked for, and not known.
    parts: BTreeMap<String, Option<u64>>,
    /// When the oldest waiting job that is known began to wait, in Unix seconds.
    waiting_since: Option<f64>,
    waiting_since_is_hidden: bool,
    /// When the oldest job in flight was taken, in Unix seconds.
    pub(crate) in_flight_since: Option<f64>,
    pub(crate) paused: Option<bool>,
    /// Since the library began to count.
    pub(crate) processed: Option<u64>,
    /// Since the library began to count.
    pub(crate) failures: Option<u64>,
    /// Delayed jobs whose time is long past.
    pub(crate) overdue: Option<u64>,
    /// In flight, with a worker that has not prolonged its lease.
    pub(crate) leases_expired: Option<u64>,
    /// Consumers that hold entries, with their idle time in seconds.
    pub(crate) consumers: Vec<(String, f64)>,
    /// This many and perhaps more wait: there was no exact answer.
    pub(crate) at_least: Option<u64>,
    /// Why nobody knows how many wait, where no command was refused.
    pub(crate) uncounted: Option<String>,
}

impl Queue {
    /// How many jobs are in a state; none when the backend has no such state or the answer was refused.
    pub(crate) fn depth(&self, state: State) -> Option<u64> {
        if state == State::Waiting && !self.parts.is_empty() {
            return self.parts.values().copied().sum();
        }
        self.depths.get(&state).copied()
    }

    pub(crate) fn set_depth(&mut self, state: State, jobs: u64) {
        self.depths.insert(state, jobs);
    }

    /// What is told of each queue is not told of all together as well.
    pub(crate) fn forget_depth(&mut self, state: State) {
        self.depths.remove(&state);
    }

    /// Jobs in a state are counted one by one from now on; nothing that was counted before is lost.
    pub(crate) fn count_from_zero(&mut self, state: State) {
        self.depths.entry(state).or_default();
    }

    /// One more job in a state.
    pub(crate) fn add_depth(&mut self, state: State) {
        *self.depths.entry(state).or_default() += 1;
    }

    /// States with a known number of jobs.
    pub(crate) fn depths(&self) -> impl Iterator<Item = (State, u64)> {
        let waiting = self.depth(State::Waiting).map(|jobs| (State::Waiting, jobs));
        let others = self.depths.iter().filter(|(state, _)| **state != State::Waiting);
        waiting.into_iter().chain(others.map(|(state, jobs)| (*state, *jobs)))
    }

    /// A list that belongs to the waiting jobs. Until its length is known, nobody knows how many wait.
    pub(crate) fn expect_part(&mut self, name: &str) {
        self.parts.entry(name.to_owned()).or_default();
    }

    pub(crate) fn set_part(&mut self, name: &str, jobs: u64) {
        self.parts.insert(name.to_owned(), Some(jobs));
    }

    /// One element of a list was no job.
    pub(crate) fn shorten_part(&mut self, name: &str) {
        if let Some(Some(jobs)) = self.parts.get_mut(name) {
            *jobs = jobs.saturating_sub(1);
        }
    }

    /// The lists that are known, when there is more than one.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, u64)> {
        let several = self.parts.len() > 1;
        let known = self
            .parts
            .iter()
            .filter_map(|(name, jobs)| Some((name.as_str(), (*jobs)?)));
        known.filter(move |_| several)
    }

    /// Failed and dead jobs that are kept.
    pub(crate) fn kept_failures(&self) -> Option<u64> {
        match (self.depth(State::Failed), self.depth(State::Dead)) {
            (None, None) => None,
            (failed, dead) => Some(failed.unwrap_or(0) + dead.unwrap_or(0)),
        }
    }

    /// Since when the oldest waiting job waits, in Unix seconds; none when nobody can tell.
    pub(crate) fn waiting_since(&self) -> Option<f64> {
        self.waiting_since.filter(|_| !self.waiting_since_is_hidden)
    }

    /// Keeps the earlier of two times.
    pub(crate) fn waits_since(&mut self, at: f64) {
        self.waiting_since = Some(self.waiting_since.map_or(at, |known| known.min(at)));
    }

    /// Some waiting job may be older than all that are known: whatever is known besides, the oldest is not.
    pub(crate) fn hide_waiting_since(&mut self) {
        self.waiting_since_is_hidden = true;
    }

    /// Keeps the earlier of two times.
    pub(crate) fn in_flight_since(&mut self, at: f64) {
        self.in_flight_since = Some(self.in_flight_since.map_or(at, |known| known.min(at)));
    }
}

/// How it is known that a worker is alive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Heard {
    /// It says so from time to time, and last did at this Unix time.
    At(f64),
    /// It says so from time to time, and what it said has expired.
    Expired,
    /// It is there, and that is all: its library has no heartbeats.
    There,
}

impl From<Option<f64>> for Heard {
    fn from(at: Option<f64>) -> Self {
        at.map_or(Self::Expired, Self::At)
    }
}

/// Something that takes jobs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) heard: Heard,
    /// Names of queues, or patterns for them.
    pub(crate) serves: Vec<String>,
}

impl Worker {
    /// One that takes jobs of any queue, or does not say of which.
    pub(crate) fn of_all(name: impl Into<String>, heard: Heard) -> Self {
        Self {
            name: name.into(),
            heard,
            serves: vec!["*".to_owned()],
        }
    }

    pub(crate) fn serves(&self, queue: &str) -> bool {
        queue == ALL || self.serves.iter().any(|pattern| crate::pattern::fits(pattern, queue))
    }
}

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Such as `LLEN rq:queue:mail`.
    pub(crate) command: String,
    /// In Redis' words.
    pub(crate) message: String,
    /// How many commands met it.
    pub(crate) times: u32,
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// By name; [`ALL`] is what belongs to no queue in particular.
    pub(crate) queues: BTreeMap<String, Queue>,
    /// None: not asked, or no answer.
    pub(crate) workers: Option<Vec<Worker>>,
    pub(crate) server: Option<Server>,
    pub(crate) streams: BTreeMap<String, Stream>,
    pub(crate) search: Search,
    /// What an arq worker counted since its start, as the one that spoke last had it: queue, outcome, jobs.
    pub(crate) last_worker_jobs: Vec<(String, String, u64)>,
    pub(crate) problems: Vec<Problem>,
    /// Why the run ended before everything was asked.
    pub(crate) incomplete: Option<String>,
    /// Of the first round trip.
    pub(crate) latency: Option<Duration>,
    pub(crate) round_trips: u32,
}

impl Picture {
    /// The queue, which is added when it is new.
    pub(crate) fn queue(&mut self, name: &str) -> &mut Queue {
        self.queues.entry(name.to_owned()).or_default()
    }

    /// Real queues, without [`ALL`].
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &Queue)> {
        let queues = self.queues.iter().filter(|(name, _)| *name != ALL);
        queues.map(|(name, queue)| (name.as_str(), queue))
    }

    /// The answer that registered workers gave, even if there are none.
    pub(crate) fn add_workers(&mut self, workers: impl IntoIterator<Item = Worker>) {
        self.workers.get_or_insert_default().extend(workers);
    }

    /// A command that Redis refused.
    pub(crate) fn refused(&mut self, words: &[String], message: &str) {
        self.problem(&shown(words), message);
    }

    /// Something that is not known, and why. The same news of many commands is one problem.
    pub(crate) fn problem(&mut self, command: &str, message: &str) {
        let verb = |text: &str| text.split(' ').next().map(str::to_owned);
        let alike =
            |known: &&mut Problem| verb(&known.command) == verb(command) && verb(&known.message) == verb(message);
        if let Some(known) = self.problems.iter_mut().find(alike) {
            known.times += 1;
        } else if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem {
                command: command.to_owned(),
                message: one_line(message),
                times: 1,
            });
        }
    }

    /// The first reason stands.
    pub(crate) fn cut_short(&mut self, why: &str) {
        self.incomplete.get_or_insert_with(|| one_line(why));
    }

    /// Forgets queues that are not in `names`.
    pub(crate) fn keep(&mut self, names: &BTreeSet<String>) {
        self.queues.retain(|name, _| name == ALL || names.contains(name));
    }
}

/// A command with its first argument, or two where the first only says which of several commands it is.
fn shown(words: &[String]) -> String {
    let container = ["XINFO", "CLIENT"];
    let length = if words.first().is_some_and(|word| container.contains(&word.as_str())) {
        3
    } else {
        2
    };
    one_line(&words[..words.len().min(length)].join(" "))
}

/// Characters of what Redis or a proxy before it says that are told: a refusal stands in the verdict of each queue, and may be 16 KiB.
const SAID_CHARACTERS_MAX: usize = 300;

/// Names of keys may hold anything.
fn one_line(text: &str) -> String {
    cut(text, SAID_CHARACTERS_MAX)
        .chars()
        .map(|character| if character.is_control() { '.' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_known_makes_the_whole_unknown() {
        let mut queue = Queue::default();
        queue.expect_part("wait");
        queue.expect_part("prioritized");
        queue.set_part("wait", 3);
        assert_eq!(queue.depth(State::Waiting), None);
        queue.set_part("prioritized", 4);
        assert_eq!(queue.depth(State::Waiting), Some(7));
        assert_eq!(queue.depths().collect::<Vec<_>>(), [(State::Waiting, 7)]);
        assert_eq!(queue.parts().count(), 2);
    }

    #[test]
    fn one_part_alone_is_not_worth_a_series() {
        let mut queue = Queue::default();
        queue.set_part("wait", 3);
        assert_eq!(queue.parts().count(), 0);
        assert_eq!(queue.depth(State::Waiting), Some(3));
    }

    #[test]
    fn the_earlier_of_two_times_stands() {
        let mut queue = Queue::default();
        queue.waits_since(20.0);
        queue.waits_since(10.0);
        queue.waits_since(15.0);
        assert_eq!(queue.waiting_since(), Some(10.0));
        queue.hide_waiting_since();
        queue.waits_since(5.0);
        assert_eq!(queue.waiting_since(), None, "it may be older still");
    }

    #[test]
    fn the_same_refusal_of_many_keys_is_one_problem() {
        let mut picture = Picture::default();
        let words = |key: &str| vec!["LLEN".to_owned(), key.to_owned()];
        picture.refused(&words("a\u{6}\u{16}3"), "NOPERM no permission for 'a'");
        picture.refused(&words("b"), "NOPERM no permission for 'b'");
        picture.refused(&words("c"), "WRONGTYPE it is a hash");
        assert_eq!(picture.problems.len(), 2);
        assert_eq!(picture.problems[0].command, "LLEN a..3");
        assert_eq!(picture.problems[0].times, 2);
    }

    #[test]
    fn a_worker_serves_what_it_names() {
        let worker = |serves: &str| Worker {
            name: "w".into(),
            heard: Heard::There,
            serves: vec![serves.into()],
        };
        assert!(worker("mail").serves("mail") && !worker("mail").serves("other"));
        assert!(worker("mail").serves(ALL) && Worker::of_all("w", Heard::There).serves("anything"));
    }
}
