//! Regular expressions as Prometheus means them, compiled with Rust's `regex`.
//!
//! Owns the differences between the two. Flows in: a pattern in RE2's syntax (Go's `regexp`, with the flags Prometheus
//! sets). Flows out: one that matches whole texts and nothing else, `.` matching newlines; or the reason why RE2 refuses it.
//! Both engines run in time linear in the text, so only the size of what is compiled needs a limit.
//!
//! Differences that are translated: classes such as `\d` and `\b` know ASCII only; `&&`, `--`, `~~` and `[[` in a class mean
//! themselves; octal escapes, `\Q…\E`, braces that are no repetition, and escaped characters that mean nothing. Refused as in
//! RE2: repetitions of repetitions, repetitions above 1,000, flags other than `imsU`, look-around, references back.

use std::fmt::Write;

use regex::{Regex, RegexBuilder};

/// Bytes a compiled expression may take. A list of thousands of names fits; nested repetitions that explode do not.
const COMPILED: usize = 10 << 20;
/// Characters of a pattern that an error repeats.
const SHOWN: usize = 60;
/// Deepest nesting of groups, which compiling walks by recursion.
const NESTING: u32 = 100;
/// Highest count of a repetition, as in RE2.
const REPEAT: u32 = 1_000;

/// Classes that may stand as `[:name:]` in a class.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Matches the whole text or nothing. Groups count from 1, as in the pattern. Fails with the reason, for a person.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern).map_err(|reason| refused(pattern, &reason))?;
    RegexBuilder::new(&format!("^(?s:{translated})$"))
        .size_limit(COMPILED)
        .nest_limit(NESTING)
        .build()
        .map_err(|error| refused(pattern, last_line(&error.to_string())))
}

fn refused(pattern: &str, reason: &str) -> String {
    let shown: String = pattern.chars().take(SHOWN).collect();
    let more = if shown.len() < pattern.len() { "…" } else { "" };
    format!("`{shown}{more}` is no regular expression: {reason}")
}

/// The reason in an error of several lines, which show a pattern that nobody wrote.
fn last_line(error: &str) -> &str {
    let line = error.lines().last().unwrap_or(error);
    line.strip_prefix("error: ").unwrap_or(line)
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        after: After::Nothing,
        open: 0,
    };
    while !translator.rest.is_empty() {
        translator.step()?;
    }
    if translator.open > 0 {
        return Err("a `(` is not closed".to_owned());
    }
    Ok(translator.out)
}

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq)]
enum After {
    Nothing,
    Item,
    Repetition,
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    after: After,
    /// Groups that are not closed.
    open: usize,
}

