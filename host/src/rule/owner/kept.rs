//! What an earlier process kept of alerts: read at the start, or as soon as it can be read.

use super::{
    super::{
        events::{NotRestored, RestoredLate},
        state,
        store::{self, Kept, RuleId},
    },
    core::Core,
};
use crate::{
    store::{Late, Store},
    telemetry::Telemetry,
};

/// The tables, and what they hold; None: it cannot be read yet.
pub(super) fn opened(store: Option<Store>, telemetry: &Telemetry) -> (Option<Store>, Option<Vec<Kept>>) {
    let Some(store) = store else { return (None, None) };
    if let Err(error) = store::prepare(&store) {
        telemetry.emit(&NotRestored { error: &error });
        return (None, None);
    }
    let kept = store::load(&store);
    let kept = kept.inspect_err(|error| telemetry.emit(&NotRestored { error }));
    (Some(store), kept.ok())
}

impl Core {
    /// What could not be read at the start, once it can be: rules go on with it as they would have begun with it.
    pub(super) fn look_for_kept(&mut self, now: i64) {
        let Some(Ok(kept)) = self.late.as_mut().and_then(Late::poll) else {
            return;
        };
        self.late = None;
        self.telemetry.emit(&RestoredLate {
            alerts: kept.iter().map(|kept| kept.alerts.len()).sum(),
        });
        self.kept = kept;
        // Else the first rules take it.
        if !self.groups.is_empty() {
            self.take_up_kept(now);
        }
        self.outlet.set_behind(false);
    }

    fn take_up_kept(&mut self, now: i64) {
        let mut groups = std::mem::take(&mut self.groups);
        let gone = self.gone(&[], &groups);
        let ids: Vec<RuleId> = groups
            .iter()
            .flat_map(|group| &group.rules)
            .map(|run| run.id.clone())
            .collect();
        let (heirs, nobodys) = store::inherit(std::mem::take(&mut self.kept), &ids);
        let runs = groups.iter_mut().flat_map(|group| &mut group.rules);
        for (run, kept) in runs.zip(heirs) {
            if let Some(kept) = kept {
                run.take_up(kept);
            }
        }
        for left in nobodys {
            self.say(&state::remove_all(&left.alerts, now), &left.id.group);
        }
        self.keep_inherited(&mut groups, &gone, now);
        self.groups = groups;
        self.show_all();
        let rules = self.groups.iter().flat_map(|run| &run.rules);
        let left = rules.filter_map(|rule| rule.left(&self.externals)).collect();
        self.outlet.put(left);
    }
}
