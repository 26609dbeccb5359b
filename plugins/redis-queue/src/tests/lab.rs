//! The plugin on a fake host, in front of a tiny Redis that a test fills.

use std::{cell::RefCell, rc::Rc, time::Duration};

use bellwether_sdk::{
    Status,
    fake::{Fake, Run},
    redis,
};
use serde_json::Value;

use super::tiny::Tiny;
use crate::RedisQueue;

/// 2026-01-01 00:00 UTC: the time of the first run, in Unix seconds.
pub(crate) const NOW: u64 = 1_767_225_600;

/// The same in milliseconds.
pub(crate) const NOW_MS: u64 = NOW * 1000;

/// The same as scores have it.
pub(crate) const NOW_SCORE: f64 = NOW as f64;

/// A host and a Redis.
pub(crate) struct Lab {
    pub(crate) fake: Fake,
    redis: Rc<RefCell<Tiny>>,
}

impl Lab {
    pub(crate) fn new(fill: impl FnOnce(&mut Tiny)) -> Self {
        let redis = Rc::new(RefCell::new(Tiny::default()));
        fill(&mut redis.borrow_mut());
        let server = Rc::clone(&redis);
        let fake = Fake::new()
            .with_connection("default", "redis", "redis://cache:6379/0")
            .with_redis(move |_, words| Ok(server.borrow_mut().answer(words)));
        Self { fake, redis }
    }

    /// Changes what Redis holds.
    pub(crate) fn with<T>(&mut self, change: impl FnOnce(&mut Tiny) -> T) -> T {
        change(&mut self.redis.borrow_mut())
    }

    pub(crate) fn run(&mut self, settings: Value) -> Run {
        self.fake.run::<RedisQueue>(settings)
    }

    /// The next run, some seconds later.
    pub(crate) fn later(&mut self, seconds: u64, settings: Value) -> Run {
        self.fake.advance(Duration::from_secs(seconds));
        self.run(settings)
    }
}

/// A Redis that answers nothing at all.
pub(crate) fn silent(error: redis::Error) -> Fake {
    Fake::new().with_redis(move |_, _| Err(error.clone()))
}

/// The number of jobs of a queue in a state.
pub(crate) fn depth(run: &Run, queue: &str, state: &str) -> Option<f64> {
    run.value("queue_depth", &[queue, state])
}

/// A metric of a queue.
pub(crate) fn of(run: &Run, metric: &str, queue: &str) -> Option<f64> {
    run.value(metric, &[queue])
}

/// The code of a verdict that is not ok; "" when it is, or when there is none.
pub(crate) fn code(run: &Run, target: &str) -> String {
    let verdicts = run.report().verdicts();
    let verdict = verdicts.iter().find(|verdict| verdict.target == target);
    verdict.map(|verdict| verdict.code.clone()).unwrap_or_default()
}

/// That nothing but ok was said.
pub(crate) fn assert_well(run: &Run) {
    let unwell: Vec<_> = run
        .report()
        .verdicts()
        .iter()
        .filter(|verdict| verdict.status != Status::Ok)
        .collect();
    assert!(unwell.is_empty(), "{unwell:#?}");
}
