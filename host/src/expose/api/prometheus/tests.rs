//! The API as its clients see it: what Prometheus would answer, and what keeps one client from the others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwether_promql::{
    labels::Labels,
    value::{Point, stale_marker},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Sources, desk::LINE_MAX};
use crate::{
    alert::{Alert, AlertState, Fingerprint, ResolveCause},
    expose::tests::{
        Host, Setup, board,
        client::{Answer, Client},
    },
    history::{History, Settings, View},
    rule::{GroupStatus, Health, RuleReport, RuleStatus, load_text},
};

const START: i64 = 1_700_000_000_000;

/// Takes a minute or more, an expression without any series.
const SLOW: &str = "/api/v1/query_range?start=1700000000&end=1700011000&step=1\
                    &query=quantile_over_time(0.5,vector(1)[1h:250ms])";

fn labels(pairs: &[(&'static str, &'static str)]) -> Labels {
    Labels::new(pairs.iter().copied())
}

/// `requests_total` of two paths, a sample every 15 s for 10 min; `gone`, which ended after the first.
fn history() -> Arc<View> {
    let mut history = History::new(Settings {
        interval: Duration::from_secs(15),
        retention: Duration::from_secs(6 * 3_600),
        retention_unselected: Duration::from_secs(3_600),
        memory: 64 << 20,
        job: "bellwether".into(),
        instance: "here:9920".into(),
    });
    let mut append = |labels: &Labels, at: i64, value: f64| {
        history.append(labels, Point { at, value });
    };
    let gone = labels(&[("__name__", "gone"), ("job", "web")]);
    append(&gone, START, 1.0);
    append(&gone, START + 15_000, stale_marker());
    for path in ["/a", "/b"] {
        let labels = labels(&[("__name__", "requests_total"), ("job", "web"), ("path", path)]);
        for tick in 0..=40 {
            append(&labels, START + tick * 15_000, tick as f64 * 15.0);
        }
    }
    history.view()
}

const RULES: &str = r#"
groups:
  - name: queues
    interval: 30s
    limit: 7
    rules:
      - record: job:requests:rate5m
        expr: sum by (job) (rate(requests_total[5m]))
        labels: {team: web}
      - alert: QueueDeep
        expr: depth>100
        for: 5m
        keep_firing_for: 10m
        labels: {severity: warning}
        annotations: {summary: "{{ $value }} wait"}
  - name: quiet
    rules:
      - alert: Never
        expr: absent(up)
"#;

fn alert(queue: &'static str, state: AlertState) -> Alert {
    Alert {
        labels: labels(&[("alertname", "QueueDeep"), ("queue", queue), ("severity", "warning")]),
        annotations: BTreeMap::from([("summary".into(), "120 wait".into())]),
        state,
        value: 120.0,
        active_at: START,
        fired_at: (state == AlertState::Firing).then_some(START + 300_000),
        keep_firing_since: (queue == "a").then_some(START + 360_000),
        no_data_since: None,
        resolved: (state == AlertState::Resolved).then_some((START + 600_000, ResolveCause::NoData)),
    }
}

fn status() -> Arc<RuleStatus> {
    let (rules, _) = load_text("rules/web.yml", RULES, 60_000).expect("rules");
    let states = [AlertState::Firing, AlertState::Pending, AlertState::Resolved];
    let alerts = ["a", "b", "c"]
        .into_iter()
        .zip(states)
        .map(|(queue, state)| alert(queue, state));
    let alerts = Arc::new(alerts.map(|alert| (alert.labels.clone(), alert)).collect());
    let report = |rule: &Arc<crate::rule::Rule>| RuleReport {
        rule: Arc::clone(rule),
        health: match &*rule.name {
            "QueueDeep" => Health::Good,
            "Never" => Health::Unknown,
            _ => Health::Failing("as told".to_owned()),
        },
        last: (&*rule.name != "Never").then_some(START + 500),
        took: Duration::from_micros(1_500),
        elements: 1,
        evaluations: 1,
        failures: 0,
        hold: None,
        warnings: Vec::new(),
        alerts: if &*rule.name == "QueueDeep" {
            Arc::clone(&alerts)
        } else {
            Arc::default()
        },
    };
    let group = |group: &Arc<crate::rule::Group>| {
        Arc::new(GroupStatus {
            group: Arc::clone(group),
            last: Some(START + 500),
            took: Duration::from_millis(2),
            missed: 0,
            rules: group.rules.iter().map(report).collect(),
        })
    };
    // The second would be another severity, if it were not there already.
    let external = Labels::new([("region", "eu"), ("severity", "none")]);
    Arc::new(RuleStatus::new(rules.interval, rules.groups.iter().map(group)).with_external(external))
}

