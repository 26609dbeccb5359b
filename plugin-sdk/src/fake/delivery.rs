//! Forwarders on the fake host.

use serde_json::Value;

use super::{Fake, LogLine, lint};
use crate::{
    DeliveryFailure, Description, ForwardEvents, ForwardRuns, Forwarder, Receipt, Refused,
    check::Package,
    forward,
    news::{Event, Notification, Run},
};

/// What became of one delivery on the fake host, and what was logged meanwhile.
#[derive(Clone, Debug)]
pub struct Delivery<T> {
    /// As the host would get it.
    pub result: Result<T, DeliveryFailure>,
    /// In order.
    pub logs: Vec<LogLine>,
}

impl<T: std::fmt::Debug> Delivery<T> {
    /// What it yielded; panics when it failed, which is what one wants in a test.
    pub fn taken(&self) -> &T {
        self.result
            .as_ref()
            .unwrap_or_else(|failure| panic!("the delivery failed: {failure:?}"))
    }

    /// Why it failed; panics when it did not.
    pub fn failure(&self) -> &DeliveryFailure {
        match &self.result {
            Err(failure) => failure,
            Ok(taken) => panic!("the delivery did not fail: {taken:?}"),
        }
    }
}

/// The description of a forwarder, after the checks that the host and the plugin index make. Panics with all that is wrong.
pub fn describe_forwarder<F: Forwarder>() -> Description {
    let description = forward::description::<F>(Package::default());
    lint::fail_with(&lint::description(&description.0));
    description
}

/// Panics when a key of the settings or a slot for a connection is not named in the README, in backticks.
pub fn assert_forwarder_readme<F: Forwarder>(readme: &str) {
    lint::fail_with(&lint::forwarder_readme(&describe_forwarder::<F>().0, readme));
}

/// Delivers once with the settings of each receiver of a configuration, such as that of a `sample.toml` once it is read. Panics when
/// it has no receivers, or one fails.
pub fn assert_receivers<T>(file: &Value, mut deliver: impl FnMut(Value) -> Delivery<T>) {
    let receivers = file.get("receiver").and_then(Value::as_object);
    let receivers = receivers.expect("the file has a table `receiver`");
    for (name, receiver) in receivers {
        let settings = receiver
            .get("settings")
            .cloned()
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        if let Err(failure) = deliver(settings).result {
            panic!("[receiver.{name}] does not deliver: {failure}");
        }
    }
}

impl Fake {
    /// One delivery of a notification, with settings as the configuration would have them. Panics when the plugin's description is
    /// not good, or it calls what was not granted.
    pub fn deliver<F: Forwarder>(
        &mut self,
        settings: impl Into<Value>,
        notification: Notification,
    ) -> Delivery<Receipt> {
        self.delivery::<F, _>(&settings.into(), |settings| {
            forward::deliver::<F>(settings, notification)
        })
    }

    /// One delivery of runs.
    pub fn deliver_runs<F: ForwardRuns>(&mut self, settings: impl Into<Value>, runs: Vec<Run>) -> Delivery<Refused> {
        self.delivery::<F, _>(&settings.into(), |settings| forward::deliver_runs::<F>(settings, runs))
    }

    /// One delivery of events.
    pub fn deliver_events<F: ForwardEvents>(
        &mut self,
        settings: impl Into<Value>,
        events: Vec<Event>,
    ) -> Delivery<Refused> {
        self.delivery::<F, _>(&settings.into(), |settings| {
            forward::deliver_events::<F>(settings, events)
        })
    }

    fn delivery<F: Forwarder, T>(
        &mut self,
        settings: &Value,
        deliver: impl FnOnce(&str) -> Result<T, DeliveryFailure>,
    ) -> Delivery<T> {
        let _ = describe_forwarder::<F>();
        let settings = settings.to_string();
        let (result, logs) = self.world.during(|| deliver(&settings));
        Delivery { result, logs }
    }
}
