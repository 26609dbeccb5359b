//! What stands under `settings` in the configuration, and what its keys mean when they are left out.

mod check;
mod levels;
mod tables;

pub(crate) use levels::Thresholds;
pub(crate) use tables::{Celery, End, List, Score, Zset};

use schemars::JsonSchema;
use serde::Deserialize;

/// Which queues to look at, how they are laid out, and when to warn.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which library the queues belong to: it decides which keys are read.
    pub(crate) backend: Backend,
    /// Queues by name, or by pattern (`*` is any text, `?` one character). Left out: the default queue of `celery`, `arq` and
    /// `dramatiq`, and all queues of the others; `streams`, `list` and `zset` have no default, and take names of keys.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub(crate) queues: Option<Vec<String>>,
    /// Names or patterns of queues to leave out of those that a pattern finds.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// What stands before every key, as the library's own option has it: `prefix` of BullMQ (`bull`), the namespace of Resque
    /// (`resque`), Dramatiq (`dramatiq`) and Sidekiq (none), `RQ_KEY_PREFIX` of RQ (`rq`), `global_keyprefix` of Celery (none).
    #[serde(default)]
    pub(crate) prefix: Option<String>,
    /// Consumer groups of `streams` to look at, by name or pattern. Left out: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(crate) groups: Option<Vec<String>>,
    /// Whether to look for workers. With `bullmq` that is done by `CLIENT LIST`.
    #[serde(default = "yes")]
    pub(crate) workers: bool,
    /// Whether to look at Redis itself, by `INFO`.
    #[serde(default = "yes")]
    pub(crate) redis_health: bool,
    /// Names for the metrics of Redis itself; `["canonical"]` unless said.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(crate) name_sets: Option<Vec<NameSet>>,
    /// When to warn.
    #[serde(default)]
    pub(crate) thresholds: Thresholds,
    /// Only with `backend = "celery"`.
    #[serde(default)]
    pub(crate) celery: Option<Celery>,
    /// Only with `backend = "list"`.
    #[serde(default)]
    pub(crate) list: Option<List>,
    /// Only with `backend = "zset"`.
    #[serde(default)]
    pub(crate) zset: Option<Zset>,
    /// Only with `backend = "arq"`: the worker's `health_check_interval` in seconds; 3600 unless said, as in arq.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(crate) arq_health_check_seconds: Option<f64>,
}

fn yes() -> bool {
    true
}

/// A library, or a plain data structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Backend {
    /// Celery, and whatever else uses kombu's Redis transport.
    Celery,
    /// RQ (Redis Queue).
    Rq,
    /// Sidekiq.
    Sidekiq,
    /// BullMQ.
    Bullmq,
    /// Resque, with resque-scheduler if it is there.
    Resque,
    /// arq.
    Arq,
    /// Dramatiq.
    Dramatiq,
    /// Asynq.
    Asynq,
    /// Consumer groups of Redis streams.
    Streams,
    /// Lists of your own.
    List,
    /// Sorted sets of your own.
    Zset,
}

impl Backend {
    /// As the configuration has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Celery => "celery",
            Self::Rq => "rq",
            Self::Sidekiq => "sidekiq",
            Self::Bullmq => "bullmq",
            Self::Resque => "resque",
            Self::Arq => "arq",
            Self::Dramatiq => "dramatiq",
            Self::Asynq => "asynq",
            Self::Streams => "streams",
            Self::List => "list",
            Self::Zset => "zset",
        }
    }

    /// The queues when none are named; empty: there is no sensible choice.
    fn default_queues(self) -> &'static [&'static str] {
        match self {
            Self::Celery => &["celery"],
            Self::Arq => &["arq:queue"],
            Self::Dramatiq => &["default"],
            Self::Rq | Self::Sidekiq | Self::Bullmq | Self::Resque | Self::Asynq => &["*"],
            Self::Streams | Self::List | Self::Zset => &[],
        }
    }

    fn default_prefix(self) -> &'static str {
        match self {
            Self::Bullmq => "bull",
            Self::Resque => "resque",
            Self::Dramatiq => "dramatiq",
            Self::Rq => "rq",
            Self::Asynq => "asynq",
            Self::Celery | Self::Sidekiq | Self::Arq | Self::Streams | Self::List | Self::Zset => "",
        }
    }

    /// Whether the library lets its users choose what stands before the keys.
    fn takes_prefix(self) -> bool {
        matches!(
            self,
            Self::Celery | Self::Rq | Self::Sidekiq | Self::Bullmq | Self::Resque | Self::Dramatiq
        )
    }

    /// Seconds of silence after which a worker counts as gone, as the library itself sees it: a process of Sidekiq beats every
    /// 5 s and is forgotten after 60, a worker of RQ beats at least every 405 s while idle and is forgotten after 480, Resque
    /// prunes after 300, Dramatiq takes messages back after 60.
    pub(crate) fn silence_seconds(self) -> f64 {
        match self {
            Self::Rq => 480.0,
            Self::Resque => 300.0,
            Self::Celery
            | Self::Sidekiq
            | Self::Bullmq
            | Self::Arq
            | Self::Dramatiq
            | Self::Asynq
            | Self::Streams
            | Self::List
            | Self::Zset => 60.0,
        }
    }
}

/// A set of names for the metrics of Redis itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameSet {
    /// `redis_server_*` in base units.
    Canonical,
    /// `redis_*`, as redis_exporter has them.
    RedisExporter,
}

impl Settings {
    pub(crate) fn queues(&self) -> Vec<String> {
        match &self.queues {
            Some(queues) => queues.clone(),
            None => self.backend.default_queues().iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(self.backend.default_prefix())
    }

    pub(crate) fn name_sets(&self) -> &[NameSet] {
        self.name_sets.as_deref().unwrap_or(&[NameSet::Canonical])
    }

    /// Seconds after which a silent worker counts as gone.
    pub(crate) fn silence_seconds(&self) -> f64 {
        self.thresholds
            .silence_seconds
            .unwrap_or_else(|| self.backend.silence_seconds())
    }
}
