//! One script from its first line to its last.

use bellwether_promql::{
    ast::{At, Expr, ExprKind, Shift},
    engine::{Answer, EvalError, LOOKBACK, Options, Query},
    parse::{self, Around, series::Item},
    signature::Function,
    storage::memory::Memory,
    value::{Point, Sample, Value},
};

use crate::{
    compare,
    script::{self, Command, Eval, Load, Message, When},
    skip::{self, Foreign},
};

/// Step of subqueries that name none, as in Prometheus' runner.
const DEFAULT_STEP: i64 = 60_000;
/// Around the moment of an instant case when it is evaluated as a range.
const MINUTE: i64 = 60_000;
/// Far more than any case needs.
const LIMIT: usize = 10_000_000;

/// One `eval` of a script.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) outcome: Outcome,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// In so many evaluations.
    Agrees(usize),
    Differs(String),
    Skipped(String),
}

/// All cases of a script.
pub(crate) fn script(name: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut memory = Memory::new();
    let mut foreign = Foreign::default();
    let mut cases = Vec::new();
    for command in script::read(text)? {
        match command {
            Command::Clear => {
                memory = Memory::new();
                foreign = Foreign::default();
            }
            Command::Load(load) => {
                foreign.note(&load);
                fill(&mut memory, &load);
            }
            Command::Eval(eval) => cases.push(Case {
                line: eval.line,
                outcome: outcome(name, &eval, &memory, &foreign),
                text: eval.text,
            }),
        }
    }
    Ok(cases)
}

fn fill(memory: &mut Memory, load: &Load) {
    for series in &load.series {
        let moments = (0..).map(|at| at * load.step);
        let points = moments.zip(&series.values).filter_map(|(at, item)| match item {
            Item::Float(value) => Some(Point { at, value: *value }),
            Item::Gap | Item::Histogram => None,
        });
        // Of equal series of one load the last one counts, whole; the scripts have none that differ in length.
        memory.extend(&series.labels, points);
    }
}

fn outcome(script: &str, eval: &Eval, memory: &Memory, foreign: &Foreign) -> Outcome {
    let around = match eval.when {
        When::Instant(_) => Around { step: 0, range: 0 },
        When::Range { start, end, step } => Around {
            step,
            range: end - start,
        },
    };
    let expr = match parse::parse_for(&eval.text, around) {
        Ok(expr) => expr,
        Err(error) => {
            return match skip::refused_by_name(&error) {
                Some(reason) => Outcome::Skipped(reason),
                // Prometheus' words for a text that is no expression are not ours.
                None if eval.fail.is_some() => Outcome::Agrees(1),
                None => Outcome::Differs(error.to_string()),
            };
        }
    };
    let evaluated = match eval.when {
        When::Instant(at) => instants(eval, &expr, at, memory),
        When::Range { start, end, step } => range(eval, &expr, (start, end, step), memory).map(|()| 1),
    };
    let delayed = skip::needs_delayed_names(script, eval.line);
    let reason = match delayed {
        true => Some("it needs promql-delayed-name-removal, which is a feature flag".to_owned()),
        false => foreign.reason(&expr),
    };
    match (evaluated, reason) {
        (Ok(_), Some(reason)) if delayed => Outcome::Differs(format!("it agrees although {reason}")),
        // What is not held here is absent, and often nothing else is expected of it.
        (Ok(count), _) => Outcome::Agrees(count),
        (Err(_), Some(reason)) => Outcome::Skipped(reason),
        (Err(how), None) => Outcome::Differs(how),
    }
}

fn options() -> Options<'static> {
    Options {
        lookback: LOOKBACK,
        default_step: DEFAULT_STEP,
        samples: LIMIT,
        elements: LIMIT,
        stop: &|| false,
    }
}

fn range(eval: &Eval, expr: &Expr, (start, end, step): (i64, i64, i64), memory: &Memory) -> Result<(), String> {
    let result = Query::new(expr.clone()).range(memory, start, end, step, &options());
    match checked(eval, result)? {
        Some(answer) => differs(compare::difference(&answer.value, &eval.expected, (start, step))),
        None => Ok(()),
    }
}

/// As written, and with every selector held at the moment while the evaluation's moves.
fn instants(eval: &Eval, expr: &Expr, at: i64, memory: &Memory) -> Result<usize, String> {
    let mut count = instant(eval, expr, at, memory)?;
    if depends_on_time(expr) {
        return Ok(count);
    }
    let mut held = expr.clone();
    hold(&mut held, at);
    let text = held.to_string();
    let held = parse::parse(&text).map_err(|error| format!("{text}: {error}"))?;
    let moments: &[i64] = if at == 0 {
        &[-1_000, 0, 1_000]
    } else {
        &[-10 * at, 0, at / 5, at, 10 * at]
    };
    for moment in moments {
        count += instant(eval, &held, *moment, memory).map_err(|how| format!("{text} at {moment} ms: {how}"))?;
    }
    Ok(count)
}

