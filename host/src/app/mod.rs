//! Wiring: builds the parts in order, starts them, hands them their news, and stops them.
//!
//! Flows in: a loaded configuration. Flows out: a running [`App`] on a real address. It decides nothing that a part could
//! decide; what to do about a changed configuration is `conductor`'s.

mod conductor;
mod editions;
mod events;
mod oneshot;
mod plugins;
mod pushed;
mod reach;
mod receivers;
mod runner;
mod runs;
mod watch;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::runtime::{Handle, Runtime};

pub use oneshot::{OneShot, OneShotOptions, find_check};
pub use plugins::{
    LoadedCheck, LoadedReceiver, described_metrics, effective_limits, load_check, load_checks, load_receivers,
    without_events,
};

use self::{
    conductor::{Cause, Conductor, Door},
    editions::Editions,
    events::TaskPanicked,
    receivers::{Maker, Outward},
    runner::{Roster, SandboxRunner},
};
use crate::{
    board::{Board, BoardHandle, BoardOptions},
    bundled::BUNDLED,
    capability::{
        dial::Dialer,
        http::{HttpHost, HttpTools},
        state::{StateBank, table},
        system::SystemReader,
        tls::Trust,
    },
    clock::Clock,
    config::{LoadRequest, Loaded, Problems},
    deliver::{
        DeliverHandle, DeliverOptions,
        configured::{self, Tools},
        forwarder::ForwarderTools,
    },
    dispatch::{self, Dispatch, DispatchHandle, DispatchOptions},
    expose::{self, CERTIFICATE_POLL, ListenError, ServeError, ServeHandle, ServeOptions, Sources},
    history::{self, Reporter},
    ingest::IngestHandle,
    rule::{self, Externals, RuleOptions, RuleWarnings, Rules, RulesHandle, outlet::Outlet},
    sandbox::{
        COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT, CompilerOptions, Progress, Sandbox, SandboxError, SandboxOptions,
    },
    schedule::{self, Scheduler, SchedulerHandle},
    secret::Redactor,
    store::{LockError, StateLock, Store, StoreError},
    supervisor::Supervisor,
    telemetry::{Sink, Telemetry},
};

/// Of this host.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long running checks may take to end after a stop is asked for. Kubernetes gives a pod 30 s in all.
const RUNS_PATIENCE: Duration = Duration::from_secs(10);

/// How long everything else may take to end after that.
const TASKS_PATIENCE: Duration = Duration::from_secs(5);

/// What an app is started with.
pub struct Options {
    /// To read the configuration again by.
    pub request: LoadRequest,
    /// The configuration as it was read.
    pub loaded: Loaded,
    /// The `bellwether` binary, for compiling plugins.
    pub compiler: PathBuf,
    /// Where the log goes.
    pub sink: Sink,
    /// Time.
    pub clock: Clock,
    /// Told what loading is doing, for a person who waits.
    pub progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another host, or no access.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The port, or what may be served on it.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS, or a thread.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine or its cache.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No threads.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// A rule file or a `[[rule]]`.
    #[error("the rules cannot be used:\n{0}")]
    Rules(Problems),
    /// Texts or addresses of a receiver.
    #[error("receivers cannot be used:\n{0}")]
    Receivers(Problems),
}

/// A running host.
#[derive(Debug)]
pub struct App {
    supervisor: Supervisor,
    telemetry: Telemetry,
    scheduler: SchedulerHandle,
    board: BoardHandle,
    rules: RulesHandle,
    dispatch: DispatchHandle,
    deliver: DeliverHandle,
    ingest: IngestHandle,
    store: Store,
    serve: ServeHandle,
    door: Door,
    plugin_runtime: PluginRuntime,
    watch: Option<watch::Watch>,
    // Released last.
    _lock: StateLock,
}

