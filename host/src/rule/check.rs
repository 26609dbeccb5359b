//! Whether one rule is good, however it was written.
//!
//! Flows in: a [`Draft`] and somebody who knows where its parts stand. Flows out: a [`Rule`], or problems, all of them, each at
//! its place inside the expression or the text. It reads no files.

use std::{ops::Range, sync::Arc};

use bellwether_promql::{ast::Expr, labels::METRIC_NAME, parse, value::ValueType};

use super::{
    AlertRule, Rule, RuleKind,
    lint::{self, Lints, Part},
    template::Template,
};
use crate::{
    alert::ALERT_NAME,
    config::{Location, OnNoData, Problem},
};

/// Most labels, and most annotations, of one rule: each is repeated on each of its alerts.
const TEXTS_MAX: usize = 64;

/// Longest name of an alert or a recorded metric, in bytes; longer is no name.
const NAME_BYTES_MAX: usize = 512;

/// A rule as written. Durations are milliseconds.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) record: Option<String>,
    pub(super) alert: Option<String>,
    pub(super) expr: Option<String>,
    pub(super) hold: Option<i64>,
    pub(super) keep_firing_for: Option<i64>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(String, String)>,
}

/// What a rule has from where it stands.
#[derive(Debug)]
pub(super) struct Surroundings<'g> {
    /// Of the group: put under the rule's own.
    pub(super) labels: &'g [(String, String)],
    pub(super) on_no_data: OnNoData,
    pub(super) location: String,
    /// None: nobody wants to know what is unwise.
    pub(super) lints: Option<&'g Lints>,
}

/// Knows where the parts of a draft stand; a path names a key, and a part that is not there is the rule itself.
pub(super) trait Places {
    /// The value of a key, or the bytes `within` it.
    fn value(&self, path: &[&str], within: Option<Range<usize>>) -> Location;

    /// The key itself.
    fn key(&self, path: &[&str]) -> Location;
}

/// A good rule, or none with what is wrong added to `problems`.
pub(super) fn rule(
    draft: &Draft,
    around: &Surroundings<'_>,
    places: &dyn Places,
    problems: &mut Vec<Problem>,
) -> Option<Rule> {
    let mut checker = Checker { places, problems };
    let before = checker.problems.len();
    let named = checker.name(draft);
    checker.only_for_alerts(draft);
    let expr = checker.expr(draft.expr.as_deref());
    let is_alert = draft.record.is_none();
    let labels = checker.labels(draft, around, is_alert);
    let annotations = checker.texts("annotations", &draft.annotations, true);
    let (name, expr) = (named?, expr?);
    if checker.problems.len() > before {
        return None;
    }
    let kind = match is_alert {
        false => RuleKind::Record,
        true => RuleKind::Alert(AlertRule {
            hold: draft.hold.unwrap_or(0),
            keep_firing_for: draft.keep_firing_for.unwrap_or(0),
            annotations,
            on_no_data: around.on_no_data,
        }),
    };
    let rule = Rule {
        name: name.into(),
        kind,
        text: draft.expr.as_deref().unwrap_or_default().into(),
        expr,
        labels,
        location: around.location.clone(),
    };
    if let Some(lints) = around.lints {
        problems.extend(
            lint::findings(&rule, lints)
                .into_iter()
                .map(|finding| warning(finding, places)),
        );
    }
    Some(rule)
}

fn warning(finding: lint::Finding, places: &dyn Places) -> Problem {
    let place = match finding.part {
        Part::Expr(bytes) => places.value(&["expr"], Some(bytes)),
        Part::Name => places.value(&["record"], None),
        Part::Label(name) => places.value(&["labels", &name], None),
    };
    Problem::at(place, finding.message)
        .with_hint(finding.hint)
        .into_warning()
}

/// Labels or annotations by themselves, which stand under `key`.
pub(super) fn texts(
    key: &str,
    texts: &[(String, String)],
    places: &dyn Places,
    problems: &mut Vec<Problem>,
) -> Vec<(Arc<str>, Template)> {
    Checker { places, problems }.texts(key, texts, true)
}

/// A name for labels of a group, and of rules; problems are for the caller.
pub(super) fn label_problem(name: &str) -> Option<String> {
    match name {
        "" => Some("a label without a name".to_owned()),
        METRIC_NAME => Some(format!(
            "`{METRIC_NAME}` is no label that a rule can set: `record` names the metric"
        )),
        _ => None,
    }
}

struct Checker<'p> {
    places: &'p dyn Places,
    problems: &'p mut Vec<Problem>,
}

