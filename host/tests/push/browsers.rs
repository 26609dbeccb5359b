//! Pages of other sites: answered where nothing but pushes is, and only those that a source names.

use crate::{
    KEY, SHOP, crash, header, push_address, run, send,
    support::host::{Place, request},
};

const ALLOWED: &str = "https://shop.example.com";
const ORIGIN: &str = "access-control-allow-origin";

#[test]
fn pages_that_a_source_names_may_report_and_read_the_answer() {
    let host = run(&Place::new(SHOP));
    let address = push_address(&host);
    let path = format!("/api/7/envelope/?sentry_version=7&sentry_key={KEY}");
    for origin in [ALLOWED, "https://a.example.org"] {
        let asked = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        for path in [path.as_str(), "/api/7/envelope/"] {
            let preflight = request(address, "OPTIONS", path, &asked);
            assert_eq!(preflight.status, 200, "{preflight:?}");
            assert_eq!(header(&preflight, ORIGIN), Some(origin));
            let allowed = header(&preflight, "access-control-allow-headers").unwrap_or_default();
            assert!(
                allowed.contains("x-sentry-auth") && allowed.contains("content-type"),
                "{allowed}"
            );
        }
        let from_a_page = [
            ("Origin", origin),
            ("Sec-Fetch-Site", "cross-site"),
            ("Content-Type", "text/plain"),
        ];
        let answer = send(address, "POST", &path, &from_a_page, &crash("TypeError"));
        assert_eq!(
            (answer.status, header(&answer, ORIGIN)),
            (200, Some(origin)),
            "{answer:?}"
        );
        let exposed = header(&answer, "access-control-expose-headers").unwrap_or_default();
        assert!(exposed.contains("x-sentry-rate-limits"), "{answer:?}");
        let refused = send(address, "POST", &path, &from_a_page, b"nonsense");
        assert_eq!(
            (refused.status, header(&refused, ORIGIN)),
            (400, Some(origin)),
            "a page reads why"
        );
    }
}

#[test]
fn other_pages_may_not_wherever_they_try() {
    let host = run(&Place::new(SHOP));
    let path = format!("/api/7/envelope/?sentry_key={KEY}");
    for (address, origin) in [
        (push_address(&host), "https://evil.example"),
        (push_address(&host), "https://shop.example.com.evil.example"),
        (push_address(&host), "null"),
        (host.address(), ALLOWED),
    ] {
        let from_a_page = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")];
        let preflight = request(address, "OPTIONS", &path, &from_a_page);
        assert_eq!(
            (preflight.status, header(&preflight, ORIGIN)),
            (403, None),
            "{origin}: {preflight:?}"
        );
        let answer = send(address, "POST", &path, &from_a_page, &crash("TypeError"));
        assert_eq!(
            (answer.status, header(&answer, ORIGIN)),
            (403, None),
            "{origin}: {answer:?}"
        );
    }
    let refused = host.get("/metrics").body;
    assert!(!refused.contains("outcome=\"taken\""), "{refused}");
}

#[test]
fn where_pushes_are_taken_nothing_else_is_answered() {
    let place = Place::new(&format!("{SHOP}\n[access]\nread = \"${{secret:BEAT_KEY}}\"\n"));
    let host = run(&place);
    let token = format!("Bearer {}", crate::BEAT_KEY);
    for path in [
        "/",
        "/metrics",
        "/health/live",
        "/health/detailed",
        "/api/v1/checks",
        "/api/v2/alerts",
        "/-/reload",
    ] {
        for method in ["GET", "POST"] {
            let answer = request(push_address(&host), method, path, &[("Authorization", &token)]);
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            assert!(answer.body.contains("nothing but pushes"), "{answer:?}");
        }
    }
    assert_eq!(
        request(host.address(), "GET", "/metrics", &[("Authorization", &token)]).status,
        200
    );
}
