//! What one run may spend on the content of answers: time to compute, and memory beside the bodies it holds.
//!
//! Flows in: how many bytes of bodies there are, and pieces of work. Flows out: documents, and whether a piece was affordable. A run is
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

/// Of a byte of an answer, for one assertion about it: at worst a value is compared with as long a one.
pub(crate) const ASSERTING: Cost = Cost::nanoseconds(30);

thread_local! {
    static RUN: RefCell<Reader> = RefCell::new(Reader::new(OF_A_RUN));
}

/// Of a new run.
pub(crate) fn begin() {
    begin_with(OF_A_RUN);
}

pub(crate) fn begin_with(most: Duration) {
    RUN.replace(Reader::new(most));
}

/// From now on bodies of so many bytes are held at once.
pub(crate) fn hold(bodies: usize) {
    RUN.with_borrow(|run| run.hold(bodies));
}

/// A document.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unread> {
    RUN.with_borrow(|run| run.read(bytes))
}

/// A piece of work on so many bytes, if it can be afforded. It asks for nothing here itself.
pub(crate) fn perform<T>(bytes: usize, cost: Cost, piece: impl FnOnce() -> T) -> Option<T> {
    RUN.with_borrow(|run| run.work().perform(bytes, cost, piece))
}

/// Looks for a pattern as far as can be afforded.
pub(crate) fn search(pattern: &Pattern, text: &str) -> Searched {
    RUN.with_borrow(|run| run.work().search(pattern, text, true))
}
