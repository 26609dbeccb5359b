//! Codes, the verdict on each target, and how its scrape went.

use bellwether_sdk::{Code, Description, Failure, Report, Status, metric::Gauge, streak};

use crate::{answer::Refusal, merge::Account};

pub(crate) const UNREACHABLE: Code = Code::new("unreachable", "No answer: the summary says at which step it failed.");
pub(crate) const TIMEOUT: Code = Code::new(
    "timeout",
    "No answer in time: is the exporter slow, or `timeout` too short?",
);
pub(crate) const NOT_ASKED: Code = Code::new(
    "not_asked",
    "The run came to its end before it came to this target: shorten `timeout_seconds`, or share the targets among several checks.",
);
pub(crate) const NOT_READ: Code = Code::new(
    "not_read",
    "The run has no time, or no room, left for what it serves: give it a check of its own, or have it serve less. Nothing of it was \
     taken.",
);
pub(crate) const DENIED: Code = Code::new(
    "denied",
    "The configuration does not allow the request: the summary names the line.",
);
pub(crate) const REFUSED: Code = Code::new(
    "credentials_refused",
    "It answered 401 or 403: bind a connection whose `auth` or `headers` it takes.",
);
pub(crate) const NOT_FOUND: Code = Code::new("not_found", "It answered 404: its metrics are under another path.");
pub(crate) const STATUS: Code = Code::new("status_unexpected", "It answered with another status than 2xx.");
pub(crate) const FORMAT: Code = Code::new(
    "format_unknown",
    "It answered something else than a text format of metrics.",
);
pub(crate) const MALFORMED: Code = Code::new(
    "malformed",
    "The text breaks the rules of its format at the named place; nothing of it was taken.",
);
pub(crate) const EMPTY: Code = Code::new("empty", "The answer is well-formed and holds no samples.");
pub(crate) const LIMIT: Code = Code::new(
    "too_large",
    "It serves more than the limits allow; nothing of it was taken.",
);
pub(crate) const MISSING: Code = Code::new(
    "family_missing",
    "A family in `require` is not served; nothing was taken.",
);
pub(crate) const DROPPED: Code = Code::new(
    "series_dropped",
    "A part could not be taken over, as the summary says: double series, types that contradict, values that are none.",
);

pub(crate) const ALL: [&Code; 14] = [
    &UNREACHABLE,
    &TIMEOUT,
    &NOT_ASKED,
    &NOT_READ,
    &DENIED,
    &REFUSED,
    &NOT_FOUND,
    &STATUS,
    &FORMAT,
    &MALFORMED,
    &EMPTY,
    &LIMIT,
    &MISSING,
    &DROPPED,
];

const TARGET: [&str; 1] = ["target"];

const UP: Gauge<1> = Gauge::new("scrape_target_up", "1 when the target was scraped.", TARGET);
const DURATION: Gauge<1> = Gauge::new(
    "scrape_target_duration_seconds",
    "How long the target took to answer.",
    TARGET,
);
const SAMPLES: Gauge<1> = Gauge::new("scrape_target_samples", "Samples in the text of the target.", TARGET);
const FAMILIES: Gauge<1> = Gauge::new("scrape_target_families", "Families that were merged.", TARGET);
const SERIES: Gauge<1> = Gauge::new(
    "scrape_target_series",
    "Series that were merged; a histogram is one.",
    TARGET,
);
const BODY: Gauge<1> = Gauge::new("scrape_target_body_bytes", "Length of the decompressed text.", TARGET);
const NOT_TAKEN: Gauge<2> = Gauge::new(
    "scrape_target_dropped",
    "What was not taken over in this run, by reason.",
    ["target", "reason"],
);
pub(crate) const RUNS: Gauge<2> = Gauge::new(
    "scrape_target_not_ok_runs",
    "Runs in a row in which the target was not ok (severity warning), or critical.",
    streak::LABELS,
);

