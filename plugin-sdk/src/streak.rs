//! How many runs in a row each target has not been ok, kept in the plugin's state.
//!
//! Rules that count runs need no knowledge of the check's interval, and one odd answer rouses nobody:
//!
//! ```
//! use bellwether_sdk::{fake::{Fake, json}, prelude::*, streak};
//!
//! const DOWN: Code = Code::new("down", "It does not answer.");
//! const RUNS: Gauge<2> = Gauge::new("probe_not_ok_runs", "Runs in a row.", streak::LABELS);
//!
//! struct Down;
//!
//! impl Check for Down {
//!     const NAME: &'static str = "down";
//!     const SUMMARY: &'static str = "Finds that all is down";
//!     type Settings = NoSettings;
//!
//!     fn describe(about: &mut Description) {
//!         about.metric(&RUNS).code(&DOWN);
//!     }
//!
//!     fn run(_: NoSettings) -> Result<Report, Failure> {
//!         let mut report = Report::new();
//!         report.warning("web", &DOWN, "no answer");
//!         streak::report(&RUNS, &mut report);
//!         Ok(report)
//!     }
//! }
//!
//! let mut fake = Fake::new();
//! fake.run::<Down>(json!({}));
//! let second = fake.run::<Down>(json!({}));
//! assert_eq!(second.value("probe_not_ok_runs", &["web", "warning"]), Some(2.0));
//! assert_eq!(second.value("probe_not_ok_runs", &["web", "critical"]), Some(0.0));
//! ```
//!
//! It uses one key of the state, `streaks`, and only targets that are not ok take room there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Report, Status, log, metric::Gauge, state};

/// The labels of the gauge: of severity `warning` are runs in which the target was anything but ok, of `critical` those in
/// which it was critical.
pub const LABELS: [&str; 2] = ["target", "severity"];

const KEY: &str = "streaks";

/// Of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Streak {
    #[serde(rename = "w")]
    not_ok: u32,
    #[serde(rename = "c", default)]
    critical: u32,
}

impl Streak {
    const fn after(self, status: Status) -> Self {
        let critical = if matches!(status, Status::Critical) {
            self.critical.saturating_add(1)
        } else {
            0
        };
        match status {
            Status::Ok => Self { not_ok: 0, critical: 0 },
            Status::Warning | Status::Critical | Status::Unknown => Self {
                not_ok: self.not_ok.saturating_add(1),
                critical,
            },
        }
    }
}

/// Adds two samples for each verdict in `report`. Call it when all verdicts are there. Without room in the state, counting
/// starts anew in every run, and a line in the log says so.
pub fn report(gauge: &Gauge<2>, report: &mut Report) {
    // What an older version of the plugin may have kept there in another form is as good as nothing.
    let before: BTreeMap<String, Streak> = state::get_json(KEY).ok().flatten().unwrap_or_default();
    let mut after = BTreeMap::new();
    let verdicts = report.verdicts().iter();
    let streaks: Vec<(String, Streak)> = verdicts
        .map(|verdict| {
            let streak = before.get(&verdict.target).copied().unwrap_or_default();
            (verdict.target.clone(), streak.after(verdict.status))
        })
        .collect();
    for (target, streak) in &streaks {
        let mut values = report.gauge(gauge);
        values
            .set([target, "warning"], streak.not_ok)
            .set([target, "critical"], streak.critical);
        if streak.not_ok > 0 {
            after.insert(target.clone(), *streak);
        }
    }
    if after != before
        && let Err(error) = state::set_json(KEY, &after)
    {
        log::warn("runs in a row cannot be counted", &[("error", &error)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_run_ends_a_critical_streak_and_goes_on_with_the_other() {
        let statuses = [Status::Critical, Status::Critical, Status::Unknown, Status::Critical];
        let streak = statuses.into_iter().fold(Streak::default(), Streak::after);
        assert_eq!(streak, Streak { not_ok: 4, critical: 1 });
        assert_eq!(streak.after(Status::Ok), Streak::default());
    }
}
