//! What stands beside the functions, each with its trap. The forms of the answers are those of the named sources.

use bellwether_sdk::{
    Status,
    fake::json,
    http::{Error, Response},
};
use serde_json::Value;

use super::{answer, failure, host};
use crate::SupabaseEdge;

/// The code of the verdict on the only surface, and whether it is up.
fn judged(surface: &str, settings: &Value, response: Response) -> (String, Option<f64>) {
    let (mut fake, _) = host(move |_| Ok(response.clone()));
    let run = fake.run::<SupabaseEdge>(json!({ "surfaces": { surface: settings } }));
    (
        run.verdict(surface).code.clone(),
        run.value("edge_surface_up", &[surface]),
    )
}

#[test]
fn each_surface_is_asked_where_it_lives() {
    let (mut fake, asked) = host(|_| Ok(answer(200, "")));
    fake.run::<SupabaseEdge>(json!({ "surfaces": {
        "auth": {}, "rest": { "table": "profiles" }, "storage": {}, "realtime": {}, "runtime": {},
    } }));
    assert_eq!(
        asked.lines(),
        [
            "GET rest/v1/profiles?limit=0",
            "GET auth/v1/health",
            "GET storage/v1/health",
            "GET realtime/v1/websocket?vsn=1.0.0",
            "GET functions/v1/_internal/health",
        ]
    );
    asked.clear();
    fake.run::<SupabaseEdge>(json!({ "surfaces": { "rest": {}, "storage": { "path": "/storage/v1/status" } } }));
    assert_eq!(asked.lines(), ["GET rest/v1/", "GET storage/v1/status"]);
}

