//! What is wrong with a configuration, and how it is said.
//!
//! One problem is one place and one sentence, with the source line under it and, where somebody can know it, what to do.
//! Secrets do not appear: `source` hides them in the line, and nobody puts them into a message.

use std::fmt;

use serde::Serialize;

/// Problems shown at most. A file that is no configuration at all would otherwise print a page per line.
pub const PROBLEMS_SHOWN_MAX: usize = 100;

/// Whether a configuration with this problem can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but look.
    Warning,
}

/// A place in a file, with the line that stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// As the user would write it; "" when there is no file.
    pub file: String,
    /// From 1; 0 when the problem is with the file as a whole.
    pub line: usize,
    /// In characters, from 1; 0 like `line`.
    pub column: usize,
    /// The line itself, shortened around the column, secrets hidden. `None` when there is none.
    pub source_line: Option<String>,
    /// Characters of `source_line` before the marked part.
    pub(super) caret: usize,
    /// Characters marked; at least 1.
    pub(super) width: usize,
}

impl Location {
    /// A file as a whole, or nothing in particular (`""`).
    pub fn file(name: &str) -> Self {
        Self {
            file: name.to_owned(),
            ..Self::default()
        }
    }
}

impl Location {
    /// A place in a file that is none of the configuration's own, such as a rule file: `bytes` of its `text`.
    pub fn within(file: &str, text: &str, bytes: std::ops::Range<usize>) -> Self {
        let mut sources = super::source::Sources::default();
        let id = sources.add(file.into(), text.to_owned());
        sources.locate(super::source::Span::new(id, &bytes))
    }
}

/// `bellwether.toml:12:3`, or less when less is known.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Where.
    pub location: Location,
    /// What is wrong: a lowercase fragment, one line.
    pub message: String,
    /// What to do. May have several lines (lines to add).
    pub hint: Option<String>,
}

impl Problem {
    /// An error at a place, as [`Loaded::locate_setting`](super::Loaded::locate_setting) and its siblings give it.
    pub fn at(location: Location, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            location,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.file.is_empty() {
            write!(f, "{}: ", self.location)?;
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(line) = &self.location.source_line {
            write_excerpt(f, line, &self.location)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", hint.replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

fn write_excerpt(f: &mut fmt::Formatter<'_>, line: &str, location: &Location) -> fmt::Result {
    let number = location.line.to_string();
    // Tabs are kept, so that the caret stands under its character whatever the width of a tab.
    let indent: String = line
        .chars()
        .take(location.caret)
        .map(|character| if character == '\t' { '\t' } else { ' ' })
        .collect();
    let blank = " ".repeat(number.len());
    let carets = "^".repeat(location.width.max(1));
    write!(f, "\n  {number} | {line}\n  {blank} | {indent}{carets}")
}

/// For `--json`: `severity`, `file`, `line`, `column`, `message`, `hint`, `source_line`. Numbers are 0 and strings ""
/// or null where nothing is known.
impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Problem", 7)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("file", &self.location.file)?;
        fields.serialize_field("line", &self.location.line)?;
        fields.serialize_field("column", &self.location.column)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("hint", &self.hint)?;
        fields.serialize_field("source_line", &self.location.source_line)?;
        fields.end()
    }
}

/// Every problem of one load, in the order of the files and their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'p> IntoIterator for &'p Problems {
    type Item = &'p Problem;
    type IntoIter = std::slice::Iter<'p, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// All of them, an empty line between, up to [`PROBLEMS_SHOWN_MAX`].
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().take(PROBLEMS_SHOWN_MAX).enumerate() {
            if at > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.0.len().checked_sub(PROBLEMS_SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n\n… and {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Problem {
        let location = Location {
            file: "bellwether.toml".into(),
            line: 12,
            column: 2,
            source_line: Some("\tintervall = \"15s\"".into()),
            caret: 1,
            width: 9,
        };
        Problem::at(location, "unknown key `intervall`").with_hint("did you mean `interval`?\nsecond line")
    }

    #[test]
    fn a_problem_shows_its_line_a_caret_and_what_to_do() {
        let expected = "bellwether.toml:12:2: unknown key `intervall`\n  12 | \tintervall = \"15s\"\n     | \t^^^^^^^^^\n  \
                        hint: did you mean `interval`?\n        second line";
        assert_eq!(example().to_string(), expected);
        assert!(
            example()
                .into_warning()
                .to_string()
                .starts_with("bellwether.toml:12:2: warning: unknown")
        );
    }

    #[test]
    fn machines_get_flat_objects() {
        let json = serde_json::to_value(Problems::from(example())).unwrap();
        assert_eq!(json[0]["line"], 12);
        assert_eq!(json[0]["severity"], "error");
        assert_eq!(json[0]["file"], "bellwether.toml");
    }

    #[test]
    fn thousands_of_problems_are_not_printed() {
        let text = Problems(vec![Problem::at(Location::file("f"), "x"); PROBLEMS_SHOWN_MAX + 7]).to_string();
        assert!(text.ends_with("… and 7 more"), "{text}");
    }
}
