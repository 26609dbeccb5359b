//! Functions: what is asked, what the answers mean, and what is reported.

use bellwether_sdk::{
    FailureKind, Status,
    fake::json,
    http::{Error, Phase},
};

use super::{NOW, after, answer, certified, failure, header, header_of, host};
use crate::SupabaseEdge;

const HELLO: [&str; 3] = ["hello", "hello", ""];

fn one_error(code: &'static str, matter: &'static str) -> [&'static str; 5] {
    ["hello", "hello", "", code, matter]
}

#[test]
fn a_function_that_answers_is_up() {
    let (mut fake, asked) = host(|_| Ok(answer(204, "")));
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    assert_eq!(run.status("function hello"), Status::Ok);
    assert_eq!(run.verdict("function hello").latency_ns, Some(20_000_000));
    assert_eq!(run.value("edge_function_up", &HELLO), Some(1.0));
    assert_eq!(
        run.value("edge_function_state", &["hello", "hello", "", "ok"]),
        Some(1.0)
    );
    assert_eq!(run.value("edge_requests_total", &HELLO), Some(1.0));
    assert_eq!(run.value("edge_request_duration_seconds", &HELLO), Some(1.0));
    assert_eq!(run.value("edge_last_duration_seconds", &HELLO), Some(0.02));
    assert_eq!(run.value("edge_response_status", &HELLO), Some(204.0));
    assert_eq!(
        run.value("edge_errors_total", &one_error("boot_error", "function")),
        None
    );
    assert_eq!(asked.lines(), ["OPTIONS functions/v1/hello"]);
}

#[test]
fn a_worker_that_failed_is_down_whatever_the_status_unless_the_settings_name_it() {
    let (mut fake, _) = host(|_| Ok(header(answer(200, ""), "sb-error-code", "WORKER_ERROR")));
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    let verdict = run.verdict("function hello");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Critical, "worker_error")
    );
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": { "expect": { "status": [200] } } } }));
    assert_eq!(run.status("function hello"), Status::Ok);
}

/// Kong's CORS plugin answers what looks like a browser's preflight itself, and Supabase refuses secret keys from browsers.
#[test]
fn liveness_does_not_look_like_a_browser() {
    let (mut fake, asked) = host(|_| Ok(answer(200, "ok")));
    fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    let request = &asked.all()[0];
    assert_eq!(header_of(request, "origin"), None);
    assert_eq!(header_of(request, "access-control-request-method"), None);
    assert!(header_of(request, "user-agent").is_some_and(|agent| agent.starts_with("bellwether-supabase-edge/")));
}

#[test]
fn an_invocation_sends_what_the_settings_say() {
    let (mut fake, asked) = host(|_| Ok(answer(200, "{}")));
    fake.run::<SupabaseEdge>(json!({ "functions": { "recommend": {
        "slug": "enhanced_two_tower_recommendations",
        "mode": "invoke",
        "path": "/top?n=3",
        "headers": { "authorization": "Bearer {{secret:token}}", "User-Agent": "mine" },
        "json": { "user_id": 1, "dry_run": true },
        "regions": ["eu-central-1"],
        "timeout": "3s",
        "expect": { "body_bytes": 1000 },
    } } }));
    let request = &asked.all()[0];
    assert_eq!(
        asked.lines(),
        ["POST functions/v1/enhanced_two_tower_recommendations/top?n=3"]
    );
    assert_eq!(request.connection.as_deref(), Some("default"));
    assert_eq!(header_of(request, "x-region"), Some("eu-central-1"));
    assert_eq!(header_of(request, "authorization"), Some("Bearer {{secret:token}}"));
    assert_eq!(header_of(request, "content-type"), Some("application/json"));
    assert_eq!(header_of(request, "user-agent"), None);
    assert_eq!(request.timeout_ms, Some(3_000));
    assert_eq!(request.max_body_bytes, Some(1_000));
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(body, json!({ "user_id": 1, "dry_run": true }));
}

#[test]
fn each_region_is_a_target_of_its_own() {
    let (mut fake, _) = host(|request| match header_of(request, "x-region") {
        Some("us-east-1") => Ok(answer(503, "")),
        _ => Ok(header(answer(200, ""), "x-sb-edge-region", "eu-west-1")),
    });
    let settings = json!({ "regions": ["eu-west-1", "us-east-1"], "functions": { "hello": {} } });
    let run = fake.run::<SupabaseEdge>(settings);
    assert_eq!(run.status("function hello in eu-west-1"), Status::Ok);
    assert_eq!(run.verdict("function hello in us-east-1").code, "boot_error");
    assert_eq!(
        run.value("edge_function_up", &["hello", "hello", "eu-west-1"]),
        Some(1.0)
    );
    assert_eq!(
        run.value("edge_function_up", &["hello", "hello", "us-east-1"]),
        Some(0.0)
    );
    let served = ["hello", "hello", "eu-west-1", "eu-west-1"];
    assert_eq!(run.value("edge_served_region_info", &served), Some(1.0));
}

