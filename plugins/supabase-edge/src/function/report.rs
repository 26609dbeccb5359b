//! Metrics of functions, and how outcomes become samples.

use std::time::Duration;

use bellwether_sdk::{
    Description, Report,
    http::Response,
    metric::{Gauge, Increments, Info, Observations, StateSet},
};

use super::{
    memory::{ColdStart, Memory},
    probe::{Probe, served_region},
};
use crate::{classes::Matter, finding::Outcome, network};

const UP: Gauge<3> = Gauge::new(
    "edge_function_up",
    "1 when the function works, late or not; absent while nobody can tell.",
    ["function", "operation", "region"],
);
const STATE: StateSet<3> = StateSet::new(
    "edge_function_state",
    "How the function is, and whose matter that is.",
    ["function", "operation", "region"],
    "state",
    &["ok", "degraded", "down", "platform", "misconfigured"],
);
const CONSECUTIVE: Gauge<4> = Gauge::new(
    "edge_function_consecutive_runs",
    "For how many calls in a row the condition has held.",
    ["function", "operation", "region", "condition"],
);
const RECENT_ERRORS: Gauge<3> = Gauge::new(
    "edge_function_recent_error_ratio",
    "Share of the latest 64 calls that went wrong by the function, the network or the platform; absent before 20 calls.",
    ["function", "operation", "region"],
);
const LAST_DURATION: Gauge<3> = Gauge::new(
    "edge_last_duration_seconds",
    "How long the latest call took.",
    ["function", "operation", "region"],
);
const STATUS: Gauge<3> = Gauge::new(
    "edge_response_status",
    "HTTP status of the latest answer; absent when there was none.",
    ["function", "operation", "region"],
);
const REQUESTS: Increments<3> = Increments::new(
    "edge_requests_total",
    "Calls of the function by this check.",
    ["function", "operation", "region"],
);
const ERRORS: Increments<5> = Increments::new(
    "edge_errors_total",
    "Calls that went wrong, by verdict code and whose matter it is.",
    ["function", "operation", "region", "code", "matter"],
);
/// Around the two and five seconds from which answers are slow, and down to what a warm worker needs.
const DURATION: Observations<3> = Observations::new(
    "edge_request_duration_seconds",
    "How long answered calls took.",
    ["function", "operation", "region"],
    &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0],
);
const PHASE: Gauge<4> = Gauge::new(
    "edge_phase_seconds",
    "Phases of the call, in runs that called: resolve, connect, tls, processing, transfer.",
    ["function", "operation", "region", "phase"],
);
const BYTES: Gauge<3> = Gauge::new(
    "edge_response_bytes",
    "Size of the body as far as it was read, in runs that called.",
    ["function", "operation", "region"],
);
const SERVED: Info<4> = Info::new(
    "edge_served_region_info",
    "Where the function ran, as it says.",
    ["function", "operation", "region", "served_region"],
);
const WORKERS: Increments<3> = Increments::new(
    "edge_new_workers_total",
    "Calls answered by another worker than the call before, where workers name themselves.",
    ["function", "operation", "region"],
);
const COLD: Gauge<3> = Gauge::new(
    "edge_cold_start_seconds",
    "First of two calls in a row, at the latest measurement.",
    ["function", "operation", "region"],
);
const WARM: Gauge<3> = Gauge::new(
    "edge_warm_start_seconds",
    "Second of two calls in a row, at the latest measurement.",
    ["function", "operation", "region"],
);
const COLD_AT: Gauge<3> = Gauge::new(
    "edge_cold_start_timestamp_seconds",
    "When the two calls were made, in Unix time.",
    ["function", "operation", "region"],
);

pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&UP)
        .metric(&STATE)
        .metric(&CONSECUTIVE)
        .metric(&RECENT_ERRORS)
        .metric(&LAST_DURATION)
        .metric(&STATUS)
        .metric(&REQUESTS)
        .metric(&ERRORS)
        .metric(&DURATION)
        .metric(&PHASE)
        .metric(&BYTES)
        .metric(&SERVED)
        .metric(&WORKERS)
        .metric(&COLD)
        .metric(&WARM)
        .metric(&COLD_AT);
}

/// What is known in every run, also in those that do not call.
pub(crate) fn known(probe: &Probe<'_>, memory: &Memory, outcome: &Outcome, report: &mut Report) {
    let labels = probe.labels();
    let (state, up) = state(outcome);
    report.state_set(&STATE).set(labels, state);
    if let Some(up) = up {
        report.gauge(&UP).set(labels, up);
    }
    let [function, operation, region] = labels;
    for (condition, runs) in memory.streaks.named() {
        report
            .gauge(&CONSECUTIVE)
            .set([function, operation, region, condition], runs);
    }
    if let Some(ratio) = memory.recent.error_ratio() {
        report.gauge(&RECENT_ERRORS).set(labels, ratio);
    }
    if let Some(latency) = memory.kept.latency() {
        report.gauge(&LAST_DURATION).set(labels, latency);
    }
    if let Some(status) = memory.status {
        report.gauge(&STATUS).set(labels, status);
    }
    if let Some(cold) = &memory.cold {
        cold_start(labels, cold, report);
    }
}

fn state(outcome: &Outcome) -> (&'static str, Option<bool>) {
    match outcome.as_ref().err().map(|finding| finding.class.matter) {
        None => ("ok", Some(true)),
        Some(Matter::Quality) => ("degraded", Some(true)),
        Some(Matter::Function | Matter::Network) => ("down", Some(false)),
        Some(Matter::Platform) => ("platform", Some(false)),
        Some(Matter::Monitor) => ("misconfigured", None),
    }
}

fn cold_start(labels: [&str; 3], cold: &ColdStart, report: &mut Report) {
    report.gauge(&COLD).set(labels, cold.first_seconds);
    report.gauge(&WARM).set(labels, cold.second_seconds);
    report.gauge(&COLD_AT).set(labels, cold.at);
}

/// A call, whatever became of it.
pub(crate) fn called(probe: &Probe<'_>, outcome: &Outcome, report: &mut Report) {
    let labels = probe.labels();
    report.increments(&REQUESTS).add(labels, 1);
    let Err(finding) = outcome else { return };
    if finding.class.matter == Matter::Quality {
        return;
    }
    let [function, operation, region] = labels;
    let (code, matter) = (finding.class.code.name(), finding.class.matter.as_str());
    report
        .increments(&ERRORS)
        .add([function, operation, region, code, matter], 1);
}

/// A call that was answered.
pub(crate) fn answered(probe: &Probe<'_>, response: &Response, report: &mut Report) -> Duration {
    let labels = probe.labels();
    let [function, operation, region] = labels;
    let took = network::latency(&response.phases);
    report.observations(&DURATION).observe(labels, took);
    for (phase, took) in network::named(&response.phases) {
        report.gauge(&PHASE).set([function, operation, region, phase], took);
    }
    report.gauge(&BYTES).set(labels, response.body.len());
    if let Some(served) = served_region(response) {
        report.info(&SERVED).set([function, operation, region, served]);
    }
    took
}

/// Another worker answered than before, or `0` when the same did.
pub(crate) fn worker(probe: &Probe<'_>, is_new: bool, report: &mut Report) {
    report.increments(&WORKERS).add(probe.labels(), u32::from(is_new));
}
