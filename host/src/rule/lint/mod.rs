//! What is unwise about a rule that can be used: it never fires, always does, or looks for what is not there.
//!
//! Flows in: a [`Rule`] and what is known of the host it will run on. Flows out: [`Finding`]s, each at its place in the rule's
//! expression or labels, as warnings for `validate`. Pure. Nothing here refuses a rule, and what is only probably wrong is not
//! said: who sees a warning too many does not look at the next one.

mod constant;
mod label_sets;

use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};

use bellwether_promql::{
    ast::{AggregateOp, Binary, Expr, ExprKind, Grouping, Selector, Span},
    labels::BUCKET,
    signature::Function,
};

use self::label_sets::keeps_elements;
use super::{Rule, RuleKind, data};

/// What is known of the host. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct Lints {
    /// From tick to tick of the history.
    pub tick: i64,
    /// How long the history keeps what rules read.
    pub retention: i64,
    /// None: some check may report what it does not describe, so nothing is known.
    pub metrics: Option<Metrics>,
}

impl Lints {
    /// Of a host whose history has a tick every `interval`, and keeps what rules read for `retention`.
    pub fn new(interval: Duration, retention: Duration, metrics: Option<Metrics>) -> Self {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self {
            tick: millis(interval),
            retention: millis(retention),
            metrics,
        }
    }
}

/// Names of metrics that may be there.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Of families, with the prefix of their check.
    pub families: BTreeSet<String>,
    /// What names begin with that come from what is watched, with the prefix of their check.
    pub beginnings: BTreeSet<String>,
    /// Of recording rules.
    pub recorded: BTreeSet<Arc<str>>,
}

/// Beginnings of names that the host itself reports, and of the scrape that history stands for.
const OWN: [&str; 3] = ["bellwether_", "process_", "scrape_"];

/// Names that the host itself reports.
const OWN_NAMES: [&str; 3] = ["up", "ALERTS", "ALERTS_FOR_STATE"];

/// What a family's samples may have behind its name.
const SUFFIXES: [&str; 7] = ["", "_total", "_bucket", "_sum", "_count", "_created", "_info"];

impl Metrics {
    fn may_have(&self, name: &str) -> bool {
        self.recorded.contains(name) || self.reports(name)
    }

    /// Whether the host or a check of it does, as far as names say.
    fn reports(&self, name: &str) -> bool {
        let own = OWN_NAMES.contains(&name) || OWN.iter().any(|start| name.starts_with(start));
        let described = |suffix: &&str| {
            name.strip_suffix(*suffix)
                .is_some_and(|family| self.families.contains(family))
        };
        let begins = || self.beginnings.iter().any(|start| name.starts_with(start));
        own || SUFFIXES.iter().any(described) || begins()
    }
}

/// Where a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of the expression.
    Expr(Range<usize>),
    /// The value of a label.
    Label(Arc<str>),
    /// The name of what it records.
    Name,
}

/// One thing that is unwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) part: Part,
    /// A lowercase fragment, one line.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: &'static str,
}

/// All of them, in the order of the expression, those of labels last.
pub(super) fn findings(rule: &Rule, lints: &Lints) -> Vec<Finding> {
    let mut linter = Linter {
        lints,
        found: Vec::new(),
    };
    linter.reach(&rule.expr);
    linter.walk(&rule.expr);
    let part = |finding: &Finding| match &finding.part {
        Part::Expr(bytes) => bytes.start,
        Part::Label(_) | Part::Name => usize::MAX,
    };
    linter.found.sort_by_key(part);
    match rule.kind {
        RuleKind::Alert(_) => linter.labels(rule),
        RuleKind::Record => linter.recorded(rule),
    }
    linter.found
}

struct Linter<'l> {
    lints: &'l Lints,
    found: Vec<Finding>,
}

