//! What lasts from run to run: the queues that were found, and how they moved.
//!
//! Flows in: the picture of this run. Flows out: what changed since the runs before. It is small: a few numbers per queue.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::{log, state};
use serde::{Deserialize, Serialize};

use crate::{
    judge::Found,
    picture::{Picture, Queue, State},
    search::Search,
};

/// Where it is kept. A change of shape takes a new key.
const KEY: &str = "memory-2";

/// How long it is still said that something is over, in seconds: whoever reads reports more seldom than they are made must see it too.
const OVER_SECONDS: f64 = 3_600.0;

/// How long what was found is remembered while nobody can tell how it is, in seconds. Alerts are held no longer either.
const UNKNOWN_SECONDS: f64 = 86_400.0;

/// Runs over which growth is measured: one run alone says more about chance than about the queue.
const RUNS: usize = 10;

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Unix seconds of the last runs; the last one wrote this.
    times: Vec<f64>,
    known: BTreeSet<String>,
    met: BTreeSet<String>,
    cursor: String,
    evicted: Option<u64>,
    rejected: Option<u64>,
    queues: BTreeMap<String, Trend>,
    /// By target and code.
    found: BTreeMap<String, BTreeMap<String, Seen>>,
}

/// Something that was found, and may be over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Seen {
    /// Runs in a row in which it was found; 0 when it was not found last.
    #[serde(rename = "r", skip_serializing_if = "is_zero")]
    runs: u32,
    /// How bad it was when it was found last, and when that was.
    #[serde(rename = "s")]
    severity: String,
    #[serde(rename = "t")]
    at: f64,
    /// Since when it is not that bad any more, by severity.
    #[serde(rename = "o", skip_serializing_if = "BTreeMap::is_empty")]
    over: BTreeMap<String, f64>,
}

impl Seen {
    fn found(&mut self, severity: &str, now: f64) {
        if !self.severity.is_empty() && self.severity != severity {
            self.over.insert(std::mem::take(&mut self.severity), now);
        }
        self.over.remove(severity);
        severity.clone_into(&mut self.severity);
        self.runs = self.runs.saturating_add(1);
        self.at = now;
    }

    /// `is_judged`: somebody looked, so that it is over.
    fn missed(&mut self, is_judged: bool, now: f64) {
        self.runs = 0;
        if is_judged && !self.severity.is_empty() {
            self.over.insert(std::mem::take(&mut self.severity), now);
        }
    }

    /// Whether there is still something to say.
    fn age(&mut self, now: f64) -> bool {
        self.over.retain(|_, since| now - *since < OVER_SECONDS);
        let is_open = !self.severity.is_empty() && now - self.at < UNKNOWN_SECONDS;
        is_open || !self.over.is_empty()
    }
}

/// For how many runs something was found; 0: it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) target: String,
    pub(crate) code: String,
    pub(crate) severity: String,
    pub(crate) runs: u32,
}

/// How one queue moved. Short names, and nothing that is not known: the state of 500 queues must fit into 64 KiB.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Trend {
    /// Waiting jobs of the last runs, oldest first; the last one belongs to the last of `Memory::times`, and so on.
    #[serde(rename = "w")]
    waiting: Vec<u64>,
    /// Runs in a row in which it grew.
    #[serde(rename = "g", skip_serializing_if = "is_zero")]
    growing: u32,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    kept_failures: Option<u64>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    paused_since: Option<f64>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Change {
    /// Waiting jobs a second, over the last runs; none before the second run.
    pub(crate) growth: Option<f64>,
    /// Runs in a row in which more waited than before.
    pub(crate) growing: Option<u32>,
    /// Seconds until nothing waits, if it goes on as in the last runs; none when it does not shrink.
    pub(crate) drain: Option<f64>,
    /// Jobs that failed since the run before.
    pub(crate) failed: Option<u64>,
    /// Seconds since it was first seen paused.
    pub(crate) paused: Option<f64>,
}

/// What changed in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) queues: BTreeMap<String, Change>,
    /// Keys that Redis evicted since the run before.
    pub(crate) evicted: Option<u64>,
    /// Connections that Redis refused since the run before.
    pub(crate) rejected: Option<u64>,
}

/// The last [`RUNS`] of them.
fn appended<T: Copy>(values: &[T], value: T) -> Vec<T> {
    let kept = values.len().min(RUNS - 1);
    values[values.len() - kept..].iter().copied().chain([value]).collect()
}

impl Memory {
    /// When it was written, in Unix seconds; 0 for one that never was.
    fn at(&self) -> f64 {
        self.times.last().copied().unwrap_or(0.0)
    }

