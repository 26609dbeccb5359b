//! Verdicts: one on each queue, one on each part of Redis that is not well, one on what could not be learnt, one on the whole.
//!
//! Flows in: the picture of a run, what changed, and the thresholds. Flows out: verdicts with a code and a line for a person.

mod queue;
mod redis;
mod whole;

use bellwether_sdk::{Code, Description, Report, Status, settings::Levels};

use crate::{memory::Changes, picture::Picture, target::Target, workers::Workers};

/// How bad something is; the worse is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Unknown,
    Warning,
    Critical,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Something that is not well.
#[derive(Clone, Debug)]
struct Finding {
    severity: Severity,
    code: &'static Code,
    text: String,
}

impl Finding {
    fn new(severity: Severity, code: &'static Code, text: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            text: text.into(),
        }
    }

    /// A value against its levels: nothing while it is not known, or not beyond them. `said` gets the level that was passed.
    fn of(value: Option<f64>, levels: Levels, code: &'static Code, said: impl Fn(f64, f64) -> String) -> Option<Self> {
        let value = value?;
        let (status, level) = levels.passed(value)?;
        let severity = if status == Status::Critical {
            Severity::Critical
        } else {
            Severity::Warning
        };
        Some(Self::new(severity, code, said(value, level)))
    }
}

/// What was found, for the count of runs in which it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Of the verdict.
    pub(crate) target: String,
    pub(crate) code: &'static str,
    /// `critical`, `warning` or `unknown`.
    pub(crate) severity: &'static str,
}

/// A report to put verdicts in, with all that was found.
struct Book<'r> {
    report: &'r mut Report,
    found: Vec<Found>,
}

impl Book<'_> {
    /// As [`verdict`].
    fn verdict(&mut self, target: &str, findings: Vec<Finding>, well: &str) {
        self.found.extend(findings.iter().map(|finding| Found {
            target: target.to_owned(),
            code: finding.code.name(),
            severity: finding.severity.name(),
        }));
        verdict(self.report, target, findings, well);
    }

    /// As [`verdict`], of nothing unless something was found.
    fn unwell(&mut self, target: &str, findings: Vec<Finding>) {
        if !findings.is_empty() {
            self.verdict(target, findings, "");
        }
    }
}

/// One verdict: the worst finding gives status and code, and all are told. Without findings it is ok, with `well` as its summary.
fn verdict(report: &mut Report, target: &str, mut findings: Vec<Finding>, well: &str) {
    // Stable, so that of equally bad ones the one that was looked for first stands first.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let Some(worst) = findings.first() else {
        report.ok(target).summary(well);
        return;
    };
    let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    let summary = texts.join("; ");
    let verdict = match worst.severity {
        Severity::Critical => report.critical(target, worst.code, summary),
        Severity::Warning => report.warning(target, worst.code, summary),
        Severity::Unknown => report.unknown(target, worst.code, summary),
    };
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.name()).collect();
    if codes.len() > 1 {
        verdict.detail("codes", codes.join(", "));
    }
}

pub(crate) fn describe(about: &mut Description) {
    queue::describe(about);
    redis::describe(about);
    whole::describe(about);
}

/// Adds the verdicts, and returns what was found.
pub(crate) fn report(target: &Target, picture: &Picture, changes: &Changes, report: &mut Report) -> Vec<Found> {
    let mut book = Book {
        report,
        found: Vec::new(),
    };
    whole::report(target, picture, &mut book);
    queue::report(target, picture, changes, &mut book);
    redis::report(target, picture, changes, &mut book);
    book.found
}

/// Whether this run could see how something is, by the target of its verdict: what was not found of it then is not so any more. A
/// command that is refused hides what only it could tell, and never more than that was ever known.
pub(crate) fn is_judged(target: &Target, picture: &Picture, found: &[Found], of: &str) -> bool {
    if picture.incomplete.is_some() {
        return false;
    }
    match of.strip_prefix("queue ") {
        Some(queue) => {
            let is_unreadable = |found: &Found| found.target == of && found.code == queue::UNREADABLE.name();
            picture.queues.contains_key(queue) && !found.iter().any(is_unreadable)
        }
        None if of == "workers" => Workers::of(target, picture).is_some(),
        None if of.starts_with("redis") => picture.server.is_some(),
        None => true,
    }
}

/// Seconds as people say them: `95 s`, `12 min`, `3.5 h`, `2 d`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// `1 job`, `2 jobs`.
fn jobs(number: f64) -> String {
    plural(number, "job", "jobs")
}

fn plural(number: f64, one: &str, many: &str) -> String {
    if number == 1.0 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Code = Code::new("code", "It is a test.");

    fn levels(warning: f64, critical: f64) -> Levels {
        Levels {
            warning: Some(warning),
            critical: Some(critical),
        }
    }

    #[test]
    fn a_level_is_passed_beyond_it_and_not_at_it() {
        let severity = |value: f64| {
            let finding = Finding::of(Some(value), levels(100.0, 200.0), &CODE, |value, _| format!("{value}"));
            finding.map(|finding| finding.severity)
        };
        assert_eq!(severity(100.0), None);
        assert_eq!(severity(101.0), Some(Severity::Warning));
        assert_eq!(severity(201.0), Some(Severity::Critical));
        assert!(Finding::of(None, levels(0.0, 0.0), &CODE, |_, _| String::new()).is_none());
    }

    #[test]
    fn the_worst_finding_stands_first() {
        let mut report = Report::new();
        let findings = vec![
            Finding::new(Severity::Unknown, &CODE, "a"),
            Finding::new(Severity::Critical, &CODE, "b"),
            Finding::new(Severity::Warning, &CODE, "c"),
        ];
        verdict(&mut report, "t", findings, "well");
        assert_eq!(report.verdicts()[0].summary, "b; c; a");
        assert_eq!(report.verdicts()[0].status, Status::Critical);
    }

    #[test]
    fn times_and_numbers_are_as_people_say_them() {
        let said: Vec<_> = [5.0, 119.4, 720.0, 12_600.0, 200_000.0].map(duration).into();
        assert_eq!(said, ["5 s", "119 s", "12 min", "3.5 h", "2 d"]);
        assert_eq!((jobs(1.0).as_str(), jobs(2.0).as_str()), ("1 job", "2 jobs"));
    }
}
