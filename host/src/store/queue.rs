//! Writes that wait for the next transaction: newest per key, in the order of the first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::mpsc,
};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

use super::{StoreError, WriteKey};

/// Keys that may wait. Ten thousand checks write two rows each; three times that leaves room for what comes later, and
/// bounds what a disk that stays full costs in memory.
pub(super) const QUEUE_MAX: usize = 65_536;

pub(super) type Write = Box<dyn FnMut(&Transaction<'_>) -> rusqlite::Result<()> + Send>;
/// What it returns is why the file is broken.
pub(super) type Read = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Option<rusqlite::Error> + Send>;

/// What the thread is asked besides writing.
pub(super) enum Request {
    Migrate {
        module: &'static str,
        steps: &'static [&'static str],
        answer: mpsc::SyncSender<Result<(), StoreError>>,
    },
    Read(Read),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// One waiting write.
pub(super) struct Queued {
    pub(super) key: WriteKey,
    pub(super) write: Write,
}

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    places: HashMap<WriteKey, u64>,
    writes: BTreeMap<u64, Queued>,
    next: u64,
}

impl Queue {
    /// Gives the key back when there is no room.
    pub(super) fn put(&mut self, key: WriteKey, write: Write) -> Result<(), WriteKey> {
        if let Some(queued) = self.places.get(&key).and_then(|place| self.writes.get_mut(place)) {
            queued.write = write;
            return Ok(());
        }
        if self.writes.len() >= QUEUE_MAX {
            return Err(key);
        }
        self.places.insert(key.clone(), self.next);
        self.writes.insert(self.next, Queued { key, write });
        self.next += 1;
        Ok(())
    }

    /// Everything, in order.
    pub(super) fn take(&mut self) -> Vec<Queued> {
        self.places.clear();
        std::mem::take(&mut self.writes).into_values().collect()
    }

    /// What could not be committed comes back, unless something newer waits by now.
    pub(super) fn put_back(&mut self, unwritten: Vec<Queued>) {
        let newer = self.take();
        for queued in unwritten.into_iter().chain(newer) {
            // Room there is: it was all queued before, but for what came in between, which gives way.
            let _ = self.put(queued.key, queued.write);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }
}
