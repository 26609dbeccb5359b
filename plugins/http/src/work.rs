//! What judging an answer takes: how much of a run's time for it, and whose turn is first. Pure.

use std::time::Duration;

use bellwether_sdk::{
    json::READING as READING_JSON,
    pattern::Pattern,
    work::{Cost, Work},
};

use crate::{request, settings::ExpectSettings, target::Target};

/// Of one run, for looking at what was answered. A run has a second of CPU time unless configured; taking in the 32 MiB of bodies that
/// it may have takes a sixth of that, settings and report of 1,000 targets another.
const OF_A_RUN: Duration = Duration::from_millis(600);

/// Of a byte, for each text that is looked for. Measured: 4 ns.
const TEXT: Cost = Cost::nanoseconds(6);

/// Of a byte that is read as UTF-8 before. Measured: 2 ns.
const READING: Cost = Cost::nanoseconds(3);

/// For all targets of a run.
pub(crate) fn of_a_run() -> Work {
    Work::new(OF_A_RUN)
}

/// Of a byte of the body, for its texts.
pub(crate) fn of_texts(expect: &ExpectSettings) -> Cost {
    let lists = [&expect.body_contains, &expect.body_lacks];
    TEXT.times(lists.into_iter().flatten().map(Vec::len).sum()) + READING
}

/// What looking at all of a body of so many bytes takes at worst. Those that take least come first, so that a costly one takes
/// nothing from the others.
pub(crate) fn wanted(target: &Target, bytes: usize) -> Duration {
    if !request::wants_body(target) {
        return Duration::ZERO;
    }
    let expect = &target.expect;
    let patterns = [&expect.body_matches, &expect.body_lacks_match];
    let patterns: Cost = patterns.into_iter().flatten().flatten().map(Pattern::cost).sum();
    let json = if expect.json.is_some() {
        READING_JSON
    } else {
        Cost::default()
    };
    (of_texts(expect) + patterns + json).of(bytes)
}
