//! What rules are doing, for whoever shows it: immutable, shared, as of one moment.

use std::{sync::Arc, time::Duration};

use super::{
    Group, Rule,
    state::{Alerts, Hold},
};
use crate::alert::Alert;

/// All groups, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct RuleStatus {
    /// One by one.
    pub groups: Vec<Arc<GroupStatus>>,
}

/// One group.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    /// As configured.
    pub group: Arc<Group>,
    /// Slot of the last evaluation, milliseconds since the epoch.
    pub last: Option<i64>,
    /// How long that took.
    pub took: Duration,
    /// Slots that nobody evaluated since the host began.
    pub missed: u64,
    /// In order.
    pub rules: Vec<RuleReport>,
}

impl GroupStatus {
    /// Of a group that was not evaluated yet.
    pub(super) fn new(group: &Arc<Group>) -> Self {
        Self {
            group: Arc::clone(group),
            last: None,
            took: Duration::ZERO,
            missed: 0,
            rules: Vec::new(),
        }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct RuleReport {
    /// As configured.
    pub rule: Arc<Rule>,
    /// See [`Health`].
    pub health: Health,
    /// Slot of the last evaluation, failed ones too, milliseconds since the epoch.
    pub last: Option<i64>,
    /// How long that took.
    pub took: Duration,
    /// Elements that the last evaluation yielded.
    pub elements: usize,
    /// Evaluations since the host began.
    pub evaluations: u64,
    /// Those that failed.
    pub failures: u64,
    /// Why it may not decide yet.
    pub hold: Option<Hold>,
    /// What is odd about its expression.
    pub warnings: Vec<String>,
    /// None for a recording rule.
    pub alerts: Arc<Alerts>,
}

/// Whether a rule works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It was not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation succeeded.
    Good,
    /// It failed, and why.
    Failing(String),
}

impl Health {
    /// As Prometheus' API has it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Failing(_) => "err",
        }
    }
}

impl RuleStatus {
    /// Every alert of every rule.
    pub fn alerts(&self) -> impl Iterator<Item = (&RuleReport, &Alert)> {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        rules.flat_map(|rule| rule.alerts.values().map(move |alert| (rule, alert)))
    }
}
