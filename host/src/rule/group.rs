//! One evaluation of one rule: what its expression yields, as samples or as alerts.
//!
//! Flows in: a rule, a storage that stands still, a slot. Flows out: [`Evaluated`], or why there is nothing: then nothing has
//! changed. It appends nothing, keeps nothing and reads no clock: who calls says when time is up.

use std::{
    cell::{Cell, OnceCell},
    collections::BTreeSet,
    rc::Rc,
    sync::Arc,
};

use bellwether_promql::{
    engine::{EvalError, LOOKBACK, Options, Query},
    labels::{Labels, METRIC_NAME},
    storage::Storage,
    value::{Sample, Value},
};

use super::{
    AlertRule, Rule, RuleKind,
    feeds::Feeds,
    presence::Presence,
    state::{self, Absence, Alerts, Change, Element, Moment},
    template::{Answers, Externals, Scope, Template},
};
use crate::alert::{ALERT_NAME, Alert, AlertState};

/// Samples that one evaluation may read: six hours of 15 s of 3,000 series, and a hundredth of a second for each of the rest.
pub const SAMPLES_MAX: usize = 5_000_000;

/// Elements that one evaluation may make on the way.
pub const ELEMENTS_MAX: usize = 2_000_000;

/// Alerts or samples of one rule, whatever its `limit`: more than anybody can be told of.
pub const RESULTS_MAX: usize = 50_000;

/// Elements that each alert which is gone is held against one by one, after a start: there may be as many of those.
const COMPARED_MAX: usize = 1_000;
/// Bytes of labels and annotations that one evaluation may write: a kilobyte for each of the alerts that a rule may have. A template
/// may write 64 KiB, for each alert.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Why an evaluation came to nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleProblem {
    /// The expression: a limit, a label set twice, a match that is none.
    #[error("{0}")]
    Query(String),
    /// Two elements cannot be told apart.
    #[error("two elements have the same labels after those of the rule were put on: {0}")]
    Duplicate(Labels),
    /// More than `limit`.
    #[error("{found} elements; the limit of its group is {limit}")]
    Limit {
        /// How many there were.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Time was up.
    #[error("it takes too long: nothing of it was used")]
    Late,
    /// Series that checks report.
    #[error(
        "{refused} of its {found} series were not taken: a check reports them already, {first} among them; give the rule's series a name of their own"
    )]
    NotOurs {
        /// How many were not taken.
        refused: usize,
        /// Of how many.
        found: usize,
        /// One of them.
        first: Labels,
    },
    /// More text than any rule may write.
    #[error(
        "its labels and annotations have more than {TEXT_BYTES_MAX} bytes in all: select fewer series, or write less about each"
    )]
    TooLong,
    /// More than any rule may yield.
    #[error("{0} elements; no rule may yield more than {RESULTS_MAX}")]
    TooMany(usize),
}

impl From<EvalError> for RuleProblem {
    fn from(error: EvalError) -> Self {
        Self::Query(error.to_string())
    }
}

/// What a rule's evaluation yields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// To be recorded at the slot: the rule's series, or those that show its alerts.
    pub samples: Vec<(Labels, f64)>,
    /// As they are now; those of a recording rule are none.
    pub alerts: Alerts,
    /// What is different.
    pub changes: Vec<Change>,
    /// Elements of the expression's result.
    pub elements: usize,
    /// What is odd about the expression, though no error.
    pub warnings: Vec<String>,
    /// The rule failed all the same: its alerts were given up.
    pub problem: Option<RuleProblem>,
}

/// What all rules of one evaluation share.
pub struct Surroundings<'s, S> {
    /// Samples of all series, up to now.
    pub storage: &'s S,
    /// Milliseconds that expressions look back from the slot.
    pub query_offset: i64,
    /// Milliseconds between the moments of a subquery that names no step: `evaluation_interval`, as in Prometheus, whatever the
    /// interval of the group.
    pub default_step: i64,
    /// 0: none.
    pub limit: usize,
    /// See [`Externals`].
    pub externals: &'s Externals,
    /// What checks reported.
    pub feeds: &'s Feeds,
    /// The `job` and the `instance` of the host's series.
    pub own: [&'s str; 2],
    /// Labels that the rule put on before it was edited, and may not any more.
    pub former: &'s [Arc<str>],
    /// Whether this process evaluated the rule before. How it was before that, nobody knows.
    pub is_settled: bool,
    /// Whether to give up.
    pub stop: &'s dyn Fn() -> bool,
    /// Makes what templates may ask, when the first one is expanded.
    pub answers: &'s dyn Fn() -> Rc<dyn Answers>,
}

