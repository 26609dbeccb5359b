//! What goes from here to `deliver`: a message about a group for one receiver, and what became of an attempt to deliver it.
//!
//! A message that was attempted is never edited: its id stays the same however often it is tried, so that a receiver which knows ids can
//! drop what it has. It carries facts and no text: titles, escaping and truncation are `deliver`'s.

use std::{fmt, sync::Arc, time::Duration};

use bellwether_promql::labels::Labels;
use sha2::{Digest, Sha256};

use crate::alert::{Annotations, Fingerprint, ResolveCause};

/// Bytes of an id: as many as a Sentry event, an email's Message-ID or an idempotency key can carry.
const ID_BYTES: usize = 16;

#[cfg(test)]
const TEST_GROUP: &str = "test:{}";

/// What identifies a message, and nothing else ever: a hash of receiver, group and sequence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; ID_BYTES]);

impl MessageId {
    /// Of the message with this sequence for this group of this receiver.
    pub fn of(receiver: &str, group_key: &str, sequence: u64) -> Self {
        let mut hash = Sha256::new();
        for text in [receiver, group_key] {
            hash.update(text.as_bytes());
            // It is in no UTF-8 text, so that `a` `bc` is not `ab` `c`.
            hash.update([0xff]);
        }
        hash.update(sequence.to_be_bytes());
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash.finalize()[..ID_BYTES]);
        Self(id)
    }

    /// The id of a text of thirty-two hexadecimal digits; None: it is another text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * ID_BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut id = [0; ID_BYTES];
        for (byte, at) in id.iter_mut().zip((0..text.len()).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(id))
    }

    /// The bytes behind it.
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

/// Thirty-two lower-case hexadecimal digits.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NewsReason {
    /// The receiver knows of nothing in the group that fires, and something does.
    First,
    /// Something more fires, or some of what fired is over.
    Changed,
    /// Nothing is different, and `repeat_interval` has passed.
    Repeat,
    /// All that the receiver was told of is over.
    Resolved,
    /// Nothing is different; the receiver forgets what it is not reminded of, such as an Alertmanager.
    Refresh,
    /// It fired and was over before the receiver could be told, because nothing could be delivered meanwhile.
    Passed,
    /// Something happened, once: nothing follows it, and it has no end.
    Occurred,
    /// Somebody wants to see whether messages arrive.
    Test,
}

impl NewsReason {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::First,
        Self::Changed,
        Self::Repeat,
        Self::Resolved,
        Self::Refresh,
        Self::Passed,
        Self::Occurred,
        Self::Test,
    ];

    /// As in logs, metrics, messages and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Changed => "changed",
            Self::Repeat => "repeat",
            Self::Resolved => "resolved",
            Self::Refresh => "refresh",
            Self::Passed => "passed",
            Self::Occurred => "occurred",
            Self::Test => "test",
        }
    }

    /// The reason of a word of [`NewsReason::as_str`].
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// One message. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same at every attempt.
    pub id: MessageId,
    /// Whom it is for: the name of `[receiver.NAME]`.
    pub receiver: Arc<str>,
    /// What tells the group from others of the receiver, over restarts: its route and its labels.
    pub group_key: Arc<str>,
    /// Larger than that of every message before it.
    pub sequence: u64,
    /// Why it is sent.
    pub reason: NewsReason,
    /// When it was decided.
    pub created_at: i64,
    /// Labels in which all alerts of the group agree.
    pub group_labels: Labels,
    /// Firing ones and those that are over since the receiver was told, by their labels; or what occurred, in order. Never empty but
    /// for a test.
    pub alerts: Arc<[News]>,
    /// Alerts of the group that the receiver knows, that fire on, and that are not here because they are silenced or inhibited now.
    pub withheld: usize,
    /// Attempts before this one, of this process and earlier ones as far as they are known.
    pub attempts: u32,
    /// It is not to be sent earlier.
    pub not_before: i64,
    /// False: the store failed, and a restart may forget or repeat it.
    pub journaled: bool,
}

