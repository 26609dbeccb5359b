//! The functions of Prometheus' templates, and `verdict`.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, LazyLock},
};

use bellwether_promql::{parse, value::Sample};
use gotmpl::{FuncMap, TemplateError, Value};
use regex::Regex;

use super::{
    OUTPUT_BYTES_MAX, STEPS_MAX, ask, labels, map,
    moment::Special,
    number::{
        duration_nanos, four_digits, humanize, humanize_1024, humanize_duration, humanize_percentage, nanos, timestamp,
    },
    printf::{of_engine, print, printf, println},
    shown,
    tree::{GUARD, METHOD, SHOW},
};

/// Longest regular expression, in bytes: it is compiled each time.
const PATTERN_BYTES_MAX: usize = 1_024;

/// Largest compiled regular expression, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// Elements of one `query` that a template gets to see.
const ELEMENTS_MAX: usize = 1_000;

/// The label that `sort` and `count_values` of old templates leave for `strvalue`.
const STRING_VALUE: &str = "__value__";

type Answer = Result<Value, TemplateError>;
type Function = fn(&[Value]) -> Answer;

/// By name, as templates call them.
const FUNCTIONS: [(&str, Function); 45] = [
    (GUARD, guard),
    (METHOD, method),
    ("eq", |args| compare("eq", args)),
    ("ne", |args| compare("ne", args)),
    ("lt", |args| compare("lt", args)),
    ("le", |args| compare("le", args)),
    ("gt", |args| compare("gt", args)),
    ("ge", |args| compare("ge", args)),
    ("html", |args| of_texts("html", args)),
    ("js", |args| of_texts("js", args)),
    ("urlquery", |args| of_texts("urlquery", args)),
    (SHOW, |args| Ok(text(shown(last(args))))),
    ("printf", printf),
    ("print", print),
    ("println", println),
    ("query", query),
    ("first", first),
    ("label", |args| Ok(text(label_of(arg(args, 1)?, &string(args, 0)?)))),
    ("value", |args| field(arg(args, 0)?, "Value")),
    ("strvalue", |args| Ok(text(label_of(arg(args, 0)?, STRING_VALUE)))),
    ("sortByLabel", sort_by_label),
    ("args", numbered),
    ("verdict", verdict),
    ("humanize", |args| Ok(text(humanize(number(args, 0)?)))),
    ("humanize1024", |args| Ok(text(humanize_1024(number(args, 0)?)))),
    ("humanizeDuration", |args| Ok(text(humanize_duration(number(args, 0)?)))),
    ("humanizePercentage", |args| {
        Ok(text(humanize_percentage(number(args, 0)?)))
    }),
    ("humanizeTimestamp", humanize_timestamp),
    ("toTime", |args| {
        let nanos = nanos(number(args, 0)?).map_err(TemplateError::Exec)?;
        Ok(Special::Time(nanos).value())
    }),
    ("toDuration", |args| {
        Ok(Special::Duration(duration_nanos(number(args, 0)?)).value())
    }),
    ("now", |_| ask(|expansion| Value::Float(expansion.at as f64 / 1000.0))),
    ("parseDuration", parse_duration),
    ("title", |args| Ok(text(title(&string(args, 0)?)))),
    ("toUpper", |args| {
        Ok(text(letters(&string(args, 0)?, char::to_uppercase)))
    }),
    ("toLower", |args| {
        Ok(text(letters(&string(args, 0)?, char::to_lowercase)))
    }),
    ("stripPort", |args| Ok(text(strip_port(&string(args, 0)?).to_owned()))),
    ("stripDomain", |args| Ok(text(strip_domain(&string(args, 0)?)))),
    ("match", |args| {
        Ok(Value::Bool(pattern(args)?.is_match(&string(args, 1)?)))
    }),
    ("reReplaceAll", replace_all),
    ("graphLink", |args| Ok(text(link(&string(args, 0)?, 0)))),
    ("tableLink", |args| Ok(text(link(&string(args, 0)?, 1)))),
    ("urlQueryEscape", |args| Ok(text(escaped(&string(args, 0)?)))),
    ("safeHtml", |args| Ok(text(string(args, 0)?))),
    ("externalURL", |_| ask(|expansion| text(expansion.url.clone()))),
    ("pathPrefix", |_| ask(|expansion| text(path_of(&expansion.url)))),
];

