//! A moment, and its text.

use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

const NANOS: u64 = 1_000_000_000;
const DAY_SECONDS: u64 = 86_400;

impl Timestamp {
    /// Of nanoseconds since 1970-01-01 00:00 UTC.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Of seconds since 1970-01-01 00:00 UTC.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS))
    }

    /// Of the system's time; times before 1970 are 1970.
    pub fn from_system_time(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 00:00 UTC.
    pub const fn as_seconds(self) -> u64 {
        self.0 / NANOS
    }

    /// Seconds since 1970-01-01 00:00 UTC, with a fraction.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }

    /// Later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// As RFC 3339 writes it, in UTC and to the millisecond: `2026-01-01T00:00:00.000Z`.
    pub fn to_rfc3339(self) -> String {
        let (seconds, millis) = (self.as_seconds(), self.0 % NANOS / 1_000_000);
        let (year, month, day) = date(seconds / DAY_SECONDS);
        let of_day = seconds % DAY_SECONDS;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Year, month and day of a day since 1970-01-01. Years are counted from the first of March of the year 0, so that the leap day is
/// the last of a year; an era is the 400 years after which the calendar repeats.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH_DAYS: u64 = 719_468;
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA_DAYS - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March: 31, 30, 31, 30, 31 days, over and over.
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_rfc_3339_in_utc() {
        let text = |seconds| Timestamp::from_seconds(seconds).to_rfc3339();
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(951_868_799), "2000-02-29T23:59:59.000Z");
        assert_eq!(text(1_709_208_000), "2024-02-29T12:00:00.000Z");
        assert_eq!(text(1_767_225_600), "2026-01-01T00:00:00.000Z");
        assert_eq!(text(4_107_542_399), "2100-02-28T23:59:59.000Z");
        assert_eq!(text(4_107_542_400), "2100-03-01T00:00:00.000Z");
        assert_eq!(
            Timestamp::from_nanos(1_999_999_999).to_rfc3339(),
            "1970-01-01T00:00:01.999Z"
        );
        // The last moment there is.
        assert_eq!(Timestamp::from_nanos(u64::MAX).to_rfc3339(), "2554-07-21T23:34:33.709Z");
    }
}
