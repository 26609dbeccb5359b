//! Prometheus rule files, unchanged.
//!
//! Flows in: a file's text. Flows out: its groups, and every problem at once, each with line and column, inside expressions
//! and templates too. Strict where Prometheus is: unknown fields are errors. What is merely unwise is for lints.

use std::{ops::Range, sync::Arc};

use bellwether_promql::parse;

use super::{
    Group,
    check::{self, Draft, Places, Surroundings},
    lint::Lints,
    template::Template,
};
use crate::{
    config::{EVALUATION_INTERVAL_MAX, Location, OnNoData, Problem, RULE_DURATION_MAX, nearest, place_within},
    yaml::{self, Kind, Node},
};

const FILE_KEYS: &[&str] = &["groups"];
const GROUP_KEYS: &[&str] = &["name", "interval", "query_offset", "limit", "labels", "rules"];
const RULE_KEYS: &[&str] = &[
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

/// Of the smallest file, for who writes the first one.
const RULE_FILE_EXAMPLE: &str = "groups:\n  - name: example\n    rules:\n      - alert: Down\n        expr: up == 0";

/// Shortest interval of a group, in milliseconds: the board publishes once a second.
const INTERVAL_MIN: i64 = 1_000;

/// Problems of one file after which the rest of its rules is not looked at: each has its line copied, and nobody reads more.
const PROBLEMS_MAX: usize = 500;

/// Longest `query_offset`, in milliseconds: history reaches six hours back, and rules look back from there.
const QUERY_OFFSET_MAX: i64 = 3_600_000;

/// Reads one file. `interval` is for groups that name none, in milliseconds. Groups with problems are not among those returned.
pub(super) fn read(
    file: &str,
    text: &str,
    interval: i64,
    lints: Option<&Lints>,
    problems: &mut Vec<Problem>,
) -> Vec<Group> {
    let before = problems.len();
    let mut reader = Reader {
        file,
        text,
        lines: text.match_indices('\n').map(|(at, _)| at).collect(),
        lints,
        problems,
    };
    let groups = reader.file(interval);
    problems[before..].sort_by_key(|problem| (problem.location.line, problem.location.column));
    groups
}

fn syntax_hint(text: &str, at: usize) -> Option<String> {
    let start = text[..text.floor_char_boundary(at.min(text.len()))]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    if line.trim_start_matches(' ').starts_with('\t') {
        return Some("YAML is indented with spaces, never with tabs".to_owned());
    }
    let value = line.split_once(": ").map_or("", |(_, value)| value);
    let quoted = value.starts_with(['"', '\'']);
    (value.contains(": ") && !quoted).then(|| {
        "a value that contains `: ` or ends in `:` stands in quotes, or on lines of its own below `|`".to_owned()
    })
}

struct Reader<'f> {
    file: &'f str,
    text: &'f str,
    /// Where each line ends.
    lines: Vec<usize>,
    lints: Option<&'f Lints>,
    problems: &'f mut Vec<Problem>,
}

/// The entries of a mapping whose keys are all known.
struct Fields<'n>(Vec<(&'n str, &'n Node, &'n Node)>);

impl<'n> Fields<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        let found = self.0.iter().find(|(own, ..)| *own == key);
        found.map(|(_, _, value)| *value).filter(|value| !value.is_nothing())
    }
}