    /// Of the run before; none in the first one, or when it cannot be read.
    pub(crate) fn load() -> Option<Self> {
        match state::get_json(KEY) {
            Ok(memory) => memory,
            Err(error) => {
                log::warn(
                    "what the run before knew cannot be read; starting anew",
                    &[("error", &error)],
                );
                None
            }
        }
    }

    /// A run without its memory is still a good run.
    pub(crate) fn save(&self) {
        if let Err(error) = state::set_json(KEY, self) {
            log::warn(
                "what this run knows cannot be kept, so the next one knows no growth; raise `limits.state` or name fewer queues",
                &[("error", &error)],
            );
        }
    }

    /// What the search goes on from.
    pub(crate) fn search(memory: Option<&Self>) -> Search {
        Search::resume(memory.map(|memory| (memory.known.clone(), memory.met.clone(), memory.cursor.clone())))
    }

    /// The memory after this run, and what changed.
    pub(crate) fn learn(before: Option<&Self>, picture: &Picture, now: f64) -> (Self, Changes) {
        let nothing = Self::default();
        let before = before.unwrap_or(&nothing);
        // A run that is tried again belongs to the same time; nothing can be said about growth then.
        let anew = before.at() >= now;
        let mut after = Self {
            times: if anew { vec![now] } else { appended(&before.times, now) },
            known: picture.search.found.clone(),
            met: picture.search.met.clone(),
            cursor: picture.search.cursor.clone(),
            ..Self::default()
        };
        let mut changes = Changes::default();
        for (name, queue) in &picture.queues {
            let trend = before.queues.get(name).filter(|_| !anew).cloned().unwrap_or_default();
            let (trend, change) = trend.step(queue, &after.times);
            after.queues.insert(name.clone(), trend);
            changes.queues.insert(name.clone(), change);
        }
        let server = picture.server.as_ref();
        after.evicted = server.and_then(|server| server.count("evicted_keys"));
        after.rejected = server.and_then(|server| server.count("rejected_connections"));
        changes.evicted = since(before.evicted, after.evicted);
        changes.rejected = since(before.rejected, after.rejected);
        (after, changes)
    }

    /// Counts the runs in a row of what was found, this one included, and says what is over: what `is_judged` by its target and was not
    /// found. What is found comes first.
    pub(crate) fn count(
        &mut self,
        before: Option<&Self>,
        found: &[Found],
        is_judged: impl Fn(&str) -> bool,
    ) -> Vec<Counted> {
        let now = self.at();
        let goes_on = before.is_some_and(|before| before.at() < now);
        self.found = before.map(|before| before.found.clone()).unwrap_or_default();
        // One code may be found twice of one target, as with refused commands; the first is as good.
        let mut current: BTreeMap<(&str, &str), &Found> = BTreeMap::new();
        for found in found {
            current.entry((&found.target, found.code)).or_insert(found);
        }
        for (target, codes) in &mut self.found {
            let is_judged = is_judged(target);
            for (code, seen) in codes.iter_mut() {
                seen.runs = if goes_on { seen.runs } else { 0 };
                if !current.contains_key(&(target.as_str(), code.as_str())) {
                    seen.missed(is_judged, now);
                }
            }
        }
        for found in current.values() {
            let of_target = self.found.entry(found.target.clone()).or_default();
            let seen = of_target.entry(found.code.to_owned()).or_default();
            seen.found(found.severity, now);
        }
        for codes in self.found.values_mut() {
            codes.retain(|_, seen| seen.age(now));
        }
        self.found.retain(|_, codes| !codes.is_empty());
        let mut counted = self.counted();
        counted.sort_by_key(|counted| counted.runs == 0);
        counted
    }

    fn counted(&self) -> Vec<Counted> {
        let each = self.found.iter().flat_map(|(target, codes)| {
            codes.iter().flat_map(move |(code, seen)| {
                let found = (seen.runs > 0).then_some((&seen.severity, seen.runs));
                let over = seen.over.keys().map(|severity| (severity, 0));
                found.into_iter().chain(over).map(move |(severity, runs)| Counted {
                    target: target.clone(),
                    code: code.clone(),
                    severity: severity.clone(),
                    runs,
                })
            })
        });
        each.collect()
    }
}

