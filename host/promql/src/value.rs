//! What an expression yields.

use crate::labels::Labels;

/// Bits of the NaN that says "this series ended here". Any other NaN is a value.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The marker of an ended series.
pub const fn stale_marker() -> f64 {
    f64::from_bits(STALE_BITS)
}

/// Whether a value is the marker of an ended series.
pub const fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// One sample of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// Any float; see [`is_stale`].
    pub value: f64,
}

/// One element of an instant vector: its moment is the evaluation's.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// With the metric's name where the language keeps it.
    pub labels: Labels,
    /// Never the stale marker.
    pub value: f64,
}

/// One element of a range vector, or of the answer to a range query.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// With the metric's name where the language keeps it.
    pub labels: Labels,
    /// Ascending by time, never empty.
    pub points: Vec<Point>,
}

/// The four types of the language.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A text, as only a literal is.
    String(String),
    /// Elements with distinct labels; in the order of `sort`, where the expression asked for one.
    Vector(Vec<Sample>),
    /// Series with distinct labels.
    Matrix(Vec<Series>),
}

/// The type of an expression, known before it is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// A text.
    String,
    /// Instant vector.
    Vector,
    /// Range vector.
    Matrix,
}

impl ValueType {
    /// As Prometheus' API and error messages name it: `scalar`, `string`, `instant vector`, `range vector`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}
