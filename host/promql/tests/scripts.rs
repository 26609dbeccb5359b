//! Prometheus' own test scripts, run by a runner of ours.
//!
//! Flows in: `scripts/*.test`, unchanged files of Prometheus (see `scripts/NOTICE`). Flows out: every case that disagrees, with
//! file and line. An instant case is evaluated as Prometheus' runner does: as written, with `@` added to every selector and
//! evaluated at five other moments, and each of these once more as the middle of a range query. Values are compared with
//! its rule (relative difference below 1e-6), warnings and errors word by word where the script has words.
//!
//! Not every case can run: native histograms and experimental functions are refused by name. What is skipped, and why, is for
//! the predicates of `scripts/skip.rs` to say, and must be exactly what `scripts/skipped.txt` lists, so that no new mistake of
//! ours can hide as a skipped case. `UPDATE_EXPECT=1` writes that file. A case that touches native histograms, and yields what is
//! expected without them, agrees.
//!
//! Budget: 5 min

#[path = "scripts/compare.rs"]
mod compare;
#[path = "scripts/run.rs"]
mod run;
#[path = "scripts/script.rs"]
mod script;
#[path = "scripts/skip.rs"]
mod skip;

use std::{collections::BTreeMap, fmt::Write, fs, path::PathBuf};

use run::Outcome;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

/// Name and text of every script, by name.
fn scripts() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let scripts = entries.filter(|path| path.extension().is_some_and(|extension| extension == "test"));
    scripts
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_case_that_can_run_agrees_with_prometheus() {
    let (mut total, mut ran, mut evaluations) = (0, 0, 0);
    let mut failures = Vec::new();
    let mut skipped = String::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (name, text) in scripts() {
        for case in run::script(&name, &text).unwrap_or_else(|error| panic!("{name}: {error}")) {
            total += 1;
            match case.outcome {
                Outcome::Agrees(count) => (ran, evaluations) = (ran + 1, evaluations + count),
                Outcome::Differs(how) => failures.push(format!("{name}:{}: {}\n    {how}", case.line, case.text)),
                Outcome::Skipped(why) => {
                    writeln!(skipped, "{name}:{}: {why}: {}", case.line, case.text).unwrap();
                    *reasons.entry(why).or_default() += 1;
                }
            }
        }
    }
    let count = total - ran - failures.len();
    println!(
        "{total} cases: {ran} agree ({evaluations} evaluations), {} differ, {count} skipped",
        failures.len()
    );
    for (reason, count) in &reasons {
        println!("  {count:>4} skipped: {reason}");
    }
    check_skipped(&skipped);
    assert!(
        failures.is_empty(),
        "{} cases differ:\n{}\n",
        failures.len(),
        failures.join("\n")
    );
}

fn check_skipped(skipped: &str) {
    let path = folder().join("skipped.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        fs::write(&path, skipped).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let surplus = |of: &str, than: &str| {
        let known: Vec<&str> = than.lines().collect();
        of.lines()
            .filter(|line| !known.contains(line))
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(
        skipped == expected,
        "what is skipped is not what {} says\nnow skipped:\n{}\nno longer skipped:\n{}\n",
        path.display(),
        surplus(skipped, &expected),
        surplus(&expected, skipped),
    );
}

/// What happens to each case of a script written here.
fn outcomes(text: &str) -> Vec<String> {
    let cases = run::script("", text).unwrap();
    cases
        .into_iter()
        .map(|case| match case.outcome {
            Outcome::Agrees(_) => "agrees".to_owned(),
            Outcome::Differs(how) => format!("differs: {how}"),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        })
        .collect()
}

#[test]
fn a_runner_that_could_not_fail_would_show_nothing() {
    let load = "load 10s\n  a{x=\"1\"} 1+1x10\n  a{x=\"2\"} 5x10\n\n";
    for (case, expected) in [
        ("eval instant at 20s a\n  a{x=\"1\"} 3\n  a{x=\"2\"} 5", "agrees"),
        ("eval instant at 20s a\n  a{x=\"1\"} 3.0001\n  a{x=\"2\"} 5", "differs"),
        ("eval instant at 20s a\n  a{x=\"1\"} 3", "differs"),
        (
            "eval instant at 20s a\n  a{x=\"1\"} 3\n  a{x=\"2\"} 5\n  a{x=\"3\"} 5",
            "differs",
        ),
        ("eval instant at 20s a\n", "differs"),
        ("eval instant at 20s b\n", "agrees"),
        (
            "eval instant at 20s sort(a)\n  expect ordered\n  a{x=\"1\"} 3\n  a{x=\"2\"} 5",
            "agrees",
        ),
        (
            "eval instant at 20s sort(a)\n  expect ordered\n  a{x=\"2\"} 5\n  a{x=\"1\"} 3",
            "differs",
        ),
        ("eval instant at 20s a + a\n  expect fail", "differs"),
        ("eval instant at 20s a * on () a\n  expect fail", "agrees"),
        (
            "eval instant at 20s a * on () a\n  expect fail msg: something else",
            "differs",
        ),
        ("eval instant at 20s a * on () a\n", "differs"),
        ("eval instant at 20s quantile(2, a)\n  expect warn\n  {} Inf", "agrees"),
        (
            "eval instant at 20s quantile(2, a)\n  expect no_warn\n  {} Inf",
            "differs",
        ),
        ("eval instant at 20s quantile(0.5, a)\n  expect warn\n  {} 4", "differs"),
        (
            "eval instant at 20s quantile(0.5, a)\n  expect no_warn\n  {} 4",
            "agrees",
        ),
        ("eval instant at 20s 1 + 1\n  2", "agrees"),
        ("eval instant at 20s 1 + 1\n  3", "differs"),
        ("eval instant at 20s 1 + 1\n  {} 2", "differs"),
        ("eval instant at 20s \"x\"\n  expect string \"x\"", "agrees"),
        ("eval instant at 20s \"x\"\n  expect string \"y\"", "differs"),
        (
            "eval range from 0 to 20s step 10s a{x=\"1\"}\n  a{x=\"1\"} 1 2 3",
            "agrees",
        ),
        (
            "eval range from 0 to 20s step 10s a{x=\"1\"}\n  a{x=\"1\"} 1 _ 3",
            "differs",
        ),
        (
            "eval range from 0 to 20s step 10s a{x=\"1\"} > 1\n  a{x=\"1\"} _ 2 3",
            "agrees",
        ),
        ("eval instant at 20s a +\n", "differs"),
        (
            "eval instant at 20s limitk(1, a)\n",
            "skipped: `limitk` is experimental in Prometheus",
        ),
    ] {
        let outcome = outcomes(&format!("{load}{case}\n"));
        assert_eq!(outcome.len(), 1, "{case}");
        assert!(outcome[0].starts_with(expected), "{case}: {}", outcome[0]);
    }
}
