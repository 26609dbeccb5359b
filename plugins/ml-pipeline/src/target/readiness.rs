//! What the states in an answer come to: of the versions of a model, the workers of a server, the components of a system.
//!
//! Pure: a table of the preset and a document in, findings out.

use serde_json::Value;

use crate::{
    code,
    fill::Params,
    finding::Finding,
    pointer::{self, Found},
    preset::{About, Entries},
};

/// Names listed in a message; more do not help the eye.
const LISTED_MAX: usize = 5;

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Readiness {
    pub(crate) ready: bool,
    pub(crate) load_failed: bool,
    /// That are ready.
    pub(crate) versions: Vec<String>,
    pub(crate) findings: Vec<Finding>,
}

impl Readiness {
    fn only(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }
}

/// State of one entry.
enum Condition {
    Ready,
    Loading,
    Failed(String),
    /// Neither: with what is known of why.
    Idle(String),
}

impl Condition {
    fn without(self, word: &str) -> Self {
        match self {
            Self::Idle(reason) if reason == word => Self::Idle(String::new()),
            other => other,
        }
    }
}

/// Judges a document; `what` is what it is about, for messages.
pub(crate) fn judge(entries: &Entries, about: About, document: &Value, params: &Params<'_>, what: &str) -> Readiness {
    let all = pointer::find(document, entries.list);
    let mine: Vec<&Found<'_>> = all.iter().filter(|entry| is_meant(entries, entry, params)).collect();
    if mine.is_empty() {
        return Readiness::only(absent(entries, about, &all, what));
    }
    let expected = params
        .get("version")
        .filter(|_| !entries.version.is_empty() && about != About::Newest);
    let versioned: Vec<&Found<'_>> = match expected {
        None => mine.clone(),
        Some(version) => mine
            .iter()
            .copied()
            .filter(|entry| version_of(entries, entry) == version)
            .collect(),
    };
    match (versioned.is_empty(), expected) {
        (true, Some(version)) => Readiness::only(wrong_version(entries, &mine, version, what)),
        _ if entries.every => components(entries, &versioned, what),
        _ => versions(entries, &versioned, what),
    }
}

fn is_meant(entries: &Entries, entry: &Found<'_>, params: &Params<'_>) -> bool {
    let equal = |(at, param): &(&str, &str)| {
        let wanted = params.get(param);
        wanted.is_none() || pointer::text(entry.value, at).as_deref() == wanted
    };
    !entry.value.is_null() && entries.keys.iter().all(equal)
}

