//! `[time_interval.NAME]`: times of the calendar for `mute_times` and `active_times`.

use std::collections::BTreeSet;

use super::super::{
    named::Kind,
    reader::Reader,
    reading::Reading,
    source::{At, Span},
    tree::{Node, Table, Value},
    vocabulary::{TIME_INTERVAL, TIME_INTERVAL_PART},
};
use crate::alert::{
    TimeInterval,
    times::{self, Dialect, Period, TimeRange, TimesError},
};

/// Most time intervals.
pub const INTERVALS_MAX: usize = 1_000;

/// Most periods of one.
const PERIODS_MAX: usize = 100;

/// Of the tables read here.
const KIND: Kind = Kind {
    word: "time_interval",
    spec: &TIME_INTERVAL,
};

/// As a file says it.
#[derive(Debug)]
pub(in super::super) struct FileInterval {
    pub(in super::super) name: At<String>,
    pub(in super::super) interval: TimeInterval,
    /// As written, for `--print`.
    pub(in super::super) periods: Vec<FilePeriod>,
}

/// One period as a file says it: what all must hold, any of each.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct FilePeriod {
    /// `09:00-17:00`.
    pub(in super::super) times: Vec<At<String>>,
    pub(in super::super) weekdays: Vec<At<String>>,
    pub(in super::super) days_of_month: Vec<At<String>>,
    pub(in super::super) months: Vec<At<String>>,
    pub(in super::super) years: Vec<At<String>>,
    pub(in super::super) timezone: Option<At<String>>,
}

impl FilePeriod {
    /// Lists by the key they have here.
    pub(in super::super) fn lists(&self) -> [(&'static str, &[At<String>]); 5] {
        [
            ("times", &self.times),
            ("weekdays", &self.weekdays),
            ("days_of_month", &self.days_of_month),
            ("months", &self.months),
            ("years", &self.years),
        ]
    }

    fn is_empty(&self) -> bool {
        self.lists().iter().all(|(_, list)| list.is_empty())
    }

    /// Problems are noted, and what has one is left out.
    pub(in super::super) fn resolve(&self, reading: &Reading<'_>, dialect: Dialect) -> Period {
        let zone = self.timezone.as_ref().and_then(|zone| {
            let hint = "names as in the IANA database: Europe/Berlin, Asia/Tokyo, UTC".to_owned();
            good(reading, zone, times::zone(&zone.value), Some(hint))
        });
        Period {
            times: each(reading, &self.times, |text| TimeRange::parse(text, dialect)),
            weekdays: each(reading, &self.weekdays, |text| times::weekdays(text, dialect)),
            days_of_month: each(reading, &self.days_of_month, times::days_of_month),
            months: each(reading, &self.months, |text| times::months(text, dialect)),
            years: each(reading, &self.years, times::years),
            zone: zone.unwrap_or(Period::default().zone),
        }
    }
}

fn each<T>(reading: &Reading<'_>, texts: &[At<String>], parse: impl Fn(&str) -> Result<T, TimesError>) -> Vec<T> {
    let read = |text: &At<String>| good(reading, text, parse(&text.value), None);
    texts.iter().filter_map(read).collect()
}

fn good<T>(reading: &Reading<'_>, text: &At<String>, read: Result<T, TimesError>, hint: Option<String>) -> Option<T> {
    read.map_err(|error| reading.error(text.span, error.to_string(), hint))
        .ok()
}

pub(super) fn read(reading: &Reading<'_>, main: &Table) -> Vec<FileInterval> {
    let entries = KIND.entries(reading, main);
    if let Some(entry) = entries.get(INTERVALS_MAX) {
        let message = format!("more than {INTERVALS_MAX} time intervals");
        reading.error(entry.key_span, message, None);
    }
    let mut all = Vec::new();
    for entry in entries.iter().take(INTERVALS_MAX) {
        KIND.name(reading, entry);
        let Some(table) = KIND.table(reading, entry) else {
            continue;
        };
        let reader = Reader::new(reading, table, &TIME_INTERVAL, &["time_interval", &entry.key]);
        let periods = periods(&reader, entry.key_span);
        all.push(FileInterval {
            name: At {
                value: entry.key.clone(),
                span: entry.key_span,
            },
            interval: TimeInterval {
                any: periods
                    .iter()
                    .map(|period| period.resolve(reading, Dialect::Toml))
                    .collect(),
            },
            periods,
        });
    }
    all
}

/// The table itself is one, or it has them in `any`.
fn periods(reader: &Reader<'_, '_>, name: Span) -> Vec<FilePeriod> {
    let own = period(reader);
    let Some(node) = reader.node("any") else {
        if own.is_empty() {
            let message = "this time interval says nothing, and is always";
            let hint = "for example: times = [\"22:00-06:00\"], weekdays = [\"saturday\", \"sunday\"]".to_owned();
            reader.reading.error(name, message, hint);
        }
        return vec![own];
    };
    if !own.is_empty() {
        let message = "`any` holds periods, and there are keys of one beside it";
        let hint = "put them into one of its tables: any = [{ times = […] }, { … }]".to_owned();
        reader.reading.error(node.span, message, hint);
    }
    let Value::Array(items) = &node.value else {
        let hint = "any = [{ weekdays = [\"saturday\"] }, { times = [\"22:00-06:00\"] }]".to_owned();
        reader.wrong("any", node, "an array of tables", Some(hint));
        return Vec::new();
    };
    if items.is_empty() || items.len() > PERIODS_MAX {
        let message = format!("`any` has {} periods; 1 to {PERIODS_MAX} are accepted", items.len());
        reader.reading.error(node.span, message, None);
    }
    items
        .iter()
        .filter_map(|item| part(reader, item, own.timezone.as_ref()))
        .collect()
}

/// One of `any`; the zone of the whole is its own unless it says otherwise.
fn part(reader: &Reader<'_, '_>, item: &Node, zone: Option<&At<String>>) -> Option<FilePeriod> {
    let Value::Table(table) = &item.value else {
        reader.wrong("any", item, "an array of tables", None);
        return None;
    };
    let mut path: Vec<&str> = reader.path.iter().map(String::as_str).collect();
    path.push("any");
    let inner = Reader::new(reader.reading, table, &TIME_INTERVAL_PART, &path);
    let mut own = period(&inner);
    own.timezone = own.timezone.or_else(|| zone.cloned());
    Some(own)
}

fn period(reader: &Reader<'_, '_>) -> FilePeriod {
    let texts = |key| reader.strings(key).unwrap_or_default();
    FilePeriod {
        times: texts("times"),
        weekdays: texts("weekdays"),
        days_of_month: texts("days_of_month"),
        months: texts("months"),
        years: texts("years"),
        timezone: reader.string("timezone"),
    }
}

/// Notes names that are there twice; of Alertmanager's, which has two lists of them.
pub(in super::super) fn refuse_twice(reading: &Reading<'_>, intervals: &[FileInterval]) {
    let mut seen = BTreeSet::new();
    for interval in intervals {
        if !seen.insert(interval.name.value.as_str()) {
            let message = format!("there is a time interval `{}` already", interval.name.value);
            reading.error(interval.name.span, message, "rename one".to_owned());
        }
    }
}
