//! Connections that wait for the next call of the same check.
//!
//! One for each check and connection of the configuration. Whoever takes one owns it and puts it back when it is still of
//! use; what is not put back is closed. Flows in: what time it is. It dials nothing and knows no protocol.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{clock::Instant, config::Connection};

/// Longest wait. Beyond it servers and firewalls in between have often closed the connection silently, and a check that is
/// asked less often than this loses little by dialling anew.
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// Most that wait at once. Each costs the host a descriptor and the server a process or a slot.
const WAITING_MAX: usize = 512;

/// Of which check and which of its connections.
type Key = (Arc<str>, Arc<str>);

#[derive(Debug)]
struct Waiting<S> {
    session: S,
    /// As it was dialled: after a reload it may mean another place.
    connection: Arc<Connection>,
    since: Instant,
}

/// The shelf. Cheap to clone; clones share what waits.
#[derive(Debug)]
pub struct Shelf<S>(Arc<Mutex<HashMap<Key, Waiting<S>>>>);

impl<S> Clone for Shelf<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Default for Shelf<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S> Shelf<S> {
    /// What waits for `check`, if it was dialled with this very connection and not too long ago.
    pub fn take(&self, check: &Arc<str>, connection: &Arc<Connection>, now: Instant) -> Option<S> {
        let key = (Arc::clone(check), Arc::clone(&connection.name));
        let mut waiting = self.lock();
        let found = waiting.remove(&key).filter(|found| found.connection == *connection);
        waiting.retain(|_, other| is_fresh(other.since, now));
        found
            .filter(|found| is_fresh(found.since, now))
            .map(|found| found.session)
    }

    /// Keeps a session for the next call. Where there is no room, it is closed.
    pub fn put(&self, check: &Arc<str>, connection: &Arc<Connection>, session: S, now: Instant) {
        let key = (Arc::clone(check), Arc::clone(&connection.name));
        let mut waiting = self.lock();
        if waiting.len() < WAITING_MAX || waiting.contains_key(&key) {
            let connection = Arc::clone(connection);
            let since = now;
            waiting.insert(
                key,
                Waiting {
                    session,
                    connection,
                    since,
                },
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Waiting<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) <= WAIT_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Clock, testing};

    fn names(connection: &Connection) -> (Arc<str>, Arc<Connection>) {
        ("queues".into(), Arc::new(connection.clone()))
    }

    #[test]
    fn a_session_is_taken_once_and_by_its_own_check() {
        let shelf = Shelf::default();
        let (check, connection) = names(&testing::connection("redis://cache"));
        let now = Clock::system().monotonic();
        shelf.put(&check, &connection, 7, now);
        assert_eq!(shelf.take(&"other".into(), &connection, now), None);
        assert_eq!(shelf.take(&check, &connection, now), Some(7));
        assert_eq!(shelf.take(&check, &connection, now), None);
    }

    #[test]
    fn a_session_of_another_configuration_is_closed() {
        let shelf = Shelf::default();
        let (check, old) = names(&testing::connection("redis://cache"));
        let (_, new) = names(&Connection {
            user: Some("somebody-else".into()),
            ..testing::connection("redis://cache")
        });
        let session = Arc::new(());
        let now = Clock::system().monotonic();
        shelf.put(&check, &old, Arc::clone(&session), now);
        assert_eq!(shelf.take(&check, &new, now), None);
        assert_eq!(Arc::strong_count(&session), 1);
    }

    #[test]
    fn a_session_that_waited_too_long_is_closed_at_the_next_call_of_anybody() {
        let shelf = Shelf::default();
        let (check, connection) = names(&testing::connection("redis://cache"));
        let session = Arc::new(());
        let now = Clock::system().monotonic();
        shelf.put(&check, &connection, Arc::clone(&session), now);
        let late = now + WAIT_MAX + Duration::from_secs(1);
        assert_eq!(shelf.take(&"other".into(), &connection, late), None);
        assert_eq!(Arc::strong_count(&session), 1);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let shelf = Shelf::default();
        let now = Clock::system().monotonic();
        for number in 0..=WAITING_MAX {
            let (_, connection) = names(&testing::connection("redis://cache"));
            shelf.put(&number.to_string().into(), &connection, number, now);
        }
        let (_, connection) = names(&testing::connection("redis://cache"));
        let last = WAITING_MAX.to_string();
        assert_eq!(shelf.take(&last.as_str().into(), &connection, now), None);
        assert_eq!(shelf.take(&"0".into(), &connection, now), Some(0));
    }
}
