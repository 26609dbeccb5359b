//! One condition on a label of an alert.

use std::{fmt, sync::Arc};

use bellwether_promql::{ast::MatchOp, labels::Labels};
use regex::Regex;

/// Longest regular expression, in bytes: a matcher is written by hand.
const PATTERN_BYTES_MAX: usize = 4_096;

/// Why it is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The regular expression.
    #[error("not a regular expression: {0}")]
    Pattern(String),
    /// More than anybody writes.
    #[error("the regular expression is {0} bytes long; at most {PATTERN_BYTES_MAX} are accepted")]
    TooLong(usize),
}

/// `name op "value"`: a label that is not there has the empty value; regular expressions match the whole of it.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: Arc<str>,
    op: MatchOp,
    value: Arc<str>,
    regex: Option<Regex>,
}

impl Matcher {
    /// Errors: a regular expression that is none, or too long.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, MatcherError> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(value)?),
        };
        Ok(Self {
            name: name.into(),
            op,
            value: value.into(),
            regex,
        })
    }

    /// The label it is about.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How it compares.
    pub const fn op(&self) -> MatchOp {
        self.op
    }

    /// As written.
    pub fn value(&self) -> &Arc<str> {
        &self.value
    }

    /// Whether labels satisfy it.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).map_or("", |value| value);
        let by_regex = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => *self.value == *value,
            MatchOp::NotEqual => *self.value != *value,
            MatchOp::Regex => by_regex(),
            MatchOp::NotRegex => !by_regex(),
        }
    }
}

/// As Alertmanager shows it, and as [`Matcher::parse`] reads it: `name="value"`, the name in quotes where it is not plain.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
        if self.name.char_indices().all(is_plain) {
            f.write_str(&self.name)?;
        } else {
            write!(f, "\"{}\"", escaped(&self.name))?;
        }
        let op = match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        write!(f, "{op}\"{}\"", escaped(&self.value))
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Equal when they are written alike.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

fn anchored(pattern: &str) -> Result<Regex, MatcherError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(MatcherError::TooLong(pattern.len()));
    }
    Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| MatcherError::Pattern(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(op: MatchOp, value: &str) -> bool {
        let labels = Labels::new([("team", "booking")]);
        Matcher::new("team", op, value).unwrap().matches(&labels)
    }

    #[test]
    fn regular_expressions_match_the_whole_value() {
        assert!(matches(MatchOp::Regex, "book.*"));
        assert!(!matches(MatchOp::Regex, "book"));
        assert!(matches(MatchOp::NotRegex, "ook"));
        assert!(matches(MatchOp::Regex, "x|booking"));
        assert!(Matcher::new("a", MatchOp::Regex, "(").is_err());
    }

    #[test]
    fn a_label_that_is_not_there_is_empty() {
        let none = Labels::default();
        assert!(Matcher::new("a", MatchOp::Equal, "").unwrap().matches(&none));
        assert!(Matcher::new("a", MatchOp::NotEqual, "x").unwrap().matches(&none));
        assert!(!Matcher::new("a", MatchOp::Equal, "x").unwrap().matches(&none));
    }
}
