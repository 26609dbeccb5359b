//! The first message of each group that goes on, in the host's state.
//!
//! One value for all of them, since a state cannot be listed: what nobody asks for any more must be found to be forgotten.

use std::collections::BTreeMap;

use bellwether_sdk::{log, state, text};
use serde::{Deserialize, Serialize};

/// Where it is kept.
const KEY: &str = "threads";

/// Groups that are remembered, some 100 bytes each of the 64 KiB that a receiver has. The one that was silent longest is forgotten.
const THREADS_MAX: usize = 400;

/// A message that others may follow on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Thread {
    /// Slack's name of the message.
    pub(crate) ts: String,
    /// The channel by its id: only that can be updated in.
    pub(crate) channel: String,
    /// When it was last written to, in seconds since 1970.
    pub(crate) at: i64,
}

/// All of them, by digests of the groups' keys, which may be of any length.
#[derive(Debug, Default)]
pub(crate) struct Threads(BTreeMap<String, Thread>);

impl Threads {
    /// What cannot be read is forgotten: a message in the channel is better than none.
    pub(crate) fn load() -> Self {
        match state::get_json(KEY) {
            Ok(threads) => Self(threads.unwrap_or_default()),
            Err(error) => {
                log::warn("the threads of groups are forgotten", &[("why", &error)]);
                Self::default()
            }
        }
    }

    pub(crate) fn get(&self, group_key: &str) -> Option<&Thread> {
        self.0.get(&text::digest(group_key))
    }

    pub(crate) fn keep(&mut self, group_key: &str, thread: Thread) {
        self.0.insert(text::digest(group_key), thread);
        while self.0.len() > THREADS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, thread)| thread.at);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.0.remove(&oldest);
        }
        self.save();
    }

    pub(crate) fn forget(&mut self, group_key: &str) {
        if self.0.remove(&text::digest(group_key)).is_some() {
            self.save();
        }
    }

    /// The message is out already: that it is not remembered is no reason to send it again.
    fn save(&self) {
        if let Err(error) = state::set_json(KEY, &self.0) {
            log::warn("a thread could not be remembered", &[("why", &error)]);
        }
    }
}
