//! Which pages may push, and hear what became of it: headers of CORS. Only on the address that is for pushes.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use hyper::{
    HeaderMap, Request, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::{Visit, claims, envelope, visit};
use crate::{
    expose::{Shared, reply, route::Listener},
    ingest::{Directory, Refused},
};

/// What SDKs in browsers send, and what tracing adds to every request of a page.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "x-sentry-auth, x-requested-with, origin, accept, content-type, content-encoding, authentication, authorization, baggage, \
     sentry-trace, traceparent",
);

/// What SDKs read of an answer.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("x-sentry-error, x-sentry-rate-limits, retry-after");

/// For how long a browser need not ask again, in seconds: as long as the most patient of them keeps it.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The site whose page sent it.
pub(super) fn origin(headers: &HeaderMap) -> Option<&str> {
    // One that is no text matches nothing.
    headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or_default())
}

/// Whether a page may push here: never where everything else is answered too. Pure.
pub(super) fn decide(
    visit: &Visit,
    directory: &Directory,
    project: u64,
    key: Option<&str>,
    origin: &str,
) -> Result<(), Refused> {
    match visit.listener {
        Listener::Whole if visit.is_cross_site => Err(Refused::CrossSite),
        // A page of this very address: there is none that pushes, and it does no harm.
        Listener::Whole => Ok(()),
        Listener::Pushes if directory.admits_origin(project, key, origin) => Ok(()),
        Listener::Pushes => Err(Refused::Origin),
    }
}

/// Lets the page of an admitted origin read the answer.
pub(super) fn admit(headers: &mut HeaderMap, origin: &str) {
    let Ok(origin) = HeaderValue::from_str(origin) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
}

/// A browser asks before it lets a page push.
pub(super) async fn preflight(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (Some(visit), Some(project)) = (visit(&request), claims::project(request.uri().path())) else {
        return reply::text(StatusCode::NOT_FOUND, "nothing here\n");
    };
    let origin = origin(request.headers());
    let (Ok(project), Some(origin)) = (project.parse(), origin) else {
        return envelope::refused(&shared, &visit, &Refused::Origin);
    };
    let key = claims::of_query(request.uri().query().unwrap_or_default(), "sentry_key");
    let directory = shared.pushes.ingest.directory();
    let decided = match visit.listener {
        Listener::Whole => Err(Refused::CrossSite),
        Listener::Pushes => decide(&visit, &directory, project, key.as_deref(), origin),
    };
    if let Err(refused) = decided {
        return envelope::refused(&shared, &visit, &refused);
    }
    let mut answer = reply::bytes(StatusCode::OK, "text/plain; charset=utf-8", "");
    let headers = answer.headers_mut();
    admit(headers, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, OPTIONS"),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    answer
}
