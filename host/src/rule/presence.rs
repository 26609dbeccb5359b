//! What became of the series behind an alert that its expression does not yield any more: pure questions to a storage.
//!
//! Flows in: the expression, the labels of the alert, a storage, what checks reported of late. Flows out: an [`Absence`], which tells
//! a condition that ended from data that vanished, and what is gone from what nobody knows of. It evaluates nothing.

use std::{collections::BTreeSet, sync::Arc};

use bellwether_promql::{
    ast::{Binary, BinaryOp, Cardinality, Expr, ExprKind, MatchOp, Matcher, Selector, Span},
    engine::LOOKBACK,
    labels::{Labels, METRIC_NAME},
    signature::Function,
    storage::{SeriesId, Storage},
    value::is_stale,
};

use super::{
    data::{CHECK, RANGE_HOLD_MAX},
    feeds::{Feeds, Missing},
    state::Absence,
};
use crate::alert::{ALERT_NAME, Alert};

/// How the series begin that the host shows whatever checks report: those about itself and its checks, and those of alerts.
const OF_HOST: [&str; 2] = ["bellwether_", "ALERTS"];

/// The one among them that it has from reports: the verdict about each target.
const VERDICTS: &str = "bellwether_check_status";

/// Asks what became of the series that an alert was about.
#[derive(Debug)]
pub struct Presence<'p, S: Storage + ?Sized> {
    /// Holds the series.
    pub storage: &'p S,
    /// When the expression was evaluated.
    pub at: i64,
    /// Labels that the rule put on, which say nothing about its series.
    pub set_by_rule: &'p [&'p str],
    /// What checks reported.
    pub feeds: &'p Feeds,
    /// The `job` and the `instance` that the host gives its series now.
    pub own: [&'p str; 2],
}

/// What a part of the expression is asked about.
#[derive(Clone, Debug)]
struct Part {
    /// What the alert says of the labels of its elements.
    labels: Labels,
    /// Milliseconds from the end of its window to the evaluation.
    offset: i64,
    /// What subqueries add to its window.
    range: i64,
    /// Fewest samples in its window of which the function over it makes anything.
    samples: usize,
    /// Its elements have these labels and no others, but for the metric's name and those that the rule put on.
    is_exact: bool,
}

/// One alert, as it is asked about.
struct Case<'c, S: Storage + ?Sized> {
    presence: &'c Presence<'c, S>,
    /// Labels that the expression makes up.
    made: Vec<Arc<str>>,
    /// Since when its data is missing.
    since: Option<i64>,
}

impl<S: Storage + ?Sized> Presence<'_, S> {
    /// What became of the series that every part of the expression must have for the alert to be.
    pub fn of(&self, expr: &Expr, alert: &Alert) -> Absence {
        let mut made = Vec::new();
        made_labels(expr, &mut made);
        let since = alert.no_data_since;
        let case = Case {
            presence: self,
            made,
            since,
        };
        let labels = alert.labels.filtered(|name| name != ALERT_NAME && !case.is_made(name));
        case.look(
            expr,
            &Part {
                labels,
                offset: 0,
                range: 0,
                samples: 1,
                is_exact: true,
            },
        )
    }
}