fn host() -> Host {
    Setup {
        sources: Sources {
            views: watch::channel(history()).1,
            rules: watch::channel(status()).1,
        },
        ..Setup::default()
    }
    .start()
}

fn post(host: &Host, path: &str, form: &str) -> Answer {
    let mut client = host.connect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    client.send(head.as_bytes());
    client.send(form.as_bytes());
    client.hear(false)
}

fn data(answer: &Answer) -> Value {
    let mut json = answer.json();
    assert_eq!((answer.status, &json["status"]), (200, &json!("success")), "{json}");
    json["data"].take()
}

fn failure(answer: &Answer) -> (u16, String, String) {
    let json = answer.json();
    assert_eq!(json["status"], "error");
    let text = |key: &str| json[key].as_str().expect("a text").to_owned();
    (answer.status, text("errorType"), text("error"))
}

#[test]
fn an_instant_query_is_answered_as_prometheus_answers_it_by_url_and_by_form() {
    let host = host();
    let expected = concat!(
        r#"{"status":"success","data":{"resultType":"vector","result":["#,
        r#"{"metric":{"__name__":"requests_total","job":"web","path":"/a"},"value":[1700000030.500,"30"]},"#,
        r#"{"metric":{"__name__":"requests_total","job":"web","path":"/b"},"value":[1700000030.500,"30"]}]}}"#,
    );
    let by_url = host.get("/api/v1/query?query=requests_total&time=1700000030.5");
    assert_eq!((by_url.status, by_url.text().trim_end()), (200, expected));
    assert_eq!(by_url.header("content-type"), Some("application/json"));
    let by_form = post(
        &host,
        "/api/v1/query",
        "query=requests_total&time=2023-11-14T22%3A13%3A50.5Z",
    );
    assert_eq!(by_form.text().trim_end(), expected);
    assert_eq!(host.counted("bellwether_query_requests_total", &["query", "ok"]), 2.0);
    assert!(host.counted("bellwether_query_seconds_total", &["query"]) > 0.0);
}

#[test]
fn a_range_query_has_a_value_for_every_step_and_knows_its_own_steps() {
    let host = host();
    let answer =
        host.get("/api/v1/query_range?query=sum+by+(job)+(requests_total)&start=1700000060&end=1700000120&step=30s");
    assert_eq!(
        data(&answer),
        json!({"resultType": "matrix", "result": [{
            "metric": {"job": "web"},
            "values": [[1_700_000_060, "120"], [1_700_000_090, "180"], [1_700_000_120, "240"]],
        }]})
    );
    let fast = host.get("/api/v1/query_range?query=vector(1)&start=0&end=11000&step=1");
    assert_eq!(
        data(&fast)["result"][0]["values"].as_array().expect("values").len(),
        11_001
    );
}

