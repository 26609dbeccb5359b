//! Alerts that others post, such as a Prometheus: pure.
//!
//! Flows in: what they say, with or without an end. Flows out: records with an end. Who posts says it again and again, each time
//! with an end further ahead; when that passes, the sender is silent, which is not the same as a condition that ended. The time in which
//! this host was down does not count against a sender.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::record::Record;
use crate::alert::{Annotations, ResolveCause};

/// Most labels of one; Prometheus' rules make a tenth of that.
pub const LABELS_MAX: usize = 128;

/// Most bytes of one: labels, annotations and address.
pub const ALERT_BYTES_MAX: usize = 64 * 1024;

/// One alert as posted. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct PostedAlert {
    /// What identifies it; at least one.
    pub labels: Labels,
    /// What describes it.
    pub annotations: Annotations,
    /// Since when it fires; None: since now, or since its end.
    pub starts_at: Option<i64>,
    /// When it is over; None: after the configured time, unless it is posted again.
    pub ends_at: Option<i64>,
    /// Where it was made.
    pub generator_url: Arc<str>,
}

/// Why one is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Nothing identifies it.
    #[error("an alert needs at least one label that is not empty")]
    NoLabels,
    /// Too many.
    #[error("an alert has {0} labels; at most {LABELS_MAX} are taken")]
    Labels(usize),
    /// Too large.
    #[error("an alert takes {0} bytes; at most {ALERT_BYTES_MAX} are taken")]
    Large(usize),
    /// It ends before it begins.
    #[error("an alert ends before it starts")]
    Backwards,
    /// There is no room.
    #[error("{0} alerts are held, which is the most; it is taken when others are over")]
    Full(usize),
}

impl PostError {
    /// As in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoLabels => "no_labels",
            Self::Labels(_) => "labels",
            Self::Large(_) => "bytes",
            Self::Backwards => "backwards",
            Self::Full(_) => "alerts",
        }
    }
}

/// One as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PostedRow {
    /// What identifies it.
    pub labels: Labels,
    /// What describes it.
    pub annotations: Annotations,
    /// Since when it fires.
    pub starts_at: i64,
    /// When it is or was over.
    pub ends_at: i64,
    /// When it was posted last.
    pub updated_at: i64,
    /// Where it was made.
    pub generator_url: Arc<str>,
    /// Why it is over; None: it fires.
    pub cause: Option<ResolveCause>,
}

/// Whether one may be taken.
pub(super) fn check(alert: &PostedAlert) -> Result<(), PostError> {
    let pairs = |all: &mut dyn Iterator<Item = (usize, usize)>| all.map(|(name, value)| name + value).sum::<usize>();
    let labels = pairs(&mut alert.labels.iter().map(|(name, value)| (name.len(), value.len())));
    let annotations = pairs(&mut alert.annotations.iter().map(|(name, value)| (name.len(), value.len())));
    let bytes = labels + annotations + alert.generator_url.len();
    if alert.labels.is_empty() {
        Err(PostError::NoLabels)
    } else if alert.labels.len() > LABELS_MAX {
        Err(PostError::Labels(alert.labels.len()))
    } else if bytes > ALERT_BYTES_MAX {
        Err(PostError::Large(bytes))
    } else if alert
        .starts_at
        .zip(alert.ends_at)
        .is_some_and(|(starts, ends)| ends < starts)
    {
        Err(PostError::Backwards)
    } else {
        Ok(())
    }
}

/// What is known of an alert after it was posted. Of one that fires already the earlier start stays.
pub(super) fn taken(alert: &PostedAlert, before: Option<&Record>, resolve_timeout: i64, now: i64) -> Record {
    let ends_at = alert.ends_at.unwrap_or(now + resolve_timeout);
    let starts_at = alert
        .starts_at
        .unwrap_or_else(|| alert.ends_at.map_or(now, |ends| ends.min(now)));
    let going_on = before.filter(|before| before.is_firing);
    let is_firing = ends_at > now;
    Record {
        annotations: alert.annotations.clone(),
        is_firing,
        value: None,
        starts_at: going_on.map_or(starts_at, |before| before.starts_at.min(starts_at)),
        ends_at: Some(ends_at),
        updated_at: now,
        generator_url: Arc::clone(&alert.generator_url),
        cause: (!is_firing).then_some(ResolveCause::Sender),
    }
}

