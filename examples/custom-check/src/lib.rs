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
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let before = usize::try_from(month - 1).ok()?;
    if !(1970..=9999).contains(&year) || !(1..=*lengths.get(before)?).contains(&day) {
        return None;
    }
    let years: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    Some(years + lengths[..before].iter().sum::<i64>() + day - 1)
}

#[cfg(test)]
mod tests;