/// At a moment, and as the middle of a range.
fn instant(eval: &Eval, expr: &Expr, at: i64, memory: &Memory) -> Result<usize, String> {
    let result = Query::new(expr.clone()).instant(memory, at, &options());
    let Some(answer) = checked(eval, result)? else {
        return Ok(1);
    };
    let matrix = eval.expected.matrix.unwrap_or((at, 1));
    differs(compare::difference(&answer.value, &eval.expected, matrix))?;
    let about_the_query = ["start()", "end()", "range()", "step()"]
        .iter()
        .any(|call| eval.text.contains(call));
    if eval.expected.matrix.is_some() || eval.expected.string.is_some() || about_the_query {
        return Ok(1);
    }
    let result = Query::new(expr.clone()).range(memory, at - MINUTE, at + MINUTE, MINUTE, &options());
    let ranged = result.map_err(|error| format!("as a range: {error}"))?;
    if eval.expected.ordered {
        return Ok(2);
    }
    let middle = middle(&ranged.value, at, matches!(answer.value, Value::Scalar(_)))?;
    differs(compare::difference(&middle, &eval.expected, matrix).map(|how| format!("as a range: {how}")))?;
    Ok(2)
}

fn middle(value: &Value, at: i64, scalar: bool) -> Result<Value, String> {
    let Value::Matrix(series) = value else {
        return Err(format!("a range yields {value:?}"));
    };
    let samples: Vec<Sample> = series
        .iter()
        .filter_map(|one| {
            let point = one.points.iter().find(|point| point.at == at)?;
            Some(Sample {
                labels: one.labels.clone(),
                value: point.value,
            })
        })
        .collect();
    match samples.first() {
        Some(first) if scalar => Ok(Value::Scalar(first.value)),
        _ => Ok(Value::Vector(samples)),
    }
}

fn differs(how: Option<String>) -> Result<(), String> {
    how.map_or(Ok(()), Err)
}

/// The answer, if one was expected and its notes are as expected; None for an error that was.
fn checked(eval: &Eval, result: Result<Answer, EvalError>) -> Result<Option<Answer>, String> {
    match (result, &eval.fail) {
        (Err(error), Some(message)) if message.matches(&error.to_string()) || message.matches(&error.message) => {
            Ok(None)
        }
        (Err(error), Some(message)) => Err(format!("it fails with `{error}`, and expected was {message:?}")),
        (Err(error), None) => Err(format!("it fails: {error}")),
        (Ok(answer), Some(_)) => Err(format!("a failure was expected, and it is {:?}", answer.value)),
        (Ok(answer), None) => {
            let of = |kind: &str| {
                answer
                    .warnings
                    .iter()
                    .filter(|note| note.starts_with(kind))
                    .cloned()
                    .collect()
            };
            let (warnings, infos): (Vec<String>, Vec<String>) = (of("PromQL warning: "), of("PromQL info: "));
            notes("warning", &warnings, &eval.notes.warn, eval.notes.no_warn)?;
            notes("info", &infos, &eval.notes.info, eval.notes.no_info)?;
            Ok(Some(answer))
        }
    }
}

fn notes(kind: &str, found: &[String], wanted: &[Message], none: bool) -> Result<(), String> {
    if none && !found.is_empty() {
        return Err(format!("no {kind} was expected, and there is {found:?}"));
    }
    if let Some(missing) = wanted
        .iter()
        .find(|message| !found.iter().any(|note| message.matches(note)))
    {
        return Err(format!("the {kind} {missing:?} was expected, and there is {found:?}"));
    }
    let unexpected = found
        .iter()
        .find(|note| !wanted.iter().any(|message| message.matches(note)));
    match unexpected.filter(|_| !wanted.is_empty()) {
        Some(note) => Err(format!("the {kind} {note:?} was not expected")),
        None => Ok(()),
    }
}

/// Adds `@` to every selector and subquery that has none and stands in no subquery that has one.
fn hold(expr: &mut Expr, at: i64) {
    let set = |shift: &mut Shift| {
        if !matches!(shift.at, Some(At::Time(_))) {
            shift.at = Some(At::Time(at));
        }
    };
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => hold(inner, at),
        ExprKind::Binary(binary) => {
            hold(&mut binary.lhs, at);
            hold(&mut binary.rhs, at);
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|param| hold(param, at));
            hold(&mut aggregate.expr, at);
        }
        ExprKind::Call { args, .. } => args.iter_mut().for_each(|arg| hold(arg, at)),
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => set(&mut selector.shift),
        ExprKind::Subquery(subquery) => set(&mut subquery.shift),
    }
}

/// Whether a function asks for the evaluation's time, so that holding the selectors does not hold the result.
fn depends_on_time(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range { .. } => false,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => depends_on_time(inner),
        ExprKind::Binary(binary) => depends_on_time(&binary.lhs) || depends_on_time(&binary.rhs),
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.as_ref().is_some_and(depends_on_time) || depends_on_time(&aggregate.expr)
        }
        ExprKind::Call { function, args } => asks_for_time(*function) || args.iter().any(depends_on_time),
        ExprKind::Subquery(subquery) => depends_on_time(&subquery.expr),
    }
}

const fn asks_for_time(function: Function) -> bool {
    matches!(
        function,
        Function::DaysInMonth
            | Function::DayOfMonth
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::Hour
            | Function::Minute
            | Function::Month
            | Function::PredictLinear
            | Function::Time
            | Function::Timestamp
            | Function::Year
    )
}
