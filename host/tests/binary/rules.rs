//! Rules of the running host: fired, kept over a kill, ended by a reload, refused when they are bad.

use crate::{MACHINE, host::Place};

/// Ticks and slots every second, and a rule file.
const RULES: &str =
    "[history]\ninterval = \"1s\"\n\n[alerting]\nrule_files = [\"rules/*.yml\"]\nevaluation_interval = \"1s\"\n\n";

const FIRES: &str = "groups:
- name: own
  rules:
  - record: host:up
    expr: count(bellwether_build_info)
  - alert: Here
    expr: host:up == 1
    for: 2s
    annotations: {summary: '{{ $value }} host'}
";

fn place() -> Place {
    let place = Place::new(RULES);
    std::fs::create_dir(place.path("rules")).expect("a folder");
    place.write("rules/own.yml", FIRES);
    place
}

fn line(host: &mut crate::host::Running, wanted: &str) -> serde_json::Value {
    serde_json::from_str(&host.line(wanted)).expect("a JSON line")
}

#[test]
fn an_alert_fires_survives_a_kill_and_ends_with_its_rule() {
    let place = place();
    let mut host = place.run();
    let fired = line(&mut host, "An alert is firing.");
    assert_eq!(fired["context"]["alert"], "Here");
    assert_eq!(fired["data"]["reason"], "held_for_long");
    assert_eq!(fired["data"]["labels"]["alertname"], "Here");
    assert!(
        fired["data"]["rule"]
            .as_str()
            .is_some_and(|rule| rule.ends_with("own.yml:6")),
        "{fired}"
    );
    host.reaches(
        "bellwether_alert_changes_total{reason=\"held_for_long\",state=\"firing\"}",
        1.0,
    );
    // What is queued is committed with the next write that is, and what is read here is as old as the last snapshot.
    for _ in 0..3 {
        let written = host.value("bellwether_store_writes_total");
        host.reaches("bellwether_store_writes_total", written + 1.0);
    }
    host.signal("KILL");
    host.wait();

    let mut host = place.run();
    // The recorded series, and the two that show the alert.
    host.eventually("/metrics", |body| {
        body.lines()
            .any(|line| line.starts_with("bellwether_rule_group_last_samples{") && line.ends_with(" 3"))
    });
    place.write("rules/own.yml", "groups: []\n");
    let over = line(&mut host, "An alert is over.");
    assert_eq!(over["data"]["reason"], "rule_removed");
    let lines = host.stop();
    let again = lines.iter().filter(|line| line.contains("An alert is firing.")).count();
    assert_eq!(again, 0, "it fired once and is not announced again");
}

