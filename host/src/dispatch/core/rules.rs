//! What rules say: the state of each as a whole, held against what it was before.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use super::{
    super::record::{Record, Source},
    Core,
};
use crate::{
    alert::{ALERT_NAME, Alert, AlertState, ResolveCause},
    rule::outlet::{RuleAlerts, RulesUpdate},
};

impl Core {
    /// Takes what is different.
    pub fn on_rules(&mut self, update: RulesUpdate, now: i64) {
        let mut settled = Vec::new();
        let mut there = HashSet::new();
        for rule in update.rules {
            there.insert(Arc::clone(&rule.key));
            if rule.is_settled {
                settled.push(Arc::clone(&rule.name));
            }
            self.on_rule(&rule, now);
        }
        if update.is_whole {
            self.knows_rules = true;
            let gone: Vec<Arc<str>> = self.rules.keys().filter(|key| !there.contains(*key)).cloned().collect();
            gone.iter().for_each(|key| self.remove_rule(key, now));
        }
        self.judge_restored(&settled, update.is_whole, now);
    }

    fn on_rule(&mut self, rule: &RuleAlerts, now: i64) {
        let before = self.rules.insert(Arc::clone(&rule.key), rule.clone());
        let before = before.map(|before| before.alerts).unwrap_or_default();
        if Arc::ptr_eq(&before, &rule.alerts) {
            return;
        }
        let source = Source::Rule(Arc::clone(&rule.key));
        for (old, new) in pairs(&before, &rule.alerts) {
            match (old, new) {
                (old, Some(new)) if old != Some(new) => self.on_rule_alert(&source, new, &rule.generator_url, now),
                // It was forgotten; if it fired until then, its rule is not what it was.
                (Some(old), None) if old.state == AlertState::Firing => self.end_of_rule(&old.labels, &source, now),
                _ => {}
            }
        }
    }

    fn on_rule_alert(&mut self, source: &Source, alert: &Alert, generator_url: &Arc<str>, now: i64) {
        match Record::of_rule(alert, generator_url, now) {
            Some(record) => {
                self.set(&alert.labels, source.clone(), record, now);
            }
            // Waiting again: it was over and has begun anew, or its rule is another one.
            None => self.end_of_rule(&alert.labels, source, now),
        }
    }

    fn end_of_rule(&mut self, labels: &Labels, source: &Source, now: i64) {
        let fires = self
            .alerts
            .get(labels)
            .and_then(|held| held.of(source))
            .is_some_and(|record| record.is_firing);
        if fires {
            self.withdraw(labels, source, |record| record.end(now, ResolveCause::RuleRemoved), now);
        }
    }

    fn remove_rule(&mut self, key: &Arc<str>, now: i64) {
        let Some(rule) = self.rules.remove(key) else { return };
        let source = Source::Rule(Arc::clone(key));
        for labels in rule.alerts.keys() {
            self.end_of_rule(labels, &source, now);
        }
    }

    /// Alerts and groups for which there was no room may have some now. Others than those of rules come again by themselves.
    pub(super) fn look_at_passed_over(&mut self, now: i64) {
        if !self.passed_over || self.alerts.len() >= self.alerts_max {
            return;
        }
        self.passed_over = false;
        let rules: Vec<RuleAlerts> = self.rules.values().cloned().collect();
        for rule in rules {
            let source = Source::Rule(Arc::clone(&rule.key));
            let firing = rule.alerts.values().filter(|alert| alert.state == AlertState::Firing);
            for alert in firing {
                if !self.alerts.contains_key(&alert.labels) {
                    self.on_rule_alert(&source, alert, &rule.generator_url, now);
                }
            }
        }
        self.lead_anew(now);
    }

    /// Receivers were told of alerts that no rule says anything of. Where no rule has the name, or all that have it were evaluated, they
    /// are over.
    pub(super) fn judge_restored(&mut self, settled: &[Arc<str>], is_whole: bool, now: i64) {
        if self.restored.is_empty() || !self.knows_rules {
            return;
        }
        let names: Vec<Arc<str>> = if is_whole {
            self.restored.keys().cloned().collect()
        } else {
            settled
                .iter()
                .filter(|name| self.restored.contains_key(*name))
                .cloned()
                .collect()
        };
        for name in names {
            let rules: Vec<bool> = self
                .rules
                .values()
                .filter(|rule| rule.name == name)
                .map(|rule| rule.is_settled)
                .collect();
            let cause = match rules.as_slice() {
                [] => ResolveCause::RuleRemoved,
                all if all.iter().all(|is_settled| *is_settled) => ResolveCause::Condition,
                _ => continue,
            };
            let pending = self.pending_of(&name);
            let restored = self.restored.remove(&name).unwrap_or_default();
            let (waiting, over): (HashSet<_>, HashSet<_>) =
                restored.into_iter().partition(|labels| pending.contains(labels));
            if !waiting.is_empty() {
                self.restored.insert(Arc::clone(&name), waiting);
            }
            for labels in over {
                self.amend(&labels, &Source::Restored, |record| record.end(now, cause), now);
            }
        }
    }

    /// Their condition holds, and their rule has forgotten for how long: that is no end.
    fn pending_of(&self, name: &Arc<str>) -> HashSet<Labels> {
        let rules = self.rules.values().filter(|rule| rule.name == *name);
        let alerts = rules.flat_map(|rule| rule.alerts.values());
        let pending = alerts.filter(|alert| alert.state == AlertState::Pending);
        pending.map(|alert| alert.labels.clone()).collect()
    }

    pub(super) fn forget_restored(&mut self, labels: &Labels) {
        let name = name_of(labels);
        if let Some(all) = self.restored.get_mut(&name) {
            all.remove(labels);
            if all.is_empty() {
                self.restored.remove(&name);
            }
        }
    }
}

pub(super) fn name_of(labels: &Labels) -> Arc<str> {
    labels.get(ALERT_NAME).cloned().unwrap_or_else(|| "".into())
}

/// Every alert of either, beside the one of the same labels of the other.
fn pairs<'a>(
    before: &'a BTreeMap<Labels, Alert>,
    after: &'a BTreeMap<Labels, Alert>,
) -> Vec<(Option<&'a Alert>, Option<&'a Alert>)> {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    let mut found = Vec::with_capacity(after.len());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return found,
        };
        let of_old = if order.is_le() {
            old.next().map(|(_, alert)| alert)
        } else {
            None
        };
        let of_new = if order.is_ge() {
            new.next().map(|(_, alert)| alert)
        } else {
            None
        };
        found.push((of_old, of_new));
    }
}
