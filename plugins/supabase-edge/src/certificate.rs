//! When certificates end.
//!
//! Flows in: the ends that the ledger noted. Flows out: a gauge and a verdict for each connection that speaks TLS.

use bellwether_sdk::{Description, Report, metric::Gauge, settings::Levels};

use crate::{
    classes,
    expectation::reached,
    finding::{Finding, Outcome, verdict},
    ledger::Ledger,
    settings::{CertificateDays, Severity},
};

const EXPIRY: Gauge<1> = Gauge::new(
    "edge_certificate_expiry_timestamp_seconds",
    "When the first certificate of the chain ends, in Unix time.",
    ["connection"],
);

const SECONDS_PER_DAY: f64 = 86_400.0;

pub(crate) fn describe(about: &mut Description) {
    about.metric(&EXPIRY);
}

pub(crate) fn report(ledger: &Ledger, days: CertificateDays, now: i64, report: &mut Report) {
    for (slot, end) in ledger.expiry() {
        report.gauge(&EXPIRY).set([slot], end);
        let target = format!("certificate {slot}");
        verdict(report, &target, Severity::Critical, &judge(days, end, now), None);
    }
}

/// Days count downwards, so they are turned round to be compared as levels that are reached.
fn judge(days: CertificateDays, end: i64, now: i64) -> Outcome {
    let left = (end - now) as f64 / SECONDS_PER_DAY;
    let levels = Levels::both(-days.warning, -days.critical);
    match reached(levels, -left) {
        None => Ok(format!("{left:.0} days left")),
        Some((weight, _)) => {
            let summary = if left < 0.0 {
                format!("ended {:.1} days ago", -left)
            } else {
                format!("ends in {left:.1} days")
            };
            Err(Finding::new(&classes::CERTIFICATE_EXPIRES, summary).weighing(weight))
        }
    }
}
