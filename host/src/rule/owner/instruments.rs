//! What the host measures about its own rules and its history.

use super::run::GroupRun;
use crate::{
    history::{Appended, Ticked},
    telemetry::{Count, Telemetry},
};

const GROUP: &str = "rule_group";

/// Of a group, after an evaluation.
pub(super) fn group(telemetry: &Telemetry, run: &GroupRun, samples: usize, failures: u64, missed: u64) {
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
        samples as f64,
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
    let rules = u64::try_from(run.rules.len()).unwrap_or(0);
    count("bellwether_rule_evaluations_total", "Evaluations of rules.", rules);
    count(
        "bellwether_rule_evaluation_failures_total",
        "Evaluations of rules that failed.",
        failures,
    );
    count(
        "bellwether_rule_group_missed_slots_total",
        "Slots of a group of rules that nobody evaluated.",
        missed,
    );
}

/// Of a group that is gone.
pub(super) fn forget(telemetry: &Telemetry, run: &GroupRun) {
    telemetry.instruments().forget(GROUP, &run.key);
}

/// Of what rules record. What is taken is counted with its group.
pub(super) fn recorded(telemetry: &Telemetry, appended: Appended) {
    let reason = match appended {
        Appended::Taken | Appended::Again => return,
        Appended::OutOfOrder => "out_of_order",
        Appended::NotOurs => "reported_by_a_check",
        Appended::NoRoom => "no_room",
    };
    telemetry.instruments().count(&Count {
        name: "bellwether_rule_samples_refused_total",
        help: "Samples of rules that history did not take, by reason.",
        labels: vec![("reason", reason.to_owned())],
        by: 1,
    });
}

/// Of the history, after a tick.
pub(super) fn history(telemetry: &Telemetry, ticked: &Ticked) {
    let set = |name, help, value: usize| telemetry.instruments().set(name, help, &[], value as f64);
    set("bellwether_history_series", "Series in history.", ticked.series);
    set("bellwether_history_bytes", "Bytes that history takes.", ticked.bytes);
    let count = |name, help, by| {
        telemetry.instruments().count(&Count {
            name,
            help,
            labels: Vec::new(),
            by,
        });
    };
    count("bellwether_history_samples_total", "Samples recorded at ticks.", ticked.samples);
    count(
        "bellwether_history_samples_shed_total",
        "Samples given up before their time, for want of memory.",
        ticked.shed_selected + ticked.shed_unselected,
    );
    count(
        "bellwether_history_series_refused_total",
        "Series not recorded at a tick, for want of memory.",
        ticked.refused_selected + ticked.refused_unselected,
    );
}
