//! The names and meanings of Prometheus' blackbox_exporter (`prober/http.go`, `prober/handler.go`), so that dashboards and rules
//! written for it work. There, a target is a scrape of its own and stands in `instance`; here `instance` is a label.

use bellwether_sdk::{
    Description, Report,
    http::Certificate,
    metric::{Gauge, Info},
};

use crate::{Probe, observation::Observation};

const INSTANCE: [&str; 1] = ["instance"];

/// What finds a value in an observation; none: the sample is left out.
type Value = fn(&Probe<'_>) -> Option<f64>;

const GAUGES: &[(Gauge<1>, Value)] = &[
    (
        Gauge::new(
            "probe_success",
            "Displays whether or not the probe was a success",
            INSTANCE,
        ),
        |probe| Some(f64::from(u8::from(probe.judgement.succeeded()?))),
    ),
    (
        Gauge::new(
            "probe_duration_seconds",
            "How long the probe took to complete in seconds",
            INSTANCE,
        ),
        |probe| Some(probe.seen.latency().as_secs_f64()),
    ),
    (
        Gauge::new(
            "probe_dns_lookup_time_seconds",
            "Time taken for the probe's DNS lookup",
            INSTANCE,
        ),
        |probe| {
            probe
                .seen
                .phases()
                .find(|(name, _)| *name == "resolve")
                .map(|(_, time)| time.as_secs_f64())
        },
    ),
    (
        Gauge::new("probe_ip_protocol", "Whether the probe used IPv4 or IPv6", INSTANCE),
        |probe| probe.seen.ip_protocol().map(f64::from),
    ),
    (
        // There it is 0 without an answer.
        Gauge::new("probe_http_status_code", "Status code of the response", INSTANCE),
        |probe| Some(f64::from(probe.seen.status.unwrap_or(0))),
    ),
    (
        Gauge::new(
            "probe_http_redirects",
            "Number of redirects that were followed",
            INSTANCE,
        ),
        |probe| Some(f64::from(probe.seen.redirects)),
    ),
    (
        Gauge::new("probe_http_ssl", "Whether the last hop used TLS", INSTANCE),
        // After a refused handshake there is a certificate, and no TLS.
        |probe| Some(f64::from(u8::from(probe.seen.used_tls()))),
    ),
    (
        Gauge::new("probe_http_version", "Version of HTTP of the response", INSTANCE),
        |probe| probe.seen.answer.as_ref()?.http_version.parse().ok(),
    ),
    (
        // There it is -1 when the length is not stated. What the host decompressed is not stated any more.
        Gauge::new(
            "probe_http_content_length",
            "Length of the content as the response states it",
            INSTANCE,
        ),
        |probe| {
            Some(
                probe
                    .seen
                    .answer
                    .as_ref()?
                    .content_length()
                    .map_or(-1.0, |bytes| bytes as f64),
            )
        },
    ),
    (
        Gauge::new(
            "probe_http_uncompressed_body_length",
            "Length of the decompressed body",
            INSTANCE,
        ),
        |probe| Some(probe.seen.answer.as_ref()?.body_bytes()? as f64),
    ),
    (
        Gauge::new(
            "probe_http_last_modified_timestamp_seconds",
            "The Last-Modified header of the response as Unix time",
            INSTANCE,
        ),
        |probe| Some(probe.seen.answer.as_ref()?.last_modified()? as f64),
    ),
    (
        Gauge::new(
            "probe_ssl_earliest_cert_expiry",
            "Earliest expiry of the certificates as Unix time",
            INSTANCE,
        ),
        |probe| Some(probe.seen.first_to_expire()?.not_after_unix as f64),
    ),
    (
        Gauge::new(
            "probe_failed_due_to_regex",
            "Whether the probe failed due to a regular expression",
            INSTANCE,
        ),
        |probe| Some(f64::from(u8::from(probe.judgement.by_regex()))),
    ),
];

const PHASES: Gauge<2> = Gauge::new(
    "probe_http_duration_seconds",
    "Duration of the request by phase",
    ["instance", "phase"],
);
const TLS_VERSION: Info<2> = Info::new(
    "probe_tls_version_info",
    "The version of TLS that was used",
    ["instance", "version"],
);
const TLS_CIPHER: Info<2> = Info::new(
    "probe_tls_cipher_info",
    "The cipher of TLS that was used",
    ["instance", "cipher"],
);
const LAST_CHAIN: Info<6> = Info::new(
    "probe_ssl_last_chain_info",
    "The certificate of the target",
    [
        "instance",
        "fingerprint_sha256",
        "subject",
        "issuer",
        "subjectalternative",
        "serialnumber",
    ],
);

/// Whether it is well.
pub(crate) fn describe_outcome(about: &mut Description) {
    gauges(about, &GAUGES[..1]);
}

/// The rest.
pub(crate) fn describe(about: &mut Description) {
    gauges(about, &GAUGES[1..]);
    about
        .metric(&PHASES)
        .metric(&TLS_VERSION)
        .metric(&TLS_CIPHER)
        .metric(&LAST_CHAIN);
}

fn gauges(about: &mut Description, gauges: &[(Gauge<1>, Value)]) {
    for (gauge, _) in gauges {
        about.metric(gauge);
    }
}

pub(crate) fn report(probes: &[&Probe<'_>], report: &mut Report) {
    for (gauge, value) in GAUGES {
        for probe in probes {
            if let Some(value) = value(probe) {
                report.gauge(gauge).set([&probe.target.name], value);
            }
        }
    }
    for probe in probes {
        for (phase, duration) in probe.seen.phases() {
            report.gauge(&PHASES).set([&probe.target.name, phase], duration);
        }
    }
    for probe in probes {
        tls(&probe.target.name, &probe.seen, report);
    }
}

/// After a refused handshake there are certificates, and neither version nor cipher.
fn tls(instance: &str, seen: &Observation, report: &mut Report) {
    let Some(tls) = &seen.tls else {
        return;
    };
    if !tls.version.is_empty() {
        report.info(&TLS_VERSION).set([instance, &tls.version]);
    }
    if !tls.cipher.is_empty() {
        report.info(&TLS_CIPHER).set([instance, &tls.cipher]);
    }
    if let Some(leaf) = tls.chain.first() {
        last_chain(instance, leaf, report);
    }
}

fn last_chain(instance: &str, leaf: &Certificate, report: &mut Report) {
    let names = leaf.dns_names.join(",");
    report.info(&LAST_CHAIN).set([
        instance,
        &leaf.sha256,
        &leaf.subject,
        &leaf.issuer,
        &names,
        &leaf.serial,
    ]);
}
