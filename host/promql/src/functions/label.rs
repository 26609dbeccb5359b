//! `label_replace` and `label_join`: made once for an expression, applied to the labels of each series.
//!
//! That two series end with the same labels is the engine's to refuse.

use std::sync::Arc;

use regex::{Captures, Regex};

use crate::labels::Labels;

/// Group numbers of a template have at most this many digits, as in Go; longer ones name no group.
const GROUP_DIGITS: usize = 8;

/// Bytes of a label's value that a function makes. Calls within calls multiply the length of a value, so a short expression
/// would fill any memory; what exporters write stays far below, and no page shows as much.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// A value would be longer than [`VALUE_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("label value too long: a function makes at most {VALUE_BYTES_MAX} bytes; take less of what is there into it")]
pub struct TooLong;

/// A value that grows up to [`VALUE_BYTES_MAX`].
#[derive(Default)]
struct Growing(String);

impl Growing {
    /// Asked before memory is taken.
    fn push(&mut self, more: &str) -> Result<(), TooLong> {
        if self.0.len() + more.len() > VALUE_BYTES_MAX {
            return Err(TooLong);
        }
        self.0.push_str(more);
        Ok(())
    }
}

/// What is wrong with the texts given to a function on labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The label to set.
    #[error("invalid destination label name in {function}(): {name:?}: a label needs a name")]
    Destination {
        /// `label_replace` or `label_join`.
        function: &'static str,
        /// As written.
        name: String,
    },
    /// A label to read.
    #[error("invalid source label name in {function}(): {name:?}: a label needs a name")]
    Source {
        /// `label_join`.
        function: &'static str,
        /// As written.
        name: String,
    },
}

/// `label_replace(…, destination, replacement, source, regex)`.
#[derive(Clone, Debug)]
pub struct Replace {
    destination: Arc<str>,
    template: Vec<Part>,
    source: Arc<str>,
    regex: Regex,
}

/// Of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replace {
    /// `regex` is anchored at both ends and its `.` matches newlines, as that of a [`crate::ast::Matcher`]. In `replacement`, `$1`,
    /// `$name`, `${1}` and `${name}` stand for what a group matched (nothing, where there is no such group), `$$` for `$`.
    pub fn new(destination: &str, replacement: &str, source: &str, regex: Regex) -> Result<Self, LabelError> {
        if destination.is_empty() {
            return Err(LabelError::Destination {
                function: "label_replace",
                name: destination.to_owned(),
            });
        }
        Ok(Self {
            destination: destination.into(),
            template: template(replacement, &regex),
            source: source.into(),
            regex,
        })
    }

    /// The labels afterwards, or None if the source does not match: then they stay as they are. An empty replacement deletes the
    /// destination.
    ///
    /// # Errors
    /// See [`TooLong`].
    pub fn apply(&self, labels: &Labels) -> Result<Option<Labels>, TooLong> {
        let source = labels.get(&self.source).map_or("", |value| value);
        let Some(groups) = self.regex.captures(source) else {
            return Ok(None);
        };
        Ok(Some(labels.with(&self.destination, &self.expand(&groups)?)))
    }

    fn expand(&self, groups: &Captures<'_>) -> Result<String, TooLong> {
        let mut value = Growing::default();
        for part in &self.template {
            value.push(match part {
                Part::Text(text) => text,
                Part::Group(group) => groups.get(*group).map_or("", |found| found.as_str()),
            })?;
        }
        Ok(value.0)
    }

    /// The label that is set.
    pub fn destination(&self) -> &str {
        &self.destination
    }
}

/// A `$` that starts nothing known is itself.
fn template(text: &str, regex: &Regex) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            literal.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(after) {
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.extend(group(name, regex).map(Part::Group));
            rest = after;
        } else {
            literal.push('$');
            rest = after;
        }
    }
    literal.push_str(rest);
    parts.push(Part::Text(literal));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    parts
}

/// The longest name after a `$`, perhaps in braces, and what follows it: `$1x` is the group `1x`.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = match text.strip_prefix('{') {
        Some(inside) => (true, inside),
        None => (false, text),
    };
    let end = text.find(|letter| !is_of_name(letter)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = if braced { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

fn is_of_name(letter: char) -> bool {
    letter == '_' || letter.is_ascii_digit() || letter.is_alphabetic()
}

fn group(name: &str, regex: &Regex) -> Option<usize> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit())
        && name.len() <= GROUP_DIGITS
        && (name == "0" || !name.starts_with('0'));
    if is_number {
        return name.parse().ok();
    }
    regex.capture_names().position(|own| own == Some(name))
}

/// `label_join(…, destination, separator, sources…)`.
#[derive(Clone, Debug)]
pub struct Join {
    destination: Arc<str>,
    separator: Arc<str>,
    sources: Vec<Arc<str>>,
}

impl Join {
    /// Every name must have a character at least; there may be no source at all.
    pub fn new<'a>(
        destination: &str,
        separator: &str,
        sources: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, LabelError> {
        let function = "label_join";
        let sources: Vec<Arc<str>> = sources.into_iter().map(Arc::from).collect();
        if let Some(name) = sources.iter().find(|name| name.is_empty()) {
            let name = name.to_string();
            return Err(LabelError::Source { function, name });
        }
        if destination.is_empty() {
            let name = destination.to_owned();
            return Err(LabelError::Destination { function, name });
        }
        Ok(Self {
            destination: destination.into(),
            separator: separator.into(),
            sources,
        })
    }

