//! End-to-end checks: requests one after the other, with what one answers used by the next, and clean-up that always runs.
//!
//! Flows in: the settings of flows, what earlier runs kept. Flows out: verdicts and metrics. A flow that is not due is judged
//! by its last run.

pub(crate) mod capture;
mod report;
mod run;
pub(crate) mod template;

use std::{collections::BTreeMap, time::Duration};

use bellwether_sdk::{Description, Report};
use serde::{Deserialize, Serialize};

use self::run::Ran;
use crate::{
    classes,
    expectation::reached,
    finding::{Finding, Kept, Outcome, verdict},
    ledger::Ledger,
    memory::{is_due, keep, load},
    settings::{flow::Flow, span::Span},
};

/// Under which key of the state; the number grows with the form.
const KEY: &str = "flows/1";

pub(crate) fn describe(about: &mut Description) {
    report::describe(about);
}

/// What is kept of a flow between runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memory {
    at: Option<i64>,
    kept: Kept,
    failures: u32,
    last_success: Option<i64>,
}

/// Runs the flows that are due and reports on all.
pub(crate) fn run(flows: &BTreeMap<String, Flow>, now: i64, ledger: &mut Ledger, to: &mut Report) {
    if flows.is_empty() {
        return;
    }
    let mut kept: BTreeMap<String, Memory> = load(KEY);
    let mut memories = BTreeMap::new();
    for (name, flow) in flows {
        let mut memory = kept.remove(name).unwrap_or_default();
        let every = flow.every.map_or(0, Span::seconds);
        if !memory.kept.is_judgement() || is_due(now, memory.at, every) {
            memory = ran(name, flow, now, &memory, ledger, to);
        }
        tell(name, flow, &memory, to);
        memories.insert(name, memory);
    }
    keep(KEY, &memories);
}

fn ran(name: &str, flow: &Flow, now: i64, before: &Memory, ledger: &mut Ledger, to: &mut Report) -> Memory {
    let steps = run::run(flow, now, ledger);
    let took = steps.iter().filter_map(|step| step.took).sum();
    let outcome = judge(flow, &steps, took);
    report::ran(name, &steps, took, &outcome, to);
    let passed = report::passed(&outcome);
    Memory {
        at: Some(now),
        kept: Kept::new(&outcome, Some(took)),
        failures: if passed == Some(false) {
            before.failures.saturating_add(1)
        } else {
            0
        },
        last_success: if passed == Some(true) {
            Some(now)
        } else {
            before.last_success
        },
    }
}

fn tell(name: &str, flow: &Flow, memory: &Memory, to: &mut Report) {
    let Some(outcome) = memory.kept.outcome() else { return };
    report::known(name, &outcome, memory.failures, memory.last_success, to);
    verdict(
        to,
        &format!("flow {name}"),
        flow.severity,
        &outcome,
        memory.kept.latency(),
    );
}

/// The first failure counts; clean-up only when all else went well.
fn judge(flow: &Flow, steps: &[Ran<'_>], took: Duration) -> Outcome {
    let failed = |always: bool| {
        steps
            .iter()
            .find(|step| step.always == always && step.problem.is_some())
    };
    if let Some(step) = failed(false) {
        return Err(failure(flow, step));
    }
    if let Some(step) = failed(true) {
        let why = step.problem.as_ref().map_or("", |problem| &problem.summary);
        return Err(Finding::new(
            &classes::CLEANUP_FAILED,
            format!("step `{}`: {why}", step.name),
        ));
    }
    let seconds = took.as_secs_f64();
    match reached(flow.latency_seconds, seconds) {
        None => Ok(format!("passed in {seconds:.3} s, steps run: {}", steps.len())),
        Some((weight, limit)) => {
            let summary = format!("passed, but took {seconds:.2} s, at or above {limit} s");
            Err(Finding::new(&classes::SLOW, summary).weighing(weight))
        }
    }
}

/// A request that the host would not send, or an answer that nobody looked into, says nothing about what is checked.
fn failure(flow: &Flow, step: &Ran<'_>) -> Finding {
    let Some(problem) = &step.problem else {
        return Finding::new(&classes::FLOW_FAILED, format!("step `{}`", step.name));
    };
    let unjudged = [
        classes::NOT_GRANTED.code,
        classes::REQUEST_REFUSED.code,
        classes::OVER_LIMIT.code,
        classes::NOT_JUDGED.code,
    ];
    let class = if unjudged.contains(&problem.class.code) {
        &classes::FLOW_UNJUDGED
    } else {
        &classes::FLOW_FAILED
    };
    let number = flow
        .steps
        .iter()
        .position(|each| each.name == step.name)
        .map_or(0, |at| at + 1);
    let (count, code) = (flow.steps.len(), problem.class.code.name());
    Finding::new(
        class,
        format!("step {number} of {count}, `{}`: {code}, {}", step.name, problem.summary),
    )
}
