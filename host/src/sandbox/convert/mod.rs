//! Distrusts what guests say: their report becomes the host's own vocabulary, or is refused part by part.
//!
//! Flows in: the report or failure of one run, in the types generated from the contract. Flows out: an
//! [`outcome::Report`](crate::outcome::Report) of which every name, label and number may be exposed as it is. A family
//! that breaks a rule is left out with its reason; the rest of the report stands. All of it is pure. It does not
//! compare families with each other, with earlier runs or with other checks, but for their names: the board does.

pub(super) mod delivery;
mod distribution;
mod head;
mod labels;
mod points;
mod refusal;
mod text;
mod verdict;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use self::refusal::Refusal;
use super::bindings::bellwether::plugin::report as wit;
use crate::{
    metric::{LabelName, MetricName},
    outcome::{Failure, Reason, RefusedFamily, Report, ReportedFamily},
    secret::Redactor,
};

/// Families of one report. The largest exporters have about a thousand.
const FAMILIES_MAX: usize = 2_000;

/// Samples, buckets, quantiles and observations of one report together. Twenty times the default series budget, so that
/// the budget speaks first, and still only about 10 MB of the host's memory.
const POINTS_MAX: usize = 100_000;

/// Bytes of names, help and label values in one report: what a run may hand over by default (4 MiB of hostcall fuel).
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Refused families that are listed with their reason. A plugin that gets twenty wrong has one fault, not twenty, and the
/// list goes to the log on every run.
const REFUSED_MAX: usize = 20;

/// Bytes of a reason: two names of the longest kind and the words around them.
const REASON_BYTES_MAX: usize = 768;

/// Bytes of a failure's message: an error chain and a few lines of context, not a dump.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// What [`report`] goes by: the part of a check's configuration that shapes its metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvertRules<'r> {
    /// Put before each family name; may be empty.
    pub(super) prefix: &'r str,
    /// Labels that the configuration puts on every sample. A guest's own label of such a name becomes `exported_…`.
    pub(super) labels: &'r BTreeMap<LabelName, String>,
    /// Knows the secrets.
    pub(super) redactor: &'r Redactor,
}

/// Takes over what may be taken over. Never fails: what is refused stands in the report with its reason.
pub(super) fn report(guest: wit::Report, rules: &ConvertRules<'_>) -> Report {
    let mut refused = Refused::default();
    let verdicts = verdict::verdicts(guest.verdicts, rules.redactor, &mut refused);
    let mut budget = Budget::default();
    let mut names = HashSet::new();
    let mut families = Vec::with_capacity(guest.families.len().min(FAMILIES_MAX));
    for guest_family in guest.families {
        let name = text::shown(&guest_family.name, rules.redactor);
        match family(guest_family, rules, &mut budget, &mut names) {
            Ok(family) => families.push(family),
            Err(refusal) => refused.push(name, &refusal, rules.redactor),
        }
    }
    let refused = refused.into_list();
    Report {
        verdicts,
        families,
        refused,
    }
}

/// The guest's own word that its run failed.
pub(super) fn failure(guest: &wit::Failure, redactor: &Redactor) -> Failure {
    let reason = match guest.kind {
        wit::FailureKind::Settings => Reason::Settings,
        wit::FailureKind::Denied => Reason::Denied,
        wit::FailureKind::Target => Reason::Target,
        wit::FailureKind::Internal => Reason::Internal,
    };
    Failure {
        reason,
        code: text::line(&guest.code, verdict::CODE_BYTES_MAX, redactor),
        message: text::line(&guest.message, MESSAGE_BYTES_MAX, redactor),
        retryable: guest.retryable,
    }
}

fn family(
    guest: wit::MetricFamily,
    rules: &ConvertRules<'_>,
    budget: &mut Budget,
    names: &mut HashSet<MetricName>,
) -> Result<ReportedFamily, Refusal> {
    budget.spend(&guest)?;
    let head = head::head(&guest, rules)?;
    if names.contains(&head.name) {
        return Err(Refusal::Repeated);
    }
    let points = points::points(guest.points, &head.label_names, rules.redactor)?;
    names.insert(head.name.clone());
    Ok(ReportedFamily { head, points })
}

/// What a report has used up. A refused family has cost the host its reading all the same, so it counts too.
#[derive(Default)]
struct Budget {
    families: usize,
    points: usize,
    bytes: usize,
}

impl Budget {
    fn spend(&mut self, family: &wit::MetricFamily) -> Result<(), Refusal> {
        let (points, bytes) = points::cost(&family.points);
        self.families += 1;
        self.points += points;
        self.bytes += bytes + head::cost(family);
        if self.families > FAMILIES_MAX {
            return Err(Refusal::TooManyFamilies);
        }
        if self.points > POINTS_MAX {
            return Err(Refusal::TooManyPoints);
        }
        if self.bytes > TEXT_BYTES_MAX {
            return Err(Refusal::TooMuchText);
        }
        Ok(())
    }
}

/// The refused, listed up to [`REFUSED_MAX`] and counted past it.
#[derive(Default)]
struct Refused {
    list: Vec<RefusedFamily>,
    more: usize,
}

impl Refused {
    fn push(&mut self, name: String, refusal: &Refusal, redactor: &Redactor) {
        if self.list.len() == REFUSED_MAX {
            self.more += 1;
            return;
        }
        // Refusals quote the guest's names, so their text is as little to be trusted as the guest's.
        let reason = text::line(&refusal.to_string(), REASON_BYTES_MAX, redactor);
        self.list.push(RefusedFamily { name, reason });
    }

    fn into_list(mut self) -> Vec<RefusedFamily> {
        if self.more > 0 {
            self.list.push(RefusedFamily {
                name: "(others)".to_owned(),
                reason: format!("{} more were refused", self.more),
            });
        }
        self.list
    }
}
