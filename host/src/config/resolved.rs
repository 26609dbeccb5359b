//! What the program uses of a configuration. Only these types leave `config`.

mod dispatch;
mod pushed;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use self::{dispatch::*, pushed::*};
use super::Connection;
use crate::{metric::LabelName, secret::Secret, telemetry::LogOptions};

/// A resolved configuration: every reference followed, every unit parsed, every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[host]`.
    pub host: Host,
    /// `[access]`.
    pub access: Access,
    /// `[log]`.
    pub log: LogOptions,
    /// `[history]`.
    pub history: History,
    /// `[connection.NAME]`, by name.
    pub connections: BTreeMap<Arc<str>, Arc<Connection>>,
    /// `[check.NAME]`, by name. Those with `enabled = false` are not here.
    pub checks: BTreeMap<Arc<str>, Arc<Check>>,
    /// `[alerting]`.
    pub alerting: Alerting,
    /// Who hears of which alerts.
    pub dispatch: Dispatch,
    /// `[source.NAME]`, by name.
    pub sources: BTreeMap<Arc<str>, Arc<EventSource>>,
    /// `[heartbeat.NAME]`, by name. None is called like a check.
    pub heartbeats: BTreeMap<Arc<str>, Arc<Heartbeat>>,
    /// `[[rule]]`, in the order of the files.
    pub rules: Vec<RuleTable>,
    /// Every file that was read, for watching: the main one first.
    pub files: Vec<PathBuf>,
    /// Every secret that any field resolved to, for the redactor.
    pub secrets: Vec<Secret>,
}

/// `[host]`: the process itself. All of it needs a restart to change; what does not is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Where HTTP is served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where pushes are taken besides, for those who must not reach the rest; None: nowhere.
    pub push_listen: Option<SocketAddr>,
    /// A word for people, shown in `/health/detailed` and to plugins as a fact; "" when unset.
    pub environment: String,
    /// Locked while the host runs.
    pub state_dir: PathBuf,
    /// Compiled plugins; default `cache` in the state directory.
    pub cache_dir: PathBuf,
    /// How many runs may execute at once. Never zero.
    pub concurrency: usize,
}

/// `[history]`: what is kept in memory of the past, for rules and plots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// From tick to tick; a tick records every series. Not zero.
    pub interval: Duration,
    /// How long samples are kept of series that rules read.
    pub retention: Duration,
    /// How long of others; at most as long.
    pub retention_unselected: Duration,
    /// Bytes it may take.
    pub memory_bytes: u64,
    /// The label `job` of series that have none.
    pub job: Arc<str>,
    /// The label `instance` of series that have none; none: the address that the host listens on.
    pub instance: Option<Arc<str>>,
}

/// `[access]`: who may read, push and administer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// `/metrics`, `/health/detailed`, the page, the read API. Several while a token is rotated.
    pub read: Vec<Secret>,
    /// Pushes.
    pub push: Vec<Secret>,
    /// Reload and run-now. An admin token may also read and push.
    pub admin: Vec<Secret>,
    /// Serve off loopback without tokens: somebody wrote that they want this.
    pub open: bool,
    /// TLS, when both files are given.
    pub tls: Option<TlsFiles>,
}

/// `[alerting]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerting {
    /// Prometheus rule files, in the order of the patterns and then of the paths, each once.
    pub rule_files: Vec<PathBuf>,
    /// How often rules are evaluated that do not say so themselves.
    pub evaluation_interval: Duration,
    /// Whether the rules of bundled plugins that checks use are evaluated.
    pub bundled_rules: bool,
    /// `[alerting.bundled.ALERT]`, by alert. Whether there is such an alert is for those to say who have the packs.
    pub bundled: BTreeMap<String, BundledAlert>,
    /// Where people reach the host, without a slash at the end; None: where it listens.
    pub external_url: Option<String>,
    /// What tells this host from others, for templates.
    pub external_labels: BTreeMap<LabelName, String>,
}

/// `[alerting.bundled.ALERT]`: what is different about an alert that comes with a plugin. It is for all rules of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledAlert {
    /// False: it is not evaluated.
    pub enabled: bool,
    /// How long the condition must hold; None: as the pack says.
    pub hold: Option<Duration>,
    /// Templates put over the labels of the pack.
    pub labels: BTreeMap<String, String>,
    /// Templates put over the annotations of the pack.
    pub annotations: BTreeMap<String, String>,
}