impl Linter<'_> {
    fn say(&mut self, span: Span, message: impl Into<String>, hint: &'static str) {
        self.found.push(Finding {
            part: Part::Expr(span.start..span.end),
            message: message.into(),
            hint,
        });
    }

    /// How far back and forth the selectors look, within subqueries too.
    fn reach(&mut self, expr: &Expr) {
        for read in data::reads(expr) {
            let back = read.offset + read.range;
            if read.offset < 0 {
                self.say(
                    read.span,
                    "this looks into the future, where there is no sample yet",
                    "an `offset` above zero looks back",
                );
            } else if (read.is_range || read.offset > 0) && back > self.lints.retention {
                let message = format!(
                    "this looks back {}, and history keeps {} of what rules read",
                    hours(back),
                    hours(self.lints.retention)
                );
                self.say(read.span, message, "raise `[history] retention`, or look back less far");
            }
        }
    }

    fn walk(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => self.selector(expr.span, selector),
            ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => self.walk(inner),
            ExprKind::Binary(binary) => {
                self.walk(&binary.lhs);
                self.matching(binary);
                self.comparison(expr, binary);
                self.walk(&binary.rhs);
            }
            ExprKind::Aggregate(aggregate) => {
                aggregate.param.iter().for_each(|param| self.walk(param));
                if aggregate.op == AggregateOp::Quantile {
                    aggregate.param.iter().for_each(|param| self.quantile(param));
                }
                self.walk(&aggregate.expr);
            }
            ExprKind::Call { function, args } => {
                self.call(*function, args);
                args.iter().for_each(|arg| self.walk(arg));
            }
            ExprKind::Subquery(subquery) => self.walk(&subquery.expr),
        }
    }

    fn selector(&mut self, span: Span, selector: &Selector) {
        let (Some(metrics), Some(name)) = (&self.lints.metrics, &selector.name) else {
            return;
        };
        if !metrics.may_have(name) {
            let message = format!("no configured check describes a metric `{name}`, and no rule records it");
            let hint = "is the check's `prefix` in the name? `bellwether inspect PLUGIN` lists what it reports";
            self.say(span, message, hint);
        }
    }

    fn call(&mut self, function: Function, args: &[Expr]) {
        match function {
            Function::HistogramQuantile | Function::HistogramFraction => {
                if let Some(buckets) = args.last() {
                    self.buckets(buckets);
                }
            }
            Function::Rate
            | Function::Increase
            | Function::Irate
            | Function::Delta
            | Function::Idelta
            | Function::Deriv
            | Function::PredictLinear => {
                if let Some(window) = args.first() {
                    self.window(window);
                }
            }
            Function::AbsentOverTime
            | Function::AvgOverTime
            | Function::Changes
            | Function::CountOverTime
            | Function::FirstOverTime
            | Function::LastOverTime
            | Function::MaxOverTime
            | Function::MinOverTime
            | Function::PresentOverTime
            | Function::QuantileOverTime
            | Function::Resets
            | Function::StddevOverTime
            | Function::StdvarOverTime
            | Function::SumOverTime => args.iter().for_each(|arg| self.short_window(arg)),
            _ => {}
        }
        if matches!(function, Function::HistogramQuantile | Function::QuantileOverTime) {
            args.first().into_iter().for_each(|arg| self.quantile(arg));
        }
    }

    /// A window of a function that needs a sample.
    fn short_window(&mut self, window: &Expr) {
        let ExprKind::Range { range, .. } = window.kind else {
            return;
        };
        if range < self.lints.tick {
            let message = format!(
                "a window of {} is empty most of the time: history has a sample every {}",
                hours(range),
                hours(self.lints.tick)
            );
            let hint = "make it at least twice `[history] interval`, or lower that";
            self.say(window.span, message, hint);
        }
    }

    /// 0.95, and not 95.
    fn quantile(&mut self, quantile: &Expr) {
        let ExprKind::Number(number) = &quantile.kind else {
            return;
        };
        if !(0.0..=1.0).contains(number) {
            let message = "no quantile: outside of 0 to 1 the outcome is infinite, whatever is measured";
            self.say(quantile.span, message, "write 95 % as 0.95");
        }
    }

    /// A window of a function that needs two samples.
    fn window(&mut self, window: &Expr) {
        let ExprKind::Range { range, .. } = window.kind else {
            return;
        };
        if range < 2 * self.lints.tick {
            let message = format!(
                "a window of {} seldom holds the two samples that this function needs: history has one every {}",
                hours(range),
                hours(self.lints.tick)
            );
            let hint = "make it at least twice `[history] interval`, better four times";
            self.say(window.span, message, hint);
        }
    }

    /// What quantiles are taken of.
    fn buckets(&mut self, buckets: &Expr) {
        match &buckets.kind {
            ExprKind::Paren(inner) => self.buckets(inner),
            ExprKind::Selector(selector) => {
                let name = selector.name.as_deref().unwrap_or("_bucket");
                if name.ends_with("_bucket") {
                    let hint = "put `rate(…[5m])` around the buckets to judge the last minutes";
                    self.say(
                        buckets.span,
                        "these buckets count since the start of whatever reports them",
                        hint,
                    );
                } else if !name.contains(':') {
                    self.without_buckets(buckets.span, name);
                }
            }
            ExprKind::Aggregate(aggregate) if !keeps_elements(aggregate.op) => {
                let lost = match &aggregate.grouping {
                    Grouping::By(labels) => !labels.iter().any(|label| **label == *BUCKET),
                    Grouping::Without(labels) => labels.iter().any(|label| **label == *BUCKET),
                };
                if lost {
                    let message = "the label `le` is aggregated away, and without it there are no buckets: this never yields anything";
                    self.say(buckets.span, message, "keep it: `sum by (le) (…)`");
                } else {
                    self.rated_buckets(&aggregate.expr);
                }
            }
            _ => self.rated_buckets(buckets),
        }
    }

    /// `rate(x[5m])` where `x` should be `x_bucket`.
    fn rated_buckets(&mut self, expr: &Expr) {
        let ExprKind::Call { args, .. } = &expr.kind else {
            return;
        };
        let Some(ExprKind::Range { selector, .. }) = args.first().map(|arg| &arg.kind) else {
            return;
        };
        let name = selector.name.as_deref().unwrap_or("_bucket");
        if !name.ends_with("_bucket") && !name.contains(':') {
            self.without_buckets(args.first().map_or(expr.span, |arg| arg.span), name);
        }
    }

    fn without_buckets(&mut self, span: Span, name: &str) {
        let message = format!("`{name}` has no buckets, so this never yields anything");
        self.say(span, message, "buckets are in the series whose name ends in `_bucket`");
    }

    /// Operands that can never find each other.
    fn matching(&mut self, binary: &Binary) {
        let Some((label, side)) = label_sets::unmatched(binary) else {
            return;
        };
        let message = format!("nothing ever matches here: only the {side} side has the label `{label}`");
        let hint = "aggregate both sides by the same labels, or name those that they share with `on (…)`";
        self.say(binary.op_span, message, hint);
    }

    fn comparison(&mut self, expr: &Expr, binary: &Binary) {
        if !binary.op.is_comparison() {
            return;
        }
        if let Some(holds) = constant::outcome(expr) {
            let word = if holds { "holds" } else { "never holds" };
            let message = format!("both sides are constant: this {word}, whatever is measured");
            self.say(expr.span, message, "compare a metric");
        } else if constant::never_counts(binary) {
            let message = "this never holds: where there is nothing to count there is no element either";
            self.say(expr.span, message, "`absent(…)` says that something is missing");
        }
    }

    /// A series that is a check's is not taken from a rule.
    fn recorded(&mut self, rule: &Rule) {
        let reported = self
            .lints
            .metrics
            .as_ref()
            .is_some_and(|metrics| metrics.reports(&rule.name));
        if reported {
            self.found.push(Finding {
                part: Part::Name,
                message: format!(
                    "`{}` is a metric that is reported: where labels are the same too, nothing is recorded",
                    rule.name
                ),
                hint: "give what the rule records a name of its own, such as `level:metric:operation`",
            });
        }
    }

    fn labels(&mut self, rule: &Rule) {
        for (name, template) in &rule.labels {
            let text = template.text();
            if text.contains("{{") && (text.contains("$value") || text.contains(".Value")) {
                self.found.push(Finding {
                    part: Part::Label(Arc::clone(name)),
                    message: format!(
                        "the label `{name}` changes with the value: each other value is another alert, whose `for` begins anew"
                    ),
                    hint: "show the value in an annotation",
                });
            }
        }
    }
}

/// Rules that are the same as another one, with the place of that one.
pub(super) fn duplicates<'r>(rules: impl Iterator<Item = &'r Arc<Rule>>) -> Vec<(&'r Rule, &'r Rule)> {
    let mut seen: std::collections::BTreeMap<(String, String), &Rule> = std::collections::BTreeMap::new();
    let mut twice = Vec::new();
    for rule in rules {
        let labels: Vec<String> = rule
            .labels
            .iter()
            .map(|(name, text)| format!("{name}={:?}", text.text()))
            .collect();
        let key = (format!("{}{{{}}}", rule.name, labels.join(",")), rule.expr.to_string());
        match seen.get(&key) {
            Some(first) => twice.push((&**rule, *first)),
            None => drop(seen.insert(key, rule)),
        }
    }
    twice
}

/// `90m` is 1h30m here, as in rule files.
fn hours(millis: i64) -> String {
    super::trial::duration(millis)
}

#[cfg(test)]
mod tests;
