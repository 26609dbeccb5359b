//! Evaluators with one bug each: the crate is copied, one line or two of the copy changed, and the copy must then answer some question
//! unlike Prometheus. This judges the questions: a bug that they do not find would not be found in our own code either.
//!
//! Bugs are in the text and not behind switches, so that the evaluator holds nothing that is only there to be wrong.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    outcome::Case,
    replay::{ANSWERS, FIRST, NONE, written},
};

/// Copies that are broken and asked side by side: compiling one is mostly the work of one core.
const COPIES: usize = 2;

/// What a copy consists of beside the evaluator: what asks it, as a program of its own, because compiling that is what takes long.
const PROGRAM: &str = "\
//! Asks the evaluator what was asked.
#[path = \"../tests/differential/known.rs\"]
mod known;
#[path = \"../tests/differential/outcome.rs\"]
mod outcome;
#[path = \"../tests/differential/random.rs\"]
mod random;
#[path = \"../tests/differential/replay.rs\"]
mod replay;
#[path = \"../tests/differential/series.rs\"]
mod series;
#[path = \"../tests/differential/words.rs\"]
mod words;

fn main() {
    replay::run();
}
";

/// One bug: what is wrong, and in which file of `src` which text becomes which other.
struct Mutant {
    bug: &'static str,
    changes: &'static [(&'static str, &'static str, &'static str)],
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        bug: "ranges hold a sample at their left edge",
        changes: &[
            (
                "engine/select.rs",
                "read_samples(id, moments.start.saturating_sub(range), moments.last(), span, cx)?;",
                "read_samples(id, moments.start.saturating_sub(range + 1), moments.last(), span, cx)?;",
            ),
            (
                "engine/select.rs",
                "take_while(|point| point.at <= start)",
                "take_while(|point| point.at < start)",
            ),
        ],
    },
    Mutant {
        bug: "the lookback holds a sample at its edge",
        changes: &[(
            "engine/select.rs",
            "cx.storage.newest(id, at.saturating_sub(cx.lookback), at)",
            "cx.storage.newest(id, at.saturating_sub(cx.lookback + 1), at)",
        )],
    },
    Mutant {
        bug: "a stale marker does not end a series at a moment",
        changes: &[(
            "engine/select.rs",
            "point.at > at.saturating_sub(cx.lookback) && !is_stale(point.value)",
            "point.at > at.saturating_sub(cx.lookback)",
        )],
    },
    Mutant {
        bug: "stale markers are samples of ranges",
        changes: &[(
            "engine/select.rs",
            "cx.buffer.retain(|point| !is_stale(point.value));",
            "",
        )],
    },
    Mutant {
        bug: "an offset goes into the future",
        changes: &[(
            "engine/frame.rs",
            ".saturating_sub(shift.offset)",
            ".saturating_add(shift.offset)",
        )],
    },
    Mutant {
        bug: "@ end() is the start",
        changes: &[("engine/frame.rs", "At::End => cx.end", "At::End => cx.start")],
    },
    Mutant {
        bug: "subqueries step from their left edge instead of at multiples",
        changes: &[(
            "engine/frame.rs",
            "after.div_euclid(step).saturating_add(1).saturating_mul(step)",
            "after.saturating_add(step)",
        )],
    },
    Mutant {
        bug: "functions over ranges keep the name",
        changes: &[(
            "engine/over.rs",
            "Function::FirstOverTime | Function::LastOverTime)",
            "Function::FirstOverTime | Function::LastOverTime | Function::MaxOverTime)",
        )],
    },
    Mutant {
        bug: "a rate looks from the moment of evaluation and not from the shifted window",
        changes: &[(
            "engine/over.rs",
            "let end = moments.at(step);",
            "let end = moments.at(step) + 1000;",
        )],
    },
    Mutant {
        bug: "arithmetic with a scalar keeps the name",
        changes: &[(
            "engine/binary.rs",
            "        call::drop_names(block, &mut self.names, span, cx)",
            "        self.names.apply(block, Clone::clone, super::block::Collision::SameMoment, span, cx)",
        )],
    },
    Mutant {
        bug: "a comparison with the scalar on the left compares the other way round",
        changes: &[(
            "engine/binary.rs",
            "if scalar_first { (number, value) }",
            "if scalar_first && !op.is_comparison() { (number, value) }",
        )],
    },
    Mutant {
        bug: "group_left copies nothing",
        changes: &[(
            "engine/matching.rs",
            "self.matching.include.iter().fold(kept,",
            "self.matching.include.iter().take(0).fold(kept,",
        )],
    },
    Mutant {
        bug: "labels that ignoring names stay in the result",
        changes: &[(
            "engine/matching.rs",
            "(!self.one_to_one() || listed(name) == self.matching.on)",
            "(!self.one_to_one() || !self.matching.on || listed(name))",
        )],
    },
    Mutant {
        bug: "or yields the right side even where the left has the element",
        changes: &[(
            "engine/set.rs",
            "keep(&mut rhs, &known.right, &lhs, &known.left, known.count, false);",
            "keep(&mut rhs, &known.right, &lhs, &known.left, known.count, true);",
        )],
    },
    Mutant {
        bug: "without keeps the name",
        changes: &[("engine/aggregate.rs", "name != METRIC_NAME && !names", "!names")],
    },
    Mutant {
        bug: "count_values writes exponents",
        changes: &[("engine/aggregate.rs", "format::float(value)", "format::general(value)")],
    },
    Mutant {
        bug: "topk keeps NaN before numbers",
        changes: &[(
            "engine/top.rs",
            "let better = !other.1.is_nan() && worse(root.1, other.1);",
            "let better = other.1.is_nan() || worse(root.1, other.1);",
        )],
    },
    Mutant {
        bug: "absent takes labels from matchers of any kind",
        changes: &[("engine/plan/build.rs", "matcher.op == MatchOp::Equal && !seen", "!seen")],
    },
    Mutant {
        bug: "restarts of counters are not seen",
        changes: &[(
            "functions/range.rs",
            "if now.value < before.value {\n            gone",
            "if now.value.is_nan() {\n            gone",
        )],
    },
    Mutant {
        bug: "a counter is bounded by its zero before half a distance is taken, as before 2.53",
        changes: &[(
            "functions/range.rs",
            "let to_zero = sampled * (first.value / change);\n        if to_zero < to_start {\n            to_start = to_zero;\n        }",
            "let to_zero = sampled * (first.value / change);\n        let gap = (first.at - window.start) as f64 / 1000.0;\n        to_start = gap.min(to_zero);\n        if to_start >= mean_distance * NEAR_EDGE {\n            to_start = mean_distance / 2.0;\n        }",
        )],
    },
    Mutant {
        bug: "a gap at an edge is an end of the series from one distance on",
        changes: &[(
            "functions/range.rs",
            "const NEAR_EDGE: f64 = 1.1;",
            "const NEAR_EDGE: f64 = 1.0;",
        )],
    },
    Mutant {
        bug: "irate does not see a restart",
        changes: &[(
            "functions/range.rs",
            "let gone = if last.value < before.value {",
            "let gone = if last.value.is_nan() {",
        )],
    },
    Mutant {
        bug: "a prediction counts from the last sample",
        changes: &[(
            "functions/range.rs",
            "regression(points, param(params, 1) as i64)?",
            "regression(points, last.at)?",
        )],
    },
    Mutant {
        bug: "NaN wins in max",
        changes: &[(
            "functions/statistics.rs",
            "if value > greatest || greatest.is_nan() {",
            "if value > greatest || value.is_nan() {",
        )],
    },
    Mutant {
        bug: "variance is that of a sample, not of the population",
        changes: &[(
            "functions/statistics.rs",
            "self.squares / self.count\n",
            "self.squares / (self.count - 1.0)\n",
        )],
    },
    Mutant {
        bug: "sums over time are not compensated",
        changes: &[(
            "functions/statistics.rs",
            "        self.sum + self.lost\n",
            "        self.sum\n",
        )],
    },
    Mutant {
        bug: "quantiles take the lower of two values",
        changes: &[(
            "functions/statistics.rs",
            "*lower * (1.0 - weight) + upper * weight",
            "if upper.is_nan() { upper } else { *lower }",
        )],
    },
    Mutant {
        bug: "buckets are taken in the order they come in",
        changes: &[(
            "functions/histogram.rs",
            "    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));\n",
            "",
        )],
    },
    Mutant {
        bug: "buckets that fall are not repaired",
        changes: &[(
            "functions/histogram.rs",
            "let forced_monotone = make_monotone(buckets);",
            "let forced_monotone = make_monotone(&mut buckets.clone());",
        )],
    },
    Mutant {
        bug: "buckets with equal bounds are not merged",
        changes: &[("functions/histogram.rs", "kept.count += next.count;", "")],
    },
    Mutant {
        bug: "halves are rounded away from zero",
        changes: &[(
            "functions/math.rs",
            "(value * inverse + 0.5).floor() / inverse",
            "(value * inverse).round() / inverse",
        )],
    },
    Mutant {
        bug: "the week begins on Monday",
        changes: &[(
            "functions/calendar.rs",
            "const EPOCH_WEEKDAY: i64 = 4;",
            "const EPOCH_WEEKDAY: i64 = 3;",
        )],
    },
    Mutant {
        bug: "label_replace replaces though nothing matches",
        changes: &[(
            "engine/call.rs",
            "return Ok(labels.clone());",
            "return Ok(Labels::default());",
        )],
    },
    Mutant {
        bug: "regular expressions of matchers need not match the whole value",
        changes: &[("parse/regex.rs", "\"^(?s:{translated})$\"", "\"(?s:{translated})\"")],
    },
];

