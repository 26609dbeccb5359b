//! Stand-in for the conversion of guest reports.

use std::collections::BTreeMap;

use super::bindings::bellwether::plugin::report as wit;
use crate::{
    metric::{FamilyHead, LabelName, MetricKind, MetricName, Sample},
    outcome::{Failure, Reason, Report, ReportedFamily, ReportedPoints, Status, Verdict},
    secret::Redactor,
};

/// What [`report`] goes by.
#[derive(Clone, Copy, Debug)]
pub struct ConvertRules<'r> {
    /// Put before each family name; may be empty.
    pub prefix: &'r str,
    /// Labels that the configuration puts on every sample.
    pub labels: &'r BTreeMap<LabelName, String>,
    /// Knows the secrets.
    pub redactor: &'r Redactor,
}

/// Takes over gauges and verdicts.
pub fn report(guest: wit::Report, rules: &ConvertRules<'_>) -> Report {
    let verdicts = guest.verdicts.into_iter().map(|verdict| Verdict {
        target: verdict.target.into(),
        status: match verdict.status {
            wit::Status::Ok => Status::Ok,
            wit::Status::Warning => Status::Warning,
            wit::Status::Critical => Status::Critical,
            wit::Status::Unknown => Status::Unknown,
        },
        code: verdict.code,
        summary: verdict.summary,
        latency: None,
        details: verdict.details,
    });
    let families = guest.families.into_iter().filter_map(|family| {
        let wit::Points::Gauge(samples) = family.points else {
            return None;
        };
        let samples = samples.into_iter().map(|sample| Sample {
            label_values: sample.label_values.into_iter().map(Into::into).collect(),
            value: sample.value,
            created: None,
        });
        Some(ReportedFamily {
            head: FamilyHead {
                name: MetricName::new(&format!("{}{}", rules.prefix, family.name)).ok()?,
                help: family.help.into(),
                unit: family.unit.into(),
                kind: MetricKind::Gauge,
                label_names: family
                    .label_names
                    .iter()
                    .filter_map(|name| LabelName::new(name).ok())
                    .collect(),
            },
            points: ReportedPoints::Values(samples.collect()),
        })
    });
    Report {
        verdicts: verdicts.collect(),
        families: families.collect(),
        refused: Vec::new(),
    }
}

/// The guest's own word that its run failed.
pub fn failure(guest: &wit::Failure, _redactor: &Redactor) -> Failure {
    Failure {
        reason: match guest.kind {
            wit::FailureKind::Settings => Reason::Settings,
            wit::FailureKind::Denied => Reason::Denied,
            wit::FailureKind::Target => Reason::Target,
            wit::FailureKind::Internal => Reason::Internal,
        },
        code: guest.code.clone(),
        message: guest.message.clone(),
        retryable: guest.retryable,
    }
}
