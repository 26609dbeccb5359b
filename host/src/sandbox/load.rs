//! From a name in the configuration to a plugin that can run.
//!
//! Owns the order of loading (read, pin, inspect, compile or hit the cache, link, describe) and sees to it that one
//! component is compiled once and held once, however many checks use it. Flows in: a [`PluginSource`]. Flows out: a
//! shared [`Plugin`], or why there is none.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre};

use super::{
    bindings::exports::bellwether::plugin::{check, identity},
    cache::{Cache, CacheError, Found, hex},
    child::{Answer, Job},
    compile::{CompileError, Compiler, CompilerOptions},
    describe::{self, Description, DescriptionError},
    end::{self, Ended, Place},
    engine::{self, Ticker},
    events::{CacheEntryRefused, Compiled},
    guest::Guest,
    inspect::{COMPONENT_BYTES_MAX, CONTRACT_VERSION, InspectError, Inspection, inspect},
    limits::RunLimits,
    link,
    meter::{Meter, Metered},
    plugin::{Machine, Plugin},
    schema::{Checked, SettingsJob, SettingsProblem},
    stdio,
};
use crate::{
    capability::{
        log::{LINES_DEFAULT, RunLog},
        system::SystemReader,
    },
    clock::Clock,
    config::{Limits, PluginOrigin, PluginSource},
    outcome::Failure,
    secret::Redactor,
    supervisor::{Supervisor, catch_async},
    telemetry::Telemetry,
};

/// Wall clock of `describe`: Python takes 0.1 s for it on a busy machine.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a sandbox needs of the rest of the host.
#[derive(Debug)]
pub struct SandboxOptions {
    /// Compiled plugins; made if it is not there.
    pub cache_dir: PathBuf,
    /// How components are compiled.
    pub compiler: CompilerOptions,
    /// Plugins that came with the host: name and component.
    pub bundled: &'static [(&'static str, &'static [u8])],
    /// Of the host, told to guests.
    pub host_version: &'static str,
    /// The machine reader.
    pub system: SystemReader,
    /// For lines of guests and of the sandbox.
    pub telemetry: Telemetry,
    /// For everything guests say.
    pub redactor: Redactor,
    /// For the epoch ticker and blocking work.
    pub supervisor: Supervisor,
    /// For times of runs.
    pub clock: Clock,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The machine cannot run WebAssembly as configured.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// No thread.
    #[error("cannot start a thread for the WebAssembly engine: {0}")]
    Thread(io::Error),
    /// See [`CacheError`].
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No plugin of that name.
    #[error("no plugin `{name}` came with this host (there are: {}); a file is named by its path, such as `./{name}.wasm`", .known.join(", "))]
    NotBundled {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what was pinned.
    #[error(
        "`{plugin}` hashes to sha256 {found}, and the configuration pins {pinned}: it is not the file that was reviewed"
    )]
    Pin {
        /// As in the configuration.
        plugin: String,
        /// Lower-case hexadecimal.
        found: String,
        /// Lower-case hexadecimal.
        pinned: String,
    },
    /// No plugin.
    #[error("`{plugin}` is no usable plugin: {source}")]
    Inspect {
        /// As in the configuration.
        plugin: String,
        /// Why.
        source: InspectError,
    },
    /// It does not compile.
    #[error("`{plugin}` does not compile: {source}")]
    Compile {
        /// As in the configuration.
        plugin: String,
        /// Why.
        source: CompileError,
    },
    /// See [`CacheError`].
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Its imports or exports have the wrong types.
    #[error(
        "`{plugin}` does not fit this host (built for API {built_for}, host provides {CONTRACT_VERSION}): {problem}"
    )]
    Link {
        /// As in the configuration.
        plugin: String,
        /// Contract version.
        built_for: String,
        /// The whole chain.
        problem: String,
    },
    /// `describe` did not return.
    #[error("`{plugin}` cannot describe itself: {}", .failure.message)]
    Describe {
        /// As in the configuration.
        plugin: String,
        /// Reason and message.
        failure: Failure,
    },
    /// `describe` returned nonsense.
    #[error("the description of `{plugin}` is not acceptable: {source}")]
    Description {
        /// As in the configuration.
        plugin: String,
        /// Why.
        source: DescriptionError,
    },
    /// A thread could not be started, or panicked.
    #[error("the host itself failed while loading `{plugin}`: {problem}")]
    Host {
        /// As in the configuration.
        plugin: String,
        /// What happened.
        problem: String,
    },
}

