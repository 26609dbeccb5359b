//! Times of the calendar in which somebody wants to be told, or does not.
//!
//! Owns what a time interval is and how its parts are written. Flows in: texts, and a moment. Flows out: whether it lies inside.
//! Times of day are those of a clock on the wall in the interval's zone: an hour that a change of the clocks skips is in no range, and
//! one that it repeats is twice in its own.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Why a text is no part of a time interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimesError(String);

/// Whose rules hold for ranges that end before they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// They are refused.
    Alertmanager,
    /// Times of day go over midnight, and the whole belongs to the day it starts on; weekdays and months go over the end of the week and
    /// the year.
    Toml,
}

/// From and to, both inside. When it ends before it begins, it goes over the end and on from the beginning.
pub type Range = (i32, i32);

/// From one time of day to another, which is outside: minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    start: u16,
    end: u16,
}

impl TimeRange {
    /// `start` and `end` as `HH:MM`, up to `24:00`.
    ///
    /// # Errors
    ///
    /// They are no such times, or do not end after they begin where that is asked for.
    pub fn new(start: &str, end: &str, dialect: Dialect) -> Result<Self, TimesError> {
        let range = Self {
            start: minutes(start)?,
            end: minutes(end)?,
        };
        let wraps = range.start > range.end;
        if range.start == range.end || range.start == DAY {
            return Err(TimesError(format!("{start} to {end} is no time at all")));
        }
        if wraps && dialect == Dialect::Alertmanager {
            return Err(TimesError(format!(
                "{end} is before {start}: write one range up to 24:00 and one from 00:00"
            )));
        }
        Ok(range)
    }

    /// `22:00-06:00`.
    ///
    /// # Errors
    ///
    /// As [`TimeRange::new`].
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, TimesError> {
        match text.split_once('-') {
            Some((start, end)) => Self::new(start.trim(), end.trim(), dialect),
            None => Err(TimesError(format!("`{text}` is no range such as 22:00-06:00"))),
        }
    }

    const fn wraps(self) -> bool {
        self.start > self.end
    }
}

fn minutes(text: &str) -> Result<u16, TimesError> {
    let wrong = || TimesError(format!("`{text}` is no time of day from 00:00 to 24:00"));
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| match digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) {
        true => digits.parse::<u16>().ok(),
        false => None,
    };
    let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(wrong)?;
    let time = hours * 60 + minutes;
    if minutes > 59 || time > DAY {
        Err(wrong())
    } else {
        Ok(time)
    }
}

/// `monday:friday`, `sunday`.
///
/// # Errors
///
/// Another text.
pub fn weekdays(text: &str, dialect: Dialect) -> Result<Range, TimesError> {
    let day = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let at = WEEKDAYS.iter().position(|name| *name == text);
        at.and_then(|at| i32::try_from(at).ok())
            .ok_or_else(|| TimesError(format!("`{text}` is no day of the week such as monday")))
    };
    range(text, day, dialect)
}

/// `1:15`, `-3:-1` for the last three days, `31`.
///
/// # Errors
///
/// Another text, or a range that no month has.
pub fn days_of_month(text: &str) -> Result<Range, TimesError> {
    let day = |text: &str| {
        let day = text.trim().parse::<i32>().ok();
        day.filter(|day| (1..=31).contains(&day.abs())).ok_or_else(|| {
            TimesError(format!(
                "`{text}` is no day of a month from 1 to 31, or from the end from -1 to -31"
            ))
        })
    };
    let (from, to) = range(text, day, Dialect::Toml)?;
    if from < 0 && to > 0 {
        return Err(TimesError(format!(
            "`{text}` counts from the end first; from there it can only go to another day from the end"
        )));
    }
    let of_31 = |day: i32| if day < 0 { 32 + day } else { day };
    if of_31(from) > of_31(to) {
        return Err(TimesError(format!("`{text}` ends before it begins")));
    }
    Ok((from, to))
}

/// `january:march`, `5`.
///
/// # Errors
///
/// Another text.
pub fn months(text: &str, dialect: Dialect) -> Result<Range, TimesError> {
    let month = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let named = MONTHS.iter().position(|name| *name == text);
        let number = named
            .and_then(|at| i32::try_from(at + 1).ok())
            .or_else(|| text.parse().ok());
        number
            .filter(|month| (1..=12).contains(month))
            .ok_or_else(|| TimesError(format!("`{text}` is no month such as january or 1")))
    };
    range(text, month, dialect)
}

