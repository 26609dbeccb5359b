//! Accepting, answering and draining.
//!
//! Flows in: connections. Flows out: one answer per request: the door first, then the route, then the headers that every
//! answer has. It knows nothing about what is served.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, StatusCode, Version, body::Incoming, header, rt::Executor, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::{
    Shared,
    api::{ALERTS_BYTES_MAX, FORM_BYTES_MAX},
    auth::{Claims, Need, Refusal},
    connection::{CloseReason, Look, Watch, Watched},
    events,
    push::Visit,
    reply,
    route::{self, Listener, Surface},
    seats::{self, Entry, Seat, Seats},
    tls::Tls,
};
use crate::{
    clock::{Clock, Instant},
    supervisor::{CancellationToken, Supervisor, catch_async},
};

/// Header of one request, all fields together. Cookies of neighbours on `localhost` are the only thing that comes near.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Fields in one header.
const HEADER_FIELDS_MAX: usize = 100;

/// HTTP/2 streams at once on one connection.
const STREAMS_MAX: u32 = 32;

/// Nothing else that is served takes a body, but for queries, alerts and pushes, which have limits of their own. A small one is ignored, a larger one is refused unread.
const BODY_BYTES_MAX: u64 = 64 * 1024;

const fn body_bytes_max(surface: Surface) -> u64 {
    match surface {
        Surface::Query => FORM_BYTES_MAX,
        Surface::Alertmanager => ALERTS_BYTES_MAX,
        Surface::Push => u64::MAX,
        _ => BODY_BYTES_MAX,
    }
}

/// How long answers may take to leave once the host is asked to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// A newcomer for whom there is no seat looks again after this, since others begin to wait without a word.
const LOOK_FOR_A_SEAT: Duration = Duration::from_millis(50);

/// After a failed accept: the system is out of something, most often file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A warning that a stranger can cause is written at most this often; the counters count all.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Keeps a flood of refused requests from becoming a flood of log lines.
#[derive(Debug, Default)]
pub(super) struct Quiet(Mutex<Option<Instant>>);

impl Quiet {
    /// Whether it is time to warn again.
    pub(super) fn may_warn(&self, clock: &Clock) -> bool {
        let now = clock.monotonic();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now.saturating_duration_since(last) >= WARN_EVERY);
        if may {
            *last = Some(now);
        }
        may
    }
}

/// hyper's own tasks (HTTP/2 streams) have names too.
#[derive(Clone)]
struct Spawner(Supervisor);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, work: F) {
        self.0.spawn("http stream", work);
    }
}

/// What every connection carries. Cheap to clone.
#[derive(Clone)]
struct Server {
    shared: Arc<Shared>,
    listener: Listener,
    routes: Router,
    supervisor: Supervisor,
}

/// Accepts until the supervisor stops, then waits [`DRAIN`] for the answers that are on their way.
pub(super) async fn run(
    socket: std::net::TcpListener,
    listener: Listener,
    shared: Arc<Shared>,
    supervisor: Supervisor,
) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return shared.telemetry.emit(&events::AcceptFailed { error, notable: true }),
    };
    let seats = Seats::new(seats::room(listener, descriptors()));
    let stopping = supervisor.stopping();
    if listener == Listener::Whole {
        drop(supervisor.spawn("http text", make_ready(Arc::clone(&shared), supervisor.stopping())));
    }
    let server = Server {
        routes: route::routes(listener, Arc::clone(&shared)),
        listener,
        shared,
        supervisor,
    };
    tokio::select! {
        () = server.accept(&socket, &seats) => {}
        () = stopping.cancelled() => {}
    }
    drop(socket);
    // Those that miss it end with the runtime; each has said so.
    let _ = tokio::time::timeout(DRAIN + Duration::from_millis(100), seats.emptied()).await;
}

/// Has the text of each snapshot made before the scrape that is expected to want it.
async fn make_ready(shared: Arc<Shared>, stopping: CancellationToken) {
    let mut snapshots = shared.snapshots.clone();
    let published = async {
        while snapshots.changed().await.is_ok() {
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            shared.worker.prepare(snapshot);
        }
    };
    // The board that publishes them may stop first or last.
    let _ = stopping.run_until_cancelled(published).await;
}

