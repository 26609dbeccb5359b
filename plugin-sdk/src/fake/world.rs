//! What the fake host knows, and how a run on this thread finds it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt, mem,
    time::{Duration, SystemTime},
};

use super::run::LogLine;
use crate::capability::{context, http, postgres, redis, system};

/// 2026-01-01 00:00 UTC.
const DEFAULT_TIME_UNIX: u64 = 1_767_225_600;

/// As the real host's default.
const DEFAULT_STATE_QUOTA: usize = 64 * 1024;

type Answer<Request, Reply> = Box<dyn FnMut(&Request) -> Reply>;
type RedisAnswer = Box<dyn FnMut(&str, &[String]) -> Result<Vec<redis::Node>, redis::Error>>;
type PostgresAnswer = Box<dyn FnMut(&str, &str, &[Option<String>]) -> Result<postgres::Rows, postgres::Error>>;

/// Everything a run can ask for and leave behind.
pub(crate) struct World {
    pub(super) name: String,
    pub(super) scheduled_at: SystemTime,
    pub(super) interval: Option<Duration>,
    pub(super) attempt: u32,
    pub(super) previous: Option<context::Previous>,
    pub(super) remaining: Duration,
    pub(super) connections: Vec<context::Connection>,
    pub(super) facts: BTreeMap<String, String>,
    pub(super) state: BTreeMap<String, Vec<u8>>,
    /// `None`: what the plugin describes.
    pub(super) state_quota: Option<usize>,
    pub(super) described_quota: usize,
    pub(super) system: Option<Result<system::Snapshot, String>>,
    pub(super) http: Option<Answer<http::Request, Result<http::Response, Box<http::Failure>>>>,
    pub(super) redis: Option<RedisAnswer>,
    pub(super) postgres: Option<PostgresAnswer>,
    pub(super) logs: Vec<LogLine>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            name: "test".to_owned(),
            scheduled_at: SystemTime::UNIX_EPOCH + Duration::from_secs(DEFAULT_TIME_UNIX),
            interval: None,
            attempt: 1,
            previous: None,
            remaining: Duration::from_secs(10),
            connections: Vec::new(),
            facts: BTreeMap::new(),
            state: BTreeMap::new(),
            state_quota: None,
            described_quota: DEFAULT_STATE_QUOTA,
            system: None,
            http: None,
            redis: None,
            postgres: None,
            logs: Vec::new(),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// The world of the run on this thread. Tests run on threads of their own, so they do not meet.
    static CURRENT: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Takes the world back out, also when the run panics, so that a later test on this thread starts clean.
struct Entered<'w>(&'w mut World);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(world) = CURRENT.take() {
            *self.0 = world;
        }
    }
}

impl World {
    /// As the host: no plugin gets less than what it gets without a word.
    pub(super) fn quota(&self) -> usize {
        self.state_quota
            .unwrap_or_else(|| self.described_quota.max(DEFAULT_STATE_QUOTA))
    }

    /// Makes this the world of the thread while `run` lasts; returns what it logged, too.
    pub(super) fn during<T>(&mut self, run: impl FnOnce() -> T) -> (T, Vec<LogLine>) {
        let nested = CURRENT.replace(Some(mem::take(self)));
        assert!(nested.is_none(), "a run is under way on this thread already");
        let entered = Entered(self);
        let result = run();
        drop(entered);
        (result, mem::take(&mut self.logs))
    }
}

/// Looks at the world of the run on this thread.
pub(super) fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    CURRENT.with_borrow_mut(|world| {
        look(
            world
                .as_mut()
                .expect("outside WebAssembly there is a host only during `Fake::run`"),
        )
    })
}
