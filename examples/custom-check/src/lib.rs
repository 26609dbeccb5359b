//! Counts down to dates that must not pass unnoticed: a certificate, a contract, a domain, an API that is switched off.

use bellwether_sdk::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

/// What stands under `settings` in the configuration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The dates to watch.
    deadlines: Vec<Deadline>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deadline {
    /// What happens then, such as `domain example.com`.
    name: String,
    /// The day, in UTC: `2027-03-31`.
    date: String,
    /// Warn this many days ahead.
    #[serde(default = "two_weeks")]
    warn_days: u32,
}

fn two_weeks() -> u32 {
    14
}

const REMAINING: Gauge<1> = Gauge::new(
    "deadline_remaining_seconds",
    "Time until the day begins; negative once it has.",
    ["deadline"],
);
const NEAR: Code = Code::new("near", "The day is near: renew, move or cancel.");
const PASSED: Code = Code::new("passed", "The day has begun.");

struct Deadlines;

impl Check for Deadlines {
    const NAME: &'static str = "custom-check";
    const SUMMARY: &'static str = "Counts down to dates that must not pass unnoticed";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.metric(&REMAINING).code(&NEAR).code(&PASSED);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        let mut report = Report::new();
        for Deadline { name, date, warn_days } in &settings.deadlines {
            let day = unix_day(date).ok_or_else(|| Failure::settings(format!("`{date}` is not a date")))?;
            let left = day * DAY - context::scheduled_at_unix();
            report.gauge(&REMAINING).set([name], left);
            let days = left.div_euclid(DAY);
            if left <= 0 {
                report.critical(name, &PASSED, format!("was due on {date}"));
            } else if days < i64::from(*warn_days) {
                report.warning(name, &NEAR, format!("{days} days left, until {date}"));
            } else {
                report.ok(name).summary(format!("{days} days left"));
            }
        }
        Ok(report)
    }
}

export_check!(Deadlines);

const DAY: i64 = 86_400;

/// Days from 1970-01-01 to a date such as `2027-03-31`.
fn unix_day(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=month_length(year, month)).contains(&day) {
        return None;
    }
    let years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let months: i64 = (1..month).map(|month| month_length(year, month)).sum();
    Some(years + months + day - 1)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

#[cfg(test)]
mod tests;
