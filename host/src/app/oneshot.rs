//! A sandbox without a host around it, for verbs that look at one thing and end: nothing is scheduled, served or kept.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use tokio::runtime::Handle;

use super::{VERSION, compiler_options, plugins::load_receivers, receivers::Maker, runner};
use crate::{
    bundled::BUNDLED,
    capability::{
        dial::Dialer,
        reach::Reach,
        state::{StateBank, table},
        system::SystemReader,
        tls::Trust,
    },
    clock::Clock,
    config::{Check, Loaded, Receiver, nearest},
    deliver::{
        configured::Tools,
        forwarder::ForwarderTools,
        redact::{KEY_BYTES, Key},
    },
    dispatch::Attempt,
    sandbox::{Plugin, Progress, RunEnd, Sandbox, SandboxError, SandboxOptions},
    schedule::Job,
    secret::Redactor,
    store::{self, Store},
    supervisor::Supervisor,
    telemetry::{LogOptions, Sink, Telemetry},
};

/// What a one-shot verb needs.
#[derive(Debug)]
pub struct OneShotOptions {
    /// Compiled plugins.
    pub cache_dir: PathBuf,
    /// The `bellwether` binary, for compiling plugins.
    pub compiler: PathBuf,
    /// Where guests' lines go.
    pub sink: Sink,
    /// How they look.
    pub log: LogOptions,
}

/// A sandbox, and what it stands on.
#[derive(Debug)]
pub struct OneShot {
    /// Loads and inspects plugins.
    pub sandbox: Sandbox,
    /// Knows the configuration's secrets, once told.
    pub redactor: Redactor,
    clock: Clock,
    telemetry: Telemetry,
    supervisor: Supervisor,
}

impl OneShot {
    /// Needs a runtime around it.
    pub fn new(options: OneShotOptions) -> Result<Self, SandboxError> {
        let clock = Clock::system();
        let redactor = Redactor::default();
        let telemetry = Telemetry::new(options.sink, options.log, redactor.clone(), clock.clone());
        let supervisor = super::supervisor(&telemetry);
        let sandbox = Sandbox::new(SandboxOptions {
            cache_dir: options.cache_dir,
            compiler: compiler_options(options.compiler),
            bundled: BUNDLED,
            host_version: VERSION,
            concurrency: 1,
            system: SystemReader::new(supervisor.clone(), telemetry.clone(), clock.clone()),
            telemetry: telemetry.clone(),
            redactor: redactor.clone(),
            supervisor: supervisor.clone(),
            clock: clock.clone(),
        })?;
        Ok(Self {
            sandbox,
            redactor,
            clock,
            telemetry,
            supervisor,
        })
    }

    /// Runs a check once on a copy of what it remembers in `loaded`'s state directory.
    pub async fn run(&self, loaded: &Loaded, check: &Arc<Check>, plugin: &Plugin, reach: &Arc<Reach>) -> RunEnd {
        let bank = StateBank::default();
        let kept = store::peek(&loaded.config.host.state_dir, table::read_all).unwrap_or_default();
        let mut entries: HashMap<String, Vec<(String, Vec<u8>)>> = HashMap::new();
        for (name, key, value) in kept {
            entries.entry(name).or_default().push((key, value));
        }
        bank.restore(
            Arc::clone(&check.name),
            entries.remove(&*check.name).unwrap_or_default(),
        );
        let job = Job {
            check: Arc::clone(check),
            scheduled_at: self.clock.wall(),
            attempt: 1,
            previous: None,
        };
        let state = bank.view(&check.name, plugin.description().state_quota(check.limits.state_bytes));
        let facts = Arc::new(runner::facts(&loaded.config.host.environment));
        plugin.run(runner::request(job, Arc::clone(reach), state, facts)).await
    }
}

impl OneShot {
    /// Sends a receiver of `loaded` a notification that is marked as a test. What became of it. Errors: there is no such receiver, or
    /// nothing that could carry it out.
    pub async fn test_receiver(
        &self,
        loaded: &Loaded,
        name: &str,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Attempt, String> {
        let receiver = find_receiver(loaded, name)?;
        let mut alone = loaded.clone();
        alone.config.dispatch.receivers.retain(|own, _| **own == *name);
        let plugins = load_receivers(&self.sandbox, &alone, progress).await;
        if let Some(problems) = plugins.first().and_then(|loaded| loaded.plugin.as_ref().err()) {
            return Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
        let store = Store::in_memory(&self.supervisor, &self.telemetry).map_err(|error| error.to_string())?;
        let maker = Maker {
            tools: Tools {
                dialer: Dialer::new(self.clock.clone()),
                trust: Trust::default(),
                telemetry: self.telemetry.clone(),
            },
            forwarders: ForwarderTools {
                bank: StateBank::default(),
                store,
                clock: self.clock.clone(),
                supervisor: self.supervisor.clone(),
                runtime: Handle::current(),
                facts: Arc::new(runner::facts(&loaded.config.host.environment)),
            },
            // A test has no labels that could be hidden.
            key: Key::new([0; KEY_BYTES]),
            redactor: self.redactor.clone(),
        };
        let receiver = maker.receiver(&loaded.config, &receiver, &plugins, "");
        Ok(receiver.test(&self.clock).await)
    }
}

fn find_receiver(loaded: &Loaded, name: &str) -> Result<Arc<Receiver>, String> {
    let receivers = &loaded.config.dispatch.receivers;
    receivers
        .get(name)
        .cloned()
        .ok_or_else(|| match nearest(name, receivers.keys().map(|known| &**known)) {
            Some(meant) => format!("there is no receiver `{name}`; did you mean `{meant}`?"),
            None if receivers.is_empty() => format!("there is no receiver `{name}`: the configuration has none"),
            None => {
                let known: Vec<&str> = receivers.keys().map(|known| &**known).take(20).collect();
                format!("there is no receiver `{name}`; there are: {}", known.join(", "))
            }
        })
}

/// A check by name, or what to tell whoever misspelt it.
pub fn find_check(loaded: &Loaded, name: &str) -> Result<Arc<Check>, String> {
    let checks = &loaded.config.checks;
    checks
        .get(name)
        .cloned()
        .ok_or_else(|| match nearest(name, checks.keys().map(|known| &**known)) {
            Some(meant) => format!("there is no check `{name}`; did you mean `{meant}`?"),
            None if checks.is_empty() => format!("there is no check `{name}`: the configuration has none"),
            None => {
                let known: Vec<&str> = checks.keys().map(|known| &**known).take(20).collect();
                format!("there is no check `{name}`; there are: {}", known.join(", "))
            }
        })
}
