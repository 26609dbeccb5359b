//! HTTP as a prober needs it: phases, certificates, redirects. Every URL must lie under a granted connection or address.
//!
//! The host dials, verifies TLS and adds the connection's credentials, which the plugin never sees. Where a body or header
//! needs one, the plugin writes `{{secret:NAME}}`.

pub use crate::bindings::bellwether::plugin::http::{
    AddressFamily, Certificate, Error, Failure, Phase, Phases, Request, Response, Tls,
};
use crate::capability::host::http as host;

impl Request {
    /// A GET of what follows the URL of the connection bound to `slot`; "" is exactly that URL.
    pub fn get(slot: &str, path: &str) -> Self {
        Self::new("GET", Some(slot.to_owned()), path)
    }

    /// A GET of an absolute URL, which lies under an address in the settings.
    pub fn get_url(url: &str) -> Self {
        Self::new("GET", None, url)
    }

    /// A POST with a body. Connections allow it only when their `methods` say so.
    pub fn post(slot: &str, path: &str, body: Vec<u8>) -> Self {
        Self {
            body,
            ..Self::new("POST", Some(slot.to_owned()), path)
        }
    }

    fn new(method: &str, connection: Option<String>, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            connection,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: None,
            max_redirects: 0,
            max_body_bytes: None,
            fresh_connection: false,
            address_family: AddressFamily::Any,
            connect_to: None,
            options: Vec::new(),
        }
    }

    /// Adds a header. The host refuses `host`, hop-by-hop headers and those that the connection sets.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }
}

impl Response {
    /// The first header of that name, whatever its case; none when it is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

impl From<Box<Failure>> for crate::Failure {
    /// A refusal of the host is `denied`, a request that makes no sense the plugin's own fault, all else the target's.
    fn from(failure: Box<Failure>) -> Self {
        match &failure.error {
            Error::Denied(reason) => Self::denied(reason),
            Error::Invalid(reason) => Self::internal(reason),
            Error::Limit(reason) => Self::internal(reason),
            Error::Resolve(_) | Error::Connect(_) | Error::Tls(_) | Error::Timeout(_) | Error::Protocol(_) => {
                Self::target(reason(&failure.error))
            }
        }
    }
}

/// One line for a person.
pub fn reason(error: &Error) -> String {
    match error {
        Error::Denied(reason) => format!("denied: {reason}"),
        Error::Invalid(reason) => format!("invalid request: {reason}"),
        Error::Resolve(reason) => format!("cannot resolve the name: {reason}"),
        Error::Connect(reason) => format!("cannot connect: {reason}"),
        Error::Tls(reason) => format!("TLS failed: {reason}"),
        Error::Timeout(phase) => format!("no answer in time, while {}", doing(*phase)),
        // The host says what was wrong, and in which phase: no HTTP, broken chunks, a connection that was closed.
        Error::Protocol(reason) => reason.clone(),
        Error::Limit(reason) => format!("over a limit: {reason}"),
    }
}

/// How the host begins to say that the run has no more of something: seats, requests, room for bodies.
const OF_THE_RUN: [&str; 3] = [
    "waited for a free seat",
    "the bodies of this run",
    "more than 1000 requests",
];

/// Whether it is the run that has no more of something, and not the target that has too much of it: then nobody can tell how the
/// target is. The contract has one variant for both, so this goes by the host's words; of words it does not know it says false.
pub fn is_limit_of_run(error: &Error) -> bool {
    match error {
        Error::Limit(reason) => OF_THE_RUN.iter().any(|words| reason.starts_with(words)),
        _ => false,
    }
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolving the name",
        Phase::Connect => "connecting",
        Phase::Tls => "agreeing on TLS",
        Phase::Processing => "waiting for the first byte",
        Phase::Transfer => "receiving the body",
    }
}

/// One request. A status such as 500 is an answer, not a failure.
pub fn send(request: &Request) -> Result<Response, Box<Failure>> {
    host::send(request).map_err(Box::new)
}

/// All at once, within the host's limit; answers in the order of the requests.
pub fn send_all(requests: &[Request]) -> Vec<Result<Response, Box<Failure>>> {
    host::send_all(requests)
        .into_iter()
        .map(|answer| answer.map_err(Box::new))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_run_has_no_more_of_is_told_from_what_a_target_has_too_much_of() {
        let of_run = |reason: &str| is_limit_of_run(&Error::Limit(reason.to_owned()));
        assert!(of_run(
            "waited for a free seat until the run's time was up, and was not asked"
        ));
        assert!(of_run("the bodies of this run are larger than 32 MiB together"));
        assert!(of_run("more than 1000 requests in one run, redirects included"));
        assert!(!of_run("more than 5 redirects"));
        assert!(!of_run("the body is longer than 1 MiB, which is the most that is read"));
        assert!(!is_limit_of_run(&Error::Protocol("the bodies of this run".into())));
    }
}
