//! What people write: every distinct alert expression of three public collections of rules becomes a plan that evaluates.
//!
//! Flows in: `expressions.jsonl`, one object a line with `from` (collection and file) and `expr`, unchanged but for blanks around it (see
//! `NOTICE`). Flows out: those that are refused, or fail over a storage without series, or become another one once printed.
//! None is excused: Prometheus 3.5 takes and evaluates every one of them.
//!
//! Budget: 1 min

use std::{fs, path::PathBuf};

use bellwether_promql::{
    engine::{LOOKBACK, Options, Query},
    parse::parse,
    storage::memory::Memory,
};
use serde_json::Value;

/// Noon of some day, in milliseconds: rules ask for the hour and the weekday.
const NOON: i64 = 1_735_732_800_000;

/// Of each collection, so that none can vanish unseen.
const LEAST: [(&str, usize); 3] = [
    ("awesome-prometheus-alerts", 900),
    ("monitoring-mixins", 700),
    ("kube-prometheus", 50),
];

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Origin and text of every expression.
fn expressions() -> Vec<(String, String)> {
    let text = read("expressions.jsonl");
    let read = text.lines().map(|line| {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let part = |key: &str| object[key].as_str().expect("text").to_owned();
        (part("from"), part("expr"))
    });
    read.collect()
}

fn options() -> Options<'static> {
    Options {
        lookback: LOOKBACK,
        default_step: 15_000,
        samples: 1_000_000,
        elements: 1_000_000,
        stop: &|| false,
    }
}

/// Why it cannot be used, if so.
fn wrong(text: &str, memory: &Memory) -> Option<String> {
    let tree = match parse(text) {
        Ok(tree) => tree,
        Err(error) => return Some(format!("refused: {error}")),
    };
    let printed = tree.to_string();
    if parse(&printed).map(|again| again.to_string()).as_deref() != Ok(printed.as_str()) {
        return Some(format!("is another one once printed: {printed}"));
    }
    let mut query = Query::new(tree);
    let instant = query.instant(memory, NOON, &options()).map(|_| ());
    // What a graph of the rule would ask for.
    let both = instant.and_then(|()| {
        query
            .range(memory, NOON - 600_000, NOON, 60_000, &options())
            .map(|_| ())
    });
    both.err().map(|error| format!("fails: {error}"))
}

#[test]
fn every_alert_expression_of_the_collections_becomes_a_plan_that_evaluates() {
    let memory = Memory::new();
    let mut failures = Vec::new();
    for (from, text) in expressions() {
        if let Some(wrong) = wrong(&text, &memory) {
            failures.push(format!("{from}: {text}\n    {wrong}"));
        }
    }
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn what_nobody_could_evaluate_is_found() {
    let memory = Memory::new();
    for bad in ["rate(x)", "sum(x) by", "x and 1", "vector(1) @ x"] {
        assert!(wrong(bad, &memory).is_some(), "{bad}");
    }
}

#[test]
fn the_collections_are_whole_and_name_no_expression_twice() {
    let all = expressions();
    for (collection, least) in LEAST {
        let count = all.iter().filter(|(from, _)| from.starts_with(collection)).count();
        assert!(count >= least, "{count} of {collection}");
    }
    let mut texts: Vec<&str> = all.iter().map(|(_, text)| text.as_str()).collect();
    texts.sort_unstable();
    let doubled: Vec<&[&str]> = texts.windows(2).filter(|two| two[0] == two[1]).collect();
    assert_eq!(doubled, Vec::<&[&str]>::new());
}
