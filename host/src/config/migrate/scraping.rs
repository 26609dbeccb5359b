//! `prometheus.yml`: defaults, rule files, jobs, and where alerts went.

use super::{
    super::{
        foreign::{Doc, Fields, FileConnection, FileUrl, HTTP, Secrets, Text, text_of},
        reading::Reading,
        source::{At, FileId},
        units::show_duration,
    },
    alertmanager, job,
    page::{Page, inline, list, quoted, text},
};
use crate::yaml::{Kind, Node};

const FILE: &[&str] = &["global", "rule_files", "scrape_configs", "alerting"];

const GLOBAL: &[&str] = &[
    "scrape_interval",
    "scrape_timeout",
    "evaluation_interval",
    "external_labels",
];

/// What the host has instead, for what it has instead.
const INSTEAD: [(&str, &str); 6] = [
    (
        "remote_write",
        "let Prometheus, Mimir or VictoriaMetrics scrape this host's /metrics",
    ),
    (
        "remote_read",
        "the host evaluates over its own history: `[history] retention`",
    ),
    ("storage", "the host keeps hours in memory: `[history]`"),
    ("tracing", "the host traces nothing"),
    (
        "scrape_config_files",
        "give those files to bellwether migrate as well, one at a time, under `scrape_configs`",
    ),
    ("otlp", "the host takes no metrics that way yet"),
];

/// How Prometheus scrapes when nobody says.
const SCRAPE_INTERVAL: &str = "1m";

/// Writes what a file says. `routed`: routes come from another file, and alerts need not go elsewhere.
pub(super) fn write(reading: &Reading<'_>, file: FileId, secrets: &Secrets, routed: bool, page: &mut Page) {
    let doc = Doc::new(reading, file, secrets);
    let Some(root) = doc.parse() else { return };
    say_what_is_lost(&doc, &root);
    let fields = doc.some_fields(&root, "the file", FILE);
    defaults(&doc, &fields, page);
    rule_files(&doc, &fields, page);
    let jobs = doc.list(&fields, "scrape_configs");
    job::write(&doc, jobs, page);
    if let Some(node) = fields.get("alerting") {
        alerting(&doc, node, routed, page);
    }
}

fn say_what_is_lost(doc: &Doc<'_, '_>, root: &Node) {
    let Kind::Map(entries) = &root.kind else { return };
    for (key, value) in entries.iter().filter(|(_, value)| !value.is_nothing()) {
        let name = text_of(key).unwrap_or_default();
        if FILE.contains(&name) || matches!(&value.kind, Kind::List(items) if items.is_empty()) {
            continue;
        }
        let instead = INSTEAD.iter().find(|(own, _)| *own == name);
        let hint = instead.map_or("it has no counterpart here", |(_, instead)| instead);
        doc.warn(key, format!("`{name}` is not taken over"), hint.to_owned());
    }
}

fn defaults(doc: &Doc<'_, '_>, file: &Fields<'_>, page: &mut Page) {
    let global = match file.get("global") {
        Some(node) => doc.taken(node, "`global`", GLOBAL),
        None => Fields::default(),
    };
    let interval = doc
        .duration(&global, "scrape_interval")
        .map(|given| show_duration(given.value));
    let timeout = doc
        .duration(&global, "scrape_timeout")
        .map(|given| show_duration(given.value));
    page.table(&["defaults"]);
    page.text("interval", &interval.unwrap_or_else(|| SCRAPE_INTERVAL.to_owned()));
    timeout.iter().for_each(|timeout| page.text("timeout", timeout));
    let evaluation = doc.duration(&global, "evaluation_interval");
    let evaluation = evaluation.map_or_else(|| SCRAPE_INTERVAL.to_owned(), |given| show_duration(given.value));
    page.alerting("evaluation_interval", quoted(&evaluation));
    let labels = pairs(doc, &global, "external_labels");
    let labels: Vec<(String, String)> = labels
        .into_iter()
        .map(|(name, value)| (name, text(&value.value)))
        .collect();
    inline(&labels)
        .into_iter()
        .for_each(|labels| page.alerting("external_labels", labels));
}

/// Names and texts of a mapping.
pub(super) fn pairs(doc: &Doc<'_, '_>, fields: &Fields<'_>, key: &str) -> Vec<(String, Text)> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let Kind::Map(entries) = &node.kind else {
        doc.error(node, format!("`{key}` must be a mapping, not {}", node.what()), None);
        return Vec::new();
    };
    let pair = |(name, value): &(Node, Node)| Some((doc.text_at(name, key)?.value, doc.text_at(value, key)?));
    entries.iter().filter_map(pair).collect()
}

