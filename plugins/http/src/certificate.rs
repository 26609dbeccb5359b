//! What is said about certificates. Pure.

use bellwether_sdk::http::Certificate;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Days from `now` to the end of `certificate`; negative when it has ended.
pub(crate) fn days_left(certificate: &Certificate, now: i64) -> f64 {
    certificate.not_after_unix.saturating_sub(now) as f64 / DAY as f64
}

/// Whether `now` is outside the time in which it is valid, in words.
pub(crate) fn out_of_time(certificate: &Certificate, now: i64) -> Option<String> {
    if certificate.not_after_unix <= now {
        let ago = span(now.saturating_sub(certificate.not_after_unix));
        return Some(format!("certificate expired {ago} ago"));
    }
    if certificate.not_before_unix > now {
        let ahead = span(certificate.not_before_unix.saturating_sub(now));
        return Some(format!("certificate is not valid yet, only in {ahead}"));
    }
    None
}

/// `3 days`, `1 hour`: the largest unit that there is one of.
pub(crate) fn span(seconds: i64) -> String {
    let (count, unit) = if seconds < HOUR {
        (seconds / MINUTE, "minute")
    } else if seconds < DAY {
        (seconds / HOUR, "hour")
    } else {
        (seconds / DAY, "day")
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_the_largest_unit_there_is_one_of() {
        assert_eq!(span(59), "0 minutes");
        assert_eq!(span(61), "1 minute");
        assert_eq!(span(2 * HOUR + 1), "2 hours");
        assert_eq!(span(3 * DAY + 5 * HOUR), "3 days");
    }
}
