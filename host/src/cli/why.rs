//! `bellwether why ALERT`: the condition with the values of its parts, what the check behind it says, since when, and who was told.
//! For the name of what happens once, such as a new crash: what happened, and who was told.

use std::fmt::Write as _;

use bellwether_promql::{labels::Labels, parse};
use serde_json::{Value, json};

use super::{
    Exit, alerts, expression, happened,
    host::{Host, HostArgument, Trouble},
    output,
};
use crate::alert::Fingerprint;

/// Elements of one part that are shown for one alert.
const SHOWN_MAX: usize = 10;

/// Names are alike from here on (Jaro–Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Name of the alert
    alert: String,
    #[command(flatten)]
    host: HostArgument,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let host = match Host::of(&arguments.host) {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let reasons = match reasons(&host, &arguments.alert) {
        Ok(reasons) => reasons,
        Err(trouble) => return trouble.report(),
    };
    if reasons.is_empty() {
        return happened_or_unknown(&host, arguments);
    }
    let printed = if arguments.json {
        output::json(&json!({ "alert": arguments.alert, "rules": reasons }))
    } else {
        output::text(&reasons.iter().map(describe).collect::<Vec<_>>().join("\n"))
    };
    match printed {
        Exit::Ok if reasons.iter().any(|reason| reason["state"] == "firing") => Exit::Bad,
        other => other,
    }
}

/// What has no rule may have happened once, such as a new crash.
fn happened_or_unknown(host: &Host, arguments: &Arguments) -> Exit {
    let known = host.get("/api/v1/notifications", &[]).map(|said| said.data);
    let known = known.unwrap_or_default();
    let happened = happened::of(&known, &arguments.alert);
    if happened.is_empty() {
        unknown(host, &arguments.alert)
    } else if arguments.json {
        output::json(&json!({ "alert": arguments.alert, "occurrences": happened }))
    } else {
        output::text(&happened::describe(&happened))
    }
}

/// Says that no rule has this name, and which one may be meant.
fn unknown(host: &Host, name: &str) -> Exit {
    let said = host.get("/api/v1/rules", &[("type", "alert"), ("exclude_alerts", "true")]);
    let names = said.map(|said| {
        rules(&said.data)
            .map(|(_, rule)| rule["name"].clone())
            .collect::<Vec<_>>()
    });
    let names = names.unwrap_or_default();
    let names = names.iter().filter_map(Value::as_str);
    let alike = names
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = alike
        .map(|(_, known)| format!("; did you mean `{known}`?"))
        .unwrap_or_default();
    output::fail(Exit::Usage, &format!("no rule for an alert `{name}` is loaded{hint}"))
}

/// Groups with each of their rules.
fn rules(data: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = data["groups"].as_array().into_iter().flatten();
    groups.flat_map(|group| {
        group["rules"]
            .as_array()
            .into_iter()
            .flatten()
            .map(move |rule| (group, rule))
    })
}

/// All there is to know about each rule of this name.
fn reasons(host: &Host, name: &str) -> Result<Vec<Value>, Trouble> {
    let said = host.get("/api/v1/rules", &[("type", "alert"), ("rule_name[]", name)])?;
    // Verdicts are an addition; what speaks Prometheus' API and has none is understood all the same.
    let checks = host
        .get("/api/v1/checks", &[])
        .map(|said| said.data)
        .unwrap_or_default();
    let told = Told::ask(host)?;
    rules(&said.data)
        .map(|(group, rule)| reason(host, group, rule, (&checks, &told)))
        .collect()
}

/// What dispatch knows: groups with who was told, and alerts with what mutes them. Empty where nobody knows.
#[derive(Debug, Default)]
struct Told {
    groups: Value,
    alerts: Value,
}

impl Told {
    fn ask(host: &Host) -> Result<Self, Trouble> {
        // What speaks Prometheus' API alone is understood as well.
        let known = |asked: Result<Value, Trouble>| match asked {
            Err(Trouble::Refused { .. }) => Ok(Value::Null),
            asked => asked,
        };
        Ok(Self {
            groups: known(host.get("/api/v1/notifications", &[]).map(|said| said.data))?,
            alerts: known(host.get_json("/api/v2/alerts", &[]))?,
        })
    }

