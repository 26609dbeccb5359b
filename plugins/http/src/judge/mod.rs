//! What was seen against what is expected: findings, the worst first. Pure.

mod body;
mod header;
mod json;

use bellwether_sdk::{
    Code, Status,
    settings::Levels,
    text::cut,
    work::{Searched, Work},
};

use crate::{
    certificate::{days_left, out_of_time, span},
    failed,
    observation::{Answer, Observation},
    settings::{Remaining, Severity},
    target::Target,
    verdict,
};

/// Unless said: time to renew by hand, and time to drop everything else.
const CERTIFICATE_DAYS: Remaining = Remaining {
    warning: Some(14.0),
    critical: Some(3.0),
};

/// Characters of a value that are shown: enough to recognise it by.
const SHOWN_CHARACTERS: usize = 80;

/// Characters of a finding: what it quotes may be others' to choose, such as the names in a certificate, and a thousand targets have to
/// fit in one report.
const TEXT_CHARACTERS_MAX: usize = 700;

/// Codes of requests that were not sent, or not further: that there was no success is known then.
const NEVER_ASKED: [Code; 2] = [verdict::DENIED, verdict::INVALID];

/// Something that is not as expected.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) status: Status,
    pub(crate) code: &'static Code,
    pub(crate) text: String,
    /// Expected and actual, where both are short.
    pub(crate) contrast: Option<(String, String)>,
    by_regex: bool,
}

impl Finding {
    pub(crate) fn new(status: Status, code: &'static Code, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: cut(&text.into(), TEXT_CHARACTERS_MAX).into_owned(),
            contrast: None,
            by_regex: false,
        }
    }

    pub(crate) fn contrast(mut self, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        self.contrast = Some((expected.into(), actual.into()));
        self
    }

    pub(crate) fn by_regex(mut self) -> Self {
        self.by_regex = true;
        self
    }
}

/// All findings about one target.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The worst first, else in the order of looking.
    pub(crate) findings: Vec<Finding>,
    /// There was an answer, and what is wrong is at most its age: slowness and certificates that end soon.
    only_warned: bool,
    /// Nothing is wrong that was looked at, and not all was.
    in_doubt: bool,
}

impl Judgement {
    pub(crate) fn worst(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// A target that is slow, or whose certificate ends soon, is no failed probe. None when nobody can tell.
    pub(crate) fn succeeded(&self) -> Option<bool> {
        (!self.in_doubt).then_some(self.only_warned)
    }

    pub(crate) fn by_regex(&self) -> bool {
        self.findings.iter().any(|finding| finding.by_regex)
    }
}

/// Looks at no more than `work` allows.
pub(crate) fn judge(target: &Target, seen: &Observation, now: i64, work: &Work) -> Judgement {
    let failed = match target.severity {
        Severity::Warning => Status::Warning,
        Severity::Critical => Status::Critical,
    };
    let mut findings = match (&seen.error, &seen.answer) {
        (Some(error), _) => vec![failed::finding(error, target, seen, failed, now)],
        (None, Some(answer)) => answered(target, seen, answer, failed, work),
        (None, None) => Vec::new(),
    };
    let only_warned = findings.is_empty();
    let doubtful = |finding: &Finding| finding.status == Status::Unknown && !NEVER_ASKED.contains(finding.code);
    let in_doubt = !only_warned && findings.iter().all(doubtful);
    if seen.error.is_none() {
        let levels = target.expect.latency_seconds.unwrap_or_default();
        findings.extend(slow(seen.latency().as_secs_f64(), levels));
        findings.extend(certificate(
            seen,
            target.expect.certificate_days.unwrap_or(CERTIFICATE_DAYS),
            now,
        ));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(badness(finding.status)));
    Judgement {
        findings,
        only_warned,
        in_doubt,
    }
}

const fn badness(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Warning => 1,
        Status::Unknown => 2,
        Status::Critical => 3,
    }
}

/// In the order in which a person would look.
fn answered(target: &Target, seen: &Observation, answer: &Answer, failed: Status, work: &Work) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(status(target, seen, failed));
    findings.extend(redirects(target, seen, failed, work));
    findings.extend(connection(target, seen, answer, failed));
    header::judge(&target.expect, answer, failed, work, &mut findings);
    if crate::request::wants_body(target) {
        body::judge(&target.expect, answer, failed, work, &mut findings);
        json::judge(&target.expect, answer, failed, work, &mut findings);
    }
    findings
}

fn status(target: &Target, seen: &Observation, failed: Status) -> Option<Finding> {
    let expected = target.expect.status.clone().unwrap_or_default();
    let status = seen.status.filter(|status| !expected.contains(*status))?;
    let text = format!("status {status}, not {expected}");
    Some(Finding::new(failed, &verdict::STATUS, text).contrast(expected.to_string(), status.to_string()))
}

fn redirects(target: &Target, seen: &Observation, failed: Status, work: &Work) -> Option<Finding> {
    if let Some(expected) = target.expect.redirects.filter(|expected| *expected != seen.redirects) {
        let text = format!("{} redirects, not {expected}", seen.redirects);
        return Some(
            Finding::new(failed, &verdict::REDIRECTS, text).contrast(expected.to_string(), seen.redirects.to_string()),
        );
    }
    let pattern = target.expect.final_url.as_ref()?;
    let url = failed::without_query(&seen.url);
    match work.search(pattern, &seen.url, true) {
        Searched::Found => return None,
        Searched::Missing => {}
        Searched::MissingInFirst(_) => {
            let text = format!("this run has no time to search {url} for `{}`", pattern.as_str());
            return Some(Finding::new(Status::Unknown, &verdict::NOT_SEARCHED, text));
        }
    }
    let text = format!("led to {url}, which does not match `{}`", pattern.as_str());
    Some(Finding::new(failed, &verdict::REDIRECTS, text).by_regex())
}

fn connection(target: &Target, seen: &Observation, answer: &Answer, failed: Status) -> Option<Finding> {
    let finding = |text: String| Some(Finding::new(failed, &verdict::CONNECTION, text));
    match (target.expect.tls, seen.tls.is_some()) {
        (Some(true), false) => return finding("answered without TLS".to_owned()),
        (Some(false), true) => return finding("answered over TLS".to_owned()),
        _ => {}
    }
    let versions = target.expect.http_versions.as_ref()?;
    if versions.iter().any(|version| version.as_str() == answer.http_version) {
        return None;
    }
    let expected: Vec<&str> = versions.iter().map(|version| version.as_str()).collect();
    finding(format!(
        "answered with HTTP/{}, not {}",
        answer.http_version,
        expected.join(", ")
    ))
}

fn slow(seconds: f64, levels: Levels) -> Option<Finding> {
    let (status, level) = levels.reached(seconds)?;
    let text = format!("took {seconds:.2} s, at or above {level} s");
    Some(Finding::new(status, &verdict::SLOW, text))
}

fn certificate(seen: &Observation, levels: Remaining, now: i64) -> Option<Finding> {
    let first = seen.first_to_expire()?;
    let days = days_left(first, now);
    let below = |level: Option<f64>| level.is_some_and(|level| days < level);
    let status = if below(levels.critical) {
        Status::Critical
    } else if below(levels.warning) {
        Status::Warning
    } else {
        return None;
    };
    // Past its end it is only seen where the connection accepts any certificate.
    let text = out_of_time(first, now).unwrap_or_else(|| {
        let left = span(first.not_after_unix.saturating_sub(now));
        format!("certificate of {} expires in {left}", first.subject)
    });
    Some(Finding::new(status, &verdict::EXPIRING, text))
}
