//! What exporters serve, as text: Prometheus text 0.0.4 and OpenMetrics 1.0.
//!
//! Pure and strict. Flows in: the text of one answer. Flows out: families with their series in the order of the text, and
//! counts of what the contract has no place for (exemplars, timestamps, `_created`); or the first thing that is wrong, with line and
//! column. It selects, renames and merges nothing. Native histograms and names in quotes are not known.

mod assemble;
mod cursor;
mod family;
mod line;
mod metadata;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;

use assemble::assemble;
use cursor::Cursor;
use family::Collected;
pub(crate) use family::{Data, Family, Histogram, LabelSet, Summary};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) message: String,
    /// The text may be well-formed: there is only too much of it.
    pub(crate) too_many: bool,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exposition {
    pub(crate) families: Vec<Family>,
    /// Samples in the text, the dropped ones included.
    pub(crate) samples: usize,
    pub(crate) dropped: Dropped,
}

/// What there is no place for, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) exemplars: usize,
    /// The samples stand, without the time that was stated.
    pub(crate) timestamps: usize,
    /// Samples that say when a total began.
    pub(crate) created: usize,
    /// The same series again; the last one counts.
    pub(crate) duplicates: usize,
    /// Counters below zero, histograms that do not add up.
    pub(crate) invalid: usize,
}

/// Reads all of it. `most` is how many samples there may be.
pub(crate) fn parse(text: &str, format: Format, most: usize) -> Result<Exposition, ParseError> {
    let mut collected = Collected::default();
    let mut ended = false;
    // A text that ends in a line feed has no empty line after it.
    let body = text.strip_suffix('\n').unwrap_or(text);
    let lines = if text.is_empty() { None } else { Some(body.split('\n')) };
    for (index, line) in lines.into_iter().flatten().enumerate() {
        let mut cursor = Cursor::new(line, index + 1);
        if ended {
            return Err(cursor.error("there is something after `# EOF`"));
        }
        ended = match format {
            Format::Text => line::text(&mut cursor, &mut collected)?,
            Format::OpenMetrics => line::open_metrics(&mut cursor, &mut collected)?,
        };
        if collected.samples > most {
            let error = cursor.error(format!(
                "more than {most} samples: raise `maximum.samples`, or ask for less"
            ));
            return Err(ParseError {
                too_many: true,
                ..error
            });
        }
    }
    if format == Format::OpenMetrics && !ended {
        let last = body.split('\n').count();
        return Err(Cursor::new("", last + 1).error("`# EOF` is missing: the answer was cut off"));
    }
    Ok(assemble(collected))
}
