//! Five-field cron expressions with a time zone.

use crate::clock::Timestamp;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    expression: String,
    zone: String,
}

impl Cron {
    /// The first fire time after `at`.
    pub fn next_after(&self, _at: Timestamp) -> Option<Timestamp> {
        None
    }
}
