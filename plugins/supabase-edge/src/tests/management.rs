//! The Management API: what is learnt, how often it is asked, and what its refusals mean. Forms of answers are those of
//! Supabase's OpenAPI description.

use std::{cell::RefCell, rc::Rc, time::Duration};

use bellwether_sdk::{
    FailureKind, Status,
    fake::{Fake, json},
    http::{Error, Request, Response},
};
use serde_json::Value;

use super::{Asked, NOW, answer, failure, header, host};
use crate::SupabaseEdge;

const MINUTE: Duration = Duration::from_secs(60);

fn function(slug: &str, status: &str, hash: &str) -> Value {
    json!({
        "id": "4c2f…", "slug": slug, "name": slug, "status": status, "version": 7, "verify_jwt": true,
        "created_at": 1_700_000_000_000_u64, "updated_at": 1_760_000_000_000_u64, "ezbr_sha256": hash,
    })
}

/// What the platform says; a test changes it between runs.
#[derive(Clone)]
struct Platform(Rc<RefCell<Says>>);

struct Says {
    project: Response,
    health: Response,
    functions: Response,
}

impl Platform {
    fn healthy() -> Self {
        let functions = json!([function("hello", "ACTIVE", "aa"), function("other", "ACTIVE", "bb")]);
        Self(Rc::new(RefCell::new(Says {
            project: answer(
                200,
                r#"{"id":"abcdefghijklmnopqrst","status":"ACTIVE_HEALTHY","region":"eu-central-1"}"#,
            ),
            health: answer(
                200,
                r#"[{"name":"auth","healthy":true,"status":"ACTIVE_HEALTHY","info":{"name":"GoTrue"}},{"name":"db","healthy":true,"status":"ACTIVE_HEALTHY"}]"#,
            ),
            functions: answer(200, &functions.to_string()),
        })))
    }

    fn answers(&self, request: &Request) -> Response {
        let says = self.0.borrow();
        match request.url.as_str() {
            url if url.ends_with("/functions") => says.functions.clone(),
            url if url.contains("/health?") => says.health.clone(),
            _ => says.project.clone(),
        }
    }

    fn host(&self) -> (Fake, Asked) {
        let platform = self.clone();
        let (fake, asked) = host(move |request| match request.connection.as_deref() {
            Some("management") => Ok(platform.answers(request)),
            _ => Ok(answer(200, "")),
        });
        (
            fake.with_connection("management", "https", "https://api.supabase.com/"),
            asked,
        )
    }
}

fn project(status: &str) -> Response {
    answer(200, &json!({ "status": status }).to_string())
}

#[test]
fn the_platforms_view_is_reported() {
    let (mut fake, asked) = Platform::healthy().host();
    let run = fake.run::<SupabaseEdge>(json!({ "management": {} }));
    assert_eq!(
        asked.lines(),
        [
            "GET v1/projects/abcdefghijklmnopqrst",
            "GET v1/projects/abcdefghijklmnopqrst/health?services=auth&services=db&services=realtime&services=rest&services=storage&timeout_ms=2000",
            "GET v1/projects/abcdefghijklmnopqrst/functions",
        ]
    );
    for target in ["management", "project", "service auth", "service db"] {
        assert_eq!(run.status(target), Status::Ok, "{target}");
    }
    assert_eq!(run.value("edge_project_state", &["ACTIVE_HEALTHY"]), Some(1.0));
    assert_eq!(run.value("edge_project_state", &["INACTIVE"]), Some(0.0));
    assert_eq!(run.value("edge_service_up", &["db"]), Some(1.0));
    assert_eq!(run.value("edge_function_deployed", &["hello"]), Some(1.0));
    assert_eq!(run.value("edge_function_version", &["hello"]), Some(7.0));
    assert_eq!(
        run.value("edge_function_updated_timestamp_seconds", &["hello"]),
        Some(1_760_000_000.0)
    );
    assert_eq!(run.value("edge_management_requests_total", &[]), Some(3.0));
    assert_eq!(run.value("edge_management_up", &[]), Some(1.0));
    assert_eq!(
        run.value("edge_management_last_success_timestamp_seconds", &[]),
        Some(NOW as f64)
    );
}

#[test]
fn only_what_the_settings_want_is_asked() {
    let (mut fake, asked) = Platform::healthy().host();
    fake.run::<SupabaseEdge>(json!({
        "project": "zzzzzzzzzzzzzzzzzzzz",
        "management": { "services": [], "functions": false },
    }));
    assert_eq!(asked.lines(), ["GET v1/projects/zzzzzzzzzzzzzzzzzzzz"]);
}

