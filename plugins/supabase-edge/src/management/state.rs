//! What is known by the Management API, kept between runs so that it is asked seldom.
//!
//! Flows in: answers and the time. Flows out: whether to ask, and what is known. Each part keeps its own age: one that was
//! refused leaves the others fresh.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api::{Deployed, Learnt, ServiceHealth};
use crate::{finding::Kept, memory::is_due, settings::is_slug};

/// Under which key of the state; the number grows with the form.
pub(crate) const KEY: &str = "management/1";

/// What was learnt counts for so many periods, then it is too old to say anything.
const PERIODS_KEPT: i64 = 3;

/// Functions that are kept: with names of usual length they need about half of the state's 64 KiB, and what is kept of 120 calls the
/// other half.
const FUNCTIONS_KEPT: usize = 250;

/// As many digits of a bundle's hash as tell two apart.
const HASH_BYTES_KEPT: usize = 12;

/// Something learnt, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stamped<T> {
    pub(crate) at: i64,
    pub(crate) value: T,
}

/// All that is known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    asked_at: Option<i64>,
    blocked_until: Option<i64>,
    /// When all questions were answered last.
    pub(crate) succeeded_at: Option<i64>,
    pub(crate) project: Option<Stamped<String>>,
    pub(crate) services: Option<Stamped<Vec<ServiceHealth>>>,
    pub(crate) functions: Option<Stamped<Vec<Deployed>>>,
    /// What was said about the API itself.
    pub(crate) kept: Kept,
    pub(crate) remaining: Option<u64>,
    /// For how many answers in a row each service was not healthy.
    #[serde(default)]
    pub(crate) unhealthy: BTreeMap<String, u32>,
}

impl Known {
    /// Whether to ask now: the period is over, and the API does not want to be left alone.
    pub(crate) fn is_due(&self, now: i64, every_seconds: i64) -> bool {
        let is_blocked = self.blocked_until.is_some_and(|until| now < until);
        !is_blocked && is_due(now, self.asked_at, every_seconds)
    }

    pub(crate) fn asked(&mut self, now: i64) {
        self.asked_at = Some(now);
        self.blocked_until = None;
    }

    /// To be left alone for so long.
    pub(crate) fn block(&mut self, now: i64, seconds: i64) {
        let until = now.saturating_add(seconds);
        self.blocked_until = self.blocked_until.max(Some(until));
    }

    /// Takes in what was learnt; returns the functions whose code changed.
    pub(crate) fn learn(&mut self, learnt: Learnt, now: i64) -> Vec<String> {
        match learnt {
            Learnt::Project(value) => self.project = Some(Stamped { at: now, value }),
            Learnt::Health(value) => {
                self.count_unhealthy(&value);
                self.services = Some(Stamped { at: now, value });
            }
            Learnt::Functions(value) => return self.learn_functions(value, now),
        }
        Vec::new()
    }

    fn count_unhealthy(&mut self, services: &[ServiceHealth]) {
        let before = std::mem::take(&mut self.unhealthy);
        for service in services.iter().filter(|service| service.status == "UNHEALTHY") {
            let answers = before.get(&service.name).copied().unwrap_or_default();
            self.unhealthy.insert(service.name.clone(), answers.saturating_add(1));
        }
    }

    fn learn_functions(&mut self, mut value: Vec<Deployed>, now: i64) -> Vec<String> {
        // Names become paths of requests and labels: what is no name is not taken.
        value.retain(|function| is_slug(&function.slug));
        value.sort_by(|one, other| one.slug.cmp(&other.slug));
        value.dedup_by(|one, other| one.slug == other.slug);
        value.truncate(FUNCTIONS_KEPT);
        for function in &mut value {
            let digits = function.ezbr_sha256.chars().take(HASH_BYTES_KEPT);
            function.ezbr_sha256 = digits.collect();
        }
        let before = self.functions.replace(Stamped { at: now, value });
        let after = self.functions.iter().flat_map(|functions| &functions.value);
        let before = before.map(|functions| functions.value).unwrap_or_default();
        after
            .filter(|function| changed(&before, function))
            .map(|function| function.slug.clone())
            .collect()
    }

    /// Drops what is too old.
    pub(crate) fn forget(&mut self, now: i64, every_seconds: i64) {
        let oldest = now - every_seconds.saturating_mul(PERIODS_KEPT);
        self.project.take_if(|project| project.at < oldest);
        self.services.take_if(|services| services.at < oldest);
        self.functions.take_if(|functions| functions.at < oldest);
    }

    /// Every function that is deployed, as far as is known.
    pub(crate) fn deployed(&self) -> &[Deployed] {
        self.functions.as_ref().map_or(&[], |functions| &functions.value)
    }
}

/// By its bundle; without a hash, by the time of its deployment.
fn changed(before: &[Deployed], function: &Deployed) -> bool {
    let Some(old) = before.iter().find(|old| old.slug == function.slug) else {
        return false;
    };
    if old.ezbr_sha256.is_empty() || function.ezbr_sha256.is_empty() {
        return old.updated_at != function.updated_at;
    }
    old.ezbr_sha256 != function.ezbr_sha256
}
