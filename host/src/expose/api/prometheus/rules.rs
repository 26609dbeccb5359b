//! `rules` and `alerts`: what rules are doing, as of the last evaluation of each group.
//!
//! Beside Prometheus' fields there are a few of our own, which its clients pass over: `held` of a rule that may not decide
//! yet, and why; `firedAt` of an alert, `noDataSince` of one that is held although nobody reports its series any more, and the
//! `fingerprint` under which it leaves the host, with external labels: by it an alert is found in Alertmanager's API.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bellwether_promql::{ast::Matcher, functions::format, labels::Labels};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{Asked, Failure};
use crate::{
    alert::{Alert, AlertState, Annotations},
    clock,
    rule::{GroupStatus, Health, Rule, RuleReport, RuleStatus, Template},
};

/// Go's time zero: what Prometheus says of a rule that was never evaluated.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Pairs of texts as an object.
struct Set<I>(I);

impl<'t, I: Iterator<Item = (&'t str, &'t str)> + Clone> Serialize for Set<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.clone() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn labels(labels: &Labels) -> Set<impl Iterator<Item = (&str, &str)> + Clone> {
    Set(labels.iter().map(|(name, value)| (&**name, &**value)))
}

fn annotations(annotations: &Annotations) -> Set<impl Iterator<Item = (&str, &str)> + Clone> {
    Set(annotations.iter().map(|(name, value)| (&**name, &**value)))
}

fn texts(texts: &[(Arc<str>, Template)]) -> Set<impl Iterator<Item = (&str, &str)> + Clone> {
    Set(texts.iter().map(|(name, value)| (&**name, &**value.text())))
}

/// RFC 3339.
fn moment(millis: i64) -> String {
    clock::rfc3339(millis).unwrap_or_else(|| NEVER.to_owned())
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

/// Everything of an alert that is not over.
fn alert<'a>(status: &RuleStatus, alert: &'a Alert) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct View<L: Serialize, A: Serialize> {
        labels: L,
        annotations: A,
        state: &'static str,
        active_at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        keep_firing_since: Option<String>,
        value: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        fired_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        no_data_since: Option<String>,
        fingerprint: String,
    }
    View {
        labels: labels(&alert.labels),
        annotations: annotations(&alert.annotations),
        state: alert.state.as_str(),
        active_at: moment(alert.active_at),
        keep_firing_since: alert.keep_firing_since.map(moment),
        value: format::scientific(alert.value),
        fired_at: alert.fired_at.map(moment),
        no_data_since: alert.no_data_since.map(moment),
        fingerprint: status.fingerprint(alert).to_string(),
    }
}

/// Those of a rule that are not over.
fn active(report: &RuleReport) -> impl Iterator<Item = &Alert> {
    report
        .alerts
        .values()
        .filter(|alert| alert.state != AlertState::Resolved)
}

/// Every alert that is pending or firing.
pub(super) fn alerts(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    #[derive(Serialize)]
    struct Alerts<A> {
        alerts: Vec<A>,
    }
    let reports = asked.rules.groups().flat_map(|group| &group.rules);
    let alerts = reports.flat_map(active).map(|own| alert(asked.rules, own)).collect();
    Ok(asked.success(&Alerts { alerts }))
}

/// What `rules` is asked to leave out.
struct Wanted<'p> {
    alerting: bool,
    recording: bool,
    without_alerts: bool,
    names: BTreeSet<&'p str>,
    groups: BTreeSet<&'p str>,
    files: BTreeSet<&'p str>,
    selectors: Vec<Vec<Matcher>>,
}

