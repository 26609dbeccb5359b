//! Points in time, as queues write them down.
//!
//! All are Unix seconds with a fraction. What a library writes is known; of what an application writes, the unit is read
//! from the size of the number.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

/// The time at `pointer` of a JSON text; with the pointer "" a text that is no JSON may be the time itself. Texts are others' and may
/// be megabytes: nothing of them is kept but this.
pub(crate) fn at_pointer(text: &str, pointer: &str) -> Option<f64> {
    let steps: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
    let mut json = serde_json::Deserializer::from_str(text);
    let found = At(&steps).deserialize(&mut json).and_then(|at| json.end().map(|()| at));
    match found {
        Ok(at) => at,
        Err(_) if pointer.is_empty() => from_text(text),
        Err(_) => None,
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// The time at the end of these steps, of whatever else passes by.
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<f64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<f64>, D::Error> {
        json.deserialize_any(self)
    }
}

impl At<'_> {
    fn here(&self, read: impl FnOnce() -> Option<f64>) -> Option<f64> {
        if self.0.is_empty() { read() } else { None }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<f64>, E> {
        Ok(self.here(|| from_number(number as f64)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<f64>, E> {
        Ok(self.here(|| from_number(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<f64>, E> {
        Ok(self.here(|| from_number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<f64>, E> {
        Ok(self.here(|| from_text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<f64>, A::Error> {
        let wanted = self.0.first().and_then(|step| step.parse::<usize>().ok());
        for place in 0.. {
            if let (true, [_, rest @ ..]) = (wanted == Some(place), self.0) {
                let Some(at) = items.next_element_seed(At(rest))? else {
                    break;
                };
                while items.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(at);
            }
            if items.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<f64>, A::Error> {
        let mut at = None;
        let (wanted, rest) = match self.0 {
            [first, rest @ ..] => (Some(first.as_str()), rest),
            [] => (None, self.0),
        };
        while let Some(is_wanted) = members.next_key_seed(Named(wanted))? {
            if is_wanted {
                at = members.next_value_seed(At(rest))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(at)
    }
}

/// Whether a key is this one.
struct Named<'p>(Option<&'p str>);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0 == Some(key))
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
        let listed = r#"{"args":[[7],{"a/b":1767225600,"":{"~":"1767225600"}},"x"],"args2":1}"#;
        assert_eq!(at_pointer(listed, "/args/1/a~1b"), Some(NEW_YEAR));
        assert_eq!(at_pointer(listed, "/args/1//~0"), Some(NEW_YEAR));
        for nowhere in ["/args", "/args/3", "/args/1", "/args/2/0", "/args2/0", "/args/x"] {
            assert_eq!(at_pointer(listed, nowhere), None, "{nowhere}");
        }
        assert_eq!(at_pointer(r#"{"a":1767225600} x"#, "/a"), None, "it is no JSON");
    }
}
