//! Regular expressions in settings: read once, checked while the configuration is loaded, and with what searching costs.
//!
//! Flows in: a text of the settings, in the syntax of the crate `regex-lite`. Flows out: whether it is found, and what a search
//! costs at worst. Whether that can be afforded is the business of [`work`](crate::work).

use std::{borrow::Cow, sync::Arc};

use regex_lite::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{settings::PATTERN_KEYWORD, work::Cost};

/// Bytes of a compiled expression: enough for some hundred alternatives. What the host takes while the configuration is loaded,
/// so that what it accepts is what runs.
const PROGRAM_BYTES_MAX: u32 = 1 << 20;

/// The first size that is tried: a few characters.
const PROGRAM_BYTES_FIRST: u32 = 1 << 6;

/// Of a compiled expression, what is gone through once and not for each byte of text: where it begins and ends.
const FRAME_BYTES: u32 = 56;

/// What a byte of text costs, whatever the expression. Measured with the smallest one, in the sandbox.
const BYTE_PICOSECONDS: u64 = 30_000;

/// What a byte of text costs for each byte of the compiled expression when all of it is alive: for each byte of text the engine
/// then looks at all of it. Measured with `a{500}z` and `[a-z]{50}z` on a megabyte of `a`, in the sandbox.
const PROGRAM_BYTE_PICOSECONDS: u64 = 1_250;

/// Groups in groups that the engine takes by itself, which is what the host takes, too.
const NESTED_MAX: u32 = 50;

/// Signs of a pattern that looks at where the text ends, which the end of a part of a text is not.
const LOOKS_AT_END: [&str; 5] = ["$", r"\b", r"\B", r"\z", r"\>"];

/// A regular expression, found anywhere unless it says `^` or `$`. Look-around and back-references are not known.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
    engine: Engine,
}

/// A regular expression that fits the whole of a text. Look-around and back-references are not known.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct WholePattern(Engine);

#[derive(Clone, Debug)]
struct Engine {
    /// Shared by clones: what a search needs of memory is kept in it, and a shared expectation is cloned for each target.
    regex: Arc<Regex>,
    program_bytes: u32,
}

impl Engine {
    /// Tries ever larger sizes: that is the only way to learn how large a program is, and costs three times what building it does.
    fn new(text: &str, nested: u32) -> Result<Self, String> {
        let mut program_bytes = PROGRAM_BYTES_FIRST;
        loop {
            let mut builder = RegexBuilder::new(text);
            match builder.size_limit(program_bytes as usize).nest_limit(nested).build() {
                Ok(regex) => {
                    return Ok(Self {
                        regex: Arc::new(regex),
                        program_bytes,
                    });
                }
                Err(error) if program_bytes >= PROGRAM_BYTES_MAX => return Err(error.to_string()),
                Err(_) => program_bytes = PROGRAM_BYTES_MAX.min(program_bytes / 2 * 3),
            }
        }
    }

    fn cost(&self) -> Cost {
        let of_program = u64::from(self.program_bytes - FRAME_BYTES) * PROGRAM_BYTE_PICOSECONDS;
        Cost::picoseconds(BYTE_PICOSECONDS + of_program)
    }

    /// Of the text alone, as the host looks at it.
    fn alone(text: &str) -> Result<Self, String> {
        Self::new(text, NESTED_MAX)
    }

    /// Fits only whole texts. What is put around it is a group more.
    fn around(text: &str) -> Result<Self, String> {
        Self::alone(text)?;
        // A comment at the end would swallow the parenthesis; elsewhere a line feed would be a part of what is looked for.
        let wrapped = Self::new(&format!("^(?:{text})$"), NESTED_MAX + 1);
        wrapped.or_else(|_| Self::new(&format!("^(?:{text}\n)$"), NESTED_MAX + 1))
    }
}

fn invalid(text: &str, error: &str) -> String {
    format!("`{text}` is not a regular expression: {error}")
}

impl Pattern {
    /// The error says what is wrong with `text`.
    pub fn new(text: &str) -> Result<Self, String> {
        let engine = Engine::alone(text).map_err(|error| invalid(text, &error))?;
        Ok(Self {
            text: text.to_owned(),
            engine,
        })
    }

