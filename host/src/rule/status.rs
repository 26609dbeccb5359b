//! What rules are doing, for whoever shows it: immutable, shared, as of one moment.

use std::{sync::Arc, time::Duration};

use bellwether_promql::labels::Labels;

use super::{
    Group, Rule,
    state::{Alerts, Hold},
};
use crate::{
    alert::{Alert, Fingerprint, with_external},
    config::EVALUATION_INTERVAL_DEFAULT,
};

/// Groups that are shared together. One that changes has the others of its page counted again, and nobody else: with a hundred
/// times as many groups there are a hundred times as many changes, which must not cost a hundred times as much each.
const PAGE: usize = 64;

/// `evaluation_interval` before there is a configuration, in milliseconds.
pub(super) const INTERVAL_DEFAULT: i64 = 1_000 * EVALUATION_INTERVAL_DEFAULT.as_secs().cast_signed();

/// All groups, in the order of the configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RuleStatus {
    pages: Vec<Arc<Vec<Arc<GroupStatus>>>>,
    /// See [`super::RuleSet::interval`]: whoever asks an expression must see what a rule sees.
    pub interval: i64,
    /// See [`with_external`].
    external: Labels,
}

impl Default for RuleStatus {
    fn default() -> Self {
        Self::new(INTERVAL_DEFAULT, [])
    }
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
    /// Of these groups; `interval` is in milliseconds.
    pub fn new(interval: i64, groups: impl IntoIterator<Item = Arc<GroupStatus>>) -> Self {
        let groups: Vec<Arc<GroupStatus>> = groups.into_iter().collect();
        let pages = groups.chunks(PAGE).map(|page| Arc::new(page.to_vec()));
        Self {
            pages: pages.collect(),
            interval,
            external: Labels::default(),
        }
    }

    /// With the labels that are put on alerts when they leave the host.
    #[must_use]
    pub fn with_external(self, external: Labels) -> Self {
        Self { external, ..self }
    }

    /// What identifies an alert of a rule where it is routed, silenced and sent.
    pub fn fingerprint(&self, alert: &Alert) -> Fingerprint {
        Fingerprint::of(&with_external(&alert.labels, &self.external))
    }

    /// One by one.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<GroupStatus>> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    /// Puts a group in the place of the one with this number.
    pub(super) fn set(&mut self, number: usize, group: Arc<GroupStatus>) {
        let page = self.pages.get_mut(number / PAGE).map(Arc::make_mut);
        if let Some(place) = page.and_then(|page| page.get_mut(number % PAGE)) {
            *place = group;
        }
    }

    /// Every alert of every rule.
    pub fn alerts(&self) -> impl Iterator<Item = (&RuleReport, &Alert)> {
        let rules = self.groups().flat_map(|group| &group.rules);
        rules.flat_map(|rule| rule.alerts.values().map(move |alert| (rule, alert)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load_text;

    #[test]
    fn a_group_that_changes_leaves_all_pages_but_its_own_shared() {
        let (set, _) = load_text("r.yml", "groups: [{name: g, rules: [{record: a, expr: b}]}]", 15_000).unwrap();
        let group = |last| {
            Arc::new(GroupStatus {
                last: Some(last),
                ..GroupStatus::new(&set.groups[0])
            })
        };
        let before = RuleStatus::new(15_000, (0..1_000).map(group));
        let mut after = before.clone();
        after.set(700, group(5_000));
        let own = 700 / PAGE;
        for (at, (one, other)) in before.pages.iter().zip(&after.pages).enumerate() {
            assert_eq!(Arc::ptr_eq(one, other), at != own, "{at}");
        }
        let slots = |status: &RuleStatus| status.groups().map(|group| group.last.unwrap()).collect::<Vec<_>>();
        assert_eq!(slots(&before), (0..1_000).collect::<Vec<_>>());
        let expected = (0..1_000).map(|at| if at == 700 { 5_000 } else { at });
        assert_eq!(slots(&after), expected.collect::<Vec<_>>());
        after.set(1_000, group(1));
        assert_eq!(slots(&after).len(), 1_000, "there is no such place");
    }
}
