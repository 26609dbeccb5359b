//! A server made with Python's `prometheus_client` that has every type there is, in both formats.

use std::{collections::BTreeMap, path::Path, process::Command};

use super::{
    at, check,
    parsers::{Parsed, Parser, Series},
    support::{
        host::{Place, request},
        server::{Server, free_port},
    },
    tools,
};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Of `serve.py`: times of creation, exemplars in OpenMetrics.
const CREATED: f64 = 12.0;
const EXEMPLARS: f64 = 2.0;

fn start() -> (Server, u16) {
    let port = free_port();
    let mut python = Command::new(tools::python());
    python
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/merged/serve.py"))
        .arg(port.to_string());
    (Server::start(python, "listening"), port)
}

/// Samples without what our contract has no place for.
fn samples(parsed: &Parsed) -> BTreeMap<Series, u64> {
    let kept = parsed
        .samples
        .iter()
        .filter(|((name, _), _)| !name.ends_with("_created"));
    kept.map(|((name, labels), value)| {
        let mut labels = labels.clone();
        // Absent and empty are the same.
        labels.retain(|_, text| !text.is_empty());
        ((name.clone(), labels), *value)
    })
    .collect()
}

/// Those of the check, without the label that says so, and without what the plugin says of itself.
fn merged(parsed: &Parsed) -> BTreeMap<Series, u64> {
    let ours = samples(parsed).into_iter().filter_map(|((name, mut labels), value)| {
        let of_check = labels.remove("check").is_some_and(|check| check == "shop");
        let own = name.starts_with("scrape_target_") || name.starts_with("bellwether_");
        (of_check && !own).then_some(((name, labels), value))
    });
    ours.collect()
}

/// What becomes of a family: itself, but for a histogram of gauges, which falls into its parts.
fn expected(family: &super::parsers::Family) -> Vec<(String, &str)> {
    let (name, kind) = (&family.name, family.kind.as_str());
    match (kind, name.as_str()) {
        (_, created) if created.ends_with("_created") => Vec::new(),
        ("gaugehistogram", _) => ["_bucket", "_gcount", "_gsum"]
            .map(|part| (format!("{name}{part}"), "unknown"))
            .into(),
        // The older format has no such type: its client writes a histogram of buckets alone.
        ("histogram", "shop_carts") => vec![(format!("{name}_bucket"), "unknown")],
        _ => vec![(name.clone(), kind)],
    }
}

fn same_families(direct: &Parsed, ours: &Parsed) {
    for family in &direct.families {
        for (name, kind) in expected(family) {
            let found = ours.family(&name);
            assert_eq!(found.kind, kind, "{name}");
            // Ours is one line.
            assert_eq!(found.help, family.help.replace('\n', " "), "{name}");
            if kind != "unknown" {
                assert_eq!(found.unit, family.unit, "{name}");
            }
        }
    }
}

fn is_merged_whole(path: &str, parser: Parser, accept: &str, dropped: &[(&str, f64)]) {
    let (_server, port) = start();
    let direct = request(at(port), "GET", path, &[("Accept", accept)]);
    let direct = Parsed::read(parser, &direct.body);
    let url = format!("http://{}{path}", at(port));
    let place = Place::new(&check("shop", &url));
    let host = place.run();
    host.value("bellwether_check_runs_total{check=\"shop\",outcome=\"ok\"}");
    let answer = request(host.address(), "GET", "/metrics", &[("Accept", accept)]);
    let ours = Parsed::read(parser, &answer.body);
    same_families(&direct, &ours);
    let (wanted, found) = (samples(&direct), merged(&ours));
    assert!(wanted.len() > 40, "{wanted:?}");
    for (series, value) in &wanted {
        let other = found.get(series).map(|bits| f64::from_bits(*bits));
        assert_eq!(found.get(series), Some(value), "{series:?} is {other:?}");
    }
    assert_eq!(found.len(), wanted.len(), "and nothing else");
    for reason in [
        "exemplar",
        "timestamp",
        "created",
        "filtered",
        "duplicate",
        "clash",
        "invalid",
        "refused",
    ] {
        let told = host.value(&format!(
            "scrape_target_dropped{{check=\"shop\",target=\"{url}\",reason=\"{reason}\"}}"
        ));
        let meant = dropped
            .iter()
            .find(|(known, _)| *known == reason)
            .map_or(0.0, |(_, count)| *count);
        assert_eq!(told, meant, "{reason}");
    }
}

#[test]
fn every_type_of_open_metrics_is_merged_with_its_labels_and_values() {
    let dropped = [("created", CREATED), ("exemplar", EXEMPLARS)];
    is_merged_whole("/metrics", Parser::OpenMetrics, OPEN_METRICS, &dropped);
}

#[test]
fn every_type_of_the_older_format_is_merged_with_its_labels_and_values() {
    let accept = "text/plain;version=0.0.4";
    is_merged_whole("/text", Parser::Text, accept, &[("created", CREATED)]);
}
