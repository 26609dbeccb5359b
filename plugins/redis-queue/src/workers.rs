//! Which workers are alive.
//!
//! Flows in: registered workers with their last heartbeats. Flows out: how many are alive for a queue, and which fell silent.

use crate::{
    picture::{Heard, Picture, Worker},
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
        let known = |worker: &&Worker| !matches!(worker.heard, Heard::At(at) if now - at >= FORGOTTEN_SECONDS);
        Some(Self {
            all: all.iter().filter(known).collect(),
            now,
            silence: target.settings.silence_seconds(),
        })
    }

    fn is_alive(&self, worker: &Worker) -> bool {
        match worker.heard {
            Heard::At(at) => self.now - at <= self.silence,
            Heard::Expired => false,
            Heard::There => true,
        }
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

    /// Seconds since the worker that was heard longest ago was heard; none without workers that are ever heard.
    pub(crate) fn longest_silence(&self) -> Option<f64> {
        let silences = self.all.iter().filter_map(|worker| match worker.heard {
            Heard::At(at) => Some((self.now - at).max(0.0)),
            Heard::Expired | Heard::There => None,
        });
        silences.reduce(f64::max)
    }
}
