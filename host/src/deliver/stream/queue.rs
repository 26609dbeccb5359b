//! What waits for one receiver: a queue with two ends and two bounds, items and bytes.
//!
//! Flows in: items, from whoever has them; nobody waits here. Flows out: batches, in order; what was not taken comes back to the front.
//! It knows nothing of receivers and of attempts but their number.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use super::Item;

/// Items that wait for one receiver: a minute of what a busy application reports while its receiver is restarted.
pub const QUEUE_MAX: usize = 1_000;

/// Bytes of them: what a thousand of the usual size have, and no more when each is as large as it may be.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Items of one attempt: services take a few hundred kilobytes at once.
pub const BATCH_MAX: usize = 50;

/// Bytes of one attempt, but for an item that is larger alone: a plugin makes copies, and has 64 MiB unless its configuration says more.
pub const BATCH_BYTES_MAX: usize = 4 << 20;

/// One item, and how often it was tried.
#[derive(Clone, Debug)]
pub(super) struct Waiting<T> {
    pub(super) item: T,
    pub(super) attempts: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    rings: Notify,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
            }),
            rings: Notify::new(),
        }
    }
}

impl<T: Item> State<T> {
    /// Whether one of `bytes` more is too much.
    fn is_full(&self, bytes: usize) -> bool {
        self.waiting.len() >= QUEUE_MAX || self.bytes + bytes > QUEUE_BYTES_MAX
    }

    fn pop(&mut self) -> Option<Waiting<T>> {
        let waiting = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(waiting.item.bytes());
        Some(waiting)
    }

    fn fills_a_batch(&self) -> bool {
        self.waiting.len() >= BATCH_MAX || self.bytes >= BATCH_BYTES_MAX
    }
}

impl<T: Item> Queue<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one. How many had to go for it: itself, or older ones, as its kind has it.
    pub(super) fn push(&self, item: T) -> usize {
        let mut state = self.state();
        let (was_empty, bytes) = (state.waiting.is_empty(), item.bytes());
        let mut dropped = 0;
        while state.is_full(bytes) {
            if !T::NEWEST_STAYS || state.pop().is_none() {
                return dropped + 1;
            }
            dropped += 1;
        }
        state.bytes += bytes;
        state.waiting.push_back(Waiting { item, attempts: 0 });
        if was_empty || state.fills_a_batch() {
            self.rings.notify_one();
        }
        dropped
    }

    /// Waits until there is something, and then a little for more, so that few attempts carry many items.
    pub(super) async fn gather(&self, linger: Duration) {
        while self.is_empty() {
            self.rings.notified().await;
        }
        let is_new = self.state().waiting.front().is_some_and(|first| first.attempts == 0);
        if is_new {
            // That it lasts too long is how it usually ends.
            let _ = timeout(linger, self.until_full()).await;
        }
    }

    async fn until_full(&self) {
        while !self.state().fills_a_batch() {
            self.rings.notified().await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state().waiting.is_empty()
    }

    /// The first `most`, or fewer when they are large.
    pub(super) fn take(&self, most: usize) -> Vec<Waiting<T>> {
        let mut state = self.state();
        let mut batch: Vec<Waiting<T>> = Vec::new();
        let mut bytes = 0;
        while batch.len() < most
            && let Some(next) = state.waiting.front()
        {
            bytes += next.item.bytes();
            if bytes > BATCH_BYTES_MAX && !batch.is_empty() {
                break;
            }
            batch.extend(state.pop());
        }
        batch
    }

    /// What was not taken is first again, in its order. There is always room for it.
    pub(super) fn put_back(&self, batch: Vec<Waiting<T>>) {
        let mut state = self.state();
        for waiting in batch.into_iter().rev() {
            state.bytes += waiting.item.bytes();
            state.waiting.push_front(waiting);
        }
    }

    /// Forgets everything. How many that was.
    pub(super) fn clear(&self) -> usize {
        let mut state = self.state();
        state.bytes = 0;
        std::mem::take(&mut state.waiting).len()
    }
}
