//! Who hears of which alerts, when, and by which way: what `[alerting]`, `[[route]]`, `[[inhibit]]`, `[time_interval.NAME]`
//! and `[receiver.NAME]` come to, those of `alertmanager_file` among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Limits, PluginSource};
use crate::{
    alert::{Matcher, TimeInterval},
    config::{Connection, NamePattern, TlsOptions},
    secret::Secret,
};

/// All of it. Every name in it leads somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// By name.
    pub receivers: BTreeMap<Arc<str>, Arc<Receiver>>,
    /// They hear when a receiver stays down.
    pub fallback_receivers: Vec<Arc<str>>,
    /// Where every alert begins, and ends when no route takes it. It matches everything, and has neither name, parent nor times.
    pub root: Route,
    /// In order, a parent before its children.
    pub routes: Vec<Route>,
    /// Which alerts make others superfluous, beside those that come with rules.
    pub inhibitions: Vec<Inhibit>,
    /// By name.
    pub intervals: BTreeMap<Arc<str>, Arc<TimeInterval>>,
    /// After this long an alert is over that somebody posted without saying when it ends.
    pub resolve_timeout: Duration,
    /// Labels whose values go out as keyed hashes.
    pub redact_labels: BTreeSet<Arc<str>>,
    /// Asked after each evaluation whose results are kept; a secret URL, mostly.
    pub heartbeat: Option<Arc<Connection>>,
}

/// One place of the tree: alerts that match it and none of its children go to its receivers. What the file leaves out is
/// inherited, but for the times, which hold for a route itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Unique; None: it has none.
    pub name: Option<Arc<str>>,
    /// Index among the routes; None: it stands below the root.
    pub parent: Option<usize>,
    /// All of them must match. None: everything does.
    pub matchers: Vec<Matcher>,
    /// Each once. None: nobody hears.
    pub receivers: Vec<Arc<str>>,
    /// `continue`: routes after it are looked at although it matched.
    pub goes_on: bool,
    /// Which alerts are sent together.
    pub group_by: GroupBy,
    /// When.
    pub timings: Timings,
    /// Intervals in which nothing is sent.
    pub mute_times: Vec<Arc<str>>,
    /// The only intervals in which something is sent; empty: always.
    pub active_times: Vec<Arc<str>>,
    /// Where it stands, for messages: `bellwether.toml:12`.
    pub location: String,
}

/// What alerts of one group have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `["..."]`: everything, so each alert is alone.
    All,
    /// The values of these labels; none: all alerts are one group.
    Labels(BTreeSet<Arc<str>>),
}

/// When a group is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// After the first alert of a group, so that others may join it. May be zero.
    pub group_wait: Duration,
    /// From one message about a group to the next that says something new. Not zero.
    pub group_interval: Duration,
    /// From one message about a group to the next that says the same. Not zero.
    pub repeat_interval: Duration,
}

/// `[[inhibit]]`: while an alert fires that matches `source`, those are not sent that match `target` and have the same values of
/// `equal`.
#[derive(Clone, Debug, PartialEq)]
pub struct Inhibit {
    /// Not empty.
    pub source: Vec<Matcher>,
    /// Not empty.
    pub target: Vec<Matcher>,
    /// A label that neither has is equal.
    pub equal: Vec<Arc<str>>,
    /// Where it stands, for messages.
    pub location: String,
}

/// `[receiver.NAME]`. Two equal ones need no restart of what is sent to them: `location` does not count.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// NAME. Of one that `alertmanager_file` has with several ways of its own, `NAME/slack` and so on.
    pub name: Arc<str>,
    /// By which way.
    pub kind: ReceiverKind,
    /// One attempt.
    pub timeout: Duration,
    /// Whether it hears that an alert is over.
    pub send_resolved: bool,
    /// Template of what stands first; None: that of its kind.
    pub title: Option<Arc<str>>,
    /// Template of the rest; None: that of its kind.
    pub text: Option<Arc<str>>,
    /// At most so many messages; None: what its kind is known to take.
    pub rate_limit: Option<RateLimit>,
    /// Checks whose runs it hears, beside alerts. None: it hears of no run.
    pub runs: Vec<NamePattern>,
    /// Where it stands, for messages.
    pub location: String,
}

impl PartialEq for Receiver {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            name,
            kind,
            timeout,
            send_resolved,
            title,
            text,
            rate_limit,
            runs,
            location: _,
        } = self;
        *name == other.name
            && *kind == other.kind
            && *timeout == other.timeout
            && *send_resolved == other.send_resolved
            && *title == other.title
            && *text == other.text
            && *rate_limit == other.rate_limit
            && *runs == other.runs
    }
}

/// By which way a receiver hears.
#[derive(Clone, Debug, PartialEq)]
pub enum ReceiverKind {
    /// A forwarder.
    Plugin(Forwarder),
    /// Mail, sent by the host.
    Email(Box<Email>),
    /// A line in the host's log.
    Log,
}

/// The use of a forwarder plugin. Its fields are those of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Forwarder {
    /// Which plugin.
    pub plugin: PluginSource,
    /// As of a check: 0 as configured, the running host counts.
    pub plugin_edition: u32,
    /// `series` is None.
    pub limits: Limits,
    /// By slot.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// The settings table as JSON text, keys sorted; "{}" when there is none.
    pub settings: Arc<str>,
}

/// `email` of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// Name or address of the server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How it is kept from others.
    pub security: EmailSecurity,
    /// Who logs in; None: nobody.
    pub user: Option<String>,
    /// With what.
    pub password: Option<Secret>,
    /// `alerts@example.com` or `Alerts <alerts@example.com>`, as all addresses here.
    pub from: String,
    /// Not empty.
    pub to: Vec<String>,
    /// See `to`.
    pub cc: Vec<String>,
    /// Nobody else sees them.
    pub bcc: Vec<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// What the host calls itself; None: its address.
    pub hello: Option<String>,
    /// How TLS is done.
    pub tls: TlsOptions,
}

/// How mail is kept from others on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS once the server was asked for it; without it nothing is sent.
    StartTls,
    /// None.
    Open,
}

impl EmailSecurity {
    /// All.
    pub const ALL: [Self; 3] = [Self::Tls, Self::StartTls, Self::Open];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::StartTls => "starttls",
            Self::Open => "none",
        }
    }
}

/// `rate_limit`: at most so many messages in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Not zero.
    pub messages: u32,
    /// Not zero.
    pub per: Duration,
}
