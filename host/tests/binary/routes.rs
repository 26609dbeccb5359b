//! `routes test` and `migrate`: verbs that ask files and no host.

use crate::host::Place;

const ROUTES: &str = r#"
[alerting]
receivers = ["team"]

[receiver.team]
log = true

[receiver.pager]
log = true

[[route]]
name = "critical"
match = ['severity="critical"']
receivers = ["pager"]
continue = true
group_by = ["alertname"]
group_wait = "0s"

[[route]]
match = ['team="nobody"']
receivers = []
"#;

#[test]
fn routes_test_names_who_would_hear_and_by_which_route() {
    let place = Place::new(ROUTES);
    let both = place.finish(&["routes", "test", "alertname=X", "severity=critical", "team=web"]);
    assert_eq!(both.code, 0, "{both:?}");
    for line in [
        "receivers   pager",
        "route       [alerting] > critical",
        "group       alertname=X",
        "timings     first after 0s, news every 5m, the same again after 4h",
    ] {
        assert!(both.stdout.contains(line), "{line}\n{}", both.stdout);
    }
    let json = place.finish(&["routes", "test", "team=web", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(answer["routes"][0]["receivers"], serde_json::json!(["team"]));
    assert_eq!(answer["routes"][0]["group_wait"], 30.0);
    assert_eq!(answer["labels"]["team"], "web");
}

#[test]
fn routes_test_exits_1_when_nobody_would_hear_and_2_when_it_cannot_tell() {
    let place = Place::new(ROUTES);
    let nobody = place.finish(&["routes", "test", "team=nobody"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
    assert!(nobody.stdout.contains("receivers   nobody"), "{}", nobody.stdout);
    assert_eq!(place.finish(&["routes", "test", "team"]).code, 2);
    place.configure("[[route]]\nreceivers = [\"missing\"]\n");
    let wrong = place.finish(&["routes", "test", "team=web"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("there is no receiver `missing`"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn what_migrate_writes_validates() {
    let place = Place::new("");
    place.write(
        "prometheus.yml",
        "global: {scrape_interval: 20s}\nremote_write: [{url: 'https://x/'}]\nscrape_configs:\n  - job_name: node\n    static_configs: [{targets: \
         ['localhost:9100', 'localhost:9101']}]\n",
    );
    place.write(
        "alertmanager.yml",
        "route: {receiver: hook, routes: [{matchers: ['severity=\"critical\"'], receiver: mail}]}\nreceivers:\n  - name: hook\n    \
         webhook_configs: [{url: 'http://127.0.0.1:5001/', max_alerts: 5}]\n  - name: mail\n    email_configs: [{to: a@example.com, from: \
         b@example.com, smarthost: 'smtp.example.com:587', auth_username: b, auth_password: hunter2hunter2}]\n",
    );
    let output = place.path("new.toml").display().to_string();
    let files = ["prometheus.yml", "alertmanager.yml"].map(|name| place.path(name).display().to_string());
    let made = place.finish(&["migrate", &files[0], &files[1], "--output", &output]);
    assert_eq!((made.code, made.stdout.as_str()), (0, ""), "{made:?}");
    assert!(
        made.stderr.contains("`remote_write` is not taken over"),
        "{}",
        made.stderr
    );
    let written = std::fs::read_to_string(&output).expect("written");
    assert!(
        !written.contains("hunter2") && !made.stderr.contains("hunter2"),
        "{written}"
    );
    let again = place.finish(&["migrate", &files[0], "--output", &output]);
    assert_eq!(again.code, 3, "what is there stays: {again:?}");
    let valid = place.finish_with(&["validate", "--config", &output], |command| {
        command.env("STATE_DIRECTORY", place.path("state"));
        command.env("HOOK_URL", "http://127.0.0.1:5001/");
        command.env("MAIL_SMTP_PASSWORD", "value-of-a-secret");
    });
    assert_eq!(valid.code, 0, "{written}\n{valid:?}");
    assert!(!valid.stderr.contains("warning:"), "{}", valid.stderr);
}

#[test]
fn migrate_refuses_other_files_and_prints_one_object_when_asked() {
    let place = Place::new("");
    place.write("rules.yml", "groups: []\n");
    place.write("alertmanager.yml", "route: {receiver: a}\nreceivers: [{name: a}]\n");
    let path = |name: &str| place.path(name).display().to_string();
    let refused = place.finish(&["migrate", &path("rules.yml")]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("rule files stay as they are"),
        "{}",
        refused.stderr
    );
    let json = place.finish(&["migrate", "--json", &path("alertmanager.yml")]);
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((json.code, &answer["ok"]), (0, &true.into()));
    assert!(
        answer["configuration"]
            .as_str()
            .is_some_and(|text| text.contains("[alerting]"))
    );
}