impl Trend {
    /// The run that `times` ends with.
    fn step(mut self, queue: &Queue, times: &[f64]) -> (Self, Change) {
        let now = times.last().copied().unwrap_or(0.0);
        let failed = self.failed_since(queue);
        self.failures = queue.failures;
        self.kept_failures = queue.kept_failures();
        self.paused_since = queue.paused.unwrap_or(false).then(|| self.paused_since.unwrap_or(now));
        let Some(waiting) = queue.depth(State::Waiting) else {
            self.waiting.clear();
            self.growing = 0;
            let paused = self.paused_since.map(|since| now - since);
            return (
                self,
                Change {
                    failed,
                    paused,
                    ..Change::default()
                },
            );
        };
        self.push(waiting);
        let growth = self.growth(times);
        let change = Change {
            growth,
            growing: growth.map(|_| self.growing),
            drain: growth.and_then(|growth| drain(waiting, growth)),
            failed,
            paused: self.paused_since.map(|since| now - since),
        };
        (self, change)
    }

    /// A counter of the library tells every failure; without one, failures that are kept tell at least those.
    fn failed_since(&self, queue: &Queue) -> Option<u64> {
        match (queue.failures, queue.kept_failures()) {
            (Some(_), _) => since(self.failures, queue.failures),
            (None, kept) => since(self.kept_failures, kept),
        }
    }

    fn push(&mut self, waiting: u64) {
        let grew = self.waiting.last().is_some_and(|before| waiting > *before);
        self.growing = if grew { self.growing.saturating_add(1) } else { 0 };
        self.waiting = appended(&self.waiting, waiting);
    }

    fn growth(&self, times: &[f64]) -> Option<f64> {
        let first_time = times.len().checked_sub(self.waiting.len())?;
        let seconds = times.last()? - times.get(first_time)?;
        let (first, last) = (*self.waiting.first()?, *self.waiting.last()?);
        (seconds > 0.0).then(|| (last as f64 - first as f64) / seconds)
    }
}

/// None while it grows or stands still; an empty queue is drained already.
fn drain(waiting: u64, growth: f64) -> Option<f64> {
    match waiting {
        0 => Some(0.0),
        waiting => (growth < 0.0).then(|| waiting as f64 / -growth),
    }
}

