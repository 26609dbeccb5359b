//! Deadlocks of the latest runs, for rules that count runs and know nothing of the check's interval.
//!
//! Flows in: the server's totals. Flows out: a gauge for each database. Between runs the plugin's state keeps the total and how
//! many came in each of the latest runs; of databases that are gone, nothing.

use std::collections::{BTreeMap, VecDeque};

use bellwether_sdk::{Description, Report, log, metric::Gauge, state};
use serde::{Deserialize, Serialize};

use crate::facts::Facts;

/// As far as "recent" goes back: a burst is still seen when the next run was missed, and last week's is not.
const RUNS_MAX: usize = 10;

const KEY: &str = "deadlocks";

const RECENT: Gauge<1> = Gauge::new(
    "postgres_database_recent_deadlocks",
    "Deadlocks since ten runs ago; absent in the first run.",
    ["database"],
);

/// Of one database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Recent {
    total: f64,
    /// In each of the latest runs, the newest last.
    runs: VecDeque<f64>,
}

impl Recent {
    /// A total that fell began anew.
    fn after(mut self, total: f64) -> Self {
        let came = if total < self.total { total } else { total - self.total };
        self.runs.push_back(came);
        while self.runs.len() > RUNS_MAX {
            self.runs.pop_front();
        }
        Self { total, ..self }
    }
}

pub(crate) fn describe(about: &mut Description) {
    about.metric(&RECENT);
}

/// Does nothing in a run that learnt nothing of databases.
pub(crate) fn report(facts: &Facts, report: &mut Report) {
    let Some(databases) = &facts.databases else { return };
    let before: BTreeMap<String, Recent> = state::get_json(KEY).ok().flatten().unwrap_or_default();
    let totals = databases
        .iter()
        .filter_map(|database| Some((&database.name, database.value("deadlocks")?)));
    let mut after = BTreeMap::new();
    for (name, total) in totals {
        let recent = match before.get(name) {
            Some(recent) => recent.clone().after(total),
            None => Recent {
                total,
                runs: VecDeque::new(),
            },
        };
        if !recent.runs.is_empty() {
            report.gauge(&RECENT).set([name], recent.runs.iter().sum::<f64>());
        }
        after.insert(name.clone(), recent);
    }
    if after != before
        && let Err(error) = state::set_json(KEY, &after)
    {
        log::warn("deadlocks of the latest runs cannot be counted", &[("error", &error)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(totals: impl IntoIterator<Item = f64>) -> f64 {
        let recent = totals.into_iter().fold(Recent::default(), Recent::after);
        recent.runs.iter().sum()
    }

    #[test]
    fn what_came_more_than_ten_runs_ago_is_forgotten() {
        assert!((after([4.0, 6.0, 6.0]) - 6.0).abs() < f64::EPSILON);
        let long_ago = [4.0, 6.0].into_iter().chain([6.0; 10]);
        assert!(after(long_ago).abs() < f64::EPSILON);
    }

    #[test]
    fn a_total_that_began_anew_came_since() {
        assert!((after([4.0, 3.0]) - 7.0).abs() < f64::EPSILON);
    }
}