impl<S: Storage + ?Sized> Case<'_, S> {
    fn is_made(&self, name: &str) -> bool {
        self.presence.set_by_rule.contains(&name) || self.made.iter().any(|made| **made == *name)
    }

    fn look(&self, expr: &Expr, part: &Part) -> Absence {
        let inexact = || Part {
            is_exact: false,
            ..part.clone()
        };
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => Absence::Ended,
            ExprKind::Selector(selector) => self.selected(selector, part, part.range + LOOKBACK, part.range > 0),
            ExprKind::Range { selector, range } => self.selected(selector, part, part.range + range, true),
            ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => self.look(inner, part),
            ExprKind::Binary(binary) => self.look_at_both(binary, part),
            ExprKind::Aggregate(aggregate) => self.look(&aggregate.expr, &inexact()),
            // What is absent is there when its series are.
            ExprKind::Call {
                function: Function::Absent | Function::AbsentOverTime,
                ..
            } => Absence::Ended,
            ExprKind::Call { function, args } => {
                let part = Part {
                    samples: samples_of(*function),
                    is_exact: part.is_exact && !drops_labels(*function),
                    ..part.clone()
                };
                let each = args.iter().map(|arg| self.look(arg, &part));
                each.max().unwrap_or(Absence::Ended)
            }
            ExprKind::Subquery(subquery) => self.look(
                &subquery.expr,
                &Part {
                    offset: part.offset + subquery.shift.offset,
                    range: part.range + subquery.range,
                    // Of an instant many samples are made.
                    samples: 1,
                    ..part.clone()
                },
            ),
        }
    }

    /// Each side is asked about the labels that the result has from it.
    fn look_at_both(&self, binary: &Binary, part: &Part) -> Absence {
        let matching = &binary.matching;
        let included = |name: &str| matching.include.iter().any(|own| **own == *name);
        let compared = |name: &str| matching.labels.iter().any(|own| **own == *name) == matching.on;
        let of = |labels: Labels, is_whole: bool| Part {
            labels,
            is_exact: part.is_exact && is_whole,
            ..part.clone()
        };
        let whole = || of(part.labels.clone(), true);
        let is_plain = !matching.on && matching.labels.is_empty();
        let one = || of(part.labels.filtered(|name| compared(name) || included(name)), is_plain);
        let many = || {
            of(
                part.labels.filtered(|name| !included(name)),
                matching.include.is_empty(),
            )
        };
        let (left, right) = match (binary.op, matching.cardinality) {
            (BinaryOp::Or, _) => (whole(), whole()),
            (BinaryOp::And | BinaryOp::Unless, _) => (whole(), one()),
            (_, Cardinality::ManyToOne) => (many(), one()),
            (_, Cardinality::OneToMany) => (one(), many()),
            (_, Cardinality::OneToOne | Cardinality::ManyToMany) => (one(), one()),
        };
        let left = self.look(&binary.lhs, &left);
        match binary.op {
            BinaryOp::Unless => left,
            BinaryOp::Or => left.min(self.look(&binary.rhs, &right)),
            _ => left.max(self.look(&binary.rhs, &right)),
        }
    }

    /// `window` in milliseconds; of an instant selector outside of subqueries it is no range to be filled.
    fn selected(&self, selector: &Selector, part: &Part, window: i64, is_range: bool) -> Absence {
        if selector.shift.at.is_some() {
            return Absence::Ended;
        }
        let storage = self.presence.storage;
        let until = self.presence.at - part.offset - selector.shift.offset;
        let found = storage.find(&selector.matchers);
        let agree = |id: &&SeriesId| agree(storage.labels(**id), &part.labels);
        let alike: Vec<SeriesId> = found.iter().filter(agree).copied().collect();
        let own = |id: &&SeriesId| !part.is_exact || self.is_same(storage.labels(**id), &part.labels);
        let living = |id: &SeriesId| {
            let newest = storage.newest(*id, until - window, until)?;
            let is_returning = || is_range && self.is_returning(*id, until - window, until, part.samples);
            (!is_stale(newest.value)).then(|| {
                if is_returning() {
                    Absence::Returning
                } else {
                    Absence::Ended
                }
            })
        };
        if let Some(best) = alike.iter().filter(own).filter_map(living).min() {
            return best;
        }
        // An offset looks at what was missing once.
        let newest = |id: &SeriesId| storage.newest(*id, self.presence.at - LOOKBACK, i64::MAX / 4);
        let is_back = |id: &SeriesId| newest(id).is_some_and(|point| !is_stale(point.value));
        if alike.iter().filter(own).any(is_back) {
            Absence::Returning
        } else if found
            .iter()
            .any(|id| is_back(id) && self.is_renamed(storage.labels(*id), part))
        {
            Absence::Vanished
        } else {
            self.missing(selector, part, &alike)
        }
    }

    /// Whether too little of a window is there for its function, or, after a time without data, most of it is missing.
    fn is_returning(&self, id: SeriesId, after: i64, until: i64, samples: usize) -> bool {
        let mut points = Vec::new();
        self.presence.storage.read(id, after, until, &mut points);
        points.retain(|point| !is_stale(point.value));
        if points.len() < samples {
            return true;
        }
        let Some(since) = self.since else { return false };
        let times = || points.iter().map(|point| point.at);
        let Some(back) = times().find(|at| *at > since) else {
            return false;
        };
        let gone = times().rfind(|at| *at <= since).unwrap_or(after);
        (back - gone) * 2 > until - after && until - back < RANGE_HOLD_MAX
    }

    /// Nothing is there that the selector would select for the alert; `alike` was once, or is and has other labels besides.
    fn missing(&self, selector: &Selector, part: &Part, alike: &[SeriesId]) -> Absence {
        let (storage, feeds) = (self.presence.storage, self.presence.feeds);
        let named = selector
            .matchers
            .iter()
            .find(|matcher| *matcher.name == *CHECK && matcher.op == MatchOp::Equal);
        let check = part.labels.get(CHECK).or(named.map(|matcher| &matcher.value));
        let missing = Missing {
            labels: &part.labels,
            since: self.since,
            was_target: check.is_some_and(|check| self.was_target(check, &part.labels)),
        };
        let name = selector.name.as_deref().unwrap_or_default();
        if name != VERDICTS && OF_HOST.iter().any(|of_host| name.starts_with(of_host)) {
            return feeds.of_host(check.map(|check| &**check), &missing);
        }
        if let Some(check) = check {
            return feeds.of_check(check, &missing);
        }
        let checks: BTreeSet<&Arc<str>> = alike.iter().filter_map(|id| storage.labels(*id).get(CHECK)).collect();
        let each = checks.into_iter().map(|check| feeds.of_check(check, &missing));
        each.min().unwrap_or_else(|| feeds.of_any(&missing))
    }

    /// Whether the series is the one that is asked about, since the host has another `job` or `instance`.
    fn is_renamed(&self, series: &Labels, part: &Part) -> bool {
        let now = ["job", "instance"].into_iter().zip(self.presence.own);
        let is_own = |(name, value): (&str, &str)| series.get(name).is_some_and(|own| **own == *value);
        if !now.clone().all(is_own) {
            return false;
        }
        let has = |(name, _): &(&str, &str)| part.labels.get(name).is_some();
        let labels = now
            .filter(has)
            .fold(part.labels.clone(), |labels, (name, value)| labels.with(name, value));
        labels != part.labels && agree(series, &labels) && (!part.is_exact || self.is_same(series, &labels))
    }

    /// Whether the check once judged the target that the labels name.
    fn was_target(&self, check: &str, labels: &Labels) -> bool {
        const TARGET: &str = "target";
        let Some(target) = labels.get(TARGET) else { return false };
        let wanted = [(METRIC_NAME, VERDICTS), (CHECK, check), (TARGET, &**target)];
        let matchers = wanted.map(|(name, value)| equal(name, value));
        !self.presence.storage.find(&matchers).is_empty()
    }

    /// Whether these are all labels of the series, but for those that an alert cannot have from it.
    fn is_same(&self, series: &Labels, told: &Labels) -> bool {
        let has = |labels: &Labels, name: &str, value: &str| labels.get(name).is_some_and(|own| **own == *value);
        let is_passed = |name: &str| *name == *METRIC_NAME || self.is_made(name);
        series
            .iter()
            .all(|(name, value)| is_passed(name) || has(told, name, value))
            && told
                .iter()
                .all(|(name, value)| is_passed(name) || has(series, name, value))
    }
}

