//! HTTP: metrics, health, the API and the page, on a thread and a runtime of their own.
//!
//! Owns the listener, its connections, who may do what, and the certificate. Flows in: snapshots from the board, by a
//! watch channel. Flows out: answers, and through [`Control`] the two things a request may change: reload, and run a
//! check now; and pushes, to `ingest`. Nothing is measured, merged or probed inside a request, and nothing that takes long happens on the thread
//! that answers: a check that burns a core must not delay a scrape.
//!
//! `listen` takes the port; `server` accepts and drains; `seats` says who may stay when many come; `connection` closes the
//! slow; `auth` decides; `route` knows the paths; one folder per surface answers; `large` and `worker` make what takes long, and queries are
//! evaluated on threads of their own (`api::prometheus`).

mod api;
mod auth;
mod connection;
mod events;
mod health;
mod large;
mod listen;
mod metrics;
mod negotiate;
mod page;
mod push;
mod reply;
mod route;
mod seats;
mod server;
mod tls;
mod view;
mod worker;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::response::Response;
use serde::Serialize;
use tokio::sync::watch;

pub use api::Sources;
pub use listen::{ListenError, Owner, bind, check_exposure};
pub use tls::TlsError;

use self::{
    api::{Alertmanager, Prometheus, Waiting},
    auth::Auth,
    connection::Patience,
    large::{Large, Made, NotMade},
    metrics::Cache,
    push::Pushes,
    route::Listener,
    tls::Tls,
    worker::{Jobs, Worker},
};
use crate::{
    board::Snapshot, clock::Clock, config::Access, dispatch::DispatchHandle, ingest::IngestHandle, outcome::Outcome,
    secret::Redactor, supervisor::Supervisor, telemetry::Telemetry,
};

/// A boxed future, as [`Control`] returns it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How often certificate files are looked at. A change is taken at the second look that finds it the same.
pub const CERTIFICATE_POLL: Duration = Duration::from_secs(10);

/// What a request may change. The application implements it.
///
/// The futures are polled on the thread that answers scrapes: they must do their work elsewhere and wait for it here. An
/// error is a text for a person; it is redacted before it is sent.
pub trait Control: Send + Sync {
    /// Reads the configuration again and swaps it in when all of it is good.
    fn reload(&self) -> BoxFuture<'static, Result<ReloadSummary, String>>;
    /// Runs a check now, off its schedule, and waits for what it yields. Bounded by the check's own timeout.
    fn run_now(&self, check: &str) -> BoxFuture<'static, Result<Outcome, String>>;
}

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadSummary {
    /// Checks that are new.
    pub added: Vec<String>,
    /// Checks whose configuration or plugin changed, and those that can run now and could not before; they start over.
    pub changed: Vec<String>,
    /// Checks that are gone.
    pub removed: Vec<String>,
    /// How many checks go on as they were.
    pub unchanged: usize,
    /// Files of plugins that hold another plugin than before; the checks that use them are among `changed`.
    pub plugins: Vec<String>,
    /// Settings that changed and need a restart to matter, and whatever else the loader warned of.
    pub warnings: Vec<String>,
}

/// What [`serve`] needs besides a listener.
pub struct ServeOptions {
    /// Who may do what, and TLS.
    pub access: Access,
    /// From the board.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What queries are about.
    pub sources: Sources,
    /// Who knows alerts and silences.
    pub dispatch: DispatchHandle,
    /// Who takes pushes.
    pub ingest: IngestHandle,
    /// Where pushes are taken besides, and nothing else is answered; None: nowhere.
    pub push_listener: Option<TcpListener>,
    /// What requests may change.
    pub control: Arc<dyn Control>,
    /// For logs and counters.
    pub telemetry: Telemetry,
    /// Applied to every error text that is sent.
    pub redactor: Redactor,
    /// For ages, timeouts and timestamps.
    pub clock: Clock,
    /// Of the host.
    pub version: String,
    /// `[host] environment`; may be "".
    pub environment: String,
    /// Usually [`CERTIFICATE_POLL`].
    pub certificate_poll: Duration,
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// Why HTTP is not served, or not as the new configuration says.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Off loopback without tokens.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificate cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// No thread, no runtime, or a listener that is none.
    #[error("cannot start serving HTTP: {0}")]
    Start(#[from] io::Error),
}

/// What stands at the door; replaced as a whole on reload.
#[derive(Debug)]
struct Gate {
    auth: Auth,
    tls: Option<Tls>,
}

impl Gate {
    fn new(address: SocketAddr, access: &Access) -> Result<Self, ServeError> {
        check_exposure(address, access)?;
        let tls = access.tls.as_ref().map(Tls::load).transpose()?;
        Ok(Self {
            auth: Auth::new(access),
            tls,
        })
    }
}

/// What every request and connection may look at.
struct Shared {
    address: SocketAddr,
    push_address: Option<SocketAddr>,
    gate: Mutex<Arc<Gate>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    cache: Cache,
    worker: Worker,
    large: Large,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    pushes: Pushes,
    waiting: Waiting,
    control: Arc<dyn Control>,
    telemetry: Telemetry,
    redactor: Redactor,
    clock: Clock,
    version: String,
    environment: String,
    warnings: server::Quiet,
    patience: Patience,
}

impl Shared {
    fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// An answer that grows with the number of checks.
    async fn large(
        &self,
        snapshot: &Snapshot,
        is_json: bool,
        make: impl FnOnce() -> Made + Send + 'static,
    ) -> Response {
        self.sent(self.large.make(snapshot, make).await, is_json)
    }

    /// An answer that may be large.
    async fn large_if(&self, is_large: bool, is_json: bool, make: impl FnOnce() -> Made + Send + 'static) -> Response {
        self.sent(self.large.make_if(is_large, make).await, is_json)
    }