#[test]
fn limits_take_elements_away_and_say_so() {
    let answer = host().get("/api/v1/query?query=requests_total&time=1700000030&limit=1&stats=all");
    let json = answer.json();
    assert_eq!(json["data"]["result"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["warnings"], json!(["results truncated due to limit"]));
    assert_eq!(json["data"]["stats"]["samples"]["totalQueryableSamples"], 2);
}

#[test]
fn remarks_of_the_evaluator_come_along() {
    let answer = host().get("/api/v1/query?query=quantile(2,requests_total)&time=1700000030");
    let warnings = answer.json()["warnings"].clone();
    let is_placed = |warning: &str| warning.starts_with("PromQL warning: quantile") && warning.ends_with("(1:10)");
    assert!(warnings[0].as_str().is_some_and(is_placed), "{warnings}");
}

#[test]
fn what_is_wrong_is_said_in_prometheus_words_with_its_code() {
    let host = host();
    for (path, code, kind, said) in [
        (
            "query?query=rate(x)",
            400,
            "bad_data",
            "invalid parameter \"query\": 1:6: parse error: ",
        ),
        (
            "query",
            400,
            "bad_data",
            "invalid parameter \"query\": 1:1: parse error: ",
        ),
        (
            "query?query=x&time=soon",
            400,
            "bad_data",
            "invalid parameter \"time\": cannot parse \"soon\" to a valid timestamp",
        ),
        (
            "query?query=x&limit=few",
            400,
            "bad_data",
            "invalid parameter \"limit\": ",
        ),
        (
            "query?query=x&timeout=long",
            400,
            "bad_data",
            "invalid parameter \"timeout\": cannot parse \"long\" to a valid duration",
        ),
        (
            "query_range?query=x&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"start\": ",
        ),
        (
            "query_range?query=x&start=2&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?query=x&start=0&end=1&step=0",
            400,
            "bad_data",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?query=x&start=0&end=1&step=0.0001",
            400,
            "bad_data",
            "invalid parameter \"step\": a step has at least a millisecond",
        ),
        (
            "query_range?query=x&start=0&end=11001&step=1",
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "query_range?query=x%5B5m%5D&start=0&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query",
        ),
        (
            "query_range?query=%22x%22&start=0&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"query\": ",
        ),
        (
            "query?query=count_values(%22%22,x)",
            422,
            "execution",
            "invalid label name \"\"",
        ),
        (
            "query?query=requests_total*on(job)requests_total&time=1700000030",
            422,
            "execution",
            "",
        ),
        (
            "query?query=count_over_time(vector(1)%5B1h:1ms%5D)%2Bcount_over_time(vector(1)%5B1h:1ms%5D)",
            422,
            "execution",
            "too many elements: ",
        ),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match[]=%7Ba=~%22.*%22%7D",
            400,
            "bad_data",
            "invalid parameter \"match[]\": 1:1: parse error: the selector would match every series",
        ),
        (
            "labels?match[]=x%7B",
            400,
            "bad_data",
            "invalid parameter \"match[]\": ",
        ),
        (
            "rules?type=other",
            400,
            "bad_data",
            "invalid parameter \"type\": not supported value \"other\"",
        ),
    ] {
        let (status, error, message) = failure(&host.get(&format!("/api/v1/{path}")));
        assert_eq!((status, error.as_str()), (code, kind), "{path}: {message}");
        assert!(message.starts_with(said), "{path}: {message}");
    }
    let position = host.get("/api/v1/query?query=rate(x)").json()["position"].clone();
    assert_eq!(position, json!({"start": 5, "end": 6}));
}

#[test]
fn series_labels_and_values_are_those_of_the_period() {
    let host = host();
    let web = |name: &str, path: &str| json!({"__name__": name, "job": "web", "path": path});
    let both = host.get("/api/v1/series?match[]=requests_total&match[]=%7Bpath=~%22/.%22%7D");
    assert_eq!(
        data(&both),
        json!([web("requests_total", "/a"), web("requests_total", "/b")])
    );
    let posted = post(&host, "/api/v1/series", "match%5B%5D=%7Bjob%3D%22web%22%7D&limit=1");
    assert_eq!(posted.json()["warnings"], json!(["results truncated due to limit"]));
    assert_eq!(data(&host.get("/api/v1/labels")), json!(["__name__", "job", "path"]));
    assert_eq!(
        data(&post(&host, "/api/v1/labels", "match[]=gone")),
        json!(["__name__", "job"])
    );
    let names = "/api/v1/label/__name__/values";
    assert_eq!(data(&host.get(names)), json!(["gone", "requests_total"]));
    assert_eq!(
        data(&host.get(&format!("{names}?start=1700000060"))),
        json!(["requests_total"])
    );
    assert_eq!(data(&host.get(&format!("{names}?end=1600000000"))), json!([]));
    assert_eq!(
        data(&host.get("/api/v1/label/path/values?match[]=requests_total&limit=1")),
        json!(["/a"])
    );
    assert_eq!(data(&host.get("/api/v1/label/none/values")), json!([]));
}

