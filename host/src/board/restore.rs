//! Last reports across restarts: one row per check in a table of the board's own.
//!
//! Flows in: what the board holds after a run. Flows out, at start: [`Stored`] reports with the time they were made. The
//! host's running totals are not among them. A row that cannot be read, or that was written under another
//! configuration of the check, is passed over: the check runs anew within moments anyway.

use std::{sync::Arc, time::Duration};

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    merge::State,
    snapshot::{Block, CheckState},
};
use crate::{
    clock::Timestamp,
    config::Check,
    metric::{
        Bucket, FamilyHead, HistogramSample, LabelName, MetricKind, MetricName, Points, Quantile, Sample, SummarySample,
    },
    outcome::{Reason, Status, Verdict},
    store::{Store, StoreError, WriteKey},
};

const MODULE: &str = "board";

const MIGRATIONS: &[&str] = &["CREATE TABLE board_reports (
    check_name TEXT NOT NULL PRIMARY KEY,
    configuration BLOB NOT NULL,
    reported_at INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT"];

/// A report from before this process began.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) check: Arc<str>,
    /// Of the check as it was configured then.
    pub(super) configuration: [u8; 32],
    pub(super) reported_at: Timestamp,
    pub(super) checked_at: Timestamp,
    pub(super) started_at: Timestamp,
    pub(super) duration: Duration,
    pub(super) word: &'static str,
    pub(super) consecutive_failures: u64,
    pub(super) consecutive_failed_runs: u64,
    pub(super) status: Status,
    pub(super) message: String,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) families: Vec<(FamilyHead, Points)>,
}

/// What of a configuration decides what its reports mean. A report of other settings must not pass for one of these.
pub(super) fn fingerprint(check: &Check) -> [u8; 32] {
    let relevant = format!("{:?}", (&check.plugin, &check.prefix, &check.labels, &check.settings));
    Sha256::digest(relevant).into()
}

/// Makes the table.
pub(super) fn prepare(store: &Store) -> Result<(), StoreError> {
    store.migrate(MODULE, MIGRATIONS)
}

/// Every row that can be read.
pub(super) fn load(store: &Store) -> Result<Vec<Stored>, StoreError> {
    store.read(|connection| {
        let mut statement =
            connection.prepare("SELECT check_name, configuration, reported_at, body FROM board_reports")?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.extend(stored(row));
        }
        Ok(found)
    })
}

/// Queues a check's state; serialised on the store's thread when it is committed.
pub(super) fn save(store: &Store, state: &State, check: &str, started_at: Timestamp) {
    let Some(entry) = state.entry(check) else { return };
    let Some(reported_at) = entry.reported_at else { return };
    let (name, health) = (Arc::clone(&entry.name), Arc::clone(&entry.state));
    let (configuration, blocks) = (fingerprint(&entry.spec.check), state.reported_blocks(entry));
    store.write(WriteKey::new(MODULE, Arc::clone(&name)), move |transaction| {
        let body = serde_json::to_vec(&Body::of(&health, &blocks, started_at))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction
            .prepare_cached(
                "INSERT INTO board_reports (check_name, configuration, reported_at, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (check_name) DO UPDATE SET configuration = excluded.configuration,
                     reported_at = excluded.reported_at, body = excluded.body",
            )?
            .execute(rusqlite::params![&*name, configuration, signed(reported_at), body])?;
        Ok(())
    });
}

/// Queues the removal of what a check left.
pub(super) fn remove(store: &Store, check: &Arc<str>) {
    let name = Arc::clone(check);
    store.write(WriteKey::new(MODULE, Arc::clone(check)), move |transaction| {
        transaction
            .prepare_cached("DELETE FROM board_reports WHERE check_name = ?1")?
            .execute([&*name])?;
        Ok(())
    });
}

/// SQLite's integers are signed; nanoseconds fit until the year 2262.
fn signed(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)
}