/// 120 requests a minute for each endpoint, 60 for a user as older pages have it: three in five minutes are far below both.
#[test]
fn the_quota_is_spared_and_what_is_known_stays_known() {
    let (mut fake, asked) = Platform::healthy().host();
    let settings = || json!({ "management": {} });
    for minute in 0..10 {
        let run = fake.run::<SupabaseEdge>(settings());
        assert_eq!(run.status("project"), Status::Ok, "minute {minute}");
        assert_eq!(run.value("edge_service_up", &["auth"]), Some(1.0));
        fake.advance(MINUTE);
    }
    assert_eq!(asked.lines().len(), 6);
}

/// supabase/supabase, `_partials/api_rate_limits.mdx`: `X-RateLimit-Reset` is in seconds.
#[test]
fn a_429_silences_the_questions_for_as_long_as_it_says() {
    let platform = Platform::healthy();
    let (mut fake, asked) = platform.host();
    let settings = || json!({ "management": { "every": "1m" } });
    fake.run::<SupabaseEdge>(settings());
    let limited = header(
        answer(429, r#"{"message":"ThrottlerException: Too Many Requests"}"#),
        "x-ratelimit-reset",
        "150",
    );
    platform.0.borrow_mut().project = limited;
    fake.advance(MINUTE);
    let run = fake.run::<SupabaseEdge>(settings());
    let verdict = run.verdict("management");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "management_limited")
    );
    assert!(verdict.summary.contains("150 s"), "{}", verdict.summary);
    assert_eq!(
        run.status("project"),
        Status::Ok,
        "what was known before is still fresh enough"
    );
    platform.0.borrow_mut().project = project("ACTIVE_HEALTHY");
    asked.clear();
    for seconds in [60, 60] {
        fake.advance(Duration::from_secs(seconds));
        fake.run::<SupabaseEdge>(settings());
        assert_eq!(asked.lines().len(), 0);
    }
    fake.advance(Duration::from_secs(30));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 3);
    assert_eq!(run.status("management"), Status::Ok);
}

#[test]
fn what_is_too_old_says_nothing_any_more() {
    let platform = Platform::healthy();
    let (mut fake, _) = platform.host();
    let settings = || json!({ "management": { "every": "1m" } });
    fake.run::<SupabaseEdge>(settings());
    platform.0.borrow_mut().project = answer(500, "");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        fake.advance(MINUTE);
        let run = fake.run::<SupabaseEdge>(settings());
        statuses.push(run.value("edge_project_state", &["ACTIVE_HEALTHY"]));
        assert_eq!(run.verdict("management").code, "management_unavailable");
        assert_eq!(run.status("service db"), Status::Ok, "the other parts stay fresh");
    }
    assert_eq!(statuses, [Some(1.0), Some(1.0), Some(1.0), None]);
}

/// supabase/cli, OpenAPI description: every word that `status` may be.
#[test]
fn every_state_of_a_project_has_a_code() {
    let states = [
        ("ACTIVE_HEALTHY", "", Status::Ok),
        ("ACTIVE_UNHEALTHY", "project_unhealthy", Status::Critical),
        ("INACTIVE", "project_paused", Status::Critical),
        ("PAUSING", "project_paused", Status::Critical),
        ("COMING_UP", "project_changing", Status::Warning),
        ("GOING_DOWN", "project_changing", Status::Warning),
        ("RESTORING", "project_changing", Status::Warning),
        ("UPGRADING", "project_changing", Status::Warning),
        ("RESTARTING", "project_changing", Status::Warning),
        ("RESIZING", "project_changing", Status::Warning),
        ("INIT_FAILED", "project_failed", Status::Critical),
        ("RESTORE_FAILED", "project_failed", Status::Critical),
        ("PAUSE_FAILED", "project_failed", Status::Critical),
        ("REMOVED", "project_failed", Status::Critical),
        ("UNKNOWN", "project_unknown", Status::Unknown),
        ("<script>", "project_unknown", Status::Unknown),
    ];
    for (word, code, status) in states {
        let platform = Platform::healthy();
        platform.0.borrow_mut().project = project(word);
        let run = platform.host().0.run::<SupabaseEdge>(json!({ "management": {} }));
        let verdict = run.verdict("project");
        assert_eq!((verdict.code.as_str(), verdict.status), (code, status), "{word}");
        assert!(!verdict.summary.contains("script"));
    }
}