/// Their names, for checks and suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

/// An engine with all of them. The functions are shared by every template made of it.
pub(super) fn prototype() -> gotmpl::Template {
    static PROTOTYPE: LazyLock<gotmpl::Template> = LazyLock::new(|| {
        let functions = FUNCTIONS.iter().map(|(name, function)| {
            let (name, function) = (*name, *function);
            let called: gotmpl::ValueFunc = Arc::new(function);
            (name.to_owned(), called)
        });
        super::engine().funcs(functions.collect::<FuncMap>())
    });
    PROTOTYPE.clone()
}

fn text(text: String) -> Value {
    Value::String(text.into())
}

fn last(args: &[Value]) -> &Value {
    args.last().unwrap_or(&Value::Nil)
}

fn arg(args: &[Value], at: usize) -> Result<&Value, TemplateError> {
    args.get(at)
        .ok_or_else(|| TemplateError::Exec(format!("argument {} is missing", at + 1)))
}

fn string(args: &[Value], at: usize) -> Result<String, TemplateError> {
    match arg(args, at)? {
        Value::String(text) => Ok(text.to_string()),
        Value::Nil => Ok(String::new()),
        other if let Some(special) = Special::of(other) => Ok(special.text()),
        other => Err(TemplateError::Exec(format!(
            "a text is wanted, not {}",
            other.type_name()
        ))),
    }
}

