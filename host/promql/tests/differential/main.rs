//! Our evaluator against Prometheus' own: the same series, the same expressions, the same moments, more than twenty thousand times.
//!
//! Values may differ by a relative 1e-12 where nothing else is said below; errors must be errors on both sides, whatever their words.
//! Another seed is asked for with `BELLWETHER_TEST_SEED`, another number of expressions with `BELLWETHER_TEST_EXPRESSIONS`.
//!
//! Needs: prometheus-3
//! Budget: 10 min

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test talks to a real process: it waits on real time; and it says what it compared"
)]

mod expressions;
mod oracle;
mod outcome;
mod random;
mod series;
mod words;

use std::{
    collections::BTreeMap,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};

use bellwether_promql::storage::memory::Memory;

use self::{
    expressions::{Focus, Maker},
    oracle::{Connection, Oracle},
    outcome::{Case, Outcome, When, difference, of_answer, ours},
    random::Random,
    series::{BEGIN, Data, END},
};

/// Of series and expressions, unless the environment says otherwise.
const SEED: u64 = 20_250_101;
/// Each is asked for at two moments and over one range.
const EXPRESSIONS: usize = 7_400;
/// Below this a run does not count.
const COMPARISONS: usize = 20_000;
/// Of a hundred comparisons so many must have values.
const WITH_VALUES: usize = 60;
/// Each function, aggregation, operator and modifier must be in so many comparisons.
const PER_WORD: usize = 50;
/// Connections, each asking one question after the other.
const WORKERS: usize = 3;

/// A difference that is none of our bugs.
struct Known {
    name: &'static str,
    reason: &'static str,
    applies: fn(&Case, &Outcome, &Outcome) -> bool,
}

const KNOWN: &[Known] = &[
    Known {
        name: "histogram_fraction's lowest bucket",
        reason: "since 3.6 it starts at 0 if its bound is above, and is not divided if it is not; before, any bound inside it gave NaN",
        applies: |case, ours, theirs| {
            case.expression.contains("histogram_fraction")
                && difference(ours, &with_ours_for_nan(ours, theirs), 0.0, false).is_none()
        },
    },
    Known {
        name: "parameters of topk and bottomk without elements",
        reason: "since 3.6 NaN and numbers beyond 64 bits are refused; before, only where there was an element to count",
        applies: |case, ours, theirs| {
            ["topk", "bottomk"].iter().any(|word| case.expression.contains(word))
                && matches!(ours, Outcome::Error(error) if error.contains("Parameter value is NaN") || error.contains("flows int64"))
                && matches!(theirs, Outcome::Series { .. })
        },
    },
];

/// Their answer with the values of ours where theirs are NaN.
fn with_ours_for_nan(ours: &Outcome, theirs: &Outcome) -> Outcome {
    let (Outcome::Series { rows, .. }, mut patched) = (ours, theirs.clone()) else {
        return theirs.clone();
    };
    if let Outcome::Series { rows: others, .. } = &mut patched {
        for (labels, points) in others {
            let own = rows
                .iter()
                .find(|(own, _)| own == labels)
                .map_or(&[][..], |(_, points)| points);
            for (at, value) in points.iter_mut().filter(|(_, value)| value.is_nan()) {
                *value = own
                    .iter()
                    .find(|(own, _)| own == at)
                    .map_or(*value, |(_, value)| *value);
            }
        }
    }
    patched
}

/// Where more than the relative tolerance is needed: words in an expression, the absolute difference that is allowed, and why.
const ABSOLUTE: &[(&[&str], f64, &str)] = &[];

fn from_environment(name: &str, default: u64) -> u64 {
    let told = std::env::var(name).ok();
    told.map_or(default, |told| {
        told.parse().unwrap_or_else(|_| panic!("{name} is no number: {told}"))
    })
}

fn cases(seed: u64, expressions: usize) -> Vec<Case> {
    let mut maker = Maker::new(seed);
    let mut random = Random::new(seed ^ 1);
    let foci = Focus::all();
    let mut cases = Vec::new();
    for number in 0..expressions {
        let expression = maker.expression(foci[number % foci.len()]);
        let mut ask = |when| {
            cases.push(Case {
                expression: expression.clone(),
                when,
            });
        };
        ask(When::At(random.between(BEGIN + 300_000, END - 60_000)));
        ask(When::At(
            random.between(BEGIN - 60_000, END + 400_000) / 15_000 * 15_000,
        ));
        let start = random.between(BEGIN - 300_000, END - 600_000);
        let step = random.pick(&[1_000, 13_370, 15_000, 30_000, 60_000, 300_000, 999_999]);
        let end = start + step * random.between(0, 25);
        ask(When::Over { start, end, step });
    }
    cases
}

