//! Five-field cron expressions with a time zone.

use std::fmt;

use crate::clock::Timestamp;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    expression: String,
    zone: String,
}

/// Why an expression was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("a cron expression has five fields (minute hour day-of-month month day-of-week), this one has {0}")]
    FieldCount(usize),
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

impl Cron {
    /// Reads five fields in an IANA time zone.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, CronError> {
        match expression.split_whitespace().count() {
            5 => Ok(Self {
                expression: expression.to_owned(),
                zone: zone.to_owned(),
            }),
            other => Err(CronError::FieldCount(other)),
        }
    }

    /// The expression as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The time zone as it was written.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The first fire time after `at`.
    pub fn next_after(&self, _at: Timestamp) -> Option<Timestamp> {
        None
    }
}
