//! Clients of Alertmanager that talk to the host: Debian's `amtool`, which lists and silences, and a Prometheus that posts its alerts
//! and dies.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

use super::{
    ask,
    support::{
        host::{Place, Running},
        server::{Server, command, free_port},
    },
};

const TOKENS: &str =
    "[access]\nread = \"a-token-that-reads\"\npush = \"a-token-that-pushes\"\nadmin = \"a-token-for-admins\"\n";

const ROUTES: &str = "[alerting]\nbundled_rules = false\nreceivers = [\"ops\"]\ngroup_wait = \"1s\"\ngroup_interval = \"1s\"\n\n\
     [[route]]\nmatch = [\"team=web\"]\nreceivers = [\"web\"]\n\n[receiver.ops]\nlog = true\n\n[receiver.web]\nlog = true\n\n";

/// What `amtool` says to this, when it exits with 0.
fn amtool(place: &Path, host: SocketAddr, arguments: &[&str]) -> Result<String, String> {
    let mut tool = command("amtool");
    tool.arg(format!("--alertmanager.url=http://{host}"))
        .args(arguments)
        .current_dir(place)
        .env("HOME", place)
        .env("USER", "tester");
    let said = tool.output().expect("amtool starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if said.status.success() {
        Ok(text(&said.stdout))
    } else {
        Err(text(&said.stdout) + &text(&said.stderr))
    }
}

fn fire(host: &Running, alerts: &[(&str, &str)]) {
    let alerts: Vec<Value> = alerts
        .iter()
        .map(|(name, team)| json!({"labels": {"alertname": name, "team": team}, "annotations": {"summary": "see above"}}))
        .collect();
    ask(host.address(), "POST", "/api/v2/alerts", &alerts.into()).expect("taken");
}

#[test]
fn amtool_lists_and_silences_alerts_on_the_host() {
    let place = Place::new(ROUTES);
    let (host, dir) = (place.run(), place.dir.path());
    let at = host.address();
    let ask = |arguments: &[&str]| amtool(dir, at, arguments).unwrap_or_else(|said| panic!("{arguments:?}: {said}"));
    fire(&host, &[("QueueDeep", "web"), ("DiskFull", "db")]);

    let listed = ask(&["alert", "query"]);
    assert!(listed.contains("QueueDeep") && listed.contains("DiskFull"), "{listed}");
    let listed = ask(&["alert", "query", "team=~\"w.b\"", "--receiver=web"]);
    assert!(listed.contains("QueueDeep") && !listed.contains("DiskFull"), "{listed}");

    let id = ask(&[
        "silence",
        "add",
        "alertname=QueueDeep",
        "--duration=2h",
        "--comment=moving the queues",
        "--author=tester",
    ]);
    let id = id.trim();
    let silences = ask(&["silence", "query", "alertname=QueueDeep"]);
    assert!(
        silences.contains(id) && silences.contains("moving the queues") && silences.contains("tester"),
        "{silences}"
    );
    let listed = ask(&["alert", "query"]);
    assert!(!listed.contains("QueueDeep") && listed.contains("DiskFull"), "{listed}");
    assert!(ask(&["alert", "query", "--silenced"]).contains("QueueDeep"));

    let longer = ask(&["silence", "update", "--duration=3h", id]);
    assert!(longer.contains("moving the queues"), "{longer}");
    ask(&["silence", "expire", id]);
    assert!(!ask(&["silence", "query"]).contains(id));
    assert!(ask(&["silence", "query", "--expired"]).contains(id));
    assert!(ask(&["alert", "query"]).contains("QueueDeep"));
    assert!(amtool(dir, at, &["silence", "expire", id]).is_err(), "it is over");

    ask(&[
        "alert",
        "add",
        "alertname=ByHand",
        "team=web",
        "--annotation=summary=by hand",
    ]);
    assert!(ask(&["alert", "query", "ByHand"]).contains("ByHand"));
    assert!(ask(&["config", "show"]).contains("receiver: \"ops\""));
    assert!(ask(&["config", "routes", "show"]).contains("ops"));
    assert!(ask(&["cluster", "show"]).contains("disabled"));
}

#[test]
fn amtool_brings_its_token_as_a_password() {
    let place = Place::new(&format!("{TOKENS}\n{ROUTES}"));
    let (host, dir) = (place.run(), place.dir.path());
    let at = host.address();
    let refused = amtool(dir, at, &["silence", "query"]).expect_err("without a token");
    assert!(refused.contains("401"), "{refused}");
    for (user, password) in [("reader", "a-token-that-reads"), ("admin", "a-token-for-admins")] {
        place.write(
            &format!("{user}.yml"),
            &format!("basic_auth: {{ username: anyone, password: {password} }}\n"),
        );
    }
    let add = ["silence", "add", "alertname=A", "--comment=x", "--duration=1h"];
    let with = |user: &str, verb: &[&str]| {
        let file = format!("--http.config.file={user}.yml");
        amtool(dir, at, &[&[file.as_str()], verb].concat())
    };
    assert!(with("reader", &add).is_err_and(|said| said.contains("403")));
    let id = with("admin", &add).expect("an administrator may");
    let listed = with("reader", &["silence", "query"]).expect("a reader may");
    assert!(listed.contains(id.trim()), "{listed}");
}

#[test]
fn alerts_of_a_prometheus_that_dies_end_because_it_is_silent_and_not_because_all_is_well() {
    let place = Place::new(&format!("{TOKENS}\n{ROUTES}"));
    let mut host = place.run();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut prometheus = prometheus(dir.path(), host.address());
    host.line("FIRING Always");
    let listed = host_alerts(&host);
    let alert = &listed[0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["severity"]),
        (&json!("Always"), &json!("info"))
    );
    assert_eq!(alert["receivers"], json!([{"name": "web"}]));
    prometheus.kill();
    let said = host.line("RESOLVED Always");
    assert!(said.contains("silent"), "{said}");
    assert!(!said.contains("its condition no longer holds"), "{said}");
    assert_eq!(host_alerts(&host), json!([]));
}

fn host_alerts(host: &Running) -> Value {
    let header = [("Authorization", "Bearer a-token-that-reads")];
    let answer = super::support::host::request(host.address(), "GET", "/api/v2/alerts", &header);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// One whose only alert fires, and which posts it every second.
fn prometheus(place: &Path, host: SocketAddr) -> Server {
    let rules = "groups:\n- name: g\n  rules:\n  - alert: Always\n    expr: vector(1)\n    labels: { severity: info, team: web }\n";
    std::fs::write(place.join("rules.yml"), rules).expect("write");
    let configuration = format!(
        "global: {{ evaluation_interval: 1s }}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  - api_version: v2\n    \
         authorization: {{ credentials: a-token-that-pushes }}\n    static_configs: [ {{ targets: [ '{host}' ] }} ]\n"
    );
    std::fs::write(place.join("prometheus.yml"), configuration).expect("write");
    let mut server = command("prometheus");
    server
        .args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--rules.alert.resend-delay=1s",
        ])
        .arg(format!("--web.listen-address=127.0.0.1:{}", free_port()))
        .current_dir(place);
    Server::start(server, "Server is ready to receive web requests")
}
