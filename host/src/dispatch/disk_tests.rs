//! A store for tests: what was queued is kept at a commit, all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_promql::labels::Labels;

use super::{
    chronicle::OccurrenceRow,
    message::{Message, MessageId},
    posted::PostedRow,
    rows::{DeadLetter, GroupKey, GroupRow, Loaded, ToldRow, Write},
    silence::Silence,
};

#[derive(Default)]
pub(super) struct Disk {
    queued: Vec<Write>,
    groups: BTreeMap<GroupKey, GroupRow>,
    told: BTreeMap<(GroupKey, Labels), ToldRow>,
    messages: BTreeMap<MessageId, Message>,
    posted: BTreeMap<Labels, PostedRow>,
    silences: BTreeMap<std::sync::Arc<str>, Silence>,
    occurrences: BTreeMap<std::sync::Arc<str>, OccurrenceRow>,
    sequence: u64,
    pub(super) dead: Vec<DeadLetter>,
}

impl Disk {
    pub(super) fn queue(&mut self, writes: Vec<Write>) {
        self.queued.extend(writes);
    }

    pub(super) fn commit(&mut self) {
        for write in std::mem::take(&mut self.queued) {
            self.apply(write);
        }
    }

    /// What was not committed is lost.
    pub(super) fn crash(&mut self) {
        self.queued.clear();
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Group(row) => drop(self.groups.insert(row.key.clone(), row)),
            Write::ForgetGroup(key) => {
                self.groups.remove(&key);
                self.told.retain(|(group, _), _| *group != key);
            }
            Write::Message(message) => drop(self.messages.insert(message.id, (*message).clone())),
            Write::ForgetMessage(id) => drop(self.messages.remove(&id)),
            Write::Told { group, firing, over } => {
                for news in firing {
                    let row = ToldRow {
                        group: group.clone(),
                        news,
                    };
                    self.told.insert((group.clone(), row.news.labels.clone()), row);
                }
                for labels in over {
                    self.told.remove(&(group.clone(), labels));
                }
            }
            Write::Sequence(sequence) => self.sequence = sequence,
            Write::Posted(row) => drop(self.posted.insert(row.labels.clone(), *row)),
            Write::ForgetPosted(labels) => drop(self.posted.remove(&labels)),
            Write::Silence(silence) => drop(self.silences.insert(silence.id.clone(), silence)),
            Write::ForgetSilence(id) => drop(self.silences.remove(&id)),
            Write::Occurrence(row) => drop(self.occurrences.insert(row.id.clone(), (*row).clone())),
            Write::ForgetOccurrence(id) => drop(self.occurrences.remove(&id)),
            Write::Dead(letter) => self.dead.push(*letter),
        }
    }

    pub(super) fn load(&self) -> Loaded {
        let known: BTreeSet<&GroupKey> = self.groups.keys().collect();
        assert!(
            self.told.keys().all(|(key, _)| known.contains(key)),
            "what was told is of a group that is there"
        );
        Loaded {
            groups: self.groups.values().cloned().collect(),
            told: self.told.values().cloned().collect(),
            messages: self.messages.values().cloned().collect(),
            posted: self.posted.values().cloned().collect(),
            silences: self.silences.values().cloned().collect(),
            occurrences: self.occurrences.values().cloned().collect(),
            sequence: self.sequence,
        }
    }
}