/// Breaks copies of the crate, one bug after the other, and asks each until an answer is wrong.
pub(crate) fn all_are_found_out(answers: &[(Case, String)]) {
    let text = written(answers);
    let next = AtomicUsize::new(0);
    let unseen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..COPIES {
            let (next, unseen, text) = (&next, &unseen, &text);
            scope.spawn(move || {
                let copy = Copy::new(number);
                fs::write(copy.answers(), text).expect("write");
                assert_eq!(
                    copy.first_difference(),
                    None,
                    "the copy is wrong though nothing was changed in it"
                );
                while let Some(mutant) = MUTANTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match copy.broken(mutant) {
                        Some(first) => println!("at answer {first:>5} of {}: {}", answers.len(), mutant.bug),
                        None => unseen.lock().expect("no panic").push(mutant.bug),
                    }
                }
            });
        }
    });
    let unseen = unseen.into_inner().expect("no panic");
    assert!(unseen.is_empty(), "not found out: {unseen:?}");
}

/// The crate with what asks it and nothing else, as a workspace of its own.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn new(number: usize) -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        // Kept between runs, so that what the crate depends on is compiled once.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("promql-mutants-{number}"));
        let crate_folder = folder.join("promql");
        if crate_folder.exists() {
            fs::remove_dir_all(&crate_folder).expect("remove");
        }
        copy(&own.join("src"), &crate_folder.join("src"));
        let asks = Path::new("tests/differential");
        copy(&own.join(asks), &crate_folder.join(asks));
        // Not a suite here: only what its program takes of it is compiled.
        fs::remove_file(crate_folder.join(asks).join("main.rs")).expect("remove");
        fs::create_dir(crate_folder.join("examples")).expect("make");
        fs::write(crate_folder.join("examples/replay.rs"), PROGRAM).expect("write");
        let manifest = fs::read_to_string(own.join("Cargo.toml")).expect("read");
        // Of property tests, which are not copied.
        let manifest = manifest.replace("proptest = \"1\"\n", "");
        fs::write(crate_folder.join("Cargo.toml"), manifest).expect("write");
        let root = own.join("../..");
        let workspace = fs::read_to_string(root.join("Cargo.toml")).expect("read");
        fs::write(folder.join("Cargo.toml"), alone(&workspace)).expect("write");
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).expect("copy");
        Self { folder }
    }

    fn answers(&self) -> PathBuf {
        self.folder.join("answers.json")
    }

    /// The first wrong answer with this bug, which is gone afterwards.
    fn broken(&self, mutant: &Mutant) -> Option<usize> {
        let restored: Vec<_> = mutant
            .changes
            .iter()
            .map(|change| self.change(mutant.bug, change))
            .collect();
        let first = self.first_difference();
        for (file, text) in restored.into_iter().rev() {
            fs::write(file, text).expect("write");
        }
        first
    }

    /// Makes one change and returns what to write back afterwards.
    fn change(&self, bug: &str, (file, from, to): &(&str, &str, &str)) -> (PathBuf, String) {
        let file = self.folder.join("promql/src").join(file);
        let text = fs::read_to_string(&file).expect("read");
        let found = text.matches(from).count();
        assert_eq!(
            found,
            1,
            "{bug}: in {} the text stands {found} times: {from}",
            file.display()
        );
        fs::write(&file, text.replacen(from, to, 1)).expect("write");
        (file, text)
    }

    /// Compiles the copy and asks it; the number of the first answer that is wrong.
    fn first_difference(&self) -> Option<usize> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = self.folder.join("target");
        let built = self.run(&cargo, &["build", "--offline", "--quiet", "--example", "replay"]);
        assert!(built.status.success(), "it does not compile: {built:?}");
        let asked = self.run(&target.join("debug/examples/replay").into(), &[]);
        let said = String::from_utf8_lossy(&asked.stdout);
        let told = said.lines().last().unwrap_or_default();
        if told == NONE {
            return None;
        }
        let first = told.strip_prefix(FIRST).and_then(|number| number.parse().ok());
        // Whoever panics about a question is found out too.
        first.or_else(|| (!asked.status.success()).then_some(0))
    }

    fn run(&self, program: &OsString, words: &[&str]) -> Output {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            // Nobody debugs it, and linking takes half as long.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env(ANSWERS, self.answers());
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make");
    for entry in fs::read_dir(from).expect("read") {
        let entry = entry.expect("read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy");
        }
    }
}

/// The workspace's manifest with one member.
fn alone(workspace: &str) -> String {
    let only = |line: &str| match line.split_once(" = ") {
        Some((name @ ("members" | "default-members"), _)) => format!("{name} = [\"promql\"]\n"),
        _ => format!("{line}\n"),
    };
    workspace.lines().map(only).collect()
}
