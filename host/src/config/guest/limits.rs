//! `limits` of whoever uses a plugin.

use std::{ops::RangeInclusive, time::Duration};

use super::super::{reader::Reader, resolved::Limits, vocabulary::TableSpec};

/// Largest `limits.memory`: all that 32-bit memory can address.
pub const MEMORY_MAX: u64 = 4 << 30;

/// Smallest `limits.memory`: below a few pages no guest starts.
const MEMORY_MIN: u64 = 1 << 20;

/// CPU time of one run, from "measures something" to "a core for ten minutes".
const CPU_RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);

/// Series of one check; more than a million is a scrape nobody can read.
const SERIES_RANGE: RangeInclusive<u64> = 1..=1_000_000;

/// State is "small memory between runs", written to the store as a whole.
const STATE_MAX: u64 = 16 << 20;

/// Lines of one run; zero silences a plugin.
const LOG_LINES_MAX: u64 = 100_000;

/// `limits`; which of them there are, `spec` says.
pub(super) fn read(reader: &Reader<'_, '_>, spec: &'static TableSpec) -> Limits {
    reader
        .table("limits", spec)
        .map(|limits| each(&limits))
        .unwrap_or_default()
}

fn each(reader: &Reader<'_, '_>) -> Limits {
    let number = |key, range: &RangeInclusive<u64>| reader.integer(key, range).map(|number| number.value);
    Limits {
        memory_bytes: reader
            .bytes("memory", &(MEMORY_MIN..=MEMORY_MAX))
            .map(|size| size.value),
        cpu: reader.duration("cpu", &CPU_RANGE).map(|span| span.value),
        series: series(reader),
        state_bytes: reader.bytes("state", &(0..=STATE_MAX)).map(|size| size.value),
        log_lines: number("log_lines", &(0..=LOG_LINES_MAX)),
    }
}

/// Whoever carries news out has none.
fn series(reader: &Reader<'_, '_>) -> Option<usize> {
    if !reader.spec.keys.contains(&"series") {
        return None;
    }
    let number = reader.integer("series", &SERIES_RANGE)?;
    usize::try_from(number.value).ok()
}
