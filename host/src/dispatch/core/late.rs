//! What an earlier process kept and could not be read until now, taken up by one that has told receivers of alerts meanwhile.
//!
//! What this process said counts: an alert whose end a receiver has heard of stays over, and no old message follows a newer one. What it
//! never knew is as after a start: it counts as firing until a rule or a sender says more, and its end is told.

use std::collections::{BTreeMap, HashSet};

use bellwether_promql::labels::Labels;

use super::{
    super::{
        group::Group,
        message::Message,
        record::Source,
        rows::{GroupKey, GroupRow, Loaded, ToldRow, Write},
    },
    Core,
};

/// Most alerts of which it is remembered that they are over: past that, what was kept cannot be held against them.
const OVER_MAX: usize = super::ALERTS_MAX;

/// What receivers and senders said since the start, while nothing could be written.
#[derive(Debug, Default)]
pub struct Meanwhile {
    /// What receivers heard the end of.
    over: HashSet<(GroupKey, Labels)>,
    /// Groups whose receivers heard anything.
    heard: HashSet<GroupKey>,
    /// Posted alerts that are over.
    posted: HashSet<Labels>,
    is_full: bool,
}

impl Meanwhile {
    /// Takes note of a batch.
    pub fn note(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Told { group, firing, over } => {
                    self.heard.insert(group.clone());
                    for news in firing {
                        self.over.remove(&(group.clone(), news.labels.clone()));
                    }
                    self.over
                        .extend(over.iter().map(|labels| (group.clone(), labels.clone())));
                }
                Write::Posted(row) if row.cause.is_none() => drop(self.posted.remove(&row.labels)),
                Write::Posted(row) => drop(self.posted.insert(row.labels.clone())),
                Write::ForgetPosted(labels) => drop(self.posted.insert(labels.clone())),
                _ => {}
            }
        }
        self.is_full |= self.over.len() + self.posted.len() > OVER_MAX;
        if self.is_full {
            self.over.clear();
            self.posted.clear();
        }
    }
}

impl Core {
    /// Takes up what was kept, once, and writes everything there is in its place. Rules have said what they took up before.
    pub fn take_up(&mut self, loaded: Loaded, meanwhile: &Meanwhile, now: i64) {
        self.generation += 1;
        self.sequence = self.sequence.max(loaded.sequence);
        self.silences.add(loaded.silences, now);
        for row in loaded.groups {
            self.take_up_group(row);
        }
        if !meanwhile.is_full {
            for row in loaded.posted {
                let is_known = self
                    .alerts
                    .get(&row.labels)
                    .is_some_and(|held| held.of(&Source::Posted).is_some());
                if !is_known && !meanwhile.posted.contains(&row.labels) {
                    self.restore_posted(&row, now);
                }
            }
            for row in loaded.told {
                if !meanwhile.over.contains(&(row.group.clone(), row.news.labels.clone())) {
                    self.restore_told(row, now);
                }
            }
            self.take_up_messages(loaded.messages, meanwhile, now);
        }
        self.lead_anew(now);
        self.release_idle();
        self.judge_restored(&[], true, now);
        self.effects.writes.push(Write::ForgetAll);
        self.write_anew();
    }

    /// Writes that belong to no decision, with the next batch.
    pub fn write(&mut self, writes: Vec<Write>) {
        self.effects.writes.extend(writes);
    }

    fn take_up_group(&mut self, row: GroupRow) {
        let Some(group) = self.by_key.get(&row.key).and_then(|id| self.groups.get_mut(id)) else {
            self.add_group(Group::restored(row));
            return;
        };
        group.told_at = group.told_at.max(row.told_at);
        group.has_flushed |= row.has_flushed;
    }

    /// Messages of groups that this process has told nothing of and has nothing to tell of go on as after a start. Of others, the first may
    /// have arrived, and what follows from it is decided anew.
    fn take_up_messages(&mut self, messages: Vec<Message>, meanwhile: &Meanwhile, now: i64) {
        let mut of_group: BTreeMap<GroupKey, Vec<Message>> = BTreeMap::new();
        for message in messages {
            let key = GroupKey {
                receiver: message.receiver.clone(),
                key: message.group_key.clone(),
            };
            of_group.entry(key).or_default().push(message);
        }
        let mut fresh = Vec::new();
        for (key, mut messages) in of_group {
            messages.sort_by_key(|message| message.sequence);
            let group = self.by_key.get(&key).and_then(|id| self.groups.get(id));
            let is_busy = group.is_some_and(|group| !group.slot.is_empty());
            if is_busy || meanwhile.heard.contains(&key) {
                self.doubt_old(&key, messages.first(), meanwhile, now);
            } else {
                fresh.extend(messages);
            }
        }
        self.restore_messages(fresh, now);
    }

    fn doubt_old(&mut self, key: &GroupKey, message: Option<&Message>, meanwhile: &Meanwhile, now: i64) {
        let firing = message
            .iter()
            .flat_map(|message| &*message.alerts)
            .filter(|news| news.is_firing);
        for news in firing {
            let id = self.group_of(key.clone(), now);
            let member = self.groups.get(&id).and_then(|group| group.members.get(&news.labels));
            let is_told = member.is_some_and(|member| member.is_told);
            if !is_told && !meanwhile.over.contains(&(key.clone(), news.labels.clone())) {
                let row = ToldRow {
                    group: key.clone(),
                    news: news.clone(),
                    is_certain: false,
                };
                self.restore_told(row, now);
            }
        }
    }
}
