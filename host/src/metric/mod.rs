//! The vocabulary of measurements: names, labels, families.
//!
//! What is constructed here is valid by construction, so that nothing downstream checks a name again. Flows in: what
//! `sandbox::convert` and `telemetry` build. Flows out: what `board` merges and `expose` serves as
//! [`text`]. It does no merging.

mod family;
mod name;
pub mod text;

pub use family::{
    Bucket, FamilyHead, HistogramSample, MetricFamily, MetricKind, Points, Quantile, Sample, SummarySample,
};
pub use name::{LabelName, MetricName, NameError};
