//! What applications push: `[source.NAME]`, which sends what Sentry's SDKs send, and `[heartbeat.NAME]`, which says that it lives.
//!
//! Flows in: tables of the main file, and which receivers and checks there are. Flows out: the same resolved, every name followed, or
//! problems. Whether a forwarder takes events is found out when its plugin is loaded.

mod heartbeat;
mod origin;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

pub use heartbeat::{HEARTBEAT_GRACE_DEFAULT, HEARTBEATS_MAX};
pub use source::SOURCES_MAX;

use self::{heartbeat::FileHeartbeat, source::FileSource};
use super::{
    access::Token,
    check::Checks,
    dispatch::Dispatching,
    reading::Reading,
    resolved::{Access, EventSource, Heartbeat},
    source::{At, Span},
    tree::Table,
};

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FilePushed {
    sources: Vec<FileSource>,
    heartbeats: Vec<FileHeartbeat>,
}

/// What came out of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pushed {
    pub(super) sources: BTreeMap<Arc<str>, Arc<EventSource>>,
    pub(super) heartbeats: BTreeMap<Arc<str>, Arc<Heartbeat>>,
    pub(super) places: Places,
    /// What everybody may see.
    pub(super) seen: Vec<(Span, String)>,
}

/// What is needed to speak about it later.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// How the keys of sources are written, constants masked.
    pub(super) source_keys: BTreeMap<Arc<str>, Vec<String>>,
    /// The same of heartbeats.
    pub(super) heartbeat_keys: BTreeMap<Arc<str>, Vec<String>>,
    /// Where a source names a receiver.
    pub(super) receivers: BTreeMap<(Arc<str>, Arc<str>), Span>,
}

/// Where the host takes pushes besides its own address, and where that is said.
pub(super) type PushListen = Option<(SocketAddr, Span)>;

pub(super) fn read(reading: &Reading<'_>, main: &Table) -> FilePushed {
    FilePushed {
        sources: source::read(reading, main),
        heartbeats: heartbeat::read(reading, main),
    }
}

impl FilePushed {
    /// Names of receivers by source: to be followed with those of routes.
    pub(super) fn handed_on(&self) -> Vec<(String, Vec<At<String>>)> {
        let named = |source: &FileSource| (source.name.value.clone(), source.receivers.clone());
        self.sources.iter().map(named).collect()
    }

    fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.heartbeats.is_empty()
    }
}

/// Follows every name, and refuses what two tables claim.
pub(super) fn resolve(
    reading: &Reading<'_>,
    file: FilePushed,
    dispatching: &Dispatching,
    checks: &Checks,
    access: &Access,
    listen: PushListen,
) -> Pushed {
    warn_of_nothing(reading, &file, listen);
    source::refuse_shared_keys(reading, &file.sources);
    heartbeat::refuse_names_of_checks(reading, &file.heartbeats, checks);
    heartbeat::refuse_unprotected(reading, &file.heartbeats, access, listen);
    let mut pushed = Pushed::default();
    for file in file.sources {
        let name: Arc<str> = file.name.value.as_str().into();
        source::warn_of_unreachable(reading, &file, listen);
        let empty = Vec::new();
        let named = dispatching.handed_on.get(&*name).unwrap_or(&empty);
        for (receiver, span) in named {
            source::refuse_one_without_events(reading, dispatching, receiver, *span);
            let place = (Arc::clone(&name), Arc::clone(receiver));
            pushed.places.receivers.insert(place, *span);
        }
        pushed.seen.push((file.name.span, file.name.value.clone()));
        pushed.places.source_keys.insert(Arc::clone(&name), shown(&file.keys));
        let receivers = once_each(named.iter().map(|(receiver, _)| Arc::clone(receiver)));
        let resolved = file.resolved(reading, receivers);
        pushed.sources.extend(resolved.map(|source| (name, Arc::new(source))));
    }
    for file in file.heartbeats {
        let name: Arc<str> = file.name.value.as_str().into();
        pushed.seen.extend(file.seen());
        pushed
            .places
            .heartbeat_keys
            .insert(Arc::clone(&name), shown(&file.keys));
        let resolved = file.resolved(reading);
        pushed
            .heartbeats
            .extend(resolved.map(|heartbeat| (name, Arc::new(heartbeat))));
    }
    pushed
}

fn shown(keys: &[Token]) -> Vec<String> {
    keys.iter().map(|key| key.shown.clone()).collect()
}

fn once_each(names: impl Iterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(Arc::clone(name))).collect()
}

/// A door that nobody has a key to.
fn warn_of_nothing(reading: &Reading<'_>, file: &FilePushed, listen: PushListen) {
    if let Some((_, span)) = listen.filter(|_| file.is_empty() && !reading.failed()) {
        let hint = "add a [source.NAME] or a [heartbeat.NAME], or remove it".to_owned();
        reading.warn(span, "nothing is pushed to `push_listen`", hint);
    }
}
