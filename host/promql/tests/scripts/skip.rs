//! Which cases cannot run, and why.

use bellwether_promql::{
    ast::{Expr, ExprKind, Matcher},
    labels::{Labels, METRIC_NAME},
    parse::{ParseError, series},
};

use crate::script::Load;

/// Cases whose values need the feature flag `promql-delayed-name-removal`, which Prometheus' runner sets: without it names are
/// dropped at once, as here. No predicate could tell them; but each must differ without the flag, or it does not belong here.
const DELAYED_NAMES: [(&str, &[usize]); 2] = [
    ("name_label_dropping.test", &[59, 64, 69, 74, 89, 115, 119, 123]),
    ("type_and_unit.test", &[77, 92, 222, 237]),
];

/// Whether a case is among those.
pub(crate) fn needs_delayed_names(script: &str, line: usize) -> bool {
    DELAYED_NAMES
        .iter()
        .any(|(name, lines)| *name == script && lines.contains(&line))
}

/// Series that are loaded and that this evaluator does not have, or has otherwise.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    /// With native histograms among their samples.
    native: Vec<Labels>,
    /// With the moments at which their counters started.
    started: Vec<Labels>,
}

impl Foreign {
    pub(crate) fn note(&mut self, load: &Load) {
        let has_native = |one: &&series::Description| one.values.contains(&series::Item::Histogram);
        self.native
            .extend(load.series.iter().filter(has_native).map(|one| one.labels.clone()));
        if load.native {
            self.native
                .extend(load.series.iter().filter_map(|one| base_of_histogram(&one.labels)));
        }
        self.started.extend(load.started.iter().cloned());
    }

    /// Why an expression cannot be evaluated over what is loaded.
    pub(crate) fn reason(&self, expr: &Expr) -> Option<String> {
        let mut selected = Vec::new();
        selectors(expr, &mut selected);
        if any_selected(&selected, &self.native) {
            return Some("a selector chooses a series with native histograms".to_owned());
        }
        if any_selected(&selected, &self.started) {
            return Some("a selector chooses a series with start timestamps, which are experimental".to_owned());
        }
        None
    }
}

/// Why a text is refused, if it is refused by name and not by mistake.
pub(crate) fn refused_by_name(error: &ParseError) -> Option<String> {
    let known = [
        "is experimental in Prometheus",
        "works on native histograms, which are not supported",
    ];
    if known
        .iter()
        .any(|why| error.message.starts_with('`') && error.message.ends_with(why))
    {
        return Some(error.message.clone());
    }
    let modifiers = [
        "experimental in Prometheus and not supported",
        "native histograms, which are not supported",
    ];
    error
        .hint
        .clone()
        .filter(|hint| modifiers.iter().any(|why| hint.ends_with(why)))
}

/// The series that a bucket, sum or count makes beside itself when classic histograms become native ones.
fn base_of_histogram(labels: &Labels) -> Option<Labels> {
    let name = labels.metric_name()?;
    let base = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    Some(labels.with("le", "").with(METRIC_NAME, base))
}

fn any_selected(selected: &[&[Matcher]], series: &[Labels]) -> bool {
    let matches = |matchers: &[Matcher], labels: &Labels| {
        matchers
            .iter()
            .all(|one| one.matches(labels.get(&one.name).map_or("", |value| value)))
    };
    selected
        .iter()
        .any(|matchers| series.iter().any(|labels| matches(matchers, labels)))
}

fn selectors<'e>(expr: &'e Expr, out: &mut Vec<&'e [Matcher]>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => selectors(inner, out),
        ExprKind::Binary(binary) => {
            selectors(&binary.lhs, out);
            selectors(&binary.rhs, out);
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter().for_each(|param| selectors(param, out));
            selectors(&aggregate.expr, out);
        }
        ExprKind::Call { args, .. } => args.iter().for_each(|arg| selectors(arg, out)),
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => out.push(&selector.matchers),
        ExprKind::Subquery(subquery) => selectors(&subquery.expr, out),
    }
}