/// What loading is doing, for whoever waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not in the cache; this takes from a tenth of a second (Rust) to ten seconds (Python).
    Compiling {
        /// As in the configuration.
        plugin: String,
    },
    /// Done.
    Compiled {
        /// As in the configuration.
        plugin: String,
        /// Wall clock.
        took: Duration,
    },
    /// Found in the cache.
    Cached {
        /// As in the configuration.
        plugin: String,
    },
}

/// What tells two states of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// One component, by hash: held while somebody uses it, loaded by one task at a time.
type Slot = Arc<tokio::sync::Mutex<Weak<Plugin>>>;

/// Loads plugins.
#[derive(Debug)]
pub struct Sandbox {
    machine: Arc<Machine>,
    cache: Arc<Cache>,
    supervisor: Supervisor,
    bundled: &'static [(&'static str, &'static [u8])],
    slots: Mutex<HashMap<[u8; 32], Slot>>,
    /// Hashes of files that were read, so that ten thousand checks of one plugin read it once.
    hashes: Mutex<HashMap<PathBuf, (Stamp, [u8; 32])>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As in the configuration.
fn label(source: &PluginSource) -> String {
    match &source.origin {
        PluginOrigin::Bundled(name) => name.clone(),
        PluginOrigin::File(path) => path.display().to_string(),
    }
}

impl Sandbox {
    /// Starts the engine and its ticker, and opens the cache.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let engine = engine::engine().map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine, &options.supervisor).map_err(SandboxError::Thread)?;
        let cache = Cache::open(&options.cache_dir, &engine)?;
        let machine = Machine {
            engine,
            ticker,
            compiler: Compiler::new(options.compiler),
            telemetry: options.telemetry,
            redactor: options.redactor,
            clock: options.clock,
            system: options.system,
            host_version: options.host_version,
        };
        Ok(Self {
            machine: Arc::new(machine),
            cache: Arc::new(cache),
            supervisor: options.supervisor,
            bundled: options.bundled,
            slots: Mutex::default(),
            hashes: Mutex::default(),
        })
    }

    /// The plugin of a source. Loaded ones are shared; what fails is tried anew each time it is asked for.
    pub async fn load(
        &self,
        source: &PluginSource,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Arc<Plugin>, LoadError> {
        let plugin = label(source);
        let (sha256, bytes) = self.identify(source, &plugin).await?;
        check_pin(source, &plugin, &sha256)?;
        let slot = self.slot(sha256);
        let mut held = slot.lock().await;
        if let Some(loaded) = held.upgrade() {
            return Ok(loaded);
        }
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => self.read(source, &plugin).await?,
        };
        let loaded = Arc::new(self.build(plugin, sha256, bytes, progress).await?);
        *held = Arc::downgrade(&loaded);
        Ok(loaded)
    }

    /// What a source is, without compiling or running it.
    pub async fn inspect(&self, source: &PluginSource) -> Result<([u8; 32], Inspection), LoadError> {
        let plugin = label(source);
        let bytes = self.read(source, &plugin).await?;
        let sha256 = hash(&bytes);
        check_pin(source, &plugin, &sha256)?;
        let inspected = inspect(&bytes).map_err(|source| LoadError::Inspect { plugin, source });
        inspected.map(|inspection| (sha256, inspection))
    }

