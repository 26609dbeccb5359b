//! The paths: what each needs, who answers, and what to say about the others.

use std::sync::Arc;

use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use hyper::{Method, StatusCode, Uri};

use super::{Shared, api, auth::Need, health, metrics, page, push, reply};

/// To which of the host's addresses a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Where everything is answered.
    Whole,
    /// Where pushes are taken and nothing else is answered.
    Pushes,
}

/// Whether the caller may read; for surfaces that are open and say more to those who may.
#[derive(Clone, Copy, Debug)]
pub(super) struct MayRead(pub(super) bool);

/// Which part of the server answers; the `surface` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Metrics,
    Health,
    Api,
    /// What Prometheus answers too.
    Query,
    /// What Alertmanager answers too.
    Alertmanager,
    Page,
    Admin,
    Push,
    Other,
}

impl Surface {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Health => "health",
            Self::Api => "api",
            Self::Query => "query",
            Self::Alertmanager => "alertmanager",
            Self::Page => "page",
            Self::Admin => "admin",
            Self::Push => "push",
            Self::Other => "other",
        }
    }

    /// Whether its problems are JSON.
    pub(super) const fn speaks_json(self) -> bool {
        match self {
            Self::Api | Self::Query | Self::Alertmanager | Self::Admin => true,
            Self::Metrics | Self::Health | Self::Page | Self::Push | Self::Other => false,
        }
    }
}

/// Fixed paths. What is not here needs a read token, so that strangers learn nothing from 404s.
const PATHS: [(&str, Need, Surface); 11] = [
    ("/", Need::Read, Surface::Page),
    ("/favicon.svg", Need::Open, Surface::Page),
    ("/metrics", Need::Read, Surface::Metrics),
    ("/health/live", Need::Open, Surface::Health),
    ("/health/ready", Need::Open, Surface::Health),
    ("/health/detailed", Need::Read, Surface::Health),
    ("/-/healthy", Need::Open, Surface::Health),
    ("/-/ready", Need::Open, Surface::Health),
    ("/-/reload", Need::Admin, Surface::Admin),
    ("/api/v1/checks", Need::Read, Surface::Api),
    ("/api/v1/notifications", Need::Read, Surface::Api),
];

/// What a request needs and who answers it.
pub(super) fn classify(listener: Listener, method: &Method, path: &str) -> (Need, Surface) {
    match (push::classify(path), listener) {
        (Some(push), _) => push,
        // There is nothing to read, and nothing to learn from that.
        (None, Listener::Pushes) => (Need::Open, Surface::Other),
        (None, Listener::Whole) => of_whole(method, path),
    }
}

fn of_whole(method: &Method, path: &str) -> (Need, Surface) {
    if let Some((_, need, surface)) = PATHS.iter().find(|(known, _, _)| *known == path) {
        return (*need, *surface);
    }
    if let Some(foreign) = api::classify(method, path) {
        return foreign;
    }
    match path.strip_prefix("/api/") {
        Some(rest) if rest.starts_with("v1/checks/") && rest.ends_with("/run") => (Need::Admin, Surface::Admin),
        Some(_) => (Need::Read, Surface::Api),
        None => (Need::Read, Surface::Other),
    }
}

/// Of one of the addresses.
pub(super) fn routes(listener: Listener, shared: Arc<Shared>) -> Router {
    match listener {
        Listener::Whole => whole(shared),
        Listener::Pushes => push::routes(shared),
    }
}

fn whole(shared: Arc<Shared>) -> Router {
    let router = Router::new()
        .route("/", get(page::index))
        .route("/favicon.svg", get(page::favicon))
        .route("/metrics", get(metrics::metrics))
        .route("/health/live", get(health::live))
        .route("/-/healthy", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/-/ready", get(health::ready))
        .route("/health/detailed", get(health::detailed))
        .route("/-/reload", post(api::reload).put(api::reload))
        .route("/api/v1/checks", get(api::checks))
        .route("/api/v1/checks/{name}/run", post(api::run));
    push::add_routes(api::add_routes(router))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

/// Names are alike from here on (Jaro–Winkler, 0 to 1).
const ALIKE: f64 = 0.85;

async fn unknown(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let known = PATHS.iter().map(|(known, _, _)| *known).chain(api::paths());
    let alike = known
        .map(|known| (known, strsim::jaro_winkler(path, known)))
        .filter(|(_, likeness)| *likeness >= ALIKE)
        .max_by(|one, other| one.1.total_cmp(&other.1));
    let hint = match alike {
        Some((known, _)) => format!("nothing here; did you mean {known}?"),
        None => "nothing here; try /metrics, /health/detailed, /api/v1/checks or the page at /".to_owned(),
    };
    reply::problem(
        StatusCode::NOT_FOUND,
        classify(Listener::Whole, &method, path).1.speaks_json(),
        &hint,
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let (_, surface) = classify(Listener::Whole, &method, uri.path());
    let message = format!("{method} is not what this path takes; see the Allow header");
    reply::problem(StatusCode::METHOD_NOT_ALLOWED, surface.speaks_json(), &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_needs_an_administrator() {
        for (path, need, surface) in [
            ("/metrics", Need::Read, Surface::Metrics),
            ("/health/live", Need::Open, Surface::Health),
            ("/-/reload", Need::Admin, Surface::Admin),
            ("/api/v1/checks/db/run", Need::Admin, Surface::Admin),
            ("/api/v1/checks/a%2Fb/run", Need::Admin, Surface::Admin),
            ("/api/v1/nothing", Need::Read, Surface::Api),
            ("/api/v1/query", Need::Read, Surface::Query),
            ("/api/v1/label/a%2Fb/values", Need::Read, Surface::Query),
            ("/secret", Need::Read, Surface::Other),
            ("/health/live/", Need::Read, Surface::Other),
            ("//metrics", Need::Read, Surface::Other),
        ] {
            assert_eq!(classify(Listener::Whole, &Method::GET, path), (need, surface), "{path}");
        }
        for (method, path, need) in [
            (Method::GET, "/api/v2/alerts", Need::Read),
            (Method::HEAD, "/api/v2/silences", Need::Read),
            (Method::POST, "/api/v2/alerts", Need::Push),
            (Method::POST, "/api/v2/alerts/", Need::Admin),
            (Method::POST, "/api/v2/silences", Need::Admin),
            (Method::DELETE, "/api/v2/silence/x", Need::Admin),
        ] {
            let wanted = (need, Surface::Alertmanager);
            assert_eq!(classify(Listener::Whole, &method, path), wanted, "{method} {path}");
        }
    }

    #[test]
    fn where_pushes_are_taken_nothing_else_is() {
        for path in [
            "/api/1/envelope/",
            "/api/1/store/",
            "/heartbeat/etl",
            "/heartbeat/etl/fail",
        ] {
            for listener in [Listener::Whole, Listener::Pushes] {
                assert_eq!(
                    classify(listener, &Method::POST, path),
                    (Need::Open, Surface::Push),
                    "{path}"
                );
            }
        }
        for path in ["/", "/metrics", "/api/v2/alerts", "/-/reload", "/health/live"] {
            let wanted = (Need::Open, Surface::Other);
            assert_eq!(classify(Listener::Pushes, &Method::GET, path), wanted, "{path}");
        }
    }
}
