//! `/health/*`: alive, ready, and how everything is. All of it from the last snapshot; nothing is probed.
//!
//! | path | 200 | 503 |
//! |---|---|---|
//! | `/health/live`, `/-/healthy` | this thread answers | never: no answer is the other answer |
//! | `/health/ready`, `/-/ready` | every check ran once or failed to load | some check still waits for its first run |
//! | `/health/detailed` | healthy or degraded | unhealthy: a required check is critical or yields no report |

use std::sync::Arc;

use axum::{Extension, extract::State, response::Response};
use hyper::StatusCode;
use serde::Serialize;

use super::{
    Shared,
    large::Made,
    negotiate::Coding,
    reply,
    route::MayRead,
    view::{self, CheckView, Overall, Standing},
};
use crate::board::Snapshot;

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

pub(super) async fn live() -> Response {
    reply::json(StatusCode::OK, &Live { status: "alive" })
}

#[derive(Serialize)]
struct Ready {
    /// `starting` until the board knows the checks, then `waiting` for their first runs, then `ready`.
    status: &'static str,
    /// How many checks have not run yet.
    waiting_count: usize,
    /// Which; only for those who may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Vec<String>>,
}

pub(super) async fn ready(State(shared): State<Arc<Shared>>, Extension(may_read): Extension<MayRead>) -> Response {
    let snapshot = shared.snapshot();
    let waiting = view::waiting(&snapshot);
    let (code, status) = match (snapshot.every_check_ran(), waiting.is_empty()) {
        (true, _) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "waiting"),
        (false, true) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
    };
    let body = Ready {
        status,
        waiting_count: waiting.len(),
        waiting: may_read.0.then_some(waiting),
    };
    reply::json(code, &body)
}

#[derive(Serialize)]
struct Detailed<'s> {
    status: &'static str,
    version: &'s str,
    environment: &'s str,
    checks: Vec<Check<'s>>,
    timestamp: String,
}

#[derive(Serialize)]
struct Check<'c> {
    name: &'c str,
    status: Standing,
    response_time_ms: Option<f64>,
    message: &'c str,
    checked_at: Option<&'c str>,
    required: bool,
}

impl<'c> From<&'c CheckView> for Check<'c> {
    fn from(check: &'c CheckView) -> Self {
        Self {
            name: &check.name,
            status: check.status,
            response_time_ms: check.response_time_ms,
            message: &check.message,
            checked_at: check.checked_at.as_deref(),
            required: check.required,
        }
    }
}

pub(super) async fn detailed(State(shared): State<Arc<Shared>>) -> Response {
    let snapshot = shared.snapshot();
    let (of_detail, seen) = (Arc::clone(&shared), Arc::clone(&snapshot));
    shared.large(&snapshot, false, move || detail(&of_detail, &seen)).await
}

fn detail(shared: &Shared, snapshot: &Snapshot) -> Made {
    let checks = view::checks(snapshot);
    let overall = view::overall(&checks);
    let status = match overall {
        Overall::Healthy | Overall::Degraded => StatusCode::OK,
        Overall::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = reply::json_text(&Detailed {
        status: overall.as_str(),
        version: &shared.version,
        environment: &shared.environment,
        checks: checks.iter().map(Check::from).collect(),
        timestamp: shared.clock.wall().to_string(),
    });
    Made {
        status,
        kind: reply::JSON,
        body,
        coding: Coding::Identity,
    }
}
