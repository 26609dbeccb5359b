//! Connections that wait for their next request.
//!
//! Flows in: a connection whose last answer was read to its end. Flows out: the same, to a request of the same check by
//! the same route, so that nothing passes between checks. It asks nobody whether they are still open: whoever takes one
//! does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::wire::{Route, Wire};
use crate::clock::Instant;

/// Of one check: what `send-all` uses at once.
const OF_CHECK_MAX: usize = 64;
/// Of all checks: sockets are a thousand by default, and requests under way need theirs first.
const MAX: usize = 256;
/// Longest wait. Servers close theirs after 5 to 120 seconds; past this a check's next run gains too little.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    check: Arc<str>,
    route: Route,
    wire: Wire,
    since: Instant,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that waited least; old ones of all checks are closed on the way.
    pub(super) fn take(&self, check: &str, route: &Route, now: Instant) -> Option<Wire> {
        let mut idle = self.lock();
        idle.retain(|idle| now.saturating_duration_since(idle.since) < IDLE_MAX);
        let found = idle
            .iter()
            .rposition(|idle| *idle.check == *check && idle.route == *route)?;
        Some(idle.remove(found).wire)
    }

    /// Keeps one; where there is no room, the one that waited longest goes.
    pub(super) fn put(&self, check: &Arc<str>, route: Route, wire: Wire, now: Instant) {
        let mut idle = self.lock();
        let of_check = idle.iter().filter(|idle| idle.check == *check).count();
        let oldest = if of_check >= OF_CHECK_MAX {
            idle.iter().position(|idle| idle.check == *check)
        } else {
            (idle.len() >= MAX).then_some(0)
        };
        if let Some(oldest) = oldest {
            idle.remove(oldest);
        }
        idle.push(Idle {
            check: Arc::clone(check),
            route,
            wire,
            since: now,
        });
    }
}
