//! What the sandbox has to say.

use std::{borrow::Cow, time::Duration};

use crate::telemetry::{Count, Event, Fields, Level};

/// A component was compiled, or was not.
pub(super) struct Compiled<'e> {
    pub(super) plugin: &'e str,
    pub(super) took: Duration,
    pub(super) ok: bool,
}

impl Event for Compiled<'_> {
    fn level(&self) -> Level {
        if self.ok { Level::Info } else { Level::Error }
    }

    fn message(&self) -> Cow<'_, str> {
        let ended = if self.ok { "compiled" } else { "could not compile" };
        format!("{ended} plugin {} in {:.1} s", self.plugin, self.took.as_secs_f64()).into()
    }

    fn module(&self) -> &'static str {
        "sandbox"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("seconds", self.took.as_secs_f64())
            .context("plugin", self.plugin);
    }

    fn count(&self) -> Option<Count> {
        let outcome = if self.ok { "ok" } else { "failed" };
        Some(Count {
            name: "bellwether_plugin_compilations_total",
            help: "Components compiled, by outcome.",
            labels: vec![("outcome", outcome.to_owned())],
            by: 1,
        })
    }
}

/// An entry of the cache could not be used; it is compiled again.
pub(super) struct CacheEntryRefused<'e> {
    pub(super) plugin: &'e str,
    pub(super) why: &'e str,
}

impl Event for CacheEntryRefused<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        format!(
            "the compiled code of plugin {} in the cache could not be used and is made again",
            self.plugin
        )
        .into()
    }

    fn module(&self) -> &'static str {
        "sandbox"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("why", self.why).context("plugin", self.plugin);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_plugin_cache_refused_total",
            help: "Entries of the compilation cache that were damaged or not ours.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// A host call or the host's side of a run panicked.
pub(super) struct HostPanicked<'e> {
    /// `check` or `receiver`.
    pub(super) kind: &'static str,
    pub(super) name: &'e str,
    pub(super) message: &'e str,
}

impl Event for HostPanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        format!(
            "the host panicked during a run of {} {}; only that run is lost",
            self.kind, self.name
        )
        .into()
    }

    fn module(&self) -> &'static str {
        "sandbox"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("panic", self.message).context(self.kind, self.name);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_run_host_panics_total",
            help: "Runs that ended in a panic of the host itself.",
            labels: Vec::new(),
            by: 1,
        })
    }
}
