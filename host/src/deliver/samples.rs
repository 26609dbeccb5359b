//! Messages that tests of this module need.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use crate::dispatch::{Message, MessageId, News, NewsReason};

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
