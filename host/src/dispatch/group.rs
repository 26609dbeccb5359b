//! One group of one receiver: who is in it, what the receiver knows, and what a message would say now.
//!
//! Flows in: members that join and leave, what was delivered. Flows out: a [`Survey`], from which `flush` decides. It asks about alerts
//! and muting through [`Sight`], so that it holds none itself.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use super::{
    flush::Situation,
    message::{Message, News},
    outbox::Slot,
    record::Held,
    rows::{GroupKey, GroupRow},
    settings::{ReceiverTraits, Timings},
};

/// Most alerts of one message. Nobody reads more, receivers cut sooner, and what is left over is told with the next.
const MESSAGE_ALERTS_MAX: usize = 10_000;

/// About the most bytes of alerts in one message: it is one row of the store and is held in memory while it waits.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// How late a message may arrive and still count as told when it was decided, in milliseconds. So repeats keep to the ticks of their
/// group, and one that took an hour to arrive is not repeated three hours later.
const DELIVERY_IN_COURSE: i64 = 60_000;

/// An alert of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    /// Whether a route leads it here; what was told stays a member without.
    pub(super) is_routed: bool,
    /// Whether the receiver knows it as firing.
    pub(super) is_told: bool,
    /// Whether it may know it as firing, and may not: a message said that it fires, or that it is over, which may have arrived and was
    /// refused for good afterwards. While it fires it is told as if the receiver had not heard of it, and when it is over as if it had.
    pub(super) is_doubtful: bool,
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) route_id: Arc<str>,
    /// The place of its route; None: there is none any more, or nobody knows yet.
    pub(super) route: Option<usize>,
    pub(super) labels: Labels,
    pub(super) members: BTreeMap<Labels, Member>,
    pub(super) told_at: Option<i64>,
    pub(super) flush_at: i64,
    pub(super) has_flushed: bool,
    pub(super) slot: Slot,
    /// The batch of writes that must be kept before the first message is handed out.
    pub(super) ready_after: u64,
    /// Whether it was kept.
    pub(super) is_journaled: bool,
    /// Under which key the first message is offered.
    pub(super) offered: Option<(i64, u64)>,
}

/// What a group asks about the world.
pub(super) trait Sight {
    /// What is held of an alert.
    fn alert(&self, labels: &Labels) -> Option<&Held>;
    /// Whether it is silenced or inhibited.
    fn is_muted(&self, labels: &Labels) -> bool;
    /// What a person should see beside it.
    fn details(&self, labels: &Labels) -> Vec<(Arc<str>, Arc<str>)>;
}

/// A group at one moment.
#[derive(Debug)]
pub(super) struct Survey {
    /// For the decision.
    pub(super) situation: Situation,
    /// What a message would say: alerts with whether they fire.
    pub(super) content: Vec<(Labels, bool)>,
    /// Over, and no message ever told of them.
    pub(super) unheard: Vec<Labels>,
    /// Told as firing and over.
    pub(super) over: Vec<Labels>,
    /// Whether there was more than a message holds.
    pub(super) is_cut: bool,
    withheld: usize,
}

impl Group {
    pub(super) fn new(key: GroupKey, route_id: Arc<str>, labels: Labels, flush_at: i64) -> Self {
        Self {
            key,
            route_id,
            route: None,
            labels,
            members: BTreeMap::new(),
            told_at: None,
            flush_at,
            has_flushed: false,
            slot: Slot::default(),
            ready_after: 0,
            is_journaled: true,
            offered: None,
        }
    }

    pub(super) fn restored(row: GroupRow) -> Self {
        Self {
            told_at: row.told_at,
            has_flushed: row.has_flushed,
            ..Self::new(row.key, row.route, row.labels, row.flush_at)
        }
    }

    pub(super) fn row(&self) -> GroupRow {
        GroupRow {
            key: self.key.clone(),
            route: Arc::clone(&self.route_id),
            labels: self.labels.clone(),
            flush_at: self.flush_at,
            has_flushed: self.has_flushed,
            told_at: self.told_at,
        }
    }

