//! What goes in and what comes out: requests, responses, and what was learnt when there is none.

use std::{fmt, net::SocketAddr, time::Duration};

use crate::capability::{dial::Family, tls::Session};

/// A header as guests write it. Names need no case.
pub type Header = (String, Vec<u8>);

/// What a guest asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// A slot; without one `url` is absolute.
    pub slot: Option<String>,
    /// Absolute, or what follows the URL of the slot's connection.
    pub url: String,
    /// In order.
    pub headers: Vec<Header>,
    /// May be empty.
    pub body: Vec<u8>,
    /// Of all hops together; the run's deadline bounds it.
    pub timeout: Option<Duration>,
    /// Redirects to follow; with 0 they are answers like others.
    pub redirects_max: u8,
    /// Of the answer's body; bounded by [`BODY_BYTES_MAX`](super::BODY_BYTES_MAX).
    pub body_bytes_max: Option<u32>,
    /// Dial anew.
    pub fresh: bool,
    /// To dial.
    pub family: Family,
    /// Of what the name resolves to, or what the connection lists, dial this.
    pub connect_to: Option<String>,
    /// Rarer wishes by name.
    pub options: Vec<(String, String)>,
}

/// How long the parts of the last hop took. `None`: it did not happen, or had not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Looking the name up.
    pub resolve: Option<Duration>,
    /// Connecting, to the proxy and through it when there is one.
    pub connect: Option<Duration>,
    /// Shaking hands.
    pub tls: Option<Duration>,
    /// Request sent to first byte.
    pub processing: Option<Duration>,
    /// First byte to end of body.
    pub transfer: Option<Duration>,
    /// All hops included. It begins when the request has its seat: waiting for one is not the target's.
    pub total: Duration,
}

/// Part of a hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Until an address is known.
    #[default]
    Resolve,
    /// Until there is a connection.
    Connect,
    /// Until it is encrypted.
    Tls,
    /// Until the first byte of the answer.
    Processing,
    /// Until the end of its body.
    Transfer,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Processing => "waiting for the answer",
            Self::Transfer => "reading the body",
        })
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The policy says no.
    #[error("{0}")]
    Denied(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The name is not known.
    #[error("{0}")]
    Resolve(String),
    /// Nobody answered.
    #[error("{0}")]
    Connect(String),
    /// The certificate or the handshake was refused.
    #[error("{0}")]
    Tls(String),
    /// Time is up.
    #[error("timed out during {0}")]
    Timeout(Phase),
    /// What came is no HTTP, or ended too soon.
    #[error("{0}")]
    Protocol(String),
    /// A limit of one request: its answer has too much of something.
    #[error("{0}")]
    Limit(String),
    /// The run has no more of something, which says nothing about who is asked.
    #[error("{0}")]
    Exhausted(String),
}

impl Error {
    /// The word in the `outcome` label.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Invalid(_) => "invalid",
            Self::Resolve(_) => "resolve",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout(_) => "timeout",
            Self::Protocol(_) => "protocol",
            Self::Limit(_) | Self::Exhausted(_) => "limit",
        }
    }

    /// The same error in other words.
    pub(super) fn reworded(self, words: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Denied(text) => Self::Denied(words(&text)),
            Self::Invalid(text) => Self::Invalid(words(&text)),
            Self::Resolve(text) => Self::Resolve(words(&text)),
            Self::Connect(text) => Self::Connect(words(&text)),
            Self::Tls(text) => Self::Tls(words(&text)),
            Self::Timeout(phase) => Self::Timeout(phase),
            Self::Protocol(text) => Self::Protocol(words(&text)),
            Self::Limit(text) => Self::Limit(words(&text)),
            Self::Exhausted(text) => Self::Exhausted(words(&text)),
        }
    }
}

/// Version of HTTP that was spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 1.0
    Http10,
    /// 1.1
    #[default]
    Http11,
    /// 2
    Http2,
}

impl Version {
    /// `1.0`, `1.1`, `2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Of the last hop.
    pub status: u16,
    /// Spoken in the last hop.
    pub version: Version,
    /// In order; of a body that was decompressed, without `content-encoding` and `content-length`.
    pub headers: Vec<Header>,
    /// Decompressed and scrubbed.
    pub body: Vec<u8>,
    /// There was more.
    pub body_truncated: bool,
    /// Where the last redirect led; "" when the URL is a secret.
    pub url: String,
    /// How many were followed.
    pub redirects: u8,
    /// Who answered: the proxy, when there is one.
    pub remote: SocketAddr,
    /// The connection was there already.
    pub reused: bool,
    /// How long it took.
    pub phases: Phases,
    /// Of the connection, however old it is.
    pub tls: Option<Session>,
}

/// What was learnt until it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// Of the hop that failed; "" when the URL is a secret.
    pub url: String,
    /// How many were followed.
    pub redirects: u8,
    /// When there was an answer, and its body failed.
    pub status: Option<u16>,
    /// Who was asked.
    pub remote: Option<SocketAddr>,
    /// How long it took until then.
    pub phases: Phases,
    /// The certificates that were refused, or those of the connection.
    pub tls: Option<Session>,
}
