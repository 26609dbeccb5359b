//! Answers that did not come, in words and codes that name the phase. Pure.

use bellwether_sdk::{
    Code, Status,
    http::{Error, Phase, reason},
};

use crate::{
    certificate::out_of_time,
    judge::Finding,
    observation::Observation,
    verdict::{
        BODY_TOO_LONG, CERTIFICATE_EXPIRED, CONNECT, DENIED, INVALID, LIMIT, NOT_ASKED, PROTOCOL, RESOLVE, TIMEOUT, TLS,
    },
};

/// What came of it instead. `failed` is how bad the target's own failures are; what the configuration has wrong says
/// nothing about the target.
pub(crate) fn finding(error: &Error, seen: &Observation, failed: Status, now: i64) -> Finding {
    let status = match error {
        Error::Denied(_) | Error::Invalid(_) => Status::Unknown,
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
        why.push_str("; where a part of it is enough, set `expect.whole_body = false`");
    }
    Finding::new(status, code, prefixed(seen, &why))
}

/// What the run or the host has no more of, before there was anybody to ask, says nothing about the target.
fn was_asked(seen: &Observation) -> bool {
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
        Error::Limit(_) if !was_asked(seen) => &NOT_ASKED,
        // The host measures the transfer of a body that it stopped reading, and of no other that failed.
        Error::Limit(_) if seen.phases.transfer_ns.is_some() => &BODY_TOO_LONG,
        Error::Limit(_) => &LIMIT,
    }
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
