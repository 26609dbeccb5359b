//! Names as a list in the configuration means them: one, or all that fit a pattern.

use std::fmt;

use super::search;

/// A name, or a pattern: `*` stands for any number of characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Of a text as written.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether it may mean more than one name, or none.
    pub fn is_open(&self) -> bool {
        search::is_pattern(&self.0)
    }

    /// Whether it means this one.
    pub fn matches(&self, name: &str) -> bool {
        self.0 == name || self.0 == "*" || (self.is_open() && search::wildcard(name, &self.0))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_itself_and_a_pattern_all_that_fit() {
        for (pattern, fits, fits_not) in [
            ("*", &["", "web"][..], &[][..]),
            ("web", &["web"], &["", "web2", "a-web", "we"]),
            ("web-*", &["web-", "web-1"], &["web", "a-web-1"]),
            ("*-db-?", &["eu-db-1"], &["eu-db", "eu-db-10"]),
            ("a.b", &["a.b"], &["a-b"]),
        ] {
            let pattern = NamePattern::new(pattern);
            assert!(fits.iter().all(|name| pattern.matches(name)), "{pattern}");
            assert!(!fits_not.iter().any(|name| pattern.matches(name)), "{pattern}");
        }
    }
}
