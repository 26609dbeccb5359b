//! `printf`, `print` and `println` as Go has them for floats. The engine's own write infinities as Rust does, and a float under the
//! verb of something else as if it were that.
//!
//! Flows in: a format and values. Flows out: text. What is about other values than floats, and formats with `*` or `[1]`, are the
//! engine's.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bellwether_promql::functions::format::general;
use gotmpl::{Template, TemplateError, Value};

use super::moment::Special;

type Answer = Result<Value, TemplateError>;

/// Places of a format where a value stands: each may be as wide as the longest value.
const DIRECTIVES_MAX: usize = 64;

/// Arguments up to which a function of the engine is kept ready to be called, by each thread.
const READY_MAX: usize = 8;

/// `print`: with a space between two values of which neither is a text.
pub(super) fn print(args: &[Value]) -> Answer {
    let mut out = String::new();
    for (at, arg) in args.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &args[before]);
        if before.is_some_and(|before| !is_text(before) && !is_text(arg)) {
            out.push(' ');
        }
        out += &plain(arg);
    }
    Ok(Value::String(out.into()))
}

/// `println`: always with a space between, and a line break behind.
pub(super) fn println(args: &[Value]) -> Answer {
    let parts: Vec<String> = args.iter().map(plain).collect();
    Ok(Value::String((parts.join(" ") + "\n").into()))
}

const fn is_text(value: &Value) -> bool {
    matches!(value, Value::String(_))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Float(number) => general(*number),
        other => Special::of(other).map_or_else(|| other.to_string(), Special::text),
    }
}

/// `printf`.
pub(super) fn printf(args: &[Value]) -> Answer {
    let Some((Value::String(format), rest)) = args.split_first() else {
        return Err(TemplateError::Exec("printf wants a format, which is a text".to_owned()));
    };
    if format.matches('%').count() > DIRECTIVES_MAX {
        let message = format!("a format of printf with more than {DIRECTIVES_MAX} `%`");
        return Err(TemplateError::Exec(message));
    }
    let (format, values) = rewritten(format, rest);
    let all = std::iter::once(Value::String(format.into())).chain(values);
    of_engine("printf", all.collect()).map(|text| Value::String(text.into()))
}

/// What the engine's own function of this name yields, as it prints it.
pub(super) fn of_engine(function: &'static str, values: Vec<Value>) -> Result<String, TemplateError> {
    type Ready = HashMap<(&'static str, usize), Arc<Template>>;
    thread_local! {
        static READY: RefCell<Ready> = RefCell::default();
    }
    let count = values.len();
    let caller = match READY.with_borrow(|ready| ready.get(&(function, count)).cloned()) {
        Some(ready) => ready,
        None => {
            let made = Arc::new(caller(function, count)?);
            if count <= READY_MAX {
                READY.with_borrow_mut(|ready| ready.insert((function, count), Arc::clone(&made)));
            }
            made
        }
    };
    let named = values.into_iter().enumerate();
    let data: BTreeMap<Arc<str>, Value> = named.map(|(at, value)| (format!("V{at}").into(), value)).collect();
    let mut out = String::new();
    caller.execute_fmt(&mut out, &Value::Map(Arc::new(data)))?;
    Ok(out)
}

/// A template that calls it with so many values.
fn caller(function: &str, values: usize) -> Result<Template, TemplateError> {
    let values: String = (0..values).map(|at| format!(" .V{at}")).collect();
    Template::new("call").parse(&format!("{{{{{function}{values}}}}}"))
}

/// `%-08.3f`
#[derive(Default)]
struct Directive<'f> {
    /// All of it, without the verb.
    text: &'f str,
    flags: &'f str,
    width: Option<usize>,
    verb: char,
}