/// `[[rule]]` as written. Whether its expression and texts mean something is for those to say who know the language; where they
/// stand is known to [`Loaded::locate_rule`](super::Loaded::locate_rule).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTable {
    /// Name of the alert.
    pub alert: Option<String>,
    /// Name of the recorded metric.
    pub record: Option<String>,
    /// PromQL.
    pub expr: Option<String>,
    /// How long the condition must hold.
    pub hold: Option<Duration>,
    /// How long an alert fires on after its condition ended.
    pub keep_firing_for: Option<Duration>,
    /// Put on what the expression yields.
    pub labels: BTreeMap<String, String>,
    /// Templates for people.
    pub annotations: BTreeMap<String, String>,
    /// How often it is evaluated; None: `evaluation_interval`.
    pub interval: Option<Duration>,
    /// Rules of one group are evaluated in order; None: the group of all that name none.
    pub group: Option<String>,
    /// What becomes of a firing alert whose series vanish.
    pub on_no_data: OnNoData,
}

/// What becomes of an alert whose series nobody reports any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnNoData {
    /// It stays as it is until there is data again: who stops reporting is not well for that.
    #[default]
    Hold,
    /// It is over, as in Prometheus.
    Resolve,
}

impl OnNoData {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Resolve => "resolve",
        }
    }
}

/// Certificate chain and key, PEM, reread when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// `[check.NAME]` with `[defaults]` applied. Two equal ones need no restart of the check: `location` does not count, or
/// a comment at the top of the file would restart every check below it.
#[derive(Clone, Debug)]
pub struct Check {
    /// NAME.
    pub name: Arc<str>,
    /// Which plugin.
    pub plugin: PluginSource,
    /// How often the plugin's file was replaced since the host started, so that the check starts over with each one. 0 as
    /// configured; the running host counts.
    pub plugin_edition: u32,
    /// When it runs.
    pub schedule: Schedule,
    /// Wall clock of one run.
    pub timeout: Duration,
    /// After this long without a report its series vanish. None: two intervals and the timeout, or the second missed
    /// fire time of a cron expression.
    pub stale_after: Option<Duration>,
    /// Put before each of its metric names; valid as a metric name itself, or "".
    pub prefix: String,
    /// Put on each of its samples.
    pub labels: BTreeMap<LabelName, String>,
    /// See [`Limits`].
    pub limits: Limits,
    /// Capabilities granted by `allow`.
    pub allow: BTreeSet<Capability>,
    /// By slot; `connection = "NAME"` binds the slot `default`.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// Whether overall health is critical when this check is; otherwise degraded only. Default true.
    pub required: bool,
    /// The settings table as JSON text, keys sorted; "{}" when there is none.
    pub settings: Arc<str>,
    /// Where it stands, for messages: `checks.d/web.toml:12`.
    pub location: String,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            name,
            plugin,
            plugin_edition,
            schedule,
            timeout,
            stale_after,
            prefix,
            labels,
            limits,
            allow,
            connections,
            required,
            settings,
            location: _,
        } = self;
        *name == other.name
            && *plugin == other.plugin
            && *plugin_edition == other.plugin_edition
            && *schedule == other.schedule
            && *timeout == other.timeout
            && *stale_after == other.stale_after
            && *prefix == other.prefix
            && *labels == other.labels
            && *limits == other.limits
            && *allow == other.allow
            && *connections == other.connections
            && *required == other.required
            && *settings == other.settings
    }
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginSource {
    /// What `plugin = "…"` said, resolved.
    pub origin: PluginOrigin,
    /// `sha256 = "…"`: the component must hash to this.
    pub sha256: Option<[u8; 32]>,
}

/// A bundled plugin or a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PluginOrigin {
    /// A plain name: one that came with the host.
    Bundled(String),
    /// Anything with a `/` or ending in `.wasm`; relative to the file that names it.
    File(PathBuf),
}

/// When a check runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Every so often, counted in slots.
    Interval {
        /// Slot length; at least [`INTERVAL_MIN`](super).
        every: Duration,
        /// Slot length while the last outcome was not ok; never longer than `every`.
        retry: Option<Duration>,
    },
    /// At times of the calendar.
    Cron(super::Cron),
}

/// `limits = { … }` of a check. `None`: what the plugin describes, else the host's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Sum of all linear memories, bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time of one run.
    pub cpu: Option<Duration>,
    /// Series of this check in the exposition.
    pub series: Option<usize>,
    /// Bytes of `state`.
    pub state_bytes: Option<u64>,
    /// Log lines of one run.
    pub log_lines: Option<u64>,
}

/// What `allow` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// The machine the host runs on.
    System,
}

impl Capability {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
        }
    }
}
