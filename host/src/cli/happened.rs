//! What happened once, for a person: what it was, when, and who was told.
//!
//! Flows in: the list that a host answers. Flows out: those with one name, in words.

use std::fmt::Write as _;

use serde_json::Value;

use super::alerts;

/// That many are described; the others are counted.
const SHOWN_MAX: usize = 20;

/// Those of a name, newest first.
pub(super) fn of<'v>(notifications: &'v Value, name: &str) -> Vec<&'v Value> {
    let all = notifications["occurrences"].as_array().into_iter().flatten();
    all.filter(|one| one["labels"]["alertname"] == *name).collect()
}

/// For a person.
pub(super) fn describe(all: &[&Value]) -> String {
    let mut out = String::new();
    for one in all.iter().take(SHOWN_MAX) {
        let _ = writeln!(out, "{} happened {}", alerts::titled(&one["labels"]), text(one, "at"));
        let summary = alerts::summary(&one["annotations"]);
        if !summary.is_empty() {
            let _ = writeln!(out, "  {summary}");
        }
        let receivers = one["receivers"].as_array().map(Vec::as_slice).unwrap_or_default();
        if receivers.is_empty() {
            let _ = writeln!(out, "  nobody is told: {}", text(one, "fate"));
        }
        for receiver in receivers {
            let _ = writeln!(out, "  {}", became(receiver));
        }
    }
    if all.len() > SHOWN_MAX {
        let _ = writeln!(out, "… and {} more", all.len() - SHOWN_MAX);
    }
    out
}

fn became(receiver: &Value) -> String {
    let (name, since) = (text(receiver, "receiver"), text(receiver, "at"));
    match text(receiver, "state") {
        "delivered" => format!("{name} was told at {since}"),
        "waiting" => format!("{name}: a notification is on its way, or waits for the end of a mute time"),
        "refused" => format!("{name} refused to hear of it at {since}"),
        "handed_on" => format!("{name} is handed the thing itself"),
        other => format!("{name} is not told: {other}"),
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_happened_is_told_with_what_became_of_it_for_each_receiver() {
        let known = json!({ "occurrences": [
            {
                "labels": { "alertname": "NewCrash", "source": "shop" }, "annotations": { "summary": "New crash in shop: x" },
                "at": "T1", "fate": "told", "receivers": [
                    { "receiver": "ops", "state": "delivered", "at": "T2" },
                    { "receiver": "mail", "state": "waiting", "at": "T1" },
                    { "receiver": "web", "state": "dropped", "at": "T1" },
                ],
            },
            { "labels": { "alertname": "Other" } },
            { "labels": { "alertname": "NewCrash" }, "at": "T0", "fate": "silenced", "receivers": [] },
        ]});
        assert_eq!(
            describe(&of(&known, "NewCrash")),
            "NewCrash{source=\"shop\"} happened T1\n  New crash in shop: x\n  ops was told at T2\n  \
             mail: a notification is on its way, or waits for the end of a mute time\n  web is not told: dropped\n\
             NewCrash happened T0\n  nobody is told: silenced\n"
        );
        let many = vec![&known["occurrences"][0]; 30];
        assert!(describe(&many).ends_with("… and 10 more\n"));
        assert!(of(&Value::Null, "NewCrash").is_empty());
    }
}
