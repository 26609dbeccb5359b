//! `POST /api/PROJECT/envelope/`: from a request to an envelope for `ingest`, and back.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use hyper::{
    HeaderMap, Request, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;

use super::{Visit, body, claims, cors, visit};
use crate::{
    expose::{Shared, events, reply, route::Listener},
    ingest::{Accepted, Packing, PushedEnvelope, Refused},
};

const SENTRY_ERROR: HeaderName = HeaderName::from_static("x-sentry-error");
const RATE_LIMITS: HeaderName = HeaderName::from_static("x-sentry-rate-limits");

/// As Sentry answers.
#[derive(Serialize)]
struct Taken<'i> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'i str>,
}

/// As Sentry answers.
#[derive(Serialize)]
struct Problem<'m> {
    detail: &'m str,
}

pub(super) async fn post(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (Some(visit), Some(project)) = (visit(&request), claims::project(request.uri().path())) else {
        return reply::text(StatusCode::NOT_FOUND, "nothing here\n");
    };
    let Ok(project) = project.parse::<u64>() else {
        return refused(&shared, &visit, &Refused::UnknownProject(u64::MAX));
    };
    let origin = cors::origin(request.headers()).map(str::to_owned);
    let key = claims::key(request.headers(), request.uri().query());
    let directory = shared.pushes.ingest.directory();
    let is_admitted = |origin: &&String| {
        visit.listener == Listener::Pushes && directory.admits_origin(project, key.as_deref(), origin)
    };
    let admitted = origin.as_ref().filter(is_admitted).cloned();
    let mut answer = match take(&shared, &visit, project, key, origin, request).await {
        Ok(accepted) => taken(&accepted),
        Err(reason) => refused(&shared, &visit, &reason),
    };
    if let Some(origin) = admitted {
        cors::admit(answer.headers_mut(), &origin);
    }
    answer
}

/// What SDKs sent before 2020.
pub(super) async fn gone(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    match visit(&request) {
        Some(visit) => refused(&shared, &visit, &Refused::Gone),
        None => reply::text(StatusCode::NOT_FOUND, "nothing here\n"),
    }
}

/// Everything that can be refused without the body is refused before it is read.
async fn take(
    shared: &Shared,
    visit: &Visit,
    project: u64,
    key: Option<String>,
    origin: Option<String>,
    request: Request<Body>,
) -> Result<Accepted, Refused> {
    let pushes = &shared.pushes;
    let directory = pushes.ingest.directory();
    if let Some(origin) = &origin {
        cors::decide(visit, &directory, project, key.as_deref(), origin)?;
    }
    let door = match &key {
        Some(key) => Some(Arc::clone(directory.source(project, key)?)),
        None if directory.has_project(project) => None,
        None => return Err(Refused::UnknownProject(project)),
    };
    let turned_away = |refused: Refused| {
        door.iter().for_each(|door| door.step.turn_away(&refused));
        refused
    };
    let paused = door.as_ref().and_then(|door| door.step.paused(shared.clock.wall()));
    if let Some(left) = paused {
        return Err(turned_away(Refused::TooFast(left)));
    }
    let packing = packing(request.headers()).map_err(turned_away)?;
    let Ok(_place) = pushes.places.try_acquire() else {
        return Err(turned_away(Refused::Busy));
    };
    let (body, room) = body::read(request.into_body(), pushes.ingest.bodies())
        .await
        .map_err(turned_away)?;
    let pushed = PushedEnvelope {
        project,
        key,
        // A page of this very address was looked at above.
        origin: origin.filter(|_| visit.listener == Listener::Pushes),
        packing,
        body,
        room,
    };
    pushes.ingest.envelope(pushed).await
}

fn packing(headers: &HeaderMap) -> Result<Packing, Refused> {
    let Some(said) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(Packing::NONE);
    };
    said.to_str().ok().and_then(Packing::of).ok_or(Refused::Packing)
}

fn taken(accepted: &Accepted) -> Response {
    let id = accepted.event_id.as_deref();
    let mut answer = reply::json(StatusCode::OK, &Taken { id });
    if let Some(limits) = accepted
        .rate_limits
        .as_deref()
        .and_then(|limits| HeaderValue::from_str(limits).ok())
    {
        answer.headers_mut().insert(RATE_LIMITS, limits);
    }
    answer
}

/// In words for people, and in headers for SDKs. Counted, and said when somebody tries keys.
pub(super) fn refused(shared: &Shared, visit: &Visit, refused: &Refused) -> Response {
    let is_telling = matches!(refused, Refused::WrongKey | Refused::UnknownProject(_));
    let notable = is_telling && shared.warnings.may_warn(&shared.clock);
    shared.telemetry.emit(&events::PushRefused {
        refused,
        peer: visit.peer,
        notable,
    });
    let message = refused.to_string();
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = reply::json(status, &Problem { detail: &message });
    let headers = answer.headers_mut();
    let texts = [(SENTRY_ERROR, Some(message)), (RATE_LIMITS, refused.rate_limits())];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(name, value);
        }
    }
    if let Some(seconds) = refused.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}
