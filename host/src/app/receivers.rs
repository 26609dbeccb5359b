//! From configured receivers to those that are delivered to, at start and after a reload; and the host's sign of life.
//!
//! Flows in: a configuration, and the plugins of its receivers as they were loaded. Flows out: receivers handed to `deliver`, in place
//! of those before. One whose plugin cannot be loaded is there all the same, and every attempt says why: its notifications wait, and
//! fallback receivers hear.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    events::{KeyNotKept, ReceiverNotLoaded},
    plugins::LoadedReceiver,
};
use crate::{
    capability::http::HttpHost,
    clock::Instant,
    config::{Config, Connection, Receiver, ReceiverKind},
    deliver::{
        self, DeliverHandle,
        configured::{self, Basis, Carrier, Tools, Ways},
        forwarder::{Forwarder, ForwarderTools},
        heartbeat::Heartbeat,
        key,
        outgoing::Outgoing,
        redact::Key,
        stream::Carry,
        transport::{Sending, SharedTransport, Transport},
    },
    dispatch::{Attempt, Refreshes},
    rule::RuleStatus,
    sandbox::{ForwardedEvent, ForwardedRun, NewsKind},
    secret::Redactor,
    store::Store,
    supervisor::{CancellationToken, Supervisor},
    telemetry::Telemetry,
};

/// Everything that leaves the host: receivers, and the sign of life.
#[derive(Debug)]
pub(super) struct Outward {
    pub(super) deliver: DeliverHandle,
    pub(super) maker: Maker,
    /// Of the host's own requests.
    pub(super) http: HttpHost,
    pub(super) rules: watch::Receiver<Arc<RuleStatus>>,
    pub(super) store: Store,
    pub(super) supervisor: Supervisor,
    /// Where people reach this host unless the configuration says otherwise.
    pub(super) address: String,
    pub(super) beating: Option<Beating>,
}

/// A sign of life that is sent now.
#[derive(Debug)]
pub(super) struct Beating {
    connection: Arc<Connection>,
    stop: CancellationToken,
}

impl Outward {
    /// Receivers that need no plugin, until the others are loaded: messages for those wait.
    pub(super) fn begin(&mut self, config: &Config) {
        let mut first = config.clone();
        let receivers = &mut first.dispatch.receivers;
        receivers.retain(|_, receiver| !matches!(receiver.kind, ReceiverKind::Plugin(_)));
        self.make(&first, &[]);
    }

    /// What comes for receivers from now on waits, before they are known.
    pub(super) fn expecting(&self, config: &Config) -> DeliverHandle {
        self.deliver.expect(config.dispatch.receivers.values());
        self.deliver.clone()
    }

    /// What `config` says and nothing else, from now on.
    pub(super) fn replace(&mut self, config: &Config, plugins: &[LoadedReceiver]) {
        self.deliver.expect(config.dispatch.receivers.values());
        self.make(config, plugins);
    }

    fn make(&mut self, config: &Config, plugins: &[LoadedReceiver]) {
        for loaded in plugins {
            if let Some(problem) = problem(loaded) {
                let problem = self.maker.redactor.redact(&problem).into_owned();
                self.maker.tools.telemetry.emit(&ReceiverNotLoaded {
                    receiver: &loaded.receiver.name,
                    problem: &problem,
                });
            }
        }
        let receivers = config.dispatch.receivers.values();
        let all = receivers.map(|receiver| self.maker.receiver(config, receiver, plugins, &self.address));
        self.deliver.replace(all.collect(), &config.dispatch.fallback_receivers);
        self.beat(config.dispatch.heartbeat.as_ref());
    }

    /// A sign of life to this address, and to no other.
    fn beat(&mut self, connection: Option<&Arc<Connection>>) {
        if self.beating.as_ref().map(|beating| &beating.connection) == connection {
            return;
        }
        if let Some(before) = self.beating.take() {
            before.stop.cancel();
        }
        let Some(connection) = connection else { return };
        let stop = self.supervisor.stopping().child_token();
        let heartbeat = Heartbeat {
            connection: Connection::clone(connection),
            http: self.http.clone(),
            status: self.rules.clone(),
            store: Some(self.store.clone()),
            clock: self.maker.forwarders.clock.clone(),
            telemetry: self.maker.tools.telemetry.clone(),
        };
        drop(self.supervisor.spawn("heartbeat", heartbeat.run(stop.clone())));
        self.beating = Some(Beating {
            connection: Arc::clone(connection),
            stop,
        });
    }
}

