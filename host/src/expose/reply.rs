//! Answers of every shape: text, JSON, and problems in whichever the surface speaks.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;

use super::{auth::Refusal, negotiate::Coding};

/// Nothing may be loaded or embedded; the page allows itself what it needs.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// On every answer. A surface that set one of its own keeps it.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Not `no-referrer`: under it browsers send the page's own forms with `Origin: null`.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

pub(super) fn add_security_headers(headers: &mut HeaderMap) {
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
}

/// Bytes of a declared type.
pub(super) fn bytes(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut answer = Response::new(Body::from(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// The same, of a surface that compresses what it sends to those who take it.
pub(super) fn coded(status: StatusCode, kind: &'static str, body: impl Into<Bytes>, coding: Coding) -> Response {
    let mut answer = bytes(status, kind, body);
    let headers = answer.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Response {
    bytes(status, "text/plain; charset=utf-8", body.into())
}

/// The media type of [`json_text`].
pub(super) const JSON: &str = "application/json";

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    bytes(status, JSON, json_text(body))
}

pub(super) fn json_text(body: &impl Serialize) -> Bytes {
    // Our own types, with names for keys: there is nothing in them that JSON cannot say.
    let mut body = serde_json::to_vec(body).unwrap_or_default();
    body.push(b'\n');
    body.into()
}

/// The shape in which `/api/v1` answers, as Prometheus' own API does.
#[derive(Serialize)]
struct Success<'d, T> {
    status: &'static str,
    data: &'d T,
}

#[derive(Serialize)]
struct Failure<'m> {
    status: &'static str,
    #[serde(rename = "errorType")]
    kind: &'static str,
    error: &'m str,
}

pub(super) fn success(data: &impl Serialize) -> Response {
    bytes(StatusCode::OK, JSON, success_text(data))
}

pub(super) fn success_text(data: &impl Serialize) -> Bytes {
    json_text(&Success {
        status: "success",
        data,
    })
}

/// To whoever asked when the host itself failed.
pub(super) const OUR_BUG: &str = "a bug of ours; the log says more";

/// There are so many of the kind already that one more would be at the expense of other clients.
pub(super) fn try_later(seconds: u32, is_json: bool, message: &str) -> Response {
    let message = format!("{message}; try again in {seconds} seconds");
    let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, is_json, &message);
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}

/// A problem, for a program or for a person.
pub(super) fn problem(status: StatusCode, is_json: bool, message: &str) -> Response {
    if !is_json {
        return text(status, format!("{message}\n"));
    }
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "access",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::TOO_MANY_REQUESTS => "unavailable",
        status if status.is_client_error() => "bad_data",
        _ => "internal",
    };
    json(
        status,
        &Failure {
            status: "error",
            kind,
            error: message,
        },
    )
}

/// 401 asks for a token, in the way that makes browsers show a form; 403 says that another one is needed.
pub(super) fn refused(refusal: Refusal, is_json: bool) -> Response {
    let message = refusal.to_string();
    match refusal {
        Refusal::NoToken | Refusal::WrongToken => {
            let mut answer = problem(StatusCode::UNAUTHORIZED, is_json, &message);
            let headers = answer.headers_mut();
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"Bellwether: the password is the token\", charset=\"UTF-8\""),
            );
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"Bellwether\""),
            );
            answer
        }
        Refusal::Scope(_) | Refusal::ForeignHost | Refusal::CrossSite => {
            problem(StatusCode::FORBIDDEN, is_json, &message)
        }
    }
}
