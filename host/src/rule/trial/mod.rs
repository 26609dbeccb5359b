//! Tests of rule files, in the format of `promtool test rules` and with its outcome.
//!
//! Flows in: the text of a test file, and which of its tests to run. Flows out: a [`Report`]: what was expected and did not come,
//! and what came and was not expected, each with its place. Rules are evaluated as Prometheus evaluates them, so nothing here
//! holds a rule after a start or an alert without data. It reads the rule files that a test file names, and nothing else; it
//! prints nothing.
//!
//! The way: `read` makes a [`Suite`] of the text, `run` loads samples and evaluates slot by slot, `compare` tells what differs.

mod compare;
mod read;
mod run;

use std::{collections::BTreeMap, path::Path, sync::Arc};

pub(super) use compare::duration;
use regex::Regex;
use serde::Serialize;

use super::{Externals, Group, load_text};
use crate::config::{Location, Problem, Problems, Severity, matching_files, read_file};

/// Most rule files of one test file. More is a pattern gone astray.
pub const TRIAL_RULE_FILES_MAX: usize = 1_000;

/// What a test file says.
#[derive(Debug, Default)]
struct Suite {
    /// As written, relative to the file.
    rule_files: Vec<String>,
    /// From slot to slot, in milliseconds.
    interval: i64,
    /// Names of groups; those that are not named count as the first.
    order: Vec<String>,
    /// Whether floats are equal that are neighbours.
    fuzzy: bool,
    tests: Vec<Trial>,
}

/// One test. Times are milliseconds.
#[derive(Debug, Default)]
struct Trial {
    /// None: it is called by its number.
    name: Option<String>,
    line: usize,
    /// From sample to sample.
    interval: i64,
    /// Of the first sample and the first slot.
    start: i64,
    inputs: Vec<Input>,
    alerts: Vec<AlertCase>,
    expressions: Vec<ExprCase>,
    externals: Externals,
}

/// Samples of one series.
#[derive(Debug)]
struct Input {
    line: usize,
    /// `name{label="value"}`, a space, values.
    text: String,
}

/// Which alerts of a name fire at a moment.
#[derive(Debug)]
struct AlertCase {
    line: usize,
    /// After the start.
    at: i64,
    name: String,
    expected: Vec<Fired>,
}

/// An alert that fires. Unlike [`bellwether_promql::labels::Labels`] these may be empty: an expected empty label is one that no
/// alert has, as for promtool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fired {
    labels: Texts,
    annotations: Texts,
}

type Texts = BTreeMap<Arc<str>, Arc<str>>;

/// What an expression yields at a moment.
#[derive(Debug)]
struct ExprCase {
    line: usize,
    /// After the start.
    at: i64,
    text: String,
    expected: Vec<ExpectedSample>,
}

#[derive(Debug)]
struct ExpectedSample {
    /// `name{label="value"}`.
    labels: String,
    value: f64,
    /// Whether a native histogram is expected.
    is_histogram: bool,
}

/// What became of one test file.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// As it was named.
    pub file: String,
    /// Whether all that was run holds.
    pub ok: bool,
    /// With the test file and the rule files it names; what is no error does not count against it.
    pub problems: Problems,
    /// Those that were run, in the order of the file.
    pub tests: Vec<TestReport>,
}

/// What became of one test.
#[derive(Debug, Serialize)]
pub struct TestReport {
    /// Its own, or `unnamed#N`, counted from 0 over all tests of the file.
    pub name: String,
    /// Where it begins.
    pub line: usize,
    /// Empty: all holds.
    pub failures: Vec<Failure>,
}

/// What does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Line of the test file.
    pub line: usize,
    /// Which alert, expression or rule, and when.
    pub what: String,
    /// Why nothing could be compared; then there are neither of the lists.
    pub problem: Option<String>,
    /// Expected, and not there; one text each, which may have several lines.
    pub missing: Vec<String>,
    /// There, and not expected.
    pub unexpected: Vec<String>,
    /// How many are as expected.
    pub as_expected: usize,
}

impl Failure {
    fn problem(line: usize, what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
            problem: Some(problem.into()),
            ..Self::default()
        }
    }
}

/// Runs the tests of a file whose names `only` finds a match in; all of them without. Reads the rule files it names; blocks.
pub fn test(file: &str, text: &str, only: Option<&Regex>) -> Report {
    let mut problems = Vec::new();
    let mut tests = Vec::new();
    if let Some(suite) = read::suite(file, text, &mut problems) {
        let wanted: Vec<(usize, &Trial)> = suite
            .tests
            .iter()
            .enumerate()
            .filter(|(_, test)| only.is_none_or(|only| only.is_match(test.name.as_deref().unwrap_or_default())))
            .collect();
        // Who tests nothing needs no rules.
        let groups = if wanted.is_empty() {
            Vec::new()
        } else {
            groups(file, &suite, &mut problems)
        };
        if !is_bad(&problems) {
            let run = |(number, test): (usize, &Trial)| TestReport {
                name: test.name.clone().unwrap_or_else(|| format!("unnamed#{number}")),
                line: test.line,
                failures: run::run(&suite, test, &groups),
            };
            tests = wanted.into_iter().map(run).collect();
        }
    }
    Report {
        file: file.to_owned(),
        ok: !is_bad(&problems) && tests.iter().all(|test: &TestReport| test.failures.is_empty()),
        problems: Problems(problems),
        tests,
    }
}

fn is_bad(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The groups of all rule files, in the order in which they are evaluated.
fn groups(file: &str, suite: &Suite, problems: &mut Vec<Problem>) -> Vec<Arc<Group>> {
    let mut groups = Vec::new();
    for path in rule_files(file, suite, problems) {
        let loaded = read_file(&path).and_then(|text| load_text(&path.display().to_string(), &text, suite.interval));
        match loaded {
            Ok((set, warnings)) => {
                groups.extend(set.groups);
                problems.extend(warnings);
            }
            Err(found) => problems.extend(found),
        }
    }
    let place = |group: &Arc<Group>| suite.order.iter().position(|name| **name == *group.name).unwrap_or(0);
    groups.sort_by_key(place);
    groups
}

/// Each once, in the order of the patterns.
fn rule_files(file: &str, suite: &Suite, problems: &mut Vec<Problem>) -> Vec<std::path::PathBuf> {
    let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
    let mut paths: Vec<std::path::PathBuf> = Vec::new();
    for pattern in &suite.rule_files {
        match matching_files(folder, pattern) {
            Ok(found) if found.is_empty() => {
                let message = format!("`rule_files`: no file matches {pattern}");
                let hint = "it is relative to the folder of this file";
                problems.push(
                    Problem::at(Location::file(file), message)
                        .with_hint(hint)
                        .into_warning(),
                );
            }
            Ok(found) => {
                for path in found {
                    if !paths.contains(&path) {
                        paths.push(path);
                    }
                }
            }
            Err(error) => {
                let message = format!("`rule_files`: {pattern} cannot be followed: {error}");
                problems.push(Problem::at(Location::file(file), message));
            }
        }
    }
    if paths.len() > TRIAL_RULE_FILES_MAX {
        let message = format!(
            "{} rule files; at most {TRIAL_RULE_FILES_MAX} are accepted",
            paths.len()
        );
        problems.push(Problem::at(Location::file(file), message).with_hint("make the patterns narrower"));
        paths.clear();
    }
    paths
}

#[cfg(test)]
mod tests;