impl App {
    /// Starts everything. Returns when the address is taken and being served; plugins are loaded behind it.
    ///
    /// One straight function on purpose: the order in which parts come to be is the order to read.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            request,
            loaded,
            compiler,
            sink,
            clock,
            progress,
        } = options;
        let config = &loaded.config;
        let (rule_set, rule_warnings) = rule::load(&loaded).map_err(StartError::Rules)?;
        let unfit = configured::problems(&loaded);
        if !unfit.is_empty() {
            return Err(StartError::Receivers(Problems(unfit)));
        }

        // What others could hold comes first: nothing has been touched when it cannot be had.
        let lock = StateLock::acquire(&config.host.state_dir)?;
        let listener = expose::bind(config.host.listen)?;
        let push_listener = config.host.push_listen.map(expose::bind).transpose()?;

        let redactor = Redactor::default();
        redactor.learn(&config.secrets);
        let telemetry = Telemetry::new(sink, config.log, redactor.clone(), clock.clone());
        let supervisor = supervisor(&telemetry);
        telemetry.emit(&events::Starting {
            version: VERSION,
            loaded: &loaded,
        });

        let store = Store::open_locked(&lock, &supervisor, &telemetry)?;
        let bank = StateBank::default();
        match table::restore(&store, &bank) {
            // Of a newer version: nothing here may touch it.
            Err(error @ (StoreError::Newer { .. } | StoreError::Migration { .. })) => return Err(error.into()),
            Err(error) => telemetry.emit(&events::StateNotRestored { error: &error }),
            Ok(()) => {}
        }

        let sandbox = Arc::new(Sandbox::new(SandboxOptions {
            cache_dir: config.host.cache_dir.clone(),
            compiler: compiler_options(compiler),
            bundled: BUNDLED,
            host_version: VERSION,
            concurrency: config.host.concurrency,
            system: SystemReader::new(supervisor.clone(), telemetry.clone(), clock.clone()),
            telemetry: telemetry.clone(),
            redactor: redactor.clone(),
            supervisor: supervisor.clone(),
            clock: clock.clone(),
        })?);
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let plugin_runtime = PluginRuntime::start(workers).map_err(StartError::Threads)?;

        let board = Board::start(
            &supervisor,
            BoardOptions {
                version: VERSION,
                store: Some(store.clone()),
                clock: clock.clone(),
                telemetry: telemetry.clone(),
            },
        );
        let address = listener
            .local_addr()
            .map_or(config.host.listen, |address| address)
            .to_string();
        let now = i64::try_from(clock.wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let settings = history::Settings::of(&config.history, &address);
        let (history, restored) = history::restore(settings, &config.host.state_dir, now);
        Reporter::new(telemetry.clone()).restored(&restored);
        let scheme = if config.access.tls.is_some() { "https" } else { "http" };
        let trust = Trust::default();
        let outlet = Outlet::default();
        let rules = Rules::start(
            &supervisor,
            RuleOptions {
                snapshots: board.snapshots(),
                store: Some(store.clone()),
                history,
                state_dir: Some(config.host.state_dir.clone()),
                externals: Externals {
                    url: format!("{scheme}://{address}"),
                    ..Externals::default()
                },
                outlet: outlet.clone(),
                clock: clock.clone(),
                telemetry: telemetry.clone(),
            },
        )
        .map_err(StartError::Threads)?;
        let dispatch = Dispatch::start(
            &supervisor,
            DispatchOptions {
                settings: dispatch::Settings::of(config, &dispatch::Refreshes::new()),
                store: Some(store.clone()),
                outlet,
                snapshots: Some(board.snapshots()),
                clock: clock.clone(),
                telemetry: telemetry.clone(),
            },
        );
        let outward = Outward {
            deliver: DeliverHandle::new(DeliverOptions {
                outbox: dispatch.outbox(),
                clock: clock.clone(),
                telemetry: telemetry.clone(),
                supervisor: supervisor.clone(),
            }),
            maker: Maker {
                tools: Tools {
                    dialer: Dialer::new(clock.clone()),
                    trust: trust.clone(),
                    telemetry: telemetry.clone(),
                },
                forwarders: ForwarderTools {
                    bank: bank.clone(),
                    store: store.clone(),
                    clock: clock.clone(),
                    supervisor: supervisor.clone(),
                    runtime: plugin_runtime.handle().clone(),
                    facts: Arc::new(runner::facts(&config.host.environment)),
                },
                key: receivers::key(&config.host.state_dir, &telemetry),
                redactor: redactor.clone(),
            },
            http: HttpHost::new(HttpTools {
                clock: clock.clone(),
                dialer: Dialer::new(clock.clone()),
                trust,
                supervisor: supervisor.clone(),
                redactor: redactor.clone(),
                // One sign of life at a time.
                runs: 1,
            }),
            rules: rules.status(),
            store: store.clone(),
            supervisor: supervisor.clone(),
            address: format!("{scheme}://{address}"),
            beating: None,
        };
        let deliver = outward.expecting(&loaded.config);
        let roster = Roster::default();
        let scheduler = Scheduler::start(
            &supervisor,
            clock.clone(),
            schedule::Options {
                concurrency: config.host.concurrency,
                plugin_runtime: plugin_runtime.handle().clone(),
            },
            Arc::new(SandboxRunner::new(
                roster.clone(),
                bank.clone(),
                store.clone(),
                deliver.clone(),
                &config.host.environment,
            )),
            board.news(),
            telemetry.clone(),
        );
        scheduler.restore(board.previous()).await;
        let onward = pushed::Parts {
            board: &board,
            store: &store,
            dispatch: &dispatch,
            deliver: &deliver,
            clock: &clock,
            telemetry: &telemetry,
        };
        let ingest = pushed::start(&supervisor, config, &onward).map_err(StartError::Threads)?;
        if !rule_warnings.is_empty() {
            telemetry.emit(&RuleWarnings {
                warnings: &rule_warnings,
            });
        }
        rules.replace(rule_set.clone(), None).await;

        let (door, inbox) = conductor::door(scheduler.clone());
        let serve = expose::serve(
            listener,
            ServeOptions {
                access: config.access.clone(),
                snapshots: board.snapshots(),
                sources: Sources {
                    views: rules.views(),
                    rules: rules.status(),
                },
                dispatch: dispatch.clone(),
                ingest: ingest.clone(),
                push_listener,
                control: Arc::new(door.clone()),
                telemetry: telemetry.clone(),
                redactor: redactor.clone(),
                clock: clock.clone(),
                version: VERSION.to_owned(),
                environment: redactor.redact(&config.host.environment).into_owned(),
                certificate_poll: CERTIFICATE_POLL,
            },
            &supervisor,
        )?;
        let watch = watch::Watch::start(&supervisor, door.clone(), watch::Watched::of(&loaded));
        let conductor = Conductor {
            request,
            current: loaded,
            sandbox,
            roster,
            board: board.clone(),
            rules: rules.clone(),
            dispatch: dispatch.clone(),
            ingest: ingest.clone(),
            outward,
            without_events: Problems::default(),
            failed_receivers: Vec::new(),
            scheduler: scheduler.clone(),
            serve: serve.clone(),
            redactor,
            telemetry: telemetry.clone(),
            supervisor: supervisor.clone(),
            watch: watch.handle(),
            editions: Editions::default(),
            failed: Vec::new(),
            first_rules: Some(rule_set),
            progress,
        };
        drop(supervisor.spawn("conductor", conductor.run(inbox)));
        Ok(Self {
            supervisor,
            telemetry,
            scheduler,
            board,
            rules,
            dispatch,
            deliver,
            ingest,
            store,
            serve,
            door,
            plugin_runtime,
            watch: Some(watch),
            _lock: lock,
        })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.serve.address()
    }

    /// Where pushes are taken besides, with the real port.
    pub fn push_address(&self) -> Option<SocketAddr> {
        self.serve.push_address()
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.serve.scheme()
    }

    /// Who is told of what.
    pub fn dispatch(&self) -> &DispatchHandle {
        &self.dispatch
    }

    /// Who is delivered to.
    pub fn deliver(&self) -> &DeliverHandle {
        &self.deliver
    }

    /// What rules are doing, and the samples that they see.
    pub fn rules(&self) -> &RulesHandle {
        &self.rules
    }

    /// For the process around it.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Reads the configuration again and swaps it in when all of it is good. Does not wait: what came of it is logged.
    pub fn reload_soon(&self) {
        self.door.reload_soon(Cause::Signal);
    }

    /// Drains: no new runs and no rules, running runs may end, last reports are kept, and the endpoint closes last. Returns the names
    /// of what had to be left behind.
    pub async fn stop(mut self) -> Vec<String> {
        self.telemetry.emit(&events::Stopping);
        self.watch = None;
        // Together: rules must not judge by what is no longer renewed, such as the checks that wait here for one long run.
        let (mut left, ()) = tokio::join!(self.scheduler.stop(RUNS_PATIENCE), self.rules.stop());
        self.ingest.stop().await;
        self.deliver.stop().await;
        self.dispatch.stop().await;
        self.board.stop().await;
        if let Err(error) = self.store.close().await {
            self.telemetry.emit(&events::NotKept {
                problem: error.to_string(),
            });
        }
        left.extend(self.supervisor.stop(TASKS_PATIENCE).await);
        drop(self.plugin_runtime);
        self.telemetry.emit(&events::Stopped { left: &left });
        left
    }
}

/// Where plugins run. May be dropped anywhere, after a start that failed halfway too: a bare runtime would wait for its
/// threads and panic where that is not allowed.
#[derive(Debug)]
struct PluginRuntime {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl PluginRuntime {
    fn start(workers: usize) -> std::io::Result<Self> {
        let runtime = Supervisor::background_runtime("plugin", workers)?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for PluginRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn supervisor(telemetry: &Telemetry) -> Supervisor {
    let telemetry = telemetry.clone();
    Supervisor::new(move |panic| telemetry.emit(&TaskPanicked { panic }))
}

fn compiler_options(program: PathBuf) -> CompilerOptions {
    CompilerOptions {
        program,
        cpu: COMPILE_CPU_DEFAULT,
        wall: COMPILE_WALL_DEFAULT,
    }
}
