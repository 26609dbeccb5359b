//! `[[rule]]` tables as groups.
//!
//! Flows in: what `config` read. Flows out: groups, one for each name of `group`, and problems at their places. Their labels
//! and annotations are templates as in rule files, and their alerts are held when their data vanishes.

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use super::{
    Group,
    check::{self, Draft, Places, Surroundings},
    lint::Lints,
};
use crate::config::{Loaded, Location, Problem, RuleTable};

/// The group of rules that name none.
const GROUP: &str = "bellwether";

/// Reads all of them.
pub(super) fn read(loaded: &Loaded, lints: Option<&Lints>, problems: &mut Vec<Problem>) -> Vec<Group> {
    let config = &loaded.config;
    let file: Arc<str> = config
        .files
        .first()
        .map(|file| file.display().to_string())
        .unwrap_or_default()
        .into();
    let mut groups: BTreeMap<&str, (Group, usize)> = BTreeMap::new();
    for (at, table) in config.rules.iter().enumerate() {
        let interval = millis(table.interval.unwrap_or(config.alerting.evaluation_interval));
        let name = table.group.as_deref().unwrap_or(GROUP);
        // Rules that are evaluated apart cannot be in order, so a group has one interval.
        let (group, _) = groups.entry(name).or_insert_with(|| {
            let group = Group {
                name: name.into(),
                file: Arc::clone(&file),
                is_bundled: false,
                interval,
                query_offset: 0,
                limit: 0,
                rules: Vec::new(),
            };
            (group, at)
        });
        if group.interval != interval {
            problems.push(disagreeing(loaded, at, name));
        }
        let places = TablePlaces { loaded, rule: at };
        let line = loaded.locate_rule(at, &[], None);
        let around = Surroundings {
            labels: &[],
            on_no_data: table.on_no_data,
            location: format!("{}:{}", line.file, line.line),
            lints,
        };
        let rule = check::rule(&draft(table), &around, &places, problems);
        group.rules.extend(rule.map(Arc::new));
    }
    groups.into_values().map(|(group, _)| group).collect()
}

fn disagreeing(loaded: &Loaded, rule: usize, group: &str) -> Problem {
    let place = loaded.locate_rule(rule, &["interval"], None);
    let message = format!("the rules of group `{group}` have different intervals");
    Problem::at(place, message).with_hint("give this rule a `group` of its own, or all of them the same interval")
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

fn draft(table: &RuleTable) -> Draft {
    let texts = |texts: &BTreeMap<String, String>| {
        texts
            .iter()
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect::<Vec<_>>()
    };
    Draft {
        record: table.record.clone(),
        alert: table.alert.clone(),
        expr: table.expr.clone(),
        hold: table.hold.map(millis),
        keep_firing_for: table.keep_firing_for.map(millis),
        labels: texts(&table.labels),
        annotations: texts(&table.annotations),
    }
}

struct TablePlaces<'l> {
    loaded: &'l Loaded,
    rule: usize,
}

impl Places for TablePlaces<'_> {
    fn value(&self, path: &[&str], within: Option<Range<usize>>) -> Location {
        self.loaded.locate_rule(self.rule, path, within)
    }

    fn key(&self, path: &[&str]) -> Location {
        self.loaded.locate_rule_key(self.rule, path)
    }
}
