//! `context`: what a run may know about itself.

use std::time::Duration;

use crate::{
    clock::Clock,
    config,
    sandbox::{
        bindings::bellwether::plugin::context::{Connection, Host, Previous},
        guest::Guest,
    },
};

const INTERFACE: &str = "context";

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// What a plugin is told: everything but credentials, of which the URL may be one.
fn connection(name: &str, connection: &config::Connection) -> Connection {
    let url = match connection.url_is_secret {
        true => String::new(),
        false => connection.url.to_string(),
    };
    Connection {
        name: name.to_owned(),
        scheme: connection.url.scheme().to_owned(),
        url,
    }
}

impl Host for Guest {
    fn name(&mut self) -> wasmtime::Result<String> {
        Ok(self.run(INTERFACE)?.context.name.to_string())
    }

    fn scheduled_at_ns(&mut self) -> wasmtime::Result<u64> {
        Ok(self.run(INTERFACE)?.context.scheduled_at.as_nanos())
    }

    fn interval_ns(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self.run(INTERFACE)?.context.interval.map(nanos))
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.run(INTERFACE)?.context.attempt)
    }

    fn previous_run(&mut self) -> wasmtime::Result<Option<Previous>> {
        let previous = self.run(INTERFACE)?.context.previous;
        Ok(previous.map(|(started_at, outcome)| Previous {
            started_at_ns: started_at.as_nanos(),
            outcome: outcome.to_owned(),
        }))
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u32> {
        let remaining = self.run(INTERFACE)?.context.remaining(Clock::system().monotonic());
        Ok(u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX))
    }

    fn connections(&mut self) -> wasmtime::Result<Vec<Connection>> {
        let reach = &self.run(INTERFACE)?.reach;
        let slots = reach.slots.iter().map(|(slot, bound)| connection(slot, bound));
        let addresses = reach.addresses.iter().map(|granted| connection(&granted.name, granted));
        Ok(slots.chain(addresses).collect())
    }

    fn fact(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.run(INTERFACE)?.context.fact(&name).map(str::to_owned))
    }
}
