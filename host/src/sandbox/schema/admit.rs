//! Which schemas are used at all.

use jsonschema::{PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use super::{ascending, pattern, words::shown};

/// Bytes of a schema. The bundled plugins' are 1 to 8 KB; one generated from a large program's options may reach 100.
pub(super) const SCHEMA_BYTES_MAX: usize = 256 << 10;

/// Bytes of a compiled pattern, and of the tables the engine builds while matching. `[a-z]{1,63}` takes 10 KB, a full
/// Unicode word class 100; a repetition of a repetition takes gigabytes.
pub(super) const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Patterns of one schema: each may take [`PATTERN_BYTES_MAX`], and the child has a gibibyte.
const PATTERNS_MAX: usize = 500;

/// Keywords whose values are data, not schemas.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];

/// Keywords that refer to another schema.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Why a settings schema is of no use. Written for the author of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sandbox) enum SchemaError {
    /// More than [`SCHEMA_BYTES_MAX`].
    #[error("the plugin's settings schema is {0} bytes long; at most {SCHEMA_BYTES_MAX} are accepted")]
    TooLarge(usize),
    /// Not JSON, or nested deeper than 128 levels.
    #[error("the plugin's settings schema is not JSON: {0}")]
    Json(String),
    /// It leads out of itself.
    #[error(
        "the plugin's settings schema refers to `{reference}` at `{pointer}`: only references inside the schema (`#…`) are followed, nothing is fetched"
    )]
    Remote {
        /// Where the reference stands.
        pointer: String,
        /// Where it leads.
        reference: String,
    },
    /// A pattern that the linear engine does not take.
    #[error(
        "the plugin's settings schema has a pattern at `{pointer}` that cannot be used: `{pattern}` is invalid, too large once compiled, or has look-around or back-references, which could match for ever"
    )]
    Pattern {
        /// Where it stands.
        pointer: String,
        /// The pattern, shortened.
        pattern: String,
    },
    /// More than `PATTERNS_MAX`.
    #[error("the plugin's settings schema has {0} patterns; at most {PATTERNS_MAX} are accepted")]
    TooManyPatterns(usize),
    /// Against the specification.
    #[error("the plugin's settings schema is not a valid JSON Schema: {0}")]
    Invalid(String),
}

/// JSON text to a schema that stays within itself.
pub(super) fn parse(text: &str) -> Result<Value, SchemaError> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(SchemaError::TooLarge(text.len()));
    }
    let schema = serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))?;
    let mut survey = Survey::default();
    survey.visit(&schema, &mut String::new())?;
    if survey.patterns > PATTERNS_MAX {
        return Err(SchemaError::TooManyPatterns(survey.patterns));
    }
    Ok(schema)
}

/// Builds the validator, without means to fetch anything.
pub(super) fn compile(schema: &Value) -> Result<Validator, SchemaError> {
    let patterns = PatternOptions::regex()
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX);
    jsonschema::options()
        .with_pattern_options(patterns)
        .with_keyword(ascending::KEYWORD, ascending::compile)
        .with_keyword(pattern::KEYWORD, pattern::compile)
        .should_validate_formats(true)
        .offline()
        .build(schema)
        .map_err(|error| refusal(&error))
}

fn refusal(error: &ValidationError<'_>) -> SchemaError {
    match (error.kind(), error.instance().as_ref()) {
        (ValidationErrorKind::Format { format }, Value::String(pattern)) if format == "regex" => SchemaError::Pattern {
            pointer: error.instance_path().to_string(),
            pattern: shown(pattern),
        },
        (ValidationErrorKind::Referencing(error), _) => SchemaError::Invalid(error.to_string()),
        _ => SchemaError::Invalid(format!("at `{}`: {}", error.instance_path(), error.masked())),
    }
}

/// A walk over everything that may be a schema. JSON nests 128 levels at most, so recursion is bounded.
#[derive(Default)]
struct Survey {
    patterns: usize,
}

impl Survey {
    fn visit(&mut self, value: &Value, pointer: &mut String) -> Result<(), SchemaError> {
        match value {
            Value::Object(object) => object
                .iter()
                .try_for_each(|(key, value)| self.keyword(key, value, pointer)),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .try_for_each(|(at, value)| self.descend(&at.to_string(), value, pointer)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn keyword(&mut self, key: &str, value: &Value, pointer: &mut String) -> Result<(), SchemaError> {
        match value {
            Value::String(reference) if REFERENCES.contains(&key) && !reference.starts_with('#') => {
                Err(SchemaError::Remote {
                    pointer: format!("{pointer}/{key}"),
                    reference: shown(reference),
                })
            }
            Value::String(_) if key == "pattern" => {
                self.patterns += 1;
                Ok(())
            }
            Value::Object(patterns) if key == "patternProperties" => {
                self.patterns += patterns.len();
                self.descend(key, value, pointer)
            }
            _ if DATA.contains(&key) => Ok(()),
            _ => self.descend(key, value, pointer),
        }
    }

    fn descend(&mut self, key: &str, value: &Value, pointer: &mut String) -> Result<(), SchemaError> {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        self.visit(value, pointer)?;
        pointer.truncate(length);
        Ok(())
    }
}
