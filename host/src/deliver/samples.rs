//! Messages that tests of this module need.

use std::{sync::Arc, time::Duration};

use bellwether_promql::labels::Labels;

use crate::{
    clock::Timestamp,
    dispatch::{Message, MessageId, News, NewsReason},
    sandbox::{ForwardedEvent, ForwardedRun},
};

/// 2026-11-28 03:00:00 UTC.
pub(crate) const NIGHT: i64 = 1_795_834_800_000;

/// A firing alert that began seven minutes before [`NIGHT`].
pub(crate) fn news(labels: &[(&str, &str)]) -> News {
    News {
        labels: Labels::new(labels.iter().copied()),
        annotations: Default::default(),
        is_firing: true,
        was_told: false,
        value: Some(142.0),
        starts_at: NIGHT - 7 * 60_000,
        ends_at: None,
        updated_at: NIGHT,
        generator_url: "".into(),
        cause: None,
        details: Vec::new(),
    }
}

/// The first about a group, at [`NIGHT`].
pub(crate) fn message(alerts: Vec<News>) -> Message {
    Message {
        id: MessageId::of("ops", "default:{alertname=\"A\"}", 1),
        receiver: "ops".into(),
        group_key: "default:{alertname=\"A\"}".into(),
        sequence: 1,
        reason: NewsReason::First,
        created_at: NIGHT,
        group_labels: Labels::default(),
        alerts: Arc::from(alerts),
        withheld: 0,
        attempts: 0,
        not_before: 0,
        journaled: true,
    }
}

/// A run of a check that was ok.
pub(crate) fn run(check: &str, labels: &[(&str, &str)]) -> ForwardedRun {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ForwardedRun {
        id: format!("{check}@1"),
        check: check.into(),
        plugin: "http".to_owned(),
        scheduled_at: Timestamp::from_seconds(1),
        started_at: Timestamp::from_seconds(1),
        duration: Duration::from_millis(20),
        interval: Some(Duration::from_secs(15)),
        schedule: None,
        timeout: Duration::from_secs(10),
        outcome: "ok".to_owned(),
        message: String::new(),
        labels: labels.iter().map(pair).collect(),
        details: Vec::new(),
    }
}

/// What an application reported.
pub(crate) fn event(id: &str) -> ForwardedEvent {
    ForwardedEvent {
        id: id.to_owned(),
        at: Timestamp::from_seconds(1),
        source: "shop".to_owned(),
        kind: "event".to_owned(),
        level: "error".to_owned(),
        message: String::new(),
        content_type: "application/json".to_owned(),
        payload: Vec::new(),
    }
}
