//! Who hears of an alert, when, and whether the receiver knows it already.
//!
//! Flows in: alerts of rules and of others, silences, routes, the time, and what became of attempts. Flows out: messages
//! ([`Message`]), which `deliver` pulls through an [`OutboxHandle`] once they are on disk. It renders nothing and opens no
//! connection.
//!
//! What is guaranteed for each receiver and group: messages are in order, one at a time; at least once the latest state, and the
//! end of everything that was told; never an end of what was not told. All that decides is pure, and says why.

pub mod chronicle;
mod convert;
pub mod core;
#[cfg(test)]
mod disk_tests;
mod events;
pub mod flush;
mod group;
mod handle;
mod inhibit;
mod message;
pub mod occurrence;
mod outbox;
mod owner;
pub mod posted;
mod record;
pub mod route;
pub mod rows;
mod select;
pub mod settings;
pub mod silence;
mod store;

#[cfg(test)]
pub(crate) use self::handle::{Bells, OutboxRequest, outbox as outbox_for_tests};
pub use self::{
    chronicle::{Hearing, OccurrenceRow, Telling},
    core::{AlertView, GroupView, Overview},
    handle::OutboxHandle,
    message::{Attempt, Message, MessageId, News, NewsReason},
    occurrence::{Fate, Occurrence, Told},
    owner::{Dispatch, DispatchHandle, DispatchOptions, Stopped},
    settings::Settings,
};
