//! `[[rule]]`: rules beside the checks they watch.
//!
//! Flows in: the tops of all files. Flows out: rules as written, with their places. Whether an expression or a template means
//! something is for those who know the language; this module knows keys and types.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::{
    alerting::{EVALUATION_INTERVAL_MAX, EVALUATION_INTERVAL_MIN},
    reader::Reader,
    reading::{Reading, Secrets},
    resolved::{OnNoData, RuleTable},
    source::Span,
    tree::{Entry, Node, Table, Value},
    vocabulary::RULE,
};

/// Most `[[rule]]` tables of one configuration: twice what a host is measured with.
pub const RULES_MAX: usize = 20_000;

/// Longest `for` and `keep_firing_for`: a month of holding true is a report, not an alert.
pub const RULE_DURATION_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);

pub(super) const DURATIONS: RangeInclusive<Duration> = Duration::ZERO..=RULE_DURATION_MAX;

/// Where a rule and its values stand.
#[derive(Clone, Debug)]
pub(super) struct RulePlace(pub(super) Table);

impl RulePlace {
    /// Its header.
    pub(super) fn span(&self) -> Span {
        self.0.span
    }

    /// The value at a path of keys, with its text when it is one; where it does not exist, the rule's header.
    pub(super) fn at(&self, path: &[&str]) -> (Span, Option<&str>) {
        match self.entry(path).map(|entry| &entry.node) {
            Some(Node {
                span,
                value: Value::String(text),
            }) => (*span, Some(text)),
            Some(node) => (node.span, None),
            None => (self.0.span, None),
        }
    }

    /// The key at a path.
    pub(super) fn key(&self, path: &[&str]) -> Span {
        self.entry(path).map_or(self.0.span, |entry| entry.key_span)
    }

    fn entry(&self, path: &[&str]) -> Option<&Entry> {
        let (last, above) = path.split_last()?;
        let mut table = &self.0;
        for key in above {
            let Value::Table(inner) = &table.get(key)?.node.value else {
                return None;
            };
            table = inner;
        }
        table.get(last)
    }
}

/// All rules, and where each stands, in the same order.
pub(super) fn read<'t>(
    reading: &Reading<'_>,
    roots: impl Iterator<Item = &'t Table>,
) -> (Vec<RuleTable>, Vec<RulePlace>) {
    let mut rules = Vec::new();
    let mut places = Vec::new();
    for table in roots.flat_map(|root| tables(reading, root)) {
        if rules.len() == RULES_MAX {
            let message = format!("more than {RULES_MAX} rules");
            reading.error(table.span, message, "is something writing this file?".to_owned());
            break;
        }
        rules.push(rule(&Reader::new(reading, table, &RULE, &["rule"])));
        places.push(RulePlace(table.clone()));
    }
    (rules, places)
}

/// The tables of one file.
fn tables<'t>(reading: &Reading<'_>, root: &'t Table) -> Vec<&'t Table> {
    let Some(entry) = root.get("rule") else {
        return Vec::new();
    };
    let wrong = |node: &Node| {
        let message = format!("`rule` must be tables, one for each rule, not {}", node.value.kind());
        let hint = "begin every rule with two brackets: [[rule]]".to_owned();
        reading.error(node.span, message, hint);
    };
    let Value::Array(items) = &entry.node.value else {
        wrong(&entry.node);
        return Vec::new();
    };
    let table = |item: &'t Node| match &item.value {
        Value::Table(table) => Some(table),
        _ => {
            wrong(item);
            None
        }
    };
    items.iter().filter_map(table).collect()
}

fn rule(reader: &Reader<'_, '_>) -> RuleTable {
    let text = |key| reader.string(key).map(|text| text.value);
    let span = |key, range| reader.duration(key, range).map(|span| span.value);
    let words = [
        (OnNoData::Hold.as_str(), OnNoData::Hold),
        (OnNoData::Resolve.as_str(), OnNoData::Resolve),
    ];
    RuleTable {
        alert: text("alert"),
        record: text("record"),
        expr: text("expr"),
        hold: span("for", &DURATIONS),
        keep_firing_for: span("keep_firing_for", &DURATIONS),
        labels: texts(reader, "labels"),
        annotations: texts(reader, "annotations"),
        interval: span("interval", &(EVALUATION_INTERVAL_MIN..=EVALUATION_INTERVAL_MAX)),
        group: text("group"),
        on_no_data: reader
            .word("on_no_data", &words)
            .map(|word| word.value)
            .unwrap_or_default(),
    }
}

/// A table of texts; an absent one is empty.
pub(super) fn texts(reader: &Reader<'_, '_>, key: &str) -> BTreeMap<String, String> {
    let Some(node) = reader.node(key) else {
        return BTreeMap::new();
    };
    let Value::Table(table) = &node.value else {
        let example = format!("for example: {key}.severity = \"warning\"");
        reader.wrong(key, node, "a table", Some(example));
        return BTreeMap::new();
    };
    let read = |entry: &Entry| {
        let text = reader.text(&entry.key, &entry.node, "a string", Secrets::Refused)?;
        Some((entry.key.clone(), text.text))
    };
    table.entries.iter().filter_map(read).collect()
}
