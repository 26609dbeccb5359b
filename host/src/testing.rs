//! Small values that unit tests of several modules need: a check, an outcome, a family.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    board::CheckState,
    clock::Timestamp,
    config::{Addresses, Check, Connection, Limits, PluginOrigin, PluginSource, Schedule, TlsOptions},
    metric::{FamilyHead, LabelName, MetricKind, MetricName, Sample},
    outcome::{Failure, Outcome, Reason, Report, ReportedFamily, ReportedPoints, Status, Usage, Verdict},
};

/// A check of the plugin `system` every 15 seconds.
pub(crate) fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        plugin: PluginSource {
            origin: PluginOrigin::Bundled("system".to_owned()),
            sha256: None,
        },
        plugin_edition: 0,
        schedule: Schedule::Interval {
            every: Duration::from_secs(15),
            retry: None,
        },
        timeout: Duration::from_secs(10),
        stale_after: None,
        prefix: String::new(),
        labels: BTreeMap::new(),
        limits: Limits::default(),
        allow: BTreeSet::new(),
        connections: BTreeMap::new(),
        required: true,
        settings: "{}".into(),
        location: "bellwether.toml:1".to_owned(),
    }
}

/// A connection without credentials, to this machine and beyond.
pub(crate) fn connection(url: &str) -> Connection {
    Connection {
        name: "under-test".into(),
        url: url::Url::parse(url).expect("a URL"),
        url_is_secret: false,
        methods: BTreeSet::new(),
        says_methods: false,
        headers: Vec::new(),
        query: Vec::new(),
        secrets: BTreeMap::new(),
        auth: None,
        sign: None,
        user: None,
        password: None,
        addresses: Addresses::Private,
        proxy: None,
        tls: TlsOptions::default(),
    }
}

/// A run that yielded this report.
pub(crate) fn outcome(check: &str, report: Report) -> Outcome {
    Outcome {
        check: check.into(),
        scheduled_at: Timestamp::from_seconds(1_700_000_000),
        started_at: Timestamp::from_seconds(1_700_000_000),
        attempt: 1,
        result: Ok(report),
        usage: Usage {
            duration: Duration::from_millis(20),
            cpu: Duration::from_millis(5),
            memory_peak_bytes: 1 << 20,
            ..Usage::default()
        },
    }
}

/// A run that yielded none.
pub(crate) fn failure(check: &str, reason: Reason) -> Outcome {
    let failure = Failure {
        reason,
        code: String::new(),
        message: format!("it was {reason}"),
        retryable: true,
    };
    Outcome {
        result: Err(failure),
        ..outcome(check, Report::default())
    }
}

/// Families and no verdicts.
pub(crate) fn report(families: Vec<ReportedFamily>) -> Report {
    Report {
        families,
        ..Report::default()
    }
}

/// A verdict.
pub(crate) fn verdict(target: &str, status: Status) -> Verdict {
    Verdict {
        target: target.into(),
        status,
        code: String::new(),
        summary: format!("{target} is {status}"),
        latency: None,
        details: Vec::new(),
    }
}

/// A check that has not run yet.
pub(crate) fn check_state(name: &str) -> CheckState {
    CheckState {
        name: name.into(),
        plugin: "http".into(),
        required: true,
        problem: None,
        ran: false,
        restored: false,
        is_pushed: false,
        status: None,
        outcome: None,
        verdicts: [].into(),
        message: String::new(),
        duration: Duration::ZERO,
        checked_at: None,
        consecutive_failures: 0,
        consecutive_failed_runs: 0,
        denied: Vec::new(),
        refused: Vec::new(),
        series: 0,
        series_dropped: 0,
        missed_ticks: 0,
        stale: false,
    }
}

/// A family whose samples have one label, `of`.
pub(crate) fn family(name: &str, kind: MetricKind, values: &[(&str, f64)]) -> ReportedFamily {
    ReportedFamily {
        head: head(name, kind),
        points: ReportedPoints::Values(samples(values)),
    }
}

/// The same, to be added to running totals.
pub(crate) fn increments(name: &str, values: &[(&str, f64)]) -> ReportedFamily {
    ReportedFamily {
        head: head(name, MetricKind::Counter),
        points: ReportedPoints::Increments(samples(values)),
    }
}

pub(crate) fn head(name: &str, kind: MetricKind) -> FamilyHead {
    FamilyHead {
        name: MetricName::new(name).expect("valid"),
        help: format!("Help of {name}.").into(),
        unit: "".into(),
        kind,
        label_names: Arc::new([LabelName::new("of").expect("valid")]),
    }
}

fn samples(values: &[(&str, f64)]) -> Vec<Sample> {
    let samples = values.iter().map(|(label, value)| Sample {
        label_values: Box::new([(*label).into()]),
        value: *value,
        created: None,
    });
    samples.collect()
}