impl<S> std::fmt::Debug for Surroundings<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// Evaluates a rule at a slot. `alerts` are those it had.
///
/// # Errors
///
/// See [`RuleProblem`]: nothing has changed then.
pub fn evaluate<S: Storage>(
    rule: &Rule,
    query: &mut Query,
    alerts: &Alerts,
    moment: &Moment,
    around: &Surroundings<'_, S>,
) -> Result<Evaluated, RuleProblem> {
    let options = Options {
        lookback: LOOKBACK,
        default_step: around.default_step,
        samples: SAMPLES_MAX,
        elements: ELEMENTS_MAX,
        stop: around.stop,
    };
    let at = moment.at - around.query_offset;
    let answer = query.instant(around.storage, at, &options)?;
    let warnings = answer.warnings;
    let samples = vector(answer.value)?;
    if samples.len() > RESULTS_MAX {
        return Err(RuleProblem::TooMany(samples.len()));
    }
    let evaluated = match &rule.kind {
        RuleKind::Record => record(rule, &samples, around.limit),
        RuleKind::Alert(alert) => judge(rule, alert, &samples, alerts, moment, around),
    }?;
    Ok(Evaluated {
        warnings,
        elements: samples.len(),
        ..evaluated
    })
}

fn vector(value: Value) -> Result<Vec<Sample>, RuleProblem> {
    match value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar(value) => Ok(vec![Sample {
            labels: Labels::default(),
            value,
        }]),
        // Refused when rules are loaded.
        Value::String(_) | Value::Matrix(_) => Err(RuleProblem::Query("neither a vector nor a scalar".to_owned())),
    }
}

fn record(rule: &Rule, samples: &[Sample], limit: usize) -> Result<Evaluated, RuleProblem> {
    let mut seen = BTreeSet::new();
    let mut recorded = Vec::with_capacity(samples.len());
    for sample in samples {
        let named = sample.labels.with(METRIC_NAME, &rule.name);
        let labels = rule
            .labels
            .iter()
            .fold(named, |labels, (name, value)| labels.with(name, value.text()));
        if !seen.insert(labels.clone()) {
            return Err(RuleProblem::Duplicate(labels));
        }
        recorded.push((labels, sample.value));
    }
    if limit > 0 && recorded.len() > limit {
        let found = recorded.len();
        return Err(RuleProblem::Limit { found, limit });
    }
    Ok(Evaluated {
        samples: recorded,
        ..Evaluated::default()
    })
}

fn judge<S: Storage>(
    rule: &Rule,
    alert: &AlertRule,
    samples: &[Sample],
    alerts: &Alerts,
    moment: &Moment,
    around: &Surroundings<'_, S>,
) -> Result<Evaluated, RuleProblem> {
    let elements = elements(rule, alert, samples, moment, around)?;
    let own = rule.labels.iter().map(|(name, _)| &**name);
    let set_by_rule: Vec<&str> = own.chain(around.former.iter().map(|name| &**name)).collect();
    let presence = Presence {
        storage: around.storage,
        at: moment.at - around.query_offset,
        set_by_rule: &set_by_rule,
        feeds: around.feeds,
        own: around.own,
    };
    let others = Others::of(alerts, &elements, &set_by_rule);
    let look = |alert: &Alert| {
        if others.have(&alert.labels, around.is_settled) {
            Absence::Relabelled
        } else {
            presence.of(&rule.expr, alert)
        }
    };
    let mut step = state::step(alerts, alert, elements, moment, &look);
    let active = step.alerts.values().filter(|alert| alert.state != AlertState::Resolved);
    let found = active.count();
    let mut problem = None;
    if around.limit > 0 && found > around.limit {
        let limit = around.limit;
        problem = Some(RuleProblem::Limit { found, limit });
        step = state::give_up(alerts, moment.at);
    }
    Ok(Evaluated {
        samples: state::samples(&step.alerts),
        alerts: step.alerts,
        changes: step.changes,
        problem,
        ..Evaluated::default()
    })
}

