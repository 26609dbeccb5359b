//! Durations: written `1h30m`, kept as whole milliseconds.

/// Said wherever a duration is not one.
pub(super) const FORM: &str =
    "durations are whole numbers with units from large to small: 1h30m, 500ms; units are y w d h m s ms";

/// Longest duration, in seconds: what 64 bits hold as nanoseconds, as in Prometheus; about 292 years.
const LONGEST_SECONDS: f64 = 9_223_372_036.0;

/// Units from large to small, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// `1h30m` as Prometheus reads durations everywhere: each unit at most once, from large to small. In milliseconds. `0`
/// needs no unit. Fails with a reason for a person.
pub fn duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    let fault = || format!("`{text}` is no duration");
    let (mut rest, mut total, mut next) = (text, 0i64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(fault)?;
        let (count, tail) = rest.split_at(digits);
        let unit = tail.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
        let place = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(fault)?;
        if digits == 0 || place < next {
            return Err(fault());
        }
        let size = UNITS.get(place).map_or(0, |unit| unit.1);
        total = count
            .parse::<i64>()
            .ok()
            .and_then(|count| count.checked_mul(size))
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total as f64 <= LONGEST_SECONDS * 1000.0)
            .ok_or_else(|| format!("the duration `{text}` is longer than 292 years"))?;
        next = place + 1;
        rest = tail.get(unit.len()..).unwrap_or_default();
    }
    if next == 0 { Err(fault()) } else { Ok(total) }
}

/// As a duration literal counts where a number is wanted.
pub(super) fn seconds(millis: i64) -> f64 {
    (millis / 1000) as f64 + (millis % 1000) as f64 / 1000.0
}

/// Whole milliseconds, or None where that is out of range. Less than a millisecond is cut off, as Prometheus does, but not
/// what rounding lost.
pub(super) fn millis(seconds: f64) -> Option<i64> {
    if seconds.is_nan() || seconds.abs() > LONGEST_SECONDS {
        return None;
    }
    let exact = seconds * 1000.0;
    let near = exact.round();
    let lost = (exact.abs() * f64::EPSILON * 2.0).max(1e-6);
    Some(if (exact - near).abs() <= lost {
        near as i64
    } else {
        exact as i64
    })
}

/// As [`duration`] reads it; negative ones with a sign before.
pub(super) fn print(millis: i64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = if millis < 0 { "-".to_owned() } else { String::new() };
    let mut rest = millis.unsigned_abs();
    for (unit, size) in UNITS {
        let size = size.unsigned_abs();
        // Years and weeks only where nothing remains: "400d" says more than "1y5w".
        let fine = !matches!(unit, "y" | "w");
        if rest >= size && (fine || rest.is_multiple_of(size)) {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}
