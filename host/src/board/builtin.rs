//! What is reported about every check by the board itself.

use std::sync::{Arc, LazyLock};

use super::budget::Judged;
use crate::{
    metric::{FamilyHead, LabelName, MetricKind, MetricName, Points, Sample},
    outcome::{Status, Verdict},
};

/// The host's names: nobody else may report under them.
pub(super) const RESERVED_PREFIX: &str = "bellwether_";

/// Labels of the families below. A configured label of the same name is left out there: what the family is about stands.
pub(super) const OWN_LABELS: [&str; 4] = ["target", "status", "outcome", "capability"];

/// How many of the families below are single gauges.
pub(super) const GAUGES: usize = 8;

pub(super) struct Builtin {
    pub(super) up: Arc<FamilyHead>,
    pub(super) status: Arc<FamilyHead>,
    pub(super) consecutive_failures: Arc<FamilyHead>,
    pub(super) consecutive_failed_runs: Arc<FamilyHead>,
    pub(super) runs: Arc<FamilyHead>,
    pub(super) run_duration: Arc<FamilyHead>,
    pub(super) cpu: Arc<FamilyHead>,
    pub(super) memory_peak: Arc<FamilyHead>,
    pub(super) missed_ticks: Arc<FamilyHead>,
    pub(super) last_run: Arc<FamilyHead>,
    pub(super) denied: Arc<FamilyHead>,
    pub(super) requests: Arc<FamilyHead>,
    pub(super) series: Arc<FamilyHead>,
    pub(super) series_limit: Arc<FamilyHead>,
    pub(super) series_dropped: Arc<FamilyHead>,
    pub(super) families_refused: Arc<FamilyHead>,
}

pub(super) static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| Builtin {
    up: gauge(
        "bellwether_check_up",
        "",
        "Whether the check yields reports: its last run did, and not too long ago.",
    ),
    status: head(
        "bellwether_check_status",
        "",
        "The verdict about each target of the check: 1 for the status it has.",
        MetricKind::StateSet,
        &["target", "status"],
    ),
    consecutive_failures: gauge(
        "bellwether_check_consecutive_failures",
        "",
        "Runs in a row that yielded no report or a critical verdict.",
    ),
    consecutive_failed_runs: gauge(
        "bellwether_check_consecutive_failed_runs",
        "",
        "Runs in a row that yielded no report.",
    ),
    runs: counter("bellwether_check_runs_total", "", "Runs of the check.", &["outcome"]),
    run_duration: gauge(
        "bellwether_check_run_duration_seconds",
        "seconds",
        "Wall clock of the last run.",
    ),
    cpu: counter(
        "bellwether_check_cpu_seconds_total",
        "seconds",
        "CPU time that runs of the check used.",
        &[],
    ),
    memory_peak: gauge(
        "bellwether_check_memory_peak_bytes",
        "bytes",
        "Most memory that the plugin held in the last run.",
    ),
    missed_ticks: counter(
        "bellwether_check_missed_ticks_total",
        "",
        "Times the check was due while its previous run was still going or waiting, or the host was held up.",
        &[],
    ),
    last_run: gauge(
        "bellwether_check_last_run_timestamp_seconds",
        "seconds",
        "When the last run of the check ended.",
    ),
    denied: counter(
        "bellwether_check_denied_total",
        "",
        "Runs in which the plugin called something that the configuration does not grant.",
        &["capability"],
    ),
    requests: counter(
        "bellwether_check_requests_total",
        "",
        "HTTP requests that runs of the check made, by how they ended.",
        &["outcome"],
    ),
    series: gauge(
        "bellwether_check_series",
        "",
        "Series that the check reports and that are served, with those that say how its targets are.",
    ),
    series_limit: gauge("bellwether_check_series_limit", "", "Series that the check may report."),
    series_dropped: counter(
        "bellwether_check_series_dropped_total",
        "",
        "Series of the check that were beyond its limit and dropped.",
        &[],
    ),
    families_refused: counter(
        "bellwether_check_families_refused_total",
        "",
        "Families of the check that were not served because they were malformed or contradicted another one.",
        &[],
    ),
});

fn gauge(name: &str, unit: &str, help: &str) -> Arc<FamilyHead> {
    head(name, unit, help, MetricKind::Gauge, &[])
}

fn counter(name: &str, unit: &str, help: &str, labels: &[&str]) -> Arc<FamilyHead> {
    head(name, unit, help, MetricKind::Counter, labels)
}

#[expect(
    clippy::expect_used,
    reason = "names are constants of ours; any test of the board shows a bad one"
)]
pub(super) fn head(name: &str, unit: &str, help: &str, kind: MetricKind, labels: &[&str]) -> Arc<FamilyHead> {
    Arc::new(FamilyHead {
        name: MetricName::new(name).expect("valid"),
        help: help.into(),
        unit: unit.into(),
        kind,
        label_names: labels
            .iter()
            .map(|label| LabelName::new(label).expect("valid"))
            .collect(),
    })
}

/// One sample without labels.
pub(super) fn single(value: f64) -> Points {
    Points::Values(vec![sample(&[], value)])
}

pub(super) fn sample(labels: &[Arc<str>], value: f64) -> Sample {
    Sample {
        label_values: labels.into(),
        value,
        created: None,
    }
}

static STATUS_WORDS: LazyLock<[(Status, Arc<str>); 4]> = LazyLock::new(|| Status::ALL.map(|s| (s, s.as_str().into())));

/// What the verdicts of a report say about which target; a report without any says that the check as a whole is ok.
pub(super) fn judged(verdicts: &[Verdict]) -> Vec<Judged> {
    if verdicts.is_empty() {
        return vec![("".into(), Status::Ok)];
    }
    verdicts
        .iter()
        .map(|verdict| (Arc::clone(&verdict.target), verdict.status))
        .collect()
}

/// Four samples per target.
pub(super) fn statuses(judged: &[Judged]) -> Points {
    let samples = judged.iter().flat_map(|(target, is)| {
        STATUS_WORDS.iter().map(move |(status, word)| {
            let value = if status == is { 1.0 } else { 0.0 };
            sample(&[Arc::clone(target), Arc::clone(word)], value)
        })
    });
    Points::Values(samples.collect())
}
