//! Families as text: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! Owns both formats, whole: escaping, numbers, names. Flows in: a [`FamilyHead`] and [`Points`] with the labels the
//! board adds. Flows out: bytes appended to a buffer; a family is one [`head`] and any number of [`block`]s, and an
//! OpenMetrics exposition ends with [`EOF`]. It does not sort, merge or look for duplicates: the names of `extra` and of
//! the family must be disjoint, and neither may be `le` in a histogram or `quantile` in a summary.
//!
//! A series has the same name and the same labels in both formats, because a Prometheus server picks one by negotiation
//! and rules must not depend on which. Where OpenMetrics wants other names for a kind, the family is declared as a
//! looser kind there (see [`declared`]).

mod number;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use super::{FamilyHead, HistogramSample, LabelName, MetricKind, Points, Sample, SummarySample};
use crate::clock::Timestamp;

/// Which text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, version 0.0.4.
    Prometheus,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Both, for caches with one slot each.
    pub const ALL: [Self; 2] = [Self::Prometheus, Self::OpenMetrics];
}

/// The last line of an OpenMetrics exposition. Prometheus text has none.
pub const EOF: &[u8] = b"# EOF\n";

/// How a family is declared in one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Declared<'h> {
    /// The name in HELP, TYPE and UNIT, and before `_created`.
    name: &'h str,
    /// The word after TYPE.
    word: &'static str,
    /// The rules the samples are held to; `Untyped` holds them to none.
    kind: MetricKind,
}

/// A counter without `_total`, an info without `_info` and a state set whose last label is not called as the family
/// cannot be declared as such in OpenMetrics without renaming their series; they become `unknown` or `gauge`.
fn declared(format: Format, head: &FamilyHead) -> Declared<'_> {
    let name = head.name.as_str();
    let as_is = |word, kind| Declared { name, word, kind };
    match (format, head.kind) {
        (Format::Prometheus, MetricKind::Info | MetricKind::StateSet) => as_is("gauge", MetricKind::Untyped),
        (Format::Prometheus, MetricKind::Untyped) => as_is("untyped", MetricKind::Untyped),
        (Format::Prometheus, kind) => as_is(kind.as_str(), MetricKind::Untyped),
        (Format::OpenMetrics, MetricKind::Counter) => match stem(name, "_total") {
            Some(name) => Declared {
                name,
                word: "counter",
                kind: MetricKind::Counter,
            },
            None => as_is("unknown", MetricKind::Untyped),
        },
        (Format::OpenMetrics, MetricKind::Info) => match stem(name, "_info") {
            Some(name) => Declared {
                name,
                word: "info",
                kind: MetricKind::Info,
            },
            None => as_is("gauge", MetricKind::Gauge),
        },
        (Format::OpenMetrics, MetricKind::StateSet) => {
            if head.label_names.last().is_some_and(|last| last.as_str() == name) {
                as_is("stateset", MetricKind::StateSet)
            } else {
                as_is("gauge", MetricKind::Gauge)
            }
        }
        (Format::OpenMetrics, MetricKind::Untyped) => as_is("unknown", MetricKind::Untyped),
        (Format::OpenMetrics, kind @ (MetricKind::Gauge | MetricKind::Histogram | MetricKind::Summary)) => {
            as_is(kind.as_str(), kind)
        }
    }
}

fn stem<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    name.strip_suffix(suffix).filter(|stem| !stem.is_empty())
}

