//! From configured receivers to those that are delivered to, at start and after a reload.
//!
//! Flows in: a configuration, and the plugins of its receivers as they were loaded. Flows out: receivers handed to `deliver`, in place
//! of those before. One whose plugin cannot be loaded is there all the same, and every attempt says why: its notifications wait, and
//! fallback receivers hear.

use std::{path::Path, sync::Arc};

use super::{events::KeyNotKept, plugins::LoadedReceiver};
use crate::{
    clock::Instant,
    config::{Config, Receiver, ReceiverKind},
    deliver::{
        self, DeliverHandle,
        configured::{self, Basis, Carrier, Tools},
        forwarder::{Forwarder, ForwarderTools},
        key,
        outgoing::Outgoing,
        redact::Key,
        transport::{Sending, SharedTransport, Transport},
    },
    dispatch::Attempt,
    secret::Redactor,
    telemetry::Telemetry,
};

/// What receivers are made with.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) tools: Tools,
    pub(super) forwarders: ForwarderTools,
    pub(super) key: Key,
    pub(super) redactor: Redactor,
}

/// The key of hidden values. Blocks on the disk.
pub(super) fn key(state_dir: &Path, telemetry: &Telemetry) -> Key {
    key::keep(state_dir).unwrap_or_else(|(key, error)| {
        telemetry.emit(&KeyNotKept { error: &error });
        key
    })
}

impl Maker {
    /// Those of `config` and no others are delivered to from now on. `address` is where people reach this host unless the
    /// configuration says otherwise.
    pub(super) fn replace(&self, deliver: &DeliverHandle, config: &Config, plugins: &[LoadedReceiver], address: &str) {
        let receivers = config.dispatch.receivers.values();
        let all = receivers.map(|receiver| self.receiver(config, receiver, plugins, address));
        deliver.replace(all.collect(), &config.dispatch.fallback_receivers);
    }

    /// One of them.
    pub(super) fn receiver(
        &self,
        config: &Config,
        receiver: &Arc<Receiver>,
        plugins: &[LoadedReceiver],
        address: &str,
    ) -> deliver::Receiver {
        let (carrier, transport) = self.transport(receiver, plugins);
        let basis = Basis {
            receiver: Arc::clone(receiver),
            hidden: config.dispatch.redact_labels.clone(),
            external_url: config.alerting.external_url.as_deref().unwrap_or(address).into(),
            carrier,
        };
        configured::receiver(basis, transport, self.key.clone(), self.redactor.clone())
    }

    fn transport(&self, receiver: &Arc<Receiver>, plugins: &[LoadedReceiver]) -> (Carrier, SharedTransport) {
        match configured::built_in(receiver, &self.tools) {
            Ok(Some(transport)) => (Carrier::BuiltIn, transport),
            Ok(None) => self.plugin(receiver, plugins),
            Err(problem) => broken(problem),
        }
    }

    fn plugin(&self, receiver: &Arc<Receiver>, plugins: &[LoadedReceiver]) -> (Carrier, SharedTransport) {
        let loaded = plugins.iter().find(|loaded| loaded.receiver.name == receiver.name);
        let (Some(loaded), ReceiverKind::Plugin(own)) = (loaded, &receiver.kind) else {
            return broken("its plugin is not loaded yet".to_owned());
        };
        let plugin = match &loaded.plugin {
            Ok(plugin) => Arc::clone(plugin),
            Err(problems) => {
                let each: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return broken(each.join("\n"));
            }
        };
        let carrier = Carrier::Plugin(*plugin.sha256());
        let forwarder = Forwarder {
            receiver: Arc::clone(&receiver.name),
            location: receiver.location.as_str().into(),
            plugin,
            settings: Arc::clone(&own.settings),
            limits: own.limits.clone(),
            reach: Arc::clone(&loaded.reach),
            tools: self.forwarders.clone(),
        };
        (carrier, Arc::new(forwarder))
    }
}

fn broken(problem: String) -> (Carrier, SharedTransport) {
    (Carrier::Nothing(problem.clone()), Arc::new(Broken { problem }))
}

/// Of a receiver that cannot be used as it is configured.
#[derive(Debug)]
struct Broken {
    problem: String,
}

impl Transport for Broken {
    fn send<'s>(&'s self, _outgoing: &'s Outgoing, _deadline: Instant) -> Sending<'s> {
        let attempt = Attempt::Transient {
            message: format!("this receiver cannot be used: {}", self.problem),
            retry_after: None,
            is_ambiguous: false,
        };
        Box::pin(std::future::ready(attempt))
    }
}
