//! Refuses secrets in fields whose values leave the host.
//!
//! A secret is one wherever its value stands, whether `${secret:…}` says so or not: a variable may hold it, or the file
//! itself. Flows in: what was resolved. Flows out: problems. Fields that never leave the host are not looked at.

use std::collections::BTreeMap;

use super::{
    Connection,
    check::Checks,
    conceal::Concealer,
    connection::{ConnectionPlace, Connections},
    guest::GuestPlace,
    history::Names,
    locate::setting_span,
    reading::Reading,
    resolved::{BundledAlert, Check, PluginOrigin, RuleTable},
    rule::RulePlace,
    source::At,
};

const HINT: &str = "secrets stand in `[access]` and in the credentials of `[connection.NAME]`, where no plugin sees them; if a \
                    variable brought it here, use another one";

/// What somebody wanted who gave a plugin a secret.
const CREDENTIALS: &str = "credentials for what a check looks at stand in a `[connection.NAME]`, which `connection = \"NAME\"` gives to the check";

/// Notes every secret that a plugin or a reader of the metrics would get to see.
pub(super) fn refuse(
    reading: &Reading<'_>,
    concealer: &Concealer,
    environment: Option<&At<String>>,
    history: &Names,
    checks: &Checks,
    connections: &Connections,
) {
    if let Some(environment) = environment.filter(|word| concealer.finds_in(&word.value)) {
        let message = "`environment` contains the value of a secret, and every plugin is told it";
        reading.error(environment.span, message, HINT.to_owned());
    }
    for (key, name) in [("job", &history.job), ("instance", &history.instance)] {
        if let Some(name) = name.as_ref().filter(|name| concealer.finds_in(&name.value)) {
            let message = format!("`{key}` contains the value of a secret, and it is a label of every series");
            reading.error(name.span, message, HINT.to_owned());
        }
    }
    for (name, check) in checks.checks.iter().chain(&checks.disabled) {
        if let Some(place) = checks.places.get(&**name) {
            in_check(reading, concealer, check, place);
        }
    }
    for connection in connections.all.values() {
        if let Some(place) = connections.places.get(&*connection.name) {
            in_connection(reading, concealer, connection, *place);
        }
    }
}

/// Labels and annotations go to people and places outside.
pub(super) fn refuse_in_rules(reading: &Reading<'_>, concealer: &Concealer, rules: &[RuleTable], places: &[RulePlace]) {
    for (rule, place) in rules.iter().zip(places) {
        let texts = rule.labels.values().chain(rule.annotations.values()).chain(&rule.expr);
        if texts.chain(&rule.alert).any(|text| concealer.finds_in(text)) {
            let message = "this rule contains the value of a secret, and everybody may see it";
            reading.error(place.span(), message, HINT.to_owned());
        }
    }
}

/// As in rules.
pub(super) fn refuse_in_bundled(
    reading: &Reading<'_>,
    concealer: &Concealer,
    alerts: &BTreeMap<String, BundledAlert>,
    places: &BTreeMap<String, RulePlace>,
) {
    for (alert, place) in alerts.values().zip(places.values()) {
        let mut texts = alert.labels.values().chain(alert.annotations.values());
        if texts.any(|text| concealer.finds_in(text)) {
            let message = "this alert contains the value of a secret, and everybody may see it";
            reading.error(place.span(), message, HINT.to_owned());
        }
    }
}

/// Plugins are told where a connection leads, unless its URL is written as a secret.
fn in_connection(reading: &Reading<'_>, concealer: &Concealer, connection: &Connection, place: ConnectionPlace) {
    let name = &connection.name;
    let span = place.url.unwrap_or(place.name);
    if !connection.url_is_secret && concealer.finds_in(connection.url.as_str()) {
        let message = format!("`url` of connection `{name}` contains the value of a secret, and plugins are told it");
        let hint = "when the URL is a secret, say so: url = \"${secret:NAME}\"".to_owned();
        reading.error(span, message, hint);
    }
}

fn in_check(reading: &Reading<'_>, concealer: &Concealer, check: &Check, place: &GuestPlace) {
    let name = &check.name;
    let plugin = match &check.plugin.origin {
        PluginOrigin::File(path) => path.to_string_lossy(),
        PluginOrigin::Bundled(name) => name.into(),
    };
    let labels = check
        .labels
        .iter()
        .any(|(label, value)| concealer.finds_in(label.as_str()) || concealer.finds_in(value));
    if concealer.finds_in(name) {
        let message = "the name of this check contains the value of a secret, and everybody may see it";
        reading.error(place.name, message, HINT.to_owned());
    }
    for (key, secret) in [
        ("plugin", concealer.finds_in(&plugin)),
        ("prefix", concealer.finds_in(&check.prefix)),
        ("labels", labels),
    ] {
        if secret {
            let message = format!("`{key}` of check `{name}` contains the value of a secret, and everybody may see it");
            reading.error(place.span_of(key), message, HINT.to_owned());
        }
    }
    let settings = serde_json::from_str(&check.settings).unwrap_or_default();
    let mut found = Vec::new();
    in_settings(concealer, &settings, &mut String::new(), &mut found);
    for pointer in found {
        let message =
            format!("a setting of check `{name}` contains the value of a secret, and no plugin is handed one");
        let hint = format!("{HINT}; {CREDENTIALS}");
        reading.error(setting_span(place, &pointer), message, hint);
    }
}

/// Pointers to the values that hold a secret, by themselves or in the name of one of their keys. Settings come from TOML,
/// whose nesting is bounded.
fn in_settings(concealer: &Concealer, value: &serde_json::Value, pointer: &mut String, found: &mut Vec<String>) {
    let length = pointer.len();
    let mut descend = |key: &str, value, pointer: &mut String| {
        pointer.push('/');
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
        in_settings(concealer, value, pointer, found);
        pointer.truncate(length);
    };
    let secret = match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| descend(key, value, pointer));
            fields.keys().any(|key| concealer.finds_in(key))
        }
        serde_json::Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, value)| descend(&at.to_string(), value, pointer));
            false
        }
        serde_json::Value::String(text) => concealer.finds_in(text),
        serde_json::Value::Number(number) => concealer.finds_in(&number.to_string()),
        serde_json::Value::Null | serde_json::Value::Bool(_) => false,
    };
    if secret {
        found.push(pointer.clone());
    }
}