/// Every name that a family takes for itself in an OpenMetrics exposition. Two families whose names meet (a gauge `jobs`
/// and a counter `jobs_total`, a gauge `wait_count` and a summary `wait`) cannot stand in one exposition: strict parsers
/// refuse all of it.
pub fn claimed_names(head: &FamilyHead) -> Vec<String> {
    let Declared { name, kind, .. } = declared(Format::OpenMetrics, head);
    let suffixes: &[&str] = match kind {
        MetricKind::Counter => &["", "_total", "_created"],
        MetricKind::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
        MetricKind::Summary => &["", "_count", "_sum", "_created"],
        MetricKind::Info => &["", "_info"],
        MetricKind::Gauge | MetricKind::Untyped | MetricKind::StateSet => &[""],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

/// Appends HELP (unless empty), TYPE and, in OpenMetrics, UNIT when the name ends with the unit.
pub fn head(format: Format, head: &FamilyHead, out: &mut Vec<u8>) {
    let Declared { name, word, kind } = declared(format, head);
    if !head.help.is_empty() {
        put(out, &["# HELP ", name, " "]);
        escape(&head.help, format == Format::OpenMetrics, out);
        out.push(b'\n');
    }
    put(out, &["# TYPE ", name, " ", word, "\n"]);
    let unit = &*head.unit;
    let wants_unit = format == Format::OpenMetrics && !matches!(kind, MetricKind::Info | MetricKind::StateSet);
    if wants_unit && !unit.is_empty() && stem(name, unit).is_some_and(|rest| rest.ends_with('_')) {
        put(out, &["# UNIT ", name, " ", unit, "\n"]);
    }
}

/// Appends the samples of `points`. A label whose value is "" is left out. Values that OpenMetrics forbids for the
/// declared kind (a negative or NaN counter, a state other than 0 or 1) are left out there and stand in Prometheus text.
pub fn block(format: Format, head: &FamilyHead, points: &Points, extra: &[(LabelName, Arc<str>)], out: &mut Vec<u8>) {
    let mut writer = Writer::new(format, head, extra, out);
    match points {
        Points::Values(samples) => samples.iter().for_each(|sample| writer.value(sample)),
        Points::Histograms(samples) => samples.iter().for_each(|sample| writer.histogram(sample)),
        Points::Summaries(samples) => samples.iter().for_each(|sample| writer.summary(sample)),
    }
}

/// A bucket's bound or a quantile as the text has it: part of a series' identity.
pub fn bound(bound: f64) -> String {
    let mut out = Vec::new();
    number::bound(bound, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

struct Writer<'a> {
    format: Format,
    head: &'a FamilyHead,
    declared: Declared<'a>,
    /// The labels of the current sample, `a="b",c="d"`, and before them the extra ones, which stay.
    labels: Vec<u8>,
    extra_len: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(format: Format, head: &'a FamilyHead, extra: &[(LabelName, Arc<str>)], out: &'a mut Vec<u8>) -> Self {
        let mut labels = Vec::new();
        for (name, value) in extra {
            label(name.as_str(), value, &mut labels);
        }
        let extra_len = labels.len();
        Self {
            format,
            head,
            declared: declared(format, head),
            labels,
            extra_len,
            out,
        }
    }

    fn is_open_metrics(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    fn take_labels(&mut self, values: &[Arc<str>]) {
        self.labels.truncate(self.extra_len);
        for (name, value) in self.head.label_names.iter().zip(values) {
            label(name.as_str(), value, &mut self.labels);
        }
    }

    /// `name`, `suffix` and the current labels, with one more when `last` is given, and the space before the value.
    fn series(&mut self, name: &str, suffix: &str, last: Option<(&str, f64)>) {
        put(self.out, &[name, suffix]);
        if self.labels.is_empty() && last.is_none() {
            self.out.push(b' ');
            return;
        }
        self.out.push(b'{');
        self.out.extend_from_slice(&self.labels);
        if let Some((label, bound)) = last {
            put(self.out, &[if self.labels.is_empty() { "" } else { "," }, label, "=\""]);
            number::bound(bound, self.out);
            self.out.push(b'"');
        }
        self.out.extend_from_slice(b"} ");
    }

    fn float(&mut self, name: &str, suffix: &str, last: Option<(&str, f64)>, value: f64) {
        self.series(name, suffix, last);
        number::value(value, self.out);
        self.out.push(b'\n');
    }

    fn count(&mut self, name: &str, suffix: &str, last: Option<(&str, f64)>, count: u64) {
        self.series(name, suffix, last);
        number::integer(count, self.out);
        self.out.push(b'\n');
    }

    fn created(&mut self, created: Option<Timestamp>) {
        if let (Format::OpenMetrics, Some(created)) = (self.format, created) {
            self.series(self.declared.name, "_created", None);
            number::seconds(created, self.out);
            self.out.push(b'\n');
        }
    }

    fn value(&mut self, sample: &Sample) {
        if !permitted(self.declared.kind, sample.value) {
            return;
        }
        self.take_labels(&sample.label_values);
        let name = self.head.name.as_str();
        self.float(name, "", None, sample.value);
        if self.declared.kind == MetricKind::Counter {
            self.created(sample.created);
        }
    }

    fn histogram(&mut self, sample: &HistogramSample) {
        self.take_labels(&sample.label_values);
        let name = self.head.name.as_str();
        for bucket in &sample.buckets {
            // `+Inf` stands once, below, whether or not the sample lists it.
            if bucket.upper_bound < f64::INFINITY {
                self.count(
                    name,
                    "_bucket",
                    Some(("le", bucket.upper_bound)),
                    bucket.cumulative_count,
                );
            }
        }
        self.count(name, "_bucket", Some(("le", f64::INFINITY)), sample.count);
        // OpenMetrics knows sum and count only together, and no sum over values that may be negative.
        let negative = sample.buckets.iter().any(|bucket| bucket.upper_bound < 0.0);
        if !self.is_open_metrics() || (!negative && permitted(MetricKind::Counter, sample.sum)) {
            self.float(name, "_sum", None, sample.sum);
            self.count(name, "_count", None, sample.count);
        }
        self.created(sample.created);
    }

    fn summary(&mut self, sample: &SummarySample) {
        self.take_labels(&sample.label_values);
        let name = self.head.name.as_str();
        for quantile in &sample.quantiles {
            if self.is_open_metrics() && quantile.value < 0.0 {
                continue;
            }
            self.float(name, "", Some(("quantile", quantile.quantile)), quantile.value);
        }
        if !self.is_open_metrics() || permitted(MetricKind::Counter, sample.sum) {
            self.float(name, "_sum", None, sample.sum);
        }
        self.count(name, "_count", None, sample.count);
    }
}

/// What OpenMetrics lets a value of this declared kind be.
fn permitted(kind: MetricKind, value: f64) -> bool {
    match kind {
        MetricKind::Counter => value >= 0.0,
        MetricKind::Info => value == 1.0,
        MetricKind::StateSet => value == 0.0 || value == 1.0,
        MetricKind::Gauge | MetricKind::Untyped | MetricKind::Histogram | MetricKind::Summary => true,
    }
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends `name="value"`, after a comma when it is not the first; nothing when the value is "".
fn label(name: &str, value: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push(b',');
    }
    put(out, &[name, "=\""]);
    escape(value, true, out);
    out.push(b'"');
}

/// Backslashes, line feeds and, inside quotes, quotes: the same in both formats.
fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    let mut clean_from = 0;
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let escaped: &[u8] = match byte {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'"' if quotes => b"\\\"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[clean_from..at]);
        out.extend_from_slice(escaped);
        clean_from = at + 1;
    }
    out.extend_from_slice(&bytes[clean_from..]);
}
