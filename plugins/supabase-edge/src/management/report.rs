//! What is known by the Management API, as verdicts and metrics.
//!
//! Flows in: what is known, and which functions the settings name. Flows out: verdicts and samples. It asks nothing.

use std::collections::BTreeSet;

use bellwether_sdk::{
    Description, Report,
    metric::{Gauge, Increments, StateSet},
};

use super::{
    api::{Deployed, ServiceHealth},
    state::Known,
};
use crate::{
    classes::{self, Class},
    finding::{Finding, Outcome, verdict},
    settings::Severity,
};

/// As the OpenAPI description of `GET /v1/projects/{ref}` lists them.
const PROJECT_STATES: &[&str] = &[
    "ACTIVE_HEALTHY",
    "ACTIVE_UNHEALTHY",
    "COMING_UP",
    "GOING_DOWN",
    "INACTIVE",
    "INIT_FAILED",
    "PAUSE_FAILED",
    "PAUSING",
    "REMOVED",
    "RESIZING",
    "RESTARTING",
    "RESTORE_FAILED",
    "RESTORING",
    "UNKNOWN",
    "UPGRADING",
];

const PROJECT: StateSet<0> = StateSet::new(
    "edge_project_state",
    "State of the project, as the platform sees it.",
    [],
    "state",
    PROJECT_STATES,
);
const SERVICE_UP: Gauge<1> = Gauge::new(
    "edge_service_up",
    "1 when the platform calls the project's service healthy.",
    ["service"],
);
const SERVICE_FAILURES: Gauge<1> = Gauge::new(
    "edge_service_consecutive_failures",
    "For how many answers in a row the platform has called the service unhealthy.",
    ["service"],
);
const DEPLOYED: Gauge<1> = Gauge::new(
    "edge_function_deployed",
    "1 when the function is deployed and served; 0 when it is missing, removed or throttled.",
    ["function"],
);
const VERSION: Gauge<1> = Gauge::new(
    "edge_function_version",
    "Version of the deployed function. The platform may count it up by itself.",
    ["function"],
);
const UPDATED: Gauge<1> = Gauge::new(
    "edge_function_updated_timestamp_seconds",
    "When the function was deployed last, in Unix time.",
    ["function"],
);
const DEPLOYMENTS: Increments<1> = Increments::new(
    "edge_deployments_total",
    "Times the code of a function was seen to have changed.",
    ["function"],
);
const UP: Gauge<0> = Gauge::new(
    "edge_management_up",
    "1 when the Management API answered all questions when it was asked last.",
    [],
);
const SUCCEEDED: Gauge<0> = Gauge::new(
    "edge_management_last_success_timestamp_seconds",
    "When the Management API last answered all questions, in Unix time.",
    [],
);
const REMAINING: Gauge<0> = Gauge::new(
    "edge_management_remaining_requests",
    "Requests that the Management API says are left in its minute.",
    [],
);
const REQUESTS: Increments<0> = Increments::new(
    "edge_management_requests_total",
    "Requests to the Management API by this check.",
    [],
);

/// Words longer than this are not names of services.
const SERVICE_BYTES_MAX: usize = 40;

pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&PROJECT)
        .metric(&SERVICE_UP)
        .metric(&SERVICE_FAILURES)
        .metric(&DEPLOYED)
        .metric(&VERSION)
        .metric(&UPDATED)
        .metric(&DEPLOYMENTS)
        .metric(&UP)
        .metric(&SUCCEEDED)
        .metric(&REMAINING)
        .metric(&REQUESTS);
}

/// Questions that were asked in this run.
pub(crate) fn asked(requests: usize, changed: &[String], report: &mut Report) {
    report.increments(&REQUESTS).add([], requests);
    for function in changed {
        report.increments(&DEPLOYMENTS).add([function], 1);
    }
}

/// All that is known. `wanted` are the functions that the check calls.
pub(crate) fn known(known: &Known, wanted: &BTreeSet<&str>, severity: Severity, report: &mut Report) {
    if let Some(outcome) = known.kept.outcome() {
        verdict(report, "management", Severity::Warning, &outcome, None);
        report.gauge(&UP).set([], outcome.is_ok());
    }
    if let Some(at) = known.succeeded_at {
        report.gauge(&SUCCEEDED).set([], at);
    }
    if let Some(remaining) = known.remaining {
        report.gauge(&REMAINING).set([], remaining);
    }
    if let Some(project) = &known.project {
        let state = state(&project.value);
        report.state_set(&PROJECT).set([], state);
        verdict(report, "project", severity, &judge_project(state), None);
    }
    for service in services(known) {
        one_service(service, known, severity, report);
    }
    if known.functions.is_some() {
        functions(known.deployed(), wanted, severity, report);
    }
}

