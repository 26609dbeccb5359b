//! Where rules leave their alerts for who sends notifications: the whole state of each rule, the latest only.
//!
//! Flows in, on the thread of the rules: after an evaluation that changed something, the alerts of that rule; after a reload, those
//! of all. Flows out: what is different since it was taken last. A rule that nobody asked about for a while left one state and not a
//! hundred, so nothing here grows with time, and the thread that puts something in never waits.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use super::state::Alerts;

/// The alerts of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleAlerts {
    /// What tells the rule from all others.
    pub key: Arc<str>,
    /// Of its alerts.
    pub name: Arc<str>,
    /// All of them: pending, firing, and those that were over a short while ago.
    pub alerts: Arc<Alerts>,
    /// Whether this process evaluated it, with all the data there: an alert that is not here is over then, and not merely unknown.
    pub is_settled: bool,
    /// Where its expression can be looked at; "" when nowhere.
    pub generator_url: Arc<str>,
}

/// What is different.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulesUpdate {
    /// Whether these are all rules there are. A rule that is not among them is gone then.
    pub is_whole: bool,
    /// Each with its latest state.
    pub rules: Vec<RuleAlerts>,
}

#[derive(Default)]
struct Left {
    is_whole: bool,
    rules: HashMap<Arc<str>, RuleAlerts>,
}

#[derive(Default)]
struct Shared {
    left: Mutex<Left>,
    /// See [`Outlet::is_behind`].
    is_behind: AtomicBool,
    bell: Notify,
}

/// See the head of this file. Cheap to clone; clones are one place.
#[derive(Clone, Default)]
pub struct Outlet(Arc<Shared>);

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

impl Outlet {
    /// The state of some rules. It is what matters of them from now on.
    pub fn put(&self, rules: Vec<RuleAlerts>) {
        if rules.is_empty() {
            return;
        }
        let mut left = self.lock();
        left.rules
            .extend(rules.into_iter().map(|rule| (Arc::clone(&rule.key), rule)));
        drop(left);
        self.0.bell.notify_one();
    }

    /// The state of all rules; there are no others.
    pub fn put_all(&self, rules: Vec<RuleAlerts>) {
        let mut left = self.lock();
        left.is_whole = true;
        left.rules = rules.into_iter().map(|rule| (Arc::clone(&rule.key), rule)).collect();
        drop(left);
        self.0.bell.notify_one();
    }

    /// Whether rules begin without what an earlier process knew of their alerts, because it cannot be read yet: then an alert that is
    /// not here may fire all the same.
    pub fn is_behind(&self) -> bool {
        self.0.is_behind.load(Ordering::Acquire)
    }

    /// To be said after what was read late was left here.
    pub fn set_behind(&self, is_behind: bool) {
        self.0.is_behind.store(is_behind, Ordering::Release);
        self.0.bell.notify_one();
    }

    /// What was left since the last time, in no order.
    pub fn take(&self) -> RulesUpdate {
        let left = std::mem::take(&mut *self.lock());
        RulesUpdate {
            is_whole: left.is_whole,
            rules: left.rules.into_values().collect(),
        }
    }

    /// Returns when something was left that nobody took. For one taker.
    pub async fn changed(&self) {
        self.0.bell.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Left> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(key: &str, is_settled: bool) -> RuleAlerts {
        RuleAlerts {
            key: key.into(),
            name: "A".into(),
            alerts: Arc::default(),
            is_settled,
            generator_url: "".into(),
        }
    }

    #[test]
    fn of_each_rule_the_latest_state_is_taken_once() {
        let outlet = Outlet::default();
        outlet.put(vec![rule("a", false), rule("b", false)]);
        outlet.put(vec![rule("a", true)]);
        let mut update = outlet.take();
        update.rules.sort_by(|one, other| one.key.cmp(&other.key));
        assert_eq!(
            (update.is_whole, update.rules),
            (false, vec![rule("a", true), rule("b", false)])
        );
        assert_eq!(outlet.take(), RulesUpdate::default());
    }

    #[test]
    fn a_reload_takes_the_place_of_what_was_left_before() {
        let outlet = Outlet::default();
        outlet.put(vec![rule("gone", true)]);
        outlet.put_all(vec![rule("a", false)]);
        outlet.put(vec![rule("a", true)]);
        let update = outlet.take();
        assert_eq!((update.is_whole, update.rules), (true, vec![rule("a", true)]));
    }
}
