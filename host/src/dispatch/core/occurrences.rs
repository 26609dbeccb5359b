//! What happened once: routed as alerts are, told at once, never over.
//!
//! It joins no group of alerts. For each receiver and group it has a line of its own, which is a group without members: messages in
//! order, one at a time. What the receiver certainly does not have and what comes meanwhile become one message, so that a line has at
//! most two, however long a receiver is down or the calendar mutes it.
//!
//! Mute times hold it back, and it is told when they end: an alert that still fires then is told too, and what happens once would
//! otherwise never be. Silences and inhibitions are asked when it happens, once: they say "not this", the calendar says "not now".

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::{
    super::{
        chronicle::{Hearing, OccurrenceRow, Telling},
        group::Group,
        message::{Message, MessageId, News, NewsReason},
        occurrence::{Fate, Occurrence},
        outbox::{Outcome, Slot},
        route::Node,
        rows::{GroupKey, Write},
    },
    Attempt, Core, DropReason, Limit, Said,
};

/// Most occurrences that wait for one receiver, about a kilobyte each: as many as a source may report in four days while the receiver is
/// down. One that is down takes no room from others.
pub const OCCURRENCES_MAX: usize = 2_000;

/// Most of them in one line. They may become one message, which is one row of the store: at their largest, eight megabytes.
pub const LINE_OCCURRENCES_MAX: usize = 500;

/// How often a line is looked at while something waits in it, in milliseconds: mute times begin and end with a minute.
const LOOK_EVERY: i64 = 60_000;

/// Before the key of a group that is a line, so that nobody takes it for the group of alerts of the same route and labels.
const LINE: &str = "once/";

/// The detail of [`News`] that names its occurrence.
pub const ID: &str = "id";

impl Core {
    /// Takes things that happened once. What became of each, in order.
    pub fn tell(&mut self, occurrences: &[Occurrence], now: i64) -> Vec<Fate> {
        self.generation += 1;
        let fates = occurrences.iter().map(|occurrence| self.tell_one(occurrence, now));
        fates.collect()
    }

    fn tell_one(&mut self, occurrence: &Occurrence, now: i64) -> Fate {
        let (fate, hearings) = self.judged(occurrence, now);
        self.say(Said::Happened {
            id: Arc::clone(&occurrence.id),
            labels: occurrence.labels.clone(),
            fate: fate.clone(),
        });
        match &fate {
            Fate::Full | Fate::Refused(_) => return fate,
            // What was noted before may not be on disk yet.
            Fate::Known => {}
            _ => self.note(row(occurrence, &fate, hearings, now)),
        }
        self.effects.must_keep = true;
        fate
    }

    fn judged(&mut self, occurrence: &Occurrence, now: i64) -> (Fate, Vec<Hearing>) {
        if let Err(error) = occurrence.check() {
            return (Fate::Refused(error), Vec::new());
        }
        if self.chronicle.knows(&occurrence.id) {
            return (Fate::Known, Vec::new());
        }
        match self.muted(&occurrence.labels, now) {
            Some(fate) => (fate, Vec::new()),
            None => self.lead(occurrence, now),
        }
    }

    fn muted(&self, labels: &Labels, now: i64) -> Option<Fate> {
        let silence = self.silences.covers(labels, now);
        let silenced = silence.map(|silence| Fate::Silenced(Arc::clone(&silence.id)));
        silenced.or_else(|| self.inhibitor.inhibits(labels).map(|_| Fate::Inhibited))
    }

    /// To every receiver that the routes say.
    fn lead(&mut self, occurrence: &Occurrence, now: i64) -> (Fate, Vec<Hearing>) {
        let mut hearings = Vec::new();
        let mut is_told_now = false;
        for (receiver, at) in self.hearers(&occurrence.labels, now) {
            let telling = if occurrence.handed_to.contains(&receiver) {
                Telling::HandedOn
            } else {
                match self.line(&receiver, at, &occurrence.labels, now) {
                    Some(id) => {
                        is_told_now |= !self.is_held(id, now);
                        self.enqueue(id, vec![news(occurrence, now)], now);
                        Telling::Waiting
                    }
                    None => Telling::Dropped,
                }
            };
            hearings.push(Hearing {
                receiver,
                telling,
                at: now,
            });
        }
        (fate(&hearings, is_told_now), hearings)
    }

