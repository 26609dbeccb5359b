//! Quoted texts, with the escapes of Go.

use std::iter::Peekable;

use super::Fault;
use crate::ast::Span;

/// The text quoted at the start of `rest`, which stands at byte `at`, and how many bytes it takes with its quotes.
pub(super) fn unquote(rest: &str, at: usize) -> Result<(String, usize), Fault> {
    let quote = rest.chars().next().unwrap_or('"');
    let end = closing(rest, quote).ok_or_else(|| unclosed(quote, rest, at))?;
    let inner = rest.get(1..end).unwrap_or_default();
    let text = if quote == '`' {
        inner.to_owned()
    } else {
        unescape(inner, quote, at + 1)?
    };
    Ok((text, end + 1))
}

/// Where the closing quote is.
fn closing(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote != '`' => return None,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unclosed(quote: char, rest: &str, at: usize) -> Fault {
    let line = rest.find('\n').unwrap_or(rest.len());
    let span = Span {
        start: at,
        end: at + if quote == '`' { rest.len() } else { line },
    };
    Fault::new(span, format!("the text that {quote} opens is not closed"))
}

/// The text between two quotes.
fn unescape(inner: &str, quote: char, at: usize) -> Result<String, Fault> {
    if !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c == '\\' {
            escape(&mut chars, quote, &mut bytes).map_err(|reason| {
                let end = chars.peek().map_or(inner.len(), |(end, _)| *end);
                let span = Span {
                    start: at + start,
                    end: at + end,
                };
                Fault::new(span, reason).hint("in backquotes, as `\\d+`, nothing is escaped")
            })?;
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    String::from_utf8(bytes).map_err(|_| {
        let span = Span {
            start: at,
            end: at + inner.len(),
        };
        Fault::new(span, "the escapes of this text give bytes that are not UTF-8")
    })
}

/// What stands after a backslash.
fn escape(
    chars: &mut Peekable<impl Iterator<Item = (usize, char)>>,
    quote: char,
    bytes: &mut Vec<u8>,
) -> Result<(), String> {
    let Some((_, c)) = chars.next() else {
        return Err("the escape is not finished".to_owned());
    };
    let simple = match c {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        c if c == quote => c as u8,
        '0'..='7' => byte(digits(chars, c.to_digit(8), 2, 8)?)?,
        'x' => byte(digits(chars, None, 2, 16)?)?,
        'u' | 'U' => {
            let code = digits(chars, None, if c == 'u' { 4 } else { 8 }, 16)?;
            let letter = char::from_u32(code).ok_or_else(|| format!("U+{code:X} is no character"))?;
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        other => return Err(format!("`\\{other}` is no escape")),
    };
    bytes.push(simple);
    Ok(())
}

fn byte(code: u32) -> Result<u8, String> {
    u8::try_from(code).map_err(|_| format!("the octal escape \\{code:o} is above \\377"))
}

/// `count` digits more, after `first`.
fn digits(
    chars: &mut Peekable<impl Iterator<Item = (usize, char)>>,
    first: Option<u32>,
    count: usize,
    base: u32,
) -> Result<u32, String> {
    let mut code = first.unwrap_or(0);
    for _ in 0..count {
        let digit = chars.peek().and_then(|(_, c)| c.to_digit(base));
        let digit = digit.ok_or_else(|| format!("this escape wants {} more digits of base {base}", count))?;
        chars.next();
        code = code.saturating_mul(base).saturating_add(digit);
    }
    Ok(code)
}

/// In double quotes, so that [`super::parse`] reads the same text: as Go's `strconv.Quote` for every text that it prints
/// in readable form.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{07}' => quoted.push_str("\\a"),
            '\u{08}' => quoted.push_str("\\b"),
            '\u{0c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{0b}' => quoted.push_str("\\v"),
            '\'' => quoted.push('\''),
            c if c.escape_debug().nth(1).is_none() => quoted.push(c),
            c if c < '\u{80}' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c <= '\u{ffff}' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}