/// How much a total has risen; 0 when it began anew, none when one of the two is not known.
fn since(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    Some(after?.saturating_sub(before?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(waiting: u64) -> Queue {
        let mut queue = Queue::default();
        queue.set_depth(State::Waiting, waiting);
        queue
    }

    fn after(depths: &[u64]) -> Change {
        let mut trend = Trend::default();
        let mut last = Change::default();
        let mut times = Vec::new();
        for (run, waiting) in depths.iter().enumerate() {
            times = appended(&times, run as f64 * 10.0);
            (trend, last) = trend.step(&queue(*waiting), &times);
        }
        assert!(trend.waiting.len() <= RUNS);
        last
    }

    #[test]
    fn one_run_says_nothing_about_growth() {
        assert_eq!(after(&[7]).growth, None);
        assert_eq!(after(&[7]).growing, None);
    }

    #[test]
    fn growth_is_measured_over_the_last_runs() {
        assert_eq!(after(&[0, 20]).growth, Some(2.0));
        assert_eq!(after(&[0, 20, 30]).growing, Some(2));
        assert_eq!(after(&[0, 20, 20]).growing, Some(0));
        assert_eq!(after(&[1000; 30]).growth, Some(0.0));
    }

    #[test]
    fn a_queue_that_shrinks_has_an_end() {
        assert_eq!(after(&[100, 80]).drain, Some(40.0));
        assert_eq!(after(&[80, 100]).drain, None);
        assert_eq!(after(&[80, 80]).drain, None);
        assert_eq!(after(&[80, 0]).drain, Some(0.0));
    }

    #[test]
    fn a_counter_tells_more_about_failures_than_what_is_kept() {
        let with = |failures: Option<u64>, dead: u64| {
            let mut queue = queue(0);
            queue.failures = failures;
            queue.set_depth(State::Dead, dead);
            queue
        };
        let failed = |first: &Queue, second: &Queue| {
            Trend::default()
                .step(first, &[1.0])
                .0
                .step(second, &[1.0, 2.0])
                .1
                .failed
        };
        assert_eq!(failed(&with(Some(10), 5), &with(Some(13), 5)), Some(3));
        assert_eq!(failed(&with(None, 5), &with(None, 7)), Some(2));
        assert_eq!(failed(&with(None, 7), &with(None, 5)), Some(0), "somebody cleaned up");
        assert_eq!(Trend::default().step(&with(Some(10), 5), &[1.0]).1.failed, None);
    }

    fn at(at: f64) -> Memory {
        Memory {
            times: vec![at],
            ..Memory::default()
        }
    }

    fn found(code: &'static str, severity: &'static str) -> Found {
        Found {
            target: "queue mail".into(),
            code,
            severity,
        }
    }

    /// A run at a time, with what was found by code and severity, and whether somebody could look.
    type Looked = (f64, &'static [(&'static str, &'static str)], bool);

    /// What is said after these runs.
    fn said(runs: &[Looked]) -> Vec<(String, String, u32)> {
        let mut before: Option<Memory> = None;
        let mut last = Vec::new();
        for (time, findings, is_judged) in runs {
            let findings: Vec<Found> = findings.iter().map(|(code, severity)| found(code, severity)).collect();
            let mut after = at(*time);
            last = after.count(before.as_ref(), &findings, |_| *is_judged);
            before = Some(after);
        }
        last.into_iter()
            .map(|said| (said.code, said.severity, said.runs))
            .collect()
    }

    fn one(code: &str, severity: &str, runs: u32) -> (String, String, u32) {
        (code.to_owned(), severity.to_owned(), runs)
    }

    #[test]
    fn what_is_found_again_is_counted() {
        let growing: &[_] = &[("growing", "warning")];
        let both: &[_] = &[("growing", "warning"), ("too_old", "warning")];
        let counted = said(&[(1.0, growing, true), (2.0, both, true)]);
        assert_eq!(counted, [one("growing", "warning", 2), one("too_old", "warning", 1)]);
        let anew = said(&[
            (1.0, growing, true),
            (2.0, growing, true),
            (3.0, &[], true),
            (4.0, growing, true),
        ]);
        assert_eq!(anew, [one("growing", "warning", 1)], "it begins anew");
        let again = said(&[(1.0, growing, true), (1.0, growing, true)]);
        assert_eq!(again, [one("growing", "warning", 1)], "the same run again");
    }

    #[test]
    fn what_is_over_is_said_for_an_hour_and_only_by_who_looked() {
        let growing: &[_] = &[("growing", "warning")];
        assert_eq!(
            said(&[(1.0, growing, true), (2.0, &[], true)]),
            [one("growing", "warning", 0)]
        );
        assert_eq!(
            said(&[(1.0, growing, true), (2.0, &[], true), (3_700.0, &[], true)]),
            []
        );
        assert_eq!(said(&[(1.0, growing, true), (2.0, &[], false)]), [], "nobody can tell");
        let seen_again = said(&[(1.0, growing, true), (2.0, &[], false), (3.0, &[], true)]);
        assert_eq!(seen_again, [one("growing", "warning", 0)]);
        let forgotten = said(&[
            (1.0, growing, true),
            (2.0, &[], false),
            (90_000.0, &[], false),
            (90_001.0, &[], true),
        ]);
        assert_eq!(forgotten, [], "a day later");
    }

    #[test]
    fn what_gets_worse_is_no_longer_what_it_was() {
        let worse = said(&[
            (1.0, &[("growing", "warning")], true),
            (2.0, &[("growing", "critical")], true),
        ]);
        assert_eq!(worse, [one("growing", "critical", 2), one("growing", "warning", 0)]);
    }

    #[test]
    fn a_queue_that_came_later_is_measured_since_then() {
        let (trend, _) = Trend::default().step(&queue(0), &[1.0, 2.0, 3.0]);
        let (_, change) = trend.step(&queue(6), &[1.0, 2.0, 3.0, 5.0]);
        assert_eq!(change.growth, Some(3.0));
    }

    #[test]
    fn five_hundred_queues_fit_into_the_state() {
        let trend = Trend {
            waiting: vec![1000; RUNS],
            failures: Some(100_000),
            kept_failures: Some(1000),
            ..Trend::default()
        };
        let names = (0..500).map(|queue| format!("some-queue-{queue}"));
        let memory = Memory {
            times: vec![1_767_225_600.5; RUNS],
            known: names.clone().collect(),
            queues: names.map(|name| (name, trend.clone())).collect(),
            ..Memory::default()
        };
        let size = serde_json::to_vec(&memory).expect("is JSON").len();
        assert!(size < 64 * 1024, "{size}");
    }

    #[test]
    fn a_pause_counts_from_when_it_was_first_seen() {
        let mut paused = queue(0);
        paused.paused = Some(true);
        let (trend, change) = Trend::default().step(&paused, &[100.0]);
        assert_eq!(change.paused, Some(0.0));
        let (trend, change) = trend.step(&paused, &[100.0, 160.0]);
        assert_eq!(change.paused, Some(60.0));
        paused.paused = Some(false);
        assert_eq!(trend.step(&paused, &[100.0, 160.0, 170.0]).1.paused, None);
    }
}
