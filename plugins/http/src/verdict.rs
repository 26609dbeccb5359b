//! Codes, and the verdict on one target.

use bellwether_sdk::{Code, Description, Report, Status, http::Error, metric::Gauge, report::NewVerdict, streak};

use crate::{Probe, failed, judge::Finding};

pub(crate) const RESOLVE: Code = Code::new(
    "resolve_failed",
    "The name has no address, or nobody could be asked for it.",
);
pub(crate) const CONNECT: Code = Code::new(
    "connect_failed",
    "No connection: the server is down, or a firewall is between.",
);
pub(crate) const TLS: Code = Code::new(
    "tls_failed",
    "The certificate or the handshake was refused: see the summary, and the certificate in the details.",
);
pub(crate) const CERTIFICATE_EXPIRED: Code = Code::new(
    "certificate_expired",
    "A certificate is outside the time in which it is valid: renew it, and see why that did not happen by itself.",
);
pub(crate) const TIMEOUT: Code = Code::new("timeout", "No answer in time; the summary names the phase it hung in.");
pub(crate) const PROTOCOL: Code = Code::new(
    "protocol_error",
    "What was answered is not HTTP, or ended in the middle.",
);
pub(crate) const LIMIT: Code = Code::new(
    "over_limit",
    "The answer, or this run, is beyond a limit of the host's.",
);
pub(crate) const BODY_TOO_LONG: Code = Code::new(
    "body_too_long",
    "The body is longer than the host reads, or never ends. Where a part of it is enough, as of a large download, set \
     `expect.whole_body = false`.",
);
pub(crate) const NOT_ASKED: Code = Code::new(
    "not_asked",
    "This run came to its end before it came to this target: shorten `request.timeout_seconds`, or share the targets among \
     several checks.",
);
pub(crate) const NOT_SEARCHED: Code = Code::new(
    "not_searched",
    "What was answered is more than this run has the time to search, and what was searched proves nothing: lower \
     `request.body_bytes`, simplify the expressions (`body_contains` costs least), or share the targets among several checks.",
);
pub(crate) const DENIED: Code = Code::new(
    "denied",
    "The configuration does not allow this request, or a redirect leads where it does not: the summary names the line.",
);
pub(crate) const INVALID: Code = Code::new(
    "invalid_request",
    "The request makes no sense: mend `request` or the URL.",
);
pub(crate) const STATUS: Code = Code::new(
    "status_unexpected",
    "It answered with a status that is not among the expected ones.",
);
pub(crate) const BODY: Code = Code::new(
    "body_unexpected",
    "The body lacks what it should contain, or contains what it should not.",
);
pub(crate) const JSON: Code = Code::new(
    "json_unexpected",
    "The body is not JSON, or a value in it is not as expected.",
);
pub(crate) const HEADER: Code = Code::new("header_unexpected", "A header of the answer is not as expected.");
pub(crate) const BODY_SIZE: Code = Code::new("body_size_unexpected", "The body is shorter or longer than expected.");
pub(crate) const SLOW: Code = Code::new(
    "slow",
    "It answers slower than `latency_seconds` allows: the details say in which phase.",
);
pub(crate) const EXPIRING: Code = Code::new("certificate_expiring", "A certificate ends soon: renew it.");
pub(crate) const REDIRECTS: Code = Code::new(
    "redirect_unexpected",
    "It redirects more or less often, or elsewhere, than expected.",
);
pub(crate) const CONNECTION: Code = Code::new(
    "connection_unexpected",
    "The version of HTTP, or the use of TLS, is not as expected.",
);

pub(crate) const ALL: [&Code; 21] = [
    &RESOLVE,
    &CONNECT,
    &TLS,
    &CERTIFICATE_EXPIRED,
    &TIMEOUT,
    &PROTOCOL,
    &LIMIT,
    &BODY_TOO_LONG,
    &NOT_ASKED,
    &NOT_SEARCHED,
    &DENIED,
    &INVALID,
    &STATUS,
    &BODY,
    &JSON,
    &HEADER,
    &BODY_SIZE,
    &SLOW,
    &EXPIRING,
    &REDIRECTS,
    &CONNECTION,
];

pub(crate) const RUNS: Gauge<2> = Gauge::new(
    "http_probe_not_ok_runs",
    "Runs in a row in which the target was not ok (severity warning), or critical.",
    streak::LABELS,
);

/// Findings that are spelled out; a wrong page breaks every expectation at once.
const FINDINGS_SAID: usize = 3;

pub(crate) fn describe(about: &mut Description) {
    about.metric(&RUNS);
    for code in ALL {
        about.code(code);
    }
}

pub(crate) fn report(probe: &Probe<'_>, report: &mut Report) {
    let target = &probe.target.name;
    let verdict = match probe.judgement.worst() {
        None => report.ok(target).summary(well(probe)),
        Some(finding) => {
            let summary = said(&probe.judgement.findings);
            let verdict = add(report, target, finding, summary);
            match &finding.contrast {
                Some((expected, actual)) => verdict.detail("expected", expected).detail("actual", actual),
                None => verdict,
            }
        }
    };
    details(verdict.latency(probe.seen.latency()), probe);
}

fn add<'r>(report: &'r mut Report, target: &str, finding: &Finding, summary: String) -> NewVerdict<'r> {
    match finding.status {
        Status::Critical => report.critical(target, finding.code, summary),
        Status::Warning => report.warning(target, finding.code, summary),
        Status::Ok | Status::Unknown => report.unknown(target, finding.code, summary),
    }
}

fn well(probe: &Probe<'_>) -> String {
    let status = probe.seen.status.unwrap_or_default();
    format!("{status} in {}", milliseconds(probe.seen.latency()))
}

fn milliseconds(duration: std::time::Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1000.0)
}

/// The worst first.
fn said(findings: &[Finding]) -> String {
    let texts: Vec<&str> = findings
        .iter()
        .take(FINDINGS_SAID)
        .map(|finding| finding.text.as_str())
        .collect();
    let more = findings.len().saturating_sub(FINDINGS_SAID);
    let rest = if more == 0 {
        String::new()
    } else {
        format!("; and {more} more")
    };
    one_line(&format!("{}{rest}", texts.join("; ")))
}

/// Texts of targets stand in summaries, and a summary is one line.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn details(verdict: NewVerdict<'_>, probe: &Probe<'_>) {
    let seen = &probe.seen;
    let mut verdict = verdict;
    if !seen.url.is_empty() {
        verdict = verdict.detail("url", failed::without_query(&seen.url));
    }
    if let Some(remote) = &seen.remote {
        verdict = verdict.detail("address", remote);
    }
    let phases: Vec<String> = seen
        .phases()
        .map(|(name, time)| format!("{name} {}", milliseconds(time)))
        .collect();
    if !phases.is_empty() {
        verdict = verdict.detail("phases", phases.join(", "));
    }
    if let Some(Error::Timeout(phase)) = &seen.error {
        verdict = verdict.detail("hung_in", failed::phase(*phase));
    }
    if let Some(leaf) = seen.tls.as_ref().and_then(|tls| tls.chain.first()) {
        let names = leaf.dns_names.join(", ");
        verdict.detail(
            "certificate",
            format!("{} for {names}, by {}", leaf.subject, leaf.issuer),
        );
    }
}
