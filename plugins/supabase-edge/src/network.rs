//! Requests that got no answer, as findings; and how long an answer took.
//!
//! Pure. Flows in: what the host says of a failure, or its phases. Flows out: a class and the host's reason.

use std::time::Duration;

use bellwether_sdk::http::{self, Error, Failure, Phases, Response};

use crate::{
    classes::{self, Class},
    finding::Finding,
};

/// What became of one request.
pub(crate) type Answer = Result<Response, Box<Failure>>;

/// Why there is no answer.
pub(crate) fn finding(failure: &Failure) -> Finding {
    let class = match &failure.error {
        Error::Resolve(_) => &classes::NAME_UNRESOLVED,
        Error::Connect(_) => &classes::UNREACHABLE,
        Error::Tls(_) => &classes::TLS_FAILED,
        Error::Timeout(_) => &classes::TIMED_OUT,
        Error::Protocol(_) => &classes::NOT_HTTP,
        Error::Denied(_) => &classes::NOT_GRANTED,
        Error::Invalid(_) => &classes::REQUEST_REFUSED,
        Error::Exhausted(_) => &classes::OVER_LIMIT,
        Error::Limit(_) => without_end(failure),
    };
    Finding::new(class, one_line(&http::reason(&failure.error)))
}

/// Whose fault it is that a limit was reached: bodies and heads without end are the target's, what is reached before there is
/// anybody to ask, or by redirects, is a matter of the run.
fn without_end(failure: &Failure) -> &'static Class {
    match failure.status {
        Some(300..=399) => &classes::OVER_LIMIT,
        Some(_) => &classes::BODY_TOO_LARGE,
        None if failure.remote_address.is_some() => &classes::NOT_HTTP,
        None => &classes::OVER_LIMIT,
    }
}

/// Whether the host refused to send it for want of a grant.
pub(crate) fn is_denied(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_err_and(|failure| matches!(failure.error, Error::Denied(_)))
}

/// The host's reasons may quote others, and a verdict is one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a caller would have felt. Waiting for a permit of the host is not the target's doing, so it is left out where the
/// phases are known.
pub(crate) fn latency(phases: &Phases) -> Duration {
    let steps = [
        phases.resolve_ns,
        phases.connect_ns,
        phases.tls_ns,
        phases.processing_ns,
        phases.transfer_ns,
    ];
    let known = steps.iter().flatten().sum();
    Duration::from_nanos(if phases.processing_ns.is_some() {
        known
    } else {
        phases.total_ns
    })
}

/// The phases that happened, by name.
pub(crate) fn named(phases: &Phases) -> impl Iterator<Item = (&'static str, Duration)> {
    let steps = [
        ("resolve", phases.resolve_ns),
        ("connect", phases.connect_ns),
        ("tls", phases.tls_ns),
        ("processing", phases.processing_ns),
        ("transfer", phases.transfer_ns),
    ];
    steps
        .into_iter()
        .filter_map(|(name, nanoseconds)| Some((name, Duration::from_nanos(nanoseconds?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: Phases = Phases {
        resolve_ns: None,
        connect_ns: Some(2),
        tls_ns: None,
        processing_ns: Some(30),
        transfer_ns: Some(4),
        total_ns: 1_000,
    };

    #[test]
    fn waiting_for_the_host_is_not_the_targets_latency() {
        assert_eq!(latency(&PHASES), Duration::from_nanos(36));
        let unknown = Phases {
            processing_ns: None,
            ..PHASES
        };
        assert_eq!(latency(&unknown), Duration::from_nanos(1_000));
    }

    #[test]
    fn only_phases_that_happened_are_named() {
        let names: Vec<_> = named(&PHASES).map(|(name, _)| name).collect();
        assert_eq!(names, ["connect", "processing", "transfer"]);
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(one_line("bad certificate:\n  expired"), "bad certificate: expired");
    }
}