#[test]
fn services_that_are_ill_are_told_and_counted() {
    let platform = Platform::healthy();
    platform.0.borrow_mut().health = answer(
        200,
        r#"[{"name":"db","healthy":false,"status":"UNHEALTHY","error":"secret://detail"},{"name":"auth","healthy":false,"status":"COMING_UP"}]"#,
    );
    let (mut fake, _) = platform.host();
    let settings = || json!({ "management": { "every": "1m" } });
    fake.run::<SupabaseEdge>(settings());
    fake.advance(MINUTE);
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.verdict("service db").code, "service_unhealthy");
    assert_eq!(run.verdict("service auth").code, "service_starting");
    assert_eq!(run.value("edge_service_consecutive_failures", &["db"]), Some(2.0));
    assert_eq!(run.value("edge_service_consecutive_failures", &["auth"]), Some(0.0));
    assert_eq!(run.value("edge_service_up", &["db"]), Some(0.0));
    assert!(!format!("{:?}", run.report()).contains("secret://"));
}

#[test]
fn refusals_are_the_monitors_matter_and_functions_are_called_all_the_same() {
    let refusals = [
        (
            answer(401, r#"{"message":"Unauthorized"}"#),
            "management_unauthorized",
            "",
        ),
        (
            answer(
                403,
                r#"{"message":"no","missing_permissions":["edge_functions_read","project_admin_read","<b>"]}"#,
            ),
            "management_forbidden",
            "edge_functions_read, project_admin_read",
        ),
        (
            answer(404, r#"{"message":"Project not found"}"#),
            "management_not_found",
            "",
        ),
        (answer(500, ""), "management_unavailable", ""),
        (answer(200, r#"{"surprise":true}"#), "management_unreadable", ""),
    ];
    for (response, code, said) in refusals {
        let platform = Platform::healthy();
        let all = || response.clone();
        *platform.0.borrow_mut() = Says {
            project: all(),
            health: all(),
            functions: all(),
        };
        let (mut fake, _) = platform.host();
        let run = fake.run::<SupabaseEdge>(json!({ "management": {}, "functions": { "hello": {} } }));
        let verdict = run.verdict("management");
        assert_eq!((verdict.status, verdict.code.as_str()), (Status::Unknown, code));
        assert!(
            verdict.summary.contains(said) && !verdict.summary.contains('<'),
            "{}",
            verdict.summary
        );
        assert_eq!(run.value("edge_management_up", &[]), Some(0.0));
        assert_eq!(run.status("function hello"), Status::Ok);
    }
}

#[test]
fn deployments_of_the_functions_that_are_called_are_judged() {
    let platform = Platform::healthy();
    let functions = json!([
        function("hello", "THROTTLED", "aa"),
        function("old", "REMOVED", "bb"),
        function("fine", "ACTIVE", "cc")
    ]);
    platform.0.borrow_mut().functions = answer(200, &functions.to_string());
    let (mut fake, _) = platform.host();
    let run = fake.run::<SupabaseEdge>(json!({
        "management": {},
        "functions": { "hello": {}, "gone": {}, "also_fine": { "slug": "fine" } },
    }));
    assert_eq!(run.verdict("deployment hello").code, "deployment_inactive");
    assert_eq!(run.verdict("deployment gone").code, "not_deployed");
    assert_eq!(run.status("deployment fine"), Status::Ok);
    assert_eq!(run.value("edge_function_deployed", &["gone"]), Some(0.0));
    assert_eq!(run.value("edge_function_deployed", &["hello"]), Some(0.0));
}

/// The version counts up without a deployment, so the bundle's hash decides.
#[test]
fn a_change_of_code_is_counted_and_logged_once() {
    let platform = Platform::healthy();
    let (mut fake, _) = platform.host();
    let settings = || json!({ "management": { "every": "1m" } });
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.value("edge_deployments_total", &["hello"]), Some(0.0));
    let functions = json!([function("hello", "ACTIVE", "dd"), function("other", "ACTIVE", "bb")]);
    platform.0.borrow_mut().functions = answer(200, &functions.to_string());
    fake.advance(MINUTE);
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.value("edge_deployments_total", &["hello"]), Some(1.0));
    assert_eq!(run.value("edge_deployments_total", &["other"]), Some(0.0));
    assert_eq!(run.logs.len(), 1);
    fake.advance(MINUTE);
    assert_eq!(
        fake.run::<SupabaseEdge>(settings())
            .value("edge_deployments_total", &["hello"]),
        Some(0.0)
    );
}

#[test]
fn discovery_calls_what_is_deployed_and_not_excluded() {
    let platform = Platform::healthy();
    let slugs = ["api", "api-v2", "internal-jobs", "named", "gone"];
    let status = |slug: &str| if slug == "gone" { "REMOVED" } else { "ACTIVE" };
    let functions: Vec<_> = slugs.iter().map(|slug| function(slug, status(slug), "aa")).collect();
    platform.0.borrow_mut().functions = answer(200, &json!(functions).to_string());
    let (mut fake, asked) = platform.host();
    let run = fake.run::<SupabaseEdge>(json!({
        "management": {},
        "functions": { "named": { "mode": "invoke" } },
        "discover": { "exclude": ["internal-*"], "call": { "severity": "warning" } },
    }));
    let called: Vec<_> = asked
        .lines()
        .into_iter()
        .filter(|line| line.contains("functions/v1/"))
        .collect();
    assert_eq!(
        called,
        [
            "POST functions/v1/named",
            "OPTIONS functions/v1/api",
            "OPTIONS functions/v1/api-v2"
        ]
    );
    assert_eq!(run.status("function api-v2"), Status::Ok);
    asked.clear();
    let run = fake.run::<SupabaseEdge>(json!({
        "management": {},
        "discover": { "include": ["api*"], "limit": 1 },
    }));
    assert_eq!(asked.lines(), ["OPTIONS functions/v1/api"]);
    assert_eq!(run.verdict("discovery").code, "discovery_limited");
}

/// Names become paths of requests.
#[test]
fn what_is_no_name_of_a_function_is_never_called() {
    let platform = Platform::healthy();
    let slugs = ["../../auth/v1/admin", "a b", "a?b", "", "fine", "fine"];
    let functions: Vec<_> = slugs.iter().map(|slug| function(slug, "ACTIVE", "aa")).collect();
    platform.0.borrow_mut().functions = answer(200, &json!(functions).to_string());
    let (mut fake, asked) = platform.host();
    fake.run::<SupabaseEdge>(json!({ "management": {}, "discover": {} }));
    let called: Vec<_> = asked
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("OPTIONS"))
        .collect();
    assert_eq!(called, ["OPTIONS functions/v1/fine"]);
}

/// The fake host has the real one's 64 KiB, and says so in the log when they are too few.
#[test]
fn what_is_kept_of_a_large_project_fits_into_the_state() {
    let platform = Platform::healthy();
    let hash = "a".repeat(64);
    let slug = |number: u32| format!("function-with-a-name-{number:03}");
    let functions: Vec<_> = (0..1_000)
        .map(|number| function(&slug(number), "ACTIVE", &hash))
        .collect();
    platform.0.borrow_mut().functions = answer(200, &json!(functions).to_string());
    let (mut fake, _) = platform.host();
    for _ in 0..2 {
        let run = fake.run::<SupabaseEdge>(json!({ "management": {}, "discover": { "limit": 120 } }));
        assert_eq!(run.logs, []);
        fake.advance(MINUTE);
    }
    let bytes: usize = fake.all_state().values().map(Vec::len).sum();
    assert!(bytes > 30_000, "{bytes}");
}

#[test]
fn an_api_that_cannot_be_reached_is_not_the_projects_fault() {
    let (fake, _) = host(|request| match request.connection.as_deref() {
        Some("management") => Err(failure(Error::Connect("refused".into()))),
        _ => Ok(answer(200, "")),
    });
    let mut fake = fake.with_connection("management", "https", "https://api.supabase.com/");
    let run = fake.run::<SupabaseEdge>(json!({ "management": {}, "functions": { "hello": {} } }));
    assert_eq!(run.verdict("management").code, "management_unavailable");
    assert_eq!(run.status("function hello"), Status::Ok);
    assert_eq!(run.value("edge_project_state", &["ACTIVE_HEALTHY"]), None);
}

#[test]
fn a_missing_connection_or_reference_is_the_settings_fault() {
    let (mut fake, _) = host(|_| Ok(answer(200, "")));
    let run = fake.run::<SupabaseEdge>(json!({ "management": {} }));
    assert_eq!(run.failure().kind(), FailureKind::Settings);
    assert!(run.failure().message().contains("connections = {"));
    let mut fake = Fake::new()
        .with_connection("default", "http", "http://127.0.0.1:54321/")
        .with_connection("management", "https", "https://api.supabase.com/")
        .with_http(|_| Ok(answer(200, "")));
    let run = fake.run::<SupabaseEdge>(json!({ "management": {} }));
    assert!(run.failure().message().contains("project ="), "{}", run.failure());
}
