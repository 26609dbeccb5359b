//! Asks a plugin what it is.
//!
//! `describe` is guest code like any other, so it gets a store, limits and both clocks; what it has not is a run, and
//! every interface but `log` ends the call.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use wasmtime::component::InstancePre;

use super::LoadError;
use crate::{
    capability::log::{LINES_DEFAULT, RunLog},
    outcome::Failure,
    sandbox::{
        bindings::exports::bellwether::plugin::identity,
        describe::{self, Description},
        end::{self, Place},
        guest::Guest,
        limits::{CPU_DEFAULT, MEMORY_BYTES_MAX, RunLimits},
        meter::{Meter, metered},
        plugin::Machine,
        stdio,
    },
    supervisor::catch_async,
};

/// Wall clock of `describe`: Python takes 0.1 s for it on a busy machine.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Of `describe`. The cap instead of the default, because a plugin that needs more than the default says so here.
const DESCRIBE_LIMITS: RunLimits = RunLimits {
    memory_bytes: MEMORY_BYTES_MAX,
    cpu: CPU_DEFAULT,
};

impl Machine {
    /// What a plugin says about itself, checked.
    pub(super) async fn describe(
        &self,
        plugin: &str,
        instance: &InstancePre<Guest>,
        identity: &identity::GuestIndices,
    ) -> Result<Description, LoadError> {
        let meter = Arc::<Meter>::default();
        let asked = catch_async("describe", self.ask(plugin, instance, identity, &meter));
        let answer = match metered(&meter, asked).await {
            Ok(answer) => answer,
            Err(panic) => Err(end::host_failed(&panic, &self.redactor)),
        };
        let said = answer.map_err(|failure| LoadError::Describe {
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
        // The semaphore is never closed.
        let _seat = self.seats.acquire().await;
        let _ticking = self.ticker.ticking();
        let (telemetry, redactor) = (self.telemetry.clone(), self.redactor.clone());
        let log = RunLog::new("".into(), plugin.into(), telemetry, redactor, LINES_DEFAULT);
        let log = Arc::new(Mutex::new(log));
        let mut store = Guest::store(&self.engine, DESCRIBE_LIMITS, &log, meter, None);
        let deadline = self.clock.monotonic() + DESCRIBE_TIMEOUT;
        let called = end::within(deadline, DESCRIBE_TIMEOUT, async {
            let instance = instance.instantiate_async(&mut store).await?;
            let guest = identity.load(&mut store, &instance)?;
            guest.call_describe(&mut store).await
        });
        let called = called.await;
        stdio::lock(&log).finish();
        let place = Place {
            table: "",
            location: "",
            redactor: &self.redactor,
        };
        called.map_err(|ended| end::explain(&ended, store.data(), place))
    }
}
