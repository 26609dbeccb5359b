//! What the host, or a person reading the plugin's page, would object to; found in the plugin's own tests.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    bindings::{
        bellwether::plugin::report::{Failure, MetricFamily, Points, Report, Status, Verdict},
        identity::Description,
    },
    metric::kind_of,
    name::{valid_code, valid_label, valid_metric},
    report::points::label_sets,
};

/// Panics with all problems, if there are any.
pub(super) fn fail_with(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "the plugin is at odds with its description:\n  {}",
        problems.join("\n  ")
    );
}

/// Of the description alone.
pub(super) fn description(description: &Description) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_kebab(&description.name) {
        problems.push(format!("name `{}` is not kebab-case", description.name));
    }
    if description.summary.is_empty() || description.summary.contains('\n') {
        problems.push("the summary is not one line".to_owned());
    }
    problems.extend(schema(&description.settings_schema));
    problems.extend(twice("metric", description.metrics.iter().map(|metric| &metric.name)));
    problems.extend(twice("code", description.codes.iter().map(|code| &code.code)));
    problems.extend(twice(
        "connection",
        description.connections.iter().map(|slot| &slot.name),
    ));
    for metric in description.metrics.iter().filter(|metric| metric.help.is_empty()) {
        problems.push(format!("metric `{}` has no help", metric.name));
    }
    problems
}

/// Of what a person reads about the plugin.
pub(super) fn readme(description: &Description, readme: &str) -> Vec<String> {
    let metrics = description.metrics.iter().map(|metric| ("metric", &metric.name));
    let codes = description.codes.iter().map(|code| ("code", &code.code));
    let silent = metrics
        .chain(codes)
        .filter(|(_, name)| !readme.contains(&format!("`{name}`")));
    silent
        .map(|(what, name)| format!("the README says nothing of {what} `{name}`"))
        .collect()
}

/// As [`readme`], of a forwarder: it has neither metrics nor codes, but settings and slots.
pub(super) fn forwarder_readme(description: &Description, readme: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&description.settings_schema).expect("schemars writes JSON");
    let keys = schema.get("properties").and_then(Value::as_object);
    let keys = keys
        .into_iter()
        .flat_map(|keys| keys.keys())
        .map(|key| ("setting", key));
    let slots = description.connections.iter().map(|slot| ("slot", &slot.name));
    let silent = keys
        .chain(slots)
        .filter(|(_, name)| !readme.contains(&format!("`{name}`")));
    silent
        .map(|(what, name)| format!("the README says nothing of {what} `{name}`"))
        .collect()
}

fn is_kebab(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn schema(schema: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(schema).expect("schemars writes JSON");
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    (!closed).then(|| "settings accept unknown keys: add #[serde(deny_unknown_fields)] to their type".to_owned())
}

fn twice<'n>(what: &str, names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names
        .filter(|name| !seen.insert(*name))
        .map(|name| format!("{what} `{name}` is described twice"))
        .collect()
}

/// Of what a run returned, against the description.
pub(super) fn outcome(description: &Description, outcome: &Result<Report, Failure>) -> Vec<String> {
    match outcome {
        Ok(report) => {
            let verdicts = report.verdicts.iter().flat_map(|each| verdict(description, each));
            let families = report.families.iter().flat_map(|each| family(description, each));
            let targets = twice_judged(&report.verdicts);
            let names = twice_reported(&report.families);
            verdicts.chain(families).chain(targets).chain(names).collect()
        }
        Err(failure) if failure.code.is_empty() => Vec::new(),
        Err(failure) => code(description, &failure.code).into_iter().collect(),
    }
}

/// The host keeps the first family of a name and refuses the others.
fn twice_reported(families: &[MetricFamily]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let again = families.iter().filter(|family| !seen.insert(&family.name));
    again
        .map(|family| format!("metric `{}` stands in the report twice", family.name))
        .collect()
}

fn twice_judged(verdicts: &[Verdict]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let again = verdicts.iter().filter(|verdict| !seen.insert(&verdict.target));
    again
        .map(|verdict| format!("target `{}` has two verdicts", verdict.target))
        .collect()
}

fn verdict(description: &Description, verdict: &Verdict) -> Vec<String> {
    let mut problems = Vec::new();
    if verdict.status != Status::Ok {
        problems.extend(code(description, &verdict.code));
        if verdict.summary.is_empty() {
            problems.push(format!(
                "the verdict on `{}` is not ok and says nothing",
                verdict.target
            ));
        }
    }
    if verdict.summary.contains('\n') {
        problems.push(format!(
            "the summary of the verdict on `{}` is not one line",
            verdict.target
        ));
    }
    problems
}

fn code(description: &Description, code: &str) -> Option<String> {
    if !valid_code(code) {
        return Some(format!("`{code}` is not a code"));
    }
    let described = description.codes.iter().any(|each| each.code == code);
    (!described).then(|| format!("code `{code}` is not described: call `about.code(…)` in `describe`"))
}

fn family(description: &Description, family: &MetricFamily) -> Vec<String> {
    let mut problems: Vec<String> = names(family).into_iter().chain(series_twice(family)).collect();
    let dynamic = description
        .details
        .iter()
        .any(|(name, value)| name == "dynamic-metrics" && value == "true");
    match description.metrics.iter().find(|metric| metric.name == family.name) {
        None if dynamic => {}
        None => problems.push(format!(
            "metric `{}` is not described: call `about.metric(…)`",
            family.name
        )),
        Some(metric) if metric.kind != kind_of(&family.points) => problems.push(format!(
            "metric `{}` is described as {} and reported as {}",
            family.name,
            metric.kind,
            kind_of(&family.points)
        )),
        Some(metric) if metric.label_names != family.label_names => {
            problems.push(format!(
                "metric `{}` is reported with other labels than described",
                family.name
            ));
        }
        Some(_) => {}
    }
    problems
}

/// Declared metrics cannot have bad names; a plugin that builds families by hand can.
fn names(family: &MetricFamily) -> Option<String> {
    let valid = valid_metric(&family.name) && family.label_names.iter().all(|label| valid_label(label));
    (!valid).then(|| {
        format!(
            "`{}` or one of its labels {:?} is not a name",
            family.name, family.label_names
        )
    })
}

/// Of all kinds but raw values, the host refuses a family with one label set twice.
fn series_twice(family: &MetricFamily) -> Vec<String> {
    if matches!(family.points, Points::Observations(_)) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let sets = label_sets(&family.points).into_iter();
    let again = sets.map(as_exposed).filter(|values| !seen.insert(values.clone()));
    again
        .map(|values| format!("series `{}`{values:?} is reported twice", family.name))
        .collect()
}

/// Label values as the host exposes them, by which it tells series apart: a character that could mislead a reader becomes U+FFFD.
fn as_exposed(values: &[String]) -> Vec<String> {
    let odd = |c: char| {
        let unseen = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (c.is_control() && c != '\n' && c != '\t') || unseen
    };
    values.iter().map(|value| value.replace(odd, "\u{fffd}")).collect()
}
