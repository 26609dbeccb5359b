//! Times, spans, labels and causes in words. Pure.
//!
//! What comes from whoever is monitored is bounded and without control characters, also those that turn text around: a label must
//! not be able to look like a line of ours.

use std::borrow::Cow;

use bellwether_promql::{labels::Labels, parse::quote};

use crate::{
    alert::{ALERT_NAME, ResolveCause},
    clock,
    dispatch::News,
};

/// Characters of one annotation or detail that are shown: a screen full.
pub const TEXT_CHARS_MAX: usize = 1_000;

/// Characters of one label's value that are shown.
pub const VALUE_CHARS_MAX: usize = 200;

/// Labels of one alert that are shown.
const LABELS_MAX: usize = 32;

/// The label with which rules say how bad it is.
pub const SEVERITY: &str = "severity";

/// At most so many characters, with an ellipsis in place of the rest.
pub fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let at = text.char_indices().nth(chars.saturating_sub(1)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}…", text[..at].trim_end()))
        }
    }
}

/// On one line, with single spaces.
pub fn line(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(visible).collect();
    words.join(" ")
}

/// On as many lines as it has, without what cannot be seen.
pub fn lines(text: &str) -> String {
    let each: Vec<String> = text
        .trim()
        .lines()
        .map(|line| visible(&line.replace('\t', " ")))
        .collect();
    each.join("\n")
}

/// Without control characters and those that change the direction of text.
fn visible(text: &str) -> String {
    let turns =
        |letter: char| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    text.chars()
        .filter(|letter| !letter.is_control() && !turns(*letter))
        .collect()
}

/// `2026-11-28 03:00:00 UTC`.
pub fn moment(millis: i64) -> String {
    let seconds = millis - millis.rem_euclid(1_000);
    match clock::rfc3339(seconds) {
        Some(text) => text.replace('T', " ").replace('Z', " UTC"),
        None => format!("{millis} ms"),
    }
}

/// `7m`, `1h 5m`, `3d 4h`; the two largest parts. Less than a second is `0s`.
pub fn span(millis: i64) -> String {
    let seconds = millis.max(0) / 1_000;
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown: Vec<String> = parts[first..]
        .iter()
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if shown.is_empty() {
        "0s".to_owned()
    } else {
        shown.join(" ")
    }
}

/// `4,950`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev();
    let grouped: Vec<&str> = grouped
        .map(|three| std::str::from_utf8(three).unwrap_or_default())
        .collect();
    grouped.join(",")
}

/// Why an alert is over, after "it is over: ".
pub const fn cause(cause: ResolveCause) -> &'static str {
    match cause {
        ResolveCause::Condition => "its condition no longer holds",
        ResolveCause::NoData => "its data is no longer reported, so nobody knows whether all is well",
        ResolveCause::RuleRemoved => "its rule is no longer configured",
        ResolveCause::Expired => "its data has been missing for too long to keep it firing",
        ResolveCause::Vanished => "its check reports, and this no more",
        ResolveCause::CheckRemoved => "its check is no longer configured",
        ResolveCause::OverLimit => {
            "its rule yields more alerts than the limit of its group, so nobody knows whether all is well"
        }
        ResolveCause::LabelsChanged => "its rule gives it other labels now; under those its condition still holds",
        ResolveCause::Sender => "whoever reported it says that it is over",
        ResolveCause::SenderSilent => "whoever reported it is silent, so nobody knows whether all is well",
    }
}

/// `queue=reservations, host="db 1"`, without the alert's name and those that `known` has too.
pub fn labels(labels: &Labels, known: &Labels) -> String {
    let own = labels.iter().filter(|(name, value)| {
        let is_name = **name == *ALERT_NAME;
        !is_name && known.get(name) != Some(value)
    });
    let all: Vec<String> = own.map(|(name, value)| pair(name, value)).collect();
    let mut text = all[..all.len().min(LABELS_MAX)].join(", ");
    if all.len() > LABELS_MAX {
        text.push_str(&format!(", and {} more labels", all.len() - LABELS_MAX));
    }
    text
}

fn pair(name: &str, value: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "_-./:@%+[]*".contains(letter);
    let value = cut(value, VALUE_CHARS_MAX);
    let name = visible(name);
    if value.chars().all(plain) {
        format!("{name}={value}")
    } else {
        format!("{name}={}", visible(&quote(&value)))
    }
}

/// The alert's name, or what stands for one.
pub fn name(news: &News) -> String {
    match news.labels.get(ALERT_NAME) {
        Some(name) => cut(&line(name), VALUE_CHARS_MAX).into_owned(),
        None => "an alert without a name".to_owned(),
    }
}

/// How bad it is, as its rule says; "" when it does not.
pub fn severity(news: &News) -> String {
    news.labels
        .get(SEVERITY)
        .map_or_else(String::new, |value| cut(&line(value), 32).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_their_two_largest_parts() {
        let shown = [0, 59_999, 420_000, 3_900_000, 86_400_000 + 4 * 3_600_000, 86_460_000].map(span);
        assert_eq!(shown, ["0s", "59s", "7m", "1h 5m", "1d 4h", "1d"]);
        assert_eq!(span(-5), "0s");
    }

    #[test]
    fn moments_and_counts_read_as_people_write_them() {
        assert_eq!(moment(1_795_834_800_123), "2026-11-28 03:00:00 UTC");
        assert_eq!(
            [7, 999, 4_950, 1_234_567].map(count),
            ["7", "999", "4,950", "1,234,567"]
        );
    }

    #[test]
    fn a_label_cannot_make_lines_or_turn_text_around() {
        let all = Labels::new([
            ("alertname", "A"),
            ("a", "x\nRESOLVED: all is well"),
            ("b", "\u{202e}txt.exe"),
        ]);
        let shown = labels(&all, &Labels::default());
        assert_eq!(shown, r#"a="x\nRESOLVED: all is well", b="\u202etxt.exe""#);
        assert_eq!(line("a\r\nb\u{1b}[31m \u{202e}c"), "a b[31m c");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("grüße", 5), "grüße");
        assert_eq!(cut("grüße!", 4), "grü…");
        assert_eq!(cut("ab cdef", 4), "ab…");
    }
}