/// supabase/auth, `internal/api/health`: always 200, with its version.
#[test]
fn auth_is_known_by_its_name() {
    let health = r#"{"version":"v2.180.0","name":"GoTrue","description":"GoTrue is a user registration and authentication API"}"#;
    assert_eq!(
        judged("auth", &json!({}), answer(200, health)),
        (String::new(), Some(1.0))
    );
    assert_eq!(
        judged("auth", &json!({}), answer(200, "<html>")),
        ("assertion_failed".into(), Some(0.0))
    );
    assert_eq!(
        judged("auth", &json!({}), answer(200, "{}")),
        ("assertion_failed".into(), Some(0.0))
    );
    let refused = answer(401, r#"{"message":"No API key found in request"}"#);
    assert_eq!(judged("auth", &json!({}), refused), ("unauthorized".into(), None));
    let (mut fake, _) = host(move |_| Ok(answer(200, health)));
    let run = fake.run::<SupabaseEdge>(json!({ "surfaces": { "auth": {} } }));
    assert_eq!(run.value("edge_surface_info", &["auth", "v2.180.0"]), Some(1.0));
}

/// PostgREST, `docs/references/errors`: codes of group 0, 205, and PostgreSQL's own.
#[test]
fn a_table_tells_of_postgrest_and_of_the_database_behind_it() {
    let table = || json!({ "table": "profiles" });
    let code = |status, code: &str| {
        answer(
            status,
            &json!({ "code": code, "message": "…", "hint": null }).to_string(),
        )
    };
    assert_eq!(judged("rest", &table(), answer(200, "[]")), (String::new(), Some(1.0)));
    assert_eq!(judged("rest", &table(), code(403, "42501")), (String::new(), Some(1.0)));
    assert_eq!(judged("rest", &table(), code(401, "42501")), (String::new(), Some(1.0)));
    assert_eq!(
        judged("rest", &table(), code(404, "PGRST205")),
        ("table_missing".into(), None)
    );
    for group in ["PGRST000", "PGRST001", "PGRST002", "PGRST003"] {
        assert_eq!(
            judged("rest", &table(), code(503, group)),
            ("database_unreachable".into(), Some(0.0))
        );
    }
    assert_eq!(
        judged("rest", &table(), answer(500, "")),
        ("surface_down".into(), Some(0.0))
    );
}

/// supabase.com/changelog 42949, and what the gateway was seen to answer to legacy keys: neither says how PostgREST is.
#[test]
fn the_rest_root_is_closed_to_public_keys_and_says_nothing_then() {
    let closed = [
        r#"{"message":"Access to schema is forbidden","hint":"Accessing the schema via the Data API is only allowed using a secret API key."}"#,
        r#"{"message":"Invalid API key","hint":"Only the `service_role` API key can be used for this endpoint."}"#,
    ];
    for body in closed {
        assert_eq!(
            judged("rest", &json!({}), answer(401, body)),
            ("rest_root_closed".into(), None)
        );
    }
    let wrong =
        r#"{"message":"Invalid API key","hint":"Double check your Supabase `anon` or `service_role` API key."}"#;
    assert_eq!(
        judged("rest", &json!({}), answer(401, wrong)),
        ("unauthorized".into(), None)
    );
    assert_eq!(
        judged("rest", &json!({}), answer(200, r#"{"swagger":"2.0"}"#)),
        (String::new(), Some(1.0))
    );
    let down = r#"{"code":"PGRST002","message":"Could not query the database for the schema cache. Retrying."}"#;
    assert_eq!(
        judged("rest", &json!({}), answer(503, down)),
        ("database_unreachable".into(), Some(0.0))
    );
}

/// supabase/storage, `src/http/routes/health`: 200 whatever the health.
#[test]
fn storage_is_believed_by_its_body_and_not_by_its_status() {
    assert_eq!(
        judged("storage", &json!({}), answer(200, r#"{"healthy":true}"#)),
        (String::new(), Some(1.0))
    );
    let ill = answer(200, r#"{"healthy":false}"#);
    assert_eq!(
        judged("storage", &json!({}), ill),
        ("surface_unhealthy".into(), Some(0.0))
    );
    assert_eq!(
        judged("storage", &json!({}), answer(200, "{}")),
        ("assertion_failed".into(), Some(0.0))
    );
    let status = json!({ "path": "storage/v1/status" });
    assert_eq!(judged("storage", &status, answer(200, "")), (String::new(), Some(1.0)));
}

/// phoenixframework/phoenix, `lib/phoenix/transports/websocket.ex`: 403 before the upgrade is looked at, 400 after it.
#[test]
fn a_websockets_address_is_well_when_it_refuses_plain_http() {
    for status in [400, 426] {
        assert_eq!(
            judged("realtime", &json!({}), answer(status, "")),
            (String::new(), Some(1.0))
        );
    }
    assert_eq!(
        judged("realtime", &json!({}), answer(403, "")),
        ("unauthorized".into(), None)
    );
    assert_eq!(
        judged("realtime", &json!({}), answer(200, "<html>")),
        ("unexpected_status".into(), Some(0.0))
    );
    assert_eq!(
        judged("realtime", &json!({}), answer(503, "")),
        ("surface_down".into(), Some(0.0))
    );
}

/// supabase/cli, `internal/functions/serve/templates/main.ts`.
#[test]
fn the_runtime_tells_its_health_where_there_is_one() {
    assert_eq!(
        judged("runtime", &json!({}), answer(200, r#"{"message":"ok"}"#)),
        (String::new(), Some(1.0))
    );
    assert_eq!(
        judged("runtime", &json!({}), answer(404, "")),
        ("not_offered".into(), None)
    );
    assert_eq!(
        judged("runtime", &json!({}), answer(200, r#"{"message":"no"}"#)),
        ("surface_unhealthy".into(), Some(0.0))
    );
}

#[test]
fn states_of_the_platform_are_told_of_every_surface() {
    assert_eq!(
        judged("auth", &json!({}), answer(540, "")),
        ("project_paused".into(), Some(0.0))
    );
    assert_eq!(
        judged("auth", &json!({}), answer(402, "")),
        ("service_restricted".into(), Some(0.0))
    );
    assert_eq!(
        judged("auth", &json!({}), answer(544, "")),
        ("gateway_timeout".into(), Some(0.0))
    );
    assert_eq!(
        judged("auth", &json!({}), answer(521, "")),
        ("platform_unavailable".into(), Some(0.0))
    );
    assert_eq!(judged("auth", &json!({}), answer(429, "")).0, "rate_limited");
    // 503 of a service is not a function that does not start.
    assert_eq!(
        judged("auth", &json!({}), answer(503, "")),
        ("surface_down".into(), Some(0.0))
    );
}

#[test]
fn expectations_of_the_settings_replace_what_is_known_of_statuses() {
    let lax = json!({ "expect": { "status": [403] } });
    assert_eq!(judged("realtime", &lax, answer(403, "")), (String::new(), Some(1.0)));
    assert_eq!(judged("realtime", &lax, answer(400, "")).0, "unexpected_status");
    let more = json!({ "expect": { "json": [{ "pointer": "/version", "matches": "^v2" }] } });
    assert_eq!(
        judged("auth", &more, answer(200, r#"{"name":"GoTrue","version":"v3"}"#)).0,
        "assertion_failed"
    );
}

#[test]
fn failures_are_counted_run_by_run() {
    let (mut fake, _) = host(|_| Err(failure(Error::Connect("refused".into()))));
    let settings = || json!({ "surfaces": { "auth": { "severity": "warning" } } });
    fake.run::<SupabaseEdge>(settings());
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.value("edge_surface_consecutive_failures", &["auth"]), Some(2.0));
    assert_eq!(
        (run.status("auth"), run.verdict("auth").code.as_str()),
        (Status::Warning, "unreachable")
    );
}

#[test]
fn runs_in_which_nobody_can_tell_are_counted() {
    let (mut fake, _) = host(|_| Ok(answer(401, "")));
    let settings = || json!({ "surfaces": { "storage": {} } });
    fake.run::<SupabaseEdge>(settings());
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.status("storage"), Status::Unknown);
    assert_eq!(run.value("edge_not_ok_runs", &["storage", "warning"]), Some(2.0));
    assert_eq!(run.value("edge_not_ok_runs", &["storage", "critical"]), Some(0.0));
}
