//! `scrape_configs`: each job is a check of the plugin `prometheus`, and one that asks a blackbox exporter is a check of the plugin `http`.
//!
//! Series keep the labels `job` and `instance`, so that rules and dashboards find them.

use std::collections::BTreeSet;

use super::{
    super::{
        foreign::{Doc, Fields, FileConnection, FileUrl, HTTP, Text, text_of},
        source::At,
        units::show_duration,
        wording::excerpt,
    },
    alertmanager,
    page::{Page, inline, list, plain_name, text},
    scraping::{Target, static_targets},
};
use crate::yaml::{Kind, Node};

const JOB: &[&str] = &[
    "job_name",
    "scrape_interval",
    "scrape_timeout",
    "metrics_path",
    "scheme",
    "params",
    "honor_labels",
    "static_configs",
    "relabel_configs",
    "metric_relabel_configs",
    // What they ask for is so here, or nobody notices.
    "honor_timestamps",
    "track_timestamps_staleness",
    "scrape_protocols",
    "fallback_scrape_protocol",
    "enable_compression",
];

/// What Prometheus asks for when nobody says.
const METRICS_PATH: &str = "/metrics";

/// Most targets of one check of the plugin `prometheus`.
const TARGETS_MAX: usize = 100;

/// Writes all jobs.
pub(super) fn write(doc: &Doc<'_, '_>, jobs: &[Node], page: &mut Page) {
    let mut names = BTreeSet::new();
    for node in jobs {
        if let Some(job) = Job::read(doc, node) {
            job.write(doc, &mut names, page);
        }
    }
}

struct Job<'n> {
    name: Text,
    fields: Fields<'n>,
    interval: Option<String>,
    timeout: Option<String>,
    scheme: String,
    path: String,
    targets: Vec<Target>,
}

impl<'n> Job<'n> {
    /// None: it has no targets that can be named, which was said.
    fn read(doc: &Doc<'_, '_>, node: &'n Node) -> Option<Self> {
        let keys = [JOB, HTTP].concat();
        let fields = doc.taken(node, "a job", &keys);
        let Some(name) = doc.text(&fields, "job_name") else {
            doc.error(node, "this job has no `job_name`", None);
            return None;
        };
        let targets = static_targets(doc, &fields);
        if targets.is_empty() {
            let message = format!("the job `{}` names no targets, and is not taken over", name.value);
            let hint = "a check names what it scrapes: settings.url, or settings.targets for several".to_owned();
            doc.reading.warn(name.span, message, hint);
            return None;
        }
        let span = |key| doc.duration(&fields, key);
        let shown = |given: Option<At<std::time::Duration>>| given.map(|given| show_duration(given.value));
        Some(Self {
            interval: shown(span("scrape_interval")),
            timeout: shown(span("scrape_timeout")),
            scheme: doc
                .text(&fields, "scheme")
                .map_or_else(|| "http".to_owned(), |given| given.value),
            path: doc
                .text(&fields, "metrics_path")
                .map_or_else(|| METRICS_PATH.to_owned(), |given| given.value),
            name,
            fields,
            targets,
        })
    }

    fn write(&self, doc: &Doc<'_, '_>, names: &mut BTreeSet<String>, page: &mut Page) {
        if self.is_blackbox() {
            return self.write_probe(doc, names, page);
        }
        if let Some(key) = self.fields.key("relabel_configs") {
            let message = format!("`relabel_configs` of the job `{}` is not taken over", self.name.value);
            let hint = "labels of a target stand in `labels` of the check or of its settings".to_owned();
            doc.warn(key, message, hint);
        }
        let connection = self.connection(doc, &self.targets[0]);
        if connection.is_plain() && self.targets.len() > 1 {
            for (at, part) in self.targets.chunks(TARGETS_MAX).enumerate() {
                let name = free(names, &numbered(&self.name.value, at));
                self.write_several(doc, &name, part, page);
            }
        } else {
            // A connection leads to one place: with credentials, each target has a check of its own.
            for (at, target) in self.targets.iter().enumerate() {
                let name = free(names, &numbered(&self.name.value, at));
                self.write_one(doc, &name, target, page);
            }
        }
    }

