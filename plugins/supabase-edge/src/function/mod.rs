//! Calls of functions: which are due, what came of them, and what is reported of those that are not.
//!
//! Flows in: probes, what earlier runs kept, answers. Flows out: requests, then verdicts and metrics, and what to keep. It
//! chooses no functions: settings and discovery do.

mod cold;
mod memory;
mod probe;
mod report;

use std::{collections::BTreeMap, time::Duration};

use bellwether_sdk::{Description, Failure, Report, http::Request};

pub(crate) use self::probe::Probe;
use self::{
    cold::Pair,
    memory::{KEY, Memory},
    probe::worker,
};
use crate::{
    alias,
    classes::Matter,
    finding::{Kept, Outcome, verdict},
    ledger::Ledger,
    memory::{is_due, keep, load},
    network::{self, Answer},
    settings::span::Span,
};

pub(crate) fn describe(about: &mut Description) {
    report::describe(about);
}

/// The calls of a run.
#[derive(Debug)]
pub(crate) struct Calls<'s> {
    now: i64,
    calls: Vec<Call<'s>>,
}

#[derive(Debug)]
struct Call<'s> {
    probe: Probe<'s>,
    memory: Memory,
    is_due: bool,
    /// Of the first of two calls in a row, when cold starts are due.
    first: Option<Pair>,
}

impl<'s> Calls<'s> {
    pub(crate) fn plan(probes: Vec<Probe<'s>>, now: i64) -> Self {
        let mut kept: BTreeMap<String, Memory> = load(KEY);
        let call = |probe: Probe<'s>| Call::plan(kept.remove(&probe.key()).unwrap_or_default(), probe, now);
        let calls = probes.into_iter().map(call).collect();
        Self { now, calls }
    }

    /// Of the calls that are due.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let due = self.calls.iter().filter(|call| call.is_due);
        due.map(|call| call.probe.request()).collect()
    }

    /// Takes in the answers to the requests, the shortest first: where one run has not the time for all, long ones take none from others.
    pub(crate) fn take_in(&mut self, answers: &[Answer], report: &mut Report) {
        let due = self.calls.iter_mut().filter(|call| call.is_due);
        let mut answered: Vec<_> = due.zip(answers).collect();
        answered.sort_by_key(|(_, answer)| answer.as_ref().map_or(0, |response| response.body.len()));
        for (call, answer) in answered {
            call.take_in(answer, self.now, report);
        }
    }

    /// Calls once more where cold starts are due.
    pub(crate) fn measure_cold_starts(&mut self, ledger: &mut Ledger, report: &mut Report) {
        let twice: Vec<_> = self.calls.iter_mut().filter(|call| call.first.is_some()).collect();
        let requests: Vec<_> = twice.iter().map(|call| call.probe.request()).collect();
        let answers = ledger.send(&requests);
        for (call, answer) in twice.into_iter().zip(&answers) {
            call.take_in_second(answer, self.now, report);
        }
    }

    /// Verdicts and gauges of all, called in this run or not.
    pub(crate) fn report(&self, report: &mut Report) {
        for call in &self.calls {
            call.report(report);
        }
    }

    /// `edge_NAME_duration_ms`.
    pub(crate) fn report_aliases(&self, report: &mut Report) -> Result<(), Failure> {
        let mut took: BTreeMap<&str, Vec<(Option<&str>, Duration)>> = BTreeMap::new();
        for call in &self.calls {
            if let Some(latency) = call.memory.kept.latency() {
                took.entry(call.probe.operation)
                    .or_default()
                    .push((call.probe.region, latency));
            }
        }
        took.iter()
            .try_for_each(|(name, took)| alias::report(name, took, report))
    }

    /// Keeps what was seen; of functions that are gone, nothing.
    pub(crate) fn keep(self) {
        let memories = self.calls.into_iter().map(|call| (call.probe.key(), call.memory));
        keep(KEY, &memories.collect::<BTreeMap<_, _>>());
    }
}

impl<'s> Call<'s> {
    fn plan(memory: Memory, probe: Probe<'s>, now: i64) -> Self {
        let every = probe.function.every.map_or(0, Span::seconds);
        Self {
            is_due: !memory.kept.is_judgement() || is_due(now, memory.at, every),
            probe,
            memory,
            first: None,
        }
    }

    fn take_in(&mut self, answer: &Answer, now: i64, to: &mut Report) {
        let outcome = self.probe.judge(answer);
        report::called(&self.probe, &outcome, to);
        let latency = answer
            .as_ref()
            .ok()
            .map(|response| report::answered(&self.probe, response, to));
        let was_running = self.note_worker(answer, to);
        self.memory.at = Some(now);
        self.memory.status = answer.as_ref().ok().map(|response| response.status);
        self.memory.streaks = self.memory.streaks.after(&outcome);
        self.memory.recent = self.memory.recent.after(&outcome);
        self.memory.kept = Kept::new(&outcome, latency);
        if self.wants_pair(&outcome, now) {
            self.first = latency.map(|first| Pair {
                first,
                second: Duration::ZERO,
                was_running,
            });
        }
    }

    /// Whether the worker had answered before; none when it does not name itself.
    fn note_worker(&mut self, answer: &Answer, to: &mut Report) -> Option<bool> {
        let worker = answer.as_ref().ok().and_then(worker)?;
        let was_running = self.memory.worker == worker;
        report::worker(&self.probe, !was_running, to);
        worker.clone_into(&mut self.memory.worker);
        Some(was_running)
    }

    /// Only of a function that works: two failures in a row say nothing about its start.
    fn wants_pair(&self, outcome: &Outcome, now: i64) -> bool {
        let works = outcome
            .as_ref()
            .map_or_else(|finding| finding.class.matter == Matter::Quality, |_| true);
        let Some(cold) = &self.probe.function.cold else {
            return false;
        };
        works && is_due(now, self.memory.cold_at, cold.every().seconds())
    }

    fn take_in_second(&mut self, answer: &Answer, now: i64, to: &mut Report) {
        let (Some(pair), Some(settings)) = (self.first, &self.probe.function.cold) else {
            return;
        };
        report::called(&self.probe, &self.probe.judge(answer), to);
        let Ok(response) = answer else { return };
        let second = network::latency(&response.phases);
        let measured = cold::measured(settings, Pair { second, ..pair }, now);
        self.note_worker(answer, to);
        self.memory.cold_at = Some(now);
        self.memory.cold = measured.or(self.memory.cold.take());
    }

    fn report(&self, to: &mut Report) {
        let memory = &self.memory;
        let Some(outcome) = memory.kept.outcome() else { return };
        let severity = self.probe.function.severity;
        report::known(&self.probe, memory, &outcome, to);
        verdict(to, &self.probe.target(), severity, &outcome, memory.kept.latency());
        let (Some(_), Some(cold)) = (&self.probe.function.cold, &memory.cold) else {
            return;
        };
        if let Some(outcome) = cold.kept.outcome() {
            let target = format!("cold start of {}", self.probe.target());
            verdict(to, &target, severity, &outcome, cold.kept.latency());
        }
    }
}