impl Reader<'_> {
    fn file(&mut self, interval: i64) -> Vec<Group> {
        let document = match yaml::parse(self.text) {
            Ok(document) => document,
            Err(fault) => {
                let message = format!("not valid YAML: {}", fault.message);
                self.error(fault.at..fault.at + 1, message, syntax_hint(self.text, fault.at));
                return Vec::new();
            }
        };
        if let Some(at) = document.second {
            let message = "only the first document of a rule file is read";
            let problem = Problem::at(self.locate(at..at + 3), message);
            self.problems
                .push(problem.with_hint("put the rest into a file of its own").into_warning());
        }
        match document.root {
            Some(root) => self.groups(&root, interval),
            None => Vec::new(),
        }
    }

    fn locate(&self, bytes: Range<usize>) -> Location {
        Location::within(self.file, self.text, bytes)
    }

    fn error(&mut self, bytes: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let mut problem = Problem::at(self.locate(bytes), message);
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn wrong(&mut self, node: &Node, key: &str, wanted: &str, hint: Option<String>) {
        self.error(
            node.bytes.clone(),
            format!("`{key}` must be {wanted}, not {}", node.what()),
            hint,
        );
    }

    /// The entries of a mapping; unknown and doubled keys are noted. `what` names the mapping.
    fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&'static str]) -> Option<Fields<'n>> {
        let Kind::Map(entries) = &node.kind else {
            let hint = (what == "a rule file").then(|| format!("it begins like this:\n{RULE_FILE_EXAMPLE}"));
            let message = format!("{what} must be a mapping, not {}", node.what());
            self.error(node.bytes.clone(), message, hint);
            return None;
        };
        let mut fields: Vec<(&str, &Node, &Node)> = Vec::new();
        for (key, value) in entries {
            let Kind::Scalar { text, .. } = &key.kind else {
                self.error(key.bytes.clone(), format!("{what} has a key that is no word"), None);
                continue;
            };
            if fields.iter().any(|(own, ..)| own == text) {
                let hint = "keep one of them".to_owned();
                self.error(key.bytes.clone(), format!("`{text}` is set twice"), Some(hint));
            } else if keys.contains(&text.as_str()) {
                fields.push((text, key, value));
            } else {
                self.unknown(key, text, what, keys);
            }
        }
        Some(Fields(fields))
    }

    fn unknown(&mut self, key: &Node, text: &str, what: &str, keys: &[&str]) {
        let elsewhere = [("the file", FILE_KEYS), ("a group", GROUP_KEYS), ("a rule", RULE_KEYS)]
            .into_iter()
            .find(|(_, others)| *others != keys && others.contains(&text));
        let hint = match (nearest(text, keys.iter().copied()), elsewhere) {
            (_, Some((owner, _))) => format!("`{text}` belongs to {owner}: is it indented as meant?"),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => format!("known here: {}", keys.join(", ")),
        };
        self.error(
            key.bytes.clone(),
            format!("unknown field `{text}` in {what}"),
            Some(hint),
        );
    }

    /// Text, whatever it looks like: `expr: 1` is one.
    fn text<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n str> {
        let node = fields.get(key)?;
        match &node.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::List(_) | Kind::Map(_) => {
                let hint =
                    "text with `{`, `[`, `#` or `: ` stands in quotes, or on lines of its own below `|`".to_owned();
                self.wrong(node, key, "text", Some(hint));
                None
            }
        }
    }

    /// Milliseconds, at most `most`.
    fn duration(&mut self, fields: &Fields<'_>, key: &str, most: i64) -> Option<i64> {
        let text = self.text(fields, key)?;
        let node = fields.get(key)?;
        match parse::duration(text) {
            Ok(millis) if millis <= most => Some(millis),
            Ok(_) => {
                let message = format!("`{key}` is longer than {} hours", most / 3_600_000);
                self.error(node.bytes.clone(), message, Some("is the unit as meant?".to_owned()));
                None
            }
            Err(_) => {
                let number = text.parse::<u64>().is_ok();
                let hint = match number {
                    true => format!("a number needs its unit: `{text}s` or `{text}m`"),
                    false => "durations are whole numbers with units from large to small: 5m, 1h30m, 500ms".to_owned(),
                };
                self.error(node.bytes.clone(), format!("`{key}` is no duration"), Some(hint));
                None
            }
        }
    }

    /// Below zero is none, as in Prometheus.
    fn limit(&mut self, fields: &Fields<'_>) -> usize {
        let Some(node) = fields.get("limit") else { return 0 };
        let number = match &node.kind {
            Kind::Scalar { text, .. } => text.parse::<i64>().ok(),
            Kind::List(_) | Kind::Map(_) => None,
        };
        match number {
            Some(number) => usize::try_from(number).unwrap_or(0),
            None => {
                let hint = "0 is no limit".to_owned();
                self.error(node.bytes.clone(), "`limit` must be a whole number", Some(hint));
                0
            }
        }
    }

    /// Names and texts of `labels` or `annotations`.
    fn texts(&mut self, fields: &Fields<'_>, key: &str) -> Vec<(String, String)> {
        let Some(node) = fields.get(key) else { return Vec::new() };
        let Kind::Map(entries) = &node.kind else {
            self.wrong(
                node,
                key,
                "a mapping",
                Some(format!("for example:\n{key}:\n  severity: warning")),
            );
            return Vec::new();
        };
        let mut texts: Vec<(String, String)> = Vec::new();
        for (name, value) in entries {
            match (&name.kind, &value.kind) {
                (Kind::Scalar { text: name_text, .. }, _) if texts.iter().any(|(own, _)| own == name_text) => {
                    let message = format!("`{name_text}` is set twice");
                    self.error(name.bytes.clone(), message, Some("keep one of them".to_owned()));
                }
                (Kind::Scalar { text: name, .. }, Kind::Scalar { text, .. }) => {
                    let text = if value.is_nothing() { "" } else { text };
                    texts.push((name.clone(), text.to_owned()));
                }
                (Kind::Scalar { text: name_text, .. }, _) => {
                    let hint = "a value that begins with `{{` stands in quotes: \"{{ $value }}\"".to_owned();
                    self.wrong(value, name_text, "text", Some(hint));
                }
                _ => self.error(name.bytes.clone(), format!("`{key}` has a key that is no word"), None),
            }
        }
        texts
    }

    fn groups(&mut self, root: &Node, interval: i64) -> Vec<Group> {
        let Some(fields) = self.fields(root, "a rule file", FILE_KEYS) else {
            return Vec::new();
        };
        let Some(node) = fields.get("groups") else {
            return Vec::new();
        };
        let Kind::List(items) = &node.kind else {
            let hint = "each group begins with a dash: - name: example".to_owned();
            self.wrong(node, "groups", "a list", Some(hint));
            return Vec::new();
        };
        let mut groups: Vec<Group> = Vec::new();
        for item in items {
            let Some(group) = self.group(item, interval) else {
                continue;
            };
            if groups.iter().any(|other| other.name == group.name) {
                let message = format!("there is a group `{}` in this file already", group.name);
                self.error(name_bytes(item), message, Some("rename one".to_owned()));
            }
            groups.push(group);
        }
        groups
    }

    fn group(&mut self, node: &Node, default: i64) -> Option<Group> {
        let fields = self.fields(node, "a group", GROUP_KEYS)?;
        let name = self.text(&fields, "name").unwrap_or_default();
        if name.is_empty() {
            let bytes = fields.get("name").unwrap_or(node).bytes.clone();
            let hint = "give it one that no other group of this file has: - name: example".to_owned();
            self.error(bytes, "this group has no name", Some(hint));
        }
        let interval = self.interval(&fields, default);
        let query_offset = self.duration(&fields, "query_offset", QUERY_OFFSET_MAX).unwrap_or(0);
        let limit = self.limit(&fields);
        let labels = self.texts(&fields, "labels");
        self.group_labels(&fields, &labels);
        let rules = self.rules(&fields, &labels);
        Some(Group {
            name: name.into(),
            file: self.file.into(),
            is_bundled: false,
            interval,
            query_offset,
            limit,
            rules,
        })
    }

    fn interval(&mut self, fields: &Fields<'_>, default: i64) -> i64 {
        let most = i64::try_from(EVALUATION_INTERVAL_MAX.as_millis()).unwrap_or(i64::MAX);
        match self.duration(fields, "interval", most) {
            None | Some(0) => default,
            Some(given) if given < INTERVAL_MIN => {
                let bytes = fields.get("interval").map_or(0..0, |node| node.bytes.clone());
                let problem = Problem::at(self.locate(bytes), "`interval` is shorter than one second");
                let hint = "once a second is as often as anything changes; that is what it will be";
                self.problems.push(problem.with_hint(hint).into_warning());
                INTERVAL_MIN
            }
            Some(given) => given,
        }
    }

    fn group_labels(&mut self, fields: &Fields<'_>, labels: &[(String, String)]) {
        let Some(node) = fields.get("labels") else { return };
        let places = NodePlaces {
            reader: self.file,
            text: self.text,
            node,
        };
        let mut found = Vec::new();
        for (name, value) in labels {
            if let Some(message) = check::label_problem(name) {
                found.push(Problem::at(places.key(&[name]), message));
            }
            if let Err(fault) = Template::parse(value) {
                let place = places.value(&[name], Some(fault.at..fault.at));
                found.push(Problem::at(place, format!("template of `{name}`: {}", fault.message)));
            }
        }
        self.problems.extend(found);
    }

    fn rules(&mut self, fields: &Fields<'_>, labels: &[(String, String)]) -> Vec<Arc<super::Rule>> {
        let Some(node) = fields.get("rules") else {
            return Vec::new();
        };
        let Kind::List(items) = &node.kind else {
            let hint = "each rule begins with a dash: - alert: NAME".to_owned();
            self.wrong(node, "rules", "a list", Some(hint));
            return Vec::new();
        };
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            if self.problems.len() >= PROBLEMS_MAX {
                break;
            }
            rules.extend(self.rule(item, labels).map(Arc::new));
        }
        rules
    }

    fn rule(&mut self, node: &Node, labels: &[(String, String)]) -> Option<super::Rule> {
        let fields = self.fields(node, "a rule", RULE_KEYS)?;
        let longest = i64::try_from(RULE_DURATION_MAX.as_millis()).unwrap_or(i64::MAX);
        let owned = |text: &str| text.to_owned();
        let draft = Draft {
            record: self.text(&fields, "record").map(owned),
            alert: self.text(&fields, "alert").map(owned),
            expr: self.text(&fields, "expr").map(owned),
            hold: self.duration(&fields, "for", longest),
            keep_firing_for: self.duration(&fields, "keep_firing_for", longest),
            labels: self.texts(&fields, "labels"),
            annotations: self.texts(&fields, "annotations"),
        };
        // An expression of the wrong type was noted as such.
        let unreadable = draft.expr.is_none() && fields.get("expr").is_some();
        let places = NodePlaces {
            reader: self.file,
            text: self.text,
            node,
        };
        let line = self.lines.partition_point(|end| *end < places.own().start) + 1;
        let around = Surroundings {
            labels,
            on_no_data: OnNoData::Resolve,
            location: format!("{}:{line}", self.file),
            lints: self.lints,
        };
        if unreadable {
            return None;
        }
        check::rule(&draft, &around, &places, self.problems)
    }
}

