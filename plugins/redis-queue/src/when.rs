//! Points in time, as queues write them down.
//!
//! All are Unix seconds with a fraction. What a library writes is known; of what an application writes, the unit is read
//! from the size of the number.

use serde_json::Value;

/// Seconds, milliseconds, microseconds and nanoseconds since 1970 differ by a thousand; the limits stand between them for every
/// year from 1973 to 5138.
const MILLISECONDS_FROM: f64 = 1e11;
const MICROSECONDS_FROM: f64 = 1e14;
const NANOSECONDS_FROM: f64 = 1e17;

/// A number in whichever unit its size tells; none for what is not after 1970.
pub(crate) fn from_number(number: f64) -> Option<f64> {
    if !number.is_finite() || number <= 0.0 {
        return None;
    }
    Some(match number {
        n if n >= NANOSECONDS_FROM => n / 1e9,
        n if n >= MICROSECONDS_FROM => n / 1e6,
        n if n >= MILLISECONDS_FROM => n / 1e3,
        n => n,
    })
}

/// A number, or ISO 8601 with a zone; without one it is UTC, as RQ and Ruby mean it.
pub(crate) fn from_text(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return from_number(number);
    }
    let at: jiff::Timestamp = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some(at.as_microsecond() as f64 / 1e6)
}

/// A JSON number, or text as above.
pub(crate) fn from_json(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => from_number(number.as_f64()?),
        Value::String(text) => from_text(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The time at `pointer` of a JSON text; with the pointer "" a text that is no JSON may be the time itself.
pub(crate) fn at_pointer(text: &str, pointer: &str) -> Option<f64> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => from_json(value.pointer(pointer)?),
        Err(_) if pointer.is_empty() => from_text(text),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR: f64 = 1_767_225_600.0;

    #[test]
    fn the_unit_is_read_from_the_size() {
        for number in [NEW_YEAR, NEW_YEAR * 1e3, NEW_YEAR * 1e6, NEW_YEAR * 1e9] {
            assert_eq!(from_number(number), Some(NEW_YEAR));
        }
        assert_eq!(from_number(0.0), None);
        assert_eq!(from_number(f64::NAN), None);
    }

    #[test]
    fn text_is_a_number_or_iso_8601() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000000Z",
            "2026-01-01T01:00:00+01:00",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00+00:00",
            "1767225600",
            " 1767225600000 ",
        ] {
            assert_eq!(from_text(text), Some(NEW_YEAR), "{text}");
        }
        assert_eq!(from_text("yesterday"), None);
    }

    #[test]
    fn a_pointer_leads_into_a_message() {
        let message = r#"{"headers":{"enqueued_at":1767225600.5,"at":"2026-01-01T00:00:00Z"},"none":null}"#;
        assert_eq!(at_pointer(message, "/headers/enqueued_at"), Some(NEW_YEAR + 0.5));
        assert_eq!(at_pointer(message, "/headers/at"), Some(NEW_YEAR));
        assert_eq!(at_pointer(message, "/none"), None);
        assert_eq!(at_pointer(message, "/absent"), None);
        assert_eq!(at_pointer("1767225600", ""), Some(NEW_YEAR));
        assert_eq!(at_pointer("2026-01-01T00:00:00Z", ""), Some(NEW_YEAR));
        assert_eq!(at_pointer("{broken", "/a"), None);
    }
}