    fn slot(&self, sha256: [u8; 32]) -> Slot {
        let mut slots = lock(&self.slots);
        slots
            .retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|held| held.strong_count() > 0));
        Arc::clone(slots.entry(sha256).or_default())
    }

    /// The hash of a source, and its bytes if they had to be read for it.
    async fn identify(&self, source: &PluginSource, plugin: &str) -> Result<([u8; 32], Option<Vec<u8>>), LoadError> {
        let stamped = match &source.origin {
            PluginOrigin::File(path) => stamp(path).map(|stamp| (path, stamp)),
            // Bundled bytes never change.
            PluginOrigin::Bundled(_) => None,
        };
        if let Some((path, stamp)) = stamped
            && let Some((seen, sha256)) = lock(&self.hashes).get(path)
            && *seen == stamp
        {
            return Ok((*sha256, None));
        }
        let bytes = self.read(source, plugin).await?;
        let sha256 = hash(&bytes);
        if let Some((path, stamp)) = stamped {
            lock(&self.hashes).insert(path.clone(), (stamp, sha256));
        }
        Ok((sha256, Some(bytes)))
    }

    async fn read(&self, source: &PluginSource, plugin: &str) -> Result<Vec<u8>, LoadError> {
        match &source.origin {
            PluginOrigin::Bundled(name) => self.bundled(name).map(<[u8]>::to_vec),
            PluginOrigin::File(path) => {
                let (path, file) = (path.clone(), path.clone());
                let read = self.blocking(plugin, move || read_file(&file)).await?;
                read.map_err(|source| LoadError::Read { path, source })
            }
        }
    }

    fn bundled(&self, name: &str) -> Result<&'static [u8], LoadError> {
        let found = self.bundled.iter().find(|(bundled, _)| *bundled == name);
        found.map(|(_, bytes)| *bytes).ok_or_else(|| LoadError::NotBundled {
            name: name.to_owned(),
            known: self.bundled.iter().map(|(name, _)| *name).collect(),
        })
    }

    /// Work that would hold up a runtime thread, on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        plugin: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let host = |problem: String| LoadError::Host {
            plugin: plugin.to_owned(),
            problem,
        };
        let (done, wait) = tokio::sync::oneshot::channel();
        let started = self.supervisor.thread("load-plugin", move || {
            // Whoever waited may be gone.
            let _ = done.send(work());
        });
        started.map_err(|error| host(format!("no thread: {error}")))?;
        wait.await
            .map_err(|_| host("it panicked; please report this".to_owned()))
    }

    async fn build(
        &self,
        plugin: String,
        sha256: [u8; 32],
        bytes: Vec<u8>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Plugin, LoadError> {
        let bytes = Arc::new(bytes);
        let walked = Arc::clone(&bytes);
        let inspected = self.blocking(&plugin, move || inspect(&walked)).await?;
        let inspection = inspected.map_err(|source| LoadError::Inspect {
            plugin: plugin.clone(),
            source,
        })?;
        let component = self.component(&plugin, &sha256, &bytes, progress).await?;
        let unfit = |error: wasmtime::Error| LoadError::Link {
            plugin: plugin.clone(),
            built_for: inspection.contract_version.clone(),
            problem: format!("{error:#}"),
        };
        let instance = link::link(&self.machine.engine, &component).map_err(unfit)?;
        let identity = identity::GuestIndices::new(&instance).map_err(unfit)?;
        let check = inspection.is_check().then(|| check::GuestIndices::new(&instance));
        let check = check.transpose().map_err(unfit)?;
        let description = self.describe(&plugin, &instance, &identity).await?;
        Ok(Plugin {
            machine: Arc::clone(&self.machine),
            sha256,
            inspection,
            name: description.name.as_str().into(),
            description,
            instance,
            check,
        })
    }

    /// Compiled code, from the cache or from a child.
    async fn component(
        &self,
        plugin: &str,
        sha256: &[u8; 32],
        bytes: &[u8],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Component, LoadError> {
        if let Some(component) = self.cached(plugin, sha256).await? {
            progress(Progress::Cached {
                plugin: plugin.to_owned(),
            });
            return Ok(component);
        }
        let _turn = self.machine.compiler.turn().await;
        progress(Progress::Compiling {
            plugin: plugin.to_owned(),
        });
        let began = self.machine.clock.monotonic();
        let compiled = self.compile(plugin, sha256, bytes).await;
        let took = self.machine.clock.monotonic().saturating_duration_since(began);
        self.machine.telemetry.emit(&Compiled {
            plugin,
            took,
            ok: compiled.is_ok(),
        });
        compiled?;
        progress(Progress::Compiled {
            plugin: plugin.to_owned(),
            took,
        });
        let found = self.cached(plugin, sha256).await?;
        found.ok_or_else(|| LoadError::Host {
            plugin: plugin.to_owned(),
            problem: "what was compiled could not be loaded; the log says why".to_owned(),
        })
    }

    async fn cached(&self, plugin: &str, sha256: &[u8; 32]) -> Result<Option<Component>, LoadError> {
        let (cache, engine, key) = (Arc::clone(&self.cache), self.machine.engine.clone(), *sha256);
        match self.blocking(plugin, move || cache.load(&engine, &key)).await?? {
            Found::Hit(component) => Ok(Some(component)),
            Found::Miss => Ok(None),
            Found::Corrupt(why) => {
                self.machine.telemetry.emit(&CacheEntryRefused { plugin, why: &why });
                Ok(None)
            }
        }
    }

    async fn compile(&self, plugin: &str, sha256: &[u8; 32], bytes: &[u8]) -> Result<(), LoadError> {
        let written = self.cache.temporary()?;
        let job = Job::Compile {
            artifact: written.path().to_owned(),
        };
        let answer = self.machine.compiler.perform(job, bytes).await;
        answer.map_err(|source| LoadError::Compile {
            plugin: plugin.to_owned(),
            source,
        })?;
        let (cache, key) = (Arc::clone(&self.cache), *sha256);
        Ok(self.blocking(plugin, move || cache.keep(&key, &written)).await??)
    }

    /// Asks the plugin what it is, under the default limits of a run.
    async fn describe(
        &self,
        plugin: &str,
        instance: &InstancePre<Guest>,
        identity: &identity::GuestIndices,
    ) -> Result<Description, LoadError> {
        let meter = Arc::<Meter>::default();
        let asked = Metered::new(Arc::clone(&meter), self.ask(plugin, instance, identity, &meter)).await;
        let said = asked.map_err(|failure| LoadError::Describe {
            plugin: plugin.to_owned(),
            failure,
        })?;
        describe::validate(said).map_err(|source| LoadError::Description {
            plugin: plugin.to_owned(),
            source,
        })
    }

    async fn ask(
        &self,
        plugin: &str,
        instance: &InstancePre<Guest>,
        identity: &identity::GuestIndices,
        meter: &Arc<Meter>,
    ) -> Result<identity::Description, Failure> {
        let machine = &self.machine;
        let _ticking = machine.ticker.ticking();
        let (telemetry, redactor) = (machine.telemetry.clone(), machine.redactor.clone());
        let log = RunLog::new("".into(), plugin.into(), telemetry, redactor, LINES_DEFAULT);
        let log = Arc::new(Mutex::new(log));
        let limits = RunLimits::resolve(&Limits::default(), None);
        let mut store = Guest::store(&machine.engine, limits, &log, meter, None);
        let work = catch_async("describe", async {
            let instance = instance.instantiate_async(&mut store).await?;
            let guest = identity.load(&mut store, &instance)?;
            guest.call_describe(&mut store).await
        });
        let ended = match tokio::time::timeout(DESCRIBE_TIMEOUT, work).await {
            Err(_) => Ended::Timeout(DESCRIBE_TIMEOUT),
            Ok(Err(panic)) => Ended::Panic(panic),
            Ok(Ok(Err(error))) => Ended::Error(error),
            Ok(Ok(Ok(description))) => return Ok(description),
        };
        stdio::lock(&log).finish();
        let place = Place {
            check: "",
            location: "",
            redactor: &machine.redactor,
        };
        Err(end::explain(&ended, store.data(), place))
    }
}

impl Plugin {
    /// Checks settings tables (JSON text) against the plugin's schema, all in one child process. One result per table,
    /// in order; what the schema itself does wrong is everybody's problem.
    pub async fn check_settings(&self, settings: &[&str]) -> Vec<Checked> {
        if settings.is_empty() {
            return Vec::new();
        }
        let job = SettingsJob {
            schema: self.description.settings_schema.clone(),
            documents: settings.iter().map(|document| (*document).to_owned()).collect(),
        };
        let checked = match serde_json::to_vec(&job) {
            Ok(payload) => self.machine.compiler.check_settings(&payload).await,
            Err(error) => Err(error.to_string()),
        };
        match checked {
            Ok(results) if results.len() == settings.len() => results,
            Ok(_) => everybody(
                settings.len(),
                "the settings could not be checked: answers are missing".to_owned(),
            ),
            Err(problem) => everybody(settings.len(), problem),
        }
    }
}

fn everybody(count: usize, message: String) -> Vec<Checked> {
    let problem = SettingsProblem {
        pointer: String::new(),
        message,
    };
    vec![Err(vec![problem]); count]
}

impl Compiler {
    async fn check_settings(&self, payload: &[u8]) -> Result<Vec<Checked>, String> {
        let _turn = self.turn().await;
        match self.perform(Job::Settings, payload).await {
            Ok(Answer::Checked(results)) => Ok(results),
            Ok(_) => Err("the settings could not be checked: the answer was about something else".to_owned()),
            Err(error) => Err(format!("the plugin's settings schema cannot be used: {error}")),
        }
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn check_pin(source: &PluginSource, plugin: &str, sha256: &[u8; 32]) -> Result<(), LoadError> {
    match &source.sha256 {
        Some(pinned) if pinned != sha256 => Err(LoadError::Pin {
            plugin: plugin.to_owned(),
            found: hex(sha256),
            pinned: hex(pinned),
        }),
        _ => Ok(()),
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    Some(Stamp {
        device: about.dev(),
        inode: about.ino(),
        bytes: about.size(),
        modified: (about.mtime(), about.mtime_nsec()),
        changed: (about.ctime(), about.ctime_nsec()),
    })
}

/// Reads a regular file, one byte past the cap at most, so that `inspect` can say it is too large.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;

    let file = fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
