//! A run as those are told of it who hear of runs.
//!
//! Flows in: a check as configured, and an outcome. Flows out: a [`ForwardedRun`] in the contract's words. Pure. What of it may not leave
//! is taken out on the way, by `deliver`.

use std::{cmp::Reverse, time::Duration};

use super::runner::interval;
use crate::{
    config::{Check, PluginOrigin, Schedule},
    outcome::{CallSpan, Outcome, Status, Verdict},
    sandbox::{ForwardedRun, Pairs},
};

/// Verdicts that are told one by one: as many as a person reads.
const VERDICTS_MAX: usize = 20;

/// See the module.
pub(super) fn forwarded(check: &Check, outcome: &Outcome) -> ForwardedRun {
    ForwardedRun {
        // A check does not run twice at once.
        id: format!("{}@{}", check.name, outcome.started_at.as_nanos()),
        check: check.name.clone(),
        plugin: plugin(check),
        scheduled_at: outcome.scheduled_at,
        started_at: outcome.started_at,
        duration: outcome.usage.duration,
        interval: interval(check),
        schedule: match &check.schedule {
            Schedule::Interval { .. } => None,
            Schedule::Cron(cron) => Some((cron.expression().to_owned(), cron.zone().to_owned())),
        },
        timeout: check.timeout,
        outcome: outcome.word().to_owned(),
        message: message(outcome),
        labels: check
            .labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect(),
        details: details(outcome),
    }
}

fn plugin(check: &Check) -> String {
    match &check.plugin.origin {
        PluginOrigin::Bundled(name) => name.clone(),
        PluginOrigin::File(path) => path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default(),
    }
}

/// Why it did not end well, or what is worst of what it found.
fn message(outcome: &Outcome) -> String {
    match (&outcome.result, verdicts(outcome).first()) {
        (Err(failure), _) => failure.message.clone(),
        (Ok(_), Some(worst)) if worst.target.is_empty() => worst.summary.clone(),
        (Ok(_), Some(worst)) => format!("{}: {}", worst.target, worst.summary),
        (Ok(_), None) => String::new(),
    }
}

/// Those that are not ok, the worst first.
fn verdicts(outcome: &Outcome) -> Vec<&Verdict> {
    let Ok(report) = &outcome.result else { return Vec::new() };
    let bad = report.verdicts.iter().filter(|verdict| verdict.status != Status::Ok);
    let mut bad: Vec<&Verdict> = bad.collect();
    bad.sort_by_key(|verdict| Reverse(verdict.status));
    bad
}

fn details(outcome: &Outcome) -> Pairs {
    let mut details = vec![("attempt".to_owned(), outcome.attempt.to_string())];
    match &outcome.result {
        Err(failure) if !failure.code.is_empty() => details.push(("code".to_owned(), failure.code.clone())),
        Err(_) => {}
        Ok(report) => details.push(("verdicts".to_owned(), report.verdicts.len().to_string())),
    }
    for verdict in verdicts(outcome).into_iter().take(VERDICTS_MAX) {
        let Verdict {
            target,
            status,
            code,
            summary,
            ..
        } = verdict;
        details.push((format!("verdict.{target}"), format!("{status} {code}: {summary}")));
    }
    let mut known = Vec::new();
    for call in &outcome.usage.calls {
        known.push(call.kind);
        let number = known.iter().filter(|kind| **kind == call.kind).count();
        phases(call, number, &mut details);
    }
    details
}

/// `phase.NAME = "START+DURATION"` in nanoseconds since the run began; parts of a phase are called `NAME/PART`.
fn phases(call: &CallSpan, number: usize, details: &mut Pairs) {
    let name = match number {
        1 => call.kind.to_owned(),
        more => format!("{} {more}", call.kind),
    };
    let mut put = |name: String, began: Duration, took: Duration| {
        details.push((
            format!("phase.{name}"),
            format!("{}+{}", began.as_nanos(), took.as_nanos()),
        ));
    };
    put(name.clone(), call.began, call.took);
    let parts: Duration = call.phases.iter().map(|(_, took)| *took).sum();
    let mut at = call.began + call.took.saturating_sub(parts);
    for (part, took) in &call.phases {
        put(format!("{name}/{part}"), at, *took);
        at += *took;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::{Failure, Reason, Report},
        testing,
    };

    fn verdict(target: &str, status: Status) -> Verdict {
        Verdict {
            target: target.into(),
            status,
            code: "slow".to_owned(),
            summary: format!("{target} is slow"),
            latency: None,
            details: Vec::new(),
        }
    }

    #[test]
    fn a_run_says_its_worst_first_and_what_it_asked() {
        let report = Report {
            verdicts: vec![
                verdict("a", Status::Warning),
                verdict("b", Status::Ok),
                verdict("c", Status::Critical),
            ],
            ..Report::default()
        };
        let mut outcome = testing::outcome("web", report);
        let millis = Duration::from_millis;
        outcome.usage.calls = vec![
            CallSpan {
                kind: "http",
                began: millis(1),
                took: millis(10),
                phases: vec![("connect", millis(2)), ("processing", millis(6))],
            },
            CallSpan {
                kind: "redis",
                began: millis(12),
                took: millis(1),
                phases: Vec::new(),
            },
            CallSpan {
                kind: "http",
                began: millis(20),
                took: millis(3),
                phases: Vec::new(),
            },
        ];
        let run = forwarded(&testing::check("web"), &outcome);
        assert_eq!(
            (run.outcome.as_str(), run.message.as_str()),
            ("critical", "c: c is slow")
        );
        let details: Vec<(&str, &str)> = run
            .details
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            details,
            [
                ("attempt", "1"),
                ("verdicts", "3"),
                ("verdict.c", "critical slow: c is slow"),
                ("verdict.a", "warning slow: a is slow"),
                ("phase.http", "1000000+10000000"),
                ("phase.http/connect", "3000000+2000000"),
                ("phase.http/processing", "5000000+6000000"),
                ("phase.redis", "12000000+1000000"),
                ("phase.http 2", "20000000+3000000"),
            ]
        );
    }

    #[test]
    fn a_run_without_a_report_says_why() {
        let mut outcome = testing::outcome("web", Report::default());
        outcome.result = Err(Failure {
            reason: Reason::Timeout,
            code: "slow".to_owned(),
            message: "no end within 10 s".to_owned(),
            retryable: true,
        });
        let run = forwarded(&testing::check("web"), &outcome);
        assert_eq!(
            (run.outcome.as_str(), run.message.as_str()),
            ("timeout", "no end within 10 s")
        );
        assert!(run.details.contains(&("code".to_owned(), "slow".to_owned())));
    }
}
