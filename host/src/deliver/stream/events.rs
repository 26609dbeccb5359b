//! What streams have to say.

use std::{borrow::Cow, time::Duration};

use super::Tally;
use crate::telemetry::{Event, Fields, Level};

const MODULE: &str = "deliver";

fn about(tally: &Tally, fields: &mut Fields) {
    fields
        .context("receiver", &*tally.receiver)
        .data("kind", tally.kind.as_str());
}

/// From now on a receiver cannot be reached; said once.
pub(super) struct StreamFails<'s> {
    pub(super) tally: &'s Tally,
    pub(super) problem: &'s str,
    pub(super) wait: Duration,
}

impl Event for StreamFails<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        format!("A receiver does not take {} now; they wait.", self.tally.kind.as_str()).into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.tally, fields);
        fields
            .data("problem", self.problem)
            .data("nextInSeconds", self.wait.as_secs_f64());
    }
}

/// It can be reached again.
pub(super) struct StreamWorks<'s> {
    pub(super) tally: &'s Tally,
}

impl Event for StreamWorks<'_> {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        format!("A receiver takes {} again.", self.tally.kind.as_str()).into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.tally, fields);
    }
}

/// Some are lost for good; said once a minute at most.
pub(super) struct StreamRefused<'s> {
    pub(super) tally: &'s Tally,
    pub(super) items: usize,
    pub(super) problem: &'s str,
}

impl Event for StreamRefused<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        format!("A receiver refuses {} for good.", self.tally.kind.as_str()).into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.tally, fields);
        fields.data("items", self.items).data("problem", self.problem);
    }
}
