//! Reaching a database server: where it is, a stream to it, TLS over that, and connections kept for the next run.
//!
//! Shared by `redis` and `postgres`, which speak their protocols over what they are handed here. Flows in: a place, a
//! deadline and a connection's policy. Flows out: a stream and a name for it that people may read. Resolving, the address
//! policy and TLS itself are `dial`'s and `tls`'s.

pub(super) mod doing;
pub mod shelf;

use std::{borrow::Cow, fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};

use self::doing::{Doing, Step};
use super::{
    dial::{DialError, DialFailure, Dialer, Family, Goal},
    tls::{HandshakeError, Trust},
};
use crate::{
    clock::{Clock, Instant},
    config::{Connection, TlsOptions},
    secret::Redactor,
    telemetry::Telemetry,
};

/// What a client of a database uses of the host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tools {
    /// For latencies.
    pub clock: Clock,
    /// Connects.
    pub dialer: Dialer,
    /// Whom to trust.
    pub trust: Trust,
    /// Blanks secrets in what servers say.
    pub redactor: Redactor,
    /// Where warnings go.
    pub telemetry: Telemetry,
}

/// Bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Stream for S {}

/// A stream of whatever kind.
pub(super) type Line = Box<dyn Stream>;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A name or an address, IPv6 without brackets.
    Tcp { host: String, port: u16 },
    /// A socket of this machine.
    Unix(PathBuf),
}

impl Place {
    /// Of the host and port of a URL.
    pub(super) fn tcp(url: &url::Url, default_port: u16) -> Option<Self> {
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        Some(Self::Tcp {
            host: bare.unwrap_or(host).to_owned(),
            port: url.port().unwrap_or(default_port),
        })
    }

    /// The host as a certificate would name it; `None` for a socket of this machine.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }

    /// Whether nobody can listen in between.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host == "localhost"
                    || host
                        .parse()
                        .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
        }
    }
}

/// Part of a URL with its escapes undone; `None` when that is no text.
pub(super) fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(Into::into)
}

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// By the address policy.
    Denied(String),
    /// By the network, or in the TLS handshake.
    Connect(String),
    /// The deadline passed. Whoever counts the time says in which step.
    Timeout,
}

/// In words of what was tried, since nobody puts any before them.
impl From<DialError> for Unreachable {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Refused(_) | DialError::OtherPort { .. } | DialError::OtherAddress { .. } => {
                Self::Denied(error.to_string())
            }
            DialError::Timeout(_) => Self::Timeout,
            DialError::Resolve { .. } => Self::Connect(format!("cannot look up {error}")),
            DialError::NoAddress { .. } => Self::Connect(error.to_string()),
            DialError::Connect { .. } | DialError::Unix { .. } => Self::Connect(format!("cannot connect to {error}")),
        }
    }
}

impl Tools {
    /// Connects to `place`; also the address that answered.
    pub(super) async fn dial(
        &self,
        place: &Place,
        connection: &Connection,
        deadline: Instant,
        doing: &Doing,
    ) -> Result<(Line, String), Unreachable> {
        doing.begin(Step::Connecting(place.clone(), None));
        let (host, port) = match place {
            Place::Tcp { host, port } => (host, *port),
            Place::Unix(path) => {
                let (stream, _) = self.dialer.dial_unix(path, deadline).await?;
                return Ok((Box::new(stream), path.display().to_string()));
            }
        };
        let goal = Goal {
            host,
            port,
            addresses: &connection.addresses,
            family: Family::Any,
            connect_to: None,
            deadline,
        };
        doing.begin(Step::Resolving(host.clone()));
        let chosen = self.dialer.choose(goal).await.map_err(|failure| failure.error)?;
        doing.begin(Step::Connecting(place.clone(), None));
        match self.dialer.connect(&chosen, goal).await {
            Ok(dialled) => Ok((Box::new(dialled.stream), dialled.remote.to_string())),
            Err(DialFailure { error, remote, .. }) => {
                doing.begin(Step::Connecting(place.clone(), remote));
                Err(error.into())
            }
        }
    }

    /// Encrypts `line`, which leads to `address`, as a client of `host`.
    pub(super) async fn encrypt(
        &self,
        line: Line,
        (host, address): (&str, &str),
        options: &TlsOptions,
        deadline: Instant,
    ) -> Result<Line, Unreachable> {
        let client = self
            .trust
            .client(options)
            .map_err(|error| Unreachable::Connect(error.to_string()))?;
        match client.handshake(host, &[], line, deadline).await {
            Ok((stream, _)) => Ok(Box::new(stream)),
            Err(failure) => Err(match failure.error {
                HandshakeError::Timeout => Unreachable::Timeout,
                HandshakeError::Refused(why) => {
                    Unreachable::Connect(format!("TLS with {host} at {address} failed: {why}"))
                }
            }),
        }
    }