/// As written, and so relative to where the configuration will stand.
fn rule_files(doc: &Doc<'_, '_>, file: &Fields<'_>, page: &mut Page) {
    let files = doc.texts(file, "rule_files").unwrap_or_default();
    for pattern in &files {
        if pattern.value.contains(['[', ']', '{']) || pattern.value.contains("**") {
            let message = "this pattern means something else here: only `*` and `?` stand for others";
            doc.reading.warn(
                pattern.span,
                message,
                "name the files, or use several patterns".to_owned(),
            );
        }
    }
    if files.iter().any(|pattern| !pattern.value.starts_with('/')) {
        page.head("Rule files are named relative to this file: it belongs beside prometheus.yml.");
    }
    if !files.is_empty() {
        page.alerting("rule_files", list(files.iter().map(|pattern| pattern.value.as_str())));
    }
}

/// Alerts went to an Alertmanager: the host posts them there, or sends notifications itself.
fn alerting(doc: &Doc<'_, '_>, node: &Node, routed: bool, page: &mut Page) {
    let fields = doc.taken(node, "`alerting`", &["alertmanagers"]);
    let all = doc.list(&fields, "alertmanagers");
    if let (true, Some(first)) = (routed, all.first()) {
        let message = "alerts go to no Alertmanager: the host routes and sends them itself";
        let hint = "the receivers of its configuration are receivers of this one".to_owned();
        return doc.warn(first, message, hint);
    }
    let members: Vec<FileConnection> = all.iter().flat_map(|node| members(doc, node)).collect();
    if members.is_empty() {
        return;
    }
    page.table(&["receiver", RECEIVER]);
    page.text("plugin", "alertmanager");
    if members.iter().all(FileConnection::is_plain) {
        let urls = members.iter().filter_map(|member| match &member.url {
            FileUrl::Plain(url) => Some(url.value.as_str()),
            FileUrl::Secret(_) => None,
        });
        page.raw("settings.members", &list(urls));
    } else {
        with_credentials(doc, node, &members, page);
    }
    page.alerting("receivers", list([RECEIVER]));
}

/// What the receiver is called, and its connections.
const RECEIVER: &str = "alertmanager";

/// The slots of the plugin `alertmanager`.
const SLOTS: [&str; 4] = ["default", "second", "third", "fourth"];

/// Each member has a connection, in a slot of its own.
fn with_credentials(doc: &Doc<'_, '_>, node: &Node, members: &[FileConnection], page: &mut Page) {
    if members.len() > SLOTS.len() {
        let message = format!(
            "of {} Alertmanagers with credentials, {} are taken over",
            members.len(),
            SLOTS.len()
        );
        let hint = "give the others a second receiver with the plugin `alertmanager`".to_owned();
        doc.warn(node, message, hint);
    }
    let named: Vec<(String, &FileConnection)> = members
        .iter()
        .take(SLOTS.len())
        .enumerate()
        .map(|(at, member)| match at {
            0 => (RECEIVER.to_owned(), member),
            at => (format!("{RECEIVER}-{}", at + 1), member),
        })
        .collect();
    let slots = SLOTS.iter().zip(&named);
    let slots: Vec<(String, String)> = slots
        .map(|(slot, (name, _))| ((*slot).to_owned(), text(name)))
        .collect();
    inline(&slots).iter().for_each(|slots| page.raw("connections", slots));
    for (name, member) in &named {
        alertmanager::connection(name, member, Some("POST"), page);
    }
}

fn members(doc: &Doc<'_, '_>, node: &Node) -> Vec<FileConnection> {
    let keys = [
        &["static_configs", "scheme", "path_prefix", "timeout", "api_version"][..],
        HTTP,
    ]
    .concat();
    let fields = doc.taken(node, "an Alertmanager", &keys);
    let scheme = doc
        .text(&fields, "scheme")
        .map_or_else(|| "http".to_owned(), |given| given.value);
    let prefix = doc
        .text(&fields, "path_prefix")
        .map(|given| given.value)
        .unwrap_or_default();
    let prefix = prefix.trim_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    let member = |target: Target| {
        let url = At {
            value: format!("{scheme}://{}/{prefix}{slash}", target.address.value),
            span: target.address.span,
        };
        let mut connection = FileConnection::plain(FileUrl::Plain(url));
        connection.configure_by(doc, &fields, RECEIVER);
        connection
    };
    static_targets(doc, &fields).into_iter().map(member).collect()
}

/// An address, and the labels of its series.
pub(super) struct Target {
    pub(super) address: Text,
    pub(super) labels: Vec<(String, Text)>,
}

/// Of all `static_configs`.
pub(super) fn static_targets(doc: &Doc<'_, '_>, fields: &Fields<'_>) -> Vec<Target> {
    let group = |node: &Node| {
        let group = doc.taken(node, "`static_configs`", &["targets", "labels"]);
        let labels = pairs(doc, &group, "labels");
        let targets = doc.texts(&group, "targets").unwrap_or_default();
        let target = move |address| Target {
            address,
            labels: labels.clone(),
        };
        targets.into_iter().map(target).collect::<Vec<_>>()
    };
    doc.list(fields, "static_configs").iter().flat_map(group).collect()
}
