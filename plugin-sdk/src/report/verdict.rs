//! Verdicts and their codes.

use std::time::Duration;

use crate::{bindings::bellwether::plugin::report as wit, name::valid_code};

/// A machine-readable reason, declared once: a plugin describes it and reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    name: &'static str,
    meaning: &'static str,
}

impl Code {
    /// `name` is snake_case and is what rules and people match on; `meaning` says what to make of it. Panics on a bad
    /// name: in a `const`, that is while compiling.
    pub const fn new(name: &'static str, meaning: &'static str) -> Self {
        assert!(
            valid_code(name),
            "a code is made of `a-z`, `0-9` and `_`, and starts with a letter"
        );
        assert!(!meaning.is_empty(), "say what the code means");
        Self { name, meaning }
    }

    /// As it is reported.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// For a person.
    pub const fn meaning(&self) -> &'static str {
        self.meaning
    }
}

/// A verdict just added to a report, to say more about it.
#[derive(Debug)]
pub struct NewVerdict<'r>(pub(super) &'r mut wit::Verdict);

impl NewVerdict<'_> {
    /// One line for a person; also for verdicts that are ok.
    pub fn summary(self, summary: impl Into<String>) -> Self {
        self.0.summary = summary.into();
        self
    }

    /// What a user would feel: how long the target took to answer. Capped at 584 years.
    pub fn latency(self, latency: Duration) -> Self {
        self.0.latency_ns = Some(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// Something more to show people: `link`, `runbook`, `expected`, `actual`, … Never becomes a label.
    pub fn detail(self, name: &str, value: impl Into<String>) -> Self {
        self.0.details.push((name.to_owned(), value.into()));
        self
    }
}