fn stored(row: &Row<'_>) -> Option<Stored> {
    let check: String = row.get(0).ok()?;
    let configuration: [u8; 32] = row.get(1).ok()?;
    let reported_at: i64 = row.get(2).ok()?;
    let body: Vec<u8> = row.get(3).ok()?;
    let body: Body = serde_json::from_slice(&body).ok()?;
    let word = word(&body.word)?;
    let families: Option<Vec<_>> = body.families.iter().map(FamilyRow::restored).collect();
    Some(Stored {
        check: check.into(),
        configuration,
        reported_at: Timestamp::from_nanos(u64::try_from(reported_at).ok()?),
        checked_at: Timestamp::from_nanos(body.checked_at),
        started_at: Timestamp::from_nanos(body.started_at),
        duration: Duration::from_nanos(body.duration),
        word,
        consecutive_failures: body.consecutive_failures,
        consecutive_failed_runs: body.consecutive_failed_runs,
        status: status(&body.status)?,
        message: body.message,
        verdicts: body
            .verdicts
            .into_iter()
            .map(VerdictRow::restored)
            .collect::<Option<_>>()?,
        families: families?,
    })
}

fn status(word: &str) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status.as_str() == word)
}

fn word(word: &str) -> Option<&'static str> {
    let reasons = Reason::ALL.into_iter().map(Reason::as_str);
    Status::ALL
        .into_iter()
        .map(Status::as_str)
        .chain(reasons)
        .find(|known| *known == word)
}

/// A row's body. Floats are kept as their bits, because JSON has neither NaN nor infinity.
#[derive(Serialize, Deserialize)]
struct Body {
    checked_at: u64,
    started_at: u64,
    duration: u64,
    word: String,
    /// Rows of an older host do not say.
    #[serde(default)]
    consecutive_failures: u64,
    #[serde(default)]
    consecutive_failed_runs: u64,
    status: String,
    message: String,
    verdicts: Vec<VerdictRow>,
    families: Vec<FamilyRow>,
}

#[derive(Serialize, Deserialize)]
struct VerdictRow {
    target: String,
    status: String,
    code: String,
    summary: String,
    latency: Option<u64>,
    details: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct FamilyRow {
    name: String,
    help: String,
    unit: String,
    kind: String,
    labels: Vec<String>,
    points: PointsRow,
}

type Labels = Vec<String>;
type Compound = (Labels, Vec<(u64, u64)>, u64, u64);

#[derive(Serialize, Deserialize)]
enum PointsRow {
    Values(Vec<(Labels, u64)>),
    /// Labels, buckets of bound and count, sum, count.
    Histograms(Vec<Compound>),
    /// Labels, quantiles and values, sum, count.
    Summaries(Vec<Compound>),
}

fn bounded_nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Body {
    fn of(health: &CheckState, blocks: &[Arc<Block>], started_at: Timestamp) -> Self {
        Self {
            checked_at: health.checked_at.unwrap_or_default().as_nanos(),
            started_at: started_at.as_nanos(),
            duration: bounded_nanos(health.duration),
            word: health.outcome.unwrap_or_default().to_owned(),
            consecutive_failures: health.consecutive_failures,
            consecutive_failed_runs: health.consecutive_failed_runs,
            status: health.status.unwrap_or(Status::Unknown).as_str().to_owned(),
            message: health.message.clone(),
            verdicts: health.verdicts.iter().map(VerdictRow::of).collect(),
            families: blocks
                .iter()
                .map(|block| FamilyRow::of(block.head(), block.points()))
                .collect(),
        }
    }
}

impl VerdictRow {
    fn of(verdict: &Verdict) -> Self {
        Self {
            target: verdict.target.to_string(),
            status: verdict.status.as_str().to_owned(),
            code: verdict.code.clone(),
            summary: verdict.summary.clone(),
            latency: verdict.latency.map(bounded_nanos),
            details: verdict.details.clone(),
        }
    }

    fn restored(self) -> Option<Verdict> {
        Some(Verdict {
            target: self.target.into(),
            status: status(&self.status)?,
            code: self.code,
            summary: self.summary,
            latency: self.latency.map(Duration::from_nanos),
            details: self.details,
        })
    }
}

const KINDS: [MetricKind; 7] = [
    MetricKind::Gauge,
    MetricKind::Counter,
    MetricKind::Histogram,
    MetricKind::Summary,
    MetricKind::Untyped,
    MetricKind::Info,
    MetricKind::StateSet,
];

fn texts(values: &[Arc<str>]) -> Labels {
    values.iter().map(ToString::to_string).collect()
}

fn shared(values: &[String]) -> Box<[Arc<str>]> {
    values.iter().map(|value| value.as_str().into()).collect()
}

impl FamilyRow {
    fn of(head: &FamilyHead, points: &Points) -> Self {
        Self {
            name: head.name.to_string(),
            help: head.help.to_string(),
            unit: head.unit.to_string(),
            kind: head.kind.as_str().to_owned(),
            labels: head.label_names.iter().map(ToString::to_string).collect(),
            points: PointsRow::of(points),
        }
    }