impl Message {
    /// Whether the group fires as far as the receiver knows: something in the message, or something it was told of before.
    pub fn is_firing(&self) -> bool {
        self.withheld > 0 || self.alerts.iter().any(|news| news.is_firing)
    }

    /// One for tests of this module.
    #[cfg(test)]
    pub(super) fn test(receiver: &Arc<str>, now: i64) -> Self {
        let sequence = u64::try_from(now).unwrap_or(0);
        let text = |text: &str| -> Arc<str> { text.into() };
        let labels = Labels::new([("alertname", "Test")]);
        let news = News {
            labels: labels.clone(),
            annotations: Annotations::new(),
            is_firing: true,
            was_told: false,
            value: None,
            starts_at: now,
            ends_at: None,
            updated_at: now,
            generator_url: text(""),
            cause: None,
            details: Vec::new(),
        };
        Self {
            id: MessageId::of(receiver, TEST_GROUP, sequence),
            receiver: Arc::clone(receiver),
            group_key: TEST_GROUP.into(),
            sequence,
            reason: NewsReason::Test,
            created_at: now,
            group_labels: labels,
            alerts: [news].into(),
            withheld: 0,
            attempts: 0,
            not_before: now,
            journaled: false,
        }
    }
}

/// One alert in a message, as it was when the message was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// What identifies it.
    pub labels: Labels,
    /// What describes it.
    pub annotations: Annotations,
    /// False: it is over.
    pub is_firing: bool,
    /// Whether the receiver was told before that it fires. Over and never told: it passed unseen.
    pub was_told: bool,
    /// Of its expression; None: somebody else's alert, which has none.
    pub value: Option<f64>,
    /// Since when it fires.
    pub starts_at: i64,
    /// When it was over; for a firing alert of others when it will be, unless they say more.
    pub ends_at: Option<i64>,
    /// When it was last heard of.
    pub updated_at: i64,
    /// Where its expression can be looked at; "" when nowhere.
    pub generator_url: Arc<str>,
    /// Why it is over; None: it is not.
    pub cause: Option<ResolveCause>,
    /// What else a person should see, by name, such as the code and the summary of a verdict.
    pub details: Vec<(Arc<str>, Arc<str>)>,
}

impl News {
    /// See [`Fingerprint`].
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }
}

/// What became of one attempt to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it.
    Delivered {
        /// What it answered that may be needed for later messages of the group, by name, such as the id of a thread.
        receipt: Vec<(String, String)>,
    },
    /// It does not have it, or may not; it is worth trying again.
    Transient {
        /// What happened, for a person.
        message: String,
        /// How long to wait, as the receiver says or as backoff decides; None: not at all.
        retry_after: Option<Duration>,
        /// Whether the receiver may have it in spite of that: a timeout or a reset after the request was sent. False for a refused
        /// connection, or an answer that says it was not taken.
        is_ambiguous: bool,
    },
    /// The receiver refuses it for good.
    Permanent {
        /// What it said, for a person.
        message: String,
    },
}

impl Attempt {
    /// As in logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Transient { is_ambiguous: true, .. } => "ambiguous",
            Self::Transient { .. } => "transient",
            Self::Permanent { .. } => "permanent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_everywhere_and_borders_count() {
        let id = MessageId::of("ops", "a:{}", 7);
        assert_eq!(id, MessageId::of("ops", "a:{}", 7));
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        for other in [
            MessageId::of("op", "sa:{}", 7),
            MessageId::of("ops", "a:{}", 8),
            MessageId::of("ops", "b:{}", 7),
        ] {
            assert_ne!(id, other);
        }
        assert_eq!(MessageId::parse("zz"), None);
        assert_eq!(MessageId::parse(&"ü".repeat(16)), None);
    }

    #[test]
    fn every_reason_leads_back_from_its_word() {
        for reason in NewsReason::ALL {
            assert_eq!(NewsReason::of(reason.as_str()), Some(reason));
        }
    }
}
