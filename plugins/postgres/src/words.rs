//! Numbers and messages as people read them.

use std::time::Duration;

/// Messages of a server may have several lines.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `850 ms`, `12 s`, `3 min`, `2 h`, `5 d`.
pub(crate) fn span(seconds: f64) -> String {
    let duration = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    let seconds = duration.as_secs();
    if seconds == 0 {
        format!("{} ms", duration.as_millis())
    } else if seconds < 2 * MINUTE {
        format!("{seconds} s")
    } else if seconds < 2 * HOUR {
        format!("{} min", seconds / MINUTE)
    } else if seconds < 2 * DAY {
        format!("{} h", seconds / HOUR)
    } else {
        format!("{} d", seconds / DAY)
    }
}

/// `12 KiB`, `3.4 GiB`.
pub(crate) fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes.max(0.0);
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 10.0);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_in_units_that_people_read() {
        assert_eq!(
            [0.85, 12.0, 119.0, 180.0, 7_200.0, 200_000.0, -1.0].map(span),
            ["850 ms", "12 s", "119 s", "3 min", "2 h", "2 d", "0 ms"]
        );
        assert_eq!(
            [12.0, 2048.0, 3.4 * 1024.0 * 1024.0, 5e20].map(size),
            ["12 B", "2.0 KiB", "3.4 MiB", "454747351 TiB"]
        );
    }
}
