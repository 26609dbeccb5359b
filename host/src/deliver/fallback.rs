//! What a fallback receiver is told about another one. Pure.
//!
//! These messages are the host's own: they do not go through the outbox, because they are about what cannot leave it. They live in
//! memory; a restart finds out anew who is down.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::{health::Turn, words};
use crate::{
    alert::{ALERT_NAME, Annotations, ResolveCause},
    dispatch::{Message, MessageId, News, NewsReason},
};

/// The alert that a receiver stays down.
pub const RECEIVER_DOWN: &str = "ReceiverDown";

/// The label that names the receiver.
pub const RECEIVER: &str = "receiver";

/// Titles of what was not told that are listed.
pub(super) const UNTOLD_MAX: usize = 20;

/// What is known about a receiver that went down or came back.
#[derive(Clone, Debug)]
pub(super) struct Story<'s> {
    /// Who.
    pub(super) about: &'s str,
    /// What happened.
    pub(super) turn: Turn,
    /// What the last attempt came to.
    pub(super) problem: &'s str,
    /// Titles of what it was not told.
    pub(super) untold: &'s [&'s str],
    /// How much more it was not told.
    pub(super) untold_more: usize,
    /// Milliseconds since the epoch.
    pub(super) now: i64,
}

/// For one fallback receiver.
pub(super) fn message(story: &Story<'_>, to: &Arc<str>) -> Message {
    let group_key: Arc<str> = format!("bellwether/{RECEIVER_DOWN}:{{{RECEIVER}=\"{}\"}}", story.about).into();
    let sequence = u64::try_from(story.now).unwrap_or(0);
    let labels = Labels::new([
        (ALERT_NAME, RECEIVER_DOWN),
        (RECEIVER, story.about),
        ("severity", "critical"),
    ]);
    let (is_firing, since) = match story.turn {
        Turn::Down { since, .. } => (true, since),
        Turn::Up { since } => (false, since),
    };
    Message {
        id: MessageId::of(to, &group_key, sequence),
        receiver: Arc::clone(to),
        group_key,
        sequence,
        reason: if is_firing {
            NewsReason::First
        } else {
            NewsReason::Resolved
        },
        created_at: story.now,
        group_labels: labels.clone(),
        alerts: Arc::from([News {
            labels,
            annotations: annotations(story),
            is_firing,
            was_told: !is_firing,
            value: None,
            starts_at: since,
            ends_at: (!is_firing).then_some(story.now),
            updated_at: story.now,
            generator_url: "".into(),
            cause: (!is_firing).then_some(ResolveCause::Condition),
            details: Vec::new(),
        }]),
        withheld: 0,
        attempts: 0,
        not_before: 0,
        journaled: true,
    }
}

fn annotations(story: &Story<'_>) -> Annotations {
    let summary = match story.turn {
        Turn::Down { refused: true, .. } => format!("Receiver {} refuses what it is sent", story.about),
        Turn::Down { refused: false, .. } | Turn::Up { .. } => {
            format!("Notifications to receiver {} do not arrive", story.about)
        }
    };
    let mut description = format!("The last attempt: {}", words::cut(&words::line(story.problem), 500));
    if !story.untold.is_empty() {
        description.push_str("\nIt was not told of:");
        for title in story.untold {
            description.push_str(&format!("\n- {}", words::cut(title, 120)));
        }
        if story.untold_more > 0 {
            description.push_str(&format!("\n- and {} more", words::count(story.untold_more)));
        }
    }
    [("summary", summary), ("description", description)]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}
