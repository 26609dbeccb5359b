//! What templates of receivers see, in the shape that Alertmanager's have. Pure.
//!
//! There are no methods: `.Alerts.Firing` is `.Firing` here. Alerts past a limit are counted and not there, so that no template runs
//! into the engine's limits because a group is large.

use bellwether_promql::labels::Labels;

use super::{outgoing::Outgoing, words};
use crate::{alert::Annotations, clock, dispatch::News, rule::Data};

/// Alerts that a template sees.
const ALERTS_MAX: usize = 100;

/// Of a notification.
pub(super) fn of(outgoing: &Outgoing) -> Data {
    let message = &outgoing.message;
    let shown = &message.alerts[..message.alerts.len().min(ALERTS_MAX)];
    let every = |keep: fn(&News) -> bool| {
        let alerts = shown.iter().filter(|news| keep(news));
        Data::List(alerts.map(|news| alert(news, message.created_at)).collect())
    };
    let number = |count: usize| Data::Number(count as f64);
    Data::map([
        ("Status", status(message.is_firing())),
        ("Reason", message.reason.as_str().into()),
        ("Receiver", (*message.receiver).into()),
        ("GroupKey", (*message.group_key).into()),
        ("GroupLabels", labels(&message.group_labels)),
        ("CommonLabels", labels(&outgoing.common_labels)),
        ("CommonAnnotations", annotations(&outgoing.common_annotations)),
        ("ExternalURL", (*outgoing.external_url).into()),
        ("Alerts", every(|_| true)),
        ("Firing", every(|news| news.is_firing)),
        ("Resolved", every(|news| !news.is_firing)),
        ("NumFiring", number(outgoing.firing)),
        ("NumResolved", number(outgoing.resolved)),
        ("NumWithheld", number(message.withheld)),
        ("TruncatedAlerts", number(message.alerts.len() - shown.len())),
        ("DefaultTitle", outgoing.title.as_str().into()),
        ("DefaultText", outgoing.text.as_str().into()),
    ])
}

fn alert(news: &News, now: i64) -> Data {
    let moment = |millis: i64| Data::from(clock::rfc3339(millis).unwrap_or_default().as_str());
    let details = news.details.iter();
    Data::map([
        ("Status", status(news.is_firing)),
        ("Labels", labels(&news.labels)),
        ("Annotations", annotations(&news.annotations)),
        ("Value", news.value.map_or_else(|| "".into(), Data::Number)),
        ("StartsAt", moment(news.starts_at)),
        // An end that is ahead is a guess, which its sender moves again and again.
        (
            "EndsAt",
            news.ends_at
                .filter(|_| !news.is_firing)
                .map_or_else(|| "".into(), moment),
        ),
        (
            "Duration",
            words::span(news.ends_at.unwrap_or(now).min(now) - news.starts_at)
                .as_str()
                .into(),
        ),
        ("GeneratorURL", (*news.generator_url).into()),
        ("Fingerprint", news.fingerprint().to_string().as_str().into()),
        ("Cause", news.cause.map_or("", words::cause).into()),
        ("WasTold", Data::Flag(news.was_told)),
        (
            "Details",
            Data::map(details.map(|(name, value)| (name.clone(), Data::Text(value.clone())))),
        ),
    ])
}

fn status(is_firing: bool) -> Data {
    if is_firing { "firing".into() } else { "resolved".into() }
}

fn labels(labels: &Labels) -> Data {
    Data::map(
        labels
            .iter()
            .map(|(name, value)| (name.clone(), Data::Text(value.clone()))),
    )
}

fn annotations(annotations: &Annotations) -> Data {
    Data::map(
        annotations
            .iter()
            .map(|(name, value)| (name.clone(), Data::Text(value.clone()))),
    )
}
