//! Our evaluator against Prometheus' own: the same series, the same expressions, the same moments, more than twenty thousand times.
//!
//! Values may differ by a relative 1e-12 where nothing else is said below; errors must be errors on both sides, whatever their words.
//! Another seed is asked for with `BELLWETHER_TEST_SEED`, another number of expressions with `BELLWETHER_TEST_EXPRESSIONS`. To find out why
//! an answer differs, `BELLWETHER_TEST_QUESTION='EXPRESSION|START|END|STEP'` (milliseconds; at one moment where the step is 0) also prints both.
//!
//! Needs: prometheus-3
//! Budget: 15 min

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test talks to a real process: it waits on real time; and it says what it compared"
)]

mod expressions;
mod known;
mod mutants;
mod oracle;
mod outcome;
mod random;
mod replay;
mod series;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};

use bellwether_promql::storage::memory::Memory;

use self::{
    expressions::{Focus, Maker},
    known::KNOWN,
    oracle::{Connection, Oracle},
    outcome::{Case, Outcome, When, of_answer, ours},
    random::Random,
    replay::disagreement,
    series::{BEGIN, Data, END, SEED},
};

/// Each is asked for at two moments and over one range.
const EXPRESSIONS: usize = 7_400;
/// Below this a run does not count.
const COMPARISONS: usize = 20_000;
/// Of a hundred comparisons so many must have values.
const WITH_VALUES: usize = 60;
/// Each function, aggregation, operator and modifier must be in so many comparisons.
const PER_WORD: usize = 50;
/// Of a hundred comparisons at most so many may differ for known reasons.
const EXCUSED: usize = 1;
/// Connections, each asking one question after the other.
const WORKERS: usize = 3;

/// When an answer differs, the question is asked this often again, and a range also one moment after the other: what Prometheus itself
/// answers in different ways has no right answer (which of equal elements `topk` keeps where an inner expression over a range yields
/// them in no order; equal labels at different moments of a range, an error before 3.9).
const AGAIN: usize = 30;

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
        let grid = random.pick(&[1, 15_000]);
        let start = random.between(BEGIN - 300_000, END - 600_000) / grid * grid;
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
    /// Prometheus gave more than one answer, ours among them.
    undecided: usize,
    words: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
}

/// How one comparison came out.
enum Verdict {
    Same,
    Known(&'static str),
    Undecided,
    Different(String),
}

fn judge(
    case: &Case,
    ours: &Outcome,
    theirs: &Outcome,
    words: &BTreeSet<&str>,
    mut ask: impl FnMut(&Case) -> Outcome,
) -> Verdict {
    let Some(difference) = disagreement(case, ours, theirs, words) else {
        return Verdict::Same;
    };
    if let Some(known) = KNOWN.iter().find(|known| (known.applies)(case, ours, theirs)) {
        return Verdict::Known(known.name);
    }
    let is_ours =
        |answer: Option<Outcome>| answer.is_some_and(|answer| disagreement(case, ours, &answer, words).is_none());
    if (0..AGAIN).any(|_| is_ours(Some(ask(case)))) || is_ours(moment_by_moment(case, &mut ask)) {
        return Verdict::Undecided;
    }
    Verdict::Different(difference)
}

/// A range asked for one moment after the other, which should be the same.
fn moment_by_moment(case: &Case, ask: &mut impl FnMut(&Case) -> Outcome) -> Option<Outcome> {
    let When::Over { start, end, step } = case.when else {
        return None;
    };
    let expression = case
        .expression
        .replace("start()", &seconds(start))
        .replace("end()", &seconds(end));
    let mut rows: BTreeMap<_, Vec<(i64, f64)>> = BTreeMap::new();
    for at in (start..=end).step_by(usize::try_from(step).ok()?) {
        let one = Case {
            expression: expression.clone(),
            when: When::At(at),
        };
        let found = match ask(&one) {
            Outcome::Scalar(value) => vec![(BTreeMap::new(), vec![(at, value)])],
            Outcome::Series { rows, .. } => rows,
            other @ (Outcome::Error(_) | Outcome::Text(_)) => return Some(other),
        };
        for (labels, points) in found {
            rows.entry(labels).or_default().extend(points);
        }
    }
    Some(Outcome::Series {
        kind: "matrix",
        rows: rows.into_iter().collect(),
    })
}

impl Report {
    fn take(&mut self, case: &Case, [ours, theirs]: [&Outcome; 2], words: &BTreeSet<&'static str>, verdict: Verdict) {
        self.compared += 1;
        self.with_values += usize::from(theirs.is_something());
        self.both_failed += usize::from(matches!((ours, theirs), (Outcome::Error(_), Outcome::Error(_))));
        for word in words {
            *self.words.entry(word).or_default() += 1;
        }
        match verdict {
            Verdict::Same => {}
            Verdict::Known(name) => *self.known.entry(name).or_default() += 1,
            Verdict::Undecided => self.undecided += 1,
            Verdict::Different(difference) => self
                .differences
                .push(format!("{}\n  {:?}\n  {difference}", case.expression, case.when)),
        }
    }

    fn print(&self) {
        println!(
            "{} comparisons, {} with values, {} errors on both sides, {} that Prometheus answers in two ways, {} different",
            self.compared,
            self.with_values,
            self.both_failed,
            self.undecided,
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
                    let words = words::words_of(&case.expression);
                    let verdict = judge(case, &ours, &theirs, &words, |case| {
                        self::theirs(case, &mut connection).0
                    });
                    report
                        .lock()
                        .expect("no panic")
                        .take(case, [&ours, &theirs], &words, verdict);
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
    if let Ok(question) = std::env::var("BELLWETHER_TEST_QUESTION") {
        let case = asked(&question);
        println!("ours   {:?}", ours(&case, &memory));
        println!("theirs {:?}", theirs(&case, &mut Connection::to(oracle.address)).0);
    }
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
    let excused = report.undecided + report.known.values().sum::<usize>();
    assert!(
        excused * 100 <= report.compared * EXCUSED,
        "{excused} differences are said to be known: too many to believe"
    );
    for focus in Focus::all() {
        let word = focus.word();
        let counted = !matches!(word, "literal" | "wrong");
        let count = report.words.get(word).copied().unwrap_or(0);
        assert!(!counted || count >= PER_WORD, "only {count} comparisons with {word}");
    }
}

/// From `expression|start|end|step` in milliseconds; at one moment where the step is 0.
fn asked(question: &str) -> Case {
    let mut parts = question.rsplitn(4, '|');
    let mut number = || parts.next().and_then(|part| part.parse().ok()).expect("a number");
    let (step, end, start) = (number(), number(), number());
    Case {
        expression: parts.next().expect("an expression").to_owned(),
        when: match step {
            0 => When::At(start),
            _ => When::Over { start, end, step },
        },
    }
}

/// Of the questions that every mutant is asked.
const MUTANTS_EXPRESSIONS: usize = 2_500;

#[test]
fn every_wrong_evaluator_is_found_out() {
    let data = Data::new(SEED);
    let memory = data.memory();
    let oracle = Oracle::with(&data);
    let mut connection = Connection::to(oracle.address);
    let mut answers = Vec::new();
    for case in cases(SEED, MUTANTS_EXPRESSIONS) {
        let (theirs, body) = theirs(&case, &mut connection);
        let words = words::words_of(&case.expression);
        if disagreement(&case, &ours(&case, &memory), &theirs, &words).is_none() {
            answers.push((case, body));
        }
    }
    drop(oracle);
    mutants::all_are_found_out(&answers);
}
