//! `/heartbeat/NAME`: who may send one, and what it says.
//!
//! GET is taken as well as POST: what many programs can do is ask for an address. So that no page of another site sends one from
//! somebody's browser, both count as requests that change something.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use hyper::{Request, StatusCode, header};

use super::{Visit, claims};
use crate::{
    expose::{
        Shared,
        auth::{self, Refusal},
        events, reply,
    },
    ingest::{Keys, Refused},
};

pub(super) async fn plain(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let status = claims::of_query(request.uri().query().unwrap_or_default(), "status");
    beat(&shared, &name, status.as_deref(), request).await
}

pub(super) async fn ended(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request<Body>,
) -> Response {
    let (name, end) = path.map(|Path(both)| both).unwrap_or_default();
    beat(&shared, &name, Some(&end), request).await
}

async fn beat(shared: &Shared, name: &str, said: Option<&str>, request: Request<Body>) -> Response {
    // What it carries besides is not read.
    let (head, _body) = request.into_parts();
    let Some(visit) = head.extensions.get::<Visit>().copied() else {
        return reply::text(StatusCode::NOT_FOUND, "nothing here\n");
    };
    let directory = shared.pushes.ingest.directory();
    let door = directory.heartbeat(name);
    let authorization = head.headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(header::HeaderValue::as_bytes);
    if let Err(refusal) = decide(&visit, door.map(|door| &door.keys), authorization) {
        return denied(shared, &visit, refusal);
    }
    let Some(is_good) = is_good(said) else {
        let message =
            "what it says is not understood: /heartbeat/NAME, /heartbeat/NAME/fail, or an exit code in that place";
        return reply::problem(StatusCode::BAD_REQUEST, false, message);
    };
    if door.is_none() {
        return unknown();
    }
    match shared.pushes.ingest.beat(name, is_good).await {
        Ok(true) => reply::text(StatusCode::OK, "noted\n"),
        Ok(false) => unknown(),
        Err(refused) => too_much(shared, &visit, &refused),
    }
}

/// What was asked for is not repeated: it may be anything.
fn unknown() -> Response {
    let message = "no heartbeat of that name is configured; they are [heartbeat.NAME] in the host's configuration";
    reply::problem(StatusCode::NOT_FOUND, false, message)
}

fn denied(shared: &Shared, visit: &Visit, refusal: Refusal) -> Response {
    let notable = refusal == Refusal::WrongToken && shared.warnings.may_warn(&shared.clock);
    shared.telemetry.emit(&events::Refused {
        refusal,
        peer: visit.peer,
        notable,
    });
    reply::refused(refusal, false)
}

fn too_much(shared: &Shared, visit: &Visit, refused: &Refused) -> Response {
    shared.telemetry.emit(&events::PushRefused {
        refused,
        peer: visit.peer,
        notable: false,
    });
    let mut answer = reply::problem(StatusCode::SERVICE_UNAVAILABLE, false, &refused.to_string());
    if let Some(seconds) = refused.retry_after() {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// One with keys of its own takes one of them, or a token to push with; it is not open where nothing else asks for a token. Pure.
fn decide(visit: &Visit, keys: Option<&Keys>, authorization: Option<&[u8]>) -> Result<(), Refusal> {
    if visit.is_cross_site {
        return Err(Refusal::CrossSite);
    }
    let Some(keys) = keys.filter(|keys| !keys.is_empty()) else {
        return visit.may_push;
    };
    let presented = authorization.and_then(auth::token);
    if presented.is_some_and(|presented| keys.admit(&presented)) {
        return Ok(());
    }
    match authorization {
        _ if visit.has_tokens => visit.may_push,
        None => Err(Refusal::NoToken),
        Some(_) => Err(Refusal::WrongToken),
    }
}

/// `fail`, `ok`, the exit code of a job; nothing is good. None: it is none of these.
fn is_good(said: Option<&str>) -> Option<bool> {
    let said = said.unwrap_or("ok").to_ascii_lowercase();
    match said.as_str() {
        "ok" | "up" | "success" => Some(true),
        "fail" | "failed" | "down" | "error" => Some(false),
        code => code.parse::<u8>().ok().map(|code| code == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{expose::route::Listener, secret::Secret};

    const KEY: &str = "key-of-the-heartbeat";

    fn visit(may_push: Result<(), Refusal>, has_tokens: bool) -> Visit {
        Visit {
            listener: Listener::Whole,
            peer: "127.0.0.1:1".parse().expect("an address"),
            is_cross_site: false,
            may_push,
            has_tokens,
        }
    }

    #[test]
    fn one_with_a_key_takes_it_or_a_token_and_nothing_else() {
        let keys = Keys::new(&[Secret::new(KEY)]);
        let bearer = format!("Bearer {KEY}").into_bytes();
        let open = visit(Ok(()), false);
        assert_eq!(decide(&open, Some(&keys), Some(&bearer)), Ok(()));
        assert_eq!(
            decide(&open, Some(&keys), None),
            Err(Refusal::NoToken),
            "it is not open for that"
        );
        assert_eq!(
            decide(&open, Some(&keys), Some(b"Bearer other")),
            Err(Refusal::WrongToken)
        );
        let guarded = visit(Err(Refusal::WrongToken), true);
        assert_eq!(decide(&guarded, Some(&keys), Some(&bearer)), Ok(()));
        assert_eq!(
            decide(&guarded, Some(&keys), Some(b"Bearer other")),
            Err(Refusal::WrongToken)
        );
        let with_token = visit(Ok(()), true);
        assert_eq!(decide(&with_token, Some(&keys), Some(b"Bearer of-the-host")), Ok(()));
    }

    #[test]
    fn one_without_a_key_is_as_open_as_the_host() {
        assert_eq!(decide(&visit(Ok(()), false), None, None), Ok(()));
        let guarded = visit(Err(Refusal::NoToken), true);
        assert_eq!(decide(&guarded, Some(&Keys::default()), None), Err(Refusal::NoToken));
    }

    #[test]
    fn no_page_of_another_site_sends_one() {
        let from_a_page = Visit {
            is_cross_site: true,
            ..visit(Ok(()), false)
        };
        assert_eq!(decide(&from_a_page, None, None), Err(Refusal::CrossSite));
    }

    #[test]
    fn words_and_exit_codes_say_how_it_went() {
        for (said, expected) in [
            (None, Some(true)),
            (Some("OK"), Some(true)),
            (Some("0"), Some(true)),
            (Some("fail"), Some(false)),
            (Some("down"), Some(false)),
            (Some("137"), Some(false)),
            (Some("256"), None),
            (Some("-1"), None),
            (Some("start"), None),
        ] {
            assert_eq!(is_good(said), expected, "{said:?}");
        }
    }
}
