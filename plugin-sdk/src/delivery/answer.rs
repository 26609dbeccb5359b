//! From an answer over HTTP to what became of a delivery.
//!
//! Flows in: a response, or why there is none. Flows out: the response of a request that was taken, or a failure. Receivers that say
//! more in their bodies look there first.

use std::{borrow::Cow, time::Duration};

use super::DeliveryFailure;
use crate::{http, text};

/// Longest part of an answer's body that is told: enough for a sentence of JSON.
const EXCERPT_UNITS_MAX: usize = 300;

/// Longest wait that is believed. What names a longer one was written for a person, or is wrong; asking once a day harms nobody.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// The response of a request that was taken (2xx). 408, 425, 429 and all of 5xx are worth another attempt, and so is an answer that
/// did not come; other answers are not.
pub fn accepted(answer: Result<http::Response, Box<http::Failure>>) -> Result<http::Response, DeliveryFailure> {
    let response = answer?;
    match response.status {
        200..=299 => Ok(response),
        _ => Err(status_failure(&response)),
    }
}

/// What a status other than 2xx means, by the status alone.
pub fn status_failure(response: &http::Response) -> DeliveryFailure {
    let status = response.status;
    let body = excerpt(&response.body);
    let message = match (status, body.is_empty()) {
        (300..=399, _) => {
            format!("answered {status} and named another place; the connection must name that place itself")
        }
        (_, true) => format!("answered {status}"),
        (_, false) => format!("answered {status}: {body}"),
    };
    match status {
        408 | 425 | 429 | 500..=599 => DeliveryFailure::transient(message).after(retry_after(response)),
        _ => DeliveryFailure::Permanent(message),
    }
}

/// The beginning of a body, as one line for a person.
pub fn excerpt(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let words: Vec<&str> = body.split_whitespace().collect();
    text::cut(&words.join(" "), EXCERPT_UNITS_MAX).into_owned()
}

/// `Retry-After`: seconds, also with a fraction as Discord writes them, or a date, which is held against the answer's own `Date`.
/// At most a day.
pub fn retry_after(response: &http::Response) -> Option<Duration> {
    let value = response.header("retry-after")?.trim();
    let wait = match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => {
            let now = http_date(response.header("date")?)?;
            Duration::from_secs(http_date(value)?.saturating_sub(now))
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that may be written today.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|known| known == month)?;
    let (day, year) = (day.parse::<u64>().ok()?, year.parse::<u64>().ok()?);
    let clock: Vec<u64> = time.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hour, minute, second] = clock.as_slice() else {
        return None;
    };
    let fits = (1970..=9999).contains(&year) && (1..=31).contains(&day) && *hour < 24 && *minute < 60 && *second < 61;
    fits.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Since 1970-01-01. `month` counts from 0.
fn days(year: u64, month: usize, day: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leaps = (1970..year).filter(|year| leap(*year)).count() as u64;
    let this = u64::from(month > 1 && leap(year));
    (year - 1970) * 365 + leaps + BEFORE[month] + this + day - 1
}

impl From<Box<http::Failure>> for DeliveryFailure {
    /// What the host refuses, it will refuse again; all else may be better in a minute.
    fn from(failure: Box<http::Failure>) -> Self {
        let reason = Cow::<str>::Owned(http::reason(&failure.error));
        match failure.error {
            http::Error::Denied(_) | http::Error::Invalid(_) => Self::permanent(reason),
            http::Error::Resolve(_)
            | http::Error::Connect(_)
            | http::Error::Tls(_)
            | http::Error::Timeout(_)
            | http::Error::Protocol(_)
            | http::Error::Limit(_)
            | http::Error::Exhausted(_) => Self::transient(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{answer, no_answer};

    fn failure(status: u16, headers: &[(&str, &str)]) -> DeliveryFailure {
        let mut response = answer(status, "  no\n such\tthing ");
        response.headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        accepted(Ok(response)).expect_err("a failure")
    }

    #[test]
    fn answers_are_told_apart_by_whether_trying_again_can_help() {
        for status in [200, 201, 202, 204, 299] {
            assert!(accepted(Ok(answer(status, ""))).is_ok(), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 529, 599] {
            assert!(!failure(status, &[]).is_permanent(), "{status}");
        }
        for status in [301, 302, 304, 308, 400, 401, 403, 404, 405, 410, 413, 422] {
            assert!(failure(status, &[]).is_permanent(), "{status}");
        }
        assert_eq!(failure(404, &[]).message(), "answered 404: no such thing");
        assert!(failure(302, &[]).message().contains("another place"));
    }

    #[test]
    fn no_answer_is_worth_another_attempt_unless_the_host_refused_to_ask() {
        let failed = |error| accepted(Err(no_answer(error))).expect_err("a failure").is_permanent();
        assert!(failed(http::Error::Denied("no".to_owned())));
        assert!(failed(http::Error::Invalid("no".to_owned())));
        for error in [
            http::Error::Resolve(String::new()),
            http::Error::Connect(String::new()),
            http::Error::Tls(String::new()),
            http::Error::Timeout(http::Phase::Processing),
            http::Error::Protocol(String::new()),
            http::Error::Limit(String::new()),
            http::Error::Exhausted(String::new()),
        ] {
            assert!(!failed(error));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_a_day() {
        let wait = |headers: &[(&str, &str)]| match failure(429, headers) {
            DeliveryFailure::Transient { retry_after, .. } => retry_after,
            DeliveryFailure::Permanent(message) => panic!("{message}"),
        };
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("Retry-After", "30")]), Some(Duration::from_secs(30)));
        assert_eq!(wait(&[("retry-after", " 0.25 ")]), Some(Duration::from_millis(250)));
        assert_eq!(wait(&[("retry-after", "99999999999999")]), Some(RETRY_AFTER_MAX));
        for nonsense in ["-1", "soon", "NaN", "inf", "", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(wait(&[date, later]), Some(Duration::from_secs(30)));
        let earlier = ("retry-after", "Sat, 05 Nov 1994 08:50:07 GMT");
        assert_eq!(wait(&[date, earlier]), Some(Duration::ZERO));
    }

    #[test]
    fn dates_are_counted_over_leap_years() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(http_date("Mon, 01 Mar 2100 00:00:00 GMT"), Some(4_107_542_400));
        for bad in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }
}
