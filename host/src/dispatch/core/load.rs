//! What an earlier process kept, taken up again.
//!
//! A receiver may have what was on its way to it. What receivers were told counts as firing until a rule or a sender says more.

use std::collections::HashMap;

use super::{
    super::{
        chronicle::Chronicle,
        group::{Group, Member},
        message::{Message, NewsReason},
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
        self.chronicle = Chronicle::restored(loaded.occurrences);
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
        self.release_strays();
    }

    /// Alerts of others that were over before anybody heard of them, and of which the earlier process had not come to write that.
    fn release_strays(&mut self) {
        let strays = self
            .alerts
            .iter()
            .filter(|(_, held)| !held.is_firing() && held.groups.is_empty());
        let strays: Vec<_> = strays.map(|(labels, _)| labels.clone()).collect();
        strays.iter().for_each(|labels| self.release(labels));
    }

    fn restore_posted(&mut self, row: &posted::PostedRow, now: i64) {
        let record = posted::restored(row, now);
        if let Some(ends_at) = record.ends_at.filter(|_| record.is_firing) {
            self.ends.insert((ends_at, row.labels.clone()));
        }
        self.alerts
            .entry(row.labels.clone())
            .or_default()
            .set(Source::Posted, record);
    }

    fn restore_told(&mut self, row: ToldRow, now: i64) {
        let id = self.group_of(row.group, now);
        let labels = row.news.labels.clone();
        if let Some(group) = self.groups.get_mut(&id) {
            group.members.entry(labels.clone()).or_default().is_told = true;
        }
        let held = self.remember(&labels, Record::restored(&row.news));
        held.groups.push(id);
    }

    /// An alert of which nobody but a receiver knows.
    fn remember(&mut self, labels: &bellwether_promql::labels::Labels, record: Record) -> &mut Held {
        let held = self.alerts.entry(labels.clone()).or_default();
        if held.is_unconfirmed() {
            held.set(Source::Restored, record);
            self.restored.entry(name_of(labels)).or_default().insert(labels.clone());
        }
        held
    }

    /// Rows of a group without its own are not thrown away.
    fn group_of(&mut self, key: GroupKey, now: i64) -> u64 {
        match self.by_key.get(&key) {
            Some(id) => *id,
            None => self.add_group(Group::new(
                key,
                "".into(),
                bellwether_promql::labels::Labels::default(),
                now,
            )),
        }
    }

    fn restore_messages(&mut self, mut messages: Vec<Message>, now: i64) {
        messages.sort_by_key(|message| message.sequence);
        let mut of_group: HashMap<(GroupKey, bool), Vec<Message>> = HashMap::new();
        for message in messages {
            let key = GroupKey {
                receiver: message.receiver.clone(),
                key: message.group_key.clone(),
            };
            self.sequence = self.sequence.max(message.sequence);
            let is_line = message.reason == NewsReason::Occurred;
            of_group.entry((key, is_line)).or_default().push(message);
        }
        for ((key, is_line), messages) in of_group {
            if is_line {
                self.restore_line(key, messages, now);
                continue;
            }
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
