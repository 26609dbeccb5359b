//! The server as its clients see it: real sockets on port 0, one raw HTTP client, one fixture.

mod access;
pub(super) mod board;
pub(super) mod client;
mod connections;
mod surfaces;
mod tls;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Semaphore, watch};

use super::*;
use crate::{
    clock::Timestamp,
    dispatch,
    outcome::{Report, Usage, Verdict},
    rule::outlet::Outlet,
    telemetry::{LogOptions, Sink},
};
use client::{Answer, Client};

/// Does what it is told and remembers. A run of `slow` ends when the test says so, and a reload when it is told to wait.
struct FakeControl {
    reload_error: Mutex<Option<String>>,
    reload_waits: AtomicBool,
    calls: Mutex<Vec<String>>,
    may_end: Arc<Semaphore>,
}

impl Default for FakeControl {
    fn default() -> Self {
        Self {
            reload_error: Mutex::default(),
            reload_waits: AtomicBool::default(),
            calls: Mutex::default(),
            may_end: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Control for FakeControl {
    fn reload(&self) -> BoxFuture<'static, Result<ReloadSummary, String>> {
        self.calls.lock().expect("calls").push("reload".into());
        let error = self.reload_error.lock().expect("error").clone();
        let summary = ReloadSummary {
            added: vec!["new".into()],
            unchanged: 2,
            ..ReloadSummary::default()
        };
        let waits = self.reload_waits.load(Ordering::SeqCst);
        let may_end = Arc::clone(&self.may_end);
        Box::pin(async move {
            if waits {
                may_end.acquire().await.expect("open").forget();
            }
            error.map_or(Ok(summary), Err)
        })
    }

    fn run_now(&self, check: &str) -> BoxFuture<'static, Result<Outcome, String>> {
        assert_ne!(check, "panics", "as asked");
        self.calls.lock().expect("calls").push(format!("run {check}"));
        let outcome = an_outcome(check);
        let may_end = Arc::clone(&self.may_end);
        Box::pin(async move {
            if &*outcome.check == "slow" {
                may_end.acquire().await.expect("open").forget();
            }
            Ok(outcome)
        })
    }
}

fn an_outcome(check: &str) -> Outcome {
    let verdict = Verdict {
        target: "".into(),
        status: crate::outcome::Status::Warning,
        code: "slow".into(),
        summary: "took long".into(),
        latency: Some(Duration::from_millis(2500)),
        details: vec![("path".into(), "/x".into())],
    };
    let at = Timestamp::from_seconds(1_700_000_000);
    Outcome {
        check: check.into(),
        scheduled_at: at,
        started_at: at,
        attempt: 1,
        result: Ok(Report {
            verdicts: vec![verdict],
            ..Report::default()
        }),
        usage: Usage {
            duration: Duration::from_millis(12),
            ..Usage::default()
        },
    }
}

/// A running server with everything a test may want to turn.
pub(super) struct Host {
    handle: ServeHandle,
    supervisor: Supervisor,
    snapshots: watch::Sender<Arc<Snapshot>>,
    control: Arc<FakeControl>,
    telemetry: Telemetry,
    log: Arc<Mutex<Vec<u8>>>,
    pub(super) dispatch: DispatchHandle,
}

pub(super) struct Setup {
    pub(super) access: Access,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) patience: Patience,
    pub(super) redactor: Redactor,
    pub(super) sources: Sources,
    pub(super) dispatch: dispatch::Settings,
    pub(super) ingest: IngestHandle,
    pub(super) push_listener: Option<TcpListener>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            access: Access::default(),
            snapshot: None,
            patience: Patience::default(),
            redactor: Redactor::default(),
            sources: Sources {
                views: watch::channel(Arc::default()).1,
                rules: watch::channel(Arc::default()).1,
            },
            dispatch: dispatch::Settings::default(),
            ingest: IngestHandle::deaf(Default::default()),
            push_listener: None,
        }
    }
}

impl Setup {
    pub(super) fn start(self) -> Host {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let (snapshots, receiver) = watch::channel(Arc::new(self.snapshot.unwrap_or_else(board::three_checks)));
        let control = Arc::new(FakeControl::default());
        let log: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = Sink::Memory(Arc::clone(&log));
        let telemetry = Telemetry::new(sink, LogOptions::default(), self.redactor.clone(), Clock::system());
        let dispatch = started(&supervisor, self.dispatch, &telemetry);
        let options = ServeOptions {
            access: self.access,
            snapshots: receiver,
            sources: self.sources,
            dispatch: dispatch.clone(),
            ingest: self.ingest,
            push_listener: self.push_listener,
            control: Arc::clone(&control) as Arc<dyn Control>,
            telemetry: telemetry.clone(),
            redactor: self.redactor,
            clock: Clock::system(),
            version: "1.2.3".into(),
            environment: "test<1>".into(),
            certificate_poll: Duration::from_millis(20),
        };
        let handle = serve_with(listener, options, self.patience, &supervisor).expect("serves");
        Host {
            handle,
            supervisor,
            snapshots,
            control,
            telemetry,
            log,
            dispatch,
        }
    }
}

/// Dispatch that keeps nothing, on a thread of its own until the supervisor stops.
pub(super) fn started(supervisor: &Supervisor, settings: dispatch::Settings, telemetry: &Telemetry) -> DispatchHandle {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let (own, telemetry) = (supervisor.clone(), telemetry.clone());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let options = dispatch::DispatchOptions {
                settings,
                store: None,
                outlet: Outlet::default(),
                snapshots: None,
                clock: Clock::system(),
                telemetry,
            };
            sender
                .send(dispatch::Dispatch::start(&own, options))
                .expect("somebody waits");
            own.stopping().cancelled().await;
        });
    };
    supervisor.thread("dispatch for tests", run).expect("a thread");
    receiver.recv().expect("it starts")
}

fn host() -> Host {
    Setup::default().start()
}

impl Host {
    fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    pub(super) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// One request on a connection of its own; `headers` are whole lines.
    pub(super) fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        self.connect().ask(method, path, headers)
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    fn log(&self) -> String {
        String::from_utf8(self.log.lock().expect("log").clone()).expect("text")
    }

    /// The value of one of the host's own counters, whose labels have these values.
    pub(super) fn counted(&self, name: &str, labels: &[&str]) -> f64 {
        let families = self.telemetry.instruments().families();
        let Some(family) = families.iter().find(|family| family.head.name.as_str() == name) else {
            return 0.0;
        };
        let crate::outcome::ReportedPoints::Values(samples) = &family.points else {
            panic!("not plain values")
        };
        let matches = |sample: &&crate::metric::Sample| {
            labels
                .iter()
                .all(|label| sample.label_values.iter().any(|value| **value == **label))
        };
        samples.iter().filter(matches).map(|sample| sample.value).sum()
    }

    pub(super) fn supervisor_stops(&self) {
        self.supervisor.stopping().cancel();
    }

    /// Waits until something is so. Bounded; the events come from another thread.
    pub(super) fn wait_for(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let (_never, pause) = std::sync::mpsc::sync_channel::<()>(0);
        for _ in 0..1000 {
            if so(self) {
                return;
            }
            let _ = pause.recv_timeout(Duration::from_millis(10));
        }
        panic!("never: {what}\n{}", self.log());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.supervisor.stopping().cancel();
    }
}
