//! All rules of a configuration, or every problem with them.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::{
    Externals, Group, RuleSet, bundled,
    bundled::Bundled,
    file,
    inhibition::INHIBITIONS,
    lint::{self, Lints},
    table,
};
use crate::bundled::PACKS;
use crate::config::{Loaded, Location, Problem, Problems, RULES_MAX, Severity, read_file};

/// Reads the rule files of a configuration, its `[[rule]]` tables and the packs of its bundled plugins. Blocks on file access. What can be used but should be
/// looked at comes back beside the rules.
///
/// # Errors
///
/// Every problem of every file, warnings too, in the order of files and lines.
pub fn load(loaded: &Loaded) -> Result<(RuleSet, Problems), Problems> {
    read(loaded, None)
}

/// The same with what is unwise about the rules among the warnings. Names of recorded series are added to `lints`.
///
/// # Errors
///
/// As [`load`].
pub fn lint(loaded: &Loaded, mut lints: Lints) -> Result<(RuleSet, Problems), Problems> {
    if lints.metrics.is_some()
        && let Ok((set, _)) = load(loaded)
    {
        add_recorded(&mut lints, &set);
    }
    let (set, mut warnings) = read(loaded, Some(&lints))?;
    let rules = set.groups.iter().flat_map(|group| &group.rules);
    let twice = lint::duplicates(rules).into_iter().map(|(rule, first)| {
        let message = format!("`{}` is the same rule as that at {}", rule.name, first.location);
        Problem::at(place(&rule.location), message)
            .with_hint("remove one of them: both make the same series and the same alerts")
            .into_warning()
    });
    warnings.0.extend(twice);
    Ok((set, warnings))
}

/// What is unwise about rules that are in use, without reading any file again: so each place is only the line of its rule, whose name is
/// said. Bundled rules are not looked at.
pub fn unwise(set: &RuleSet, mut lints: Lints) -> Problems {
    add_recorded(&mut lints, set);
    let own = set.groups.iter().filter(|group| !group.is_bundled);
    let found = own.flat_map(|group| &group.rules).flat_map(|rule| {
        let said = lint::findings(rule, &lints).into_iter();
        said.map(|finding| {
            let message = format!("`{}`: {}", rule.name, finding.message);
            Problem::at(place(&rule.location), message)
                .with_hint(finding.hint)
                .into_warning()
        })
    });
    Problems(found.collect())
}

/// What rules record is there for others.
fn add_recorded(lints: &mut Lints, set: &RuleSet) {
    let Some(metrics) = &mut lints.metrics else { return };
    let rules = set.groups.iter().flat_map(|group| &group.rules);
    let records = rules.filter(|rule| rule.alert().is_none());
    metrics.recorded.extend(records.map(|rule| Arc::clone(&rule.name)));
}

/// Where a rule begins, from `rules/web.yml:12`.
fn place(location: &str) -> Location {
    let (file, line) = location.rsplit_once(':').unwrap_or((location, "0"));
    let mut place = Location::file(file);
    place.line = line.parse().unwrap_or(0);
    place.column = usize::from(place.line > 0);
    place
}

fn read(loaded: &Loaded, lints: Option<&Lints>) -> Result<(RuleSet, Problems), Problems> {
    let mut problems = Vec::new();
    let alerting = &loaded.config.alerting;
    let interval = i64::try_from(alerting.evaluation_interval.as_millis()).unwrap_or(i64::MAX);
    let mut groups = Vec::new();
    for path in &alerting.rule_files {
        match read_file(path) {
            Ok(text) => groups.extend(file::read(
                &path.display().to_string(),
                &text,
                interval,
                lints,
                &mut problems,
            )),
            Err(unreadable) => problems.extend(unreadable),
        }
    }
    groups.extend(table::read(loaded, lints, &mut problems));
    refuse_too_many(&groups, &mut problems);
    let bundled = bundled::read(loaded, PACKS, &groups, &mut problems);
    let externals = Externals {
        labels: Labels::new(
            alerting
                .external_labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        ),
        url: alerting.external_url.clone().unwrap_or_default(),
    };
    finish(
        groups,
        bundled,
        externals,
        interval,
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
    let groups = file::read(file, text, interval, None, &mut problems);
    finish(groups, Bundled::default(), Externals::default(), interval, problems)
}

fn finish(
    mut groups: Vec<Group>,
    bundled: Bundled,
    externals: Externals,
    interval: i64,
    problems: Vec<Problem>,
) -> Result<(RuleSet, Problems), Problems> {
    let bad = problems.iter().any(|problem| problem.severity == Severity::Error);
    if bad {
        return Err(Problems(problems));
    }
    groups.extend(bundled.groups);
    // A group without rules would be due for nothing.
    let groups = groups.into_iter().filter(|group| !group.rules.is_empty());
    let groups = groups.map(Arc::new).collect();
    let set = RuleSet {
        groups,
        replaced: bundled.replaced,
        inhibitions: INHIBITIONS,
        externals,
        interval,
    };
    Ok((set, Problems(problems)))
}

fn refuse_too_many(groups: &[Group], problems: &mut Vec<Problem>) {
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    if rules > RULES_MAX {
        let file = groups.last().map_or("", |group| &group.file);
        let location = Location::file(file);
        let message = format!("{rules} rules in all; at most {RULES_MAX} are accepted");
        problems.push(Problem::at(location, message).with_hint("evaluate the rest on another host"));
    }
}