/// `2026:2028`, `2027`.
///
/// # Errors
///
/// Another text.
pub fn years(text: &str) -> Result<Range, TimesError> {
    let year = |text: &str| {
        let year = text.trim().parse::<i32>().ok();
        year.filter(|year| (0..=9_999).contains(year))
            .ok_or_else(|| TimesError(format!("`{text}` is no year such as 2027")))
    };
    range(text, year, Dialect::Alertmanager)
}

/// A time zone by its name, such as `Asia/Tokyo`, from the data that came with the host. `Local` is UTC: where a host stands must not
/// change what its configuration means.
///
/// # Errors
///
/// There is no such zone.
pub fn zone(name: &str) -> Result<TimeZone, TimesError> {
    if name == "Local" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| TimesError(format!("`{name}` is no time zone such as Asia/Tokyo or UTC")))
}

fn range(text: &str, part: impl Fn(&str) -> Result<i32, TimesError>, dialect: Dialect) -> Result<Range, TimesError> {
    let (from, to) = text.split_once(':').unwrap_or((text, text));
    let (from, to) = (part(from)?, part(to)?);
    if from > to && dialect == Dialect::Alertmanager {
        return Err(TimesError(format!("`{text}` ends before it begins")));
    }
    Ok((from, to))
}

/// What all must hold at once. An empty list holds always.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// Any of these times of day.
    pub times: Vec<TimeRange>,
    /// Any of these; see [`weekdays`].
    pub weekdays: Vec<Range>,
    /// Any of these; see [`days_of_month`].
    pub days_of_month: Vec<Range>,
    /// Any of these; see [`months`].
    pub months: Vec<Range>,
    /// Any of these; see [`years`].
    pub years: Vec<Range>,
    /// Whose clock; see [`zone`].
    pub zone: TimeZone,
}

impl Default for Period {
    fn default() -> Self {
        Self {
            times: Vec::new(),
            weekdays: Vec::new(),
            days_of_month: Vec::new(),
            months: Vec::new(),
            years: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl Period {
    fn contains(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let yesterday = || local.checked_sub(jiff::Span::new().days(1)).ok();
        let holds = |range: &TimeRange| {
            let begins_today = minute >= range.start && (minute < range.end || range.wraps());
            let began_yesterday = range.wraps() && minute < range.end;
            (begins_today && self.has_day(local))
                || (began_yesterday && yesterday().is_some_and(|day| self.has_day(day)))
        };
        match self.times.as_slice() {
            [] => self.has_day(local),
            times => times.iter().any(holds),
        }
    }

    fn has_day(&self, day: DateTime) -> bool {
        let weekday = i32::from(day.weekday().to_sunday_zero_offset());
        let (month, year) = (i32::from(day.month()), i32::from(day.year()));
        let date = i32::from(day.day());
        let length = i32::from(day.days_in_month());
        any(&self.weekdays, |range| has(range, weekday))
            && any(&self.months, |range| has(range, month))
            && any(&self.years, |range| has(range, year))
            && any(&self.days_of_month, |range| has_date(range, date, length))
    }
}

fn any(ranges: &[Range], holds: impl Fn(Range) -> bool) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| holds(*range))
}

const fn has((from, to): Range, value: i32) -> bool {
    if from <= to {
        from <= value && value <= to
    } else {
        value >= from || value <= to
    }
}

/// Days that a month has not are its last at most, and a range that begins after its end is not in it.
fn has_date((from, to): Range, date: i32, length: i32) -> bool {
    let absolute = |day: i32| if day < 0 { length + day + 1 } else { day };
    date >= absolute(from).max(1) && date <= absolute(to).min(length)
}

/// A time interval: any of its periods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeInterval {
    /// None: never.
    pub any: Vec<Period>,
}

