//! Answers that did not come, in words and codes that name the phase. Pure.

use bellwether_sdk::{
    Code, Status,
    http::{Error, Phase, reason},
};

use crate::{
    certificate::out_of_time,
    judge::Finding,
    observation::Observation,
    request::needs_whole_body,
    target::Target,
    verdict::{
        BODY_TOO_LONG, CERTIFICATE_EXPIRED, CONNECT, DENIED, INVALID, LIMIT, NOT_ASKED, PROTOCOL, RESOLVE, TIMEOUT, TLS,
    },
};

/// What came of it instead. `failed` is how bad the target's own failures are; what the configuration has wrong says
/// nothing about the target.
pub(crate) fn finding(error: &Error, target: &Target, seen: &Observation, failed: Status, now: i64) -> Finding {
    let status = match error {
        Error::Denied(_) | Error::Invalid(_) | Error::Exhausted(_) => Status::Unknown,
        Error::Limit(_) if !was_asked(seen) => Status::Unknown,
        Error::Resolve(_)
        | Error::Connect(_)
        | Error::Tls(_)
        | Error::Timeout(_)
        | Error::Protocol(_)
        | Error::Limit(_) => failed,
    };
    let expired = expired(error, seen, now);
    let code = if expired.is_some() {
        &CERTIFICATE_EXPIRED
    } else {
        code(error, seen)
    };
    let mut why = expired.unwrap_or_else(|| reason(error));
    if *code == BODY_TOO_LONG {
        why.push_str(&too_long(target));
    }
    Finding::new(status, code, prefixed(seen, &why))
}

/// What can be done about it: a part is not enough for what only the whole shows.
fn too_long(target: &Target) -> String {
    if target.expect.whole_body == Some(false) {
        return "; lower `request.body_bytes`, so that less of it is read".to_owned();
    }
    match needs_whole_body(target) {
        None => "; where a part of it is enough, set `expect.whole_body = false`, and `request.body_bytes` to how much"
            .to_owned(),
        Some(key) => format!(
            "; `expect.{key}` cannot be judged by a part: ask for something shorter, or drop it and set \
             `expect.whole_body = false`"
        ),
    }
}

/// What the run or the host has no more of, before there was anybody to ask, says nothing about the target.
pub(crate) fn was_asked(seen: &Observation) -> bool {
    seen.remote.is_some() || seen.redirects > 0 || seen.phases().next().is_some()
}

fn code(error: &Error, seen: &Observation) -> &'static Code {
    match error {
        Error::Denied(_) => &DENIED,
        Error::Invalid(_) => &INVALID,
        Error::Resolve(_) => &RESOLVE,
        Error::Connect(_) => &CONNECT,
        Error::Tls(_) => &TLS,
        Error::Timeout(_) => &TIMEOUT,
        Error::Protocol(_) => &PROTOCOL,
        Error::Limit(_) | Error::Exhausted(_) if !was_asked(seen) => &NOT_ASKED,
        Error::Limit(_) if stopped_in_body(seen) => &BODY_TOO_LONG,
        Error::Limit(_) | Error::Exhausted(_) => &LIMIT,
    }
}

/// The status is known from when the body begins, and of a redirect that is one too many, whose body nobody reads.
fn stopped_in_body(seen: &Observation) -> bool {
    seen.status.is_some_and(|status| !(300..400).contains(&status))
}

/// Libraries of TLS word it each in their own way, and none says since when.
fn expired(error: &Error, seen: &Observation, now: i64) -> Option<String> {
    let Error::Tls(_) = error else {
        return None;
    };
    let chain = &seen.tls.as_ref()?.chain;
    let words = chain.iter().find_map(|certificate| out_of_time(certificate, now))?;
    Some(format!("TLS failed: {words}"))
}

/// How far it had come.
fn prefixed(seen: &Observation, why: &str) -> String {
    match (seen.status, seen.redirects) {
        (Some(status), _) => format!("answered {status}, but then: {why}"),
        (None, 1..) => format!("redirected to {}, where: {why}", without_query(&seen.url)),
        (None, 0) => why.to_owned(),
    }
}

/// Queries hold tokens.
pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// The word for a phase in `details`.
pub(crate) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolve",
        Phase::Connect => "connect",
        Phase::Tls => "tls",
        Phase::Processing => "processing",
        Phase::Transfer => "transfer",
    }
}