    /// Each receiver once: by the first of its routes that the calendar does not mute now, else by the first.
    fn hearers(&self, labels: &Labels, now: i64) -> Vec<(Arc<str>, usize)> {
        let is_open = |at: &usize| !self.routes.node(*at).is_some_and(|node| node.is_off_hours(now));
        let (open, muted): (Vec<usize>, Vec<usize>) = self.routes.of(labels).into_iter().partition(is_open);
        let mut found: Vec<(Arc<str>, usize)> = Vec::new();
        for at in open.into_iter().chain(muted) {
            let receivers = self.routes.node(at).map(|node| node.receivers.as_slice());
            for receiver in receivers.unwrap_or_default() {
                if !found.iter().any(|(own, _)| own == receiver) {
                    found.push((Arc::clone(receiver), at));
                }
            }
        }
        found
    }

    /// The line in which it waits for a receiver. None: there is no room.
    fn line(&mut self, receiver: &Arc<str>, at: usize, labels: &Labels, now: i64) -> Option<u64> {
        if self.waiting_for(receiver) >= self.occurrences_max {
            self.no_room(Limit::Occurrences);
            return None;
        }
        let node = self.routes.node(at)?;
        let group_labels = node.group_labels(labels);
        let key = GroupKey {
            receiver: Arc::clone(receiver),
            key: line_key(node, &group_labels),
        };
        let Some(id) = self.lines.get(&key).copied() else {
            let new = Group::new(key, Arc::clone(&node.id), group_labels, next_look(now));
            return Some(self.add_line(Group { route: Some(at), ..new }));
        };
        if self.waiting_in(id) >= LINE_OCCURRENCES_MAX {
            self.no_room(Limit::Occurrences);
            return None;
        }
        Some(id)
    }

    fn add_line(&mut self, group: Group) -> u64 {
        self.add_group(Group { is_line: true, ..group })
    }

    /// Occurrences that are not delivered yet, each counted for each of its receivers.
    pub(super) fn occurrences_waiting(&self) -> usize {
        self.lines.values().map(|id| self.waiting_in(*id)).sum()
    }

    fn waiting_for(&self, receiver: &str) -> usize {
        let own = self.lines.iter().filter(|(key, _)| *key.receiver == *receiver);
        own.map(|(_, id)| self.waiting_in(*id)).sum()
    }

    fn waiting_in(&self, id: u64) -> usize {
        let group = self.groups.get(&id);
        group.map_or(0, |group| group.slot.iter().map(|message| message.alerts.len()).sum())
    }

    /// Whether a group is a line.
    pub(super) fn is_line(&self, id: u64) -> bool {
        self.groups.get(&id).is_some_and(|group| group.is_line)
    }

    /// Whether the calendar mutes a line.
    pub(super) fn is_held(&self, id: u64, now: i64) -> bool {
        let line = self.groups.get(&id).filter(|group| group.is_line);
        let node = line.and_then(|group| self.routes.node(group.route?));
        node.is_some_and(|node| node.is_off_hours(now))
    }

    /// Adds to what waits in a line, in one message with what the receiver certainly does not have.
    fn enqueue(&mut self, id: u64, news: Vec<News>, now: i64) {
        let sequence = self.next_sequence(now);
        let Some(group) = self.groups.get(&id) else { return };
        let waiting = group.slot.replaceable().map(|message| message.alerts.to_vec());
        let message = Message {
            id: MessageId::of(&group.key.receiver, &group.key.key, sequence),
            receiver: Arc::clone(&group.key.receiver),
            group_key: Arc::clone(&group.key.key),
            sequence,
            reason: NewsReason::Occurred,
            created_at: now,
            group_labels: group.labels.clone(),
            alerts: waiting.into_iter().flatten().chain(news).collect(),
            withheld: 0,
            attempts: 0,
            not_before: now,
            journaled: true,
        };
        self.put(id, message, now);
    }

    /// What became of the first message of a line.
    pub(super) fn report_of_line(&mut self, id: u64, attempt: &Attempt, now: i64) {
        let batch = self.next_batch();
        let Some(group) = self.groups.get_mut(&id) else { return };
        match group.slot.report(attempt, now) {
            Outcome::Delivered(message) => {
                // The next one waits until it is on disk that this one arrived: a crash must not send both again.
                group.ready_after = batch;
                self.effects.writes.push(Write::ForgetMessage(message.id));
                self.heard(&message, Telling::Delivered, now);
                self.say(Said::Delivered(Arc::new(message)));
            }
            Outcome::Again { dropped } => self.enqueue_again(id, dropped, now),
            Outcome::Dead { message, dropped } => {
                self.heard(&message, Telling::Refused, now);
                self.dead(message, attempt, now);
                self.enqueue_again(id, dropped, now);
            }
            Outcome::Unknown => {}
        }
        self.offer(id, now);
        self.let_go(id, []);
    }

