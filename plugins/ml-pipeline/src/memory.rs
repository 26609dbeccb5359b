//! What must last from run to run: streaks, figures of reports, totals of counters, numbers of objects.
//!
//! One value in the host's state, read at the start of a run and written at its end. It forgets targets that are no longer
//! configured. A memory that cannot be read or kept costs comparisons, not the report: it is said in the log.

use std::collections::BTreeMap;

use bellwether_sdk::{log, state};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// Under which key. A change of [`Memory`] that older ones cannot be read as takes a new key.
const KEY: &str = "memory-1";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// Runs in a row, by `KIND NAME WHAT`. Those that ended are not kept.
    streaks: BTreeMap<String, u64>,
    /// By name of the target.
    reports: BTreeMap<String, Reports>,
    /// By name of the target and of the value.
    totals: BTreeMap<String, BTreeMap<String, Total>>,
    /// By name of the target.
    objects: BTreeMap<String, f64>,
}

/// The latest report of a target and the one before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Reports {
    identity: String,
    latest: BTreeMap<String, f64>,
    before: BTreeMap<String, f64>,
}

/// Of one counter and, where the value is a ratio, the counter it is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) value: f64,
    pub(crate) per: Option<f64>,
}

impl Memory {
    /// As the run before left it.
    pub(crate) fn recall() -> Self {
        match state::get_json(KEY) {
            Ok(memory) => memory.unwrap_or_default(),
            Err(error) => {
                log::warn("starting without memory of earlier runs", &[("error", &error)]);
                Self::default()
            }
        }
    }

    /// For the next run.
    pub(crate) fn keep(mut self, settings: &Settings) {
        let kept = |name: &String| settings.has(name);
        self.reports.retain(|name, _| kept(name));
        self.totals.retain(|name, _| kept(name));
        self.objects.retain(|name, _| kept(name));
        self.streaks
            .retain(|key, _| key.split(' ').nth(1).is_some_and(|name| settings.has(name)));
        if let Err(error) = state::set_json(KEY, &self) {
            log::warn("the next run will not remember this one", &[("error", &error)]);
        }
    }

    /// How many runs in a row, this one included, had it so; 0 when this one has not.
    pub(crate) fn streak(&mut self, key: &str, so: bool) -> u64 {
        if !so {
            self.streaks.remove(key);
            return 0;
        }
        let runs = self.streaks.entry(key.to_owned()).or_default();
        *runs = runs.saturating_add(1);
        *runs
    }

    /// Notes the figures of a report and returns those of the report before it. The same report read again is not its own
    /// predecessor: `identity` tells reports apart.
    pub(crate) fn report(
        &mut self,
        target: &str,
        identity: &str,
        figures: BTreeMap<String, f64>,
    ) -> &BTreeMap<String, f64> {
        let reports = self.reports.entry(target.to_owned()).or_default();
        if reports.identity == identity {
            reports.latest = figures;
        } else {
            identity.clone_into(&mut reports.identity);
            reports.before = std::mem::replace(&mut reports.latest, figures);
        }
        &reports.before
    }

    /// Notes a total and returns the one of the run before.
    pub(crate) fn total(&mut self, target: &str, value: &str, total: Total) -> Option<Total> {
        let totals = self.totals.entry(target.to_owned()).or_default();
        totals.insert(value.to_owned(), total)
    }

    /// Notes how many objects there are and returns how many there were.
    pub(crate) fn objects(&mut self, target: &str, count: f64) -> Option<f64> {
        self.objects.insert(target.to_owned(), count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(accuracy: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("accuracy".to_owned(), accuracy)])
    }

    #[test]
    fn a_streak_counts_runs_and_starts_anew() {
        let mut memory = Memory::default();
        let runs: Vec<u64> = [true, true, false, true].map(|so| memory.streak("a", so)).into();
        assert_eq!(runs, [1, 2, 0, 1]);
    }

    #[test]
    fn a_report_read_again_is_not_its_own_predecessor() {
        let mut memory = Memory::default();
        assert_eq!(memory.report("r", "monday", figures(0.9)), &BTreeMap::new());
        assert_eq!(memory.report("r", "tuesday", figures(0.8)), &figures(0.9));
        assert_eq!(memory.report("r", "tuesday", figures(0.8)), &figures(0.9));
        assert_eq!(memory.report("r", "wednesday", figures(0.7)), &figures(0.8));
    }
}