fn absent(entries: &Entries, about: About, all: &[Found<'_>], what: &str) -> Finding {
    if about == About::Server {
        return Finding::critical(code::UNREADABLE, format!("the answer says nothing about {what}"));
    }
    if about == About::Newest {
        return Finding::critical(
            code::MODEL_NOT_FOUND,
            format!("{what} is not registered, or has no version"),
        );
    }
    let Some((at, _)) = entries.keys.first() else {
        return Finding::critical(code::MODEL_NOT_READY, format!("{what} has no version or worker"));
    };
    let mut known: Vec<String> = all.iter().filter_map(|entry| pointer::text(entry.value, at)).collect();
    known.dedup();
    known.truncate(LISTED_MAX);
    let others = if known.is_empty() {
        "no models".to_owned()
    } else {
        known.join(", ")
    };
    Finding::critical(
        code::MODEL_NOT_FOUND,
        format!("{what} is not there; the server has {others}"),
    )
}

fn wrong_version(entries: &Entries, mine: &[&Found<'_>], expected: &str, what: &str) -> Finding {
    let served: Vec<String> = mine.iter().map(|entry| version_of(entries, entry)).collect();
    let text = format!("{what} has version {}, not {expected}", served.join(", "));
    Finding::critical(code::WRONG_VERSION, text)
}

fn version_of(entries: &Entries, entry: &Found<'_>) -> String {
    pointer::text(entry.value, entries.version)
        .filter(|_| !entries.version.is_empty())
        .unwrap_or_default()
}

fn condition(entries: &Entries, entry: &Found<'_>) -> Condition {
    let text = |at: &&str| pointer::text(entry.value, at).filter(|text| !text.is_empty());
    let reason = entries.reasons.iter().find_map(text);
    let error = Some(&entries.error).filter(|at| !at.is_empty()).and_then(text);
    if let Some(error) = error.filter(|error| !entries.harmless.contains(&error.as_str())) {
        return Condition::Failed(reason.unwrap_or(error));
    }
    if entries.state.is_empty() {
        return Condition::Ready;
    }
    let state = pointer::text(entry.value, entries.state).unwrap_or_default();
    if entries.ready.contains(&state.as_str()) {
        Condition::Ready
    } else if entries.loading.contains(&state.as_str()) {
        Condition::Loading
    } else if entries.failed.contains(&state.as_str()) {
        Condition::Failed(reason.unwrap_or(state))
    } else {
        // A bare truth value says no more than the sentence it would stand in.
        Condition::Idle(reason.unwrap_or(state)).without("false")
    }
}

/// One failed component is a failure.
fn components(entries: &Entries, mine: &[&Found<'_>], what: &str) -> Readiness {
    let mut found = Readiness::default();
    for entry in mine {
        match condition(entries, entry) {
            Condition::Ready => found.ready = true,
            Condition::Failed(reason) => found.findings.push(unhealthy(entries, entry, &reason, what)),
            Condition::Loading | Condition::Idle(_) => {}
        }
    }
    if !found.ready && found.findings.is_empty() {
        let text = format!("the answer does not say that {what} is healthy");
        found.findings.push(Finding::critical(code::UNREADABLE, text));
    }
    found.ready &= found.findings.is_empty();
    found
}

fn unhealthy(entries: &Entries, entry: &Found<'_>, reason: &str, what: &str) -> Finding {
    let name = if entry.name.is_empty() { what } else { &entry.name };
    let state = pointer::text(entry.value, entries.state).unwrap_or_default();
    let more = if reason == state {
        String::new()
    } else {
        format!(" (last heartbeat {reason})")
    };
    Finding::critical(code::COMPONENT_UNHEALTHY, format!("{name} is {state}{more}"))
}

/// One ready version is enough to serve; one that failed is worth knowing all the same.
fn versions(entries: &Entries, mine: &[&Found<'_>], what: &str) -> Readiness {
    let mut found = Readiness::default();
    let (mut failed, mut loading, mut idle) = (Vec::new(), None, None);
    for entry in mine {
        let name = named(what, &version_of(entries, entry));
        match condition(entries, entry) {
            Condition::Ready => {
                found.ready = true;
                found
                    .versions
                    .extend(Some(version_of(entries, entry)).filter(|version| !version.is_empty()));
            }
            Condition::Loading => loading = Some(name),
            Condition::Failed(reason) => failed.push(format!("{name} did not load: {reason}")),
            Condition::Idle(reason) if reason.is_empty() => idle = Some(format!("{name} is not ready")),
            Condition::Idle(reason) => idle = Some(format!("{name} is not ready: {reason}")),
        }
    }
    found.load_failed = !failed.is_empty();
    found.findings = match (found.ready, failed.is_empty(), loading) {
        (true, true, _) => Vec::new(),
        (true, false, _) => vec![Finding::warning(
            code::MODEL_LOAD_FAILED,
            still_serving(&failed, &found.versions),
        )],
        (false, false, _) => vec![Finding::critical(code::MODEL_LOAD_FAILED, failed.join("; "))],
        (false, true, Some(name)) => vec![Finding::warning(code::MODEL_LOADING, format!("{name} is being loaded"))],
        (false, true, None) => vec![Finding::critical(code::MODEL_NOT_READY, idle.unwrap_or_default())],
    };
    found
}

fn still_serving(failed: &[String], versions: &[String]) -> String {
    format!("{} (still served: {})", failed.join("; "), versions.join(", "))
}

/// `two_tower_768 version 2`.
pub(crate) fn named(what: &str, version: &str) -> String {
    if version.is_empty() {
        what.to_owned()
    } else {
        format!("{what} version {version}")
    }
}
