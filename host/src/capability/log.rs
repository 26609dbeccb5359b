//! What a run says: lines through `log`, standard output and standard error.
//!
//! Owns the run's budget of lines, their length, and the tail of standard error that explains a trap. Flows in: raw
//! guest text. Flows out: clean, redacted lines, to the host's log at once and to whoever asked for the run. It neither
//! formats nor filters by level; `telemetry` does.

use std::{borrow::Cow, collections::VecDeque, fmt::Write, sync::Arc};

use crate::{
    secret::Redactor,
    telemetry::{Event, Fields, Level, Telemetry},
};

/// Lines of one run unless configured: enough to follow a check, too few to flood a disk at one run a second.
pub const LINES_DEFAULT: u64 = 100;
/// Longest line; the rest is cut. A log shipper takes it whole.
pub const LINE_BYTES_MAX: usize = 2 * 1024;
/// Fields of one line.
pub const FIELDS_MAX: usize = 16;
/// Longest name of a field.
const FIELD_NAME_BYTES_MAX: usize = 64;
/// Lines of standard error kept for the message of a trap: a Rust panic is three, a short Python traceback eight.
const TAIL_LINES: usize = 8;
/// Ends every panic in Rust and helps nobody: a plugin has no environment to set.
const PANIC_NOTE: &str = "note: run with `RUST_BACKTRACE=1`";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Standard output counts as info, standard error as a warning.
    pub level: Level,
    /// Without control characters, at most [`LINE_BYTES_MAX`].
    pub message: String,
    /// At most [`FIELDS_MAX`].
    pub fields: Vec<(String, String)>,
}

/// Where text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

struct Said<'l> {
    kind: &'static str,
    name: &'l str,
    plugin: &'l str,
    line: &'l LogLine,
}

impl Event for Said<'_> {
    fn level(&self) -> Level {
        self.line.level
    }

    fn message(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.line.message)
    }

    fn module(&self) -> &'static str {
        "plugin"
    }

    fn fields(&self, fields: &mut Fields) {
        for (name, value) in &self.line.fields {
            fields.data(name, value.as_str());
        }
        fields.context("plugin", self.plugin);
        if !self.name.is_empty() {
            fields.context(self.kind, self.name);
        }
    }
}

/// The voice of one run.
#[derive(Debug)]
pub struct RunLog {
    kind: &'static str,
    name: Arc<str>,
    plugin: Arc<str>,
    telemetry: Telemetry,
    redactor: Redactor,
    budget: u64,
    lines: Vec<LogLine>,
    dropped: u64,
    out: Vec<u8>,
    err: Vec<u8>,
    tail: VecDeque<String>,
}

impl RunLog {
    /// `check` is "" while the plugin is loaded; past `budget` lines are dropped and counted.
    pub fn new(check: Arc<str>, plugin: Arc<str>, telemetry: Telemetry, redactor: Redactor, budget: u64) -> Self {
        Self {
            kind: "check",
            name: check,
            plugin,
            telemetry,
            redactor,
            budget,
            lines: Vec::new(),
            dropped: 0,
            out: Vec::new(),
            err: Vec::new(),
            tail: VecDeque::new(),
        }
    }

    /// The voice of a delivery: the name is a receiver's.
    #[must_use]
    pub fn of_receiver(self) -> Self {
        Self {
            kind: "receiver",
            ..self
        }
    }

    /// A line through the `log` interface.
    pub fn say(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        if self.lines.len() as u64 >= self.budget {
            self.dropped += 1;
            return;
        }
        let fields = fields.iter().take(FIELDS_MAX).map(|(name, value)| {
            let name = clean(name, FIELD_NAME_BYTES_MAX, &self.redactor);
            (name, clean(value, LINE_BYTES_MAX, &self.redactor))
        });
        let line = LogLine {
            level,
            fields: fields.collect(),
            message: clean(message, LINE_BYTES_MAX, &self.redactor),
        };
        self.telemetry.emit(&Said {
            kind: self.kind,
            name: &self.name,
            plugin: &self.plugin,
            line: &line,
        });
        self.lines.push(line);
    }

