//! Durations and byte sizes as people write them, read and written.

use std::time::Duration;

/// Why a quantity was not understood. `Display` completes "is not a duration: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnitError {
    #[error("it is empty")]
    Empty,
    #[error("the unit is missing")]
    NoUnit {
        /// What the writer probably meant.
        likely: String,
    },
    #[error("`{unit}` is not a unit")]
    UnknownUnit { unit: String, likely: Option<String> },
    #[error("a number is missing before `{0}`")]
    NoNumber(String),
    #[error("fractions are not accepted")]
    Fraction,
    #[error("units go from large to small, each once")]
    Order,
    #[error("it is too large")]
    TooLarge,
}

impl UnitError {
    /// What to write instead, when that can be guessed.
    pub(super) fn likely(&self) -> Option<&str> {
        match self {
            Self::NoUnit { likely } => Some(likely),
            Self::UnknownUnit { likely, .. } => likely.as_deref(),
            Self::Empty | Self::NoNumber(_) | Self::Fraction | Self::Order | Self::TooLarge => None,
        }
    }
}

/// Large to small, in milliseconds.
const DURATIONS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// One number and the word after it.
fn split(text: &str) -> Result<(u64, &str, &str), UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if rest.starts_with(['.', ',']) {
        return Err(UnitError::Fraction);
    }
    let letters = rest
        .find(|character: char| character.is_ascii_digit())
        .unwrap_or(rest.len());
    let (word, rest) = rest.split_at(letters);
    if number.is_empty() {
        return Err(UnitError::NoNumber(word.trim().chars().take(16).collect()));
    }
    let number = number.parse().map_err(|_| UnitError::TooLarge)?;
    Ok((number, word.trim(), rest))
}

/// `15s`, `1m30s`, `500ms`, `2h`; units w, d, h, m, s, ms.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Empty);
    }
    let mut total = 0_u64;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let (number, word, tail) = split(rest)?;
        let at = DURATIONS
            .iter()
            .position(|(unit, _)| *unit == word)
            .ok_or_else(|| no_duration(number, word))?;
        if at < next_unit {
            return Err(UnitError::Order);
        }
        next_unit = at + 1;
        total = number
            .checked_mul(DURATIONS[at].1)
            .and_then(|millis| total.checked_add(millis))
            .ok_or(UnitError::TooLarge)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

fn no_duration(number: u64, word: &str) -> UnitError {
    if word.is_empty() {
        return UnitError::NoUnit {
            likely: format!("{number}s"),
        };
    }
    let lower = word.to_ascii_lowercase();
    let unit = match lower.as_str() {
        "sec" | "secs" | "second" | "seconds" | "s" => Some("s"),
        "min" | "mins" | "minute" | "minutes" | "m" => Some("m"),
        "hr" | "hrs" | "hour" | "hours" | "h" => Some("h"),
        "day" | "days" | "d" => Some("d"),
        "week" | "weeks" | "w" => Some("w"),
        "msec" | "millis" | "milliseconds" | "ms" => Some("ms"),
        _ => None,
    };
    UnitError::UnknownUnit {
        unit: word.chars().take(16).collect(),
        likely: unit.map(|unit| format!("{number}{unit}")),
    }
}

/// `64MiB`, `512KiB`, `100B`; also decimal `kB`, `MB`, `GB`.
pub(super) fn bytes(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UnitError::Empty);
    }
    let (number, word, rest) = split(text)?;
    if !rest.is_empty() {
        return Err(UnitError::UnknownUnit {
            unit: format!("{word}{rest}").chars().take(16).collect(),
            likely: None,
        });
    }
    let (_, factor) = SIZES
        .iter()
        .find(|(unit, _)| *unit == word)
        .ok_or_else(|| no_size(number, word))?;
    number.checked_mul(*factor).ok_or(UnitError::TooLarge)
}

fn no_size(number: u64, word: &str) -> UnitError {
    let unit = match word.to_ascii_lowercase().as_str() {
        "" => {
            return UnitError::NoUnit {
                likely: format!("{number}MiB"),
            };
        }
        "k" | "ki" | "kib" | "kb" => Some("KiB"),
        "m" | "mi" | "mib" | "mb" => Some("MiB"),
        "g" | "gi" | "gib" | "gb" => Some("GiB"),
        "b" | "byte" | "bytes" => Some("B"),
        _ => None,
    };
    UnitError::UnknownUnit {
        unit: word.chars().take(16).collect(),
        likely: unit.map(|unit| format!("{number}{unit}")),
    }
}

/// The shortest text that [`duration`] reads back, to the millisecond.
pub fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Days are the largest unit shown: 52w2d is no number anybody knows.
    for (unit, millis) in DURATIONS.into_iter().skip(1) {
        if rest >= millis {
            text.push_str(&format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    text
}

/// The shortest exact text that [`bytes`] reads back.
pub(super) fn show_bytes(bytes: u64) -> String {
    let (unit, factor) = SIZES
        .iter()
        .find(|(unit, factor)| unit.ends_with("iB") && bytes > 0 && bytes.is_multiple_of(*factor))
        .unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, millis) in [
            ("15s", 15_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("500ms", 500),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1s5ms", 1_005),
            (" 0s ", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why_and_what_was_meant() {
        let likely = |text: &str| duration(text).unwrap_err().likely().map(str::to_owned);
        assert_eq!(likely("15").as_deref(), Some("15s"));
        assert_eq!(likely("15sec").as_deref(), Some("15s"));
        assert_eq!(likely("5 Minutes").as_deref(), Some("5m"));
        assert_eq!(likely("5 moons"), None);
        assert_eq!(duration(""), Err(UnitError::Empty));
        assert_eq!(duration("1.5s"), Err(UnitError::Fraction));
        assert_eq!(duration("s"), Err(UnitError::NoNumber("s".into())));
        assert_eq!(duration("-1s"), Err(UnitError::NoNumber("-".into())));
        assert_eq!(duration("1s1m"), Err(UnitError::Order));
        assert_eq!(duration("99999999999999999999s"), Err(UnitError::TooLarge));
        assert_eq!(duration("9999999999999999999w"), Err(UnitError::TooLarge));
    }

    #[test]
    fn sizes_are_read() {
        for (text, size) in [("64MiB", 64 << 20), ("1 GiB", 1 << 30), ("5kB", 5_000), ("0B", 0)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        let likely = |text: &str| bytes(text).unwrap_err().likely().map(str::to_owned);
        assert_eq!(likely("64M").as_deref(), Some("64MiB"));
        assert_eq!(likely("64").as_deref(), Some("64MiB"));
        assert!(bytes("1MiB5").is_err());
        assert!(bytes("99999999999999GiB").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(millis in 0u64..10_000_000_000, size in any::<u64>()) {
            let shown = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(shown)), Ok(shown));
            prop_assert_eq!(bytes(&show_bytes(size)), Ok(size));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = duration(&text);
            let _ = bytes(&text);
        }
    }
}
