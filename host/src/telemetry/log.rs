//! Log lines: JSON for machines, text for a terminal.

use std::{
    fmt,
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value};

use super::{Event, Fields, Level, LogWriter, events::LinesLost};
use crate::{clock::Clock, secret::Redactor};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line: `level`, `message`, `data`, `context`.
    Json,
    /// For people.
    Text,
}

/// What is written and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The least level that is written.
    pub level: Level,
    /// See [`Format`].
    pub format: Format,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            level: Level::Info,
            format: Format::Json,
        }
    }
}

/// Where lines go.
#[derive(Clone)]
pub enum Sink {
    /// The process's standard error, written by whoever speaks: for verbs, whose lines must not overtake each other and
    /// which may wait for their reader like any program in a pipe.
    Stderr,
    /// A thread that writes, so that nobody waits: for a host.
    Thread(LogWriter),
    /// Memory, for tests.
    Memory(Arc<Mutex<Vec<u8>>>),
    /// Nowhere.
    Nowhere,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stderr => "Stderr",
            Self::Thread(_) => "Thread",
            Self::Memory(_) => "Memory",
            Self::Nowhere => "Nowhere",
        })
    }
}

impl Sink {
    /// How many lines were lost since the last one.
    fn write(&self, line: &str) -> u64 {
        // A log that cannot be written has nowhere to say so.
        let _ = match self {
            Self::Thread(writer) => return writer.line(line),
            Self::Stderr => std::io::stderr().lock().write_all(line.as_bytes()),
            Self::Memory(lines) => lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line.as_bytes()),
            Self::Nowhere => Ok(()),
        };
        0
    }
}

pub(super) struct Log {
    sink: Sink,
    level: AtomicU8,
    json: AtomicU8,
    redactor: Redactor,
    clock: Clock,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("sink", &self.sink).finish_non_exhaustive()
    }
}

impl Log {
    pub(super) fn new(sink: Sink, options: LogOptions, redactor: Redactor, clock: Clock) -> Arc<Self> {
        let log = Arc::new(Self {
            sink,
            level: 0.into(),
            json: 0.into(),
            redactor,
            clock,
        });
        log.configure(options);
        if let Sink::Thread(writer) = &log.sink {
            let words = Arc::downgrade(&log);
            writer.on_loss(move |lines| {
                words
                    .upgrade()
                    .map_or_else(String::new, |log| log.line(&LinesLost { lines }))
            });
        }
        log
    }

    pub(super) fn flush(&self, patience: Duration) -> bool {
        match &self.sink {
            Sink::Thread(writer) => writer.flush(patience),
            Sink::Stderr | Sink::Memory(_) | Sink::Nowhere => true,
        }
    }

    pub(super) fn configure(&self, options: LogOptions) {
        self.level.store(options.level as u8, Ordering::Relaxed);
        self.json
            .store(u8::from(options.format == Format::Json), Ordering::Relaxed);
    }

    /// Writes the event when its level is on. How many lines were lost since the last one, this one perhaps among them.
    pub(super) fn write(&self, event: &impl Event) -> u64 {
        let silent = (event.level() as u8) < self.level.load(Ordering::Relaxed) || matches!(self.sink, Sink::Nowhere);
        if silent { 0 } else { self.sink.write(&self.line(event)) }
    }

    fn line(&self, event: &impl Event) -> String {
        let level = event.level();
        let mut fields = Fields::default();
        event.fields(&mut fields);
        let at = self.clock.wall().to_string();
        let message = self.redactor.redact(&event.message()).into_owned();
        let data = self.clean(fields.data);
        let context = self.clean(fields.context);
        if self.json.load(Ordering::Relaxed) == 1 {
            json_line(level, message, data, context, event.module(), at)
        } else {
            text_line(level, &message, &data, &context, event.module(), &at)
        }
    }

    /// Blanks secrets in every string. Names are ours; values are not.
    fn clean(&self, fields: Map<String, Value>) -> Map<String, Value> {
        fields
            .into_iter()
            .map(|(name, value)| (name, self.clean_value(value)))
            .collect()
    }

    fn clean_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redactor.redact(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.clean_value(item)).collect(),
            Value::Object(fields) => {
                let blanked = fields
                    .into_iter()
                    .map(|(name, value)| (self.redactor.redact(&name).into_owned(), self.clean_value(value)));
                Value::Object(blanked.collect())
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        }
    }
}

fn json_line(
    level: Level,
    message: String,
    data: Map<String, Value>,
    mut context: Map<String, Value>,
    module: &str,
    at: String,
) -> String {
    context.insert("functionName".into(), module.into());
    context.insert("timestamp".into(), at.into());
    // Written by hand so that a person reading along meets the level first.
    let (message, data, context) = (Value::from(message), Value::from(data), Value::from(context));
    format!(
        "{{\"level\":\"{}\",\"message\":{message},\"data\":{data},\"context\":{context}}}\n",
        level.as_str()
    )
}

fn text_line(
    level: Level,
    message: &str,
    data: &Map<String, Value>,
    context: &Map<String, Value>,
    module: &str,
    at: &str,
) -> String {
    let mut line = format!("{at} {:5} {module}: {}", level.as_str(), printable(message));
    for (name, value) in context.iter().chain(data) {
        line.push_str(&format!(" {name}={value}"));
    }
    line.push('\n');
    line
}

/// Newlines and other control characters would let a guest forge lines.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{clock::Timestamp, secret::Secret, telemetry::Telemetry};

    struct Greeting<'g>(Level, &'g str);

    impl Event for Greeting<'_> {
        fn level(&self) -> Level {
            self.0
        }

        fn message(&self) -> Cow<'_, str> {
            self.1.into()
        }

        fn module(&self) -> &'static str {
            "test"
        }

        fn fields(&self, fields: &mut Fields) {
            fields.data("said", self.1).context("check", "machine");
        }
    }

    async fn lines(format: Format, events: &[Greeting<'_>]) -> String {
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let redactor = Redactor::default();
        redactor.learn(&[Secret::new("correct-horse")]);
        let clock = Clock::anchored(Timestamp::from_seconds(1_700_000_000));
        let options = LogOptions {
            level: Level::Info,
            format,
        };
        let telemetry = Telemetry::new(Sink::Memory(Arc::clone(&written)), options, redactor, clock);
        events.iter().for_each(|event| telemetry.emit(event));
        String::from_utf8(written.lock().expect("not poisoned").clone()).expect("text")
    }

    #[tokio::test(start_paused = true)]
    async fn a_json_line_has_level_message_data_and_context() {
        let line = lines(Format::Json, &[Greeting(Level::Warn, "hello")]).await;
        let wanted = "{\"level\":\"WARN\",\"message\":\"hello\",\"data\":{\"said\":\"hello\"},\"context\":{\"check\":\"machine\",\
                      \"functionName\":\"test\",\"timestamp\":\"2023-11-14T22:13:20.000Z\"}}\n";
        assert_eq!(line, wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_blanked_in_message_and_fields_of_both_formats() {
        for format in [Format::Json, Format::Text] {
            let line = lines(format, &[Greeting(Level::Error, "it is correct-horse")]).await;
            assert!(line.contains("it is"), "{line}");
            assert!(!line.contains("correct-horse"), "{line}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_below_the_level_is_not_written_and_one_event_is_one_line() {
        let text = lines(
            Format::Text,
            &[Greeting(Level::Debug, "quiet"), Greeting(Level::Info, "two\nlines")],
        )
        .await;
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("two lines"), "{text}");
    }
}
