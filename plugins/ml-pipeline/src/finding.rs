//! What is wrong with a target, and the one verdict made of all of it.

use std::time::Duration;

use bellwether_sdk::{Code, Report, Status};

use crate::{
    code,
    memory::Memory,
    metrics::{FAILING_RUNS, TARGET_LATENCY, TARGET_UP, UNANSWERED_RUNS},
};

/// Findings that a summary spells out; more would not fit in a message to a phone.
const SPELT_OUT_MAX: usize = 3;

/// Characters of a summary. Long enough for a Python exception, short enough for a chat message.
const SUMMARY_CHARS_MAX: usize = 400;

/// What a request came to that says nothing of what was asked about. It may be over with the next run, as a restart of the server is.
const UNANSWERED: [Code; 11] = [
    code::NOT_GRANTED,
    code::UNREACHABLE,
    code::TLS_FAILED,
    code::TIMED_OUT,
    code::UNAUTHORIZED,
    code::OVERLOADED,
    code::UNEXPECTED_STATUS,
    code::UNREADABLE,
    code::BODY_TOO_LARGE,
    code::NOT_ASKED,
    code::NOT_JUDGED,
];

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) status: Status,
    pub(crate) code: Code,
    /// For a person, in the middle of a sentence.
    pub(crate) text: String,
}

impl Finding {
    pub(crate) fn warning(code: Code, text: impl Into<String>) -> Self {
        Self::new(Status::Warning, code, text)
    }

    pub(crate) fn critical(code: Code, text: impl Into<String>) -> Self {
        Self::new(Status::Critical, code, text)
    }

    pub(crate) fn unknown(code: Code, text: impl Into<String>) -> Self {
        Self::new(Status::Unknown, code, text)
    }

    pub(crate) fn new(status: Status, code: Code, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
        }
    }
}

impl Finding {
    /// False when nothing was sent that could have found out how the target is, or when nobody looked at what came back.
    pub(crate) fn was_asked(&self) -> bool {
        ![code::NOT_ASKED, code::NOT_GRANTED, code::NOT_JUDGED].contains(&self.code)
    }
}

/// Everything about one target in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) findings: Vec<Finding>,
    /// The summary when nothing is wrong.
    pub(crate) good: String,
    /// The slowest answer.
    pub(crate) latency: Option<Duration>,
}

impl Judgement {
    /// Adds a finding; the same one twice, as when a server cannot be reached for two questions, is one.
    pub(crate) fn push(&mut self, finding: impl Into<Option<Finding>>) {
        let new = finding.into().filter(|finding| !self.findings.contains(finding));
        self.findings.extend(new);
    }

    /// Remembers the slowest.
    pub(crate) fn took(&mut self, latency: Duration) {
        self.latency = self.latency.max(Some(latency));
    }

    /// Adds verdict and metrics to the report.
    pub(crate) fn report(mut self, kind: &str, name: &str, memory: &mut Memory, report: &mut Report) {
        self.findings.sort_by_key(|finding| severity(finding.status));
        let status = self.findings.first().map_or(Status::Ok, |worst| worst.status);
        self.measure(kind, name, status, memory, report);
        let target = format!("{kind} {name}");
        let summary = one_line(&self.summary(), SUMMARY_CHARS_MAX);
        let mut verdict = match self.findings.first() {
            None => report.ok(&target).summary(summary),
            Some(worst) => match worst.status {
                Status::Critical => report.critical(&target, &worst.code, summary),
                Status::Warning => report.warning(&target, &worst.code, summary),
                Status::Unknown | Status::Ok => report.unknown(&target, &worst.code, summary),
            },
        };
        if let Some(latency) = self.latency {
            verdict = verdict.latency(latency);
        }
        for finding in &self.findings {
            verdict = verdict.detail(finding.code.name(), finding.text.clone());
        }
    }

    fn measure(&self, kind: &str, name: &str, status: Status, memory: &mut Memory, report: &mut Report) {
        // Of a target that was not asked, 0 would say that it is down.
        if self.findings.first().is_none_or(Finding::was_asked) {
            let up = matches!(status, Status::Ok | Status::Warning);
            report.gauge(&TARGET_UP).set([kind, name], up);
        }
        if let Some(latency) = self.latency {
            report.gauge(&TARGET_LATENCY).set([kind, name], latency.as_secs_f64());
        }
        let levels = [
            ("warning", status != Status::Ok),
            ("critical", status == Status::Critical),
        ];
        for (severity, bad) in levels {
            let runs = memory.streak(&format!("{kind} {name} {severity}"), bad);
            report.gauge(&FAILING_RUNS).set([kind, name, severity], runs);
            let unanswered = bad && self.is_unanswered(severity == "critical");
            let runs = memory.streak(&format!("{kind} {name} {severity} unanswered"), unanswered);
            report.gauge(&UNANSWERED_RUNS).set([kind, name, severity], runs);
        }
    }