    /// For each receiver of an alert what became of it.
    fn of(&self, labels: &Labels) -> Vec<Value> {
        let own = Fingerprint::of(labels).to_string();
        let holds = |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|one| *one == *own));
        let mut alerts = self.alerts.as_array().into_iter().flatten();
        let status = alerts
            .find(|alert| alert["fingerprint"] == *own)
            .map_or(&Value::Null, |alert| &alert["status"]);
        let groups = self.groups["groups"].as_array().into_iter().flatten();
        let groups = groups.filter(|group| holds(&group["alerts"]));
        let told = groups.map(|group| {
            json!({
                "receiver": group["receiver"], "is_told": holds(&group["told"]), "told_at": group["told_at"],
                "next_at": group["next_at"], "waiting": group["waiting"], "off_hours": group["off_hours"],
                "silenced_by": status["silencedBy"], "inhibited_by": status["inhibitedBy"],
            })
        });
        told.collect()
    }
}

fn reason(host: &Host, group: &Value, rule: &Value, beside: (&Value, &Told)) -> Result<Value, Trouble> {
    let query = rule["query"].as_str().unwrap_or_default();
    let operands = parse::parse(query)
        .map(|expr| expression::operands(&expr))
        .unwrap_or_default();
    let mut parts = Vec::new();
    for operand in operands {
        let elements = match host.post("/api/v1/query", &[("query", &operand)]) {
            Ok(said) => expression::elements(&said.data),
            // A part that cannot be evaluated by itself is the rule's own error, which is shown.
            Err(Trouble::Refused { .. }) => Vec::new(),
            Err(trouble) => return Err(trouble),
        };
        parts.push((operand, elements));
    }
    let alerts = rule["alerts"].as_array().into_iter().flatten();
    let alerts: Vec<Value> = alerts.map(|alert| explained(alert, &parts, beside)).collect();
    Ok(json!({
        "group": group["name"], "file": group["file"],
        "state": rule["state"], "query": query, "for": rule["duration"], "keep_firing_for": rule["keepFiringFor"],
        "health": rule["health"], "error": rule["lastError"], "evaluated_at": rule["lastEvaluation"], "held": rule["held"],
        "operands": shown(&parts, &Labels::default()),
        "alerts": alerts,
    }))
}

/// An alert with the values and verdicts that are about it.
fn explained(alert: &Value, parts: &[(String, Vec<(Labels, String)>)], (checks, told): (&Value, &Told)) -> Value {
    let labels = expression::labels(&alert["labels"]);
    json!({
        "labels": alert["labels"], "annotations": alert["annotations"],
        "state": alert["state"], "value": alert["value"],
        "since": alert["activeAt"], "firing_since": alert["firedAt"],
        "keep_firing_since": alert["keepFiringSince"], "no_data_since": alert["noDataSince"],
        "operands": shown(parts, &labels),
        "verdicts": verdicts(&labels, checks),
        "notifications": told.of(&labels),
    })
}

fn shown(parts: &[(String, Vec<(Labels, String)>)], alert: &Labels) -> Vec<Value> {
    let part = |(text, elements): &(String, Vec<(Labels, String)>)| {
        let about = expression::about(elements.clone(), alert);
        let values = about.iter().take(SHOWN_MAX);
        let values: Vec<Value> = values
            .map(|(labels, value)| json!({ "labels": labels.to_string(), "value": value }))
            .collect();
        json!({ "expr": text, "values": values, "more": about.len().saturating_sub(SHOWN_MAX) })
    };
    parts.iter().map(part).collect()
}