/// How many samples a function needs to yield anything.
const fn samples_of(function: Function) -> usize {
    match function {
        Function::Rate
        | Function::Increase
        | Function::Delta
        | Function::Irate
        | Function::Idelta
        | Function::Deriv
        | Function::PredictLinear => 2,
        _ => 1,
    }
}

/// Whether the elements of a call have other labels than those of its arguments.
const fn drops_labels(function: Function) -> bool {
    matches!(
        function,
        Function::HistogramQuantile | Function::HistogramFraction | Function::Scalar
    )
}

fn equal(name: &str, value: &str) -> Matcher {
    Matcher {
        name: name.into(),
        op: MatchOp::Equal,
        value: value.into(),
        regex: None,
        span: Span::default(),
    }
}

/// Whether no label has two values in them.
fn agree(series: &Labels, told: &Labels) -> bool {
    let other = |name: &str, value: &str| series.get(name).is_some_and(|own| **own != *value);
    told.iter()
        .all(|(name, value)| **name == *METRIC_NAME || !other(name, value))
}

/// Labels that the expression makes up.
fn made_labels(expr: &Expr, made: &mut Vec<Arc<str>>) {
    let text = |expr: Option<&Expr>| match expr.map(|expr| &expr.kind) {
        Some(ExprKind::String(text)) => Some(Arc::clone(text)),
        _ => None,
    };
    match &expr.kind {
        ExprKind::Call { function, args } => {
            if matches!(function, Function::LabelReplace | Function::LabelJoin) {
                made.extend(text(args.get(1)));
            }
            args.iter().for_each(|arg| made_labels(arg, made));
        }
        ExprKind::Aggregate(aggregate) => {
            made.extend(text(aggregate.param.as_ref()));
            made_labels(&aggregate.expr, made);
        }
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => made_labels(inner, made),
        ExprKind::Binary(binary) => {
            made_labels(&binary.lhs, made);
            made_labels(&binary.rhs, made);
        }
        ExprKind::Subquery(subquery) => made_labels(&subquery.expr, made),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range { .. } => {}
    }
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
