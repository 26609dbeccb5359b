//! What a check and `[defaults]` have in common.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        guest,
        reader::Reader,
        reading::Secrets,
        resolved::Limits,
        source::{At, Span},
        tree::{Entry, Value},
        vocabulary::TableSpec,
        wording::excerpt,
    },
    schedule::{INTERVAL_MAX, INTERVAL_MIN, STALE_AFTER_MAX, TIMEOUT_MAX, TIMEOUT_MIN},
};
use crate::metric::{LabelName, MetricName};

/// How the host's own metrics begin.
const RESERVED_PREFIX: &str = "bellwether_";

/// Longest `prefix`, in bytes: it stands before each metric name, which has 256 in all.
pub const PREFIX_BYTES_MAX: usize = 64;

/// Most labels of one check: each is repeated on each of its series.
pub const LABELS_MAX: usize = 32;

/// Longest value of a label, in bytes.
const LABEL_VALUE_BYTES_MAX: usize = 1024;

/// Label names that have a meaning of their own in the exposition.
const LABELS_RESERVED: [(&str, &str); 3] = [
    ("check", "it holds the name of the check"),
    ("le", "it holds the bounds of histograms"),
    ("quantile", "it holds the quantiles of summaries"),
];

/// Values as the file says them, and places where a rule between two of them may be broken.
#[derive(Debug, Default)]
pub(in super::super) struct Tuning {
    pub(super) interval: Option<At<Duration>>,
    pub(super) retry_interval: Option<At<Duration>>,
    pub(super) timeout: Option<At<Duration>>,
    pub(super) stale_after: Option<At<Duration>>,
    pub(super) timezone: Option<At<String>>,
    pub(super) prefix: Option<String>,
    pub(super) labels: BTreeMap<LabelName, String>,
    pub(super) limits: Limits,
    pub(super) required: Option<bool>,
}

pub(super) fn read(reader: &Reader<'_, '_>, limits_spec: &'static TableSpec) -> Tuning {
    let intervals = INTERVAL_MIN..=INTERVAL_MAX;
    Tuning {
        interval: reader.duration("interval", &intervals),
        retry_interval: reader.duration("retry_interval", &intervals),
        timeout: reader.duration("timeout", &(TIMEOUT_MIN..=TIMEOUT_MAX)),
        stale_after: reader.duration("stale_after", &(INTERVAL_MIN..=STALE_AFTER_MAX)),
        timezone: reader.string("timezone"),
        prefix: prefix(reader),
        labels: labels(reader),
        limits: guest::limits(reader, limits_spec),
        required: reader.boolean("required").map(|required| required.value),
    }
}

fn prefix(reader: &Reader<'_, '_>) -> Option<String> {
    let At { value, span } = reader.string("prefix")?;
    let problem = if value.is_empty() {
        return Some(value);
    } else if value.len() > PREFIX_BYTES_MAX {
        format!(
            "`prefix` is {} bytes long; at most {PREFIX_BYTES_MAX} are accepted",
            value.len()
        )
    } else if MetricName::new(&value).is_err() {
        format!(
            "`prefix` cannot be \"{}\": no metric name starts like that",
            excerpt(&value)
        )
    } else if value.starts_with(RESERVED_PREFIX) {
        format!(
            "`prefix` cannot begin with `{RESERVED_PREFIX}`: such names are the host's own, and nothing would be served"
        )
    } else {
        return Some(value);
    };
    let hint = "letters, digits and `_`, not starting with a digit, such as \"adult_matching_\"".to_owned();
    reader.reading.error(span, problem, hint);
    None
}

pub(in super::super) fn labels(reader: &Reader<'_, '_>) -> BTreeMap<LabelName, String> {
    let Some(node) = reader.node("labels") else {
        return BTreeMap::new();
    };
    let Value::Table(table) = &node.value else {
        reader.wrong(
            "labels",
            node,
            "a table",
            Some("for example: labels = { team = \"booking\" }".to_owned()),
        );
        return BTreeMap::new();
    };
    if table.entries.len() > LABELS_MAX {
        let message = format!("{} labels; at most {LABELS_MAX} are accepted", table.entries.len());
        reader.reading.error(node.span, message, None);
    }
    guest::warn_of_slid_keys(reader, table, |key| format!("`{key}` becomes a label of every sample"));
    table.entries.iter().filter_map(|entry| label(reader, entry)).collect()
}

fn label(reader: &Reader<'_, '_>, entry: &Entry) -> Option<(LabelName, String)> {
    let value = reader.text(&entry.key, &entry.node, "a string", Secrets::Refused);
    let name = label_name(reader, &entry.key, entry.key_span);
    let value = value?.text;
    if value.len() > LABEL_VALUE_BYTES_MAX {
        let message = format!(
            "label `{}` has a value of {} bytes; at most {LABEL_VALUE_BYTES_MAX} are accepted",
            excerpt(&entry.key),
            value.len()
        );
        reader.reading.error(entry.node.span, message, None);
        return None;
    }
    Some((name?, value))
}

fn label_name(reader: &Reader<'_, '_>, name: &str, span: Span) -> Option<LabelName> {
    if let Some((_, why)) = LABELS_RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        reader.reading.error(
            span,
            format!("label `{name}` is taken: {why}"),
            "choose another name".to_owned(),
        );
        return None;
    }
    match LabelName::new(name) {
        Ok(name) => Some(name),
        Err(error) => {
            let likely = name.replace(|other: char| !other.is_ascii_alphanumeric(), "_");
            let likely = LabelName::new(&likely).ok().map(|likely| format!("write `{likely}`"));
            reader.reading.error(span, error.to_string(), likely);
            None
        }
    }
}

/// A label of the check wins over the default of that name; an empty one takes it away, as in Prometheus an empty label
/// is none.
pub(super) fn merged_labels(
    defaults: &BTreeMap<LabelName, String>,
    own: &BTreeMap<LabelName, String>,
) -> BTreeMap<LabelName, String> {
    let mut merged = defaults.clone();
    merged.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    merged.retain(|_, value| !value.is_empty());
    merged
}
