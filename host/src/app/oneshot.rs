//! A sandbox without a host around it, for verbs that look at one thing and end: nothing is scheduled, served or kept.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{VERSION, compiler_options, runner};
use crate::{
    bundled::BUNDLED,
    capability::{
        reach::Reach,
        state::{QUOTA_BYTES_DEFAULT, StateBank, table},
        system::SystemReader,
    },
    clock::Clock,
    config::{Check, Loaded, nearest},
    sandbox::{Plugin, RunEnd, Sandbox, SandboxError, SandboxOptions},
    schedule::Job,
    secret::Redactor,
    store,
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
            telemetry,
            redactor: redactor.clone(),
            supervisor,
            clock: clock.clone(),
        })?;
        Ok(Self {
            sandbox,
            redactor,
            clock,
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
        let state = bank.view(&check.name, check.limits.state_bytes.unwrap_or(QUOTA_BYTES_DEFAULT));
        let facts = Arc::new(runner::facts(&loaded.config.host.environment));
        plugin.run(runner::request(job, Arc::clone(reach), state, facts)).await
    }
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
