//! Everything that dispatch knows, and how it moves on: a state machine without clock, disk or network.
//!
//! Flows in: what rules and others say, silences, settings, what became of messages, and the time with each. Flows out: [`Effects`],
//! which are changes of what is kept and what is worth saying, and messages for those who deliver. Whoever drives it keeps a batch of writes,
//! says so, and only then are the messages handed out that the batch contains.

mod alerts;
mod anew;
mod configure;
mod flush;
mod load;
mod occurrences;
mod outbox;
mod overview;
mod posted;
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use bellwether_promql::labels::Labels;

pub use self::{
    occurrences::{ID, LINE_OCCURRENCES_MAX, OCCURRENCES_MAX},
    overview::{AlertView, Counts, GroupView, Overview},
};
use super::{
    chronicle::Chronicle,
    flush::Decision,
    group::{Group, Sight},
    inhibit::Inhibitor,
    message::{Attempt, Message, MessageId},
    occurrence::Fate,
    record::Held,
    route::Routes,
    rows::{GroupKey, Write},
    settings::Settings,
    silence::{NewSilence, Silence, SilenceError, Silences},
};
use crate::rule::{inhibition::INHIBITIONS, outlet::RuleAlerts};

/// Most alerts held. Ten times what a large installation has firing at its worst moment; each takes about a kilobyte.
pub const ALERTS_MAX: usize = 100_000;

/// Most groups. With `group_by = ["..."]` each alert is one for each receiver.
pub const GROUPS_MAX: usize = 200_000;

/// How often silences are looked through for those that are over, in milliseconds.
const TIDY_EVERY: i64 = 60_000;

/// What a person should see beside an alert: the verdict it is about.
pub type Details = Box<dyn Fn(&Labels) -> Vec<(Arc<str>, Arc<str>)> + Send + Sync>;

/// Something worth a line or a count.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A group was looked at.
    Decided {
        /// Whose.
        receiver: Arc<str>,
        /// What and why.
        decision: Decision,
    },
    /// A message was made.
    Made(Arc<Message>),
    /// It arrived.
    Delivered(Arc<Message>),
    /// It was refused for good.
    Dead(Arc<Message>, String),
    /// It gave way to one that says more, or nothing was left to say.
    Dropped {
        /// What it was.
        message: Arc<Message>,
        /// Why.
        why: DropReason,
    },
    /// Something was over before anybody was told.
    Unheard {
        /// Whose.
        receiver: Arc<str>,
        /// How many.
        count: usize,
    },
    /// Something happened once.
    Happened {
        /// Which.
        id: Arc<str>,
        /// What it is.
        labels: Labels,
        /// What became of it.
        fate: Fate,
    },
    /// There is no room: how often since it was said last.
    Full(Limit, usize),
}

/// Why a message that never left is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// A later one says it too.
    Coalesced,
    /// Nothing of it is true any more, or nobody is to know it now.
    Outdated,
    /// It was decided as if an earlier one had arrived, which did not.
    Rebuilt,
    /// The receiver is gone from the configuration.
    ReceiverRemoved,
}

impl DropReason {
    /// All.
    pub const ALL: [Self; 4] = [Self::Coalesced, Self::Outdated, Self::Rebuilt, Self::ReceiverRemoved];

    /// As in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coalesced => "coalesced",
            Self::Outdated => "outdated",
            Self::Rebuilt => "rebuilt",
            Self::ReceiverRemoved => "receiver_removed",
        }
    }
}

/// What there is no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// See [`ALERTS_MAX`].
    Alerts,
    /// See [`GROUPS_MAX`].
    Groups,
    /// A message holds no more alerts; the others are told with the next.
    MessageAlerts,
    /// See [`OCCURRENCES_MAX`] and [`LINE_OCCURRENCES_MAX`].
    Occurrences,
}

impl Limit {
    /// All.
    pub const ALL: [Self; 4] = [Self::Alerts, Self::Groups, Self::MessageAlerts, Self::Occurrences];

    /// As in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Groups => "groups",
            Self::MessageAlerts => "message_alerts",
            Self::Occurrences => "occurrences",
        }
    }
}

