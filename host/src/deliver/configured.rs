//! Receivers as the configuration has them.
//!
//! Flows in: `[receiver.NAME]` and what `[alerting]` says about all of them. Flows out: receivers that can be delivered to, or
//! problems where they stand. What carries a notification to a plugin is made elsewhere and handed in.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Log, Receiver,
    clean::Cleans,
    email::{Email, Settings},
    limit::{self, RateLimit},
    outgoing::{TEXT_BYTES_OF_PLUGINS, TEXT_BYTES_WHOLE, Templates, Writer},
    redact::{Hiding, Key},
    stream::Carry,
    transport::SharedTransport,
};
use crate::{
    capability::{dial::Dialer, tls::Trust},
    config::{self, Loaded, Location, PluginOrigin, Problem, ReceiverKind, User},
    rule::{NoticeFault, NoticeTemplate},
    sandbox::{ForwardedEvent, ForwardedRun},
    secret::Redactor,
    telemetry::Telemetry,
};

/// What a receiver is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// `[receiver.NAME]`.
    pub receiver: Arc<config::Receiver>,
    /// Labels whose values are hidden.
    pub hidden: BTreeSet<Arc<str>>,
    /// Where people reach this host; "" when nowhere.
    pub external_url: Arc<str>,
    /// See [`Carrier`].
    pub carrier: Carrier,
}

/// What carries notifications to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The host itself.
    BuiltIn,
    /// A plugin with these bytes.
    Plugin([u8; 32]),
    /// Nothing: it cannot be used, for this reason.
    Nothing(String),
}

/// By which ways a receiver is reached.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Of notifications.
    pub transport: SharedTransport,
    /// Of runs; None: it takes none.
    pub runs: Option<Arc<dyn Carry<ForwardedRun>>>,
    /// Of what applications report; None: it takes nothing of it.
    pub events: Option<Arc<dyn Carry<ForwardedEvent>>>,
}

impl From<SharedTransport> for Ways {
    /// Of notifications alone.
    fn from(transport: SharedTransport) -> Self {
        Self {
            transport,
            runs: None,
            events: None,
        }
    }
}

/// What built-in transports need.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Resolves and connects.
    pub dialer: Dialer,
    /// Roots of the system.
    pub trust: Trust,
    /// Where the receiver `log` writes.
    pub telemetry: Telemetry,
}

/// Everything that is wrong about texts and addresses of receivers. Pure.
pub fn problems(loaded: &Loaded) -> Vec<Problem> {
    let receivers = loaded.config.dispatch.receivers.values();
    let each = receivers.flat_map(|receiver| {
        let place = |key| loaded.locate(User::Receiver(&receiver.name), key);
        let words = templates(receiver)
            .err()
            .map(|(key, fault)| template_problem(receiver, key, fault, place(key)));
        let mail = match &receiver.kind {
            ReceiverKind::Email(email) => Settings::of(email).err(),
            ReceiverKind::Plugin(_) | ReceiverKind::Log => None,
        };
        let mail = mail.map(|why| Problem::at(place("email"), format!("receiver `{}`: {why}", receiver.name)));
        words.into_iter().chain(mail)
    });
    each.map(|problem| loaded.conceal(problem)).collect()
}

fn template_problem(receiver: &config::Receiver, key: &str, fault: NoticeFault, place: Location) -> Problem {
    let message = format!(
        "`{key}` of receiver `{}` is no template: {}",
        receiver.name, fault.message
    );
    let problem = Problem::at(place, message);
    match fault.hint {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// Errors: which of them is none, and why.
pub fn templates(receiver: &config::Receiver) -> Result<Templates, (&'static str, NoticeFault)> {
    let parse = |key: &'static str, text: &Option<Arc<str>>| {
        let parsed = text.as_ref().map(|text| NoticeTemplate::parse(text));
        parsed.transpose().map_err(|fault| (key, fault))
    };
    Ok(Templates {
        title: parse("title", &receiver.title)?,
        text: parse("text", &receiver.text)?,
    })
}

/// Of a receiver that needs no plugin; None: it does. Errors: an address in it is none.
pub fn built_in(receiver: &config::Receiver, tools: &Tools) -> Result<Option<SharedTransport>, String> {
    match &receiver.kind {
        ReceiverKind::Log => Ok(Some(Arc::new(Log::new(tools.telemetry.clone())))),
        ReceiverKind::Email(email) => {
            let settings = Settings::of(email)?;
            let email = Email::new(settings, tools.dialer.clone(), tools.trust.clone());
            Ok(Some(Arc::new(email)))
        }
        ReceiverKind::Plugin(_) => Ok(None),
    }
}

/// Together. A template that is none was said before; its default stands in.
pub fn receiver(basis: Basis, ways: Ways, key: Key, redactor: Redactor) -> Receiver {
    let hidden: Vec<Arc<str>> = basis.hidden.iter().cloned().collect();
    let hiding = Hiding::new(&hidden, key, redactor);
    Receiver {
        name: Arc::clone(&basis.receiver.name),
        writer: Writer {
            templates: templates(&basis.receiver).unwrap_or_default(),
            hiding: hiding.clone(),
            external_url: Arc::clone(&basis.external_url),
            text_bytes: match basis.receiver.kind {
                ReceiverKind::Plugin(_) => TEXT_BYTES_OF_PLUGINS,
                ReceiverKind::Email(_) | ReceiverKind::Log => TEXT_BYTES_WHOLE,
            },
        },
        timeout: basis.receiver.timeout,
        limits: limits(&basis.receiver),
        transport: ways.transport,
        runs: ways.runs.map(|runs| Cleans::of(&hiding, runs)),
        events: ways.events.map(|events| Cleans::of(&hiding, events)),
        basis,
    }
}

/// Its own, or what its kind is known to take.
fn limits(receiver: &config::Receiver) -> Vec<RateLimit> {
    if let Some(own) = receiver.rate_limit {
        return vec![RateLimit {
            messages: own.messages,
            per: own.per,
        }];
    }
    let kind = match &receiver.kind {
        ReceiverKind::Email(_) => "email",
        ReceiverKind::Log => "log",
        ReceiverKind::Plugin(forwarder) => match &forwarder.plugin.origin {
            PluginOrigin::Bundled(name) => name,
            PluginOrigin::File(_) => "",
        },
    };
    limit::of_kind(kind).to_vec()
}
