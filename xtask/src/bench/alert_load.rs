//! What dispatchers are measured with: an `alertmanager.yml` with many inhibition rules, and alerts in groups of ten, of which some
//! mute the others of their group. Pure.

use std::{
    fmt::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use serde_json::{Value, json};

/// Alerts of a group.
pub(super) const GROUP: usize = 10;

/// As a Prometheus posts them.
const BATCH: usize = 64;

/// Inhibition rules, each about one team.
const INHIBITIONS: usize = 100;

/// In a group of so many one alert mutes the others.
const MUTING_OF: usize = 10;

/// Where notifications go, as paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Of many alerts.
    Many,
    /// Of single ones, at once.
    Lone,
}

impl Place {
    /// In the path, in the receiver's name and in the label that routes there.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Lone => "lone",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One file for everybody. Groups of many alerts wait for `wait`, those of single ones not at all; what the host says of itself
/// goes nowhere. Nothing is repeated or resolved meanwhile.
pub(super) fn configuration(hook: SocketAddr, wait: Duration) -> String {
    let mut text = String::from(
        "global: { resolve_timeout: 6h }\nroute:\n  receiver: nobody\n  group_interval: 1h\n  repeat_interval: 12h\n  routes:\n",
    );
    for (place, millis) in [(Place::Many, wait.as_millis()), (Place::Lone, 0)] {
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            text,
            "    - matchers: [ 'bench=\"{place}\"' ]\n      receiver: {place}\n      group_by: [cluster]\n      group_wait: {millis}ms\n"
        );
    }
    text.push_str("receivers:\n  - name: nobody\n");
    for place in [Place::Many, Place::Lone] {
        let _ = write!(
            text,
            "  - name: {place}\n    webhook_configs:\n      - url: http://{hook}/{place}\n"
        );
    }
    text.push_str("inhibit_rules:\n");
    for number in 0..INHIBITIONS {
        let team = team(number);
        let _ = write!(
            text,
            "  - source_matchers: [ 'severity=\"critical\"', 'team=\"{team}\"' ]\n    \
             target_matchers: [ 'severity=\"warning\"', 'team=\"{team}\"' ]\n    equal: [cluster]\n"
        );
    }
    text
}

fn team(group: usize) -> String {
    format!("team-{:02}", group % INHIBITIONS)
}

/// Groups of `size` alerts.
pub(super) fn groups(size: usize) -> usize {
    size.div_ceil(GROUP)
}

/// One group in ten, of another team each time: over a thousand groups, every rule mutes.
fn is_muting(group: usize) -> bool {
    (7 * group + group / 10 + group / 100) % MUTING_OF == 3
}

/// Of `size` alerts, those that another one mutes.
pub(super) fn muted(size: usize) -> usize {
    (0..size).filter(|number| is_muted(*number)).count()
}

fn is_muted(number: usize) -> bool {
    is_muting(number / GROUP) && !is_first(number)
}

fn is_first(number: usize) -> bool {
    number.is_multiple_of(GROUP)
}

/// Bodies of posts with `size` alerts in all.
pub(super) fn batches(size: usize) -> Vec<String> {
    let starts = (0..size).step_by(BATCH);
    let batch = |start: usize| (start..size.min(start + BATCH)).map(alert).collect();
    starts.map(|start| Value::Array(batch(start)).to_string()).collect()
}

/// Without times: it begins when it comes, for everybody.
fn alert(number: usize) -> Value {
    let group = number / GROUP;
    let severity = if is_muting(group) && is_first(number) {
        "critical"
    } else {
        "warning"
    };
    json!({
        "labels": {
            "alertname": "RequestsAreSlow",
            "bench": Place::Many.word(),
            "cluster": format!("cluster-{group:04}"),
            "instance": format!("10.0.{}.{}:9100", group % 256, number % GROUP),
            "job": "api",
            "severity": severity,
            "team": team(group),
        },
        "annotations": {
            "summary": format!("Instance {number} answers slowly."),
            "description": format!("The 99th percentile is 2.{number} s, which is more than 2 s."),
        },
        "generatorURL": format!("http://prometheus.example:9090/graph?g0.expr=slow+%3E+{number}"),
    })
}

/// The body of a post with one alert, which is the only one of its group.
pub(super) fn lone(number: usize) -> String {
    json!([{
        "labels": { "alertname": "Lone", "bench": Place::Lone.word(), "cluster": format!("lone-{number}") },
        "annotations": { "summary": "Nobody else complains." },
    }])
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_alert_is_posted_once_and_none_twice() {
        let batches = batches(1_000);
        assert_eq!(batches.len(), 16);
        let alerts: Vec<Value> = batches
            .iter()
            .flat_map(|batch| serde_json::from_str::<Vec<Value>>(batch).unwrap())
            .collect();
        let distinct = |name: &str| {
            let labels = alerts.iter().map(|alert| alert["labels"][name].to_string());
            labels.collect::<BTreeSet<_>>().len()
        };
        let identities: BTreeSet<String> = alerts.iter().map(|alert| alert["labels"].to_string()).collect();
        assert_eq!((alerts.len(), identities.len()), (1_000, 1_000));
        assert_eq!((distinct("cluster"), groups(1_000)), (100, 100));
    }

    #[test]
    fn one_group_in_ten_has_an_alert_that_mutes_the_nine_others_and_every_rule_does() {
        assert_eq!([muted(100), muted(1_000), muted(50_000)], [9, 90, 4_500]);
        let teams: BTreeSet<String> = (0..1_000).filter(|group| is_muting(*group)).map(team).collect();
        assert_eq!(teams.len(), INHIBITIONS);
        assert!(!is_muted(90) && is_muted(91) && alert(90)["labels"]["severity"] == "critical");
    }

    #[test]
    fn the_configuration_has_a_rule_for_each_team_and_a_receiver_for_each_place() {
        let text = configuration(([127, 0, 0, 1], 9).into(), Duration::from_millis(5_500));
        assert_eq!(text.matches("source_matchers").count(), INHIBITIONS);
        assert!(
            text.contains("http://127.0.0.1:9/many\n") && text.contains("group_wait: 5500ms"),
            "{text}"
        );
    }
}
