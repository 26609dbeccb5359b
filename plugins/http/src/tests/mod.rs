//! The plugin as the host runs it, on the fake one.

mod bodies;
mod expectations;
mod failures;

use bellwether_sdk::{
    FailureKind, Status,
    fake::{self, Fake, Run, assert_readme, assert_rules, assert_sample, json},
    http::{AddressFamily, Certificate, Error, Failure, Phases, Request, Response, Tls},
};
use serde_json::Value;

use crate::Http;

/// What the fake host says the time is.
const NOW: i64 = 1_767_225_600;

const DAY: i64 = 86_400;

fn certificate(subject: &str, expires_in: i64) -> Certificate {
    Certificate {
        subject: subject.into(),
        issuer: "CN=Example CA".into(),
        serial: "01".into(),
        dns_names: vec!["www.example.com".into(), "example.com".into()],
        ip_addresses: vec![],
        not_before_unix: NOW - 90 * DAY,
        not_after_unix: NOW + expires_in,
        sha256: "ab12".into(),
    }
}

fn tls(chain: Vec<Certificate>) -> Tls {
    Tls {
        version: "TLS 1.3".into(),
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        chain,
    }
}

const fn phases() -> Phases {
    Phases {
        resolve_ns: Some(1_000_000),
        connect_ns: Some(2_000_000),
        tls_ns: Some(3_000_000),
        processing_ns: Some(40_000_000),
        transfer_ns: Some(5_000_000),
        total_ns: 51_000_000,
    }
}

fn answer(status: u16, body: &str) -> Response {
    Response {
        http_version: "2".into(),
        headers: vec![
            ("Content-Type".into(), b"application/json".to_vec()),
            ("content-length".into(), b"4".to_vec()),
            ("last-modified".into(), b"Thu, 01 Jan 2026 00:00:00 GMT".to_vec()),
        ],
        url: "https://www.example.com/?token=abc".into(),
        remote_address: "192.0.2.7:443".into(),
        phases: phases(),
        tls: Some(tls(vec![
            certificate("CN=www.example.com", 60 * DAY),
            certificate("CN=Example CA", 900 * DAY),
        ])),
        ..fake::answer(status, body)
    }
}

fn failure(error: Error) -> Box<Failure> {
    let unanswered = fake::no_answer(error);
    Box::new(Failure {
        url: "https://www.example.com/".into(),
        phases: Phases {
            resolve_ns: Some(1_000_000),
            ..unanswered.phases
        },
        ..*unanswered
    })
}

type Answered = Result<Response, Box<Failure>>;

fn run_with(settings: Value, answer: impl FnMut(&Request) -> Answered + 'static) -> Run {
    Fake::new().with_http(answer).run::<Http>(settings)
}

/// One target, called `t`, that gives this answer.
fn judged(expect: impl Into<Value>, answered: Answered) -> Run {
    let expect: Value = expect.into();
    let settings = json!({ "url": "https://www.example.com/", "name": "t", "expect": expect });
    run_with(settings, move |_| answered.clone())
}

fn code(run: &Run) -> (Status, &str, &str) {
    let verdict = run.verdict("t");
    (verdict.status, &verdict.code, &verdict.summary)
}

