//! What templates may ask of a running host.

use std::{collections::HashMap, sync::Arc};

use bellwether_promql::value::Sample;

use super::super::{
    group,
    template::{Answers, VerdictSeen},
};
use crate::{
    board::Snapshot,
    clock::{Clock, Instant},
    history::View,
    outcome::{Status, Verdict},
};

/// Since when each target that is not well is in its state.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles(HashMap<(Arc<str>, Arc<str>), (Status, i64)>);

impl Troubles {
    /// What a snapshot says at a tick.
    pub(super) fn update(&mut self, snapshot: &Snapshot, at: i64) {
        let before = std::mem::take(&mut self.0);
        for check in snapshot.checks.iter() {
            for verdict in check.verdicts.iter().filter(|verdict| verdict.status != Status::Ok) {
                let key = (Arc::clone(&check.name), Arc::clone(&verdict.target));
                let known = before.get(&key).filter(|(status, _)| *status == verdict.status);
                let since = known.map_or(at, |(_, since)| *since);
                self.0.insert(key, (verdict.status, since));
            }
        }
    }

    fn since(&self, check: &Arc<str>, verdict: &Verdict) -> Option<i64> {
        let known = self.0.get(&(Arc::clone(check), Arc::clone(&verdict.target)));
        known.map(|(_, since)| *since)
    }
}

/// Of one evaluation.
#[derive(Debug)]
pub(super) struct HostAnswers {
    pub(super) view: Arc<View>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) troubles: Arc<Troubles>,
    /// Of the expressions, in milliseconds.
    pub(super) at: i64,
    /// Of their subqueries that name no step, in milliseconds.
    pub(super) default_step: i64,
    pub(super) clock: Clock,
    pub(super) deadline: Instant,
}

impl Answers for HostAnswers {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        group::ask(&*self.view, text, self.at, self.default_step, &|| self.is_late())
    }

    fn verdict(&self, check: &str, target: &str) -> Option<VerdictSeen> {
        let state = self.snapshot.check(check)?;
        let wanted = state
            .verdicts
            .iter()
            .filter(|verdict| target.is_empty() || *verdict.target == *target);
        let verdict = wanted.max_by_key(|verdict| verdict.status)?;
        Some(VerdictSeen {
            status: verdict.status.as_str().to_owned(),
            summary: verdict.summary.clone(),
            code: verdict.code.clone(),
            since: self.troubles.since(&state.name, verdict),
        })
    }

    fn is_late(&self) -> bool {
        self.clock.monotonic() >= self.deadline
    }
}