/// What the elements are about, for alerts that are not among them: their labels without those of the rule.
struct Others<'o> {
    set_by_rule: &'o [&'o str],
    /// Empty when no alert asks.
    bare: BTreeSet<Labels>,
}

impl<'o> Others<'o> {
    fn of(alerts: &Alerts, elements: &[Element], set_by_rule: &'o [&'o str]) -> Self {
        let mut others = Self {
            set_by_rule,
            bare: BTreeSet::new(),
        };
        let active = || alerts.values().filter(|alert| alert.state != AlertState::Resolved);
        if active().next().is_some() {
            let present: BTreeSet<&Labels> = elements.iter().map(|element| &element.labels).collect();
            if !active().all(|alert| present.contains(&alert.labels)) {
                others.bare = present.into_iter().map(|labels| others.bare(labels)).collect();
            }
        }
        others
    }

    fn bare(&self, labels: &Labels) -> Labels {
        labels.filtered(|name| !self.set_by_rule.contains(&name))
    }

    /// Whether one of them is about the same. Of a rule that this process has not evaluated yet it is not known which labels it
    /// put on: one that was taken out of it is one more that the alert has.
    fn have(&self, alert: &Labels, is_settled: bool) -> bool {
        let own = self.bare(alert);
        let has_all = |other: &Labels| other.iter().all(|(name, value)| own.get(name) == Some(value));
        self.bare.contains(&own) || (!is_settled && self.bare.len() <= COMPARED_MAX && self.bare.iter().any(has_all))
    }
}

/// The result's elements with their final labels and texts.
fn elements<S: Storage>(
    rule: &Rule,
    alert: &AlertRule,
    samples: &[Sample],
    moment: &Moment,
    around: &Surroundings<'_, S>,
) -> Result<Vec<Element>, RuleProblem> {
    let answers: OnceCell<Rc<dyn Answers>> = OnceCell::new();
    let mut seen = BTreeSet::new();
    let mut elements = Vec::with_capacity(samples.len());
    let written = Cell::new(0_usize);
    let expand = |text: &Template, scope: &Scope<'_>| {
        let text = text.expand(scope);
        written.set(written.get() + text.len());
        text
    };
    for sample in samples {
        if written.get() > TEXT_BYTES_MAX {
            return Err(RuleProblem::TooLong);
        }
        let scope = Scope {
            labels: &sample.labels,
            value: sample.value,
            at: moment.at,
            externals: around.externals,
            answers: Rc::clone(answers.get_or_init(around.answers)),
        };
        let bare = sample.labels.with(METRIC_NAME, "");
        let labels = rule
            .labels
            .iter()
            .fold(bare, |labels, (name, text)| labels.with(name, &expand(text, &scope)))
            .with(ALERT_NAME, &rule.name);
        if !seen.insert(labels.clone()) {
            return Err(RuleProblem::Duplicate(labels));
        }
        let annotations = &alert.annotations;
        elements.push(Element {
            labels,
            annotations: annotations
                .iter()
                .map(|(name, text)| (Arc::clone(name), expand(text, &scope)))
                .collect(),
            value: sample.value,
        });
    }
    // A label that could not be written for want of time would make another alert of this one.
    if (around.stop)() {
        Err(RuleProblem::Late)
    } else {
        Ok(elements)
    }
}

/// Evaluates an expression that a template asks, over the same data and at the same time as its rule. `default_step` as in
/// [`Surroundings`].
///
/// # Errors
///
/// It is no expression, or fails; in words.
pub fn ask(
    storage: &dyn Storage,
    text: &str,
    at: i64,
    default_step: i64,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Sample>, String> {
    let expr = bellwether_promql::parse::parse(text).map_err(|error| error.to_string())?;
    let options = Options {
        lookback: LOOKBACK,
        default_step,
        samples: SAMPLES_MAX,
        elements: ELEMENTS_MAX,
        stop,
    };
    let answer = Query::new(expr)
        .instant(storage, at, &options)
        .map_err(|error| error.to_string())?;
    vector(answer.value).map_err(|problem| problem.to_string())
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