#[test]
fn metadata_is_what_the_board_says_of_its_families() {
    let host = host();
    let load = json!([{"type": "gauge", "help": "", "unit": ""}]);
    assert_eq!(data(&host.get("/api/v1/metadata")), json!({"load": load}));
    assert_eq!(
        data(&host.get("/api/v1/metadata?metric=load&limit=5")),
        json!({"load": load})
    );
    assert_eq!(data(&host.get("/api/v1/metadata?metric=other")), json!({}));
    assert_eq!(data(&host.get("/api/v1/metadata?limit=0")), json!({}));
}

#[test]
fn alerts_are_those_that_are_pending_or_firing_beside_those_that_are_over() {
    let expected = |queue: &str, state: &str| {
        let labels = [
            ("alertname", "QueueDeep"),
            ("queue", queue),
            ("region", "eu"),
            ("severity", "warning"),
        ];
        let labels = Labels::new(labels);
        let mut alert = json!({
            "labels": {"alertname": "QueueDeep", "queue": queue, "severity": "warning"},
            "annotations": {"summary": "120 wait"},
            "state": state, "activeAt": "2023-11-14T22:13:20Z", "value": "1.2e+02",
            "fingerprint": Fingerprint::of(&labels).to_string(),
        });
        if state == "firing" {
            alert["firedAt"] = "2023-11-14T22:18:20Z".into();
            alert["keepFiringSince"] = "2023-11-14T22:19:20Z".into();
            alert["keepFiringUntil"] = "2023-11-14T22:29:20Z".into();
        }
        if state == "inactive" {
            alert["resolvedAt"] = "2023-11-14T22:23:20Z".into();
            alert["cause"] = "no_data".into();
        }
        alert
    };
    let alerts = json!([expected("a", "firing"), expected("b", "pending")]);
    let over = json!([expected("c", "inactive")]);
    assert_eq!(
        data(&host().get("/api/v1/alerts")),
        json!({"alerts": alerts, "over": over})
    );
    let rules = data(&host().get("/api/v1/rules"));
    let rule = &rules["groups"][0]["rules"][1];
    assert_eq!((&rule["alerts"], &rule["over"]), (&alerts, &over));
    let without = data(&host().get("/api/v1/rules?exclude_alerts=true"));
    assert_eq!(without["groups"][0]["rules"][1]["over"], json!(null));
}

#[test]
fn rules_are_told_in_their_order_with_what_each_kind_has() {
    let host = host();
    let mut groups = data(&host.get("/api/v1/rules"));
    let alerts = groups["groups"][0]["rules"][1]["alerts"].take();
    assert_eq!(alerts.as_array().map(Vec::len), Some(2));
    groups["groups"][0]["rules"][1]
        .as_object_mut()
        .expect("a rule")
        .remove("over");
    let recording = json!({
        "name": "job:requests:rate5m", "query": "sum by (job) (rate(requests_total[5m]))", "labels": {"team": "web"},
        "health": "err", "lastError": "as told", "evaluationTime": 0.0015, "lastEvaluation": "2023-11-14T22:13:20.5Z",
        "type": "recording",
    });
    let alerting = json!({
        "state": "firing", "name": "QueueDeep", "query": "depth > 100", "duration": 300.0, "keepFiringFor": 600.0,
        "labels": {"severity": "warning"}, "annotations": {"summary": "{{ $value }} wait"}, "alerts": null,
        "health": "ok", "evaluationTime": 0.0015, "lastEvaluation": "2023-11-14T22:13:20.5Z", "type": "alerting",
    });
    assert_eq!(
        groups["groups"][0],
        json!({
            "name": "queues", "file": "rules/web.yml", "interval": 30.0, "limit": 7, "evaluationTime": 0.002,
            "lastEvaluation": "2023-11-14T22:13:20.5Z", "rules": [recording, alerting],
        })
    );
    let never = &groups["groups"][1]["rules"][0];
    assert_eq!(
        (&never["state"], &never["health"], &never["lastEvaluation"]),
        (&json!("inactive"), &json!("unknown"), &json!("0001-01-01T00:00:00Z"))
    );
}

