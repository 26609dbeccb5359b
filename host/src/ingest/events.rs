//! What `ingest` has to say. Names come from the configuration; labels from closed sets.

use std::borrow::Cow;

use crate::{
    store::StoreError,
    supervisor::Panic,
    telemetry::{Event, Fields, Level},
};

const MODULE: &str = "ingest";

/// What was kept before a restart cannot be read.
pub(super) struct NotRestored<'e> {
    pub(super) error: &'e StoreError,
}

impl Event for NotRestored<'_> {
    fn level(&self) -> Level {
        Level::Error
    }
    fn message(&self) -> Cow<'_, str> {
        let error = self.error;
        format!("which crashes are known and when heartbeats came cannot be read, so all of them are new: {error}")
            .into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
}

/// One push made this host panic; the others go on.
pub(super) struct PushPanicked<'p> {
    pub(super) source: &'p str,
    pub(super) panic: &'p Panic,
}

impl Event for PushPanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }
    fn message(&self) -> Cow<'_, str> {
        format!("{}; please report this", self.panic).into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields.context("source", self.source);
    }
}

/// A crash of a kind that was never seen.
pub(super) struct CrashSeen<'c> {
    pub(super) source: &'c str,
    pub(super) title: &'c str,
    pub(super) is_told: bool,
}

impl Event for CrashSeen<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }
    fn message(&self) -> Cow<'_, str> {
        let Self { source, title, is_told } = self;
        let fate = if *is_told {
            ""
        } else {
            "; there was no room to tell of it"
        };
        format!("source {source}: a crash that was not seen before: {title}{fate}").into()
    }
    fn module(&self) -> &'static str {
        MODULE
    }
    fn fields(&self, fields: &mut Fields) {
        fields.context("source", self.source).data("told", self.is_told);
    }
}
