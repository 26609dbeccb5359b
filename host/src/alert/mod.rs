//! The vocabulary of alerts: what one is, in which state, what identifies it, and how it is matched.
//!
//! Flows in: what `rule` makes of the results of expressions. Flows out: values that `rule` keeps, `dispatch` routes and `expose`
//! shows. It decides nothing: when a state changes is `rule`'s, who hears of it is `dispatch`'s.

mod fingerprint;
mod matcher;
mod matcher_text;
pub mod times;

use std::{collections::BTreeMap, sync::Arc};

use bellwether_promql::labels::Labels;
pub use fingerprint::Fingerprint;
pub use matcher::{Matcher, MatcherError};
pub use matcher_text::MatcherTextError;
pub use times::TimeInterval;

/// The label that names an alert.
pub const ALERT_NAME: &str = "alertname";

/// Texts that describe an alert and do not identify it, by name.
pub type Annotations = BTreeMap<Arc<str>, Arc<str>>;

/// An alert's labels as they leave the host: with those of `external` that it has not already, as a Prometheus puts its own on what it
/// sends.
pub fn with_external(labels: &Labels, external: &Labels) -> Labels {
    let missing = external.iter().filter(|(name, _)| labels.get(name).is_none());
    missing.fold(labels.clone(), |labels, (name, value)| labels.with(name, value))
}

/// How far an alert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// It was firing and is over; remembered for a while.
    Resolved,
    /// Its condition holds, and not yet for long enough.
    Pending,
    /// Somebody should know.
    Firing,
}

impl AlertState {
    /// All, in order of how much they matter.
    pub const ALL: [Self; 3] = [Self::Resolved, Self::Pending, Self::Firing];

    /// As Prometheus' API and the label `alertstate` have it; `inactive` for what is over.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }

    /// The state of a word of [`AlertState::as_str`].
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// Why an alert is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResolveCause {
    /// The data is there, and the condition does not hold.
    Condition,
    /// Nobody reports the series any more that the condition was about.
    NoData,
    /// The rule is gone from the configuration.
    RuleRemoved,
    /// It was held without data for as long as anything is held.
    Expired,
    /// Whoever reports the series reports, and these no more.
    Vanished,
    /// No check is configured any more that reports the series.
    CheckRemoved,
    /// Its rule yields more than the `limit` of its group.
    OverLimit,
    /// What it is about has other labels now, from its rule.
    LabelsChanged,
    /// Whoever posted it said so.
    Sender,
    /// Whoever posted it says nothing any more.
    SenderSilent,
}

impl ResolveCause {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Condition,
        Self::NoData,
        Self::RuleRemoved,
        Self::Expired,
        Self::Vanished,
        Self::CheckRemoved,
        Self::OverLimit,
        Self::LabelsChanged,
        Self::Sender,
        Self::SenderSilent,
    ];

    /// As in logs, messages and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::NoData => "no_data",
            Self::RuleRemoved => "rule_removed",
            Self::Expired => "expired",
            Self::Vanished => "vanished",
            Self::CheckRemoved => "check_removed",
            Self::OverLimit => "over_limit",
            Self::LabelsChanged => "labels_changed",
            Self::Sender => "sender",
            Self::SenderSilent => "sender_silent",
        }
    }

    /// The cause of a word of [`ResolveCause::as_str`].
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

/// One alert as others see it. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// What identifies it, `alertname` among them.
    pub labels: Labels,
    /// What describes it.
    pub annotations: Annotations,
    /// How far it has come.
    pub state: AlertState,
    /// Of its expression, when it was last seen.
    pub value: f64,
    /// Since when its condition holds, by evaluated time.
    pub active_at: i64,
    /// Since when it fires; None: it never did.
    pub fired_at: Option<i64>,
    /// Since when it fires on only because of `keep_firing_for`.
    pub keep_firing_since: Option<i64>,
    /// Since when its data is missing and it is held for that reason.
    pub no_data_since: Option<i64>,
    /// When it was over, and why.
    pub resolved: Option<(i64, ResolveCause)>,
}

impl Alert {
    /// See [`Fingerprint`].
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }

    /// The value of `alertname`.
    pub fn name(&self) -> &str {
        self.labels.get(ALERT_NAME).map_or("", |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_back_to_what_it_says() {
        for state in AlertState::ALL {
            assert_eq!(AlertState::of(state.as_str()), Some(state));
        }
        for cause in ResolveCause::ALL {
            assert_eq!(ResolveCause::of(cause.as_str()), Some(cause));
        }
        assert_eq!(AlertState::of("burning"), None);
    }
}
