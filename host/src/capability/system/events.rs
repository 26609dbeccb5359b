//! What reading the machine says to people.

use std::{borrow::Cow, time::Duration};

use super::Section;
use crate::telemetry::{Count, Event, Fields, Level};

/// A read did not return in time; its thread is left behind until it does.
#[derive(Debug)]
pub(super) struct ReadAbandoned<'a> {
    pub(super) section: Section,
    /// What exactly: a mount point, or the section again.
    pub(super) what: &'a str,
    pub(super) waited: Duration,
}

impl Event for ReadAbandoned<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        format!(
            "reading {} did not return within {:.1} s; it is not asked again until it does",
            self.what,
            self.waited.as_secs_f64()
        )
        .into()
    }

    fn module(&self) -> &'static str {
        "capability"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("section", self.section.as_str());
        fields.data("what", self.what);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_system_reads_abandoned_total",
            help: "Reads of the machine that did not return in time and were left behind, by section.",
            labels: vec![("section", self.section.as_str().to_owned())],
            by: 1,
        })
    }
}

/// A read that had been given up returned after all.
#[derive(Debug)]
pub(super) struct ReadReturned<'a> {
    pub(super) section: Section,
    pub(super) what: &'a str,
    pub(super) after: Duration,
}

impl Event for ReadReturned<'_> {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        format!(
            "reading {} returned after {:.1} s; it is asked again",
            self.what,
            self.after.as_secs_f64()
        )
        .into()
    }

    fn module(&self) -> &'static str {
        "capability"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("section", self.section.as_str());
        fields.data("what", self.what);
    }
}
