//! Why a part of a report was refused.

use super::{FAMILIES_MAX, POINTS_MAX, TEXT_BYTES_MAX, head, labels, verdict};
use crate::metric::{MetricKind, MetricName, NameError};

/// Why a family, or some of the verdicts, did not pass. Written for the author of the plugin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    /// The report has used up its families.
    #[error("the report has more than {FAMILIES_MAX} families")]
    TooManyFamilies,
    /// The report has used up its points.
    #[error("the report has more than {POINTS_MAX} samples, buckets and observations")]
    TooManyPoints,
    /// The report has used up its bytes.
    #[error("the report has more than {TEXT_BYTES_MAX} bytes of names and label values")]
    TooMuchText,
    /// Not a metric or label name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The host's own names.
    #[error("the name `{0}` belongs to the host")]
    Reserved(MetricName),
    /// The kind asks for a suffix.
    #[error("the name of {kind} metrics ends in `{suffix}`: call it `{name}{suffix}`")]
    Suffix {
        /// What the family says it is.
        kind: MetricKind,
        /// What is missing.
        suffix: &'static str,
        /// With the check's prefix.
        name: MetricName,
    },
    /// The same name again.
    #[error("the report has a family of this name already")]
    Repeated,
    /// OpenMetrics wants the unit in the name.
    #[error("unit `{unit}` does not agree with the name, which would end in `_{unit}`")]
    UnitNotInName {
        /// As the guest wrote it.
        unit: String,
    },
    /// Not a word.
    #[error("unit `{unit}` is not a word of letters, digits and `_` of at most {most} bytes", most = head::UNIT_BYTES_MAX)]
    UnitGrammar {
        /// As the guest wrote it, shortened.
        unit: String,
    },
    /// Infos and state sets have none.
    #[error("{0} metrics have no unit")]
    UnitNotAllowed(MetricKind),
    /// Too many label names.
    #[error("{0} label names; at most {most} are accepted", most = head::LABELS_MAX)]
    TooManyLabels(usize),
    /// The same label name twice.
    #[error("label name `{0}` appears twice")]
    RepeatedLabel(String),
    /// `le` of a histogram, `quantile` of a summary.
    #[error("label `{label}` of {kind} metrics belongs to the exposition")]
    LabelOfKind {
        /// The label.
        label: &'static str,
        /// The kind that uses it.
        kind: MetricKind,
    },
    /// A state set without a label to hold the state.
    #[error("a state-set needs a label for the state, the last of its label names")]
    NoStateLabel,
    /// A state without a name.
    #[error("a state is empty: the last label value of a state-set names the state")]
    EmptyState,
    /// Names and values do not pair up.
    #[error("a sample has {found} label values for {expected} label names")]
    LabelCount {
        /// Label values.
        found: usize,
        /// Label names.
        expected: usize,
    },
    /// A label value past the limit.
    #[error("a value of label `{label}` is {bytes} bytes long; at most {most} are accepted", most = labels::LABEL_VALUE_BYTES_MAX)]
    LabelValueTooLong {
        /// Its name.
        label: String,
        /// Its length.
        bytes: usize,
    },
    /// Two samples are one series.
    #[error("series {0} appears twice")]
    RepeatedSeries(String),
    /// A number that the kind cannot have.
    #[error("value {value} of {what}: {wanted}")]
    Value {
        /// The number.
        value: f64,
        /// Of what.
        what: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
    /// Bounds or quantiles out of order.
    #[error("{what} are not ascending: {before} stands before {after}")]
    NotAscending {
        /// `bucket bounds` or `quantiles`.
        what: &'static str,
        /// The earlier one.
        before: f64,
        /// The later one.
        after: f64,
    },
    /// Cumulative counts go down.
    #[error("cumulative counts go down: {before}, then {after}")]
    NotCumulative {
        /// The earlier count.
        before: u64,
        /// The later count.
        after: u64,
    },
    /// The `+Inf` bucket is not the count.
    #[error("the bucket of +Inf says {bucket}, the count says {count}")]
    InfinityIsNotCount {
        /// Cumulative count of `+Inf`.
        bucket: u64,
        /// The sample's count.
        count: u64,
    },
    /// Too many buckets or quantiles.
    #[error("{found} {what}; at most {most} are accepted")]
    TooMany {
        /// `buckets` or `quantiles`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Verdicts past the limit.
    #[error("{0} verdicts; the {most} worst stand", most = verdict::VERDICTS_MAX)]
    TooManyVerdicts(usize),
    /// A target was judged more than once.
    #[error("target `{0}` was judged more than once; the worst verdict stands")]
    RepeatedTarget(String),
}
