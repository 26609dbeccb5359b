//! What applications push, wired: from a configuration to the desk of `ingest` and the checks that the board shows heartbeats as; and on
//! from there, new crashes to `dispatch`, envelopes to `deliver`. Those two stand after `ingest`, which knows them by what they do.

use std::{io, sync::Arc};

use crate::{
    board::{BoardCheck, BoardHandle},
    clock::Clock,
    config::Config,
    deliver::DeliverHandle,
    dispatch::{DispatchHandle, Fate, Occurrence},
    expose::ReloadSummary,
    ingest::{CrashFate, CrashNews, Ingest, IngestHandle, IngestOptions, IngestSettings, Onward, Pending, Upstream},
    sandbox::ForwardedEvent,
    store::Store,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// The parts that pushes go to.
#[derive(Debug)]
pub(super) struct Parts<'p> {
    pub(super) board: &'p BoardHandle,
    pub(super) store: &'p Store,
    pub(super) dispatch: &'p DispatchHandle,
    pub(super) deliver: &'p DeliverHandle,
    pub(super) clock: &'p Clock,
    pub(super) telemetry: &'p Telemetry,
}

/// Starts the desk with what this configuration says. Errors: there is no thread.
pub(super) fn start(supervisor: &Supervisor, config: &Config, parts: &Parts<'_>) -> io::Result<IngestHandle> {
    let options = IngestOptions {
        settings: IngestSettings::of(config),
        board: parts.board.clone(),
        store: Some(parts.store.clone()),
        onward: Arc::new(Wired {
            dispatch: parts.dispatch.clone(),
            deliver: parts.deliver.clone(),
        }),
        clock: parts.clock.clone(),
        telemetry: parts.telemetry.clone(),
    };
    Ingest::start(supervisor, options)
}

/// Heartbeats as the board shows them.
pub(super) fn heartbeats(config: &Config) -> impl Iterator<Item = BoardCheck> {
    config
        .heartbeats
        .values()
        .map(|heartbeat| BoardCheck::heartbeat(heartbeat))
}

/// They are shown as checks are, and so a reload tells of them.
pub(super) fn summarise(old: &Config, new: &Config, summary: &mut ReloadSummary) {
    let gone = old.heartbeats.keys().filter(|name| !new.heartbeats.contains_key(*name));
    summary.removed.extend(gone.map(ToString::to_string));
    for (name, heartbeat) in &new.heartbeats {
        match old.heartbeats.get(name) {
            None => summary.added.push(name.to_string()),
            Some(before) if before == heartbeat => summary.unchanged += 1,
            Some(_) => summary.changed.push(name.to_string()),
        }
    }
}

/// Where what was pushed goes on to.
#[derive(Debug)]
struct Wired {
    dispatch: DispatchHandle,
    deliver: DeliverHandle,
}

impl Onward for Wired {
    fn tell(&self, news: Vec<CrashNews>) -> Pending<'_, Option<Vec<CrashFate>>> {
        Box::pin(async move {
            let told = self.dispatch.tell(news.iter().map(occurrence).collect()).await.ok()?;
            Some(told.fates.iter().map(fate).collect())
        })
    }

    fn hand_on(&self, receivers: &[Arc<str>], event: ForwardedEvent) {
        self.deliver.offer_events(receivers, std::slice::from_ref(&event));
    }

    fn limits(&self, receivers: &[Arc<str>]) -> Vec<Vec<Upstream>> {
        let of_receiver = |receiver: &Arc<str>| {
            let limits = self.deliver.rate_limited(receiver).into_iter();
            let limit = limits.map(|limit| Upstream {
                category: limit.category,
                until: limit.until,
            });
            limit.collect()
        };
        receivers.iter().map(of_receiver).collect()
    }
}

fn occurrence(news: &CrashNews) -> Occurrence {
    let mut occurrence = Occurrence::new_crash(&news.source, &news.project.to_string(), &news.crash, news.at);
    occurrence.handed_to.clone_from(&news.handed_to);
    occurrence
}

fn fate(fate: &Fate) -> CrashFate {
    if fate.is_settled() {
        CrashFate::Settled
    } else {
        CrashFate::Full
    }
}