#[test]
fn a_url_alone_is_one_target_that_is_well() {
    let run = run_with(json!({ "url": "https://www.example.com/" }), |_| {
        Ok(answer(200, "fine"))
    });
    let verdict = run.verdict("https://www.example.com/");
    assert_eq!((verdict.status, verdict.summary.as_str()), (Status::Ok, "200 in 51 ms"));
    assert_eq!(verdict.latency_ns, Some(51_000_000));
    let detail = |name: &str| {
        verdict
            .details
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        detail("url"),
        Some("https://www.example.com/"),
        "queries may hold tokens"
    );
    assert_eq!(
        detail("phases"),
        Some("resolve 1 ms, connect 2 ms, tls 3 ms, processing 40 ms, transfer 5 ms")
    );
    let value = |name: &str| run.value(name, &["https://www.example.com/"]);
    assert_eq!(value("http_probe_success"), Some(1.0));
    assert_eq!(value("http_probe_duration_seconds"), Some(0.051));
    assert_eq!(value("http_probe_status_code"), Some(200.0));
    assert_eq!(value("http_probe_body_bytes"), Some(4.0));
    assert_eq!(
        value("http_probe_certificate_expiry_timestamp_seconds"),
        Some((NOW + 60 * DAY) as f64)
    );
    assert_eq!(value("http_probe_last_modified_timestamp_seconds"), Some(NOW as f64));
    assert_eq!(
        run.value("http_probe_phase_seconds", &["https://www.example.com/", "tls"]),
        Some(0.003)
    );
    let spoken = [
        "https://www.example.com/",
        "2",
        "TLS 1.3",
        "TLS_AES_128_GCM_SHA256",
        "4",
    ];
    assert_eq!(run.value("http_probe_connection_info", &spoken), Some(1.0));
    assert_eq!(value("probe_success"), None, "the other names are not asked for");
}

#[test]
fn requests_carry_what_the_settings_say_and_a_target_overrides() {
    let settings = json!({
        "request": { "method": "POST", "body": "{}", "headers": { "accept": "x" }, "redirects": 1, "timeout_seconds": 1.5 },
        "targets": [
            { "url": "https://a.example/x?q=1" },
            { "path": "health", "request": {
                "method": "HEAD", "redirects": 0, "fresh_connection": false, "address_family": "ipv6",
                "connect_to": "[::1]:8443", "http_version": "1.1", "server_name": "b.example", "body_bytes": 10,
            } },
        ],
    });
    let run = run_with(settings, |request| {
        match request.connection.as_deref() {
            None => {
                assert_eq!(
                    (request.method.as_str(), request.url.as_str()),
                    ("POST", "https://a.example/x?q=1")
                );
                assert_eq!((request.max_redirects, request.timeout_ms), (1, Some(1500)));
                assert_eq!(request.max_body_bytes, Some(1 << 20));
                assert!(request.fresh_connection, "unless said");
            }
            Some(slot) => {
                assert_eq!(
                    (slot, request.method.as_str(), request.url.as_str()),
                    ("default", "HEAD", "health")
                );
                assert_eq!((request.max_redirects, request.fresh_connection), (0, false));
                assert_eq!(request.address_family, AddressFamily::Ipv6);
                assert_eq!(request.connect_to.as_deref(), Some("[::1]:8443"));
                assert_eq!(request.max_body_bytes, Some(10));
                let wanted = [
                    ("http-version", "1.1"),
                    ("server-name", "b.example"),
                    ("whole-body", "true"),
                ];
                assert_eq!(
                    request.options,
                    wanted.map(|(name, value)| (name.to_owned(), value.to_owned()))
                );
            }
        }
        assert_eq!(request.body, b"{}");
        assert_eq!(request.headers, [("accept".to_owned(), b"x".to_vec())]);
        Ok(answer(200, "fine"))
    });
    assert_eq!(run.status("https://a.example/x"), Status::Ok);
    assert_eq!(run.status("health"), Status::Ok);
}

