//! What dispatch does by: routes, inhibitions, times, and what it must know of receivers.
//!
//! Flows in from the configuration, resolved and checked there: names lead somewhere, and parents stand before their children. A name
//! that leads nowhere all the same is passed over. It is plain data.

use std::{collections::BTreeMap, sync::Arc};

use bellwether_promql::labels::Labels;

use crate::alert::{Matcher, TimeInterval};

/// Milliseconds of a minute.
pub(super) const MINUTE: i64 = 60_000;

/// How long to wait for more, from one message about a group to the next, and to the next without news. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// From the first alert of a group to its first message.
    pub group_wait: i64,
    /// From a message to the next one that says something new.
    pub group_interval: i64,
    /// From a message to the next one that says the same.
    pub repeat_interval: i64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            group_wait: MINUTE / 2,
            group_interval: 5 * MINUTE,
            repeat_interval: 240 * MINUTE,
        }
    }
}

/// Which labels tell groups apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// All of them: each alert is a group.
    All,
    /// These. None: there is one group.
    Labels(Vec<Arc<str>>),
}

/// One route. What is `None` is as its parent has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// For people and for other routes; None: its matchers name it.
    pub name: Option<Arc<str>>,
    /// The place in [`Settings::routes`] of the route it is under; None: it is under `[alerting]`.
    pub parent: Option<usize>,
    /// All of them hold. None of them: it matches everything.
    pub matchers: Vec<Matcher>,
    /// Who is told.
    pub receivers: Option<Vec<Arc<str>>>,
    /// Whether routes after it are tried as well.
    pub goes_on: bool,
    /// See [`GroupBy`].
    pub group_by: Option<GroupBy>,
    /// See [`Timings`].
    pub group_wait: Option<i64>,
    /// See [`Timings`].
    pub group_interval: Option<i64>,
    /// See [`Timings`].
    pub repeat_interval: Option<i64>,
    /// Names of intervals in which nobody is told. Not inherited.
    pub mute_times: Vec<Arc<str>>,
    /// Names of the only intervals in which somebody is told; none: always. Not inherited.
    pub active_times: Vec<Arc<str>>,
}

/// While an alert fires that is a source, targets that agree with it are not told of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inhibit {
    /// All of them hold for the source.
    pub source: Vec<Matcher>,
    /// All of them hold for the target.
    pub target: Vec<Matcher>,
    /// Labels in which both agree; one that neither has counts as agreement.
    pub equal: Vec<Arc<str>>,
}

/// What must be known of a receiver to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverTraits {
    /// Whether it wants to hear that something is over.
    pub send_resolved: bool,
    /// How often it must be told the same so that it does not forget, in milliseconds; None: it remembers.
    pub refresh: Option<i64>,
}

impl Default for ReceiverTraits {
    fn default() -> Self {
        Self {
            send_resolved: true,
            refresh: None,
        }
    }
}

/// See the head of this file.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Who is told when no route matches.
    pub receivers: Vec<Arc<str>>,
    /// See [`GroupBy`].
    pub group_by: GroupBy,
    /// See [`Timings`].
    pub timings: Timings,
    /// Intervals in which nobody is told whom no route matched.
    pub mute_times: Vec<Arc<str>>,
    /// See [`Route::active_times`].
    pub active_times: Vec<Arc<str>>,
    /// In order.
    pub routes: Vec<Route>,
    /// In addition to those that hold for every host.
    pub inhibitions: Vec<Inhibit>,
    /// By name.
    pub intervals: BTreeMap<Arc<str>, TimeInterval>,
    /// All there are, by name. What a route sends to another is dropped.
    pub known: BTreeMap<Arc<str>, ReceiverTraits>,
    /// Put on alerts about this host itself; those of rules have them already.
    pub external_labels: Labels,
    /// How long a posted alert without an end fires after it was posted last, in milliseconds.
    pub resolve_timeout: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            receivers: Vec::new(),
            group_by: GroupBy::Labels(vec![crate::alert::ALERT_NAME.into()]),
            timings: Timings::default(),
            mute_times: Vec::new(),
            active_times: Vec::new(),
            routes: Vec::new(),
            inhibitions: Vec::new(),
            intervals: BTreeMap::new(),
            known: BTreeMap::new(),
            external_labels: Labels::default(),
            resolve_timeout: 5 * MINUTE,
        }
    }
}

impl Settings {
    /// What is known of a receiver; None: there is no such receiver.
    pub fn traits_of(&self, receiver: &str) -> Option<ReceiverTraits> {
        self.known.get(receiver).copied()
    }
}
