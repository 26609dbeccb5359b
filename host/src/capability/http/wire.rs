//! One connection to a target, ready for a request: dialled, through a proxy where there is one, encrypted, and spoken to
//! by hyper.
//!
//! Owns the time of each phase until then. Flows in: a [`Route`]. Flows out: a [`Wire`], or why there is none. It knows no
//! request.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout_at,
};
use tokio_util::sync::DropGuard;
use url::{Host, Url};

use super::{
    credentials, explain,
    flood::{Allowance, Counted},
    message::{Error, Phase},
    trace::Trace,
    wishes::VersionWish,
};
use crate::{
    capability::{
        address,
        dial::{ConnectTo, DialError, DialFailure, DialPhase, Dialer, Family, Goal},
        tls::{H2, HTTP_1_1, HandshakeError, HandshakeFailure, Session, Trust},
    },
    clock::{Clock, Instant},
    config::{Addresses, Connection, Proxy, TlsOptions},
    supervisor::Supervisor,
};

/// Head of an answer, status line and headers: larger ones are a fault or an attack. Apache and nginx send at most 64 KiB.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of an answer.
const HEADERS_MAX: usize = 256;

/// What a server may send of a body before anybody reads it, of HTTP/2: as much as is read of one.
pub(super) const WINDOW_BYTES: u32 = 1 << 20;

/// A byte stream, whatever is under it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type BoxStream = Box<dyn Stream>;

/// What decides whether two requests may share a connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    pub(super) connection: Arc<Connection>,
    pub(super) https: bool,
    /// IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) family: Family,
    pub(super) connect_to: Option<ConnectTo>,
    pub(super) version: VersionWish,
    pub(super) server_name: Option<String>,
    /// Without the connection's client certificate.
    pub(super) bare: bool,
}

impl Route {
    /// Host and port of a URL; the policy saw to it that there are some.
    pub(super) fn place(url: &Url) -> (String, u16) {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        };
        (host, url.port_or_known_default().unwrap_or_default())
    }

    fn proxy(&self) -> Option<&Proxy> {
        self.connection.proxy.as_ref()
    }

    /// Requests for plain HTTP go to the proxy as they are; others go through it.
    pub(super) fn speaks_to_proxy(&self) -> bool {
        self.proxy().is_some() && !self.https
    }

    fn alpn(&self) -> &'static [&'static [u8]] {
        match self.version {
            VersionWish::Any => &[H2, HTTP_1_1],
            VersionWish::Http11 => &[HTTP_1_1],
            VersionWish::Http2 => &[H2],
        }
    }

    fn tls(&self) -> TlsOptions {
        let own = &self.connection.tls;
        TlsOptions {
            client: own.client.clone().filter(|_| !self.bare),
            server_name: self.server_name.clone().or_else(|| own.server_name.clone()),
            ..own.clone()
        }
    }

    /// `host:port`, as CONNECT wants it.
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Wire {
    sender: Sender,
    /// Who is at the other end: the proxy, when there is one.
    pub(super) remote: SocketAddr,
    /// Of the target, not of a proxy.
    pub(super) session: Option<Session>,
    pub(super) allowance: Arc<Allowance>,
    #[expect(dead_code, reason = "dropped with the wire, which ends the task that drives it")]
    end: DropGuard,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Wire {
    /// Sends and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.allowance.before_head();
        let answer = match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(request).await,
            Sender::Http2(sender) => sender.send_request(request).await,
        };
        self.allowance.after_head();
        answer
    }

    /// Waits until it can take a request; `false`: it is closed.
    pub(super) async fn is_ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Requests name the whole URL and no `host` header.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }
}

/// Opens connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) clock: Clock,
    pub(super) dialer: Dialer,
    pub(super) trust: Trust,
    pub(super) supervisor: Supervisor,
}