    /// Bytes written to a standard stream. Whole lines are said; the rest waits for its end.
    pub fn write(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.buffer(stream, &bytes[..end]);
            self.end_line(stream);
            bytes = &bytes[end + 1..];
        }
        self.buffer(stream, bytes);
    }

    /// Keeps the start of a line that is too long. A budget that is spent keeps standard output out of memory too.
    fn buffer(&mut self, stream: Stream, bytes: &[u8]) {
        let pending = self.pending(stream);
        let room = LINE_BYTES_MAX.saturating_sub(pending.len());
        pending.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn pending(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    fn end_line(&mut self, stream: Stream) {
        let bytes = std::mem::take(self.pending(stream));
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        match stream {
            Stream::Out => self.say(Level::Info, text, &[]),
            Stream::Err => {
                self.remember(text);
                self.say(Level::Warn, text, &[]);
            }
        }
    }

    fn remember(&mut self, text: &str) {
        if text.starts_with(PANIC_NOTE) {
            return;
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(clean(text, LINE_BYTES_MAX, &self.redactor));
    }

    /// Says what was written without a final newline.
    pub fn finish(&mut self) {
        self.end_line(Stream::Out);
        self.end_line(Stream::Err);
    }

    /// The last lines of standard error as one, for the message of a trap; "" when there are none.
    pub fn tail(&self) -> String {
        let mut text = String::new();
        for line in &self.tail {
            let separator = if text.is_empty() { "" } else { " | " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{line}");
        }
        text
    }

    /// The lines said, and how many were dropped.
    pub fn take(&mut self) -> (Vec<LogLine>, u64) {
        (std::mem::take(&mut self.lines), self.dropped)
    }
}

/// `text` for a person: secrets blanked, control characters gone, at most `max` bytes.
pub fn clean(text: &str, max: usize, redactor: &Redactor) -> String {
    let redacted = redactor.redact(text);
    let mut clean = String::with_capacity(redacted.len().min(max));
    for character in redacted.chars() {
        if clean.len() + character.len_utf8() > max.saturating_sub('…'.len_utf8()) {
            clean.push('…');
            break;
        }
        clean.push(if character.is_control() { ' ' } else { character });
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(budget: u64) -> RunLog {
        RunLog::new("c".into(), "p".into(), Telemetry::silent(), Redactor::default(), budget)
    }

    fn messages(log: &mut RunLog) -> Vec<String> {
        log.take().0.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn streams_become_lines_however_they_are_cut_and_the_last_needs_no_newline() {
        let mut log = log(10);
        log.write(Stream::Out, b"one\ntw");
        log.write(Stream::Err, b"other\n");
        log.write(Stream::Out, b"o\n\nthree");
        log.finish();
        assert_eq!(messages(&mut log), ["one", "other", "two", "three"]);
    }

    #[test]
    fn past_its_budget_a_run_is_silent_counted_and_still_explains_its_panic() {
        let mut log = log(2);
        for _ in 0..5 {
            log.say(Level::Info, "x", &[]);
        }
        log.write(Stream::Err, b"panicked: oh no\n");
        assert_eq!(log.tail(), "panicked: oh no");
        let (lines, dropped) = log.take();
        assert_eq!((lines.len(), dropped), (2, 4));
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_a_line() {
        let mut log = log(2);
        for _ in 0..100 {
            log.write(Stream::Out, &[b'a'; 1024]);
        }
        assert_eq!(log.out.len(), LINE_BYTES_MAX);
    }

    #[test]
    fn control_characters_cannot_forge_lines_and_long_text_is_cut_on_a_character() {
        let redactor = Redactor::default();
        assert_eq!(clean("a\u{1b}[31m\nb", 100, &redactor), "a [31m b");
        let cut = clean(&"é".repeat(50), 11, &redactor);
        assert_eq!(cut, "éééé…");
    }

    #[test]
    fn only_the_last_lines_of_standard_error_are_kept() {
        let mut log = log(0);
        for n in 0..20 {
            log.write(Stream::Err, format!("line {n}\n").as_bytes());
        }
        assert!(log.tail().starts_with("line 12 | line 13"));
        assert!(log.tail().ends_with("line 19"));
    }
}
