//! What a request asks for: its query string and its form, read as Prometheus reads them.
//!
//! Flows in: bytes of strangers, of bounded length. Flows out: texts, times in milliseconds since the epoch, spans in
//! milliseconds, selectors; or a [`Failure`] that names the parameter.

use std::time::Duration;

use bellwether_promql::{ast::Matcher, parse};

use super::Failure;
use crate::clock;

/// Furthest time from the epoch, in milliseconds, some 280,000 years: sums of times and durations fit in 64 bits. What is further
/// away is taken for it.
const TIME_MAX: i64 = 1 << 53;

/// Longest span in milliseconds: some 290 years, what Prometheus' nanoseconds hold.
const SPAN_MAX: f64 = 9.2e15;

/// What clients of Prometheus send for the beginning and the end of all time.
const BEGINNING: &str = "-292273086-05-16T16:47:06Z";
const END: &str = "292277025-08-18T07:12:54.999999999Z";

/// Names with their values, those of the form before those of the query string.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn new(form: &[u8], query: &str) -> Self {
        let form = url::form_urlencoded::parse(form);
        let query = url::form_urlencoded::parse(query.as_bytes());
        let owned = form
            .chain(query)
            .map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self(owned.collect())
    }

    /// The first value; "" when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        let named = self.0.iter().find(|(own, _)| own == name);
        named.map_or("", |(_, value)| value)
    }

    /// All values.
    pub(super) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        let named = self.0.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Milliseconds since the epoch; `None`: not said.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Failure> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        time(text).map(Some).ok_or_else(|| not_a(name, text, "timestamp"))
    }

    /// As [`Self::time`], of a parameter that has to be there.
    pub(super) fn some_time(&self, name: &str) -> Result<i64, Failure> {
        self.time(name)?.ok_or_else(|| not_a(name, "", "timestamp"))
    }

    /// From `start` to `end`; where neither is said, all time.
    pub(super) fn period(&self) -> Result<(i64, i64), Failure> {
        let start = self.time("start")?.unwrap_or(-TIME_MAX);
        Ok((start, self.time("end")?.unwrap_or(TIME_MAX)))
    }

    /// Milliseconds; `None`: not said.
    pub(super) fn span(&self, name: &str) -> Result<Option<i64>, Failure> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        span(text).map(Some).ok_or_else(|| not_a(name, text, "duration"))
    }

    /// As [`Self::span`], of a parameter that has to be there.
    pub(super) fn some_span(&self, name: &str) -> Result<i64, Failure> {
        self.span(name)?.ok_or_else(|| not_a(name, "", "duration"))
    }

    /// `timeout`, which can only shorten what is allowed.
    pub(super) fn patience(&self, most: Duration) -> Result<Duration, Failure> {
        let asked = self
            .span("timeout")?
            .map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        Ok(asked.map_or(most, |asked| asked.min(most)))
    }

    /// How many there may be at most; 0: as many as there are.
    pub(super) fn limit(&self, name: &str) -> Result<usize, Failure> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(0);
        }
        text.parse()
            .map_err(|_| Failure::parameter(name, format!("{text:?} is not a whole number from 0 on")))
    }

    /// `match[]`, each a set of conditions that hold together.
    pub(super) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, Failure> {
        const NAME: &str = "match[]";
        let selector = |text: &str| parse::selector(text).map_err(|error| Failure::syntax(NAME, &error));
        self.all(NAME).map(selector).collect()
    }

    /// `true` or `false`, as Go reads them.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name).to_ascii_lowercase().as_str() {
            "" | "false" | "f" | "0" => Ok(false),
            "true" | "t" | "1" => Ok(true),
            other => Err(Failure::parameter(name, format!("{other:?} is neither true nor false"))),
        }
    }
}

fn not_a(name: &str, text: &str, what: &str) -> Failure {
    Failure::parameter(name, format!("cannot parse {text:?} to a valid {what}"))
}

/// Seconds since the epoch, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    let millis = match text.parse::<f64>() {
        // Clients that mean all time send its ends as numbers too.
        Ok(seconds) if seconds.is_finite() => {
            let most = TIME_MAX as f64;
            let millis = seconds.trunc() * 1_000.0 + (seconds.fract() * 1_000.0).round();
            whole(millis.clamp(-most, most))?
        }
        Ok(_) => return None,
        Err(_) if text == BEGINNING => -TIME_MAX,
        Err(_) if text == END => TIME_MAX,
        Err(_) => clock::of_rfc3339(text)?,
    };
    (-TIME_MAX..=TIME_MAX).contains(&millis).then_some(millis)
}

/// Seconds, or `1h30m`.
fn span(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => whole((seconds * 1_000.0).trunc()),
        Err(_) => parse::duration(text).ok(),
    }
}

/// `None` for what is no number or too large.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
fn whole(millis: f64) -> Option<i64> {
    (millis.abs() <= SPAN_MAX).then_some(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        for (text, millis) in [
            ("1700000000.123", Some(1_700_000_000_123)),
            ("1700000000", Some(1_700_000_000_000)),
            ("1.7e9", Some(1_700_000_000_000)),
            ("0.0015", Some(2)),
            ("-1.5", Some(-1_500)),
            ("2023-11-14T22:13:20.5Z", Some(1_700_000_000_500)),
            ("2023-11-14T23:13:20+01:00", Some(1_700_000_000_000)),
            (BEGINNING, Some(-TIME_MAX)),
            (END, Some(TIME_MAX)),
            ("NaN", None),
            ("Inf", None),
            ("1e300", Some(TIME_MAX)),
            ("-9223309901257974", Some(-TIME_MAX)),
            ("yesterday", None),
            ("2023-11-14", None),
        ] {
            assert_eq!(time(text), millis, "{text}");
        }
    }

    #[test]
    fn spans_are_seconds_or_durations() {
        for (text, millis) in [
            ("15", Some(15_000)),
            ("0.25", Some(250)),
            ("15s", Some(15_000)),
            ("1h30m", Some(5_400_000)),
            ("-1", Some(-1_000)),
            ("1e300", None),
            ("soon", None),
            ("NaN", None),
        ] {
            assert_eq!(span(text), millis, "{text}");
        }
    }

    #[test]
    fn forms_come_before_query_strings_and_names_may_come_again() {
        let parameters = Parameters::new(b"match[]=a%2B&query=form+text", "query=url&match%5B%5D=b");
        assert_eq!(parameters.text("query"), "form text");
        assert_eq!(parameters.all("match[]").collect::<Vec<_>>(), ["a+", "b"]);
        assert_eq!(parameters.text("none"), "");
    }

    #[test]
    fn what_means_nothing_is_said_with_its_name() {
        let parameters = Parameters::new(b"", "limit=-1&time=x&match[]={a%3D~\".*\"}&flag=maybe&timeout=-5");
        let said = |failure: Failure| failure.message;
        assert_eq!(
            parameters.limit("limit").map_err(said),
            Err("invalid parameter \"limit\": \"-1\" is not a whole number from 0 on".to_owned())
        );
        assert_eq!(
            parameters.time("time").map_err(said),
            Err("invalid parameter \"time\": cannot parse \"x\" to a valid timestamp".to_owned())
        );
        assert!(parameters.selectors().is_err() && parameters.flag("flag").is_err());
        assert_eq!(parameters.patience(Duration::from_secs(9)), Ok(Duration::ZERO));
        assert_eq!(
            Parameters::default().patience(Duration::from_secs(9)),
            Ok(Duration::from_secs(9))
        );
    }
}