#[test]
fn rules_can_be_asked_for_by_kind_name_group_file_and_label() {
    let host = host();
    for (filter, expected) in [
        ("type=alert", vec!["QueueDeep", "Never"]),
        ("type=record", vec!["job:requests:rate5m"]),
        ("rule_name[]=Never&rule_name[]=QueueDeep", vec!["QueueDeep", "Never"]),
        ("rule_group[]=quiet", vec!["Never"]),
        ("file[]=rules/web.yml&type=record", vec!["job:requests:rate5m"]),
        ("file[]=other.yml", vec![]),
        ("match[]=%7Bteam=%22web%22%7D", vec!["job:requests:rate5m"]),
        (
            "match[]=%7Bteam=%22web%22%7D&match[]=%7Bseverity=~%22w.%2B%22%7D",
            vec!["job:requests:rate5m", "QueueDeep"],
        ),
    ] {
        let data = data(&host.get(&format!("/api/v1/rules?{filter}")));
        let groups = data["groups"].as_array().expect("groups");
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().expect("rules"));
        let names: Vec<_> = rules.map(|rule| rule["name"].as_str().expect("a name")).collect();
        assert_eq!(names, expected, "{filter}");
    }
    let without = data(&host.get("/api/v1/rules?type=alert&exclude_alerts=true"));
    assert_eq!(without["groups"][0]["rules"][0]["alerts"], Value::Null);
}

#[test]
fn a_query_ends_when_its_time_is_up() {
    let host = host();
    let (status, kind, message) = failure(&host.get(&format!("{SLOW}&timeout=100ms")));
    assert_eq!((status, kind.as_str()), (503, "timeout"));
    assert_eq!(message, "query timed out in expression evaluation");
    assert_eq!(
        host.counted("bellwether_query_requests_total", &["query_range", "timeout"]),
        1.0
    );
}

/// Sends a request and does not read its answer.
fn begin(host: &Host, path: &str) -> Client {
    let mut client = host.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client
}

#[test]
fn queries_that_take_long_keep_nobody_from_scrapes_and_alerts_and_end_with_their_clients() {
    let host = host();
    let slow: Vec<Client> = (0..4).map(|_| begin(&host, SLOW)).collect();
    assert_eq!(host.get("/metrics").text(), board::TEXT);
    assert_eq!(
        data(&host.get("/api/v1/alerts"))["alerts"].as_array().map(Vec::len),
        Some(2)
    );
    // Those that are evaluated and those that wait.
    drop(slow);
    host.wait_for("the queries are given up", |host| {
        host.counted("bellwether_query_requests_total", &["query_range", "canceled"]) >= 4.0
    });
    assert_eq!(data(&host.get("/api/v1/query?query=1"))["result"][1], "1");
}

#[test]
fn who_comes_when_too_many_wait_is_sent_away() {
    let host = host();
    let waiting: Vec<Client> = (0..LINE_MAX + 2).map(|_| begin(&host, SLOW)).collect();
    host.wait_for("the line is full", |host| {
        let answer = host.get("/api/v1/query_range?query=1&start=0&end=1&step=1&timeout=50ms");
        let is_full = answer.status == 503 && answer.json()["errorType"] == "unavailable";
        assert!(!is_full || answer.header("retry-after") == Some("5"));
        is_full
    });
    assert!(host.counted("bellwether_query_requests_total", &["query_range", "busy"]) >= 1.0);
    drop(waiting);
}

/// As [`SLOW`], about one moment.
const SLOW_AT_A_MOMENT: &str =
    "/api/v1/query?query=quantile_over_time(0.5,quantile_over_time(0.5,vector(1)[1h:250ms])[3h:1s])";

#[test]
fn a_storm_of_large_queries_keeps_nobody_from_small_ones() {
    let host = host();
    let many = |path| -> Vec<Client> { (0..12).map(|_| begin(&host, path)).collect() };
    let storm = (many(SLOW), many(SLOW_AT_A_MOMENT));
    // Nobody gave up in front of the line, and all of those at work are large.
    for _ in 0..3 {
        let value = host.get("/api/v1/query?query=sum(requests_total)&time=1700000030&timeout=9s");
        assert_eq!(data(&value)["result"][0]["value"][1], "60");
    }
    drop(storm);
}

