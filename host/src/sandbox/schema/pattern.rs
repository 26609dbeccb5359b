//! `x-bellwether-pattern`: texts that must be regular expressions, in the syntax of the engine that the plugin reads them with.
//!
//! JSON Schema has a format of this name, but means JavaScript's syntax. A plugin finds out in its first run; here it is said while
//! the configuration is loaded, with its place and with what is wrong.

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value};

use super::{admit::PATTERN_BYTES_MAX, words::shown};

/// Stands in the schema of a text, or of a list or table of texts; its value is an [`Engine`].
pub(super) const KEYWORD: &str = "x-bellwether-pattern";

/// Whose syntax. Both match in linear time.
#[derive(Clone, Copy, Debug)]
enum Engine {
    /// The Rust crate `regex`, with Unicode's classes.
    Full,
    /// The Rust crate `regex-lite`, without.
    Lite,
}

impl Engine {
    fn named(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "regex" => Some(Self::Full),
            "regex-lite" => Some(Self::Lite),
            _ => None,
        }
    }

    /// What is wrong with a text, in the engine's words.
    fn problem(self, text: &str) -> Option<String> {
        match self {
            Self::Full => {
                let mut builder = regex::RegexBuilder::new(text);
                let built = builder.size_limit(PATTERN_BYTES_MAX).build();
                built.err().map(|error| last_line(&error.to_string()))
            }
            Self::Lite => {
                let mut builder = regex_lite::RegexBuilder::new(text);
                let built = builder.size_limit(PATTERN_BYTES_MAX).build();
                built.err().map(|error| last_line(&error.to_string()))
            }
        }
    }

    /// Of a text, or of the first in a list or table that is none.
    fn problem_of(self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => {
                let why = self.problem(text)?;
                Some(format!("`{}` is not a regular expression: {why}", shown(text)))
            }
            Value::Array(list) => list.iter().find_map(|each| self.problem_of(each)),
            Value::Object(table) => table.values().find_map(|each| self.problem_of(each)),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

/// The engine draws the place above what it says; a message is one line.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// What `jsonschema` calls for each [`KEYWORD`].
pub(super) fn compile<'s>(
    _: &'s Map<String, Value>,
    value: &'s Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'s>> {
    match Engine::named(value) {
        Some(engine) => Ok(Box::new(engine)),
        None => Err(ValidationError::schema(format!(
            "`{KEYWORD}` must be `regex` or `regex-lite`"
        ))),
    }
}

impl<'i> Keyword<'i> for Engine {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.problem_of(instance)
            .map_or(Ok(()), |message| Err(ValidationError::custom(message)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.problem_of(instance).is_none()
    }
}
