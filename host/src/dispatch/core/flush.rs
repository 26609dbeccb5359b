//! A group whose time has come: looked at, decided on, told or not.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::{
    super::{
        flush::{Decision, Quiet, decide},
        group::{Survey, says},
        message::{Message, MessageId, NewsReason},
        rows::Write,
        settings::{ReceiverTraits, Timings},
    },
    Core, DropReason, Limit, Said,
};

/// Shortest time from one look at a group to the next, in milliseconds: an interval of zero must not become an endless loop.
const INTERVAL_MIN: i64 = 100;

/// How soon a group is looked at again whose alerts are being told by another one, in milliseconds: an attempt takes seconds at most.
const IN_AIR_LOOK: i64 = 1_000;

impl Core {
    /// Looks at a group and sets when it is looked at next.
    pub(super) fn flush(&mut self, id: u64, now: i64) {
        if self.is_line(id) {
            return self.look_at_line(id, now);
        }
        if self.is_told_elsewhere(id) {
            self.set_flush(id, now + IN_AIR_LOOK);
            return;
        }
        let Some((survey, timings, traits)) = self.surveyed(id, now) else {
            self.schedule.retain(|(_, own)| *own != id);
            return;
        };
        let decision = decide(&survey.situation, now);
        self.say_decided(id, decision);
        match decision {
            Decision::Send(reason) => self.send(id, reason, &survey, now),
            Decision::Keep(reason) => self.cancel_if_outdated(id, reason, &survey),
        }
        self.schedule_next(id, timings, traits, now);
        if !traits.send_resolved {
            self.forget_told(id, &survey.over);
        }
        let receiver = self.groups.get(&id).map(|group| Arc::clone(&group.key.receiver));
        if let Some(receiver) = receiver.filter(|_| !survey.unheard.is_empty()) {
            let count = survey.unheard.len();
            self.say(Said::Unheard { receiver, count });
        }
        let over = if traits.send_resolved { Vec::new() } else { survey.over };
        self.let_go(id, survey.unheard.into_iter().chain(over));
    }

    /// Whether the receiver is being told, at this moment, of an alert of this group by another one, which led there before routes were
    /// edited: once that is known, this group knows whether there is anything to tell.
    fn is_told_elsewhere(&self, id: u64) -> bool {
        let Some(group) = self.groups.get(&id) else {
            return false;
        };
        let mut fresh = group
            .members
            .iter()
            .filter(|(_, member)| member.is_routed && !member.is_told);
        fresh.any(|(labels, _)| {
            let others = self.alerts.get(labels).map(|held| held.groups.as_slice());
            let mut others = others.unwrap_or_default().iter().filter(|own| **own != id);
            others.any(|other| {
                self.groups.get(other).is_some_and(|other| {
                    other.key.receiver == group.key.receiver
                        && other.members.get(labels).is_some_and(|member| !member.is_routed)
                        && other.slot.in_air().is_some_and(|message| tells_of(message, labels))
                })
            })
        })
    }

    fn surveyed(&mut self, id: u64, now: i64) -> Option<(Survey, Timings, ReceiverTraits)> {
        if self.groups.get_mut(&id)?.slot.give_up_waiting(now) {
            self.offer(id, now);
        }
        let group = self.groups.get(&id)?;
        let node = group.route.and_then(|at| self.routes.node(at));
        let timings = node.map_or(self.settings.timings, |node| node.timings);
        let is_off_hours = node.is_some_and(|node| node.is_off_hours(now));
        let traits = self.settings.traits_of(&group.key.receiver).unwrap_or_default();
        let survey = group.survey(&self.eyes(now), timings, traits, is_off_hours);
        Some((survey, timings, traits))
    }

    fn say_decided(&mut self, id: u64, decision: Decision) {
        if let Some(group) = self.groups.get(&id) {
            let receiver = Arc::clone(&group.key.receiver);
            self.say(Said::Decided { receiver, decision });
        }
    }

    fn schedule_next(&mut self, id: u64, timings: Timings, traits: ReceiverTraits, now: i64) {
        let refresh = traits.refresh.unwrap_or(i64::MAX);
        let interval = timings.group_interval.min(refresh).max(INTERVAL_MIN);
        self.set_flush(id, now + interval);
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.has_flushed = true;
        // It is kept with a message, or with what was told: a look that changes nothing is not worth a write, and a restart looks sooner.
    }

    fn send(&mut self, id: u64, reason: NewsReason, survey: &Survey, now: i64) {
        let sequence = self.next_sequence(now);
        let Some(group) = self.groups.get(&id) else { return };
        let (alerts, withheld) = group.compose(survey, &self.eyes(now));
        let message = Message {
            id: MessageId::of(&group.key.receiver, &group.key.key, sequence),
            receiver: Arc::clone(&group.key.receiver),
            group_key: Arc::clone(&group.key.key),
            sequence,
            reason,
            created_at: now,
            group_labels: group.labels.clone(),
            alerts,
            withheld,
            attempts: 0,
            not_before: now,
            journaled: true,
        };
        if survey.is_cut {
            self.no_room(Limit::MessageAlerts);
        }
        self.put(id, message, now);
    }

    pub(super) fn put(&mut self, id: u64, message: Message, now: i64) {
        let batch = self.next_batch();
        let Some(group) = self.groups.get_mut(&id) else { return };
        let replaced = group.slot.put(message.clone());
        group.has_flushed = true;
        if group.slot.len() == 1 {
            group.ready_after = batch;
        }
        // A line is known by its messages.
        let row = (!group.is_line).then(|| group.row());
        let message = Arc::new(message);
        self.effects.writes.push(Write::Sequence(self.sequence));
        self.effects.writes.push(Write::Message(Arc::clone(&message)));
        self.effects.writes.extend(row.map(Write::Group));
        self.effects.must_keep = true;
        self.say(Said::Made(message));
        if let Some(replaced) = replaced {
            self.drop_message(replaced, DropReason::Coalesced);
        }
        self.offer(id, now);
    }

    /// What waits says something that is not so any more, and nothing takes its place.
    fn cancel_if_outdated(&mut self, id: u64, reason: Quiet, survey: &Survey) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let Some(waiting) = group.slot.replaceable() else {
            return;
        };
        let is_right = says(waiting, &survey.content) && reason != Quiet::OffHours;
        if is_right {
            return;
        }
        if let Some(dropped) = group.slot.cancel() {
            self.drop_message(dropped, DropReason::Outdated);
            self.offer(id, self.now);
        }
    }

    pub(super) fn drop_message(&mut self, message: Message, why: DropReason) {
        self.effects.writes.push(Write::ForgetMessage(message.id));
        let message = Arc::new(message);
        self.say(Said::Dropped { message, why });
    }

    /// The receiver does not want to hear that these are over.
    fn forget_told(&mut self, id: u64, over: &[Labels]) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let mut forgotten = Vec::new();
        for labels in over {
            let member = group.members.get_mut(labels);
            if let Some(member) = member.filter(|member| member.is_told || member.is_doubtful) {
                (member.is_told, member.is_doubtful) = (false, false);
                forgotten.push(labels.clone());
            }
        }
        if !forgotten.is_empty() {
            let write = Write::Told {
                group: group.key.clone(),
                firing: Vec::new(),
                over: forgotten,
            };
            self.effects.writes.push(write);
        }
    }
}

fn tells_of(message: &Message, labels: &Labels) -> bool {
    message
        .alerts
        .iter()
        .any(|news| news.is_firing && news.labels == *labels)
}
