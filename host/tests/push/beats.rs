//! Heartbeats: who may send them, what they say, what is said when they do not come, what a restart and a reload still know.

use crate::{
    BEAT_KEY, QUICK, header, push_address, run,
    support::host::{Answer, Place, Running, request, sample},
    until,
};

/// One that is missed soon, and one that never is.
const BOTH: &str = "push_listen = \"127.0.0.1:0\"\n\n[heartbeat.soon]\ninterval = \"2s\"\ngrace = \"0s\"\n\
    description = \"the nightly import\"\nlabels = { team = \"data\" }\n\n[heartbeat.daily]\ninterval = \"1d\"\n\n";

fn beat(host: &Running, path: &str) -> Answer {
    request(host.address(), "POST", &format!("/heartbeat/{path}"), &[])
}

/// Of one heartbeat in `/health/detailed`.
fn shown(host: &Running, name: &str) -> serde_json::Value {
    let checks = host.get_json("/health/detailed")["checks"].take();
    let all = checks.as_array().expect("a list");
    let found = all.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:?}")).clone()
}

fn state(name: &str, state: &str) -> String {
    format!("bellwether_heartbeat_state{{check=\"{name}\",state=\"{state}\"}}")
}

#[test]
fn one_that_does_not_come_is_missed_shown_and_alerted_and_over_when_it_comes() {
    let host = run(&Place::new(&format!("{BOTH}{QUICK}")));
    let late = "bellwether_heartbeat_state{check=\"soon\",team=\"data\",state=\"late\"}";
    host.reaches(late, 1.0);
    host.eventually("/health/detailed", |body| body.contains("\"unhealthy\""));
    let soon = shown(&host, "soon");
    assert_eq!(soon["status"], "critical");
    let message = soon["message"].as_str().expect("a text");
    assert!(
        message.starts_with("the nightly import: never heard; expected every 2 s"),
        "{message}"
    );
    assert!(host.get("/").body.contains("the nightly import"));
    let alerts = host.eventually("/api/v1/alerts", |body| body.contains("HeartbeatMissed"));
    let alerts: serde_json::Value = serde_json::from_str(&alerts).expect("JSON");
    let alert = &alerts["data"]["alerts"][0];
    assert_eq!(
        (&alert["labels"]["check"], &alert["labels"]["team"]),
        (&"soon".into(), &"data".into())
    );
    assert_eq!(alert["annotations"]["summary"], "Heartbeat soon is missed");
    assert_eq!(beat(&host, "soon").status, 200);
    assert_eq!(beat(&host, "daily").status, 200);
    host.eventually("/api/v1/alerts", |body| {
        // Beside those that fire stand, for a while, those that are over.
        body.contains("\"alerts\":[]") || {
            beat(&host, "soon");
            false
        }
    });
    assert_eq!(shown(&host, "daily")["status"], "ok");
}

#[test]
fn a_beat_says_how_it_went() {
    let host = run(&Place::new(&format!("{BOTH}{QUICK}")));
    for (path, status, result) in [
        ("daily", 200, "ok"),
        ("daily/fail", 200, "failed"),
        ("daily/0", 200, "ok"),
        ("daily/137", 200, "failed"),
        ("daily?status=up", 200, "ok"),
        ("daily?status=down", 200, "failed"),
    ] {
        assert_eq!(beat(&host, path).status, status, "{path}");
        host.reaches(&state("daily", result), 1.0);
    }
    assert_eq!(
        request(host.address(), "GET", "/heartbeat/daily", &[]).status,
        200,
        "many can do nothing else"
    );
    assert_eq!(beat(&host, "daily/what").status, 400);
    assert_eq!(beat(&host, "nothing").status, 404);
    assert_eq!(beat(&host, "daily/fail").status, 200);
    host.eventually("/api/v1/alerts", |body| body.contains("HeartbeatFailed"));
    host.reaches(
        "bellwether_heartbeat_beats_total{check=\"daily\",result=\"failed\"}",
        4.0,
    );
    // It is run by nobody.
    assert!(!host.get("/").body.contains("/api/v1/checks/daily/run"));
    assert_eq!(host.post("/api/v1/checks/daily/run").status, 409);
}