impl Server {
    async fn accept(&self, socket: &TcpListener, seats: &Seats) {
        let (warnings, failures) = (Quiet::default(), Quiet::default());
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer, seats, &warnings).await,
                Err(error) => {
                    let notable = failures.may_warn(&self.shared.clock);
                    self.shared.telemetry.emit(&events::AcceptFailed { error, notable });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Finds a seat for a newcomer, and waits for one when it has to.
    async fn admit(&self, stream: TcpStream, peer: SocketAddr, seats: &Seats, warnings: &Quiet) {
        let Shared { clock, telemetry, .. } = &*self.shared;
        let mut said = false;
        let mut say_full = || {
            if !std::mem::replace(&mut said, true) {
                let notable = warnings.may_warn(clock);
                let limit = seats.count();
                telemetry.emit(&events::Full { limit, notable });
            }
        };
        loop {
            let watch = Watch::new(clock.clone(), self.shared.patience);
            match seats.enter(peer.ip(), &watch, clock) {
                Entry::Seated { seat, full } => {
                    let server = self.clone();
                    self.supervisor
                        .spawn("http connection", server.connection(stream, peer, watch, seat));
                    if full {
                        say_full();
                        // The one that was told to leave goes before the next one is let in.
                        tokio::task::yield_now().await;
                    }
                    return;
                }
                Entry::OverShare => {
                    let reason = CloseReason::AddressShare;
                    return telemetry.emit(&events::Closed { reason, peer });
                }
                Entry::Full => {
                    say_full();
                    let _ = tokio::time::timeout(LOOK_FOR_A_SEAT, seats.changed()).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr, watch: Watch, seat: Seat) {
        let closed = tokio::select! {
            biased;
            () = seat.lost() => Some(CloseReason::Displaced),
            closed = self.converse(stream, peer, &watch) => closed,
        };
        if let Some(reason) = closed {
            self.shared.telemetry.emit(&events::Closed { reason, peer });
        }
    }

    async fn converse(&self, stream: TcpStream, peer: SocketAddr, watch: &Watch) -> Option<CloseReason> {
        // Answers are written whole; waiting to fill a packet only delays the last one.
        let _ = stream.set_nodelay(true);
        let stream = Watched::new(stream, watch.clone());
        let tls = self.shared.gate().tls.as_ref().map(Tls::config);
        let Some(config) = tls else {
            return self.answer_all(stream, peer, watch).await;
        };
        let handshake = TlsAcceptor::from(config).accept(stream);
        match tokio::time::timeout(self.shared.patience.header, handshake).await {
            Ok(Ok(stream)) => self.answer_all(stream, peer, watch).await,
            Ok(Err(_)) | Err(_) => Some(CloseReason::Handshake),
        }
    }

    /// Answers until the client leaves (None) or has to.
    async fn answer_all<S>(&self, stream: S, peer: SocketAddr, watch: &Watch) -> Option<CloseReason>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request: Request<Incoming>| {
            let guard = watch.request(request.version() == Version::HTTP_2);
            let server = self.clone();
            async move {
                let answer = server.answer(peer, request).await;
                drop(guard);
                Ok::<_, Infallible>(answer)
            }
        });
        let builder = builder(self.supervisor.clone());
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let stopping = self.supervisor.stopping();
        let clock = &self.shared.clock;
        let mut stop_by: Option<Instant> = None;
        loop {
            let look_at = match watch.look() {
                Look::Close(reason) => return Some(reason),
                Look::Again(at) => stop_by.map_or(at, |by| by.min(at)),
            };
            tokio::select! {
                // An error here is a client that left or spoke no HTTP; hyper has answered what could be answered.
                _ended = connection.as_mut() => return None,
                () = stopping.cancelled(), if stop_by.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    stop_by = Some(clock.monotonic() + DRAIN);
                }
                () = tokio::time::sleep_until(look_at) => {
                    if stop_by.is_some_and(|by| by <= clock.monotonic()) {
                        return Some(CloseReason::Stopping);
                    }
                }
            }
        }
    }

    /// The door, the route, the headers, the count.
    async fn answer(&self, peer: SocketAddr, mut request: Request<Incoming>) -> Response {
        let (need, surface) = route::classify(self.listener, request.method(), request.uri().path());
        let is_json = surface.speaks_json();
        let gate = self.shared.gate();
        let claims = Claims::of(&request);
        let may_read = gate.auth.decide(Need::Read, &claims).is_ok();
        let visit = (surface == Surface::Push).then(|| Visit::new(&gate.auth, &claims, self.listener, peer));
        let mut answer = match gate.auth.decide(need, &claims) {
            _ if is_ambiguous(&request) => {
                reply::problem(StatusCode::BAD_REQUEST, is_json, "a request has one Host header")
            }
            Err(refusal) => refuse(&self.shared, peer, refusal, is_json),
            Ok(()) if body_bytes(&request) > body_bytes_max(surface) => reply::problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                is_json,
                "no request here needs a body of that size",
            ),
            Ok(()) => {
                request.extensions_mut().insert(route::MayRead(may_read));
                visit.map(|visit| request.extensions_mut().insert(visit));
                self.routed(request, is_json).await
            }
        };
        reply::add_security_headers(answer.headers_mut());
        self.shared.telemetry.emit(&events::Answered {
            surface,
            code: answer.status().as_u16(),
        });
        answer
    }

    async fn routed(&self, request: Request<Incoming>, is_json: bool) -> Response {
        let answered = self.routes.clone().oneshot(request.map(Body::new));
        match catch_async("http request", answered).await {
            Ok(Ok(answer)) => answer,
            Err(panic) => {
                self.shared.telemetry.emit(&events::Panicked { panic });
                reply::problem(StatusCode::INTERNAL_SERVER_ERROR, is_json, reply::OUR_BUG)
            }
        }
    }
}

/// How many files the process may have open; `None`: as many as it likes.
fn descriptors() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

fn builder(supervisor: Supervisor) -> auto::Builder<Spawner> {
    let mut builder = auto::Builder::new(Spawner(supervisor));
    // Timeouts are `connection`'s, for both versions.
    builder
        .http1()
        .header_read_timeout(None)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX);
    let header_list = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    builder
        .http2()
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(header_list);
    builder
}

/// Whether it says twice for whom it is (RFC 9112, 3.2): what stands between a client and us may have decided by the other one.
fn is_ambiguous(request: &Request<Incoming>) -> bool {
    request.headers().get_all(header::HOST).iter().count() > 1
}

/// What the client says it will send. A body of unknown length is not read at all.
fn body_bytes(request: &Request<Incoming>) -> u64 {
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn refuse(shared: &Shared, peer: SocketAddr, refusal: Refusal, is_json: bool) -> Response {
    let notable = refusal == Refusal::WrongToken && shared.warnings.may_warn(&shared.clock);
    shared.telemetry.emit(&events::Refused { refusal, peer, notable });
    reply::refused(refusal, is_json)
}