/// A family of a target that is called so cannot be merged.
pub(crate) const OWN_NAMES: &[&str] = &[
    "scrape_target_up",
    "scrape_target_duration_seconds",
    "scrape_target_samples",
    "scrape_target_families",
    "scrape_target_series",
    "scrape_target_body_bytes",
    "scrape_target_dropped",
    "scrape_target_not_ok_runs",
];

pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&UP)
        .metric(&RUNS)
        .metric(&DURATION)
        .metric(&SAMPLES)
        .metric(&FAMILIES)
        .metric(&SERIES)
        .metric(&BODY)
        .metric(&NOT_TAKEN);
    for code in ALL {
        about.code(code);
    }
}

pub(crate) fn report(target: &str, outcome: &Result<Account, Refusal>, report: &mut Report) {
    // Of a target that was not asked, or whose answer was not read, 0 would say that it failed.
    if !matches!(outcome, Err(refusal) if [DENIED, NOT_ASKED, NOT_READ].contains(refusal.code)) {
        report.gauge(&UP).set([target], outcome.is_ok());
    }
    match outcome {
        Ok(account) => {
            merged(target, account, report);
            judge(target, account, report);
        }
        Err(refusal) => refused(target, refusal, report),
    }
}

fn refused(target: &str, refusal: &Refusal, report: &mut Report) {
    let summary = refusal.summary.as_str();
    let verdict = match *refusal.code {
        DENIED | NOT_ASKED | NOT_READ => report.unknown(target, refusal.code, summary),
        EMPTY => report.warning(target, refusal.code, summary),
        _ => report.critical(target, refusal.code, summary),
    };
    if let Some(latency) = refusal.latency {
        verdict.latency(latency);
        report.gauge(&DURATION).set([target], latency);
    }
}

fn merged(target: &str, account: &Account, report: &mut Report) {
    report.gauge(&DURATION).set([target], account.latency);
    report.gauge(&SAMPLES).set([target], account.samples);
    report.gauge(&FAMILIES).set([target], account.families);
    report.gauge(&SERIES).set([target], account.series);
    report.gauge(&BODY).set([target], account.body_bytes);
    for (reason, count) in reasons(account) {
        report.gauge(&NOT_TAKEN).set([target, reason], count);
    }
}

/// Those that are always reported, so that a rise can be seen.
const fn reasons(account: &Account) -> [(&'static str, usize); 8] {
    [
        ("exemplar", account.parsed.exemplars),
        ("timestamp", account.parsed.timestamps),
        ("created", account.parsed.created),
        ("filtered", account.filtered),
        ("duplicate", account.parsed.duplicates + account.collided),
        ("clash", account.clashed),
        ("invalid", account.parsed.invalid),
        ("refused", account.refused),
    ]
}

fn judge(target: &str, account: &Account, report: &mut Report) {
    let worries = [
        (account.parsed.duplicates, "series stand twice in the text"),
        (account.collided, "series are the same as others, for want of a label"),
        (
            account.clashed,
            "series are of families that have another type elsewhere",
        ),
        (account.parsed.invalid, "samples are no valid values of their type"),
        (account.refused, "series or names are beyond what the host takes"),
    ];
    let said: Vec<String> = worries
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let verdict = if said.is_empty() {
        let ms = account.latency.as_secs_f64() * 1000.0;
        let summary = format!(
            "{} samples, {} families merged, {ms:.0} ms",
            account.samples, account.families
        );
        report.ok(target).summary(summary)
    } else {
        report.warning(target, &DROPPED, format!("dropped: {}", said.join("; ")))
    };
    verdict.latency(account.latency);
}

/// When the host refuses every request, a person must edit the configuration.
pub(crate) fn refused_outright(report: &Report) -> Result<(), Failure> {
    let verdicts = report.verdicts();
    let denied = |status: Status, code: &str| status == Status::Unknown && code == DENIED.name();
    match verdicts.first() {
        Some(first) if verdicts.iter().all(|verdict| denied(verdict.status, &verdict.code)) => {
            Err(Failure::denied(&first.summary).code(&DENIED))
        }
        _ => Ok(()),
    }
}
