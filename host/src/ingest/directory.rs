//! Who may push what: looked at before a body is read. Pure.
//!
//! Flows in: sources and heartbeats as configured, and what a request says about itself. Flows out: whom it is from, or a named reason why
//! it is refused. Keys are compared in the same time whichever matches, as tokens are.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::refusal::Refused;
use crate::{
    clock::Timestamp,
    config::{EventSource, Heartbeat, Origin},
    secret::Secret,
};

/// Keys of which each opens.
#[derive(Clone, Default)]
pub struct Keys(Vec<[u8; 32]>);

/// Without the digests: a short key could be found by trying.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Of these secrets.
    pub fn new(keys: &[Secret]) -> Self {
        Self(keys.iter().map(|key| Sha256::digest(key.expose()).into()).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them. Digests are of one length, and no comparison ends early.
    pub fn admit(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        let any = self
            .0
            .iter()
            .fold(Choice::from(0), |any, key| any | key.ct_eq(&presented));
        any.into()
    }
}

/// What is known of a source without asking its owner: until when it may send nothing, so that its next body need not be read, and how
/// many were turned away.
#[derive(Debug, Default)]
pub struct Doorstep {
    paused_until: AtomicU64,
    turned_away: Mutex<BTreeMap<&'static str, u64>>,
}

impl Doorstep {
    /// It may send nothing until then.
    pub fn pause(&self, until: Timestamp) {
        self.paused_until.store(until.as_nanos(), Ordering::Relaxed);
    }

    /// How long it may still send nothing; `None`: it may.
    pub fn paused(&self, now: Timestamp) -> Option<Duration> {
        let until = Timestamp::from_nanos(self.paused_until.load(Ordering::Relaxed));
        Some(until.since(now)).filter(|left| !left.is_zero())
    }

    /// Counts an envelope that its owner did not see.
    pub fn turn_away(&self, refused: &Refused) {
        *self.counts().entry(refused.as_str()).or_default() += 1;
    }

    /// How many were since this was asked last, by reason.
    pub fn take_turned_away(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.counts())
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One source at the door.
#[derive(Debug)]
pub struct SourceDoor {
    /// As configured.
    pub source: Arc<EventSource>,
    /// See [`Doorstep`].
    pub step: Arc<Doorstep>,
    keys: Keys,
}

/// One heartbeat at the door.
#[derive(Debug)]
pub struct HeartbeatDoor {
    /// Its own; none: whoever may push may send it.
    pub keys: Keys,
}

/// Everybody who may push. Replaced as a whole on reload.
#[derive(Debug, Default)]
pub struct Directory {
    projects: BTreeMap<u64, Vec<Arc<SourceDoor>>>,
    heartbeats: BTreeMap<Arc<str>, HeartbeatDoor>,
}

impl Directory {
    /// Of a configuration. Doorsteps stay where a source is the same.
    pub fn new<'c>(
        sources: impl IntoIterator<Item = (&'c Arc<EventSource>, Arc<Doorstep>)>,
        heartbeats: impl IntoIterator<Item = &'c Arc<Heartbeat>>,
    ) -> Self {
        let mut projects: BTreeMap<u64, Vec<Arc<SourceDoor>>> = BTreeMap::new();
        for (source, step) in sources {
            let door = SourceDoor {
                source: Arc::clone(source),
                step,
                keys: Keys::new(&source.keys),
            };
            projects.entry(source.project).or_default().push(Arc::new(door));
        }
        let heartbeat = |heartbeat: &Arc<Heartbeat>| {
            let keys = Keys::new(&heartbeat.keys);
            (Arc::clone(&heartbeat.name), HeartbeatDoor { keys })
        };
        Self {
            projects,
            heartbeats: heartbeats.into_iter().map(heartbeat).collect(),
        }
    }

    /// Who sends to this project with this key. All keys of the project are compared.
    pub fn source(&self, project: u64, key: &str) -> Result<&Arc<SourceDoor>, Refused> {
        let doors = self.projects.get(&project).ok_or(Refused::UnknownProject(project))?;
        let mut found = None;
        for door in doors {
            if door.keys.admit(key.as_bytes()) {
                found = Some(door);
            }
        }
        found.ok_or(Refused::WrongKey)
    }

    /// Whether there is a source of this project.
    pub fn has_project(&self, project: u64) -> bool {
        self.projects.contains_key(&project)
    }

    /// Whether pages of `origin` may send to this project: to the source that has the key, or before a key is known to any of them.
    pub fn admits_origin(&self, project: u64, key: Option<&str>, origin: &str) -> bool {
        let admits = |door: &SourceDoor| admits_origin(&door.source.origins, origin);
        match key {
            Some(key) => self.source(project, key).is_ok_and(|door| admits(door)),
            None => self
                .projects
                .get(&project)
                .is_some_and(|doors| doors.iter().any(|door| admits(door))),
        }
    }

    /// One heartbeat.
    pub fn heartbeat(&self, name: &str) -> Option<&HeartbeatDoor> {
        self.heartbeats.get(name)
    }
}

/// Whether one of them is it.
pub fn admits_origin(origins: &[Origin], origin: &str) -> bool {
    origins.iter().any(|known| known.admits(origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::samples::source;

    const SHOP: &str = "0123456789abcdef0123456789abcdef";
    const PAGE: &str = "fedcba9876543210fedcba9876543210";

    fn directory() -> Directory {
        let mut page = source("page", 1, PAGE);
        page.origins = vec![Origin::Exact("https://shop.example.com".to_owned())];
        let sources = [Arc::new(source("shop", 1, SHOP)), Arc::new(page)];
        Directory::new(sources.iter().map(|source| (source, Arc::default())), [])
    }

    #[test]
    fn project_and_key_say_who_it_is() {
        let directory = directory();
        let name = |project, key| directory.source(project, key).map(|door| door.source.name.to_string());
        assert_eq!(name(1, SHOP), Ok("shop".to_owned()));
        assert_eq!(name(1, PAGE), Ok("page".to_owned()));
        assert_eq!(name(1, "other"), Err(Refused::WrongKey));
        assert_eq!(name(1, ""), Err(Refused::WrongKey));
        assert_eq!(name(2, SHOP), Err(Refused::UnknownProject(2)));
    }

    #[test]
    fn pages_may_send_to_the_source_that_names_their_origin() {
        let directory = directory();
        let origin = "https://shop.example.com";
        assert!(directory.admits_origin(1, Some(PAGE), origin) && directory.admits_origin(1, None, origin));
        assert!(!directory.admits_origin(1, Some(SHOP), origin), "of another source");
        assert!(!directory.admits_origin(1, None, "https://evil.example"));
        assert!(!directory.admits_origin(2, None, origin));
    }

    #[test]
    fn a_pause_ends_and_who_came_meanwhile_is_counted() {
        let step = Doorstep::default();
        let now = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(step.paused(now), None);
        step.pause(now + Duration::from_secs(5));
        assert_eq!(step.paused(now), Some(Duration::from_secs(5)));
        assert_eq!(step.paused(now + Duration::from_secs(5)), None);
        step.turn_away(&Refused::TooFast(Duration::from_secs(5)));
        step.turn_away(&Refused::TooFast(Duration::from_secs(4)));
        assert_eq!(step.take_turned_away(), BTreeMap::from([("rate_limited", 2)]));
        assert!(step.take_turned_away().is_empty());
    }
}
