use bellwether_sdk::{fake, http::Response};

use super::*;

fn answer(status: u16, header: Option<(&str, &str)>, body: &str) -> Response {
    let headers = header.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    Response {
        headers: headers.into_iter().collect(),
        ..fake::answer(status, body)
    }
}

fn code(response: &Response) -> Option<&'static str> {
    classify(response).map(|finding| finding.class.code.name())
}

/// supabase/supabase, `apps/docs/content/guides/functions/error-codes.mdx`: the header alone decides, also when a function's
/// own body says otherwise. Statuses are those of `status-codes.mdx` where it has one.
#[test]
fn hosted_errors_are_known_by_their_header() {
    let documented = [
        (500, "EDGE_FUNCTION_ERROR", "function_error"),
        (504, "IDLE_TIMEOUT", "idle_timeout"),
        (546, "WORKER_RESOURCE_LIMIT", "resource_limit"),
        (546, "WORKER_LIMIT", "resource_limit"),
        (500, "WORKER_ERROR", "worker_error"),
        (500, "INVALID_RESPONSE_STATUS_CODE", "invalid_response"),
        (401, "UNAUTHORIZED_NO_AUTH_HEADER", "key_missing"),
        (401, "UNAUTHORIZED_ASYMMETRIC_JWT", "token_invalid"),
        (401, "UNAUTHORIZED_LEGACY_JWT", "token_invalid"),
        (401, "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", "token_unsupported"),
        (401, "UNAUTHORIZED_INVALID_JWT_FORMAT", "token_malformed"),
        (429, "RATE_LIMIT_EXCEEDED", "rate_limited"),
        (400, "INVALID_URL", "invalid_url"),
        (404, "NOT_FOUND", "not_deployed"),
        (404, "NOT_FOUND_FUNCTION_BLOB", "bundle_missing"),
        (503, "BOOT_ERROR", "boot_error"),
        (500, "LOAD_FUNCTION_ERROR", "load_failed"),
        (500, "LOAD_FUNCTION_METADATA_ERROR", "load_failed"),
        (500, "LOAD_FUNCTION_INVALID_ENTRYPOINT_PATH_ERROR", "load_failed"),
        (500, "LOAD_FUNCTION_UNBUNDLING_ERROR", "load_failed"),
    ];
    for (status, header, class) in documented {
        let response = answer(status, Some(("sb-error-code", header)), r#"{"code":"WORKER_ERROR"}"#);
        assert_eq!(code(&response), Some(class), "{header}");
    }
}

/// supabase/supabase, `troubleshooting/edge-function-404-error-response.mdx` and `…-546-…`: the same codes in the body, for
/// gateways that drop the header. Both 404 bodies read alike to people.
#[test]
fn without_the_header_the_code_in_the_body_decides() {
    let documented = [
        (
            404,
            r#"{"code":"NOT_FOUND","message":"Requested function was not found"}"#,
            "not_deployed",
        ),
        (
            404,
            r#"{"code":"NOT_FOUND_FUNCTION_BLOB","message":"Function deployment bundle not found"}"#,
            "bundle_missing",
        ),
        (
            546,
            r#"{"code":"WORKER_LIMIT","message":"Function failed due to not having enough compute resources (please check logs)"}"#,
            "resource_limit",
        ),
        (
            401,
            r#"{"code":"UNAUTHORIZED_NO_AUTH_HEADER","message":"Missing authorization header"}"#,
            "key_missing",
        ),
        (
            503,
            r#"{"code":"SUPABASE_EDGE_RUNTIME_ERROR","message":"Service is temporarily unavailable"}"#,
            "platform_unavailable",
        ),
    ];
    for (status, body, class) in documented {
        assert_eq!(code(&answer(status, None, body)), Some(class), "{body}");
    }
}

/// supabase/cli, `internal/functions/serve/templates/main.ts` (`SB_SPECIFIC_ERROR_TEXT`, `getResponse`): the local stack has no
/// header.
#[test]
fn the_local_stack_is_understood() {
    let local = [
        (
            503,
            r#"{"code":"BOOT_ERROR","message":"Worker failed to boot (please check logs)"}"#,
            "boot_error",
        ),
        (
            500,
            r#"{"code":"WORKER_ERROR","message":"Function exited due to an error (please check logs)"}"#,
            "worker_error",
        ),
        (
            546,
            r#"{"code":"WORKER_LIMIT","message":"Worker failed to respond due to a resource limit (please check logs)"}"#,
            "resource_limit",
        ),
        (404, "Function not found", "not_deployed"),
        (401, r#"{"msg":"Error: Missing authorization header"}"#, "unauthorized"),
        (401, r#"{"msg":"Invalid JWT"}"#, "unauthorized"),
        (
            500,
            r#"{"code":"Internal Server Error","message":"Request failed due to an internal server error","trace":"\"Error\""}"#,
            "function_error",
        ),
        (501, "{}", "runtime_starting"),
    ];
    for (status, body, class) in local {
        assert_eq!(code(&answer(status, None, body)), Some(class), "{body}");
    }
}

/// supabase/supabase, `guides/functions/status-codes.mdx` and `guides/platform/http-status-codes.mdx`; the older form of 401 has a
/// number for a code (`troubleshooting/edge-function-401-error-response.mdx`).
#[test]
fn without_any_code_the_status_decides() {
    let documented = [
        (401, r#"{"code":401,"message":"Invalid JWT"}"#, "unauthorized"),
        (402, "exceed_egress_quota", "service_restricted"),
        (405, "", "method_not_allowed"),
        (429, "", "rate_limited"),
        (500, "", "function_error"),
        (503, "", "boot_error"),
        (504, "", "idle_timeout"),
        (540, "", "project_paused"),
        (544, "", "gateway_timeout"),
        (546, "", "resource_limit"),
        (502, "<html>", "platform_unavailable"),
        (522, "<html>", "platform_unavailable"),
        (599, "", "function_error"),
    ];
    for (status, body, class) in documented {
        assert_eq!(code(&answer(status, None, body)), Some(class), "{status}");
    }
}

/// supabase/functions-js, `FunctionsClient.ts`: the header counts whatever the status.
#[test]
fn a_relay_that_reached_nothing_says_so_even_with_200() {
    assert_eq!(
        code(&answer(200, Some(("x-relay-error", "true")), "")),
        Some("relay_error")
    );
    assert_eq!(code(&answer(200, Some(("x-relay-error", "false")), "")), None);
}

/// The header is the platform's own, so it counts before any status that nobody asked for.
#[test]
fn the_platforms_header_counts_even_with_200() {
    for (header, class) in [("WORKER_ERROR", "worker_error"), ("NOT_FOUND", "not_deployed")] {
        assert_eq!(code(&answer(200, Some(("sb-error-code", header)), "")), Some(class));
    }
    assert_eq!(code(&answer(200, Some(("sb-error-code", "BRAND_NEW")), "")), None);
    assert_eq!(code(&answer(200, Some(("sb-error-code", "")), "")), None);
}

#[test]
fn what_a_function_says_itself_is_no_error_of_the_platform() {
    let own = [
        (200, r#"{"code":"NOT_FOUND"}"#),
        (302, ""),
        (400, r#"{"code":"BAD_INPUT"}"#),
        (404, r#"{"error":"no such item"}"#),
        (404, "Function not found, or is it?"),
        (403, ""),
    ];
    for (status, body) in own {
        assert_eq!(code(&answer(status, None, body)), None, "{status} {body}");
    }
}

#[test]
fn a_code_that_is_not_known_is_news_of_the_platform_and_not_repeated() {
    let response = answer(503, Some(("sb-error-code", "BRAND_NEW <b>")), "");
    let finding = classify(&response).expect("an error");
    assert_eq!(finding.class.code.name(), "platform_unavailable");
    assert!(!finding.summary.contains("BRAND_NEW"), "{}", finding.summary);
    let refused = answer(400, Some(("sb-error-code", "BRAND_NEW")), "");
    assert_eq!(code(&refused), None);
}
