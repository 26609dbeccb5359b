//! News beside notifications, by receiver: who wants what, and where it waits.
//!
//! Flows in: runs of checks and what applications reported, from whoever has them; nobody waits here. Flows out: queues, which the tasks
//! of `stream` empty. A queue is there from when its receiver is configured, so that what comes before its plugin is loaded, or while
//! a reload replaces its task, is not lost.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::stream::{Inlet, Tally};
use crate::{
    config::{self, NamePattern, ReceiverKind},
    sandbox::{ForwardedEvent, ForwardedRun, NewsKind},
    telemetry::Telemetry,
};

/// What waits for one receiver.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// Checks whose runs it hears.
    wants: Arc<[NamePattern]>,
    pub(super) runs: Inlet<ForwardedRun>,
    pub(super) events: Inlet<ForwardedEvent>,
}

impl Feed {
    fn new(receiver: &config::Receiver, telemetry: &Telemetry) -> Self {
        let tally = |kind| Tally::new(Arc::clone(&receiver.name), kind, telemetry.clone());
        Self {
            wants: receiver.runs.clone().into(),
            runs: Inlet::new(tally(NewsKind::Runs)),
            events: Inlet::new(tally(NewsKind::Events)),
        }
    }

    fn hears_of(&self, check: &str) -> bool {
        self.wants.iter().any(|pattern| pattern.matches(check))
    }
}

/// Of these receivers, with what waits for them already.
fn fed<'r>(
    receivers: impl Iterator<Item = &'r Arc<config::Receiver>>,
    before: &mut BTreeMap<Arc<str>, Feed>,
    telemetry: &Telemetry,
) -> BTreeMap<Arc<str>, Feed> {
    // Only plugins carry anything but notifications.
    let plugins = receivers.filter(|receiver| matches!(receiver.kind, ReceiverKind::Plugin(_)));
    let mut all = BTreeMap::new();
    for receiver in plugins {
        let new = Feed::new(receiver, telemetry);
        let feed = match before.remove(&receiver.name) {
            // What nobody wants any more does not wait for somebody to want it again.
            Some(known) if receiver.runs.is_empty() => Feed {
                events: known.events,
                ..new
            },
            Some(known) => Feed {
                wants: new.wants,
                ..known
            },
            None => new,
        };
        all.insert(Arc::clone(&receiver.name), feed);
    }
    all
}

/// Of all receivers.
#[derive(Debug, Default)]
pub(super) struct Feeds(RwLock<BTreeMap<Arc<str>, Feed>>);

impl Feeds {
    /// These receivers and no others. What waits for one that stays goes on waiting.
    pub(super) fn replace<'r>(
        &self,
        receivers: impl Iterator<Item = &'r Arc<config::Receiver>>,
        telemetry: &Telemetry,
    ) {
        let mut feeds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *feeds);
        *feeds = fed(receivers, &mut before, telemetry);
    }

    /// These receivers beside those that are there.
    pub(super) fn add<'r>(&self, receivers: impl Iterator<Item = &'r Arc<config::Receiver>>, telemetry: &Telemetry) {
        let mut feeds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let these = fed(receivers, &mut feeds, telemetry);
        feeds.extend(these);
    }

    /// Of a receiver that carries such news.
    pub(super) fn of(&self, receiver: &str) -> Option<Feed> {
        let feeds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        feeds.get(receiver).cloned()
    }

    /// A run of this check, which is made when somebody wants it.
    pub(super) fn offer_run(&self, check: &str, run: impl FnOnce() -> ForwardedRun) {
        let feeds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut wanting = feeds.values().filter(|feed| feed.hears_of(check)).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let run = run();
        wanting.for_each(|feed| feed.runs.push(run.clone()));
    }

    /// To these, as far as they are there.
    pub(super) fn offer_events(&self, receivers: &[Arc<str>], events: &[ForwardedEvent]) {
        let feeds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for feed in receivers.iter().filter_map(|name| feeds.get(name)) {
            events.iter().for_each(|event| feed.events.push(event.clone()));
        }
    }
}
