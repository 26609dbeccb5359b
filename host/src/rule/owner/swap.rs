//! Other rules for those that are in use: what goes on, what begins, what ends.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use super::{
    super::{
        RuleSet,
        data::{self, Reads},
        events::RulesInUse,
        state,
        store::{self, Kept, RuleId},
    },
    core::{Core, tick_of},
    instruments,
    run::{GroupRun, RuleRun},
};

impl Core {
    /// These rules and no others. Alerts stay with their rules, by name; those whose rule is gone are over.
    pub(super) fn replace(&mut self, rules: &RuleSet) {
        let now = self.now();
        let mut externals = rules.externals.clone();
        if externals.url.is_empty() {
            externals.url.clone_from(&self.own_url);
        }
        self.externals = Arc::new(externals);
        let tick = tick_of(&self.history);
        let before = std::mem::take(&mut self.groups);
        let mut groups: Vec<GroupRun> = rules
            .groups
            .iter()
            .map(|group| GroupRun::new(group, tick, now))
            .collect();
        let by_key: HashMap<&Arc<str>, &GroupRun> = before.iter().map(|run| (&run.key, run)).collect();
        for run in &mut groups {
            if let Some(before) = by_key.get(&run.key) {
                run.follow(before, now);
            }
        }
        let had_any = !before.is_empty();
        let gone = self.gone(&before, &groups);
        self.hand_over(&mut groups, before, now);
        self.keep_inherited(&mut groups, &gone, now);
        read_through(&mut groups);
        let selectors = groups.iter().flat_map(|run| &run.rules).flat_map(|rule| &rule.reads);
        self.history.select(selectors.map(|read| Arc::clone(&read.matchers)));
        self.groups = groups;
        if had_any || !self.groups.is_empty() {
            self.say_in_use();
        }
        self.plan(now);
        self.show_all();
        let rules = self.groups.iter().flat_map(|run| &run.rules);
        let left = rules.filter_map(|rule| rule.left(&self.externals)).collect();
        self.outlet.put_all(left);
    }

    fn say_in_use(&self) {
        let rules = || self.groups.iter().flat_map(|run| &run.rules);
        self.telemetry.emit(&RulesInUse {
            groups: self.groups.len(),
            rules: rules().count(),
            alerts: rules().map(|rule| rule.alerts.len()).sum(),
        });
    }

    /// Groups that nobody has any more, those of an earlier process among them; they are taken out of the instruments.
    pub(super) fn gone(&self, before: &[GroupRun], groups: &[GroupRun]) -> BTreeSet<Arc<str>> {
        let present: HashSet<&Arc<str>> = groups.iter().map(|run| &run.key).collect();
        for run in before.iter().filter(|run| !present.contains(&run.key)) {
            instruments::forget(&self.telemetry, run);
        }
        let left_by_process = self.kept.iter().map(|kept| &kept.id.group);
        let all = before.iter().map(|run| &run.key).chain(left_by_process);
        all.filter(|key| !present.contains(key)).cloned().collect()
    }

    /// What moved is kept at its new place before it is taken from the old one: a kill in between must not lose it.
    pub(super) fn keep_inherited(&self, groups: &mut [GroupRun], gone: &BTreeSet<Arc<str>>, now: i64) {
        let Some(store) = self.store.as_ref().filter(|_| self.late.is_none()) else {
            return;
        };
        for run in groups.iter_mut() {
            let slot = run.rules.iter().filter_map(|rule| rule.last).max().unwrap_or(now);
            store::save(store, &run.key, slot, Some(run.alerts()), &run.written);
            run.is_dirty = false;
        }
        gone.iter().for_each(|key| store::remove(store, key));
    }

    /// Alerts and counts of the rules before go to those of now, and what was recorded for nobody ends.
    fn hand_over(&mut self, groups: &mut [GroupRun], before: Vec<GroupRun>, now: i64) {
        let mut kept = std::mem::take(&mut self.kept);
        let mut before: HashMap<RuleId, RuleRun> = before
            .into_iter()
            .flat_map(|group| group.rules)
            .map(|run| (run.id.clone(), run))
            .collect();
        kept.extend(before.values().filter(|run| !run.alerts.is_empty()).map(|run| Kept {
            id: run.id.clone(),
            last: run.last,
            alerts: (*run.alerts).clone(),
        }));
        let runs = || groups.iter().flat_map(|group| &group.rules);
        let ids: Vec<RuleId> = runs().map(|run| run.id.clone()).collect();
        let (heirs, nobodys) = store::inherit(kept, &ids);
        let mut heirs = heirs.into_iter();
        for group in groups.iter_mut() {
            for run in &mut group.rules {
                if let Some(old) = before.get_mut(&run.id) {
                    run.last = old.last;
                    run.follow(old);
                }
                if let Some(kept) = heirs.next().flatten() {
                    run.inherit(kept);
                }
            }
        }
        for left in nobodys {
            self.say(&state::remove_all(&left.alerts, now), &left.id.group);
        }
        let wanted: HashSet<&Labels> = groups
            .iter()
            .flat_map(|group| &group.rules)
            .flat_map(|run| &run.written)
            .collect();
        let written = before.into_values().flat_map(|run| run.written);
        let ended: BTreeSet<Labels> = written.filter(|labels| !wanted.contains(labels)).collect();
        self.record(&[], &ended, now);
    }
}

/// Who reads what a recording rule yields reads what that rule reads.
fn read_through(groups: &mut [GroupRun]) {
    let mut records: BTreeMap<Arc<str>, Vec<Reads>> = BTreeMap::new();
    for run in groups.iter().flat_map(|group| &group.rules) {
        if run.rule.alert().is_none() {
            records
                .entry(Arc::clone(&run.rule.name))
                .or_default()
                .extend(run.reads.iter().cloned());
        }
    }
    for run in groups.iter_mut().flat_map(|group| &mut group.rules) {
        run.reads = data::through(&run.reads, &records);
    }
}
