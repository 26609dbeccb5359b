//! Alertmanager's API as its clients speak it, at a socket.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    alert::{TimeInterval, times},
    config::Access,
    dispatch::settings::{ReceiverTraits, Settings},
    expose::tests::{Host, Setup, client::Answer},
    secret::Secret,
};

fn host() -> Host {
    with(Access::default())
}

fn settings() -> Settings {
    let known = ["ops", "web"].map(|name| (Arc::from(name), ReceiverTraits::default()));
    Settings {
        receivers: vec!["ops".into()],
        known: known.into(),
        ..Settings::default()
    }
}

fn with(access: Access) -> Host {
    start(access, settings())
}

fn start(access: Access, dispatch: Settings) -> Host {
    let setup = Setup {
        access,
        dispatch,
        ..Setup::default()
    };
    setup.start()
}

fn post_as(host: &Host, path: &str, authorization: &str, body: &str) -> Answer {
    let mut client = host.connect();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    client.send((head + body).as_bytes());
    client.hear(false)
}

fn post(host: &Host, path: &str, body: &Value) -> Answer {
    post_as(host, path, "", &body.to_string())
}

fn fire(host: &Host, names: &[&str]) {
    let alerts: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "labels": {"alertname": name, "team": "x", "empty": ""}, "annotations": {"summary": "down"},
                "startsAt": "2023-11-14T22:13:20Z", "endsAt": "0001-01-01T00:00:00.000Z", "generatorURL": "http://p/graph",
            })
        })
        .collect();
    let answer = post(host, "/api/v2/alerts", &alerts.into());
    assert_eq!((answer.status, answer.text()), (200, ""));
}

fn silence(matchers: &Value) -> Value {
    json!({
        "matchers": matchers, "startsAt": "2023-11-14T22:13:20Z", "endsAt": "2199-01-01T00:00:00Z",
        "createdBy": "me", "comment": "work",
    })
}

