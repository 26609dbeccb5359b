//! The title and the text that a notification has unless its receiver says otherwise. Pure.
//!
//! Written for somebody who was just woken: what it is and how bad comes first, then since when and why, then where to look. What
//! differs between alerts stands with each, what they share stands once.

use bellwether_promql::functions::format;

use super::{
    outgoing::{Outgoing, TITLE_CHARS_MAX},
    words::{self, TEXT_CHARS_MAX},
};
use crate::{
    alert::ALERT_NAME,
    dispatch::{News, NewsReason},
};

/// Alerts that the text describes; the others are counted. Nobody reads more at night.
pub(super) const ALERTS_SHOWN_MAX: usize = 50;

/// Details and further annotations of one alert that are shown.
const FACTS_MAX: usize = 10;

/// Annotations that have a place of their own.
const SUMMARY: &str = "summary";
const DESCRIPTION: &str = "description";

/// Severities by how much they matter; others come after.
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// One line.
pub(super) fn title(outgoing: &Outgoing) -> String {
    let what = match outgoing.message.reason {
        NewsReason::Test => format!("TEST: this is how receiver {} is told", outgoing.message.receiver),
        NewsReason::Occurred => occurred(outgoing),
        _ => format!("{}: {}", state(outgoing), subject(outgoing)),
    };
    words::cut(&words::line(&what), TITLE_CHARS_MAX).into_owned()
}

/// `New crash in shop: ValueError: no such user (shop@1, production, app.login.check)`, or how many events.
fn occurred(outgoing: &Outgoing) -> String {
    match &*outgoing.message.alerts {
        [one] => match summary(one) {
            Some(summary) => summary,
            None => format!("EVENT {}", one_subject(one)),
        },
        many => format!("{} events: {}", words::count(many.len()), subject(outgoing)),
    }
}

fn summary(news: &News) -> Option<String> {
    let summary = news.annotations.get(SUMMARY).map(|text| words::line(text));
    summary.filter(|summary| !summary.is_empty())
}

/// `FIRING critical`, `STILL FIRING (3)`, `FIRING (2), RESOLVED (1)`.
fn state(outgoing: &Outgoing) -> String {
    let number = |count: usize| match count {
        0 | 1 => String::new(),
        many => format!(" ({})", words::count(many)),
    };
    let over = match outgoing.message.reason {
        NewsReason::Passed => "FIRED AND OVER",
        _ => "RESOLVED",
    };
    if outgoing.firing == 0 {
        let silenced = if outgoing.message.withheld > 0 {
            ", others silenced"
        } else {
            ""
        };
        return format!("{over}{}{silenced}", number(outgoing.resolved));
    }
    let fires = match outgoing.message.reason {
        NewsReason::Repeat => "STILL FIRING",
        _ => "FIRING",
    };
    let firing = outgoing.message.alerts.iter().filter(|news| news.is_firing);
    let worst = worst_severity(firing);
    let worst = if worst.is_empty() { worst } else { format!(" {worst}") };
    if outgoing.resolved == 0 {
        return format!("{fires}{worst}{}", number(outgoing.firing));
    }
    format!(
        "{fires}{worst} ({}), {over} ({})",
        words::count(outgoing.firing),
        words::count(outgoing.resolved)
    )
}

fn worst_severity<'n>(alerts: impl Iterator<Item = &'n News>) -> String {
    let rank = |severity: &String| {
        let known = SEVERITIES.iter().position(|known| known == severity);
        known.unwrap_or(if severity.is_empty() {
            SEVERITIES.len() + 1
        } else {
            SEVERITIES.len()
        })
    };
    alerts.map(words::severity).min_by_key(rank).unwrap_or_default()
}

/// What it is about.
fn subject(outgoing: &Outgoing) -> String {
    match &*outgoing.message.alerts {
        [] => format!("receiver {}", outgoing.message.receiver),
        [one] => one_subject(one),
        many => {
            let name = outgoing.common_labels.get(ALERT_NAME);
            let name = name.map_or_else(
                || format!("{} alerts", words::count(many.len())),
                |name| name.to_string(),
            );
            let about = words::labels(&outgoing.message.group_labels, &Default::default());
            if about.is_empty() {
                name
            } else {
                format!("{name} ({about})")
            }
        }
    }
}