impl Translator<'_> {
    fn first(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.first()?;
        self.skip(c.len_utf8());
        Some(c)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn eat(&mut self, what: &str) -> bool {
        let there = self.rest.starts_with(what);
        if there {
            self.skip(what.len());
        }
        there
    }

    fn item(&mut self, text: &str) {
        self.out.push_str(text);
        self.after = After::Item;
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.out, c);
        self.after = After::Item;
    }

    fn step(&mut self) -> Result<(), String> {
        let Some(c) = self.first() else { return Ok(()) };
        match c {
            '(' => self.group(),
            ')' => self.close(),
            '|' => {
                self.skip(1);
                self.out.push('|');
                self.after = After::Nothing;
                Ok(())
            }
            '*' | '+' | '?' => {
                self.skip(1);
                self.repeat(c.encode_utf8(&mut [0; 4]))
            }
            '{' => self.braces(),
            '[' => self.class(),
            '\\' => self.escape(),
            '.' | '^' | '$' => {
                self.skip(1);
                self.item(c.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            _ => {
                self.skip(c.len_utf8());
                self.literal(c);
                Ok(())
            }
        }
    }

    fn close(&mut self) -> Result<(), String> {
        self.open = self.open.checked_sub(1).ok_or("a `)` closes nothing")?;
        self.skip(1);
        self.item(")");
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        self.skip(1);
        self.open += 1;
        self.after = After::Nothing;
        if !self.eat("?") {
            self.out.push('(');
            return Ok(());
        }
        if self.eat("P<")
            || (self.rest.starts_with('<') && !self.rest.starts_with("<=") && !self.rest.starts_with("<!"))
        {
            self.eat("<");
            return self.name();
        }
        self.flags()
    }

    fn name(&mut self) -> Result<(), String> {
        let end = self.rest.find('>').ok_or("the name of a group is not closed")?;
        let name = self.rest.get(..end).unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`{name}` is no name for a group"));
        }
        let _ = write!(self.out, "(?P<{name}>");
        self.skip(end + 1);
        Ok(())
    }

    /// `(?i)`, `(?i-s:`, after the question mark.
    fn flags(&mut self) -> Result<(), String> {
        let end = self.rest.find([':', ')']).ok_or("a `(?` is not finished")?;
        let flags = self.rest.get(..end).unwrap_or_default();
        let (on, off) = flags.split_once('-').unwrap_or((flags, "i"));
        let known = |flags: &str| flags.chars().all(|c| "imsU".contains(c));
        let alone = self.rest.get(end..).is_some_and(|rest| rest.starts_with(')'));
        if !known(on) || !known(off) || off.is_empty() || (alone && flags.is_empty()) {
            return Err(format!(
                "`(?{flags}` is not supported: flags are i, m, s and U; there is no look-around"
            ));
        }
        let _ = write!(self.out, "(?{flags}{}", if alone { ')' } else { ':' });
        self.open -= usize::from(alone);
        self.skip(end + 1);
        Ok(())
    }

    fn repeat(&mut self, operator: &str) -> Result<(), String> {
        let lazy = self.eat("?");
        let written = format!("{operator}{}", if lazy { "?" } else { "" });
        match self.after {
            After::Nothing => return Err(format!("there is nothing before `{written}` to repeat")),
            After::Repetition => return Err(format!("`{written}` repeats a repetition: use a group")),
            After::Item => {}
        }
        self.out.push_str(&written);
        self.after = After::Repetition;
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,3}`; anything else is a brace.
    fn braces(&mut self) -> Result<(), String> {
        let Some((least, most, length)) = counts(self.rest) else {
            self.skip(1);
            self.literal('{');
            return Ok(());
        };
        let counts = self.rest.get(..length).unwrap_or_default().to_owned();
        self.skip(length);
        let out_of_range = |count: Option<u32>| count.is_none_or(|count| count > REPEAT);
        let highest = most.unwrap_or(least);
        if out_of_range(least) || out_of_range(highest) || highest < least {
            return Err(format!("`{counts}` is out of range: repetitions go up to {REPEAT}"));
        }
        self.repeat(&counts)
    }

    fn escape(&mut self) -> Result<(), String> {
        self.skip(1);
        let Some(c) = self.first() else {
            return Err("it ends with a backslash".to_owned());
        };
        match c {
            'A' | 'z' => {
                self.skip(1);
                self.item(if c == 'A' { r"\A" } else { r"\z" });
            }
            'b' | 'B' => {
                self.skip(1);
                self.item(if c == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
            }
            'Q' => {
                self.skip(1);
                let quoted = self.rest.split(r"\E").next().unwrap_or_default();
                self.skip(quoted.len());
                self.eat(r"\E");
                quoted.chars().for_each(|c| self.literal(c));
            }
            _ => {
                if let Some(class) = perl_class(c) {
                    self.skip(1);
                    self.item(class);
                } else if matches!(c, 'p' | 'P') {
                    let class = self.property()?;
                    self.item(&class);
                } else {
                    let literal = self.escaped()?;
                    self.literal(literal);
                }
            }
        }
        Ok(())
    }

    /// `pL`, `p{Greek}`, `P{^Greek}`, at the p.
    fn property(&mut self) -> Result<String, String> {
        let letter = self.take().unwrap_or('p');
        let name = if self.eat("{") {
            let end = self.rest.find('}').ok_or(r"a `\p{` is not closed")?;
            let name = self.rest.get(..end).unwrap_or_default().to_owned();
            self.skip(end + 1);
            name
        } else {
            self.take().map(String::from).unwrap_or_default()
        };
        let (inverted, name) = match name.strip_prefix('^') {
            Some(name) => (true, name.to_owned()),
            None => (false, name),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`{name}` is no class of Unicode"));
        }
        let letter = if inverted == (letter == 'p') { 'P' } else { 'p' };
        Ok(format!(r"\{letter}{{{name}}}"))
    }

    /// The character that an escape stands for, after the backslash.
    fn escaped(&mut self) -> Result<char, String> {
        let Some(c) = self.take() else {
            return Err("it ends with a backslash".to_owned());
        };
        Ok(match c {
            'a' => '\u{07}',
            'f' => '\u{0c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{0b}',
            'x' => return self.hexadecimal(),
            '1'..='7' if !self.rest.starts_with(|c: char| ('0'..='7').contains(&c)) => {
                return Err(format!(r"`\{c}` refers back to a group, which is not supported"));
            }
            '0'..='7' => self.octal(c),
            c if c.is_ascii_punctuation() || c.is_ascii_whitespace() || c.is_ascii_control() => c,
            c => return Err(format!(r"`\{c}` is no escape")),
        })
    }

    /// Up to three digits, the first of them taken.
    fn octal(&mut self, first: char) -> char {
        let mut code = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.first().and_then(|c| c.to_digit(8)) else {
                break;
            };
            self.skip(1);
            code = code * 8 + digit;
        }
        char::from_u32(code).unwrap_or_default()
    }

    /// `7F` or `{10FFFF}`.
    fn hexadecimal(&mut self) -> Result<char, String> {
        let digits = if self.eat("{") {
            let end = self.rest.find('}').ok_or(r"a `\x{` is not closed")?;
            let digits = self.rest.get(..end).unwrap_or_default();
            self.skip(end + 1);
            digits
        } else {
            let digits = self.rest.get(..2).ok_or(r"`\x` wants two digits")?;
            self.skip(2);
            digits
        };
        if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(format!(r"`{digits}` after `\x` is not hexadecimal"));
        }
        let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        code.ok_or_else(|| format!(r"`\x{{{digits}}}` is no character"))
    }

    fn class(&mut self) -> Result<(), String> {
        self.skip(1);
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            if self.rest.is_empty() {
                return Err("a `[` is not closed".to_owned());
            }
            self.class_member()?;
            first = false;
        }
        self.skip(1);
        self.item("]");
        Ok(())
    }

    /// A named class, a range or a character.
    fn class_member(&mut self) -> Result<(), String> {
        if self.rest.starts_with("[:")
            && let Some(end) = self.rest.find(":]")
        {
            let named = self.rest.get(..end + 2).unwrap_or_default();
            let name = named.trim_matches(['[', ']', ':']);
            if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(format!("`{named}` is no class"));
            }
            self.out.push_str(named);
            self.skip(named.len());
            return Ok(());
        }
        if let Some(escaped) = self.rest.strip_prefix('\\') {
            let next = escaped.chars().next().unwrap_or_default();
            if let Some(class) = perl_class(next) {
                self.skip(2);
                self.out.push_str(class);
                return Ok(());
            }
            if matches!(next, 'p' | 'P') {
                self.skip(1);
                let class = self.property()?;
                self.out.push_str(&class);
                return Ok(());
            }
        }
        self.class_range()
    }

    fn class_range(&mut self) -> Result<(), String> {
        let low = self.class_char()?;
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest.len() > 1;
        push_literal(&mut self.out, low);
        if is_range {
            self.skip(1);
            let high = self.class_char()?;
            if high < low {
                return Err(format!("the range `{low}-{high}` runs backwards"));
            }
            self.out.push('-');
            push_literal(&mut self.out, high);
        }
        Ok(())
    }

    fn class_char(&mut self) -> Result<char, String> {
        match self.take() {
            Some('\\') => self.escaped(),
            Some(c) => Ok(c),
            None => Err("a `[` is not closed".to_owned()),
        }
    }
}

/// As itself, in a class and outside.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' {
        let _ = write!(out, r"\x{:02x}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// Of ASCII, in a form that may stand in a class too.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0c\r\x20]",
        'S' => r"[^\t\n\x0c\r\x20]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// Least, most and length of `{2,3}` at the start of a pattern; None inside for counts that no `u32` holds.
fn counts(rest: &str) -> Option<(Option<u32>, Option<Option<u32>>, usize)> {
    let end = rest.find('}')?;
    let inner = rest.get(1..end)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (least, most) = match inner.split_once(',') {
        None => (inner, None),
        Some((least, "")) => (least, None),
        Some((least, most)) => (least, Some(most)),
    };
    if !digits(least) || !most.is_none_or(digits) {
        return None;
    }
    Some((least.parse().ok(), most.map(|most| most.parse().ok()), end + 1))
}
