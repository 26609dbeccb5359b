//! Rules of a public collection for node_exporter, redis_exporter and blackbox_exporter, over what those serve, unedited.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{
    Page, at, check, head, prometheus,
    support::{
        host::{PATIENCE, Place, request},
        server::{Server, command, free_port},
    },
    watch::{Alerts, Watch, ask},
};

/// What must fire: a machine with broken memory, a Redis that is down and was never saved, a port that nobody listens on.
const FIRE: [&str; 5] = [
    "BlackboxProbeFailed",
    "HostEdacUncorrectableErrorsDetected",
    "RedisDown",
    "RedisMissingBackup",
    "RedisMissingMaster",
];

/// Rules in the three files.
const RULES: usize = 56;

/// As redis_exporter says that it cannot reach its Redis, and what it said last of one that does not save.
const REDIS: &str = "# HELP redis_up Information about the Redis instance\n# TYPE redis_up gauge\nredis_up 0\n\
    # HELP redis_rdb_last_save_timestamp_seconds rdb_last_save_timestamp_seconds metric\n\
    # TYPE redis_rdb_last_save_timestamp_seconds gauge\nredis_rdb_last_save_timestamp_seconds 1.7e+09\n\
    # HELP redis_connected_clients connected_clients metric\n# TYPE redis_connected_clients gauge\nredis_connected_clients 7\n";

/// As the kernel's driver counts them; this machine has none to tell of.
const MEMORY: &str = "# HELP node_edac_uncorrectable_errors_total Total uncorrectable memory errors.\n\
    # TYPE node_edac_uncorrectable_errors_total counter\nnode_edac_uncorrectable_errors_total{controller=\"0\"} 3\n";

/// Of the alerts that fire.
fn firing(alerts: &Alerts) -> BTreeSet<&str> {
    let firing = alerts.iter().filter(|(_, state)| *state == "firing");
    firing
        .filter_map(|(labels, _)| labels.split("\"alertname\": \"").nth(1)?.split('"').next())
        .collect()
}

/// Rules that may not decide yet, because the host has just started and they look back further; Prometheus knows no such thing.
fn held(host: SocketAddr) -> BTreeSet<String> {
    let groups = ask(host, "/api/v1/rules");
    let rules = groups["groups"].as_array().expect("groups").iter();
    rules
        .flat_map(|group| group["rules"].as_array().expect("rules"))
        .filter(|rule| !(rule["held"].is_null() || rule["held"] == false))
        .map(|rule| rule["name"].as_str().expect("a name").to_owned())
        .filter(|name| !FIRE.contains(&name.as_str()))
        .collect()
}

/// All but those of some rules.
fn without<'a>(alerts: &'a Alerts, held: &BTreeSet<String>) -> BTreeMap<&'a str, &'a str> {
    let of_held = |labels: &str| {
        held.iter()
            .any(|name| labels.contains(&format!("\"alertname\": \"{name}\"")))
    };
    let kept = alerts.iter().filter(|(labels, _)| !of_held(labels));
    kept.map(|(labels, state)| (labels.as_str(), state.as_str())).collect()
}

fn node_exporter(place: &Place) -> (Server, u16) {
    let texts = place.path("texts");
    std::fs::create_dir(&texts).expect("a folder");
    std::fs::write(texts.join("edac.prom"), MEMORY).expect("write");
    let port = free_port();
    let mut exporter = command("prometheus-node-exporter");
    exporter
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--collector.textfile.directory={}", texts.display()))
        .arg("--no-collector.edac");
    (Server::start(exporter, "Listening on"), port)
}

fn blackbox_exporter(place: &Place) -> (Server, u16) {
    place.write("modules.yml", "modules: { tcp: { prober: tcp, timeout: 1s } }\n");
    let port = free_port();
    let mut exporter = command("prometheus-blackbox-exporter");
    exporter
        .arg(format!("--config.file={}", place.path("modules.yml").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    (Server::start(exporter, "Listening on"), port)
}

#[test]
fn rules_of_the_collection_fire_unedited_here_and_in_a_prometheus_that_scrapes_the_host() {
    let place = Place::new("");
    let (_node, node) = node_exporter(&place);
    let (_blackbox, blackbox) = blackbox_exporter(&place);
    let redis = Page::open(Box::new(|_| REDIS.to_owned()));
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/rules/*.yml");
    let closed = at(free_port());
    let checks = [
        check("node", &format!("http://{}/metrics", at(node))),
        check(
            "probe",
            &format!("http://{}/probe?module=tcp&target={closed}", at(blackbox)),
        ),
        check("redis", &redis.url()),
    ];
    place.configure(&(head(rules) + &checks.join("\n")));
    let host = place.run();
    for check in ["node", "probe", "redis"] {
        host.value(&format!(
            "bellwether_check_runs_total{{check=\"{check}\",outcome=\"ok\"}}"
        ));
    }
    let (_server, address) = prometheus(place.dir.path(), host.address(), rules);
    let mut watch = Watch::new([host.address(), address]);
    // One minute of `for`, and then until both say the same.
    let same = watch.until(60.0 + PATIENCE.as_secs_f64(), |[ours, theirs]| {
        FIRE.iter().all(|name| firing(ours).contains(name)) && {
            let held = held(host.address());
            without(ours, &held) == without(theirs, &held)
        }
    });
    assert!(same, "here and there: {:#?}", watch.now);
    for server in [host.address(), address] {
        let groups = ask(server, "/api/v1/rules");
        let rules = groups["groups"].as_array().expect("groups").iter();
        let rules: Vec<_> = rules
            .flat_map(|group| group["rules"].as_array().expect("rules"))
            .collect();
        assert_eq!(rules.len(), RULES);
        let failed = rules
            .iter()
            .find(|rule| rule["health"] != "ok" || rule["lastError"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(failed, None, "no rule fails");
    }
    assert_eq!(request(host.address(), "GET", "/-/healthy", &[]).status, 200);
    host.stop();
}
