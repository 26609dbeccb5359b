//! The messages of one group that are not delivered yet: pure.
//!
//! There are at most two. The first may be tried, is in the air, or waits to be tried again. The second waits behind it, decided as
//! if the first had arrived. What the receiver certainly does not have gives way to what says more; what it may have stays as it is
//! until it is delivered or refused for good.

use super::message::{Attempt, Message};

/// How long a message may be in the air before whoever took it counts as gone, in milliseconds: longer than any timeout of a receiver.
const IN_AIR_MAX: i64 = 15 * 60_000;

/// Where a first message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// The receiver does not have it: never tried, or every attempt certainly failed.
    Here,
    /// Somebody tries since then. Whether an attempt before that may have arrived.
    InAir { since: i64, was_perhaps_there: bool },
    /// The receiver may have it.
    PerhapsThere,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    first: Option<(Message, Where)>,
    second: Option<Message>,
}

/// What became of the first message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It arrived.
    Delivered(Message),
    /// It is due again later; and whether a second one that was decided on it is gone, so that the group must be looked at.
    Again { dropped: Option<Message> },
    /// It is refused for good; likewise. Whether an attempt before that may have arrived all the same.
    Dead {
        message: Message,
        dropped: Option<Message>,
        is_doubtful: bool,
    },
    /// It was not in the air.
    Unknown,
}

impl Slot {
    /// From messages that an earlier process left, in order: the first it may have sent.
    pub(super) fn restored(messages: Vec<Message>) -> Self {
        let mut messages = messages.into_iter();
        Self {
            first: messages.next().map(|message| (message, Where::PerhapsThere)),
            second: messages.next(),
        }
    }

    /// Whether there is no message.
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + usize::from(self.second.is_some())
    }

    /// What the receiver may have: decisions are made as if it arrived.
    pub(super) fn perhaps_there(&self) -> Option<&Message> {
        let (message, place) = self.first.as_ref()?;
        (*place != Where::Here).then_some(message)
    }

    /// What somebody tries at this moment.
    pub(super) fn in_air(&self) -> Option<&Message> {
        let (message, place) = self.first.as_ref()?;
        matches!(place, Where::InAir { .. }).then_some(message)
    }

    /// What the receiver certainly does not have, and may still be replaced.
    pub(super) fn replaceable(&self) -> Option<&Message> {
        match &self.first {
            Some((message, Where::Here)) => Some(message),
            _ => self.second.as_ref(),
        }
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.first.iter().map(|(message, _)| message).chain(&self.second)
    }

    /// Puts a message in the place of what may be replaced, which is returned.
    pub(super) fn put(&mut self, mut message: Message) -> Option<Message> {
        let replaced = self.cancel();
        if let Some(replaced) = &replaced {
            // The receiver is no sooner up for it.
            message.not_before = message.not_before.max(replaced.not_before);
        }
        match &self.first {
            None => self.first = Some((message, Where::Here)),
            Some(_) => self.second = Some(message),
        }
        replaced
    }

    /// Takes out what may be replaced.
    pub(super) fn cancel(&mut self) -> Option<Message> {
        match &self.first {
            Some((_, Where::Here)) => self.first.take().map(|(message, _)| message),
            _ => self.second.take(),
        }
    }

    /// The first message if it is due at `now` and nobody tries it.
    pub(super) fn due(&self, now: i64) -> Option<&Message> {
        let (message, place) = self.first.as_ref()?;
        let is_free = !matches!(place, Where::InAir { .. });
        (is_free && message.not_before <= now).then_some(message)
    }

    /// When the first message is due; None: there is none, or somebody tries it.
    pub(super) fn due_at(&self) -> Option<i64> {
        let (message, place) = self.first.as_ref()?;
        (!matches!(place, Where::InAir { .. })).then_some(message.not_before)
    }

    /// Hands out the first message.
    pub(super) fn take_off(&mut self, now: i64, is_journaled: bool) -> Option<Message> {
        self.due(now)?;
        let (message, place) = self.first.as_mut()?;
        *place = Where::InAir {
            since: now,
            was_perhaps_there: *place == Where::PerhapsThere,
        };
        message.journaled &= is_journaled;
        let handed_out = message.clone();
        message.attempts = message.attempts.saturating_add(1);
        Some(handed_out)
    }

    /// Whoever took a message long ago is gone. Whether that was so.
    pub(super) fn give_up_waiting(&mut self, now: i64) -> bool {
        match &mut self.first {
            Some((_, place @ Where::InAir { .. })) if place.is_overdue(now) => {
                *place = Where::PerhapsThere;
                true
            }
            _ => false,
        }
    }

    /// What became of the message in the air.
    pub(super) fn report(&mut self, attempt: &Attempt, now: i64) -> Outcome {
        let Some((message, Where::InAir { was_perhaps_there, .. })) = &mut self.first else {
            return Outcome::Unknown;
        };
        match attempt {
            Attempt::Delivered { .. } => {
                let delivered = message.clone();
                self.first = self.second.take().map(|next| (next, Where::Here));
                Outcome::Delivered(delivered)
            }
            Attempt::Permanent { .. } => {
                let (message, is_doubtful) = (message.clone(), *was_perhaps_there);
                self.first = None;
                Outcome::Dead {
                    message,
                    dropped: self.second.take(),
                    is_doubtful,
                }
            }
            Attempt::Transient {
                retry_after,
                is_ambiguous,
                ..
            } => {
                let wait = retry_after.map_or(0, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4));
                message.not_before = now.saturating_add(wait);
                let is_here = !is_ambiguous && !*was_perhaps_there;
                let place = if is_here { Where::Here } else { Where::PerhapsThere };
                let message = message.clone();
                self.first = Some((message, place));
                Outcome::Again {
                    dropped: if is_here { self.second.take() } else { None },
                }
            }
        }
    }
}

