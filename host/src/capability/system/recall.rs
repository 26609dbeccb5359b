//! What the previous read of each check left behind: CPU counters to subtract, compiled expressions, totals of groups.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    cpu::{self, Baseline, Cpu, Sample},
    processes::{Groups, Membership, ProcessGroup, ProcessQuery, Spending},
};
use crate::clock::Instant;

/// More checks than this are not remembered: the one that read longest ago starts anew. Checks that were removed from the
/// configuration leave by this way too.
const MAX_CHECKS: usize = 1024;

#[derive(Debug)]
struct Recall {
    read_at: Instant,
    cpu: Option<Baseline>,
    groups: Arc<Groups>,
    spending: Spending,
}

/// One memory for all checks.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    checks: Mutex<HashMap<String, Recall>>,
}

impl Recalls {
    fn with<T>(&self, check: &str, now: Instant, change: impl FnOnce(&mut Recall) -> T) -> T {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        if !checks.contains_key(check) && checks.len() >= MAX_CHECKS {
            forget_oldest(&mut checks);
        }
        let recall = checks.entry(check.to_owned()).or_insert_with(|| Recall {
            read_at: now,
            cpu: None,
            groups: Arc::default(),
            spending: Spending::default(),
        });
        recall.read_at = now;
        change(recall)
    }

    /// Compiled queries; those of the previous read when they are the same.
    pub(super) fn groups(&self, check: &str, now: Instant, queries: Vec<ProcessQuery>) -> Result<Arc<Groups>, String> {
        let known = self.with(check, now, |recall| Arc::clone(&recall.groups));
        if known.is_of(&queries) {
            return Ok(known);
        }
        let groups = Arc::new(Groups::compile(queries)?);
        self.with(check, now, |recall| recall.groups = Arc::clone(&groups));
        Ok(groups)
    }

    pub(super) fn cpu(&self, check: &str, now: Instant, sample: &Sample, physical_cores: u32) -> Cpu {
        self.with(check, now, |recall| {
            let (cpu, baseline) = cpu::since(recall.cpu.as_ref(), sample, physical_cores);
            recall.cpu = Some(baseline);
            cpu
        })
    }

    pub(super) fn spend(&self, check: &str, now: Instant, memberships: Vec<Membership>) -> Vec<ProcessGroup> {
        self.with(check, now, |recall| recall.spending.add(memberships))
    }
}

fn forget_oldest(checks: &mut HashMap<String, Recall>) {
    let oldest = checks
        .iter()
        .min_by_key(|(_, recall)| recall.read_at)
        .map(|(check, _)| check.clone());
    if let Some(oldest) = oldest {
        checks.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn the_check_that_read_longest_ago_is_forgotten_first() {
        let recalls = Recalls::default();
        let begun = Clock::system().monotonic();
        let query = vec![ProcessQuery {
            group: "a".into(),
            name_regex: "a".into(),
        }];
        for number in 0..=MAX_CHECKS {
            let now = begun + Duration::from_secs(number as u64);
            recalls
                .groups(&format!("check{number}"), now, query.clone())
                .expect("valid");
        }
        let checks = recalls.checks.lock().expect("unpoisoned");
        assert_eq!(checks.len(), MAX_CHECKS);
        assert!(!checks.contains_key("check0") && checks.contains_key("check1"));
    }
}
