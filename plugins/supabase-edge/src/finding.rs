//! What was found out about one target, and the verdict made of it.
//!
//! Flows in: a class and a line for people, or that all is well. Flows out: a verdict in the report, and a form that lasts in
//! the state, since a target that is not looked at in every run is judged by what was seen last.

use std::time::Duration;

use bellwether_sdk::Report;
use serde::{Deserialize, Serialize};

use crate::{
    classes::{self, Class, Matter, Weight},
    settings::Severity,
};

/// Something is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) class: &'static Class,
    /// One line for people. Nothing that came from a target stands in it but numbers and words from closed lists: answers may
    /// hold tokens and people's data.
    pub(crate) summary: String,
    weight: Weight,
}

impl Finding {
    pub(crate) fn new(class: &'static Class, summary: impl Into<String>) -> Self {
        Self {
            class,
            summary: summary.into(),
            weight: class.weight,
        }
    }

    /// Weighs otherwise than its class does.
    pub(crate) fn weighing(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    pub(crate) fn is_critical(&self) -> bool {
        self.weight == Weight::Critical
    }
}

/// All is well, in a line for people; or a finding.
pub(crate) type Outcome = Result<String, Finding>;

/// Adds the verdict on `target`.
pub(crate) fn verdict(
    report: &mut Report,
    target: &str,
    severity: Severity,
    outcome: &Outcome,
    latency: Option<Duration>,
) {
    let new = match outcome {
        Ok(summary) => report.ok(target).summary(summary.clone()),
        Err(finding) => {
            let (code, summary) = (&finding.class.code, finding.summary.clone());
            match (finding.weight, severity) {
                (Weight::Unknown, _) => report.unknown(target, code, summary),
                (Weight::Warning, _) | (Weight::Severity, Severity::Warning) => report.warning(target, code, summary),
                (Weight::Critical, _) | (Weight::Severity, Severity::Critical) => {
                    report.critical(target, code, summary)
                }
            }
        }
    };
    if let Some(latency) = latency {
        new.latency(latency);
    }
}

/// An outcome as it is kept between runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// "" when all was well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    code: String,
    /// Critical, where the class alone would not say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    critical: bool,
    summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency_ns: Option<u64>,
}

impl Kept {
    pub(crate) fn new(outcome: &Outcome, latency: Option<Duration>) -> Self {
        let latency_ns = latency.map(|latency| u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        match outcome {
            Ok(summary) => Self {
                summary: summary.clone(),
                latency_ns,
                ..Self::default()
            },
            Err(finding) => Self {
                code: finding.class.code.name().to_owned(),
                critical: finding.is_critical(),
                summary: finding.summary.clone(),
                latency_ns,
            },
        }
    }

    /// None: kept by another version of the plugin, with a code that this one does not know.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        if self.code.is_empty() {
            return Some(Ok(self.summary.clone()));
        }
        let finding = Finding::new(classes::named(&self.code)?, self.summary.clone());
        Some(Err(if self.critical {
            finding.weighing(Weight::Critical)
        } else {
            finding
        }))
    }

    /// Whether it says how the target was. A check that was misconfigured is tried again at once, not when its time comes.
    pub(crate) fn is_judgement(&self) -> bool {
        match self.outcome() {
            None => false,
            Some(Ok(_)) => true,
            Some(Err(finding)) => finding.class.matter != Matter::Monitor,
        }
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.latency_ns.map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::Status;

    use super::*;

    fn status(outcome: &Outcome, severity: Severity) -> Status {
        let mut report = Report::new();
        verdict(&mut report, "it", severity, outcome, None);
        report.verdicts()[0].status
    }

    #[test]
    fn a_target_is_as_bad_as_its_severity_and_the_class_allow() {
        let down = Err(Finding::new(&classes::BOOT_ERROR, "it does not start"));
        assert_eq!(status(&down, Severity::Critical), Status::Critical);
        assert_eq!(status(&down, Severity::Warning), Status::Warning);
        let refused = Err(Finding::new(&classes::UNAUTHORIZED, "401"));
        assert_eq!(status(&refused, Severity::Critical), Status::Unknown);
        let slow = Err(Finding::new(&classes::SLOW, "6 s").weighing(Weight::Critical));
        assert_eq!(status(&slow, Severity::Warning), Status::Critical);
    }

    #[test]
    fn what_is_kept_says_the_same_in_the_next_run() {
        let slow = Err(Finding::new(&classes::SLOW, "6 s").weighing(Weight::Critical));
        let latency = Some(Duration::from_secs(6));
        let kept = Kept::new(&slow, latency);
        let text = serde_json::to_string(&kept).expect("JSON");
        let kept: Kept = serde_json::from_str(&text).expect("the same");
        let outcome = kept.outcome().expect("a known code");
        assert_eq!(status(&outcome, Severity::Warning), Status::Critical);
        assert_eq!(kept.latency(), latency);
    }

    #[test]
    fn a_code_of_another_version_is_forgotten() {
        let kept = Kept {
            code: "gone".to_owned(),
            ..Kept::default()
        };
        assert!(kept.outcome().is_none());
    }
}
