//! What `expose` has to say. Peers and paths go to the log; labels come from closed sets.

use std::{borrow::Cow, net::SocketAddr};

use super::{auth::Refusal, connection::CloseReason, route::Surface, tls::TlsError};
use crate::{
    ingest,
    telemetry::{Count, Event, Fields, Level},
};

const MODULE: &str = "expose";

/// A request was answered.
pub(super) struct Answered {
    pub(super) surface: Surface,
    pub(super) code: u16,
}

impl Event for Answered {
    fn level(&self) -> Level {
        Level::Trace
    }
    fn message(&self) -> Cow<'_, str> {
        "request answered".into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields.data("surface", self.surface.as_str()).data("code", self.code);
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_http_requests_total",
            help: "HTTP requests answered, by what was asked for and status code.",
            labels: vec![
                ("surface", self.surface.as_str().to_owned()),
                ("code", self.code.to_string()),
            ],
            by: 1,
        })
    }
}

/// A request was refused for want of access.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) peer: SocketAddr,
    /// Whether to bother a person: a wrong token, and not one of a flood.
    pub(super) notable: bool,
}

impl Event for Refused {
    fn level(&self) -> Level {
        if self.notable { Level::Warn } else { Level::Debug }
    }
    fn message(&self) -> Cow<'_, str> {
        format!("refused a request from {}: {}", self.peer.ip(), self.refusal).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields
            .data("reason", self.refusal.as_str())
            .data("peer", self.peer.to_string());
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_http_refused_total",
            help: "HTTP requests refused for want of access, by reason.",
            labels: vec![("reason", self.refusal.as_str().to_owned())],
            by: 1,
        })
    }
}

/// A push was not taken.
pub(super) struct PushRefused<'r> {
    pub(super) refused: &'r ingest::Refused,
    pub(super) peer: SocketAddr,
    /// Whether to bother a person: somebody tries keys, and not one of a flood.
    pub(super) notable: bool,
}

impl Event for PushRefused<'_> {
    fn level(&self) -> Level {
        if self.notable { Level::Warn } else { Level::Debug }
    }
    fn message(&self) -> Cow<'_, str> {
        format!("refused a push from {}: {}", self.peer.ip(), self.refused).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields
            .data("reason", self.refused.as_str())
            .data("peer", self.peer.to_string());
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_pushes_refused_total",
            help: "Pushes that were not taken, by reason.",
            labels: vec![("reason", self.refused.as_str().to_owned())],
            by: 1,
        })
    }
}

/// We closed a connection that its client did not.
pub(super) struct Closed {
    pub(super) reason: CloseReason,
    pub(super) peer: SocketAddr,
}

impl Event for Closed {
    fn level(&self) -> Level {
        Level::Debug
    }
    fn message(&self) -> Cow<'_, str> {
        format!("closed a connection: {}", self.reason.as_str()).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields
            .data("reason", self.reason.as_str())
            .data("peer", self.peer.to_string());
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_http_connections_closed_total",
            help: "HTTP connections closed by the host, by reason.",
            labels: vec![("reason", self.reason.as_str().to_owned())],
            by: 1,
        })
    }
}

/// Every connection is in use: a newcomer takes the place of one that waits for its client, or waits itself.
pub(super) struct Full {
    pub(super) limit: usize,
    /// Whether to bother a person: not one of a flood.
    pub(super) notable: bool,
}

impl Event for Full {
    fn level(&self) -> Level {
        if self.notable { Level::Warn } else { Level::Debug }
    }
    fn message(&self) -> Cow<'_, str> {
        format!(
            "all {} HTTP connections are in use; new clients take the place of those that are slow or idle",
            self.limit
        )
        .into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_http_connections_full_total",
            help: "HTTP clients that came while every connection was in use.",
            labels: vec![],
            by: 1,
        })
    }
}

/// The system gave us no connection.
pub(super) struct AcceptFailed {
    pub(super) error: std::io::Error,
    /// Not said a moment ago: without a free file descriptor this happens several times a second.
    pub(super) notable: bool,
}

impl Event for AcceptFailed {
    fn level(&self) -> Level {
        if self.notable { Level::Warn } else { Level::Debug }
    }
    fn message(&self) -> Cow<'_, str> {
        format!("cannot accept a connection: {}", self.error).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_http_accept_failures_total",
            help: "Connections that the system did not hand over.",
            labels: vec![],
            by: 1,
        })
    }
}

/// New connections get a new certificate.
pub(super) struct CertificateReplaced {
    pub(super) path: String,
}

impl Event for CertificateReplaced {
    fn level(&self) -> Level {
        Level::Info
    }
    fn message(&self) -> Cow<'_, str> {
        format!("new certificate from {}", self.path).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn count(&self) -> Option<Count> {
        Some(reload(true))
    }
}

/// A changed certificate is no good.
pub(super) struct CertificateRefused {
    pub(super) error: TlsError,
}

impl Event for CertificateRefused {
    fn level(&self) -> Level {
        Level::Error
    }
    fn message(&self) -> Cow<'_, str> {
        format!(
            "the certificate changed and cannot be used, the old one stays: {}",
            self.error
        )
        .into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn count(&self) -> Option<Count> {
        Some(reload(false))
    }
}

fn reload(ok: bool) -> Count {
    Count {
        name: "bellwether_certificate_reloads_total",
        help: "Times the HTTP certificate changed on disk, by whether the new one could be used.",
        labels: vec![("result", if ok { "ok" } else { "refused" }.to_owned())],
        by: 1,
    }
}

/// A handler panicked; its client got a 500.
pub(super) struct Panicked {
    pub(super) panic: crate::supervisor::Panic,
}

impl Event for Panicked {
    fn level(&self) -> Level {
        Level::Error
    }
    fn message(&self) -> Cow<'_, str> {
        format!("{}; please report this", self.panic).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_http_panics_total",
            help: "Requests whose handling panicked.",
            labels: vec![],
            by: 1,
        })
    }
}

/// A request about history or rules came to an end.
pub(super) struct Queried {
    pub(super) endpoint: &'static str,
    /// `ok`, `busy`, or what kind of failure it was.
    pub(super) outcome: &'static str,
    pub(super) took: std::time::Duration,
    /// The expression, or its beginning.
    pub(super) text: String,
}

impl Event for Queried {
    fn level(&self) -> Level {
        Level::Debug
    }
    fn message(&self) -> Cow<'_, str> {
        format!(
            "{} took {:.1} ms: {}",
            self.endpoint,
            self.took.as_secs_f64() * 1e3,
            self.outcome
        )
        .into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields.data("endpoint", self.endpoint).data("outcome", self.outcome);
        if !self.text.is_empty() {
            fields.data("query", self.text.as_str());
        }
    }
    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_query_requests_total",
            help: "Requests about history and rules, by what was asked for and how it ended.",
            labels: vec![
                ("endpoint", self.endpoint.to_owned()),
                ("outcome", self.outcome.to_owned()),
            ],
            by: 1,
        })
    }
}
