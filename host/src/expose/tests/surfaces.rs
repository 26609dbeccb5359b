//! What is served.

use std::io::Read as _;

use super::*;
use crate::{board::CheckState, metric::text::Format, outcome::Status};

fn with(checks: Vec<CheckState>) -> Host {
    Setup {
        snapshot: Some(board::snapshot(checks, vec![board::load(1, 1.0)])),
        ..Setup::default()
    }
    .start()
}

#[test]
fn metrics_are_served_in_the_format_that_is_asked_for() {
    let host = host();
    let text = host.get("/metrics");
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(text.text(), board::TEXT);
    assert_eq!(text.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(text.header("content-encoding"), None);
    let open = host.ask(
        "GET",
        "/metrics",
        &["Accept: application/openmetrics-text;version=1.0.0"],
    );
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().ends_with("# EOF\n"));
    let head = host.ask("HEAD", "/metrics", &[]);
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, text.header("content-length"))
    );
}

#[test]
fn large_answers_are_compressed_and_read_back_the_same() {
    let host = Setup {
        snapshot: Some(board::snapshot(vec![], vec![board::load(10_000, 1.0)])),
        ..Setup::default()
    }
    .start();
    let large = host.snapshots.borrow().text(Format::Prometheus);
    let answer = host.ask("GET", "/metrics", &["Accept-Encoding: gzip"]);
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < large.len() / 4, "{} bytes", answer.body.len());
    let mut read = String::new();
    flate2::read::GzDecoder::new(&*answer.body)
        .read_to_string(&mut read)
        .expect("gzip");
    assert!(read.as_bytes() == large);
    let small = super::host().ask("GET", "/metrics", &["Accept-Encoding: gzip"]);
    assert_eq!(small.header("content-encoding"), None);
}

#[test]
fn a_new_snapshot_is_what_the_next_scrape_gets() {
    let host = host();
    assert_eq!(host.get("/metrics").text(), board::TEXT);
    host.snapshots
        .send(Arc::new(board::snapshot(vec![], vec![board::load(1, 2.0)])))
        .expect("served");
    assert_eq!(host.get("/metrics").text(), board::TEXT.replace("} 1", "} 2"));
}

#[test]
fn liveness_and_readiness_say_what_they_wait_for() {
    let host = with(vec![board::check("a", None), board::check("b", Some(Status::Critical))]);
    for path in ["/health/live", "/-/healthy"] {
        assert_eq!(host.get(path).json(), serde_json::json!({ "status": "alive" }));
    }
    let waiting = host.get("/health/ready");
    assert_eq!(waiting.status, 503);
    assert_eq!(
        waiting.json(),
        serde_json::json!({ "status": "waiting", "waiting_count": 1, "waiting": ["a"] })
    );

    let failed = CheckState {
        problem: Some("no such plugin".into()),
        ..board::check("a", None)
    };
    let ready = with(vec![failed, board::check("b", Some(Status::Critical))]).get("/-/ready");
    assert_eq!(ready.status, 200, "failing to load and being critical are not waiting");

    let restored = CheckState {
        ran: false,
        restored: true,
        ..board::check("a", Some(Status::Ok))
    };
    assert_eq!(
        with(vec![restored]).get("/health/ready").status,
        503,
        "a restored report is not a run"
    );
}

#[test]
fn detailed_health_is_the_worst_of_what_is_required() {
    let failed_run = CheckState {
        outcome: Some("timeout"),
        ..board::check("a", Some(Status::Unknown))
    };
    let optional = |check: CheckState| CheckState {
        required: false,
        ..check
    };
    for (check, status, code) in [
        (board::check("a", Some(Status::Ok)), "healthy", 200),
        (board::check("a", Some(Status::Warning)), "degraded", 200),
        (board::check("a", Some(Status::Unknown)), "degraded", 200),
        (board::check("a", None), "degraded", 200),
        (board::check("a", Some(Status::Critical)), "unhealthy", 503),
        (failed_run.clone(), "unhealthy", 503),
        (optional(failed_run), "degraded", 200),
        (optional(board::check("a", Some(Status::Critical))), "degraded", 200),
        (
            CheckState {
                stale: true,
                ..board::check("a", Some(Status::Ok))
            },
            "degraded",
            200,
        ),
    ] {
        let answer = with(vec![check.clone(), board::check("b", Some(Status::Ok))]).get("/health/detailed");
        assert_eq!(
            (answer.status, answer.json()["status"].as_str()),
            (code, Some(status)),
            "{check:?}"
        );
    }
}

#[test]
fn detailed_health_has_its_keys() {
    let health = host().get("/health/detailed").json();
    assert_eq!(health["version"], "1.2.3");
    assert_eq!(health["environment"], "test<1>");
    let timestamp = health["timestamp"].as_str().expect("a timestamp");
    assert!(timestamp.len() == 24 && timestamp.ends_with('Z'), "{timestamp}");
    assert_eq!(
        health["checks"][2],
        serde_json::json!({
            "name": "web", "status": "ok", "response_time_ms": 12.0, "message": "as told",
            "checked_at": "2023-11-14T22:13:20.000Z", "required": true,
        })
    );
    assert_eq!(health["checks"][1]["checked_at"], serde_json::Value::Null);
    assert_eq!(health["checks"][1]["status"], "pending");
}

#[test]
fn the_api_lists_checks_with_their_verdicts() {
    let answer = host().get("/api/v1/checks").json();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["data"]["status"], "degraded");
    let names: Vec<&str> = answer["data"]["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter_map(|check| check["name"].as_str())
        .collect();
    assert_eq!(names, ["queue", "slow", "web"]);
    assert_eq!(answer["data"]["checks"][0]["verdicts"][0]["status"], "warning");
}