    /// Whether nothing but requests that failed is why it is not ok, or why it is critical.
    fn is_unanswered(&self, critical_only: bool) -> bool {
        let counts = |finding: &&Finding| !critical_only || finding.status == Status::Critical;
        let mut counted = self.findings.iter().filter(counts);
        counted.all(|finding| UNANSWERED.contains(&finding.code))
    }

    fn summary(&self) -> String {
        let texts: Vec<&str> = self.findings.iter().map(|finding| finding.text.as_str()).collect();
        match texts.len() {
            0 => self.good.clone(),
            count if count <= SPELT_OUT_MAX => texts.join("; "),
            count => format!(
                "{}; and {} more",
                texts[..SPELT_OUT_MAX].join("; "),
                count - SPELT_OUT_MAX
            ),
        }
    }
}

/// Worst first. Not to know is less than to know the worst.
fn severity(status: Status) -> u8 {
    match status {
        Status::Critical => 0,
        Status::Unknown => 1,
        Status::Warning => 2,
        Status::Ok => 3,
    }
}

/// Bytes of a text of others that are looked at to make a line of it.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// The beginning of a text of others, as much of it as is looked at.
pub(crate) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE_BYTES_MAX)]
}

/// Text of others as one line of at most `chars` characters.
pub(crate) fn one_line(text: &str, chars: usize) -> String {
    let text = beginning(text);
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;

    #[test]
    fn text_of_others_becomes_one_short_line() {
        assert_eq!(one_line(" a\n\tb \u{7}c ", 9), "a b c");
        assert_eq!(one_line("äöüß", 2), "äö…");
    }

    #[test]
    fn the_worst_finding_is_the_verdict_and_the_rest_is_said_too() {
        let mut judgement = Judgement::default();
        judgement.push(Finding::warning(code::TOO_SLOW, "slow"));
        judgement.push(Finding::critical(code::MODEL_NOT_READY, "not there"));
        judgement.push(None);
        let mut report = Report::new();
        judgement.report("ready", "m", &mut Memory::default(), &mut report);
        let verdict = &report.verdicts()[0];
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Critical, "model_not_ready")
        );
        assert_eq!(verdict.summary, "not there; slow");
        assert_eq!(verdict.details.len(), 2);
    }

    #[test]
    fn a_request_that_failed_is_told_from_what_was_found() {
        let mut memory = Memory::default();
        let mut counted = |findings: &[Finding]| {
            let findings = findings.to_vec();
            let mut report = Report::new();
            let judgement = Judgement {
                findings,
                ..Judgement::default()
            };
            judgement.report("freshness", "t", &mut memory, &mut report);
            let family = report
                .families()
                .iter()
                .find(|family| family.name == "ml_target_unanswered_runs");
            let Some(bellwether_sdk::report::Points::Gauge(samples)) = family.map(|family| &family.points) else {
                panic!("a gauge");
            };
            samples.iter().map(|sample| sample.value).collect::<Vec<_>>()
        };
        let refused = Finding::critical(code::UNEXPECTED_STATUS, "500");
        let slow = Finding::warning(code::TOO_SLOW, "slow");
        let stopped = Finding::critical(code::DATA_STOPPED, "old");
        // At warning and at critical.
        assert_eq!(counted(std::slice::from_ref(&refused)), [1.0, 1.0]);
        assert_eq!(counted(&[refused.clone(), slow]), [0.0, 2.0]);
        assert_eq!(counted(&[refused, stopped]), [0.0, 0.0]);
        assert_eq!(counted(&[]), [0.0, 0.0]);
    }

    #[test]
    fn many_findings_are_counted() {
        let findings = (0..5)
            .map(|n| Finding::warning(code::TOO_SLOW, format!("f{n}")))
            .collect();
        let judgement = Judgement {
            findings,
            ..Judgement::default()
        };
        assert_eq!(judgement.summary(), "f0; f1; f2; and 2 more");
    }
}