/// Of the check that the label `check` names: that of the target the alert names, else all that are not ok.
fn verdicts(labels: &Labels, checks: &Value) -> Vec<Value> {
    let Some(name) = labels.get("check") else {
        return Vec::new();
    };
    let mut all = checks["checks"].as_array().into_iter().flatten();
    let Some(check) = all.find(|check| check["name"] == **name) else {
        return Vec::new();
    };
    let verdicts: Vec<&Value> = check["verdicts"].as_array().into_iter().flatten().collect();
    let target = labels.get("target").map(|target| &**target);
    let of_target = verdicts
        .iter()
        .filter(|verdict| target.is_some_and(|target| verdict["target"] == *target));
    let mut chosen: Vec<&Value> = of_target.copied().collect();
    if chosen.is_empty() {
        chosen = verdicts
            .into_iter()
            .filter(|verdict| verdict["status"] != "ok")
            .collect();
    }
    if chosen.is_empty() {
        return vec![
            json!({ "check": **name, "status": check["status"], "summary": check["message"], "checked_at": check["checked_at"] }),
        ];
    }
    let told = |verdict: &Value| {
        json!({
            "check": **name, "target": verdict["target"], "status": verdict["status"], "code": verdict["code"],
            "summary": verdict["summary"], "checked_at": check["checked_at"],
        })
    };
    chosen.into_iter().map(told).collect()
}

/// Text of a field; "" when it is absent.
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// For a person.
fn describe(reason: &Value) -> String {
    let mut out = format!(
        "{} in group {} of {}\n",
        text(reason, "state"),
        text(reason, "group"),
        text(reason, "file")
    );
    let _ = writeln!(
        out,
        "  condition   {}",
        text(reason, "query").replace('\n', "\n              ")
    );
    if let Some(seconds) = reason["for"].as_f64().filter(|seconds| *seconds > 0.0) {
        let _ = writeln!(out, "  for         {seconds} s");
    }
    let _ = writeln!(
        out,
        "  evaluated   {} ({})",
        text(reason, "evaluated_at"),
        text(reason, "health")
    );
    if !text(reason, "error").is_empty() {
        let _ = writeln!(out, "  error       {}", text(reason, "error"));
    }
    if !text(reason, "held").is_empty() {
        let _ = writeln!(out, "  held        it may not decide yet: {}", text(reason, "held"));
    }
    let alerts = reason["alerts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if alerts.is_empty() {
        describe_operands(&reason["operands"], &mut out);
    }
    for alert in alerts {
        out.push('\n');
        describe_alert(alert, &mut out);
    }
    out
}

fn describe_alert(alert: &Value, out: &mut String) {
    let _ = writeln!(out, "  {} {}", text(alert, "state"), alerts::titled(&alert["labels"]));
    for (key, words) in [
        ("since", "since"),
        ("firing_since", "firing since"),
        ("keep_firing_since", "kept firing since"),
        ("no_data_since", "without data since"),
    ] {
        if !text(alert, key).is_empty() {
            let _ = writeln!(out, "    {words} {}", text(alert, key));
        }
    }
    let summary = alerts::summary(&alert["annotations"]);
    if !summary.is_empty() {
        let _ = writeln!(out, "    {summary}");
    }
    describe_operands(&alert["operands"], out);
    for verdict in alert["verdicts"].as_array().into_iter().flatten() {
        let target = Some(text(verdict, "target"))
            .filter(|target| !target.is_empty())
            .unwrap_or("(the whole)");
        let code = match text(verdict, "code") {
            "" => String::new(),
            code => format!(" [{code}]"),
        };
        let (check, status, summary) = (
            text(verdict, "check"),
            text(verdict, "status"),
            text(verdict, "summary"),
        );
        let _ = writeln!(out, "    check {check} says {status} of {target}{code}: {summary}");
    }
    describe_told(alert, out);
}

fn describe_told(alert: &Value, out: &mut String) {
    let told = alert["notifications"].as_array().map(Vec::as_slice).unwrap_or_default();
    if told.is_empty() && alert["state"] == "firing" {
        let _ = writeln!(out, "    nobody hears of it: no receiver is configured for it");
    }
    for told in told {
        let _ = writeln!(out, "    {}", became(told));
    }
}

