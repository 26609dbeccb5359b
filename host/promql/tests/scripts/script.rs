//! Scripts: lines to commands.

use bellwether_promql::{
    labels::Labels,
    parse::{self, series},
};
use regex::Regex;

/// One command of a script.
#[derive(Debug)]
pub(crate) enum Command {
    /// Forget all series.
    Clear,
    /// Add series.
    Load(Load),
    /// Evaluate and compare.
    Eval(Box<Eval>),
}

/// Series with a sample every so often, from the epoch on.
#[derive(Debug)]
pub(crate) struct Load {
    /// Milliseconds.
    pub(crate) step: i64,
    pub(crate) series: Vec<series::Description>,
    /// Whether classic histograms are to become native ones beside.
    pub(crate) native: bool,
    /// Series with the moments at which their counters started.
    pub(crate) started: Vec<Labels>,
}

/// An expression, when, and what it should yield.
#[derive(Debug)]
pub(crate) struct Eval {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) when: When,
    pub(crate) expected: Expected,
    /// As `expect` lines have them.
    pub(crate) fail: Option<Message>,
    pub(crate) notes: Notes,
}

/// When it is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// What it yields.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) ordered: bool,
    pub(crate) scalar: Option<f64>,
    pub(crate) string: Option<String>,
    pub(crate) series: Vec<series::Description>,
    /// Of an instant query that yields a range vector.
    pub(crate) matrix: Option<(i64, i64)>,
}

/// Which warnings and infos there are.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) warn: Vec<Message>,
    pub(crate) info: Vec<Message>,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
}

/// What is said.
#[derive(Debug)]
pub(crate) enum Message {
    Any,
    Exactly(String),
    Like(Regex),
}

impl Message {
    /// Prometheus' runner has a feature flag set, with which some notes name the metric at their end; without it they are
    /// the same but for that end.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(own) => own == text || own.split(" for metric name ").next() == Some(text),
            Self::Like(regex) => regex.is_match(text),
        }
    }
}

/// All commands. Comments are empty lines, and an empty line ends a command, as in Prometheus' runner.
pub(crate) fn read(text: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| if line.trim().starts_with('#') { "" } else { line.trim() })
        .collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let block = lines[at + 1..].iter().take_while(|line| !line.is_empty()).count();
        let body = &lines[at + 1..at + 1 + block];
        let first = line.split([' ', '\t']).next().unwrap_or_default();
        at += 1;
        let number = at;
        let place = |error: String| format!("line {number}: {error}");
        if first == "clear" {
            commands.push(Command::Clear);
        } else if first.starts_with("load") {
            commands.push(Command::Load(load(line, body).map_err(place)?));
            at += block;
        } else if first.starts_with("eval") {
            let (eval, taken) = eval(line, body, number).map_err(place)?;
            commands.push(Command::Eval(Box::new(eval)));
            at += taken;
        } else if !line.is_empty() {
            return Err(place(format!("no command: {line}")));
        }
    }
    Ok(commands)
}

fn load(line: &str, body: &[&str]) -> Result<Load, String> {
    let (command, step) = line.split_once([' ', '\t']).ok_or("no step")?;
    let mut load = Load {
        step: parse::duration(step.trim())?,
        series: Vec::new(),
        native: command == "load_with_nhcb",
        started: Vec::new(),
    };
    for line in body {
        let metric = line.split([' ', '\t']).next().unwrap_or_default();
        match metric.strip_suffix("@st") {
            Some(metric) => load
                .started
                .push(series::labels(metric).map_err(|error| error.to_string())?),
            None => load
                .series
                .push(series::description(line).map_err(|error| format!("{line}: {error}"))?),
        }
    }
    Ok(load)
}

