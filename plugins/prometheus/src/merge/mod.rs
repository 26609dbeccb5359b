//! Families of several targets become families of one report. Pure.
//!
//! Flows in: one exposition after the other, and the rules. Flows out: an account of each, and the families of all. A target is
//! taken whole or not at all; what of it the host would refuse is left out and counted.

mod pending;
mod points;
mod series;

use std::collections::{HashMap, HashSet};

use bellwether_sdk::{
    Code,
    report::MetricFamily,
    work::{Cost, Work},
};

use crate::{
    answer::{Refusal, Scrape, no_time},
    exposition::{Dropped, Family},
    relabel::Rules,
    settings::Target,
    verdict::{LIMIT, MISSING, NOT_READ},
};
use pending::{Pending, relabelled};

/// Bytes of a report: the host ends a run that hands over 4 MiB, and with it the verdicts.
const REPORT_BYTES_MAX: usize = 3 << 20;

/// What a series takes to merge and to hand over, and each of its labels. Measured in the sandbox: 1.2 µs.
const MERGING: Cost = Cost::nanoseconds(1_300);

/// Families of a report that the host takes, less those of this plugin.
const FAMILIES_MAX: usize = 1_990;

/// How one target went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) latency: std::time::Duration,
    pub(crate) body_bytes: usize,
    /// In the text.
    pub(crate) samples: usize,
    /// Families that were merged.
    pub(crate) families: usize,
    /// Series that were merged; a histogram counts once.
    pub(crate) series: usize,
    pub(crate) parsed: Dropped,
    /// Families that the settings do not want.
    pub(crate) filtered: usize,
    /// Series that others make double, after labels were taken away.
    pub(crate) collided: usize,
    /// Series of a family that another target, or this check, has with another type.
    pub(crate) clashed: usize,
    /// Series with a longer label value, more labels or more buckets than the host takes; series of families that are too many;
    /// families that were renamed to no name.
    pub(crate) refused: usize,
}

/// All that was merged so far.
#[derive(Debug)]
pub(crate) struct Merged {
    families: Vec<Pending>,
    places: HashMap<String, usize>,
    reserved: &'static [&'static str],
    bytes: usize,
}

impl Merged {
    /// Families may not be called as those in `reserved`.
    pub(crate) fn new(reserved: &'static [&'static str]) -> Self {
        Self {
            families: Vec::new(),
            places: HashMap::new(),
            reserved,
            bytes: 0,
        }
    }

    /// Takes over what the rules want of one target, or nothing of it.
    pub(crate) fn add(
        &mut self,
        target: &Target,
        scrape: Scrape,
        rules: &Rules,
        required: &[String],
        work: &Work,
    ) -> Result<Account, Refusal> {
        let exposition = scrape.exposition;
        let refused = |code, text| Refusal {
            latency: Some(scrape.latency),
            ..Refusal::new(code, text)
        };
        let missing: Vec<&str> = absent(&exposition.families, required);
        if !missing.is_empty() {
            let text = format!("it does not serve {}", missing.join(", "));
            return Err(refused(&MISSING, text));
        }
        let mut account = Account {
            latency: scrape.latency,
            body_bytes: scrape.body_bytes,
            samples: exposition.samples,
            parsed: exposition.dropped,
            ..Account::default()
        };
        let names: usize = exposition.families.iter().map(|family| family.name.len()).sum();
        let kept = work.perform(names, rules.cost(), || kept(exposition.families, rules, &mut account));
        let Some(kept) = kept else {
            let text = no_time("holding its names against `keep`, `drop` and `rename`");
            return Err(refused(&NOT_READ, text));
        };
        let added = rules.added(target).len();
        let pieces = kept.iter().map(|family| family.data.series_and_labels(added)).sum();
        let taken = work.perform(pieces, MERGING, || self.take(kept, target, rules, &mut account));
        match taken {
            Some(Ok(())) => Ok(account),
            Some(Err((code, text))) => Err(refused(code, text)),
            None => Err(refused(
                &NOT_READ,
                no_time(&format!("merging {} samples", account.samples)),
            )),
        }
    }

    /// Takes over all of these families, unless there is no room.
    fn take(&mut self, kept: Vec<Family>, target: &Target, rules: &Rules, account: &mut Account) -> Result<(), NoRoom> {
        let relabelled = |family| relabelled(family, target, rules, account);
        let wanted: Vec<Pending> = kept.into_iter().filter_map(relabelled).collect();
        self.spend(&wanted)?;
        for family in wanted {
            self.merge(family, account);
        }
        Ok(())
    }

    /// Whether there is room for all of these. What is refused later is counted all the same.
    fn spend(&mut self, families: &[Pending]) -> Result<(), NoRoom> {
        let cost = |family: &Pending| {
            let place = self.places.get(&family.name);
            let present = place.and_then(|place| self.families.get(*place));
            present.map_or_else(|| family.cost(), |present| present.cost_of_adding(family))
        };
        let bytes: usize = families.iter().map(cost).sum();
        if self.bytes + bytes > REPORT_BYTES_MAX {
            return Err(no_room(bytes, self.bytes));
        }
        self.bytes += bytes;
        Ok(())
    }

    fn merge(&mut self, family: Pending, account: &mut Account) {
        let series = family.series.len();
        let Some(place) = self.places.get(&family.name).copied() else {
            if self.reserved.contains(&family.name.as_str()) {
                account.clashed += series;
            } else if self.families.len() == FAMILIES_MAX {
                account.refused += series;
            } else {
                account.families += 1;
                account.series += series;
                self.places.insert(family.name.clone(), self.families.len());
                self.families.push(family);
            }
            return;
        };
        let present = &mut self.families[place];
        if present.kind != family.kind {
            account.clashed += series;
        } else if !present.takes_labels_of(&family) {
            account.refused += series;
        } else {
            account.families += 1;
            let (taken, collided) = present.add(family);
            account.series += taken;
            account.collided += collided;
        }
    }

    /// In the order in which they were first met.
    pub(crate) fn into_families(self) -> impl Iterator<Item = MetricFamily> {
        self.families.into_iter().map(Pending::into_family)
    }
}

/// Those that the settings want.
fn kept(families: Vec<Family>, rules: &Rules, account: &mut Account) -> Vec<Family> {
    let before = families.len();
    let kept: Vec<Family> = families
        .into_iter()
        .filter(|family| rules.keeps(&family.name))
        .collect();
    account.filtered += before - kept.len();
    kept
}

/// Whose fault that is, and what can be done.
type NoRoom = (&'static Code, String);

/// Other checks help where other targets take the room, which says nothing about this one; and not where one alone takes all of it.
fn no_room(bytes: usize, taken: usize) -> NoRoom {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let (code, others) = if bytes > REPORT_BYTES_MAX {
        (&LIMIT, "")
    } else {
        (&NOT_READ, ", or give it a check of its own")
    };
    let text = format!(
        "what is kept of it takes {:.1} MiB of a report, which holds {:.0} MiB for all targets and has {:.1} MiB left: narrow it \
         down with `keep` or `drop`{others}",
        mib(bytes),
        mib(REPORT_BYTES_MAX),
        mib(REPORT_BYTES_MAX.saturating_sub(taken)),
    );
    (code, text)
}

fn absent<'r>(families: &[Family], required: &'r [String]) -> Vec<&'r str> {
    let names: HashSet<&str> = families.iter().map(|family| family.name.as_str()).collect();
    required
        .iter()
        .map(String::as_str)
        .filter(|name| !names.contains(name))
        .collect()
}
