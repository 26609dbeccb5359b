//! What was dropped instead of sent, until the other side was told: Sentry's client reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::category::Category;

/// Different losses that one report tells of: each is some 80 bytes of the 4 KiB that a report may have.
const ENTRIES_MAX: usize = 40;

/// Sentry's words for why something was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// A limit was in force.
    RatelimitBackoff,
    /// The other side refused it.
    SendError,
    /// Left out on purpose, by `traces_sample_rate`.
    SampleRate,
    /// There was no room to remember its monitor.
    BufferOverflow,
    /// It could not be sent as it was.
    Invalid,
}

impl Loss {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RatelimitBackoff => "ratelimit_backoff",
            Self::SendError => "send_error",
            Self::SampleRate => "sample_rate",
            Self::BufferOverflow => "buffer_overflow",
            Self::Invalid => "invalid",
        }
    }
}

/// How many of what, by reason and category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Losses(BTreeMap<String, BTreeMap<Category, u64>>);

impl Losses {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, loss: Loss, category: Category, quantity: u64) {
        self.count(loss.as_str(), category, quantity);
    }

    fn count(&mut self, reason: &str, category: Category, quantity: u64) {
        let known = self.0.get(reason).is_some_and(|of| of.contains_key(&category));
        if quantity == 0 || (!known && self.0.values().map(BTreeMap::len).sum::<usize>() >= ENTRIES_MAX) {
            return;
        }
        let total = self
            .0
            .entry(reason.to_owned())
            .or_default()
            .entry(category)
            .or_default();
        *total = total.saturating_add(quantity);
    }

    /// Takes back what was not told.
    pub(crate) fn restore(&mut self, untold: Self) {
        for (reason, categories) in untold.0 {
            for (category, quantity) in categories {
                self.count(&reason, category, quantity);
            }
        }
    }

    /// As the payload of an item `client_report`.
    pub(crate) fn report(&self, now: f64) -> Value {
        let entries = self.0.iter().flat_map(|(reason, categories)| {
            categories.iter().map(move |(category, quantity)| {
                json!({ "reason": reason, "category": category.as_str(), "quantity": quantity })
            })
        });
        json!({ "timestamp": now, "discarded_events": entries.collect::<Vec<Value>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_and_what_was_not_told_is_kept() {
        let mut losses = Losses::default();
        losses.add(Loss::RatelimitBackoff, Category::Monitor, 2);
        losses.add(Loss::RatelimitBackoff, Category::Monitor, 3);
        losses.add(Loss::SendError, Category::Error, 0);
        let untold = std::mem::take(&mut losses);
        losses.add(Loss::RatelimitBackoff, Category::Monitor, 1);
        losses.restore(untold);
        assert_eq!(
            losses.report(1.5),
            json!({
                "timestamp": 1.5,
                "discarded_events": [{ "reason": "ratelimit_backoff", "category": "monitor", "quantity": 6 }],
            })
        );
    }

    #[test]
    fn no_report_is_longer_than_sentry_takes() {
        let mut losses = Losses::default();
        for reason in 0..10 {
            for category in ["default", "trace_metric", "transaction", "profile_chunk", "error"] {
                let category = Category::of_word(category).expect("known");
                losses.count(&format!("reason_of_any_length_{reason}"), category, u64::MAX);
            }
        }
        assert!(losses.report(1_767_225_600.123).to_string().len() <= 4_096 + 512);
        let mut real = Losses::default();
        for loss in [
            Loss::RatelimitBackoff,
            Loss::SendError,
            Loss::SampleRate,
            Loss::BufferOverflow,
            Loss::Invalid,
        ] {
            for category in [
                "error",
                "transaction",
                "span",
                "monitor",
                "session",
                "attachment",
                "log_item",
                "trace_metric",
            ] {
                real.add(loss, Category::of_word(category).expect("known"), u64::MAX);
            }
        }
        let report = real.report(1_767_225_600.123).to_string();
        assert!(report.len() <= 4_096, "{}", report.len());
    }
}