    /// A message that waited behind one that did not arrive says what it says all the same.
    fn enqueue_again(&mut self, id: u64, dropped: Option<Message>, now: i64) {
        let Some(dropped) = dropped else { return };
        let news = dropped.alerts.to_vec();
        self.drop_message(dropped, DropReason::Coalesced);
        self.enqueue(id, news, now);
    }

    /// Time passed: whoever took a message long ago is gone, and mute times may have ended.
    pub(super) fn look_at_line(&mut self, id: u64, now: i64) {
        if let Some(group) = self.groups.get_mut(&id) {
            group.slot.give_up_waiting(now);
        }
        self.set_flush(id, next_look(now));
        self.offer(id, now);
    }

    /// Messages of a line that an earlier process left. Its route is found by what it would call the line.
    pub(super) fn restore_line(&mut self, key: GroupKey, messages: Vec<Message>, now: i64) {
        let labels = messages.first().map(|message| message.group_labels.clone());
        let labels = labels.unwrap_or_default();
        let found = self.route_of_line(&key, &labels);
        let route_id = found.as_ref().map_or_else(|| "".into(), |(_, id)| Arc::clone(id));
        let route = found.map(|(at, _)| at);
        let new = Group::new(key, route_id, labels, next_look(now));
        let id = self.add_line(Group {
            route,
            slot: Slot::restored(messages),
            ..new
        });
        self.offer(id, now);
    }

    /// The place and the id of the route that calls a line so.
    fn route_of_line(&self, key: &GroupKey, group_labels: &Labels) -> Option<(usize, Arc<str>)> {
        let mut routes = self.routes.iter();
        let found = routes.find(|(_, node)| line_key(node, group_labels) == key.key);
        found.map(|(at, node)| (at, Arc::clone(&node.id)))
    }

    fn note(&mut self, row: OccurrenceRow) {
        self.effects.writes.push(Write::Occurrence(Arc::new(row.clone())));
        let forgotten = self.chronicle.note(row);
        self.forget_occurrences(forgotten);
    }

    /// What became of all occurrences of a message for its receiver.
    pub(super) fn heard(&mut self, message: &Message, telling: Telling, now: i64) {
        for id in message.alerts.iter().filter_map(id_of) {
            let row = self.chronicle.told(id, &message.receiver, telling, now);
            self.effects.writes.extend(row.map(Write::Occurrence));
        }
    }

    /// What happened long ago.
    pub(super) fn tidy_chronicle(&mut self, now: i64) {
        let forgotten = self.chronicle.tidy(now);
        self.forget_occurrences(forgotten);
    }

    fn forget_occurrences(&mut self, ids: Vec<Arc<str>>) {
        self.effects.writes.extend(ids.into_iter().map(Write::ForgetOccurrence));
    }
}

fn fate(hearings: &[Hearing], is_told_now: bool) -> Fate {
    let any = |telling| hearings.iter().any(|hearing| hearing.telling == telling);
    if is_told_now {
        Fate::Told
    } else if any(Telling::Waiting) {
        Fate::Held
    } else if any(Telling::Dropped) {
        Fate::Full
    } else if any(Telling::HandedOn) {
        Fate::HandedOn
    } else {
        Fate::Unheard
    }
}

fn line_key(node: &Node, group_labels: &Labels) -> Arc<str> {
    format!("{LINE}{}", node.group_key(group_labels)).into()
}

const fn next_look(now: i64) -> i64 {
    now - now.rem_euclid(LOOK_EVERY) + LOOK_EVERY
}

fn id_of(news: &News) -> Option<&str> {
    let found = news.details.iter().find(|(name, _)| **name == *ID);
    found.map(|(_, id)| &**id)
}

fn happened_at(occurrence: &Occurrence) -> i64 {
    i64::try_from(occurrence.at.as_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// As a message says it: it fires, for want of another word.
fn news(occurrence: &Occurrence, now: i64) -> News {
    News {
        labels: occurrence.labels.clone(),
        annotations: occurrence.annotations.clone(),
        is_firing: true,
        was_told: false,
        value: None,
        starts_at: happened_at(occurrence),
        ends_at: None,
        updated_at: now,
        generator_url: Arc::clone(&occurrence.generator_url),
        cause: None,
        details: vec![(ID.into(), Arc::clone(&occurrence.id))],
    }
}

fn row(occurrence: &Occurrence, fate: &Fate, hearings: Vec<Hearing>, now: i64) -> OccurrenceRow {
    OccurrenceRow {
        id: Arc::clone(&occurrence.id),
        noted_at: now,
        at: happened_at(occurrence),
        labels: occurrence.labels.clone(),
        annotations: occurrence.annotations.clone(),
        generator_url: Arc::clone(&occurrence.generator_url),
        fate: fate.as_str().into(),
        hearings,
    }
}
