//! What the owner keeps of each group and rule while the host runs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bellwether_promql::{engine::Query, labels::Labels};

use super::super::{
    Group, Rule,
    data::{self, Reads},
    group::Evaluated,
    outlet::RuleAlerts,
    schedule::Slots,
    state::{self, Alerts, Hold},
    status::{GroupStatus, Health, RuleReport},
    store::{Kept, RuleId},
    template,
};

/// One group.
#[derive(Debug)]
pub(super) struct GroupRun {
    pub(super) group: Arc<Group>,
    pub(super) key: Arc<str>,
    pub(super) slots: Slots,
    /// The slot evaluated last, or the one that passed when the group began.
    pub(super) done: i64,
    pub(super) last: Option<i64>,
    pub(super) took: Duration,
    pub(super) missed: u64,
    pub(super) rules: Vec<RuleRun>,
    /// The rule with which the next evaluation begins: the first one, or where the last one had no time left.
    pub(super) first: usize,
    /// The last one had no time left.
    pub(super) is_slow: bool,
    /// Alerts are not in the store as they are here.
    pub(super) is_dirty: bool,
}

/// One rule.
#[derive(Debug)]
pub(super) struct RuleRun {
    pub(super) id: RuleId,
    pub(super) rule: Arc<Rule>,
    pub(super) query: Query,
    /// Of its expression, and of the recording rules that it reads.
    pub(super) reads: Vec<Reads>,
    pub(super) alerts: Arc<Alerts>,
    /// The last slot whose evaluation succeeded, of this process or an earlier one.
    pub(super) last: Option<i64>,
    /// No evaluation of this process succeeded yet.
    pub(super) is_first: bool,
    /// One of this process succeeded, and the rule was not held.
    pub(super) is_settled: bool,
    /// The series it recorded at its last evaluation.
    pub(super) written: BTreeSet<Labels>,
    pub(super) report: Report,
}

/// What is told of a rule beside its alerts.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) health: Health,
    pub(super) last: Option<i64>,
    pub(super) took: Duration,
    pub(super) elements: usize,
    pub(super) evaluations: u64,
    pub(super) failures: u64,
    pub(super) hold: Option<Hold>,
    pub(super) warnings: Vec<String>,
}

impl GroupRun {
    /// A group that was not there: its first evaluation is at its next slot.
    pub(super) fn new(group: &Arc<Group>, tick: i64, now: i64) -> Self {
        let slots = Slots::new(&group.file, &group.name, group.interval, tick);
        let key: Arc<str> = group.key().into();
        let mut named: HashMap<&str, u32> = HashMap::new();
        let mut rules: Vec<RuleRun> = Vec::with_capacity(group.rules.len());
        for rule in &group.rules {
            let count = named.entry(&*rule.name).or_default();
            let id = RuleId {
                group: Arc::clone(&key),
                name: Arc::clone(&rule.name),
                number: *count,
            };
            *count += 1;
            rules.push(RuleRun::new(id, rule));
        }
        Self {
            group: Arc::clone(group),
            key,
            slots,
            done: slots.at_or_before(now),
            last: None,
            took: Duration::ZERO,
            missed: 0,
            rules,
            first: 0,
            is_slow: false,
            is_dirty: false,
        }
    }

    /// Goes on from what a group of the same key did under the configuration before.
    pub(super) fn follow(&mut self, before: &Self, now: i64) {
        (self.last, self.took, self.missed) = (before.last, before.took, before.missed);
        // At the same phase a slot must be neither lost nor evaluated twice.
        self.done = if before.slots == self.slots {
            before.done
        } else {
            self.slots.at_or_before(now)
        };
    }

    /// The group as it is now, to be shown.
    pub(super) fn status(&self) -> Arc<GroupStatus> {
        Arc::new(GroupStatus {
            last: self.last,
            took: self.took,
            missed: self.missed,
            rules: self.rules.iter().map(RuleRun::status).collect(),
            ..GroupStatus::new(&self.group)
        })
    }

    /// For the store.
    pub(super) fn alerts(&self) -> Vec<(RuleId, Arc<Alerts>)> {
        let rules = self.rules.iter().filter(|run| !run.alerts.is_empty());
        rules.map(|run| (run.id.clone(), Arc::clone(&run.alerts))).collect()
    }
}

impl RuleRun {
    fn new(id: RuleId, rule: &Arc<Rule>) -> Self {
        Self {
            id,
            rule: Arc::clone(rule),
            query: Query::new(rule.expr.clone()),
            reads: data::reads(&rule.expr),
            alerts: Arc::default(),
            last: None,
            is_first: true,
            is_settled: false,
            written: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Begins with what somebody left.
    pub(super) fn inherit(&mut self, kept: Kept) {
        self.last = kept.last;
        // What an earlier process showed ends here when it is over.
        self.written
            .extend(state::samples(&kept.alerts).into_iter().map(|(labels, _)| labels));
        self.alerts = Arc::new(kept.alerts);
    }

    /// Goes on from the same rule under the configuration before.
    pub(super) fn follow(&mut self, before: &mut Self) {
        (self.is_first, self.is_settled) = (before.is_first, before.is_settled);
        self.written.append(&mut before.written);
        if before.rule.text == self.rule.text {
            self.report = before.report.clone();
        }
    }

    /// Takes what an evaluation yields. Returns the series that ended.
    pub(super) fn take(&mut self, evaluated: &Evaluated, slot: i64) -> BTreeSet<Labels> {
        let written: BTreeSet<Labels> = evaluated.samples.iter().map(|(labels, _)| labels.clone()).collect();
        let before = std::mem::replace(&mut self.written, written);
        (self.last, self.is_first) = (Some(slot), false);
        before.difference(&self.written).cloned().collect()
    }

    /// For who sends notifications; None: it makes no alerts.
    pub(super) fn left(&self, url: &str) -> Option<RuleAlerts> {
        self.rule.alert()?;
        let RuleId { group, name, number } = &self.id;
        let link = || format!("{url}{}", template::table_link(&self.rule.text));
        Some(RuleAlerts {
            key: format!("{group};{name};{number}").into(),
            name: Arc::clone(name),
            alerts: Arc::clone(&self.alerts),
            is_settled: self.is_settled,
            generator_url: if url.is_empty() { "".into() } else { link().into() },
        })
    }

    fn status(&self) -> RuleReport {
        let Report {
            health,
            last,
            took,
            elements,
            evaluations,
            failures,
            hold,
            warnings,
        } = self.report.clone();
        RuleReport {
            rule: Arc::clone(&self.rule),
            health,
            last,
            took,
            elements,
            evaluations,
            failures,
            hold,
            warnings,
            alerts: Arc::clone(&self.alerts),
        }
    }
}
