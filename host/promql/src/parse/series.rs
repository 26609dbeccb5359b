//! Series as unit tests write them: `name{label="value"} 1+2x5 _ stale`.
//!
//! Owns the notation of promtool's unit tests and of Prometheus' test scripts. Native histograms (`{{…}}`) are recognised,
//! not read.

use super::{Fault, ParseError, number, selector};
use crate::{
    ast::{MatchOp, Span},
    labels::Labels,
    value::stale_marker,
};

/// Most values of one series, so that `1x1000000000` cannot take all memory.
pub const VALUES: usize = 1_000_000;

/// One value of a sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item {
    /// `_`: no sample at this step.
    Gap,
    /// A sample, or the stale marker.
    Float(f64),
    /// `{{…}}`: a native histogram, whatever is in it.
    Histogram,
}

/// A series of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// With the metric's name, if there is one.
    pub labels: Labels,
    /// One for each step.
    pub values: Vec<Item>,
}

/// `name{label="value"}`, `{label="value"}` or `{}`.
pub fn labels(text: &str) -> Result<Labels, ParseError> {
    let trimmed = text.trim();
    if trimmed == "{}" || trimmed.is_empty() {
        return Ok(Labels::default());
    }
    // A selector has a condition that fails for an absent label; a metric of empty labels only is none.
    let matchers = selector(text)?;
    if let Some(other) = matchers.iter().find(|matcher| matcher.op != MatchOp::Equal) {
        return Err(Fault::new(other.span, "a series has its labels with `=`").place(text));
    }
    Ok(Labels::new(
        matchers.into_iter().map(|matcher| (matcher.name, matcher.value)),
    ))
}

/// A whole line: a metric, spaces, values.
pub fn description(text: &str) -> Result<Description, ParseError> {
    let end = metric_end(text);
    let labels = labels(text.get(..end).unwrap_or_default())?;
    let mut values = Vec::new();
    let mut at = end;
    while let Some((start, item)) = next_item(text, at) {
        expand(item, &mut values).map_err(|reason| {
            let span = Span {
                start,
                end: start + item.len(),
            };
            Fault::new(span, format!("`{item}`: {reason}")).place(text)
        })?;
        at = start + item.len();
    }
    Ok(Description { labels, values })
}

/// Values alone, as promtool's `values:` has them.
pub fn values(text: &str) -> Result<Vec<Item>, ParseError> {
    description(&format!("{{}} {text}")).map(|description| description.values)
}

/// Where the metric ends: after its closing brace, or at the first space.
fn metric_end(text: &str) -> usize {
    let (mut quote, mut escaped, mut braces) = (None, false, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(open), '\\') if open != '`' => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => braces = true,
            (None, '}') => return at + 1,
            (None, c) if c.is_whitespace() && !braces => {
                let rest = text.get(at..).unwrap_or_default().trim_start();
                if !rest.starts_with('{') || rest.starts_with("{{") {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The next piece of a sequence and where it starts; `{{…}}` may hold spaces.
fn next_item(text: &str, from: usize) -> Option<(usize, &str)> {
    let rest = text.get(from..)?;
    let start = from + rest.find(|c: char| !c.is_whitespace())?;
    let rest = text.get(start..)?;
    let mut inside = 0usize;
    let mut end = rest.len();
    let bytes = rest.as_bytes();
    for (at, pair) in bytes.windows(2).enumerate() {
        match pair {
            b"{{" => inside += 1,
            b"}}" => inside = inside.saturating_sub(1),
            [b' ' | b'\t' | b'\n', _] if inside == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    rest.get(..end).map(|item| (start, item.trim_end()))
}

fn expand(item: &str, out: &mut Vec<Item>) -> Result<(), String> {
    if let Some(times) = item.strip_prefix('_') {
        let count = if times.is_empty() {
            1
        } else {
            repeats(times.strip_prefix('x').ok_or("`_` or `_x5`")?)?
        };
        return push(out, Item::Gap, count);
    }
    if item.starts_with("{{") {
        let times = item.rsplit("}}").next().unwrap_or_default();
        let count = times
            .strip_prefix('x')
            .map_or(Ok(1), |times| repeats(times).map(|count| count + 1))?;
        return push(out, Item::Histogram, count);
    }
    if let Some(times) = item.strip_prefix("stale") {
        let count = times
            .strip_prefix('x')
            .map_or(Ok(1), |times| repeats(times).map(|count| count + 1))?;
        return push(out, Item::Float(stale_marker()), count);
    }
    let (start, rest) = float(item)?;
    if rest.is_empty() {
        return push(out, Item::Float(start), 1);
    }
    let (step, rest) = match rest.strip_prefix(['+', '-']) {
        Some(unsigned) => {
            let (step, rest) = float(unsigned)?;
            (if rest_is_negative(item, unsigned) { -step } else { step }, rest)
        }
        None => (0.0, rest),
    };
    let count = repeats(rest.strip_prefix('x').ok_or("a number, `1x5` or `1+2x5`")?)?;
    ramp(out, start, step, count)
}

/// Whether the sign right before `unsigned` is a minus.
fn rest_is_negative(item: &str, unsigned: &str) -> bool {
    item.as_bytes().get(item.len() - unsigned.len() - 1) == Some(&b'-')
}

/// `count` steps after the first, each added to the one before as promtool does, so that rounding is the same.
fn ramp(out: &mut Vec<Item>, start: f64, step: f64, count: usize) -> Result<(), String> {
    let mut value = start;
    for _ in 0..=count {
        push(out, Item::Float(value), 1)?;
        // Repetition of an infinity adds nothing to it.
        if step != 0.0 {
            value += step;
        }
    }
    Ok(())
}

fn push(out: &mut Vec<Item>, item: Item, count: usize) -> Result<(), String> {
    if out.len() + count > VALUES {
        return Err(format!("a series has at most {VALUES} values"));
    }
    out.extend(std::iter::repeat_n(item, count));
    Ok(())
}

fn repeats(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is no count of repetitions"))
}

/// A float with its sign, and what stands behind it.
fn float(text: &str) -> Result<(f64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let length = float_length(unsigned);
    let (word, rest) = unsigned.split_at(length);
    let value = number::named(word).or_else(|| number::value(word).filter(|_| length > 0));
    let value = value.ok_or_else(|| format!("`{text}` is no number"))?;
    Ok((if text.starts_with('-') { -value } else { value }, rest))
}

/// Digits, a dot, an exponent; or `Inf` and `NaN`. `0x5` is a repetition here, not hexadecimal.
fn float_length(text: &str) -> usize {
    if text.get(..3).is_some_and(|word| number::named(word).is_some()) {
        return 3;
    }
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digits(signed) > signed {
            end = digits(signed);
        }
    }
    end
}