#[test]
fn who_may_send_one() {
    let guarded = "push_listen = \"127.0.0.1:0\"\n\n[heartbeat.guarded]\ninterval = \"1h\"\nkey = \"${secret:BEAT_KEY}\"\n\n\
        [heartbeat.open]\ninterval = \"1h\"\n\n";
    let host = run(&Place::new(guarded));
    let key = format!("Bearer {BEAT_KEY}");
    for address in [host.address(), push_address(&host)] {
        let ask =
            |name: &str, headers: &[(&str, &str)]| request(address, "GET", &format!("/heartbeat/{name}"), headers);
        assert_eq!(ask("guarded", &[("Authorization", &key)]).status, 200);
        let bare = ask("guarded", &[]);
        assert_eq!(bare.status, 401);
        assert!(header(&bare, "WWW-Authenticate").is_some());
        assert_eq!(
            ask("guarded", &[("Authorization", "Bearer other-key-0123456789")]).status,
            401
        );
        assert_eq!(ask("open", &[]).status, 200);
        let page = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
        assert_eq!(
            ask("open", &page).status,
            403,
            "no page sends one from somebody's browser"
        );
    }
    let with_tokens =
        format!("{guarded}[access]\npush = \"push-token-0123456789\"\nread = \"read-token-0123456789\"\n");
    let host = run(&Place::new(&with_tokens));
    let ask = |name: &str, token: &str| {
        let token = format!("Bearer {token}");
        request(
            host.address(),
            "POST",
            &format!("/heartbeat/{name}"),
            &[("Authorization", &token)],
        )
        .status
    };
    assert_eq!(
        (ask("guarded", BEAT_KEY), ask("guarded", "push-token-0123456789")),
        (200, 200)
    );
    assert_eq!(
        (ask("open", "push-token-0123456789"), ask("open", BEAT_KEY)),
        (200, 401)
    );
    assert_eq!(ask("open", "read-token-0123456789"), 403);
    assert_eq!(
        request(host.address(), "POST", "/heartbeat/nothing", &[]).status,
        401,
        "strangers learn no names"
    );
}

#[test]
fn a_restart_knows_when_it_came_last_and_misses_nothing_that_it_could_not_hear() {
    let place = Place::new(BOTH);
    let host = run(&place);
    assert_eq!(beat(&host, "daily/fail").status, 200);
    let last = "bellwether_heartbeat_last_timestamp_seconds{check=\"daily\"}";
    let before = host.reaches(last, 1.0);
    host.stop();
    let host = run(&place);
    host.reaches(&state("daily", "failed"), 1.0);
    assert_eq!(host.value(last), before);
    assert_eq!(shown(&host, "daily")["status"], "critical");
}

#[test]
fn a_reload_adds_keeps_and_removes() {
    let place = Place::new(BOTH);
    let host = run(&place);
    assert_eq!(beat(&host, "daily").status, 200);
    host.reaches(&state("daily", "ok"), 1.0);
    let one = |name: &str| {
        format!(
            "push_listen = \"127.0.0.1:0\"\n\n[heartbeat.daily]\ninterval = \"1d\"\n\n[heartbeat.{name}]\ninterval = \"1h\"\n"
        )
    };
    place.configure(&one("fresh"));
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    let summary: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let data = &summary["data"];
    assert_eq!(
        (&data["added"], &data["removed"]),
        (&serde_json::json!(["fresh"]), &serde_json::json!(["soon"]))
    );
    assert_eq!(data["unchanged"], 1);
    let body = host.eventually("/metrics", |body| sample(body, &state("fresh", "waiting")) == Some(1.0));
    assert_eq!(sample(&body, &state("daily", "ok")), Some(1.0), "it goes on as it was");
    host.eventually("/metrics", |body| !body.contains("check=\"soon\""));
    until(404, || beat(&host, "soon"));
    assert_eq!(beat(&host, "fresh").status, 200);
}
