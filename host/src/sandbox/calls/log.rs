//! `log`: the one interface that `describe` may call too.

use crate::{
    sandbox::{
        bindings::bellwether::plugin::log::{Host, Level as GuestLevel},
        guest::Guest,
        stdio,
    },
    telemetry::Level,
};

fn level(level: GuestLevel) -> Level {
    match level {
        GuestLevel::Error => Level::Error,
        GuestLevel::Warn => Level::Warn,
        GuestLevel::Info => Level::Info,
        GuestLevel::Debug => Level::Debug,
        GuestLevel::Trace => Level::Trace,
    }
}

impl Host for Guest {
    fn emit(&mut self, at: GuestLevel, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        stdio::lock(&self.log).say(level(at), &message, &fields);
        Ok(())
    }
}