#[test]
fn a_function_that_ran_elsewhere_is_degraded() {
    let (mut fake, _) = host(|_| Ok(header(answer(200, ""), "x-sb-edge-region", "us-east-1")));
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": { "regions": ["eu-west-1"] } } }));
    let verdict = run.verdict("function hello in eu-west-1");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Warning, "region_mismatch")
    );
    assert_eq!(
        run.value("edge_function_up", &["hello", "hello", "eu-west-1"]),
        Some(1.0)
    );
}

#[test]
fn a_function_that_does_not_start_is_down_and_counted() {
    let (mut fake, _) = host(|_| Ok(header(answer(503, ""), "sb-error-code", "BOOT_ERROR")));
    let settings = || json!({ "functions": { "hello": {} } });
    let run = fake.run::<SupabaseEdge>(settings());
    let verdict = run.verdict("function hello");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Critical, "boot_error")
    );
    assert_eq!(verdict.summary, "status 503, BOOT_ERROR");
    assert_eq!(run.value("edge_function_up", &HELLO), Some(0.0));
    assert_eq!(
        run.value("edge_function_state", &["hello", "hello", "", "down"]),
        Some(1.0)
    );
    assert_eq!(
        run.value("edge_errors_total", &one_error("boot_error", "function")),
        Some(1.0)
    );
    let run = fake.run::<SupabaseEdge>(settings());
    let failed = ["hello", "hello", "", "failed"];
    assert_eq!(run.value("edge_function_consecutive_runs", &failed), Some(2.0));
}

/// A 401 says that the check is wrong. Nobody is to be called about the function.
#[test]
fn a_refused_key_leaves_the_function_unjudged() {
    let (mut fake, _) = host(|_| {
        let response = answer(
            401,
            r#"{"code":"UNAUTHORIZED_NO_AUTH_HEADER","message":"Missing authorization header"}"#,
        );
        Ok(header(response, "sb-error-code", "UNAUTHORIZED_NO_AUTH_HEADER"))
    });
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    let verdict = run.verdict("function hello");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "key_missing")
    );
    assert_eq!(run.value("edge_function_up", &HELLO), None);
    assert_eq!(
        run.value("edge_function_state", &["hello", "hello", "", "misconfigured"]),
        Some(1.0)
    );
    assert_eq!(
        run.value("edge_errors_total", &one_error("key_missing", "monitor")),
        Some(1.0)
    );
    let misconfigured = ["hello", "hello", "", "misconfigured"];
    assert_eq!(run.value("edge_function_consecutive_runs", &misconfigured), Some(1.0));
}

#[test]
fn a_paused_project_is_the_platforms_matter() {
    let (mut fake, _) = host(|_| Ok(answer(540, "")));
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    assert_eq!(run.verdict("function hello").code, "project_paused");
    assert_eq!(
        run.value("edge_function_state", &["hello", "hello", "", "platform"]),
        Some(1.0)
    );
    assert_eq!(run.value("edge_function_up", &HELLO), Some(0.0));
    assert_eq!(
        run.value("edge_errors_total", &one_error("project_paused", "platform")),
        Some(1.0)
    );
}

#[test]
fn severity_says_how_bad_it_is() {
    let (mut fake, _) = host(|_| Ok(answer(500, "")));
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": { "severity": "warning" } } }));
    assert_eq!(run.status("function hello"), Status::Warning);
}

