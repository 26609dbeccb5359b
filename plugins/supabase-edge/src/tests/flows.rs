//! End-to-end checks: what is passed on, what a failing step means, and that clean-up always runs.

use std::time::Duration;

use bellwether_sdk::{
    Status,
    fake::{Fake, json},
    http::{Error, Request, Response},
};
use serde_json::Value;

use super::{Asked, NOW, after, answer, failure, header, header_of, host};
use crate::SupabaseEdge;

/// Makes an order, has a function read it, and removes it.
fn order() -> Value {
    json!({ "steps": [
        {
            "name": "make", "method": "POST", "path": "/rest/v1/orders",
            "headers": { "prefer": "return=representation" },
            "json": { "note": "check {{run}}" },
            "expect": { "status": [201] },
            "capture": { "id": "/0/id", "place": "header:location" },
        },
        {
            "name": "read", "method": "POST", "path": "functions/v1/price",
            "json": { "order": "{{id}}", "text": "order {{id}}" },
            "expect": { "json": [{ "pointer": "/total", "min": 0 }] },
        },
        { "name": "again", "path": "rest/v1/orders?id=eq.{{id}}" },
        { "name": "remove", "method": "DELETE", "path": "rest/v1/orders?id=eq.{{id}}", "always": true },
    ] })
}

fn settings() -> Value {
    json!({ "flows": { "order": order() } })
}

/// A project on which all of it works, but for the one path given.
fn shop(broken: &'static str, instead: Response) -> (Fake, Asked) {
    host(move |request: &Request| {
        let line = format!("{} {}", request.method, request.url);
        if !broken.is_empty() && line.starts_with(broken) {
            return Ok(instead.clone());
        }
        Ok(match line.as_str() {
            "POST rest/v1/orders" => header(answer(201, r#"[{"id":"a b/7"}]"#), "location", "/orders?id=eq.7"),
            "POST functions/v1/price" => answer(200, r#"{"total":12}"#),
            _ => answer(200, "[]"),
        })
    })
}

#[test]
fn what_one_step_answers_the_next_ones_use() {
    let (mut fake, asked) = shop("", answer(200, ""));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.status("flow order"), Status::Ok);
    assert_eq!(
        asked.lines(),
        [
            "POST rest/v1/orders",
            "POST functions/v1/price",
            "GET rest/v1/orders?id=eq.a%20b%2F7",
            "DELETE rest/v1/orders?id=eq.a%20b%2F7",
        ]
    );
    let requests = asked.all();
    let body = |at: usize| -> Value { serde_json::from_slice(&requests[at].body).expect("JSON") };
    assert_eq!(body(0), json!({ "note": format!("check {NOW}") }));
    assert_eq!(body(1), json!({ "order": "a b/7", "text": "order a b/7" }));
    assert_eq!(header_of(&requests[0], "prefer"), Some("return=representation"));
    assert_eq!(header_of(&requests[1], "content-type"), Some("application/json"));
    assert_eq!(run.value("edge_flow_up", &["order"]), Some(1.0));
    assert_eq!(run.value("edge_flow_runs_total", &["order", "ok"]), Some(1.0));
    assert_eq!(run.value("edge_flow_duration_seconds", &["order"]), Some(1.0));
    assert_eq!(run.value("edge_flow_step_up", &["order", "remove"]), Some(1.0));
    assert_eq!(
        run.value("edge_flow_step_duration_seconds", &["order", "read"]),
        Some(0.02)
    );
    assert_eq!(
        run.value("edge_flow_last_success_timestamp_seconds", &["order"]),
        Some(NOW as f64)
    );
}

#[test]
fn a_failing_middle_step_ends_the_flow_and_clean_up_runs_all_the_same() {
    let broken = header(answer(503, ""), "sb-error-code", "BOOT_ERROR");
    let (mut fake, asked) = shop("POST functions/v1/price", broken);
    let run = fake.run::<SupabaseEdge>(settings());
    let verdict = run.verdict("flow order");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Critical, "flow_failed")
    );
    assert_eq!(
        verdict.summary,
        "step 2 of 4, `read`: boot_error, status 503, BOOT_ERROR"
    );
    let lines = asked.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[2].starts_with("DELETE"), "{lines:?}");
    assert_eq!(run.value("edge_flow_step_up", &["order", "read"]), Some(0.0));
    assert_eq!(run.value("edge_flow_step_up", &["order", "again"]), None);
    assert_eq!(run.value("edge_flow_step_up", &["order", "remove"]), Some(1.0));
    assert_eq!(run.value("edge_flow_consecutive_failures", &["order"]), Some(1.0));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.value("edge_flow_consecutive_failures", &["order"]), Some(2.0));
    assert_eq!(run.value("edge_flow_last_success_timestamp_seconds", &["order"]), None);
}

/// There is nothing to clean up when nothing was made, and no request may go out with an empty id.
#[test]
fn clean_up_without_what_it_needs_is_left_out() {
    for first in [answer(500, ""), answer(201, "[]")] {
        let (mut fake, asked) = shop("POST rest/v1/orders", first);
        let run = fake.run::<SupabaseEdge>(settings());
        assert_eq!(run.verdict("flow order").code, "flow_failed");
        assert_eq!(asked.lines(), ["POST rest/v1/orders"]);
    }
}

