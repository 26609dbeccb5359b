//! From the contract's exports to the traits, and back.

use super::{ForwardEvents, ForwardRuns, Forwarder};
use crate::{
    DeliveryFailure, Description,
    bindings::identity,
    check::Package,
    news::{Event, Notification, Run},
    settings,
};

/// The contract's own types, which the macros name.
pub mod wire {
    pub use crate::bindings::bellwether::plugin::news::{DeliveryFailure, Event, Notification, Receipt, Refused, Run};
}

/// The description of a forwarder, as the host gets it.
pub(crate) fn description<F: Forwarder>(package: Package) -> Description {
    let schema = settings::schema::<F::Settings>().as_value().to_string();
    let mut description = Description::new(F::NAME, F::SUMMARY, schema, package);
    F::describe(&mut description);
    description
}

/// The export `identity.describe`.
pub fn describe_export<F: Forwarder>(package: Package) -> identity::Description {
    description::<F>(package).0
}

/// Settings that do not fit will not fit the next time either.
fn parse<F: Forwarder>(settings: &str) -> Result<F::Settings, DeliveryFailure> {
    settings::parse(settings).map_err(|failure| DeliveryFailure::permanent(failure.message()))
}

/// The export `notifications.deliver`.
pub fn notification_export<F: Forwarder>(
    settings: &str,
    notification: wire::Notification,
) -> Result<wire::Receipt, wire::DeliveryFailure> {
    deliver::<F>(settings, notification.into())
        .map(|receipt| receipt.0)
        .map_err(Into::into)
}

/// As [`notification_export`], in types for people.
pub(crate) fn deliver<F: Forwarder>(
    settings: &str,
    notification: Notification,
) -> Result<crate::Receipt, DeliveryFailure> {
    F::deliver(parse::<F>(settings)?, notification)
}

/// The export `runs.deliver`.
pub fn runs_export<F: ForwardRuns>(
    settings: &str,
    runs: Vec<wire::Run>,
) -> Result<wire::Refused, wire::DeliveryFailure> {
    let runs = runs.into_iter().map(Run::from).collect();
    deliver_runs::<F>(settings, runs)
        .map(crate::Refused::into_wire)
        .map_err(Into::into)
}

/// As [`runs_export`], in types for people.
pub(crate) fn deliver_runs<F: ForwardRuns>(settings: &str, runs: Vec<Run>) -> Result<crate::Refused, DeliveryFailure> {
    F::deliver_runs(parse::<F>(settings)?, runs)
}

/// The export `events.deliver`.
pub fn events_export<F: ForwardEvents>(
    settings: &str,
    events: Vec<wire::Event>,
) -> Result<wire::Refused, wire::DeliveryFailure> {
    let events = events.into_iter().map(Event::from).collect();
    deliver_events::<F>(settings, events)
        .map(crate::Refused::into_wire)
        .map_err(Into::into)
}

/// As [`events_export`], in types for people.
pub(crate) fn deliver_events<F: ForwardEvents>(
    settings: &str,
    events: Vec<Event>,
) -> Result<crate::Refused, DeliveryFailure> {
    F::deliver_events(parse::<F>(settings)?, events)
}
