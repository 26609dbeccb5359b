//! `bellwether alerts`: which alerts of a running host are pending or firing.

use bellwether_promql::functions::format;
use serde_json::Value;

use super::{
    Exit, expression,
    host::{Host, HostArgument},
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
    let said = match host.get("/api/v1/alerts", &[]) {
        Ok(said) => said,
        Err(trouble) => return trouble.report(),
    };
    let printed = if arguments.json {
        output::json(&said.data)
    } else {
        output::text(&describe(&said.data))
    };
    match printed {
        Exit::Ok if is_any_firing(&said.data) => Exit::Bad,
        other => other,
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
    let head = ["STATE", "SINCE", "VALUE", "ALERT", "SUMMARY"].map(str::to_owned);
    let rows = alerts.into_iter().map(|alert| {
        [
            text(alert, "state"),
            text(alert, "activeAt"),
            readable(&text(alert, "value")),
            titled(&alert["labels"]),
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
            "STATE    SINCE  VALUE  ALERT            SUMMARY\n\
             firing   2      15     Deep{queue=\"a\"}  it is\n\
             pending  1      15     Deep{queue=\"a\"}  it is\n"
        );
        assert!(is_any_firing(&data) && !is_any_firing(&json!({"alerts": [alert("pending", "1")]})));
        assert_eq!(describe(&json!({"alerts": []})), "no alert is pending or firing\n");
    }
}
