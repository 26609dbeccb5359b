//! What is kept of a function between runs: when it was called, what was seen, and for how many calls in a row.

use serde::{Deserialize, Serialize};

use crate::{
    classes::{self, Matter},
    finding::{Finding, Kept, Outcome},
};

/// Under which key of the state; the number grows with the form.
pub(crate) const KEY: &str = "functions/1";

/// Of one probe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Unix seconds of the last call.
    pub(crate) at: Option<i64>,
    /// What was seen then.
    pub(crate) kept: Kept,
    /// The status of the last answer; none when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Streaks::is_quiet")]
    pub(crate) streaks: Streaks,
    #[serde(default)]
    pub(crate) recent: Recent,
    /// Which worker answered last; "" when it did not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) worker: String,
    /// Unix seconds of the last pair of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cold_at: Option<i64>,
    /// The last pair whose first call was cold, as far as can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cold: Option<ColdStart>,
}

/// What two calls, one right after the other, took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ColdStart {
    pub(crate) at: i64,
    pub(crate) first_seconds: f64,
    pub(crate) second_seconds: f64,
    pub(crate) kept: Kept,
}

/// For how many calls in a row something has held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Streaks {
    pub(crate) failed: u32,
    pub(crate) platform: u32,
    pub(crate) misconfigured: u32,
    pub(crate) slow: u32,
    pub(crate) very_slow: u32,
}

impl Streaks {
    /// After one more call.
    pub(crate) fn after(self, outcome: &Outcome) -> Self {
        let matter = outcome.as_ref().err().map(|finding| finding.class.matter);
        let slow = outcome.as_ref().err().filter(|finding| is_slow(finding));
        let count = |before: u32, holds: bool| if holds { before.saturating_add(1) } else { 0 };
        Self {
            failed: count(self.failed, matches!(matter, Some(Matter::Function | Matter::Network))),
            platform: count(self.platform, matter == Some(Matter::Platform)),
            misconfigured: count(self.misconfigured, matter == Some(Matter::Monitor)),
            slow: count(self.slow, slow.is_some()),
            very_slow: count(self.very_slow, slow.is_some_and(Finding::is_critical)),
        }
    }

    /// Nothing holds; the state has better things to hold.
    fn is_quiet(&self) -> bool {
        *self == Self::default()
    }

    /// By the value of the label `condition`.
    pub(crate) fn named(self) -> [(&'static str, u32); 5] {
        [
            ("failed", self.failed),
            ("platform", self.platform),
            ("misconfigured", self.misconfigured),
            ("slow", self.slow),
            ("very_slow", self.very_slow),
        ]
    }
}

/// Calls that are remembered one by one: as many as there are bits.
const RECENT_CALLS_MAX: u32 = u64::BITS;

/// With fewer, a single error would be more than 5 %.
const RECENT_CALLS_MIN: u32 = 20;

/// Which of the latest calls went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    calls: u32,
    /// A bit for each, the latest call's is the lowest.
    wrong: u64,
}

impl Recent {
    /// After one more call. One that never reached the function says nothing about it; a late answer is none that went wrong.
    pub(crate) fn after(self, outcome: &Outcome) -> Self {
        let wrong = match outcome.as_ref().err().map(|finding| finding.class.matter) {
            Some(Matter::Monitor) => return self,
            None | Some(Matter::Quality) => 0,
            Some(Matter::Function | Matter::Network | Matter::Platform) => 1,
        };
        Self {
            calls: (self.calls + 1).min(RECENT_CALLS_MAX),
            wrong: (self.wrong << 1) | wrong,
        }
    }

    /// The share of calls that went wrong, 0 to 1; none after few calls.
    pub(crate) fn error_ratio(self) -> Option<f64> {
        (self.calls >= RECENT_CALLS_MIN).then(|| f64::from(self.wrong.count_ones()) / f64::from(self.calls))
    }
}

fn is_slow(finding: &Finding) -> bool {
    finding.class.code == classes::SLOW.code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::Weight;

    #[test]
    fn conditions_are_counted_call_by_call_and_end_with_the_first_that_does_not_hold() {
        let down = Err(Finding::new(&classes::BOOT_ERROR, ""));
        let late = Err(Finding::new(&classes::SLOW, "").weighing(Weight::Critical));
        let refused = Err(Finding::new(&classes::UNAUTHORIZED, ""));
        let streaks = Streaks::default().after(&down).after(&down);
        assert_eq!((streaks.failed, streaks.slow), (2, 0));
        let streaks = streaks.after(&late);
        assert_eq!((streaks.failed, streaks.slow, streaks.very_slow), (0, 1, 1));
        let streaks = streaks.after(&Err(Finding::new(&classes::SLOW, "")));
        assert_eq!((streaks.slow, streaks.very_slow), (2, 0));
        assert_eq!(streaks.after(&refused).misconfigured, 1);
        assert_eq!(streaks.after(&Ok(String::new())), Streaks::default());
    }

    #[test]
    fn a_share_of_the_latest_calls_is_known_after_twenty_and_forgets_old_ones() {
        let (good, bad) = (Ok(String::new()), Err(Finding::new(&classes::BOOT_ERROR, "")));
        let some = (0..18).fold(Recent::default(), |recent, _| recent.after(&good));
        assert_eq!(some.after(&bad).error_ratio(), None);
        assert_eq!(some.after(&bad).after(&good).error_ratio(), Some(0.05));
        let long_ago = (0..64).fold(some.after(&bad), |recent, _| recent.after(&good));
        assert_eq!(long_ago.error_ratio(), Some(0.0));
    }

    #[test]
    fn what_is_the_monitors_own_matter_is_no_call_of_the_function() {
        let refused = Err(Finding::new(&classes::UNAUTHORIZED, ""));
        assert_eq!(Recent::default().after(&refused), Recent::default());
        let late = Err(Finding::new(&classes::SLOW, ""));
        let all = (0..20).fold(Recent::default(), |recent, _| recent.after(&late));
        assert_eq!(all.error_ratio(), Some(0.0));
    }
}
