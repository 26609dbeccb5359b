//! What Supabase means by an answer that is an error: by the header `sb-error-code`, then by `code` in the JSON body, then by
//! the status.
//!
//! Pure. The hosted platform sends the header (`guides/functions/error-codes`), the command-line tool's stack only the JSON
//! (`serve/templates/main.ts`), and a gateway in front of either sometimes only a status (`guides/functions/status-codes`,
//! `guides/platform/http-status-codes`). Nothing of the body but known codes is repeated.

use bellwether_sdk::http::Response;
use serde_json::Value;

use crate::{
    budget,
    classes::{self, Class},
    finding::Finding,
};

/// Codes, wherever they stand, and their classes.
const CODES: [(&str, &Class); 25] = [
    ("BOOT_ERROR", &classes::BOOT_ERROR),
    ("WORKER_ERROR", &classes::WORKER_ERROR),
    ("EDGE_FUNCTION_ERROR", &classes::FUNCTION_ERROR),
    ("INVALID_RESPONSE_STATUS_CODE", &classes::INVALID_RESPONSE),
    ("WORKER_LIMIT", &classes::RESOURCE_LIMIT),
    ("WORKER_RESOURCE_LIMIT", &classes::RESOURCE_LIMIT),
    ("IDLE_TIMEOUT", &classes::IDLE_TIMEOUT),
    ("NOT_FOUND", &classes::NOT_DEPLOYED),
    ("NOT_FOUND_FUNCTION_BLOB", &classes::BUNDLE_MISSING),
    ("LOAD_FUNCTION_ERROR", &classes::LOAD_FAILED),
    ("LOAD_FUNCTION_METADATA_ERROR", &classes::LOAD_FAILED),
    ("LOAD_FUNCTION_INVALID_ENTRYPOINT_PATH_ERROR", &classes::LOAD_FAILED),
    ("LOAD_FUNCTION_UNBUNDLING_ERROR", &classes::LOAD_FAILED),
    ("RATE_LIMIT_EXCEEDED", &classes::RATE_LIMITED),
    ("INVALID_URL", &classes::INVALID_URL),
    ("UNAUTHORIZED_NO_AUTH_HEADER", &classes::KEY_MISSING),
    ("UNAUTHORIZED_ASYMMETRIC_JWT", &classes::TOKEN_INVALID),
    ("UNAUTHORIZED_LEGACY_JWT", &classes::TOKEN_INVALID),
    ("UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", &classes::TOKEN_UNSUPPORTED),
    ("UNAUTHORIZED_INVALID_JWT_FORMAT", &classes::TOKEN_MALFORMED),
    // Seen in the wild with 503 and no documentation: the edge could not hand the request to a runtime.
    ("SUPABASE_EDGE_RUNTIME_ERROR", &classes::PLATFORM_UNAVAILABLE),
    // PostgREST's own (errors, group 0): no connection, no schema cache.
    ("PGRST000", &classes::DATABASE_UNREACHABLE),
    ("PGRST001", &classes::DATABASE_UNREACHABLE),
    ("PGRST002", &classes::DATABASE_UNREACHABLE),
    ("PGRST003", &classes::DATABASE_UNREACHABLE),
];

/// What the local stack says, as plain text, of a function that it does not know.
const LOCAL_NOT_FOUND: &[u8] = b"Function not found";

/// Whether Supabase's relay says that it could not reach the function, whatever the status (`functions-js`).
pub(crate) fn relay_failed(response: &Response) -> bool {
    response.header("x-relay-error") == Some("true")
}

/// What is wrong, if the platform says so. None: the function itself answered, well or not.
pub(crate) fn classify(response: &Response) -> Option<Finding> {
    if relay_failed(response) {
        return Some(said(&classes::RELAY_ERROR, response.status, "x-relay-error"));
    }
    // A status that a function chose says nothing about what the platform found, so the header counts with every one.
    let said = by_header(response);
    if said.is_some() || response.status < 400 {
        return said;
    }
    by_body(response).or_else(|| by_status(response))
}

/// An error that has a header of the platform's is never the function's own words, so an unknown code is news too.
fn by_header(response: &Response) -> Option<Finding> {
    let code = response.header("sb-error-code").filter(|code| !code.is_empty())?;
    match known(code) {
        Some((code, class)) => Some(said(class, response.status, code)),
        None if response.status >= 500 => Some(said(
            &classes::PLATFORM_UNAVAILABLE,
            response.status,
            "an unknown sb-error-code",
        )),
        None => None,
    }
}

/// A function's own body may have a `code` too: unknown ones mean nothing.
fn by_body(response: &Response) -> Option<Finding> {
    let body: Value = budget::read(&response.body).ok()?;
    let (code, class) = known(body.get("code")?.as_str()?)?;
    Some(said(class, response.status, code))
}

fn by_status(response: &Response) -> Option<Finding> {
    let status = response.status;
    let class = match status {
        401 => &classes::UNAUTHORIZED,
        402 => &classes::SERVICE_RESTRICTED,
        404 if response.body.trim_ascii() == LOCAL_NOT_FOUND => &classes::NOT_DEPLOYED,
        405 => &classes::METHOD_NOT_ALLOWED,
        429 => &classes::RATE_LIMITED,
        501 => &classes::RUNTIME_STARTING,
        503 => &classes::BOOT_ERROR,
        504 => &classes::IDLE_TIMEOUT,
        540 => &classes::PROJECT_PAUSED,
        544 => &classes::GATEWAY_TIMEOUT,
        546 => &classes::RESOURCE_LIMIT,
        // 520 to 530 are Cloudflare's, which stands in front of hosted projects.
        502 | 520..=530 => &classes::PLATFORM_UNAVAILABLE,
        500.. => &classes::FUNCTION_ERROR,
        _ => return None,
    };
    Some(said(class, status, "no code"))
}

/// The table's own spelling, so that nothing else from an answer is repeated.
fn known(code: &str) -> Option<(&'static str, &'static Class)> {
    CODES.iter().copied().find(|(known, _)| *known == code)
}

fn said(class: &'static Class, status: u16, code: &str) -> Finding {
    Finding::new(class, format!("status {status}, {code}"))
}

#[cfg(test)]
mod tests;
