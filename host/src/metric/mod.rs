//! The vocabulary of measurements: names, labels, families.
//!
//! What is constructed here is valid by construction, so that nothing downstream checks a name again. Flows in: what
//! `sandbox::convert` and `telemetry` build. Flows out: what `board` merges and `expose` renders. It does no merging and
//! knows no text format.

mod family;
mod name;

pub use family::{
    Bucket, FamilyHead, HistogramSample, MetricFamily, MetricKind, Points, Quantile, Sample, SummarySample,
};
pub use name::{LabelName, MetricName, NameError};
