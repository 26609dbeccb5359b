//! What becomes of each alert of one rule at one slot: pure, and with a named reason.
//!
//! Flows in: the alerts as they were, what the expression yielded, when. Flows out: the alerts as they are, and what changed. As
//! in Prometheus, and beyond it: `for` counts evaluated time, so that a restart, a suspend or a jump of the clock neither fires
//! nor forgives; a held rule neither fires nor resolves; an alert whose series vanish is over or held, as its rule says, and the
//! reason says which. It knows no expressions and no storage.

use std::collections::BTreeMap;

use bellwether_promql::labels::{Labels, METRIC_NAME};

use super::AlertRule;
use crate::{
    alert::{Alert, AlertState, Annotations, ResolveCause},
    config::OnNoData,
};

/// How long an alert that is over is remembered, in milliseconds: Prometheus' fifteen minutes, in which every receiver that polls
/// sees it.
pub const RESOLVED_RETENTION: i64 = 15 * 60_000;

/// How long an alert is held whose series are gone, in milliseconds. Who reports nothing for a day was taken away, and an alert
/// that can never end is worse than one that ends.
pub const NO_DATA_HOLD_MAX: i64 = 24 * 3_600_000;

/// Slots between two evaluations that are still the normal course: one may be missed when the machine is busy.
const SLOTS_IN_COURSE: i64 = 2;

/// The series that shows an alert's state, and the one that keeps since when its condition holds.
const ALERTS: &str = "ALERTS";
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// The alerts of one rule, by their labels.
pub type Alerts = BTreeMap<Labels, Alert>;

/// One element of the expression's result, with its final labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// With `alertname` and the labels of the rule, without the metric's name.
    pub labels: Labels,
    /// Expanded.
    pub annotations: Annotations,
    /// Of the element.
    pub value: f64,
}

/// When a rule is evaluated. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The slot.
    pub at: i64,
    /// The slot of the evaluation before, by this process or an earlier one; None: there was none.
    pub last: Option<i64>,
    /// From slot to slot.
    pub interval: i64,
    /// Whether this is the first evaluation of this process.
    pub is_first: bool,
    /// Whether the rule may decide.
    pub hold: Option<Hold>,
}

/// Why a rule may not decide yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// A check that may feed it has not run since the start, and none of its reports was restored.
    ChecksNotRun,
    /// Too much of the range it looks back over is missing.
    RangeNotFilled,
    /// No snapshot was recorded for a while: the machine slept, or the clock jumped, and nothing new is known yet.
    HistoryBehind,
}

impl Hold {
    /// As in logs and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChecksNotRun => "checks_not_run",
            Self::RangeNotFilled => "range_not_filled",
            Self::HistoryBehind => "history_behind",
        }
    }
}

/// What is known of the series behind an alert that the expression does not yield any more, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absence {
    /// They are there: its condition ended.
    Ended,
    /// They are there, and what they are about has other labels now, from the rule.
    Relabelled,
    /// They are back after a time without data, and what the expression looks back over is not yet.
    Returning,
    /// They are gone, and nobody can know what became of them.
    Silent,
    /// They are gone, and who would report them reports.
    Vanished,
    /// They are gone, and nobody is configured who would report them.
    CheckRemoved,
}

/// Why an alert changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Its condition holds, and must for some time yet.
    Began,
    /// Its condition holds, and that is enough.
    FiredAtOnce,
    /// Its condition held for as long as `for` says.
    HeldForLong,
    /// Its condition ended before it fired.
    EndedEarly,
    /// Its series vanished before it fired.
    VanishedEarly,
    /// It is over.
    Resolved(ResolveCause),
    /// The rule yields more than its `limit`.
    OverLimit,
}

