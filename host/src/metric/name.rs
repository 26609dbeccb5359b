//! Metric and label names: validated once, shared cheaply.

use std::{fmt, sync::Arc};

/// Longest metric or label name accepted, in bytes. Prometheus has no limit; 256 is beyond anything readable and keeps
/// a hostile guest from spending memory on names.
const NAME_BYTES_MAX: usize = 256;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("name is empty")]
    Empty,
    /// Longer than 256 bytes.
    #[error("name is {0} bytes long; at most {NAME_BYTES_MAX} are accepted")]
    TooLong(usize),
    /// A character outside the grammar.
    #[error("`{name}` is not a {what} name: {wanted}")]
    Grammar {
        /// The offending name, shortened.
        name: String,
        /// "metric" or "label".
        what: &'static str,
        /// The grammar in words.
        wanted: &'static str,
    },
    /// `__…` is Prometheus' own.
    #[error("label `{0}` is reserved: names that start with `__` belong to Prometheus")]
    Reserved(String),
}

fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}

fn grammatical(name: &str, colon: bool) -> bool {
    name.bytes().enumerate().all(|(at, byte)| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
        b'0'..=b'9' => at > 0,
        b':' => colon,
        _ => false,
    })
}

fn check(name: &str, what: &'static str, colon: bool, wanted: &'static str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong(name.len()));
    }
    if !grammatical(name, colon) {
        return Err(NameError::Grammar {
            name: shorten(name),
            what,
            wanted,
        });
    }
    Ok(())
}

macro_rules! shared_name {
    ($type:ident) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

/// A metric name: `[a-zA-Z_:][a-zA-Z0-9_:]*` (Prometheus data model; UTF-8 names are not offered in 0.x).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(Arc<str>);

impl MetricName {
    /// Checks grammar and length.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(
            name,
            "metric",
            true,
            "letters, digits, `_` and `:`, not starting with a digit",
        )?;
        Ok(Self(name.into()))
    }
}

/// A label name: `[a-zA-Z_][a-zA-Z0-9_]*`, not starting with `__`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName(Arc<str>);

impl LabelName {
    /// Checks grammar, length and reservation.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(
            name,
            "label",
            false,
            "letters, digits and `_`, not starting with a digit",
        )?;
        if name.starts_with("__") {
            return Err(NameError::Reserved(shorten(name)));
        }
        Ok(Self(name.into()))
    }
}

shared_name!(MetricName);
shared_name!(LabelName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_prometheus_grammar() {
        for good in ["a", "_a", "job:rate5m", "A9"] {
            assert!(MetricName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "é", "a\n"] {
            assert!(MetricName::new(bad).is_err(), "{bad:?}");
        }
        assert!(LabelName::new("a:b").is_err());
        assert!(matches!(LabelName::new("__name__"), Err(NameError::Reserved(_))));
        assert!(matches!(
            MetricName::new(&"a".repeat(257)),
            Err(NameError::TooLong(257))
        ));
    }
}
