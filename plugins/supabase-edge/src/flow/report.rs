//! Metrics of end-to-end checks.

use std::time::Duration;

use bellwether_sdk::{
    Description, Report,
    metric::{Gauge, Increments, Observations},
};

use super::run::Ran;
use crate::{
    classes::{self, Matter},
    finding::Outcome,
};

const UP: Gauge<1> = Gauge::new(
    "edge_flow_up",
    "1 when the end-to-end check passed when it ran last; absent while nobody can tell.",
    ["flow"],
);
const FAILURES: Gauge<1> = Gauge::new(
    "edge_flow_consecutive_failures",
    "For how many runs in a row the end-to-end check has failed.",
    ["flow"],
);
const RUNS: Increments<2> = Increments::new(
    "edge_flow_runs_total",
    "Runs of the end-to-end check, by verdict code; `ok` when it passed.",
    ["flow", "code"],
);
const LAST_SUCCESS: Gauge<1> = Gauge::new(
    "edge_flow_last_success_timestamp_seconds",
    "When the end-to-end check passed last, in Unix time.",
    ["flow"],
);
const DURATION: Observations<1> = Observations::new(
    "edge_flow_duration_seconds",
    "How long all steps that ran took together.",
    ["flow"],
    &[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0],
);
const STEP_UP: Gauge<2> = Gauge::new(
    "edge_flow_step_up",
    "1 when the step was as expected, in runs that ran it.",
    ["flow", "step"],
);
const STEP_DURATION: Gauge<2> = Gauge::new(
    "edge_flow_step_duration_seconds",
    "How long the step took, in runs that ran it.",
    ["flow", "step"],
);

pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&UP)
        .metric(&FAILURES)
        .metric(&RUNS)
        .metric(&LAST_SUCCESS)
        .metric(&DURATION)
        .metric(&STEP_UP)
        .metric(&STEP_DURATION);
}

/// Whether a flow's outcome means that the thing works; none while nobody can tell.
pub(crate) fn passed(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Ok(_) => Some(true),
        Err(finding) if finding.class.matter == Matter::Quality => Some(true),
        Err(finding) if finding.class.code == classes::CLEANUP_FAILED.code => Some(true),
        Err(finding) if finding.class.matter == Matter::Monitor => None,
        Err(_) => Some(false),
    }
}

/// A flow that ran.
pub(crate) fn ran(flow: &str, steps: &[Ran<'_>], took: Duration, outcome: &Outcome, report: &mut Report) {
    let code = outcome.as_ref().err().map_or("ok", |finding| finding.class.code.name());
    report.increments(&RUNS).add([flow, code], 1);
    report.observations(&DURATION).observe([flow], took);
    for step in steps {
        report.gauge(&STEP_UP).set([flow, step.name], step.problem.is_none());
        if let Some(took) = step.took {
            report.gauge(&STEP_DURATION).set([flow, step.name], took);
        }
    }
}

/// What is known of a flow in every run.
pub(crate) fn known(flow: &str, outcome: &Outcome, failures: u32, last_success: Option<i64>, report: &mut Report) {
    if let Some(passed) = passed(outcome) {
        report.gauge(&UP).set([flow], passed);
    }
    report.gauge(&FAILURES).set([flow], failures);
    if let Some(at) = last_success {
        report.gauge(&LAST_SUCCESS).set([flow], at);
    }
}
