//! The store of one call into a guest: everything the guest can touch, and every limit on it.
//!
//! Flows in: limits, a log and, for a run, what the run may know and use. Flows out: a [`Store`] to instantiate into.
//! A store serves one call and is dropped whatever happens.

use std::{sync::Arc, time::Duration};

use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    calls::wasi_http::Hooks,
    limits::{FIELDS_BYTES_MAX, HANDLES_MAX, HOSTCALL_FUEL, Limiter, RANDOM_BYTES_MAX, RunLimits},
    meter::Meter,
    stdio::{Lines, SharedLog},
};
use crate::{
    capability::{
        context::RunContext,
        grant::{Grants, Wanted},
        http::HttpRun,
        log::Stream,
        postgres::Postgres,
        reach::Reach,
        redis::Redis,
        state::StateScratch,
        system::SystemReader,
    },
    clock::{Clock, Instant},
    config::Connection,
    outcome::Denied,
    supervisor::Supervisor,
};

/// Most refused calls that a run is reported to have made: who reads them mends the first and tries again.
const DENIED_NOTED_MAX: usize = 32;

/// Most calls of one run to databases, as many as requests over HTTP: a loop that asks and asks is a mistake that somebody
/// else's server would pay for.
const DATABASE_CALLS_MAX: u32 = 1_000;

/// Calls to databases whose times are kept, as many as of requests over HTTP.
const CALLS_TIMED_MAX: usize = 16;

/// A call to a database that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct DatabaseCall {
    /// `redis` or `postgres`.
    pub(super) kind: &'static str,
    pub(super) began: Instant,
    pub(super) took: Duration,
}

/// What a run has and a call of `describe` has not.
#[derive(Debug)]
pub(super) struct RunParts {
    pub(super) context: RunContext,
    pub(super) grants: Grants,
    /// What calls may reach: the connections of its slots, and addresses of its settings.
    pub(super) reach: Arc<Reach>,
    pub(super) state: StateScratch,
    pub(super) system: SystemReader,
    pub(super) redis: Redis,
    pub(super) postgres: Postgres,
    /// How often databases were asked.
    pub(super) database_calls: u32,
    pub(super) http: Arc<HttpRun>,
    pub(super) clock: Clock,
    /// Calls to databases that ended.
    pub(super) calls: Vec<DatabaseCall>,
    pub(super) supervisor: Supervisor,
    /// Refused calls, without repeats.
    pub(super) denied: Vec<Denied>,
}

impl RunParts {
    /// What a guest that asks a database means by `name`: one of its slots, or an address that its settings name. It may ask
    /// [`DATABASE_CALLS_MAX`] times.
    pub(super) fn database(&mut self, name: &str) -> Result<Arc<Connection>, String> {
        self.database_calls += 1;
        if self.database_calls > DATABASE_CALLS_MAX {
            return Err(format!(
                "a run may ask databases {DATABASE_CALLS_MAX} times, and this one did"
            ));
        }
        let address = || self.reach.addresses.iter().find(|granted| *granted.name == *name);
        let found = self.reach.slot(name).or_else(address);
        found.map(Arc::clone).ok_or_else(|| {
            format!("no connection is bound to `{name}`: add connections = {{ {name} = \"NAME\" }} to the check")
        })
    }

    /// Awaits work of the host's in a task of its own. How much of it there is decides whoever sends something, and how often it
    /// goes on, a byte at a time: a guest that were woken for it would pay for it with its CPU time.
    pub(super) fn apart<T, F>(&self, name: &'static str, work: F) -> impl Future<Output = T> + use<T, F>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let supervisor = self.supervisor.clone();
        async move { supervisor.apart(name, work).await }
    }

    /// Remembers how long a call to a database took that began at `began` and ends now.
    pub(super) fn called(&mut self, wanted: Wanted, began: Instant) {
        if self.calls.len() < CALLS_TIMED_MAX {
            let took = self.clock.monotonic() - began;
            self.calls.push(DatabaseCall {
                kind: wanted.as_str(),
                began,
                took,
            });
        }
    }

    /// Remembers a refused call.
    pub(super) fn note(&mut self, denied: Denied) {
        if self.denied.len() < DENIED_NOTED_MAX && !self.denied.contains(&denied) {
            self.denied.push(denied);
        }
    }
}

/// A store's data.
pub(super) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    wasi_http: WasiHttpCtx,
    hooks: Hooks,
    pub(super) limiter: Limiter,
    pub(super) log: SharedLog,
    pub(super) run: Option<Box<RunParts>>,
    meter: Arc<Meter>,
    cpu_budget: Duration,
}

/// Why the host ended a call in the middle. Travels as the error of a host call or of the epoch callback, which a guest
/// cannot catch.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stopped {
    #[error("the CPU budget is spent")]
    Cpu,
    #[error("`{}` is not granted", .0.capability)]
    Denied(Denied),
    #[error("`{0}` was called while the plugin was asked to describe itself")]
    NotInDescribe(&'static str),
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest")
            .field("limiter", &self.limiter)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Guest {
    /// A store for one call. `run` is `None` for `describe`.
    pub(super) fn store(
        engine: &Engine,
        limits: RunLimits,
        log: &SharedLog,
        meter: &Arc<Meter>,
        run: Option<Box<RunParts>>,
    ) -> Store<Self> {
        let guest = Self {
            wasi: wasi(log),
            table: table(),
            wasi_http: wasi_http(),
            hooks: Hooks::new(run.as_ref().map(|run| Arc::clone(&run.http))),
            limiter: Limiter::new(limits.memory_bytes),
            log: Arc::clone(log),
            run,
            meter: Arc::clone(meter),
            cpu_budget: limits.cpu,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_max_component_handles(HANDLES_MAX);
        store.epoch_deadline_callback(on_tick);
        store.set_epoch_deadline(1);
        store
    }

    pub(super) fn cpu_budget(&self) -> Duration {
        self.cpu_budget
    }

    /// What a run has; ends a call of `describe`.
    pub(super) fn run(&mut self, interface: &'static str) -> wasmtime::Result<&mut RunParts> {
        match &mut self.run {
            Some(run) => Ok(run),
            None => Err(Stopped::NotInDescribe(interface).into()),
        }
    }

    /// What a run has, if it may use `wanted`; otherwise ends it.
    pub(super) fn granted(&mut self, wanted: Wanted) -> wasmtime::Result<&mut RunParts> {
        let run = self.run(wanted.as_str())?;
        match run.grants.decide(wanted) {
            Ok(()) => Ok(run),
            Err(denied) => {
                run.note(denied.clone());
                Err(Stopped::Denied(denied).into())
            }
        }
    }
}

/// Looks at a running guest once a tick. It reads the store's data and nothing else.
#[expect(clippy::needless_pass_by_value, reason = "the signature is wasmtime's")]
fn on_tick(store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data();
    if guest.meter.spent() > guest.cpu_budget {
        return Err(Stopped::Cpu.into());
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// Clocks, randomness and standard streams; no files, no environment, no arguments, no sockets.
fn wasi(log: &SharedLog) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Lines::new(log, Stream::Out))
        .stderr(Lines::new(log, Stream::Err))
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

fn wasi_http() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(FIELDS_BYTES_MAX);
    context
}

fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    table
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.wasi_http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}
