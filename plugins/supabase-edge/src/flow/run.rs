//! One run of an end-to-end check: step after step, and the clean-up whatever happened.
//!
//! Flows in: the settings of a flow, and the time that is left. Flows out: what became of each step. It judges steps, not the
//! flow.

use std::time::Duration;

use bellwether_sdk::{
    context,
    http::{Request, Response},
};
use serde_json::Value;

use super::{
    capture,
    template::{Encoding, Known, RUN, fill, fill_json},
};
use crate::{
    classes, expectation,
    finding::Finding,
    ledger::{DEFAULT, Ledger},
    network::{self, Answer},
    platform,
    request::{milliseconds, with_headers},
    settings::flow::{Flow, Step},
};

/// A request that cannot be answered within so little time is not worth sending.
const TIME_LEAST: Duration = Duration::from_millis(50);

/// What lies below the functions' address is judged as the platform's word has it.
const FUNCTIONS: &str = "functions/v1/";

/// What became of a step.
#[derive(Debug)]
pub(crate) struct Ran<'s> {
    pub(crate) name: &'s str,
    pub(crate) always: bool,
    pub(crate) took: Option<Duration>,
    pub(crate) problem: Option<Finding>,
}

/// Runs the steps that are to run; those that were skipped are not in the result.
pub(crate) fn run<'s>(flow: &'s Flow, now: i64, ledger: &mut Ledger) -> Vec<Ran<'s>> {
    let mut known = Known::from([(RUN.to_owned(), Value::from(now))]);
    let mut ran: Vec<Ran<'s>> = Vec::new();
    for (index, step) in flow.steps.iter().enumerate() {
        let has_failed = ran.iter().any(|step| !step.always && step.problem.is_some());
        let is_possible = step.needs().iter().all(|name| known.contains_key(name));
        let goes_on = !has_failed || (step.always && is_possible);
        if !goes_on {
            continue;
        }
        let reserve = reserve(&flow.steps[index + 1..], step.always);
        ran.push(one(step, reserve, &mut known, ledger));
    }
    ran
}

/// What clean-up steps still to come may take, at most half of what is left: test data that stays is worse than a check that
/// is cut short.
fn reserve(later: &[Step], is_cleaning: bool) -> Duration {
    if is_cleaning {
        return Duration::ZERO;
    }
    let cleaning = later.iter().filter(|step| step.always);
    let wanted: Duration = cleaning.map(|step| step.timeout().duration()).sum();
    wanted.min(context::remaining() / 2)
}

fn one<'s>(step: &'s Step, reserve: Duration, known: &mut Known, ledger: &mut Ledger) -> Ran<'s> {
    let time = step
        .timeout()
        .duration()
        .min(context::remaining().saturating_sub(reserve));
    let (took, problem) = match ask(step, time, known, ledger) {
        Err(finding) => (None, Some(finding)),
        Ok(answer) => {
            let took = answer.as_ref().ok().map(|response| network::latency(&response.phases));
            (took, judge(step, &answer, known).err())
        }
    };
    Ran {
        name: &step.name,
        always: step.always,
        took,
        problem,
    }
}

fn ask(step: &Step, time: Duration, known: &Known, ledger: &mut Ledger) -> Result<Answer, Finding> {
    if time < TIME_LEAST {
        let summary = "no time is left in this run: raise the check's `timeout`";
        return Err(Finding::new(&classes::TIMED_OUT, summary));
    }
    let request = request(step, time, known)
        .map_err(|name| Finding::new(&classes::ASSERTION_FAILED, format!("`{name}` was not captured")))?;
    let mut answers = ledger.send(&[request]);
    answers
        .pop()
        .ok_or_else(|| Finding::new(&classes::REQUEST_REFUSED, "the host gave no answer"))
}

/// Err: a name that is not known.
fn request(step: &Step, time: Duration, known: &Known) -> Result<Request, String> {
    let path = fill(step.path.trim_start_matches('/'), known, Encoding::Percent)?;
    let filled = |(name, value): (&String, &String)| Ok((name.clone(), fill(value, known, Encoding::Plain)?));
    let headers = step.headers.iter().map(filled).collect::<Result<_, String>>()?;
    let body = match (&step.body, &step.json) {
        (Some(text), _) => fill(text, known, Encoding::Plain)?.into_bytes(),
        (None, Some(json)) => fill_json(json, known)?.to_string().into_bytes(),
        (None, None) => Vec::new(),
    };
    let request = Request {
        method: step.method.as_str().to_owned(),
        body,
        timeout_ms: Some(milliseconds(time)),
        max_body_bytes: step.expect.body_bytes,
        ..Request::get(DEFAULT, &path)
    };
    Ok(with_headers(request, &headers, step.json.is_some()))
}

/// Whether the answer is as expected; what later steps need of it is then known.
fn judge(step: &Step, answer: &Answer, known: &mut Known) -> Result<(), Finding> {
    let response = answer.as_ref().map_err(|failure| network::finding(failure))?;
    served(step, response)?;
    expectation::check(&step.expect, response)?;
    for (name, source) in &step.capture {
        let value =
            capture::take(source, response).map_err(|problem| Finding::new(&classes::ASSERTION_FAILED, problem))?;
        known.insert(name.clone(), value);
    }
    // A step is slow only where the settings say from when on.
    let levels = step.expect.latency_seconds.unwrap_or_default();
    match expectation::slow(levels, network::latency(&response.phases)) {
        Some(slow) if slow.is_critical() => Err(slow),
        _ => Ok(()),
    }
}

fn served(step: &Step, response: &Response) -> Result<(), Finding> {
    let (expect, status) = (&step.expect, response.status);
    let is_function = step.path.trim_start_matches('/').starts_with(FUNCTIONS);
    let said = platform::classify(response).filter(|_| is_function);
    let usual = expect.status.is_empty() && (200..300).contains(&status) && said.is_none();
    if (expect.names(status) || usual) && !platform::relay_failed(response) {
        return Ok(());
    }
    Err(said.unwrap_or_else(|| Finding::new(&classes::UNEXPECTED_STATUS, format!("status {status} is not expected"))))
}