fn of_name(name: &str) -> Value {
    json!([{"name": "alertname", "value": name, "isRegex": false}])
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let alerts = body.as_array().unwrap_or_else(|| panic!("no list: {body}"));
    let mut names: Vec<String> = alerts
        .iter()
        .map(|alert| alert["labels"]["alertname"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_posted_is_listed_with_who_hears_of_it() {
    let host = host();
    assert_eq!(host.get("/api/v2/alerts").json(), json!([]));
    fire(&host, &["Down"]);
    let listed = host.get("/api/v2/alerts").json();
    let alert = &listed[0];
    assert_eq!(alert["labels"], json!({"alertname": "Down", "team": "x"}));
    assert_eq!(alert["annotations"], json!({"summary": "down"}));
    assert_eq!(alert["startsAt"], "2023-11-14T22:13:20.000Z");
    assert_eq!(alert["generatorURL"], "http://p/graph");
    assert_eq!(alert["receivers"], json!([{"name": "ops"}]));
    let status = json!({"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []});
    assert_eq!(alert["status"], status);
    let group = &host.get("/api/v2/alerts/groups").json()[0];
    assert_eq!(
        (&group["labels"], &group["receiver"]),
        (&json!({"alertname": "Down"}), &json!({"name": "ops"}))
    );
    assert_eq!(group["alerts"][0]["fingerprint"], alert["fingerprint"]);
    assert_eq!(
        host.get("/api/v2/receivers").json(),
        json!([{"name": "ops"}, {"name": "web"}])
    );
    let status = host.get("/api/v2/status").json();
    assert_eq!(status["cluster"], json!({"status": "disabled", "peers": []}));
    let original = status["config"]["original"].as_str().expect("text");
    assert!(original.starts_with("route:\n  receiver: \"ops\"\n"), "{original}");
}

#[test]
fn groups_that_the_calendar_mutes_say_by_what() {
    let always = TimeInterval {
        any: vec![times::Period::default()],
    };
    let settings = |mute: &[&str], active: &[&str]| Settings {
        mute_times: mute.iter().map(|name| (*name).into()).collect(),
        active_times: active.iter().map(|name| (*name).into()).collect(),
        intervals: [
            ("always".into(), always.clone()),
            ("never".into(), TimeInterval::default()),
        ]
        .into(),
        ..settings()
    };
    for (mute, active, muted_by) in [
        (&["never", "always"][..], &["always"][..], json!(["always"])),
        (&["never"], &["never"], json!(["never"])),
        (&["never"], &["never", "always"], json!([])),
    ] {
        let host = start(Access::default(), settings(mute, active));
        fire(&host, &["Down"]);
        let groups = host.get("/api/v2/alerts/groups").json();
        let status = &groups[0]["alerts"][0]["status"];
        assert_eq!(status["mutedBy"], muted_by, "{mute:?} {active:?}");
        let is_muted = muted_by != json!([]);
        assert_eq!(status["state"], if is_muted { "suppressed" } else { "active" });
        let unmuted = host.get("/api/v2/alerts/groups?muted=false").json();
        assert_eq!(unmuted == json!([]), is_muted, "{unmuted}");
        // By itself it may be in groups that are not muted.
        let alone = host.get("/api/v2/alerts").json();
        assert_eq!(
            (&alone[0]["status"]["mutedBy"], &alone[0]["status"]["state"]),
            (&json!([]), &json!("active"))
        );
    }
}

#[test]
fn an_alert_that_its_sender_ended_is_listed_no_more() {
    let host = host();
    fire(&host, &["Down"]);
    let over = json!([{"labels": {"alertname": "Down", "team": "x"}, "endsAt": "2023-11-14T22:20:00Z", "startsAt": "2023-11-14T22:13:20Z"}]);
    assert_eq!(post(&host, "/api/v2/alerts", &over).status, 200);
    assert_eq!(host.get("/api/v2/alerts").json(), json!([]));
}

#[test]
fn filters_are_alertmanagers() {
    let host = host();
    fire(&host, &["A", "B"]);
    let set = post(&host, "/api/v2/silences", &silence(&of_name("A")));
    assert_eq!(set.status, 200, "{}", set.text());
    for (query, wanted) in [
        ("", vec!["A", "B"]),
        ("?filter=alertname%3D%22B%22", vec!["B"]),
        ("?filter=alertname%3D~%22A%7CB%22&filter=team!%3Dx", vec![]),
        ("?silenced=false", vec!["B"]),
        ("?active=false", vec!["A"]),
        ("?active=false&silenced=false", vec![]),
        ("?inhibited=false&unprocessed=false", vec!["A", "B"]),
        ("?receiver=op.", vec!["A", "B"]),
        ("?receiver=web%7Co", vec![]),
    ] {
        assert_eq!(names(&host.get(&format!("/api/v2/alerts{query}"))), wanted, "{query}");
    }
    for (query, said) in [
        ("?filter=a", "the filter \"a\": "),
        ("?receiver=(", "failed to parse receiver param: "),
    ] {
        let answer = host.get(&format!("/api/v2/alerts{query}"));
        assert_eq!(answer.status, 400);
        let body = answer.json();
        assert!(body.as_str().is_some_and(|text| text.starts_with(said)), "{body}");
    }
}

#[test]
fn a_silence_is_set_shown_changed_and_ended() {
    let host = host();
    fire(&host, &["A"]);
    let set = post(&host, "/api/v2/silences", &silence(&of_name("A"))).json();
    let id = set["silenceID"].as_str().expect("an id").to_owned();
    let shown = host.get(&format!("/api/v2/silence/{id}")).json();
    let matchers = json!([{"name": "alertname", "value": "A", "isRegex": false, "isEqual": true}]);
    assert_eq!(
        (&shown["matchers"], &shown["status"]),
        (&matchers, &json!({"state": "active"}))
    );
    assert_eq!(
        (&shown["createdBy"], &shown["endsAt"]),
        (&json!("me"), &json!("2199-01-01T00:00:00.000Z"))
    );
    let alert = host.get("/api/v2/alerts").json()[0]["status"].clone();
    assert_eq!(
        (&alert["state"], &alert["silencedBy"]),
        (&json!("suppressed"), &json!([id]))
    );
    assert_eq!(host.get("/api/v2/silences?filter=alertname%3DA").json()[0]["id"], id);
    assert_eq!(host.get("/api/v2/silences?filter=alertname%3DB").json(), json!([]));

    let mut longer = shown.clone();
    longer["endsAt"] = "2198-01-01T00:00:00Z".into();
    let same = post(&host, "/api/v2/silences", &longer).json();
    assert_eq!(same["silenceID"], id, "only its end changed");

    let ended = host.ask("DELETE", &format!("/api/v2/silence/{id}"), &[]);
    assert_eq!((ended.status, ended.text()), (200, ""));
    assert_eq!(
        host.get(&format!("/api/v2/silence/{id}")).json()["status"]["state"],
        "expired"
    );
    assert_eq!(
        host.ask("DELETE", &format!("/api/v2/silence/{id}"), &[]).status,
        500,
        "as Alertmanager"
    );
    assert_eq!(host.ask("DELETE", "/api/v2/silence/none", &[]).status, 404);
    assert_eq!(host.get("/api/v2/silence/none").status, 404);
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let host = host();
    let alerts = "/api/v2/alerts";
    let silences = "/api/v2/silences";
    let mut past = silence(&of_name("A"));
    past["endsAt"] = "2023-11-15T00:00:00Z".into();
    let mut unknown = silence(&of_name("A"));
    unknown["id"] = "none".into();
    let regex = json!([{"name": "a", "value": "(", "isRegex": true}]);
    let everything = json!([{"name": "a", "value": ".*", "isRegex": true}]);
    for (path, body, status, said) in [
        (alerts, json!({}), 400, "cannot read the body: "),
        (
            alerts,
            json!([{"labels": {}}]),
            400,
            "alert 0: an alert needs at least one label",
        ),
        (
            alerts,
            json!([{"labels": {"": "x"}}]),
            400,
            "alert 0 has a label without a name",
        ),
        (
            alerts,
            json!([{"labels": {"a": "b"}, "endsAt": "soon"}]),
            400,
            "`endsAt` of alert 0 is \"soon\"",
        ),
        (
            silences,
            json!({"matchers": []}),
            400,
            "cannot read the body: missing field `startsAt`",
        ),
        (
            silences,
            silence(&json!([])),
            400,
            "a silence needs at least one matcher",
        ),
        (
            silences,
            silence(&everything),
            400,
            "a silence needs at least one matcher",
        ),
        (silences, silence(&regex), 400, "the matcher of \"a\": "),
        (silences, past, 400, "a silence must end in the future"),
        (silences, unknown, 404, "there is no silence `none`"),
    ] {
        let answer = post(&host, path, &body);
        let text = answer.json();
        assert!(
            text.as_str().is_some_and(|text| text.starts_with(said)),
            "{body}: {text}"
        );
        assert_eq!(answer.status, status, "{text}");
    }
    let some = json!([{"labels": {"alertname": "Good"}}, {"labels": {}}]);
    assert_eq!(post(&host, alerts, &some).status, 400);
    assert_eq!(names(&host.get(alerts)), ["Good"], "those with sense are taken");
}

#[test]
fn a_body_that_is_too_large_is_refused_unread() {
    let host = host();
    for (path, length) in [("/api/v2/alerts", 9 << 20), ("/api/v2/silences", 65 << 10)] {
        let mut client = host.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        assert_eq!(client.hear(false).status, 413, "{path}");
    }
}

#[test]
fn a_post_of_thousands_is_taken_and_listed_whole() {
    let host = host();
    let alerts: Vec<Value> = (0..2_000)
        .map(|number| json!({"labels": {"alertname": "Many", "n": number.to_string()}}))
        .collect();
    assert_eq!(post(&host, "/api/v2/alerts", &alerts.into()).status, 200);
    assert_eq!(names(&host.get("/api/v2/alerts")).len(), 2_000);
    assert_eq!(
        host.get("/api/v2/alerts/groups").json()[0]["alerts"]
            .as_array()
            .map(Vec::len),
        Some(2_000)
    );
}

#[test]
fn reading_pushing_and_silencing_take_tokens_of_their_own() {
    let secrets = |value: &str| vec![Secret::new(value)];
    let host = with(Access {
        read: secrets("reads"),
        push: secrets("pushes"),
        admin: secrets("rules"),
        ..Access::default()
    });
    let alerts = json!([{"labels": {"alertname": "A"}}]).to_string();
    let of_a = silence(&of_name("A")).to_string();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (token, statuses) in [
        ("reads", [200, 403, 403]),
        ("pushes", [403, 200, 403]),
        ("rules", [200, 200, 200]),
        ("guesses", [401, 401, 401]),
    ] {
        let header = bearer(token);
        let read = host.ask("GET", "/api/v2/alerts", &[header.trim_end()]).status;
        let pushed = post_as(&host, "/api/v2/alerts", &header, &alerts).status;
        let silenced = post_as(&host, "/api/v2/silences", &header, &of_a).status;
        assert_eq!([read, pushed, silenced], statuses, "{token}");
    }
    // `anyone:rules`, which is what `http_config.basic_auth` of amtool becomes.
    let basic = "Authorization: Basic YW55b25lOnJ1bGVz\r\n";
    assert_eq!(post_as(&host, "/api/v2/silences", basic, &of_a).status, 200);
    assert_eq!(host.get("/api/v2/status").status, 401);
}

#[test]
fn who_was_told_stands_beside_alertmanagers_api() {
    let host = host();
    fire(&host, &["Down"]);
    let fingerprint = host.get("/api/v2/alerts").json()[0]["fingerprint"].clone();
    let groups = host.get("/api/v1/notifications").json()["data"]["groups"].clone();
    let group = &groups[0];
    assert_eq!(
        (&group["receiver"], &group["alerts"]),
        (&json!("ops"), &json!([fingerprint]))
    );
    assert_eq!((&group["told"], &group["off_hours"]), (&json!([]), &json!(false)));
    let is_due = group["waiting"] == 1 || group["next_at"].is_string();
    assert!(is_due, "{group}");
}
