//! Questions with the answers that Prometheus gave, written down, and an evaluator held against them.
//!
//! Flows in: what the environment names. Flows out: which answer is wrong first, or that none is. A copy of the crate runs it as a
//! program ([`run`]); the suite writes what it reads.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{
    known::LOOSER,
    outcome::{Case, Outcome, Tolerance, When, difference, of_answer, ours},
    series::{Data, SEED},
    words,
};

/// Where the questions are.
pub(crate) const ANSWERS: &str = "BELLWETHER_TEST_ANSWERS";
/// What is said of the first wrong answer, before its number.
pub(crate) const FIRST: &str = "the first wrong answer is number ";
/// What is said when there is none.
pub(crate) const NONE: &str = "no answer is wrong";

/// Why the answers to a question differ; None if they do not.
pub(crate) fn disagreement(case: &Case, ours: &Outcome, theirs: &Outcome, words: &BTreeSet<&str>) -> Option<String> {
    let looser = LOOSER.iter().filter(|looser| (looser.applies)(words));
    let tolerance = looser.fold(Tolerance::default(), |tolerance, looser| tolerance.or(looser.tolerance));
    let sorted = ["sort(", "sort_desc("]
        .iter()
        .any(|word| case.expression.starts_with(word))
        && case.expression.ends_with(')');
    let ordered = sorted && matches!(case.when, When::At(_));
    difference(ours, theirs, tolerance, ordered)
}

/// Asks this evaluator until an answer is not the one that was written down.
#[cfg_attr(test, expect(dead_code, reason = "for the program of the copies"))]
pub(crate) fn run() {
    let file = std::env::var_os(ANSWERS).expect("questions");
    let answers = read(&std::fs::read_to_string(file).expect("read"));
    assert!(!answers.is_empty(), "no answers were written down");
    let memory = Data::new(SEED).memory();
    let first = answers.iter().position(|(case, body)| {
        let words = words::words_of(&case.expression);
        disagreement(case, &ours(case, &memory), &of_answer(body), &words).is_some()
    });
    match first {
        Some(first) => println!("{FIRST}{first}"),
        None => println!("{NONE}"),
    }
}

/// Questions and answers as a text.
pub(crate) fn written(answers: &[(Case, String)]) -> String {
    let one = |(case, body): &(Case, String)| {
        let when = match case.when {
            When::At(at) => [at, at, 0],
            When::Over { start, end, step } => [start, end, step],
        };
        json!([case.expression, when, body])
    };
    Json::Array(answers.iter().map(one).collect()).to_string()
}

/// What [`written`] wrote.
fn read(text: &str) -> Vec<(Case, String)> {
    let json: Json = serde_json::from_str(text).expect("JSON");
    let text = |json: &Json| json.as_str().expect("a text").to_owned();
    let one = |row: &Json| {
        let [start, end, step] = [0, 1, 2].map(|at| row[1][at].as_i64().expect("a time"));
        let when = if step == 0 {
            When::At(start)
        } else {
            When::Over { start, end, step }
        };
        let expression = text(&row[0]);
        (Case { expression, when }, text(&row[2]))
    };
    json.as_array().expect("rows").iter().map(one).collect()
}