impl Reason {
    /// As in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::FiredAtOnce => "fired_at_once",
            Self::HeldForLong => "held_for_long",
            Self::EndedEarly => "ended_early",
            Self::VanishedEarly => "vanished_early",
            Self::Resolved(cause) => cause.as_str(),
            Self::OverLimit => "over_limit",
        }
    }
}

/// One alert that is in another state now.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// As it is now; an alert that ended before it fired as it was.
    pub alert: Alert,
    /// The state it had; None: there was no such alert, or one that was over.
    pub from: Option<AlertState>,
    /// The state it has; None: it is forgotten.
    pub to: Option<AlertState>,
    /// Why.
    pub reason: Reason,
}

/// An alert that is active goes on from what was known of it before.
pub fn resume(alert: &mut Alert, before: &Alert) {
    if before.state == AlertState::Firing && alert.state != AlertState::Resolved {
        alert.state = AlertState::Firing;
        (alert.active_at, alert.fired_at) = (before.active_at, before.fired_at);
    }
}

/// What a slot makes of a rule's alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// As they are now.
    pub alerts: Alerts,
    /// What is different, by labels.
    pub changes: Vec<Change>,
}

impl Moment {
    /// By how much what counts evaluated time must be moved, so that the time in which nobody evaluated does not count. Negative
    /// when the clock was set back.
    pub const fn gap(&self) -> i64 {
        let Some(last) = self.last else { return 0 };
        let passed = self.at - last;
        let in_course = passed > 0 && passed <= self.interval * SLOTS_IN_COURSE && !self.is_first;
        // What was restored at once lost nothing either.
        let restored_in_time = self.is_first && passed > 0 && passed <= self.interval;
        if in_course || restored_in_time {
            0
        } else {
            passed - self.interval
        }
    }

    /// Evaluated time since the last evaluation.
    const fn elapsed(&self) -> i64 {
        match self.last {
            Some(last) => self.at - last - self.gap(),
            None => 0,
        }
    }
}

/// Moves the alerts of a rule on by one evaluation. `elements` have distinct labels. `look` says of an alert that the
/// expression did not yield what became of the series it was about.
pub fn step(
    alerts: &Alerts,
    rule: &AlertRule,
    elements: Vec<Element>,
    moment: &Moment,
    look: &dyn Fn(&Alert) -> Absence,
) -> Step {
    let mut present: BTreeMap<Labels, Element> = elements
        .into_iter()
        .map(|element| (element.labels.clone(), element))
        .collect();
    let mut stepper = Stepper {
        rule,
        moment,
        step: Step::default(),
    };
    for alert in alerts.values() {
        match present.remove(&alert.labels) {
            Some(element) if alert.state == AlertState::Resolved => stepper.begin(element),
            Some(element) => stepper.go_on(alert, element),
            None if alert.state == AlertState::Resolved => stepper.remember(alert),
            None => stepper.absent(alert, look),
        }
    }
    present.into_values().for_each(|element| stepper.begin(element));
    let mut step = stepper.step;
    step.changes
        .sort_by(|one, other| one.alert.labels.cmp(&other.alert.labels));
    step
}

/// Ends all alerts of a rule that is gone.
pub fn remove_all(alerts: &Alerts, at: i64) -> Vec<Change> {
    end_all(
        alerts,
        at,
        Reason::Resolved(ResolveCause::RuleRemoved),
        ResolveCause::RuleRemoved,
    )
}

/// Gives up all alerts of a rule that yields more than its limit, as Prometheus does; what fired is over.
pub fn give_up(alerts: &Alerts, at: i64) -> Step {
    let changes = end_all(alerts, at, Reason::OverLimit, ResolveCause::OverLimit);
    let over = changes.iter().filter(|change| change.to == Some(AlertState::Resolved));
    let mut kept: Alerts = alerts
        .iter()
        .filter(|(_, alert)| alert.state == AlertState::Resolved)
        .map(|(labels, alert)| (labels.clone(), alert.clone()))
        .collect();
    kept.extend(over.map(|change| (change.alert.labels.clone(), change.alert.clone())));
    Step { alerts: kept, changes }
}

