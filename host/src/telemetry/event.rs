//! The shape of an event. The events themselves stand beside the code that emits them.

use std::borrow::Cow;

use serde_json::Value;

/// How much it matters. `Error`: someone must act. `Warn`: something is not as it should be, nothing was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the person writing the code.
    Trace,
    /// For the person looking for a fault.
    Debug,
    /// What happened in the normal course.
    Info,
    /// Nothing was lost, but look.
    Warn,
    /// Someone must act.
    Error,
}

impl Level {
    /// Upper case, as in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The structured half of a log line, filled by [`Event::fields`].
#[derive(Debug, Default)]
pub struct Fields {
    pub(super) data: serde_json::Map<String, Value>,
    pub(super) context: serde_json::Map<String, Value>,
}

impl Fields {
    /// A fact about what happened; goes under `data`.
    pub fn data(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// Where it happened (`check`, `plugin`, `requestId`); goes under `context`.
    pub fn context(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }
}

/// One increment of one of the host's own counters. Label values come from closed sets.
#[derive(Debug)]
pub struct Count {
    /// Full name: `bellwether_…_total`.
    pub name: &'static str,
    /// Help text.
    pub help: &'static str,
    /// Names and values, always the same names in the same order for one counter.
    pub labels: Vec<(&'static str, String)>,
    /// How much; usually 1.
    pub by: u64,
}

/// Something that happened.
pub trait Event {
    /// Of the log line.
    fn level(&self) -> Level;
    /// One sentence for a person.
    fn message(&self) -> Cow<'_, str>;
    /// The module that says it: `config`, `sandbox`, …; stands in `context.functionName`.
    fn module(&self) -> &'static str;
    /// Facts and place.
    fn fields(&self, _fields: &mut Fields) {}
    /// The counter that goes with it.
    fn count(&self) -> Option<Count> {
        None
    }
}