impl Checker<'_> {
    fn name<'d>(&mut self, draft: &'d Draft) -> Option<&'d str> {
        let (key, name) = match (&draft.alert, &draft.record) {
            (Some(alert), None) => ("alert", alert),
            (None, Some(record)) => ("record", record),
            (Some(_), Some(_)) => {
                let place = self.places.key(&["record"]);
                let hint = "keep one of them; what should be both is two rules";
                self.problem(place, "a rule has either `alert` or `record`", hint);
                return None;
            }
            (None, None) => {
                let place = self.places.value(&[], None);
                let hint = "`alert: NAME` for an alert, `record: NAME` for a series of its own";
                self.problem(place, "this rule has neither `alert` nor `record`", hint);
                return None;
            }
        };
        let place = || self.places.value(&[key], None);
        if name.trim().is_empty() {
            self.problem(place(), format!("`{key}` is empty"), "give the rule a name");
            return None;
        }
        if name.len() > NAME_BYTES_MAX {
            let message = format!(
                "`{key}` is {} bytes long; at most {NAME_BYTES_MAX} are accepted",
                name.len()
            );
            self.problem(place(), message, "shorten it");
            return None;
        }
        if key == "record" && name.contains(['{', '}']) {
            let hint = "`record` is the name of a new metric; the expression stands in `expr`";
            self.problem(place(), "`record` holds an expression", hint);
            return None;
        }
        Some(name)
    }

    /// What means nothing for a recorded series.
    fn only_for_alerts(&mut self, draft: &Draft) {
        if draft.record.is_none() || draft.alert.is_some() {
            return;
        }
        let given = [
            ("for", draft.hold.is_some()),
            ("keep_firing_for", draft.keep_firing_for.is_some()),
            ("annotations", !draft.annotations.is_empty()),
        ];
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            let place = self.places.key(&[key]);
            self.problem(
                place,
                format!("`{key}` means nothing for a recording rule"),
                "remove it",
            );
        }
    }

    fn expr(&mut self, text: Option<&str>) -> Option<Expr> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            let place = self.places.value(&["expr"], None);
            self.problem(place, "this rule has no `expr`", "give it an expression: expr: up == 0");
            return None;
        };
        let expr = match parse::parse(text) {
            Ok(expr) => expr,
            Err(error) => {
                let place = self.places.value(&["expr"], Some(error.span.start..error.span.end));
                let mut problem = Problem::at(place, one_line(&format!("`expr`: {}", error.message)));
                problem.hint = error.hint;
                self.problems.push(problem);
                return None;
            }
        };
        match expr.value_type() {
            ValueType::Scalar | ValueType::Vector => Some(expr),
            other => {
                let place = self.places.value(&["expr"], Some(expr.span.start..expr.span.end));
                let hint = match other {
                    ValueType::Matrix => "put a function around it: rate(…), max_over_time(…)",
                    _ => "write what should be compared or computed",
                };
                let message = format!(
                    "`expr` yields a {}; a rule needs an instant vector or a scalar",
                    other.as_str()
                );
                self.problem(place, message, hint);
                None
            }
        }
    }

    fn labels(&mut self, draft: &Draft, around: &Surroundings<'_>, templated: bool) -> Vec<(Arc<str>, Template)> {
        let mut labels = self.texts("labels", &draft.labels, templated);
        for (name, value) in around.labels {
            if draft.labels.iter().any(|(own, _)| own == name) {
                continue;
            }
            // What is wrong with a group's labels is said once, by who read the group.
            let parsed = if templated {
                Template::parse(value).ok()
            } else {
                Some(Template::plain(value))
            };
            labels.extend(parsed.map(|value| (name.as_str().into(), value)));
        }
        labels.sort_by(|one, other| one.0.cmp(&other.0));
        labels
    }

    fn texts(&mut self, key: &str, texts: &[(String, String)], templated: bool) -> Vec<(Arc<str>, Template)> {
        if texts.len() > TEXTS_MAX {
            let place = self.places.key(&[key]);
            let message = format!("{} {key}; at most {TEXTS_MAX} are accepted", texts.len());
            self.problem(place, message, "keep what somebody reads");
        }
        texts
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().into(), self.text(key, name, value, templated)?)))
            .collect()
    }

    fn text(&mut self, key: &str, name: &str, value: &str, templated: bool) -> Option<Template> {
        if let Some(message) = label_problem(name) {
            let place = self.places.key(&[key, name]);
            self.problem(place, message, "remove it, or choose another name");
            return None;
        }
        if (key, name) == ("labels", ALERT_NAME) {
            let place = self.places.key(&[key, name]);
            let hint = "the name of the alert is what `alert` says";
            self.problems.push(
                Problem::at(place, format!("the label `{ALERT_NAME}` has no effect"))
                    .with_hint(hint)
                    .into_warning(),
            );
            return None;
        }
        if !templated {
            return Some(Template::plain(value));
        }
        match Template::parse(value) {
            Ok(template) => Some(template),
            Err(fault) => {
                let at = fault.at.min(value.len());
                let place = self.places.value(&[key, name], Some(at..at));
                let message = one_line(&format!("template of `{name}`: {}", fault.message));
                let mut problem = Problem::at(place, message);
                problem.hint = fault.hint;
                self.problems.push(problem);
                None
            }
        }
    }

    fn problem(&mut self, place: Location, message: impl Into<String>, hint: &str) {
        self.problems.push(Problem::at(place, message).with_hint(hint));
    }
}

/// Messages are one line; what a parser quotes may be several.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
