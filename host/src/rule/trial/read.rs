//! A test file as a [`Suite`].
//!
//! Flows in: text. Flows out: what it says, or every problem with it at its place. Strict as promtool is: unknown and doubled
//! fields are errors. Series and expressions are left as text: what is wrong with them concerns one test only.

use std::{collections::HashSet, sync::Arc};

use bellwether_promql::{labels::Labels, parse};

use super::{super::Externals, AlertCase, ExpectedSample, ExprCase, Fired, Input, Suite, Trial};
use crate::{
    alert::ALERT_NAME,
    clock,
    config::{Location, Problem, nearest},
    yaml::{self, Kind, Node},
};

/// Of `evaluation_interval` where none is given: a minute.
const INTERVAL: i64 = 60_000;

const FILE_KEYS: &[&str] = &[
    "rule_files",
    "evaluation_interval",
    "group_eval_order",
    "fuzzy_compare",
    "tests",
];
const TEST_KEYS: &[&str] = &[
    "name",
    "interval",
    "start_timestamp",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
];
const SERIES_KEYS: &[&str] = &["series", "values"];
const ALERT_KEYS: &[&str] = &["eval_time", "alertname", "exp_alerts"];
const FIRED_KEYS: &[&str] = &["exp_labels", "exp_annotations"];
const EXPR_KEYS: &[&str] = &["expr", "eval_time", "exp_samples"];
const SAMPLE_KEYS: &[&str] = &["labels", "value", "histogram"];

/// None: it is no test file, and the problems say why.
pub(super) fn suite(file: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Suite> {
    let mut reader = Reader {
        file,
        text,
        lines: text.match_indices('\n').map(|(at, _)| at).collect(),
        problems: Vec::new(),
    };
    let root = match yaml::parse(text) {
        Ok(document) => document.root,
        Err(fault) => {
            let message = format!("not valid YAML: {}", fault.message);
            let place = Location::within(file, text, fault.at..fault.at + 1);
            problems.push(Problem::at(place, message));
            return None;
        }
    };
    let suite = match &root {
        Some(root) => reader.suite(root),
        None => Suite::default(),
    };
    let bad = !reader.problems.is_empty();
    problems.append(&mut reader.problems);
    (!bad).then_some(suite)
}

struct Reader<'f> {
    file: &'f str,
    text: &'f str,
    /// Where each line ends.
    lines: Vec<usize>,
    problems: Vec<Problem>,
}

type Entries<'n> = Vec<(&'n str, &'n Node)>;

/// What stands under a key; nothing is as if the key were not there.
fn get<'n>(fields: &Entries<'n>, key: &str) -> Option<&'n Node> {
    let found = fields.iter().find(|(own, _)| *own == key);
    found.map(|(_, value)| *value).filter(|value| !value.is_nothing())
}