    /// What the receiver knows as firing, as far as it differs from what is told: by a message that may have arrived.
    fn perhaps(&self) -> HashMap<&Labels, bool> {
        let alerts = self.slot.perhaps_there().map(|message| message.alerts.iter());
        let alerts = alerts.into_iter().flatten();
        alerts.map(|news| (&news.labels, news.is_firing)).collect()
    }

    /// Looks at everything in the group.
    pub(super) fn survey(
        &self,
        sight: &dyn Sight,
        timings: Timings,
        traits: ReceiverTraits,
        is_off_hours: bool,
    ) -> Survey {
        let perhaps = self.perhaps();
        let waiting = self.slot.replaceable();
        let unseen: HashSet<&Labels> = waiting
            .iter()
            .flat_map(|message| &*message.alerts)
            .map(|news| &news.labels)
            .collect();
        let mut sorted = Sorted::default();
        for (labels, member) in &self.members {
            let perhaps = perhaps.get(labels).copied();
            let seen = Seen {
                knows: perhaps.unwrap_or(member.is_told),
                may_know: perhaps.unwrap_or(member.is_told || member.is_doubtful),
                is_unseen: unseen.contains(labels),
                is_routed: member.is_routed,
            };
            sorted.place(labels, &seen, sight);
        }
        let situation = Situation {
            is_off_hours,
            told_at: self.told_at,
            repeat_interval: timings.repeat_interval,
            refresh: traits.refresh,
            send_resolved: traits.send_resolved,
            ..sorted.situation
        };
        let Sorted {
            fresh,
            firing,
            over,
            passed,
            unheard,
            withheld,
            ..
        } = sorted;
        let ended = over.iter().chain(&passed).filter(|_| traits.send_resolved);
        let content = ended.map(|labels| (labels.clone(), false));
        // When there is too much, what the receiver knows already can wait.
        let firing = fresh.into_iter().chain(firing).map(|labels| (labels, true));
        let (content, is_cut) = cut(content.chain(firing), sight);
        let is_waiting = waiting.is_some_and(|message| says(message, &content));
        Survey {
            situation: Situation {
                is_waiting,
                ..situation
            },
            content,
            unheard,
            over,
            is_cut,
            withheld,
        }
    }

    /// The alerts of a message, and how many the receiver knows of that are withheld.
    pub(super) fn compose(&self, survey: &Survey, sight: &dyn Sight) -> (Arc<[News]>, usize) {
        let perhaps = self.perhaps();
        let news = survey.content.iter().filter_map(|(labels, is_firing)| {
            let member = self.members.get(labels).copied().unwrap_or_default();
            let told = member.is_told || (member.is_doubtful && !is_firing);
            let was_told = perhaps.get(labels).copied().unwrap_or(told);
            let record = sight.alert(labels)?.current()?;
            Some(record.news(labels, was_told, sight.details(labels)))
        });
        (news.collect(), survey.withheld)
    }

    /// A message arrived. Returns what the receiver knows since, and what it does not know any more.
    pub(super) fn told(&mut self, message: &Message, now: i64) -> (Vec<News>, Vec<Labels>) {
        let is_late = now - message.created_at > DELIVERY_IN_COURSE;
        self.told_at = Some(if is_late { now } else { message.created_at });
        let (mut firing, mut over) = (Vec::new(), Vec::new());
        for news in &*message.alerts {
            let member = self.members.entry(news.labels.clone()).or_default();
            match (
                news.is_firing,
                member.is_told || (member.is_doubtful && !news.is_firing),
            ) {
                (true, false) => firing.push(news.clone()),
                (false, true) => over.push(news.labels.clone()),
                (true, true) | (false, false) => {}
            }
            (member.is_told, member.is_doubtful) = (news.is_firing, false);
        }
        (firing, over)
    }

