//! Parts of a date in UTC, of any float that may or may not be a time.
//!
//! The proleptic Gregorian calendar, as Go has it. Go's calendar is also defined where nobody lives, and Prometheus shows it: NaN and
//! seconds beyond 64 bits are a day in the year 292277026596.

use crate::signature::Function;

const SECONDS_PER_DAY: i128 = 86_400;
/// Days in the 400 years after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, with which the years of the calculation begin so that a leap day comes last, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
/// Go's calendar starts on 1 March of this year; what is before is taken for 2^64 seconds later.
const FIRST_YEAR: i64 = -292_277_022_400;
/// 1970-01-01 was a Thursday; Sunday is 0.
const EPOCH_WEEKDAY: i64 = 4;

/// What `function` (`minute` … `year`) makes of `seconds` since the Unix epoch; fractions are cut off towards zero. NaN for a function
/// of another kind.
pub fn apply(function: Function, seconds: f64) -> f64 {
    let moment = Moment::of(whole(seconds));
    let part = match function {
        Function::Minute => moment.second_of_day / 60 % 60,
        Function::Hour => moment.second_of_day / 3600,
        Function::DayOfWeek => (moment.day + EPOCH_WEEKDAY).rem_euclid(7),
        Function::DayOfMonth => moment.date().day,
        Function::DayOfYear => moment.date().day_of_year(),
        Function::DaysInMonth => moment.date().days_in_month(),
        Function::Month => moment.date().month,
        Function::Year => moment.date().year,
        _ => return f64::NAN,
    };
    part as f64
}

/// As x86 converts: what does not fit, NaN included, is the smallest number.
fn whole(seconds: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&seconds) {
        seconds as i64
    } else {
        i64::MIN
    }
}

struct Moment {
    /// Since 1970-01-01.
    day: i64,
    second_of_day: i64,
}

impl Moment {
    fn of(seconds: i64) -> Self {
        let first = -i128::from(DAYS_TO_EPOCH) + i128::from(FIRST_YEAR / 400) * i128::from(DAYS_PER_ERA);
        let mut seconds = i128::from(seconds);
        if seconds < first * SECONDS_PER_DAY {
            seconds += 1 << 64;
        }
        Self {
            // Both fit: 2^64 seconds are 2^48 days.
            day: seconds.div_euclid(SECONDS_PER_DAY) as i64,
            second_of_day: seconds.rem_euclid(SECONDS_PER_DAY) as i64,
        }
    }

    fn date(&self) -> Date {
        let days = self.day + DAYS_TO_EPOCH;
        let day_of_era = days.rem_euclid(DAYS_PER_ERA);
        // Leap days up to here, taken out so that every year has 365.
        let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March on, months have 31, 30, 31, 30, 31 days over and over: 153 in five.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Date {
            year: 400 * days.div_euclid(DAYS_PER_ERA) + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }
}

struct Date {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
}

impl Date {
    fn days_in_month(&self) -> i64 {
        days_in(self.year, self.month)
    }

    fn day_of_year(&self) -> i64 {
        (1..self.month).map(|month| days_in(self.year, month)).sum::<i64>() + self.day
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(seconds: f64) -> [f64; 8] {
        [
            Function::Year,
            Function::Month,
            Function::DayOfMonth,
            Function::Hour,
            Function::Minute,
            Function::DayOfWeek,
            Function::DayOfYear,
            Function::DaysInMonth,
        ]
        .map(|function| apply(function, seconds))
    }

    #[test]
    fn known_moments_have_their_dates() {
        assert_eq!(parts(0.0), [1970.0, 1.0, 1.0, 0.0, 0.0, 4.0, 1.0, 31.0]);
        assert_eq!(parts(1136239445.0), [2006.0, 1.0, 2.0, 22.0, 4.0, 1.0, 2.0, 31.0]);
        // 2012-02-29 00:00, 2000-12-31 23:59:59, 1900-02-28 12:00 (no leap year).
        assert_eq!(parts(1330473600.0), [2012.0, 2.0, 29.0, 0.0, 0.0, 3.0, 60.0, 29.0]);
        assert_eq!(parts(978307199.0), [2000.0, 12.0, 31.0, 23.0, 59.0, 0.0, 366.0, 31.0]);
        assert_eq!(parts(-2203934400.0), [1900.0, 2.0, 28.0, 12.0, 0.0, 3.0, 59.0, 28.0]);
    }

    #[test]
    fn fractions_are_cut_off_towards_zero() {
        assert_eq!(apply(Function::Minute, 59.9), 0.0);
        assert_eq!(apply(Function::Year, -0.9), 1970.0);
        assert_eq!(apply(Function::Year, -1.0), 1969.0);
    }

    #[test]
    fn what_is_no_time_is_a_day_in_a_far_year() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30] {
            assert_eq!(
                parts(seconds),
                [292277026596.0, 12.0, 4.0, 15.0, 30.0, 0.0, 339.0, 31.0]
            );
        }
    }

    #[test]
    fn other_functions_have_no_date() {
        assert!(apply(Function::Abs, 0.0).is_nan());
    }

    proptest! {
        #[test]
        fn a_day_later_is_the_next_day(day in -4_000_000i64..4_000_000) {
            let at = |day: i64| Moment { day, second_of_day: 0 }.date();
            let (today, tomorrow) = (at(day), at(day + 1));
            let expected = match (today.day == today.days_in_month(), today.month) {
                (true, 12) => (today.year + 1, 1, 1),
                (true, month) => (today.year, month + 1, 1),
                (false, month) => (today.year, month, today.day + 1),
            };
            prop_assert_eq!((tomorrow.year, tomorrow.month, tomorrow.day), expected);
        }
    }
}
