//! Settings against the JSON Schema that a plugin describes. Runs in the compile child only, under its limits.
//!
//! Flows in: the plugin's schema and the settings tables of the checks that use it, as JSON text. Flows out: for each
//! table, what is wrong with it, in words and with a JSON pointer, or which of its strings are addresses that it grants. A schema is a stranger's program: it may refer to
//! nothing outside itself, its patterns run on an engine that cannot backtrack, and what it may cost besides is bounded
//! by the child's limits. It does not know where in a file a setting stands: `config` finds the place by the pointer.

mod admit;
mod ascending;
mod explain;
mod grants;
mod pattern;
mod words;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use admit::SchemaError;

/// Problems of one table that are listed; the rest is counted. Who sees twenty will fix the cause and look again.
const PROBLEMS_MAX: usize = 20;

/// Something wrong with a check's settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SettingsProblem {
    /// JSON pointer to the value; "" is the whole table.
    pub pointer: String,
    /// For a person.
    pub message: String,
}

/// A schema and the settings tables to check against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SettingsJob {
    /// JSON text; "": there are no settings.
    pub(super) schema: String,
    /// JSON text of each table.
    pub(super) documents: Vec<String>,
}

/// What one table came to: JSON pointers to the addresses it grants, or its problems.
pub type Checked = Result<Vec<String>, Vec<SettingsProblem>>;

/// One result per document, in order; or why the schema itself cannot be used, whatever the settings.
pub(super) fn check(schema: &str, documents: &[String]) -> Result<Vec<Checked>, SchemaError> {
    if schema.is_empty() {
        return Ok(documents.iter().map(|document| none(document)).collect());
    }
    let schema = admit::parse(schema)?;
    let validator = admit::compile(&schema)?;
    let one = |document: &String| {
        let document = parse(document)?;
        listed(explain::problems(&validator, &schema, &document))?;
        Ok(grants::find(&schema, &document))
    };
    Ok(documents.iter().map(one).collect())
}

/// Without a schema there is nothing to set.
fn none(document: &str) -> Checked {
    match parse(document)? {
        Value::Object(table) => {
            listed(table.keys().map(|name| explain::unknown("", name, &[])).collect())?;
            Ok(Vec::new())
        }
        _ => Err(vec![whole("settings are a table".to_owned())]),
    }
}

fn parse(document: &str) -> Result<Value, Vec<SettingsProblem>> {
    serde_json::from_str(document).map_err(|error| vec![whole(format!("the settings are not JSON: {error}"))])
}

const fn whole(message: String) -> SettingsProblem {
    SettingsProblem {
        pointer: String::new(),
        message,
    }
}

/// In the order of the table, each once, and not too many.
fn listed(mut problems: Vec<SettingsProblem>) -> Result<(), Vec<SettingsProblem>> {
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    problems.dedup();
    if problems.len() > PROBLEMS_MAX {
        let more = problems.len() - PROBLEMS_MAX;
        problems.truncate(PROBLEMS_MAX);
        problems.push(whole(format!("and {more} more problems")));
    }
    Err(problems)
}

#[cfg(test)]
mod tests;
