//! The samples of the last hours, for rules, queries and plots.
//!
//! Owns every series that was recorded, compressed, within a bound of memory. Flows in: a [`Snapshot`](crate::board::Snapshot) at
//! each tick ([`History::append_tick`]), and what rules record at their own times ([`History::append`]); which series rules read
//! ([`History::select`]). Flows out: an immutable [`View`], which an expression is evaluated over; what a tick did ([`Ticked`]), for
//! telemetry; a [`Checkpoint`], from which another process goes on. It is a plain value: it has no task and reads no clock,
//! and a moment is milliseconds since the epoch, as in PromQL. It evaluates nothing.
//!
//! The way: `block`, `times` and `strip` compress; `grid` holds what ticks record and `loose` what rules do; `index` finds
//! series; `keeper` is the one writer, `feed` hands it what a snapshot says; `pressure` decides what goes when memory is
//! short.

mod bits;
mod block;
mod checkpoint;
mod events;
mod feed;
mod format;
mod grid;
mod index;
mod keeper;
mod loose;
mod pressure;
mod relief;
mod selection;
mod settings;
mod strip;
mod ticks;
mod times;
mod view;

pub use checkpoint::{CHECKPOINT, Checkpoint, CheckpointError, Restored, restore};
pub use events::Reporter;
pub use keeper::{History, Ticked};
pub use loose::Appended;
pub use settings::Settings;
pub use ticks::{Admission, admit};
pub use view::View;
#[cfg(test)]
mod tests;
