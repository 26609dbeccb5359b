//! Label sets: sorted by name, shared, compared and hashed as Prometheus does.
//!
//! The name of a metric is the label `__name__`. A label whose value is empty does not exist.

use std::{fmt, sync::Arc};

use crate::parse::quote;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label that holds a histogram bucket's upper bound.
pub const BUCKET: &str = "le";

/// One label.
pub type Label = (Arc<str>, Arc<str>);

/// A set of labels: sorted by name, each name once, no empty value. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// From labels in any order. Of equal names the last one counts; empty values are dropped.
    pub fn new(labels: impl IntoIterator<Item = (impl Into<Arc<str>>, impl Into<Arc<str>>)>) -> Self {
        let mut all: Vec<Label> = labels
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut kept: Vec<Label> = Vec::with_capacity(all.len());
        for label in all {
            match kept.last_mut() {
                Some(last) if last.0 == label.0 => *last = label,
                _ => kept.push(label),
            }
        }
        kept.retain(|(_, value)| !value.is_empty());
        Self(kept.into())
    }

    /// From labels that are sorted by name, each name once, none empty: the caller's promise, checked in debug builds.
    pub fn from_sorted(labels: Vec<Label>) -> Self {
        debug_assert!(labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
        debug_assert!(labels.iter().all(|(_, value)| !value.is_empty()));
        Self(labels.into())
    }

    /// The value of a label, if there is one.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        // Label sets are small and often asked for an early name: a walk beats a binary search.
        self.0.iter().find(|(own, _)| &**own == name).map(|(_, value)| value)
    }

    /// The name of the metric, if it has one.
    pub fn metric_name(&self) -> Option<&Arc<str>> {
        self.get(METRIC_NAME)
    }

    /// By name.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.iter()
    }

    /// How many there are, the metric's name included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose name satisfies `keep`.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// With one label set, or deleted when `value` is empty.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut labels: Vec<Label> = self.0.iter().filter(|(own, _)| &**own != name).cloned().collect();
        if !value.is_empty() {
            let at = labels.partition_point(|(own, _)| &**own < name);
            labels.insert(at, (name.into(), value.into()));
        }
        Self(labels.into())
    }
}

/// As PromQL writes it, and reads it: `name{a="b"}`, and `{"a name", "a label"="b"}` where names are not plain.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        let before = name.filter(|name| is_plain(name, true));
        if let Some(name) = before {
            f.write_str(name)?;
            if self.len() == 1 {
                return Ok(());
            }
        }
        let inside = name.filter(|_| before.is_none());
        let others = self.0.iter().filter(|(name, _)| &**name != METRIC_NAME);
        let others = others.map(|(name, value)| match is_plain(name, false) {
            true => format!("{name}={}", quote(value)),
            false => format!("{}={}", quote(name), quote(value)),
        });
        let parts: Vec<String> = inside.map(|name| quote(name)).into_iter().chain(others).collect();
        write!(f, "{{{}}}", parts.join(", "))
    }
}

/// Whether a name can stand without quotes; a metric's may have colons.
fn is_plain(name: &str, colons: bool) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    name.chars().all(letter) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
