//! What the other side said it will not take for a while, by category.
//!
//! Flows in: every answer, and the limits that were in force. Flows out: which are in force now. Pure; the way to the host's state is
//! in `upstream`.

use std::{collections::BTreeMap, time::Duration};

use bellwether_sdk::{delivery, http::Response};
use serde::{Deserialize, Serialize};

use crate::category::Category;

/// Of a 429 that does not say for how long: what Sentry asks of its SDKs.
const UNSAID_SECONDS: u64 = 60;

/// Longest limit that is believed. Asking once a day harms nobody, and a wrong header must not silence a receiver for good.
const LIMIT_SECONDS_MAX: u64 = 24 * 3600;

/// Until when, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Limits {
    /// On everything; 0 for none.
    #[serde(default)]
    all: u64,
    #[serde(default)]
    by_category: BTreeMap<Category, u64>,
}

impl Limits {
    /// How long the limit on a category is still in force.
    pub(crate) fn left(&self, category: Category, now: u64) -> Option<Duration> {
        if category == Category::Internal {
            return None;
        }
        let mut until = self.all.max(self.until(category));
        // An event without an exception is counted as `default` by some versions.
        if category == Category::Error {
            until = until.max(self.until(Category::Default));
        }
        // One that lasts longer than any may was made by another clock.
        let left = until.saturating_sub(now);
        (1..=LIMIT_SECONDS_MAX)
            .contains(&left)
            .then(|| Duration::from_secs(left))
    }

    fn until(&self, category: Category) -> u64 {
        self.by_category.get(&category).copied().unwrap_or(0)
    }

    /// What an answer says, whatever its status. Of two limits on the same, the longer one holds.
    pub(crate) fn note(&mut self, response: &Response, now: u64) {
        match response.header("x-sentry-rate-limits") {
            Some(header) => header.split(',').for_each(|limit| self.note_one(limit, now)),
            None if response.status == 429 => {
                let wait = delivery::retry_after(response).map_or(UNSAID_SECONDS, whole_seconds);
                self.limit_all(now, wait);
            }
            None => {}
        }
    }

    /// `SECONDS:CATEGORY;CATEGORY:SCOPE:…`; without categories it is on all. What follows the categories is of no concern here, and
    /// a limit on categories that are all unknown is none.
    fn note_one(&mut self, limit: &str, now: u64) {
        let mut parts = limit.trim().split(':');
        let seconds = parts.next().and_then(|seconds| seconds.trim().parse::<f64>().ok());
        let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0) else {
            return;
        };
        let seconds = whole_seconds(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        let categories = parts.next().unwrap_or_default().trim();
        if categories.is_empty() {
            return self.limit_all(now, seconds);
        }
        let until = now + seconds.min(LIMIT_SECONDS_MAX);
        for category in categories.split(';').filter_map(|word| Category::of_word(word.trim())) {
            let known = self.by_category.entry(category).or_default();
            *known = until.max(*known);
        }
    }

    fn limit_all(&mut self, now: u64, seconds: u64) {
        self.all = self.all.max(now + seconds.min(LIMIT_SECONDS_MAX));
    }

    /// Forgets what is over, and what a clock that was set back since made last too long.
    pub(crate) fn prune(&mut self, now: u64) {
        let holds = |until: u64| until > now && until - now <= LIMIT_SECONDS_MAX;
        self.by_category.retain(|_, until| holds(*until));
        if !holds(self.all) {
            self.all = 0;
        }
    }
}

/// Rounded up: a limit that is over too early is not kept.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::answer;

    use super::*;

    const NOW: u64 = 1_767_225_600;

    fn after(answers: &[(u16, &[(&str, &str)])]) -> Limits {
        let mut limits = Limits::default();
        for (status, headers) in answers {
            let mut response = answer(*status, "");
            let pairs = headers.iter();
            response.headers = pairs
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect();
            limits.note(&response, NOW);
        }
        limits
    }

    fn left(limits: &Limits, category: Category) -> u64 {
        limits.left(category, NOW).map_or(0, |left| left.as_secs())
    }

    #[test]
    fn a_header_limits_the_categories_it_names_and_no_others() {
        let limits = after(&[(
            200,
            &[(
                "X-Sentry-Rate-Limits",
                "60:transaction;monitor:key:reason, 2700:error;security:organization:over:x;y, 5:nonsense;newer",
            )],
        )]);
        assert_eq!(left(&limits, Category::Transaction), 60);
        assert_eq!(left(&limits, Category::Monitor), 60);
        assert_eq!(left(&limits, Category::Error), 2_700);
        assert_eq!(
            left(&limits, Category::Session),
            0,
            "a limit on unknown categories is none"
        );
    }

    #[test]
    fn a_limit_without_categories_is_on_all_but_reports() {
        for header in ["10", "10:", "10::organization", " 9.2 : : key "] {
            let limits = after(&[(200, &[("x-sentry-rate-limits", header)])]);
            assert_eq!(left(&limits, Category::LogItem), 10, "{header}");
            assert_eq!(left(&limits, Category::Internal), 0, "{header}");
        }
    }

    #[test]
    fn without_the_header_a_429_limits_all_for_as_long_as_it_says_or_a_minute() {
        assert_eq!(left(&after(&[(429, &[])]), Category::Error), 60);
        assert_eq!(left(&after(&[(429, &[("Retry-After", "7")])]), Category::Monitor), 7);
        let dated: &[(&str, &str)] = &[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
        ];
        assert_eq!(left(&after(&[(429, dated)]), Category::Span), 30);
        assert_eq!(left(&after(&[(503, &[("Retry-After", "7")])]), Category::Error), 0);
        // The header says more precisely what is limited.
        let both: &[(&str, &str)] = &[("X-Sentry-Rate-Limits", "5:session"), ("Retry-After", "99")];
        assert_eq!(left(&after(&[(429, both)]), Category::Error), 0);
    }

    #[test]
    fn of_two_limits_the_longer_holds_and_none_holds_for_more_than_a_day() {
        let header = |value| (200, [("x-sentry-rate-limits", value)]);
        let (long, short) = (header("50:error"), header("5:error"));
        let limits = after(&[(long.0, &long.1), (short.0, &short.1)]);
        assert_eq!(left(&limits, Category::Error), 50);
        let forever = header("1e300:error, 1e18:monitor, -5:session, NaN:log_item, soon:span");
        let limits = after(&[(forever.0, &forever.1)]);
        assert_eq!(left(&limits, Category::Error), 86_400);
        assert_eq!(left(&limits, Category::Monitor), 86_400);
        for none in [Category::Session, Category::LogItem, Category::Span] {
            assert_eq!(left(&limits, none), 0);
        }
    }

    #[test]
    fn a_limit_ends_and_a_clock_that_was_set_back_does_not_prolong_it() {
        let mut limits = after(&[(200, &[("x-sentry-rate-limits", "60:error, 60:")])]);
        assert_eq!(limits.left(Category::Error, NOW + 59), Some(Duration::from_secs(1)));
        assert_eq!(limits.left(Category::Error, NOW + 60), None);
        assert_eq!(limits.left(Category::Error, NOW - 200_000), None);
        limits.prune(NOW + 60);
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn a_limit_on_what_has_no_exception_is_one_on_events() {
        let limits = after(&[(200, &[("x-sentry-rate-limits", "60:default")])]);
        assert_eq!(left(&limits, Category::Error), 60);
        assert_eq!(left(&limits, Category::Monitor), 0);
    }
}
