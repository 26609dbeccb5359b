//! Statuses, headers, times, certificates and redirects that are expected, and how bad it is when they are not.

use std::time::Duration;

use bellwether_sdk::{
    Status,
    fake::{Fake, json},
    http::{Error, Phase, Response},
};

use super::{DAY, answer, certificate, code, failure, judged, run_with, tls};
use crate::Http;

#[test]
fn statuses_outside_the_set_are_failures() {
    let run = judged(json!({}), Ok(answer(503, "")));
    assert_eq!(
        code(&run),
        (Status::Critical, "status_unexpected", "status 503, not 2xx")
    );
    assert_eq!(
        run.verdict("t").details[..2],
        [("expected".into(), "2xx".into()), ("actual".into(), "503".into())]
    );
    let run = judged(json!({ "status": [200, "5xx"] }), Ok(answer(503, "")));
    assert_eq!(run.status("t"), Status::Ok);
}

#[test]
fn severity_says_how_bad_a_failure_is() {
    let settings = json!({ "url": "https://a.example/", "name": "t", "severity": "warning" });
    let run = run_with(settings, |_| Ok(answer(500, "")));
    assert_eq!(run.status("t"), Status::Warning);
    assert_eq!(run.value("http_probe_success", &["t"]), Some(0.0));
}

#[test]
fn headers_hold_or_say_what_they_are() {
    let holds = json!({ "headers": [
        { "name": "content-type", "equals": "application/json" },
        { "name": "CONTENT-TYPE", "matches": "^app" },
        { "name": "last-modified" },
        { "name": "x-debug", "absent": true },
    ] });
    assert_eq!(judged(holds, Ok(answer(200, ""))).status("t"), Status::Ok);
    for (header, said) in [
        (json!({ "name": "etag" }), "there is no header `etag`"),
        (
            json!({ "name": "content-type", "absent": true }),
            "there is a header `content-type`",
        ),
        (
            json!({ "name": "content-type", "equals": "x" }),
            "header `content-type` is `application/json`, not `x`",
        ),
        (
            json!({ "name": "content-type", "matches": "x$" }),
            "header `content-type` is `application/json`, which does not match `x$`",
        ),
    ] {
        let run = judged(json!({ "headers": [header] }), Ok(answer(200, "")));
        assert_eq!(code(&run), (Status::Critical, "header_unexpected", said));
    }
}

#[test]
fn slowness_and_ending_certificates_warn_before_they_fail() {
    let run = judged(
        json!({ "latency_seconds": { "warning": 0.05, "critical": 1 } }),
        Ok(answer(200, "")),
    );
    assert_eq!(code(&run), (Status::Warning, "slow", "took 0.05 s, at or above 0.05 s"));
    assert_eq!(
        run.value("http_probe_success", &["t"]),
        Some(1.0),
        "it answered as expected"
    );
    let run = judged(json!({ "latency_seconds": { "critical": 0.051 } }), Ok(answer(200, "")));
    assert_eq!(run.status("t"), Status::Critical);
    let ending = |seconds| {
        let chain = vec![certificate("CN=leaf", 80 * DAY), certificate("CN=between", seconds)];
        Response {
            tls: Some(tls(chain)),
            ..answer(200, "")
        }
    };
    let run = judged(json!({}), Ok(ending(13 * DAY)));
    assert_eq!(
        code(&run),
        (
            Status::Warning,
            "certificate_expiring",
            "certificate of CN=between expires in 13 days"
        )
    );
    assert_eq!(judged(json!({}), Ok(ending(2 * DAY))).status("t"), Status::Critical);
    assert_eq!(
        judged(json!({ "certificate_days": {} }), Ok(ending(2 * DAY))).status("t"),
        Status::Ok
    );
    assert_eq!(
        judged(json!({ "certificate_days": { "warning": 1 } }), Ok(ending(2 * DAY))).status("t"),
        Status::Ok
    );
}

#[test]
fn redirects_tls_and_version_can_be_expected() {
    let led = || Response {
        redirects: 2,
        ..answer(200, "")
    };
    for (expect, wanted, said) in [
        (json!({ "redirects": 0 }), "redirect_unexpected", "2 redirects, not 0"),
        (
            json!({ "final_url": "/login" }),
            "redirect_unexpected",
            "led to https://www.example.com/, which does not match `/login`",
        ),
        (json!({ "tls": false }), "connection_unexpected", "answered over TLS"),
        (
            json!({ "http_versions": ["1.0", "1.1"] }),
            "connection_unexpected",
            "answered with HTTP/2, not 1.0, 1.1",
        ),
    ] {
        assert_eq!(code(&judged(expect, Ok(led()))), (Status::Critical, wanted, said));
    }
    let expect = json!({ "redirects": 2, "final_url": "^https://www", "tls": true, "http_versions": ["2"] });
    assert_eq!(judged(expect, Ok(led())).status("t"), Status::Ok);
    let plain = Response {
        tls: None,
        ..answer(200, "")
    };
    assert_eq!(
        code(&judged(json!({ "tls": true }), Ok(plain))).2,
        "answered without TLS"
    );
}

#[test]
fn several_findings_are_one_verdict_the_worst_first() {
    let expect = json!({
        "latency_seconds": { "warning": 0.01 }, "body_contains": ["a\nb", "c"], "headers": [{ "name": "etag" }],
    });
    let run = judged(expect, Ok(answer(503, "")));
    let said = "status 503, not 2xx; there is no header `etag`; the body lacks `a b`; and 2 more";
    assert_eq!(code(&run), (Status::Critical, "status_unexpected", said));
}

#[test]
fn runs_in_a_row_are_counted_and_end_with_the_first_good_one() {
    let mut up = vec![true, false, false];
    let mut fake = Fake::new().with_http(move |_| {
        if up.pop().unwrap_or(true) {
            Ok(answer(200, ""))
        } else {
            Err(failure(Error::Timeout(Phase::Connect)))
        }
    });
    let settings = json!({ "url": "https://a.example/", "name": "t" });
    let counts = [1.0, 2.0, 0.0].map(|wanted| {
        let run = fake.run::<Http>(settings.clone());
        fake.advance(Duration::from_secs(60));
        (run.value("http_probe_not_ok_runs", &["t", "critical"]), Some(wanted))
    });
    assert!(counts.iter().all(|(found, wanted)| found == wanted), "{counts:?}");
}