fn one_subject(news: &News) -> String {
    let name = words::name(news);
    // What was true while it fired would mislead now.
    match summary(news).filter(|_| news.is_firing) {
        Some(summary) => format!("{name}: {summary}"),
        None => {
            let about = words::labels(&news.labels, &Default::default());
            if about.is_empty() {
                name
            } else {
                format!("{name} ({about})")
            }
        }
    }
}

/// Everything, alert by alert, up to so many bytes and [`ALERTS_SHOWN_MAX`]; the first alert in any case.
pub(super) fn text(outgoing: &Outgoing, bytes_max: usize) -> String {
    let mut parts: Vec<String> = preface(outgoing).into_iter().collect();
    let alerts = &outgoing.message.alerts;
    if alerts.len() > 1 {
        let shared = words::labels(&outgoing.common_labels, &Default::default());
        parts.extend((!shared.is_empty()).then(|| format!("All of them: {shared}")));
    }
    let mut bytes = 0;
    let mut shown = 0;
    for news in alerts.iter().take(ALERTS_SHOWN_MAX) {
        let described = alert(news, outgoing).join("\n");
        bytes += described.len();
        if bytes > bytes_max && shown > 0 {
            break;
        }
        shown += 1;
        parts.push(described);
    }
    parts.extend(rest(&alerts[shown..], outgoing));
    parts.extend(withheld(outgoing));
    parts.extend(foot(outgoing));
    parts.join("\n\n")
}

