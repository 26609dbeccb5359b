//! One alert as dispatch holds it: what each of its sources says, and whether it fires for any.
//!
//! Flows in: alerts of rules and of others. Flows out: one picture for messages. Two rules may yield the same labels, and somebody
//! else may post them as well; it is one alert, and over when it is over for all.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::message::News;
use crate::alert::{Alert, AlertState, Annotations, ResolveCause};

/// Who says that there is such an alert.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// A rule, by its key.
    Rule(Arc<str>),
    /// Somebody else, who posts it.
    Posted,
    /// A receiver was told of it by an earlier process, and nobody said more yet.
    Restored,
}

/// What one source says. Times are milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) annotations: Annotations,
    pub(super) is_firing: bool,
    pub(super) value: Option<f64>,
    pub(super) starts_at: i64,
    pub(super) ends_at: Option<i64>,
    pub(super) updated_at: i64,
    pub(super) generator_url: Arc<str>,
    pub(super) cause: Option<ResolveCause>,
}

impl Record {
    /// Of an alert of a rule that fires or is over; None: it waits, and nobody is to know.
    pub(super) fn of_rule(alert: &Alert, generator_url: &Arc<str>, now: i64) -> Option<Self> {
        let is_firing = match alert.state {
            AlertState::Firing => true,
            AlertState::Resolved => false,
            AlertState::Pending => return None,
        };
        Some(Self {
            annotations: alert.annotations.clone(),
            is_firing,
            value: Some(alert.value),
            starts_at: alert.fired_at.unwrap_or(alert.active_at),
            ends_at: alert.resolved.map(|(at, _)| at),
            updated_at: now,
            generator_url: Arc::clone(generator_url),
            cause: alert.resolved.map(|(_, cause)| cause),
        })
    }

    /// As a message said.
    pub(super) fn restored(news: &News) -> Self {
        Self {
            annotations: news.annotations.clone(),
            is_firing: news.is_firing,
            value: news.value,
            starts_at: news.starts_at,
            ends_at: news.ends_at,
            updated_at: news.updated_at,
            generator_url: Arc::clone(&news.generator_url),
            cause: news.cause,
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, at: i64, cause: ResolveCause) {
        self.is_firing = false;
        (self.ends_at, self.cause) = (Some(at), Some(cause));
    }

    /// For a message.
    pub(super) fn news(&self, labels: &Labels, was_told: bool, details: Vec<(Arc<str>, Arc<str>)>) -> News {
        News {
            labels: labels.clone(),
            annotations: self.annotations.clone(),
            is_firing: self.is_firing,
            was_told,
            value: self.value,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            updated_at: self.updated_at,
            generator_url: Arc::clone(&self.generator_url),
            cause: self.cause,
            details,
        }
    }
}

/// All that is said of one alert.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// One of each source, seldom more than one.
    records: Vec<(Source, Record)>,
    /// The groups that it is a member of.
    pub(super) groups: Vec<u64>,
}

impl Held {
    /// Whether it fires for anybody.
    pub(super) fn is_firing(&self) -> bool {
        self.records.iter().any(|(_, record)| record.is_firing)
    }

    /// Whether nobody has said anything of it since the start.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.records.iter().all(|(source, _)| *source == Source::Restored)
    }

    /// What one source says.
    pub(super) fn of(&self, source: &Source) -> Option<&Record> {
        let found = self.records.iter().find(|(own, _)| own == source);
        found.map(|(_, record)| record)
    }

    /// What one source says now.
    pub(super) fn set(&mut self, source: Source, record: Record) {
        match self.records.iter_mut().find(|(own, _)| *own == source) {
            Some((_, own)) => *own = record,
            None => self.records.push((source, record)),
        }
    }

    /// Changes what one source says; None: it says nothing.
    pub(super) fn change(&mut self, source: &Source, change: impl FnOnce(&mut Record)) -> Option<()> {
        let (_, record) = self.records.iter_mut().find(|(own, _)| own == source)?;
        change(record);
        Some(())
    }

    /// Forgets a source if another is left.
    pub(super) fn forget_if_others(&mut self, source: &Source) -> bool {
        let has_others = self.records.iter().any(|(own, _)| own != source);
        if has_others {
            self.records.retain(|(own, _)| own != source);
        }
        has_others
    }

    /// What is told: of those for whom it fires the first, else the one for whom it was over last.
    pub(super) fn current(&self) -> Option<&Record> {
        let firing = self.records.iter().find(|(_, record)| record.is_firing);
        let last = || self.records.iter().max_by_key(|(_, record)| record.ends_at);
        firing.or_else(last).map(|(_, record)| record)
    }
}