    /// A message was refused for good that may have arrived before. Returns what the receiver may know as firing since.
    pub(super) fn doubt(&mut self, message: &Message) -> Vec<News> {
        let mut doubtful = Vec::new();
        for news in &*message.alerts {
            let member = self.members.get_mut(&news.labels);
            // It said what the receiver did not know: that it fires, or that it does not.
            let Some(member) = member.filter(|member| member.is_told != news.is_firing && !member.is_doubtful) else {
                continue;
            };
            (member.is_told, member.is_doubtful) = (false, true);
            doubtful.push(News {
                is_firing: true,
                ends_at: None,
                cause: None,
                ..news.clone()
            });
        }
        doubtful
    }

    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.slot.is_empty()
    }

    /// All labels that its messages speak of.
    pub(super) fn spoken_of(&self) -> HashSet<Labels> {
        let news = self.slot.iter().flat_map(|message| &*message.alerts);
        news.map(|news| news.labels.clone()).collect()
    }
}

/// Whether a message says this.
pub(super) fn says(message: &Message, content: &[(Labels, bool)]) -> bool {
    let said = message.alerts.iter().map(|news| (&news.labels, news.is_firing));
    said.eq(content.iter().map(|(labels, is_firing)| (labels, *is_firing)))
}

/// As much as one message holds of what comes first, in the order of the labels.
fn cut(content: impl Iterator<Item = (Labels, bool)>, sight: &dyn Sight) -> (Vec<(Labels, bool)>, bool) {
    let (mut kept, mut bytes, mut is_cut) = (Vec::new(), 0_usize, false);
    for (labels, is_firing) in content {
        let annotations = sight
            .alert(&labels)
            .and_then(Held::current)
            .map(|record| record.annotations.iter());
        let texts = labels
            .iter()
            .map(|(name, value)| (name, value))
            .chain(annotations.into_iter().flatten());
        bytes += texts.map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if kept.len() == MESSAGE_ALERTS_MAX || (bytes > MESSAGE_BYTES_MAX && !kept.is_empty()) {
            is_cut = true;
            break;
        }
        kept.push((labels, is_firing));
    }
    kept.sort();
    (kept, is_cut)
}

/// What a group knows of a member before it looks at the alert.
struct Seen {
    knows: bool,
    may_know: bool,
    is_unseen: bool,
    is_routed: bool,
}

#[derive(Default)]
struct Sorted {
    situation: Situation,
    fresh: Vec<Labels>,
    firing: Vec<Labels>,
    over: Vec<Labels>,
    passed: Vec<Labels>,
    unheard: Vec<Labels>,
    withheld: usize,
}

impl Sorted {
    fn place(&mut self, labels: &Labels, seen: &Seen, sight: &dyn Sight) {
        let held = sight.alert(labels);
        if !held.is_some_and(Held::is_firing) {
            return self.place_ended(labels, seen);
        }
        // What nobody has said anything about since the start may be over by now.
        let is_said = held.is_some_and(|held| !held.is_unconfirmed());
        let is_muted = seen.is_routed && is_said && sight.is_muted(labels);
        if !seen.is_routed || !is_said || is_muted {
            self.situation.muted += usize::from(is_muted);
            self.situation.known += usize::from(seen.may_know);
            self.withheld += usize::from(seen.may_know);
        } else {
            self.situation.known += usize::from(seen.knows);
            self.situation.firing += 1;
            self.situation.new += usize::from(!seen.knows);
            let place = if seen.knows { &mut self.firing } else { &mut self.fresh };
            place.push(labels.clone());
        }
    }

    fn place_ended(&mut self, labels: &Labels, seen: &Seen) {
        if seen.may_know {
            self.situation.known += 1;
            self.situation.over += 1;
            self.over.push(labels.clone());
        } else if seen.is_unseen {
            self.situation.passed += 1;
            self.passed.push(labels.clone());
        } else {
            self.situation.unheard += 1;
            self.unheard.push(labels.clone());
        }
    }
}
