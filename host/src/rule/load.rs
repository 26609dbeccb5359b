//! All rules of a configuration, or every problem with them.

use std::sync::Arc;

use super::{Group, RuleSet, file, table};
use crate::config::{Loaded, Problem, Problems, RULES_MAX, Severity, read_file};

/// Reads the rule files of a configuration and its `[[rule]]` tables. Blocks on file access. What can be used but should be
/// looked at comes back beside the rules.
///
/// # Errors
///
/// Every problem of every file, warnings too, in the order of files and lines.
pub fn load(loaded: &Loaded) -> Result<(RuleSet, Problems), Problems> {
    let mut problems = Vec::new();
    let alerting = &loaded.config.alerting;
    let interval = i64::try_from(alerting.evaluation_interval.as_millis()).unwrap_or(i64::MAX);
    let mut groups = Vec::new();
    for path in &alerting.rule_files {
        match read_file(path) {
            Ok(text) => groups.extend(file::read(&path.display().to_string(), &text, interval, &mut problems)),
            Err(unreadable) => problems.extend(unreadable),
        }
    }
    groups.extend(table::read(loaded, &mut problems));
    refuse_too_many(&groups, &mut problems);
    finish(
        groups,
        problems.into_iter().map(|problem| loaded.conceal(problem)).collect(),
    )
}

/// One rule file by itself, as `test rules` reads them. `interval` is for groups that name none, in milliseconds.
///
/// # Errors
///
/// As [`load`].
pub fn load_text(file: &str, text: &str, interval: i64) -> Result<(RuleSet, Problems), Problems> {
    let mut problems = Vec::new();
    let groups = file::read(file, text, interval, &mut problems);
    finish(groups, problems)
}

fn finish(groups: Vec<Group>, problems: Vec<Problem>) -> Result<(RuleSet, Problems), Problems> {
    let bad = problems.iter().any(|problem| problem.severity == Severity::Error);
    if bad {
        return Err(Problems(problems));
    }
    // A group without rules would be due for nothing.
    let groups = groups.into_iter().filter(|group| !group.rules.is_empty());
    let groups = groups.map(Arc::new).collect();
    Ok((RuleSet { groups }, Problems(problems)))
}

fn refuse_too_many(groups: &[Group], problems: &mut Vec<Problem>) {
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    if rules > RULES_MAX {
        let file = groups.last().map_or("", |group| &group.file);
        let location = crate::config::Location::file(file);
        let message = format!("{rules} rules in all; at most {RULES_MAX} are accepted");
        problems.push(Problem::at(location, message).with_hint("evaluate the rest on another host"));
    }
}
