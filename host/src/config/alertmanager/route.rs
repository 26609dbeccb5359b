//! `route`, `inhibit_rules`, `time_intervals` and `mute_time_intervals`.

use std::{collections::BTreeSet, sync::Arc};

use bellwether_promql::ast::MatchOp;

use super::super::{
    dispatch::{
        FileDefaults, FileGroupBy, FileInhibit, FileInterval, FilePeriod, FilePolicy, FileRoute, Parent, group_by_of,
        in_a_line, inhibit, matchers, refuse_twice, without,
    },
    foreign::{Doc, Fields, Text},
    resolved::GroupBy,
    source::At,
};
use crate::{
    alert::{Matcher, TimeInterval, times::Dialect},
    yaml::{Kind, Node},
};

const ROUTE: &[&str] = &[
    "receiver",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "matchers",
    "match",
    "match_re",
    "continue",
    "routes",
    "mute_time_intervals",
    "active_time_intervals",
];

const INHIBIT: &[&str] = &[
    "source_match",
    "source_match_re",
    "source_matchers",
    "target_match",
    "target_match_re",
    "target_matchers",
    "equal",
];

const INTERVAL: &[&str] = &["name", "time_intervals"];

const PERIOD: &[&str] = &["times", "weekdays", "days_of_month", "months", "years", "location"];

const TIME: &[&str] = &["start_time", "end_time"];

/// The tree of routes, in a flat list.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) defaults: FileDefaults,
    pub(super) routes: Vec<FileRoute>,
}

impl Tree {
    /// Receivers that some route names.
    pub(super) fn named(&self) -> BTreeSet<String> {
        let of_routes = self.routes.iter().filter_map(|route| route.receivers.as_ref());
        let all = of_routes.chain(&self.defaults.receivers).flatten();
        all.map(|name| name.value.clone()).collect()
    }
}

pub(super) fn tree(doc: &Doc<'_, '_>, file: &Fields<'_>) -> Tree {
    let mut tree = Tree::default();
    let Some(node) = file.get("route") else {
        return tree;
    };
    let Some(fields) = doc.fields(node, "a route", ROUTE) else {
        return tree;
    };
    refuse_in_root(doc, &fields);
    if fields.get("receiver").is_none() {
        let hint = "it hears whatever no other route takes: receiver: NAME".to_owned();
        doc.error(node, "the route at the top names no receiver", hint);
    }
    let mut policy = policy(doc, &fields);
    // Here alerts are grouped by name unless somebody says otherwise, there they are not.
    let ungrouped = || FileGroupBy(GroupBy::Labels(BTreeSet::new()));
    policy.group_by.get_or_insert_with(ungrouped);
    tree.defaults = FileDefaults {
        receivers: receivers(doc, &fields),
        policy,
        place: Some(doc.span(node)),
        ..FileDefaults::default()
    };
    for child in doc.list(&fields, "routes") {
        one(doc, child, Parent::Root, &mut tree.routes);
    }
    tree
}

fn refuse_in_root(doc: &Doc<'_, '_>, fields: &Fields<'_>) {
    for key in [
        "matchers",
        "match",
        "match_re",
        "mute_time_intervals",
        "active_time_intervals",
        "continue",
    ] {
        if let (Some(node), Some(_)) = (fields.key(key), fields.get(key)) {
            let hint = "the route at the top is for every alert, always; put a route below it".to_owned();
            doc.error(node, format!("`{key}` cannot stand in the route at the top"), hint);
        }
    }
}

/// A route and those below it.
fn one(doc: &Doc<'_, '_>, node: &Node, parent: Parent, routes: &mut Vec<FileRoute>) {
    let Some(fields) = doc.fields(node, "a route", ROUTE) else {
        return;
    };
    let own = routes.len();
    routes.push(FileRoute {
        span: doc.span(first_key(node)),
        name: None,
        parent,
        matchers: all_matchers(doc, &fields, ""),
        receivers: receivers(doc, &fields),
        goes_on: doc.boolean(&fields, "continue").unwrap_or(false),
        policy: policy(doc, &fields),
        mute_times: doc.texts(&fields, "mute_time_intervals").unwrap_or_default(),
        active_times: doc.texts(&fields, "active_time_intervals").unwrap_or_default(),
    });
    for child in doc.list(&fields, "routes") {
        one(doc, child, Parent::At(own), routes);
    }
}

/// A mapping ends where the next thing begins; its first key is enough to point at.
fn first_key(node: &Node) -> &Node {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node, |(key, _)| key),
        Kind::Scalar { .. } | Kind::List(_) => node,
    }
}

fn receivers(doc: &Doc<'_, '_>, fields: &Fields<'_>) -> Option<Vec<Text>> {
    doc.text(fields, "receiver").map(|name| vec![name])
}

