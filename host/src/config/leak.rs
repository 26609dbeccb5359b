//! Refuses secrets in fields whose values leave the host.
//!
//! A secret is one wherever its value stands, whether `${secret:…}` says so or not: a variable may hold it, or the file
//! itself. Flows in: what was resolved. Flows out: problems. Fields that never leave the host are not looked at.

use std::collections::BTreeMap;

use super::{
    Connection, PluginUse, User,
    check::Checks,
    conceal::Concealer,
    connection::{ConnectionPlace, Connections},
    dispatch::Dispatching,
    guest::GuestPlace,
    history::Names,
    locate::setting_span,
    reading::Reading,
    resolved::{BundledAlert, Check, PluginOrigin, Receiver, ReceiverKind, RuleTable},
    rule::RulePlace,
    source::{At, Span},
};
use crate::metric::LabelName;

const HINT: &str = "secrets stand in `[access]` and in the credentials of `[connection.NAME]`, where no plugin sees them; if a \
                    variable brought it here, use another one";

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
    let labels = check
        .labels
        .iter()
        .any(|(label, value)| concealer.finds_in(label.as_str()) || concealer.finds_in(value));
    for (key, secret) in [("prefix", concealer.finds_in(&check.prefix)), ("labels", labels)] {
        if secret {
            in_key(reading, User::Check(&check.name), key, place);
        }
    }
    in_guest(reading, concealer, &check.plugin_use(), place);
}

/// What a receiver says to others, and what its plugin is told.
fn in_receiver(reading: &Reading<'_>, concealer: &Concealer, receiver: &Receiver, place: &GuestPlace) {
    let user = User::Receiver(&receiver.name);
    for (key, template) in [("title", &receiver.title), ("text", &receiver.text)] {
        if template.as_ref().is_some_and(|template| concealer.finds_in(template)) {
            in_key(reading, user, key, place);
        }
    }
    match &receiver.kind {
        ReceiverKind::Plugin(_) => {
            if let Some(own) = receiver.plugin_use() {
                in_guest(reading, concealer, &own, place);
            }
        }
        ReceiverKind::Email(email) => {
            in_name(reading, concealer, user, place);
            let texts = [Some(&email.from), email.reply_to.as_ref(), email.hello.as_ref()];
            let mut texts = texts
                .into_iter()
                .flatten()
                .chain(&email.to)
                .chain(&email.cc)
                .chain(&email.bcc);
            if texts.any(|text| concealer.finds_in(text)) {
                in_key(reading, user, "email", place);
            }
        }
        ReceiverKind::Log => in_name(reading, concealer, user, place),
    }
}

fn in_key(reading: &Reading<'_>, user: User<'_>, key: &str, place: &GuestPlace) {
    let message = format!("`{key}` of {user} contains the value of a secret, and everybody may see it");
    reading.error(place.span_of(key), message, HINT.to_owned());
}

fn in_name(reading: &Reading<'_>, concealer: &Concealer, user: User<'_>, place: &GuestPlace) {
    if concealer.finds_in(user.name()) {
        let word = user.word();
        let message = format!("the name of this {word} contains the value of a secret, and everybody may see it");
        reading.error(place.name, message, HINT.to_owned());
    }
}

fn in_guest(reading: &Reading<'_>, concealer: &Concealer, own: &PluginUse<'_>, place: &GuestPlace) {
    in_name(reading, concealer, own.user, place);
    let plugin = match &own.plugin.origin {
        PluginOrigin::File(path) => path.to_string_lossy(),
        PluginOrigin::Bundled(name) => name.into(),
    };
    if concealer.finds_in(&plugin) {
        in_key(reading, own.user, "plugin", place);
    }
    let settings = serde_json::from_str(own.settings).unwrap_or_default();
    let mut found = Vec::new();
    in_settings(concealer, &settings, &mut String::new(), &mut found);
    for pointer in found {
        let message = format!(
            "a setting of {} contains the value of a secret, and no plugin is handed one",
            own.user
        );
        let hint = format!("{HINT}; {}", credentials(own.user));
        reading.error(setting_span(place, &pointer), message, hint);
    }
}

/// What somebody wanted who gave a plugin a secret.
fn credentials(user: User<'_>) -> String {
    let (what, word) = match user {
        User::Check(_) => ("what a check looks at", "check"),
        User::Receiver(_) => ("where a receiver sends to", "receiver"),
    };
    format!("credentials for {what} stand in a `[connection.NAME]`, which `connection = \"NAME\"` gives to the {word}")
}

/// What everybody may see of who hears of what.
pub(super) fn refuse_in_dispatch(
    reading: &Reading<'_>,
    concealer: &Concealer,
    dispatching: &Dispatching,
    external_url: Option<&At<String>>,
    external_labels: &BTreeMap<LabelName, At<String>>,
) {
    for (key, value) in external_url
        .map(|url| ("external_url", url))
        .into_iter()
        .chain(external_labels.values().map(|value| ("external_labels", value)))
    {
        if concealer.finds_in(&value.value) {
            let message = format!("`{key}` contains the value of a secret, and everybody may see it");
            reading.error(value.span, message, HINT.to_owned());
        }
    }
    for receiver in dispatching.dispatch.receivers.values() {
        if let Some(place) = dispatching.places.get(&*receiver.name) {
            in_receiver(reading, concealer, receiver, place);
        }
    }
    refuse_in_words(reading, concealer, &dispatching.seen);
}

/// Words that everybody may see.
pub(super) fn refuse_in_words(reading: &Reading<'_>, concealer: &Concealer, seen: &[(Span, String)]) {
    for (span, text) in seen {
        if concealer.finds_in(text) {
            let message = "this contains the value of a secret, and everybody may see it";
            reading.error(*span, message, HINT.to_owned());
        }
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
