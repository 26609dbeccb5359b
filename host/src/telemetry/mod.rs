//! What the host says about itself: one event, said once, is a log line and a counter.
//!
//! Flows in: events from every module. Flows out: the log (JSON lines of the shape `level`, `message`, `data`,
//! `context`, or text for a terminal) and the host's own instruments, which enter the board as one more outcome. The
//! `prometheus` crate is used nowhere else. It does not decide what is worth saying.

pub mod event;
mod instruments;
mod log;
mod panics;

use std::sync::Arc;

pub use event::{Count, Event, Fields, Level};
pub use instruments::Instruments;
pub use log::{Format, LogOptions, Sink};
pub use panics::report_panics;

use crate::{clock::Clock, secret::Redactor};

/// The host's voice. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry {
    log: Arc<log::Log>,
    instruments: Instruments,
}

impl Telemetry {
    /// Writes to `sink`, blanking what `redactor` knows.
    pub fn new(sink: Sink, options: LogOptions, redactor: Redactor, clock: Clock) -> Self {
        Self {
            log: Arc::new(log::Log::new(sink, options, redactor, clock)),
            instruments: Instruments::new(),
        }
    }

    /// Keeps nothing and writes nowhere; for tests and one-shot verbs.
    pub fn silent() -> Self {
        Self::new(
            Sink::Nowhere,
            LogOptions::default(),
            Redactor::default(),
            Clock::system(),
        )
    }

    /// Says it: counts, and writes a line when the level is on.
    pub fn emit(&self, event: &impl Event) {
        if let Some(count) = event.count() {
            self.instruments.count(&count);
        }
        self.log.write(event);
    }

    /// The host's own counters and gauges.
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// Changes level and format, on reload.
    pub fn configure(&self, options: LogOptions) {
        self.log.configure(options);
    }
}
