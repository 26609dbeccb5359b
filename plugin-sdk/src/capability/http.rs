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
            Error::Limit(reason) | Error::Exhausted(reason) => Self::internal(reason),
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
        Error::Limit(reason) | Error::Exhausted(reason) => format!("over a limit: {reason}"),
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
