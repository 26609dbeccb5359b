//! Alertmanager's HTTP API over dispatch, for `amtool`, Grafana, and every Prometheus that sends its alerts here.
//!
//! | request | needs | answer |
//! |---|---|---|
//! | `GET /api/v2/status` | read | version, when the host started, and as much of its configuration as Alertmanager's can say |
//! | `GET /api/v2/receivers` | read | names of receivers |
//! | `GET /api/v2/alerts` | read | alerts that fire; `filter`, `active`, `silenced`, `inhibited`, `receiver` |
//! | `POST /api/v2/alerts` | push | takes alerts, and answers 200 when they are on disk, or the disk fails |
//! | `GET /api/v2/alerts/groups` | read | the same alerts by group and receiver |
//! | `GET /api/v2/silences` | read | silences; `filter` |
//! | `POST /api/v2/silences` | admin | sets or changes a silence; its id |
//! | `GET`, `DELETE /api/v2/silence/ID` | read, admin | one silence; ends it |
//!
//! Flows in: JSON of strangers, of bounded length, and parameters. Flows out: alerts and silences for dispatch, and what dispatch shows.
//! A problem is a JSON text, as Alertmanager writes it. It decides nothing about who hears of what.

mod incoming;
#[cfg(test)]
mod tests;
mod view;
mod wanted;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, RawQuery, Request, State, rejection::PathRejection},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use hyper::{Method, StatusCode, body::Body as _};
use serde::Serialize;

use self::{incoming::Refused, view::Host, wanted::Wanted};
use super::super::{Shared, auth::Need, large::Made, negotiate::Coding, reply};
use crate::{
    clock::Timestamp,
    dispatch::{DispatchHandle, Overview, Stopped, posted::PostError, silence::SilenceError},
};

/// Bytes of one post of alerts. A Prometheus sends 64 at once, and each may take 64 KiB here, twice that where every character of it
/// is escaped.
pub(in crate::expose) const ALERTS_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Bytes of one silence as JSON: what dispatch keeps, with every character escaped.
const SILENCE_BYTES_MAX: u64 = 64 * 1024;

/// How long a client may take to send its body.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// A body up to this size is read on the thread that answers: that takes less than a millisecond.
const SMALL_BODY: usize = 64 * 1024;

/// As many alerts or silences are listed on the thread that answers; each takes about half a KiB.
const SMALL_LIST: usize = 500;

/// Refused alerts that are told one by one; the others are counted.
const REFUSED_TOLD: usize = 10;

/// The paths, for suggestions to those who write them wrong.
const PATHS: [&str; 5] = [
    "/api/v2/status",
    "/api/v2/receivers",
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v2/silences",
];

/// Of the server: who knows everything, and since when.
#[derive(Debug)]
pub(in crate::expose) struct Alertmanager {
    pub(in crate::expose) dispatch: DispatchHandle,
    pub(in crate::expose) started: Timestamp,
}

/// See [`PATHS`].
pub(in crate::expose) fn paths() -> impl Iterator<Item = &'static str> {
    PATHS.into_iter()
}

/// Whether a request to this path is answered here.
pub(in crate::expose) fn owns(path: &str) -> bool {
    path.starts_with("/api/v2/")
}

/// What a request needs: whoever pushes may post alerts, and silences are an administrator's.
pub(in crate::expose) fn need(method: &Method, path: &str) -> Need {
    if method.is_safe() {
        Need::Read
    } else if path == "/api/v2/alerts" {
        Need::Push
    } else {
        Need::Admin
    }
}

/// With all of them.
pub(in crate::expose) fn add_routes(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    router
        .route("/api/v2/status", get(status))
        .route("/api/v2/receivers", get(receivers))
        .route("/api/v2/alerts", get(alerts).post(post_alerts))
        .route("/api/v2/alerts/groups", get(groups))
        .route("/api/v2/silences", get(silences).post(post_silence))
        .route("/api/v2/silence/{id}", get(silence).delete(expire))
}

/// A problem, as Alertmanager says it.
struct Problem(StatusCode, String);

impl From<Problem> for Response {
    fn from(Problem(status, message): Problem) -> Self {
        reply::json(status, &message)
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self(StatusCode::BAD_REQUEST, refused.to_string())
    }
}

fn answer(made: Result<Response, Problem>) -> Response {
    made.unwrap_or_else(Response::from)
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    answer(shared.overview().await.map(|overview| {
        let host = Host {
            version: &shared.version,
            started: shared.alertmanager.started,
        };
        reply::json(StatusCode::OK, &view::status(&overview, &host))
    }))
}

async fn receivers(State(shared): State<Arc<Shared>>) -> Response {
    let overview = shared.overview().await;
    answer(overview.map(|overview| reply::json(StatusCode::OK, &view::receivers(&overview.receivers))))
}

async fn alerts(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    answer(
        shared
            .listed(query, |overview, wanted| list(&view::alerts(overview, wanted)))
            .await,
    )
}

async fn groups(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    answer(
        shared
            .listed(query, |overview, wanted| list(&view::groups(overview, wanted)))
            .await,
    )
}