#[test]
fn a_failing_clean_up_is_a_warning_of_its_own() {
    let (mut fake, _) = shop("DELETE", answer(500, ""));
    let run = fake.run::<SupabaseEdge>(settings());
    let verdict = run.verdict("flow order");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Warning, "cleanup_failed")
    );
    assert_eq!(run.value("edge_flow_up", &["order"]), Some(1.0));
    assert_eq!(
        run.value("edge_flow_runs_total", &["order", "cleanup_failed"]),
        Some(1.0)
    );
}

#[test]
fn a_step_that_could_not_be_sent_says_nothing_about_the_thing() {
    let (mut fake, _) = host(|request: &Request| match request.method.as_str() {
        "POST" => Err(failure(Error::Denied("POST is not granted".into()))),
        _ => Ok(answer(200, "")),
    });
    let run = fake.run::<SupabaseEdge>(json!({ "flows": { "order": order() }, "functions": { "hello": {} } }));
    let verdict = run.verdict("flow order");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "flow_unjudged")
    );
    assert_eq!(run.value("edge_flow_up", &["order"]), None);
    assert_eq!(run.value("edge_flow_consecutive_failures", &["order"]), Some(0.0));
}

/// The host replaces `{{secret:…}}` on the wire, so an answer must not be able to place one.
#[test]
fn an_answer_cannot_ask_for_secrets() {
    let (mut fake, asked) = shop("POST rest/v1/orders", answer(201, r#"[{"id":"{{secret:apikey}}"}]"#));
    let run = fake.run::<SupabaseEdge>(json!({ "flows": { "order": { "steps": [
        { "name": "make", "method": "POST", "path": "rest/v1/orders", "capture": { "id": "/0/id" } },
        { "name": "echo", "method": "POST", "path": "functions/v1/price", "json": { "id": "{{id}}" } },
    ] } } }));
    assert_eq!(run.verdict("flow order").code, "flow_failed");
    assert_eq!(asked.lines().len(), 1);
    assert!(!run.verdict("flow order").summary.contains("apikey"));
}

#[test]
fn a_captured_token_is_sent_and_never_told() {
    let (mut fake, asked) = host(|request: &Request| match request.url.as_str() {
        "auth/v1/token" => Ok(answer(200, r#"{"access_token":"eyJtoken"}"#)),
        _ => Ok(answer(401, r#"{"echo":"eyJtoken"}"#)),
    });
    let run = fake.run::<SupabaseEdge>(json!({ "flows": { "login": { "steps": [
        { "name": "sign in", "method": "POST", "path": "auth/v1/token", "capture": { "token": "/access_token" } },
        { "name": "use", "path": "rest/v1/me", "headers": { "authorization": "Bearer {{token}}" } },
    ] } } }));
    assert_eq!(header_of(&asked.all()[1], "authorization"), Some("Bearer eyJtoken"));
    assert_eq!(run.verdict("flow login").code, "flow_failed");
    assert!(!format!("{:?}", run.report()).contains("eyJtoken"));
    assert!(
        fake.all_state()
            .values()
            .all(|value| !String::from_utf8_lossy(value).contains("eyJtoken"))
    );
}

#[test]
fn a_flow_runs_no_more_often_than_said_and_is_judged_in_between() {
    let (mut fake, asked) = shop("POST functions/v1/price", answer(500, ""));
    let mut flow = order();
    flow["every"] = json!("15m");
    let settings = || json!({ "flows": { "order": flow } });
    fake.run::<SupabaseEdge>(settings());
    asked.clear();
    fake.advance(Duration::from_secs(899));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 0);
    assert_eq!(run.verdict("flow order").code, "flow_failed");
    assert_eq!(run.value("edge_flow_consecutive_failures", &["order"]), Some(1.0));
    fake.advance(Duration::from_secs(1));
    fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 3);
}

#[test]
fn a_flow_that_passes_late_is_degraded() {
    let (mut fake, _) = host(|_| Ok(after(answer(200, "[]"), 3_000)));
    let flow = json!({
        "steps": [{ "name": "a", "path": "x" }, { "name": "b", "path": "y" }],
        "latency_seconds": { "warning": 4, "critical": 8 },
    });
    let run = fake.run::<SupabaseEdge>(json!({ "flows": { "f": flow } }));
    let verdict = run.verdict("flow f");
    assert_eq!((verdict.status, verdict.code.as_str()), (Status::Warning, "slow"));
    assert_eq!(verdict.latency_ns, Some(6_000_000_000));
    assert_eq!(run.value("edge_flow_up", &["f"]), Some(1.0));
}

/// Steps get what is left of the run, but for what clean-up needs.
#[test]
fn time_for_clean_up_is_set_aside() {
    let (fake, asked) = shop("", answer(200, ""));
    let mut fake = fake.with_remaining(Duration::from_secs(8));
    fake.run::<SupabaseEdge>(settings());
    let timeouts: Vec<_> = asked.all().iter().map(|request| request.timeout_ms).collect();
    assert_eq!(timeouts, [Some(4_000), Some(4_000), Some(4_000), Some(8_000)]);
}

#[test]
fn without_time_a_step_is_not_sent() {
    let (fake, asked) = shop("", answer(200, ""));
    let mut fake = fake.with_remaining(Duration::from_millis(60));
    let run = fake.run::<SupabaseEdge>(settings());
    assert!(run.verdict("flow order").summary.contains("no time is left"));
    assert_eq!(asked.lines(), Vec::<String>::new());
}
