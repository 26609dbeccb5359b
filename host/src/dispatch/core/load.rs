//! What an earlier process kept, taken up again.
//!
//! A receiver may have what was on its way to it. What receivers were told counts as firing until a rule or a sender says more.

use std::collections::HashMap;

use bellwether_promql::labels::Labels;

use super::{
    super::{
        group::{Group, Member},
        message::Message,
        outbox::Slot,
        posted,
        record::{Held, Record, Source},
        rows::{GroupKey, Loaded, ToldRow},
        silence::Silences,
    },
    Core,
    rules::name_of,
};

impl Core {
    /// To be called once, before anything else.
    pub fn restore(&mut self, loaded: Loaded, now: i64) {
        self.now = now;
        self.sequence = loaded.sequence;
        self.silences = Silences::restored(loaded.silences, now);
        for row in loaded.groups {
            self.add_group(Group::restored(row));
        }
        for row in &loaded.posted {
            self.restore_posted(row, now);
        }
        for row in loaded.told {
            self.restore_told(row, now);
        }
        self.restore_messages(loaded.messages, now);
        self.lead_anew(now);
        self.release_idle();
    }

    /// What was kept of an alert that is over and of which nobody is to hear: the process ended before it was forgotten.
    pub(super) fn release_idle(&mut self) {
        let is_idle = |held: &Held| !held.is_firing() && held.groups.is_empty();
        let idle = self.alerts.iter().filter(|(_, held)| is_idle(held));
        let idle: Vec<Labels> = idle.map(|(labels, _)| labels.clone()).collect();
        idle.iter().for_each(|labels| self.release(labels));
    }

    pub(super) fn restore_posted(&mut self, row: &posted::PostedRow, now: i64) {
        let record = posted::restored(row, now);
        if let Some(ends_at) = record.ends_at.filter(|_| record.is_firing) {
            self.ends.insert((ends_at, row.labels.clone()));
        }
        self.alerts
            .entry(row.labels.clone())
            .or_default()
            .set(Source::Posted, record);
    }

    pub(super) fn restore_told(&mut self, row: ToldRow, now: i64) {
        let id = self.group_of(row.group, now);
        let labels = row.news.labels.clone();
        if let Some(group) = self.groups.get_mut(&id) {
            let member = group.members.entry(labels.clone()).or_default();
            member.is_told |= row.is_certain;
            member.is_doubtful = !member.is_told;
        }
        let held = self.remember(&labels, Record::restored(&row.news));
        if !held.groups.contains(&id) {
            held.groups.push(id);
        }
    }

    /// An alert of which nobody but a receiver knows.
    fn remember(&mut self, labels: &Labels, record: Record) -> &mut Held {
        let held = self.alerts.entry(labels.clone()).or_default();
        if held.is_unconfirmed() {
            held.set(Source::Restored, record);
            self.restored.entry(name_of(labels)).or_default().insert(labels.clone());
        }
        held
    }

    /// Rows of a group without its own are not thrown away.
    pub(super) fn group_of(&mut self, key: GroupKey, now: i64) -> u64 {
        match self.by_key.get(&key) {
            Some(id) => *id,
            None => self.add_group(Group::new(key, "".into(), Labels::default(), now)),
        }
    }

    pub(super) fn restore_messages(&mut self, mut messages: Vec<Message>, now: i64) {
        messages.sort_by_key(|message| message.sequence);
        let mut of_group: HashMap<GroupKey, Vec<Message>> = HashMap::new();
        for message in messages {
            let key = GroupKey {
                receiver: message.receiver.clone(),
                key: message.group_key.clone(),
            };
            self.sequence = self.sequence.max(message.sequence);
            of_group.entry(key).or_default().push(message);
        }
        for (key, messages) in of_group {
            let id = self.group_of(key, now);
            for news in messages.iter().flat_map(|message| message.alerts.to_vec()) {
                let member = self
                    .groups
                    .get_mut(&id)
                    .map(|group| group.members.entry(news.labels.clone()));
                let Some(member) = member else { continue };
                let is_new = matches!(member, std::collections::btree_map::Entry::Vacant(_));
                member.or_insert(Member::default());
                let held = self.remember(&news.labels, Record::restored(&news));
                if is_new {
                    held.groups.push(id);
                }
            }
            if let Some(group) = self.groups.get_mut(&id) {
                group.slot = Slot::restored(messages);
            }
            self.offer(id, now);
        }
    }
}