impl Reader<'_> {
    fn error(&mut self, node: &Node, message: String, hint: Option<String>) {
        let mut problem = Problem::at(Location::within(self.file, self.text, node.bytes.clone()), message);
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn line(&self, node: &Node) -> usize {
        let start = match &node.kind {
            Kind::Map(entries) => entries.first().map_or(node.bytes.start, |(key, _)| key.bytes.start),
            _ => node.bytes.start,
        };
        self.lines.partition_point(|end| *end < start) + 1
    }

    /// The entries of a mapping, whose keys must be known; those of nothing are none.
    fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: Option<&[&str]>) -> Entries<'n> {
        if node.is_nothing() {
            return Vec::new();
        }
        let Kind::Map(entries) = &node.kind else {
            self.error(node, format!("{what} must be a mapping, not {}", node.what()), None);
            return Vec::new();
        };
        let mut fields: Entries<'_> = Vec::new();
        for (key, value) in entries {
            let Kind::Scalar { text, .. } = &key.kind else {
                self.error(key, format!("{what} has a key that is no word"), None);
                continue;
            };
            if fields.iter().any(|(own, _)| own == text) {
                self.error(
                    key,
                    format!("`{text}` is set twice"),
                    Some("keep one of them".to_owned()),
                );
            } else if let Some(keys) = keys.filter(|keys| !keys.contains(&text.as_str())) {
                let hint = match nearest(text, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", keys.join(", ")),
                };
                self.error(key, format!("unknown field `{text}` in {what}"), Some(hint));
            } else {
                fields.push((text, value));
            }
        }
        fields
    }

    fn list<'n>(&mut self, fields: &Entries<'n>, key: &str) -> &'n [Node] {
        match get(fields, key).map(|node| (node, &node.kind)) {
            None => &[],
            Some((_, Kind::List(items))) => items,
            Some((node, _)) => {
                self.error(node, format!("`{key}` must be a list, not {}", node.what()), None);
                &[]
            }
        }
    }

    fn word<'n>(&mut self, node: &'n Node, what: &str) -> &'n str {
        match &node.kind {
            _ if node.is_nothing() => "",
            Kind::Scalar { text, .. } => text,
            _ => {
                self.error(node, format!("{what} must be text, not {}", node.what()), None);
                ""
            }
        }
    }

    fn text<'n>(&mut self, fields: &Entries<'n>, key: &str) -> Option<&'n str> {
        get(fields, key).map(|node| self.word(node, &format!("`{key}`")))
    }

    fn words(&mut self, fields: &Entries<'_>, key: &str) -> Vec<String> {
        let items = self.list(fields, key);
        items
            .iter()
            .map(|item| self.word(item, &format!("an entry of `{key}`")).to_owned())
            .collect()
    }

    fn texts(&mut self, fields: &Entries<'_>, key: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(node) = get(fields, key) else {
            return Vec::new();
        };
        let entries = self.fields(node, &format!("`{key}`"), None);
        entries
            .into_iter()
            .map(|(name, value)| (name.into(), self.word(value, &format!("`{name}`")).into()))
            .collect()
    }

    /// Milliseconds.
    fn duration(&mut self, fields: &Entries<'_>, key: &str) -> Option<i64> {
        let node = get(fields, key)?;
        let text = self.word(node, &format!("`{key}`"));
        match parse::duration(text) {
            Ok(millis) => Some(millis),
            Err(reason) => {
                let hint = text.parse::<u64>().is_ok();
                let hint = hint.then(|| format!("a number needs its unit: `{text}s` or `{text}m`"));
                self.error(node, format!("`{key}`: {reason}"), hint);
                None
            }
        }
    }

    fn boolean(&mut self, fields: &Entries<'_>, key: &str) -> bool {
        let Some(node) = get(fields, key) else { return false };
        match self.word(node, &format!("`{key}`")).to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => true,
            "false" | "no" | "off" | "n" => false,
            _ => {
                self.error(node, format!("`{key}` must be true or false"), None);
                false
            }
        }
    }

    fn suite(&mut self, root: &Node) -> Suite {
        let fields = self.fields(root, "a test file", Some(FILE_KEYS));
        let interval = self.duration(&fields, "evaluation_interval");
        let interval = interval.filter(|interval| *interval > 0).unwrap_or(INTERVAL);
        let order = self.words(&fields, "group_eval_order");
        let mut seen = HashSet::new();
        if let Some(twice) = order.iter().find(|name| !seen.insert(name.as_str())) {
            let message = format!("`group_eval_order` names group `{twice}` twice");
            self.error(get(&fields, "group_eval_order").unwrap_or(root), message, None);
        }
        let tests = self.list(&fields, "tests");
        Suite {
            rule_files: self.words(&fields, "rule_files"),
            interval,
            fuzzy: self.boolean(&fields, "fuzzy_compare"),
            tests: tests.iter().map(|test| self.trial(test, interval)).collect(),
            order,
        }
    }

    fn trial(&mut self, node: &Node, interval: i64) -> Trial {
        let fields = self.fields(node, "a test", Some(TEST_KEYS));
        let own = self.duration(&fields, "interval");
        let series = self.list(&fields, "input_series");
        let alerts = self.list(&fields, "alert_rule_test");
        let expressions = self.list(&fields, "promql_expr_test");
        Trial {
            name: self
                .text(&fields, "name")
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            line: self.line(node),
            interval: own.filter(|own| *own > 0).unwrap_or(interval),
            start: self.start(&fields),
            inputs: series.iter().map(|input| self.input(input)).collect(),
            alerts: alerts.iter().map(|case| self.alert(case)).collect(),
            expressions: expressions.iter().map(|case| self.expression(case)).collect(),
            externals: Externals {
                labels: Labels::new(self.texts(&fields, "external_labels")),
                url: self.text(&fields, "external_url").unwrap_or_default().to_owned(),
            },
        }
    }

    /// Milliseconds since the epoch: from seconds, or from a date with a time and its zone.
    fn start(&mut self, fields: &Entries<'_>) -> i64 {
        let Some(node) = get(fields, "start_timestamp") else {
            return 0;
        };
        let text = self.word(node, "`start_timestamp`");
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        let millis = seconds.map(|seconds| (seconds * 1000.0).round() as i64);
        let millis = millis.or_else(|| clock::millis_of(text));
        millis.unwrap_or_else(|| {
            let hint = "1609459200, or 2021-01-01T00:00:00Z".to_owned();
            self.error(node, "`start_timestamp` is no moment".to_owned(), Some(hint));
            0
        })
    }

    fn input(&mut self, node: &Node) -> Input {
        let fields = self.fields(node, "a series", Some(SERIES_KEYS));
        let series = self.text(&fields, "series").unwrap_or_default();
        let values = self.text(&fields, "values").unwrap_or_default();
        Input {
            line: self.line(node),
            text: format!("{series} {values}"),
        }
    }

    fn alert(&mut self, node: &Node) -> AlertCase {
        let fields = self.fields(node, "an entry of `alert_rule_test`", Some(ALERT_KEYS));
        let name = self.text(&fields, "alertname").unwrap_or_default().to_owned();
        let expected = self.list(&fields, "exp_alerts");
        AlertCase {
            line: self.line(node),
            at: self.duration(&fields, "eval_time").unwrap_or(0),
            expected: expected.iter().map(|fired| self.fired(fired, &name)).collect(),
            name,
        }
    }

    fn fired(&mut self, node: &Node, name: &str) -> Fired {
        let fields = self.fields(node, "an entry of `exp_alerts`", Some(FIRED_KEYS));
        let mut fired = Fired {
            labels: self.texts(&fields, "exp_labels").into_iter().collect(),
            annotations: self.texts(&fields, "exp_annotations").into_iter().collect(),
        };
        fired.labels.insert(ALERT_NAME.into(), name.into());
        fired
    }

    fn expression(&mut self, node: &Node) -> ExprCase {
        let fields = self.fields(node, "an entry of `promql_expr_test`", Some(EXPR_KEYS));
        let expected = self.list(&fields, "exp_samples");
        ExprCase {
            line: self.line(node),
            at: self.duration(&fields, "eval_time").unwrap_or(0),
            text: self.text(&fields, "expr").unwrap_or_default().to_owned(),
            expected: expected.iter().map(|sample| self.sample(sample)).collect(),
        }
    }

    fn sample(&mut self, node: &Node) -> ExpectedSample {
        let fields = self.fields(node, "an entry of `exp_samples`", Some(SAMPLE_KEYS));
        ExpectedSample {
            labels: self.text(&fields, "labels").unwrap_or_default().to_owned(),
            value: self.number(&fields),
            is_histogram: self.text(&fields, "histogram").is_some_and(|text| !text.is_empty()),
        }
    }

    /// As YAML writes numbers: `.inf` and `.nan` among them, and no quotes around.
    fn number(&mut self, fields: &Entries<'_>) -> f64 {
        let Some(node) = get(fields, "value") else { return 0.0 };
        let number = match &node.kind {
            Kind::Scalar { text, plain: true, .. } => number(text),
            _ => None,
        };
        number.unwrap_or_else(|| {
            let hint = "numbers stand without quotes; infinity is `.inf`, not a number is `.nan`".to_owned();
            self.error(
                node,
                format!("`value` must be a number, not {}", node.what()),
                Some(hint),
            );
            0.0
        })
    }
}

fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let whole = |radix: u32, digits: &str| u64::from_str_radix(&digits.replace('_', ""), radix).ok();
    let value = match unsigned {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        _ => match unsigned.get(..2) {
            Some("0x") => whole(16, unsigned.get(2..)?)? as f64,
            Some("0b") => whole(2, unsigned.get(2..)?)? as f64,
            Some("0o") => whole(8, unsigned.get(2..)?)? as f64,
            // Only what begins like a number: Rust reads `inf` and `nan` as well.
            _ if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                unsigned.replace('_', "").parse().ok()?
            }
            _ => return None,
        },
    };
    Some(sign * value)
}
