//! `[history]`: how much of the past is kept for rules and plots.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    reader::Reader,
    reading::Reading,
    resolved::History,
    source::{At, Span},
    units::show_duration,
    vocabulary::HISTORY,
    wording::excerpt,
};

/// From tick to tick, unless the file says otherwise: what a Prometheus server is mostly configured to.
pub const HISTORY_INTERVAL_DEFAULT: Duration = Duration::from_secs(15);

/// Samples of what rules read are kept so long, unless the file says otherwise: rules that look back further are seldom.
pub const HISTORY_RETENTION_DEFAULT: Duration = Duration::from_secs(6 * 3600);

/// And of everything else: a plot of the last hour.
pub const HISTORY_RETENTION_UNSELECTED_DEFAULT: Duration = Duration::from_secs(3600);

/// All of it together, unless the file says otherwise: eleven thousand series for hours.
pub const HISTORY_MEMORY_DEFAULT: u64 = 64 << 20;

/// What Prometheus calls the host, unless the file says otherwise.
pub const HISTORY_JOB_DEFAULT: &str = "bellwether";

/// Snapshots are published once a second; past the lookback of an expression, five minutes, every series would end between two ticks.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(120);

/// What is not compressed yet is some minutes; a month is what a Prometheus server is for.
const RETENTION: RangeInclusive<Duration> = Duration::from_secs(600)..=Duration::from_secs(31 * 24 * 3600);

/// Below a megabyte not even the host's own series fit.
const MEMORY: RangeInclusive<u64> = 1 << 20..=64 << 30;

/// Most ticks that are kept: their times are one table, which is copied when somebody looks at it.
const TICKS_MAX: u128 = 200_000;

/// Longest `job` or `instance`, in bytes: it is on every series.
const NAME_BYTES_MAX: usize = 256;

impl Default for History {
    fn default() -> Self {
        Self {
            interval: HISTORY_INTERVAL_DEFAULT,
            retention: HISTORY_RETENTION_DEFAULT,
            retention_unselected: HISTORY_RETENTION_UNSELECTED_DEFAULT,
            memory_bytes: HISTORY_MEMORY_DEFAULT,
            job: HISTORY_JOB_DEFAULT.into(),
            instance: None,
        }
    }
}

/// The labels that everybody may see, with their places.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) job: Option<At<String>>,
    pub(super) instance: Option<At<String>>,
}

/// Problems are noted; what has one is as by default.
pub(super) fn read(root: &Reader<'_, '_>) -> (History, Names) {
    let default = History::default();
    let Some(table) = root.table("history", &HISTORY) else {
        return (default, Names::default());
    };
    let interval = table.duration("interval", &INTERVAL);
    let retention = table.duration("retention", &RETENTION);
    let unselected = table.duration("retention_unselected", &RETENTION);
    let names = Names {
        job: name(&table, "job"),
        instance: name(&table, "instance"),
    };
    let kept = value(retention.as_ref(), default.retention);
    let history = History {
        interval: value(interval.as_ref(), default.interval),
        retention: kept,
        // Somebody who wants less of everything need not say it twice.
        retention_unselected: value(unselected.as_ref(), default.retention_unselected.min(kept)),
        memory_bytes: table
            .bytes("memory", &MEMORY)
            .map_or(default.memory_bytes, |size| size.value),
        job: names.job.as_ref().map_or(default.job, |job| job.value.as_str().into()),
        instance: names.instance.as_ref().map(|instance| instance.value.as_str().into()),
    };
    let place = retention.as_ref().or(interval.as_ref()).map(|given| given.span);
    refuse_contradictions(root.reading, &history, unselected.map(|given| given.span), place);
    (history, names)
}

fn value(given: Option<&At<Duration>>, default: Duration) -> Duration {
    given.map_or(default, |given| given.value)
}

fn name(table: &Reader<'_, '_>, key: &str) -> Option<At<String>> {
    let given = table.string(key)?;
    if given.value.is_empty() {
        let hint = "leave it out for the default".to_owned();
        table.reading.error(
            given.span,
            format!("`{key}` is empty, and a label without a value is none"),
            hint,
        );
        return None;
    }
    if given.value.len() > NAME_BYTES_MAX {
        let shown = excerpt(&given.value);
        let message = format!("`{key}` is longer than {NAME_BYTES_MAX} bytes: \"{shown}\"");
        table.reading.error(given.span, message, None);
        return None;
    }
    Some(given)
}

fn refuse_contradictions(reading: &Reading<'_>, history: &History, unselected: Option<Span>, place: Option<Span>) {
    if let Some(span) = unselected.filter(|_| history.retention_unselected > history.retention) {
        let kept = show_duration(history.retention);
        reading.error(
            span,
            format!("`retention_unselected` is longer than `retention`, which is {kept}: what rules read is kept at least as long as the rest"),
            "raise `retention`, or lower this".to_owned(),
        );
    }
    let ticks = history.retention.as_nanos() / history.interval.as_nanos().max(1);
    if let Some(span) = place.filter(|_| ticks > TICKS_MAX) {
        let interval = show_duration(history.interval);
        reading.error(
            span,
            format!("`retention` is {ticks} times `interval`, which is {interval}; at most {TICKS_MAX} are kept"),
            "shorten `retention`, or lengthen `interval`; for months, let a Prometheus server scrape the host"
                .to_owned(),
        );
    }
}