/// What a step leaves to be done.
#[derive(Debug, Default)]
pub struct Effects {
    /// The number of this batch, for [`Core::kept`].
    pub batch: u64,
    /// To be kept together, after those of earlier batches.
    pub writes: Vec<Write>,
    /// Whether messages or people wait until that is done.
    pub must_keep: bool,
    /// Receivers for which there may be a message.
    pub rings: BTreeSet<Arc<str>>,
    /// To be said.
    pub said: Vec<Said>,
}

/// See the head of this file.
pub struct Core {
    settings: Settings,
    routes: Routes,
    inhibitor: Inhibitor,
    silences: Silences,
    details: Details,
    alerts: HashMap<Labels, Held>,
    rules: HashMap<Arc<str>, RuleAlerts>,
    /// Whether it is known which rules there are.
    knows_rules: bool,
    /// Alerts that receivers were told of before the start and of which nobody said more, by name.
    restored: HashMap<Arc<str>, HashSet<Labels>>,
    groups: HashMap<u64, Group>,
    by_key: HashMap<GroupKey, u64>,
    /// Groups that are lines of what happened once; they are not in `by_key`.
    lines: HashMap<GroupKey, u64>,
    chronicle: Chronicle,
    next_group: u64,
    schedule: BTreeSet<(i64, u64)>,
    /// When posted alerts are over.
    ends: BTreeSet<(i64, Labels)>,
    /// Groups whose first message is on offer, by receiver: when it is due, its sequence, the group.
    offers: BTreeMap<Arc<str>, BTreeSet<(i64, u64, u64)>>,
    /// Groups whose first message waits for a batch.
    unkept: BTreeSet<(u64, u64)>,
    in_air: HashMap<MessageId, u64>,
    sequence: u64,
    batch: u64,
    kept: u64,
    effects: Effects,
    tidied_at: i64,
    now: i64,
    /// Most alerts held: [`ALERTS_MAX`].
    alerts_max: usize,
    /// Most occurrences that wait for one receiver: [`OCCURRENCES_MAX`].
    occurrences_max: usize,
    /// What there was no room for since it was said last, and whether something was passed over that may fit later.
    full: BTreeMap<Limit, usize>,
    passed_over: bool,
    /// Told of each new alert when everything else is: for what is shown.
    generation: u64,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

/// What groups see of the core.
struct Eyes<'c> {
    alerts: &'c HashMap<Labels, Held>,
    inhibitor: &'c Inhibitor,
    silences: &'c Silences,
    details: &'c Details,
    now: i64,
}

impl Sight for Eyes<'_> {
    fn alert(&self, labels: &Labels) -> Option<&Held> {
        self.alerts.get(labels)
    }

    fn is_muted(&self, labels: &Labels) -> bool {
        self.inhibitor.inhibits(labels).is_some() || self.silences.covers(labels, self.now).is_some()
    }

    fn details(&self, labels: &Labels) -> Vec<(Arc<str>, Arc<str>)> {
        (self.details)(labels)
    }
}

impl Core {
    /// With nothing in it.
    pub fn new(settings: Settings, details: Details) -> Self {
        Self {
            routes: Routes::new(&settings),
            inhibitor: Inhibitor::new(&settings.inhibitions, INHIBITIONS),
            settings,
            details,
            silences: Silences::default(),
            alerts: HashMap::new(),
            rules: HashMap::new(),
            knows_rules: false,
            restored: HashMap::new(),
            groups: HashMap::new(),
            by_key: HashMap::new(),
            lines: HashMap::new(),
            chronicle: Chronicle::default(),
            next_group: 0,
            schedule: BTreeSet::new(),
            ends: BTreeSet::new(),
            offers: BTreeMap::new(),
            unkept: BTreeSet::new(),
            in_air: HashMap::new(),
            sequence: 0,
            batch: 0,
            kept: 0,
            effects: Effects::default(),
            tidied_at: 0,
            now: 0,
            alerts_max: ALERTS_MAX,
            occurrences_max: OCCURRENCES_MAX,
            full: BTreeMap::new(),
            passed_over: false,
            generation: 0,
        }
    }

