//! What the host says about itself: one event, said once, is a log line and a counter.
//!
//! Flows in: events from every module. Flows out: the log (JSON lines of the shape `level`, `message`, `data`,
//! `context`, or text for a terminal) and the host's own instruments, which enter the board as one more outcome. The
//! `prometheus` crate is used nowhere else. Saying something never waits for whoever reads it: a host writes its log on a
//! thread of its own. It does not decide what is worth saying.

pub mod event;
mod events;
mod instruments;
mod log;
mod panics;
mod writer;

use std::{sync::Arc, time::Duration};

pub use event::{Count, Event, Fields, Level};
pub use instruments::Instruments;
pub use log::{Format, LogOptions, Sink};
pub use panics::report_panics;
pub use writer::LogWriter;

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
            log: log::Log::new(sink, options, redactor, clock),
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
        let lines = self.log.write(event);
        if let Some(count) = (events::LinesLost { lines }).count().filter(|lost| lost.by > 0) {
            self.instruments.count(&count);
        }
    }

    /// Waits until everything said so far is written, up to `patience`. Whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        self.log.flush(patience)
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
