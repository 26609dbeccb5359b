//! `bellwether alerts`: which alerts of a running host are pending or firing, and who hears of them.

use bellwether_promql::functions::format;
use serde_json::{Value, json};

use super::{
    Exit, expression,
    host::{Host, HostArgument, Trouble},
    output,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    host: HostArgument,
    /// Answer with one JSON object, as the host's HTTP API has it
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let host = match Host::of(&arguments.host) {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let data = match ask(&host) {
        Ok(data) => data,
        Err(trouble) => return trouble.report(),
    };
    let printed = if arguments.json {
        output::json(&data)
    } else {
        output::text(&describe(&data))
    };
    match printed {
        Exit::Ok if is_any_firing(&data) => Exit::Bad,
        other => other,
    }
}

/// Alerts of rules and those that others posted, each with what dispatch knows of it.
fn ask(host: &Host) -> Result<Value, Trouble> {
    let rules = host.get("/api/v1/alerts", &[])?.data;
    let routed = match host.get_json("/api/v2/alerts", &[]) {
        Ok(routed) => routed,
        // What speaks Prometheus' API alone is understood as well.
        Err(Trouble::Refused { .. }) => Value::Null,
        Err(trouble) => return Err(trouble),
    };
    Ok(joined(rules, &routed))
}

fn joined(mut rules: Value, routed: &Value) -> Value {
    let mut routed: Vec<&Value> = routed.as_array().into_iter().flatten().collect();
    let mut all: Vec<Value> = match rules["alerts"].take() {
        Value::Array(alerts) => alerts,
        _ => Vec::new(),
    };
    for alert in &mut all {
        let place = routed
            .iter()
            .position(|routed| routed["fingerprint"] == alert["fingerprint"]);
        if let Some(routed) = place.map(|place| routed.swap_remove(place)) {
            route(alert, routed);
        }
    }
    all.extend(routed.into_iter().map(|routed| {
        let mut alert = json!({
            "labels": routed["labels"], "annotations": routed["annotations"],
            "state": "firing", "activeAt": routed["startsAt"], "value": "",
        });
        route(&mut alert, routed);
        alert
    }));
    json!({ "alerts": all })
}

fn route(alert: &mut Value, routed: &Value) {
    let receivers = routed["receivers"].as_array().into_iter().flatten();
    let receivers: Vec<&Value> = receivers.map(|receiver| &receiver["name"]).collect();
    alert["receivers"] = json!(receivers);
    alert["silencedBy"] = routed["status"]["silencedBy"].clone();
    alert["inhibitedBy"] = routed["status"]["inhibitedBy"].clone();
}

/// Who hears of it, in a few words.
pub(super) fn hearers(alert: &Value) -> String {
    let texts = |key: &str| -> Vec<&str> {
        let texts = alert[key].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).collect()
    };
    let (receivers, silences) = (texts("receivers").join(", "), texts("silencedBy"));
    if let Some(silence) = silences.first() {
        format!("silenced by {silence}")
    } else if texts("inhibitedBy").is_empty() {
        receivers
    } else {
        "inhibited".to_owned()
    }
}

fn alerts(data: &Value) -> impl Iterator<Item = &Value> {
    data["alerts"].as_array().into_iter().flatten()
}

fn is_any_firing(data: &Value) -> bool {
    alerts(data).any(|alert| alert["state"] == "firing")
}

/// For a person: what fires first, and within that what has done so for longest.
fn describe(data: &Value) -> String {
    let text = |alert: &Value, key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    let mut alerts: Vec<&Value> = alerts(data).collect();
    alerts.sort_by_key(|alert| (alert["state"] != "firing", text(alert, "activeAt")));
    if alerts.is_empty() {
        return "no alert is pending or firing\n".to_owned();
    }
    let head = ["STATE", "SINCE", "VALUE", "ALERT", "RECEIVERS", "SUMMARY"].map(str::to_owned);
    let rows = alerts.into_iter().map(|alert| {
        [
            text(alert, "state"),
            text(alert, "activeAt"),
            readable(&text(alert, "value")),
            titled(&alert["labels"]),
            hearers(alert),
            summary(&alert["annotations"]),
        ]
    });
    expression::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// The API has every value with an exponent.
fn readable(value: &str) -> String {
    value.parse().map_or_else(|_| value.to_owned(), format::general)
}

/// `NAME{other labels}`.
pub(super) fn titled(labels: &Value) -> String {
    let labels = expression::labels(labels);
    let name = labels.get("alertname").map_or("", |name| name).to_owned();
    labels.with("alertname", "").with("__name__", &name).to_string()
}

/// What is meant for people, in one line.
pub(super) fn summary(annotations: &Value) -> String {
    let text = ["summary", "message", "description"]
        .iter()
        .find_map(|name| annotations[*name].as_str());
    text.unwrap_or_default().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fires_comes_first_and_is_bad() {
        let alert = |state: &str, since: &str| {
            json!({
                "state": state, "activeAt": since, "value": "1.5e+01",
                "labels": {"alertname": "Deep", "queue": "a"}, "annotations": {"summary": "it\nis"},
            })
        };
        let data = json!({"alerts": [alert("pending", "1"), alert("firing", "2")]});
        assert_eq!(
            describe(&data),
            "STATE    SINCE  VALUE  ALERT            RECEIVERS  SUMMARY\n\
             firing   2      15     Deep{queue=\"a\"}             it is\n\
             pending  1      15     Deep{queue=\"a\"}             it is\n"
        );
        assert!(is_any_firing(&data) && !is_any_firing(&json!({"alerts": [alert("pending", "1")]})));
        assert_eq!(describe(&json!({"alerts": []})), "no alert is pending or firing\n");
    }

    #[test]
    fn alerts_of_rules_and_of_others_are_told_with_who_hears_of_them() {
        // What is routed has external labels, which what rules say has not.
        let of_rule =
            |name: &str, state: &str| json!({"state": state, "labels": {"alertname": name}, "fingerprint": name});
        let rules = json!({"alerts": [of_rule("A", "pending"), of_rule("B", "firing")]});
        let routed = |name: &str, silences: &[&str], inhibits: &[&str]| {
            json!({
                "labels": {"alertname": name}, "fingerprint": name, "startsAt": "T", "receivers": [{"name": "ops"}, {"name": "web"}],
                "status": {"silencedBy": silences, "inhibitedBy": inhibits},
            })
        };
        let data = joined(
            rules,
            &json!([
                routed("C", &[], &["f"]),
                routed("B", &[], &[]),
                routed("D", &["s"], &["f"])
            ]),
        );
        let told: Vec<(&str, String)> = alerts(&data)
            .map(|alert| {
                (
                    alert["state"].as_str().expect("a state"),
                    titled(&alert["labels"]) + " " + &hearers(alert),
                )
            })
            .collect();
        let wanted = [
            ("pending", "A "),
            ("firing", "B ops, web"),
            ("firing", "C inhibited"),
            ("firing", "D silenced by s"),
        ];
        assert_eq!(told, wanted.map(|(state, text)| (state, text.to_owned())));
    }
}