/// The command, and how many lines of its body it takes.
fn eval(line: &str, body: &[&str], number: usize) -> Result<(Eval, usize), String> {
    let (mode, when, text) = head(line)?;
    let mut eval = Eval {
        line: number,
        text,
        when,
        expected: Expected::default(),
        fail: None,
        notes: Notes::default(),
    };
    match mode.as_str() {
        "" => {}
        "fail" => eval.fail = Some(Message::Any),
        "warn" => eval.notes.warn.push(Message::Any),
        "info" => eval.notes.info.push(Message::Any),
        "ordered" => eval.expected.ordered = true,
        other => return Err(format!("no mode: {other}")),
    }
    for (at, line) in body.iter().enumerate() {
        let ended = expectation(&mut eval, line).map_err(|error| format!("{line}: {error}"))?;
        if ended {
            return Ok((eval, at + 1));
        }
    }
    Ok((eval, body.len()))
}

/// `eval_MODE instant at T EXPR`, `eval range from A to B step S EXPR`.
fn head(line: &str) -> Result<(String, When, String), String> {
    let mut words = line.split([' ', '\t']);
    let mode = words
        .next()
        .unwrap_or_default()
        .trim_start_matches("eval")
        .trim_start_matches('_')
        .to_owned();
    let kind = words.next().unwrap_or_default();
    let mut rest = line.split_once(kind).map_or("", |(_, rest)| rest);
    let mut time = |wanted: &str| {
        let trimmed = rest.trim_start();
        let tail = trimmed
            .strip_prefix(wanted)
            .ok_or(format!("no `{wanted}` in {line}"))?
            .trim_start();
        let (time, tail) = tail.split_once([' ', '\t']).unwrap_or((tail, ""));
        rest = tail;
        parse::duration(time)
    };
    let when = match kind {
        "instant" => When::Instant(time("at")?),
        "range" => When::Range {
            start: time("from")?,
            end: time("to")?,
            step: time("step")?,
        },
        other => return Err(format!("no kind of evaluation: {other}")),
    };
    Ok((mode, when, rest.trim().to_owned()))
}

/// One line below the command. Whether it is the last one.
fn expectation(eval: &mut Eval, line: &str) -> Result<bool, String> {
    if eval.fail.is_some() {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            eval.fail = Some(Message::Exactly(message.trim().to_owned()));
            return Ok(true);
        }
        if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            eval.fail = Some(like(pattern.trim())?);
            return Ok(true);
        }
    }
    if let Some(range) = line.strip_prefix("expect range vector") {
        let words: Vec<&str> = range.split_whitespace().collect();
        let [_, start, _, _, _, step] = words.as_slice() else {
            return Err("from, to and step".to_owned());
        };
        eval.expected.matrix = Some((parse::duration(start)?, parse::duration(step)?));
        return Ok(false);
    }
    if let Some(text) = line.strip_prefix("expect string ") {
        let parsed = parse::parse(text).map_err(|error| error.to_string())?;
        let bellwether_promql::ast::ExprKind::String(text) = parsed.kind else {
            return Err("no string".to_owned());
        };
        eval.expected.string = Some(text.to_string());
        return Ok(false);
    }
    if let Some(what) = line.strip_prefix("expect ") {
        expect(eval, what.trim())?;
        return Ok(false);
    }
    if let Ok(value) = line.parse() {
        eval.expected.scalar = Some(value);
        return Ok(true);
    }
    let series = series::description(line).map_err(|error| error.to_string())?;
    eval.expected.series.push(series);
    Ok(false)
}

/// `warn msg: …` and its kind.
fn expect(eval: &mut Eval, what: &str) -> Result<(), String> {
    let (word, rest) = what.split_once([' ', '\t']).unwrap_or((what, ""));
    let message = match rest.trim().split_once(':') {
        None => Message::Any,
        Some(("msg", text)) => Message::Exactly(text.trim().to_owned()),
        Some(("regex", pattern)) => like(pattern.trim())?,
        Some((other, _)) => return Err(format!("no kind of message: {other}")),
    };
    match word {
        "fail" => eval.fail = Some(message),
        "warn" => eval.notes.warn.push(message),
        "info" => eval.notes.info.push(message),
        "no_warn" => eval.notes.no_warn = true,
        "no_info" => eval.notes.no_info = true,
        "ordered" => eval.expected.ordered = true,
        other => return Err(format!("no expectation: {other}")),
    }
    Ok(())
}

fn like(pattern: &str) -> Result<Message, String> {
    Regex::new(pattern)
        .map(Message::Like)
        .map_err(|error| error.to_string())
}