fn end_all(alerts: &Alerts, at: i64, reason: Reason, cause: ResolveCause) -> Vec<Change> {
    let active = alerts.values().filter(|alert| alert.state != AlertState::Resolved);
    let end = |alert: &Alert| {
        let fired = alert.state == AlertState::Firing;
        Change {
            alert: if fired {
                resolved(alert, at, cause)
            } else {
                alert.clone()
            },
            from: Some(alert.state),
            to: fired.then_some(AlertState::Resolved),
            reason,
        }
    };
    active.map(end).collect()
}

fn resolved(alert: &Alert, at: i64, cause: ResolveCause) -> Alert {
    Alert {
        state: AlertState::Resolved,
        resolved: Some((at, cause)),
        ..alert.clone()
    }
}

struct Stepper<'s> {
    rule: &'s AlertRule,
    moment: &'s Moment,
    step: Step,
}

impl Stepper<'_> {
    fn keep(&mut self, alert: Alert) {
        self.step.alerts.insert(alert.labels.clone(), alert);
    }

    fn change(&mut self, alert: &Alert, from: Option<AlertState>, to: Option<AlertState>, reason: Reason) {
        self.step.changes.push(Change {
            alert: alert.clone(),
            from,
            to,
            reason,
        });
    }

    /// The alert with its times moved over what was not evaluated.
    fn moved(&self, alert: &Alert, by: i64) -> Alert {
        let mut moved = alert.clone();
        // Only `for` counts from it, and what has fired has waited long enough: since when it is bad does not change any more.
        if moved.state == AlertState::Pending {
            moved.active_at += by;
        }
        for since in [&mut moved.keep_firing_since, &mut moved.no_data_since]
            .into_iter()
            .flatten()
        {
            *since += by;
        }
        // A clock that was set back must not leave a beginning in the future.
        moved.active_at = moved.active_at.min(self.moment.at);
        moved.fired_at = moved.fired_at.map(|fired| fired.min(self.moment.at));
        moved.active_at = moved.active_at.min(moved.fired_at.unwrap_or(self.moment.at));
        moved
    }

    fn begin(&mut self, element: Element) {
        let at = self.moment.at;
        let fires = self.rule.hold == 0 && self.moment.hold.is_none();
        let state = if fires { AlertState::Firing } else { AlertState::Pending };
        let alert = Alert {
            labels: element.labels,
            annotations: element.annotations,
            state,
            value: element.value,
            active_at: at,
            fired_at: fires.then_some(at),
            keep_firing_since: None,
            no_data_since: None,
            resolved: None,
        };
        let reason = if fires { Reason::FiredAtOnce } else { Reason::Began };
        self.change(&alert, None, Some(state), reason);
        self.keep(alert);
    }

    /// Its condition still holds.
    fn go_on(&mut self, alert: &Alert, element: Element) {
        let at = self.moment.at;
        let mut alert = self.moved(alert, self.moment.gap());
        alert.annotations = element.annotations;
        alert.value = element.value;
        alert.keep_firing_since = None;
        alert.no_data_since = None;
        // As in Prometheus, what fires fires on: `for` is about how an alert begins.
        let is_due = alert.state == AlertState::Pending && at - alert.active_at >= self.rule.hold;
        if is_due && self.moment.hold.is_none() {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(at);
            let reason = match self.rule.hold {
                0 => Reason::FiredAtOnce,
                _ => Reason::HeldForLong,
            };
            self.change(&alert, Some(AlertState::Pending), Some(AlertState::Firing), reason);
        }
        self.keep(alert);
    }

    /// It is over; how long ago?
    fn remember(&mut self, alert: &Alert) {
        let over = alert.resolved.map_or(0, |(at, _)| at);
        if (self.moment.at - over).abs() <= RESOLVED_RETENTION {
            self.keep(alert.clone());
        }
    }

    /// The expression does not yield it any more.
    fn absent(&mut self, alert: &Alert, look: &dyn Fn(&Alert) -> Absence) {
        if self.moment.hold.is_some() {
            let frozen = self.moved(alert, self.moment.gap() + self.moment.elapsed());
            return self.keep(frozen);
        }
        let absence = look(alert);
        let is_unknown = matches!(absence, Absence::Silent | Absence::Returning);
        if is_unknown && self.rule.on_no_data == OnNoData::Hold {
            return self.without_data(alert);
        }
        let mut alert = self.moved(alert, self.moment.gap());
        let cause = match (absence, self.rule.on_no_data) {
            (Absence::Ended | Absence::Returning, _) => ResolveCause::Condition,
            (Absence::Relabelled, _) => ResolveCause::LabelsChanged,
            (Absence::CheckRemoved, _) => ResolveCause::CheckRemoved,
            (Absence::Vanished, OnNoData::Hold) => ResolveCause::Vanished,
            (Absence::Silent | Absence::Vanished, _) => ResolveCause::NoData,
        };
        if cause == ResolveCause::Condition {
            alert.no_data_since = None;
        }
        self.ended(alert, cause);
    }

    /// Held: neither does its condition go on, nor does it end.
    fn without_data(&mut self, alert: &Alert) {
        let at = self.moment.at;
        let since = alert.no_data_since.map(|since| since + self.moment.gap());
        let mut frozen = self.moved(alert, self.moment.gap() + self.moment.elapsed());
        let since = since.unwrap_or(at).min(at);
        frozen.no_data_since = Some(since);
        if at - since < NO_DATA_HOLD_MAX {
            self.keep(frozen);
        } else {
            self.finish(&frozen, ResolveCause::Expired);
        }
    }

    /// Its condition ended: it may fire on for a while.
    fn ended(&mut self, mut alert: Alert, cause: ResolveCause) {
        let at = self.moment.at;
        if alert.state == AlertState::Firing && self.rule.keep_firing_for > 0 {
            let since = *alert.keep_firing_since.get_or_insert(at);
            if at - since < self.rule.keep_firing_for {
                return self.keep(alert);
            }
        }
        self.finish(&alert, cause);
    }

    fn finish(&mut self, alert: &Alert, cause: ResolveCause) {
        if alert.state == AlertState::Pending {
            let reason = match cause {
                ResolveCause::NoData | ResolveCause::Expired | ResolveCause::Vanished | ResolveCause::CheckRemoved => {
                    Reason::VanishedEarly
                }
                ResolveCause::Condition
                | ResolveCause::RuleRemoved
                | ResolveCause::OverLimit
                | ResolveCause::LabelsChanged
                | ResolveCause::Sender
                | ResolveCause::SenderSilent => Reason::EndedEarly,
            };
            return self.change(alert, Some(AlertState::Pending), None, reason);
        }
        let over = resolved(alert, self.moment.at, cause);
        let (from, to) = (Some(AlertState::Firing), Some(AlertState::Resolved));
        self.change(&over, from, to, Reason::Resolved(cause));
        self.keep(over);
    }
}

/// The samples that show alerts in history: `ALERTS` is 1 for each pending or firing one, `ALERTS_FOR_STATE` holds since when, in
/// whole seconds.
pub fn samples(alerts: &Alerts) -> Vec<(Labels, f64)> {
    let active = alerts.values().filter(|alert| alert.state != AlertState::Resolved);
    active
        .flat_map(|alert| {
            let shown = alert
                .labels
                .with(METRIC_NAME, ALERTS)
                .with("alertstate", alert.state.as_str());
            let since = alert.active_at.div_euclid(1_000) as f64;
            [(shown, 1.0), (alert.labels.with(METRIC_NAME, ALERTS_FOR_STATE), since)]
        })
        .collect()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
