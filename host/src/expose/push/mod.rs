//! What applications push.
//!
//! | request | needs | answer |
//! |---|---|---|
//! | `POST /api/PROJECT/envelope/` | a key of a source | 200 with the id of the event, when what is new in it is on disk |
//! | `OPTIONS` of the same | an origin of a source, on `push_listen` | what pages of that origin may send |
//! | `POST /api/PROJECT/store/` | nothing | 410: what SDKs sent before 2020 |
//! | `POST`, `GET /heartbeat/NAME` | its key, or push | 200 when it is noted |
//! | `… /heartbeat/NAME/fail`, `/heartbeat/NAME/EXITCODE`, `?status=` | the same | the same, and whether what it is about has failed |
//!
//! Flows in: requests of strangers. Flows out: bodies of bounded length, with what their senders say about themselves, to `ingest`, which
//! reads them on a thread of its own; and its answers in words that Sentry's SDKs understand. Nothing is decompressed or parsed here: this
//! may be the thread that answers scrapes. Who may push is decided before a body is read.

mod beat;
mod body;
mod claims;
mod cors;
mod envelope;

use std::sync::Arc;

use axum::{
    Router,
    response::Response,
    routing::{any, get, post},
};
use hyper::{Method, Request, StatusCode, Uri};
use tokio::sync::Semaphore;

use super::{
    Shared,
    auth::{self, Auth, Claims, Need, Refusal},
    reply,
    route::{Listener, Surface},
};
use crate::ingest::IngestHandle;

/// Pushes that are received or wait for their answer at once. Each has a connection, which is nobody else's until it ends; scrapes and
/// probes need the others.
const PUSHES_MAX: usize = 64;

/// Of the server: who takes pushes, and how many there may be.
#[derive(Debug)]
pub(super) struct Pushes {
    pub(super) ingest: IngestHandle,
    places: Semaphore,
}

impl Pushes {
    pub(super) fn new(ingest: IngestHandle) -> Self {
        Self {
            ingest,
            places: Semaphore::new(PUSHES_MAX),
        }
    }
}

/// What the door knows of a push.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// By which address it came.
    listener: Listener,
    /// From where.
    peer: std::net::SocketAddr,
    /// A page of another site sent it.
    is_cross_site: bool,
    /// Whether it brought a token to push with, or needs none.
    may_push: Result<(), Refusal>,
    /// Whether there are tokens at all.
    has_tokens: bool,
}

impl Visit {
    /// A push changes something, by whatever method it comes.
    pub(super) fn new(auth: &Auth, claims: &Claims<'_>, listener: Listener, peer: std::net::SocketAddr) -> Self {
        let claims = Claims {
            changes_something: true,
            ..*claims
        };
        Self {
            listener,
            peer,
            is_cross_site: auth::is_cross_site(&claims),
            may_push: auth.decide(Need::Push, &claims),
            has_tokens: auth.has_tokens(),
        }
    }
}

/// Whether a request to this path is answered here, and what it needs: what else it takes is decided here.
pub(super) fn classify(path: &str) -> Option<(Need, Surface)> {
    let is_push = path.starts_with("/heartbeat/") || claims::project(path).is_some();
    is_push.then_some((Need::Open, Surface::Push))
}

/// With the paths of pushes.
pub(super) fn add_routes(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    let envelope = || post(envelope::post).options(cors::preflight);
    router
        .route("/api/{project}/envelope", envelope())
        .route("/api/{project}/envelope/", envelope())
        .route("/api/{project}/store", any(envelope::gone))
        .route("/api/{project}/store/", any(envelope::gone))
        .route("/heartbeat/{name}", get(beat::plain).post(beat::plain))
        .route("/heartbeat/{name}/{end}", get(beat::ended).post(beat::ended))
}

/// Of an address where nothing else is answered.
pub(super) fn routes(shared: Arc<Shared>) -> Router {
    add_routes(Router::new())
        .fallback(nothing_else)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn nothing_else() -> Response {
    let message = "nothing but pushes is taken here: /api/PROJECT/envelope/ and /heartbeat/NAME";
    reply::problem(StatusCode::NOT_FOUND, false, message)
}

async fn wrong_method(method: Method, _uri: Uri) -> Response {
    let message = format!("{method} is not what this path takes; see the Allow header");
    reply::problem(StatusCode::METHOD_NOT_ALLOWED, false, &message)
}

/// What the door knows of it; None: its path is none of a push after all.
fn visit<B>(request: &Request<B>) -> Option<Visit> {
    request.extensions().get::<Visit>().copied()
}
