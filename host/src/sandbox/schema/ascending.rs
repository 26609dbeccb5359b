//! `x-bellwether-ascending`: numbers of one table that must not descend, such as a warning and the critical value after it.
//!
//! JSON Schema compares a value with constants only. A plugin could compare them itself, but not before its first run;
//! here it is said while the configuration is loaded, with its place. Where lower is worse, the names stand the other way
//! round.

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value};

use super::words::shown;

/// Stands in the schema of a table; its value is a list of names of settings.
pub(super) const KEYWORD: &str = "x-bellwether-ascending";

struct Ascending(Vec<String>);

/// What `jsonschema` calls for each [`KEYWORD`].
pub(super) fn compile<'s>(
    _: &'s Map<String, Value>,
    value: &'s Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'s>> {
    let names = value.as_array().and_then(|names| names.iter().map(name).collect());
    match names {
        Some(names) => Ok(Box::new(Ascending(names))),
        None => Err(ValidationError::schema(format!(
            "`{KEYWORD}` must be a list of names of settings"
        ))),
    }
}

fn name(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

impl Ascending {
    /// The first two neighbours that descend. What is not set, or no number, is passed over.
    fn descent(&self, table: &Value) -> Option<String> {
        let number = |name: &String| Some((name.clone(), table.get(name)?.as_f64()?));
        let numbers: Vec<(String, f64)> = self.0.iter().filter_map(number).collect();
        let descends = |pair: &&[(String, f64)]| pair[0].1 > pair[1].1;
        let pair = numbers.windows(2).find(descends)?;
        let ((first, above), (second, below)) = (&pair[0], &pair[1]);
        Some(format!(
            "`{}` is {above} and must not be above `{}`, which is {below}",
            shown(first),
            shown(second)
        ))
    }
}

impl<'i> Keyword<'i> for Ascending {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.descent(instance)
            .map_or(Ok(()), |message| Err(ValidationError::custom(message)))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.descent(instance).is_none()
    }
}
