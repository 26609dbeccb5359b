//! What the host measures about its own rules.

use super::run::GroupRun;
use crate::telemetry::{Count, Telemetry};

const GROUP: &str = "rule_group";

/// What one evaluation of a group came to.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) samples: usize,
    pub(super) failures: u64,
    pub(super) missed: u64,
    /// Rules.
    pub(super) evaluated: usize,
}

/// Of a group, after an evaluation.
pub(super) fn group(telemetry: &Telemetry, run: &GroupRun, counts: &Counts) {
    let key: &str = &run.key;
    let set = |name, help, value| telemetry.instruments().set(name, help, &[(GROUP, key)], value);
    set(
        "bellwether_rule_group_last_evaluation_timestamp_seconds",
        "Slot of the last evaluation of a group of rules.",
        run.last.unwrap_or(0) as f64 / 1_000.0,
    );
    set(
        "bellwether_rule_group_last_duration_seconds",
        "How long the last evaluation of a group of rules took.",
        run.took.as_secs_f64(),
    );
    set(
        "bellwether_rule_group_last_samples",
        "Samples that the last evaluation of a group of rules recorded.",
        counts.samples as f64,
    );
    set(
        "bellwether_rule_group_rules",
        "Rules of a group.",
        run.rules.len() as f64,
    );
    let count = |name, help, by| {
        telemetry.instruments().count(&Count {
            name,
            help,
            labels: vec![(GROUP, key.to_owned())],
            by,
        });
    };
    let rules = u64::try_from(counts.evaluated).unwrap_or(0);
    count("bellwether_rule_evaluations_total", "Evaluations of rules.", rules);
    count(
        "bellwether_rule_evaluation_failures_total",
        "Evaluations of rules that failed.",
        counts.failures,
    );
    count(
        "bellwether_rule_group_missed_slots_total",
        "Slots of a group of rules that nobody evaluated.",
        counts.missed,
    );
}

/// Of a group that is gone.
pub(super) fn forget(telemetry: &Telemetry, run: &GroupRun) {
    telemetry.instruments().forget(GROUP, &run.key);
}
