//! The JSON API: checks to read, and the two things an administrator may do.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/checks` | every check with its verdicts |
//! | `GET /api/v1/notifications` | who was told of which alerts, and what waits |
//! | `POST /api/v1/checks/NAME/run` | what a run of it yields, now; 404 for a name that is not configured, 429 when many wait for runs |
//! | `POST /-/reload` (or PUT) | what changed; 422 when the new configuration is no good and the old one goes on |
//!
//! What Prometheus answers too is in [`prometheus`], and what Alertmanager does in [`alertmanager`].
//!
//! Every answer of this file is `{"status": "success", "data": …}` or `{"status": "error", "errorType": …, "error": …}`.

mod alertmanager;
mod notifications;
mod prometheus;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;
use tokio::sync::Semaphore;

pub(super) use self::alertmanager::{ALERTS_BYTES_MAX, Alertmanager};
use self::prometheus as queries;
pub use self::prometheus::Sources;
pub(super) use self::prometheus::{FORM_BYTES_MAX, Prometheus};
use super::{
    Shared,
    auth::Need,
    large::Made,
    negotiate::{self, Coding, GZIP_BYTES_MIN},
    reply,
    route::Surface,
    view::{self, CheckView, Overall, VerdictView, milliseconds},
    worker::gzip,
};
use crate::{board::Snapshot, outcome::Outcome};

/// What a request of a foreign API needs and which of them answers; None: it is none.
pub(super) fn classify(method: &Method, path: &str) -> Option<(Need, Surface)> {
    if queries::owns(path) {
        Some((Need::Read, Surface::Query))
    } else if alertmanager::owns(path) {
        Some((alertmanager::need(method, path), Surface::Alertmanager))
    } else {
        None
    }
}

/// With the paths of foreign APIs.
pub(super) fn add_routes(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    let router = router.route("/api/v1/notifications", get(notifications::notifications));
    alertmanager::add_routes(queries::add_routes(router))
}

/// Those paths, for suggestions to those who write them wrong.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    queries::paths().chain(alertmanager::paths())
}

#[derive(Serialize)]
struct Checks {
    /// As in `/health/detailed`.
    status: Overall,
    checks: Vec<CheckView>,
    /// When the board last changed.
    updated_at: String,
}

pub(super) async fn checks(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let snapshot = shared.snapshot();
    let listed = Arc::clone(&snapshot);
    let wanted = negotiate::coding(&headers);
    shared.large(&snapshot, true, move || list(&listed, wanted)).await
}

fn list(snapshot: &Snapshot, wanted: Coding) -> Made {
    let checks = view::checks(snapshot);
    let status = view::overall(&checks);
    let body = reply::success_text(&Checks {
        status,
        checks,
        updated_at: snapshot.at.to_string(),
    });
    let (body, coding) = packed(body, wanted);
    Made {
        status: StatusCode::OK,
        kind: reply::JSON,
        body,
        coding,
    }
}

/// As the client wants it, if that is worth the while.
fn packed(body: Bytes, wanted: Coding) -> (Bytes, Coding) {
    match wanted {
        Coding::Gzip if body.len() >= GZIP_BYTES_MIN => (gzip(&body), Coding::Gzip),
        Coding::Gzip | Coding::Identity => (body, Coding::Identity),
    }
}

pub(super) async fn reload(State(shared): State<Arc<Shared>>) -> Response {
    match shared.control.reload().await {
        Ok(mut summary) => {
            for warning in &mut summary.warnings {
                *warning = shared.redactor.redact(warning).into_owned();
            }
            reply::success(&summary)
        }
        Err(message) => {
            let message = shared.redactor.redact(&message);
            reply::problem(StatusCode::UNPROCESSABLE_ENTITY, true, &message)
        }
    }
}

/// A run, as its caller sees it.
#[derive(Serialize)]
struct Ran<'o> {
    check: &'o str,
    /// A status, or why there is no report.
    outcome: &'static str,
    /// Why there is no report; absent when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    verdicts: Vec<VerdictView>,
    started_at: String,
    duration_ms: f64,
    cpu_ms: f64,
    memory_peak_bytes: u64,
}

/// Requests that wait for a run at once. Each has a connection, which is nobody else's until the run ends, and that may take
/// an hour; scrapes and probes need the others. People who press buttons are a few.
const WAITING_MAX: usize = 16;

/// When to try again, in seconds: most runs take less.
const RETRY_AFTER: u32 = 5;

/// The places of those who wait for a run.
#[derive(Debug)]
pub(super) struct Waiting(Semaphore);

impl Default for Waiting {
    fn default() -> Self {
        Self(Semaphore::new(WAITING_MAX))
    }
}

/// `name`: as it stands in the path, if that is text at all.
pub(super) async fn run(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    // No check has a name that is not text.
    let name = name.map(|Path(name)| name).unwrap_or_default();
    if let Err(unknown) = find(&shared.snapshot(), &name) {
        return reply::problem(StatusCode::NOT_FOUND, true, &unknown);
    }
    let Ok(_place) = shared.waiting.0.try_acquire() else {
        let message = format!("{WAITING_MAX} requests wait for runs already, and there may be no more at once");
        return reply::try_later(RETRY_AFTER, true, &message);
    };
    match shared.control.run_now(&name).await {
        Ok(_) if wants_page(&headers) => see_page(),
        Ok(outcome) => reply::success(&ran(&shared, &outcome)),
        Err(message) => {
            let message = shared.redactor.redact(&message);
            reply::problem(StatusCode::CONFLICT, true, &message)
        }
    }
}

fn ran<'o>(shared: &Shared, outcome: &'o Outcome) -> Ran<'o> {
    let failure = outcome.result.as_ref().err();
    let report = outcome.result.as_ref().ok();
    Ran {
        check: &outcome.check,
        outcome: outcome.word(),
        message: failure.map(|failure| shared.redactor.redact(&failure.message).into_owned()),
        verdicts: report
            .iter()
            .flat_map(|report| &report.verdicts)
            .map(VerdictView::from)
            .collect(),
        started_at: outcome.started_at.to_string(),
        duration_ms: milliseconds(outcome.usage.duration),
        cpu_ms: milliseconds(outcome.usage.cpu),
        memory_peak_bytes: outcome.usage.memory_peak_bytes,
    }
}

/// Names are alike from here on (Jaro–Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

fn find(snapshot: &Snapshot, name: &str) -> Result<(), String> {
    if snapshot.check(name).is_some() {
        return Ok(());
    }
    let alike = snapshot
        .checks
        .iter()
        .map(|check| (strsim::jaro_winkler(&check.name, name), &check.name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = alike
        .map(|(_, known)| format!("; did you mean `{known}`?"))
        .unwrap_or_default();
    // What was asked for is not repeated: it may be anything.
    Err(format!("no check of that name is configured{hint}"))
}

/// The page's button is a form: its browser is sent back to the page, which shows what came of it.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn see_page() -> Response {
    let mut answer = reply::text(StatusCode::SEE_OTHER, "see the page\n");
    answer
        .headers_mut()
        .insert(header::LOCATION, header::HeaderValue::from_static("/"));
    answer
}
