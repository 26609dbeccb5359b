//! What `telemetry` has to say about itself.

use std::borrow::Cow;

use super::{Count, Event, Fields, Level};

/// Lines of the log that nobody will read.
pub(super) struct LinesLost {
    pub(super) lines: u64,
}

impl Event for LinesLost {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        let noun = if self.lines == 1 { "line was" } else { "lines were" };
        format!(
            "{} log {noun} lost here: standard error was not read fast enough.",
            self.lines
        )
        .into()
    }

    fn module(&self) -> &'static str {
        "telemetry"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("lines", self.lines);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_log_lines_dropped_total",
            help: "Lines of the host's log that were lost, because standard error was not read or could not be written.",
            labels: vec![],
            by: self.lines,
        })
    }
}

/// The host panicked: a bug that it survived, or its end.
pub(super) struct Panicked {
    pub(super) message: String,
    pub(super) place: String,
    pub(super) thread: String,
}

impl Event for Panicked {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The host panicked; this is a bug, please report it.".into()
    }

    fn module(&self) -> &'static str {
        "supervisor"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("panic", self.message.as_str())
            .data("at", self.place.as_str())
            .data("thread", self.thread.as_str());
    }
}
