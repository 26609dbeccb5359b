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
//! It uses one key of the state, `streaks`, and only targets that are not ok take room there, or were not a short while ago.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Report, Status, capability::context, log, metric::Gauge, state};

/// The labels of the gauge: of severity `warning` are runs in which the target was anything but ok, of `critical` those in
/// which it was critical.
pub const LABELS: [&str; 2] = ["target", "severity"];

const KEY: &str = "streaks";

/// How long it is still said that a target without a verdict is well again, in seconds: whoever reads reports more seldom than they are
/// made must see it too.
const OVER_SECONDS: i64 = 3_600;

/// How long a target that was not ok is remembered while nothing is said of it, in seconds. Alerts are held no longer either.
const UNSAID_SECONDS: i64 = 86_400;

/// Of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Streak {
    #[serde(rename = "w")]
    not_ok: u32,
    #[serde(rename = "c", default)]
    critical: u32,
    /// Since when nothing is said of it, in Unix seconds.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    unsaid: Option<i64>,
    /// Since when it is well and has no verdict.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    over: Option<i64>,
}

impl Streak {
    const fn after(self, status: Status) -> Self {
        let critical = if matches!(status, Status::Critical) {
            self.critical.saturating_add(1)
        } else {
            0
        };
        let not_ok = match status {
            Status::Ok => 0,
            Status::Warning | Status::Critical | Status::Unknown => self.not_ok.saturating_add(1),
        };
        Self {
            not_ok,
            critical,
            unsaid: None,
            over: None,
        }
    }

    /// It is well and has no verdict. None: it was well long ago.
    fn well(self, now: i64) -> Option<Self> {
        let was_not_ok = self.not_ok > 0 || self.unsaid.is_some();
        let over = if was_not_ok { Some(now) } else { self.over };
        let is_news = over.is_some_and(|since| now - since < OVER_SECONDS);
        is_news.then(|| Self {
            over,
            ..Self::default()
        })
    }

    /// Nothing is said of it. None: there is nothing to remember.
    fn unsaid(self, now: i64) -> Option<Self> {
        let since = if self.not_ok > 0 { Some(now) } else { self.unsaid };
        let is_remembered = since.is_some_and(|since| now - since < UNSAID_SECONDS);
        is_remembered.then(|| Self {
            unsaid: since,
            ..Self::default()
        })
    }
}

/// Adds two samples for each verdict in `report`. Call it when all verdicts are there. Without room in the state, counting
/// starts anew in every run, and a line in the log says so.
pub fn report(gauge: &Gauge<2>, report: &mut Report) {
    report_with(gauge, report, &[]);
}

/// As [`report`], where some targets have a verdict only while something is wrong. `well` names those of them that were looked at in this
/// run and are fine: for an hour after they were not, their samples are 0, so that rules see that it is over. Without that, a rule would
/// only see that they are gone, which may mean anything.
pub fn report_with(gauge: &Gauge<2>, report: &mut Report, well: &[String]) {
    // What an older version of the plugin may have kept there in another form is as good as nothing.
    let before: BTreeMap<String, Streak> = state::get_json(KEY).ok().flatten().unwrap_or_default();
    let now = context::scheduled_at_unix();
    let verdicts = report.verdicts().iter();
    let mut streaks: Vec<(String, Streak)> = verdicts
        .map(|verdict| {
            let streak = before.get(&verdict.target).copied().unwrap_or_default();
            (verdict.target.clone(), streak.after(verdict.status))
        })
        .collect();
    let judged: BTreeSet<String> = streaks.iter().map(|(target, _)| target.clone()).collect();
    let (well, unsaid): (Vec<_>, Vec<_>) = before
        .iter()
        .filter(|(target, _)| !judged.contains(*target))
        .partition(|(target, _)| well.contains(*target));
    let well = well
        .into_iter()
        .filter_map(|(target, streak)| Some((target.clone(), streak.well(now)?)));
    streaks.extend(well);
    let unsaid = unsaid
        .into_iter()
        .filter_map(|(target, streak)| Some((target.clone(), streak.unsaid(now)?)));
    let mut after: BTreeMap<String, Streak> = unsaid.collect();
    for (target, streak) in &streaks {
        let mut values = report.gauge(gauge);
        values
            .set([target, "warning"], streak.not_ok)
            .set([target, "critical"], streak.critical);
        if streak.not_ok > 0 || streak.over.is_some() {
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
        assert_eq!((streak.not_ok, streak.critical), (4, 1));
        assert_eq!(streak.after(Status::Ok), Streak::default());
    }

    #[test]
    fn the_end_of_what_has_no_verdict_any_more_is_said_for_an_hour() {
        let wrong = Streak::default().after(Status::Warning);
        let well = wrong.well(1_000).expect("news");
        assert_eq!((well.not_ok, well.critical), (0, 0));
        assert_eq!(well.well(1_000 + OVER_SECONDS - 1), Some(well));
        assert_eq!(well.well(1_000 + OVER_SECONDS), None);
    }

    #[test]
    fn what_nobody_says_anything_of_is_not_over_until_somebody_does() {
        let unsaid = Streak::default()
            .after(Status::Warning)
            .unsaid(1_000)
            .expect("remembered");
        assert_eq!(unsaid.unsaid(2_000), Some(unsaid));
        assert_eq!(unsaid.unsaid(1_000 + UNSAID_SECONDS), None);
        assert_eq!(unsaid.well(3_000).and_then(|streak| streak.over), Some(3_000));
        assert_eq!(unsaid.after(Status::Warning).not_ok, 1, "it begins anew");
    }
}
