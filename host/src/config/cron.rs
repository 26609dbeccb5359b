//! Five-field cron expressions with a time zone.
//!
//! Owns what an expression means: parsed once at load, asked for fire times by `schedule` and `board`. Flows in: text of
//! the configuration. Flows out: instants. It keeps no clock and remembers no run.
//!
//! The rules are those of Vixie cron, made exact where clocks change. A local time that a change skips runs at the
//! instant of the change. A local time that comes twice runs once, the first time; only an expression that runs in every
//! hour runs in both, because it asks for a rhythm and would otherwise fall silent for an hour.

mod parse;

use std::fmt;

use jiff::{
    Timestamp as Moment,
    civil::{Date, DateTime},
    tz::{Offset, TimeZone},
};
pub use parse::CronError;

use crate::clock::Timestamp;

/// Years searched for a fire time. The rarest date there is, 29 February on a given weekday, comes at most 40 years
/// apart, around a century that is no leap year.
const YEARS_SEARCHED: i16 = 41;

const EVERY_HOUR: u32 = (1 << 24) - 1;

/// A parsed expression and the time zone it is read in.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    expression: String,
    zone_name: String,
    zone: TimeZone,
    fields: Fields,
}

/// What matches, one bit per value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fields {
    minutes: u64,
    hours: u32,
    days: u32,
    months: u16,
    /// Sunday is bit 0.
    weekdays: u8,
    /// Either day field starts with `*`: then a day must match both, otherwise it is enough to match one.
    both_day_fields: bool,
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

impl Cron {
    /// Reads five fields, or `@hourly` and its like, in an IANA time zone such as `Europe/Berlin` or `UTC`.
    ///
    /// Refused: anything outside the grammar, a zone that is not known, and a date that never comes (30 February).
    pub fn parse(expression: &str, zone: &str) -> Result<Self, CronError> {
        let fields = parse::fields(expression)?;
        let known = TimeZone::get(zone).map_err(|_| CronError::Zone { zone: zone.to_owned() })?;
        Ok(Self {
            expression: expression.to_owned(),
            zone_name: zone.to_owned(),
            zone: known,
            fields,
        })
    }

    /// The expression as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The time zone as it was written.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// The first fire time after `at`. None: beyond the calendar, which ends in the year 9999.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.next_moment(Moment::from_nanosecond(i128::from(at.as_nanos())).ok()?)?;
        Some(Timestamp::from_nanos(u64::try_from(next.as_nanosecond()).ok()?))
    }

    /// Walks the stretches of constant offset between the zone's changes, so that within each one local time is plain.
    fn next_moment(&self, at: Moment) -> Option<Moment> {
        let last_year = self.zone.to_datetime(at).year().saturating_add(YEARS_SEARCHED);
        let mut stretch = Stretch::holding(&self.zone, at);
        loop {
            if let Some(found) = self.next_within(&stretch, at, last_year) {
                return Some(found);
            }
            let end = stretch.end?;
            if self.zone.to_datetime(end).year() > last_year {
                return None;
            }
            stretch = stretch.next(&self.zone, end);
            if self.fires_at_change(&stretch, end) && end > at {
                return Some(end);
            }
        }
    }

    fn next_within(&self, stretch: &Stretch, at: Moment, last_year: i16) -> Option<Moment> {
        let after = at.max(
            stretch
                .start
                .map_or(at, |start| start.checked_sub(NANOSECOND).unwrap_or(start)),
        );
        let mut from = next_minute(stretch.offset.to_datetime(after))?;
        if let Some(told) = stretch.told_until.filter(|_| self.fields.hours != EVERY_HOUR) {
            from = from.max(told);
        }
        let found = self.fields.next_from(from, last_year)?;
        let moment = stretch.offset.to_timestamp(found).ok()?;
        stretch.end.is_none_or(|end| moment < end).then_some(moment)
    }

    /// Whether the change at the start of `stretch` skipped a local time that would have matched.
    fn fires_at_change(&self, stretch: &Stretch, change: Moment) -> bool {
        let Some(previous) = stretch.previous.filter(|previous| *previous < stretch.offset) else {
            return false;
        };
        let (skipped, resumed) = (previous.to_datetime(change), stretch.offset.to_datetime(change));
        self.fields
            .next_from(skipped, resumed.year())
            .is_some_and(|first| first < resumed)
    }
}

