//! Times as systems write them, to seconds since 1970, and ages for people.

use bellwether_sdk::http::Response;
use jiff::{Timestamp, civil, fmt::rfc2822, tz::TimeZone};
use serde_json::Value;

/// Above these a bare number counts nanoseconds, microseconds, milliseconds. As seconds they were past the year 5000, and
/// as the next larger unit before 1973: no such time occurs in a report.
const UNITS: [(f64, f64); 3] = [(1e17, 1e9), (1e14, 1e6), (1e11, 1e3)];

/// A time: a number (seconds, or a finer unit by its size), RFC 3339, RFC 3339 without offset (taken as UTC), or the form of
/// HTTP headers.
pub(crate) fn unix(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().map(from_number),
        Value::String(text) => from_text(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As [`unix`], of a text.
pub(crate) fn from_text(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then(|| from_number(number));
    }
    let timestamp = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| naive(text))
        .or_else(|| Some(rfc2822::parse(text).ok()?.timestamp()))?;
    Some(timestamp.as_millisecond() as f64 / 1000.0)
}

fn naive(text: &str) -> Option<Timestamp> {
    let local: civil::DateTime = text.parse().ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn from_number(number: f64) -> f64 {
    let unit = UNITS.iter().find(|(above, _)| number > *above);
    unit.map_or(number, |(_, per_second)| number / per_second)
}

/// When a response was last changed, by a header.
pub(crate) fn of_header(response: &Response, name: &str) -> Option<f64> {
    from_text(response.header(name)?)
}

/// `2 h 5 min`, in the two largest units.
pub(crate) fn spoken(seconds: f64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let whole = seconds.max(0.0) as u64;
    if whole == 0 {
        return format!("{:.0} ms", seconds.max(0.0) * 1000.0);
    }
    let at = UNITS
        .iter()
        .position(|(_, size)| whole >= *size)
        .unwrap_or(UNITS.len() - 1);
    let (unit, size) = UNITS[at];
    let smaller = UNITS.get(at + 1).map(|(unit, size)| (unit, whole % UNITS[at].1 / size));
    match smaller {
        Some((small, count)) if count > 0 => format!("{} {unit} {count} {small}", whole / size),
        _ => format!("{} {unit}", whole / size),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-01-01 00:00 UTC.
    const NEW_YEAR: f64 = 1_767_225_600.0;

    #[test]
    fn times_are_read_in_every_form_that_systems_use() {
        let forms = [
            json!(1_767_225_600),
            json!(1_767_225_600_000_u64),
            json!(1_767_225_600_000_000_u64),
            json!(1_767_225_600_000_000_000_u64),
            json!("1767225600"),
            json!("2026-01-01T00:00:00Z"),
            json!("2026-01-01T01:00:00.000000+01:00"),
            json!("2026-01-01 00:00:00+00:00"),
            json!("2026-01-01T00:00:00.000001"),
            json!("Thu, 01 Jan 2026 00:00:00 GMT"),
        ];
        for form in forms {
            assert_eq!(unix(&form), Some(NEW_YEAR), "{form}");
        }
        for nonsense in [json!("yesterday"), json!(null), json!([1]), json!("NaN")] {
            assert_eq!(unix(&nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn ages_are_said_in_two_units() {
        assert_eq!(spoken(0.25), "250 ms");
        assert_eq!(spoken(59.0), "59 s");
        assert_eq!(spoken(7_500.0), "2 h 5 min");
        assert_eq!(spoken(172_800.0), "2 d");
        assert_eq!(spoken(-5.0), "0 ms");
    }
}
