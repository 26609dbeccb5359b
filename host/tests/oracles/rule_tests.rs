//! `bellwether test rules` beside `promtool test rules`: the same exit code over the same files, whether their tests hold or not.
//!
//! The files are those of the plugins and the examples, copies of them in each of which one thing is wrong or different, and those in
//! `tests/cases/rule_tests`, which say in their name what must come of them. Left out is what a promtool of version 2 does not know:
//! `start_timestamp`, `fuzzy_compare`, and windows that are open on their left.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    rules::packs,
    tools::{Said, feed, program},
};

/// Changed copies of each file; more would take minutes, for promtool makes a database for each test.
const COPIES_MAX: usize = 14;

/// Of all changed copies, those that must be refused by both at least, so that the changes cannot become harmless unseen.
const REFUSED_MIN: usize = 60;

fn ours(file: &Path) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    feed(command.args(["test", "rules"]).arg(file), b"")
}

fn theirs(file: &Path) -> Said {
    feed(Command::new(program("promtool")).args(["test", "rules"]).arg(file), b"")
}

/// The exit code, which must be the same.
fn agreed(file: &Path, disagreements: &mut Vec<String>) -> i32 {
    let (ours, theirs) = (ours(file), theirs(file));
    if ours.code != theirs.code {
        let text = fs::read_to_string(file).unwrap_or_default();
        disagreements.push(format!(
            "{}\n{text}\nours: {ours:#?}\ntheirs: {theirs:#?}",
            file.display()
        ));
    }
    ours.code.unwrap_or(-1)
}

#[test]
fn the_tests_of_all_packs_hold_here_as_they_hold_there() {
    let mut disagreements = Vec::new();
    for (_, tests) in packs() {
        assert_eq!(
            agreed(&tests, &mut disagreements),
            0,
            "{}: {:?}",
            tests.display(),
            ours(&tests)
        );
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

#[test]
fn each_case_comes_out_as_its_name_says_here_and_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/rule_tests");
    let mut disagreements = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the cases are there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let (word, expected) = match name.split('-').next() {
            Some("holds") => ("holds", 0),
            Some("fails") => ("fails", 1),
            _ => continue,
        };
        let code = agreed(&path, &mut disagreements);
        assert_eq!(code, expected, "{name}: {:#?}", ours(&path));
        *counts.entry(word).or_default() += 1;
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    assert!(counts["holds"] >= 7 && counts["fails"] >= 26, "{counts:?}");
}

/// What may be changed in a line of a test file: what is found, and what stands there instead.
const CHANGES: [(&str, &str); 9] = [
    ("severity: warning}", "severity: page}"),
    ("severity: critical", "severity: critical, more: label"),
    ("exp_alerts: []", "exp_alerts: [{exp_labels: {check: nobody}}]"),
    ("eval_time: 10m", "eval_time: 9m"),
    ("eval_time: 1", "eval_time: 2"),
    ("summary: \"", "summary: \"Not "),
    ("values: '0", "values: '1000"),
    ("values: '1", "values: '0x2 _x9 1"),
    ("alertname: ", "alertname: No"),
];

/// Copies of a text with one line changed, spread over all of its lines.
fn changed(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let places = lines.iter().enumerate().flat_map(|(at, line)| {
        let changes = CHANGES.iter().filter(|(from, _)| line.contains(from));
        changes.map(move |(from, to)| (at, line.replacen(from, to, 1)))
    });
    let places: Vec<(usize, String)> = places.collect();
    let every = places.len().div_ceil(COPIES_MAX).max(1);
    let copy = |(at, line): &(usize, String)| {
        let mut copy: Vec<&str> = lines.clone();
        copy[*at] = line;
        copy.join("\n") + "\n"
    };
    places.iter().step_by(every).map(copy).collect()
}

/// The slowest of the files to judge.
fn is_quick(tests: &Path) -> bool {
    fs::metadata(tests).is_ok_and(|metadata| metadata.len() < 100_000)
}

#[test]
fn what_is_changed_in_a_test_is_noticed_by_both_or_by_neither() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut disagreements, mut refused, mut copies) = (Vec::new(), 0, 0);
    for (rules, tests) in packs().into_iter().filter(|(_, tests)| is_quick(tests)) {
        let place: PathBuf = folder.path().join(copies.to_string());
        fs::create_dir(&place).expect("a folder");
        fs::copy(&rules, place.join(rules.file_name().expect("a name"))).expect("a copy");
        for copy in changed(&fs::read_to_string(&tests).expect("the tests are there")) {
            copies += 1;
            let file = place.join(format!("copy-{copies}.yml"));
            fs::write(&file, copy).expect("it is written");
            refused += usize::from(agreed(&file, &mut disagreements) == 1);
        }
    }
    assert!(
        disagreements.is_empty(),
        "{} of {copies}:\n{}",
        disagreements.len(),
        disagreements.join("\n")
    );
    assert!(refused >= REFUSED_MIN, "only {refused} of {copies} were refused");
}

#[test]
fn a_file_that_is_not_there_is_told_from_a_test_that_fails() {
    assert_eq!(ours(Path::new("/nowhere/rules_test.yml")).code, Some(2));
}