/// What to begin with after a restart: the sender has as much time as it had when it was heard last.
pub(super) fn restored(row: &PostedRow, now: i64) -> Record {
    let patience = (row.ends_at - row.updated_at).max(0);
    let is_firing = row.cause.is_none();
    Record {
        annotations: row.annotations.clone(),
        is_firing,
        value: None,
        starts_at: row.starts_at,
        ends_at: Some(if is_firing {
            row.ends_at.max(now + patience)
        } else {
            row.ends_at
        }),
        updated_at: row.updated_at,
        generator_url: Arc::clone(&row.generator_url),
        cause: row.cause,
    }
}

/// To be kept. None: a record without an end, which no posted one is.
pub(super) fn row(labels: &Labels, record: &Record) -> Option<PostedRow> {
    Some(PostedRow {
        labels: labels.clone(),
        annotations: record.annotations.clone(),
        starts_at: record.starts_at,
        ends_at: record.ends_at?,
        updated_at: record.updated_at,
        generator_url: Arc::clone(&record.generator_url),
        cause: record.cause,
    })
}

/// Whether a record says what another did but for when it was heard of: then a restart, which gives the sender its time again, need
/// not know it.
pub(super) fn says_the_same(one: &Record, other: &Record) -> bool {
    let patience = |record: &Record| record.ends_at.map(|ends| ends - record.updated_at);
    one.is_firing
        && other.is_firing
        && one.annotations == other.annotations
        && one.starts_at == other.starts_at
        && one.generator_url == other.generator_url
        && patience(one) <= patience(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn alert(starts_at: Option<i64>, ends_at: Option<i64>) -> PostedAlert {
        PostedAlert {
            labels: Labels::new([("alertname", "A")]),
            annotations: Annotations::new(),
            starts_at,
            ends_at,
            generator_url: "".into(),
        }
    }

    #[test]
    fn without_an_end_one_fires_for_the_configured_time() {
        let record = taken(&alert(None, None), None, 5 * MINUTE, MINUTE);
        assert!(record.is_firing);
        assert_eq!((record.starts_at, record.ends_at), (MINUTE, Some(6 * MINUTE)));
        let again = taken(&alert(Some(3 * MINUTE), None), Some(&record), 5 * MINUTE, 3 * MINUTE);
        assert_eq!(again.starts_at, MINUTE, "the earlier start stays");
        assert!(says_the_same(&again, &record));
    }

    #[test]
    fn an_end_that_passed_is_the_senders_word() {
        let record = taken(&alert(Some(0), Some(MINUTE)), None, 5 * MINUTE, 2 * MINUTE);
        assert_eq!((record.is_firing, record.cause), (false, Some(ResolveCause::Sender)));
    }

    #[test]
    fn downtime_does_not_count_against_the_sender() {
        let record = taken(&alert(Some(0), Some(5 * MINUTE)), None, MINUTE, MINUTE);
        let row = row(&Labels::default(), &record).unwrap();
        let back = restored(&row, 60 * MINUTE);
        assert_eq!((back.is_firing, back.ends_at), (true, Some(64 * MINUTE)));
        let soon = restored(&row, MINUTE);
        assert_eq!(soon.ends_at, Some(5 * MINUTE));
    }

    #[test]
    fn what_is_none_or_too_large_is_refused() {
        assert_eq!(check(&alert(Some(2), Some(1))), Err(PostError::Backwards));
        let nameless = PostedAlert {
            labels: Labels::default(),
            ..alert(None, None)
        };
        assert_eq!(check(&nameless), Err(PostError::NoLabels));
        let large = PostedAlert {
            generator_url: "x".repeat(ALERT_BYTES_MAX + 1).into(),
            ..alert(None, None)
        };
        assert!(matches!(check(&large), Err(PostError::Large(_))));
        assert_eq!(check(&alert(None, None)), Ok(()));
    }
}
