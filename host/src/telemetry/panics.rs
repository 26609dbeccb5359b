//! Panics in the log instead of loose text on standard error.

use std::borrow::Cow;

use super::{Event, Fields, Level, Telemetry};

struct Panicked {
    message: String,
    place: String,
    thread: String,
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

/// From now on every panic of this process is a log line with its place.
pub fn report_panics(telemetry: &Telemetry) {
    let telemetry = telemetry.clone();
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        telemetry.emit(&Panicked { message, place, thread });
    }));
}