/// What has to be said before anything else.
pub(super) fn preface(outgoing: &Outgoing) -> Option<String> {
    let said = match outgoing.message.reason {
        NewsReason::Test => "This is a test: nothing is wrong. Somebody asked this host to show that it reaches you.",
        NewsReason::Repeat => "Nothing has changed since you were last told: this fires on.",
        NewsReason::Passed => {
            "This fired and was over before you could be told, because you could not be reached meanwhile."
        }
        NewsReason::First | NewsReason::Changed | NewsReason::Resolved | NewsReason::Refresh | NewsReason::Occurred => {
            ""
        }
    };
    let unjournaled = "The host cannot write to its store at the moment, so this may come twice.";
    let all: Vec<&str> = [(said, !said.is_empty()), (unjournaled, !outgoing.message.journaled)]
        .iter()
        .filter_map(|(text, is_said)| is_said.then_some(*text))
        .collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

/// How many are not described.
pub(super) fn rest(left_out: &[News], outgoing: &Outgoing) -> Option<String> {
    if outgoing.message.reason == NewsReason::Occurred {
        return (!left_out.is_empty()).then(|| format!("… and {} more.", words::count(left_out.len())));
    }
    let firing = left_out.iter().filter(|news| news.is_firing).count();
    let over = left_out.len() - firing;
    let counts = match (firing, over) {
        (0, 0) => return None,
        (firing, 0) => format!("{} firing", words::count(firing)),
        (0, over) => format!("{} resolved", words::count(over)),
        (firing, over) => format!("{} firing, {} resolved", words::count(firing), words::count(over)),
    };
    Some(format!("… and {} more: {counts}.", words::count(left_out.len())))
}

/// Alerts that the receiver knows and that are silenced or inhibited now: they are not over.
pub(super) fn withheld(outgoing: &Outgoing) -> Option<String> {
    match outgoing.message.withheld {
        0 => None,
        1 => Some("One more that you know of fires on; it is silenced or inhibited now.".to_owned()),
        many => Some(format!(
            "{} more that you know of fire on; they are silenced or inhibited now.",
            words::count(many)
        )),
    }
}

fn foot(outgoing: &Outgoing) -> Option<String> {
    (!outgoing.external_url.is_empty()).then(|| format!("Sent by Bellwether: {}", outgoing.external_url))
}

/// One alert in lines: what it is, what is said about it, since when, its verdicts, its labels, links.
pub(super) fn alert(news: &News, outgoing: &Outgoing) -> Vec<String> {
    let has_occurred = outgoing.message.reason == NewsReason::Occurred;
    let mut lines = vec![if has_occurred { named(news) } else { headline(news) }];
    let told = |name: &str| {
        let text = news.annotations.get(name).map(|text| words::lines(text));
        text.filter(|text| !text.is_empty())
            .map(|text| words::cut(&text, TEXT_CHARS_MAX).into_owned())
    };
    let was = |text: String| {
        if news.is_firing {
            text
        } else {
            format!("It was: {text}")
        }
    };
    lines.extend(told(SUMMARY).map(was));
    lines.extend(told(DESCRIPTION).filter(|_| news.is_firing));
    if has_occurred {
        // Its only detail is its id, which says nothing to a person.
        lines.push(format!("At {}", words::moment(news.starts_at)));
    } else {
        lines.push(times(news, outgoing.message.created_at));
        lines.extend(details(news));
    }
    let shared = if outgoing.message.alerts.len() > 1 {
        outgoing.common_labels.clone()
    } else {
        Default::default()
    };
    let labels = words::labels(&news.labels, &shared);
    lines.extend((!labels.is_empty()).then_some(labels));
    let others = news.annotations.iter();
    let others = others.filter(|(name, value)| ![SUMMARY, DESCRIPTION].contains(&&***name) && !value.is_empty());
    lines.extend(others.take(FACTS_MAX).map(|(name, value)| fact(name, value)));
    lines.extend((!news.generator_url.is_empty()).then(|| words::line(&news.generator_url)));
    lines
}

/// `NewCrash (error)`.
fn named(news: &News) -> String {
    let severity = words::severity(news);
    let severity = if severity.is_empty() {
        severity
    } else {
        format!(" ({severity})")
    };
    format!("{}{severity}", words::name(news))
}

/// `FIRING QueueBackingUp (critical)`.
pub(super) fn headline(news: &News) -> String {
    let named = named(news);
    match (news.is_firing, news.cause) {
        (true, _) => format!("FIRING {named}"),
        (false, Some(cause)) => format!("RESOLVED {named}: {}", words::cause(cause)),
        (false, None) => format!("RESOLVED {named}"),
    }
}

/// `Value 142, since 2026-11-28 02:53:00 UTC (7m)`.
pub(super) fn times(news: &News, now: i64) -> String {
    let since = words::moment(news.starts_at);
    if news.is_firing {
        let for_how_long = words::span(now - news.starts_at);
        let value = news
            .value
            .map(|value| format!("Value {}, since", format::general(value)));
        return format!(
            "{} {since} ({for_how_long})",
            value.unwrap_or_else(|| "Since".to_owned())
        );
    }
    let ended = news.ends_at.unwrap_or(now);
    let unseen = if news.was_told {
        ""
    } else {
        "; you were not told while it fired"
    };
    format!(
        "From {since} to {} ({}){unseen}",
        words::moment(ended),
        words::span(ended - news.starts_at)
    )
}

/// A verdict's summary with its code and time on one line, and whatever else there is.
pub(super) fn details(news: &News) -> Vec<String> {
    let of = |name: &str| {
        news.details
            .iter()
            .find(|(own, _)| **own == *name)
            .map(|(_, value)| words::line(value))
    };
    let Some(summary) = of(SUMMARY) else {
        return news
            .details
            .iter()
            .take(FACTS_MAX)
            .map(|(name, value)| fact(name, value))
            .collect();
    };
    let about: Vec<String> = [("code", "code "), ("since", "since ")]
        .iter()
        .filter_map(|(name, before)| Some(format!("{before}{}", of(name).filter(|text| !text.is_empty())?)))
        .collect();
    let subject: Vec<String> = [("check", "Check "), ("target", "target "), ("status", "is ")]
        .iter()
        .filter_map(|(name, before)| Some(format!("{before}{}", of(name).filter(|text| !text.is_empty())?)))
        .collect();
    let mut line = subject.join(" ");
    line.push_str(if line.is_empty() { "" } else { ": " });
    line.push_str(&words::cut(&summary, TEXT_CHARS_MAX));
    if !about.is_empty() {
        line.push_str(&format!(" ({})", about.join(", ")));
    }
    let known = [SUMMARY, "code", "since", "check", "target", "status"];
    let others = news.details.iter().filter(|(name, _)| !known.contains(&&**name));
    std::iter::once(line)
        .chain(others.take(FACTS_MAX).map(|(name, value)| fact(name, value)))
        .collect()
}

fn fact(name: &str, value: &str) -> String {
    format!(
        "{}: {}",
        words::line(name),
        words::cut(&words::lines(value), TEXT_CHARS_MAX)
    )
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
