//! What a validator found, in words.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind as Kind};
use serde_json::Value;

use super::{SettingsProblem, words};

/// Findings looked at for one table. The validator lists them all, and a hostile schema can make one value a thousand.
const FINDINGS_MAX: usize = 1_000;

/// Characters of a message that the validator worded.
const MESSAGE_CHARS_MAX: usize = 300;

/// Everything that is wrong with `document`, unsorted.
pub(super) fn problems(validator: &Validator, schema: &Value, document: &Value) -> Vec<SettingsProblem> {
    let mut explainer = Explainer {
        schema,
        document,
        problems: Vec::new(),
    };
    for finding in validator.iter_errors(document).take(FINDINGS_MAX) {
        explainer.explain(&finding);
    }
    explainer.problems
}

/// A setting that the schema does not have.
pub(super) fn unknown(table: &str, name: &str, known: &[&str]) -> SettingsProblem {
    let hint = match (words::meant(name, known.iter().copied()), known) {
        (Some(meant), _) => format!("; did you mean `{meant}`?"),
        (None, []) => "; there are no settings here".to_owned(),
        (None, known) => format!("; known here: {}", listed(known)),
    };
    SettingsProblem {
        pointer: format!("{table}/{}", escaped(name)),
        message: format!("unknown setting `{}`{hint}", words::shown(name)),
    }
}

/// Names for a message, some of them when there are many.
fn listed(names: &[&str]) -> String {
    /// More do not help the eye.
    const LISTED_MAX: usize = 12;
    let shown: Vec<_> = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| format!("`{}`", words::shown(name)))
        .collect();
    let more = if names.len() > LISTED_MAX { ", …" } else { "" };
    shown.join(", ") + more
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Explainer<'d> {
    schema: &'d Value,
    document: &'d Value,
    problems: Vec<SettingsProblem>,
}

impl Explainer<'_> {
    fn explain(&mut self, finding: &ValidationError<'_>) {
        let here = finding.instance_path().as_str();
        let keyword = finding.schema_path().as_str();
        match finding.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                let known = known(self.schema, keyword);
                self.problems
                    .extend(unexpected.iter().map(|name| unknown(here, name, &known)));
            }
            // A table that may have no settings at all: the finding names none of them.
            Kind::FalseSchema if keyword.ends_with("/additionalProperties") => {
                let names = self
                    .document
                    .pointer(here)
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten();
                self.problems.extend(names.map(|(name, _)| unknown(here, name, &[])));
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => self.alternatives(finding, context),
            _ => self.say(here, sentence(finding, self.schema)),
        }
    }

    fn say(&mut self, pointer: &str, message: String) {
        self.problems.push(SettingsProblem {
            pointer: pointer.to_owned(),
            message,
        });
    }

    /// None of several forms fits. When each is one fixed value they are choices; else the form that came closest is
    /// explained, for that is the one that was meant.
    fn alternatives(&mut self, finding: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) {
        let here = finding.instance_path().as_str();
        if let Some(choices) = choices(context, here) {
            return self.say(here, choice(&choices, finding.instance()));
        }
        let closest = context
            .iter()
            .filter(|form| !form.is_empty() && !form.iter().any(|error| is_other_type(error, here)))
            .min_by_key(|form| form.len());
        if let Some(form) = closest {
            return form.iter().for_each(|error| self.explain(error));
        }
        let wanted: Vec<_> = context.iter().flatten().filter_map(expected_type).collect();
        let given = words::value(finding.instance());
        self.say(
            here,
            if wanted.is_empty() {
                format!("{given} is none of the forms that this may have")
            } else {
                format!("must be {}, not {given}", wanted.join(" or "))
            },
        );
    }
}

/// Names beside the keyword at `pointer`: those that `properties` of the same schema lists.
fn known<'s>(schema: &'s Value, pointer: &str) -> Vec<&'s str> {
    let table = pointer.rsplit_once('/').map_or("", |(table, _)| table);
    let properties = schema
        .pointer(table)
        .and_then(|table| table.get("properties"))
        .and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The fixed values of all forms, when fixed values (or null, which TOML does not have) are all there is.