impl<'p> Wanted<'p> {
    fn of(asked: &Asked<'p>) -> Result<Self, Failure> {
        let parameters = asked.parameters;
        let kind = parameters.text("type").to_ascii_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(Failure::parameter("type", format!("not supported value {kind:?}")));
        }
        Ok(Self {
            alerting: kind != "record",
            recording: kind != "alert",
            without_alerts: parameters.flag("exclude_alerts")?,
            names: parameters.all("rule_name[]").collect(),
            groups: parameters.all("rule_group[]").collect(),
            files: parameters.all("file[]").collect(),
            selectors: parameters.selectors()?,
        })
    }

    fn takes_group(&self, group: &GroupStatus) -> bool {
        listed(&self.groups, &group.group.name) && listed(&self.files, &group.group.file)
    }

    fn takes(&self, rule: &Rule) -> bool {
        let kind = if rule.alert().is_some() {
            self.alerting
        } else {
            self.recording
        };
        kind && listed(&self.names, &rule.name) && self.matches(rule)
    }

    fn matches(&self, rule: &Rule) -> bool {
        let value = |name: &str| {
            rule.labels
                .iter()
                .find(|(own, _)| &**own == name)
                .map_or("", |(_, text)| text.text())
        };
        let satisfied = |matchers: &Vec<Matcher>| matchers.iter().all(|matcher| matcher.matches(value(&matcher.name)));
        self.selectors.is_empty() || self.selectors.iter().any(satisfied)
    }
}

/// No list is a list of all.
fn listed(list: &BTreeSet<&str>, name: &str) -> bool {
    list.is_empty() || list.contains(name)
}

/// Groups with their rules.
pub(super) fn rules(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    #[derive(Serialize)]
    struct Groups<G> {
        groups: Vec<G>,
    }
    let wanted = Wanted::of(asked)?;
    let groups = asked.rules.groups().filter(|group| wanted.takes_group(group));
    let groups = groups.filter_map(|own| group(asked.rules, own, &wanted)).collect();
    Ok(asked.success(&Groups { groups }))
}

/// `None`: nothing of it is wanted.
fn group<'g>(all: &RuleStatus, status: &'g GroupStatus, wanted: &Wanted<'_>) -> Option<impl Serialize + use<'g>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct View<'g, R> {
        name: &'g str,
        file: &'g str,
        rules: Vec<R>,
        interval: f64,
        limit: usize,
        evaluation_time: f64,
        last_evaluation: String,
    }
    let reports = status.rules.iter().filter(|report| wanted.takes(&report.rule));
    let rules: Vec<_> = reports.map(|report| rule(all, report, wanted.without_alerts)).collect();
    (!rules.is_empty()).then(|| View {
        name: &status.group.name,
        file: &status.group.file,
        rules,
        interval: seconds(status.group.interval),
        limit: status.group.limit,
        evaluation_time: took(status.took),
        last_evaluation: status.last.map_or_else(|| NEVER.to_owned(), moment),
    })
}

fn took(took: Duration) -> f64 {
    took.as_secs_f64()
}

/// A rule of either kind: what only alerts have is absent from the others.
fn rule<'r>(status: &RuleStatus, report: &'r RuleReport, without_alerts: bool) -> impl Serialize + use<'r> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct View<'r, L: Serialize, A: Serialize> {
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'static str>,
        name: &'r str,
        query: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        keep_firing_for: Option<f64>,
        labels: L,
        #[serde(skip_serializing_if = "Option::is_none")]
        annotations: Option<L>,
        #[serde(skip_serializing_if = "Option::is_none")]
        alerts: Option<Option<Vec<A>>>,
        health: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_error: Option<&'r str>,
        evaluation_time: f64,
        last_evaluation: String,
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        held: Option<&'static str>,
    }
    let rule = &report.rule;
    let own = rule.alert();
    let state = active(report).map(|alert| alert.state).max();
    let listed = || (!without_alerts).then(|| active(report).map(|own| alert(status, own)).collect());
    View {
        state: own.map(|_| state.unwrap_or(AlertState::Resolved).as_str()),
        name: &rule.name,
        query: rule.expr.to_string(),
        duration: own.map(|own| seconds(own.hold)),
        keep_firing_for: own.map(|own| seconds(own.keep_firing_for)),
        labels: texts(&rule.labels),
        annotations: own.map(|own| texts(&own.annotations)),
        alerts: own.map(|_| listed()),
        health: report.health.as_str(),
        last_error: match &report.health {
            Health::Failing(why) => Some(why),
            Health::Unknown | Health::Good => None,
        },
        evaluation_time: took(report.took),
        last_evaluation: report.last.map_or_else(|| NEVER.to_owned(), moment),
        kind: if own.is_some() { "alerting" } else { "recording" },
        held: report.hold.map(|hold| hold.as_str()),
    }
}
