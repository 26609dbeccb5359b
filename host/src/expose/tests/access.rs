//! Who gets in.

use super::*;
use crate::secret::Secret;

fn tokens(read: &str, admin: &str) -> Access {
    Access {
        read: vec![Secret::new(read)],
        admin: vec![Secret::new(admin)],
        ..Access::default()
    }
}

fn guarded() -> Host {
    Setup {
        access: tokens("read-token", "admin-token"),
        ..Setup::default()
    }
    .start()
}

const READ: &str = "Authorization: Bearer read-token";
const ADMIN: &str = "Authorization: Bearer admin-token";

#[test]
fn every_path_asks_for_what_it_needs() {
    let host = guarded();
    for (method, path, stranger, reader, admin) in [
        ("GET", "/health/live", 200, 200, 200),
        ("GET", "/health/ready", 503, 503, 503),
        ("GET", "/-/healthy", 200, 200, 200),
        ("GET", "/metrics", 401, 200, 200),
        ("HEAD", "/metrics", 401, 200, 200),
        ("GET", "/health/detailed", 401, 200, 200),
        ("GET", "/", 401, 200, 200),
        ("GET", "/api/v1/checks", 401, 200, 200),
        ("GET", "/nothing", 401, 404, 404),
        ("POST", "/-/reload", 401, 403, 200),
        ("GET", "/-/reload", 401, 403, 405),
        ("POST", "/api/v1/checks/web/run", 401, 403, 200),
    ] {
        for (headers, expected) in [(&[][..], stranger), (&[READ], reader), (&[ADMIN], admin)] {
            let answer = host.ask(method, path, headers);
            assert_eq!(
                answer.status,
                expected,
                "{method} {path} {headers:?}: {}",
                answer.text()
            );
        }
    }
    assert_eq!(*host.control.calls.lock().expect("calls"), ["reload", "run web"]);
}

#[test]
fn a_stranger_is_told_how_to_come_in_and_a_wrong_token_is_counted() {
    let host = guarded();
    let answer = host.get("/metrics");
    let asks: Vec<&String> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value)
        .collect();
    assert!(
        asks[0].starts_with("Basic realm=") && asks[1].starts_with("Bearer realm="),
        "{asks:?}"
    );
    assert!(
        answer.text().contains("Authorization: Bearer TOKEN"),
        "{}",
        answer.text()
    );
    for _ in 0..5 {
        assert_eq!(
            host.ask("GET", "/metrics", &["Authorization: Bearer guessed-token"])
                .status,
            401
        );
    }
    assert_eq!(host.counted("bellwether_http_refused_total", &["wrong_token"]), 5.0);
    assert_eq!(host.counted("bellwether_http_refused_total", &["no_token"]), 1.0);
    let log = host.log();
    assert_eq!(
        log.matches("\"WARN\"").count(),
        1,
        "a flood of guesses is one line: {log}"
    );
    assert!(!log.contains("guessed-token") && !log.contains("read-token"), "{log}");
}

#[test]
fn basic_authentication_lets_browsers_and_prometheus_in() {
    use base64::Engine as _;
    let basic = |pair: &str| {
        format!(
            "Authorization: Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    let host = guarded();
    assert_eq!(host.ask("GET", "/", &[&basic("me:read-token")]).status, 200);
    assert_eq!(host.ask("GET", "/", &[&basic("read-token:me")]).status, 401);
}

#[test]
fn names_of_checks_are_for_those_who_may_read() {
    let host = guarded();
    let stranger = host.get("/health/ready").json();
    assert_eq!(stranger, serde_json::json!({ "status": "waiting", "waiting_count": 1 }));
    let reader = host.ask("GET", "/health/ready", &[READ]).json();
    assert_eq!(reader["waiting"], serde_json::json!(["slow"]));
}

#[test]
fn without_tokens_a_page_elsewhere_can_neither_read_nor_change_anything() {
    let host = host();
    let port = host.address().port();
    let ours = format!("Host: localhost:{port}");
    for (headers, read, reload) in [
        (vec![ours.as_str()], 200, 200),
        (vec![&ours, "Origin: http://evil.example.com"], 200, 403),
        (vec![&ours, "Sec-Fetch-Site: cross-site"], 200, 403),
        (vec![&ours, "Origin: null"], 200, 403),
        (vec!["Host: evil.example.com"], 403, 403),
        (
            vec!["Host: evil.example.com", "Origin: http://evil.example.com"],
            403,
            403,
        ),
    ] {
        assert_eq!(host.ask("GET", "/metrics", &headers).status, read, "{headers:?}");
        assert_eq!(host.ask("POST", "/-/reload", &headers).status, reload, "{headers:?}");
    }
    assert_eq!(host.ask("GET", "/health/live", &["Host: evil.example.com"]).status, 200);
    assert_eq!(host.control.calls.lock().expect("calls").len(), 1);
}

#[test]
fn a_request_in_the_target_form_of_a_proxy_is_judged_by_its_own_authority() {
    let host = host();
    assert_eq!(
        host.ask("GET", "http://evil.example.com/metrics", &["Host: localhost"])
            .status,
        403
    );
    assert_eq!(
        host.ask("GET", "http://localhost/metrics", &["Host: localhost"]).status,
        200
    );
}

#[test]
fn new_tokens_hold_from_the_next_request_and_bad_access_changes_nothing() {
    let host = guarded();
    let mut kept = host.connect();
    assert_eq!(kept.ask("GET", "/metrics", &[READ]).status, 200);
    host.handle
        .configure(&tokens("fresh-token", "admin-token"))
        .expect("configured");
    assert_eq!(kept.ask("GET", "/metrics", &[READ]).status, 401);
    let fresh = "Authorization: Bearer fresh-token";
    assert_eq!(kept.ask("GET", "/metrics", &[fresh]).status, 200);

    let tls = Some(crate::config::TlsFiles {
        certificate: "/nowhere/c.pem".into(),
        key: "/nowhere/k.pem".into(),
    });
    let error = host
        .handle
        .configure(&Access {
            tls,
            ..Access::default()
        })
        .expect_err("no such file")
        .to_string();
    assert!(error.starts_with("TLS: cannot read /nowhere/c.pem: "), "{error}");
    assert_eq!(kept.ask("GET", "/metrics", &[]).status, 401, "the tokens stay");
    assert_eq!(kept.ask("GET", "/metrics", &[fresh]).status, 200);
}

#[test]
fn nothing_is_served_off_loopback_without_tokens() {
    let listener = bind("0.0.0.0:0".parse().expect("an address")).expect("a free port");
    let donor = host();
    let options = ServeOptions {
        sources: Setup::default().sources,
        access: Access::default(),
        snapshots: donor.snapshots.subscribe(),
        dispatch: started(&donor.supervisor, dispatch::Settings::default(), &donor.telemetry),
        ingest: Setup::default().ingest,
        push_listener: None,
        control: Arc::clone(&donor.control) as Arc<dyn Control>,
        telemetry: Telemetry::silent(),
        redactor: Redactor::default(),
        clock: Clock::system(),
        version: String::new(),
        environment: String::new(),
        certificate_poll: CERTIFICATE_POLL,
    };
    let error = serve(listener, options, &donor.supervisor).expect_err("unprotected");
    assert!(
        matches!(error, ServeError::Listen(ListenError::Unprotected(_))),
        "{error}"
    );
}