/// Receivers that this configuration breaks: those that `before` had and that worked, and those it did not have.
pub(super) fn broken_anew(plugins: &[LoadedReceiver], failed: &[Arc<str>], before: &Config) -> Vec<String> {
    let was_broken = |receiver: &Arc<Receiver>| {
        failed.contains(&receiver.name) && before.dispatch.receivers.get(&receiver.name) == Some(receiver)
    };
    let anew = plugins.iter().filter(|loaded| !was_broken(&loaded.receiver));
    anew.filter_map(problem).collect()
}

/// Names of receivers that cannot be used.
pub(super) fn failed(plugins: &[LoadedReceiver]) -> Vec<Arc<str>> {
    let failed = plugins.iter().filter(|loaded| loaded.plugin.is_err());
    failed.map(|loaded| Arc::clone(&loaded.receiver.name)).collect()
}

/// What their plugins say of how soon they forget.
pub(super) fn refreshes(plugins: &[LoadedReceiver]) -> Refreshes {
    let refresh = |loaded: &LoadedReceiver| -> Option<(Arc<str>, Duration)> {
        let refresh = loaded.plugin.as_ref().ok()?.description().refresh?;
        Some((Arc::clone(&loaded.receiver.name), refresh))
    };
    plugins.iter().filter_map(refresh).collect()
}

/// All problems of a receiver in one text; None: it can be used.
fn problem(loaded: &LoadedReceiver) -> Option<String> {
    let problems = loaded.plugin.as_ref().err()?;
    Some(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

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
    /// One receiver. `address` is where people reach this host unless the configuration says otherwise.
    pub(super) fn receiver(
        &self,
        config: &Config,
        receiver: &Arc<Receiver>,
        plugins: &[LoadedReceiver],
        address: &str,
    ) -> deliver::Receiver {
        let (carrier, ways) = self.ways(receiver, plugins);
        let basis = Basis {
            receiver: Arc::clone(receiver),
            hidden: config.dispatch.redact_labels.clone(),
            external_url: config.alerting.external_url.as_deref().unwrap_or(address).into(),
            carrier,
        };
        configured::receiver(basis, ways, self.key.clone(), self.redactor.clone())
    }

    fn ways(&self, receiver: &Arc<Receiver>, plugins: &[LoadedReceiver]) -> (Carrier, Ways) {
        match configured::built_in(receiver, &self.tools) {
            Ok(Some(transport)) => (Carrier::BuiltIn, transport.into()),
            Ok(None) => self.plugin(receiver, plugins),
            Err(problem) => broken(problem),
        }
    }

    fn plugin(&self, receiver: &Arc<Receiver>, plugins: &[LoadedReceiver]) -> (Carrier, Ways) {
        let loaded = plugins.iter().find(|loaded| loaded.receiver.name == receiver.name);
        let (Some(loaded), ReceiverKind::Plugin(own)) = (loaded, &receiver.kind) else {
            return broken("its plugin is not loaded yet".to_owned());
        };
        let plugin = match &loaded.plugin {
            Ok(plugin) => Arc::clone(plugin),
            Err(_) => return broken(problem(loaded).unwrap_or_default()),
        };
        let carrier = Carrier::Plugin(*plugin.sha256());
        let hears_runs = !receiver.runs.is_empty() && plugin.carries(NewsKind::Runs);
        let hears_events = plugin.carries(NewsKind::Events);
        let forwarder = Arc::new(Forwarder {
            receiver: Arc::clone(&receiver.name),
            location: receiver.location.as_str().into(),
            plugin,
            settings: Arc::clone(&own.settings),
            limits: own.limits.clone(),
            reach: Arc::clone(&loaded.reach),
            tools: self.forwarders.clone(),
        });
        let ways = Ways {
            transport: Arc::clone(&forwarder) as SharedTransport,
            runs: hears_runs.then(|| Arc::clone(&forwarder) as Arc<dyn Carry<ForwardedRun>>),
            events: hears_events.then_some(forwarder as Arc<dyn Carry<ForwardedEvent>>),
        };
        (carrier, ways)
    }
}

fn broken(problem: String) -> (Carrier, Ways) {
    let transport: SharedTransport = Arc::new(Broken {
        problem: problem.clone(),
    });
    (Carrier::Nothing(problem), transport.into())
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
