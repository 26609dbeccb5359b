//! Ways to the queues: the README's user and one that may do less, TLS, a Unix socket and another database.

use serde_json::Value;

use crate::{
    agree::{Once, place, place_over},
    certificates::certificates,
    redis::{PASSWORD, Server},
    server::free_port,
};

const SETTINGS: &str = "backend = \"celery\"";
const WAITING: [(&str, &str); 2] = [("queue", "celery"), ("state", "waiting")];

#[test]
fn a_user_that_may_not_ask_for_info_misses_only_that() {
    let server = Server::start();
    server.cli(&["LPUSH", "celery", "{}"]);
    let place = place(&server, SETTINGS);
    let enough = Once::of(&place).reported;
    assert_eq!(enough.value("queue_depth", &WAITING), Some(1.0));
    assert_eq!(enough.value("queue_commands_refused", &[]), Some(0.0));
    assert!(enough.value("redis_server_uptime_seconds", &[]).is_some());
    server.cli(&["ACL", "SETUSER", "monitor", "-info"]);
    let less = Once::of(&place).reported;
    assert_eq!(less.value("queue_depth", &WAITING), Some(1.0));
    assert_eq!(less.value("queue_commands_refused", &[]), Some(1.0));
    assert_eq!(less.value("redis_server_uptime_seconds", &[]), None);
}

#[test]
fn a_password_that_is_wrong_is_a_failed_run_that_says_so_and_not_what_it_was() {
    let server = Server::start();
    let finished = place(&server, SETTINGS).finish_with(&["once", "queues", "--json"], |command| {
        command.env("REDIS_PASSWORD", "canary-canary");
    });
    let answer: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let failure = answer["failure"].to_string();
    assert!(failure.contains("WRONGPASS"), "{failure}");
    let all = finished.stdout + &finished.stderr;
    assert!(!all.contains("canary-canary") && !all.contains(PASSWORD), "{all}");
}

#[test]
fn tls_with_an_authority_that_the_configuration_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = certificates(dir.path(), &["localhost"]);
    let port = free_port();
    let path = |file: &std::path::Path| file.display().to_string();
    let server = Server::start_with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &path(&made.certificate),
        "--tls-key-file",
        &path(&made.key),
        "--tls-ca-cert-file",
        &path(&made.ca),
        "--tls-auth-clients",
        "no",
    ]);
    server.cli(&["LPUSH", "celery", "{}"]);
    let url = format!("url = \"rediss://localhost:{port}/0\"");
    let trusted = place_over(
        &format!("{url}\ntls.ca = \"{}\"\ntls.ca_only = true", path(&made.ca)),
        SETTINGS,
    );
    let reported = Once::of(&trusted).reported;
    assert_eq!(reported.value("queue_depth", &WAITING), Some(1.0));
    let unknown = place_over(&url, SETTINGS).finish_with(&["once", "queues", "--json"], |command| {
        command.env("REDIS_PASSWORD", PASSWORD);
    });
    let answer: Value = serde_json::from_str(&unknown.stdout).expect("JSON");
    let failure = answer["failure"].to_string();
    assert!(failure.contains("certificate"), "{failure}");
}

#[test]
fn a_socket_and_another_database() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("redis.sock");
    let server = Server::start_with(&["--unixsocket", &socket.display().to_string()]);
    server.cli(&["-n", "3", "LPUSH", "celery", "{}", "{}"]);
    let place = place_over(&format!("url = \"redis+unix://{}?db=3\"", socket.display()), SETTINGS);
    let reported = Once::of(&place).reported;
    assert_eq!(reported.value("queue_depth", &WAITING), Some(2.0));
}
