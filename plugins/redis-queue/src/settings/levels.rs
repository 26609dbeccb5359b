//! When to warn.

use bellwether_sdk::settings::Levels;
use schemars::JsonSchema;
use serde::Deserialize;

/// Each takes `{ warning = …, critical = … }`, either or both, and is passed beyond the number: `warning = 100` warns of 101. `{}`
/// switches one off that is on by default.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Thresholds {
    /// Jobs of one queue that wait for a worker.
    pub(crate) waiting: Levels,
    /// Seconds that the oldest waiting job has waited.
    pub(crate) oldest_seconds: Levels,
    /// Seconds that the oldest job in flight has been with a worker.
    pub(crate) in_flight_seconds: Levels,
    /// Failed and dead jobs that are kept.
    pub(crate) failed: Levels,
    /// Jobs that failed since the run before.
    pub(crate) failed_growth: Levels,
    /// Runs in a row in which more jobs waited than in the one before.
    pub(crate) growing_runs: Levels,
    /// Seconds that a queue has been paused.
    pub(crate) paused_seconds: Levels,
    /// Jobs that were due long ago (`overdue_after_seconds`) and that nobody has moved to their queue.
    pub(crate) overdue: Levels,
    /// How long after its time a delayed job is overdue: schedulers look every few seconds.
    #[schemars(range(min = 0))]
    pub(crate) overdue_after_seconds: f64,
    /// Whether jobs that wait without any worker are critical.
    pub(crate) no_workers: bool,
    /// Workers that are registered and silent: they died without saying so, or are stuck.
    pub(crate) silent_workers: Levels,
    /// Seconds without a heartbeat after which a worker counts as silent; the library's own limit unless said.
    #[schemars(range(min = 1))]
    pub(crate) silence_seconds: Option<f64>,
    /// Seconds that a consumer of a stream has done nothing while it holds entries.
    pub(crate) consumer_idle_seconds: Levels,
    /// Memory of Redis in percent of `maxmemory`; nothing without a `maxmemory`.
    pub(crate) memory_percent: Levels,
    /// Clients in percent of `maxclients`.
    pub(crate) clients_percent: Levels,
    /// Clients that wait in a blocking command. Idle workers do.
    pub(crate) blocked_clients: Levels,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            waiting: Levels::warning(100.0),
            oldest_seconds: Levels::default(),
            in_flight_seconds: Levels::default(),
            failed: Levels::default(),
            failed_growth: Levels::default(),
            growing_runs: Levels::default(),
            paused_seconds: Levels::warning(3600.0),
            overdue: Levels::warning(0.0),
            overdue_after_seconds: 60.0,
            no_workers: true,
            silent_workers: Levels::warning(0.0),
            silence_seconds: None,
            consumer_idle_seconds: Levels::default(),
            memory_percent: Levels::both(90.0, 97.0),
            clients_percent: Levels::both(80.0, 95.0),
            blocked_clients: Levels::default(),
        }
    }
}
