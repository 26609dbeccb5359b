//! A loaded plugin: ready to run any number of times at once.

use std::{fmt, sync::Arc};

use tokio::sync::Semaphore;
use wasmtime::{Engine, component::InstancePre};

use super::{
    bindings::exports::bellwether::plugin::{check, events, notifications, runs},
    compile::Compiler,
    describe::Description,
    engine::Ticker,
    guest::Guest,
    inspect::Inspection,
};
use crate::{
    capability::{http::HttpHost, postgres::Postgres, redis::Redis, system::SystemReader},
    clock::Clock,
    secret::Redactor,
    telemetry::Telemetry,
};

/// What all plugins of a host share. The ticker stops with the last of them.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) engine: Engine,
    /// One for each store that the engine has room for: a store that finds no room would fail.
    pub(super) seats: Semaphore,
    pub(super) ticker: Ticker,
    pub(super) compiler: Compiler,
    pub(super) telemetry: Telemetry,
    pub(super) redactor: Redactor,
    pub(super) clock: Clock,
    pub(super) system: SystemReader,
    pub(super) redis: Redis,
    pub(super) postgres: Postgres,
    pub(super) http: HttpHost,
    pub(super) host_version: &'static str,
}

/// A loaded plugin. Shared by every check that uses it.
pub struct Plugin {
    pub(super) machine: Arc<Machine>,
    pub(super) sha256: [u8; 32],
    pub(super) inspection: Inspection,
    pub(super) description: Description,
    pub(super) name: Arc<str>,
    pub(super) instance: InstancePre<Guest>,
    pub(super) exports: Exports,
}

/// What a plugin does, of what the contract knows.
#[derive(Default)]
pub(super) struct Exports {
    /// Of a check.
    pub(super) check: Option<check::GuestIndices>,
    /// Of a forwarder of notifications.
    pub(super) notifications: Option<notifications::GuestIndices>,
    /// Of one that carries runs.
    pub(super) runs: Option<runs::GuestIndices>,
    /// Of one that carries what applications reported.
    pub(super) events: Option<events::GuestIndices>,
}

impl Exports {
    /// Of a component whose exports are known by name. The error's chain is wasmtime's, which is precise.
    pub(super) fn new(inspection: &Inspection, instance: &InstancePre<Guest>) -> wasmtime::Result<Self> {
        let has = |name: &str| inspection.exports.contains(name);
        let mut exports = Self::default();
        if has("check") {
            exports.check = Some(check::GuestIndices::new(instance)?);
        }
        if has("notifications") {
            exports.notifications = Some(notifications::GuestIndices::new(instance)?);
        }
        if has("runs") {
            exports.runs = Some(runs::GuestIndices::new(instance)?);
        }
        if has("events") {
            exports.events = Some(events::GuestIndices::new(instance)?);
        }
        Ok(exports)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("version", &self.description.version)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What was read from its bytes.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Of the component.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}