impl<'f> Directive<'f> {
    /// From behind the `%`; with how long it is. None: it is not finished, or takes its width or its place from elsewhere.
    fn read(rest: &'f str) -> Option<(Self, usize)> {
        let flags = rest.len() - rest.trim_start_matches(['-', '+', ' ', '#', '0']).len();
        let digits = rest[flags..].len() - rest[flags..].trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut end = flags + digits;
        if rest[end..].starts_with('.') {
            let precision = &rest[end + 1..];
            end += 1 + precision.len() - precision.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        }
        let verb = rest[end..].chars().next().filter(|verb| !matches!(verb, '*' | '['))?;
        let directive = Self {
            text: &rest[..end],
            flags: &rest[..flags],
            width: rest[flags..flags + digits].parse().ok(),
            verb,
        };
        Some((directive, end + verb.len_utf8()))
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// Another verb for a float that the engine knows, or the text that stands for it.
    fn of_float(&self, number: f64) -> (String, Value) {
        let value = Value::Float(number);
        match self.verb {
            'e' | 'E' | 'f' | 'g' | 'G' | 'b' | 'x' | 'X' if number.is_finite() => {
                (format!("%{}{}", self.text, self.verb), value)
            }
            'T' => (format!("%{}s", self.text), Value::String("float64".into())),
            'F' if number.is_finite() => (format!("%{}f", self.text), value),
            // Here a `+` asks for the names of fields, and a `#` for Go's syntax.
            'v' if number.is_finite() => (format!("%{}g", self.text.replace(['+', '#'], "")), value),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'v' | 'b' | 'x' | 'X' => {
                let side = if self.has('-') { "-" } else { "" };
                let width = self.width.map_or_else(String::new, |width| width.to_string());
                // Zeros do not fill what is no number.
                (format!("%{side}{width}s"), Value::String(self.special(number).into()))
            }
            verb => {
                let text = format!("%!{verb}(float64={})", self.padded(&self.signed(number)));
                ("%s".to_owned(), Value::String(text.into()))
            }
        }
    }

    /// What the engine writes in its place: a number under the verb of one, and else its text.
    fn of_special(&self, value: &Value) -> Value {
        let Some(special) = Special::of(value) else {
            return value.clone();
        };
        match (self.verb, special.number()) {
            ('d' | 'b' | 'o' | 'x' | 'X' | 'c', Some(number)) => Value::Int(number),
            _ => Value::String(special.text().into()),
        }
    }

    fn special(&self, number: f64) -> String {
        let (plus, space) = (self.has('+') && self.verb != 'v', self.has(' '));
        let sign = match (plus, space) {
            _ if number == f64::NEG_INFINITY => "-",
            (true, _) => "+",
            (false, true) => " ",
            (false, false) if number.is_nan() => "",
            (false, false) => "+",
        };
        format!("{sign}{}", if number.is_nan() { "NaN" } else { "Inf" })
    }

    fn signed(&self, number: f64) -> String {
        let text = general(number);
        match self.has('+') && !text.starts_with(['+', '-']) {
            true => format!("+{text}"),
            false => text,
        }
    }

    fn padded(&self, text: &str) -> String {
        let width = self.width.unwrap_or(0).min(super::OUTPUT_BYTES_MAX);
        match self.has('-') {
            true => format!("{text:<width$}"),
            false => format!("{text:>width$}"),
        }
    }
}

/// The same with what the engine prints as Go does.
fn rewritten(format: &str, values: &[Value]) -> (String, Vec<Value>) {
    let (mut out, mut rewritten) = (String::with_capacity(format.len()), values.to_vec());
    let (mut rest, mut next) = (format, 0);
    while let Some((before, after)) = rest.split_once('%') {
        let Some((directive, length)) = Directive::read(after) else {
            return (format.to_owned(), values.to_vec());
        };
        out += before;
        rest = &after[length..];
        let value = match directive.verb {
            '%' => None,
            _ => {
                next += 1;
                rewritten.get_mut(next - 1)
            }
        };
        match value {
            Some(value) if Special::of(value).is_some() => {
                *value = directive.of_special(value);
                out.push('%');
                out += &after[..length];
            }
            Some(value @ Value::Float(_)) => {
                let number = value.as_float().unwrap_or_default();
                let (text, changed) = directive.of_float(number);
                out += &text;
                *value = changed;
            }
            _ => {
                out.push('%');
                out += &after[..length];
            }
        }
    }
    out += rest;
    (out, rewritten)
}
