//! What stands under `settings` in the configuration.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

/// All of it is optional.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Under which names to report; `["canonical"]` unless said.
    name_sets: Option<Vec<NameSet>>,
    /// What to look at; everything unless said.
    sections: Option<Vec<Section>>,
    /// Databases to report, by name; all that accept connections, unless said.
    databases: Option<Vec<String>>,
    /// Databases to leave out, by name.
    exclude_databases: Vec<String>,
    /// When to warn. A threshold that is not set judges nothing, but for connections and wraparound.
    pub(crate) thresholds: Thresholds,
    /// Queries of your own, whose rows become samples. They run in a read-only transaction.
    #[schemars(length(max = 50))]
    pub(crate) queries: Vec<QuerySettings>,
}

/// A set of metric names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameSet {
    /// `postgres_*` in base units.
    Canonical,
    /// `pg_*`, as postgres_exporter has them.
    PostgresExporter,
    /// `database_connections_used`, `database_connections_max`, `db_connections`.
    Pool,
}

/// A part of what there is to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Section {
    /// Connections and transactions.
    Activity,
    /// Locks.
    Locks,
    /// Replicas, slots, and the lag of a standby.
    Replication,
    /// Counters of each database, and how far it is from wraparound.
    Databases,
    /// Sizes of databases, which take a while to measure.
    Sizes,
    /// Autovacuum and the tables that wait for it.
    Vacuum,
}

const SECTIONS: [Section; 6] = [
    Section::Activity,
    Section::Locks,
    Section::Replication,
    Section::Databases,
    Section::Sizes,
    Section::Vacuum,
];

impl Section {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Locks => "locks",
            Self::Replication => "replication",
            Self::Databases => "databases",
            Self::Sizes => "sizes",
            Self::Vacuum => "vacuum",
        }
    }
}

/// When to warn.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Thresholds {
    /// Connections of clients, in percent of those that ordinary roles may have; `{ warning = 80, critical = 95 }` unless said.
    pub(crate) connections_percent: Option<Levels>,
    /// The oldest open transaction, in seconds.
    pub(crate) transaction_seconds: Option<Levels>,
    /// The longest time that an open transaction does nothing, in seconds.
    pub(crate) idle_in_transaction_seconds: Option<Levels>,
    /// Locks that are waited for.
    pub(crate) locks_waiting: Option<Levels>,
    /// The longest query that waits for a lock, in seconds.
    pub(crate) lock_wait_seconds: Option<Levels>,
    /// How far replicas, or this standby, are behind, in seconds.
    pub(crate) replication_lag_seconds: Option<Levels>,
    /// The same in bytes.
    pub(crate) replication_lag_bytes: Option<Levels>,
    /// What a slot makes the server keep, in bytes.
    pub(crate) slot_retained_bytes: Option<Levels>,
    /// How near a database is to transaction wraparound, in percent; `{ warning = 50, critical = 75 }` unless said.
    pub(crate) wraparound_percent: Option<Levels>,
    /// Blocks found in memory, in percent: a problem when there are fewer.
    pub(crate) cache_hit_percent: Option<Below>,
    /// Size of each database, in bytes.
    pub(crate) database_bytes: Option<Levels>,
}

/// From which value on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]
pub(crate) struct Levels {
    /// Will need a person soon.
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    pub(crate) critical: Option<f64>,
}

/// Below which value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["critical", "warning"]))]
pub(crate) struct Below {
    /// Will need a person soon.
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    pub(crate) critical: Option<f64>,
}

/// One query and what becomes of its columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuerySettings {
    /// Names its verdict, and begins the names of its metrics.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,63}$"))]
    pub(crate) name: String,
    /// One statement that reads.
    #[schemars(length(min = 1))]
    pub(crate) sql: String,
    /// Columns that become labels.
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    /// Columns that become metrics.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) metrics: BTreeMap<String, MetricSettings>,
}

/// What becomes of one column.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricSettings {
    /// `QUERY_COLUMN` unless said; a counter's ends in `_total`.
    pub(crate) name: Option<String>,
    /// `gauge` unless said.
    pub(crate) kind: MetricKind,
    /// What it says, for people.
    pub(crate) help: Option<String>,
    /// A problem from this value on, in any row.
    pub(crate) above: Option<Levels>,
    /// A problem below this value, in any row.
    pub(crate) below: Option<Below>,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MetricKind {
    /// Goes up and down.
    #[default]
    Gauge,
    /// A total that the database keeps.
    Counter,
}

impl QuerySettings {
    /// What the metric of a column is called.
    pub(crate) fn metric_name(&self, column: &str, metric: &MetricSettings) -> String {
        metric.name.clone().unwrap_or_else(|| {
            let name = format!("{}_{column}", self.name);
            match metric.kind {
                MetricKind::Counter if !name.ends_with("_total") => format!("{name}_total"),
                MetricKind::Counter | MetricKind::Gauge => name,
            }
        })
    }
}

impl Settings {
    /// What the schema cannot say.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        let mut metrics = BTreeSet::new();
        for query in &self.queries {
            if !names.insert(&query.name) {
                return Err(Failure::settings(format_args!(
                    "two queries are called `{}`",
                    query.name
                )));
            }
            if let Some(column) = query.labels.iter().find(|column| query.metrics.contains_key(*column)) {
                return Err(Failure::settings(format_args!(
                    "column `{column}` of query `{}` cannot be a label and a metric",
                    query.name
                )));
            }
            for (column, metric) in &query.metrics {
                let name = query.metric_name(column, metric);
                if metric.kind == MetricKind::Counter && !name.ends_with("_total") {
                    return Err(Failure::settings(format_args!(
                        "the name of counter `{name}` must end in `_total`"
                    )));
                }
                if !metrics.insert(name.clone()) {
                    return Err(Failure::settings(format_args!(
                        "two columns become the metric `{name}`"
                    )));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn name_sets(&self) -> &[NameSet] {
        self.name_sets.as_deref().unwrap_or(&[NameSet::Canonical])
    }

    pub(crate) fn sections(&self) -> &[Section] {
        self.sections.as_deref().unwrap_or(&SECTIONS)
    }

    /// Whether a database is reported.
    pub(crate) fn watches(&self, database: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == database);
        self.databases.as_deref().is_none_or(named) && !named(&self.exclude_databases)
    }
}