impl Where {
    const fn is_overdue(self, now: i64) -> bool {
        match self {
            Self::InAir { since, .. } => now - since > IN_AIR_MAX,
            Self::Here | Self::PerhapsThere => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn message(sequence: u64) -> Message {
        Message {
            sequence,
            not_before: 0,
            journaled: true,
            ..Message::test(&Arc::from("ops"), 0)
        }
    }

    fn sequences(slot: &Slot) -> Vec<u64> {
        slot.iter().map(|message| message.sequence).collect()
    }

    fn transient(is_ambiguous: bool) -> Attempt {
        Attempt::Transient {
            message: "no".to_owned(),
            retry_after: Some(Duration::from_millis(50)),
            is_ambiguous,
        }
    }

    const DELIVERED: Attempt = Attempt::Delivered { receipt: Vec::new() };

    #[test]
    fn what_never_left_gives_way_to_what_says_more() {
        let mut slot = Slot::default();
        assert_eq!(slot.put(message(1)), None);
        assert_eq!(slot.put(message(2)), Some(message(1)));
        assert_eq!(sequences(&slot), [2]);
        assert_eq!(slot.take_off(0, true).unwrap().sequence, 2);
        assert_eq!(slot.put(message(3)), None, "that one is in the air");
        assert_eq!(slot.put(message(4)), Some(message(3)));
        assert_eq!(sequences(&slot), [2, 4]);
        assert_eq!(slot.take_off(0, true), None, "one at a time");
    }

    #[test]
    fn the_next_one_is_due_when_the_first_arrived() {
        let mut slot = Slot::default();
        slot.put(message(1));
        let first = slot.take_off(0, true).unwrap();
        slot.put(message(2));
        let Outcome::Delivered(delivered) = slot.report(&DELIVERED, 9) else {
            panic!()
        };
        assert_eq!((delivered.id, delivered.attempts), (first.id, 1));
        assert_eq!(slot.take_off(9, true).unwrap().sequence, 2);
        assert!(matches!(slot.report(&DELIVERED, 9), Outcome::Delivered(_)));
        assert!(slot.is_empty());
        assert_eq!(slot.report(&DELIVERED, 9), Outcome::Unknown);
    }

    #[test]
    fn what_certainly_failed_may_be_replaced_and_waits_as_long() {
        let mut slot = Slot::default();
        slot.put(message(1));
        slot.take_off(0, true);
        slot.put(message(2));
        let Outcome::Again { dropped: Some(dropped) } = slot.report(&transient(false), 100) else {
            panic!()
        };
        assert_eq!(dropped.sequence, 2, "it was decided as if the first had arrived");
        assert_eq!(slot.due(149), None);
        assert_eq!(slot.put(message(3)).map(|message| message.sequence), Some(1));
        assert_eq!((slot.due(149), slot.due_at()), (None, Some(150)));
        assert!(slot.due(150).is_some());
    }

    #[test]
    fn what_may_have_arrived_stays_and_is_tried_again_as_it_is() {
        let mut slot = Slot::default();
        slot.put(message(1));
        slot.take_off(0, true);
        slot.put(message(2));
        assert_eq!(slot.report(&transient(true), 100), Outcome::Again { dropped: None });
        assert_eq!(slot.perhaps_there().map(|message| message.sequence), Some(1));
        let again = slot.take_off(150, true).unwrap();
        assert_eq!((again.sequence, again.attempts), (1, 1));
        assert_eq!(
            slot.report(&transient(false), 200),
            Outcome::Again { dropped: None },
            "once perhaps there, always"
        );
        assert_eq!(slot.perhaps_there().map(|message| message.sequence), Some(1));
        assert_eq!(sequences(&slot), [1, 2]);
    }

    #[test]
    fn a_refusal_for_good_takes_what_was_built_on_it_along() {
        let mut slot = Slot::default();
        slot.put(message(1));
        slot.take_off(0, true);
        slot.put(message(2));
        let refused = Attempt::Permanent {
            message: "no".to_owned(),
        };
        let Outcome::Dead {
            message: dead,
            dropped,
            is_doubtful,
        } = slot.report(&refused, 1)
        else {
            panic!()
        };
        assert_eq!((dead.sequence, dropped.map(|message| message.sequence)), (1, Some(2)));
        assert!(slot.is_empty() && !is_doubtful);
        // One that timed out before may be there.
        slot.put(message(3));
        slot.take_off(2, true);
        slot.report(&transient(true), 2);
        slot.take_off(52, true);
        let after = slot.report(&refused, 53);
        assert!(matches!(after, Outcome::Dead { is_doubtful: true, .. }), "{after:?}");
    }

    #[test]
    fn what_an_earlier_process_left_may_have_arrived() {
        let mut slot = Slot::restored(vec![message(1), message(2)]);
        assert_eq!(slot.perhaps_there().map(|message| message.sequence), Some(1));
        assert_eq!(slot.put(message(3)).map(|message| message.sequence), Some(2));
        slot.take_off(0, true);
        assert!(!slot.give_up_waiting(IN_AIR_MAX));
        assert!(slot.give_up_waiting(IN_AIR_MAX + 1), "whoever took it is gone");
        assert!(slot.due(IN_AIR_MAX + 1).is_some());
    }
}
