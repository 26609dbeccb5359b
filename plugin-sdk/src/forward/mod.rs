//! The traits a forwarder implements, and the way from the contract's exports to them.
//!
//! Flows in: settings and news as the host hands them over. Flows out: a receipt, or why there is none. When to try again, and
//! whether, is the host's to decide: a forwarder tries once.

mod export;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use export::{deliver, deliver_events, deliver_runs, description};
#[doc(hidden)]
pub use export::{describe_export, events_export, notification_export, runs_export, wire};

use crate::{
    DeliveryFailure, Description, Receipt, Refused,
    news::{Event, Notification, Run},
};

/// A plugin that carries notifications about alerts to somebody.
///
/// Delivery is at least once: after a crash or an answer that got lost, the same [`Notification::id`] comes again, with the same
/// content. Hand it on as the idempotency key where the other side knows one. A call starts from nothing: what must last, such as
/// the thread of a group, is in [`crate::state`], which is kept when the call returns, `Ok` or `Err`.
pub trait Forwarder {
    /// kebab-case; what `plugin = "…"` names in the configuration.
    const NAME: &'static str;

    /// One line for a person.
    const SUMMARY: &'static str;

    /// The table `settings` of a receiver; [`crate::NoSettings`] when there are none.
    type Settings: DeserializeOwned + JsonSchema;

    /// Adds the connections that deliveries use. Nothing of the host but [`crate::log`] can be called.
    fn describe(about: &mut Description) {
        let _ = about;
    }

    /// Hands one notification over. Called anew for every attempt.
    fn deliver(settings: Self::Settings, notification: Notification) -> Result<Receipt, DeliveryFailure>;
}

/// A forwarder that also carries runs of checks, for whoever watches the watcher.
pub trait ForwardRuns: Forwarder {
    /// Hands a batch over. What is refused is named by its id; what is not named was taken.
    fn deliver_runs(settings: Self::Settings, runs: Vec<Run>) -> Result<Refused, DeliveryFailure>;
}

/// A forwarder that also carries what applications reported to the host.
pub trait ForwardEvents: Forwarder {
    /// Hands a batch over. What is refused is named by its id; what is not named was taken.
    fn deliver_events(settings: Self::Settings, events: Vec<Event>) -> Result<Refused, DeliveryFailure>;
}