fn name_bytes(group: &Node) -> Range<usize> {
    child(group, "name").map_or_else(|| group.bytes.clone(), |(_, value)| value.bytes.clone())
}

fn child<'n>(node: &'n Node, wanted: &str) -> Option<(&'n Node, &'n Node)> {
    let Kind::Map(entries) = &node.kind else { return None };
    let is = |key: &Node| matches!(&key.kind, Kind::Scalar { text, .. } if text == wanted);
    entries.iter().find(|(key, _)| is(key)).map(|(key, value)| (key, value))
}

/// Where the parts of one rule stand.
struct NodePlaces<'n> {
    reader: &'n str,
    text: &'n str,
    node: &'n Node,
}

impl<'n> NodePlaces<'n> {
    fn find(&self, path: &[&str]) -> Option<(&'n Node, &'n Node)> {
        let mut found = None;
        let mut node = self.node;
        for key in path {
            let entry = child(node, key)?;
            (found, node) = (Some(entry), entry.1);
        }
        found
    }

    fn locate(&self, bytes: Range<usize>) -> Location {
        Location::within(self.reader, self.text, bytes)
    }

    /// The first line of the rule.
    fn own(&self) -> Range<usize> {
        let Kind::Map(entries) = &self.node.kind else {
            return self.node.bytes.clone();
        };
        entries
            .first()
            .map_or_else(|| self.node.bytes.clone(), |(key, _)| key.bytes.clone())
    }
}

impl Places for NodePlaces<'_> {
    fn value(&self, path: &[&str], within: Option<Range<usize>>) -> Location {
        let Some((_, node)) = self.find(path) else {
            return self.locate(self.own());
        };
        let (Some(within), Kind::Scalar { text, quoted, .. }) = (within, &node.kind) else {
            return self.locate(node.bytes.clone());
        };
        let source = self.text.get(node.bytes.clone()).unwrap_or_default();
        let place = |at| node.bytes.start + place_within(source, text, at, *quoted);
        let start = place(within.start);
        self.locate(start..place(within.end).max(start))
    }

    fn key(&self, path: &[&str]) -> Location {
        let bytes = self.find(path).map_or_else(|| self.own(), |(key, _)| key.bytes.clone());
        self.locate(bytes)
    }
}
