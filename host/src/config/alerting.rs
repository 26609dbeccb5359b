//! `[alerting]`: where rule files are, how often rules are evaluated, and what is different about bundled ones.

use std::{
    collections::{BTreeMap, HashSet},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use super::{
    Connection,
    dispatch::{self, FileDefaults},
    foreign, include,
    reader::Reader,
    reading::{Reading, Secrets},
    resolved::{Alerting, BundledAlert},
    rule::{self, RulePlace},
    search,
    source::{At, FileId, Span},
    tree::{Entry, Table, Value},
    vocabulary::{ALERTING, BUNDLED_ALERT},
};
use crate::metric::LabelName;

/// How often rules are evaluated unless they or `evaluation_interval` say otherwise: as often as history remembers by default, so
/// that no sample is judged twice and none is missed.
pub const EVALUATION_INTERVAL_DEFAULT: Duration = Duration::from_secs(15);

/// Shortest interval of rules: the board publishes once a second, so nothing changes faster.
pub const EVALUATION_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Longest interval of rules: an alert a day late is none.
pub const EVALUATION_INTERVAL_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Most rule files. More is a pattern gone astray, and each is looked at every second.
pub const RULE_FILES_MAX: usize = 1_000;

const INTERVALS: RangeInclusive<Duration> = EVALUATION_INTERVAL_MIN..=EVALUATION_INTERVAL_MAX;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FileAlerting {
    pub(super) rule_files: Vec<At<String>>,
    evaluation_interval: Option<At<Duration>>,
    bundled_rules: Option<bool>,
    bundled: BTreeMap<String, BundledAlert>,
    /// Where each of `bundled` stands.
    pub(super) bundled_places: BTreeMap<String, RulePlace>,
    /// About notifications.
    pub(super) defaults: FileDefaults,
    pub(super) external_url: Option<At<String>>,
    pub(super) external_labels: BTreeMap<LabelName, At<String>>,
}

pub(super) fn read(root: &Reader<'_, '_>) -> FileAlerting {
    let Some(alerting) = root.table("alerting", &ALERTING) else {
        return FileAlerting::default();
    };
    let (bundled, bundled_places) = bundled(&alerting);
    FileAlerting {
        rule_files: alerting.strings("rule_files").unwrap_or_default(),
        evaluation_interval: alerting.duration("evaluation_interval", &INTERVALS),
        bundled_rules: alerting.boolean("bundled_rules").map(|given| given.value),
        bundled,
        bundled_places,
        defaults: dispatch::read_defaults(&alerting),
        external_url: external_url(&alerting),
        external_labels: external_labels(&alerting),
    }
}

/// Reads the file that `alertmanager_file` names into the sources, before there is anything else to read. None: there is none, or a
/// problem was noted.
pub(super) fn alertmanager_file(reading: &mut Reading<'_>, main: &Table) -> Option<FileId> {
    let given = {
        let Value::Table(table) = &main.get("alerting")?.node.value else {
            return None;
        };
        table.get("alertmanager_file")?;
        Reader::quiet(reading, table, &ALERTING).path("alertmanager_file")?
    };
    match search::read(&given.value) {
        Ok(text) => {
            let file = reading.sources.add(given.value, text);
            foreign::hide(&mut reading.sources, file);
            Some(file)
        }
        Err(problems) => {
            let named = format!("named in {}", reading.sources.file_and_line(given.span));
            for problem in problems {
                reading.add(Some(given.span), problem.with_hint(named.clone()));
            }
            None
        }
    }
}

/// Where people reach the host: http or https, without credentials.
fn external_url(alerting: &Reader<'_, '_>) -> Option<At<String>> {
    let given = alerting.string("external_url")?;
    let url = match Connection::at_address(&given.value) {
        Ok(address) if matches!(address.url.scheme(), "http" | "https") && address.url.query().is_none() => address.url,
        Ok(_) => return wrong_url(alerting, given.span, "is not where people open a page"),
        Err(error) => return wrong_url(alerting, given.span, &error.to_string()),
    };
    Some(At {
        value: url.as_str().trim_end_matches('/').to_owned(),
        span: given.span,
    })
}

fn wrong_url<T>(alerting: &Reader<'_, '_>, span: Span, why: &str) -> Option<T> {
    let hint = "write it as people open it: \"https://monitoring.example.com\"".to_owned();
    alerting.reading.error(span, format!("`external_url` {why}"), hint);
    None
}

fn external_labels(alerting: &Reader<'_, '_>) -> BTreeMap<LabelName, At<String>> {
    let Some(node) = alerting.node("external_labels") else {
        return BTreeMap::new();
    };
    let Value::Table(table) = &node.value else {
        let hint = "for example: external_labels = { region = \"eu\" }".to_owned();
        alerting.wrong("external_labels", node, "a table", Some(hint));
        return BTreeMap::new();
    };
    let label = |entry: &Entry| {
        let value = alerting
            .text(&entry.key, &entry.node, "a string", Secrets::Refused)?
            .text;
        let span = entry.node.span;
        match LabelName::new(&entry.key) {
            Ok(name) => Some((name, At { value, span })),
            Err(error) => {
                alerting.reading.error(entry.key_span, error.to_string(), None);
                None
            }
        }
    };
    table.entries.iter().filter_map(label).collect()
}

/// `[alerting.bundled.ALERT]`, and where each stands.
fn bundled(alerting: &Reader<'_, '_>) -> (BTreeMap<String, BundledAlert>, BTreeMap<String, RulePlace>) {
    let mut found = (BTreeMap::new(), BTreeMap::new());
    let Some(node) = alerting.node("bundled") else {
        return found;
    };
    let Value::Table(alerts) = &node.value else {
        let hint = "`bundled_rules = false` turns all of them off; [alerting.bundled.ALERT] is for one".to_owned();
        alerting.wrong("bundled", node, "a table", Some(hint));
        return found;
    };
    for entry in &alerts.entries {
        let Value::Table(table) = &entry.node.value else {
            let hint = format!("write [alerting.bundled.{}], and its keys below", entry.key);
            alerting.wrong(&entry.key, &entry.node, "a table", Some(hint));
            continue;
        };
        let path = ["alerting", "bundled", entry.key.as_str()];
        let reader = Reader::new(alerting.reading, table, &BUNDLED_ALERT, &path);
        found.0.insert(entry.key.clone(), bundled_alert(&reader));
        found.1.insert(entry.key.clone(), RulePlace(table.clone()));
    }
    found
}

fn bundled_alert(reader: &Reader<'_, '_>) -> BundledAlert {
    BundledAlert {
        enabled: reader.boolean("enabled").is_none_or(|given| given.value),
        hold: reader.duration("for", &rule::DURATIONS).map(|given| given.value),
        labels: rule::texts(reader, "labels"),
        annotations: rule::texts(reader, "annotations"),
    }
}

pub(super) fn resolve(reading: &Reading<'_>, file: &FileAlerting) -> Alerting {
    let interval = file.evaluation_interval.as_ref().map(|given| given.value);
    Alerting {
        rule_files: rule_files(reading, &file.rule_files),
        evaluation_interval: interval.unwrap_or(EVALUATION_INTERVAL_DEFAULT),
        bundled_rules: file.bundled_rules.unwrap_or(true),
        bundled: file.bundled.clone(),
        external_url: file.external_url.as_ref().map(|url| url.value.clone()),
        external_labels: file
            .external_labels
            .iter()
            .map(|(name, value)| (name.clone(), value.value.clone()))
            .collect(),
    }
}

fn rule_files(reading: &Reading<'_>, patterns: &[At<String>]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for pattern in patterns {
        for path in include::files(reading, "rule_files", "rules", "yml", pattern) {
            if !seen.insert(include::identity(&path)) {
                continue;
            }
            if found.len() == RULE_FILES_MAX {
                let message = format!("more than {RULE_FILES_MAX} rule files");
                reading.error(pattern.span, message, "make the pattern narrower".to_owned());
                return found;
            }
            found.push(path);
        }
    }
    found
}
