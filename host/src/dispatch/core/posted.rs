//! Alerts that others post, and the end of those they say nothing more of.

use super::{
    super::{
        posted::{self, PostError, PostedAlert},
        record::{Record, Source},
        rows::Write,
    },
    Core,
};
use crate::alert::{ResolveCause, with_external};

impl Core {
    /// Takes alerts that others post. Those that are refused come back with their places; the others count.
    pub fn post(&mut self, alerts: &[PostedAlert], now: i64) -> Vec<(usize, PostError)> {
        let mut refused = Vec::new();
        for (at, alert) in alerts.iter().enumerate() {
            if let Err(error) = self.post_one(alert, now) {
                refused.push((at, error));
            }
        }
        refused
    }

    /// Takes an alert about this host itself.
    pub fn post_own(&mut self, alert: PostedAlert, now: i64) {
        let labels = with_external(&alert.labels, &self.settings.external_labels);
        // It says what it says again soon, should there be no room.
        let _ = self.post(&[PostedAlert { labels, ..alert }], now);
    }

    fn post_one(&mut self, alert: &PostedAlert, now: i64) -> Result<(), PostError> {
        posted::check(alert)?;
        let labels = &alert.labels;
        let before = self
            .alerts
            .get(labels)
            .and_then(|held| held.of(&Source::Posted))
            .cloned();
        let record = posted::taken(alert, before.as_ref(), self.settings.resolve_timeout, now);
        let is_kept = before
            .as_ref()
            .is_some_and(|before| posted::says_the_same(&record, before));
        if !self.set(labels, Source::Posted, record.clone(), now) {
            return Err(PostError::Full(self.alerts_max));
        }
        self.unset_end(before.as_ref(), labels);
        let is_held = self
            .alerts
            .get(labels)
            .is_some_and(|held| held.of(&Source::Posted).is_some());
        if !is_held {
            return Ok(());
        }
        if let Some(ends_at) = record.ends_at.filter(|_| record.is_firing) {
            self.ends.insert((ends_at, labels.clone()));
        }
        if !is_kept && let Some(row) = posted::row(labels, &record) {
            self.effects.writes.push(Write::Posted(Box::new(row)));
            self.effects.must_keep = true;
        }
        Ok(())
    }

    fn unset_end(&mut self, before: Option<&Record>, labels: &bellwether_promql::labels::Labels) {
        if let Some(ends_at) = before.and_then(|before| before.ends_at) {
            self.ends.remove(&(ends_at, labels.clone()));
        }
    }

    /// Ends those whose sender is silent.
    pub(super) fn end_posted(&mut self, now: i64) {
        while let Some((at, labels)) = self.ends.first().cloned() {
            if at > now {
                return;
            }
            self.ends.pop_first();
            self.amend(
                &labels,
                &Source::Posted,
                |record| record.end(at, ResolveCause::SenderSilent),
                now,
            );
            let held = self.alerts.get(&labels).and_then(|held| held.of(&Source::Posted));
            if let Some(row) = held.and_then(|record| posted::row(&labels, record)) {
                self.effects.writes.push(Write::Posted(Box::new(row)));
            }
        }
    }
}