impl TimeInterval {
    /// Whether a moment lies inside: milliseconds since the epoch. What no calendar has lies outside.
    pub fn contains(&self, at: i64) -> bool {
        Timestamp::from_millisecond(at).is_ok_and(|at| self.any.iter().any(|period| period.contains(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn interval(period: Period) -> TimeInterval {
        TimeInterval { any: vec![period] }
    }

    fn night() -> Period {
        Period {
            times: vec![TimeRange::parse("22:00-06:00", Dialect::Toml).unwrap()],
            ..Period::default()
        }
    }

    #[test]
    fn the_end_of_a_time_is_outside_and_a_day_has_24_hours() {
        let evening = interval(Period {
            times: vec![TimeRange::new("18:00", "24:00", Dialect::Alertmanager).unwrap()],
            ..Period::default()
        });
        assert!(!evening.contains(at("2026-11-27T17:59:59Z")));
        assert!(evening.contains(at("2026-11-27T18:00:00Z")));
        assert!(evening.contains(at("2026-11-27T23:59:59.999Z")));
        assert!(!evening.contains(at("2026-11-28T00:00:00Z")));
        assert!(!TimeInterval::default().contains(0), "no period is never");
        assert!(interval(Period::default()).contains(0), "no condition is always");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_starts_on() {
        let friday = interval(Period {
            weekdays: vec![weekdays("friday", Dialect::Toml).unwrap()],
            ..night()
        });
        // 2026-11-27 is a Friday.
        assert!(friday.contains(at("2026-11-27T22:00:00Z")));
        assert!(friday.contains(at("2026-11-28T05:59:00Z")));
        assert!(!friday.contains(at("2026-11-28T06:00:00Z")));
        assert!(
            !friday.contains(at("2026-11-27T05:00:00Z")),
            "that night was Thursday's"
        );
        assert!(!friday.contains(at("2026-11-28T22:00:00Z")));
    }

    #[test]
    fn both_changes_of_the_clocks_follow_the_clock_on_the_wall() {
        let berlin = interval(Period {
            times: vec![TimeRange::parse("02:00-03:00", Dialect::Toml).unwrap()],
            zone: zone("Europe/Berlin").unwrap(),
            ..Period::default()
        });
        // In spring 02:00 does not exist: 01:00Z is 03:00 there.
        assert!(!berlin.contains(at("2026-03-29T00:59:59Z")));
        assert!(!berlin.contains(at("2026-03-29T01:00:00Z")));
        // In autumn it is there twice: 00:00Z and 01:00Z.
        assert!(berlin.contains(at("2026-10-25T00:30:00Z")));
        assert!(berlin.contains(at("2026-10-25T01:30:00Z")));
        assert!(!berlin.contains(at("2026-10-25T02:00:00Z")));
        // A night over the change is seven or nine hours long, and ends at six on the wall.
        let night = interval(Period {
            zone: zone("Europe/Berlin").unwrap(),
            ..night()
        });
        assert!(night.contains(at("2026-03-29T03:59:00Z")) && !night.contains(at("2026-03-29T04:00:00Z")));
        assert!(night.contains(at("2026-10-25T04:59:00Z")) && !night.contains(at("2026-10-25T05:00:00Z")));
    }

    #[test]
    fn days_of_a_month_count_from_both_ends() {
        let days = |text| {
            interval(Period {
                days_of_month: vec![days_of_month(text).unwrap()],
                ..Period::default()
            })
        };
        assert!(days("-3:-1").contains(at("2027-02-26T00:00:00Z")));
        assert!(!days("-3:-1").contains(at("2027-02-25T23:00:00Z")));
        assert!(days("-3:-1").contains(at("2028-02-29T00:00:00Z")));
        assert!(days("30:31").contains(at("2026-11-30T00:00:00Z")));
        assert!(
            !days("30:31").contains(at("2027-02-28T00:00:00Z")),
            "February has neither"
        );
        assert!(days("20:-1").contains(at("2027-02-28T00:00:00Z")));
        for wrong in ["0", "32", "-32", "-1:5", "5:1", "-1:-3", "x", ""] {
            assert!(days_of_month(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn months_years_and_weekdays_have_names_and_ranges() {
        let winter = interval(Period {
            months: vec![months("november:february", Dialect::Toml).unwrap()],
            years: vec![years("2026:2027").unwrap()],
            weekdays: vec![weekdays("saturday:monday", Dialect::Toml).unwrap()],
            ..Period::default()
        });
        assert!(winter.contains(at("2026-11-28T12:00:00Z")), "a Saturday");
        assert!(winter.contains(at("2027-01-31T12:00:00Z")), "a Sunday");
        assert!(!winter.contains(at("2026-11-27T12:00:00Z")), "a Friday");
        assert!(!winter.contains(at("2027-03-06T12:00:00Z")));
        assert!(!winter.contains(at("2028-01-01T12:00:00Z")));
        assert_eq!(months("5", Dialect::Alertmanager), Ok((5, 5)));
        assert_eq!(weekdays("Monday:friday", Dialect::Alertmanager), Ok((1, 5)));
    }

    #[test]
    fn alertmanager_files_refuse_what_goes_over_an_end() {
        assert!(TimeRange::new("22:00", "06:00", Dialect::Alertmanager).is_err());
        assert!(weekdays("saturday:monday", Dialect::Alertmanager).is_err());
        assert!(months("november:february", Dialect::Alertmanager).is_err());
        for wrong in ["24:01", "7:00", "07:60", "0700", "aa:bb", "+1:00", ""] {
            assert!(TimeRange::new(wrong, "24:00", Dialect::Toml).is_err(), "{wrong}");
        }
        assert!(TimeRange::new("06:00", "06:00", Dialect::Toml).is_err());
        assert!(zone("Atlantis/Centre").is_err());
    }
}
