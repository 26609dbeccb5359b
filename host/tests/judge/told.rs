//! What was heard, in short and in full, and what is different about it.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    hook::{Heard, Sender},
    play::Scenario,
};

/// How far apart the same notification may be, in seconds at the scenarios' own pace: both count from when they were posted to, and the machine may be busy.
/// Scenarios keep two seconds between things that must not change places.
const APART_MOST: f64 = 1.0;

/// Adds what is wrong about one scenario.
pub(crate) fn compare(scenario: &Scenario, heard: &[Heard], (base, pace): (Instant, f64), problems: &mut Vec<String>) {
    let of = |sender: Sender| sorted(scenario, heard, sender);
    let (judge, host) = (of(Sender::Judge), of(Sender::Host));
    let (told, answered) = (shorts(scenario, &judge), shorts(scenario, &host));
    let name = scenario.name;
    if told != scenario.heard {
        problems.push(format!(
            "{name}: the scenario says {:?}, and the judge sent {told:?}",
            scenario.heard
        ));
    }
    if let Some((why, wanted)) = &scenario.better {
        if answered != *wanted {
            problems.push(format!(
                "{name}: {why}: wanted {wanted:?}, and the host sent {answered:?}"
            ));
        }
        return;
    }
    if answered != told {
        problems.push(format!("{name}: the judge sent {told:?}, and the host {answered:?}"));
        return;
    }
    for (judge, host) in judge.iter().zip(&host) {
        let (one, other) = (full(judge), full(host));
        if one != other {
            problems.push(format!("{name}: the judge sent\n  {one}\nand the host\n  {other}"));
        }
        let (one, other) = (seconds(judge, base), seconds(host, base));
        if (one - other).abs() > APART_MOST * pace {
            let what = short(scenario, judge);
            problems.push(format!(
                "{name}: `{what}` came from the judge after {one:.2} s and from the host after {other:.2}"
            ));
        }
    }
}

fn seconds(heard: &Heard, base: Instant) -> f64 {
    heard.at.saturating_duration_since(base).as_secs_f64()
}

/// In order, for each receiver on its own and each group on its own: groups of one moment are in no order.
fn sorted<'h>(scenario: &Scenario, heard: &'h [Heard], sender: Sender) -> Vec<&'h Heard> {
    let mut own: Vec<&Heard> = heard
        .iter()
        .filter(|heard| heard.sender == sender && scenario.suffix(&heard.receiver).is_some())
        .collect();
    own.sort_by_cached_key(|heard| {
        let text = |key: &str| heard.body[key].to_string();
        (heard.receiver.clone(), text("groupLabels"), text("groupKey"))
    });
    own
}

fn shorts(scenario: &Scenario, heard: &[&Heard]) -> Vec<String> {
    heard.iter().map(|heard| short(scenario, heard)).collect()
}

/// `suffix: name+ other/2-`: firing ones with a plus, resolved ones with a minus; after the slash the label `n`.
fn short(scenario: &Scenario, heard: &Heard) -> String {
    let suffix = scenario.suffix(&heard.receiver).unwrap_or_default();
    let mut alerts: Vec<String> = list(&heard.body).iter().map(one).collect();
    alerts.sort();
    let alerts = alerts.join(" ");
    if suffix.is_empty() {
        alerts
    } else {
        format!("{suffix}: {alerts}")
    }
}

fn one(alert: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, number) = (text(&alert["labels"]["alertname"]), text(&alert["labels"]["n"]));
    let slash = if number.is_empty() { "" } else { "/" };
    let sign = if alert["status"] == "firing" { "+" } else { "-" };
    format!("{name}{slash}{number}{sign}")
}

fn list(body: &Value) -> &[Value] {
    body["alerts"].as_array().map_or(&[], Vec::as_slice)
}

/// What must be the same in both: all but the key of the group, which says where its route stands, and the sender's own address.
fn full(heard: &Heard) -> Value {
    let body = &heard.body;
    let mut alerts: Vec<Value> = list(body).iter().map(canonical).collect();
    alerts.sort_by_key(|alert| alert["labels"].to_string());
    let mut full = json!({ "alerts": alerts });
    for key in [
        "version",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "truncatedAlerts",
    ] {
        full[key] = body[key].clone();
    }
    full
}

fn canonical(alert: &Value) -> Value {
    let mut alert = alert.clone();
    for key in ["startsAt", "endsAt"] {
        let text = alert[key].as_str().expect("a time").to_owned();
        let time: Timestamp = text.parse().unwrap_or_else(|error| panic!("{key} {text}: {error}"));
        alert[key] = time.as_millisecond().into();
    }
    alert
}
