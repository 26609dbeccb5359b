//! Names of our own: `http_probe_*`, in base units.

use bellwether_sdk::{
    Description, Report,
    metric::{Gauge, Increments, Info},
};

use crate::{Probe, observation::Observation};

const TARGET: [&str; 1] = ["target"];

const SUCCESS: Gauge<1> = Gauge::new("http_probe_success", "1 when the target answered as expected.", TARGET);
const DURATION: Gauge<1> = Gauge::new(
    "http_probe_duration_seconds",
    "From the start to the end of the body, redirects included.",
    TARGET,
);
const PHASE: Gauge<2> = Gauge::new(
    "http_probe_phase_seconds",
    "Parts of the last hop: resolve, connect, tls, processing (to the first byte), transfer.",
    ["target", "phase"],
);
const STATUS: Gauge<1> = Gauge::new(
    "http_probe_status_code",
    "Status of the answer; absent without one.",
    TARGET,
);
const REDIRECTS: Gauge<1> = Gauge::new("http_probe_redirects", "Redirects that were followed.", TARGET);
const BODY: Gauge<1> = Gauge::new(
    "http_probe_body_bytes",
    "Length of the decompressed body; absent when it was cut off.",
    TARGET,
);
const CERTIFICATE: Gauge<1> = Gauge::new(
    "http_probe_certificate_expiry_timestamp_seconds",
    "When the first certificate of those that were sent ends; also when it was refused.",
    TARGET,
);
const MODIFIED: Gauge<1> = Gauge::new(
    "http_probe_last_modified_timestamp_seconds",
    "What the header Last-Modified says.",
    TARGET,
);
const CONNECTION: Info<5> = Info::new(
    "http_probe_connection_info",
    "How the target was spoken to.",
    ["target", "http_version", "tls_version", "tls_cipher", "ip_version"],
);
const FAILURES: Increments<2> = Increments::new(
    "http_probe_failures_total",
    "Runs in which the target was not as expected, by the code of the verdict.",
    ["target", "code"],
);

/// Whether it is well.
pub(crate) fn describe_outcome(about: &mut Description) {
    about.metric(&SUCCESS);
}

/// The rest.
pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&CERTIFICATE)
        .metric(&STATUS)
        .metric(&DURATION)
        .metric(&PHASE)
        .metric(&REDIRECTS)
        .metric(&BODY)
        .metric(&MODIFIED)
        .metric(&CONNECTION)
        .metric(&FAILURES);
}

/// Family by family, as they stand on the page.
pub(crate) fn report(probes: &[&Probe<'_>], report: &mut Report) {
    for probe in probes {
        if let Some(succeeded) = probe.judgement.succeeded() {
            report.gauge(&SUCCESS).set([&probe.target.name], succeeded);
        }
        report.gauge(&DURATION).set([&probe.target.name], probe.seen.latency());
    }
    for probe in probes {
        for (phase, duration) in probe.seen.phases() {
            report.gauge(&PHASE).set([&probe.target.name, phase], duration);
        }
    }
    values(probes, &STATUS, report, |seen| seen.status.map(f64::from));
    values(probes, &REDIRECTS, report, |seen| Some(f64::from(seen.redirects)));
    values(probes, &BODY, report, |seen| {
        Some(seen.answer.as_ref()?.body_bytes()? as f64)
    });
    values(probes, &CERTIFICATE, report, |seen| {
        Some(seen.first_to_expire()?.not_after_unix as f64)
    });
    values(probes, &MODIFIED, report, |seen| {
        Some(seen.answer.as_ref()?.last_modified()? as f64)
    });
    for probe in probes {
        connection(probe, report);
        if let Some(finding) = probe.judgement.worst() {
            report
                .increments(&FAILURES)
                .add([&probe.target.name, finding.code.name()], 1);
        }
    }
}

fn values(probes: &[&Probe<'_>], gauge: &Gauge<1>, report: &mut Report, value: impl Fn(&Observation) -> Option<f64>) {
    for probe in probes {
        if let Some(value) = value(&probe.seen) {
            report.gauge(gauge).set([&probe.target.name], value);
        }
    }
}

fn connection(probe: &Probe<'_>, report: &mut Report) {
    let seen = &probe.seen;
    let Some(answer) = &seen.answer else {
        return;
    };
    let (version, cipher) = seen.tls.as_ref().map_or(("", ""), |tls| (&tls.version, &tls.cipher));
    let ip = seen
        .ip_protocol()
        .map(|protocol| protocol.to_string())
        .unwrap_or_default();
    report
        .info(&CONNECTION)
        .set([&probe.target.name, &answer.http_version, version, cipher, &ip]);
}
