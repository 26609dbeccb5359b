//! The machine the host runs on: CPU, memory, disks, network, processes.
//!
//! Flows in: one snapshot of the machine, read by the host. Flows out: families in up to three name sets, and verdicts where
//! thresholds are set. Between runs it keeps for how many in a row something was not ok; what was read last, the host knows.

mod canonical;
mod judge;
mod node_exporter;
mod pattern;
mod percent;
mod selection;
mod settings;
mod table;

use bellwether_sdk::{
    prelude::*,
    system::{self, ProcessQuery},
};
use selection::Selection;
use settings::NameSet;
pub use settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct System;

impl Check for System {
    const NAME: &'static str = "system";
    const SUMMARY: &'static str = "CPU, memory, disks, network and processes of the machine the host runs on";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        // What alerts hang on comes first: the host leaves out what comes last.
        judge::describe(about);
        percent::describe(about);
        canonical::describe(about);
        node_exporter::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        settings.check()?;
        let queries = queries(&settings);
        let wanted = settings.wanted();
        let snapshot = system::read(wanted, &queries).map_err(|error| unread(&error, &queries))?;
        let selection = Selection::new(&snapshot, &settings.exclude);
        let mut report = Report::new();
        for name_set in settings.name_sets() {
            match name_set {
                NameSet::Canonical => canonical::report(&selection, wanted, &mut report),
                NameSet::NodeExporter => node_exporter::report(&selection, &mut report)?,
                NameSet::Percent => percent::report(&selection, &settings.disk_percent_of, &mut report),
            }
        }
        judge::report(&selection, &settings.thresholds, wanted, &mut report);
        Ok(report)
    }
}

export_check!(System);

fn queries(settings: &Settings) -> Vec<ProcessQuery> {
    let groups = settings.processes.iter();
    groups
        .map(|(group, regex)| ProcessQuery {
            group: group.clone(),
            name_regex: regex.clone(),
        })
        .collect()
}

/// The host reads what it can and says what it cannot; it refuses outright only expressions that are not valid.
fn unread(error: &system::SystemError, queries: &[ProcessQuery]) -> Failure {
    if queries.is_empty() {
        Failure::target(error)
    } else {
        Failure::settings(error)
    }
}

#[cfg(test)]
mod tests;