fn policy(doc: &Doc<'_, '_>, fields: &Fields<'_>) -> FilePolicy {
    let some = |key: &str| {
        let given = doc.duration(fields, key)?;
        if given.value.is_zero() {
            doc.reading.error(given.span, format!("`{key}` cannot be zero"), None);
            return None;
        }
        Some(given)
    };
    // To Alertmanager no names are as good as no key: the parent's hold.
    let group_by = doc.texts(fields, "group_by").filter(|names| !names.is_empty());
    FilePolicy {
        group_by: group_by
            .and_then(|names| group_by_of(doc.reading, &names))
            .map(FileGroupBy),
        group_wait: doc.duration(fields, "group_wait").map(|given| given.value),
        group_interval: some("group_interval").map(|given| given.value),
        repeat_interval: some("repeat_interval"),
    }
}

/// `PREFIXmatchers`, `PREFIXmatch` and `PREFIXmatch_re`.
fn all_matchers(doc: &Doc<'_, '_>, fields: &Fields<'_>, prefix: &str) -> Vec<Matcher> {
    let texts = doc.texts(fields, &format!("{prefix}matchers")).unwrap_or_default();
    let mut all: Vec<Matcher> = texts
        .iter()
        .filter_map(|text| matchers(doc.reading, text))
        .flatten()
        .collect();
    for (key, op) in [("match", MatchOp::Equal), ("match_re", MatchOp::Regex)] {
        let key = format!("{prefix}{key}");
        all.extend(old_matchers(doc, fields, &key, op));
    }
    all
}

/// As they were written before there were `matchers`.
fn old_matchers(doc: &Doc<'_, '_>, fields: &Fields<'_>, key: &str, op: MatchOp) -> Vec<Matcher> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let Kind::Map(entries) = &node.kind else {
        doc.error(node, format!("`{key}` must be a mapping, not {}", node.what()), None);
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, value) in entries {
        let (Some(name), Some(text)) = (doc.text_at(name, key), doc.text_at(value, key)) else {
            continue;
        };
        match Matcher::new(&name.value, op, &text.value) {
            Ok(matcher) => all.push(matcher),
            Err(error) => doc.error(value, in_a_line(&error.to_string()), None),
        }
    }
    all
}

pub(super) fn inhibitions(doc: &Doc<'_, '_>, file: &Fields<'_>) -> Vec<FileInhibit> {
    let read = |node: &Node| {
        let fields = doc.fields(node, "an inhibition", INHIBIT)?;
        let source = all_matchers(doc, &fields, "source_");
        let target = all_matchers(doc, &fields, "target_");
        let span = doc.span(first_key(node));
        for (side, matchers) in [("source", &source), ("target", &target)] {
            let given = fields.0.iter().any(|(key, ..)| key.starts_with(side));
            if matchers.is_empty() && !given {
                without(doc.reading, span, side);
            }
        }
        let equal = doc.texts(&fields, "equal").unwrap_or_default();
        let equal = equal.into_iter().map(|label| Arc::from(label.value.as_str()));
        let location = doc.reading.sources.file_and_line(span);
        Some(FileInhibit {
            span,
            resolved: inhibit(source, target, equal, location),
        })
    };
    doc.list(file, "inhibit_rules").iter().filter_map(read).collect()
}

pub(super) fn intervals(doc: &Doc<'_, '_>, file: &Fields<'_>) -> Vec<FileInterval> {
    let items = ["mute_time_intervals", "time_intervals"]
        .into_iter()
        .flat_map(|key| doc.list(file, key));
    let read = |node: &Node| {
        let fields = doc.fields(node, "a time interval", INTERVAL)?;
        let Some(name) = doc.text(&fields, "name") else {
            doc.error(first_key(node), "this time interval has no name", None);
            return None;
        };
        let periods: Vec<FilePeriod> = doc
            .list(&fields, "time_intervals")
            .iter()
            .filter_map(|node| period(doc, node))
            .collect();
        let any = periods
            .iter()
            .map(|period| period.resolve(doc.reading, Dialect::Alertmanager));
        Some(FileInterval {
            name,
            interval: TimeInterval { any: any.collect() },
            periods,
        })
    };
    let all: Vec<FileInterval> = items.filter_map(read).collect();
    refuse_twice(doc.reading, &all);
    all
}

fn period(doc: &Doc<'_, '_>, node: &Node) -> Option<FilePeriod> {
    let fields = doc.fields(node, "a period", PERIOD)?;
    let texts = |key| doc.texts(&fields, key).unwrap_or_default();
    Some(FilePeriod {
        times: doc
            .list(&fields, "times")
            .iter()
            .filter_map(|node| time(doc, node))
            .collect(),
        weekdays: texts("weekdays"),
        days_of_month: texts("days_of_month"),
        months: texts("months"),
        years: texts("years"),
        timezone: doc.text(&fields, "location"),
    })
}

/// As it is written in TOML.
fn time(doc: &Doc<'_, '_>, node: &Node) -> Option<Text> {
    let fields = doc.fields(node, "a time", TIME)?;
    let (start, end) = (doc.text(&fields, "start_time"), doc.text(&fields, "end_time"));
    if let (None, _) | (_, None) = (&start, &end) {
        let hint = "start_time: '09:00' and end_time: '17:00'".to_owned();
        doc.error(first_key(node), "a time has a start and an end", hint);
    }
    let (start, end) = (start?, end?);
    Some(At {
        value: format!("{}-{}", start.value, end.value),
        span: start.span,
    })
}
