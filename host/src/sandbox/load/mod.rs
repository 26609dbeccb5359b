//! From a name in the configuration to a plugin that can run.
//!
//! Owns the order of loading (read, pin, inspect, compile or hit the cache, link, describe) and sees to it that one
//! component is compiled once and held once, however many checks use it. Flows in: a [`PluginSource`]. Flows out: a
//! shared [`Plugin`], or why there is none.

mod ask;
mod error;
mod source;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

pub use error::{LoadError, SandboxError};
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use super::{
    bindings::exports::bellwether::plugin::identity,
    cache::{Cache, Found},
    child::Job,
    compile::{Compiler, CompilerOptions},
    engine::{self, Ticker},
    events::{CacheEntryRefused, Compiled},
    inspect::{Inspection, inspect},
    link,
    plugin::{Exports, Machine, Plugin},
};
use crate::{
    capability::{
        database::Tools,
        dial::{Dialer, Resolve, SystemResolver},
        http::{HttpHost, HttpTools},
        postgres::Postgres,
        redis::Redis,
        system::SystemReader,
        tls::Trust,
    },
    clock::Clock,
    config::{PluginOrigin, PluginSource},
    secret::Redactor,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// What a sandbox needs of the rest of the host.
#[derive(Debug)]
pub struct SandboxOptions {
    /// Compiled plugins; made if it is not there.
    pub cache_dir: PathBuf,
    /// How components are compiled.
    pub compiler: CompilerOptions,
    /// Plugins that came with the host: name and component, compressed with zlib.
    pub bundled: &'static [(&'static str, &'static [u8])],
    /// Of the host, told to guests.
    pub host_version: &'static str,
    /// Runs at once; more wait.
    pub concurrency: usize,
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

/// What loading is doing, for whoever waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not in the cache; this takes from a tenth of a second (Rust) to ten seconds (Python).
    Compiling {
        /// As in the configuration.
        plugin: String,
    },
    /// It is still being compiled; said every ten seconds.
    StillCompiling {
        /// As in the configuration.
        plugin: String,
        /// Wall clock so far.
        after: Duration,
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

/// How often whoever waits for a compilation hears that it goes on.
const SAY_IT_GOES_ON: Duration = Duration::from_secs(10);

/// Stores besides those of runs: plugins are loaded one after the other, and somebody may ask about one more.
const SEATS_FOR_DESCRIBE: usize = 4;

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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sandbox {
    /// Starts the engine and its ticker, and opens the cache.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// With another resolver than the system's: tests make names resolve to what they want.
    pub fn with_resolver(options: SandboxOptions, resolver: Arc<dyn Resolve>) -> Result<Self, SandboxError> {
        let seats = options.concurrency.saturating_add(SEATS_FOR_DESCRIBE);
        let engine = engine::pooled(seats).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine, &options.supervisor).map_err(SandboxError::Thread)?;
        let cache = Cache::open(&options.cache_dir, &engine)?;
        let tools = Tools {
            clock: options.clock.clone(),
            dialer: Dialer::with_resolver(options.clock.clone(), resolver),
            trust: Trust::default(),
            redactor: options.redactor.clone(),
            telemetry: options.telemetry.clone(),
        };
        let http = HttpHost::new(HttpTools {
            clock: options.clock.clone(),
            dialer: tools.dialer.clone(),
            // Both read the system's roots once.
            trust: tools.trust.clone(),
            supervisor: options.supervisor.clone(),
            redactor: tools.redactor.clone(),
        });
        let machine = Machine {
            http,
            engine,
            seats: Semaphore::new(seats),
            ticker,
            compiler: Compiler::new(options.compiler),
            telemetry: options.telemetry,
            redactor: options.redactor,
            clock: options.clock,
            system: options.system,
            redis: Redis::new(tools.clone()),
            postgres: Postgres::new(tools),
            host_version: options.host_version,
        };
        Ok(Self {
            machine: Arc::new(machine),
            cache: Arc::new(cache),
            supervisor: options.supervisor,
            bundled: options.bundled,
            slots: Mutex::default(),
        })
    }

    /// The plugin of a source. Loaded ones are shared; what fails is tried anew each time it is asked for.
    pub async fn load(
        &self,
        source: &PluginSource,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Arc<Plugin>, LoadError> {
        let plugin = source::label(source);
        let bytes = self.read(source, &plugin).await?;
        let sha256 = source::hash(&bytes);
        source::check_pin(source, &plugin, &sha256)?;
        let slot = self.slot(sha256);
        let mut held = slot.lock().await;
        if let Some(loaded) = held.upgrade() {
            return Ok(loaded);
        }
        let loaded = Arc::new(self.build(plugin, sha256, bytes, progress).await?);
        *held = Arc::downgrade(&loaded);
        Ok(loaded)
    }

    /// What a source is, without compiling or running it.
    pub async fn inspect(&self, source: &PluginSource) -> Result<([u8; 32], Inspection), LoadError> {
        let plugin = source::label(source);
        let bytes = self.read(source, &plugin).await?;
        let sha256 = source::hash(&bytes);
        source::check_pin(source, &plugin, &sha256)?;
        let inspected = inspect(&bytes).map_err(|source| LoadError::Inspect { plugin, source });
        inspected.map(|inspection| (sha256, inspection))
    }

    fn slot(&self, sha256: [u8; 32]) -> Slot {
        let mut slots = lock(&self.slots);
        slots
            .retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|held| held.strong_count() > 0));
        Arc::clone(slots.entry(sha256).or_default())
    }

    async fn read(&self, source: &PluginSource, plugin: &str) -> Result<Vec<u8>, LoadError> {
        match &source.origin {
            PluginOrigin::Bundled(name) => {
                let (all, name) = (self.bundled, name.clone());
                self.blocking(plugin, move || source::bundled(all, &name)).await?
            }
            PluginOrigin::File(path) => {
                let (path, file) = (path.clone(), path.clone());
                let read = self.blocking(plugin, move || source::read_file(&file)).await?;
                read.map_err(|source| LoadError::Read { path, source })
            }
        }
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
        let exports = Exports::new(&inspection, &instance).map_err(unfit)?;
        let description = self.machine.describe(&plugin, &instance, &identity).await?;
        Ok(Plugin {
            machine: Arc::clone(&self.machine),
            sha256,
            inspection,
            name: description.name.as_str().into(),
            description,
            instance,
            exports,
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
        let goes_on = |after| {
            progress(Progress::StillCompiling {
                plugin: plugin.to_owned(),
                after,
            });
        };
        let compiled = meanwhile(SAY_IT_GOES_ON, goes_on, self.compile(plugin, sha256, bytes)).await;
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
        let answer = self.machine.compiler.perform(job, bytes, Duration::MAX).await;
        answer.map_err(|source| LoadError::Compile {
            plugin: plugin.to_owned(),
            source,
        })?;
        let (cache, key) = (Arc::clone(&self.cache), *sha256);
        Ok(self.blocking(plugin, move || cache.keep(&key, &written)).await??)
    }
}

/// Awaits `work`, and says how long it has taken each time another `every` has passed.
async fn meanwhile<F: Future>(every: Duration, mut say: impl FnMut(Duration), work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    let mut after = Duration::ZERO;
    loop {
        match tokio::time::timeout(every, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => {
                after += every;
                say(after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_long_hears_that_it_goes_on() {
        let mut said = Vec::new();
        let work = tokio::time::sleep(Duration::from_secs(25));
        meanwhile(SAY_IT_GOES_ON, |after| said.push(after.as_secs()), work).await;
        assert_eq!(said, [10, 20]);
    }
}
