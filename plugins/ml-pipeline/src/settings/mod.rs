//! What stands under `settings` in the configuration: a table of targets for each kind, by names of the user's.
//!
//! The settings of a kind stand beside what it makes of answers, in `target`. Here are the whole, what kinds share, and what a
//! schema cannot say.

pub(crate) mod levels;
pub(crate) mod slot;

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::{Description, Failure};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::target::{
    Named, canary::Canary, freshness::Freshness, ready::Ready, report::ReportTarget, runs::Runs, scrape::Scrape,
};
use slot::Slot;

/// Targets by kind and by names of your own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Is the server up, and does it serve this model? Asks the server, without inference.
    ready: BTreeMap<String, Ready>,
    /// Does it answer as it should? Sends a real request and asserts on the answer.
    canary: BTreeMap<String, Canary>,
    /// Do training and other pipelines run and succeed, on time?
    runs: BTreeMap<String, Runs>,
    /// Is accuracy kept, and is there drift? Reads a report that your evaluation writes as JSON.
    report: BTreeMap<String, ReportTarget>,
    /// Picks values from the metrics that a server exposes to Prometheus.
    scrape: BTreeMap<String, Scrape>,
    /// Does data still flow? Judges the age of the newest data, or the number of objects.
    freshness: BTreeMap<String, Freshness>,
}

impl Settings {
    /// All targets, by kind and name.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Named<'_>> {
        let ready = self
            .ready
            .iter()
            .map(|(name, target)| Named::new("ready", name, target));
        let canary = self
            .canary
            .iter()
            .map(|(name, target)| Named::new("canary", name, target));
        let runs = self.runs.iter().map(|(name, target)| Named::new("runs", name, target));
        let report = self
            .report
            .iter()
            .map(|(name, target)| Named::new("report", name, target));
        let scrape = self
            .scrape
            .iter()
            .map(|(name, target)| Named::new("scrape", name, target));
        let freshness = self
            .freshness
            .iter()
            .map(|(name, target)| Named::new("freshness", name, target));
        ready
            .chain(canary)
            .chain(runs)
            .chain(report)
            .chain(scrape)
            .chain(freshness)
    }

    /// Whether a target has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.targets().any(|target| target.name == name)
    }

    /// What the schema cannot say, all of it at once.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let problems = self.targets().flat_map(|target| {
            let found = target.problems();
            found
                .into_iter()
                .map(move |problem| format!("`{}.{}`: {problem}", target.kind, target.name))
        });
        let problems: Vec<String> = problems.chain(self.shared_accuracy()).chain(self.nothing()).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Failure::settings(problems.join("; ")))
        }
    }

    fn nothing(&self) -> Option<String> {
        let empty = self.targets().next().is_none();
        empty.then(|| "there is nothing to look at: add a target, such as a table `ready.NAME`".to_owned())
    }

    /// `ml_model_accuracy` has no label but the model.
    fn shared_accuracy(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut models = self.report.iter().filter_map(|(name, report)| report.accuracy_of(name));
        let again = models.find(|model| !seen.insert(*model))?;
        Some(format!(
            "two reports have `accuracy` of `{again}`: give each a `model` of its own, or use `figures`"
        ))
    }
}

/// Adds the connection slots.
pub(crate) fn describe(about: &mut Description) {
    for slot in Slot::ALL {
        about.optional_connection(slot.name(), &["http", "https"], slot.summary());
    }
}