/// In good health, and stale after three seconds.
const CHECKS: &str = "
[check.machine]
plugin = \"system\"
allow = [\"system\"]
interval = \"1s\"
timeout = \"1s\"

";

fn every_second(name: &str, wait_ms: u64) -> String {
    let plugin = crate::guest("obedient");
    format!("[check.{name}]\nplugin = {plugin}\ninterval = \"1s\"\ntimeout = \"1s\"\nsettings.wait_ms = {wait_ms}\n\n")
}

const OWN_TIME: &str = "[history]\ninterval = \"1s\"\n\n[alerting]\nevaluation_interval = \"1s\"\n\n";

/// Of which checks it was said that they are down.
fn down(lines: &[String]) -> Vec<String> {
    let events = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let fired =
        events.filter(|event| event["message"] == "An alert is firing." && event["context"]["alert"] == "CheckDown");
    fired
        .map(|event| event["data"]["labels"]["check"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_host_that_was_stopped_and_goes_on_calls_no_check_down_but_the_one_whose_runs_hang() {
    let place = Place::new(&(OWN_TIME.to_owned() + CHECKS + &every_second("swift", 1)));
    let mut host = place.run();
    host.reaches("bellwether_check_up{check=\"machine\"}", 1.0);
    host.reaches("bellwether_check_up{check=\"swift\"}", 1.0);
    let runs = "bellwether_check_runs_total{check=\"swift\",outcome=\"ok\"}";
    host.signal("STOP");
    std::thread::sleep(std::time::Duration::from_secs(8));
    host.signal("CONT");
    let resumed = host.value(runs);
    host.reaches(runs, resumed + 3.0);
    host.reaches("bellwether_board_gaps_total", 1.0);
    place.configure(&(OWN_TIME.to_owned() + CHECKS + &every_second("swift", 1) + &every_second("hung", 600_000)));
    line(&mut host, "An alert is firing.");
    assert_eq!(down(&host.stop()), ["hung"]);
}

#[test]
fn a_host_that_stops_calls_no_check_down_while_it_waits_for_a_long_run() {
    let long = crate::obedient("long", "wait_ms = 600000", "timeout = \"10m\"");
    let place = Place::new(&(OWN_TIME.to_owned() + CHECKS + &long));
    let host = place.run();
    host.reaches("bellwether_check_up{check=\"machine\"}", 1.0);
    assert_eq!(down(&host.stop()), Vec::<String>::new());
}

#[test]
fn bad_rules_leave_the_good_ones_running_and_refuse_a_start() {
    let place = place();
    let mut host = place.run();
    line(&mut host, "An alert is firing.");
    place.write(
        "rules/own.yml",
        "groups:\n- name: own\n  rules:\n  - alert: Here\n    expr: up =\n",
    );
    let refused = line(&mut host, "The new configuration was refused");
    let problem = refused["data"]["problem"].as_str().unwrap_or_default();
    assert!(problem.contains("own.yml:5:14"), "{refused}");
    host.eventually("/metrics", |body| body.contains("bellwether_rule_evaluations_total{"));
    host.stop();

    let finished = place.finish(&["run"]);
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("own.yml:5:14"), "{}", finished.stderr);
    let validated = place.finish(&["validate", "--no-plugins"]);
    assert_eq!(validated.code, 2);
    assert!(validated.stderr.contains("own.yml:5:14"), "{}", validated.stderr);
}

/// Ticks and slots every second, and a check that runs every second.
const QUICK: &str = "[history]\ninterval = \"1s\"\n\n[alerting]\nevaluation_interval = \"1s\"\n\n";

/// Rounds of all bundled rules that are watched: more than any rule on a check that is down needs.
const ROUNDS: f64 = 10.0;

#[test]
fn a_healthy_machine_fires_none_of_the_bundled_rules_and_all_of_them_can_be_evaluated() {
    let place = Place::new(&format!("{QUICK}{}", MACHINE.replace("300d", "1s")));
    let host = place.run();
    for (group, rules) in [
        ("bundled:host;bundled/host", 1.0),
        ("bundled:system;bundled/system", 7.0),
    ] {
        let of = |metric: &str| format!("bellwether_rule_{metric}{{rule_group=\"{group}\"}}");
        host.reaches(&of("evaluations_total"), ROUNDS * rules);
        assert!(
            (host.value(&of("evaluation_failures_total"))).abs() < f64::EPSILON,
            "{group}"
        );
    }
    let alerts = host.get_json("/api/v1/alerts");
    assert_eq!(alerts["data"]["alerts"], serde_json::json!([]), "{alerts}");
    let lines = host.stop();
    assert!(!lines.iter().any(|line| line.contains("An alert is")), "{lines:#?}");
}

#[test]
fn a_reload_turns_bundled_rules_on_and_off() {
    let place = Place::new(&format!("{QUICK}{MACHINE}"));
    let host = place.run();
    let has = |name: &'static str| move |body: &str| body.contains(name);
    host.eventually("/api/v1/rules", has("SystemCpuHigh"));
    place.configure(&format!(
        "{QUICK}[alerting.bundled.SystemCpuHigh]\nenabled = false\n\n{MACHINE}"
    ));
    host.eventually("/api/v1/rules", |body| {
        !body.contains("SystemCpuHigh") && body.contains("SystemMemoryHigh") && body.contains("CheckDown")
    });
    place.configure(&format!("[alerting]\nbundled_rules = false\n\n{MACHINE}"));
    host.eventually("/api/v1/rules", |body| {
        !body.contains("SystemMemoryHigh") && !body.contains("CheckDown")
    });
    host.stop();
}

#[test]
fn rules_that_never_fire_are_said_at_start_and_at_reload() {
    let rules = |metric: &str| format!("groups: [{{name: g, rules: [{{alert: A, expr: {metric} > 1}}]}}]\n");
    let place = Place::new(&format!("[alerting]\nrule_files = [\"rules.yml\"]\n\n{MACHINE}"));
    place.write("rules.yml", &rules("system_nothing"));
    let mut host = place.run();
    let said = host.line("The rules have warnings.");
    assert!(
        said.contains("`A`: no configured check describes a metric `system_nothing`"),
        "{said}"
    );

    place.write("rules.yml", &rules("system_no_such"));
    assert_eq!(host.post("/-/reload").status, 200);
    let said = host.line("The rules have warnings.");
    assert!(
        said.contains("`system_no_such`") && said.contains("rules.yml:1"),
        "{said}"
    );

    place.write("rules.yml", &rules("system_memory_usage_ratio"));
    assert_eq!(host.post("/-/reload").status, 200);
    let lines = host.stop();
    let warned = lines.iter().filter(|line| line.contains("The rules have warnings."));
    assert_eq!(warned.count(), 2, "{lines:#?}");
}
