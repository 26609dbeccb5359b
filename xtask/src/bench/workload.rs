//! Configurations to measure with.

use std::{fmt::Write, path::Path};

/// Builds a `bellwether.toml`. The host listens on a free port.
#[derive(Debug)]
pub(super) struct Workload(String);

impl Workload {
    /// Without checks; compiled plugins go to `cache`.
    pub(super) fn new(cache: &Path) -> Self {
        Self(format!(
            "[host]\nlisten = \"127.0.0.1:0\"\ncache_dir = {cache:?}\n\n[log]\nlevel = \"warn\"\n"
        ))
    }

    /// Adds `count` checks of one plugin, `PREFIX-0`, `PREFIX-1`, …; `rest` is put into each table.
    pub(super) fn checks(mut self, prefix: &str, count: usize, plugin: &str, rest: &str) -> Self {
        for number in 0..count {
            // Writing to a string cannot fail.
            let _ = write!(self.0, "\n[check.{prefix}-{number}]\nplugin = {plugin:?}\n{rest}\n");
        }
        self
    }

    /// Adds whole tables as they are.
    pub(super) fn tables(mut self, text: &str) -> Self {
        self.0.push('\n');
        self.0.push_str(text);
        self
    }

    /// The file's text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
