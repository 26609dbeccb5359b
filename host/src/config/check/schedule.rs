//! When a check runs and how long it may take: what goes together and what does not.

use std::time::Duration;

use super::{
    super::{
        cron::Cron, meant, reading::Reading, resolved::Schedule, source::At, units::show_duration, wording::excerpt,
    },
    tuning::Tuning,
};

/// Shortest interval. Snapshots are published once a second, so that faster runs are seen together; below a tenth of
/// that, a host mostly measures itself.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Longest interval: a year, which is what arithmetic on deadlines is tested with. Rarer things have `cron`.
pub const INTERVAL_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Interval of a check that says neither `interval` nor `cron`.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(15);

/// Shortest timeout: less is taken up by starting the run.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// Longest timeout. A run holds one of the permits all the while; what takes longer reports by a push.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Timeout of a check that says none. Cut to the interval where that is shorter.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Longest `stale_after`; as long as the longest interval and its retry.
pub const STALE_AFTER_MAX: Duration = Duration::from_secs(2 * 366 * 24 * 3600);

/// What [`resolve`] decided.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) schedule: Schedule,
    pub(super) timeout: Duration,
    pub(super) stale_after: Option<Duration>,
}

/// The rules among `[defaults]` themselves.
pub(super) fn check_defaults(reading: &Reading<'_>, defaults: &Tuning) {
    let every = defaults
        .interval
        .as_ref()
        .map_or(INTERVAL_DEFAULT, |interval| interval.value);
    refuse_long_timeout(reading, defaults.timeout.as_ref(), every);
    refuse_long_retry(reading, defaults.retry_interval.as_ref(), every);
    if let Some(zone) = &defaults.timezone {
        known_zone(reading, zone);
    }
}

/// `None`: a problem was noted.
pub(super) fn resolve(
    reading: &Reading<'_>,
    own: &Tuning,
    cron: Option<&At<String>>,
    defaults: &Tuning,
) -> Option<Times> {
    match cron {
        Some(cron) => by_calendar(reading, own, cron, defaults),
        None => Some(by_interval(reading, own, defaults)),
    }
}

fn by_interval(reading: &Reading<'_>, own: &Tuning, defaults: &Tuning) -> Times {
    if let Some(zone) = &own.timezone {
        let message = "`timezone` has no effect without `cron`";
        reading.warn(
            zone.span,
            message,
            "remove it, or say when in that zone: cron = \"0 7 * * *\"".to_owned(),
        );
    }
    let given = own.interval.as_ref().or(defaults.interval.as_ref());
    let every = given.map_or(INTERVAL_DEFAULT, |interval| interval.value);
    refuse_long_timeout(reading, own.timeout.as_ref(), every);
    refuse_long_retry(reading, own.retry_interval.as_ref(), every);
    if let Some(stale) = own.stale_after.as_ref().filter(|stale| stale.value < every) {
        let message = format!(
            "`stale_after` {} is shorter than the interval {}: the series would vanish between two runs",
            show_duration(stale.value),
            show_duration(every)
        );
        let hint = "leave it out: the default is two intervals and the timeout".to_owned();
        reading.error(stale.span, message, hint);
    }
    // A default is made for many checks: where it does not fit one of them, that one goes without.
    let default = |value: &Option<At<Duration>>| value.as_ref().map(|value| value.value);
    let retry = own.retry_interval.as_ref().map(|retry| retry.value);
    let stale_after = own.stale_after.as_ref().map(|stale| stale.value);
    Times {
        schedule: Schedule::Interval {
            every,
            retry: retry
                .or(default(&defaults.retry_interval))
                .filter(|retry| *retry < every),
        },
        timeout: timeout(own, defaults, Some(every)),
        stale_after: stale_after.or(default(&defaults.stale_after).filter(|stale| *stale >= every)),
    }
}

fn by_calendar(reading: &Reading<'_>, own: &Tuning, cron: &At<String>, defaults: &Tuning) -> Option<Times> {
    if let Some(interval) = &own.interval {
        let hint = "keep one of them".to_owned();
        reading.error(
            interval.span,
            "`interval` and `cron` both say when this check runs",
            hint,
        );
    }
    if let Some(retry) = &own.retry_interval {
        let hint = "remove it, or use `interval` instead of `cron`".to_owned();
        reading.error(
            retry.span,
            "`retry_interval` goes with `interval`; a check with `cron` keeps to its times",
            hint,
        );
    }
    let zone = own.timezone.as_ref().or(defaults.timezone.as_ref());
    // One that stands in `[defaults]` was noted there, once.
    let known = match (&own.timezone, zone) {
        (Some(own), _) => known_zone(reading, own),
        (None, Some(default)) => jiff::tz::TimeZone::get(&default.value).is_ok(),
        (None, None) => true,
    };
    if !known {
        return None;
    }
    let zone = zone.map_or("UTC", |zone| zone.value.as_str());
    let parsed = Cron::parse(&cron.value, zone)
        .map_err(|error| {
            let hint =
                "for example every five minutes: cron = \"*/5 * * * *\", at 7:30 on weekdays: cron = \"30 7 * * 1-5\"";
            reading.error(
                cron.span,
                format!("`cron` cannot be \"{}\": {error}", excerpt(&cron.value)),
                hint.to_owned(),
            );
        })
        .ok()?;
    let stale = own.stale_after.as_ref().or(defaults.stale_after.as_ref());
    Some(Times {
        schedule: Schedule::Cron(parsed),
        timeout: timeout(own, defaults, None),
        stale_after: stale.map(|stale| stale.value),
    })
}

/// A timeout that somebody chose for this check stands as it is; a default is cut to the interval.
fn timeout(own: &Tuning, defaults: &Tuning, every: Option<Duration>) -> Duration {
    if let Some(own) = &own.timeout {
        return own.value;
    }
    let default = defaults
        .timeout
        .as_ref()
        .map_or(TIMEOUT_DEFAULT, |timeout| timeout.value);
    every.map_or(default, |every| default.min(every))
}

fn refuse_long_timeout(reading: &Reading<'_>, timeout: Option<&At<Duration>>, every: Duration) {
    if let Some(timeout) = timeout.filter(|timeout| timeout.value > every) {
        let (long, short) = (show_duration(timeout.value), show_duration(every));
        let message =
            format!("`timeout` {long} is longer than the interval {short}: a slow run would eat the next one");
        let hint = format!("shorten it, or raise the interval: interval = \"{long}\"");
        reading.error(timeout.span, message, hint);
    }
}

fn refuse_long_retry(reading: &Reading<'_>, retry: Option<&At<Duration>>, every: Duration) {
    if let Some(retry) = retry.filter(|retry| retry.value > every) {
        let (long, short) = (show_duration(retry.value), show_duration(every));
        let message = format!("`retry_interval` {long} is longer than the interval {short}");
        let hint = "it is for looking more often while something is wrong; make it shorter".to_owned();
        reading.error(retry.span, message, hint);
    }
}

fn known_zone(reading: &Reading<'_>, zone: &At<String>) -> bool {
    if jiff::tz::TimeZone::get(&zone.value).is_ok() {
        return true;
    }
    let names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    let near = meant::nearest(&zone.value, names.iter().map(String::as_str));
    let hint = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "use a name of the time zone database, such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
    };
    let message = format!("`timezone` \"{}\" is not known", excerpt(&zone.value));
    reading.error(zone.span, message, hint);
    false
}
