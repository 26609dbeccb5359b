//! Numbers and times as Prometheus' template functions write them.

use bellwether_promql::functions::format;

use super::{layout, moment::Civil};

/// `%.4g` of Go.
const DIGITS: usize = 4;

/// As Go's `%.4g`: four significant digits, an exponent below 1e-4 and from 1e4 on.
pub(super) fn four_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        // Go keeps the sign of a zero.
        return if value == 0.0 && value.is_sign_negative() {
            "-0".to_owned()
        } else {
            format::general(value)
        };
    }
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= DIGITS as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", shortened(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(DIGITS as i32 - 1 - exponent).unwrap_or(0);
    shortened(&format!("{value:.decimals$}")).to_owned()
}

/// Without zeros at the end of a fraction.
fn shortened(digits: &str) -> &str {
    if !digits.contains('.') {
        return digits;
    }
    digits.trim_end_matches('0').trim_end_matches('.')
}

/// `1.234k`, `12.34m`.
pub(super) fn humanize(mut value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let mut prefix = "";
    if value.abs() >= 1.0 {
        for larger in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            (prefix, value) = (larger, value / 1000.0);
        }
    } else {
        (prefix, value) = below_one(value);
    }
    format!("{}{prefix}", four_digits(value))
}

fn below_one(mut value: f64) -> (&'static str, f64) {
    let mut prefix = "";
    for smaller in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        (prefix, value) = (smaller, value * 1000.0);
    }
    (prefix, value)
}

/// `1.5Ki`, with powers of 1024.
pub(super) fn humanize_1024(mut value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four_digits(value);
    }
    let mut prefix = "";
    for larger in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if value.abs() < 1024.0 {
            break;
        }
        (prefix, value) = (larger, value / 1024.0);
    }
    format!("{}{prefix}", four_digits(value))
}

/// `1d 2h 3m 4s`, `12.5s`, `30ms`.
pub(super) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    if value == 0.0 {
        return format!("{}s", four_digits(value));
    }
    if value.abs() < 1.0 {
        let (prefix, value) = below_one(value);
        return format!("{}{prefix}s", four_digits(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    let whole = value as i64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four_digits(value))
    }
}

/// `12.3%`.
pub(super) fn humanize_percentage(value: f64) -> String {
    format!("{}%", four_digits(value * 100.0))
}

/// A time in UTC, as [`timestamp_nanos`] prints it. Errors: farther from 1970 than Go's count of nanoseconds reaches.
pub(super) fn timestamp(seconds: f64) -> Result<String, String> {
    nanos(seconds).map(timestamp_nanos)
}

/// Nanoseconds since the epoch. Errors: more than there are.
pub(super) fn nanos(seconds: f64) -> Result<i64, String> {
    let beyond = || format!("{} is no time that can be shown", format::general(seconds));
    if !seconds.is_finite() || seconds.abs() > 9_223_372_036.0 {
        return Err(beyond());
    }
    // Prometheus' times are whole milliseconds; what is beyond is cut off.
    let millis = ((seconds * 1e9) as i64) / 1_000_000;
    Ok(millis * 1_000_000)
}

/// As Go prints a time in UTC: `2023-11-14 22:13:20.5 +0000 UTC`.
pub(super) fn timestamp_nanos(nanos: i64) -> String {
    layout::format("2006-01-02 15:04:05.999999999 -0700 MST", &Civil::of(nanos))
}

/// Year, month, day, and seconds of the day; proleptic Gregorian, from the count of days since 0000-03-01.
pub(super) fn civil(seconds: i64) -> (i64, i64, i64, i64) {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, seconds.rem_euclid(86_400))
}

/// Nanoseconds of a duration in seconds; what is no number is none.
pub(super) fn duration_nanos(seconds: f64) -> i64 {
    // A cast of what is too large yields the largest, and of NaN zero.
    (seconds * 1e9).round() as i64
}

/// As Go prints a duration: `1h30m0s`, `1.5s`, `250ms`, `0s`.
pub(super) fn go_duration_nanos(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let plain = |size: u64, unit: &str| {
        let (whole, part) = (nanos / size, nanos % size);
        let width = size.ilog10() as usize;
        let part = format!("{part:0width$}");
        let part = part.trim_end_matches('0');
        let dot = if part.is_empty() || size == 1 {
            String::new()
        } else {
            format!(".{part}")
        };
        format!("{sign}{whole}{dot}{unit}")
    };
    match nanos {
        0..1_000 => plain(1, "ns"),
        1_000..1_000_000 => plain(1_000, "µs"),
        1_000_000..1_000_000_000 => plain(1_000_000, "ms"),
        _ => {
            let seconds = nanos / 1_000_000_000;
            let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
            let part = nanos % 60_000_000_000;
            let fraction = format!("{:09}", part % 1_000_000_000);
            let fraction = fraction.trim_end_matches('0');
            let dot = if fraction.is_empty() {
                String::new()
            } else {
                format!(".{fraction}")
            };
            let rest = format!("{}{dot}s", part / 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{rest}"),
                (0, minutes) => format!("{sign}{minutes}m{rest}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}"),
            }
        }
    }
}