async fn silences(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    answer(
        shared
            .listed(query, |overview, wanted| list(&view::silences(overview, wanted)))
            .await,
    )
}

fn list(items: &[impl Serialize]) -> Made {
    Made {
        status: StatusCode::OK,
        kind: reply::JSON,
        body: reply::json_text(&items),
        coding: Coding::Identity,
    }
}

/// `id`: as it stands in the path, if that is text at all.
type Id = Result<Path<String>, PathRejection>;

async fn silence(State(shared): State<Arc<Shared>>, id: Id) -> Response {
    // No silence has a name that is not text.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    answer(shared.overview().await.and_then(|overview| {
        let found = overview.silences.iter().find(|silence| *silence.id == *id);
        let found = found.ok_or_else(|| of_silence(&SilenceError::Unknown(id.into())))?;
        Ok(reply::json(StatusCode::OK, &view::silence(found, overview.at)))
    }))
}

async fn expire(State(shared): State<Arc<Shared>>, id: Id) -> Response {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let ended = shared.alertmanager.dispatch.expire_silence(&id).await;
    let ended = ended.map_err(Problem::from);
    answer(ended.and_then(|ended| ended.map(|()| done()).map_err(|error| of_silence(&error))))
}

/// What Alertmanager answers where there is nothing to say.
fn done() -> Response {
    reply::bytes(StatusCode::OK, reply::JSON, Bytes::new())
}

fn of_silence(error: &SilenceError) -> Problem {
    let status = match error {
        SilenceError::Unknown(_) => StatusCode::NOT_FOUND,
        // Not our fault, but what Alertmanager's clients know.
        SilenceError::Over(_) => StatusCode::INTERNAL_SERVER_ERROR,
        SilenceError::Backwards
        | SilenceError::Past
        | SilenceError::Everything
        | SilenceError::TooMany
        | SilenceError::TooLarge(_) => StatusCode::BAD_REQUEST,
    };
    Problem(status, error.to_string())
}

async fn post_silence(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(shared.set_silence(request).await)
}

async fn post_alerts(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(shared.take_alerts(request).await)
}

impl Shared {
    async fn overview(&self) -> Result<Arc<Overview>, Problem> {
        Ok(self.alertmanager.dispatch.overview().await?)
    }

    /// A list of what is wanted, made here or where it delays no scrape.
    async fn listed(
        &self,
        query: Option<String>,
        make: impl FnOnce(&Overview, &Wanted) -> Made + Send + 'static,
    ) -> Result<Response, Problem> {
        let wanted = Wanted::of(&query.unwrap_or_default())?;
        let overview = self.overview().await?;
        let is_large = overview.alerts.len() + overview.silences.len() > SMALL_LIST;
        Ok(self.large_if(is_large, true, move || make(&overview, &wanted)).await)
    }

    async fn set_silence(&self, request: Request) -> Result<Response, Problem> {
        #[derive(Serialize)]
        struct Set<'i> {
            #[serde(rename = "silenceID")]
            id: &'i str,
        }
        let body = body(request, SILENCE_BYTES_MAX).await?;
        let new = incoming::silence(&body)?;
        let set = self.alertmanager.dispatch.silence(new).await?;
        let id = set.map_err(|error| of_silence(&error))?;
        Ok(reply::json(StatusCode::OK, &Set { id: &id }))
    }

    async fn take_alerts(&self, request: Request) -> Result<Response, Problem> {
        let body = body(request, ALERTS_BYTES_MAX).await?;
        let read = if body.len() <= SMALL_BODY {
            incoming::alerts(&body)
        } else {
            let read = self.large.work(move || incoming::alerts(&body)).await;
            read.map_err(|_| busy())?
        };
        let alerts = read?;
        let refused = self.alertmanager.dispatch.post(alerts).await?;
        if refused.is_empty() {
            return Ok(done());
        }
        Err(of_post(&refused))
    }
}

fn busy() -> Problem {
    let message = "there is too much to do already; post again soon";
    Problem(StatusCode::SERVICE_UNAVAILABLE, message.to_owned())
}

/// Those that were taken stay: as Alertmanager does.
fn of_post(refused: &[(usize, PostError)]) -> Problem {
    let told = refused.iter().take(REFUSED_TOLD);
    let mut told: Vec<String> = told.map(|(at, error)| format!("alert {at}: {error}")).collect();
    if refused.len() > REFUSED_TOLD {
        told.push(format!("and {} more", refused.len() - REFUSED_TOLD));
    }
    let is_full = refused.iter().any(|(_, error)| matches!(error, PostError::Full(_)));
    let status = if is_full {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::BAD_REQUEST
    };
    Problem(status, told.join("; "))
}

async fn body(request: Request, most: u64) -> Result<Bytes, Problem> {
    let body: Body = request.into_body();
    let too_large = || {
        let message = format!("the body is too large; at most {most} bytes are read");
        Problem(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    if body.size_hint().lower() > most {
        return Err(too_large());
    }
    let read = to_bytes(body, usize::try_from(most).unwrap_or(usize::MAX));
    match tokio::time::timeout(BODY_PATIENCE, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Too much of unknown length, or a client that left, which reads no answer.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time".to_owned(),
        )),
    }
}
