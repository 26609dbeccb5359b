//! What the process as a whole has to say.

use std::borrow::Cow;

use super::conductor::Cause;
use crate::{
    config::{Loaded, Problems},
    expose::ReloadSummary,
    supervisor::Panic,
    telemetry::{Count, Event, Fields, Level},
};

/// The host begins.
pub(super) struct Starting<'s> {
    pub(super) version: &'s str,
    pub(super) loaded: &'s Loaded,
}

impl Event for Starting<'_> {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "Bellwether is starting.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        let config = &self.loaded.config;
        fields
            .data("version", self.version)
            .data("environment", config.host.environment.as_str())
            .data("checks", config.checks.len())
            .data("state_dir", config.host.state_dir.display().to_string());
        if let Some(file) = config.files.first() {
            fields.data("config", file.display().to_string());
        }
    }
}

/// A task of ours ended in a panic.
pub(super) struct TaskPanicked<'p> {
    pub(super) panic: &'p Panic,
}

impl Event for TaskPanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A task of the host panicked. The rest goes on; please report this.".into()
    }

    fn module(&self) -> &'static str {
        "supervisor"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("task", self.panic.task.as_str())
            .data("panic", self.panic.message.as_str());
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_task_panics_total",
            help: "Tasks of the host that ended in a panic.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// A check cannot run.
pub(super) struct CheckNotLoaded<'c> {
    pub(super) check: &'c str,
    pub(super) problem: &'c str,
}

impl Event for CheckNotLoaded<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A check cannot run; the others go on. Mend its configuration or its plugin and reload.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("check", self.check).data("problem", self.problem);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_check_load_failures_total",
            help: "Checks that could not be loaded, by check.",
            labels: vec![("check", self.check.to_owned())],
            by: 1,
        })
    }
}

/// Something in the configuration deserves a look.
pub(super) struct ConfigWarnings<'w> {
    pub(super) warnings: &'w Problems,
}

impl Event for ConfigWarnings<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "The configuration has warnings.".into()
    }

    fn module(&self) -> &'static str {
        "config"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data(
            "warnings",
            self.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
    }
}

/// All checks were loaded, or said why not.
pub(super) struct AllLoaded {
    pub(super) ready: usize,
    pub(super) failed: usize,
}

impl Event for AllLoaded {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "All checks are loaded.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("ready", self.ready).data("failed", self.failed);
    }
}

/// A reload is asked for while plugins are loaded for the first time.
pub(super) struct ReloadWaits {
    pub(super) cause: Cause,
}

impl Event for ReloadWaits {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "The reload waits until the plugins that are being compiled are loaded.".into()
    }

    fn module(&self) -> &'static str {
        "config"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("cause", self.cause.as_str());
    }
}

/// A reload was asked for, and this came of it.
pub(super) struct Reloaded<'r> {
    pub(super) cause: Cause,
    pub(super) result: Result<&'r ReloadSummary, &'r str>,
}

impl Event for Reloaded<'_> {
    fn level(&self) -> Level {
        if self.result.is_ok() { Level::Info } else { Level::Error }
    }

    fn message(&self) -> Cow<'_, str> {
        match self.result {
            Ok(_) => "The configuration was reloaded.".into(),
            Err(_) => "The new configuration was refused; everything runs on as it was.".into(),
        }
    }

    fn module(&self) -> &'static str {
        "config"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("cause", self.cause.as_str());
        match self.result {
            Ok(summary) => fields
                .data("added", summary.added.clone())
                .data("changed", summary.changed.clone())
                .data("removed", summary.removed.clone())
                .data("unchanged", summary.unchanged)
                .data("plugins", summary.plugins.clone())
                .data("warnings", summary.warnings.clone()),
            Err(problem) => fields.data("problem", problem),
        };
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_config_reloads_total",
            help: "Reloads of the configuration, by result.",
            labels: vec![("result", if self.result.is_ok() { "ok" } else { "refused" }.to_owned())],
            by: 1,
        })
    }
}

/// The host was told to end.
pub(super) struct Stopping;

impl Event for Stopping {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "Stopping: no new runs; running ones may end. A second signal exits at once.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }
}

/// The store could not take the last writes.
pub(super) struct NotKept {
    pub(super) problem: String,
}

impl Event for NotKept {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The last writes could not be kept on disk.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.problem.as_str());
    }
}

/// The end.
pub(super) struct Stopped<'l> {
    pub(super) left: &'l [String],
}

impl Event for Stopped<'_> {
    fn level(&self) -> Level {
        if self.left.is_empty() { Level::Info } else { Level::Warn }
    }

    fn message(&self) -> Cow<'_, str> {
        if self.left.is_empty() {
            "Stopped.".into()
        } else {
            "Stopped, leaving behind what did not end in time.".into()
        }
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        if !self.left.is_empty() {
            fields.data("left", self.left.to_vec());
        }
    }
}

/// The database cannot be read, and the host starts all the same.
pub(super) struct StateNotRestored<'e> {
    pub(super) error: &'e crate::store::StoreError,
}

impl Event for StateNotRestored<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "What checks remembered cannot be read yet: they begin without it.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.error.to_string());
    }
}

/// The key of hidden labels is for this process only.
pub(super) struct KeyNotKept<'e> {
    pub(super) error: &'e std::io::Error,
}

impl Event for KeyNotKept<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "The key of hidden labels cannot be kept: after a restart the same value has another hash.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.error.to_string());
    }
}

/// A receiver cannot be used as it is configured.
pub(super) struct ReceiverNotLoaded<'r> {
    pub(super) receiver: &'r str,
    pub(super) problem: &'r str,
}

impl Event for ReceiverNotLoaded<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A receiver cannot be used; its notifications wait.".into()
    }

    fn module(&self) -> &'static str {
        "app"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("receiver", self.receiver).data("problem", self.problem);
    }
}
