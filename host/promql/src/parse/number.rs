//! Number and duration literals.

use super::{Fault, duration, token::Kind};
use crate::ast::Span;

/// The literal at the start of `rest`, which stands at byte `at` of the text, and its length.
pub(super) fn literal(rest: &str, at: usize) -> Result<(Kind, usize), Fault> {
    let length = number_length(rest);
    let word = rest.get(..length).unwrap_or_default();
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let whole = length + rest[length..].find(|c| !goes_on(c)).unwrap_or(rest.len() - length);
    let span = Span {
        start: at,
        end: at + whole,
    };
    if whole == length && length > 0 {
        return match value(word) {
            Some(value) => Ok((Kind::Number(value), length)),
            None => Err(Fault::new(span, format!("`{word}` is out of the range of numbers"))),
        };
    }
    let word = rest.get(..whole).unwrap_or_default();
    if word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains(['.', '_']) {
        let millis = duration(word).map_err(|reason| Fault::new(span, reason).hint(duration::FORM))?;
        return Ok((Kind::Duration(duration::seconds(millis)), whole));
    }
    Err(Fault::new(span, format!("`{word}` is neither a number nor a duration")).hint(duration::FORM))
}

/// How many bytes look like a number; 0 if none do.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    if matches!(bytes, [b'0', b'x' | b'X', ..]) {
        let first = 2 + usize::from(bytes.get(2) == Some(&b'_'));
        let digits = run(bytes, first, |b| b.is_ascii_hexdigit());
        return if digits > first { digits } else { 0 };
    }
    let mut end = run(bytes, 0, |b| b.is_ascii_digit());
    if bytes.get(end) == Some(&b'.') {
        end = run(bytes, end + 1, |b| b.is_ascii_digit());
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = run(bytes, signed, |b| b.is_ascii_digit());
        if exponent > signed {
            end = exponent;
        }
    }
    end
}

/// The end of a run of digits from `start`, with single underscores between them.
fn run(bytes: &[u8], start: usize, digit: impl Fn(u8) -> bool) -> usize {
    let mut end = start;
    loop {
        let skip = usize::from(end > start && bytes.get(end) == Some(&b'_'));
        match bytes.get(end + skip) {
            Some(byte) if digit(*byte) => end += skip + 1,
            _ => return end,
        }
    }
}

/// As Go reads it: `0x` is hexadecimal, a leading zero octal where all digits are, everything else decimal. None: too large.
pub(super) fn value(word: &str) -> Option<f64> {
    let digits = word.replace('_', "");
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    if digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(octal) = i64::from_str_radix(&digits, 8)
    {
        return Some(octal as f64);
    }
    digits.parse().ok().filter(|value: &f64| value.is_finite())
}

/// `Inf` and `NaN` in any case.
pub(super) fn named(word: &str) -> Option<f64> {
    if word.eq_ignore_ascii_case("inf") {
        Some(f64::INFINITY)
    } else if word.eq_ignore_ascii_case("nan") {
        Some(f64::NAN)
    } else {
        None
    }
}
