//! Messages on their way: offered once they are kept, handed out, reported.

use std::sync::Arc;

use super::{
    super::{
        outbox::Outcome,
        rows::{DeadLetter, Write},
    },
    Attempt, Core, DropReason, Message, MessageId, Said,
};

impl Core {
    /// All batches up to this one are on disk, or, when `is_journaled` is false, the store failed and nobody shall wait for it.
    pub fn kept(&mut self, batch: u64, is_journaled: bool, now: i64) {
        self.kept = self.kept.max(batch);
        let later = self.unkept.split_off(&(batch + 1, 0));
        let ready = std::mem::replace(&mut self.unkept, later);
        for (_, id) in ready {
            if let Some(group) = self.groups.get_mut(&id) {
                group.is_journaled = is_journaled;
            }
            self.offer(id, now);
        }
    }

    /// Puts the first message of a group on offer, as it is now.
    pub(super) fn offer(&mut self, id: u64, now: i64) {
        let is_held = self.is_held(id, now);
        let Some(group) = self.groups.get_mut(&id) else { return };
        let receiver = Arc::clone(&group.key.receiver);
        let offers = self.offers.entry(Arc::clone(&receiver)).or_default();
        if let Some((due_at, sequence)) = group.offered.take() {
            offers.remove(&(due_at, sequence, id));
        }
        let (Some(due_at), Some(first)) = (group.slot.due_at(), group.slot.iter().next()) else {
            return;
        };
        if group.ready_after > self.kept {
            self.unkept.insert((group.ready_after, id));
            self.effects.must_keep = true;
            return;
        }
        if is_held {
            return;
        }
        group.offered = Some((due_at, first.sequence));
        offers.insert((due_at, first.sequence, id));
        if due_at <= now {
            self.effects.rings.insert(receiver);
        }
    }

    /// Receivers for which a message has become due.
    pub(super) fn ring_due(&mut self, now: i64) {
        let due = self
            .offers
            .iter()
            .filter(|(_, offers)| offers.first().is_some_and(|(at, ..)| *at <= now));
        self.effects.rings.extend(due.map(|(receiver, _)| Arc::clone(receiver)));
    }

    /// The next message of a receiver. It is in the air until it is reported.
    pub fn next(&mut self, receiver: &str, now: i64) -> Option<Message> {
        loop {
            let offers = self.offers.get_mut(receiver)?;
            let (due_at, _, id) = offers.first().copied()?;
            if due_at > now {
                return None;
            }
            offers.pop_first();
            let is_held = self.is_held(id, now);
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            group.offered = None;
            if is_held {
                // It is offered again at a look after the mute time.
                continue;
            }
            let is_journaled = group.is_journaled;
            if let Some(message) = group.slot.take_off(now, is_journaled) {
                self.in_air.insert(message.id, id);
                return Some(message);
            }
        }
    }

    /// What became of a message that was handed out. One that is not in the air is passed over: somebody took too long.
    pub fn report(&mut self, message: MessageId, attempt: &Attempt, now: i64) {
        let Some(id) = self.in_air.remove(&message) else { return };
        let Some(group) = self.groups.get_mut(&id) else { return };
        if group.slot.iter().next().is_none_or(|first| first.id != message) {
            return;
        }
        self.generation += 1;
        if group.is_line {
            return self.report_of_line(id, attempt, now);
        }
        match group.slot.report(attempt, now) {
            Outcome::Delivered(message) => self.delivered(id, message, now),
            Outcome::Again { dropped } => {
                self.rebuild(id, dropped, now);
                self.look_if_deserted(id, now);
            }
            Outcome::Dead {
                message,
                dropped,
                is_doubtful,
            } => {
                if is_doubtful {
                    self.doubt(id, &message);
                }
                self.dead(message, attempt, now);
                self.rebuild(id, dropped, now);
                self.let_go(id, []);
            }
            Outcome::Unknown => {}
        }
    }

    fn delivered(&mut self, id: u64, message: Message, now: i64) {
        let batch = self.next_batch();
        let Some(group) = self.groups.get_mut(&id) else { return };
        let (firing, over) = group.told(&message, now);
        // The next one waits until it is on disk that this one arrived: a crash must not send both again.
        group.ready_after = batch;
        let key = group.key.clone();
        let row = group.row();
        self.effects.writes.push(Write::ForgetMessage(message.id));
        self.effects.writes.push(Write::Told {
            group: key,
            firing,
            over,
        });
        self.effects.writes.push(Write::Group(row));
        let ended: Vec<_> = message.alerts.iter().map(|news| news.labels.clone()).collect();
        self.say(Said::Delivered(Arc::new(message)));
        self.offer(id, now);
        self.hand_on(id);
        self.let_go(id, ended);
    }

    fn doubt(&mut self, id: u64, message: &Message) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let firing = group.doubt(message);
        if !firing.is_empty() {
            let group = group.key.clone();
            self.effects.writes.push(Write::Doubtful { group, firing });
        }
    }

    pub(super) fn dead(&mut self, message: Message, attempt: &Attempt, now: i64) {
        let reason = match attempt {
            Attempt::Permanent { message } | Attempt::Transient { message, .. } => message.clone(),
            Attempt::Delivered { .. } => String::new(),
        };
        self.effects.writes.push(Write::ForgetMessage(message.id));
        self.say(Said::Dead(Arc::new(message.clone()), reason.clone()));
        let letter = DeadLetter {
            message,
            reason,
            at: now,
        };
        self.effects.writes.push(Write::Dead(Box::new(letter)));
    }

    /// What was decided as if the first message had arrived is decided again.
    fn rebuild(&mut self, id: u64, dropped: Option<Message>, now: i64) {
        if let Some(dropped) = dropped {
            self.drop_message(dropped, DropReason::Rebuilt);
            self.set_flush(id, now);
        }
        self.offer(id, now);
    }
}