    fn eyes(&self, now: i64) -> Eyes<'_> {
        Eyes {
            alerts: &self.alerts,
            inhibitor: &self.inhibitor,
            silences: &self.silences,
            details: &self.details,
            now,
        }
    }

    /// Time passed: what is due is done. To be called after everything else that happens, and at [`Core::wake_at`].
    pub fn on_time(&mut self, now: i64) {
        self.notice_set_back(now);
        self.now = now;
        self.end_posted(now);
        if now - self.tidied_at >= TIDY_EVERY || now < self.tidied_at {
            self.tidied_at = now;
            let gone = self.silences.tidy(now);
            self.effects.writes.extend(gone.into_iter().map(Write::ForgetSilence));
            self.tidy_chronicle(now);
            self.say_full();
            self.look_at_passed_over(now);
        }
        while let Some((at, id)) = self.schedule.first().copied() {
            if at > now {
                break;
            }
            self.flush(id, now);
        }
        self.ring_due(now);
    }

    /// When there is something to do next, in milliseconds; None: nothing is held.
    pub fn wake_at(&self) -> Option<i64> {
        let flush = self.schedule.first().map(|(at, _)| *at);
        let end = self.ends.first().map(|(at, _)| *at);
        let due = self.offers.values().filter_map(|offers| {
            let next = offers.range((self.now + 1, 0, 0)..).next()?;
            Some(next.0)
        });
        flush.into_iter().chain(end).chain(due).min()
    }

    /// What is left to be done since the last time.
    pub fn take_effects(&mut self) -> Effects {
        let mut effects = std::mem::take(&mut self.effects);
        if !effects.writes.is_empty() || effects.must_keep {
            self.batch += 1;
        }
        effects.batch = self.batch;
        effects
    }

    /// Receivers for which there may be a message since the effects were taken.
    pub fn take_rings(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.effects.rings)
    }

    /// Sets or changes a silence. Returns its id.
    ///
    /// # Errors
    ///
    /// See [`SilenceError`].
    pub fn silence(&mut self, new: &NewSilence, now: i64) -> Result<Arc<str>, SilenceError> {
        let (id, changed) = self.silences.set(new, now)?;
        self.write_silences(changed);
        Ok(id)
    }

    /// Ends a silence.
    ///
    /// # Errors
    ///
    /// There is none, or it is over.
    pub fn expire_silence(&mut self, id: &str, now: i64) -> Result<(), SilenceError> {
        let changed = self.silences.expire(id, now)?;
        self.write_silences(changed);
        Ok(())
    }

    fn write_silences(&mut self, changed: Vec<Silence>) {
        self.generation += 1;
        self.effects.writes.extend(changed.into_iter().map(Write::Silence));
        self.effects.must_keep = true;
    }

    fn say(&mut self, said: Said) {
        self.effects.said.push(said);
    }

    fn no_room(&mut self, limit: Limit) {
        *self.full.entry(limit).or_default() += 1;
        self.passed_over |= matches!(limit, Limit::Alerts | Limit::Groups);
    }

    /// Not each time: what does not fit comes again with every evaluation.
    fn say_full(&mut self) {
        for (limit, times) in std::mem::take(&mut self.full) {
            self.say(Said::Full(limit, times));
        }
    }

    /// It grows with time, so that a sequence is not used again even by a host that forgot everything.
    fn next_sequence(&mut self, now: i64) -> u64 {
        self.sequence = (self.sequence + 1).max(u64::try_from(now).unwrap_or(0));
        self.sequence
    }

    /// The batch that the next writes are part of.
    const fn next_batch(&self) -> u64 {
        self.batch + 1
    }

    /// A clock that was set back must not leave a group alone until it has caught up.
    fn notice_set_back(&mut self, now: i64) {
        if now >= self.now {
            return;
        }
        let back = self.now - now;
        let schedule = std::mem::take(&mut self.schedule);
        for (at, id) in schedule {
            if let Some(group) = self.groups.get_mut(&id) {
                group.flush_at = at - back;
                group.told_at = group.told_at.map(|told| told - back);
                self.schedule.insert((group.flush_at, id));
            }
        }
    }

    fn set_flush(&mut self, id: u64, at: i64) {
        if let Some(group) = self.groups.get_mut(&id) {
            self.schedule.remove(&(group.flush_at, id));
            group.flush_at = at;
            self.schedule.insert((at, id));
        }
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod occurrence_tests;
#[cfg(test)]
mod tests;
