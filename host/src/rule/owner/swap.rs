//! Other rules for those that are in use: what goes on, what begins, what ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use super::{
    super::{
        RuleSet,
        data::{self, Reads},
        events::RulesInUse,
        state,
        store::{self, Kept},
    },
    core::{Core, tick_of},
    instruments,
    run::GroupRun,
};

impl Core {
    /// These rules and no others. Alerts stay with their rules, by name; those whose rule is gone are over.
    pub(super) fn replace(&mut self, rules: &RuleSet) {
        let now = self.now();
        let tick = tick_of(&self.history);
        let mut before: BTreeMap<Arc<str>, GroupRun> = std::mem::take(&mut self.groups)
            .into_iter()
            .map(|run| (Arc::clone(&run.key), run))
            .collect();
        let mut groups: Vec<GroupRun> = rules
            .groups
            .iter()
            .map(|group| GroupRun::new(group, tick, now))
            .collect();
        for run in &mut groups {
            if let Some(before) = before.get_mut(&run.key) {
                run.follow(before, now);
            }
        }
        self.hand_over(&mut groups, &mut before, now);
        read_through(&mut groups);
        groups.iter_mut().for_each(GroupRun::show);
        let gone = before
            .into_iter()
            .filter(|(key, _)| groups.iter().all(|run| run.key != *key));
        for (key, run) in gone {
            let written = run.rules.iter().flat_map(|rule| rule.written.iter().cloned());
            let written: BTreeSet<Labels> = written.collect();
            self.record(&[], &written, now);
            instruments::forget(&self.telemetry, &run);
            self.store.iter().for_each(|store| store::remove(store, &key));
        }
        let selectors = groups.iter().flat_map(|run| &run.rules).flat_map(|rule| &rule.reads);
        self.history
            .select(selectors.map(|read| read.matchers.clone()).collect());
        self.groups = groups;
        self.telemetry.emit(&RulesInUse {
            groups: self.groups.len(),
            rules: self.groups.iter().map(|run| run.rules.len()).sum(),
            alerts: self
                .groups
                .iter()
                .flat_map(|run| &run.rules)
                .map(|rule| rule.alerts.len())
                .sum(),
        });
        self.publish();
    }

    /// Alerts and counts of the rules before go to those of now.
    fn hand_over(&mut self, groups: &mut [GroupRun], before: &mut BTreeMap<Arc<str>, GroupRun>, now: i64) {
        let mut kept = std::mem::take(&mut self.kept);
        for run in before
            .values()
            .flat_map(|group| &group.rules)
            .filter(|run| !run.alerts.is_empty())
        {
            kept.push(Kept {
                id: run.id.clone(),
                last: run.last,
                alerts: (*run.alerts).clone(),
            });
        }
        let stale_keys: BTreeSet<Arc<str>> = kept.iter().map(|kept| Arc::clone(&kept.id.group)).collect();
        let ids: Vec<_> = groups
            .iter()
            .flat_map(|group| &group.rules)
            .map(|run| run.id.clone())
            .collect();
        let (heirs, nobodys) = store::inherit(kept, &ids);
        let runs = groups.iter_mut().flat_map(|group| {
            let dirty = &mut group.is_dirty;
            *dirty = true;
            &mut group.rules
        });
        for (run, heir) in runs.zip(heirs) {
            let old = before.get_mut(&run.id.group);
            let old = old.and_then(|group| group.rules.iter_mut().find(|old| old.id == run.id));
            if let Some(old) = old {
                run.last = old.last;
                run.follow(old);
            }
            if let Some(kept) = heir {
                run.inherit(kept);
            }
        }
        for left in nobodys {
            self.say(&state::remove_all(&left.alerts, now), &left.id.group);
        }
        // Groups that an earlier process left and nobody has now.
        let present: BTreeSet<&Arc<str>> = groups.iter().map(|group| &group.key).collect();
        for key in stale_keys.iter().filter(|key| !present.contains(key)) {
            self.store.iter().for_each(|store| store::remove(store, key));
        }
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
