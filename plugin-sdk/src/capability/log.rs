//! Lines in the host's log. Needs no grant; the host keeps at most 100 lines of a run.
//!
//! What a person should act on is a verdict, not a log line. Fields keep a message searchable:
//!
//! ```no_run
//! use bellwether_sdk::log;
//! log::warn("queue is not empty", &[("queue", &"mail"), ("jobs", &3)]);
//! ```

use std::fmt::Display;

pub use crate::bindings::bellwether::plugin::log::Level;
use crate::capability::host::log as host;

/// A name and a value.
pub type Field<'a> = (&'a str, &'a dyn Display);

/// One line.
pub fn emit(level: Level, message: &str, fields: &[Field<'_>]) {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.to_string()))
        .collect();
    host::emit(level, message, &fields);
}

/// Something failed that should not.
pub fn error(message: &str, fields: &[Field<'_>]) {
    emit(Level::Error, message, fields);
}

/// Something is odd, and the run goes on.
pub fn warn(message: &str, fields: &[Field<'_>]) {
    emit(Level::Warn, message, fields);
}

/// Something happened that is seldom and worth knowing.
pub fn info(message: &str, fields: &[Field<'_>]) {
    emit(Level::Info, message, fields);
}

/// For whoever works on the plugin.
pub fn debug(message: &str, fields: &[Field<'_>]) {
    emit(Level::Debug, message, fields);
}

/// For whoever works on the plugin and wants every step.
pub fn trace(message: &str, fields: &[Field<'_>]) {
    emit(Level::Trace, message, fields);
}
