//! Our parser against Prometheus' own: what one accepts the other accepts, and both see the same tree.
//!
//! Flows in: the expressions of Prometheus' test scripts, and thousands that are made of them by taking tokens away, putting
//! others in and swapping them. The server gives its tree of a text and its tree of what our tree prints; both must be the
//! same. Another seed is asked for with `BELLWETHER_TEST_SEED`.
//!
//! Needs: prometheus-3
//! Budget: 5 min

#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to a real process: it waits on real time"
)]

#[path = "../differential/oracle.rs"]
mod oracle;
#[expect(dead_code, reason = "the evaluator's tests use all of it")]
#[path = "../differential/random.rs"]
mod random;
#[expect(dead_code, reason = "the evaluator's tests use all of it")]
#[path = "../differential/series.rs"]
mod series;

use std::{collections::BTreeSet, fs, path::PathBuf};

use bellwether_promql::parse::{ParseError, parse};
use regex::Regex;
use serde_json::Value;

use self::{
    oracle::{Connection, Oracle},
    random::Random,
    series::Data,
};

/// Of the changes, unless the environment says otherwise.
const SEED: u64 = 20_250_101;
/// Changed texts.
const CHANGED: usize = 8_000;
/// Texts that are longer say nothing more.
const LONGEST: usize = 200;
/// Below these a run does not count: texts with a tree on both sides, and refused on both sides.
const LEAST: (usize, usize) = (2_000, 2_000);

/// What is put into texts.
const TOKENS: [&str; 76] = [
    "a",
    "sum",
    "rate",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "5m",
    "1",
    "0x1F",
    "1e3",
    ":",
    ",",
    "=",
    "=~",
    "!=",
    "!~",
    "==",
    "\"x\"",
    "`y.*`",
    "'z'",
    "offset",
    "@",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "<",
    ">=",
    "and",
    "or",
    "unless",
    "atan2",
    " ",
    "start()",
    "end()",
    "inf",
    "NaN",
    ".5",
    "a[5m]",
    "[1h:5m]",
    "[5m:]",
    "1_000",
    "-1",
    "start",
    "end",
    "\"l\"",
    "{a=\"b\"}",
    "avg",
    "topk",
    "count_values",
    "quantile",
    "time()",
    "label_replace",
    "1h30m",
    "5ms",
    "08",
    "017",
    "@ 5",
    " offset -5m",
    "# c\n",
    "0",
    "foo:bar",
    "max",
    "()",
];