    fn url(&self, doc: &Doc<'_, '_>, target: &Target) -> Text {
        let mut value = format!("{}://{}{}", self.scheme, target.address.value, self.path);
        let mut sign = '?';
        for (name, values) in self.params(doc) {
            for given in values {
                let pair = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair(&name, &given.value)
                    .finish();
                value.push(sign);
                value.push_str(&pair);
                sign = '&';
            }
        }
        At {
            value,
            span: target.address.span,
        }
    }

    fn params(&self, doc: &Doc<'_, '_>) -> Vec<(String, Vec<Text>)> {
        let Some(Node {
            kind: Kind::Map(entries),
            ..
        }) = self.fields.get("params")
        else {
            return Vec::new();
        };
        let values = |node: &Node| match &node.kind {
            Kind::List(items) => items.iter().filter_map(|item| doc.text_at(item, "params")).collect(),
            Kind::Scalar { .. } | Kind::Map(_) => Vec::new(),
        };
        let pair = |(key, value): &(Node, Node)| Some((doc.text_at(key, "params")?.value, values(value)));
        entries.iter().filter_map(pair).collect()
    }

    fn connection(&self, doc: &Doc<'_, '_>, target: &Target) -> FileConnection {
        let mut connection = FileConnection::plain(FileUrl::Plain(self.url(doc, target)));
        connection.configure_by(doc, &self.fields, &self.name.value);
        connection
    }

    /// What every check of it has: its header, when it runs, and the label `job`.
    fn head(&self, name: &str, plugin: &str, labels: &[(String, String)], page: &mut Page) {
        page.table(&["check", name]);
        page.text("plugin", plugin);
        self.interval
            .iter()
            .for_each(|interval| page.text("interval", interval));
        self.timeout.iter().for_each(|timeout| page.text("timeout", timeout));
        let job = ("job".to_owned(), text(&self.name.value));
        let labels: Vec<(String, String)> = std::iter::once(job).chain(labels.iter().cloned()).collect();
        inline(&labels).iter().for_each(|labels| page.raw("labels", labels));
    }

    fn write_one(&self, doc: &Doc<'_, '_>, name: &str, target: &Target, page: &mut Page) {
        let mut labels = vec![("instance".to_owned(), text(&target.address.value))];
        labels.extend(own_labels(target));
        self.head(name, "prometheus", &labels, page);
        let connection = self.connection(doc, target);
        let is_plain = connection.is_plain();
        if !is_plain {
            page.text("connection", name);
        }
        page.table(&["check", name, "settings"]);
        match is_plain {
            true => page.text("url", &self.url(doc, target).value),
            false => page.text("path", ""),
        }
        self.filters(doc, page);
        if !is_plain {
            alertmanager::connection(name, &connection, None, page);
        }
    }

    fn write_several(&self, doc: &Doc<'_, '_>, name: &str, targets: &[Target], page: &mut Page) {
        self.head(name, "prometheus", &[], page);
        page.table(&["check", name, "settings"]);
        self.filters(doc, page);
        for target in targets {
            page.item(&["check", name, "settings", "targets"]);
            page.text("name", &target.address.value);
            page.text("url", &self.url(doc, target).value);
            inline(&own_labels(target))
                .iter()
                .for_each(|labels| page.raw("labels", labels));
        }
    }

