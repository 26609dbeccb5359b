//! What one run may spend on the content of answers: time to compute, and memory beside the bodies it holds.
//!
//! Flows in: how many bytes of bodies there are, and pieces of work. Flows out: documents and whether a piece was affordable. A run is
//! one instance of the plugin with one thread, so that the budget is the thread's; [`begin`] makes it that of a new run.

use std::{cell::RefCell, time::Duration};

use bellwether_sdk::{
    json::{Reader, Unread},
    pattern::Pattern,
    work::{Cost, Searched},
};
use serde::de::DeserializeOwned;

/// Of a run's second of CPU time, unless configured. The rest is for taking in up to 32 MiB of bodies, settings and the report.
const OF_A_RUN: Duration = Duration::from_millis(500);

/// Of a byte of an answer, for one assertion about it. An estimate, not a measurement: telling the elements of a list apart takes the
/// longest, most of all where they are empty texts, and it is better to admit too few than to lose the run.
pub(crate) const ASSERTING: Cost = Cost::nanoseconds(120);

/// Of a byte of an answer, for going through it: runs, states of versions, features.
pub(crate) const LOOKING: Cost = Cost::nanoseconds(200);

/// Of a byte of an exposition, for one metric: labels of each line are read where the name fits.
pub(crate) const PICKING: Cost = Cost::nanoseconds(100);

thread_local! {
    static RUN: RefCell<Reader> = RefCell::new(Reader::new(OF_A_RUN));
}

/// Of a new run, whose answers have bodies of so many bytes.
pub(crate) fn begin(bodies: usize) {
    begin_with(bodies, OF_A_RUN);
}

pub(crate) fn begin_with(bodies: usize, most: Duration) {
    let reader = Reader::new(most);
    reader.hold(bodies);
    RUN.replace(reader);
}

/// Bodies of so many bytes are held no longer.
pub(crate) fn release(bodies: usize) {
    RUN.with_borrow(|run| run.release(bodies));
}

/// A document.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unread> {
    RUN.with_borrow(|run| run.read(bytes))
}

/// A piece of work on so many bytes, if it can be afforded.
pub(crate) fn perform<T>(bytes: usize, cost: Cost, piece: impl FnOnce() -> T) -> Option<T> {
    let affords = RUN.with_borrow(|run| run.work().affords(bytes, cost));
    // A copy of the budget, since a piece of work may look for patterns, which is counted as well.
    let began = RUN.with_borrow(Clone::clone);
    affords.then(|| {
        let done = began.work().measured(cost.of(bytes), piece);
        RUN.with_borrow_mut(|run| {
            if began.work().left() < run.work().left() {
                *run = began;
            }
        });
        done
    })
}

/// Whether a piece of work on so many bytes can be afforded.
pub(crate) fn affords(bytes: usize, cost: Cost) -> bool {
    RUN.with_borrow(|run| run.work().affords(bytes, cost))
}

/// Looks for a pattern as far as can be afforded.
pub(crate) fn search(pattern: &Pattern, text: &str) -> Searched {
    RUN.with_borrow(|run| run.work().search(pattern, text, true))
}
