//! What could not be read at the start, asked for until it can be.
//!
//! Whoever keeps something reads it before it writes anything: what is written over what was never read is lost. Flows in: a read.
//! Flows out: what it yields, once the database can be opened. Nobody waits for it.

use std::{
    fmt,
    sync::mpsc::{self, TryRecvError},
    time::Duration,
};

use rusqlite::Connection;

use super::{Store, StoreError, queue::Request};
use crate::clock::{Clock, Instant};

/// How often it is tried: as often as the store tries to open a database that fails.
const ASK_EVERY: Duration = Duration::from_secs(5);

type Answer<T> = Result<T, StoreError>;

/// See the head of this file.
pub struct Late<T> {
    store: Store,
    read: fn(&Connection) -> rusqlite::Result<T>,
    asked: Option<mpsc::Receiver<Answer<T>>>,
    next: Instant,
    clock: Clock,
}

impl<T> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Late<T> {
    /// To be tried from now on.
    pub fn new(store: Store, read: fn(&Connection) -> rusqlite::Result<T>, clock: Clock) -> Self {
        Self {
            store,
            read,
            asked: None,
            next: clock.monotonic(),
            clock,
        }
    }

    /// What was read, or why it cannot be read yet; None: nothing is new. To be called about once a second, until it was read.
    pub fn poll(&mut self) -> Option<Answer<T>> {
        let Some(asked) = &self.asked else {
            self.ask();
            return None;
        };
        let answer = match asked.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(StoreError::Silent),
            Ok(answer) => answer,
        };
        self.asked = None;
        self.next = self.clock.monotonic() + ASK_EVERY;
        Some(answer)
    }

    fn ask(&mut self) {
        if self.clock.monotonic() < self.next {
            return;
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let request = Request::Read(super::reading(self.read, answer));
        // A thread with that much to do is asked again.
        if self.store.shared.requests.try_send(request).is_ok() {
            self.asked = Some(answered);
        }
    }
}
