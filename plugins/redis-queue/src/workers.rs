//! Which workers are alive.
//!
//! Flows in: registered workers with their last heartbeats. Flows out: how many are alive for a queue, and which fell silent.

use crate::{
    picture::{Picture, Worker},
    target::Target,
};

/// A worker that fell silent longer ago than this is nobody's any more: some libraries never remove the names of the dead. A day.
const FORGOTTEN_SECONDS: f64 = 86_400.0;

/// The workers of a run.
#[derive(Debug)]
pub(crate) struct Workers<'p> {
    all: Vec<&'p Worker>,
    now: f64,
    silence: f64,
}

impl<'p> Workers<'p> {
    /// None: nobody knows.
    pub(crate) fn of(target: &Target, picture: &'p Picture) -> Option<Self> {
        let all = picture.workers.as_ref()?;
        let now = target.now;
        let known = |worker: &&Worker| worker.heard.is_none_or(|heard| now - heard < FORGOTTEN_SECONDS);
        Some(Self {
            all: all.iter().filter(known).collect(),
            now,
            silence: target.settings.silence_seconds(),
        })
    }

    fn is_alive(&self, worker: &Worker) -> bool {
        worker.heard.is_some_and(|heard| self.now - heard <= self.silence)
    }

    /// How many are alive that take jobs of a queue.
    pub(crate) fn alive(&self, queue: &str) -> usize {
        let serving = self.all.iter().filter(|worker| worker.serves(queue));
        serving.filter(|worker| self.is_alive(worker)).count()
    }

    /// Registered, and not heard for too long.
    pub(crate) fn silent(&self) -> Vec<&'p Worker> {
        let silent = self.all.iter().filter(|worker| !self.is_alive(worker));
        silent.copied().collect()
    }

    /// Seconds since the worker that was heard longest ago was heard; none without workers that were ever heard.
    pub(crate) fn longest_silence(&self) -> Option<f64> {
        let heard = self.all.iter().filter_map(|worker| worker.heard);
        heard.map(|heard| (self.now - heard).max(0.0)).reduce(f64::max)
    }
}