    /// What a server said, without secrets: also without the connection's own, however short it is.
    pub(super) fn scrubbed(&self, text: &str, connection: &Connection) -> String {
        self.clean(text, connection).into_owned()
    }

    /// The same for bytes that may be text in part; `None` when there is no secret in them.
    pub(super) fn scrubbed_bytes(&self, bytes: &[u8], connection: &Connection) -> Option<Vec<u8>> {
        let mut clean = Vec::new();
        let mut found = false;
        for chunk in bytes.utf8_chunks() {
            let text = self.clean(chunk.valid(), connection);
            found |= matches!(text, Cow::Owned(_));
            clean.extend_from_slice(text.as_bytes());
            clean.extend_from_slice(chunk.invalid());
        }
        found.then_some(clean)
    }

    fn clean<'t>(&self, text: &'t str, connection: &Connection) -> Cow<'t, str> {
        let clean = self.redactor.redact(text);
        match password(connection) {
            Some(password) if clean.contains(password) => clean.replace(password, BLANK).into(),
            _ => clean,
        }
    }
}

/// What the connection logs in with, and what no plugin may be shown.
pub(super) fn password(connection: &Connection) -> Option<&str> {
    let password = connection.password.as_ref().map(|password| password.expose());
    password.filter(|password| !password.is_empty())
}

/// Stands where a password stood.
const BLANK: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        secret::Secret,
        telemetry::{LogOptions, Sink},
        testing,
    };

    /// Tools of a host whose configuration holds these secrets.
    fn knowing(secrets: &[&str]) -> Tools {
        let (clock, redactor) = (Clock::system(), Redactor::default());
        redactor.learn(&secrets.iter().map(|secret| Secret::new(secret)).collect::<Vec<_>>());
        let sink = Sink::Memory(std::sync::Arc::default());
        Tools {
            clock: clock.clone(),
            dialer: Dialer::new(clock.clone()),
            trust: Trust::default(),
            redactor: redactor.clone(),
            telemetry: Telemetry::new(sink, LogOptions::default(), redactor, clock),
        }
    }

    fn logging_in_with(password: &str) -> Connection {
        Connection {
            password: Some(Secret::new(password)),
            ..testing::connection("redis://cache")
        }
    }

    #[test]
    fn the_password_is_taken_out_of_values_however_often_it_stands_there() {
        let blanked = |text: &str, password: &str| {
            let clean = knowing(&[]).scrubbed_bytes(text.as_bytes(), &logging_in_with(password));
            clean.map(|clean| String::from_utf8(clean).expect("text"))
        };
        let clean = |text: &str| Some(text.to_owned());
        assert_eq!(blanked("a s3cr3t-s3cr3t b", "s3cr3t-s3cr3t"), clean("a [redacted] b"));
        assert_eq!(blanked("hunter22hunter22", "hunter22"), clean("[redacted][redacted]"));
        assert_eq!(blanked("plain", "s3cr3t-s3cr3t"), None);
    }

    #[test]
    fn values_lose_every_known_secret_in_every_known_form_and_nothing_else() {
        let tools = knowing(&["other-s3cr3t-of-the-host"]);
        let connection = logging_in_with("s3cr3t-s3cr3t");
        for form in [
            "other-s3cr3t-of-the-host",
            "b3RoZXItczNjcjN0LW9mLXRoZS1ob3N0",
            "other%2Ds3cr3t%2Dof%2Dthe%2Dhost",
        ] {
            let value = [b"\xff\xc3<", form.as_bytes(), b">\xe2\x82 rest"].concat();
            let clean = tools.scrubbed_bytes(&value, &connection).expect(form);
            assert_eq!(clean, b"\xff\xc3<[redacted]>\xe2\x82 rest", "{form}");
            assert_eq!(tools.scrubbed(form, &connection), "[redacted]");
        }
        assert_eq!(tools.scrubbed_bytes(b"\xff plain", &connection), None);
    }

    fn place(url: &str) -> Option<Place> {
        Place::tcp(&url::Url::parse(url).expect(url), 6379)
    }

    #[test]
    fn hosts_lose_their_brackets_and_gain_a_port() {
        let tcp = |host: &str, port| {
            Some(Place::Tcp {
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(place("redis://cache"), tcp("cache", 6379));
        assert_eq!(place("redis://[::1]:7000/2"), tcp("::1", 7000));
        assert_eq!(place("redis:///2"), None);
    }

    #[test]
    fn only_this_machine_is_local() {
        for (url, local) in [
            ("redis://localhost", true),
            ("redis://127.0.0.9", true),
            ("redis://[::1]", true),
            ("redis://10.0.0.1", false),
            ("redis://localhost.example.com", false),
        ] {
            assert_eq!(place(url).expect(url).is_local(), local, "{url}");
        }
        assert!(Place::Unix("/run/x".into()).is_local());
    }
}