    fn restored(&self) -> Option<(FamilyHead, Points)> {
        let head = FamilyHead {
            name: MetricName::new(&self.name).ok()?,
            help: self.help.as_str().into(),
            unit: self.unit.as_str().into(),
            kind: KINDS.into_iter().find(|kind| kind.as_str() == self.kind)?,
            label_names: self
                .labels
                .iter()
                .map(|name| LabelName::new(name).ok())
                .collect::<Option<_>>()?,
        };
        Some((head, self.points.restored()))
    }
}

impl PointsRow {
    fn of(points: &Points) -> Self {
        match points {
            Points::Values(samples) => {
                let rows = samples
                    .iter()
                    .map(|sample| (texts(&sample.label_values), sample.value.to_bits()));
                Self::Values(rows.collect())
            }
            Points::Histograms(samples) => Self::Histograms(samples.iter().map(histogram_row).collect()),
            Points::Summaries(samples) => Self::Summaries(samples.iter().map(summary_row).collect()),
        }
    }

    fn restored(&self) -> Points {
        match self {
            Self::Values(rows) => Points::Values(
                rows.iter()
                    .map(|(labels, bits)| Sample {
                        label_values: shared(labels),
                        value: f64::from_bits(*bits),
                        created: None,
                    })
                    .collect(),
            ),
            Self::Histograms(rows) => Points::Histograms(rows.iter().map(histogram).collect()),
            Self::Summaries(rows) => Points::Summaries(rows.iter().map(summary).collect()),
        }
    }
}

fn histogram_row(sample: &HistogramSample) -> Compound {
    let buckets = sample
        .buckets
        .iter()
        .map(|bucket| (bucket.upper_bound.to_bits(), bucket.cumulative_count));
    (
        texts(&sample.label_values),
        buckets.collect(),
        sample.sum.to_bits(),
        sample.count,
    )
}

fn summary_row(sample: &SummarySample) -> Compound {
    let quantiles = sample
        .quantiles
        .iter()
        .map(|entry| (entry.quantile.to_bits(), entry.value.to_bits()));
    (
        texts(&sample.label_values),
        quantiles.collect(),
        sample.sum.to_bits(),
        sample.count,
    )
}

fn histogram((labels, buckets, sum, count): &Compound) -> HistogramSample {
    let buckets = buckets.iter().map(|(bound, count)| Bucket {
        upper_bound: f64::from_bits(*bound),
        cumulative_count: *count,
    });
    HistogramSample {
        label_values: shared(labels),
        buckets: buckets.collect(),
        sum: f64::from_bits(*sum),
        count: *count,
        created: None,
    }
}

fn summary((labels, quantiles, sum, count): &Compound) -> SummarySample {
    let quantiles = quantiles.iter().map(|(quantile, value)| Quantile {
        quantile: f64::from_bits(*quantile),
        value: f64::from_bits(*value),
    });
    SummarySample {
        label_values: shared(labels),
        quantiles: quantiles.collect(),
        sum: f64::from_bits(*sum),
        count: *count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_survive_the_way_through_a_row() {
        let head = FamilyHead {
            name: MetricName::new("wait_seconds").expect("valid"),
            help: "Wait.".into(),
            unit: "seconds".into(),
            kind: MetricKind::Histogram,
            label_names: Arc::new([LabelName::new("queue").expect("valid")]),
        };
        let points = Points::Histograms(vec![HistogramSample {
            label_values: Box::new(["a\"b".into()]),
            buckets: Box::new([Bucket {
                upper_bound: 0.1,
                cumulative_count: 3,
            }]),
            sum: f64::INFINITY,
            count: 4,
            created: None,
        }]);
        let row = serde_json::to_vec(&FamilyRow::of(&head, &points)).expect("serialisable");
        let back: FamilyRow = serde_json::from_slice(&row).expect("readable");
        assert_eq!(back.restored(), Some((head, points)));
    }

    #[test]
    fn every_outcome_word_is_known() {
        for known in Status::ALL
            .map(Status::as_str)
            .iter()
            .chain(&Reason::ALL.map(Reason::as_str))
        {
            assert_eq!(word(known), Some(*known));
        }
        assert_eq!(word("excellent"), None);
    }
}
