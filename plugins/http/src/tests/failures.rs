//! Targets that cannot be asked, each way to fail by its code.

use bellwether_sdk::{
    FailureKind, Status,
    fake::{self, json},
    http::{Certificate, Error, Failure, Phase, Phases, Tls},
};

use super::{DAY, NOW, answer, certificate, code, failure, judged, phases, run_with, tls};

#[test]
fn one_failing_target_hides_no_other() {
    let settings = json!({ "targets": [
        { "url": "https://down.example/" }, { "url": "https://up.example/" }, { "url": "https://elsewhere.example/" },
    ] });
    let run = run_with(settings, |request| match request.url.as_str() {
        "https://down.example/" => Err(failure(Error::Connect("connection refused".into()))),
        "https://up.example/" => Ok(answer(200, "fine")),
        _ => Err(fake::no_answer(Error::Denied("no grant".into()))),
    });
    assert_eq!(run.status("https://down.example/"), Status::Critical);
    assert_eq!(run.status("https://up.example/"), Status::Ok);
    assert_eq!(run.status("https://elsewhere.example/"), Status::Unknown);
    assert_eq!(
        run.value("http_probe_success", &["https://elsewhere.example/"]),
        None,
        "it was not asked"
    );
    assert_eq!(run.value("http_probe_success", &["https://down.example/"]), Some(0.0));
    assert_eq!(run.value("http_probe_success", &["https://up.example/"]), Some(1.0));
    assert_eq!(
        run.value(
            "http_probe_failures_total",
            &["https://down.example/", "connect_failed"]
        ),
        Some(1.0)
    );
}

#[test]
fn when_the_host_refuses_everything_the_run_is_denied() {
    let run = run_with(json!({ "path": "x" }), |_| {
        Err(failure(Error::Denied("add `connection = …`".into())))
    });
    assert_eq!(run.failure().kind(), FailureKind::Denied);
    assert!(run.failure().message().contains("connection ="), "{}", run.failure());
}

#[test]
fn each_way_to_fail_has_its_code_and_says_in_which_phase() {
    let cases = [
        (
            Error::Resolve("no such host".into()),
            "resolve_failed",
            "cannot resolve the name: no such host",
        ),
        (
            Error::Connect("refused".into()),
            "connect_failed",
            "cannot connect: refused",
        ),
        (
            Error::Tls("unknown issuer".into()),
            "tls_failed",
            "TLS failed: unknown issuer",
        ),
        (
            Error::Timeout(Phase::Processing),
            "timeout",
            "no answer in time, while waiting for the first byte",
        ),
        (
            Error::Protocol("the answer is not HTTP: bad chunk".into()),
            "protocol_error",
            "the answer is not HTTP: bad chunk",
        ),
        (
            Error::Limit("head over 64 KiB".into()),
            "over_limit",
            "over a limit: head over 64 KiB",
        ),
    ];
    for (error, wanted, said) in cases {
        let run = judged(json!({}), Err(failure(error)));
        assert_eq!(code(&run), (Status::Critical, wanted, said));
        assert_eq!(run.value("http_probe_status_code", &["t"]), None);
        assert_eq!(
            run.value("http_probe_phase_seconds", &["t", "resolve"]),
            Some(0.001),
            "what was learnt until then"
        );
    }
}

#[test]
fn a_target_that_the_run_never_came_to_is_unknown() {
    let never = Failure {
        phases: Phases {
            resolve_ns: None,
            total_ns: 0,
            ..failure(Error::Limit(String::new())).phases
        },
        ..*failure(Error::Limit("waited for a free seat".into()))
    };
    let run = judged(json!({}), Err(Box::new(never)));
    assert_eq!(
        code(&run),
        (Status::Unknown, "not_asked", "over a limit: waited for a free seat")
    );
    for gauge in [
        "http_probe_success",
        "http_probe_duration_seconds",
        "http_probe_redirects",
    ] {
        assert_eq!(run.value(gauge, &["t"]), None, "{gauge} would be invented");
    }
}

#[test]
fn a_certificate_that_ended_is_named_with_its_age() {
    let mut refused = failure(Error::Tls("invalid peer certificate: Expired".into()));
    refused.tls = Some(Tls {
        version: String::new(),
        cipher: String::new(),
        chain: vec![certificate("CN=x", -3 * DAY)],
    });
    let run = judged(json!({}), Err(refused.clone()));
    assert_eq!(
        code(&run),
        (
            Status::Critical,
            "certificate_expired",
            "TLS failed: certificate expired 3 days ago"
        )
    );
    assert_eq!(
        run.value("http_probe_certificate_expiry_timestamp_seconds", &["t"]),
        Some((NOW - 3 * DAY) as f64)
    );
    let blackbox = json!({ "url": "https://www.example.com/", "name": "t", "name_sets": ["blackbox"] });
    let answer = refused.clone();
    let run = run_with(blackbox, move |_| Err(answer.clone()));
    assert_eq!(run.value("probe_http_ssl", &["t"]), Some(0.0), "no TLS came of it");
    let early = Certificate {
        not_before_unix: NOW + 2 * DAY,
        ..certificate("CN=x", 90 * DAY)
    };
    refused.tls = Some(Tls {
        version: String::new(),
        cipher: String::new(),
        chain: vec![early],
    });
    let run = judged(json!({}), Err(refused));
    assert_eq!(code(&run).2, "TLS failed: certificate is not valid yet, only in 2 days");
}

#[test]
fn how_far_it_came_is_said() {
    let mut cut = failure(Error::Timeout(Phase::Transfer));
    cut.status = Some(200);
    assert_eq!(
        code(&judged(json!({}), Err(cut))).2,
        "answered 200, but then: no answer in time, while receiving the body"
    );
    let mut led = failure(Error::Connect("refused".into()));
    led.redirects = 1;
    led.url = "https://login.example/?token=abc".into();
    assert_eq!(
        code(&judged(json!({}), Err(led))).2,
        "redirected to https://login.example/, where: cannot connect: refused"
    );
}