#[test]
fn liveness_takes_the_functions_own_words_and_invocation_does_not() {
    for (status, invoke) in [
        (404, "unexpected_status"),
        (302, "unexpected_status"),
        (400, "unexpected_status"),
    ] {
        let (mut fake, _) = host(move |_| Ok(answer(status, r#"{"error":"mine"}"#)));
        let run = fake.run::<SupabaseEdge>(json!({ "functions": {
            "alive": {},
            "works": { "mode": "invoke" },
        } }));
        assert_eq!(run.status("function alive"), Status::Ok, "{status}");
        assert_eq!(run.verdict("function works").code, invoke, "{status}");
    }
}

#[test]
fn a_status_that_is_expected_is_right_even_where_it_is_an_error() {
    let (mut fake, _) = host(|_| Ok(header(answer(401, ""), "sb-error-code", "UNAUTHORIZED_NO_AUTH_HEADER")));
    let settings = json!({ "functions": { "hello": { "expect": { "status": [401] } } } });
    assert_eq!(fake.run::<SupabaseEdge>(settings).status("function hello"), Status::Ok);
    let other = json!({ "functions": { "hello": { "expect": { "status": ["2xx"] } } } });
    assert_eq!(
        fake.run::<SupabaseEdge>(other).verdict("function hello").code,
        "key_missing"
    );
}

/// Two and five seconds are the thresholds that rules and README speak of.
#[test]
fn an_answer_that_is_right_and_late_is_degraded() {
    for (milliseconds, status, conditions) in [
        (1_999, Status::Ok, [0.0, 0.0]),
        (2_000, Status::Warning, [1.0, 0.0]),
        (5_000, Status::Critical, [1.0, 1.0]),
    ] {
        let (mut fake, _) = host(move |_| Ok(after(answer(200, ""), milliseconds)));
        let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
        assert_eq!(run.status("function hello"), status, "{milliseconds} ms");
        assert_eq!(run.value("edge_function_up", &HELLO), Some(1.0));
        let condition = |name| run.value("edge_function_consecutive_runs", &["hello", "hello", "", name]);
        assert_eq!([condition("slow"), condition("very_slow")], conditions.map(Some));
        assert_eq!(run.value("edge_errors_total", &one_error("slow", "quality")), None);
    }
}

#[test]
fn every_failure_on_the_way_has_a_code() {
    let cases = [
        (
            Error::Resolve("no such name".into()),
            "name_unresolved",
            Status::Critical,
        ),
        (Error::Connect("refused".into()), "unreachable", Status::Critical),
        (
            Error::Tls("expired\ncertificate".into()),
            "tls_failed",
            Status::Critical,
        ),
        (Error::Timeout(Phase::Processing), "timed_out", Status::Critical),
        (Error::Protocol("garbage".into()), "not_http", Status::Critical),
        (Error::Invalid("bad header".into()), "request_refused", Status::Unknown),
        (Error::Exhausted("1,000 requests".into()), "over_limit", Status::Unknown),
    ];
    for (error, code, status) in cases {
        let (mut fake, _) = host(move |_| Err(failure(error.clone())));
        let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
        let verdict = run.verdict("function hello");
        assert_eq!((verdict.code.as_str(), verdict.status), (code, status));
        assert_eq!(run.value("edge_response_status", &HELLO), None);
        assert_eq!(run.value("edge_request_duration_seconds", &HELLO), None);
    }
}

#[test]
fn one_request_that_is_not_granted_is_a_verdict_and_all_of_them_are_a_failure() {
    let denied = || {
        Err(failure(Error::Denied(
            "POST is not among the connection's methods".into(),
        )))
    };
    let (mut fake, _) = host(move |request| {
        if request.method == "POST" {
            denied()
        } else {
            Ok(answer(200, ""))
        }
    });
    let both = json!({ "functions": { "alive": {}, "works": { "mode": "invoke" } } });
    let run = fake.run::<SupabaseEdge>(both);
    assert_eq!(run.status("function alive"), Status::Ok);
    let verdict = run.verdict("function works");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "not_granted")
    );
    assert!(verdict.summary.contains("methods"), "{}", verdict.summary);
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "works": { "mode": "invoke" } } }));
    assert_eq!(run.failure().kind(), FailureKind::Denied);
    assert!(run.failure().message().contains("methods"));
}

#[test]
fn a_function_is_called_no_more_often_than_said_and_judged_in_between() {
    let (mut fake, asked) = host(|_| Ok(header(answer(500, ""), "sb-error-code", "WORKER_ERROR")));
    let settings = || json!({ "functions": { "hello": { "every": "5m" } } });
    fake.run::<SupabaseEdge>(settings());
    fake.advance(std::time::Duration::from_secs(299));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 1);
    assert_eq!(run.verdict("function hello").code, "worker_error");
    assert_eq!(run.value("edge_function_up", &HELLO), Some(0.0));
    assert_eq!(run.value("edge_requests_total", &HELLO), None);
    assert_eq!(
        run.value("edge_function_consecutive_runs", &["hello", "hello", "", "failed"]),
        Some(1.0)
    );
    fake.advance(std::time::Duration::from_secs(1));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 2);
    assert_eq!(
        run.value("edge_function_consecutive_runs", &["hello", "hello", "", "failed"]),
        Some(2.0)
    );
}

