//! What `promtool` makes of the rules that plugins bring and of those in the examples: Prometheus can load them, what their own tests
//! say holds, and those tests leave no alert out.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use super::tools::{feed, program};

/// Every bundled plugin brings rules.
const PACKS: usize = 7;

/// Services whose rules are an example.
const EXAMPLES: usize = 2;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    entries
}

/// Rule files with the files of their tests: `rules.yml` of each plugin, `NAME.rules.yml` of the examples.
pub(crate) fn packs() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let of_plugins = entries(&root.join("plugins"))
        .into_iter()
        // Forwarders have no metrics, so no rules.
        .filter(|folder| folder.join("rules.yml").is_file());
    let of_plugins: Vec<PathBuf> = of_plugins.map(|folder| folder.join("rules.yml")).collect();
    assert_eq!(of_plugins.len(), PACKS, "{of_plugins:?}");
    let examples = entries(&root.join("examples/prometheus")).into_iter();
    let examples: Vec<PathBuf> = examples
        .filter(|file| file.to_string_lossy().ends_with(".rules.yml"))
        .collect();
    assert_eq!(examples.len(), EXAMPLES, "{examples:?}");
    let of_host = root.join("host/rules.yml");
    let all = of_plugins.into_iter().chain(examples).chain([of_host]);
    all.map(|rules| {
        let name = rules.file_name().expect("a name").to_string_lossy();
        let tests = rules.with_file_name(name.replace("rules.yml", "rules_test.yml"));
        (rules, tests)
    })
    .collect()
}

fn promtool(words: &[&str], file: &Path) {
    let said = feed(Command::new(program("promtool")).args(words).arg(file), b"");
    assert_eq!(said.code, Some(0), "{}: {said:?}", file.display());
}

#[test]
fn all_rules_can_be_loaded() {
    for (rules, _) in packs() {
        promtool(&["check", "rules", "--lint-fatal"], &rules);
    }
}

#[test]
fn what_the_tests_of_rules_say_holds() {
    for (_, tests) in packs() {
        promtool(&["test", "rules"], &tests);
    }
}

/// An alert and the severity that its rule gives it; "" where the severity is a metric's.
type Alert = (String, String);

/// What stands behind `key:` in a line, in a list or not.
fn value<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let line = line.trim_start().trim_start_matches("- ");
    line.strip_prefix(key)?.strip_prefix(':').map(str::trim)
}

/// In `severity: warning` as well as in `{…, severity: warning}`.
fn severity(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("severity: ")?;
    rest.split([',', '}', ' ']).next()
}

fn alerts(rules: &str) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in rules.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some(name) = value(line, "alert") {
            alerts.push((name.to_owned(), String::new()));
        } else if let (Some((_, last)), Some(found)) = (alerts.last_mut(), severity(line)) {
            found.clone_into(last);
        }
    }
    alerts
}

/// What a test file expects at one moment: the alert it asks for, and the severities in which that fires.
fn moments(tests: &str) -> Vec<(String, BTreeSet<String>)> {
    let moments = tests.split("- eval_time:").skip(1);
    let read = moments.map(|moment| {
        let name = moment.lines().find_map(|line| value(line, "alertname"));
        let fires = moment.lines().filter(|line| value(line, "exp_labels").is_some());
        let severities = fires.filter_map(severity).map(str::to_owned);
        (name.unwrap_or_default().to_owned(), severities.collect())
    });
    read.collect()
}

/// Alerts without a moment in which they fire, or without one in which they are asked for and stay silent.
fn untested(rules: &str, tests: &str) -> Vec<String> {
    let moments = moments(tests);
    let fires = |wanted: &str, fired: &BTreeSet<String>| match wanted {
        "" => !fired.is_empty(),
        wanted => fired.contains(wanted),
    };
    let found = alerts(rules).into_iter().flat_map(|(name, severity)| {
        let asked: Vec<bool> = moments
            .iter()
            .filter(|(alert, _)| *alert == name)
            .map(|(_, fired)| fires(&severity, fired))
            .collect();
        let lacks = [(true, "never fires"), (false, "is never silent")];
        let lacks = lacks.into_iter().filter(move |(case, _)| !asked.contains(case));
        lacks.map(move |(_, what)| format!("{name} {severity} {what}"))
    });
    found.collect()
}

/// What is found of the one alert that is there to fire always.
const ALWAYS_FIRES: &str = "Watchdog none is never silent";

#[test]
fn every_alert_fires_in_one_case_and_stays_silent_in_another() {
    for (rules, tests) in packs() {
        let read =
            |file: &Path| std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (text, tests) = (read(&rules), read(&tests));
        assert!(!alerts(&text).is_empty(), "{}", rules.display());
        let mut untested = untested(&text, &tests);
        untested.retain(|found| found != ALWAYS_FIRES);
        assert_eq!(untested, Vec::<String>::new(), "{}", rules.display());
    }
}

#[test]
fn an_alert_that_is_not_tested_both_ways_is_found() {
    let rules = "- alert: A\n  labels:\n    severity: warning\n- alert: A\n  labels: {severity: critical}\n- alert: B\n  expr: x > 1\n";
    let tests = "- eval_time: 1m\n  alertname: A\n  exp_alerts:\n    - exp_labels: {check: x, severity: warning}\n\
                 - eval_time: 2m\n  alertname: B\n  exp_alerts: []\n";
    let expected = ["A warning is never silent", "A critical never fires", "B  never fires"];
    assert_eq!(untested(rules, tests), expected);
}