fn choices<'c>(context: &'c [Vec<ValidationError<'static>>], here: &str) -> Option<Vec<&'c Value>> {
    let mut choices = Vec::new();
    for form in context {
        for error in form.iter().filter(|error| !is_other_type(error, here)) {
            match error.kind() {
                Kind::Constant { expected_value } => choices.push(&**expected_value),
                Kind::Enum { options } => choices.extend(options.as_array().into_iter().flatten()),
                _ => return None,
            }
        }
    }
    (!choices.is_empty()).then_some(choices)
}

fn is_other_type(error: &ValidationError<'_>, here: &str) -> bool {
    error.instance_path().as_str() == here && matches!(error.kind(), Kind::Type { .. })
}

fn expected_type(error: &ValidationError<'_>) -> Option<String> {
    match error.kind() {
        Kind::Type { kind } => Some(words::types(kind)).filter(|types| types != "nothing"),
        _ => None,
    }
}

fn choice(choices: &[&Value], given: &Value) -> String {
    let known = choices.iter().filter_map(|choice| choice.as_str());
    let hint = given.as_str().and_then(|given| words::meant(given, known));
    let hint = hint.map_or_else(String::new, |meant| {
        format!("; did you mean `\"{}\"`?", words::shown(meant))
    });
    format!(
        "must be one of {}, not {}{hint}",
        words::choices(choices),
        words::value(given)
    )
}

fn sentence(finding: &ValidationError<'_>, schema: &Value) -> String {
    let given = words::value(finding.instance());
    match finding.kind() {
        Kind::Type { kind } => format!("must be {}, not {given}", words::types(kind)),
        Kind::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().collect();
            choice(&options, finding.instance())
        }
        Kind::Constant { expected_value } => format!("must be {}, not {given}", words::value(expected_value)),
        Kind::Required { property } => missing(property, schema, finding.schema_path().as_str()),
        Kind::Minimum { limit } => format!("must be at least {limit}, not {given}"),
        Kind::Maximum { limit } => format!("must be at most {limit}, not {given}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}, not {given}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}, not {given}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}, not {given}"),
        Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } | Kind::MinProperties { limit: 1 } => {
            "must not be empty".to_owned()
        }
        Kind::MinLength { limit } => format!("must be at least {limit} characters long; {given} is shorter"),
        Kind::MaxLength { limit } => format!("must be at most {limit} characters long; {given} is longer"),
        Kind::MinItems { limit } => format!("must have at least {limit} entries, not {given}"),
        Kind::MaxItems { limit } => format!("must have at most {limit} entries, not {given}"),
        Kind::UniqueItems => "has an entry twice".to_owned(),
        Kind::Pattern { pattern } => format!("{given} does not match the pattern `{}`", words::shown(pattern)),
        Kind::Format { format } => format!("must be {}, not {given}", words::format(format)),
        Kind::FalseSchema => "must not be set here".to_owned(),
        Kind::Custom { message, .. } => message.clone(),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the forms that this may have".to_owned(),
        _ => finding.masked().to_string().chars().take(MESSAGE_CHARS_MAX).collect(),
    }
}

/// A required setting, with what the schema says about it.
fn missing(property: &Value, schema: &Value, pointer: &str) -> String {
    let name = property.as_str().unwrap_or_default();
    let table = pointer.rsplit_once('/').map_or("", |(table, _)| table);
    let description = schema
        .pointer(&format!("{table}/properties/{}", escaped(name)))
        .and_then(|property| property.get("description"))
        .and_then(Value::as_str)
        .and_then(|text| text.lines().next())
        .map_or_else(String::new, |line| format!(" ({})", words::shown(line)));
    format!("setting `{}` is missing{description}", words::shown(name))
}