#[test]
fn both_accept_the_same_texts_and_see_the_same_trees() {
    let seed = std::env::var("BELLWETHER_TEST_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let oracle = Oracle::with(&Data::new(seed));
    let mut server = Connection::to(oracle.address);
    let (mut same, mut refused, mut known) = (0, 0, 0);
    let mut differences = Vec::new();
    for text in texts(seed) {
        match compared(&mut server, &text) {
            Compared::SameTree => same += 1,
            Compared::Refused => refused += 1,
            Compared::Known => known += 1,
            Compared::Differs(how) => differences.push(format!("{text:?}\n    {how}")),
        }
    }
    let version = oracle.version();
    println!(
        "Prometheus {version}: {same} trees are the same, {refused} texts are refused by both, {known} differ for a known reason"
    );
    assert!(
        differences.is_empty(),
        "{} texts differ:\n{}\n",
        differences.len(),
        differences.join("\n")
    );
    assert!(
        same >= LEAST.0 && refused >= LEAST.1,
        "{same} trees and {refused} refusals are too few"
    );
}

/// How a text came out.
enum Compared {
    SameTree,
    Refused,
    /// For a reason that stands in this file.
    Known,
    Differs(String),
}

fn compared(server: &mut Connection, text: &str) -> Compared {
    let theirs = tree(server, text);
    match (parse(text), theirs) {
        (Err(_), Err(_)) => Compared::Refused,
        (Err(error), Ok(_)) if is_ours_to_refuse(&error) => Compared::Known,
        (Err(error), Ok(_)) => Compared::Differs(format!("only we refuse it: {error}")),
        (Ok(_), Err(error)) if is_younger(&error) => Compared::Known,
        (Ok(expr), Err(error)) => Compared::Differs(format!("only they refuse it: {error}; ours is {expr}")),
        (Ok(expr), Ok(theirs)) => match tree(server, &expr.to_string()) {
            Ok(ours) if ours == theirs => Compared::SameTree,
            Ok(_) => Compared::Differs(format!("ours is {expr}")),
            Err(error) => Compared::Differs(format!("ours is {expr}, which they refuse: {error}")),
        },
    }
}

/// What Prometheus has and we refuse by name, and bytes that are no text.
fn is_ours_to_refuse(error: &ParseError) -> bool {
    let reasons = [
        "is experimental in Prometheus",
        "works on native histograms, which are not supported",
    ];
    reasons.iter().any(|reason| error.message.ends_with(reason)) || error.message.ends_with("bytes that are not UTF-8")
}

/// What was not stable yet in the version that is asked. Comments between brackets are ours alone.
fn is_younger(error: &str) -> bool {
    let reasons = [
        "experimental duration expression is not enabled",
        "in duration expression: '#'",
        "\\\"first_over_time\\\"",
    ];
    reasons.iter().any(|reason| error.contains(reason))
}

/// The server's tree, in a form that can be compared; or its answer.
fn tree(server: &mut Connection, text: &str) -> Result<Value, String> {
    let (status, body) = server.form("/api/v1/parse_query", &[("query", text)]);
    if status != 200 {
        return Err(body);
    }
    let mut answer: Value = serde_json::from_str(&body).expect("JSON");
    let mut tree = answer["data"].take();
    normalize(&mut tree);
    Ok(tree)
}

/// Conditions have no order, and numbers more than one form.
fn normalize(tree: &mut Value) {
    match tree {
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::Object(fields) => {
            if let Some(Value::Array(matchers)) = fields.get_mut("matchers") {
                matchers.sort_by_key(ToString::to_string);
            }
            if fields.get("type").is_some_and(|kind| kind == "numberLiteral")
                && let Some(Value::String(number)) = fields.get_mut("val")
            {
                let value: f64 = number.parse().expect("a number");
                *number = format!("{value:?}");
            }
            fields.values_mut().for_each(normalize);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Those of the scripts, then changed ones; each once.
fn texts(seed: u64) -> BTreeSet<String> {
    let written = written();
    let short: Vec<&String> = written.iter().filter(|text| text.len() <= LONGEST).collect();
    let token = Regex::new(
        r#"(?s)\s+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|[A-Za-z_:][A-Za-z0-9_:]*|[0-9][0-9a-zA-Z_.]*|[=!<>][=~]|."#,
    );
    let token = token.expect("a pattern");
    let mut random = Random::new(seed);
    let changed: Vec<String> = (0..CHANGED)
        .map(|_| {
            let text = random.pick(&short);
            changed(&mut random, token.find_iter(text).map(|found| found.as_str()).collect())
        })
        .collect();
    written
        .into_iter()
        .chain(changed)
        .filter(|text| !text.is_empty())
        .collect()
}

fn changed(random: &mut Random, mut tokens: Vec<&str>) -> String {
    for _ in 0..random.between(1, 2) {
        let last = tokens.len() as i64 - 1;
        let at = random.between(0, last.max(0)) as usize;
        match random.between(0, 2) {
            0 if last > 0 => drop(tokens.remove(at)),
            1 if last > 0 => tokens.swap(at, random.between(0, last) as usize),
            _ => tokens.insert(at, random.pick(&TOKENS)),
        }
    }
    tokens.concat()
}

/// All expressions of the scripts.
fn written() -> BTreeSet<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let instant = Regex::new(r"^\s*eval\w* instant at \S+ (.+)$").expect("a pattern");
    let range = Regex::new(r"^\s*eval\w* range from \S+ to \S+ step \S+ (.+)$").expect("a pattern");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "test") {
            let script = fs::read_to_string(path).expect("a script");
            let lines = script.lines();
            found.extend(lines.filter_map(|line| {
                let captures = instant.captures(line).or_else(|| range.captures(line))?;
                Some(captures[1].trim().to_owned())
            }));
        }
    }
    found
}