#[test]
fn the_blackbox_names_are_its_own() {
    let settings = json!({
        "name_sets": ["blackbox"], "expect": { "body_matches": ["^x"] },
        "targets": [{ "url": "https://a.example/", "name": "t" }, { "url": "https://b.example/", "name": "down" }],
    });
    let run = run_with(settings, |request| match request.url.as_str() {
        "https://a.example/" => Ok(Response {
            remote_address: "[2001:db8::1]:443".into(),
            ..answer(200, "fine")
        }),
        _ => Err(failure(Error::Resolve("no such host".into()))),
    });
    let value = |name: &str| run.value(name, &["t"]);
    assert_eq!(value("probe_success"), Some(0.0));
    assert_eq!(value("probe_failed_due_to_regex"), Some(1.0));
    assert_eq!(value("probe_duration_seconds"), Some(0.051));
    assert_eq!(value("probe_dns_lookup_time_seconds"), Some(0.001));
    assert_eq!(value("probe_ip_protocol"), Some(6.0));
    assert_eq!(value("probe_http_status_code"), Some(200.0));
    assert_eq!(value("probe_http_ssl"), Some(1.0));
    assert_eq!(value("probe_http_version"), Some(2.0));
    assert_eq!(value("probe_http_content_length"), Some(4.0));
    assert_eq!(value("probe_http_uncompressed_body_length"), Some(4.0));
    assert_eq!(value("probe_http_last_modified_timestamp_seconds"), Some(NOW as f64));
    assert_eq!(value("probe_ssl_earliest_cert_expiry"), Some((NOW + 60 * DAY) as f64));
    assert_eq!(
        run.value("probe_http_duration_seconds", &["t", "transfer"]),
        Some(0.005)
    );
    assert_eq!(run.value("probe_tls_version_info", &["t", "TLS 1.3"]), Some(1.0));
    let chain = [
        "t",
        "ab12",
        "CN=www.example.com",
        "CN=Example CA",
        "www.example.com,example.com",
        "01",
    ];
    assert_eq!(run.value("probe_ssl_last_chain_info", &chain), Some(1.0));
    assert_eq!(
        run.value("probe_http_status_code", &["down"]),
        Some(0.0),
        "as there, without an answer"
    );
    assert_eq!(run.value("probe_failed_due_to_regex", &["down"]), Some(0.0));
    assert_eq!(run.value("http_probe_success", &["t"]), None);
}

#[test]
fn settings_that_make_no_sense_are_the_users_to_mend() {
    for (settings, said) in [
        (json!({}), "nothing to ask"),
        (
            json!({ "url": "https://a.example/", "targets": [{ "path": "x" }] }),
            "stand alone",
        ),
        (json!({ "targets": [{ "name": "x" }] }), "target `x` has neither"),
        (
            json!({ "targets": [{ "url": "https://a.example/", "path": "x" }] }),
            "has a `url` and a `path`",
        ),
        (
            json!({ "targets": [{ "url": "https://a.example/?a" }, { "url": "https://a.example/?b" }] }),
            "two targets are called",
        ),
        (
            json!({ "url": "https://a.example/", "expect": { "body_matches": ["("] } }),
            "`(` is not a regular expression",
        ),
        (
            json!({ "url": "https://a.example/", "expect": { "status": ["2x"] } }),
            "is no status",
        ),
        (
            json!({ "url": "https://a.example/", "request": { "http_version": "1.0" } }),
            "`1.0`",
        ),
        (
            json!({ "url": "https://a.example/", "expect": { "stauts": [200] } }),
            "stauts",
        ),
    ] {
        let run = run_with(settings, |_| Ok(answer(200, "")));
        assert_eq!(run.failure().kind(), FailureKind::Settings);
        assert!(run.failure().message().contains(said), "{}", run.failure());
    }
}

#[test]
fn the_readme_names_every_metric_and_code() {
    assert_readme::<Http>(include_str!("../../README.md"));
}

#[test]
fn every_check_of_the_sample_has_settings_that_are_understood() {
    let sample: Value = toml::from_str(include_str!("../../sample.toml")).expect("TOML");
    assert_sample(&sample, |settings| run_with(settings, |_| Ok(answer(200, "{}"))));
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<Http>(include_str!("../../rules.yml"));
}

#[test]
fn targets_whose_names_are_too_long_for_the_host_keep_their_verdicts_and_what_alerts_hang_on() {
    let target = |index: usize| json!({ "name": format!("{index:04}{}", "n".repeat(1_000)), "url": format!("https://a.example/{index}") });
    let targets: Vec<Value> = (0..300).map(target).collect();
    let settings = json!({ "name_sets": ["canonical", "blackbox"], "targets": targets });
    let run = run_with(settings, |_| Ok(answer(200, "ok")));
    assert_eq!(run.report().verdicts().len(), 300);
    let name = format!("0299{}", "n".repeat(1_000));
    assert_eq!(run.value("http_probe_success", &[&name]), Some(1.0));
    assert!(
        run.logs.iter().any(|line| line.message.contains("left out")),
        "{:?}",
        run.logs
    );
}