const NANOSECOND: jiff::SignedDuration = jiff::SignedDuration::from_nanos(1);

/// A span in which the zone's offset does not change.
struct Stretch {
    start: Option<Moment>,
    end: Option<Moment>,
    offset: Offset,
    previous: Option<Offset>,
    /// Local times before this one were told by the stretch before: the clock was set back.
    told_until: Option<DateTime>,
}

impl Stretch {
    fn holding(zone: &TimeZone, at: Moment) -> Self {
        let just_after = at.checked_add(NANOSECOND).unwrap_or(at);
        match zone.preceding(just_after).next().map(|change| change.timestamp()) {
            Some(start) => Self::from_change(zone, start),
            None => Self {
                start: None,
                end: zone.following(at).next().map(|change| change.timestamp()),
                offset: zone.to_offset(at),
                previous: None,
                told_until: None,
            },
        }
    }

    fn from_change(zone: &TimeZone, start: Moment) -> Self {
        let offset = zone.to_offset(start);
        let previous = start.checked_sub(NANOSECOND).ok().map(|before| zone.to_offset(before));
        Self {
            start: Some(start),
            end: zone.following(start).next().map(|change| change.timestamp()),
            offset,
            previous,
            told_until: previous
                .filter(|previous| *previous > offset)
                .map(|previous| previous.to_datetime(start)),
        }
    }

    fn next(&self, zone: &TimeZone, end: Moment) -> Self {
        Self::from_change(zone, end)
    }
}

/// The first whole minute after a local time.
fn next_minute(local: DateTime) -> Option<DateTime> {
    let minute = local.date().at(local.hour(), local.minute(), 0, 0);
    minute.checked_add(jiff::SignedDuration::from_mins(1)).ok()
}

impl Fields {
    /// The first matching minute at or after a whole or broken minute, none past the end of `last_year`.
    fn next_from(&self, from: DateTime, last_year: i16) -> Option<DateTime> {
        let minute = from.date().at(from.hour(), from.minute(), 0, 0);
        let from = if minute == from { from } else { next_minute(from)? };
        if self.day_matches(from.date())
            && let Some((hour, minute)) = self.time_from(from.hour(), from.minute())
        {
            return Some(from.date().at(hour, minute, 0, 0));
        }
        let mut date = from.date().tomorrow().ok()?;
        while date.year() <= last_year {
            if !bit(u64::from(self.months), date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.day_matches(date) {
                let (hour, minute) = self.time_from(0, 0)?;
                return Some(date.at(hour, minute, 0, 0));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn day_matches(&self, date: Date) -> bool {
        let day = bit(u64::from(self.days), date.day());
        let weekday = bit(u64::from(self.weekdays), date.weekday().to_sunday_zero_offset());
        let fits = if self.both_day_fields {
            day && weekday
        } else {
            day || weekday
        };
        fits && bit(u64::from(self.months), date.month())
    }

    /// The first matching time of a day, at or after this one.
    fn time_from(&self, hour: i8, minute: i8) -> Option<(i8, i8)> {
        (hour..24)
            .filter(|candidate| bit(u64::from(self.hours), *candidate))
            .find_map(|candidate| {
                let from = if candidate == hour { minute } else { 0 };
                let minute = (from..60).find(|minute| bit(self.minutes, *minute))?;
                Some((candidate, minute))
            })
    }
}

fn bit(mask: u64, value: i8) -> bool {
    u8::try_from(value).is_ok_and(|value| mask >> value & 1 == 1)
}

#[cfg(test)]
mod tests;