    /// The labels afterwards. A source that is not there is empty; an empty result deletes the destination.
    ///
    /// # Errors
    /// See [`TooLong`].
    pub fn apply(&self, labels: &Labels) -> Result<Labels, TooLong> {
        let mut joined = Growing::default();
        for (at, source) in self.sources.iter().enumerate() {
            if at > 0 {
                joined.push(&self.separator)?;
            }
            joined.push(labels.get(source).map_or("", |value| value))?;
        }
        Ok(labels.with(&self.destination, &joined.0))
    }

    /// The label that is set.
    pub fn destination(&self) -> &str {
        &self.destination
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> Regex {
        Regex::new(&format!("^(?s:{pattern})$")).unwrap()
    }

    fn labels() -> Labels {
        Labels::new([("__name__", "up"), ("src", "source-value-10"), ("dst", "original")])
    }

    fn replaced(replacement: &str, source: &str, pattern: &str) -> Option<String> {
        let replace = Replace::new("dst", replacement, source, regex(pattern)).unwrap();
        let labels = replace.apply(&labels()).unwrap()?;
        Some(labels.get("dst").map_or(String::new(), |value| value.to_string()))
    }

    #[test]
    fn groups_are_put_where_the_template_says() {
        let cases = [
            ("destination-value-$1", "destination-value-10"),
            ("${1}$1", "1010"),
            ("$1x", ""),
            ("${1}x", "10x"),
            ("$num!", "10!"),
            ("${num}", "10"),
            ("$0", "source-value-10"),
            ("$9", ""),
            ("$01", ""),
            ("${unknown}x", "x"),
            ("$$1", "$1"),
            ("cost: $ ${ ${} ${1 $", "cost: $ ${ ${} ${1 $"),
            ("$1$$", "10$"),
        ];
        for (replacement, expected) in cases {
            assert_eq!(
                replaced(replacement, "src", "source-value-(?P<num>.*)").as_deref(),
                Some(expected),
                "{replacement}"
            );
        }
    }

    #[test]
    fn the_whole_value_must_match_or_nothing_changes() {
        assert_eq!(replaced("x", "src", "value"), None);
        assert_eq!(replaced("x", "src", "source.*").as_deref(), Some("x"));
        assert_eq!(replaced("x", "src", "a|source-value-10").as_deref(), Some("x"));
    }

    #[test]
    fn a_label_that_is_not_there_is_empty_and_an_empty_result_deletes() {
        assert_eq!(replaced("value-$1", "nonexistent", "(.*)").as_deref(), Some("value-"));
        assert_eq!(replaced("", "src", ".*").as_deref(), Some(""));
        let gone = Replace::new("dst", "", "dst", regex(".*"))
            .unwrap()
            .apply(&labels())
            .unwrap()
            .unwrap();
        assert!(gone.get("dst").is_none());
    }

    #[test]
    fn the_name_of_the_metric_is_a_label_like_others() {
        let renamed = Replace::new("__name__", "rate_$1", "__name__", regex("(.+)")).unwrap();
        assert_eq!(
            renamed
                .apply(&labels())
                .unwrap()
                .unwrap()
                .metric_name()
                .unwrap()
                .as_ref(),
            "rate_up"
        );
    }

    #[test]
    fn a_group_that_took_no_part_is_empty() {
        assert_eq!(
            replaced("[$1][$2]", "src", "(nothing)?(source).*").as_deref(),
            Some("[][source]")
        );
    }

    #[test]
    fn a_destination_needs_a_name_and_may_have_any() {
        let refused = Replace::new("", "x", "src", regex(".*")).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("invalid destination label name in label_replace()")
        );
        assert!(Replace::new("~any \u{20ac}", "x", "", regex(".*")).is_ok());
        let source = Join::new("dst", "-", ["src", ""]).unwrap_err();
        assert!(
            source
                .to_string()
                .starts_with("invalid source label name in label_join()")
        );
        assert!(matches!(
            Join::new("", "-", []),
            Err(LabelError::Destination {
                function: "label_join",
                ..
            })
        ));
    }

    #[test]
    fn labels_are_joined_with_their_separator() {
        let joined = |separator, sources: &[&str]| {
            let join = Join::new("dst", separator, sources.iter().copied()).unwrap();
            join.apply(&labels()).unwrap().get("dst").map(|value| value.to_string())
        };
        assert_eq!(
            joined("-", &["src", "dst"]).as_deref(),
            Some("source-value-10-original")
        );
        assert_eq!(
            joined("-", &["src", "none", "dst"]).as_deref(),
            Some("source-value-10--original")
        );
        assert_eq!(joined("", &["none"]), None);
        assert_eq!(joined(", ", &[]), None);
    }

    #[test]
    fn a_value_grows_up_to_its_limit_and_no_further() {
        let long = |bytes: usize| Labels::new([("src", "x".repeat(bytes))]);
        let join = Join::new("dst", "", ["src", "src"]).unwrap();
        let replace = Replace::new("dst", "$1$1", "src", regex("(.*)")).unwrap();
        let half = long(VALUE_BYTES_MAX / 2);
        assert_eq!(join.apply(&half).unwrap().get("dst").unwrap().len(), VALUE_BYTES_MAX);
        assert!(replace.apply(&half).unwrap().is_some());
        let more = long(VALUE_BYTES_MAX / 2 + 1);
        assert_eq!(join.apply(&more), Err(TooLong));
        assert_eq!(replace.apply(&more), Err(TooLong));
    }
}