impl Connector {
    /// Resolves, connects, encrypts.
    pub(super) async fn connect(&self, route: &Route, deadline: Instant, trace: &mut Trace) -> Result<Wire, Error> {
        let (stream, remote) = match route.proxy() {
            None => self.directly(route, deadline, trace).await?,
            Some(proxy) => self.by_proxy(route, proxy, deadline, trace).await?,
        };
        if !route.https {
            let http2 = route.version == VersionWish::Http2;
            return self.speak(stream, http2, remote, None).await;
        }
        trace.phase = Phase::Tls;
        let began = self.clock.monotonic();
        let (stream, session) = self
            .encrypt(stream, &route.host, &route.tls(), route.alpn(), deadline, trace)
            .await?;
        trace.phases.tls = Some(self.clock.monotonic() - began);
        trace.session = Some(session.clone());
        let http2 = session.alpn.as_deref() == Some(H2);
        if route.version == VersionWish::Http2 && !http2 {
            return Err(Error::Protocol("the server does not speak HTTP/2".to_owned()));
        }
        self.speak(stream, http2, remote, Some(session)).await
    }

    async fn directly(
        &self,
        route: &Route,
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<(BoxStream, SocketAddr), Error> {
        let goal = Goal {
            host: &route.host,
            port: route.port,
            addresses: &route.connection.addresses,
            family: route.family,
            connect_to: route.connect_to,
            deadline,
        };
        self.dial(goal, &route.connection.name, trace).await
    }

    async fn dial(
        &self,
        goal: Goal<'_>,
        connection: &str,
        trace: &mut Trace,
    ) -> Result<(BoxStream, SocketAddr), Error> {
        let chosen = self.dialer.choose(goal).await;
        let chosen = chosen.map_err(|failure| refused(&failure, goal.host, connection, trace))?;
        trace.phase = Phase::Connect;
        trace.phases.resolve = chosen.times().resolve;
        let dialled = self.dialer.connect(&chosen, goal).await;
        let dialled = dialled.map_err(|failure| refused(&failure, goal.host, connection, trace))?;
        trace.phases.connect = dialled.times.connect;
        trace.remote = Some(dialled.remote);
        Ok((Box::new(dialled.stream), dialled.remote))
    }

    /// The proxy's own address was written by whoever configures the host, so it may be private. What the target's name
    /// resolves to is the proxy's to know; a literal address is still judged here.
    async fn by_proxy(
        &self,
        route: &Route,
        proxy: &Proxy,
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<(BoxStream, SocketAddr), Error> {
        if let Ok(literal) = route.host.parse() {
            address::decide(literal, &route.connection.addresses)
                .map_err(|refusal| Error::Denied(refusal.to_string()))?;
        }
        let began = self.clock.monotonic();
        let (host, port) = Route::place(&proxy.url);
        let goal = Goal {
            host: &host,
            port,
            addresses: &Addresses::Private,
            family: Family::Any,
            connect_to: None,
            deadline,
        };
        let (mut stream, remote) = self.dial(goal, &route.connection.name, trace).await?;
        if proxy.url.scheme() == "https" {
            let own = TlsOptions {
                ca: route.connection.tls.ca.clone(),
                ca_only: route.connection.tls.ca_only,
                ..TlsOptions::default()
            };
            stream = self.encrypt(stream, &host, &own, &[HTTP_1_1], deadline, trace).await?.0;
        }
        if route.https {
            stream = self.tunnel(stream, route, proxy, deadline).await?;
        }
        let resolving = trace.phases.resolve.unwrap_or_default();
        trace.phases.connect = Some((self.clock.monotonic() - began).saturating_sub(resolving));
        Ok((stream, remote))
    }

    async fn encrypt(
        &self,
        stream: BoxStream,
        host: &str,
        options: &TlsOptions,
        alpn: &[&[u8]],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<(BoxStream, Session), Error> {
        let client = self
            .trust
            .client(options)
            .map_err(|error| Error::Tls(error.to_string()))?;
        match client.handshake(host, alpn, stream, deadline).await {
            Ok((stream, session)) => Ok((Box::new(stream), session)),
            Err(HandshakeFailure { error, session }) => {
                trace.session = session;
                Err(match error {
                    HandshakeError::Refused(why) => Error::Tls(why),
                    HandshakeError::Timeout => Error::Timeout(trace.phase),
                })
            }
        }
    }

    /// CONNECT.
    async fn tunnel(
        &self,
        stream: BoxStream,
        route: &Route,
        proxy: &Proxy,
        deadline: Instant,
    ) -> Result<BoxStream, Error> {
        let broken =
            |error: &hyper::Error| Error::Connect(format!("the proxy did not answer: {}", explain::chain(error)));
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        let authority = route.authority();
        let mut request = Request::connect(&*authority).header(hyper::header::HOST, &*authority);
        if let Some((user, password)) = &proxy.auth {
            request = request.header(hyper::header::PROXY_AUTHORIZATION, credentials::basic(user, password));
        }
        let request = request
            .body(Empty::new())
            .map_err(|_| Error::Invalid("the proxy cannot be asked for this host".to_owned()))?;
        // Until the tunnel stands its connection is driven here; afterwards the stream is ours.
        let driving = connection.with_upgrades();
        let asking = async {
            let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
            if !answer.status().is_success() {
                return Err(Error::Connect(format!("the proxy answered {}", answer.status())));
            }
            hyper::upgrade::on(answer).await.map_err(|error| broken(&error))
        };
        let both = async {
            tokio::pin!(asking);
            tokio::pin!(driving);
            tokio::select! {
                tunnel = &mut asking => tunnel,
                _ = &mut driving => asking.await,
            }
        };
        match timeout_at(deadline, both).await {
            Ok(tunnel) => Ok(Box::new(TokioIo::new(tunnel?))),
            Err(_) => Err(Error::Timeout(Phase::Connect)),
        }
    }

    async fn speak(
        &self,
        stream: BoxStream,
        http2: bool,
        remote: SocketAddr,
        session: Option<Session>,
    ) -> Result<Wire, Error> {
        let allowance = Allowance::new();
        let io = TokioIo::new(Counted::new(stream, Arc::clone(&allowance)));
        let broken = |error: hyper::Error| explain::hyper(&error, Phase::Processing);
        let (sender, end) = if http2 {
            let mut builder = http2::Builder::new(Spawner(self.supervisor.clone()));
            builder
                .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES);
            let (sender, connection) = builder.handshake(io).await.map_err(broken)?;
            (Sender::Http2(sender), self.drive(connection))
        } else {
            let mut builder = http1::Builder::new();
            builder.max_headers(HEADERS_MAX).max_header_size(HEAD_BYTES_MAX);
            let (sender, connection) = builder.handshake(io).await.map_err(broken)?;
            (Sender::Http1(sender), self.drive(connection))
        };
        Ok(Wire {
            sender,
            remote,
            session,
            allowance,
            end,
        })
    }

    /// Drives a connection until it ends, its wire is dropped, or the host stops. Its errors reach whoever waits for an
    /// answer.
    fn drive<F>(&self, connection: F) -> DropGuard
    where
        F: Future + Send + 'static,
    {
        let end = self.supervisor.stopping().child_token();
        let ended = end.clone();
        drop(self.supervisor.spawn("http connection", async move {
            tokio::select! {
                _ = connection => {}
                () = ended.cancelled() => {}
            }
        }));
        end.drop_guard()
    }
}

/// hyper's door to the supervisor, for the tasks of HTTP/2.
#[derive(Clone, Debug)]
struct Spawner(Supervisor);

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        drop(self.0.spawn("http stream", work));
    }
}

fn refused(failure: &DialFailure, host: &str, connection: &str, trace: &mut Trace) -> Error {
    trace.phases.resolve = failure.times.resolve;
    trace.remote = failure.remote;
    let said = failure.error.to_string();
    match failure.error {
        DialError::Refused(_) => Error::Denied(format!("connection `{connection}` may not reach `{host}`: {said}")),
        DialError::OtherPort { .. } | DialError::OtherAddress { .. } => {
            Error::Denied(format!("`connect-to` is not for connection `{connection}`: {said}"))
        }
        DialError::Resolve { .. } | DialError::NoAddress { .. } => Error::Resolve(said),
        DialError::Connect { .. } | DialError::Unix { .. } => Error::Connect(said),
        DialError::Timeout(DialPhase::Resolve) => Error::Timeout(Phase::Resolve),
        DialError::Timeout(DialPhase::Connect) => Error::Timeout(Phase::Connect),
    }
}