    /// Whether it is found in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        self.engine.regex.is_match(text)
    }

    /// Whether it is found in a text of which `part` is the beginning, whatever follows. False says nothing about the whole.
    pub fn is_surely_in(&self, part: &str) -> bool {
        if !LOOKS_AT_END.iter().any(|sign| self.text.contains(sign)) {
            return self.is_in(part);
        }
        let found = self.engine.regex.find(part);
        found.is_some_and(|found| found.end() < part.len())
    }

    /// As it stands in the settings.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What a byte of text costs at worst. Most are far cheaper on most texts: `ok` takes 50 ns for each byte, `(a?){500}z` takes 20 µs
    /// where there is nothing but `a`, and 2 ns where there is a `z`.
    pub fn cost(&self) -> Cost {
        self.engine.cost()
    }
}

impl WholePattern {
    /// The error says what is wrong with `text`.
    pub fn new(text: &str) -> Result<Self, String> {
        Engine::around(text).map(Self).map_err(|error| invalid(text, &error))
    }

    /// Whether it fits the whole of `text`.
    pub fn fits(&self, text: &str) -> bool {
        self.0.regex.is_match(text)
    }

    /// `text` as `to` says, when it fits: `$1` is what the first parentheses found.
    pub fn replace(&self, text: &str, to: &str) -> Option<String> {
        self.fits(text).then(|| self.0.regex.replace(text, to).into_owned())
    }

    /// As [`Pattern::cost`].
    pub fn cost(&self) -> Cost {
        self.0.cost()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl TryFrom<String> for WholePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

fn schema_of_patterns() -> Schema {
    json_schema!({ "type": "string", "minLength": 1, PATTERN_KEYWORD: "regex-lite" })
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of_patterns()
    }
}

impl JsonSchema for WholePattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WholePattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of_patterns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> WholePattern {
        WholePattern::new(text).expect("a regular expression")
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("a regular expression")
    }

    #[test]
    fn what_is_valid_alone_fits_whole_texts_whatever_its_flags_and_comments() {
        for (text, fits, not) in [
            ("(?x)a # c", "a", "ab"),
            ("(?x)a # c\n| b", "b", "cb"),
            ("a|b", "b", "ab"),
            ("a # c", "a # c", "a"),
            ("(?i)A", "a", "aa"),
            ("(?m)a$", "a", "a\nb"),
            ("a\n", "a\n", "a"),
        ] {
            let whole = whole(text);
            assert!(whole.fits(fits), "{text:?} {fits:?}");
            assert!(!whole.fits(not), "{text:?} {not:?}");
        }
    }

    #[test]
    fn what_only_its_wrapping_makes_valid_is_refused() {
        for text in ["a)|(?:b", "(", ")(", "a)$|^(?:b"] {
            let error = WholePattern::new(text).expect_err(text);
            assert!(
                error.starts_with(&format!("`{text}` is not a regular expression: ")),
                "{error}"
            );
        }
    }

    #[test]
    fn as_many_groups_in_groups_as_the_host_takes_are_taken_and_no_more() {
        let deep = |depth: usize| format!("{}a{}", "(?:".repeat(depth), ")".repeat(depth));
        let most = (1..60).take_while(|depth| Regex::new(&deep(*depth)).is_ok()).last();
        let most = most.expect("some depth is taken");
        assert!(whole(&deep(most)).fits("a"));
        assert!(Pattern::new(&deep(most + 1)).is_err());
        assert!(WholePattern::new(&deep(most + 1)).is_err());
    }

    #[test]
    fn the_larger_an_expression_the_more_a_byte_costs() {
        let (small, large) = (pattern("ok"), pattern("(a|b|c|d|e|f|g|h){50}z"));
        assert!(large.cost() >= small.cost().times(50), "{large:?} {small:?}");
        let error = Pattern::new("((a{100}){100}){100}").expect_err("too large");
        assert!(error.contains("size limit"), "{error}");
    }

    #[test]
    fn the_end_of_a_part_proves_no_end_of_the_text() {
        let ends = pattern("ok$");
        assert!(ends.is_in("it is ok"));
        assert!(!ends.is_surely_in("it is ok"));
        assert!(!pattern(r"ok\b").is_surely_in("it is ok"));
        assert!(pattern(r"ok\b").is_surely_in("ok it is"));
        assert!(pattern("ok.*").is_surely_in("it is ok"));
    }
}