    /// `keep` and `drop` of whole families are settings; other steps have no counterpart.
    fn filters(&self, doc: &Doc<'_, '_>, page: &mut Page) {
        let mut lists: [(&str, Vec<String>); 2] = [("keep", Vec::new()), ("drop", Vec::new())];
        for node in doc.list(&self.fields, "metric_relabel_configs") {
            match family_filter(doc, node) {
                Some((action, regex)) => {
                    let list = lists.iter_mut().find(|(key, _)| *key == action);
                    list.into_iter().for_each(|(_, list)| list.push(regex.clone()));
                }
                None => {
                    let message = "this step of `metric_relabel_configs` is not taken over";
                    let hint = "settings of the plugin `prometheus` that may do it: keep, drop, rename, drop_labels, \
                                rename_labels, add_labels";
                    doc.warn(node, message, hint.to_owned());
                }
            }
        }
        for (key, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            page.raw(key, &super::page::list(list));
        }
    }

    /// A blackbox exporter is asked for something else than itself.
    fn is_blackbox(&self) -> bool {
        let by_parameter = |node: &Node| match &node.kind {
            Kind::Map(entries) => entries
                .iter()
                .any(|(_, value)| matches!(&value.kind, Kind::Scalar { text, .. } if text == "__param_target")),
            Kind::Scalar { .. } | Kind::List(_) => false,
        };
        match self.fields.get("relabel_configs").map(|node| &node.kind) {
            Some(Kind::List(steps)) => steps.iter().any(by_parameter),
            _ => false,
        }
    }

    fn write_probe(&self, doc: &Doc<'_, '_>, names: &mut BTreeSet<String>, page: &mut Page) {
        let params = self.params(doc);
        let module = params.iter().find(|(name, _)| name == "module");
        let module = module.and_then(|(_, values)| values.first());
        if let Some(module) = module.filter(|module| !module.value.starts_with("http")) {
            let message = format!(
                "the job `{}` probes otherwise than over HTTP (`{}`), and is not taken over",
                self.name.value,
                excerpt(&module.value)
            );
            return doc
                .reading
                .warn(module.span, message, "the plugin `http` looks at URLs".to_owned());
        }
        let message = format!(
            "the job `{}` becomes a check of the plugin `http`, and its module is not looked at",
            self.name.value
        );
        let hint =
            "what the module expects (status, body, certificate) stands in `settings.expect` and `settings.request`";
        doc.reading.warn(self.name.span, message, hint.to_owned());
        let name = free(names, &self.name.value);
        self.head(&name, "http", &[], page);
        page.table(&["check", &name, "settings"]);
        page.raw("name_sets", &list(["canonical", "blackbox"]));
        for target in &self.targets {
            let address = target.address.value.as_str();
            // As a blackbox exporter completes it.
            let url = match address.contains("://") {
                true => address.to_owned(),
                false => format!("http://{address}"),
            };
            page.item(&["check", &name, "settings", "targets"]);
            page.text("name", address);
            page.text("url", &url);
        }
    }
}

/// Of the target's group.
fn own_labels(target: &Target) -> Vec<(String, String)> {
    let labels = target.labels.iter().filter(|(name, _)| !name.starts_with("__"));
    labels.map(|(name, value)| (name.clone(), text(&value.value))).collect()
}

/// What a step does that keeps or drops whole families.
fn family_filter(doc: &Doc<'_, '_>, node: &Node) -> Option<(&'static str, String)> {
    let fields = doc.some_fields(node, "a step", &["source_labels", "regex", "action", "separator"]);
    let sources = match fields.get("source_labels").map(|node| &node.kind) {
        Some(Kind::List(items)) => items.iter().filter_map(text_of).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let action = doc.text(&fields, "action")?.value;
    let action = ["keep", "drop"].into_iter().find(|known| *known == action)?;
    (sources == ["__name__"]).then_some(())?;
    Some((action, doc.text(&fields, "regex")?.value))
}

/// `node`, `node-2`, …
fn numbered(name: &str, at: usize) -> String {
    match at {
        0 => name.to_owned(),
        at => format!("{name}-{}", at + 1),
    }
}

/// A name of a check that is not taken yet.
fn free(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let first = plain_name(wanted);
    let mut name = first.clone();
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{first}-{number}");
        number += 1;
    }
    name
}
