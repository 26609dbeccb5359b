//! What people and their tools want to see of all this: alerts with who hears of them and what mutes them, groups, silences.
//!
//! Made when somebody asks, because nobody asks most of the time and it costs a look at everything.

use std::{collections::BTreeMap, sync::Arc};

use bellwether_promql::labels::Labels;

use super::{
    super::{
        chronicle::OccurrenceRow,
        group::Group,
        record::Held,
        silence::{Silence, SilenceState},
    },
    Core,
};
use crate::alert::{Annotations, Fingerprint, ResolveCause};

/// An alert as it is shown. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertView {
    /// What identifies it.
    pub labels: Labels,
    /// See [`Fingerprint`].
    pub fingerprint: Fingerprint,
    /// What describes it.
    pub annotations: Annotations,
    /// False: it is over, and somebody is still to hear of that.
    pub is_firing: bool,
    /// Of its expression, if it has one.
    pub value: Option<f64>,
    /// Since when it fires.
    pub starts_at: i64,
    /// When it was over, or will be unless its sender says more.
    pub ends_at: Option<i64>,
    /// When it was last heard of.
    pub updated_at: i64,
    /// Where its expression can be looked at.
    pub generator_url: Arc<str>,
    /// Why it is over.
    pub cause: Option<ResolveCause>,
    /// Who hears of it, sorted.
    pub receivers: Vec<Arc<str>>,
    /// An alert that inhibits it.
    pub inhibited_by: Option<Fingerprint>,
    /// Ids of silences in force that cover it.
    pub silenced_by: Vec<Arc<str>>,
}

/// A group as it is shown. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupView {
    /// Whose.
    pub receiver: Arc<str>,
    /// What tells it from others of the receiver.
    pub key: Arc<str>,
    /// In which its alerts agree.
    pub labels: Labels,
    /// Places in [`Overview::alerts`].
    pub alerts: Vec<usize>,
    /// When it is looked at next.
    pub flush_at: i64,
    /// When its receiver was told last.
    pub told_at: Option<i64>,
    /// Places in [`Overview::alerts`] of those that the receiver knows as firing.
    pub told: Vec<usize>,
    /// Messages that are not delivered yet.
    pub messages: usize,
    /// Whether the calendar mutes it.
    pub is_off_hours: bool,
}

/// Everything that is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// By labels.
    pub alerts: Vec<AlertView>,
    /// By receiver and key.
    pub groups: Vec<GroupView>,
    /// What happened once, newest first.
    pub occurrences: Vec<Arc<OccurrenceRow>>,
    /// By id.
    pub silences: Vec<Silence>,
    /// Names of all there are, sorted.
    pub receivers: Vec<Arc<str>>,
    /// Who is told where no route matches.
    pub default_receivers: Vec<Arc<str>>,
    /// When it was made.
    pub at: i64,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that fire.
    pub firing: usize,
    /// Alerts that are over, of which somebody is still to hear.
    pub over: usize,
    /// Groups.
    pub groups: usize,
    /// Messages that are not delivered yet.
    pub messages: usize,
    /// Things that happened once and are not delivered yet, each counted for each of its receivers.
    pub occurrences: usize,
    /// Silences by state, in the order of [`SilenceState::ALL`].
    pub silences: [usize; 3],
}

impl Core {
    /// Changes whenever something does that is shown.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// See [`Counts`].
    pub fn counts(&self, now: i64) -> Counts {
        let firing = self.alerts.values().filter(|held| held.is_firing()).count();
        let of_state = |state| {
            self.silences
                .iter()
                .filter(|silence| silence.state(now) == state)
                .count()
        };
        Counts {
            firing,
            over: self.alerts.len() - firing,
            groups: self.groups.len() - self.lines.len(),
            occurrences: self.occurrences_waiting(),
            messages: self.groups.values().map(|group| group.slot.len()).sum(),
            silences: SilenceState::ALL.map(of_state),
        }
    }

    /// See [`Overview`].
    pub fn overview(&self, now: i64) -> Overview {
        let sorted: BTreeMap<&Labels, &Held> = self.alerts.iter().collect();
        let places: BTreeMap<&Labels, usize> = sorted.keys().enumerate().map(|(at, labels)| (*labels, at)).collect();
        let alerts = sorted
            .iter()
            .filter_map(|(labels, held)| self.alert_view(labels, held, now));
        let alerts = alerts.collect();
        let mut groups: Vec<GroupView> = self
            .groups
            .values()
            .filter(|group| !group.is_line)
            .map(|group| self.group_view(group, &places, now))
            .collect();
        groups.sort_by(|one, other| (&one.receiver, &one.key).cmp(&(&other.receiver, &other.key)));
        Overview {
            alerts,
            groups,
            occurrences: self.chronicle.iter().cloned().collect(),
            silences: self.silences.iter().cloned().collect(),
            receivers: self.settings.known.keys().cloned().collect(),
            default_receivers: self.settings.receivers.clone(),
            at: now,
        }
    }

    fn alert_view(&self, labels: &Labels, held: &Held, now: i64) -> Option<AlertView> {
        let record = held.current()?;
        let routed = held.groups.iter().filter_map(|id| self.groups.get(id));
        let routed = routed.filter(|group| group.members.get(labels).is_some_and(|member| member.is_routed));
        let mut receivers: Vec<Arc<str>> = routed.map(|group| Arc::clone(&group.key.receiver)).collect();
        receivers.sort();
        receivers.dedup();
        Some(AlertView {
            labels: labels.clone(),
            fingerprint: Fingerprint::of(labels),
            annotations: record.annotations.clone(),
            is_firing: record.is_firing,
            value: record.value,
            starts_at: record.starts_at,
            ends_at: record.ends_at,
            updated_at: record.updated_at,
            generator_url: Arc::clone(&record.generator_url),
            cause: record.cause,
            receivers,
            inhibited_by: self.inhibitor.inhibits(labels),
            silenced_by: self
                .silences
                .covering(labels, now)
                .map(|silence| Arc::clone(&silence.id))
                .collect(),
        })
    }

    fn group_view(&self, group: &Group, places: &BTreeMap<&Labels, usize>, now: i64) -> GroupView {
        let node = group.route.and_then(|at| self.routes.node(at));
        let told = group.members.iter().filter(|(_, member)| member.is_told);
        GroupView {
            receiver: Arc::clone(&group.key.receiver),
            key: Arc::clone(&group.key.key),
            labels: group.labels.clone(),
            alerts: group
                .members
                .keys()
                .filter_map(|labels| places.get(labels).copied())
                .collect(),
            flush_at: group.flush_at,
            told_at: group.told_at,
            told: told.filter_map(|(labels, _)| places.get(labels).copied()).collect(),
            messages: group.slot.len(),
            is_off_hours: node.is_some_and(|node| node.is_off_hours(now)),
        }
    }
}