/// `1735700400.123`
fn seconds(at: i64) -> String {
    format!("{}.{:03}", at / 1000, at % 1000)
}

fn theirs(case: &Case, connection: &mut Connection) -> (Outcome, String) {
    let query = ("query", case.expression.as_str());
    let (_, body) = match case.when {
        When::At(at) => connection.form("/api/v1/query", &[query, ("time", &seconds(at))]),
        When::Over { start, end, step } => {
            let fields = [
                query,
                ("start", &seconds(start)),
                ("end", &seconds(end)),
                ("step", &seconds(step)),
            ];
            connection.form("/api/v1/query_range", &fields)
        }
    };
    (of_answer(&body), body)
}

/// What came of all comparisons.
#[derive(Default)]
struct Report {
    compared: usize,
    with_values: usize,
    both_failed: usize,
    known: BTreeMap<&'static str, usize>,
    words: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
}

impl Report {
    fn take(&mut self, case: &Case, ours: &Outcome, theirs: &Outcome) {
        self.compared += 1;
        self.with_values += usize::from(theirs.is_something());
        self.both_failed += usize::from(matches!((ours, theirs), (Outcome::Error(_), Outcome::Error(_))));
        let words = words::words_of(&case.expression);
        for word in &words {
            *self.words.entry(word).or_default() += 1;
        }
        let allowed = ABSOLUTE
            .iter()
            .filter(|(of, ..)| of.iter().any(|word| words.contains(word)));
        let absolute = allowed.map(|(_, absolute, _)| *absolute).fold(0.0, f64::max);
        let sorted = ["sort(", "sort_desc("]
            .iter()
            .any(|word| case.expression.starts_with(word))
            && case.expression.ends_with(')');
        let ordered = sorted && matches!(case.when, When::At(_));
        let Some(difference) = difference(ours, theirs, absolute, ordered) else {
            return;
        };
        match KNOWN.iter().find(|known| (known.applies)(case, ours, theirs)) {
            Some(known) => *self.known.entry(known.name).or_default() += 1,
            None => self
                .differences
                .push(format!("{}\n  {:?}\n  {difference}", case.expression, case.when)),
        }
    }

    fn print(&self) {
        println!(
            "{} comparisons, {} with values, {} errors on both sides, {} different",
            self.compared,
            self.with_values,
            self.both_failed,
            self.differences.len()
        );
        for (name, count) in &self.known {
            let reason = KNOWN
                .iter()
                .find(|known| known.name == *name)
                .map_or("", |known| known.reason);
            println!("known difference {name}: {count} ({reason})");
        }
        let counts: Vec<String> = self
            .words
            .iter()
            .map(|(word, count)| format!("{word} {count}"))
            .collect();
        println!("{}", counts.join(", "));
    }
}

fn compare(cases: &[Case], oracle: &Oracle, memory: &Memory) -> Report {
    let next = AtomicUsize::new(0);
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut connection = Connection::to(oracle.address);
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (theirs, _) = theirs(case, &mut connection);
                    let ours = ours(case, memory);
                    report.lock().expect("no panic").take(case, &ours, &theirs);
                }
            });
        }
    });
    report.into_inner().expect("no panic")
}

#[test]
fn every_answer_is_that_of_prometheus() {
    let seed = from_environment("BELLWETHER_TEST_SEED", SEED);
    let expressions = from_environment("BELLWETHER_TEST_EXPRESSIONS", EXPRESSIONS as u64) as usize;
    let data = Data::new(seed);
    let memory = data.memory();
    let oracle = Oracle::with(&data);
    println!(
        "seed {seed}, {} series, Prometheus {}",
        data.series.len(),
        oracle.version()
    );
    let report = compare(&cases(seed, expressions), &oracle, &memory);
    report.print();
    assert!(
        report.differences.is_empty(),
        "{}",
        report
            .differences
            .iter()
            .take(40)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    if expressions < EXPRESSIONS {
        return;
    }
    assert!(report.compared >= COMPARISONS, "{} comparisons", report.compared);
    assert!(
        report.with_values * 100 >= report.compared * WITH_VALUES,
        "{} with values",
        report.with_values
    );
    for focus in Focus::all() {
        let word = focus.word();
        let counted = !matches!(word, "literal" | "wrong");
        let count = report.words.get(word).copied().unwrap_or(0);
        assert!(!counted || count >= PER_WORD, "only {count} comparisons with {word}");
    }
}
