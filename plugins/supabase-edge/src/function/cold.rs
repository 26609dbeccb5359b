//! Cold starts: two calls, one right after the other.
//!
//! Pure. Flows in: how long each took and who answered. Flows out: what to keep. The first is cold only when nobody called
//! shortly before, which nothing but the name of the worker can tell.

use std::time::Duration;

use super::memory::ColdStart;
use crate::{
    classes,
    expectation::reached,
    finding::{Finding, Kept, Outcome},
    settings::function::Cold,
};

/// Two calls of one function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) first: Duration,
    pub(crate) second: Duration,
    /// Whether a worker that had answered before answered the first; none when workers do not name themselves.
    pub(crate) was_running: Option<bool>,
}

/// What to keep of it; none when the worker was running, so that there was nothing cold to measure.
pub(crate) fn measured(settings: &Cold, pair: Pair, now: i64) -> Option<ColdStart> {
    if pair.was_running == Some(true) {
        return None;
    }
    Some(ColdStart {
        at: now,
        first_seconds: pair.first.as_secs_f64(),
        second_seconds: pair.second.as_secs_f64(),
        kept: Kept::new(&judge(settings, pair), Some(pair.first)),
    })
}

fn judge(settings: &Cold, pair: Pair) -> Outcome {
    let (first, second) = (pair.first.as_secs_f64(), pair.second.as_secs_f64());
    match reached(settings.latency_seconds, first) {
        None => Ok(format!("{first:.3} s cold, {second:.3} s warm")),
        Some((weight, limit)) => {
            let summary = format!("{first:.3} s, at or above {limit} s; {second:.3} s right after it");
            Err(Finding::new(&classes::COLD_START_SLOW, summary).weighing(weight))
        }
    }
}
