//! `[alerting]`: where rule files are, and how often rules are evaluated.

use std::{collections::HashSet, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{include, reader::Reader, reading::Reading, resolved::Alerting, source::At, vocabulary::ALERTING};

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
}

pub(super) fn read(root: &Reader<'_, '_>) -> FileAlerting {
    let Some(alerting) = root.table("alerting", &ALERTING) else {
        return FileAlerting::default();
    };
    FileAlerting {
        rule_files: alerting.strings("rule_files").unwrap_or_default(),
        evaluation_interval: alerting.duration("evaluation_interval", &INTERVALS),
    }
}

pub(super) fn resolve(reading: &Reading<'_>, file: &FileAlerting) -> Alerting {
    let interval = file.evaluation_interval.as_ref().map(|given| given.value);
    Alerting {
        rule_files: rule_files(reading, &file.rule_files),
        evaluation_interval: interval.unwrap_or(EVALUATION_INTERVAL_DEFAULT),
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