/// A word that the list does not have is `UNKNOWN`.
fn state(word: &str) -> &'static str {
    let known = PROJECT_STATES.iter().find(|state| **state == word);
    known.copied().unwrap_or("UNKNOWN")
}

fn judge_project(state: &'static str) -> Outcome {
    let class: &'static Class = match state {
        "ACTIVE_HEALTHY" => return Ok(state.to_owned()),
        "ACTIVE_UNHEALTHY" => &classes::PROJECT_UNHEALTHY,
        "INACTIVE" | "PAUSING" => &classes::PROJECT_PAUSED,
        "COMING_UP" | "GOING_DOWN" | "RESIZING" | "RESTARTING" | "RESTORING" | "UPGRADING" => {
            &classes::PROJECT_CHANGING
        }
        "INIT_FAILED" | "PAUSE_FAILED" | "REMOVED" | "RESTORE_FAILED" => &classes::PROJECT_FAILED,
        _ => &classes::PROJECT_UNKNOWN,
    };
    Err(Finding::new(class, state))
}

/// Each once, and only what has a name.
fn services(known: &Known) -> Vec<&ServiceHealth> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_name = |name: &str| (1..=SERVICE_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
    let mut seen = BTreeSet::new();
    let all = known.services.iter().flat_map(|services| &services.value);
    all.filter(|service| is_name(&service.name) && seen.insert(&service.name))
        .collect()
}

fn one_service(service: &ServiceHealth, known: &Known, severity: Severity, report: &mut Report) {
    let name = service.name.as_str();
    let outcome = match service.status.as_str() {
        "ACTIVE_HEALTHY" => Ok("ACTIVE_HEALTHY".to_owned()),
        "COMING_UP" => Err(Finding::new(&classes::SERVICE_STARTING, "COMING_UP")),
        "UNHEALTHY" => Err(Finding::new(&classes::SERVICE_UNHEALTHY, "UNHEALTHY")),
        _ => Err(Finding::new(
            &classes::PROJECT_UNKNOWN,
            "its health is in a word that is not known",
        )),
    };
    report.gauge(&SERVICE_UP).set([name], outcome.is_ok());
    let failures = known.unhealthy.get(name).copied().unwrap_or_default();
    report.gauge(&SERVICE_FAILURES).set([name], failures);
    verdict(report, &format!("service {name}"), severity, &outcome, None);
}

fn functions(deployed: &[Deployed], wanted: &BTreeSet<&str>, severity: Severity, report: &mut Report) {
    for function in deployed {
        let slug = function.slug.as_str();
        report.gauge(&DEPLOYED).set([slug], function.status == "ACTIVE");
        report.gauge(&VERSION).set([slug], function.version);
        report.gauge(&UPDATED).set([slug], function.updated_at as f64 / 1_000.0);
        report.increments(&DEPLOYMENTS).add([slug], 0);
    }
    for slug in wanted {
        let found = deployed.iter().find(|function| function.slug == *slug);
        if found.is_none() {
            report.gauge(&DEPLOYED).set([slug], 0);
        }
        verdict(
            report,
            &format!("deployment {slug}"),
            severity,
            &judge_function(found),
            None,
        );
    }
}

fn judge_function(found: Option<&Deployed>) -> Outcome {
    let Some(function) = found else {
        return Err(Finding::new(
            &classes::NOT_DEPLOYED,
            "the Management API does not list it",
        ));
    };
    match function.status.as_str() {
        "ACTIVE" => Ok(format!("version {}", function.version)),
        "THROTTLED" => Err(Finding::new(&classes::DEPLOYMENT_INACTIVE, "THROTTLED")),
        "REMOVED" => Err(Finding::new(&classes::DEPLOYMENT_INACTIVE, "REMOVED")),
        _ => Err(Finding::new(
            &classes::PROJECT_UNKNOWN,
            "its status is a word that is not known",
        )),
    }
}