/// Whoever mended the configuration need not wait for half an hour to see it.
#[test]
fn a_call_that_could_not_be_judged_is_made_again_in_the_next_run() {
    let calls = std::cell::Cell::new(0);
    let (mut fake, asked) = host(move |_| {
        calls.set(calls.get() + 1);
        Ok(answer(if calls.get() == 1 { 401 } else { 200 }, ""))
    });
    let settings = || json!({ "functions": { "hello": { "every": "30m" } } });
    assert_eq!(
        fake.run::<SupabaseEdge>(settings()).status("function hello"),
        Status::Unknown
    );
    assert_eq!(
        fake.run::<SupabaseEdge>(settings()).status("function hello"),
        Status::Ok
    );
    assert_eq!(
        fake.run::<SupabaseEdge>(settings()).status("function hello"),
        Status::Ok
    );
    assert_eq!(asked.lines().len(), 2);
}

#[test]
fn what_an_older_version_kept_is_forgotten_and_the_run_goes_on() {
    let (fake, asked) = host(|_| Ok(answer(200, "")));
    let mut fake = fake.with_state("functions/1", "not JSON");
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": { "every": "5m" } } }));
    assert_eq!(run.status("function hello"), Status::Ok);
    assert_eq!(asked.lines().len(), 1);
    assert_eq!(run.logs.len(), 1);
}

#[test]
fn a_certificate_is_as_good_as_the_first_of_its_chain_to_end() {
    for (days, status) in [
        (30, Status::Ok),
        (14, Status::Warning),
        (3, Status::Critical),
        (-1, Status::Critical),
    ] {
        let (mut fake, _) = host(move |_| Ok(certified(answer(200, ""), days)));
        let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
        assert_eq!(run.status("certificate default"), status, "{days}");
        let end = run.value("edge_certificate_expiry_timestamp_seconds", &["default"]);
        assert_eq!(end, Some((NOW + days * 86_400) as f64));
    }
}

/// The chain is known even when it is what the connection failed of.
#[test]
fn an_ended_certificate_is_told_of_though_no_answer_came() {
    let (mut fake, _) = host(|_| {
        let mut failure = failure(Error::Tls("certificate expired".into()));
        failure.tls = certified(answer(200, ""), -2).tls;
        Err(failure)
    });
    let run = fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    assert_eq!(run.verdict("function hello").code, "tls_failed");
    assert_eq!(run.verdict("certificate default").code, "certificate_expires");
}

#[test]
fn durations_in_milliseconds_are_reported_only_when_asked_for() {
    let (mut fake, _) = host(|_| Ok(answer(200, "")));
    let settings = |aliases: bool| json!({ "functions": { "generate_recommendations": { "slug": "hello" } }, "duration_ms_aliases": aliases });
    let alias = "edge_generate_recommendations_duration_ms";
    assert_eq!(fake.run::<SupabaseEdge>(settings(true)).value(alias, &[""]), Some(20.0));
    let run = fake.run::<SupabaseEdge>(settings(false));
    assert_eq!(run.value(alias, &[""]), None);
    let labels = ["hello", "generate_recommendations", ""];
    assert_eq!(run.value("edge_request_duration_seconds", &labels), Some(1.0));
}

#[test]
fn nothing_that_an_answer_says_reaches_people_or_the_state() {
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0";
    let (mut fake, _) = host(|_| {
        let body = json!({ "code": TOKEN, "message": TOKEN, "token": TOKEN }).to_string();
        let response = header(answer(500, &body), "x-sb-edge-region", "not a region");
        Ok(header(response, "sb-error-code", TOKEN))
    });
    let expect = json!({ "status": [500], "json": [{ "pointer": "/token", "equals": "ok" }], "headers": { "sb-error-code": "^x" } });
    let settings = json!({ "functions": {
        "plain": {},
        "asserted": { "expect": { "status": [500], "json": expect["json"] } },
        "headed": { "expect": { "status": [500], "headers": expect["headers"] } },
    } });
    let run = fake.run::<SupabaseEdge>(settings);
    assert!(!format!("{:?}", run.report()).contains("eyJ"));
    for value in fake.all_state().values() {
        assert!(!String::from_utf8_lossy(value).contains("eyJ"));
    }
}
