//! Names, labels, unit and help of a family.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use super::{ConvertRules, Refusal, text, wit};
use crate::metric::{FamilyHead, LabelName, MetricKind, MetricName};

/// Label names of one family. Past some thirty, a metric is an event; large backends refuse more as well.
pub(super) const LABELS_MAX: usize = 32;

/// Bytes of a unit: the longest in use, such as `bytes_per_second`, are a quarter of it.
pub(super) const UNIT_BYTES_MAX: usize = 64;

/// Bytes of help that are kept: a sentence or three, repeated on every scrape.
const HELP_BYTES_MAX: usize = 1 << 10;

/// Families starting so are the host's account of its checks: a guest must not speak in the host's name.
const HOST_PREFIX: &str = "bellwether_";

/// What rules write: a guest must not forge alerts.
const RULE_NAMES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// The label that the host puts on every sample.
const CHECK_LABEL: &str = "check";

/// Bytes of text in a family without its points.
pub(super) fn cost(family: &wit::MetricFamily) -> usize {
    let labels: usize = family.label_names.iter().map(String::len).sum();
    family.name.len() + family.help.len() + family.unit.len() + labels
}

/// Everything but the points.
pub(super) fn head(family: &wit::MetricFamily, rules: &ConvertRules<'_>) -> Result<FamilyHead, Refusal> {
    let kind = kind(&family.points);
    let name = name(&family.name, rules.prefix, kind)?;
    let unit = unit(&family.unit, &name, kind)?;
    Ok(FamilyHead {
        label_names: label_names(&family.label_names, kind, rules)?,
        help: text::line(&family.help, HELP_BYTES_MAX, rules.redactor).into(),
        unit,
        name,
        kind,
    })
}

const fn kind(points: &wit::Points) -> MetricKind {
    match points {
        wit::Points::Gauge(_) => MetricKind::Gauge,
        wit::Points::Counter(_) | wit::Points::Increments(_) => MetricKind::Counter,
        wit::Points::Histogram(_) | wit::Points::Observations(_) => MetricKind::Histogram,
        wit::Points::Summary(_) => MetricKind::Summary,
        wit::Points::Untyped(_) => MetricKind::Untyped,
        wit::Points::Info(_) => MetricKind::Info,
        wit::Points::StateSet(_) => MetricKind::StateSet,
    }
}

/// The suffix that OpenMetrics takes off to get the family's name.
const fn kind_suffix(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "_total",
        MetricKind::Info => "_info",
        MetricKind::Gauge
        | MetricKind::Untyped
        | MetricKind::Histogram
        | MetricKind::Summary
        | MetricKind::StateSet => "",
    }
}

fn name(guest: &str, prefix: &str, kind: MetricKind) -> Result<MetricName, Refusal> {
    // On its own first: a prefix must not make a name out of nothing.
    let mut name = MetricName::new(guest)?;
    if !prefix.is_empty() {
        name = MetricName::new(&format!("{prefix}{guest}"))?;
    }
    if name.as_str().starts_with(HOST_PREFIX) || RULE_NAMES.contains(&name.as_str()) {
        return Err(Refusal::Reserved(name));
    }
    let suffix = kind_suffix(kind);
    match name.as_str().strip_suffix(suffix) {
        Some(base) if !base.is_empty() => Ok(name),
        _ => Err(Refusal::Suffix { kind, suffix, name }),
    }
}

fn unit(unit: &str, name: &MetricName, kind: MetricKind) -> Result<Arc<str>, Refusal> {
    if unit.is_empty() {
        return Ok(Arc::default());
    }
    let word = unit.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !word || unit.len() > UNIT_BYTES_MAX {
        return Err(Refusal::UnitGrammar {
            unit: unit.chars().take(UNIT_BYTES_MAX).collect(),
        });
    }
    if matches!(kind, MetricKind::Info | MetricKind::StateSet) {
        return Err(Refusal::UnitNotAllowed(kind));
    }
    let base = name.as_str().strip_suffix(kind_suffix(kind)).unwrap_or(name.as_str());
    match base.strip_suffix(unit) {
        Some(rest) if rest.ends_with('_') => Ok(unit.into()),
        _ => Err(Refusal::UnitNotInName { unit: unit.to_owned() }),
    }
}

/// The label that a kind's series carry in the text formats.
const fn own_label(kind: MetricKind) -> Option<&'static str> {
    match kind {
        MetricKind::Histogram => Some("le"),
        MetricKind::Summary => Some("quantile"),
        MetricKind::Gauge | MetricKind::Counter | MetricKind::Untyped | MetricKind::Info | MetricKind::StateSet => None,
    }
}

fn label_names(guest: &[String], kind: MetricKind, rules: &ConvertRules<'_>) -> Result<Arc<[LabelName]>, Refusal> {
    if guest.len() > LABELS_MAX {
        return Err(Refusal::TooManyLabels(guest.len()));
    }
    if kind == MetricKind::StateSet && guest.is_empty() {
        return Err(Refusal::NoStateLabel);
    }
    let mut seen = HashSet::with_capacity(guest.len());
    let mut names = Vec::with_capacity(guest.len());
    for label in guest {
        if let Some(own) = own_label(kind).filter(|own| own == label) {
            return Err(Refusal::LabelOfKind { label: own, kind });
        }
        // Checked before it is renamed, so that the message quotes what the guest wrote.
        LabelName::new(label)?;
        if !seen.insert(label.as_str()) {
            return Err(Refusal::RepeatedLabel(label.clone()));
        }
        names.push(LabelName::new(&exposed(label, guest, rules))?);
    }
    Ok(names.into())
}

/// The name under which a guest's label is exposed: a name that the host or the configuration uses gets `exported_`
/// before it, as often as it takes, as in a scrape by Prometheus.
fn exposed<'l>(label: &'l str, guest: &[String], rules: &ConvertRules<'_>) -> Cow<'l, str> {
    let taken = |name: &str| name == CHECK_LABEL || rules.labels.contains_key(name);
    let mut exposed = Cow::Borrowed(label);
    while taken(&exposed) || (exposed != label && guest.iter().any(|other| *other == exposed)) {
        exposed = format!("exported_{exposed}").into();
    }
    exposed
}