    fn sent(&self, made: Result<Made, NotMade>, is_json: bool) -> Response {
        match made {
            Ok(made) => reply::coded(made.status, made.kind, made.body, made.coding),
            Err(not_made) => {
                let answer = not_made.answer(is_json);
                if let NotMade::Panicked(panic) = not_made {
                    self.telemetry.emit(&events::Panicked { panic });
                }
                answer
            }
        }
    }

    fn stop_workers(&self) {
        self.worker.stop();
        self.large.stop();
        self.prometheus.stop();
    }

    fn look_at_certificate(&self) {
        let gate = self.gate();
        let Some(tls) = &gate.tls else { return };
        match tls.refresh() {
            tls::Refreshed::Unchanged | tls::Refreshed::Settling => {}
            tls::Refreshed::Replaced => {
                let path = tls.files().certificate.display().to_string();
                self.telemetry.emit(&events::CertificateReplaced { path });
            }
            tls::Refreshed::Refused(error) => self.telemetry.emit(&events::CertificateRefused { error }),
        }
    }
}

/// A running server. Dropping the handle leaves it running; the supervisor stops it.
#[derive(Clone)]
pub struct ServeHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for ServeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeHandle")
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl ServeHandle {
    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Where pushes are taken besides, with the real port.
    pub fn push_address(&self) -> Option<SocketAddr> {
        self.shared.push_address
    }

    /// `http` or `https`, as a new connection finds it.
    pub fn scheme(&self) -> &'static str {
        if self.shared.gate().tls.is_some() {
            "https"
        } else {
            "http"
        }
    }

    /// New tokens and a new certificate for the next requests and connections. Reads files, so it blocks on the disk.
    /// On an error everything stays as it was.
    pub fn configure(&self, access: &Access) -> Result<(), ServeError> {
        let gate = Arc::new(Gate::new(self.shared.address, access)?);
        *self.shared.gate.lock().unwrap_or_else(PoisonError::into_inner) = gate;
        Ok(())
    }
}

/// Whether [`serve`] would take this: reads the files of a certificate and its key, and lets go of them.
pub fn check_access(address: SocketAddr, access: &Access) -> Result<(), ServeError> {
    Gate::new(address, access).map(drop)
}

/// Serves on a thread of its own until the supervisor stops. Every error is found before the first request is taken.
pub fn serve(listener: TcpListener, options: ServeOptions, supervisor: &Supervisor) -> Result<ServeHandle, ServeError> {
    serve_with(listener, options, Patience::default(), supervisor)
}

fn serve_with(
    listener: TcpListener,
    options: ServeOptions,
    patience: Patience,
    supervisor: &Supervisor,
) -> Result<ServeHandle, ServeError> {
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let push_address = options
        .push_listener
        .as_ref()
        .map(TcpListener::local_addr)
        .transpose()?;
    let gate = Gate::new(address, &options.access)?;
    let (worker, jobs) = Worker::new();
    let (large, large_jobs) = Large::new();
    let ServeOptions {
        snapshots,
        sources,
        dispatch,
        ingest,
        push_listener,
        control,
        telemetry,
        redactor,
        clock,
        version,
        environment,
        certificate_poll,
        ..
    } = options;
    let shared = Arc::new(Shared {
        address,
        push_address,
        gate: Mutex::new(Arc::new(gate)),
        snapshots,
        cache: Cache::default(),
        worker,
        large,
        prometheus: Prometheus::new(sources, &clock),
        alertmanager: Alertmanager {
            dispatch,
            started: clock.wall(),
        },
        pushes: Pushes::new(ingest),
        waiting: Waiting::default(),
        control,
        telemetry,
        redactor,
        clock,
        version,
        environment,
        warnings: server::Quiet::default(),
        patience,
    });
    let handle = ServeHandle {
        shared: Arc::clone(&shared),
    };
    let listeners = (listener, push_listener);
    let started = start(listeners, &shared, (jobs, large_jobs), certificate_poll, supervisor);
    if started.is_err() {
        shared.stop_workers();
    }
    started?;
    Ok(handle)
}

/// The threads: one answers, another takes pushes where these have an address of their own, the others prepare what is answered with.
fn start(
    (listener, push_listener): (TcpListener, Option<TcpListener>),
    shared: &Arc<Shared>,
    (jobs, large_jobs): (Jobs, Jobs),
    certificate_poll: Duration,
    supervisor: &Supervisor,
) -> io::Result<()> {
    let of_worker = Arc::clone(shared);
    supervisor.thread("http-worker", move || {
        jobs.work(&of_worker.clock, certificate_poll, || of_worker.look_at_certificate());
    })?;
    supervisor.thread("http-large", move || large_jobs.work_only())?;
    shared.prometheus.start(supervisor)?;
    if let Some(listener) = push_listener {
        listener.set_nonblocking(true)?;
        let run = served(listener, Listener::Pushes, shared, supervisor)?;
        supervisor.thread("http-push", run)?;
    }
    let run = served(listener, Listener::Whole, shared, supervisor)?;
    let of_http = Arc::clone(shared);
    supervisor.thread("http", move || {
        run();
        of_http.stop_workers();
    })?;
    Ok(())
}

/// What a thread does that answers at one address, on a runtime of its own.
fn served(
    socket: TcpListener,
    listener: Listener,
    shared: &Arc<Shared>,
    supervisor: &Supervisor,
) -> io::Result<impl FnOnce() + Send + 'static> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let (shared, supervisor) = (Arc::clone(shared), supervisor.clone());
    Ok(move || runtime.block_on(server::run(socket, listener, shared, supervisor)))
}