/// One receiver, in a sentence.
fn became(told: &Value) -> String {
    let (receiver, next) = (text(told, "receiver"), text(told, "next_at"));
    let silence = told["silenced_by"][0].as_str();
    if told["waiting"].as_u64().is_some_and(|waiting| waiting > 0) {
        format!("{receiver}: a notification is on its way")
    } else if told["is_told"] == true {
        format!("{receiver} was told at {}", text(told, "told_at"))
    } else if let Some(silence) = silence {
        format!("{receiver} is not told: silenced by {silence}")
    } else if told["inhibited_by"][0].is_string() {
        format!("{receiver} is not told: another alert inhibits it")
    } else if told["off_hours"] == true {
        format!("{receiver} is not told: it is muted at this time")
    } else {
        format!("{receiver} is told at {next}")
    }
}

fn describe_operands(operands: &Value, out: &mut String) {
    let _ = writeln!(out, "    now:");
    for operand in operands.as_array().into_iter().flatten() {
        let expr = text(operand, "expr");
        let values = operand["values"].as_array().map(Vec::as_slice).unwrap_or_default();
        if values.is_empty() {
            let _ = writeln!(out, "      {expr}  (nothing)");
        }
        for value in values {
            let labels = text(value, "labels");
            let name = if labels.starts_with(expr) || labels.is_empty() {
                ""
            } else {
                expr
            };
            let title = [name, labels]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(" ");
            let title = if title.is_empty() { expr } else { &title };
            let _ = writeln!(out, "      {title}  {}", text(value, "value"));
        }
        if let Some(more) = operand["more"].as_u64().filter(|more| *more > 0) {
            let _ = writeln!(out, "      … and {more} more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Value {
        json!({"checks": [{
            "name": "queue", "status": "critical", "message": "deep", "checked_at": "now",
            "verdicts": [
                {"target": "a", "status": "ok", "summary": "fine"},
                {"target": "b", "status": "critical", "code": "deep", "summary": "120 wait"},
            ],
        }]})
    }

    #[test]
    fn the_verdict_behind_an_alert_is_that_of_its_target_else_what_is_not_ok() {
        let of = |labels: &[(&'static str, &'static str)]| verdicts(&Labels::new(labels.iter().copied()), &checks());
        assert_eq!(of(&[("check", "queue"), ("target", "a")])[0]["summary"], "fine");
        assert_eq!(of(&[("check", "queue")])[0]["code"], "deep");
        assert_eq!(of(&[("check", "queue"), ("target", "gone")]).len(), 1);
        assert!(of(&[("check", "other")]).is_empty() && of(&[]).is_empty());
    }

    #[test]
    fn an_alert_is_told_with_its_values_and_its_verdict() {
        let queue = |name: &'static str, value: &str| {
            let labels = Labels::new([("__name__", "queue"), ("check", "queue"), ("target", name)]);
            (labels, value.to_owned())
        };
        let parts = [("queue".to_owned(), vec![queue("a", "3"), queue("b", "120")])];
        let alert = json!({
            "labels": {"alertname": "Deep", "check": "queue", "target": "b"}, "annotations": {"summary": "too deep"},
            "state": "firing", "value": "1.2e+02", "activeAt": "T1", "firedAt": "T2",
        });
        let mut said = String::new();
        let labels = expression::labels(&alert["labels"]);
        let own = Fingerprint::of(&labels).to_string();
        let told = Told {
            groups: json!({"groups": [
                {"receiver": "ops", "alerts": [own], "told": [own], "told_at": "T3", "waiting": 0},
                {"receiver": "web", "alerts": [own], "told": [], "waiting": 0},
                {"receiver": "other", "alerts": ["x"], "told": [], "waiting": 0},
            ]}),
            alerts: json!([{"fingerprint": own, "status": {"silencedBy": ["s"], "inhibitedBy": []}}]),
        };
        describe_alert(&explained(&alert, &parts, (&checks(), &told)), &mut said);
        assert_eq!(
            said,
            "  firing Deep{check=\"queue\", target=\"b\"}\n    since T1\n    firing since T2\n    too deep\n    now:\n      \
             queue{check=\"queue\", target=\"b\"}  120\n    check queue says critical of b [deep]: 120 wait\n    \
             ops was told at T3\n    web is not told: silenced by s\n"
        );
    }
}