#[test]
fn what_is_too_large_to_be_small_is_answered_all_the_same() {
    let host = host();
    let answer = host.get("/api/v1/query?query=max(count_over_time(vector(1)[150s:1ms]))");
    assert_eq!(data(&answer)["result"][0]["value"][1], "150000");
}

#[test]
fn a_subquery_without_a_step_steps_as_in_rules() {
    let host = Setup {
        sources: Sources {
            views: watch::channel(history()).1,
            rules: watch::channel(Arc::new(RuleStatus::new(15_000, []))).1,
        },
        ..Setup::default()
    }
    .start();
    let answer = host.get("/api/v1/query?query=max(count_over_time(requests_total[2m:]))&time=1700000600");
    assert_eq!(data(&answer)["result"][0]["value"][1], "8");
}

#[test]
fn a_stop_ends_queries() {
    let host = host();
    let mut slow = begin(&host, SLOW);
    host.supervisor_stops();
    // It hangs up, with or without an answer, long before the query would be done.
    slow.drain();
}

#[test]
fn forms_are_read_up_to_a_limit_and_only_as_forms() {
    let host = host();
    let long = format!("query={}", "1%2B".repeat(100_000) + "1");
    let (status, ..) = failure(&post(&host, "/api/v1/query", &long));
    assert_eq!(status, 400, "too deep, and read to its end");
    let mut client = host.connect();
    client.send(b"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n");
    assert_eq!(client.hear(false).status, 413);
    let plain = host.ask("POST", "/api/v1/query?query=1", &["Content-Length: 0"]);
    assert_eq!(data(&plain)["resultType"], "scalar");
}

#[test]
fn the_rest_of_what_clients_ask_is_answered() {
    let host = host();
    assert_eq!(
        data(&host.get("/api/v1/status/buildinfo"))["revision"],
        "bellwether-1.2.3"
    );
    assert_eq!(
        data(&host.get("/api/v1/query_exemplars?query=x&start=0&end=1")),
        json!([])
    );
    assert_eq!(data(&host.get("/api/v1/format_query?query=a%2Bb")), "a + b");
    assert_eq!(host.ask("DELETE", "/api/v1/rules", &[]).status, 405);
    assert_eq!(host.ask("POST", "/api/v1/rules", &["Content-Length: 0"]).status, 405);
    let typo = host.get("/api/v1/query_rage");
    assert!(
        typo.text().contains("did you mean /api/v1/query_range?"),
        "{}",
        typo.text()
    );
}

/// What Grafana's Prometheus data source sends: when it is saved and tested, when a panel is drawn, when a person edits a query,
/// when alerts are listed.
#[test]
fn what_grafana_asks_is_answered() {
    let host = host();
    let health = post(&host, "/api/v1/query", "query=1%2B1&time=1700000030.000");
    assert_eq!(data(&health)["result"], json!([1_700_000_030, "2"]));
    let panel = "end=1700000600.000&query=rate%28requests_total%7Bjob%3D%22web%22%7D%5B1m0s%5D%29&start=1700000000.000&step=15.000";
    assert_eq!(
        data(&post(&host, "/api/v1/query_range", panel))["result"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    for path in [
        "/api/v1/status/buildinfo",
        "/api/v1/metadata?limit=40000",
        "/api/v1/labels?start=1700000000&end=1700000600&limit=40000",
        "/api/v1/label/__name__/values?start=1700000000&end=1700000600&limit=40000",
        "/api/v1/label/path/values?match%5B%5D=requests_total%7B%7D&start=1700000000&end=1700000600",
        "/api/v1/series?match%5B%5D=requests_total&start=1700000000&end=1700000600&limit=40000",
        "/api/v1/query_exemplars?query=test&start=1700000000&end=1700000600",
        "/api/v1/rules?type=alert",
        "/api/v1/rules",
        "/api/v1/alerts",
    ] {
        assert_ne!(data(&host.get(path)), Value::Null, "{path}");
    }
}