/// Numbers, and texts that are numbers.
fn number(args: &[Value], at: usize) -> Result<f64, TemplateError> {
    match arg(args, at)? {
        Value::Float(number) => Ok(*number),
        Value::Int(number) => Ok(*number as f64),
        Value::Uint(number) => Ok(*number as f64),
        Value::String(text) => text
            .parse()
            .map_err(|_| TemplateError::Exec(format!("`{}` is no number", short(text)))),
        other if let Some(Special::Duration(nanos)) = Special::of(other) => Ok(nanos as f64 / 1e9),
        other => Err(TemplateError::Exec(format!(
            "a number is wanted, not {}",
            other.type_name()
        ))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Counts a step and bounds a value; what is not there becomes the empty text.
fn guard(args: &[Value]) -> Answer {
    let late = ask(|expansion| {
        expansion.steps += 1;
        if expansion.steps > STEPS_MAX {
            Some("it takes too many steps")
        } else if expansion.steps % 64 == 0 && expansion.answers.is_late() {
            Some("it takes too long")
        } else {
            None
        }
    })?;
    if let Some(why) = late {
        return Err(TemplateError::Exec(why.to_owned()));
    }
    match last(args) {
        Value::Nil => Ok(text(String::new())),
        Value::String(text) if text.len() > OUTPUT_BYTES_MAX => Err(TemplateError::Exec(format!(
            "a value is longer than {OUTPUT_BYTES_MAX} bytes"
        ))),
        other => Ok(other.clone()),
    }
}

/// A method of what has methods, and else a field: only the value tells which.
fn method(args: &[Value]) -> Answer {
    let [Value::String(name), receiver, rest @ ..] = args else {
        return Err(TemplateError::Exec("a method without a value".to_owned()));
    };
    if let Some(special) = Special::of(receiver) {
        let none = || {
            let message = format!("{} has no method `{name}`", special.kind().as_str());
            Err(TemplateError::Exec(message))
        };
        return special.call(name, rest).unwrap_or_else(none);
    }
    if !rest.is_empty() {
        let message = format!("`{name}` is no method of {} and takes nothing", receiver.type_name());
        return Err(TemplateError::Exec(message));
    }
    match receiver {
        Value::Map(entries) => Ok(entries.get(name).cloned().unwrap_or(Value::Nil)),
        Value::Nil => Ok(Value::Nil),
        other => Err(TemplateError::Exec(format!(
            "can't evaluate field {name} in type {}",
            other.type_name()
        ))),
    }
}

/// As Go compares: a month is a number, and nothing is as large as what is no number, so that it is greater than anything.
fn compare(name: &'static str, args: &[Value]) -> Answer {
    let plain: Vec<Value> = args.iter().map(as_number).collect();
    if let [Value::Float(one), Value::Float(other)] = plain.as_slice() {
        return Ok(Value::Bool(match name {
            "eq" => one == other,
            "ne" => one != other,
            "lt" => one < other,
            "le" => one <= other,
            "gt" => !matches!(one.partial_cmp(other), Some(Ordering::Less | Ordering::Equal)),
            _ => !matches!(one.partial_cmp(other), Some(Ordering::Less)),
        }));
    }
    let answer = of_engine(name, plain)?;
    Ok(Value::Bool(answer == "true"))
}

/// What has methods as what Go counts it in.
fn as_number(value: &Value) -> Value {
    match Special::of(value) {
        Some(special) => special.number().map_or_else(|| text(special.text()), Value::Int),
        None => value.clone(),
    }
}

fn of_texts(name: &'static str, args: &[Value]) -> Answer {
    let plain = args.iter().map(|value| match Special::of(value) {
        Some(special) => text(special.text()),
        None => value.clone(),
    });
    of_engine(name, plain.collect()).map(text)
}

fn query(args: &[Value]) -> Answer {
    let asked = string(args, 0)?;
    let answers = ask(|expansion| std::rc::Rc::clone(&expansion.answers))?;
    let mut samples = answers.query(&asked).map_err(TemplateError::Exec)?;
    samples.truncate(ELEMENTS_MAX);
    Ok(Value::List(samples.iter().map(sample).collect()))
}

fn sample(sample: &Sample) -> Value {
    map([
        ("Labels", labels(&sample.labels)),
        ("Value", Value::Float(sample.value)),
    ])
}

fn list(value: &Value) -> Result<&[Value], TemplateError> {
    match value {
        Value::List(items) => Ok(items),
        other => Err(TemplateError::Exec(format!(
            "the answer of a query is wanted, not {}",
            other.type_name()
        ))),
    }
}

fn first(args: &[Value]) -> Answer {
    let items = list(arg(args, 0)?)?;
    items
        .first()
        .cloned()
        .ok_or_else(|| TemplateError::Exec("first() called on vector with no elements".to_owned()))
}

fn field(value: &Value, name: &str) -> Answer {
    value
        .field(name)
        .cloned()
        .ok_or_else(|| TemplateError::Exec(format!("an element of a query is wanted, not {}", value.type_name())))
}

fn label_of(sample: &Value, name: &str) -> String {
    let labels = sample.field("Labels");
    let value = labels.and_then(|labels| labels.field(name));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn sort_by_label(args: &[Value]) -> Answer {
    let name = string(args, 0)?;
    let mut items = list(arg(args, 1)?)?.to_vec();
    items.sort_by_cached_key(|item| label_of(item, &name));
    Ok(Value::List(items.into()))
}

/// `arg0`, `arg1`, …
fn numbered(args: &[Value]) -> Answer {
    let entries: BTreeMap<Arc<str>, Value> = args
        .iter()
        .enumerate()
        .map(|(at, value)| (format!("arg{at}").into(), value.clone()))
        .collect();
    Ok(Value::Map(Arc::new(entries)))
}

/// What a check says about a target: prints as its summary, and has `.Status`, `.Summary`, `.Code` and `.Since`.
fn verdict(args: &[Value]) -> Answer {
    let check = string(args, 0)?;
    let target = if args.len() > 1 {
        string(args, 1)?
    } else {
        String::new()
    };
    let answers = ask(|expansion| std::rc::Rc::clone(&expansion.answers))?;
    let Some(seen) = answers.verdict(&check, &target) else {
        return Ok(text(String::new()));
    };
    let since = seen
        .since
        .map(|since| timestamp(since as f64 / 1000.0).unwrap_or_default());
    Ok(map([
        ("Status", text(seen.status)),
        ("Summary", text(seen.summary)),
        ("Code", text(seen.code)),
        ("Since", text(since.unwrap_or_default())),
    ]))
}

/// `connection refused (unreachable, since 2023-11-14 22:13:20 +0000 UTC)`, when this is what [`verdict`] gave.
pub(super) fn verdict_text(entries: &BTreeMap<Arc<str>, Value>) -> Option<String> {
    let part = |name: &str| entries.get(name).and_then(Value::as_str);
    let (summary, code, since) = (part("Summary")?, part("Code")?, part("Since")?);
    part("Status")?;
    let about: Vec<String> = [(code, ""), (since, "since ")]
        .iter()
        .filter(|(value, _)| !value.is_empty())
        .map(|(value, before)| format!("{before}{value}"))
        .collect();
    Some(match about.is_empty() {
        true => summary.to_owned(),
        false => format!("{summary} ({})", about.join(", ")),
    })
}

fn humanize_timestamp(args: &[Value]) -> Answer {
    let seconds = number(args, 0)?;
    if !seconds.is_finite() {
        return Ok(text(four_digits(seconds)));
    }
    timestamp(seconds).map(text).map_err(TemplateError::Exec)
}

fn parse_duration(args: &[Value]) -> Answer {
    let millis = parse::duration(&string(args, 0)?).map_err(TemplateError::Exec)?;
    Ok(Value::Float(millis as f64 / 1000.0))
}

/// Each letter for itself, as in Go: where another case takes several letters (`ß`), it stays.
fn letters<I: ExactSizeIterator<Item = char>>(words: &str, change: impl Fn(char) -> I) -> String {
    let changed = words.chars().map(|letter| {
        let mut other = change(letter);
        match (other.len(), other.next()) {
            (1, Some(other)) => other,
            _ => letter,
        }
    });
    changed.collect()
}

/// The first letter of every word in upper case, and the rest as it is; like Go, which begins a word after an apostrophe too.
fn title(words: &str) -> String {
    let mut before = ' ';
    let raise = |letter: char| {
        let starts = !before.is_alphanumeric() && before != '_';
        before = letter;
        if starts {
            letter.to_uppercase().to_string()
        } else {
            letter.to_string()
        }
    };
    words.chars().map(raise).collect()
}

/// Host and port as Go splits them: brackets around IPv6, exactly one colon otherwise.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once("]:")?;
        return (!port.contains(':')).then_some((host, port));
    }
    let (host, port) = text.split_once(':')?;
    (!port.contains(':')).then_some((host, port))
}

fn strip_port(text: &str) -> &str {
    host_and_port(text).map_or(text, |(host, _)| host)
}

fn strip_domain(text: &str) -> String {
    let (host, port) = host_and_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let host = host.split('.').next().unwrap_or_default();
    match port {
        "" => host.to_owned(),
        port => format!("{host}:{port}"),
    }
}

fn pattern(args: &[Value]) -> Result<Regex, TemplateError> {
    let pattern = string(args, 0)?;
    if pattern.len() > PATTERN_BYTES_MAX {
        let message = format!("the regular expression is longer than {PATTERN_BYTES_MAX} bytes");
        return Err(TemplateError::Exec(message));
    }
    regex::RegexBuilder::new(&pattern)
        .size_limit(PATTERN_SIZE_MAX)
        .build()
        .map_err(|_| TemplateError::Exec(format!("`{}` is no regular expression", short(&pattern))))
}

fn replace_all(args: &[Value]) -> Answer {
    let pattern = pattern(args)?;
    let (with, within) = (string(args, 1)?, string(args, 2)?);
    // Each place grows by as much as the replacement is long, at most.
    if pattern
        .find_iter(&within)
        .count()
        .saturating_mul(with.len() + within.len())
        > OUTPUT_BYTES_MAX * 64
    {
        return Err(TemplateError::Exec(
            "reReplaceAll would make too long a text".to_owned(),
        ));
    }
    Ok(text(pattern.replace_all(&within, with.as_str()).into_owned()))
}

pub(super) fn link(expr: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", escaped(expr))
}

/// As Go's `url.QueryEscape`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |at| rest[at..].to_owned())
}
