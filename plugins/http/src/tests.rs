//! The plugin as the host runs it, on the fake one.

use std::time::Duration;

use bellwether_sdk::{
    FailureKind, Status,
    fake::{self, Fake, Run, assert_readme, assert_rules, assert_sample, json},
    http::{AddressFamily, Certificate, Error, Failure, Phase, Phases, Request, Response, Tls},
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
fn many_targets_share_the_memory_for_bodies() {
    let targets: Vec<Value> = (0..512)
        .map(|at| json!({ "url": format!("https://a.example/{at}") }))
        .collect();
    let run = run_with(json!({ "targets": targets }), |request| {
        assert_eq!(request.max_body_bytes, Some(32 << 10));
        Ok(answer(200, "fine"))
    });
    assert_eq!(run.report().verdicts().len(), 512);
}

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
fn a_body_beyond_what_is_read_is_no_success_and_a_part_is_enough_only_when_that_is_said() {
    let answered = Failure {
        status: Some(200),
        remote_address: Some("192.0.2.7:443".into()),
        phases: phases(),
        ..*failure(Error::Limit("the body is longer than 1 MiB".into()))
    };
    let run = judged(json!({}), Err(Box::new(answered)));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Critical, "body_too_long"));
    assert!(
        said.contains("answered 200") && said.contains("set `expect.whole_body = false`"),
        "{said}"
    );
    assert_eq!(run.value("http_probe_success", &["t"]), Some(0.0));
    assert!(run.value("http_probe_phase_seconds", &["t", "transfer"]).is_some());
    for (expect, wished) in [(json!({}), true), (json!({ "whole_body": false }), false)] {
        let settings = json!({ "url": "https://a.example/", "name": "t", "expect": expect });
        let run = run_with(settings, move |request| {
            let option = ("whole-body".to_owned(), "true".to_owned());
            assert_eq!(request.options.contains(&option), wished);
            Ok(Response {
                body_truncated: true,
                ..answer(200, "begin")
            })
        });
        assert_eq!(run.status("t"), Status::Ok);
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
        ..*failure(Error::Exhausted("waited for a free seat".into()))
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
fn body_conditions_hold_or_say_what_is_wrong() {
    let holds = json!({
        "body_contains": ["hea"], "body_lacks": ["error"], "body_matches": ["^he.*y$"], "body_lacks_match": ["[0-9]"],
        "body_bytes": { "minimum": 7, "maximum": 7 },
    });
    assert_eq!(judged(holds, Ok(answer(200, "healthy"))).status("t"), Status::Ok);
    for (expect, wanted, said) in [
        (
            json!({ "body_contains": ["up"] }),
            "body_unexpected",
            "the body lacks `up`",
        ),
        (
            json!({ "body_lacks": ["heal"] }),
            "body_unexpected",
            "the body contains `heal`",
        ),
        (
            json!({ "body_matches": ["^x"] }),
            "body_unexpected",
            "the body does not match `^x`",
        ),
        (
            json!({ "body_lacks_match": ["thy$"] }),
            "body_unexpected",
            "the body matches `thy$`",
        ),
        (
            json!({ "body_bytes": { "minimum": 8 } }),
            "body_size_unexpected",
            "the body has 7 bytes, less than 8",
        ),
        (
            json!({ "body_bytes": { "maximum": 6 } }),
            "body_size_unexpected",
            "the body has 7 bytes, more than 6",
        ),
        (
            json!({ "json": [{ "pointer": "" }] }),
            "json_unexpected",
            "the body is not JSON: expected value at line 1 column 1",
        ),
    ] {
        assert_eq!(
            code(&judged(expect, Ok(answer(200, "healthy")))),
            (Status::Critical, wanted, said)
        );
    }
}

#[test]
fn json_conditions_name_the_place() {
    let run = judged(
        json!({ "json": [{ "pointer": "/status", "equals": "ok" }] }),
        Ok(answer(200, r#"{"status":"bad"}"#)),
    );
    assert_eq!(
        code(&run),
        (Status::Critical, "json_unexpected", "`/status` is \"bad\", not \"ok\"")
    );
}

#[test]
fn half_a_body_proves_no_absence() {
    let cut = || Response {
        body_truncated: true,
        ..answer(200, "begin")
    };
    assert_eq!(
        judged(json!({ "body_contains": ["beg"] }), Ok(cut())).status("t"),
        Status::Ok
    );
    for (expect, said) in [
        (
            json!({ "body_lacks": ["x"] }),
            "only 5 bytes of the body were kept, too few for `body_lacks`: raise `request.body_bytes`",
        ),
        (
            json!({ "json": [{ "pointer": "/a" }] }),
            "only 5 bytes of the JSON were kept: raise `request.body_bytes`",
        ),
        (
            json!({ "body_contains": ["end"] }),
            "the body lacks `end` in its first 5 bytes, which is all that was kept",
        ),
        (
            json!({ "body_bytes": { "maximum": 9 } }),
            "the body has more than 5 bytes, and whether more than 9 is not known: raise `request.body_bytes`",
        ),
    ] {
        assert_eq!(code(&judged(expect, Ok(cut()))).2, said);
    }
    assert_eq!(
        judged(json!({}), Ok(cut())).value("http_probe_body_bytes", &["t"]),
        None
    );
}

#[test]
fn where_no_more_is_kept_nobody_is_told_to_raise_what_is_kept() {
    let long = || Response {
        body: vec![b'a'; 1 << 20],
        body_truncated: true,
        ..answer(200, "")
    };
    for expect in [
        json!({ "whole_body": false, "body_lacks": ["x"] }),
        json!({ "whole_body": false, "body_lacks_match": ["x"] }),
        json!({ "whole_body": false, "body_bytes": { "maximum": 2_000_000 } }),
        json!({ "whole_body": false, "json": [{ "pointer": "/a" }] }),
    ] {
        let run = judged(expect, Ok(long()));
        let (status, _, said) = code(&run);
        assert_eq!(status, Status::Critical);
        assert!(
            said.contains("no more is kept of any body, so ask for something shorter") && !said.contains("raise"),
            "{said}"
        );
    }
    let endless = Failure {
        status: Some(200),
        remote_address: Some("192.0.2.7:443".into()),
        phases: phases(),
        ..*failure(Error::Limit("the body is longer than 1 MiB".into()))
    };
    let run = judged(json!({ "body_lacks": ["x"] }), Err(Box::new(endless)));
    let said = code(&run).2;
    assert!(
        said.ends_with(
            "`expect.body_lacks` cannot be judged by a part: ask for something shorter, or drop it and set \
                        `expect.whole_body = false`"
        ),
        "{said}"
    );
}

#[test]
fn a_body_without_end_is_too_long_however_small_its_pieces_and_a_redirect_too_many_is_not() {
    let stopped_by = |status, error| Failure {
        status: Some(status),
        remote_address: Some("192.0.2.7:443".into()),
        ..*failure(error)
    };
    let stopped = |status, why: &str| stopped_by(status, Error::Limit(why.into()));
    let pieces = stopped(200, "while reading the body: it comes in more than 32768 pieces");
    let run = judged(json!({}), Err(Box::new(pieces)));
    assert_eq!(
        (code(&run).0, code(&run).1),
        (Status::Critical, "body_too_long"),
        "{}",
        code(&run).2
    );
    let pieces = stopped(200, "while reading the body: it comes in more than 32768 pieces");
    let run = judged(json!({ "whole_body": false }), Err(Box::new(pieces)));
    assert!(
        code(&run)
            .2
            .ends_with("; lower `request.body_bytes`, so that less of it is read"),
        "{}",
        code(&run).2
    );
    let full = "while reading the body: all bodies of this run are larger than 32 MiB together";
    let full = stopped_by(200, Error::Exhausted(full.into()));
    let run = judged(json!({}), Err(Box::new(full)));
    assert_eq!((code(&run).0, code(&run).1), (Status::Unknown, "over_limit"));
    assert_eq!(
        run.value("http_probe_success", &["t"]),
        None,
        "it is not the target's fault"
    );
    assert_eq!(run.value("http_probe_status_code", &["t"]), Some(200.0));
    let run = judged(json!({}), Err(Box::new(stopped(302, "more than 5 redirects"))));
    assert_eq!((code(&run).0, code(&run).1), (Status::Critical, "over_limit"));
}

#[test]
fn expressions_that_take_too_long_leave_their_targets_unknown_and_everything_else_stands() {
    let page = "a".repeat(1 << 20);
    let costly = json!({ "body_matches": ["(a?){500}z"] });
    let mut targets: Vec<Value> = (0..20)
        .map(|at| json!({ "url": format!("https://long.example/{at}"), "expect": costly }))
        .collect();
    targets.push(json!({ "url": "https://lacks.example/", "expect": { "body_lacks_match": ["(a?){500}z"] } }));
    targets.push(json!({ "url": "https://found.example/", "expect": { "body_matches": ["(a?){500}a"] } }));
    targets.push(json!({ "url": "https://short.example/", "expect": { "body_matches": ["^ok$"] } }));
    let run = run_with(
        json!({ "targets": targets, "name_sets": ["canonical", "blackbox"] }),
        move |request| {
            let body = if request.url == "https://short.example/" {
                "ok"
            } else {
                &page
            };
            Ok(answer(200, body))
        },
    );
    let long = run.verdict("https://long.example/7");
    assert_eq!((long.status, long.code.as_str()), (Status::Unknown, "not_searched"));
    assert!(
        long.summary.starts_with("`(a?){500}z` is not in the first ")
            && long
                .summary
                .ends_with(" bytes of the body, and this run has no time to search all 1048576"),
        "{}",
        long.summary
    );
    assert_eq!(run.verdict("https://lacks.example/").code, "not_searched");
    assert_eq!(run.status("https://short.example/"), Status::Ok);
    for gauge in ["http_probe_success", "probe_success"] {
        assert_eq!(run.value(gauge, &["https://long.example/7"]), None, "nobody knows");
        assert_eq!(run.value(gauge, &["https://short.example/"]), Some(1.0));
    }
    let known = run.value("http_probe_status_code", &["https://long.example/7"]);
    assert_eq!(known, Some(200.0));
    assert_eq!(run.report().verdicts().len(), 23);
    assert_ne!(run.status("https://found.example/"), Status::Critical, "it is there");
}

#[test]
fn what_is_found_in_the_part_that_was_searched_is_found() {
    let page = format!("it is ok{}", "a".repeat(1 << 20));
    let costly = "(a?){500}z";
    let expect = json!({ "body_matches": ["ok"], "body_lacks_match": [costly, "is"] });
    let run = judged(expect, Ok(answer(200, &page)));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Critical, "body_unexpected"));
    assert!(
        said.starts_with("the body matches `is`; `(a?){500}z` is not in the first "),
        "{said}"
    );
    assert_eq!(run.value("http_probe_success", &["t"]), Some(0.0), "that much is known");
}

#[test]
fn a_head_request_has_no_body_to_judge() {
    let settings = json!({
        "url": "https://a.example/", "name": "t", "request": { "method": "HEAD" }, "expect": { "body_contains": ["x"] },
    });
    assert_eq!(run_with(settings, |_| Ok(answer(200, ""))).status("t"), Status::Ok);
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
    assert_readme::<Http>(include_str!("../README.md"));
}

#[test]
fn every_check_of_the_sample_has_settings_that_are_understood() {
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_sample(&sample, |settings| run_with(settings, |_| Ok(answer(200, "{}"))));
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<Http>(include_str!("../rules.yml"));
}

#[test]
fn json_that_memory_does_not_suffice_for_is_as_a_body_that_is_too_long_and_the_rest_stands() {
    let evil = format!("[{}]", vec!["{\"\":0}"; 149_000].join(","));
    let exists = json!({ "json": [{ "pointer": "/0" }] });
    let settings = json!({ "targets": [
        { "name": "evil", "url": "https://a.example/evil", "expect": exists },
        { "name": "fine", "url": "https://a.example/fine", "expect": exists },
    ] });
    let run = run_with(settings, move |request| {
        Ok(answer(200, if request.url.ends_with("evil") { &evil } else { "[1]" }))
    });
    let verdict = run.verdict("evil");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Critical, "body_too_long")
    );
    assert!(verdict.summary.contains("memory"), "{}", verdict.summary);
    assert_eq!(run.status("fine"), Status::Ok);
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
