//! Files of other programs, and what becomes of them.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Migration, migrate};
use crate::config::{Environment, LoadRequest, Loaded, load};

const PROMETHEUS: &str = r##"
global:
  scrape_interval: 30s
  scrape_timeout: 5s
  evaluation_interval: 1m
  external_labels: {region: eu}
rule_files:
  - rules/*.yml
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["alertmanager:9093"]
remote_write:
  - url: https://mimir.example.com/
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["a:9100", "b:9100"]
        labels: {team: infra, __meta: x}
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: go_.*
        action: drop
      - source_labels: [instance]
        target_label: host
  - job_name: app server
    scheme: https
    metrics_path: /stats/metrics
    scrape_interval: 10s
    params: {module: ["a b"]}
    basic_auth: {username: me, password: prometheus-password}
    static_configs:
      - targets: ["app.example.com"]
  - job_name: blackbox
    metrics_path: /probe
    params: {module: [http_2xx]}
    static_configs:
      - targets: ["https://www.example.com/", "example.org"]
    relabel_configs:
      - source_labels: [__address__]
        target_label: __param_target
      - target_label: __address__
        replacement: 127.0.0.1:9115
  - job_name: pings
    metrics_path: /probe
    params: {module: [icmp]}
    static_configs:
      - targets: ["10.0.0.1"]
    relabel_configs:
      - source_labels: [__address__]
        target_label: __param_target
  - job_name: pods
    kubernetes_sd_configs:
      - role: pod
"##;

const ALERTMANAGER: &str = r##"
global:
  slack_api_url: https://hooks.slack.com/services/alertmanager-slack-secret
  smtp_smarthost: smtp.example.com:465
  smtp_from: alerts@example.com
  smtp_auth_username: alerts
  smtp_auth_password_file: /etc/alertmanager/smtp
route:
  receiver: chat
  group_by: [alertname]
  routes:
    - matchers: [severity="critical"]
      receiver: both
      continue: true
      routes:
        - match: {env: dev}
          receiver: nobody
          mute_time_intervals: [night]
    - receiver: genie
      match_re: {team: "a|b"}
receivers:
  - name: chat
    slack_configs: [{channel: "#alerts"}]
  - name: both
    slack_configs: [{channel: "#critical", send_resolved: true}]
    email_configs: [{to: "ops@example.com"}]
  - name: nobody
  - name: genie
    opsgenie_configs: [{api_key: opsgenie-secret-key}]
inhibit_rules:
  - source_match: {severity: critical}
    target_match: {severity: warning}
    equal: [alertname]
time_intervals:
  - name: night
    time_intervals:
      - times: [{start_time: "22:00", end_time: "24:00"}]
      - times: [{start_time: "00:00", end_time: "06:00"}]
        location: Europe/Berlin
"##;

fn migrated(files: &[(&str, &str)]) -> Result<Migration, String> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    migrate(&paths).map_err(|problems| problems.to_string())
}

/// What was written, loaded as a configuration, with every secret set.
fn loaded(migration: &Migration) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bellwether.toml");
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(&path, &migration.text).unwrap();
    let secrets = migration.secrets.iter().map(|(name, _)| {
        let value = match name.ends_with("_URL") {
            true => format!("https://{}.example.com/value", name.to_lowercase().replace('_', "-")),
            false => format!("value-of-{name}"),
        };
        (name.clone(), value)
    });
    let variables: BTreeMap<String, String> = secrets.chain([("HOME".to_owned(), "/home/me".to_owned())]).collect();
    let env: Environment = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    load(&LoadRequest { path: Some(path), env }).unwrap_or_else(|problems| panic!("{problems}\n{}", migration.text))
}

#[test]
fn jobs_become_checks_that_keep_job_and_instance() {
    let migration = migrated(&[("prometheus.yml", PROMETHEUS)]).unwrap();
    let loaded = loaded(&migration);
    let checks = &loaded.config.checks;
    let names: Vec<&str> = checks.keys().map(|name| &**name).collect();
    assert_eq!(names, ["app-server", "blackbox", "node"], "{}", migration.text);
    let label = |check: &str, name: &str| {
        let labels = checks[check].labels.iter();
        labels
            .clone()
            .find(|(own, _)| own.as_str() == name)
            .map(|(_, value)| value.clone())
    };
    assert_eq!(label("node", "job").as_deref(), Some("node"));
    assert_eq!(label("app-server", "job").as_deref(), Some("app server"));
    assert_eq!(label("app-server", "instance").as_deref(), Some("app.example.com"));
    let settings: serde_json::Value = serde_json::from_str(&checks["node"].settings).unwrap();
    assert_eq!(settings["targets"][1]["url"], "http://b:9100/metrics");
    assert_eq!(settings["targets"][1]["name"], "b:9100");
    assert_eq!(settings["targets"][0]["labels"], serde_json::json!({"team": "infra"}));
    assert_eq!(settings["drop"], serde_json::json!(["go_.*"]));
    let probe: serde_json::Value = serde_json::from_str(&checks["blackbox"].settings).unwrap();
    assert_eq!(probe["targets"][0]["url"], "https://www.example.com/");
    assert_eq!(probe["targets"][1]["url"], "http://example.org");
    let connection = &checks["app-server"].connections["default"];
    assert_eq!(
        connection.url.as_str(),
        "https://app.example.com/stats/metrics?module=a+b"
    );
    assert!(connection.auth.is_some());
}

#[test]
fn alerts_go_to_the_alertmanager_they_went_to() {
    let loaded = loaded(&migrated(&[("prometheus.yml", PROMETHEUS)]).unwrap());
    let dispatch = &loaded.config.dispatch;
    assert_eq!(dispatch.root.receivers, ["alertmanager".into()]);
    let receiver = dispatch.receivers["alertmanager"].plugin_use().unwrap();
    assert_eq!(&**receiver.settings, r#"{"members":["http://alertmanager:9093/"]}"#);
    assert_eq!(loaded.config.alerting.external_labels.len(), 1);
}

#[test]
fn members_of_a_cluster_with_credentials_are_connections() {
    let text = "alerting:\n  alertmanagers:\n    - scheme: https\n      path_prefix: /am\n      bearer_token: cluster-token-value\n      \
                static_configs: [{targets: ['a:9093', 'b:9093']}]\n";
    let migration = migrated(&[("prometheus.yml", text)]).unwrap();
    let dispatch = loaded(&migration).config.dispatch;
    let connections = dispatch.receivers["alertmanager"].plugin_use().unwrap().connections;
    assert_eq!(connections["second"].url.as_str(), "https://b:9093/am/");
    assert!(connections.values().all(|connection| connection.auth.is_some()));
}

#[test]
fn a_bot_has_a_channel_and_a_webhook_has_its_own() {
    let text = "route: {receiver: x}\nreceivers:\n  - name: x\n    slack_configs:\n      - channel: '#a'\n        api_url: \
                https://slack.com/api/chat.postMessage\n        http_config: {authorization: {credentials: xoxb-slack-token}}\n      - channel: \
                '#b'\n        api_url: https://hooks.slack.com/services/one-secret\n";
    let migration = migrated(&[("alertmanager.yml", text)]).unwrap();
    let dispatch = loaded(&migration).config.dispatch;
    let of = |name: &str| dispatch.receivers[name].plugin_use().unwrap();
    assert_eq!(&**of("x.slack").settings, r##"{"channel":"#a"}"##);
    assert_eq!(
        of("x.slack").connections["default"].url.as_str(),
        "https://slack.com/api/"
    );
    assert_eq!(&**of("x.slack-2").settings, "{}");
    assert!(migration.lost.to_string().contains("`channel` is not taken over"));
}

#[test]
fn what_is_lost_is_said_where_it_stands() {
    let migration = migrated(&[("prometheus.yml", PROMETHEUS), ("alertmanager.yml", ALERTMANAGER)]).unwrap();
    let said = migration.lost.to_string();
    for part in [
        "prometheus.yml:13:1: warning: `remote_write` is not taken over",
        "warning: this step of `metric_relabel_configs` is not taken over",
        "the job `pings` probes otherwise than over HTTP",
        "warning: `kubernetes_sd_configs` of a job is not taken over",
        "the job `pods` names no targets",
        "alerts go to no Alertmanager",
        "`opsgenie_configs` of the receiver `genie`: there is no such way here",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn routes_are_the_same_and_nobody_stays_nobody() {
    let migration = migrated(&[("alertmanager.yml", ALERTMANAGER)]).unwrap();
    let dispatch = loaded(&migration).config.dispatch;
    let routes: Vec<String> = dispatch
        .routes
        .iter()
        .map(|route| {
            let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
            format!(
                "{:?} {} → {}",
                route.parent,
                matchers.join(","),
                route.receivers.join(",")
            )
        })
        .collect();
    assert_eq!(
        routes,
        [
            "None severity=\"critical\" → both.slack,both.email",
            "Some(0) env=\"dev\" → ",
            "None team=~\"a|b\" → ",
        ]
    );
    assert!(dispatch.routes[0].goes_on);
    assert_eq!(dispatch.root.receivers, ["chat".into()]);
    assert_eq!(dispatch.intervals["night"].any.len(), 2);
    assert_eq!(dispatch.inhibitions.len(), 1);
    assert!(!dispatch.receivers["chat"].send_resolved, "as there, unless it says so");
    assert!(dispatch.receivers["both.slack"].send_resolved);
}

#[test]
fn secrets_are_named_once_and_shown_nowhere() {
    let both = [("prometheus.yml", PROMETHEUS), ("alertmanager.yml", ALERTMANAGER)];
    let migration = migrated(&both).unwrap();
    let names: Vec<&str> = migration.secrets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["APP_SERVER_PASSWORD", "SLACK_API_URL", "SMTP_PASSWORD"]);
    assert_eq!(migration.text.matches("${secret:SLACK_API_URL}").count(), 2);
    let said = format!("{migration:?}{}{}", migration.text, migration.lost);
    for secret in [
        "prometheus-password",
        "alertmanager-slack-secret",
        "opsgenie-secret-key",
    ] {
        assert!(!said.contains(secret), "{secret}\n{said}");
    }
    loaded(&migration);
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let refused = |files: &[(&str, &str)]| migrated(files).unwrap_err();
    let rules = refused(&[("rules.yml", "groups:\n  - name: a\n")]);
    assert!(rules.contains("rule files stay as they are"), "{rules}");
    let twice = refused(&[("a.yml", "scrape_configs: []\n"), ("b.yml", "rule_files: []\n")]);
    assert!(twice.contains("b.yml: this is a second file of its kind"), "{twice}");
    let broken = refused(&[("a.yml", "route:\n  password: hunter2hunter2\n receiver: [\n")]);
    assert!(
        broken.contains("not valid YAML") && !broken.contains("hunter2"),
        "{broken}"
    );
    assert!(refused(&[("a.yml", "")]).contains("there is nothing in this file"));
}