#[test]
fn a_check_runs_now_and_an_unknown_one_is_guessed() {
    let host = host();
    let ran = host.ask("POST", "/api/v1/checks/web/run", &["Accept: */*"]).json();
    assert_eq!(ran["data"]["outcome"], "warning");
    assert_eq!(ran["data"]["verdicts"][0]["latency_ms"], 2500.0);
    let unknown = host.ask("POST", "/api/v1/checks/qeue/run", &[]);
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.json()["error"],
        "no check of that name is configured; did you mean `queue`?"
    );
    for name in ["%ff", "%", "qeue%00"] {
        let no_text = host.ask("POST", &format!("/api/v1/checks/{name}/run"), &[]);
        assert_eq!(
            (no_text.status, no_text.json()["errorType"].as_str()),
            (404, Some("not_found")),
            "{name}"
        );
    }
    let from_page = host.ask("POST", "/api/v1/checks/web/run", &["Accept: text/html,*/*;q=0.8"]);
    assert_eq!((from_page.status, from_page.header("location")), (303, Some("/")));
    assert_eq!(*host.control.calls.lock().expect("calls"), ["run web", "run web"]);
}

#[test]
fn a_reload_says_what_changed_or_what_is_wrong() {
    let host = host();
    let good = host.ask("POST", "/-/reload", &[]);
    assert_eq!(good.json()["data"]["added"], serde_json::json!(["new"]));
    *host.control.reload_error.lock().expect("error") = Some("bellwether.toml:3:1: unknown key".into());
    let bad = host.ask("PUT", "/-/reload", &[]);
    assert_eq!(bad.status, 422);
    assert_eq!(bad.json()["error"], "bellwether.toml:3:1: unknown key");
}

#[test]
fn errors_carry_no_secrets() {
    let redactor = Redactor::default();
    redactor.learn(&[crate::secret::Secret::new("canary-0123456789")]);
    let host = Setup {
        redactor,
        ..Setup::default()
    }
    .start();
    *host.control.reload_error.lock().expect("error") = Some("bad url https://x/canary-0123456789".into());
    let answer = host.ask("POST", "/-/reload", &[]);
    assert_eq!(answer.status, 422);
    assert!(!answer.text().contains("canary-0123456789"), "{}", answer.text());
}

#[test]
fn wrong_paths_and_methods_get_a_hint() {
    let host = host();
    let typo = host.get("/metric");
    assert_eq!(
        (typo.status, typo.text()),
        (404, "nothing here; did you mean /metrics?\n")
    );
    assert_eq!(host.get("/api/v1/check").json()["errorType"], "not_found");
    let wrong = host.ask("DELETE", "/metrics", &[]);
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(host.get("/-/reload").header("allow"), Some("POST,PUT"));
}

#[test]
fn the_page_escapes_what_it_is_given_and_loads_nothing() {
    let hostile = CheckState {
        message: "<script>alert(1)</script>".into(),
        plugin: "\"><img src=x>".into(),
        ..board::check("a/b<c>", Some(Status::Critical))
    };
    let host = with(vec![hostile, board::check("fine", Some(Status::Ok))]);
    let page = host.get("/");
    let html = page.text();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        !html.contains("<script") && !html.contains("<img") && !html.contains("<1>"),
        "{html}"
    );
    assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("test&lt;1&gt;"));
    assert!(html.contains("action=\"/api/v1/checks/a%2Fb%3Cc%3E/run\""));
    assert!(
        html.find("a/b&lt;c&gt;") < html.find("<b>fine</b>"),
        "the worst stands first"
    );
    for link in [
        "/metrics",
        "/health/detailed",
        "/health/ready",
        "/health/live",
        "/api/v1/checks",
    ] {
        assert!(html.contains(&format!("href=\"{link}\"")), "{link}");
    }
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "external resources"
    );

    let policy = page.header("content-security-policy").expect("a policy");
    let style = html
        .split("<style>")
        .nth(1)
        .and_then(|rest| rest.split("</style>").next())
        .expect("a style");
    let digest = {
        use base64::Engine as _;
        use sha2::Digest as _;
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style))
    };
    assert!(
        policy.contains(&format!("'sha256-{digest}'")) && !policy.contains("unsafe"),
        "{policy}"
    );
}

#[test]
fn every_answer_has_the_security_headers() {
    let host = host();
    for path in ["/", "/metrics", "/health/live", "/nothing", "/favicon.svg"] {
        let answer = host.get(path);
        for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(
            answer
                .header("content-security-policy")
                .is_some_and(|policy| policy.contains("default-src 'none'"))
        );
    }
}

#[test]
fn answers_are_counted_by_surface_and_code() {
    let host = host();
    host.get("/metrics");
    host.get("/nothing");
    assert_eq!(host.counted("bellwether_http_requests_total", &["metrics", "200"]), 1.0);
    assert_eq!(host.counted("bellwether_http_requests_total", &["other", "404"]), 1.0);
}

#[test]
fn a_panic_in_a_handler_is_a_500_and_the_connection_goes_on() {
    let host = with(vec![board::check("panics", Some(Status::Ok))]);
    let mut client = host.connect();
    let answer = client.ask("POST", "/api/v1/checks/panics/run", &[]);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (500, Some("error")));
    assert_eq!(client.ask("GET", "/health/live", &[]).status, 200);
    assert!(host.log().contains("\"ERROR\""), "{}", host.log());
}
