//! Panics in the log instead of loose text on standard error.

use std::time::Duration;

use super::{Telemetry, events::Panicked};

/// A panic may be the last thing this process does, so its line is waited for: an instant where standard error is read,
/// and this long where it is not.
const PATIENCE: Duration = Duration::from_millis(100);

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
        telemetry.flush(PATIENCE);
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        clock::Clock,
        secret::Redactor,
        supervisor::catch,
        telemetry::{LogOptions, LogWriter, Sink},
    };

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_of_a_panic_is_written_before_the_panic_goes_on() {
        let written = Memory::default();
        let writer = LogWriter::start(written.clone()).expect("a thread");
        let sink = Sink::Thread(writer);
        let telemetry = Telemetry::new(sink, LogOptions::default(), Redactor::default(), Clock::system());
        report_panics(&telemetry);
        let caught = catch("test", || panic!("on purpose"));
        let text = String::from_utf8(written.0.lock().expect("not poisoned").clone()).expect("text");
        drop(std::panic::take_hook());
        assert!(caught.is_err());
        assert!(
            text.contains("\"panic\":\"on purpose\"") && text.ends_with('\n'),
            "{text}"
        );
    }
}
